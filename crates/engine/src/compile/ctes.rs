//! Ephemeral models become CTEs of their consumers.

use artifacts::manifest::ExtraCte;

/// Puts CTEs before the first statement of `sql`: after its own `with`, or before its first token.
pub(super) fn inject(sql: &str, ctes: &[ExtraCte]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let all = ctes.iter().map(|cte| cte.sql.as_str()).collect::<Vec<_>>().join(", ");
    let start = sql.len() - sql.trim_start().len();
    match leading_with(&sql[start..]) {
        Some(length) => {
            let (before, after) = sql.split_at(start + length);
            format!("{before}{all}, {after}")
        }
        None => {
            let (before, after) = sql.split_at(start);
            format!("{before}with{all} {after}")
        }
    }
}

/// The CTE of an ephemeral model.
pub(super) fn cte(name: &str, sql: &str) -> String {
    format!(" {name} as (\n{sql}\n)")
}

/// The length of the statement's `with`, `recursive` and the white space after it, when it has one that is not in brackets.
fn leading_with(sql: &str) -> Option<usize> {
    let mut position = 0;
    loop {
        let (token, next) = token(sql, position)?;
        match token {
            Token::Blank => {}
            Token::End => return None,
            Token::Open | Token::Other => {
                return skip_to_with(sql, position);
            }
            Token::Word(word) if word.eq_ignore_ascii_case("with") => return Some(after_with(sql, next)),
            Token::Word(_) => return skip_to_with(sql, position),
        }
        position = next;
    }
}

/// A `with` later in the statement, at its top level: `insert into t with …`.
fn skip_to_with(sql: &str, mut position: usize) -> Option<usize> {
    let mut depth = 0_usize;
    while let Some((token, next)) = token(sql, position) {
        match token {
            Token::End => return None,
            Token::Open => depth += 1,
            Token::Other if sql[position..].starts_with(')') => depth = depth.saturating_sub(1),
            Token::Other if sql[position..].starts_with(';') && depth == 0 => return None,
            Token::Word(word) if depth == 0 && word.eq_ignore_ascii_case("with") => return Some(after_with(sql, next)),
            // A `with` after the select list belongs to something else (`with ordinality`, `with time zone`).
            Token::Word(word)
                if depth == 0 && matches!(word.to_ascii_lowercase().as_str(), "select" | "from" | "values") =>
            {
                return None;
            }
            _ => {}
        }
        position = next;
    }
    None
}

fn after_with(sql: &str, mut position: usize) -> usize {
    let mut end = skip_spaces(sql, position);
    position = end;
    if let Some((Token::Word(word), next)) = token(sql, position)
        && word.eq_ignore_ascii_case("recursive")
    {
        end = skip_spaces(sql, next);
    }
    end
}

fn skip_spaces(sql: &str, position: usize) -> usize {
    position + (sql[position..].len() - sql[position..].trim_start().len())
}

enum Token<'s> {
    Word(&'s str),
    /// White space or a comment.
    Blank,
    Open,
    Other,
    End,
}

fn token(sql: &str, position: usize) -> Option<(Token<'_>, usize)> {
    let rest = &sql[position..];
    let Some(first) = rest.chars().next() else { return Some((Token::End, position)) };
    let until = |marker: &str, from: usize| {
        rest[from..].find(marker).map_or(sql.len(), |found| position + from + found + marker.len())
    };
    if first.is_whitespace() {
        return Some((Token::Blank, skip_spaces(sql, position)));
    }
    if rest.starts_with("--") {
        return Some((Token::Blank, until("\n", 2)));
    }
    if rest.starts_with("/*") {
        return Some((Token::Blank, until("*/", 2)));
    }
    if matches!(first, '\'' | '"' | '`') {
        return Some((Token::Other, until(&first.to_string(), 1)));
    }
    if first.is_alphabetic() || first == '_' {
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return Some((Token::Word(&rest[..length]), position + length));
    }
    let token = if first == '(' { Token::Open } else { Token::Other };
    Some((token, position + first.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injected(sql: &str) -> String {
        inject(sql, &[ExtraCte { id: "model.a.e".into(), sql: cte("__dbt__cte__e", "select 1") }])
    }

    #[test]
    fn puts_ctes_where_dbt_puts_them() {
        let cte = " __dbt__cte__e as (\nselect 1\n)";
        assert_eq!(injected("\n\nselect * from e"), format!("\n\nwith{cte} select * from e"));
        assert_eq!(injected("with a as (select 2) select 3"), format!("with {cte}, a as (select 2) select 3"));
        assert_eq!(injected("with recursive a as (x) y"), format!("with recursive {cte}, a as (x) y"));
        assert_eq!(injected("-- with\nselect 'with' x"), format!("with{cte} -- with\nselect 'with' x"));
        assert_eq!(injected("-- c\nwith a as (b) d"), format!("-- c\nwith {cte}, a as (b) d"));
        // `with` after the select list is no list of CTEs.
        let unnested = "select x from unnest(a) with ordinality";
        assert_eq!(injected(unnested), format!("with{cte} {unnested}"));
    }
}

//! A text with several statements, one after the other: Athena takes one at a time.

/// The statements without their semicolons; those inside of quotes, comments and Jinja divide nothing.
pub fn statements(text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut current = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == ';' {
            push(&mut statements, &mut current);
            rest = &rest[1..];
            continue;
        }
        let length = token_length(rest).unwrap_or(first.len_utf8());
        current.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    push(&mut statements, &mut current);
    statements
}

/// The length of the quoted text, comment or Jinja block that begins here.
fn token_length(rest: &str) -> Option<usize> {
    const PAIRS: [(&str, &str); 8] =
        [("'", "'"), ("\"", "\""), ("`", "`"), ("--", "\n"), ("/*", "*/"), ("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
    let (open, close) = PAIRS.iter().find(|(open, _)| rest.starts_with(open))?;
    let inside = &rest[open.len()..];
    Some(inside.find(close).map_or(rest.len(), |end| open.len() + end + close.len()))
}

/// Text that is only comments is no statement.
fn push(statements: &mut Vec<String>, current: &mut String) {
    let statement = std::mem::take(current);
    if !only_comments(&statement) {
        statements.push(statement.trim().to_owned());
    }
}

fn only_comments(text: &str) -> bool {
    let mut rest = text.trim_start();
    while rest.starts_with("--") || rest.starts_with("/*") || rest.starts_with("{#") {
        rest = rest[token_length(rest).unwrap_or(rest.len())..].trim_start();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn semicolons_inside_of_things_divide_nothing() {
        assert_eq!(
            statements("select ';' as \"a;b\"; -- no; more\nselect 2 /* ; */;\n{{ f(';') }};;\n-- the end;"),
            ["select ';' as \"a;b\"", "-- no; more\nselect 2 /* ; */", "{{ f(';') }}"]
        );
        assert_eq!(statements("select 'it''s; fine'"), ["select 'it''s; fine'"]);
        assert!(statements(" ;\n-- nothing\n").is_empty());
    }
}

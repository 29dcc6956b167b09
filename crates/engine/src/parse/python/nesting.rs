//! How deeply Python code is nested, found without a parser, which would need stack for it.

/// As many levels as Python's own compiler bears, roughly: its limit of recursion.
const MAX_DEPTH: usize = 1000;
/// Python's limit of brackets within each other.
const MAX_BRACKETS: usize = 200;

/// The first line where brackets, operators and prefixes upon each other may go deeper than Python can read.
///
/// Every token of an expression may be one level; commas and new lines begin a new one.
pub(super) fn too_deep(code: &str) -> Option<usize> {
    let mut line = 1;
    let mut depth = 0;
    // The depth outside of each open bracket.
    let mut open: Vec<usize> = Vec::new();
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let length = token_length(rest, c);
        match c {
            '(' | '[' | '{' => {
                open.push(depth);
                depth += 1;
            }
            ')' | ']' | '}' => depth = open.pop().unwrap_or_default() + 1,
            ',' | ';' => depth = open.last().map_or(0, |outer| outer + 1),
            '\n' if open.is_empty() => depth = 0,
            // Many lines of indentation are blocks within each other.
            ' ' | '\t' | '\n' | '\r' | '\\' | '#' => {}
            _ => depth += 1,
        }
        if depth > MAX_DEPTH || open.len() > MAX_BRACKETS {
            return Some(line);
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    code.lines().position(|line| indentation(line) > MAX_DEPTH).map(|index| index + 1)
}

/// The bytes of the token that `rest` starts with: a word, a string, a comment or one character.
fn token_length(rest: &str, first: char) -> usize {
    match first {
        '#' => rest.find('\n').unwrap_or(rest.len()),
        '"' | '\'' => {
            let triple = if first == '"' { "\"\"\"" } else { "'''" };
            let quote = if rest.starts_with(triple) { triple } else { &triple[..1] };
            string_length(rest, quote)
        }
        c if c.is_alphanumeric() || c == '_' => {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        }
        c => c.len_utf8(),
    }
}

fn string_length(rest: &str, quote: &str) -> usize {
    let mut at = quote.len();
    let bytes = rest.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            // A short string ends with its line.
            b'\n' if quote.len() == 1 => return at,
            _ if rest.as_bytes()[at..].starts_with(quote.as_bytes()) => return at + quote.len(),
            _ => at += 1,
        }
    }
    // An escape may stand before the end.
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::too_deep;

    #[test]
    fn ordinary_code_is_not_deep() {
        let rows = "    [1, -2, 'a\\'(((((', \"\"\"((\n((\"\"\"],  # ((((\n".repeat(5000);
        assert_eq!(too_deep(&format!("def model(dbt, session):\n  return [\n{rows}  ]\n")), None);
    }

    #[test]
    fn what_no_parser_should_follow_is() {
        let deep = |before: &str, after: &str| {
            too_deep(&format!("x = 1\ny = {}1{}\n", before.repeat(2000), after.repeat(2000)))
        };
        for (before, after) in [
            ("(", ")"),
            ("[", "]"),
            ("not ", ""),
            ("-", ""),
            ("", " + 1"),
            ("lambda: ", ""),
            ("1 if 1 else ", ""),
            ("", ".a"),
        ] {
            assert_eq!(deep(before, after), Some(2), "{before}1{after}");
        }
        let blocks: String = (0..1200).map(|depth| format!("{}if x:\n", " ".repeat(depth))).collect();
        assert_eq!(too_deep(&blocks), Some(1002));
    }
}

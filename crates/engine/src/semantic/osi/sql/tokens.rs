//! SQL in pieces.

/// A piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare name or a keyword.
    Word(String),
    /// A name in double quotes, without them.
    Quoted(String),
    /// As it is written.
    Number(String),
    /// A text with its quotes.
    Text(String),
    Symbol(&'static str),
}

/// A quote or a comment that does not end: dbt stops here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quote or a comment of the expression is not closed")]
pub(crate) struct Unclosed;

/// Longer ones first.
const SYMBOLS: [&str; 30] = [
    "<=>", "::", "<=", ">=", "<>", "!=", "==", "||", "<<", ">>", "(", ")", ",", ".", "+", "-", "*", "/", "%", "<", ">",
    "=", "[", "]", "&", "|", "^", "~", "?", ":",
];

/// The pieces of a text; `None` where there is a character that is none of SQL.
pub(super) fn tokens(text: &str) -> Result<Option<Vec<Token>>, Unclosed> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = skip_space(rest)?;
        let Some(first) = rest.chars().next() else { return Ok(Some(found)) };
        let is_name = |char: char| char.is_alphanumeric() || char == '_';
        let length = if first == '\'' || first == '"' {
            let length = quoted(rest, first).ok_or(Unclosed)?;
            found.push(if first == '\'' {
                Token::Text(rest[..length].to_owned())
            } else {
                Token::Quoted(rest[1..length - 1].replace("\"\"", "\""))
            });
            length
        } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()) {
            let length = number(rest);
            let zero = if first == '.' { "0" } else { "" };
            found.push(Token::Number(format!("{zero}{}", &rest[..length])));
            length
        } else if is_name(first) {
            let length = rest.find(|char| !is_name(char)).unwrap_or(rest.len());
            found.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) else { return Ok(None) };
            found.push(Token::Symbol(symbol));
            symbol.len()
        };
        rest = &rest[length..];
    }
}

fn skip_space(mut rest: &str) -> Result<&str, Unclosed> {
    loop {
        rest = rest.trim_start();
        if rest.starts_with("--") {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = &comment[comment.find("*/").ok_or(Unclosed)? + 2..];
        } else {
            return Ok(rest);
        }
    }
}

/// The length of a quoted piece, in which the quote is written twice.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut from = 1;
    loop {
        let end = from + text[from..].find(quote)? + 1;
        if !text[end..].starts_with(quote) {
            return Some(end);
        }
        from = end + 1;
    }
}

fn number(text: &str) -> usize {
    let digits =
        |from: usize| text[from..].find(|char: char| !char.is_ascii_digit()).map_or(text.len(), |at| from + at);
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
        }
    }
    end
}

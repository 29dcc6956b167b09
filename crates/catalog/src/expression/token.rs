//! Text into tokens.

/// One token; keywords are identifiers here.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Identifier(String),
    /// `"a"` or `` `a` ``: never a keyword.
    Quoted(String),
    Number(String),
    Text(String),
    /// `=`, `<>`, `<=`, …, `(`, `)`, `,`.
    Symbol(&'static str),
}

const SYMBOLS: [&str; 10] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// `None` for anything that is not of the language.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' => {
                let (value, length) = quoted(rest, '\'')?;
                (Token::Text(value), length)
            }
            '"' | '`' => {
                let (value, length) = quoted(rest, first)?;
                (Token::Quoted(value), length)
            }
            '0'..='9' | '-' | '.' => {
                let length = 1 + rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len() - 1);
                (Token::Number(rest[..length].to_owned()), length)
            }
            _ if first.is_alphabetic() || first == '_' => {
                let length =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.' && c != '$').unwrap_or(rest.len());
                (Token::Identifier(rest[..length].to_owned()), length)
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol))?;
                (Token::Symbol(symbol), symbol.len())
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// The text between quotes, in which a doubled quote stands for one, and how long all of it is.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c != quote {
            value.push(c);
        } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
            value.push(quote);
            characters.next();
        } else {
            return Some((value, at + quote.len_utf8()));
        }
    }
    None
}

//! Text → tokens, for both grammars.

use crate::{ast::Pos, error::ParseError};

/// Which grammar's quotes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// `"name"`, `'text'`.
    Trino,
    /// `` `name` ``, `'text'` and `"text"` with backslash escapes.
    Hive,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word: keyword or name.
    Word(String),
    /// A quoted name.
    Quoted(String),
    /// Text.
    String(String),
    /// `U&'text'`, unescaped.
    Integer(String),
    Decimal(String),
    Double(String),
    /// `X'00'`.
    Binary(Vec<u8>),
    /// An operator or bracket.
    Symbol(&'static str),
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub pos: Pos,
    pub start: usize,
    pub end: usize,
}

const SYMBOLS: &[&str] = &[
    "<>", "!=", "<=", ">=", "||", "->", "=>", "(", ")", "[", "]", "{", "}", ",", ".", ";", "+", "-", "*", "/", "%",
    "=", "<", ">", "?", ":", "|", "^", "$", "@", "&", "!", "~",
];

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    pos: Pos,
    quotes: Quotes,
}

/// Splits a text into tokens; the last one is [`TokenKind::End`].
pub(crate) fn tokens(text: &str, quotes: Quotes) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { text, at: 0, pos: Pos { line: 1, column: 1 }, quotes };
    // Positions count from the trimmed text.
    let blank = text.len() - text.trim_start().len();
    lexer.at = blank;
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let (pos, start) = (lexer.pos, lexer.at);
        let kind = lexer.token()?;
        let done = kind == TokenKind::End;
        tokens.push(Token { kind, pos, start, end: lexer.at });
        if done {
            return Ok(tokens);
        }
    }
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.pos = Pos { line: self.pos.line + 1, column: 1 };
        } else {
            self.pos.column += u32::try_from(c.len_utf16()).unwrap_or(1);
        }
        Some(c)
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.next();
        }
    }

    fn skip_blank(&mut self) -> Result<(), ParseError> {
        loop {
            if self.rest().starts_with("--") {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.next();
                }
            } else if self.rest().starts_with("/*") {
                let pos = self.pos;
                self.skip(2);
                while !self.rest().starts_with("*/") {
                    if self.next().is_none() {
                        return Err(ParseError::at(pos, "mismatched input '/'. Expecting: <query>"));
                    }
                }
                self.skip(2);
            } else if self.peek().is_some_and(char::is_whitespace) {
                self.next();
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<TokenKind, ParseError> {
        let pos = self.pos;
        let Some(c) = self.peek() else { return Ok(TokenKind::End) };
        if c == '\'' || (c == '"' && self.quotes == Quotes::Hive) {
            return self.quoted(c, self.quotes == Quotes::Hive).map(TokenKind::String);
        }
        if c == '"' {
            let name = self.quoted('"', false)?;
            return if name.is_empty() {
                Err(ParseError::at(pos, "Zero-length delimited identifier not allowed"))
            } else {
                Ok(TokenKind::Quoted(name))
            };
        }
        if c == '`' {
            let name = self.quoted('`', false)?;
            return match self.quotes {
                Quotes::Hive => Ok(TokenKind::Quoted(name)),
                Quotes::Trino => Err(ParseError::at(
                    pos,
                    "backquoted identifiers are not supported; use double quotes to quote identifiers",
                )),
            };
        }
        if c.is_ascii_digit() || (c == '.' && self.rest()[1..].starts_with(|d: char| d.is_ascii_digit())) {
            return Ok(self.number());
        }
        if c.is_alphabetic() || c == '_' {
            let lower: String = self.rest().chars().take(3).collect::<String>().to_lowercase();
            if lower.starts_with("x'") {
                self.next();
                let digits: String = self.quoted('\'', false)?.split_whitespace().collect();
                return hex(&digits).map(TokenKind::Binary).ok_or_else(|| {
                    ParseError::at(pos, "Binary literal must contain an even number of digits, 0-9 and A-F only")
                });
            }
            if lower == "u&'" {
                self.skip(2);
                let text = self.quoted('\'', false)?;
                return unescape(&text)
                    .map(TokenKind::String)
                    .ok_or_else(|| ParseError::at(pos, "Invalid escape sequence"));
            }
            let start = self.at;
            while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                self.next();
            }
            return Ok(TokenKind::Word(self.text[start..self.at].to_owned()));
        }
        let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) else {
            return Err(ParseError::at(pos, format!("mismatched input '{c}'")));
        };
        for _ in 0..symbol.len() {
            self.next();
        }
        Ok(TokenKind::Symbol(symbol))
    }

    fn quoted(&mut self, quote: char, backslash: bool) -> Result<String, ParseError> {
        let pos = self.pos;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(ParseError::at(pos, format!("mismatched input '{quote}'. Expecting: <expression>")));
                }
                Some('\\') if backslash => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('0') if self.octal().is_some() => text.extend(self.take_octal('0')),
                    Some(digit @ '0'..='3') if self.octal().is_some() => text.extend(self.take_octal(digit)),
                    Some('0') => text.push('\0'),
                    Some('u') => {
                        let code = self.rest().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                        if let Some(c) = code.and_then(char::from_u32) {
                            text.push(c);
                            self.skip(4);
                        } else {
                            text.push('u');
                        }
                    }
                    // Hive keeps the backslash before what LIKE and regular expressions need it for.
                    Some(c @ ('%' | '_')) => text.extend(['\\', c]),
                    Some(c) => text.push(c),
                    None => text.push('\\'),
                },
                Some(c) if c == quote => {
                    if self.peek() != Some(quote) {
                        return Ok(text);
                    }
                    self.next();
                    text.push(quote);
                }
                Some(c) => text.push(c),
            }
        }
    }

    /// The two octal digits that follow, of `\001`.
    fn octal(&self) -> Option<u32> {
        let digits = self.rest().get(..2)?;
        digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit)).then(|| u32::from_str_radix(digits, 8).ok())?
    }

    fn take_octal(&mut self, first: char) -> Option<char> {
        let low = self.octal()?;
        self.skip(2);
        char::from_u32(first.to_digit(8)? * 64 + low)
    }

    fn number(&mut self) -> TokenKind {
        let start = self.at;
        let digits = |lexer: &mut Self| {
            while lexer.peek().is_some_and(|c| c.is_ascii_digit() || c == '_') {
                lexer.next();
            }
        };
        digits(self);
        let mut decimal = false;
        if self.peek() == Some('.') {
            decimal = true;
            self.next();
            digits(self);
        }
        let rest = self.rest().as_bytes();
        let exponent = rest.first().is_some_and(|c| c.eq_ignore_ascii_case(&b'e'))
            && match rest.get(1) {
                Some(b'+' | b'-') => rest.get(2).is_some_and(u8::is_ascii_digit),
                other => other.is_some_and(u8::is_ascii_digit),
            };
        if exponent {
            self.skip(2);
            digits(self);
        } else if !decimal && self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            // `1a`: Hive allows it as a name, Trino does not.
            while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                self.next();
            }
            return TokenKind::Word(self.text[start..self.at].to_owned());
        }
        let text = self.text[start..self.at].replace('_', "");
        match (exponent, decimal) {
            (true, _) => TokenKind::Double(text),
            (false, true) => TokenKind::Decimal(text),
            (false, false) => TokenKind::Integer(text),
        }
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('\\') {
            out.push('\\');
            rest = after;
            continue;
        }
        let (digits, length) = match rest.strip_prefix('+') {
            Some(long) => (long.get(..6)?, 7),
            None => (rest.get(..4)?, 4),
        };
        out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Some(out)
}

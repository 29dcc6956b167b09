//! Text to tokens.

use std::borrow::Cow;

use crate::value::parse_digits;
use crate::{Error, Result, Value};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'s> {
    Data(Cow<'s, str>),
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name(&'s str),
    Text(Cow<'s, str>),
    Number(Value),
    /// An operator or delimiter, by its text.
    Sign(&'static str),
    End,
}

impl Token<'_> {
    /// How Jinja names the token in its messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Token::Data(_) => "template data / text".to_owned(),
            Token::VariableBegin => "begin of print statement".to_owned(),
            Token::VariableEnd => "end of print statement".to_owned(),
            Token::BlockBegin => "begin of statement block".to_owned(),
            Token::BlockEnd => "end of statement block".to_owned(),
            Token::Name(name) => (*name).to_owned(),
            Token::Text(text) => text.to_string(),
            Token::Number(Value::Float(_)) => "float".to_owned(),
            Token::Number(_) => "integer".to_owned(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "end of template".to_owned(),
        }
    }
}

pub(crate) struct Lexed<'s> {
    pub(crate) token: Token<'s>,
    pub(crate) line: u32,
}

/// The longest operator or delimiter that a text starts with.
fn sign(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let (first, second) = (*bytes.first()?, bytes.get(1));
    let doubled = second == Some(&first);
    let equals = second == Some(&b'=');
    Some(match first {
        b'/' if doubled => "//",
        b'*' if doubled => "**",
        b'=' if equals => "==",
        b'!' if equals => "!=",
        b'>' if equals => ">=",
        b'<' if equals => "<=",
        b'+' => "+",
        b'-' => "-",
        b'/' => "/",
        b'*' => "*",
        b'%' => "%",
        b'~' => "~",
        b'[' => "[",
        b']' => "]",
        b'(' => "(",
        b')' => ")",
        b'{' => "{",
        b'}' => "}",
        b'>' => ">",
        b'<' => "<",
        b'=' => "=",
        b'.' => ".",
        b':' => ":",
        b'|' => "|",
        b',' => ",",
        b';' => ";",
        _ => return None,
    })
}

pub(crate) struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: u32,
    /// Up to where lines have been counted.
    counted: usize,
    tokens: Vec<Lexed<'s>>,
}

/// Newlines made `\n`, and one at the very end dropped.
pub(crate) fn normalize(source: &str) -> Cow<'_, str> {
    let text: Cow<'_, str> = if source.contains('\r') {
        Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(source)
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix('\n').unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.ends_with('\n') {
                text.pop();
            }
            Cow::Owned(text)
        }
    }
}

/// All tokens of a normalized source.
pub(crate) fn lex(source: &str) -> Result<Vec<Lexed<'_>>> {
    let mut lexer = Lexer { source, at: 0, line: 1, counted: 0, tokens: Vec::new() };
    lexer.root()?;
    let line = lexer.line_at(source.len());
    lexer.tokens.push(Lexed { token: Token::End, line });
    Ok(lexer.tokens)
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn line_at(&mut self, at: usize) -> u32 {
        if at > self.counted {
            self.line += self.source.as_bytes()[self.counted..at].iter().filter(|byte| **byte == b'\n').count() as u32;
            self.counted = at;
        }
        self.line
    }

    fn push(&mut self, token: Token<'s>, at: usize) {
        let line = self.line_at(at);
        self.tokens.push(Lexed { token, line });
    }

    fn fail<T>(&mut self, message: impl Into<String>, at: usize) -> Result<T> {
        let line = self.line_at(at);
        Err(Error::syntax(message, line))
    }

    fn data(&mut self, start: usize, end: usize, strip: bool) {
        let text = &self.source[start..end];
        let text = if strip { text.trim_end_matches(is_space) } else { text };
        if !text.is_empty() {
            self.push(Token::Data(Cow::Borrowed(text)), start);
        }
    }

    fn root(&mut self) -> Result<()> {
        loop {
            let start = self.at;
            let Some(open) = find_delimiter(self.source.as_bytes(), start) else {
                self.data(start, self.source.len(), false);
                return Ok(());
            };
            let kind = self.source.as_bytes()[open + 1];
            let sign = self.source.as_bytes().get(open + 2).copied().filter(|sign| matches!(sign, b'-' | b'+'));
            self.data(start, open, sign == Some(b'-'));
            self.at = open + 2 + usize::from(sign.is_some());
            match kind {
                b'#' => self.comment(open)?,
                b'{' => {
                    self.push(Token::VariableBegin, open);
                    self.code("}}", Token::VariableEnd)?;
                }
                _ => {
                    if let Some(body) = self.raw_start() {
                        self.raw(open, body)?;
                    } else {
                        self.push(Token::BlockBegin, open);
                        self.code("%}", Token::BlockEnd)?;
                    }
                }
            }
        }
    }

    fn comment(&mut self, open: usize) -> Result<()> {
        let Some(found) = self.rest().find("#}") else {
            return self.fail("Missing end of comment tag", open);
        };
        let strip = found > 0 && self.rest().as_bytes()[found - 1] == b'-';
        self.at += found + 2;
        self.skip_space_if(strip);
        Ok(())
    }

    fn skip_space_if(&mut self, strip: bool) {
        if strip {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(is_space).len();
        }
    }

    /// Where the contents of a raw block start, when this tag opens one.
    fn raw_start(&self) -> Option<usize> {
        let rest = self.rest().trim_start_matches(is_space).strip_prefix("raw")?.trim_start_matches(is_space);
        let (rest, strip) = match rest.strip_prefix("-%}") {
            Some(rest) => (rest, true),
            None => (rest.strip_prefix("%}")?, false),
        };
        let rest = if strip { rest.trim_start_matches(is_space) } else { rest };
        Some(self.source.len() - rest.len())
    }

    fn raw(&mut self, open: usize, body: usize) -> Result<()> {
        let mut search = body;
        while let Some(found) = self.source[search..].find("{%") {
            let tag = search + found;
            search = tag + 2;
            let inner = &self.source[search..];
            let sign = inner.as_bytes().first().copied().filter(|sign| matches!(sign, b'-' | b'+'));
            let inner = if sign.is_some() { &inner[1..] } else { inner };
            let Some(inner) = inner.trim_start_matches(is_space).strip_prefix("endraw") else { continue };
            let inner = inner.trim_start_matches(is_space);
            for (close, strip) in [("-%}", true), ("+%}", false), ("%}", false)] {
                if let Some(rest) = inner.strip_prefix(close) {
                    self.data(body, tag, sign == Some(b'-'));
                    self.at = self.source.len() - rest.len();
                    self.skip_space_if(strip);
                    return Ok(());
                }
            }
        }
        self.fail("Missing end of raw directive", open)
    }

    /// The tokens up to the closing delimiter, which brackets hide.
    fn code(&mut self, close: &str, end: Token<'s>) -> Result<()> {
        let mut brackets: Vec<(&'static str, usize)> = Vec::new();
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(is_space);
            if brackets.is_empty() {
                for (sign, strip) in [("-", true), ("+", false), ("", false)] {
                    let allowed = sign != "+" || close == "%}";
                    if let Some(after) = trimmed.strip_prefix(sign).and_then(|rest| rest.strip_prefix(close))
                        && allowed
                    {
                        let at = self.source.len() - trimmed.len();
                        self.push(end, at);
                        self.at = self.source.len() - after.len();
                        self.skip_space_if(strip);
                        return Ok(());
                    }
                }
            }
            self.at = self.source.len() - trimmed.len();
            let Some(first) = trimmed.chars().next() else {
                return Ok(());
            };
            match first {
                '0'..='9' => self.number()?,
                '\'' | '"' => self.string(first)?,
                letter if letter == '_' || letter.is_alphanumeric() => {
                    let end = trimmed.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(trimmed.len());
                    let at = self.at;
                    self.at += end;
                    if letter.is_numeric() {
                        return self.fail("Invalid character in identifier", at);
                    }
                    self.push(Token::Name(&trimmed[..end]), at);
                }
                other => {
                    let Some(sign) = sign(trimmed) else {
                        let position = self.source[..self.at].chars().count();
                        let shown = Value::str(other.to_string()).repr();
                        return self.fail(format!("unexpected char {shown} at {position}"), self.at);
                    };
                    match sign {
                        "(" => brackets.push((")", self.at)),
                        "[" => brackets.push(("]", self.at)),
                        "{" => brackets.push(("}", self.at)),
                        ")" | "]" | "}" => match brackets.pop() {
                            None => return self.fail(format!("unexpected '{sign}'"), self.at),
                            Some((expected, _)) if expected != sign => {
                                return self.fail(format!("unexpected '{sign}', expected '{expected}'"), self.at);
                            }
                            Some(_) => {}
                        },
                        _ => {}
                    }
                    self.push(Token::Sign(sign), self.at);
                    self.at += sign.len();
                }
            }
        }
    }

    fn number(&mut self) -> Result<()> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize| {
            let mut end = from;
            while end < bytes.len()
                && (bytes[end].is_ascii_digit()
                    || (bytes[end] == b'_' && end > from && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)))
            {
                end += 1;
            }
            end
        };
        let start = self.at;
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
            if let Some(body) = rest.strip_prefix(prefix) {
                let length = body.find(|c: char| !c.is_digit(radix) && c != '_').unwrap_or(body.len());
                let text = body[..length].replace('_', "");
                let number = match parse_digits(&text, radix) {
                    Ok(number) => number,
                    Err(message) => return self.fail(message, start),
                };
                if let Some(number) = number {
                    self.at += prefix.len() + length;
                    self.push(Token::Number(Value::from_big(number)), start);
                    return Ok(());
                }
            }
        }
        let mut end = digits(0);
        let mut float = false;
        // After a dot (`x.0.1`) digits are never a float.
        let after_dot = matches!(self.tokens.last(), Some(Lexed { token: Token::Sign("."), .. }));
        if !after_dot && bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
            float = true;
        }
        if !after_dot && matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                end = digits(end + 1 + sign);
                float = true;
            }
        }
        let mut text = rest[..end].replace('_', "");
        if !float && text.len() > 1 && text.starts_with('0') && !text.bytes().all(|byte| byte == b'0') {
            // `0` is a number of its own here, as in Jinja: `007` is then two numbers in a row, an error.
            end = 1;
            text = "0".to_owned();
        }
        self.at += end;
        let value = if float {
            Value::Float(text.parse().unwrap_or(f64::INFINITY))
        } else {
            match parse_digits(&text, 10) {
                Ok(Some(number)) => Value::from_big(number),
                Ok(None) => return self.fail("invalid number", start),
                Err(message) => return self.fail(message, start),
            }
        };
        self.push(Token::Number(value), start);
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<()> {
        let start = self.at;
        let body = &self.source[start + 1..];
        let mut escaped = false;
        let mut end = None;
        for (index, byte) in body.bytes().enumerate() {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == quote as u8 {
                end = Some(index);
                break;
            }
        }
        let Some(end) = end else {
            let position = self.source[..start].chars().count();
            let shown = Value::str(quote.to_string()).repr();
            return self.fail(format!("unexpected char {shown} at {position}"), start);
        };
        match unescape(&body[..end]) {
            Ok(text) => self.push(Token::Text(text), start),
            Err(message) => return self.fail(message, start),
        }
        self.at = start + end + 2;
        Ok(())
    }
}

fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// The next `{{`, `{%` or `{#`.
fn find_delimiter(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'{') {
        at += found;
        if matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Python's escapes in a string literal.
fn unescape(text: &str) -> Result<Cow<'_, str>, String> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let code = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize, kind: char| {
            let mut text = String::new();
            while text.len() < digits && letters.peek().is_some_and(char::is_ascii_hexdigit) {
                text.extend(letters.next());
            }
            (text.len() == digits)
                .then(|| u32::from_str_radix(&text, 16).ok().and_then(char::from_u32))
                .flatten()
                .ok_or_else(|| format!("(unicode error) truncated \\{kind} escape"))
        };
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\x07'),
            Some('b') => out.push('\x08'),
            Some('f') => out.push('\x0c'),
            Some('v') => out.push('\x0b'),
            Some('\n') => {}
            Some(same @ ('\\' | '\'' | '"')) => out.push(same),
            Some('x') => out.push(code(&mut letters, 2, 'x')?),
            Some('u') => out.push(code(&mut letters, 4, 'u')?),
            Some('U') => out.push(code(&mut letters, 8, 'U')?),
            Some(digit @ '0'..='7') => {
                let mut number = digit as u32 - '0' as u32;
                for _ in 0..2 {
                    let Some(next) = letters.peek().and_then(|next| next.to_digit(8)) else { break };
                    number = number * 8 + next;
                    letters.next();
                }
                out.extend(char::from_u32(number));
            }
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    Ok(Cow::Owned(out))
}

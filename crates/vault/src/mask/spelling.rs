//! How a secret may be written.

use std::collections::BTreeSet;

use super::automaton::{Bytes, Element, Pattern};
use crate::MIN_SECRET_LENGTH;

/// All patterns of a secret: the whole of it, without the white space around it, and each of its lines that is long enough.
pub(super) fn patterns(secret: &str) -> Vec<Pattern> {
    let mut texts = BTreeSet::from([secret, secret.trim()]);
    if secret.contains(['\n', '\r']) {
        texts.extend(secret.split(['\n', '\r']).map(str::trim).filter(|line| is_worth_hiding(line)));
    }
    let mut patterns = Vec::new();
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        patterns.push(Pattern { elements: text.chars().map(character).collect(), may_wrap: false });
        patterns.push(Pattern { elements: text.bytes().map(hex).collect(), may_wrap: true });
        for before in 0..3 {
            patterns.push(Pattern { elements: base64(text.as_bytes(), before), may_wrap: true });
        }
    }
    patterns
}

/// Long enough, and not the frame of a PEM file, which everybody has.
fn is_worth_hiding(line: &str) -> bool {
    line.chars().count() >= MIN_SECRET_LENGTH && !line.starts_with("-----")
}

/// A character as it is, and as URLs, JSON (also within JSON), shells, HTML, Python and Rust write it.
fn character(character: char) -> Element {
    let mut utf8 = [0; 4];
    let utf8 = character.encode_utf8(&mut utf8).as_bytes();
    let mut ways: Element = vec![exact(utf8), percent(utf8, b"%")];
    // No encoder but an overzealous one for URLs changes letters and digits.
    if character.is_ascii_alphanumeric() {
        return ways;
    }
    ways.push(percent(utf8, b"%25"));
    let code = u32::from(character);
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units);
    for slashes in [1, 2, 4] {
        let unicode = units
            .iter()
            .flat_map(|unit| [exact(&b"\\".repeat(slashes)), exact(b"u"), digits(u32::from(*unit), 4)].concat());
        ways.push(unicode.collect());
        if code < 0x100 {
            ways.push([exact(&b"\\".repeat(slashes)), exact(b"x"), digits(code, 2)].concat());
        }
        let short = match character {
            '\n' => Some("n"),
            '\r' => Some("r"),
            '\t' => Some("t"),
            '"' | '\'' | '/' | '\\' | '$' | '`' | ' ' | '&' | '!' | '#' | '(' | ')' | ';' | '<' | '>' | '|' | '*'
            | '?' => Some(""),
            _ => None,
        };
        if let Some(short) = short {
            let letter = if short.is_empty() { utf8 } else { short.as_bytes() };
            ways.push([exact(&b"\\".repeat(slashes)), exact(letter)].concat());
        }
    }
    if !character.is_ascii() {
        ways.push([exact(b"\\u{"), digits(code, digits_of(code)), exact(b"}")].concat());
    }
    let named: &[&str] = match character {
        ' ' => &["+"],
        '\n' => &["\r\n", "\\r\\n", "%0D%0A", "%0d%0a", " "],
        '&' => &["&amp;"],
        '<' => &["&lt;"],
        '>' => &["&gt;"],
        '"' => &["&quot;", "&#34;", "\\\\\\\""],
        '\'' => &["&#39;", "&#x27;", "&apos;", "'\\''", "'\"'\"'"],
        '\\' => &["\\\\\\\\", "\\\\\\\\\\\\\\\\"],
        _ => &[],
    };
    ways.extend(named.iter().map(|way| exact(way.as_bytes())));
    ways
}

fn exact(bytes: &[u8]) -> Vec<Bytes> {
    bytes.iter().map(|byte| Bytes::of(&[*byte])).collect()
}

/// Hexadecimal digits in either case.
fn digits(number: u32, count: usize) -> Vec<Bytes> {
    let lower = format!("{number:0count$x}");
    lower.bytes().map(|digit| Bytes::of(&[digit, digit.to_ascii_uppercase()])).collect()
}

fn digits_of(number: u32) -> usize {
    format!("{number:x}").len()
}

fn percent(utf8: &[u8], sign: &[u8]) -> Vec<Bytes> {
    utf8.iter().flat_map(|byte| [exact(sign), digits(u32::from(*byte), 2)].concat()).collect()
}

fn hex(byte: u8) -> Element {
    vec![digits(u32::from(byte), 2)]
}

/// The base64 digits of `text` when `before` (0, 1 or 2) bytes of something else stand before it in their group of three.
///
/// A digit that holds bits of the text and of its neighbours is a set: all digits that it can be.
fn base64(text: &[u8], before: usize) -> Vec<Element> {
    let (first_bit, end_bit) = (before * 8, (before + text.len()) * 8);
    let bit = |position: usize| -> Option<bool> {
        let position = position.checked_sub(first_bit)?;
        let byte = text.get(position / 8)?;
        Some(byte >> (7 - position % 8) & 1 == 1)
    };
    let range = first_bit / 6..end_bit.div_ceil(6);
    range
        .map(|digit| {
            let fits = |value: u8| {
                (0..6).all(|index| bit(digit * 6 + index).is_none_or(|bit| bit == (value >> (5 - index) & 1 == 1)))
            };
            spelled_digits((0..64).filter(|value| fits(*value)))
        })
        .collect()
}

/// Both alphabets; `+`, `/` and `=` also as URLs and JSON write them.
fn spelled_digits(values: impl Iterator<Item = u8>) -> Element {
    let mut plain = Vec::new();
    let mut ways: Element = Vec::new();
    for value in values {
        match value {
            0..26 => plain.push(b'A' + value),
            26..52 => plain.push(b'a' + value - 26),
            52..62 => plain.push(b'0' + value - 52),
            62 => {
                plain.extend(b"+-");
                ways.push(percent(b"+", b"%"));
            }
            _ => {
                plain.extend(b"/_");
                ways.push(percent(b"/", b"%"));
                ways.push(exact(b"\\/"));
            }
        }
    }
    ways.insert(0, vec![Bytes::of(&plain)]);
    ways
}

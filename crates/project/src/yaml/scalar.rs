//! What a plain scalar means in YAML 1.1.
//!
//! Source: the YAML 1.1 type repository (yaml.org/type) in the variant that PyYAML's `SafeLoader` implements; where the two
//! differ, PyYAML was asked (`tests/yaml`).

use chrono::{Duration, FixedOffset, NaiveDate};
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::{Timestamp, Value};

/// What a plain (unquoted) scalar is. `Err` names what the text looks like but is not, such as the date `2024-13-45`.
pub fn resolve_plain(text: &str) -> Result<Value, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Ok(Value::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Ok(Value::Bool(false)),
        _ => {}
    }
    // Everything left that is not text starts with a digit, a sign or a dot.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Ok(Value::Str(text.to_owned()));
    }
    if is_int(text) {
        return parse_int(text).map(int_value).ok_or("an integer");
    }
    if is_float(text) {
        return parse_float(text).map(Value::Float).ok_or("a float");
    }
    if is_timestamp(text) {
        return parse_timestamp(text).ok_or("a date that exists");
    }
    Ok(Value::Str(text.to_owned()))
}

pub(super) fn int_value(value: BigInt) -> Value {
    value.to_i64().map_or(Value::BigInt(value), Value::Int)
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_digits_and_underscores(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// `:59` groups of sexagesimal numbers.
fn is_sixtieths<'a>(mut groups: impl Iterator<Item = &'a str>) -> bool {
    groups.all(|group| match group.as_bytes() {
        [unit] => unit.is_ascii_digit(),
        [tens, unit] => matches!(tens, b'0'..=b'5') && unit.is_ascii_digit(),
        _ => false,
    })
}

fn is_int(text: &str) -> bool {
    let text = unsigned(text);
    if let Some(bits) = text.strip_prefix("0b") {
        return !bits.is_empty() && bits.bytes().all(|b| matches!(b, b'0' | b'1' | b'_'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_');
    }
    if let Some(octal) = text.strip_prefix('0') {
        return octal.bytes().all(|b| matches!(b, b'0'..=b'7' | b'_'));
    }
    let mut groups = text.split(':');
    let head = groups.next().unwrap_or_default();
    head.starts_with(|c: char| c.is_ascii_digit()) && is_digits_and_underscores(head) && is_sixtieths(groups)
}

/// More digits are an error in Python too.
const MAX_DIGITS: usize = 4300;

pub(super) fn parse_int(text: &str) -> Option<BigInt> {
    if text.len() > MAX_DIGITS {
        return None;
    }
    let text = text.replace('_', "");
    let negative = text.starts_with('-');
    let digits = unsigned(&text);
    let value = if digits == "0" {
        BigInt::from(0)
    } else if let Some(bits) = digits.strip_prefix("0b") {
        BigInt::parse_bytes(bits.as_bytes(), 2)?
    } else if let Some(hex) = digits.strip_prefix("0x") {
        BigInt::parse_bytes(hex.as_bytes(), 16)?
    } else if digits.starts_with('0') {
        BigInt::parse_bytes(digits.as_bytes(), 8)?
    } else {
        digits
            .split(':')
            .try_fold(BigInt::from(0), |sum, group| Some(sum * 60 + BigInt::parse_bytes(group.as_bytes(), 10)?))?
    };
    Some(if negative { -value } else { value })
}

fn is_float(text: &str) -> bool {
    let bare = unsigned(text);
    if matches!(bare, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (bare, None),
    };
    // The exponent needs its sign: `1.5e3` is text.
    if let Some(exponent) = exponent
        && !exponent.strip_prefix(['+', '-']).is_some_and(is_digits)
    {
        return false;
    }
    let Some((whole, fraction)) = mantissa.split_once('.') else { return false };
    if !is_digits_and_underscores(fraction) {
        return false;
    }
    if whole.is_empty() {
        // A leading dot takes no sign.
        return bare.len() == text.len() && fraction.starts_with(|c: char| c.is_ascii_digit());
    }
    if !whole.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let mut groups = whole.split(':');
    let head = groups.next().unwrap_or_default();
    let sexagesimal = whole.contains(':');
    is_digits_and_underscores(head) && is_sixtieths(groups) && !(sexagesimal && exponent.is_some())
}

pub(super) fn parse_float(text: &str) -> Option<f64> {
    let text = text.replace('_', "").to_lowercase();
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let bare = unsigned(&text);
    let magnitude = match bare {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ if bare.contains(':') => {
            bare.split(':').try_fold(0.0, |sum: f64, group| Some(sum.mul_add(60.0, group.parse::<f64>().ok()?)))?
        }
        _ => bare.parse::<f64>().ok()?,
    };
    Some(sign * magnitude)
}

/// A cursor over the ASCII text of a timestamp.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn digits(&mut self, least: usize, most: usize) -> Option<&'a str> {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(digits)
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        self.digits(least, most)?.parse().ok()
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn eat_blanks(&mut self) -> usize {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let count = self.0.len() - rest.len();
        self.0 = rest;
        count
    }
}

/// The parts of a timestamp before it is known whether they name a real day.
struct TimestampParts<'a> {
    date: (i32, u32, u32),
    time: Option<(u32, u32, u32)>,
    fraction: &'a str,
    /// Sign, hours, minutes; `Z` is `(1, 0, 0)`.
    offset: Option<(i32, u32, u32)>,
}

fn scan_timestamp(text: &str) -> Option<TimestampParts<'_>> {
    let mut cursor = Cursor(text);
    let year = cursor.number(4, 4)?;
    cursor.eat('-')?;
    let month = cursor.digits(1, 2)?;
    cursor.eat('-')?;
    let day = cursor.digits(1, 2)?;
    let date = (i32::try_from(year).ok()?, month.parse().ok()?, day.parse().ok()?);
    if cursor.0.is_empty() {
        // A date alone needs two digits for month and day.
        let complete = month.len() == 2 && day.len() == 2;
        return complete.then_some(TimestampParts { date, time: None, fraction: "", offset: None });
    }
    if cursor.eat('T').is_none() && cursor.eat('t').is_none() && cursor.eat_blanks() == 0 {
        return None;
    }
    let hour = cursor.number(1, 2)?;
    cursor.eat(':')?;
    let minute = cursor.number(2, 2)?;
    cursor.eat(':')?;
    let second = cursor.number(2, 2)?;
    let fraction = if cursor.eat('.').is_some() { cursor.digits(0, usize::MAX)? } else { "" };
    let mut parts = TimestampParts { date, time: Some((hour, minute, second)), fraction, offset: None };
    if cursor.0.is_empty() {
        return Some(parts);
    }
    cursor.eat_blanks();
    if cursor.eat('Z').is_some() {
        parts.offset = Some((1, 0, 0));
    } else {
        let sign = if cursor.eat('+').is_some() { 1 } else { cursor.eat('-').map(|()| -1)? };
        let hours = cursor.number(1, 2)?;
        let minutes = if cursor.eat(':').is_some() { cursor.number(2, 2)? } else { 0 };
        parts.offset = Some((sign, hours, minutes));
    }
    cursor.0.is_empty().then_some(parts)
}

fn is_timestamp(text: &str) -> bool {
    scan_timestamp(text).is_some()
}

pub(super) fn parse_timestamp(text: &str) -> Option<Value> {
    let parts = scan_timestamp(text)?;
    let (year, month, day) = parts.date;
    // Python's years start at 1.
    let date = NaiveDate::from_ymd_opt(year, month, day).filter(|_| year >= 1)?;
    let Some((hour, minute, second)) = parts.time else { return Some(Value::Date(date)) };
    let micros: u32 = format!("{:0<6}", &parts.fraction[..parts.fraction.len().min(6)]).parse().ok()?;
    // Python knows no leap seconds.
    let local = date.and_hms_micro_opt(hour, minute, second, micros).filter(|_| second < 60)?;
    let offset = match parts.offset {
        Some((sign, hours, minutes)) => {
            let seconds = Duration::hours(i64::from(hours)) + Duration::minutes(i64::from(minutes));
            Some(FixedOffset::east_opt(sign * i32::try_from(seconds.num_seconds()).ok()?)?)
        }
        None => None,
    };
    Some(Value::DateTime(Timestamp { local, offset }))
}

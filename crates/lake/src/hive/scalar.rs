//! Texts into scalar values, as Hive reads them.

use chrono::{NaiveDate, NaiveDateTime};

/// Days since 1970-01-01 of a date; a time after it is ignored.
pub(super) fn date(text: &str) -> Option<i32> {
    let day = text.split([' ', 'T']).next()?;
    let date = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

/// Milliseconds since 1970 of `yyyy-MM-dd[ HH:mm:ss[.fraction]]`.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
    let parsed = parsed.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M"));
    let parsed = parsed
        .or_else(|_| NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(chrono::NaiveTime::MIN)));
    parsed.ok().map(|moment| moment.and_utc().timestamp_millis())
}

/// The same, and ISO 8601 with `T` and a zone.
pub(super) fn iso_timestamp(text: &str) -> Option<i64> {
    if let Ok(moment) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(moment.timestamp_millis());
    }
    let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok();
    parsed.map(|moment| moment.and_utc().timestamp_millis()).or_else(|| timestamp(text))
}

/// An integer; a fraction is cut off, as Hive's lazy integers do.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    whole.parse().ok()
}

/// The unscaled value of a decimal, rounded half up; `None` when it is none or has too many digits.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let wanted = i32::try_from(whole.len()).ok()? + exponent + i32::from(scale);
    let mut value: i128 = 0;
    for at in 0..wanted.max(0) {
        let digit = all.get(usize::try_from(at).ok()?).map_or(0, |byte| i128::from(byte - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    if wanted >= 0 && all.get(usize::try_from(wanted).ok()?).is_some_and(|byte| *byte >= b'5') {
        value += 1;
    }
    let most = 10_i128.checked_pow(u32::from(precision))?;
    (value < most).then_some(if negative { -value } else { value })
}

/// Java's spelling of floating point numbers.
pub(super) fn float(text: &str) -> Option<f64> {
    text.parse().ok()
}

//! Text → dates, times, timestamps, numbers, as CAST and literals read them.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// Days since 1970 of `2020-1-31`.
pub(crate) fn date(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = body.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() < 4 || month.is_empty() || day.is_empty() || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let year: i32 = year.parse().ok()?;
    let date = NaiveDate::from_ymd_opt(if negative { -year } else { year }, month.parse().ok()?, day.parse().ok()?)?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

/// Microseconds of the day of `12:34[:56[.789]]`.
pub(crate) fn time(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    if hour.is_empty() || hour.len() > 2 || minute.len() > 2 {
        return None;
    }
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    if fraction.len() > 12 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let micros: u32 = format!("{fraction:0<6}")[..6].parse().ok()?;
    let time = NaiveTime::from_hms_micro_opt(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, micros)?;
    time.signed_duration_since(NaiveTime::MIN).num_microseconds()
}

/// A timestamp's parts: wall clock, zone, digits of its fraction.
pub(crate) fn timestamp(text: &str) -> Option<(NaiveDateTime, Option<String>, u8)> {
    let text = text.trim();
    let at = text.char_indices().skip(8).find(|(_, c)| *c == ' ' || *c == 'T').map(|(at, _)| at);
    let (day, rest) = match at {
        Some(at) => (&text[..at], text[at + 1..].trim_start()),
        None => (text, ""),
    };
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (clock, zone) = (&rest[..end], rest[end..].trim());
    let micros = if clock.is_empty() { 0 } else { time(clock)? };
    let digits = clock.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let zone = if zone.is_empty() { None } else { Some(crate::zone::canonical(zone)?) };
    let wall = crate::text::to_date(date(day)?).and_time(NaiveTime::MIN) + chrono::TimeDelta::microseconds(micros);
    Some((wall, zone, u8::try_from(digits).ok()?))
}

/// A decimal's digits without point, and its scale.
pub(crate) fn decimal(text: &str) -> Option<(i128, i32)> {
    let text = text.trim();
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unsigned = whole.trim_start_matches(['-', '+']);
    if (unsigned.is_empty() && fraction.is_empty())
        || whole.len() - unsigned.len() > 1
        || !unsigned.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let digits: i128 = format!("0{unsigned}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    Some((if whole.starts_with('-') { -digits } else { digits }, scale))
}

/// Changes a decimal's scale, rounding half up.
pub(crate) fn rescale(number: i128, from: i32, to: i32) -> Option<i128> {
    if to >= from {
        return 10_i128.checked_pow(u32::try_from(to - from).ok()?)?.checked_mul(number);
    }
    let Some(divisor) = u32::try_from(from - to).ok().and_then(|places| 10_i128.checked_pow(places)) else {
        return Some(0);
    };
    let (quotient, rest) = (number / divisor, number % divisor);
    Some(if rest.unsigned_abs() * 2 >= divisor.unsigned_abs() { quotient + number.signum() } else { quotient })
}

/// Whether a number has at most so many digits.
pub(crate) fn fits(number: i128, precision: u8) -> bool {
    10_i128.checked_pow(u32::from(precision)).is_none_or(|limit| number.unsigned_abs() < limit.unsigned_abs())
}

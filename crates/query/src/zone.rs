//! Time zones by name or offset.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};

enum Zone {
    Named(chrono_tz::Tz),
    /// Seconds east of UTC.
    Fixed(i64),
}

fn find(name: &str) -> Option<Zone> {
    if name.eq_ignore_ascii_case("UTC") || name == "Z" {
        return Some(Zone::Fixed(0));
    }
    let sign = match name.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return name.parse().ok().map(Zone::Named),
    };
    let digits: String = name[1..].chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i64>().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    (hours <= 14 && minutes < 60).then_some(Zone::Fixed(sign * (hours * 3600 + minutes * 60)))
}

/// The zone as it is kept in a type: `Europe/Berlin`, `+02:00`, `UTC`.
pub(crate) fn canonical(name: &str) -> Option<String> {
    Some(match find(name)? {
        Zone::Named(zone) => zone.name().to_owned(),
        Zone::Fixed(0) => "UTC".to_owned(),
        Zone::Fixed(seconds) => {
            let sign = if seconds < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
        }
    })
}

/// Seconds east of UTC at an instant.
pub(crate) fn offset_at(microseconds: i64, name: &str) -> i64 {
    match find(name) {
        Some(Zone::Fixed(seconds)) => seconds,
        Some(Zone::Named(zone)) => {
            let at = DateTime::from_timestamp_micros(microseconds).unwrap_or_default().naive_utc();
            i64::from(zone.offset_from_utc_datetime(&at).fix().local_minus_utc())
        }
        None => 0,
    }
}

/// The instant at which a zone's clock shows a time; the later one in a gap, the earlier one of two.
pub(crate) fn instant(wall: NaiveDateTime, name: &str) -> i64 {
    let shown = wall.and_utc().timestamp_micros();
    match find(name) {
        Some(Zone::Named(zone)) => match zone.offset_from_local_datetime(&wall) {
            LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => {
                shown - i64::from(offset.fix().local_minus_utc()) * 1_000_000
            }
            LocalResult::None => shown - offset_at(shown, name) * 1_000_000,
        },
        Some(Zone::Fixed(seconds)) => shown - seconds * 1_000_000,
        None => shown,
    }
}

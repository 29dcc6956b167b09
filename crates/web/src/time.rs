//! Times on the wire.

use chrono::{DateTime, Utc};

/// Our own API: RFC 3339 with microseconds, `2026-11-28T09:03:45.000000Z`.
pub fn rfc3339(micros: i64) -> String {
    text(micros, "%Y-%m-%dT%H:%M:%S%.6fZ")
}

/// The GraphQL API: `2026-11-28 09:03:45.000000`, UTC without saying so.
///
/// Source: Paradime's documentation of its webhooks and API examples.
pub fn bolt(micros: i64) -> String {
    text(micros, "%Y-%m-%d %H:%M:%S%.6f")
}

/// For people: `2026-11-28 09:03:45`.
pub fn readable(micros: i64) -> String {
    text(micros, "%Y-%m-%d %H:%M:%S")
}

fn text(micros: i64, format: &str) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).map_or_else(String::new, |time| time.format(format).to_string())
}

/// Reads RFC 3339, or a day as its beginning in UTC.
pub fn parse(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
}

/// `45 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

//! Spans of event time: the batches of a microbatch model, and samples.
//!
//! Source: dbt Core 1.12, "Incremental microbatch" and `--sample`. All times are UTC.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};

use crate::compile::Batch;

/// `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

/// How long a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

impl BatchSize {
    /// `day`, `days`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_lowercase().trim_end_matches('s') {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// The start of the batch that a moment is in.
    pub fn truncate(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let (month, day, hour) = match self {
            Self::Year => (1, 1, 0),
            Self::Month => (time.month(), 1, 0),
            Self::Day => (time.month(), time.day(), 0),
            Self::Hour => (time.month(), time.day(), time.hour()),
        };
        NaiveDate::from_ymd_opt(time.year(), month, day)
            .and_then(|date| date.and_hms_opt(hour, 0, 0))
            .map_or(time, |start| start.and_utc())
    }

    /// The start of the batch itself, or of the next one.
    pub fn ceiling(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let start = self.truncate(time);
        if start == time { time } else { self.later(start, 1) }
    }

    /// So many sizes later, or earlier; days of a month that do not exist become its last one.
    pub fn later(self, time: DateTime<Utc>, count: i64) -> DateTime<Utc> {
        let size = u32::try_from(count.unsigned_abs()).unwrap_or(u32::MAX);
        let months = |size: u32| match count < 0 {
            true => time.checked_sub_months(Months::new(size)),
            false => time.checked_add_months(Months::new(size)),
        };
        let later = match self {
            Self::Hour => TimeDelta::try_hours(count).and_then(|hours| time.checked_add_signed(hours)),
            Self::Day if count < 0 => time.checked_sub_days(Days::new(u64::from(size))),
            Self::Day => time.checked_add_days(Days::new(u64::from(size))),
            Self::Month => months(size),
            Self::Year => months(size.saturating_mul(12)),
        };
        later.unwrap_or(time)
    }

    /// `2024-09-17`: how a batch is named.
    fn name(self, start: DateTime<Utc>) -> String {
        let format = match self {
            Self::Hour => "%Y-%m-%dT%H",
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
            Self::Year => "%Y",
        };
        start.format(format).to_string()
    }

    /// The batch of a span.
    pub fn batch(self, window: Window, incremental: bool) -> Batch {
        let name = self.name(window.start);
        Batch { id: name.replace('-', ""), name, start: window.start, end: window.end, incremental }
    }
}

/// What decides on the batches of a model.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// `--event-time-start` and `--event-time-end`, or the sample.
    pub given: Option<Window>,
    /// The end when none is given: when the invocation began.
    pub now: DateTime<Utc>,
    /// The model's `begin`.
    pub begin: DateTime<Utc>,
    /// Batches before the present one that are built again.
    pub lookback: i64,
    /// There is a table that is added to.
    pub is_incremental: bool,
}

/// The spans to build, earliest first; never none.
pub fn windows(size: BatchSize, bounds: Bounds) -> Vec<Window> {
    let end = size.ceiling(bounds.given.map_or(bounds.now, |given| given.end));
    let start = match bounds.given {
        Some(given) => size.truncate(given.start),
        None if !bounds.is_incremental => size.truncate(bounds.begin),
        // The end is where the next batch begins, so that the present batch is one back.
        None => size.later(size.truncate(end), -(bounds.lookback + i64::from(end == size.truncate(end)))),
    };
    let mut windows = vec![Window { start, end: size.later(start, 1) }];
    while let Some(last) = windows.last().copied().filter(|last| last.end < end) {
        let next = size.later(last.end, 1);
        if next <= last.end {
            break;
        }
        windows.push(Window { start: last.end, end: next });
    }
    if let Some(last) = windows.last_mut() {
        last.end = end;
    }
    windows
}

/// Reads `2024-01-02`, `2024-01-02T03:04:05`, `2024-01-02 03:04:05+01:00`; without a zone it is UTC.
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(time.with_timezone(&Utc));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc());
        }
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|time| time.and_utc())
}

/// As Python prints a time with a zone: `2024-09-17 00:00:00+00:00`.
pub fn python_text(time: DateTime<Utc>) -> String {
    let format =
        if time.timestamp_subsec_micros() == 0 { "%Y-%m-%d %H:%M:%S+00:00" } else { "%Y-%m-%d %H:%M:%S%.6f+00:00" };
    time.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        parse_time(text).expect("a time")
    }

    fn spans(size: BatchSize, bounds: Bounds) -> Vec<String> {
        windows(size, bounds).iter().map(|w| format!("{} {}", w.start.format("%FT%H"), w.end.format("%FT%H"))).collect()
    }

    #[test]
    fn batches_are_dbts() {
        let first = Bounds {
            given: None,
            now: at("2024-09-17 16:06:00"),
            begin: at("2024-09-15 12:00:00"),
            lookback: 1,
            is_incremental: false,
        };
        assert_eq!(
            spans(BatchSize::Day, first),
            ["2024-09-15T00 2024-09-16T00", "2024-09-16T00 2024-09-17T00", "2024-09-17T00 2024-09-18T00"]
        );
        let later = Bounds { is_incremental: true, ..first };
        assert_eq!(spans(BatchSize::Day, later), ["2024-09-16T00 2024-09-17T00", "2024-09-17T00 2024-09-18T00"]);
        assert_eq!(spans(BatchSize::Month, later), ["2024-08-01T00 2024-09-01T00", "2024-09-01T00 2024-10-01T00"]);
        assert_eq!(spans(BatchSize::Year, Bounds { lookback: 0, ..later }), ["2024-01-01T00 2025-01-01T00"]);
        // On the boundary the present batch is the one that just ended.
        let sharp = Bounds { now: at("2024-09-17"), ..later };
        assert_eq!(spans(BatchSize::Day, sharp), ["2024-09-15T00 2024-09-16T00", "2024-09-16T00 2024-09-17T00"]);
        let given = Bounds {
            given: Some(Window { start: at("2024-01-30T23:30:00"), end: at("2024-01-31T01:30:00") }),
            ..later
        };
        assert_eq!(
            spans(BatchSize::Hour, given),
            ["2024-01-30T23 2024-01-31T00", "2024-01-31T00 2024-01-31T01", "2024-01-31T01 2024-01-31T02"]
        );
    }
}

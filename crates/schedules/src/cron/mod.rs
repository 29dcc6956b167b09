//! Cron expressions of five fields, and the instants at which they are due in a time zone.
//!
//! The language is the one that the official client accepts (croniter's), less what has no stable meaning: see [`CronError`]. It is read here
//! and not by the crate `croner` because three of the promises do not fit that crate: a mistake is reported with its field and a fix, hours
//! alone decide between the two readings of daylight saving time (croner also looks at minutes: `*/15 2 * * *` would vanish in a gap), and
//! the search for the next instant costs microseconds when ten thousand schedules are due, as it walks days and not hours or minutes.

mod days;
mod error;
mod field;
mod words;
mod zone;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use error::CronError;

use days::Days;
use field::{Field, Values};

/// A cron expression. Equality is that of the text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: String,
    minutes: Values,
    hours: Values,
    months: Values,
    days: Days,
    hours_elapse: bool,
}

impl Cron {
    /// The expression as it was written, without white space around it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first instant later than `instant` at which the expression is due in `zone`. `None` when it never is, or not before the year 2200.
    ///
    /// Daylight saving time, for schedules with fixed hours (`15 4 * * *`, `0 9-17 * * *`): a local time that a day does not have runs at the
    /// first instant after the gap; one that a day has twice runs once, at the first of both. When several times fall into one gap they are
    /// one instant. Schedules with `*` or stepped hours (`0 * * * *`, `0 */2 * * *`) follow the hours as they pass: what a day does not have
    /// does not run, what it has twice runs twice.
    pub fn next_after(&self, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        if self.hours_elapse { zone::next_elapsed(self, instant, zone) } else { zone::next_fixed(self, instant, zone) }
    }

    /// The instants in `from..=to` at which the expression is due, oldest first, at most `limit`.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz, limit: usize) -> Vec<DateTime<Utc>> {
        let mut found = Vec::new();
        // An instant is a whole second: one nanosecond earlier excludes the same ones.
        let mut after = from - chrono::TimeDelta::nanoseconds(1);
        while found.len() < limit {
            match self.next_after(after, zone) {
                Some(next) if next <= to => {
                    found.push(next);
                    after = next;
                }
                _ => break,
            }
        }
        found
    }

    /// The first time from `from` to `to` at which a run falls into a gap of the zone's clock; `None` for hours that pass, which skip it.
    pub fn next_gap(&self, from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Option<Gap> {
        if self.hours_elapse { None } else { zone::next_gap(self, from, to, zone) }
    }

    /// Whether no day of any year matches, as in `0 0 31 2 *`.
    pub fn never_fires(&self) -> bool {
        !self.days.exist_in(&self.months)
    }

    /// Whether both day fields are restricted: then either of them is enough, which few expect.
    pub fn matches_either_day(&self) -> bool {
        self.days.either()
    }

    /// Whether hours are counted as they pass (`*`, `*/n`), and not named.
    pub fn hours_elapse(&self) -> bool {
        self.hours_elapse
    }

    /// The expression in words: `every day at 04:15`. The zone is the caller's to add.
    pub fn describe(&self) -> String {
        words::describe(self)
    }

    /// The first local time from `from` on (inclusive) that matches, up to the end of 2200.
    fn local_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let date = self.date_from(from.date())?;
        if date == from.date() {
            if let Some(time) = self.time_from(from.time()) {
                return Some(date.and_time(time));
            }
            let date = self.date_from(date.succ_opt()?)?;
            return Some(date.and_time(self.first_time()?));
        }
        Some(date.and_time(self.first_time()?))
    }

    fn date_from(&self, from: NaiveDate) -> Option<NaiveDate> {
        let mut date = from;
        while date.year() < END_YEAR {
            if !self.months.has(date.month()) {
                date = first_of_next_month(date)?;
            } else if self.days.have(date) {
                return Some(date);
            } else {
                date = date.succ_opt()?;
            }
        }
        None
    }

    fn time_from(&self, from: NaiveTime) -> Option<NaiveTime> {
        let begun = u32::from(from.second() > 0 || from.nanosecond() > 0);
        if self.hours.has(from.hour())
            && let Some(minute) = self.minutes.at_least(from.minute() + begun)
        {
            return NaiveTime::from_hms_opt(from.hour(), minute, 0);
        }
        NaiveTime::from_hms_opt(self.hours.at_least(from.hour() + 1)?, self.minutes.at_least(0)?, 0)
    }

    fn first_time(&self) -> Option<NaiveTime> {
        NaiveTime::from_hms_opt(self.hours.at_least(0)?, self.minutes.at_least(0)?, 0)
    }
}

/// A run whose local time does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The time that the clock on the wall skips.
    pub local: NaiveDateTime,
    /// When the run starts instead.
    pub runs_at: DateTime<Utc>,
}

/// Searches end here: schedules of the 29th of February on a given weekday are due at least every 40 years.
const END_YEAR: i32 = 2200;

fn first_of_next_month(date: NaiveDate) -> Option<NaiveDate> {
    let (year, month) = if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
    NaiveDate::from_ymd_opt(year, month, 1)
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let text = text.trim();
        let expanded = expand_alias(text)?;
        let fields: Vec<&str> = expanded.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(CronError::field_count(text, &fields));
        };
        let (minutes, _) = Field::Minute.parse(minute)?;
        let (hours, counted) = Field::Hour.parse(hour)?;
        let days = Days::parse(day, weekday)?;
        let (months, _) = Field::Month.parse(month)?;
        let hours_elapse = counted || hours.is_full(0, 23);
        Ok(Self { text: text.to_owned(), minutes, hours, months, days, hours_elapse })
    }
}

fn expand_alias(text: &str) -> Result<&str, CronError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    ALIASES
        .iter()
        .find(|(alias, _)| alias.eq_ignore_ascii_case(text))
        .map(|(_, expanded)| *expanded)
        .ok_or_else(|| CronError::unknown_alias(text))
}

const ALIASES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Cron {
    type Error = CronError;

    fn try_from(text: String) -> Result<Self, CronError> {
        text.parse()
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.text
    }
}

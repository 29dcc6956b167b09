//! The two day fields: which dates match.

use chrono::{Datelike, NaiveDate};

use super::CronError;
use super::field::{Field, Values};

/// Day of month and day of week. When both are restricted, a date matches that fits either, as cron has always had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Days {
    /// `None` is `*`.
    pub of_month: Option<DaysOfMonth>,
    /// `None` is `*`.
    pub of_week: Option<DaysOfWeek>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct DaysOfMonth {
    pub values: Values,
    /// `L`
    pub last: bool,
    /// `15W`: the Monday to Friday nearest to it, within the month.
    pub nearest_weekday: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct DaysOfWeek {
    /// 0 is Sunday.
    pub values: Values,
    /// `5#2`: by weekday, the set of numbers of occurrence within the month, 1 to 5.
    pub nth: [Values; 7],
    /// `L5`: weekdays in the month's last seven days.
    pub last: Values,
}

impl Days {
    pub fn parse(of_month: &str, of_week: &str) -> Result<Self, CronError> {
        let star = |text: &str| matches!(text, "*" | "?");
        Ok(Self {
            of_month: if star(of_month) { None } else { Some(DaysOfMonth::parse(of_month)?) },
            of_week: if star(of_week) { None } else { Some(DaysOfWeek::parse(of_week)?) },
        })
    }

    pub fn have(&self, date: NaiveDate) -> bool {
        match (&self.of_month, &self.of_week) {
            (None, None) => true,
            (Some(of_month), None) => of_month.have(date),
            (None, Some(of_week)) => of_week.have(date),
            (Some(of_month), Some(of_week)) => of_month.have(date) || of_week.have(date),
        }
    }

    /// Whether both fields are restricted.
    pub fn either(&self) -> bool {
        self.of_month.is_some() && self.of_week.is_some()
    }

    /// Whether any of the months has such a day, in a leap year at least. Every weekday comes in every month, save the fifth one: that comes
    /// in February too, in some leap years.
    pub fn exist_in(&self, months: &Values) -> bool {
        match (&self.of_month, &self.of_week) {
            (Some(of_month), None) => months.iter().any(|month| of_month.exist_in(month)),
            _ => true,
        }
    }
}

impl DaysOfMonth {
    fn parse(text: &str) -> Result<Self, CronError> {
        let field = Field::DayOfMonth;
        let mut days = Self::default();
        for item in text.split(',') {
            let upper = item.to_ascii_uppercase();
            if upper == "L" {
                days.last = true;
            } else if let Some(from) = upper.strip_suffix("-L") {
                // To the end of the month, whichever day that is.
                field.parse_item(&format!("{from}-31"), text, &mut days.values)?;
            } else if let Some(day) = upper.strip_suffix('W').or_else(|| upper.strip_prefix('W')) {
                if text.contains(',') {
                    let problem = "has W in a list";
                    return Err(CronError::in_field(field, text, problem, "write W with one day only, as in '15W'"));
                }
                days.nearest_weekday = Some(field.value(day, text)?);
            } else {
                field.parse_item(item, text, &mut days.values)?;
            }
        }
        Ok(days)
    }

    fn have(&self, date: NaiveDate) -> bool {
        self.values.has(date.day())
            || (self.last && date.day() == days_in_month(date))
            || self.nearest_weekday.is_some_and(|day| nearest_weekday(date, day) == Some(date))
    }

    fn exist_in(&self, month: u32) -> bool {
        let longest = match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        self.last || self.nearest_weekday.is_some() || self.values.at_least(1).is_some_and(|day| day <= longest)
    }
}

impl DaysOfWeek {
    fn parse(text: &str) -> Result<Self, CronError> {
        let field = Field::DayOfWeek;
        let mut days = Self::default();
        for item in text.split(',') {
            let upper = item.to_ascii_uppercase();
            if let Some((weekdays, nth)) = item.split_once('#') {
                let Some(nth) = nth.parse().ok().filter(|nth| (1..=5).contains(nth)) else {
                    let problem = format!("has '#{nth}': a month has a weekday at most five times");
                    return Err(CronError::in_field(field, text, problem, "write #1 to #5, as in 'FRI#2'"));
                };
                let mut values = Values::default();
                field.parse_item(weekdays, text, &mut values)?;
                for weekday in values.iter() {
                    days.nth[weekday as usize].add(nth);
                }
            } else if let Some(weekday) = upper.strip_prefix('L').filter(|rest| !rest.is_empty()) {
                days.last.add(field.value(weekday, text)?);
            } else {
                field.parse_item(item, text, &mut days.values)?;
            }
        }
        Ok(days)
    }

    fn have(&self, date: NaiveDate) -> bool {
        let weekday = date.weekday().num_days_from_sunday();
        self.values.has(weekday)
            || self.nth[weekday as usize].has((date.day() - 1) / 7 + 1)
            || (self.last.has(weekday) && date.day() + 7 > days_in_month(date))
    }
}

pub(super) fn days_in_month(date: NaiveDate) -> u32 {
    u32::from(date.num_days_in_month())
}

/// The weekday (Monday to Friday) nearest to a day, without leaving its month. In a month without that day, its last day counts.
fn nearest_weekday(in_month: NaiveDate, day: u32) -> Option<NaiveDate> {
    let day = day.min(days_in_month(in_month));
    let date = in_month.with_day(day)?;
    let shifted = match (date.weekday(), day) {
        (chrono::Weekday::Sat, 1) => 3,
        (chrono::Weekday::Sat, day) => day - 1,
        (chrono::Weekday::Sun, day) if day == days_in_month(date) => day - 2,
        (chrono::Weekday::Sun, day) => day + 1,
        (_, day) => day,
    };
    in_month.with_day(shifted)
}

//! A cron expression in words.

use super::Cron;
use super::days::{DaysOfMonth, DaysOfWeek};
use super::field::Values;

/// `every day at 04:15`, `at minute 0 of every hour, Monday to Friday`
pub(super) fn describe(cron: &Cron) -> String {
    let times = times(cron);
    let of_a_day = times.starts_with("at ") && !times.ends_with("every hour");
    let mut text = match days(cron) {
        None if of_a_day => format!("every day {times}"),
        None => times,
        Some(days) if of_a_day => format!("{days} {times}"),
        Some(days) => format!("{times}, {days}"),
    };
    if !cron.months.is_full(1, 12) {
        text = format!("{text}, in {}", listed(cron.months, 1, 12, |month| MONTHS[month as usize - 1].to_owned()));
    }
    if cron.never_fires() { format!("never: {text}, a date that does not exist") } else { text }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

fn times(cron: &Cron) -> String {
    let (minutes, hours) = (cron.minutes, cron.hours);
    if hours.len() * minutes.len() <= 6 {
        let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}")));
        return format!("at {}", join(times.collect()));
    }
    let every_hour = hours.is_full(0, 23);
    let minute_part = if minutes.is_full(0, 59) {
        "every minute".to_owned()
    } else if let Some(step) = step_of(minutes, 0, 60) {
        format!("every {step} minutes")
    } else if minutes.len() == 1 {
        let minute = minutes.at_least(0).unwrap_or_default();
        return match step_of(hours, 0, 24) {
            _ if every_hour => format!("every hour at :{minute:02}"),
            Some(step) => format!("every {step} hours at :{minute:02}"),
            None => format!("at :{minute:02} past {}", hour_list(hours)),
        };
    } else {
        format!("at minutes {}", listed(minutes, 0, 59, |minute| minute.to_string()))
    };
    match step_of(hours, 0, 24) {
        _ if every_hour && minute_part.starts_with("at ") => format!("{minute_part} of every hour"),
        _ if every_hour => minute_part,
        Some(step) => format!("{minute_part} in every {} hour", ordinal(step)),
        None => format!("{minute_part} in {}", hour_list(hours)),
    }
}

fn hour_list(hours: Values) -> String {
    let noun = if hours.len() == 1 { "hour" } else { "hours" };
    format!("{noun} {}", listed(hours, 0, 23, |hour| hour.to_string()))
}

/// The step, when the values are every `step`th from `low` up to the end of the field: `*/15`, not `5-59/15`.
fn step_of(values: Values, low: u32, end: u32) -> Option<u32> {
    let mut iter = values.iter();
    let (first, second) = (iter.next()?, iter.next()?);
    let step = second - first;
    let whole = first == low && step > 1 && (end - low).is_multiple_of(step);
    (whole && values.iter().eq((low..end).step_by(step as usize))).then_some(step)
}

fn days(cron: &Cron) -> Option<String> {
    match (&cron.days.of_month, &cron.days.of_week) {
        (None, None) => None,
        (Some(of_month), None) => Some(days_of_month(of_month)),
        (None, Some(of_week)) => Some(days_of_week(of_week)),
        (Some(of_month), Some(of_week)) => Some(format!("{} and {}", days_of_month(of_month), days_of_week(of_week))),
    }
}

fn days_of_month(days: &DaysOfMonth) -> String {
    let mut parts = Vec::new();
    if days.values.is_full(1, 31) {
        return "every day".to_owned();
    }
    if !days.values.is_empty() {
        parts.push(format!("the {}", listed(days.values, 1, 31, ordinal)));
    }
    if days.last {
        parts.push("the last day".to_owned());
    }
    if let Some(day) = days.nearest_weekday {
        parts.push(format!("the weekday nearest to the {}", ordinal(day)));
    }
    format!("on {} of the month", join(parts))
}

fn days_of_week(days: &DaysOfWeek) -> String {
    if days.values.is_full(0, 6) {
        return "every day".to_owned();
    }
    let name = |weekday: u32| WEEKDAYS[weekday as usize].to_owned();
    let mut parts = Vec::new();
    if !days.values.is_empty() {
        // The week of a reader begins on Monday.
        let mut monday_first = Values::default();
        days.values.iter().for_each(|weekday| monday_first.add((weekday + 6) % 7));
        parts.push(listed(monday_first, 0, 6, |day| name((day + 1) % 7)));
    }
    for weekday in 0..7 {
        let nth = days.nth[weekday as usize];
        if !nth.is_empty() {
            parts.push(format!("the {} {} of the month", listed(nth, 1, 5, ordinal), name(weekday)));
        }
    }
    if !days.last.is_empty() {
        parts.push(format!("the last {} of the month", listed(days.last, 0, 6, name)));
    }
    format!("on {}", join(parts))
}

/// Values as words, three or more in a row as a range: `Monday to Friday`, `1, 3 and 5`.
fn listed(values: Values, low: u32, high: u32, word: impl Fn(u32) -> String) -> String {
    let mut parts = Vec::new();
    let mut value = low;
    while let Some(first) = values.at_least(value).filter(|first| *first <= high) {
        let mut last = first;
        while last < high && values.has(last + 1) {
            last += 1;
        }
        match last - first {
            0 => parts.push(word(first)),
            1 => parts.extend([word(first), word(last)]),
            _ => parts.push(format!("{} to {}", word(first), word(last))),
        }
        value = last + 1;
    }
    join(parts)
}

fn join(mut parts: Vec<String>) -> String {
    match parts.pop() {
        None => String::new(),
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} and {last}", parts.join(", ")),
    }
}

fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

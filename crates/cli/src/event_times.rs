//! `--event-time-start`, `--event-time-end` and `--sample`.

use anyhow::bail;
use chrono::{DateTime, Utc};
use engine::run::event_time::{BatchSize, Window, parse_time};
use project::yaml;

use crate::settings::{Settings, parse_mapping};

/// The spans of event time that an invocation was given.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventTimes {
    /// `--event-time-start` and `--event-time-end`.
    pub bounds: Option<Window>,
    pub sample: Option<Window>,
}

impl EventTimes {
    /// Reads the settings; a relative sample ends now.
    pub fn resolve(settings: &Settings, now: DateTime<Utc>) -> anyhow::Result<Self> {
        let bounds = match (settings.event_time_start.as_deref(), settings.event_time_end.as_deref()) {
            (None, None) => None,
            (Some(start), Some(end)) => Some(bounds(start, end)?),
            (Some(_), None) => bail!(one_without_the_other("start", "end")),
            (None, Some(_)) => bail!(one_without_the_other("end", "start")),
        };
        let sample = settings.sample.as_deref().map(|text| sample(text, now)).transpose()?;
        Ok(Self { bounds, sample })
    }
}

fn one_without_the_other(given: &str, missing: &str) -> String {
    format!(
        "The flag `--event-time-{given}` was specified, but `--event-time-{missing}` was not. When specifying `--event-time-{given}`, `--event-time-{missing}` must also be present.\n  \
         cause: batches are built from a start to an end\n  fix:   add --event-time-{missing}"
    )
}

fn bounds(start: &str, end: &str) -> anyhow::Result<Window> {
    let window = Window { start: time("--event-time-start", start)?, end: time("--event-time-end", end)? };
    if window.start >= window.end {
        bail!(
            "Value for `--event-time-start` must be less than `--event-time-end`\n  \
             cause: from {start} to {end} there is no time\n  fix:   swap or correct them"
        );
    }
    Ok(window)
}

fn time(flag: &str, text: &str) -> anyhow::Result<DateTime<Utc>> {
    parse_time(text).ok_or_else(|| {
        anyhow::anyhow!(
            "Invalid value for '{flag}': '{text}'\n  cause: it is no time\n  \
             fix:   write it as 2024-09-17, 2024-09-17T16:30:00 or '2024-09-17 16:30:00'"
        )
    })
}

/// `3 days`, or `{start: 2024-01-01, end: 2024-02-01}`.
fn sample(text: &str, now: DateTime<Utc>) -> anyhow::Result<Window> {
    const FIX: &str = "write --sample '3 days' or --sample '{start: 2024-01-01, end: 2024-02-01}'";
    if text.trim_start().starts_with('{') {
        let map = parse_mapping("--sample", text)?;
        let side = |key: &str| -> anyhow::Result<DateTime<Utc>> {
            let value = map.get(key).map(|node| &node.value);
            let text = value.filter(|value| !matches!(value, yaml::Value::Null)).and_then(yaml::Value::scalar_text);
            match text {
                Some(text) => time("--sample", &text),
                None => bail!("Cannot load SAMPLE_WINDOW from '{text:?}'\n  cause: it has no `{key}`\n  fix:   {FIX}"),
            }
        };
        return Ok(Window { start: side("start")?, end: side("end")? });
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let [count, size] = words[..] else {
        bail!(
            "Cannot load SAMPLE_WINDOW from '{text}'. Must be of form 'DAYS_INT GRAIN_SIZE'.\n  \
             cause: it is not a number and a unit\n  fix:   {FIX}"
        );
    };
    let Ok(count) = count.parse::<i64>() else {
        bail!("Unable to convert '{count}' to an integer.\n  cause: --sample is '{text}'\n  fix:   {FIX}");
    };
    let Some(size) = BatchSize::parse(size) else {
        bail!(
            "Invalid grain size '{size}'. Must be one of ['hour', 'day', 'month', 'year', 'hours', 'days', 'months', 'years'].\n  \
             cause: --sample is '{text}'\n  fix:   {FIX}"
        );
    };
    Ok(Window { start: size.later(now, -count), end: now })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_relative_or_fixed() {
        let now = parse_time("2024-03-31 16:06:00").expect("a time");
        let read = |text: &str| sample(text, now).map(|window| (window.start, window.end));
        let at = |text: &str| parse_time(text).expect("a time");
        assert_eq!(read("3 days").expect("read"), (at("2024-03-28 16:06:00"), now));
        assert_eq!(read("1 Month").expect("read"), (at("2024-02-29 16:06:00"), now));
        let fixed = "{'start': '2024-01-01', 'end': '2024-01-02 12:00:00'}";
        assert_eq!(read(fixed).expect("read"), (at("2024-01-01"), at("2024-01-02 12:00:00")));
        for wrong in ["3", "x days", "3 weeks", "{start: 2024-01-01}", "{start: x, end: y}"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

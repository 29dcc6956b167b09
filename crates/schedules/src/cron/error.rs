//! What is wrong with a cron expression, and what to write instead.

use super::ALIASES;
use super::field::Field;

/// Why a text is not a cron expression. `Display` is the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct CronError {
    cause: String,
    fix: String,
}

impl CronError {
    /// What to do about it.
    pub fn fix(&self) -> &str {
        &self.fix
    }

    pub(super) fn in_field(field: Field, text: &str, problem: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self { cause: format!("the {} field '{text}' {}", field.name(), problem.as_ref()), fix: fix.into() }
    }

    pub(super) fn field_count(text: &str, fields: &[&str]) -> Self {
        let cause = match fields.len() {
            0 => "it is empty".to_owned(),
            6 => "it has six fields: a seconds or a year field is not part of cron".to_owned(),
            1 => format!("'{text}' is one field; cron has five: minute, hour, day of month, month, day of week"),
            count => format!("it has {count} fields; cron has five: minute, hour, day of month, month, day of week"),
        };
        let fix = match fields {
            [] => "write a cron expression, or \"OFF\" for a schedule that the clock does not start".to_owned(),
            // Seconds first (Quartz, Spring) or last (the official client); runs start on the minute either way.
            ["0" | "*", rest @ ..] if rest.len() == 5 => format!("leave out the seconds: \"{}\"", rest.join(" ")),
            [rest @ .., _] if rest.len() == 5 => format!("leave out the last field: \"{}\"", rest.join(" ")),
            _ => "write five fields, as in \"15 4 * * 1-5\" (04:15, Monday to Friday), or \"OFF\"".to_owned(),
        };
        Self { cause, fix }
    }

    pub(super) fn unknown_alias(text: &str) -> Self {
        let known: Vec<&str> = ALIASES.iter().map(|(alias, _)| *alias).collect();
        Self {
            cause: format!("there is no alias '{text}'"),
            fix: format!("write one of {}, or five fields", known.join(", ")),
        }
    }
}

//! Source freshness: how old the newest row is, and whether that is too old.

use std::sync::Arc;

use artifacts::manifest::{Freshness, FreshnessTime, Source};
use chrono::{DateTime, NaiveDate, Utc};
use jinja::Value;

use super::{NodeStatus, RunContext, blocking, data_tests::jinja_text, job::Outcome, node_info, results::NodeFailure};

/// Measures a source's age.
pub(super) async fn measure(context: &Arc<RunContext>, source: &Arc<Source>) -> Result<Outcome, NodeFailure> {
    let name = &source.name;
    let failed = |message: String| NodeFailure { message, cancelled: context.cancel.is_cancelled() };
    let criteria = source.freshness.as_ref().map(Criteria::of).unwrap_or_default();
    let relation = node_info::source_relation(source).to_string();
    let (compiler, asked) = (context.compiler.clone(), Arc::clone(source));
    let answer = blocking(move || compiler.newest_row(&asked)).await.map_err(|error| failed(error.to_string()))?;
    let Some(newest) = answer else {
        return Err(failed(format!(
            "Runtime Error in source {name} ({})\n  Could not compute freshness for source {name}: no 'loaded_at_field' provided and \
             athena adapter does not support metadata-based freshness checks.",
            source.original_file_path
        )));
    };
    let row = match newest.rows.as_slice() {
        [row] => match row.as_slice() {
            [max_loaded_at, snapshotted_at] => Some((max_loaded_at, snapshotted_at)),
            _ => None,
        },
        _ => None,
    };
    let Some((max_loaded_at, snapshotted_at)) = row else {
        return Err(failed(format!(
            "Got an invalid result from freshness query for source {name}: {} rows",
            newest.rows.len()
        )));
    };
    let no_time = |value: &Value| {
        failed(format!(
            "Expected a timestamp value when querying field '{}' of table {relation} but received value of type '{}' instead\n  \
             fix: cast it in `loaded_at_field`, as in `cast(loaded_on as timestamp)`",
            source.loaded_at_field.as_deref().unwrap_or("loaded_at_query"),
            value.type_name()
        ))
    };
    let max_loaded_at = match max_loaded_at {
        Value::None => beginning_of_time(),
        value => time_of(value).ok_or_else(|| no_time(value))?,
    };
    let snapshotted_at = time_of(snapshotted_at).ok_or_else(|| no_time(snapshotted_at))?;
    let measurement = Measurement { max_loaded_at, snapshotted_at, criteria };
    let status = measurement.criteria.status(measurement.age_in_seconds());
    Ok(Outcome { status: Some(status), response: newest.response, freshness: Some(measurement), ..Outcome::default() })
}

/// A timestamp of the warehouse; one without zone is UTC.
fn time_of(value: &Value) -> Option<DateTime<Utc>> {
    let text = match value {
        Value::DateTime(_) => jinja_text(value),
        Value::Date(date) => return Some(date.and_time(chrono::NaiveTime::MIN).and_utc()),
        _ => return None,
    };
    DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f%:z")
        .map(|at| at.to_utc())
        .ok()
        .or_else(|| chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f").map(|at| at.and_utc()).ok())
}

/// `warn_after`, `error_after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    pub count: i64,
    /// `minute`, `hour`, `day`
    pub period: String,
}

impl Threshold {
    /// In seconds; a period that is none of dbt's counts as never.
    pub fn seconds(&self) -> f64 {
        let unit = match self.period.as_str() {
            "minute" => 60.0,
            "hour" => 3600.0,
            "day" => 86400.0,
            _ => f64::INFINITY,
        };
        self.count as f64 * unit
    }

    fn of(time: Option<&FreshnessTime>) -> Option<Self> {
        let time = time?;
        Some(Self { count: time.count?, period: time.period.clone()? })
    }
}

/// A source's thresholds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Criteria {
    pub warn_after: Option<Threshold>,
    pub error_after: Option<Threshold>,
    /// As the manifest and sources.json have them.
    pub written: Freshness,
}

impl Criteria {
    fn of(freshness: &Freshness) -> Self {
        Self {
            warn_after: Threshold::of(freshness.warn_after.as_ref()),
            error_after: Threshold::of(freshness.error_after.as_ref()),
            written: freshness.clone(),
        }
    }

    /// pass, warn or error for data of this age.
    pub fn status(&self, age_in_seconds: f64) -> NodeStatus {
        let exceeded = |threshold: &Option<Threshold>| {
            threshold.as_ref().is_some_and(|threshold| age_in_seconds > threshold.seconds())
        };
        if exceeded(&self.error_after) {
            NodeStatus::Error
        } else if exceeded(&self.warn_after) {
            NodeStatus::Warn
        } else {
            NodeStatus::Pass
        }
    }
}

/// What a freshness query found.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    pub max_loaded_at: DateTime<Utc>,
    pub snapshotted_at: DateTime<Utc>,
    pub criteria: Criteria,
}

impl Measurement {
    /// The age of the newest row.
    pub fn age_in_seconds(&self) -> f64 {
        (self.snapshotted_at - self.max_loaded_at).as_seconds_f64()
    }
}

/// What dbt takes as the newest row of an empty table.
fn beginning_of_time() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(1, 1, 1).map(|date| date.and_time(chrono::NaiveTime::MIN).and_utc()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_stale_only_past_its_threshold() {
        let threshold = |count, period: &str| Some(Threshold { count, period: period.to_owned() });
        let criteria = Criteria {
            warn_after: threshold(12, "hour"),
            error_after: threshold(1, "day"),
            written: Freshness::default(),
        };
        assert_eq!(criteria.status(12.0 * 3600.0), NodeStatus::Pass);
        assert_eq!(criteria.status(12.0 * 3600.0 + 1.0), NodeStatus::Warn);
        assert_eq!(criteria.status(86401.0), NodeStatus::Error);
        assert_eq!(Criteria::default().status(1e12), NodeStatus::Pass);
    }
}

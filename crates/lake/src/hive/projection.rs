//! Partition projection: partitions that are computed from table properties instead of read from the catalog.
//!
//! Source: Athena user guide, "Partition projection with Amazon Athena" and "Supported types for partition projection".

use std::collections::HashMap;

use athena_api::glue::Parameters;
use chrono::format::{Parsed, StrftimeItems};
use chrono::{DateTime, Months, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::HiveColumn;
use crate::{HiveType, LakeError, LakeResult};

/// Partitions one query may read.
const MOST: usize = 1_000_000;

/// The computed partitions of a table.
#[derive(Debug, Clone)]
pub struct Projection {
    keys: Vec<(String, Values)>,
    /// `storage.location.template`
    template: Option<String>,
}

#[derive(Debug, Clone)]
enum Values {
    Enum(Vec<String>),
    Integer { low: i64, high: i64, interval: i64, digits: usize },
    Date { low: String, high: String, format: String, step: Step, iso: bool },
    Injected,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Months(u32),
    Time(TimeDelta),
}

/// A computed partition: its values, and how they are spelled in its location.
pub(super) struct Projected {
    pub values: Vec<Option<String>>,
    pub spelled: Vec<String>,
}

impl Projection {
    /// `None` unless the properties switch it on.
    pub(super) fn of(table: &str, parameters: Option<&Parameters>, keys: &[HiveColumn]) -> LakeResult<Option<Self>> {
        let parameter = |name: &str| parameters.and_then(|map| map.get(name)).map(String::as_str);
        if keys.is_empty() || !parameter("projection.enabled").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let of_key = |key: &HiveColumn, name: &str| parameter(&format!("projection.{}.{name}", key.name));
        let missing: Vec<&str> =
            keys.iter().filter(|key| of_key(key, "type").is_none()).map(|key| key.name.as_str()).collect();
        if !missing.is_empty() {
            return Err(LakeError::athena(
                "HIVE_METASTORE_ERROR",
                format!(
                    "Table {table} is configured for partition projection, but the following partition columns are missing \
                     projection configuration: [{}] (table {table})",
                    missing.join(", ")
                ),
            ));
        }
        let mut all = Vec::new();
        for key in keys {
            let values = values(key, |name| of_key(key, name)).ok_or_else(|| {
                LakeError::athena(
                    "INVALID_TABLE_PROPERTY",
                    format!(
                        "The partition projection of column {} of table {table} is not complete or not valid",
                        key.name
                    ),
                )
            })?;
            all.push((key.name.clone(), values));
        }
        Ok(Some(Self { keys: all, template: parameter("storage.location.template").map(str::to_owned) }))
    }

    /// The partitions in their order; `injected` has the values that the WHERE clause gives to injected columns.
    pub(super) fn partitions(
        &self,
        injected: &HashMap<String, Vec<String>>,
        now: DateTime<Utc>,
    ) -> LakeResult<Vec<Projected>> {
        let mut partitions = vec![Projected { values: Vec::new(), spelled: Vec::new() }];
        for (name, values) in &self.keys {
            let texts = match values {
                Values::Injected => {
                    let given = injected.get(name).filter(|values| !values.is_empty()).ok_or_else(|| {
                        LakeError::athena(
                            "CONSTRAINT_VIOLATION",
                            format!(
                                "For the injected projected partition column {name}, the WHERE clause must contain only static \
                                 equality conditions, and at least one such condition must be present."
                            ),
                        )
                    })?;
                    given.iter().map(|text| (text.clone(), text.clone())).collect()
                }
                values => values.texts(now).ok_or_else(|| {
                    let message = format!("The range of the projected partition column {name} is not valid");
                    LakeError::athena("INVALID_TABLE_PROPERTY", message)
                })?,
            };
            if partitions.len().saturating_mul(texts.len()) > MOST {
                return Err(LakeError::athena(
                    "HIVE_EXCEEDED_PARTITION_LIMIT",
                    format!(
                        "Query over the projected partitions of column {name} would read more than {MOST} partitions"
                    ),
                ));
            }
            partitions = partitions
                .iter()
                .flat_map(|partition| {
                    texts.iter().map(|(value, spelled)| Projected {
                        values: partition.values.iter().cloned().chain([Some(value.clone())]).collect(),
                        spelled: partition.spelled.iter().chain([spelled]).cloned().collect(),
                    })
                })
                .collect();
        }
        Ok(partitions)
    }

    /// Where a partition is, when the table has a template.
    pub(super) fn location(&self, partition: &Projected) -> Option<String> {
        let mut location = self.template.clone()?;
        for ((name, _), spelled) in self.keys.iter().zip(&partition.spelled) {
            location = location.replace(&format!("${{{name}}}"), spelled);
        }
        Some(location)
    }
}

fn values<'a>(key: &HiveColumn, parameter: impl Fn(&str) -> Option<&'a str>) -> Option<Values> {
    let range = || parameter("range")?.split_once(',');
    let interval =
        || parameter("interval").map_or(Some(1), |text| text.trim().parse::<i64>().ok().filter(|count| *count > 0));
    Some(match parameter("type")?.trim().to_ascii_lowercase().as_str() {
        "enum" => Values::Enum(parameter("values")?.split(',').map(str::to_owned).collect()),
        "integer" => {
            let (low, high) = range()?;
            let digits = parameter("digits").map_or(Some(0), |text| text.trim().parse().ok())?;
            Values::Integer {
                low: low.trim().parse().ok()?,
                high: high.trim().parse().ok()?,
                interval: interval()?,
                digits,
            }
        }
        "date" => {
            let (low, high) = range()?;
            let java = parameter("format")?;
            let format = strftime(java)?;
            let default_unit = match (java.contains('d'), java.contains(['H', 'h', 'm', 's', 'S']), java.contains('M'))
            {
                (true, false, _) => Some("DAYS"),
                (false, false, true) => Some("MONTHS"),
                _ => None,
            };
            let unit = parameter("interval.unit").or(default_unit)?;
            let step = step(interval()?, unit)?;
            let iso = key.hive_type == HiveType::Date;
            Values::Date { low: low.trim().to_owned(), high: high.trim().to_owned(), format, step, iso }
        }
        "injected" => Values::Injected,
        _ => return None,
    })
}

fn step(count: i64, unit: &str) -> Option<Step> {
    let months = |each: i64| Some(Step::Months(u32::try_from(count.checked_mul(each)?).ok()?));
    match unit.trim().to_ascii_uppercase().trim_end_matches('S') {
        "YEAR" => months(12),
        "MONTH" => months(1),
        "WEEK" => TimeDelta::try_weeks(count).map(Step::Time),
        "DAY" => TimeDelta::try_days(count).map(Step::Time),
        "HOUR" => TimeDelta::try_hours(count).map(Step::Time),
        "MINUTE" => TimeDelta::try_minutes(count).map(Step::Time),
        "SECOND" => TimeDelta::try_seconds(count).map(Step::Time),
        "MILLI" | "MILLISECOND" => TimeDelta::try_milliseconds(count).map(Step::Time),
        _ => None,
    }
}

impl Values {
    /// Values and how they are spelled in paths.
    fn texts(&self, now: DateTime<Utc>) -> Option<Vec<(String, String)>> {
        match self {
            Self::Enum(values) => Some(values.iter().map(|text| (text.clone(), text.clone())).collect()),
            Self::Injected => None,
            Self::Integer { low, high, interval, digits } => {
                let count =
                    usize::try_from((i128::from(*high) - i128::from(*low)) / i128::from(*interval) + 1).unwrap_or(0);
                let numbers = (*low..=*high).step_by(usize::try_from(*interval).ok()?).take(count.min(MOST + 1));
                Some(numbers.map(|number| (number.to_string(), format!("{number:0digits$}"))).collect())
            }
            Self::Date { low, high, format, step, iso } => {
                let (low, high) = (moment(low, format, now)?, moment(high, format, now)?);
                let mut texts = Vec::new();
                let mut at = low;
                while at <= high && texts.len() <= MOST {
                    let spelled = at.format(format).to_string();
                    let value = if *iso { at.format("%Y-%m-%d").to_string() } else { spelled.clone() };
                    texts.push((value, spelled));
                    at = add(at, *step)?;
                }
                Some(texts)
            }
        }
    }
}

fn add(at: NaiveDateTime, step: Step) -> Option<NaiveDateTime> {
    match step {
        Step::Months(months) => at.checked_add_months(Months::new(months)),
        Step::Time(time) => at.checked_add_signed(time),
    }
}

/// A date in the format, or `NOW`, `NOW-3YEARS`, `NOW+1DAY`.
fn moment(text: &str, format: &str, now: DateTime<Utc>) -> Option<NaiveDateTime> {
    let Some(offset) = text.strip_prefix("NOW") else { return parse(text, format) };
    let now = now.naive_utc();
    let shifted = match offset.trim() {
        "" => now,
        offset => {
            let (sign, rest) = offset.split_at_checked(1)?;
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let step = step(rest[..digits].parse().ok()?, &rest[digits..])?;
            match (sign, step) {
                ("+", step) => add(now, step)?,
                ("-", Step::Months(months)) => now.checked_sub_months(Months::new(months))?,
                ("-", Step::Time(time)) => now.checked_sub_signed(time)?,
                _ => return None,
            }
        }
    };
    // Only what the format shows: steps begin at whole days, months, hours.
    parse(&shifted.format(format).to_string(), format)
}

fn parse(text: &str, format: &str) -> Option<NaiveDateTime> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    // What the format leaves out is the first there is.
    parsed.set_month(1).ok();
    parsed.set_day(1).ok();
    parsed.set_hour(0).ok();
    parsed.set_minute(0).ok();
    parsed.set_second(0).ok();
    let date = parsed.to_naive_date().ok()?;
    Some(date.and_time(parsed.to_naive_time().unwrap_or(NaiveTime::MIN)))
}

/// Java's `DateTimeFormatter` pattern as `strftime`'s.
fn strftime(java: &str) -> Option<String> {
    let mut format = String::new();
    let mut characters = java.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '\'' {
            if characters.next_if_eq(&'\'').is_some() {
                format.push('\'');
                continue;
            }
            for quoted in characters.by_ref() {
                if quoted == '\'' {
                    break;
                }
                format.push(quoted);
            }
            continue;
        }
        if !c.is_ascii_alphabetic() {
            if c == '%' {
                format.push('%');
            }
            format.push(c);
            continue;
        }
        let mut count = 1;
        while characters.next_if_eq(&c).is_some() {
            count += 1;
        }
        format.push_str(match (c, count) {
            ('y' | 'u', 2) => "%y",
            ('y' | 'u', _) => "%Y",
            ('M' | 'L', 1) => "%-m",
            ('M' | 'L', 2) => "%m",
            ('M' | 'L', 3) => "%b",
            ('M' | 'L', _) => "%B",
            ('d', 1) => "%-d",
            ('d', _) => "%d",
            ('D', _) => "%j",
            ('H', 1) => "%-H",
            ('H', _) => "%H",
            ('m', _) => "%M",
            ('s', _) => "%S",
            ('S', 3) => "%3f",
            _ => return None,
        });
    }
    Some(format)
}

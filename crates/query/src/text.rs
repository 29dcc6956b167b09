//! Values as Athena prints them. Source: measurements in spec/athena.md §2.4.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

use crate::{types::Type, value::Value};

/// The text of a value; `None` for NULL.
pub(crate) fn print(value: &Value, ty: &Type) -> Option<String> {
    if value.is_null() {
        return None;
    }
    Some(match ty {
        Type::Unknown => return None,
        Type::Boolean => value.bool().to_string(),
        Type::TinyInt | Type::SmallInt | Type::Integer | Type::BigInt => value.int().to_string(),
        Type::Real => real(value.double() as f32),
        Type::Double => double(value.double()),
        Type::Decimal(_, scale) => match value {
            Value::Decimal(number) => decimal(*number, *scale),
            other => decimal(i128::from(other.int()), *scale),
        },
        Type::Varchar(_) | Type::Json | Type::Uuid | Type::IpAddress => value.str().to_owned(),
        Type::Char(length) => pad(value.str(), *length),
        Type::Varbinary => value.bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        Type::Date => date(value.int()),
        Type::Time(precision) => time(value.int(), *precision),
        Type::Timestamp(precision) => timestamp(value.int(), *precision),
        Type::TimestampTz(precision, zone) => {
            format!("{} {zone}", timestamp(local(value.int(), zone), *precision))
        }
        Type::IntervalDayTime => interval_day_time(value.int()),
        Type::IntervalYearMonth => interval_year_month(value.int()),
        Type::Array(element) => {
            let items: Vec<String> = value.array().iter().map(|item| inner(item, element)).collect();
            format!("[{}]", items.join(", "))
        }
        Type::Map(key, item) => {
            let mut entries: Vec<&(Value, Value)> = value.map().iter().collect();
            entries.sort_by(|a, b| a.0.order(&b.0));
            let entries: Vec<String> =
                entries.iter().map(|(k, v)| format!("{}={}", inner(k, key), inner(v, item))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Type::Row(fields) => {
            let mut items = Vec::new();
            for (item, (name, ty)) in value.array().iter().zip(fields) {
                let text = inner(item, ty);
                items.push(name.as_ref().map_or_else(|| text.clone(), |name| format!("{name}={text}")));
            }
            format!("{{{}}}", items.join(", "))
        }
    })
}

fn inner(value: &Value, ty: &Type) -> String {
    print(value, ty).unwrap_or_else(|| "null".to_owned())
}

/// With blanks up to the length of a char.
pub(crate) fn pad(text: &str, length: u32) -> String {
    let missing = (length as usize).saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// As Java's `Double.toString`.
pub(crate) fn double(number: f64) -> String {
    java(number, &format!("{number:e}"), &format!("{number:?}"))
}

/// As Java's `Float.toString`.
pub(crate) fn real(number: f32) -> String {
    java(f64::from(number), &format!("{number:e}"), &format!("{number:?}"))
}

fn java(number: f64, scientific: &str, plain: &str) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return if plain.contains(['.', 'e']) { plain.to_owned() } else { format!("{plain}.0") };
    }
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let digits = if digits.contains('.') { digits.to_owned() } else { format!("{digits}.0") };
    format!("{digits}E{exponent}")
}

/// Plain digits, with all places of the scale.
pub(crate) fn decimal(number: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if number < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Days since 1970 as a date.
pub(crate) fn to_date(days: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(1970, 1, 1)
        .and_then(|epoch| epoch.checked_add_signed(TimeDelta::try_days(days)?))
        .unwrap_or_default()
}

/// Microseconds since 1970 as date and time.
pub(crate) fn to_datetime(microseconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp_micros(microseconds).unwrap_or_default().naive_utc()
}

pub(crate) fn date(days: i64) -> String {
    to_date(days).format("%Y-%m-%d").to_string()
}

fn fraction(microseconds: i64, precision: u8) -> String {
    if precision == 0 {
        return String::new();
    }
    let digits = format!("{microseconds:06}000000");
    format!(".{}", &digits[..usize::from(precision.min(12))])
}

pub(crate) fn time(microseconds: i64, precision: u8) -> String {
    let seconds = microseconds.div_euclid(1_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{clock}{}", fraction(microseconds.rem_euclid(1_000_000), precision))
}

pub(crate) fn timestamp(microseconds: i64, precision: u8) -> String {
    let at = to_datetime(microseconds);
    let fraction = fraction(i64::from(at.nanosecond() / 1000), precision);
    format!("{}{fraction}", at.format("%Y-%m-%d %H:%M:%S"))
}

/// The wall clock of an instant in a zone, as if it were UTC.
pub(crate) fn local(microseconds: i64, zone: &str) -> i64 {
    microseconds + crate::zone::offset_at(microseconds, zone) * 1_000_000
}

fn interval_day_time(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let all = milliseconds.unsigned_abs();
    let (seconds, rest) = (all / 1000, all % 1000);
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("{sign}{days} {hours:02}:{minutes:02}:{:02}.{rest:03}", seconds % 60)
}

fn interval_year_month(months: i64) -> String {
    let sign = if months < 0 { "-" } else { "" };
    format!("{sign}{}-{}", months.unsigned_abs() / 12, months.unsigned_abs() % 12)
}

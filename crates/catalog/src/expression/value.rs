//! The types of partition keys, and values of them.

use std::cmp::Ordering;

use chrono::{NaiveDate, NaiveDateTime};

/// What a key's values are compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyType {
    Text,
    Integral,
    Decimal,
    Date,
    Timestamp,
}

/// A value of a key's type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    /// Digits and how many of them are behind the point.
    Decimal(i128, u32),
    Date(NaiveDate),
    Timestamp(NaiveDateTime),
}

impl KeyType {
    /// `None` for types the language does not know.
    pub fn of(type_text: &str) -> Option<Self> {
        let name = type_text.split('(').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match name.as_str() {
            "string" | "char" | "varchar" => Self::Text,
            "int" | "integer" | "bigint" | "long" | "tinyint" | "smallint" => Self::Integral,
            "decimal" => Self::Decimal,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }

    /// The type in the sentence about LIKE.
    pub fn title(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Integral => "Integral",
            Self::Decimal => "Decimal",
            Self::Date => "Date",
            Self::Timestamp => "Timestamp",
        }
    }

    /// Reads a value, or says what it is not.
    pub fn cast(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Integral => {
                text.trim().parse().map(Value::Integer).map_err(|_| format!("\"{text}\" is not an integer."))
            }
            Self::Decimal => decimal(text.trim()).ok_or_else(|| format!("{text} is not a decimal.")),
            Self::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(Value::Date)
                .map_err(|_| format!("{text} is not a date.")),
            Self::Timestamp => {
                NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(Value::Timestamp).map_err(|_| {
                    format!("Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] {text} is not a timestamp.")
                })
            }
        }
    }
}

fn decimal(text: &str) -> Option<Value> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some(Value::Decimal(digits, u32::try_from(fraction.len()).ok()?))
}

impl Value {
    /// The order of two values of one type.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Integer(left), Self::Integer(right)) => left.cmp(right),
            (Self::Date(left), Self::Date(right)) => left.cmp(right),
            (Self::Timestamp(left), Self::Timestamp(right)) => left.cmp(right),
            (Self::Decimal(left, left_scale), Self::Decimal(right, right_scale)) => {
                let scale = (*left_scale).max(*right_scale);
                let widen = |digits: i128, from: u32| digits.saturating_mul(10_i128.saturating_pow(scale - from));
                widen(*left, *left_scale).cmp(&widen(*right, *right_scale))
            }
            // Literals have the key's type, so this is never reached.
            _ => Ordering::Less,
        }
    }
}

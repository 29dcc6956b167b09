//! Hive's type grammar, as Glue stores it, and what its types are in Arrow.
//!
//! Glue's `string` is Trino's `varchar`; a Hive timestamp has milliseconds.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use crate::{LakeError, LakeResult};

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HiveType {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    Decimal(u8, i8),
    String,
    Varchar(u32),
    Char(u32),
    Binary,
    Date,
    /// Milliseconds, without zone.
    Timestamp,
    Array(Box<HiveType>),
    Map(Box<HiveType>, Box<HiveType>),
    Struct(Vec<(String, HiveType)>),
}

/// Reads Hive's spelling: `struct<a:int,b:array<map<string,decimal(10,2)>>>`, in any case.
///
/// # Errors
/// Text that is no type, or a type Athena does not read (`uniontype`).
pub fn parse(text: &str) -> LakeResult<HiveType> {
    let unsupported = || LakeError::not_supported(format!("Unsupported Hive type: {text}"));
    let mut parser = Parser { rest: text.trim() };
    let parsed = parser.hive_type().ok_or_else(unsupported)?;
    if parser.rest.is_empty() { Ok(parsed) } else { Err(unsupported()) }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn symbol(&mut self, symbol: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(symbol)?.trim_start();
        Some(())
    }

    /// Everything up to one of the characters.
    fn until(&mut self, stops: &[char]) -> &'a str {
        let at = self.rest.find(stops).unwrap_or(self.rest.len());
        let (before, rest) = self.rest.split_at(at);
        self.rest = rest;
        before.trim()
    }

    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.until(&[',', ')']).parse().ok()
    }

    /// `(n)`.
    fn length(&mut self, most: u32) -> Option<u32> {
        self.symbol('(')?;
        let length = self.number()?;
        self.symbol(')')?;
        (1..=most).contains(&length).then_some(length)
    }

    fn hive_type(&mut self) -> Option<HiveType> {
        let name = self.until(&['<', '>', '(', ',', ')', ':']).to_ascii_lowercase();
        Some(match name.as_str() {
            "boolean" => HiveType::Boolean,
            "tinyint" => HiveType::TinyInt,
            "smallint" => HiveType::SmallInt,
            "int" | "integer" => HiveType::Int,
            "bigint" | "long" => HiveType::BigInt,
            "float" | "real" => HiveType::Float,
            "double" => HiveType::Double,
            "string" => HiveType::String,
            "binary" => HiveType::Binary,
            "date" => HiveType::Date,
            "timestamp" => HiveType::Timestamp,
            "varchar" if !self.rest.starts_with('(') => HiveType::String,
            "varchar" => HiveType::Varchar(self.length(65_535)?),
            "char" => HiveType::Char(self.length(255)?),
            "decimal" | "numeric" if !self.rest.starts_with('(') => HiveType::Decimal(10, 0),
            "decimal" | "numeric" => {
                self.symbol('(')?;
                let precision = self.number()?;
                let scale = if self.symbol(',').is_some() { self.number()? } else { 0 };
                self.symbol(')')?;
                let valid = (1..=38).contains(&precision) && scale >= 0 && i16::from(scale) <= i16::from(precision);
                valid.then_some(HiveType::Decimal(precision, scale))?
            }
            "array" => {
                self.symbol('<')?;
                let element = self.hive_type()?;
                self.symbol('>')?;
                HiveType::Array(Box::new(element))
            }
            "map" => {
                self.symbol('<')?;
                let key = self.hive_type()?;
                self.symbol(',')?;
                let value = self.hive_type()?;
                self.symbol('>')?;
                HiveType::Map(Box::new(key), Box::new(value))
            }
            "struct" => {
                self.symbol('<')?;
                let mut fields = Vec::new();
                loop {
                    let name = self.until(&[':', '>']).trim_matches('`').to_owned();
                    self.symbol(':')?;
                    fields.push((name, self.hive_type()?));
                    if self.symbol(',').is_none() {
                        break;
                    }
                }
                self.symbol('>')?;
                HiveType::Struct(fields)
            }
            _ => return None,
        })
    }
}

impl HiveType {
    /// The Arrow type of the values as they are read.
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::String | Self::Varchar(_) | Self::Char(_) => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::Array(element) => DataType::new_list(element.to_arrow(), true),
            Self::Map(key, value) => map_type(key.to_arrow(), value.to_arrow()),
            Self::Struct(fields) => {
                DataType::Struct(fields.iter().map(|(name, kind)| Field::new(name, kind.to_arrow(), true)).collect())
            }
        }
    }

    /// The Hive type for values of an Arrow type.
    ///
    /// # Errors
    /// `NOT_SUPPORTED: Unsupported Hive type: …` for times, intervals, zoned timestamps.
    pub fn from_arrow(data_type: &DataType) -> LakeResult<Self> {
        let unsupported = |name: &str| Err(LakeError::not_supported(format!("Unsupported Hive type: {name}")));
        Ok(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::TinyInt,
            DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Int,
            DataType::Int64 | DataType::UInt32 => Self::BigInt,
            DataType::UInt64 => Self::Decimal(20, 0),
            DataType::Float16 | DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale)
                if *precision <= 38 && *scale >= 0 =>
            {
                Self::Decimal(*precision, *scale)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::String,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Binary,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => return unsupported("timestamp(3) with time zone"),
            DataType::Time32(_) | DataType::Time64(_) => return unsupported("time(3)"),
            DataType::Interval(_) | DataType::Duration(_) => return unsupported("interval day to second"),
            DataType::FixedSizeBinary(16) => return unsupported("uuid"),
            DataType::Null => return unsupported("unknown"),
            DataType::Dictionary(_, value) => Self::from_arrow(value)?,
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::LargeListView(element)
            | DataType::FixedSizeList(element, _) => Self::Array(Box::new(Self::from_arrow(element.data_type())?)),
            DataType::Struct(fields) => {
                let field = |field: &Arc<Field>| Ok((field.name().clone(), Self::from_arrow(field.data_type())?));
                Self::Struct(fields.iter().map(field).collect::<LakeResult<_>>()?)
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(entry) if entry.len() == 2 => Self::Map(
                    Box::new(Self::from_arrow(entry[0].data_type())?),
                    Box::new(Self::from_arrow(entry[1].data_type())?),
                ),
                other => return unsupported(&other.to_string()),
            },
            other => return unsupported(&other.to_string()),
        })
    }
}

/// A map as Arrow has it, with its usual names.
pub(crate) fn map_type(key: DataType, value: DataType) -> DataType {
    let entry = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
}

/// Hive's spelling.
impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::String => f.write_str("string"),
            Self::Varchar(length) => write!(f, "varchar({length})"),
            Self::Char(length) => write!(f, "char({length})"),
            Self::Binary => f.write_str("binary"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Array(element) => write!(f, "array<{element}>"),
            Self::Map(key, value) => write!(f, "map<{key},{value}>"),
            Self::Struct(fields) => {
                f.write_str("struct<")?;
                for (at, (name, kind)) in fields.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma}{name}:{kind}")?;
                }
                f.write_str(">")
            }
        }
    }
}

//! Trino's types, what they are in Arrow, and which of them coerce to which.
//!
//! Arrow knows less than Trino: `varchar(3)`, `json` and `uuid` are all text to it, `timestamp(3)` and `timestamp(6)` are
//! both microseconds. So the analyzer keeps the Trino type of every expression beside DataFusion's expression.

use std::{fmt, sync::Arc};

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use athena_sql::{HiveType, TypeName};

use crate::error::QueryError;

/// A type of Trino's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    /// The type of `NULL`.
    Unknown,
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    Decimal(u8, u8),
    /// Unbounded without a length.
    Varchar(Option<u32>),
    Char(u32),
    Varbinary,
    Date,
    Time(u8),
    Timestamp(u8),
    /// The zone is the same for all values of a column, unlike Trino's.
    TimestampTz(u8, Arc<str>),
    IntervalDayTime,
    IntervalYearMonth,
    Array(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Row(Vec<(Option<String>, Type)>),
    Json,
    Uuid,
    IpAddress,
}

pub(crate) const VARCHAR: Type = Type::Varchar(None);

pub(crate) fn array_of(element: Type) -> Type {
    Type::Array(Box::new(element))
}

pub(crate) fn map_of(key: Type, value: Type) -> Type {
    Type::Map(Box::new(key), Box::new(value))
}

/// A list's type with the field names that every list here has.
pub(crate) fn list_type(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", element, true)))
}

impl Type {
    /// What its values are in Arrow.
    pub(crate) fn arrow(&self) -> DataType {
        match self {
            Self::Unknown => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Integer | Self::IntervalYearMonth => DataType::Int32,
            Self::BigInt | Self::IntervalDayTime => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale as i8),
            Self::Varchar(_) | Self::Char(_) | Self::Json | Self::Uuid | Self::IpAddress => DataType::Utf8,
            Self::Varbinary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time(_) => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone))),
            Self::Array(element) => list_type(element.arrow()),
            Self::Map(key, value) => {
                let fields = vec![Field::new("key", key.arrow(), false), Field::new("value", value.arrow(), true)];
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields.into()), false)), false)
            }
            Self::Row(fields) => DataType::Struct(row_fields(fields)),
        }
    }

    /// The type of a column that the lake reads.
    pub(crate) fn from_arrow(data_type: &DataType) -> Result<Self, QueryError> {
        Ok(match data_type {
            DataType::Null => Self::Unknown,
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::TinyInt,
            DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Integer,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::BigInt,
            DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Double,
            DataType::Decimal128(precision, scale) => Self::Decimal(*precision, u8::try_from(*scale).unwrap_or(0)),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => VARCHAR,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Varbinary,
            DataType::FixedSizeBinary(_) => Self::Varbinary,
            DataType::Date32 => Self::Date,
            DataType::Time64(_) => Self::Time(6),
            DataType::Timestamp(TimeUnit::Millisecond, None) => Self::Timestamp(3),
            DataType::Timestamp(_, None) => Self::Timestamp(6),
            DataType::Timestamp(_, Some(_)) => Self::TimestampTz(6, Arc::from("UTC")),
            DataType::List(field) | DataType::LargeList(field) => array_of(Self::from_arrow(field.data_type())?),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    map_of(Self::from_arrow(fields[0].data_type())?, Self::from_arrow(fields[1].data_type())?)
                }
                other => return Err(QueryError::internal(format!("a map of {other}"))),
            },
            DataType::Struct(fields) => Self::Row(
                fields
                    .iter()
                    .map(|field| Ok((Some(field.name().clone()), Self::from_arrow(field.data_type())?)))
                    .collect::<Result<_, QueryError>>()?,
            ),
            other => return Err(QueryError::not_supported(format!("Unsupported type: {other}"))),
        })
    }

    /// The type of a column in Glue. Timestamps of Hive tables have milliseconds, those of Iceberg tables microseconds.
    pub(crate) fn from_hive(hive: &HiveType, iceberg: bool) -> Result<Self, QueryError> {
        Ok(match hive {
            HiveType::Primitive { name, arguments } => match (name.as_str(), arguments.as_slice()) {
                ("boolean", _) => Self::Boolean,
                ("tinyint", _) => Self::TinyInt,
                ("smallint", _) => Self::SmallInt,
                ("int" | "integer", _) => Self::Integer,
                ("bigint" | "long", _) => Self::BigInt,
                ("float" | "real", _) => Self::Real,
                ("double", _) => Self::Double,
                ("decimal", []) => Self::Decimal(10, 0),
                ("decimal", [precision]) => Self::Decimal(small(*precision), 0),
                ("decimal", [precision, scale, ..]) => Self::Decimal(small(*precision), small(*scale)),
                ("string", _) => VARCHAR,
                ("varchar", [length, ..]) => Self::Varchar(Some(*length)),
                ("varchar", []) => VARCHAR,
                ("char", [length, ..]) => Self::Char(*length),
                ("binary" | "varbinary", _) => Self::Varbinary,
                ("date", _) => Self::Date,
                ("timestamp", _) => Self::Timestamp(if iceberg { 6 } else { 3 }),
                ("timestamptz" | "timestamp with time zone", _) => Self::TimestampTz(6, Arc::from("UTC")),
                ("time", _) => Self::Time(6),
                ("uuid", _) => Self::Uuid,
                ("void", _) => Self::Unknown,
                _ => return Err(QueryError::not_supported(format!("Unsupported Hive type: {hive}"))),
            },
            HiveType::Array(element) => array_of(Self::from_hive(element, iceberg)?),
            HiveType::Map(key, value) => map_of(Self::from_hive(key, iceberg)?, Self::from_hive(value, iceberg)?),
            HiveType::Struct(fields) => Self::Row(
                fields
                    .iter()
                    .map(|(name, ty)| Ok((Some(name.clone()), Self::from_hive(ty, iceberg)?)))
                    .collect::<Result<_, QueryError>>()?,
            ),
        })
    }

    /// The type in Glue's spelling.
    pub(crate) fn hive(&self, iceberg: bool) -> Result<String, QueryError> {
        Ok(match self {
            Self::Boolean => "boolean".to_owned(),
            Self::TinyInt | Self::SmallInt if iceberg => "int".to_owned(),
            Self::TinyInt => "tinyint".to_owned(),
            Self::SmallInt => "smallint".to_owned(),
            Self::Integer => "int".to_owned(),
            Self::BigInt => "bigint".to_owned(),
            Self::Real => "float".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            Self::Varchar(_) | Self::Char(_) if iceberg => "string".to_owned(),
            Self::Varchar(Some(length)) if *length <= 65535 => format!("varchar({length})"),
            Self::Varchar(_) => "string".to_owned(),
            Self::Char(length) if *length <= 255 => format!("char({length})"),
            Self::Varbinary => "binary".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp(_) => "timestamp".to_owned(),
            Self::TimestampTz(..) if iceberg => "timestamp with time zone".to_owned(),
            Self::Time(_) if iceberg => "time".to_owned(),
            Self::Uuid if iceberg => "uuid".to_owned(),
            Self::Array(element) => format!("array<{}>", element.hive(iceberg)?),
            Self::Map(key, value) => format!("map<{},{}>", key.hive(iceberg)?, value.hive(iceberg)?),
            Self::Row(fields) => {
                let mut parts = Vec::new();
                for (at, (name, ty)) in fields.iter().enumerate() {
                    let name = name.clone().unwrap_or_else(|| format!("_field{at}"));
                    parts.push(format!("{name}:{}", ty.hive(iceberg)?));
                }
                format!("struct<{}>", parts.join(","))
            }
            _ if iceberg => return Err(QueryError::not_supported(format!("Type not supported for Iceberg: {self}"))),
            _ => return Err(QueryError::not_supported(format!("Unsupported Hive type: {self}"))),
        })
    }

    /// The type that a written name means.
    pub(crate) fn from_name(name: &TypeName) -> Result<Self, QueryError> {
        Ok(match name {
            TypeName::Array(element) => array_of(Self::from_name(element)?),
            TypeName::Map(key, value) => map_of(Self::from_name(key)?, Self::from_name(value)?),
            TypeName::Row(fields) => Self::Row(
                fields
                    .iter()
                    .map(|(name, ty)| Ok((name.as_ref().map(athena_sql::Ident::lower), Self::from_name(ty)?)))
                    .collect::<Result<_, QueryError>>()?,
            ),
            TypeName::Simple { name, arguments, pos } => {
                let first = arguments.first().copied();
                match name.as_str() {
                    "boolean" => Self::Boolean,
                    "tinyint" => Self::TinyInt,
                    "smallint" => Self::SmallInt,
                    "integer" | "int" => Self::Integer,
                    "bigint" => Self::BigInt,
                    "real" | "float" => Self::Real,
                    "double" => Self::Double,
                    "decimal" | "numeric" | "dec" => {
                        let (precision, scale) = (first.unwrap_or(38), arguments.get(1).copied().unwrap_or(0));
                        if precision == 0 || precision > 38 || scale > precision {
                            let message = format!("Invalid DECIMAL precision: {precision}");
                            return Err(QueryError::at("INVALID_PARAMETER_USAGE", *pos, message));
                        }
                        Self::Decimal(small(precision), small(scale))
                    }
                    "varchar" => Self::Varchar(first),
                    "char" => Self::Char(first.unwrap_or(1)),
                    "varbinary" => Self::Varbinary,
                    "date" => Self::Date,
                    "time" => Self::Time(small(first.unwrap_or(3))),
                    "timestamp" => Self::Timestamp(small(first.unwrap_or(3))),
                    "timestamp with time zone" => Self::TimestampTz(small(first.unwrap_or(3)), Arc::from("UTC")),
                    "interval day to second" => Self::IntervalDayTime,
                    "interval year to month" => Self::IntervalYearMonth,
                    "json" => Self::Json,
                    "uuid" => Self::Uuid,
                    "ipaddress" => Self::IpAddress,
                    "unknown" => Self::Unknown,
                    _ => return Err(QueryError::at("TYPE_NOT_FOUND", *pos, format!("Unknown type: {name}"))),
                }
            }
        })
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::TinyInt | Self::SmallInt | Self::Integer | Self::BigInt)
    }

    pub(crate) fn is_numeric(&self) -> bool {
        self.is_integer() || matches!(self, Self::Real | Self::Double | Self::Decimal(..))
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Varchar(_) | Self::Char(_))
    }

    /// An integer type as a decimal that holds it.
    pub(crate) fn as_decimal(&self) -> Option<(u8, u8)> {
        Some(match self {
            Self::TinyInt => (3, 0),
            Self::SmallInt => (5, 0),
            Self::Integer => (10, 0),
            Self::BigInt => (19, 0),
            Self::Decimal(precision, scale) => (*precision, *scale),
            _ => return None,
        })
    }

    /// Whether values of the type have an order.
    pub(crate) fn is_orderable(&self) -> bool {
        match self {
            Self::Map(..) | Self::Json => false,
            Self::Array(element) => element.is_orderable(),
            Self::Row(fields) => fields.iter().all(|(_, ty)| ty.is_orderable()),
            _ => true,
        }
    }

    /// `ColumnInfo.Type`: without numbers and nested types; `float` for real.
    pub(crate) fn base_name(&self) -> String {
        match self {
            Self::Real => "float".to_owned(),
            Self::Array(_) => "array".to_owned(),
            Self::Map(..) => "map".to_owned(),
            Self::Row(_) => "row".to_owned(),
            Self::Decimal(..) => "decimal".to_owned(),
            Self::Varchar(_) => "varchar".to_owned(),
            Self::Char(_) => "char".to_owned(),
            Self::Time(_) => "time".to_owned(),
            Self::Timestamp(_) => "timestamp".to_owned(),
            Self::TimestampTz(..) => "timestamp with time zone".to_owned(),
            other => other.to_string(),
        }
    }

    /// `ColumnInfo.Precision` and `Scale`. Source: measurements in spec/athena.md §2.4.
    pub(crate) fn precision_and_scale(&self) -> (i32, i32) {
        match self {
            Self::TinyInt => (3, 0),
            Self::SmallInt => (5, 0),
            Self::Integer => (10, 0),
            Self::BigInt => (19, 0),
            Self::Real | Self::Double => (17, 0),
            Self::Decimal(precision, scale) => (i32::from(*precision), i32::from(*scale)),
            Self::Varchar(length) => (length.and_then(|length| i32::try_from(length).ok()).unwrap_or(i32::MAX), 0),
            Self::Char(length) => (i32::try_from(*length).unwrap_or(i32::MAX), 0),
            Self::Varbinary => (1_073_741_824, 0),
            Self::Time(_) | Self::Timestamp(_) | Self::TimestampTz(..) => (3, 0),
            _ => (0, 0),
        }
    }
}

fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The fields of a row in Arrow; fields without names get some.
pub(crate) fn row_fields(fields: &[(Option<String>, Type)]) -> Fields {
    fields
        .iter()
        .enumerate()
        .map(|(at, (name, ty))| Field::new(name.clone().unwrap_or_else(|| format!("field{at}")), ty.arrow(), true))
        .collect()
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Boolean => f.write_str("boolean"),
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::BigInt => f.write_str("bigint"),
            Self::Real => f.write_str("real"),
            Self::Double => f.write_str("double"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(length)) => write!(f, "varchar({length})"),
            Self::Char(length) => write!(f, "char({length})"),
            Self::Varbinary => f.write_str("varbinary"),
            Self::Date => f.write_str("date"),
            Self::Time(precision) => write!(f, "time({precision})"),
            Self::Timestamp(precision) => write!(f, "timestamp({precision})"),
            Self::TimestampTz(precision, _) => write!(f, "timestamp({precision}) with time zone"),
            Self::IntervalDayTime => f.write_str("interval day to second"),
            Self::IntervalYearMonth => f.write_str("interval year to month"),
            Self::Array(element) => write!(f, "array({element})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Row(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, ty)| name.as_ref().map_or_else(|| ty.to_string(), |name| format!("{name} {ty}")))
                    .collect();
                write!(f, "row({})", fields.join(", "))
            }
            Self::Json => f.write_str("json"),
            Self::Uuid => f.write_str("uuid"),
            Self::IpAddress => f.write_str("ipaddress"),
        }
    }
}

/// Whether `from` becomes `to` by itself.
pub(crate) fn coerces(from: &Type, to: &Type) -> bool {
    common(from, to).as_ref() == Some(to)
}

/// The narrowest type that both become by themselves.
pub(crate) fn common(a: &Type, b: &Type) -> Option<Type> {
    use Type::{
        Array, BigInt, Char, Date, Decimal, Double, Integer, Json, Map, Real, Row, SmallInt, Timestamp, TimestampTz,
        TinyInt, Unknown, Varchar,
    };
    if a == b {
        return Some(a.clone());
    }
    let rank = |ty: &Type| match ty {
        TinyInt => Some(0),
        SmallInt => Some(1),
        Integer => Some(2),
        BigInt => Some(3),
        _ => None,
    };
    Some(match (a, b) {
        (Unknown, other) | (other, Unknown) => other.clone(),
        (Double, other) | (other, Double) if other.is_numeric() => Double,
        (Real, other) | (other, Real) if other.is_numeric() => Real,
        _ if a.is_integer() && b.is_integer() => {
            if rank(a) > rank(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        _ if a.as_decimal().is_some() && b.as_decimal().is_some() => {
            let ((p1, s1), (p2, s2)) = (a.as_decimal()?, b.as_decimal()?);
            let scale = s1.max(s2);
            Decimal(((p1 - s1).max(p2 - s2) + scale).min(38), scale)
        }
        (Varchar(x), Varchar(y)) => Varchar(x.zip(*y).map(|(x, y)| x.max(y))),
        (Char(x), Char(y)) => Char(*x.max(y)),
        (Char(x), Varchar(Some(y))) | (Varchar(Some(y)), Char(x)) => Char(*x.max(y)),
        (Char(_), Varchar(None)) | (Varchar(None), Char(_)) => VARCHAR,
        (Date, Timestamp(p)) | (Timestamp(p), Date) => Timestamp(*p),
        (Date, TimestampTz(p, z)) | (TimestampTz(p, z), Date) => TimestampTz(*p, Arc::clone(z)),
        (Timestamp(x), Timestamp(y)) => Timestamp(*x.max(y)),
        (Timestamp(x), TimestampTz(y, z)) | (TimestampTz(y, z), Timestamp(x)) => TimestampTz(*x.max(y), Arc::clone(z)),
        (TimestampTz(x, z), TimestampTz(y, _)) => TimestampTz(*x.max(y), Arc::clone(z)),
        (Type::Time(x), Type::Time(y)) => Type::Time(*x.max(y)),
        (Json, Varchar(_)) | (Varchar(_), Json) => return None,
        (Array(x), Array(y)) => array_of(common(x, y)?),
        (Map(k1, v1), Map(k2, v2)) => map_of(common(k1, k2)?, common(v1, v2)?),
        (Row(x), Row(y)) if x.len() == y.len() => {
            let mut fields = Vec::new();
            for ((n1, t1), (n2, t2)) in x.iter().zip(y) {
                let name = if n1 == n2 { n1.clone() } else { None };
                fields.push((name, common(t1, t2)?));
            }
            Row(fields)
        }
        _ => return None,
    })
}

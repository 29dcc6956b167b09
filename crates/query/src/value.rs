//! One value at a time: what functions that no Arrow kernel covers work on.

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Date32Array, Decimal128Array, Float32Array,
        Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, NullArray, StringBuilder,
        StructArray, Time64MicrosecondArray, TimestampMicrosecondArray, new_null_array,
    },
    buffer::{NullBuffer, OffsetBuffer},
    compute::cast,
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    },
};

use crate::error::QueryError;

/// A value. Its Trino type says what an integer counts: days, microseconds, milliseconds of an interval.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Without its scale.
    Decimal(i128),
    Str(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Row(Vec<Value>),
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            Self::Decimal(number) => i64::try_from(*number).unwrap_or(0),
            _ => 0,
        }
    }

    pub(crate) fn double(&self) -> f64 {
        match self {
            Self::Double(number) => *number,
            Self::Int(number) => *number as f64,
            _ => f64::NAN,
        }
    }

    pub(crate) fn str(&self) -> &str {
        match self {
            Self::Str(text) => text,
            _ => "",
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Str(text) => text.as_bytes(),
            _ => &[],
        }
    }

    pub(crate) fn bool(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    pub(crate) fn array(&self) -> &[Value] {
        match self {
            Self::Array(values) | Self::Row(values) => values,
            _ => &[],
        }
    }

    pub(crate) fn map(&self) -> &[(Value, Value)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The order of two values of one type; nulls last.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            (Self::Str(a), Self::Str(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Array(a) | Self::Row(a), Self::Array(b) | Self::Row(b)) => {
                for (x, y) in a.iter().zip(b) {
                    let order = x.order(y);
                    if order != Ordering::Equal {
                        return order;
                    }
                }
                a.len().cmp(&b.len())
            }
            (Self::Map(a), Self::Map(b)) => {
                let flat = |entries: &[(Self, Self)]| {
                    Self::Array(entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect())
                };
                flat(a).order(&flat(b))
            }
            _ => Ordering::Equal,
        }
    }
}

/// All values of an array.
pub(crate) fn values(array: &dyn Array) -> Result<Vec<Value>, QueryError> {
    macro_rules! primitive {
        ($type:ty, $make:expr) => {{
            let array = array.as_primitive::<$type>();
            (0..array.len()).map(|at| if array.is_null(at) { Value::Null } else { $make(array.value(at)) }).collect()
        }};
    }
    Ok(match array.data_type() {
        DataType::Null => vec![Value::Null; array.len()],
        DataType::Boolean => {
            let array = array.as_boolean();
            array.iter().map(|value| value.map_or(Value::Null, Value::Bool)).collect()
        }
        DataType::Int8 => primitive!(Int8Type, |v| Value::Int(i64::from(v))),
        DataType::Int16 => primitive!(Int16Type, |v| Value::Int(i64::from(v))),
        DataType::Int32 => primitive!(Int32Type, |v| Value::Int(i64::from(v))),
        DataType::Int64 => primitive!(Int64Type, Value::Int),
        DataType::Float32 => primitive!(Float32Type, |v| Value::Double(f64::from(v))),
        DataType::Float64 => primitive!(Float64Type, Value::Double),
        DataType::Decimal128(..) => primitive!(Decimal128Type, Value::Decimal),
        DataType::Date32 => primitive!(Date32Type, |v| Value::Int(i64::from(v))),
        DataType::Time64(TimeUnit::Microsecond) => primitive!(Time64MicrosecondType, Value::Int),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive!(TimestampMicrosecondType, Value::Int),
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            array.iter().map(|value| value.map_or(Value::Null, |text| Value::Str(text.to_owned()))).collect()
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            array.iter().map(|value| value.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()))).collect()
        }
        DataType::List(_) => {
            let array = array.as_list::<i32>();
            let items = values(array.values())?;
            let offsets = array.value_offsets();
            (0..array.len())
                .map(|at| match array.is_null(at) {
                    true => Value::Null,
                    false => Value::Array(items[offsets[at] as usize..offsets[at + 1] as usize].to_vec()),
                })
                .collect()
        }
        DataType::Map(..) => {
            let array = array.as_map();
            let (keys, items) = (values(array.keys())?, values(array.values())?);
            let offsets = array.value_offsets();
            (0..array.len())
                .map(|at| match array.is_null(at) {
                    true => Value::Null,
                    false => {
                        let range = offsets[at] as usize..offsets[at + 1] as usize;
                        Value::Map(range.map(|at| (keys[at].clone(), items[at].clone())).collect())
                    }
                })
                .collect()
        }
        DataType::Struct(_) => {
            let array = array.as_struct();
            let columns = array.columns().iter().map(|column| values(column)).collect::<Result<Vec<_>, _>>()?;
            (0..array.len())
                .map(|at| match array.is_null(at) {
                    true => Value::Null,
                    false => Value::Row(columns.iter().map(|column| column[at].clone()).collect()),
                })
                .collect()
        }
        other => {
            // What the lake may read in another layout: text views, large lists, other time units.
            let plain = crate::types::Type::from_arrow(other)?.arrow();
            if plain == *other {
                return Err(QueryError::internal(format!("values of {other}")));
            }
            values(&cast(array, &plain).map_err(QueryError::internal)?)?
        }
    })
}

/// An array of values; the type says how they are laid out.
pub(crate) fn build(items: &[Value], data_type: &DataType) -> Result<ArrayRef, QueryError> {
    macro_rules! ints {
        ($array:ty, $native:ty) => {
            Arc::new(
                items
                    .iter()
                    .map(|value| (!value.is_null()).then(|| <$native>::try_from(value.int()).unwrap_or_default()))
                    .collect::<$array>(),
            )
        };
    }
    let nulls = || NullBuffer::from(items.iter().map(|value| !value.is_null()).collect::<Vec<bool>>());
    Ok(match data_type {
        DataType::Null => Arc::new(NullArray::new(items.len())),
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(items.len());
            items.iter().for_each(|value| builder.append_option((!value.is_null()).then(|| value.bool())));
            Arc::new(builder.finish())
        }
        DataType::Int8 => ints!(Int8Array, i8),
        DataType::Int16 => ints!(Int16Array, i16),
        DataType::Int32 => ints!(Int32Array, i32),
        DataType::Int64 => ints!(Int64Array, i64),
        DataType::Date32 => ints!(Date32Array, i32),
        DataType::Time64(TimeUnit::Microsecond) => ints!(Time64MicrosecondArray, i64),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let array: TimestampMicrosecondArray =
                items.iter().map(|value| (!value.is_null()).then(|| value.int())).collect();
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        DataType::Float32 => Arc::new(
            items.iter().map(|value| (!value.is_null()).then(|| value.double() as f32)).collect::<Float32Array>(),
        ),
        DataType::Float64 => {
            Arc::new(items.iter().map(|value| (!value.is_null()).then(|| value.double())).collect::<Float64Array>())
        }
        DataType::Decimal128(precision, scale) => {
            let array: Decimal128Array = items
                .iter()
                .map(|value| match value {
                    Value::Decimal(number) => Some(*number),
                    Value::Int(number) => Some(i128::from(*number)),
                    _ => None,
                })
                .collect();
            Arc::new(array.with_precision_and_scale(*precision, *scale).map_err(QueryError::internal)?)
        }
        DataType::Utf8 => {
            let mut builder = StringBuilder::new();
            items.iter().for_each(|value| builder.append_option((!value.is_null()).then(|| value.str())));
            Arc::new(builder.finish())
        }
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            items.iter().for_each(|value| builder.append_option((!value.is_null()).then(|| value.bytes())));
            Arc::new(builder.finish())
        }
        DataType::List(field) => {
            let offsets = OffsetBuffer::from_lengths(items.iter().map(|value| value.array().len()));
            let flat: Vec<Value> = items.iter().flat_map(|value| value.array().iter().cloned()).collect();
            let child = build(&flat, field.data_type())?;
            let array = ListArray::try_new(Arc::clone(field), offsets, child, Some(nulls()));
            Arc::new(array.map_err(QueryError::internal)?)
        }
        DataType::Map(entries, sorted) => {
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(QueryError::internal(format!("a map of {}", entries.data_type())));
            };
            let offsets = OffsetBuffer::from_lengths(items.iter().map(|value| value.map().len()));
            let keys: Vec<Value> =
                items.iter().flat_map(|value| value.map().iter().map(|entry| entry.0.clone())).collect();
            let vals: Vec<Value> =
                items.iter().flat_map(|value| value.map().iter().map(|entry| entry.1.clone())).collect();
            let columns = vec![build(&keys, fields[0].data_type())?, build(&vals, fields[1].data_type())?];
            let child = StructArray::try_new(fields.clone(), columns, None).map_err(QueryError::internal)?;
            let array = MapArray::try_new(Arc::clone(entries), offsets, child, Some(nulls()), *sorted);
            Arc::new(array.map_err(QueryError::internal)?)
        }
        DataType::Struct(fields) => {
            if fields.is_empty() {
                return Ok(new_null_array(data_type, items.len()));
            }
            let mut columns = Vec::new();
            for (at, field) in fields.iter().enumerate() {
                let column: Vec<Value> =
                    items.iter().map(|value| value.array().get(at).cloned().unwrap_or(Value::Null)).collect();
                columns.push(build(&column, field.data_type())?);
            }
            let array = StructArray::try_new(fields.clone(), columns, Some(nulls()));
            Arc::new(array.map_err(QueryError::internal)?)
        }
        other => return Err(QueryError::internal(format!("values of {other}"))),
    })
}

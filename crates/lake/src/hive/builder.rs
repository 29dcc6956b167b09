//! Columns under construction, from texts and nested values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int8Builder, Int16Builder, Int32Builder, Int64Builder, ListArray, MapArray, StringBuilder, StructArray,
    TimestampMillisecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};

use super::scalar;
use crate::HiveType;

/// A column that grows by values.
pub(super) enum ColumnBuilder {
    Boolean(BooleanBuilder),
    TinyInt(Int8Builder),
    SmallInt(Int16Builder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal {
        builder: Decimal128Builder,
        precision: u8,
        scale: i8,
    },
    /// With the most characters it may have.
    Text(StringBuilder, usize),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMillisecondBuilder),
    List {
        element: Box<ColumnBuilder>,
        ends: Vec<i32>,
        valid: Vec<bool>,
    },
    Map {
        key: Box<ColumnBuilder>,
        value: Box<ColumnBuilder>,
        ends: Vec<i32>,
        valid: Vec<bool>,
    },
    Struct {
        fields: Vec<(String, ColumnBuilder)>,
        valid: Vec<bool>,
    },
}

impl ColumnBuilder {
    pub fn new(hive_type: &HiveType) -> Self {
        match hive_type {
            HiveType::Boolean => Self::Boolean(BooleanBuilder::new()),
            HiveType::TinyInt => Self::TinyInt(Int8Builder::new()),
            HiveType::SmallInt => Self::SmallInt(Int16Builder::new()),
            HiveType::Int => Self::Int(Int32Builder::new()),
            HiveType::BigInt => Self::BigInt(Int64Builder::new()),
            HiveType::Float => Self::Float(Float32Builder::new()),
            HiveType::Double => Self::Double(Float64Builder::new()),
            HiveType::Decimal(precision, scale) => Self::Decimal {
                builder: Decimal128Builder::new().with_data_type(DataType::Decimal128(*precision, *scale)),
                precision: *precision,
                scale: *scale,
            },
            HiveType::String => Self::Text(StringBuilder::new(), usize::MAX),
            HiveType::Varchar(length) | HiveType::Char(length) => Self::Text(StringBuilder::new(), *length as usize),
            HiveType::Binary => Self::Binary(BinaryBuilder::new()),
            HiveType::Date => Self::Date(Date32Builder::new()),
            HiveType::Timestamp => Self::Timestamp(TimestampMillisecondBuilder::new()),
            HiveType::Array(element) => {
                Self::List { element: Box::new(Self::new(element)), ends: vec![0], valid: Vec::new() }
            }
            HiveType::Map(key, value) => Self::Map {
                key: Box::new(Self::new(key)),
                value: Box::new(Self::new(value)),
                ends: vec![0],
                valid: Vec::new(),
            },
            HiveType::Struct(fields) => Self::Struct {
                fields: fields.iter().map(|(name, kind)| (name.clone(), Self::new(kind))).collect(),
                valid: Vec::new(),
            },
        }
    }

    pub fn null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::TinyInt(builder) => builder.append_null(),
            Self::SmallInt(builder) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::BigInt(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Decimal { builder, .. } => builder.append_null(),
            Self::Text(builder, _) => builder.append_null(),
            Self::Binary(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::List { ends, valid, .. } | Self::Map { ends, valid, .. } => {
                ends.push(ends.last().copied().unwrap_or(0));
                valid.push(false);
            }
            Self::Struct { fields, valid } => {
                fields.iter_mut().for_each(|(_, field)| field.null());
                valid.push(false);
            }
        }
    }

    /// Adds the value of a text; adds nothing and answers `false` when it is none of the type, or the type is nested.
    pub fn text(&mut self, text: &str) -> bool {
        fn small<T: TryFrom<i64>>(text: &str) -> Option<T> {
            T::try_from(scalar::integer(text)?).ok()
        }
        let added = match self {
            Self::Boolean(builder) => boolean(text).map(|value| builder.append_value(value)),
            Self::TinyInt(builder) => small(text).map(|value| builder.append_value(value)),
            Self::SmallInt(builder) => small(text).map(|value| builder.append_value(value)),
            Self::Int(builder) => small(text).map(|value| builder.append_value(value)),
            Self::BigInt(builder) => small(text).map(|value| builder.append_value(value)),
            #[expect(clippy::cast_possible_truncation, reason = "a float column has floats")]
            Self::Float(builder) => scalar::float(text).map(|value| builder.append_value(value as f32)),
            Self::Double(builder) => scalar::float(text).map(|value| builder.append_value(value)),
            Self::Decimal { builder, precision, scale } => {
                scalar::decimal(text.trim(), *precision, *scale).map(|value| builder.append_value(value))
            }
            Self::Text(builder, most) => {
                let end = if text.len() > *most { text.char_indices().nth(*most).map(|(at, _)| at) } else { None };
                builder.append_value(end.map_or(text, |end| &text[..end]));
                Some(())
            }
            Self::Binary(builder) => {
                use base64::Engine;
                match base64::engine::general_purpose::STANDARD.decode(text) {
                    Ok(bytes) => builder.append_value(bytes),
                    // Hive takes what is no base64 as it is.
                    Err(_) => builder.append_value(text),
                }
                Some(())
            }
            Self::Date(builder) => scalar::date(text).map(|value| builder.append_value(value)),
            Self::Timestamp(builder) => scalar::timestamp(text).map(|value| builder.append_value(value)),
            Self::List { .. } | Self::Map { .. } | Self::Struct { .. } => None,
        };
        added.is_some()
    }

    /// The column so far; the builder begins anew.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::TinyInt(builder) => Arc::new(builder.finish()),
            Self::SmallInt(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Decimal { builder, .. } => Arc::new(builder.finish()),
            Self::Text(builder, _) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::List { element, ends, valid } => {
                let values = element.finish();
                let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
                Arc::new(ListArray::new(field, offsets(ends), values, validity(valid)))
            }
            Self::Map { key, value, ends, valid } => {
                let (keys, values) = (key.finish(), value.finish());
                let DataType::Map(entries, sorted) =
                    crate::hive_type::map_type(keys.data_type().clone(), values.data_type().clone())
                else {
                    unreachable!("a map's type is a map")
                };
                let DataType::Struct(fields) = entries.data_type().clone() else { unreachable!("entries are structs") };
                let entry_array = StructArray::new(fields, vec![keys, values], None);
                Arc::new(MapArray::new(entries, offsets(ends), entry_array, validity(valid), sorted))
            }
            Self::Struct { fields, valid } => {
                let columns: Vec<(String, ArrayRef)> =
                    fields.iter_mut().map(|(name, field)| (name.clone(), field.finish())).collect();
                let types: Fields =
                    columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
                let length = valid.len();
                let arrays: Vec<ArrayRef> = columns.into_iter().map(|(_, column)| column).collect();
                if arrays.is_empty() {
                    return Arc::new(StructArray::new_empty_fields(length, validity(valid)));
                }
                Arc::new(StructArray::new(types, arrays, validity(valid)))
            }
        }
    }
}

fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(std::mem::replace(ends, vec![0]).into())
}

fn validity(valid: &mut Vec<bool>) -> Option<NullBuffer> {
    let buffer = NullBuffer::from(std::mem::take(valid));
    (buffer.null_count() > 0).then_some(buffer)
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

impl ColumnBuilder {
    /// Ends a list or map whose elements were added, `count` of them.
    pub fn end_of_list(&mut self, count: usize) {
        if let Self::List { ends, valid, .. } | Self::Map { ends, valid, .. } = self {
            let count = i32::try_from(count).unwrap_or(i32::MAX);
            ends.push(ends.last().copied().unwrap_or(0) + count);
            valid.push(true);
        }
    }
}

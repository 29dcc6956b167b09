//! Columns of a file as the columns of the table: nested fields by name, numbers widened, timestamps rounded.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Fields, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType};
use arrow::error::ArrowError;

/// Why a column of a file is no column of the table.
#[derive(Debug)]
pub enum CoerceError {
    /// The types have nothing to do with each other.
    Incompatible,
    /// A value is out of the type's range.
    Value(ArrowError),
}

/// `array`, as it is in a file, with the table's type. Missing nested fields are NULL.
///
/// # Errors
/// Types that Athena does not read as one another, values out of range.
pub fn coerce(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, CoerceError> {
    let from = array.data_type();
    if from == to {
        return Ok(Arc::clone(array));
    }
    match (from, to) {
        (DataType::Struct(_), DataType::Struct(fields)) => coerce_struct(array.as_struct(), fields),
        (DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let values = coerce(list.values(), field.data_type())?;
            let list = ListArray::new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned());
            Ok(Arc::new(list))
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let DataType::Struct(fields) = entries.data_type() else { return Err(CoerceError::Incompatible) };
            let keys = coerce(map.keys(), fields[0].data_type())?;
            let values = coerce(map.values(), fields[1].data_type())?;
            let entry_array = StructArray::new(fields.clone(), vec![keys, values], None);
            let nulls = map.nulls().cloned();
            Ok(Arc::new(MapArray::new(Arc::clone(entries), map.offsets().clone(), entry_array, nulls, *sorted)))
        }
        // Trino rounds to the declared precision; Arrow's cast would cut off.
        (DataType::Timestamp(unit, _), DataType::Timestamp(TimeUnit::Millisecond, None)) => {
            let factor = match unit {
                TimeUnit::Second | TimeUnit::Millisecond => return cast(array, to),
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1_000_000,
            };
            let round = |value: i64| (value + factor / 2).div_euclid(factor);
            type Milliseconds = arrow::datatypes::TimestampMillisecondType;
            Ok(match unit {
                TimeUnit::Microsecond => {
                    Arc::new(array.as_primitive::<TimestampMicrosecondType>().unary::<_, Milliseconds>(round))
                }
                _ => Arc::new(array.as_primitive::<TimestampNanosecondType>().unary::<_, Milliseconds>(round)),
            })
        }
        (from, to) if compatible(from, to) => cast(array, to),
        _ => Err(CoerceError::Incompatible),
    }
}

fn compatible(from: &DataType, to: &DataType) -> bool {
    let text = |kind: &DataType| {
        matches!(
            kind,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        )
    };
    let numeric =
        |kind: &DataType| kind.is_integer() || matches!(kind, DataType::Decimal128(..) | DataType::Decimal256(..));
    match from {
        DataType::Null => true,
        DataType::Dictionary(_, value) => compatible(value, to) || **value == *to,
        _ if text(from) => text(to),
        _ if from.is_integer() => to.is_integer() || to.is_floating() || numeric(to),
        _ if from.is_floating() => to.is_floating(),
        DataType::Decimal128(..) | DataType::Decimal256(..) => numeric(to) || to.is_floating(),
        DataType::Date64 => matches!(to, DataType::Date32),
        DataType::Time32(_) | DataType::Time64(_) => matches!(to, DataType::Time64(_)),
        DataType::Timestamp(..) => matches!(to, DataType::Timestamp(..) | DataType::Date32),
        DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::ListView(_) => matches!(to, DataType::List(_)),
        _ => false,
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, CoerceError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &strict).map_err(CoerceError::Value)
}

fn coerce_struct(array: &StructArray, to: &Fields) -> Result<ArrayRef, CoerceError> {
    let mut columns = Vec::with_capacity(to.len());
    for field in to {
        let found = array.fields().iter().position(|from| from.name().eq_ignore_ascii_case(field.name()));
        columns.push(match found {
            Some(at) => coerce(array.column(at), field.data_type())?,
            None => new_null_array(field.data_type(), array.len()),
        });
    }
    if columns.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(array.len(), array.nulls().cloned())));
    }
    Ok(Arc::new(StructArray::new(to.clone(), columns, array.nulls().cloned())))
}

//! Hive's buckets: a hash of the bucketing columns.
//!
//! Source: Hive, `ObjectInspectorUtils.getBucketHashCode` of bucketing version 1: Java's hash codes, combined with 31.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;

use crate::{LakeError, LakeResult};

/// Each row's bucket; `None` without buckets.
pub(super) fn numbers(rows: &RecordBatch, columns: &[usize], count: usize) -> LakeResult<Option<Vec<usize>>> {
    if columns.is_empty() || count == 0 {
        return Ok(None);
    }
    let mut hashes = vec![0_i32; rows.num_rows()];
    for column in columns {
        let array = rows.column(*column);
        for (row, hash) in hashes.iter_mut().enumerate() {
            let value = if array.is_null(row) { 0 } else { hash_code(array.as_ref(), row)? };
            *hash = hash.wrapping_mul(31).wrapping_add(value);
        }
    }
    let bucket = |hash: i32| usize::try_from(hash & i32::MAX).unwrap_or(0) % count;
    Ok(Some(hashes.into_iter().map(bucket).collect()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Java's hash codes are made of low halves")]
fn hash_code(array: &dyn Array, row: usize) -> LakeResult<i32> {
    let long = |value: i64| (value ^ ((value as u64) >> 32) as i64) as i32;
    Ok(match array.data_type() {
        DataType::Boolean => i32::from(array.as_boolean().value(row)),
        DataType::Int8 => i32::from(array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => i32::from(array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row),
        DataType::Int64 => long(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_bits() as i32,
        DataType::Float64 => long(array.as_primitive::<Float64Type>().value(row).to_bits() as i64),
        DataType::Utf8 => {
            let bytes = array.as_string::<i32>().value(row).bytes();
            bytes.fold(0, |hash: i32, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte as i8)))
        }
        other => return Err(LakeError::not_supported(format!("bucketing by a column of type {other}"))),
    })
}

//! Partition values as texts.

use arrow::array::{Array, ArrayRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::{LakeError, LakeResult};

/// For each key column the texts of all rows; NULL and the empty string are `None`, as Hive has only one directory for both.
pub(super) fn texts(keys: &[ArrayRef]) -> LakeResult<Vec<Vec<Option<String>>>> {
    keys.iter().map(column_texts).collect()
}

fn column_texts(column: &ArrayRef) -> LakeResult<Vec<Option<String>>> {
    let options =
        FormatOptions::new().with_date_format(Some("%Y-%m-%d")).with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"));
    let doing = "formatting partition values";
    let formatter = ArrayFormatter::try_new(column, &options).map_err(LakeError::arrow(doing))?;
    let mut texts = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        if column.is_null(row) {
            texts.push(None);
            continue;
        }
        let text = formatter.value(row).try_to_string().map_err(LakeError::arrow(doing))?;
        texts.push(Some(text).filter(|text| !text.is_empty()));
    }
    Ok(texts)
}

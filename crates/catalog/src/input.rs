//! What callers say, checked and folded as the service does it.

use athena_api::glue::{Column, PartitionInput, StorageDescriptor, TableInput};
use athena_api::{ApiError, ApiResult};

/// What a comment may contain: everything printable and tab, no line break.
const COMMENT_PATTERN: &str = "[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*";

fn violation(value: &str, at: &str, constraint: &str) -> ApiError {
    ApiError::new(
        "ValidationException",
        format!(
            "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: Member must {constraint}"
        ),
    )
}

/// A name in lower case.
pub(crate) fn name(name: &str, at: &str) -> ApiResult<String> {
    if name.is_empty() {
        return Err(violation(name, at, "have length greater than or equal to 1"));
    }
    if name.chars().count() > 255 {
        return Err(violation(name, at, "have length less than or equal to 255"));
    }
    if name.chars().any(|c| c.is_control() && c != '\t') {
        return Err(violation(name, at, &format!("satisfy regular expression pattern: {COMMENT_PATTERN}")));
    }
    Ok(name.to_lowercase())
}

/// A list of at most `maximum`.
pub(crate) fn batch<T>(items: &[T], maximum: usize, at: &str) -> ApiResult<()> {
    if items.len() > maximum {
        return Err(violation(
            &format!("[{} members]", items.len()),
            at,
            &format!("have length less than or equal to {maximum}"),
        ));
    }
    Ok(())
}

/// A table with the lists and maps that the service always answers.
pub(crate) fn table(mut input: TableInput) -> ApiResult<TableInput> {
    input.name = name(&input.name, "tableInput.name")?;
    input.parameters.get_or_insert_default();
    columns(input.partition_keys.get_or_insert_default(), "table.partitionKeys")?;
    descriptor(input.storage_descriptor.get_or_insert_default(), "table.storageDescriptor.columns")?;
    Ok(input)
}

/// A partition with as many values as there are keys.
pub(crate) fn partition(mut input: PartitionInput, keys: usize) -> ApiResult<PartitionInput> {
    if input.values.len() != keys {
        return Err(crate::invalid_input("The number of partition keys do not match the number of partition values"));
    }
    input.parameters.get_or_insert_default();
    if let Some(storage) = &mut input.storage_descriptor {
        descriptor(storage, "partition.storageDescriptor.columns")?;
    }
    Ok(input)
}

fn descriptor(storage: &mut StorageDescriptor, at: &str) -> ApiResult<()> {
    columns(&mut storage.columns, at)
}

fn columns(columns: &mut [Column], at: &str) -> ApiResult<()> {
    for (index, column) in columns.iter_mut().enumerate() {
        let member = |field: &str| format!("{at}.{}.member.{field}", index + 1);
        column.name = name(&column.name, &member("name"))?;
        if let Some(comment) = &column.comment {
            if comment.chars().count() > 255 {
                return Err(violation(comment, &member("comment"), "have length less than or equal to 255"));
            }
            if comment.chars().any(|c| c.is_control() && c != '\t') {
                let constraint = format!("satisfy regular expression pattern: {COMMENT_PATTERN}");
                return Err(violation(comment, &member("comment"), &constraint));
            }
        }
        if column.r#type.as_ref().is_some_and(|text| text.len() > 131_072) {
            return Err(violation("…", &member("type"), "have length less than or equal to 131072"));
        }
    }
    Ok(())
}

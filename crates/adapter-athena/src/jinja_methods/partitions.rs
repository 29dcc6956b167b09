//! Methods for tables that are written partition by partition.

use engine::adapter::AdapterResult;
use jinja::{CallArgs, Value};

use super::{bad, origin, relation, text};
use crate::{batches, errors, literals, step, warehouse::Warehouse};

/// Partition keys and transforms as a list of expressions.
pub(super) fn keys(arguments: CallArgs) -> AdapterResult<Value> {
    let [keys] = arguments.bind("format_partition_keys", ["partition_keys"], 1).map_err(bad)?;
    let keys: Vec<String> = texts(keys).iter().map(|key| batches::select_key(key, &[])).collect();
    Ok(Value::from(keys.join(", ")))
}

fn texts(value: Option<Value>) -> Vec<String> {
    match &value {
        Some(Value::Str(one)) => vec![one.to_string()],
        Some(other) => other.items().unwrap_or_default().iter().map(ToString::to_string).collect(),
        None => Vec::new(),
    }
}

/// `(literal, operator)`.
pub(super) fn value(arguments: CallArgs) -> AdapterResult<Value> {
    let [value, kind] = arguments.bind("format_value_for_partition", ["value", "column_type"], 2).map_err(bad)?;
    let Some(value) = text(value) else {
        return Ok(Value::tuple(vec![Value::str("null"), Value::str(" is ")]));
    };
    let kind = match text(kind).unwrap_or_default().as_str() {
        "string" => "varchar".to_owned(),
        other => other.to_owned(),
    };
    let value = if kind == "boolean" { value.to_lowercase() } else { value };
    Ok(Value::tuple(vec![Value::from(literals::literal(&value, &kind)?), Value::str("=")]))
}

/// The conditions that each select the rows of at most so many partitions.
pub(super) async fn batches(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let names = ["sql", "partitioned_by", "partitions_limit", "as_subquery"];
    let [sql, keys, limit, as_subquery] = arguments.bind("get_partition_batches", names, 3).map_err(bad)?;
    let (sql, keys) = (text(sql).unwrap_or_default(), texts(keys));
    let limit = limit.and_then(|limit| limit.as_i64()).and_then(|limit| usize::try_from(limit).ok()).unwrap_or(1);
    let from = if as_subquery.is_some_and(|flag| flag.is_true()) { format!("({sql})") } else { sql };
    let origin = origin("get_partitions");
    // Only `truncate` groups by type.
    let columns = if keys.iter().any(|key| key.trim_start().to_lowercase().starts_with("truncate")) {
        let probe = format!("select * from {from} where false limit 0");
        warehouse.rows(&probe, &origin, None).await?.1.columns.iter().map(batches::named_type).collect()
    } else {
        Vec::new()
    };
    let select: Vec<String> = keys.iter().map(|key| batches::select_key(key, &columns)).collect();
    let (_, distinct) = warehouse.rows(&step::distinct_text(&select, &from), &origin, None).await?;
    let conditions = batches::conditions(&keys, &columns, &distinct, limit)?;
    Ok(Value::list(conditions.into_iter().map(Value::from).collect()))
}

/// Deletes the partitions that a condition selects, with their files.
pub(super) async fn clean_up(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of, conditions] = arguments.bind("clean_up_partitions", ["relation", "where_condition"], 2).map_err(bad)?;
    step::delete_matching(warehouse, &relation(of)?, &texts(conditions)).await?;
    Ok(Value::None)
}

/// Iceberg's bucket of a value.
pub(super) fn murmur3(arguments: CallArgs) -> AdapterResult<Value> {
    let [value, buckets] = arguments.bind("murmur3_hash", ["value", "num_buckets"], 2).map_err(bad)?;
    let kind = match &value {
        Some(Value::Int(_) | Value::Bool(_)) => "bigint",
        Some(Value::Date(_)) => "date",
        Some(Value::DateTime(_)) => "timestamp",
        Some(Value::Str(_)) => "varchar",
        _ => {
            return Err(errors::mistake(
                "Need to add support data type for hashing",
                "only numbers, texts, dates and timestamps have a bucket",
                "partition by a column of such a type",
            ));
        }
    };
    let buckets = buckets.and_then(|count| count.as_i64()).and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
    let value = match &value {
        Some(Value::Bool(flag)) => i64::from(*flag).to_string(),
        value => text(value.clone()).unwrap_or_default(),
    };
    Ok(Value::Int(i64::from(batches::bucket(&value, kind, buckets))))
}

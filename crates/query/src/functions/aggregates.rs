//! What aggregates make of all their rows.

use super::{MapBuilder, binary::xxhash64, invalid};
use crate::{error::QueryError, value::Value};

/// The values of the rows with the greatest or least keys: `row[value]` by `row[key]`, so many as `row[count]` says.
pub(crate) fn top(rows: &[Value], value: usize, key: usize, count: usize, greatest: bool) -> Result<Value, QueryError> {
    let mut rows: Vec<&[Value]> = rows.iter().map(Value::array).filter(|row| !row[key].is_null()).collect();
    let wanted = rows.first().map_or(0, |row| row[count].int());
    rows.sort_by(|a, b| if greatest { b[key].order(&a[key]) } else { a[key].order(&b[key]) });
    rows.truncate(usize::try_from(wanted).map_err(|_| invalid("third argument of max_by/min_by must be positive"))?);
    Ok(Value::Array(rows.into_iter().map(|row| row[value].clone()).collect()))
}

/// Keys and values; with `multi` all values of a key in a list.
pub(crate) fn map_of_rows(rows: &[Value], multi: bool) -> Result<Value, QueryError> {
    if !multi {
        let mut map = MapBuilder::default();
        rows.iter().map(Value::array).for_each(|row| map.put(&row[0], &row[1]));
        return Ok(map.build());
    }
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for row in rows.iter().map(Value::array) {
        let at = *places.entry(format!("{:?}", row[0])).or_insert_with(|| {
            entries.push((row[0].clone(), Value::Array(Vec::new())));
            entries.len() - 1
        });
        if let Value::Array(items) = &mut entries[at].1 {
            items.push(row[1].clone());
        }
    }
    Ok(Value::Map(entries))
}

/// How often each value occurs.
pub(crate) fn histogram(rows: &[Value]) -> Result<Value, QueryError> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for item in rows {
        let at = *places.entry(format!("{item:?}")).or_insert_with(|| {
            entries.push((item.clone(), Value::Int(0)));
            entries.len() - 1
        });
        entries[at].1 = Value::Int(entries[at].1.int() + 1);
    }
    Ok(Value::Map(entries))
}

/// `approx_most_frequent(buckets, value, capacity)`, exactly.
pub(crate) fn most_frequent(rows: &[Value]) -> Result<Value, QueryError> {
    let buckets = rows.first().map_or(0, |row| row.array()[0].int());
    let items: Vec<Value> = rows.iter().map(|row| row.array()[1].clone()).filter(|item| !item.is_null()).collect();
    let Value::Map(mut entries) = histogram(&items)? else { return Ok(Value::Null) };
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.1.int()));
    entries.truncate(usize::try_from(buckets).unwrap_or(0));
    Ok(Value::Map(entries))
}

/// `approx_percentile`, exactly: rows of value, perhaps weight, and one or several percentages.
pub(crate) fn percentile(rows: &[Value], at: usize, weighted: bool) -> Result<Value, QueryError> {
    let Some(first) = rows.first() else { return Ok(Value::Null) };
    let mut sorted: Vec<(&Value, f64)> =
        rows.iter().map(|row| (&row.array()[0], if weighted { row.array()[1].double() } else { 1.0 })).collect();
    sorted.sort_by(|a, b| a.0.order(b.0));
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let pick = |percentage: &Value| -> Result<Value, QueryError> {
        let percentage = percentage.double();
        if !(0.0..=1.0).contains(&percentage) {
            return Err(invalid("Percentile must be between 0 and 1"));
        }
        let mut passed = 0.0;
        for (value, weight) in &sorted {
            passed += weight;
            if passed > percentage * total || passed >= total {
                return Ok((*value).clone());
            }
        }
        Ok(sorted.last().map_or(Value::Null, |(value, _)| (*value).clone()))
    };
    match &first.array()[at] {
        Value::Array(percentages) => Ok(Value::Array(percentages.iter().map(pick).collect::<Result<_, _>>()?)),
        percentage => pick(percentage),
    }
}

/// A number that does not depend on the order of the rows. Not the number that Trino has.
pub(crate) fn checksum(rows: &[Value]) -> Result<Value, QueryError> {
    let sum = rows.iter().fold(0_u64, |sum, row| sum.wrapping_add(xxhash64(format!("{row:?}").as_bytes(), 0)));
    Ok(if rows.is_empty() { Value::Null } else { Value::Bytes(sum.to_le_bytes().to_vec()) })
}

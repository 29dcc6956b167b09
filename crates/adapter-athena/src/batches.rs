//! Partition batches: conditions that each select the rows of at most so many partitions.
//!
//! Source of the algorithm and its shapes: dbt-athena, `get_partition_batches`. Hashes are Iceberg's own, so that rows of one bucket stay
//! together.

use std::sync::LazyLock;

use athena_api::athena::ColumnInfo;
use engine::adapter::{AdapterResult, Column, TableType};
use regex::Regex;

use crate::{literals, warehouse::RawResult};

static TRANSFORM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*(hour|day|month|year)s?\s*\(\s*(.+?)\s*\)\s*$").expect("a valid pattern"));
static BUCKET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*bucket\s*\(\s*(.+?)\s*,\s*(\d+)\s*\)\s*$").expect("a valid pattern"));
static TRUNCATE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*truncate\s*\(\s*(.+?)\s*,\s*(\d+)\s*\)\s*$").expect("a valid pattern"));

/// A partition key or transform as an expression that groups rows.
pub(crate) fn select_key(key: &str, columns: &[Column]) -> String {
    if let Some(found) = TRANSFORM.captures(key) {
        return format!("date_trunc('{}', {})", found[1].to_lowercase(), found[2].to_lowercase());
    }
    if let Some(found) = BUCKET.captures(key) {
        return found[1].to_owned();
    }
    if let Some(found) = TRUNCATE.captures(key) {
        let (column, width) = (&found[1], &found[2]);
        let name = column.trim_matches('"');
        let kind =
            columns.iter().find(|known| known.name.eq_ignore_ascii_case(name)).map(|known| known.data_type.as_str());
        return match kind {
            Some("tinyint" | "smallint" | "integer" | "bigint") => {
                format!("{column} - ((({column} % {width}) + {width}) % {width})")
            }
            _ => format!("substr({column}, 1, {width})"),
        };
    }
    key.to_lowercase()
}

/// A result's column as a table's, for its name and type.
pub(crate) fn named_type(column: &ColumnInfo) -> Column {
    Column {
        name: column.name.clone(),
        data_type: column.r#type.clone(),
        raw_type: column.r#type.clone(),
        is_partition: false,
        table_type: TableType::Table,
        comment: None,
    }
}

/// The conditions, from the distinct values of the select keys.
pub(crate) fn conditions(
    keys: &[String],
    columns: &[Column],
    distinct: &RawResult,
    limit: usize,
) -> AdapterResult<Vec<String>> {
    let limit = limit.max(1);
    let bucket_at = keys.iter().rposition(|key| BUCKET.is_match(key));
    let mut plain: Vec<String> = Vec::new();
    let mut buckets: Vec<(u32, Vec<String>)> = Vec::new();
    let mut bucket_has_null = false;
    for row in &distinct.rows {
        let mut terms = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let data_type = distinct.columns.get(index).map_or("varchar", |column| column.r#type.as_str());
            let value = row.get(index).and_then(Option::as_deref);
            if Some(index) != bucket_at {
                terms.push(format!("{}{}", select_key(key, columns), literals::comparison(value, data_type)?));
                continue;
            }
            let Some(value) = value else {
                bucket_has_null = true;
                continue;
            };
            let count = BUCKET.captures(key).and_then(|found| found[2].parse().ok()).unwrap_or(1);
            let number = bucket(value, data_type, count);
            let literal = literals::literal(value, data_type)?;
            match buckets.iter_mut().find(|(known, _)| *known == number) {
                Some((_, values)) if values.contains(&literal) => {}
                Some((_, values)) => values.push(literal),
                None => buckets.push((number, vec![literal])),
            }
        }
        let row = terms.join(" and ");
        if !row.is_empty() && !plain.contains(&row) {
            plain.push(row);
        }
    }
    let Some(bucket_at) = bucket_at else {
        return Ok(plain.chunks(limit).map(|rows| rows.join(" or ")).collect());
    };
    let column = select_key(&keys[bucket_at], columns);
    let plain_per_batch = plain.len().min(limit).max(1);
    let buckets_per_batch = if plain.is_empty() { limit } else { (limit / plain_per_batch).max(1) };
    let chunks: Vec<String> = plain.chunks(plain_per_batch).map(|rows| rows.join(" or ")).collect();
    let mut bucket_conditions = Vec::new();
    for slice in buckets.chunks(buckets_per_batch) {
        let values: Vec<&String> = slice.iter().flat_map(|(_, values)| values).collect();
        for values in values.chunks(limit) {
            let values: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
            bucket_conditions.push(format!("{column} IN ({})", values.join(", ")));
        }
    }
    if bucket_has_null {
        bucket_conditions.push(format!("{column} is null"));
    }
    let mut batches = Vec::new();
    for condition in bucket_conditions {
        if chunks.is_empty() {
            batches.push(condition);
        } else {
            batches.extend(chunks.iter().map(|chunk| format!("({chunk}) and {condition}")));
        }
    }
    Ok(batches)
}

/// The bucket of a value. Source: Iceberg specification, appendix B, "32-bit hash requirements".
pub(crate) fn bucket(value: &str, data_type: &str, count: u32) -> u32 {
    let hash = match data_type {
        "tinyint" | "smallint" | "int" | "integer" | "bigint" => {
            value.parse::<i64>().map(|number| murmur3(&number.to_le_bytes()))
        }
        "date" => Ok(chrono::NaiveDate::parse_from_str(value, "%Y-%m-%d").map_or_else(
            |_| murmur3(value.as_bytes()),
            |date| murmur3(&(i64::from(chrono::Datelike::num_days_from_ce(&date)) - 719_163).to_le_bytes()),
        )),
        "timestamp" => Ok(chrono::NaiveDateTime::parse_from_str(value, "%Y-%m-%d %H:%M:%S%.f").map_or_else(
            |_| murmur3(value.as_bytes()),
            |moment| murmur3(&moment.and_utc().timestamp_micros().to_le_bytes()),
        )),
        _ => Ok(murmur3(value.as_bytes())),
    };
    (hash.unwrap_or_else(|_| murmur3(value.as_bytes())) & 0x7fff_ffff) % count.max(1)
}

/// MurmurHash3, x86, 32 bit, seed 0.
fn murmur3(bytes: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |block: u32| block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut hash = 0_u32;
    let mut blocks = bytes.chunks_exact(4);
    for block in &mut blocks {
        hash ^= scramble(u32::from_le_bytes([block[0], block[1], block[2], block[3]]));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = blocks.remainder();
    if !tail.is_empty() {
        let mut block = [0_u8; 4];
        block[..tail.len()].copy_from_slice(tail);
        hash ^= scramble(u32::from_le_bytes(block));
    }
    hash ^= u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use athena_api::athena::ColumnInfo;

    use super::*;

    fn result(types: &[&str], rows: &[&[Option<&str>]]) -> RawResult {
        let column = |kind: &&str| ColumnInfo {
            catalog_name: "hive".into(),
            schema_name: String::new(),
            table_name: String::new(),
            name: "c".into(),
            label: "c".into(),
            r#type: (*kind).into(),
            precision: 0,
            scale: 0,
            nullable: "UNKNOWN".into(),
            case_sensitive: false,
        };
        RawResult {
            columns: types.iter().map(column).collect(),
            rows: rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect(),
            ..RawResult::default()
        }
    }

    fn batches(keys: &[&str], types: &[&str], rows: &[&[Option<&str>]], limit: usize) -> Vec<String> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        conditions(&keys, &[], &result(types, rows), limit).expect("conditions")
    }

    #[test]
    fn partitions_are_joined_up_to_the_limit() {
        let rows: &[&[Option<&str>]] =
            &[&[Some("2024-01-01"), Some("us")], &[Some("2024-01-01"), Some("o'hare")], &[None, None]];
        assert_eq!(
            batches(&["date_col", "region"], &["date", "varchar"], rows, 2),
            [
                "date_col=DATE'2024-01-01' and region='us' or date_col=DATE'2024-01-01' and region='o''hare'",
                "date_col is null and region is null",
            ]
        );
    }

    #[test]
    fn buckets_list_their_values() {
        let rows: &[&[Option<&str>]] = &[&[Some("2024-01-01"), Some("alice")], &[Some("2024-01-02"), Some("bob")]];
        assert_eq!(
            batches(&["date_col", "BUCKET(user_id, 5)"], &["date", "varchar"], rows, 100),
            ["(date_col=DATE'2024-01-01' or date_col=DATE'2024-01-02') and user_id IN ('alice', 'bob')"]
        );
    }

    #[test]
    fn transforms_become_expressions() {
        assert_eq!(select_key("days(ts)", &[]), "date_trunc('day', ts)");
        assert_eq!(select_key("truncate(c, 4)", &[]), "substr(c, 1, 4)");
        let rows: &[&[Option<&str>]] = &[&[Some("2024-01-01 00:00:00.000")]];
        assert_eq!(
            batches(&["day(ts)"], &["timestamp"], rows, 5),
            ["date_trunc('day', ts)=TIMESTAMP'2024-01-01 00:00:00'"]
        );
    }

    #[test]
    fn hashes_are_icebergs() {
        // Source: dbt-athena's fixtures, and the Iceberg specification's examples.
        assert_eq!(bucket("123", "bigint", 100), 54);
        assert_eq!(bucket("test_string", "varchar", 100), 88);
        assert_eq!(murmur3(b"iceberg"), 1_210_000_089);
        assert_eq!(murmur3(&34_i64.to_le_bytes()), 2_017_239_379);
        assert_eq!(bucket("2017-11-16", "date", u32::MAX), (-653_330_422_i32 as u32) & 0x7fff_ffff);
    }
}

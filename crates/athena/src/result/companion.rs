//! The `.metadata` companion of a result: a protobuf message without official schema, read by AWS's JDBC driver.
//!
//! Source: measurements in spec/athena.md §2.5.

use athena_api::athena::ColumnInfo;

/// What the companion says.
pub(super) struct Companion<'a> {
    pub(super) query_id: &'a str,
    /// `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `CREATE TABLE`, `DROP TABLE`.
    pub(super) update_type: Option<&'a str>,
    pub(super) update_count: Option<i64>,
    pub(super) columns: &'a [ColumnInfo],
}

impl Companion<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut message = Vec::new();
        text(&mut message, 1, self.query_id);
        if let Some(update_type) = self.update_type {
            text(&mut message, 2, update_type);
        }
        if let Some(count) = self.update_count {
            number(&mut message, 3, count.unsigned_abs());
        }
        for info in self.columns {
            bytes(&mut message, 4, &column(info));
        }
        message
    }
}

/// `UNKNOWN` among NOT_NULL, NULLABLE, UNKNOWN.
const NULLABLE_UNKNOWN: u64 = 3;

fn column(info: &ColumnInfo) -> Vec<u8> {
    let mut message = Vec::new();
    text(&mut message, 1, &info.catalog_name);
    text(&mut message, 4, &info.name);
    text(&mut message, 5, &info.label);
    text(&mut message, 6, &info.r#type);
    let (has_size, has_case) = members(&info.r#type);
    if has_size {
        number(&mut message, 7, u64::from(info.precision.unsigned_abs()));
        number(&mut message, 8, u64::from(info.scale.unsigned_abs()));
    }
    number(&mut message, 9, NULLABLE_UNKNOWN);
    if has_case {
        number(&mut message, 10, u64::from(info.case_sensitive));
    }
    message
}

/// Whether precision and scale, and case sensitivity, are written for a type.
fn members(type_name: &str) -> (bool, bool) {
    match type_name {
        "tinyint" | "smallint" | "integer" | "bigint" | "float" | "double" | "decimal" | "varchar" | "char"
        | "varbinary" => (true, true),
        name if name.starts_with("timestamp") || name.starts_with("time") => (true, true),
        "date" => (true, true),
        name if name == "boolean" || name.starts_with("interval") => (false, true),
        _ => (false, false),
    }
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn number(message: &mut Vec<u8>, field: u64, value: u64) {
    varint(message, field << 3);
    varint(message, value);
}

fn bytes(message: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, value.len() as u64);
    message.extend_from_slice(value);
}

fn text(message: &mut Vec<u8>, field: u64, value: &str) {
    bytes(message, field, value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::rows_column;

    #[test]
    fn sizes_are_those_of_the_service() {
        // The service's own query ids have 27 characters.
        let size = |update_type| {
            let query_id = "20260917_085344_00007_k6s5b";
            Companion { query_id, update_type: Some(update_type), update_count: Some(1), columns: &[rows_column()] }
                .encode()
                .len()
        };
        assert_eq!([size("CREATE TABLE"), size("INSERT"), size("MERGE")], [81, 75, 74]);
    }

    #[test]
    fn a_statement_without_columns_is_its_id() {
        let id = "a".repeat(36);
        let encoded = Companion { query_id: &id, update_type: None, update_count: None, columns: &[] }.encode();
        assert_eq!((encoded.len(), &encoded[..2]), (38, [0x0a, 0x24].as_slice()));
    }
}

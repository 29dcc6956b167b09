//! Values as SQL literals.

use engine::adapter::AdapterResult;

use crate::errors;

/// `'it''s'`.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The operator and literal that select rows with this value; `data_type` is Athena's bare name.
pub(crate) fn comparison(value: Option<&str>, data_type: &str) -> AdapterResult<String> {
    let Some(value) = value else { return Ok(" is null".to_owned()) };
    Ok(format!("={}", literal(value, data_type)?))
}

/// A value as a literal of its type.
pub(crate) fn literal(value: &str, data_type: &str) -> AdapterResult<String> {
    Ok(match data_type {
        "tinyint" | "smallint" | "int" | "integer" | "bigint" | "boolean" => value.to_owned(),
        "varchar" | "char" | "string" => text(value),
        "date" => format!("DATE'{value}'"),
        "timestamp" => format!("TIMESTAMP'{}'", without_zero_fraction(value)),
        "timestamp with time zone" => format!("TIMESTAMP'{value}'"),
        "decimal" => format!("DECIMAL'{value}'"),
        "float" | "real" | "double" | "varbinary" | "time" | "uuid" => format!("cast('{value}' as {data_type})"),
        other => {
            return Err(errors::mistake(
                format!("Unsupported column type: {other}"),
                "a table cannot be written in batches by a partition column of this type",
                "partition by a number, a text, a date or a timestamp",
            ));
        }
    })
}

fn without_zero_fraction(value: &str) -> &str {
    match value.split_once('.') {
        Some((seconds, fraction)) if fraction.bytes().all(|byte| byte == b'0') => seconds,
        _ => value,
    }
}

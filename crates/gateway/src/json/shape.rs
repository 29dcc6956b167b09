//! What the members of each request must be: types first, then constraints, in the service's own words.
//!
//! A line of the tables reads `Operation: Member type [constraints], …`; `*` marks a member that must be there, `s` is a text, `i` a
//! number, `b` a flag, `l` a list, `o` a structure, and `2..5` bounds the length of texts and lists and the value of numbers.
//! Source: the service models of botocore.

use std::{collections::HashMap, sync::OnceLock};

use athena_api::{ApiError, ApiResult};
use serde_json::{Map, Value};

use super::JsonService;

const ATHENA: &str = include_str!("athena.shapes");
const GLUE: &str = include_str!("glue.shapes");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    List,
    Structure,
}

#[derive(Debug, Clone)]
struct Member {
    name: &'static str,
    required: bool,
    kind: Kind,
    least: Option<i64>,
    most: Option<i64>,
}

type Shapes = HashMap<&'static str, Vec<Member>>;

/// Whether the service has the operation, built or not.
pub(super) fn is_known(service: JsonService, operation: &str) -> bool {
    shapes(service).contains_key(operation)
}

/// Checks the members of a request.
pub(super) fn check(service: JsonService, operation: &str, members: &Map<String, Value>) -> ApiResult<()> {
    let Some(shape) = shapes(service).get(operation) else { return Ok(()) };
    for member in shape {
        if let Some(value) = members.get(member.name) {
            check_type(member.kind, value)?;
        }
    }
    let broken: Vec<String> =
        shape.iter().filter_map(|member| broken_constraint(member, members.get(member.name))).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let errors =
        if broken.len() == 1 { "1 validation error".to_owned() } else { format!("{} validation errors", broken.len()) };
    Err(service.constraint_error(format!("{errors} detected: {}", broken.join("; "))))
}

fn check_type(kind: Kind, value: &Value) -> ApiResult<()> {
    let found = match value {
        Value::String(_) => "STRING_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Array(_) | Value::Object(_) | Value::Null => "",
    };
    let message = match (kind, value) {
        (Kind::Text, Value::String(_))
        | (Kind::Number, Value::Number(_))
        | (Kind::Flag, Value::Bool(_))
        | (Kind::List, Value::Array(_))
        | (Kind::Structure, Value::Object(_)) => return Ok(()),
        (Kind::List, Value::String(_) | Value::Number(_) | Value::Bool(_)) => "Expected list or null".to_owned(),
        (Kind::Structure, Value::String(_) | Value::Number(_) | Value::Bool(_)) => "Expected null".to_owned(),
        (_, Value::Array(_)) => "Start of list found where not expected".to_owned(),
        (_, Value::Object(_)) => "Start of structure or map found where not expected.".to_owned(),
        (Kind::Text, _) => format!("{found} can not be converted to a String"),
        (Kind::Flag, _) => format!("{found} can not be converted to a Boolean"),
        (_, _) => format!("{found} can not be converted to an Integer"),
    };
    Err(ApiError::new("SerializationException", message))
}

fn broken_constraint(member: &Member, value: Option<&Value>) -> Option<String> {
    let at = format!("'{}' failed to satisfy constraint:", lower_camel(member.name));
    let Some(value) = value else {
        return member.required.then(|| format!("Value null at {at} Member must not be null"));
    };
    let (measure, size) = match value {
        Value::String(text) => ("length", text.len() as i64),
        Value::Array(items) => ("length", items.len() as i64),
        Value::Number(number) => ("value", number.as_f64().unwrap_or_default() as i64),
        _ => return None,
    };
    let bound = if member.least.is_some_and(|least| size < least) {
        format!("greater than or equal to {}", member.least.unwrap_or_default())
    } else if member.most.is_some_and(|most| size > most) {
        format!("less than or equal to {}", member.most.unwrap_or_default())
    } else {
        return None;
    };
    // A text of megabytes is not repeated.
    let shown = match value {
        Value::String(text) if text.len() <= 1024 => format!("Value '{text}' at"),
        Value::Number(number) => format!("Value '{number}' at"),
        _ => "Value at".to_owned(),
    };
    Some(format!("{shown} {at} Member must have {measure} {bound}"))
}

fn lower_camel(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn shapes(service: JsonService) -> &'static Shapes {
    static ATHENA_SHAPES: OnceLock<Shapes> = OnceLock::new();
    static GLUE_SHAPES: OnceLock<Shapes> = OnceLock::new();
    match service {
        JsonService::Athena => ATHENA_SHAPES.get_or_init(|| read(ATHENA)),
        JsonService::Glue => GLUE_SHAPES.get_or_init(|| read(GLUE)),
    }
}

fn read(table: &'static str) -> Shapes {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(':')).map(|(operation, members)| (operation, members_of(members))).collect()
}

fn members_of(text: &'static str) -> Vec<Member> {
    text.split(',').map(str::trim).filter(|member| !member.is_empty()).map(member_of).collect()
}

fn member_of(text: &'static str) -> Member {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let kind = match words.next() {
        Some("s") => Kind::Text,
        Some("i") => Kind::Number,
        Some("b") => Kind::Flag,
        Some("l") => Kind::List,
        _ => Kind::Structure,
    };
    let (least, most) = words.next().and_then(|range| range.split_once("..")).unwrap_or_default();
    Member {
        name: name.trim_end_matches('*'),
        required: name.ends_with('*'),
        kind,
        least: least.parse().ok(),
        most: most.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(operation: &str, members: Value) -> String {
        let Value::Object(members) = members else { unreachable!() };
        match check(JsonService::Athena, operation, &members) {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{}: {}", error.code, error.message),
        }
    }

    #[test]
    fn the_words_are_the_service_s() {
        let cases = [
            (
                json!({}),
                "InvalidRequestException: 1 validation error detected: Value null at 'queryExecutionId' failed to satisfy constraint: Member must not be null",
            ),
            (json!({"QueryExecutionId": 1}), "SerializationException: NUMBER_VALUE can not be converted to a String"),
            (json!({"QueryExecutionId": true}), "SerializationException: TRUE_VALUE can not be converted to a String"),
            (json!({"QueryExecutionId": []}), "SerializationException: Start of list found where not expected"),
            (
                json!({"QueryExecutionId": {}}),
                "SerializationException: Start of structure or map found where not expected.",
            ),
            (
                json!({"QueryExecutionId": "a", "MaxResults": "x"}),
                "SerializationException: STRING_VALUE can not be converted to an Integer",
            ),
            (json!({"QueryExecutionId": "a", "MaxResults": 1.5}), "ok"),
            (
                json!({"MaxResults": 0}),
                "InvalidRequestException: 2 validation errors detected: Value null at 'queryExecutionId' failed to satisfy constraint: Member must not be null; Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
        ];
        for (members, expected) in cases {
            assert_eq!(checked("GetQueryResults", members), expected);
        }
        assert_eq!(
            checked("BatchGetQueryExecution", json!({"QueryExecutionIds": "a"})),
            "SerializationException: Expected list or null"
        );
    }

    #[test]
    fn every_line_of_the_tables_is_read() {
        for (service, table) in [(JsonService::Athena, ATHENA), (JsonService::Glue, GLUE)] {
            let lines = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
            assert_eq!(shapes(service).len(), lines, "a line is malformed or an operation is there twice");
        }
    }
}

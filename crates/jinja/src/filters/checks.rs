//! Tests: `x is …`.

use super::Test;
use crate::eval::compare;
use crate::syntax::ast::Comparison;
use crate::value::Operator;
use crate::{CallArgs, Error, Result, Value};

fn argument(args: CallArgs) -> Result<Value> {
    match args.positional.into_iter().next().or_else(|| args.keyword.into_iter().next().map(|(_, value)| value)) {
        Some(value) => Ok(value),
        None => Err(Error::type_error("the test is missing 1 required positional argument")),
    }
}

fn remainder(value: &Value, by: i64) -> Result<Value> {
    value.operate(Operator::Remainder, &Value::Int(by))
}

/// The test of this name.
pub(crate) fn test(name: &str) -> Option<Test> {
    Some(match name {
        "defined" => |_, value, _| Ok(!value.is_undefined()),
        "undefined" => |_, value, _| Ok(value.is_undefined()),
        "none" => |_, value, _| Ok(value.is_none()),
        "boolean" => |_, value, _| Ok(matches!(value, Value::Bool(_))),
        "true" => |_, value, _| Ok(matches!(value, Value::Bool(true))),
        "false" => |_, value, _| Ok(matches!(value, Value::Bool(false))),
        "integer" => |_, value, _| Ok(matches!(value, Value::Int(_) | Value::BigInt(_))),
        "float" => |_, value, _| Ok(matches!(value, Value::Float(_))),
        "number" => |_, value, _| Ok(value.is_number()),
        "string" => |_, value, _| Ok(value.type_name() == "str"),
        "mapping" => |_, value, _| match value {
            Value::Dict(_) => Ok(true),
            Value::Object(object) => Ok(object.is_mapping()),
            _ => Ok(false),
        },
        "sequence" => |_, value, _| match value {
            Value::Str(_) | Value::Bytes(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) => Ok(true),
            Value::Undefined(undefined) => Ok(undefined.propagates),
            Value::Object(object) => Ok(object.is_sequence()),
            _ => Ok(false),
        },
        "iterable" => |_, value, _| Ok(value.is_iterable()),
        "callable" => |_, value, _| Ok(value.is_callable() || value.is_undefined()),
        "even" => |_, value, _| Ok(remainder(value, 2)? == Value::Int(0)),
        "odd" => |_, value, _| Ok(remainder(value, 2)? == Value::Int(1)),
        "divisibleby" => |_, value, args| Ok(value.operate(Operator::Remainder, &argument(args)?)? == Value::Int(0)),
        "eq" | "equalto" | "==" => |_, value, args| Ok(*value == argument(args)?),
        "ne" | "!=" => |_, value, args| Ok(*value != argument(args)?),
        "lt" | "lessthan" | "<" => |_, value, args| compare(value, Comparison::Less, &argument(args)?),
        "le" | "<=" => |_, value, args| compare(value, Comparison::LessOrEqual, &argument(args)?),
        "gt" | "greaterthan" | ">" => |_, value, args| compare(value, Comparison::Greater, &argument(args)?),
        "ge" | ">=" => |_, value, args| compare(value, Comparison::GreaterOrEqual, &argument(args)?),
        "in" => |_, value, args| argument(args)?.contains(value),
        "sameas" => |_, value, args| Ok(same(value, &argument(args)?)),
        "escaped" => |_, _, _| Ok(false),
        "lower" => |_, value, _| {
            let text = value.to_string();
            Ok(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
        },
        "upper" => |_, value, _| {
            let text = value.to_string();
            Ok(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
        },
        "filter" => |_, value, _| Ok(value.as_str().is_some_and(|name| super::filter(name).is_some())),
        "test" => |_, value, _| Ok(value.as_str().is_some_and(|name| test(name).is_some())),
        _ => return None,
    })
}

/// Python's `is`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => a.is_same(b),
        (Value::Dict(a), Value::Dict(b)) => a.is_same(b),
        (Value::Set(a), Value::Set(b)) => a.is_same(b),
        (Value::Object(_), Value::Object(_)) => crate::value::same_object(a, b),
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(_), _) | (_, Value::Float(_)) => false,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b) && a == b,
    }
}

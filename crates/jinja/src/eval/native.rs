//! Native rendering: a template that is one expression gives its value.

use std::fmt;
use std::sync::Arc;

use crate::{Error, ErrorKind, Object, Result, Value};

/// What `as_text`, `as_native`, `as_bool` and `as_number` leave on a text in native rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Text,
    Native,
    Bool,
    Number,
}

/// A text with a wish about its type.
pub(crate) struct Marker {
    text: Arc<str>,
    wanted: Wanted,
}

impl Marker {
    pub(crate) fn value(filter: &str, text: String) -> Value {
        let wanted = match filter {
            "as_text" => Wanted::Text,
            "as_bool" => Wanted::Bool,
            "as_number" => Wanted::Number,
            _ => Wanted::Native,
        };
        Value::object(Marker { text: text.into(), wanted })
    }
}

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Object for Marker {
    fn type_name(&self) -> &str {
        "str"
    }

    fn str(&self) -> String {
        self.text.to_string()
    }

    fn repr(&self) -> String {
        Value::Str(Arc::clone(&self.text)).repr()
    }

    fn is_true(&self) -> bool {
        !self.text.is_empty()
    }

    fn len(&self) -> Option<usize> {
        Some(self.text.chars().count())
    }

    /// As in a text: `'a' in ['a', 'b'] | as_bool` looks into the list's text, for the filter binds first.
    fn contains(&self, item: &Value) -> Option<bool> {
        match item {
            Value::Str(part) => Some(self.text.contains(&**part)),
            other => other.downcast_ref::<Marker>().map(|part| self.text.contains(&*part.text)),
        }
    }

    fn eq(&self, other: &Value) -> bool {
        match other {
            Value::Str(text) => *text == self.text,
            other => other.downcast_ref::<Marker>().is_some_and(|other| other.text == self.text),
        }
    }
}

/// The value of the pieces of a template.
pub(super) fn joined(mut pieces: Vec<Value>) -> Result<Value> {
    if pieces.len() > 1 {
        return Ok(pieces.iter().map(Value::to_string).collect::<String>().into());
    }
    let Some(only) = pieces.pop() else { return Ok("".into()) };
    let Some(marker) = only.downcast_ref::<Marker>() else { return Ok(only) };
    let text = Value::Str(Arc::clone(&marker.text));
    if marker.wanted == Wanted::Text {
        return Ok(text);
    }
    let value = crate::syntax::python_literal(&marker.text).unwrap_or(text);
    let (fits, name) = match marker.wanted {
        Wanted::Bool => (matches!(value, Value::Bool(_)), "bool"),
        Wanted::Number => (matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Float(_)), "number"),
        _ => (true, ""),
    };
    if !fits {
        return Err(Error::new(
            ErrorKind::Value,
            format!("Could not convert value '{}' into type '{name}'", marker.text),
        ));
    }
    Ok(value)
}

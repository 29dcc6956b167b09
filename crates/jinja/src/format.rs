//! `%` formatting and `str.format`.

use crate::{Result, Value};

pub(crate) fn percent(_text: &str, _args: &Value) -> Result<Value> {
    Ok(Value::None)
}

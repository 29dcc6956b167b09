//! The methods and attributes of Python's types.

use crate::{CallArgs, Result, State, Value};

pub(crate) fn has_method(_value: &Value, _name: &str) -> bool {
    false
}
pub(crate) fn attribute(_value: &Value, _name: &str) -> Option<Value> {
    None
}
pub(crate) fn call(_state: &mut State<'_>, _value: &Value, _name: &str, _args: CallArgs) -> Option<Result<Value>> {
    None
}

//! `flags`: the invocation's flags in upper case.

use std::sync::Arc;

use artifacts::JsonMap;
use jinja::{CallArgs, Error, Object, Result, State, Value};

/// `flags`.
#[derive(Debug)]
pub(crate) struct Flags(pub Arc<JsonMap>);

impl Object for Flags {
    fn type_name(&self) -> &str {
        "Namespace"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        let found = self.0.get(name).or_else(|| self.0.get(name.to_ascii_lowercase().as_str()));
        Some(found.map_or(Value::None, Value::from))
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        self.get_attr(key.as_str()?)
    }

    fn has_method(&self, name: &str) -> bool {
        name == "get"
    }

    fn call_method(&self, _: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if name != "get" {
            return Err(Error::type_error(format!("'Namespace' object has no attribute '{name}'")));
        }
        let [key, default] = args.bind("get", ["key", "default"], 1)?;
        let found = key.as_ref().and_then(Value::as_str).and_then(|key| self.0.get(&key.to_ascii_lowercase()));
        Ok(found.map(Value::from).or(default).unwrap_or(Value::None))
    }

    fn is_true(&self) -> bool {
        true
    }
}

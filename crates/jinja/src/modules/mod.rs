//! Names of dbt's context that need no host.

mod builtins;
mod datetime;
mod globals;
mod itertools;
mod json;
mod regex;
mod zones;

use std::sync::Arc;

pub use builtins::{builtin, builtin_names};
pub(crate) use datetime::{make_date, make_time};
pub(crate) use globals::jinja_global;
pub use json::{dump_json, parse_json};
pub(crate) use zones::{attached_zone_of, zone_of, zone_value};

use crate::{CallArgs, Object, Result, State, Value};

/// Tells the time: `modules.datetime.datetime.now()`. The host's clock.
pub type Clock = Arc<dyn Fn() -> chrono::DateTime<chrono::Utc> + Send + Sync>;

/// Hears that something deprecated is used; a message ends the rendering.
pub type Told = Arc<dyn Fn() -> std::result::Result<(), String> + Send + Sync>;

/// `modules`: `datetime`, `re`, `itertools`, whose use is told, `pytz`. Build it once and share it.
pub fn modules(clock: Clock, itertools: Told) -> Value {
    Value::dict([
        ("datetime", datetime::module(clock)),
        ("re", regex::module()),
        ("itertools", itertools::module(itertools)),
        ("pytz", zones::module()),
    ])
}

/// A Python module or class: attributes, and perhaps a call.
struct Namespace {
    name: &'static str,
    members: Vec<(&'static str, Value)>,
    constructor: Option<Value>,
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.repr())
    }
}

impl Namespace {
    fn module(name: &'static str, members: Vec<(&'static str, Value)>) -> Value {
        Value::object(Namespace { name, members, constructor: None })
    }

    fn class(name: &'static str, constructor: Value, members: Vec<(&'static str, Value)>) -> Value {
        Value::object(Namespace { name, members, constructor: Some(constructor) })
    }
}

impl Object for Namespace {
    fn type_name(&self) -> &str {
        if self.constructor.is_some() { "type" } else { "module" }
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        self.members.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        match &self.constructor {
            Some(constructor) => state.call(constructor, args),
            None => Err(crate::Error::type_error("'module' object is not callable")),
        }
    }

    fn is_callable(&self) -> bool {
        self.constructor.is_some()
    }

    fn repr(&self) -> String {
        let kind = if self.constructor.is_some() { "class" } else { "module" };
        format!("<{kind} '{}'>", self.name)
    }
}

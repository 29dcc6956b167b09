//! `config`: records at parse time, answers at run time.

use std::sync::Arc;

use artifacts::JsonMap;
use jinja::{CallArgs, Error, Object, Result, State, Value};
use project::{aliases, config::canonical_key, merge_config};

use super::node::{Context, Phase};

/// `config`.
#[derive(Debug)]
pub(crate) struct ConfigObject(pub Context);

const METHODS: [&str; 7] =
    ["get", "require", "meta_get", "meta_require", "set", "persist_relation_docs", "persist_column_docs"];

impl ConfigObject {
    fn record(&self, entries: JsonMap) -> Result<Value> {
        for (old, new) in [("pre_hook", "pre-hook"), ("post_hook", "post-hook")] {
            if entries.contains_key(old) && entries.contains_key(new) {
                return Err(Error::host(diagnostic::Diagnostic::error(format!(
                    "Invalid config, has conflicting keys \"{old}\" and \"{new}\""
                ))));
            }
        }
        if let Some(what) = aliases::both_names(|name| entries.contains_key(name)) {
            return Err(Error::host(diagnostic::Diagnostic::error(what).fix(aliases::FIX)));
        }
        let mut capture = self.0.capture();
        for (key, value) in entries {
            let key = canonical_key(&key);
            if capture.config.contains_key(key) {
                merge_config(&mut capture.config, &JsonMap::from_iter([(key.to_owned(), value)]));
            } else {
                // As it is written: `+select` in grants counts when it meets the layers below.
                capture.config.insert(key.to_owned(), value);
            }
        }
        Ok("".into())
    }

    fn stored(&self, key: &str) -> Option<Value> {
        self.0.0.node.config.get(key).map(Value::from)
    }

    fn meta(&self, key: &str) -> Option<Value> {
        self.0.0.node.config.get("meta")?.as_object()?.get(key).map(Value::from)
    }

    fn lookup(&self, state: &mut State<'_>, method: &str, args: CallArgs) -> Result<Value> {
        let required = matches!(method, "require" | "meta_require");
        let (name, default, validator) = if required {
            let [name, validator] = args.bind(method, ["name", "validator"], 1)?;
            (name, None, validator)
        } else {
            let [name, default, validator] = args.bind(method, ["name", "default", "validator"], 1)?;
            (name, default, validator)
        };
        if self.0.0.phase == Phase::Parse {
            return Ok("".into());
        }
        let name = name.unwrap_or(Value::None).to_string();
        let found = if method.starts_with("meta_") { self.meta(&name) } else { self.stored(&name) };
        let value = match (found, required) {
            (Some(value), _) => value,
            (None, true) => {
                return Err(Error::host(diagnostic::Diagnostic::error(format!(
                    "Model '{}' does not define a required config parameter '{name}'.",
                    self.0.0.node.unique_id
                ))));
            }
            (None, false) => return Ok(default.unwrap_or(Value::None)),
        };
        if let Some(validator) = validator.filter(|validator| !validator.is_none()) {
            state.call(&validator, CallArgs::positional(vec![value.clone()]))?;
        }
        Ok(value)
    }

    fn persists(&self, what: &str) -> bool {
        let docs = self.0.0.node.config.get("persist_docs").and_then(serde_json::Value::as_object);
        docs.and_then(|docs| docs.get(what)).and_then(serde_json::Value::as_bool).unwrap_or(false)
    }
}

impl Object for ConfigObject {
    fn type_name(&self) -> &str {
        "Config"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
        if self.0.0.phase != Phase::Parse {
            return Ok("".into());
        }
        let entries = match (args.positional.as_slice(), args.keyword.is_empty()) {
            ([Value::Dict(dict)], true) => {
                dict.entries().into_iter().map(|(key, value)| (key.to_string(), value.to_json_lossy())).collect()
            }
            // As of an unknown name nothing is known, nothing is set.
            ([Value::Undefined(_)], true) => JsonMap::new(),
            ([], _) => args.keyword.iter().map(|(key, value)| (key.to_string(), value.to_json_lossy())).collect(),
            _ => {
                return Err(Error::host(
                    diagnostic::Diagnostic::error("Invalid inline model config".to_owned())
                        .fix("write config(key=value, …)"),
                ));
            }
        };
        self.record(entries)
    }

    fn has_method(&self, name: &str) -> bool {
        METHODS.contains(&name)
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        if METHODS.contains(&name) {
            return None;
        }
        match self.0.0.phase {
            _ if name == "model" => Some(self.0.model()),
            Phase::Parse => None,
            _ => self.stored(name),
        }
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let parsing = self.0.0.phase == Phase::Parse;
        match name {
            "get" | "require" | "meta_get" | "meta_require" => self.lookup(state, name, args),
            "set" if parsing => {
                let [key, value] = args.bind("set", ["name", "value"], 2)?;
                let mut entries = JsonMap::new();
                entries.insert(key.unwrap_or(Value::None).to_string(), value.unwrap_or(Value::None).to_json_lossy());
                self.record(entries)
            }
            "set" => Ok("".into()),
            "persist_relation_docs" | "persist_column_docs" => {
                let [] = args.bind(name, [], 0)?;
                let what = if name == "persist_relation_docs" { "relation" } else { "columns" };
                Ok((!parsing && self.persists(what)).into())
            }
            _ => state.call_missing("Config", name),
        }
    }

    fn is_true(&self) -> bool {
        true
    }
}

/// `validation`.
#[derive(Debug)]
pub(crate) struct Validation;

impl Object for Validation {
    fn type_name(&self) -> &str {
        "ValidationModule"
    }

    fn has_method(&self, name: &str) -> bool {
        name == "any"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        (name == "any").then(|| Value::object(AnyOf(Arc::default())))
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        match self.get_attr(name) {
            Some(any) => state.call(&any, args),
            None => state.call_missing("ValidationModule", name),
        }
    }
}

/// `validation.any[…]`: a check that a value is one of some.
#[derive(Debug)]
struct AnyOf(Arc<Vec<String>>);

impl AnyOf {
    fn of(values: &[Value]) -> Self {
        Self(Arc::new(values.iter().map(Value::repr).collect()))
    }
}

impl Object for AnyOf {
    fn type_name(&self) -> &str {
        "validator"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        let values = match key {
            Value::Tuple(items) => items.to_vec(),
            one => vec![one.clone()],
        };
        Some(Value::object(Self::of(&values)))
    }

    fn call(&self, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
        if self.0.is_empty() {
            return Ok(Value::object(Self::of(&args.positional)));
        }
        let value = args.positional.first().cloned().unwrap_or(Value::None);
        // A type (`basestring`) has no value here: only listed values can be told apart.
        let has_types = self.0.iter().any(|known| known.starts_with('<') || known == "Undefined");
        if has_types || self.0.contains(&value.repr()) {
            return Ok(Value::None);
        }
        Err(Error::host(diagnostic::Diagnostic::error(format!(
            "Expected value \"{value}\" to be one of {}",
            self.0.join(",")
        ))))
    }
}

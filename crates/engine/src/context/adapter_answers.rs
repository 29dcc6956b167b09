//! What `adapter` hands out beside relations, columns and tables: responses of statements, and behaviour flags.

use jinja::{Object, Value};

use super::scope::EQUALS_COMPARES_NULLS;

/// `response` of a statement: prints as its message, has `rows_affected` and its like.
#[derive(Debug)]
pub(super) struct Response(pub Value);

impl Object for Response {
    fn type_name(&self) -> &str {
        "AdapterResponse"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        let name = if name == "message" { "_message" } else { name };
        self.0.as_dict()?.get(name)
    }

    fn str(&self) -> String {
        self.get_attr("_message").map(|message| message.to_string()).unwrap_or_default()
    }

    fn is_true(&self) -> bool {
        true
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        self.0.to_json().ok()
    }
}

/// `adapter.behavior`: the behaviour flags of adapters.
#[derive(Debug)]
pub(super) struct Behavior {
    pub equals_compares_nulls: bool,
}

impl Object for Behavior {
    fn type_name(&self) -> &str {
        "Behavior"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        Some(Value::object(BehaviorFlag(name == EQUALS_COMPARES_NULLS && self.equals_compares_nulls)))
    }
}

#[derive(Debug)]
struct BehaviorFlag(bool);

impl Object for BehaviorFlag {
    fn type_name(&self) -> &str {
        "BehaviorFlag"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        matches!(name, "no_warn" | "setting").then_some(Value::Bool(self.0))
    }

    fn is_true(&self) -> bool {
        self.0
    }
}

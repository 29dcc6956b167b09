//! What `functions:` says besides what it says of every node.

use serde_json::Value as Json;

use super::{file::invalid_entry, types};
use crate::fields::Fields;
use crate::yaml::{Node, Value};

/// A function's signature.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionProperties {
    /// What it gives.
    pub returns: FunctionReturns,
    /// What it takes.
    pub arguments: Vec<FunctionArgument>,
    /// Further signatures of the same name.
    pub overloads: Vec<FunctionOverload>,
}

/// `returns:`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionReturns {
    /// The type of the value.
    pub data_type: String,
    /// As written: dbt renders no descriptions of functions.
    pub description: Option<String>,
}

/// An entry of `arguments:`.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionArgument {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: String,
    /// As written.
    pub description: Option<String>,
    /// What it is when it is not given.
    pub default_value: Option<Json>,
}

/// An entry of `overloads:`.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionOverload {
    /// The name of a file of the same package's functions.
    pub defined_in: String,
    /// What it takes.
    pub arguments: Vec<FunctionArgument>,
    /// What it gives, when that is not what the function gives.
    pub returns: Option<FunctionReturns>,
    /// As written.
    pub description: Option<String>,
}

/// `None` with a diagnostic when the entry is not one of a function.
pub(super) fn take_function(fields: &mut Fields<'_>) -> Option<FunctionProperties> {
    types::check(fields, types::FUNCTION);
    let arguments = take_arguments(fields)?;
    let overloads = fields.list("overloads");
    let overloads = overloads.iter().map(|node| read_overload(fields, node)).collect::<Option<Vec<_>>>()?;
    let Some(returns) = fields.take_some("returns") else {
        missing(fields, "", "returns", "add `returns: {data_type: …}`");
        return None;
    };
    Some(FunctionProperties { returns: read_returns(fields, &returns)?, arguments, overloads })
}

fn missing(fields: &mut Fields<'_>, path: &str, key: &str, fix: &str) {
    let what = format!("{} - at path [{path}]: '{key}' is a required property", fields.of);
    invalid_entry(fields, "functions", &what, fix);
}

fn take_arguments(fields: &mut Fields<'_>) -> Option<Vec<FunctionArgument>> {
    let nodes = fields.list("arguments");
    nodes.iter().map(|node| read_argument(fields, node)).collect()
}

fn read_returns(fields: &mut Fields<'_>, node: &Node) -> Option<FunctionReturns> {
    let mut entry = fields.nested(node, format!("'returns' of {}", fields.of))?;
    let Some(data_type) = entry.text("data_type") else {
        missing(&mut entry, "'returns'", "data_type", "add `data_type: …`");
        return None;
    };
    Some(FunctionReturns { data_type, description: entry.text("description") })
}

fn read_argument(fields: &mut Fields<'_>, node: &Node) -> Option<FunctionArgument> {
    let mut entry = fields.nested(node, format!("an argument of {}", fields.of))?;
    let (name, data_type) = (entry.text("name"), entry.text("data_type"));
    for (key, value) in [("name", &name), ("data_type", &data_type)] {
        if value.is_none() {
            missing(&mut entry, "'arguments'", key, &format!("add `{key}: …` to the argument"));
        }
    }
    let default_value = entry.take_some("default_value").map(|node| node.value.to_json());
    let description = entry.text("description");
    Some(FunctionArgument { name: name?, data_type: data_type?, description, default_value })
}

fn read_overload(fields: &mut Fields<'_>, node: &Node) -> Option<FunctionOverload> {
    let mut entry = fields.nested(node, format!("an overload of {}", fields.of))?;
    let Some(defined_in) = entry.text("defined_in") else {
        missing(&mut entry, "'overloads'", "defined_in", "name the file with the overload's body: `defined_in: …`");
        return None;
    };
    let arguments = take_arguments(&mut entry)?;
    let returns = entry.take_some("returns").filter(|node| matches!(node.value, Value::Map(_)));
    let returns = match returns {
        Some(node) => Some(read_returns(&mut entry, &node)?),
        None => None,
    };
    Some(FunctionOverload { defined_in, arguments, returns, description: entry.text("description") })
}

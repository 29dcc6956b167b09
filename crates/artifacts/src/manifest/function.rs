//! What a function has besides the members of every node.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A function's signature.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FunctionParts {
    pub returns: FunctionReturns,
    pub arguments: Vec<FunctionArgument>,
    /// Other signatures of the same name, each with a body of its own.
    pub overloads: Vec<FunctionOverload>,
}

/// What a function gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionReturns {
    pub data_type: String,
    pub description: Option<String>,
}

impl Default for FunctionReturns {
    /// What dbt writes of a function that no property file describes.
    fn default() -> Self {
        Self { data_type: "INVALID_TYPE".to_owned(), description: None }
    }
}

/// An argument of a function.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionArgument {
    pub name: String,
    pub data_type: String,
    pub description: Option<String>,
    /// Any scalar; `None` for an argument that must be given.
    pub default_value: Option<Json>,
}

/// A further signature of a function.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionOverload {
    /// The file below `function-paths`, without its extension.
    pub defined_in: String,
    pub arguments: Vec<FunctionArgument>,
    /// That of the function itself, when it is `None`.
    pub returns: Option<FunctionReturns>,
    pub description: Option<String>,
    /// The text of the file.
    pub raw_body: Option<String>,
    /// The same rendered.
    pub compiled_body: Option<String>,
}

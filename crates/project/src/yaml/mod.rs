//! YAML 1.1 as PyYAML's safe loader reads it, with the position of every value.
//!
//! dbt reads its files through that loader, so `on` is a boolean, `012` is ten, `1:30` is ninety, `2024-01-02` is a date
//! and `1e3` is text. Reading them any other way changes what a project means.

mod compose;
mod error;
mod jinja;
mod json;
mod scalar;
mod value;

pub use compose::{DuplicateKey, parse, parse_file};
pub use error::YamlError;
pub(crate) use json::json_key;
pub use scalar::resolve_plain;
pub(crate) use value::python_float;
pub use value::{Entry, Key, Map, Node, Position, Timestamp, Value};

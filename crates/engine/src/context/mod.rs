//! What templates see: dbt's context.

mod adapter_answers;
mod adapter_object;
mod builtins;
mod catalog_integration;
mod column;
mod config_object;
mod enum_member;
mod exceptions;
mod flags;
mod host;
mod invocation;
mod macros;
mod metric;
mod model;
pub(crate) mod node;
pub(crate) mod record;
mod reference;
mod relation;
mod scope;
pub(crate) mod secrets;
mod table;
mod var;
pub(crate) mod yaml;

pub use column::Column;
pub use enum_member::EnumMember;
pub use host::{Environment, Host, RenderEvents, Silent};
pub use invocation::InvocationNames;
pub use macros::{GLOBAL_PACKAGE, MacroRegistry};
pub use relation::{PartFlags, Relation, RowFilter};
pub use scope::ProjectScope;
pub(crate) use scope::{Fixture, from_yaml};
pub use secrets::hide_in_arguments;
pub use table::Table;
pub use yaml::YamlContext;

//! What templates see: dbt's context.

mod host;

use std::collections::HashMap;

pub use host::{Environment, Host, RenderEvents, Silent};

/// What is the same for all nodes of a project.
#[derive(Debug, Default)]
pub struct ProjectScope {
    /// The root project's name.
    pub root: String,
    pub(crate) packages: HashMap<String, ()>,
}

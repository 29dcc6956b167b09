//! Materializations written in the project: `{% materialization my_table, adapter='athena' %}`.

use diagnostic::Diagnostic;
use names::{RelationName, UniqueId};

use super::Compiler;
use crate::adapter::AdapterResponse;

/// What a materialization of the project did.
#[derive(Debug, Clone, Default)]
pub struct MaterializationOutcome {
    /// The relations it returned.
    pub relations: Vec<RelationName>,
    /// The response of its `main` statement.
    pub response: AdapterResponse,
    /// What it sent as `main`: the text of `target/run`.
    pub run_sql: String,
}

impl Compiler {
    /// The materialization macro of the project (or one of its packages) that builds this node;
    /// `None` when it is one of the built-in ones, which are plans of the adapter.
    ///
    /// # Errors
    /// `No materialization 'x' was found for adapter athena!`
    pub fn custom_materialization(&self, id: &UniqueId) -> Result<Option<UniqueId>, Diagnostic> {
        let _ = id;
        Err(Diagnostic::error("not built yet"))
    }

    /// Runs the materialization macro that [`Compiler::custom_materialization`] found, with the node's compiled SQL.
    /// It runs the node's hooks itself.
    ///
    /// # Errors
    /// Whatever it runs into, or an answer that is not `{'relations': […]}`.
    pub fn run_materialization(&self, id: &UniqueId) -> Result<MaterializationOutcome, Diagnostic> {
        let _ = id;
        Err(Diagnostic::error("not built yet"))
    }
}

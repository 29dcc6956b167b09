//! One node's SQL.

use std::sync::Arc;

use diagnostic::Diagnostic;
use names::UniqueId;

use super::{Batch, Compiled, Compiler};

impl Compiler {
    /// A node's SQL. Compiled once; ephemeral parents are compiled with it.
    ///
    /// # Errors
    /// What dbt calls a compilation error, with the macros that were running; or a query of the model's own that failed.
    pub fn compile(&self, id: &UniqueId) -> Result<Arc<Compiled>, Diagnostic> {
        let _ = id;
        Err(Diagnostic::error("not built yet"))
    }

    /// The SQL of one batch of a microbatch model; never cached.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_batch(&self, id: &UniqueId, batch: &Batch) -> Result<Compiled, Diagnostic> {
        let _ = (id, batch);
        Err(Diagnostic::error("not built yet"))
    }

    /// The SQL of a query that is in no file (`show --inline`, `owlet sql`).
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_inline(&self, sql: &str) -> Result<Compiled, Diagnostic> {
        let _ = sql;
        Err(Diagnostic::error("not built yet"))
    }
}

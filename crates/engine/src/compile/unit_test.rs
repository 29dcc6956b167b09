//! Unit tests: the model over given rows, and the rows it must give.

use diagnostic::Diagnostic;
use names::UniqueId;

use super::Compiler;

/// A unit test, ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitTestPlan {
    /// The model under test.
    pub model: UniqueId,
    /// The query of the actual rows, with its inputs as CTEs.
    pub actual_sql: String,
    /// Both sides in one query: the columns, then `actual_or_expected`, which is `actual` or `expected`.
    /// This is dbt's compiled code of the test.
    pub sql: String,
    /// The columns that are compared.
    pub columns: Vec<String>,
}

/// Rows as they are compared.
pub type UnitTestRows = Vec<Vec<Option<String>>>;

impl Compiler {
    /// The SQL of a unit test. Asks the warehouse for the types of its inputs and of the model's columns.
    ///
    /// # Errors
    /// Inputs that do not exist in the warehouse, unknown columns, a model that cannot be compiled over the given rows.
    pub fn unit_test(&self, id: &UniqueId) -> Result<UnitTestPlan, Diagnostic> {
        let _ = id;
        Err(Diagnostic::error("not built yet"))
    }
}

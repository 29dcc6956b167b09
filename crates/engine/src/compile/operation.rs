//! `run-operation`: a macro called from the command line.

use artifacts::JsonMap;
use diagnostic::Diagnostic;
use jinja::Value;
use names::UniqueId;

use super::Compiler;

impl Compiler {
    /// Finds the macro `name` or `package.name` as `run-operation` does.
    pub fn find_macro(&self, name: &str) -> Option<UniqueId> {
        let _ = name;
        None
    }

    /// Calls a macro with keyword arguments; its statements go to the warehouse.
    ///
    /// # Errors
    /// No such macro, wrong arguments, or whatever it runs into.
    pub fn run_macro(&self, name: &str, arguments: &JsonMap) -> Result<Value, Diagnostic> {
        let _ = (name, arguments);
        Err(Diagnostic::error("not built yet"))
    }
}

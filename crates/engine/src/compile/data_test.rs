//! The query that counts a data test's failures, where the project writes it itself.

use std::sync::Arc;

use artifacts::manifest::Node;
use diagnostic::Diagnostic;
use jinja::Value;

use super::Compiler;

impl Compiler {
    /// Whether a project or package has a macro in place of dbt's `get_test_sql`.
    pub(crate) fn has_own_test_sql(&self) -> bool {
        const NAMES: [&str; 3] = ["get_test_sql", "athena__get_test_sql", "default__get_test_sql"];
        let macros = &self.manifest.scope().macros;
        macros.iter().any(|(id, found)| NAMES.contains(&&*found.name) && !macros.is_internal(id.as_str()))
    }

    /// What `get_test_sql` makes of a test. `parts` are `fail_calc`, `warn_if` and `error_if`; the limit is in `main_sql` already.
    ///
    /// # Errors
    /// Whatever the macro runs into.
    pub(crate) fn own_test_sql(
        &self,
        test: &Arc<Node>,
        main_sql: &str,
        parts: [&str; 3],
    ) -> Result<String, Diagnostic> {
        let [fail_calc, warn_if, error_if] = parts;
        let named = [("main_sql", main_sql), ("fail_calc", fail_calc), ("warn_if", warn_if), ("error_if", error_if)];
        let extra = named.map(|(name, text)| (format!("__owlet_{name}"), Value::str(text))).to_vec();
        const CALL: &str =
            "{{ get_test_sql(__owlet_main_sql, __owlet_fail_calc, __owlet_warn_if, __owlet_error_if, limit=none) }}";
        self.render_for(test, CALL, extra)
    }
}

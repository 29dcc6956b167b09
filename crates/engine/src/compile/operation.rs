//! `run-operation`: a macro called from the command line.

use std::sync::Arc;

use artifacts::JsonMap;
use diagnostic::Diagnostic;
use jinja::{CallArgs, MacroDef, State, UndefinedMode, Value};
use names::UniqueId;

use super::Compiler;
use crate::parse::{errors, resolve::nearest};

impl Compiler {
    /// Finds the macro `name` or `package.name` as `run-operation` does.
    pub fn find_macro(&self, name: &str) -> Option<UniqueId> {
        self.macro_named(name).map(|found| UniqueId::new(found.id()))
    }

    fn macro_named(&self, name: &str) -> Option<&Arc<MacroDef>> {
        let macros = &self.manifest.scope().macros;
        match name.split_once('.') {
            Some((package, name)) => macros.find_in(package, name),
            None => macros.of_all(name),
        }
    }

    /// Calls a macro with keyword arguments; its statements go to the warehouse.
    ///
    /// # Errors
    /// No such macro, wrong arguments, or whatever it runs into.
    pub fn run_macro(&self, name: &str, arguments: &JsonMap) -> Result<Value, Diagnostic> {
        let Some(definition) = self.macro_named(name).cloned() else {
            let known = self.manifest.scope().macros.iter().map(|(_, found)| &*found.name);
            let near = nearest(name, known);
            return Err(Diagnostic::error(format!("dbt could not find a macro with the name '{name}' in any package"))
                .cause("the project, its packages and dbt itself have no such macro")
                .fix(near.map_or_else(|| "correct the name".to_owned(), |near| format!("did you mean '{near}'?"))));
        };
        let id = UniqueId::new(definition.id());
        let node = self.macro_node(&id);
        let context = self.context(&node, |inner| inner.is_macro = true);
        let args = CallArgs {
            positional: Vec::new(),
            keyword: arguments.iter().map(|(key, value)| (Arc::from(key.as_str()), Value::from(value))).collect(),
        };
        let mut state = State::new(&context, UndefinedMode::Strict);
        let callee = Value::from(definition);
        state.call(&callee, args).map_err(|error| errors::elsewhere(&format!("macro {name}"), &error))
    }
}

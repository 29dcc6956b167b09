//! Snapshot strategies of the project's own: `{% macro snapshot_x_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}`.

use diagnostic::{Diagnostic, Location};
use jinja::{CallArgs, Globals, State, UndefinedMode, Value};
use names::UniqueId;

use super::Compiler;
use crate::parse::errors;

/// What a strategy's macro answers, as SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomStrategy {
    pub unique_key: Vec<String>,
    /// The moment from which a row holds.
    pub updated_at: String,
    /// True for a row of `source_data` that differs from its row of `snapshotted_data`.
    pub row_changed: String,
    /// What tells the versions of all rows apart.
    pub scd_id: String,
    /// `ignore`, `invalidate`, `new_record`; `None` leaves it to the config.
    pub hard_deletes: Option<String>,
}

impl Compiler {
    /// Asks the macro of a snapshot's strategy; `None` when it is built in, and the project has no macro in its place.
    ///
    /// # Errors
    /// A macro that does not exist, fails, or answers something else.
    pub fn snapshot_strategy(&self, id: &UniqueId, target_exists: bool) -> Result<Option<CustomStrategy>, Diagnostic> {
        let node = self.known(id)?;
        let Some(name) = node.config_str("strategy") else { return Ok(None) };
        let (package, bare) = name.split_once('.').map_or((None, name), |(package, bare)| (Some(package), bare));
        let macro_name = format!("snapshot_{bare}_strategy");
        let own = format!("macro.{}.{macro_name}", package.unwrap_or(self.manifest.root_package()));
        let macros = &self.manifest.scope().macros;
        let is_built_in = matches!(name, "timestamp" | "check");
        if is_built_in && macros.get(&own).is_none() {
            return Ok(None);
        }
        self.compile(id)?;
        let node = self.compiled_node(&node);
        let context = self.context(&node, |_| {});
        let wrong = |what: String| {
            Diagnostic::error(format!(
                "Compilation Error in snapshot {} ({})\n  {what}",
                node.name, node.original_file_path
            ))
            .at(Location::file(&node.original_file_path))
        };
        let found = match package {
            Some(_) => macros.get(&own).cloned().map(Value::from),
            None => context.lookup(&macro_name),
        };
        let Some(found) = found else {
            let place = package.map(|package| format!(" in package '{package}'")).unwrap_or_default();
            return Err(wrong(format!("The specified strategy macro '{macro_name}' was not found{place}"))
                .cause("the built-in strategies are `timestamp` and `check`; any other is a macro of the project")
                .fix(format!("write {{% macro {macro_name}(node, snapshotted_rel, current_rel, model_config, target_exists) %}}, or use a built-in one")));
        };
        let model = context.model();
        let config = model.as_dict().and_then(|model| model.get("config")).unwrap_or(Value::None);
        let arguments = CallArgs {
            positional: vec![
                model,
                Value::str("snapshotted_data"),
                Value::str("source_data"),
                config,
                target_exists.into(),
            ],
            ..CallArgs::default()
        };
        let mut state = State::new(&context, UndefinedMode::Strict);
        let answer = state.call(&found, arguments).map_err(|error| errors::in_node(&node, &error, 0))?;
        let answered = |key: &str| {
            let value = answer.as_dict().and_then(|answer| answer.get(key))?;
            (!value.is_none()).then_some(value)
        };
        let needed = |key: &str| {
            answered(key).map(|value| value.to_string()).ok_or_else(|| {
                wrong(format!("The strategy macro '{macro_name}' answered no '{key}'"))
                    .cause("a strategy answers a mapping with unique_key, updated_at, row_changed and scd_id")
                    .fix(format!("add '{key}' to what the macro returns"))
            })
        };
        let unique_key = match answered("unique_key") {
            Some(key) => match key.as_list() {
                Some(keys) => keys.items().iter().map(ToString::to_string).collect(),
                None => vec![key.to_string()],
            },
            None => vec![needed("unique_key")?],
        };
        let invalidates = answered("invalidate_hard_deletes").is_some_and(|flag| flag.is_true());
        Ok(Some(CustomStrategy {
            unique_key,
            updated_at: needed("updated_at")?,
            row_changed: needed("row_changed")?,
            scd_id: needed("scd_id")?,
            hard_deletes: answered("hard_deletes")
                .map(|word| word.to_string())
                .or_else(|| invalidates.then(|| "invalidate".to_owned())),
        }))
    }
}

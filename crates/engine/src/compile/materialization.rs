//! Materializations written in the project: `{% materialization my_table, adapter='athena' %}`.

use std::sync::Arc;

use diagnostic::Diagnostic;
use jinja::{CallArgs, State, UndefinedMode, Value};
use names::{RelationName, UniqueId};

use super::Compiler;
use crate::{
    adapter::AdapterResponse,
    context::Relation,
    parse::{errors, resolve::nearest},
};

/// The materializations that are plans of the adapter.
const BUILT_IN: [&str; 9] =
    ["view", "table", "incremental", "ephemeral", "seed", "snapshot", "test", "unit", "function"];

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
        let node = self.known(id)?;
        let name = node.materialized();
        let macros = &self.manifest.scope().macros;
        let adapter = self.host.adapter.type_name();
        match macros.find_materialization(name) {
            Some(found) if !macros.is_internal(found.id()) => Ok(Some(UniqueId::new(found.id()))),
            Some(_) => Ok(None),
            None if BUILT_IN.contains(&name) => Ok(None),
            None => {
                let near = nearest(name, BUILT_IN.into_iter().chain(macros.materializations()));
                Err(Diagnostic::error(format!(
                    "Compilation Error in {} {} ({})\n  No materialization '{name}' was found for adapter {adapter}! (searched types 'default' and '{adapter}')",
                    node.resource_type, node.name, node.original_file_path
                ))
                .cause("neither the engine nor the project, nor a package of it, defines it")
                .fix(near.map_or_else(|| "correct `materialized`".to_owned(), |near| format!("did you mean '{near}'?"))))
            }
        }
    }

    /// Runs the materialization macro that [`Compiler::custom_materialization`] found, with the node's compiled SQL.
    /// It runs the node's hooks itself.
    ///
    /// # Errors
    /// Whatever it runs into, or an answer that is not `{'relations': […]}`.
    pub fn run_materialization(&self, id: &UniqueId) -> Result<MaterializationOutcome, Diagnostic> {
        self.compile(id)?;
        let node = self.compiled_node(&self.known(id)?);
        let Some(macro_id) = self.custom_materialization(id)? else {
            return Err(Diagnostic::error(format!("'{}' is a materialization of the engine", node.materialized())));
        };
        let Some(definition) = self.manifest.scope().macros.get(macro_id.as_str()).cloned() else {
            return Err(Diagnostic::error(format!("'{macro_id}' is not among the macros")));
        };
        let name = Arc::clone(&definition.name);
        let context = self.context(&node, |_| {});
        let mut state = State::new(&context, UndefinedMode::Strict);
        let answer = state
            .call(&Value::from(definition), CallArgs::default())
            .map_err(|error| errors::in_node(&node, &error, 0))?;
        let relations = relations(&answer).ok_or_else(|| {
            Diagnostic::error(format!(
                "Compilation Error in {} {} ({})\n  Invalid return value from materialization, expected a dict with key \"relations\"",
                node.resource_type, node.name, node.original_file_path
            ))
            .cause(format!("'{name}' answered {}", answer.type_name()))
            .fix("end it with {{ return({'relations': [target_relation]}) }}")
        })?;
        let capture = context.take_capture();
        Ok(MaterializationOutcome {
            relations,
            response: capture.main_response.unwrap_or_default(),
            run_sql: capture.written.unwrap_or_default(),
        })
    }
}

fn relations(answer: &Value) -> Option<Vec<RelationName>> {
    let list = answer.as_dict()?.get("relations")?;
    let items = list.as_list()?.items();
    items.iter().map(|item| item.downcast_ref::<Relation>().map(Relation::name)).collect()
}

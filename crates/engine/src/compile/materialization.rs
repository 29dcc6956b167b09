//! Materializations written in the project: `{% materialization my_table, adapter='athena' %}`.

use std::sync::Arc;

use diagnostic::Diagnostic;
use jinja::{CallArgs, MacroDef, State, UndefinedMode, Value};
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

/// Those that dbt-athena has for itself: a project's own for any adapter does not replace them.
const OF_ADAPTER: [&str; 4] = ["view", "table", "incremental", "snapshot"];

/// Those that dbt has for any adapter.
const OF_DBT: [&str; 9] = ["view", "table", "incremental", "seed", "snapshot", "test", "unit", "function", "clone"];

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
        let built_in = |specific: &str| match specific {
            "default" => OF_DBT.contains(&name),
            _ => OF_ADAPTER.contains(&name),
        };
        let packages_replace = self.manifest.scope().packages_replace_materializations;
        match macros.find_materialization(name, built_in, packages_replace) {
            Some(found) if !languages(found).contains(&node.language) => {
                let languages = languages(found).join("', '");
                Err(Diagnostic::error(format!(
                    "Validation Error in {} {} ({})\n  Materialization \"{}\" only supports languages ['{languages}']; got \"{}\"",
                    node.resource_type, node.name, node.original_file_path, found.name, node.language
                ))
                .cause(format!("`supported_languages` of {} leaves it out", found.id()))
                .fix("write the model in another language, or extend the list"))
            }
            Some(found) => Ok(Some(UniqueId::new(found.id()))),
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
        self.tell_of_package(node.materialized(), definition.id())?;
        let name = Arc::clone(&definition.name);
        let context = self.context(&node, |_| {});
        let mut state = State::new(&context, UndefinedMode::Strict);
        let answer = state
            .call(&Value::from(definition), CallArgs::default())
            .map_err(|error| errors::in_node(&node, &error, 0))?;
        let relations = relations(&answer).ok_or_else(|| {
            let sentence = match answer.as_str() {
                Some(_) => format!(
                    "The materialization (\"{}\") did not explicitly return a list of relations to add to the cache.",
                    node.materialized()
                ),
                None => "Invalid return value from materialization, expected a dict with key \"relations\"".to_owned(),
            };
            Diagnostic::error(format!(
                "Compilation Error in {} {} ({})\n  {sentence}",
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

    /// A package's materialization in the place of dbt's own, which the project's flags allow, is deprecated.
    fn tell_of_package(&self, name: &str, macro_id: &str) -> Result<(), Diagnostic> {
        let package = macro_id.split('.').nth(1).unwrap_or_default();
        let is_built_in = OF_DBT.contains(&name) || OF_ADAPTER.contains(&name);
        if !is_built_in || package == self.manifest.scope().root {
            return Ok(());
        }
        let what = format!(
            "Installed package '{package}' is overriding the built-in materialization '{name}'. Overrides of built-in materializations from installed packages will be deprecated in future versions of dbt."
        );
        self.host.events.deprecated("PackageMaterializationOverrideDeprecation", &what).map_err(|what| {
            Diagnostic::error(what)
                .cause("the flag require_explicit_package_overrides_for_builtin_materializations is off")
                .fix("define the materialization in the project itself, and call the package's from it")
        })
    }
}

/// What a materialization can build: SQL, unless it says otherwise.
fn languages(found: &MacroDef) -> Vec<String> {
    match found.supported_languages.as_slice() {
        [] => vec!["sql".to_owned()],
        languages => languages.to_vec(),
    }
}

fn relations(answer: &Value) -> Option<Vec<RelationName>> {
    let list = answer.as_dict()?.get("relations")?;
    let items = list.as_list()?.items();
    items.iter().map(|item| item.downcast_ref::<Relation>().map(Relation::name)).collect()
}

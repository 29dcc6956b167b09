//! `exceptions`.

use diagnostic::Diagnostic;
use jinja::{CallArgs, Error, Object, Result, State, Value};

use super::node::Context;

/// `exceptions`.
#[derive(Debug)]
pub(crate) struct Exceptions(pub Context);

const RAISING: [&str; 22] = [
    "raise_compiler_error",
    "missing_config",
    "missing_materialization",
    "missing_relation",
    "raise_ambiguous_alias",
    "raise_ambiguous_catalog_match",
    "raise_cache_inconsistent",
    "raise_dataclass_not_dict",
    "raise_database_error",
    "raise_dep_not_found",
    "raise_dependency_error",
    "raise_duplicate_patch_name",
    "raise_duplicate_resource_name",
    "raise_invalid_property_yml_version",
    "raise_not_implemented",
    "relation_wrong_type",
    "raise_contract_error",
    "column_type_missing",
    "raise_fail_fast_error",
    "raise_invalid_identifier",
    "CompilationError",
    "DbtRuntimeError",
];

impl Object for Exceptions {
    fn type_name(&self) -> &str {
        "exceptions"
    }

    fn has_method(&self, name: &str) -> bool {
        RAISING.contains(&name) || matches!(name, "warn" | "warn_snapshot_timestamp_data_types")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, mut args: CallArgs) -> Result<Value> {
        let first = |args: &mut CallArgs| {
            let keyword = args.take_keyword("msg");
            args.positional.first().cloned().or(keyword).map(|message| message.to_string()).unwrap_or_default()
        };
        let message = match name {
            "warn" => {
                let [message] = args.bind(name, ["msg"], 1)?;
                let message = message.unwrap_or(Value::None).to_string();
                match self.0.0.host.events.warn(&message) {
                    Ok(()) => return Ok("".into()),
                    // --warn-error
                    Err(message) => message,
                }
            }
            "warn_snapshot_timestamp_data_types" => {
                let names: Vec<String> = args.positional.iter().map(ToString::to_string).collect();
                let told = self.0.0.host.events.warn(&format!(
                    "Data type of snapshot table timestamp columns ({}) doesn't match derived column 'updated_at' ({}). Please update snapshot config 'updated_at'.",
                    names.first().cloned().unwrap_or_default(),
                    names.get(1).cloned().unwrap_or_default()
                ));
                match told {
                    Ok(()) => return Ok("".into()),
                    Err(message) => message,
                }
            }
            "missing_config" => {
                let [_, config] = args.bind(name, ["model", "name"], 2)?;
                format!(
                    "Model '{}' does not define a required config parameter '{}'.",
                    self.0.0.node.unique_id,
                    config.unwrap_or(Value::None)
                )
            }
            "missing_relation" => {
                let [relation, _] = args.bind(name, ["relation", "model"], 1)?;
                format!("Relation {} not found!", relation.unwrap_or(Value::None))
            }
            "relation_wrong_type" => {
                let [relation, expected, _] = args.bind(name, ["relation", "expected_type", "model"], 2)?;
                let relation = relation.unwrap_or(Value::None);
                let kind = relation.downcast_ref::<super::Relation>().and_then(|r| r.kind.clone());
                let expected = expected.unwrap_or(Value::None);
                format!(
                    "Trying to create {expected} {relation}, but it currently exists as a {}. Either drop {relation} manually, or run dbt with `--full-refresh` and dbt will drop it for you.",
                    kind.as_deref().unwrap_or("relation")
                )
            }
            "raise_not_implemented" => format!("ERROR: {}", first(&mut args)),
            "column_type_missing" => {
                let [columns] = args.bind(name, ["column_names"], 1)?;
                format!(
                    "Contracted models require data_type to be defined for each column. Please ensure that the column name and data_type are defined within the YAML configuration for the {} column(s).",
                    columns.unwrap_or(Value::None)
                )
            }
            known if RAISING.contains(&known) => first(&mut args),
            unknown => {
                return state.call_missing("exceptions", unknown);
            }
        };
        Err(Error::host(Diagnostic::error(message)))
    }

    fn is_true(&self) -> bool {
        true
    }
}

//! User-defined functions of the warehouse: signatures, and the files that overloads take over.

use std::sync::Arc;

use artifacts::manifest::{self, FunctionParts, Node};
use diagnostic::{Diagnostic, Location};
use names::UniqueId;
use project::properties::{FunctionArgument, FunctionProperties, FunctionReturns};
use serde_json::Value as Json;

use super::node_places::NodePlaces;

/// dbt's word for the language of a file below `function-paths`.
pub(super) fn language(extension: &str) -> &'static str {
    match extension {
        "py" => "python",
        "js" => "javascript",
        _ => "sql",
    }
}

/// The name of a disabled function among the names of all that is disabled.
pub(super) fn disabled_key(name: &str) -> String {
    format!("function:{name}")
}

/// The signature that a property file gives, with overloads that have no bodies yet.
pub(super) fn parts(of: &FunctionProperties) -> Box<FunctionParts> {
    let returns = |of: &FunctionReturns| manifest::FunctionReturns {
        data_type: of.data_type.clone(),
        description: of.description.clone(),
    };
    let arguments = |of: &[FunctionArgument]| {
        let argument = |of: &FunctionArgument| manifest::FunctionArgument {
            name: of.name.clone(),
            data_type: of.data_type.clone(),
            description: of.description.clone(),
            default_value: of.default_value.clone(),
        };
        of.iter().map(argument).collect()
    };
    let overloads = of.overloads.iter().map(|overload| manifest::FunctionOverload {
        defined_in: overload.defined_in.clone(),
        arguments: arguments(&overload.arguments),
        returns: overload.returns.as_ref().map(returns),
        description: overload.description.clone(),
        ..manifest::FunctionOverload::default()
    });
    Box::new(FunctionParts {
        returns: returns(&of.returns),
        arguments: arguments(&of.arguments),
        overloads: overloads.collect(),
    })
}

/// Gives overloads their bodies, whose files are no functions of their own then, and checks signatures and languages.
pub(super) fn finish(
    artifact: &mut artifacts::Manifest,
    adapter: &str,
    places: &NodePlaces<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if artifact.functions.is_empty() {
        return;
    }
    absorb_overloads(artifact, places, diagnostics);
    for function in artifact.functions.values() {
        check(function, adapter, places, diagnostics);
    }
}

fn problem(at: Location, what: String) -> Diagnostic {
    Diagnostic::error(format!("Parsing Error\n  {what}")).at(at)
}

fn absorb_overloads(artifact: &mut artifacts::Manifest, places: &NodePlaces<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let has_overloads = |node: &&Arc<Node>| node.function.as_ref().is_some_and(|parts| !parts.overloads.is_empty());
    let roots: Vec<UniqueId> =
        artifact.functions.values().filter(has_overloads).map(|node| node.unique_id.clone()).collect();
    let mut owners: Vec<(UniqueId, UniqueId)> = Vec::new();
    for root_id in roots {
        let Some(mut root) = artifact.functions.get(&root_id).map(|root| Node::clone(root)) else { continue };
        let Some(mut parts) = root.function.take() else { continue };
        for overload in &mut parts.overloads {
            let name = overload.defined_in.as_str();
            let id = UniqueId::new(format!("function.{}.{name}", root.package_name));
            if id == root_id {
                diagnostics.push(
                    problem(
                        places.text(&root, name),
                        format!("Function '{name}' cannot list itself in overloads (defined_in: '{name}')."),
                    )
                    .fix("name the file with the body of the overload"),
                );
                continue;
            }
            let Some(body) = artifact.functions.shift_remove(&id) else {
                let owner = owners.iter().find(|(taken, _)| *taken == id);
                diagnostics.push(match owner {
                    Some((_, owner)) => problem(
                        places.text(&root, name),
                        format!(
                            "Function overload '{name}' (defined_in) is already used by '{owner}'. Each overload file can only belong to one root function."
                        ),
                    )
                    .fix("give each overload a file of its own"),
                    None => problem(
                        places.text(&root, name),
                        format!(
                            "Function overload '{name}' (defined_in) not found. Expected a SQL file at functions/{name}.sql"
                        ),
                    )
                    .fix("create the file, or correct `defined_in`"),
                });
                continue;
            };
            overload.raw_body = Some(body.raw_code.to_string());
            for of in &body.refs {
                if !root.refs.contains(of) {
                    root.refs.push(of.clone());
                }
            }
            for of in &body.sources {
                if !root.sources.contains(of) {
                    root.sources.push(of.clone());
                }
            }
            for of in &body.functions {
                if !root.functions.contains(of) {
                    root.functions.push(of.clone());
                }
            }
            owners.push((id, root_id.clone()));
        }
        root.function = Some(parts);
        artifact.functions.insert(root_id, Arc::new(root));
    }
}

fn check(function: &Node, adapter: &str, places: &NodePlaces<'_>, diagnostics: &mut Vec<Diagnostic>) {
    const TYPES: [&str; 3] = ["scalar", "aggregate", "table"];
    const VOLATILITIES: [&str; 3] = ["deterministic", "stable", "non-deterministic"];
    let name = &function.name;
    for (key, of_class, known) in
        [("type", "FunctionType", TYPES), ("volatility", "Optional[FunctionVolatility]", VOLATILITIES)]
    {
        let is_known = |value: &Json| match value {
            // Nothing is a volatility, and no type.
            Json::Null => key == "volatility",
            value => value.as_str().is_some_and(|text| known.contains(&text)),
        };
        if let Some(value) = function.config.get(key).filter(|value| !is_known(value)) {
            let shown = match value {
                Json::String(text) => format!("'{text}'"),
                Json::Null => "None".to_owned(),
                other => other.to_string(),
            };
            diagnostics.push(
                problem(
                    places.config(function, key),
                    format!("Field \"{key}\" of type {of_class} in FunctionConfig has invalid value {shown}"),
                )
                .cause(format!("`{key}` of function '{name}' has this value"))
                .fix(format!("write one of {}", known.join(", "))),
            );
        }
    }
    if function.language == "javascript" {
        diagnostics.push(
            problem(
                places.entry(function),
                format!("Function '{name}' uses JavaScript, which is not supported on '{adapter}'."),
            )
            .cause(format!("{} is a file of JavaScript", function.original_file_path))
            .fix("write the function in SQL, or take the file out of `function-paths`"),
        );
    }
    let arguments = function.function.as_deref().map(|parts| parts.arguments.as_slice()).unwrap_or_default();
    let after_default = arguments.iter().skip_while(|argument| argument.default_value.is_none());
    if let Some(argument) = after_default.into_iter().find(|argument| argument.default_value.is_none()) {
        diagnostics.push(
            problem(places.text(function, &format!("name: {}", argument.name)), format!(
                "Non-defaulted argument '{}' of function '{name}' comes after a defaulted argument. Non-defaulted arguments cannot come after defaulted arguments.",
                argument.name
            ))

            .fix("give it a `default_value`, or put it before those that have one"),
        );
    }
}

//! Names with spaces: dbt refuses them, unless the project's flags say that they are only warned of.

use artifacts::Manifest as Artifact;
use diagnostic::{Diagnostic, Location};
use project::ProjectFlags;
use serde_json::Value as Json;

const FIX: &str = "Please rename the invalid";

/// Reports nodes by `require_resource_names_without_spaces`, sources and semantic models by a flag of their own.
///
/// Source: dbt Core 1.12, `check_for_spaces_in_resource_names`.
pub(super) fn report(artifact: &Artifact, flags: &ProjectFlags, debug: bool, diagnostics: &mut Vec<Diagnostic>) {
    let nodes = artifact.nodes.values();
    let nodes = nodes.map(|node| (node.name.as_str(), node.unique_id.to_string(), node.original_file_path.as_str()));
    let named = Named { kind: "model(s)", found: with_spaces(nodes) };
    named.report(flags.behaviour("require_resource_names_without_spaces"), debug, diagnostics);

    let sources = artifact.sources.values().map(|source| {
        let id = format!("source.{}.{}", source.package_name, source.source_name);
        (source.source_name.as_str(), id, source.original_file_path.as_str())
    });
    let models = artifact.semantic_models.iter().map(|(id, model)| {
        let text = |key: &str| model.get(key).and_then(Json::as_str).unwrap_or_default();
        (text("name"), id.to_string(), text("original_file_path"))
    });
    let named = Named { kind: "resource(s)", found: with_spaces(sources.chain(models)) };
    named.report(flags.behaviour("require_source_and_semantic_model_names_without_spaces"), debug, diagnostics);
}

/// Ids and files.
fn with_spaces<'a>(resources: impl Iterator<Item = (&'a str, String, &'a str)>) -> Vec<(String, &'a str)> {
    let mut found: Vec<(String, &str)> =
        resources.filter(|(name, ..)| name.contains(' ')).map(|(_, id, path)| (id, path)).collect();
    // The tables of one source share its name.
    found.dedup_by(|next, first| next.0 == first.0);
    found
}

struct Named<'a> {
    kind: &'static str,
    found: Vec<(String, &'a str)>,
}

impl Named<'_> {
    fn report(&self, refuse: bool, debug: bool, diagnostics: &mut Vec<Diagnostic>) {
        let Some((first, file)) = self.found.first() else { return };
        let fix = "write the name with underscores; files and references as well";
        if refuse {
            let list: Vec<String> = self.found.iter().map(|(id, path)| format!("  * '{id}' ({path})")).collect();
            let what = format!(
                "Resource names cannot contain spaces:\n{}\n{FIX} {} so that their name(s) do not contain any spaces.",
                list.join("\n"),
                self.kind
            );
            diagnostics.push(
                Diagnostic::error(what)
                    .at(Location::file(*file))
                    .cause("many warehouses cannot name a relation so")
                    .fix(fix),
            );
            return;
        }
        let told = if debug { self.found.iter().map(|(id, _)| id).collect() } else { vec![first] };
        for id in told {
            let what = format!("Found spaces in the name of `{id}`");
            diagnostics.push(Diagnostic::warning(what).named("SpacesInResourceNameDeprecation").fix(fix));
        }
        let hint = if debug { "" } else { " Run again with `--debug` to see them all." };
        let what = format!(
            "Spaces found in {} resource name(s). This is deprecated, and may lead to errors when using dbt.{hint}",
            self.found.len()
        );
        diagnostics.push(Diagnostic::warning(what).named("ResourceNamesWithSpacesDeprecation").fix(fix));
    }
}

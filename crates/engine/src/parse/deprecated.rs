//! Models past their `deprecation_date`, and models that refer to one that has such a date.

use artifacts::{
    Manifest as Artifact,
    manifest::{Node, ResourceType},
};
use chrono::{DateTime, Utc};
use diagnostic::Diagnostic;

use super::node_places::NodePlaces;
use crate::manifest::version_text;

/// Warns as dbt does. Wants the manifest's maps.
pub(super) fn report(
    artifact: &Artifact,
    now: DateTime<Utc>,
    places: &NodePlaces<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for node in artifact.nodes.values() {
        let Some(date) = &node.deprecation_date else { continue };
        let is_past = DateTime::parse_from_rfc3339(date).is_ok_and(|date| date < now);
        let version = node.version.as_ref().map(version_text);
        let suffix = version.as_ref().map(|version| format!(".v{version}")).unwrap_or_default();
        if is_past {
            diagnostics.push(
                Diagnostic::warning(format!(
                    "Model {}{suffix} has passed its deprecation date of {date}. This model should be disabled or removed.",
                    node.name
                ))
                .named("DeprecatedModel")
                .with("model_name", &node.name)
                .with("model_version", version.clone().unwrap_or_default())
                .with("deprecation_date", date)
                .at(places.config(node, "deprecation_date"))
                .fix("switch it off with `enabled: false`, remove it, or set a later `deprecation_date`"),
            );
        }
        let children = artifact.child_map.get(&node.unique_id).into_iter().flatten();
        let children = children.filter_map(|child| artifact.nodes.get(child));
        for child in children.filter(|child| child.resource_type == ResourceType::Model) {
            diagnostics.push(reference(child, node, &suffix, date, is_past).at(places.call(
                child,
                "ref",
                &[&node.name],
            )));
        }
    }
}

fn reference(child: &Node, node: &Node, suffix: &str, date: &str, is_past: bool) -> Diagnostic {
    let (name, package) = (&node.name, &node.package_name);
    let what = if is_past { "was deprecated on" } else { "is slated for deprecation on" };
    let what = format!("While compiling '{}': Found a reference to {name}{suffix}, which {what} '{date}'.", child.name);
    let event = if is_past { "DeprecatedReference" } else { "UpcomingReferenceDeprecation" };
    let text = |version: &Option<serde_json::Value>| version.as_ref().map(version_text).unwrap_or_default();
    let warning = Diagnostic::warning(what)
        .named(event)
        .with("model_name", &child.name)
        .with("ref_model_package", package)
        .with("ref_model_name", name)
        .with("ref_model_version", text(&node.version))
        .with("ref_model_latest_version", text(&node.latest_version))
        .with("ref_model_deprecation_date", date);
    let latest = node.latest_version.as_ref().filter(|latest| node.version.as_ref() != Some(latest)).map(version_text);
    match latest {
        Some(latest) => {
            let call = format!("ref('{package}', '{name}', v='{latest}')");
            warning.cause(format!("a new version of '{name}' is available")).fix(format!("write {call}"))
        }
        None => warning.fix(format!("do not refer to '{name}', or ask its owner for another")),
    }
}

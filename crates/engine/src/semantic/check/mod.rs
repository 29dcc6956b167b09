//! What MetricFlow demands of semantic models, metrics, saved queries and time spines; the same projects are refused as by dbt.
//!
//! Source: `metricflow_semantic_interfaces.validations`, each rule of its `SemanticManifestValidator`; dbt Core,
//! `SemanticManifest.validate`.

mod conversions;
mod filters;
mod measures;
mod metrics;
mod models;
mod names;
mod queries;
mod spines;

use std::collections::HashMap;

use artifacts::{Manifest as Artifact, SemanticManifest};
use diagnostic::{Diagnostic, Severity};

use project::ProjectFlags;

use super::document::{legacy_time_spine, semantic_manifest};
use crate::parse::{semantic::Places, test_entries::Place};

/// Reports what is wrong. Rules that compare resources with each other only hold where there are metrics and semantic models.
pub(crate) fn check(artifact: &Artifact, flags: &ProjectFlags, places: &Places<'_>, diagnostics: &mut Vec<Diagnostic>) {
    // What is half described gives only errors that follow from those already found.
    if diagnostics.iter().any(|found| found.severity == Severity::Error) {
        return;
    }
    let manifest = match semantic_manifest(artifact) {
        Ok(manifest) => manifest,
        Err(unreadable) => {
            let what = format!("Parsing Error\n  {unreadable}: {}", unreadable.source);
            let error = match places.get(&unreadable.id) {
                Some(place) => place.file.source.error(place.position, what),
                None => Diagnostic::error(what),
            };
            diagnostics.push(error.cause("a value has another type than MetricFlow knows").fix("correct the value"));
            return;
        }
    };
    let mut issues = Issues { places: named(artifact, places), diagnostics };
    spines::required(&manifest, legacy_time_spine(artifact).is_some(), &mut issues);
    if manifest.metrics.is_empty() || manifest.semantic_models.is_empty() {
        return;
    }
    let flag = |name: &str| flags.behaviour(name);
    let granularities = Granularities::new(&manifest);
    names::check(&manifest, &mut issues);
    models::check(&manifest, &mut issues);
    measures::check(&manifest, &mut issues);
    metrics::check(&manifest, &granularities, flag("require_nested_cumulative_type_params"), &mut issues);
    conversions::check(&manifest, &granularities, &mut issues);
    filters::check(&manifest, &granularities, &mut issues);
    queries::check(&manifest, &granularities, &mut issues);
    spines::check(&manifest, flag("require_yaml_configuration_for_mf_time_spines"), &mut issues);
}

fn named<'a>(artifact: &'a Artifact, places: &Places<'a>) -> HashMap<(Kind, &'a str), Place<'a>> {
    let sections = [
        (Kind::Model, &artifact.semantic_models),
        (Kind::Metric, &artifact.metrics),
        (Kind::Query, &artifact.saved_queries),
    ];
    let entries = sections.into_iter().flat_map(|(kind, section)| section.iter().map(move |entry| (kind, entry)));
    entries.filter_map(|(kind, (id, resource))| Some(((kind, resource["name"].as_str()?), places.get(id)?))).collect()
}

/// What an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Model,
    Metric,
    Query,
}

/// A resource by kind and name.
type Of<'a> = (Kind, &'a str);

/// What was found.
struct Issues<'a, 'd> {
    places: HashMap<(Kind, &'a str), Place<'a>>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Issues<'_, '_> {
    fn place(&self, of: Of<'_>) -> Option<Place<'_>> {
        // The key's own lifetime is longer than the name's: compare by content.
        self.places.iter().find(|((kind, name), _)| (*kind, *name) == of).map(|(_, place)| *place)
    }

    /// Ends the command.
    fn error(&mut self, of: Of<'_>, what: &str, cause: &str, fix: &str) {
        let what = format!("Parsing Error\n  {what}");
        let error = match self.place(of) {
            Some(place) => place.file.source.error(place.position, what),
            None => Diagnostic::error(what),
        };
        self.diagnostics.push(error.cause(cause).fix(fix));
    }

    /// Is told.
    fn warning(&mut self, of: Of<'_>, what: &str, fix: &str) {
        let warning = match self.place(of) {
            Some(place) => place.file.source.warning(place.position, what),
            None => Diagnostic::warning(what),
        };
        self.diagnostics.push(warning.named("SemanticValidationFailure").fix(fix));
    }

    /// Something that will be an error one day.
    fn deprecation(&mut self, name: &'static str, of: Of<'_>, what: &str, fix: &str) {
        self.warning(of, what, fix);
        if let Some(last) = self.diagnostics.last_mut() {
            last.name = Some(name);
        }
    }
}

/// The granularities of a project, finest first.
struct Granularities {
    own: Vec<String>,
}

/// The granularities that MetricFlow knows, finest first.
const STANDARD: [&str; 11] =
    ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"];

/// How coarse a standard granularity is.
fn coarseness(granularity: &str) -> usize {
    STANDARD.iter().position(|known| *known == granularity).unwrap_or(STANDARD.len())
}

fn is_standard(granularity: &str) -> bool {
    STANDARD.contains(&granularity)
}

impl Granularities {
    fn new(manifest: &SemanticManifest) -> Self {
        let spines = &manifest.project_configuration.time_spines;
        let own = spines.iter().flat_map(|spine| &spine.custom_granularities);
        Self { own: own.map(|granularity| granularity.name.clone()).collect() }
    }

    fn is_own(&self, granularity: &str) -> bool {
        self.own.iter().any(|known| known == granularity)
    }

    fn is_known(&self, granularity: &str) -> bool {
        is_standard(granularity) || self.is_own(granularity)
    }

    /// For messages.
    fn listed(&self) -> String {
        let own = self.own.iter().map(String::as_str);
        STANDARD.into_iter().chain(own).collect::<Vec<_>>().join(", ")
    }
}

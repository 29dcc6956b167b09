//! `overrides:` of sources: an entry of one package that changes a source of another. Deprecated, and still in use;
//! with dbt-athena dbt says nothing of it, as it validates no schemas for this adapter.

use std::collections::HashSet;

use diagnostic::Diagnostic;
use project::{
    PropertyFile,
    properties::{Freshness, Setting, SourceProperties, TableProperties},
};

/// Puts what overriding entries say into the sources they are about; none of the former is left.
pub(super) fn apply(files: &mut [PropertyFile], diagnostics: &mut Vec<Diagnostic>) {
    if files.iter().all(|file| file.sources.iter().all(|of| of.overrides.is_none())) {
        return;
    }
    let mut unused = Vec::new();
    let mut known: HashSet<(String, String)> = HashSet::new();
    for index in 0..files.len() {
        let file = &mut files[index];
        let (overriding, own): (Vec<_>, Vec<_>) =
            std::mem::take(&mut file.sources).into_iter().partition(|of| of.overrides.is_some());
        file.sources = own;
        let path = file.source.clone();
        for patch in overriding {
            let target = patch.overrides.clone().unwrap_or_default();
            if !known.insert((target.clone(), patch.name.clone())) {
                diagnostics.push(
                    path.error(
                        patch.position,
                        format!(
                            "Compilation Error\n  dbt found two schema.yml entries for the same source named {} in package {target}. Sources may only be overridden a single time.",
                            patch.name
                        ),
                    )
                    .fix("join the two entries"),
                );
                continue;
            }
            let mut targets: Vec<&mut SourceProperties> = files
                .iter_mut()
                .filter(|file| file.package == target)
                .flat_map(|file| &mut file.sources)
                .filter(|of| of.overrides.is_none() && of.name == patch.name)
                .collect();
            let whose = format!("{target}.{}", patch.name);
            if targets.is_empty() {
                unused.push(format!("  - Source {whose} (in {})", path.file));
                continue;
            }
            let has = |targets: &[&mut SourceProperties], name: &str| {
                targets.iter().any(|of| of.tables.iter().any(|table| table.name == name))
            };
            let mut missing: Vec<&str> =
                patch.tables.iter().map(|table| table.name.as_str()).filter(|name| !has(&targets, name)).collect();
            missing.sort_unstable();
            unused.extend(missing.iter().map(|name| format!("  - Source table {whose}.{name} (in {})", path.file)));
            for of in &mut targets {
                override_source(of, &patch);
            }
        }
    }
    if !unused.is_empty() {
        diagnostics.push(
            Diagnostic::warning(format!(
                "During parsing, dbt encountered source overrides that had no target:\n{}",
                unused.join("\n")
            ))
            .named("UnusedTables")
            .cause("the package has no source or table of this name")
            .fix("correct `overrides:` and the names, or remove the entry"),
        );
    }
}

/// What the entry says takes the place of what the source says; what a source must not be silent about is reset by one that is silent.
fn override_source(of: &mut SourceProperties, patch: &SourceProperties) {
    for table in &mut of.tables {
        if let Some(patch) = patch.tables.iter().find(|patch| patch.name == table.name) {
            override_table(table, patch);
        }
    }
    of.config.clone_from(&patch.config);
    of.freshness = reset(&patch.freshness);
    set_text(&mut of.description, &patch.description);
    set_text(&mut of.loader, &patch.loader);
    set(&mut of.database, &patch.database);
    set(&mut of.schema, &patch.schema);
    keep(&mut of.loaded_at_field, &patch.loaded_at_field);
    keep(&mut of.loaded_at_query, &patch.loaded_at_query);
    if patch.quoting != Default::default() {
        of.quoting = patch.quoting;
    }
    if !patch.meta.is_empty() {
        of.meta.clone_from(&patch.meta);
    }
    if !patch.tags.is_empty() {
        of.tags.clone_from(&patch.tags);
    }
}

fn override_table(of: &mut TableProperties, patch: &TableProperties) {
    of.freshness = reset(&patch.freshness);
    of.quoting = patch.quoting;
    set_text(&mut of.description, &patch.description);
    set(&mut of.identifier, &patch.identifier);
    keep(&mut of.loaded_at_field, &patch.loaded_at_field);
    keep(&mut of.loaded_at_query, &patch.loaded_at_query);
    if patch.external.is_some() {
        of.external.clone_from(&patch.external);
    }
    if !patch.meta.is_empty() {
        of.meta.clone_from(&patch.meta);
    }
    if !patch.tags.is_empty() {
        of.tags.clone_from(&patch.tags);
    }
    if !patch.columns.is_empty() {
        of.columns.clone_from(&patch.columns);
    }
    if !patch.data_tests.is_empty() {
        of.data_tests.clone_from(&patch.data_tests);
    }
}

/// An entry without a freshness has one without limits.
fn reset(freshness: &Setting<Freshness>) -> Setting<Freshness> {
    match freshness {
        Setting::Absent => Setting::Set(Freshness::default()),
        said => said.clone(),
    }
}

fn keep(of: &mut Setting<String>, patch: &Setting<String>) {
    if matches!(patch, Setting::Set(_)) {
        of.clone_from(patch);
    }
}

fn set(of: &mut Option<String>, patch: &Option<String>) {
    if patch.is_some() {
        of.clone_from(patch);
    }
}

fn set_text(of: &mut String, patch: &str) {
    if !patch.is_empty() {
        patch.clone_into(of);
    }
}

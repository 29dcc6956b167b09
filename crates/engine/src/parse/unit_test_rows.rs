//! What can be said of a unit test while the project is read: its fixtures, seeds, and what it answers for `is_incremental()`.

use std::collections::HashMap;

use artifacts::{
    Manifest as Artifact,
    manifest::{Node, UnitTest},
};
use diagnostic::{Diagnostic, Location};
use names::UniqueId;
use serde_json::Value as Json;

use crate::{
    manifest::Lookup,
    parse::{read_reference, test_entries::Place, unit_test_csv},
};

/// Reports the mistakes of all unit tests.
///
/// Source: dbt Core 1.12, its parser of unit tests.
pub(super) fn check(
    artifact: &Artifact,
    lookup: &Lookup,
    root: &str,
    entries: &HashMap<UniqueId, Place<'_>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for test in artifact.unit_tests.values() {
        let place = || match entries.get(&test.unique_id) {
            Some(entry) => entry.location(),
            None => Location::file(&test.original_file_path),
        };
        let mut report = |found: Diagnostic| diagnostics.push(found.at(place()));
        for (rows, fixture) in test
            .given
            .iter()
            .map(|given| (&given.rows, &given.fixture))
            .chain([(&test.expect.rows, &test.expect.fixture)])
        {
            if let (Json::Null, Some(name)) = (rows, fixture) {
                report(no_fixture(test, name));
            }
        }
        for given in test.given.iter().filter(|given| given.rows.is_null() && given.fixture.is_none()) {
            if unit_test_csv::seed(artifact, lookup, root, &test.package_name, &given.input).is_none() {
                report(no_seed(test, &given.input));
            }
        }
        let model = test.tested_node().and_then(|id| artifact.nodes.get(id));
        if let Some(mistake) = model.and_then(|model| incremental(test, model)) {
            report(mistake);
        }
    }
}

fn no_fixture(test: &UnitTest, name: &str) -> Diagnostic {
    let what =
        format!("Parsing Error\n  File not found for fixture '{name}' in unit tests in {}", test.original_file_path);
    Diagnostic::error(what)
        .cause("fixtures are .csv and .sql files in the `fixtures` directory of `test-paths`")
        .fix("create the file, or correct the name")
}

fn no_seed(test: &UnitTest, input: &str) -> Diagnostic {
    let name = read_reference(input).and_then(|named| named.refs.first().map(|of| of.name.clone()));
    let seed = name.map_or_else(|| input.to_owned(), |name| format!("{}.{name}", test.package_name));
    let what = format!("Parsing Error\n  Unable to find seed '{seed}' for unit tests in {}", test.original_file_path);
    Diagnostic::error(what)
        .cause(format!(
            "input {input} of unit test '{}' has no rows, and only a seed's file gives rows itself",
            test.name
        ))
        .fix("add `rows:`, or correct the name")
}

/// A model that asks `is_incremental()` needs the test to answer it, and rows for `this` where the answer is yes.
fn incremental(test: &UnitTest, model: &Node) -> Option<Diagnostic> {
    let asks = model.depends_on.macros.iter().any(|id| id.as_str() == "macro.dbt.is_incremental");
    if !asks {
        return None;
    }
    let overridden = test.overrides.as_ref().and_then(|overrides| overrides.macros.get("is_incremental"));
    match overridden.map(Json::as_bool) {
        Some(Some(true)) if !test.given.iter().any(|given| given.input.trim() == "this") => Some(
            Diagnostic::error(format!(
                "Parsing Error\n  Unit test '{}' for incremental model '{}' must have a 'this' input",
                test.name, model.name
            ))
            .cause("it says that the table is there already")
            .fix("add `- input: this` with the rows the table has"),
        ),
        Some(Some(_)) => None,
        _ => Some(
            Diagnostic::error(format!(
                "Parsing Error\n  Boolean override for 'is_incremental' must be provided for unit test '{}' in model '{}'",
                test.name, model.name
            ))
            .cause("the model calls is_incremental(), whose answer is the warehouse's")
            .fix("add `overrides: {macros: {is_incremental: false}}`"),
        ),
    }
}

//! Runs `tests/cases/state*.case`: a project that changes, and what `state:` finds. The answers are those of `dbt ls`, recorded by
//! `conformance/dbt-state/compare.py --record`; `UPDATE_CASES` is not offered.

use std::path::Path;

use diagnostic::Severity;
use engine::state::{Comparison, PreviousState};
use graph::{IndirectSelection, ResourceType, SelectionContext, SelectionSpec};
use serde_json::Value as Json;
use testkit::{Case, Invocation, Section, read_cases};

#[test]
fn cases() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = read_cases(&directory, &["state"]).expect("the cases can be read");
    assert!(!cases.is_empty(), "no cases in {}", directory.display());
    let wrong: Vec<String> = cases.iter().flat_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(case: &Case) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let mut wrong = Vec::new();
    for section in &case.sections {
        match section {
            Section::File { path, text } => {
                let path = root.join(path);
                fs_err::create_dir_all(path.parent().expect("a folder")).expect("created");
                fs_err::write(path, text).expect("written");
            }
            Section::Command { command, expected } => {
                let given = run(root, command);
                if given != *expected {
                    wrong.push(format!(
                        "{}\n$ {command}\n--- expected\n{expected}--- given\n{given}",
                        case.file.display()
                    ));
                }
            }
        }
    }
    wrong
}

fn run(root: &Path, command: &str) -> String {
    let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
    let state = root.join("state");
    match word {
        "rm" => fs_err::remove_file(root.join(rest)).expect("removed"),
        "age" => age(&state.join("manifest.json"), rest),
        "keep" => engine::run::write_json(&state.join("manifest.json"), parsed(root).artifact()).expect("written"),
        "ls" => return list(root, rest, &state),
        other => panic!("unknown command {other}"),
    }
    String::new()
}

/// Makes the kept manifest one of an earlier dbt, which spelled the arguments of `config()` as Python prints a syntax tree.
fn age(manifest: &Path, version: &str) {
    let text = fs_err::read_to_string(manifest).expect("readable");
    let mut kept: Json = serde_json::from_str(&text).expect("JSON");
    kept["metadata"]["dbt_version"] = version.into();
    for node in kept["nodes"].as_object_mut().expect("nodes").values_mut() {
        for (key, value) in node["unrendered_config"].as_object_mut().expect("a mapping") {
            *value =
                format!("Keyword(key='{key}', value=Const(value='{}'))", value.as_str().unwrap_or_default()).into();
        }
    }
    fs_err::write(manifest, kept.to_string()).expect("written");
}

fn parsed(root: &Path) -> engine::Manifest {
    let (manifest, diagnostics) = Invocation::new(root).parse();
    let errors: Vec<_> = diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    manifest.expect("a manifest")
}

fn list(root: &Path, criterion: &str, state: &Path) -> String {
    let manifest = parsed(root);
    let project = Invocation::new(root).load().0.expect("a project");
    let previous = PreviousState::load(&project, Path::new("state"), state, &root.join("target")).expect("readable");
    let comparison = Comparison::new(&manifest, &previous, Invocation::now(), 1);
    let context = SelectionContext {
        state: &comparison,
        resource_types: Some(ResourceType::OF_LS),
        ..SelectionContext::new(manifest.root_package())
    };
    let graph = engine::run::project_graph(&manifest).expect("no cycle");
    let spec = SelectionSpec::from_arguments(&[criterion.to_owned()], &[], IndirectSelection::Eager).expect("valid");
    let selected = graph.select(&spec, &context);
    let mut told = comparison.take_warnings();
    let mut lines: Vec<String> = Vec::new();
    let error = match selected {
        Ok(selected) => {
            lines.extend(selected.ids.iter().map(ToString::to_string));
            told.extend(selected.warnings);
            None
        }
        Err(error) => Some(error.diagnostic()),
    };
    lines.sort();
    let mut warnings: Vec<String> = told.iter().map(|warning| first_line(&warning.what)).collect();
    warnings.sort();
    lines.extend(warnings);
    lines.extend(error.map(|error| first_line(&error.what)));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The line by which a message is known: without `Runtime Error` and its like above it.
fn first_line(what: &str) -> String {
    let line = what.lines().map(str::trim).find(|line| !line.contains(" Error in ") && !line.ends_with("Error"));
    format!("! {}", line.unwrap_or_default())
}

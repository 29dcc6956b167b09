//! Runs `tests/cases/parse*.case`, `compile*.case` and `context*.case`.

use std::path::Path;

use engine::{Compiler, Manifest};
use names::UniqueId;
use serde_json::Value as Json;
use testkit::{Case, Invocation, Section, read_cases};

#[test]
fn cases() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = read_cases(&directory, &["parse", "compile", "context"]).expect("the cases can be read");
    assert!(!cases.is_empty(), "no cases in {}", directory.display());
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case, update)).collect();
    assert!(failures.is_empty(), "{} of {} cases failed\n\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn check(case: &Case, update: bool) -> Option<String> {
    let directory = tempfile::tempdir().expect("a directory");
    case.write_files(directory.path()).expect("files can be written");
    if !directory.path().join("dbt_project.yml").exists() {
        fs_err::write(directory.path().join("dbt_project.yml"), "name: shop\nversion: '1.0'\n").expect("written");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut invocation = Invocation::new(directory.path());
    let mut outputs = Vec::new();
    let mut failures = Vec::new();
    for section in &case.sections {
        let Section::Command { command, expected } = section else { continue };
        let given = {
            let _guard = runtime.enter();
            run(&mut invocation, command)
        };
        if given != *expected {
            failures.push(format!("{}\n$ {command}\n--- expected\n{expected}--- given\n{given}", case.file.display()));
        }
        outputs.push(given);
    }
    if update {
        fs_err::write(&case.file, case.with_outputs(&outputs)).expect("the case can be written");
        return None;
    }
    (!failures.is_empty()).then(|| failures.join("\n"))
}

fn run(invocation: &mut Invocation, command: &str) -> String {
    let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
    match word {
        "vars" => {
            invocation.vars = rest.to_owned();
            return String::new();
        }
        "env" => {
            let (name, value) = rest.split_once('=').expect("NAME=value");
            invocation.environment.push((name.to_owned(), value.to_owned()));
            return String::new();
        }
        "flag" => {
            invocation.flags.insert(rest.to_owned(), Json::Bool(true));
            return String::new();
        }
        "columns" => {
            let columns: Vec<(&str, &str)> =
                rest.split(' ').map(|column| column.split_once(':').expect("name:type")).collect();
            invocation.adapter.usual_columns(&columns);
            return String::new();
        }
        "exists" => {
            // exists table dev.orders id:bigint name:varchar
            let mut words = rest.split(' ');
            let kind = match words.next() {
                Some("view") => engine::adapter::RelationKind::View,
                _ => engine::adapter::RelationKind::Table,
            };
            let (schema, table) = words.next().and_then(|name| name.split_once('.')).expect("schema.table");
            let columns: Vec<(&str, &str)> = words.map(|column| column.split_once(':').expect("name:type")).collect();
            invocation.adapter.add_relation(names::RelationName::new("awsdatacatalog", schema, table), kind, &columns);
            return String::new();
        }
        _ => {}
    }
    let (manifest, diagnostics) = invocation.parse();
    let mut output: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    if let Some(manifest) = manifest {
        answer(invocation, &manifest, word, rest, &mut output);
    }
    for line in invocation.heard.lines() {
        output.push(line);
    }
    invocation.heard = testkit::Heard::default();
    output.iter().map(|line| format!("{}\n", line.trim_end_matches('\n'))).collect()
}

fn answer(invocation: &Invocation, manifest: &Manifest, word: &str, rest: &str, output: &mut Vec<String>) {
    let compiler = Compiler::new(manifest.clone(), invocation.host());
    match word {
        "parse" => {}
        "ids" => {
            let artifact = manifest.artifact();
            let ids = artifact.nodes.keys().chain(artifact.sources.keys()).chain(artifact.exposures.keys());
            let ids = ids.chain(artifact.functions.keys());
            let mut ids: Vec<String> = ids.chain(artifact.unit_tests.keys()).map(ToString::to_string).collect();
            ids.sort();
            output.extend(ids);
        }
        "compile" => match compiler.compile(&find(manifest, rest)) {
            Ok(compiled) => output.push(compiled.sql.to_string()),
            Err(diagnostic) => output.push(diagnostic.to_string()),
        },
        "inline" => match compiler.compile_inline(rest) {
            Ok(compiled) => output.push(compiled.sql.to_string()),
            Err(diagnostic) => output.push(diagnostic.to_string()),
        },
        "unit-test" => {
            let id = find_unit_test(manifest, rest);
            let sql = compiler.unit_test(&id).and_then(|plan| match plan.sql {
                Some(sql) => Ok(sql),
                None => compiler.run_unit_test(&id, &plan.actual_sql).map(|done| done.run_sql),
            });
            output.push(sql.unwrap_or_else(|diagnostic| diagnostic.to_string()));
        }
        "run-operation" => {
            let (name, args) = rest.split_once(' ').unwrap_or((rest, "{}"));
            let args = serde_json::from_str(args).expect("arguments are JSON");
            match compiler.run_macro(name, &args) {
                Ok(value) => output.push(value.to_string()),
                Err(diagnostic) => output.push(diagnostic.to_string()),
            }
            output.extend(invocation.adapter.statements().iter().map(|sql| format!("sent: {sql}")));
            invocation.adapter.forget();
        }
        "materialize" => {
            match compiler.run_materialization(&find(manifest, rest)) {
                Ok(outcome) => {
                    output.extend(outcome.relations.iter().map(|relation| format!("relation: {relation}")));
                    output.push(format!("main: {}", outcome.run_sql.trim()));
                }
                Err(diagnostic) => output.push(diagnostic.to_string()),
            }
            output.extend(invocation.adapter.statements().iter().map(|sql| format!("sent: {}", sql.trim())));
            invocation.adapter.forget();
        }
        "node" => {
            // node orders config.tags depends_on
            let mut words = rest.split(' ');
            let name = words.next().unwrap_or_default();
            let json = resource(manifest, name);
            for key in words {
                let value = key.split('.').try_fold(&json, |value, part| value.get(part));
                output.push(format!("{key}: {}", value.unwrap_or(&Json::Null)));
            }
        }
        "disabled" => {
            // disabled description config.tags
            for entry in manifest.artifact().disabled.values().flatten() {
                let json = serde_json::to_value(entry).expect("JSON");
                let at =
                    |key: &str| key.split('.').try_fold(&json, |value, part| value.get(part)).unwrap_or(&Json::Null);
                let said: Vec<String> = rest.split(' ').map(|key| format!("{key}: {}", at(key))).collect();
                output.push(format!("{}: {}", at("original_file_path"), said.join(", ")));
            }
        }
        "osi" => {
            let semantic = engine::semantic::semantic_manifest(manifest.artifact()).expect("a semantic manifest");
            match engine::semantic::osi::document(semantic) {
                Ok(document) => {
                    output.extend(document.losses.iter().map(|loss| loss.diagnostic().to_string()));
                    let [model] = document.artifact.semantic_model.as_slice() else { panic!("one semantic model") };
                    let json = |of: serde_json::Result<String>| of.expect("JSON");
                    output.extend(model.datasets.iter().map(|of| json(serde_json::to_string(of))));
                    output.extend(model.relationships.iter().map(|of| json(serde_json::to_string(of))));
                    let metrics = model.metrics.iter();
                    output.extend(metrics.map(|metric| format!("{}: {}", metric.name, metric.expression.preferred())));
                }
                Err(error) => output.push(error.diagnostic().to_string()),
            }
        }
        other => panic!("unknown command {other}"),
    }
}

fn find(manifest: &Manifest, name: &str) -> UniqueId {
    let artifact = manifest.artifact();
    artifact
        .nodes
        .iter()
        .find(|(id, node)| id.as_str() == name || node.name == name)
        .map_or_else(|| UniqueId::new(name.to_owned()), |(id, _)| id.clone())
}

fn find_unit_test(manifest: &Manifest, name: &str) -> UniqueId {
    let found = manifest.artifact().unit_tests.iter().find(|(_, test)| test.name == name);
    found.map_or_else(|| UniqueId::new(name.to_owned()), |(id, _)| id.clone())
}

fn resource(manifest: &Manifest, name: &str) -> Json {
    let artifact = manifest.artifact();
    if let Some(source) = artifact.sources.get(name) {
        return serde_json::to_value(&**source).expect("JSON");
    }
    if let Some(exposure) = artifact.exposures.get(name) {
        return serde_json::to_value(&**exposure).expect("JSON");
    }
    for section in [&artifact.metrics, &artifact.semantic_models, &artifact.saved_queries] {
        if let Some(found) = section.get(name) {
            return found.clone();
        }
    }
    if name == "parent_map" {
        return serde_json::to_value(&artifact.parent_map).expect("JSON");
    }
    if let Some(found) = artifact.macros.get(name) {
        return serde_json::to_value(&**found).expect("JSON");
    }
    if let Some(found) = artifact.groups.get(name) {
        return serde_json::to_value(found).expect("JSON");
    }
    if let Some(found) = artifact.unit_tests.get(name) {
        return serde_json::to_value(&**found).expect("JSON");
    }
    if let Some(entries) = artifact.disabled.get(name) {
        return serde_json::to_value(&entries[0]).expect("JSON");
    }
    let node = artifact.nodes.get(&find(manifest, name)).unwrap_or_else(|| panic!("no node {name}"));
    serde_json::to_value(&**node).expect("JSON")
}

//! The runner of `tests/cases/*.case`.
//!
//! A case is `=== name`, the template, then sections: `--- context` (JSON; `{"$decimal": "1.5"}`, `{"$date": …}`,
//! `{"$datetime": …}`, `{"$timedelta": seconds}`, `{"$tuple": […]}` stand for what JSON lacks), `--- macros` (blocks
//! the template can call), `--- mode` (`strict`, `capture`, `native`), `--- expected` or `--- error` (what the
//! reference answers) and `--- differs` (what we answer instead, on purpose; an error is written `error: …`).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jinja::{BlockKind, MacroDef, Names, Template, UndefinedMode, Value, extract_blocks};

#[derive(Default)]
struct Case {
    name: String,
    sections: HashMap<String, String>,
}

const SECTIONS: [&str; 6] = ["context", "macros", "mode", "expected", "error", "differs"];

fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut section = String::new();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), sections: HashMap::new() });
            section = "template".to_owned();
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match line.strip_prefix("--- ") {
            Some(name) if SECTIONS.contains(&name) => {
                section = name.to_owned();
                case.sections.insert(section.clone(), "\u{0}".to_owned());
            }
            _ => {
                let text = case.sections.entry(section.clone()).or_insert_with(|| "\u{0}".to_owned());
                // The mark tells a section without lines from one with an empty line.
                if text == "\u{0}" {
                    text.clear();
                } else {
                    text.push('\n');
                }
                text.push_str(line);
            }
        }
    }
    cases
}

pub(crate) fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Array(items) => Value::list(items.iter().map(value).collect()),
        serde_json::Value::Object(entries) => {
            let only = (entries.len() == 1).then(|| entries.iter().next()).flatten();
            let text = |json: &serde_json::Value| json.as_str().unwrap_or_default().to_owned();
            match only.map(|(key, inner)| (key.as_str(), inner)) {
                Some(("$decimal", inner)) => Value::from(text(inner).parse::<jinja::Decimal>().unwrap()),
                Some(("$date", inner)) => Value::Date(text(inner).parse().unwrap()),
                Some(("$datetime", inner)) => {
                    let text = text(inner);
                    if let Ok(aware) = chrono::DateTime::parse_from_rfc3339(&text) {
                        return Value::from(aware.to_utc());
                    }
                    Value::from(text.parse::<chrono::NaiveDateTime>().unwrap())
                }
                Some(("$timedelta", inner)) => Value::from(chrono::TimeDelta::seconds(inner.as_i64().unwrap())),
                Some(("$tuple", inner)) => Value::tuple(inner.as_array().unwrap().iter().map(value).collect()),
                _ => Value::dict(entries.iter().map(|(key, inner)| (key.as_str(), value(inner)))),
            }
        }
        scalar => Value::from(scalar),
    }
}

pub(crate) fn names(context: &str, macros: &str) -> Names {
    let clock = || chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let mut names: HashMap<String, Value> = HashMap::new();
    for name in jinja::modules::builtin_names() {
        names.insert(name.to_owned(), jinja::modules::builtin(name).unwrap());
    }
    names.insert("modules".to_owned(), jinja::modules::modules(Arc::new(clock), Arc::new(|| Ok(()))));
    if !context.trim().is_empty() {
        let json: serde_json::Value = serde_json::from_str(context).unwrap();
        for (key, json) in json.as_object().unwrap() {
            names.insert(key.clone(), value(json));
        }
    }
    let kinds = [BlockKind::Macro, BlockKind::Test, BlockKind::Materialization];
    for block in extract_blocks(macros, &kinds).unwrap().blocks {
        let definition =
            MacroDef::compile(block.full, &format!("macro.case.{}", block.name), "macros/case.sql").unwrap();
        names.insert(definition.name.to_string(), Value::from(Arc::new(definition)));
    }
    Names(names)
}

fn run(case: &Case) -> (&'static str, String) {
    let section =
        |name: &str| case.sections.get(name).map(String::as_str).unwrap_or_default().trim_start_matches('\u{0}');
    let mode = section("mode").trim();
    let undefined = if mode.ends_with("capture") { UndefinedMode::Capture } else { UndefinedMode::Strict };
    let names = names(section("context"), section("macros"));
    let result = Template::compile(section("template"), "case").and_then(|template| {
        if mode.starts_with("native") {
            template.render_native(&names, undefined).map(|value| value.repr())
        } else {
            template.render(&names, undefined)
        }
    });
    match result {
        Ok(text) => ("expected", text),
        Err(error) => ("error", error.message().to_owned()),
    }
}

fn check(path: &Path) -> (usize, Vec<String>) {
    let cases = read(&std::fs::read_to_string(path).unwrap());
    let mut failures = Vec::new();
    for case in &cases {
        let (kind, answer) = run(case);
        let section = |name: &str| case.sections.get(name).map(|text| text.trim_start_matches('\u{0}').to_owned());
        let answer = if kind == "error" { format!("error: {answer}") } else { answer };
        let wanted = section("differs")
            .or_else(|| section("expected"))
            .or_else(|| section("error").map(|error| format!("error: {error}")))
            .unwrap_or_else(|| panic!("{}: '{}' has no answer of the reference", path.display(), case.name));
        if answer != wanted {
            let template = section("template").unwrap_or_default();
            failures.push(format!(
                "{}: {}\n   template: {template}\n   wanted:   {wanted:?}\n   got:      {answer:?}",
                path.file_name().unwrap().to_string_lossy(),
                case.name
            ));
        }
    }
    (cases.len(), failures)
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "case"));
    paths.sort();
    let (mut count, mut failures) = (0, Vec::new());
    for path in paths {
        let (more, failed) = check(&path);
        count += more;
        failures.extend(failed);
    }
    assert!(count > 200, "only {count} cases were found");
    assert!(failures.is_empty(), "{} of {count} cases fail:\n\n{}", failures.len(), failures.join("\n\n"));
}

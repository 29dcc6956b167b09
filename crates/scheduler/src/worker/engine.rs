//! Which program runs a line: `dbt` is this very binary, or the dbt that is installed; anything else is itself.

use std::path::Path;

use project::yaml;
use serde_json::{Map, Value as Json};

use super::{environment::iso, supervise::StopSignal};
use crate::model::RunSpec;

/// What is started, and how it is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) words: Vec<String>,
    pub(super) stop_with: StopSignal,
}

/// Commands that take no `--vars`.
const WITHOUT_VARIABLES: [&str; 9] = ["init", "lake", "up", "bolt", "env", "connection", "token", "doctor", "iam"];

/// Chooses the program and adds the run's dbt variables.
///
/// # Errors
/// `--vars` of the line is no mapping.
pub(super) fn choose(mut words: Vec<String>, spec: &RunSpec, owlet: &Path) -> Result<Program, String> {
    let name = words.first().cloned().unwrap_or_default();
    if name == "dbt" || name == "owlet" {
        add_variables(&mut words, spec)?;
    }
    let is_ours = name == "owlet" || (name == "dbt" && !spec.is_dbt_core);
    if is_ours && let Some(first) = words.first_mut() {
        *first = owlet.display().to_string();
    }
    // dbt in Python cancels its queries on an interrupt only.
    let stop_with = if name == "dbt" && !is_ours { StopSignal::Interrupt } else { StopSignal::Terminate };
    Ok(Program { words, stop_with })
}

/// `--vars` of the run and of the line as one; the line's win, name by name.
fn add_variables(words: &mut Vec<String>, spec: &RunSpec) -> Result<(), String> {
    let mut variables = spec.variables.clone();
    if let Some(interval) = spec.interval {
        variables.entry("interval_start").or_insert_with(|| iso(interval.start).into());
        variables.entry("interval_end").or_insert_with(|| iso(interval.end).into());
    }
    let command = words.iter().skip(1).find(|word| !word.starts_with('-'));
    let takes_them = command.is_some_and(|command| !WITHOUT_VARIABLES.contains(&command.as_str()));
    if variables.is_empty() || !takes_them {
        return Ok(());
    }
    if let Some(at) = words.iter().position(|word| word == "--vars" || word.starts_with("--vars=")) {
        let word = words.remove(at);
        let text = match word.strip_prefix("--vars=") {
            Some(text) => text.to_owned(),
            None if at < words.len() => words.remove(at),
            None => return Err("--vars has no value\n  fix: write a mapping behind it".to_owned()),
        };
        variables.extend(mapping(&text)?);
    }
    words.extend(["--vars".to_owned(), Json::Object(variables).to_string()]);
    Ok(())
}

fn mapping(text: &str) -> Result<Map<String, Json>, String> {
    let wrong = || format!("--vars is no mapping: {text}\n  fix: write --vars '{{name: value}}'");
    let (node, _) = yaml::parse(text).map_err(|_| wrong())?;
    match node.value.to_json() {
        Json::Object(mapping) => Ok(mapping),
        Json::Null => Ok(Map::new()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(variables: Json, is_dbt_core: bool) -> RunSpec {
        let spec = json!({
            "environment": "prod", "commands": [], "variables": variables, "is_dbt_core": is_dbt_core, "token_seed": "s",
        });
        serde_json::from_value(spec).expect("a spec")
    }

    fn chosen(line: &[&str], spec: &RunSpec) -> Vec<String> {
        let words = line.iter().map(|word| (*word).to_owned()).collect();
        choose(words, spec, Path::new("/opt/owlet")).expect("valid").words
    }

    #[test]
    fn dbt_is_this_program_or_the_installed_one() {
        let none = spec(json!({}), false);
        assert_eq!(chosen(&["dbt", "build"], &none), ["/opt/owlet", "build"]);
        assert_eq!(chosen(&["owlet", "doctor"], &none), ["/opt/owlet", "doctor"]);
        assert_eq!(chosen(&["python", "dbt"], &none), ["python", "dbt"]);
        let core = spec(json!({}), true);
        assert_eq!(chosen(&["dbt", "build"], &core), ["dbt", "build"]);
        let interrupted = choose(vec!["dbt".to_owned()], &core, Path::new("/opt/owlet")).expect("valid");
        assert_eq!(interrupted.stop_with, StopSignal::Interrupt);
    }

    #[test]
    fn variables_of_run_and_line_are_one() {
        let spec = spec(json!({"a": 1, "b": "x"}), false);
        assert_eq!(chosen(&["dbt", "run", "-s", "m"], &spec)[4..], ["--vars", r#"{"a":1,"b":"x"}"#]);
        assert_eq!(
            chosen(&["dbt", "run", "--vars", "{b: y, c: [1]}"], &spec)[2..],
            ["--vars", r#"{"a":1,"b":"y","c":[1]}"#]
        );
        assert_eq!(chosen(&["dbt", "--vars={}", "run"], &spec)[1..], ["run", "--vars", r#"{"a":1,"b":"x"}"#]);
        assert_eq!(chosen(&["owlet", "bolt", "runs"], &spec).len(), 3);
        assert_eq!(chosen(&["dbt", "--version"], &spec).len(), 2);
        let wrong = choose(["dbt", "run", "--vars", "[1]"].map(str::to_owned).into(), &spec, Path::new("o"));
        assert!(wrong.is_err());
    }
}

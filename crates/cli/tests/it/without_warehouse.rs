//! Commands of a project that ask no warehouse anything.

use std::path::Path;

use crate::owlet;

const PROFILES: &str = "shop:
  target: dev
  outputs:
    dev: {type: athena, schema: dev, database: awsdatacatalog, region_name: eu-west-1, s3_staging_dir: 's3://b/x'}
";

fn project(models: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &Path, text: &str| fs_err::write(path, text).expect("written");
    write(&folder.path().join("dbt_project.yml"), "name: shop\nprofile: shop\n");
    write(&folder.path().join("profiles.yml"), PROFILES);
    fs_err::create_dir(folder.path().join("models")).expect("a folder");
    for (name, sql) in models {
        write(&folder.path().join("models").join(name), sql);
    }
    folder
}

/// Of the secrets among `--vars` neither terminal nor log file knows more than the name.
#[test]
fn no_log_has_a_secret_variable() {
    let folder = project(&[("m.sql", "select 1 as id")]);
    let secret = "{DBT_ENV_SECRET_TOKEN: 3fe9c, other: shown}";
    let done = owlet(folder.path(), &["parse", "--log-format", "json", "--vars", secret]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let log = fs_err::read_to_string(folder.path().join("logs/dbt.log")).expect("a log");
    for text in [done.stdout, log] {
        assert!(text.contains("DBT_ENV_SECRET_TOKEN") && text.contains("*****") && text.contains("shown"), "{text}");
        assert!(!text.contains("3fe9c"), "{text}");
    }
}

/// As dbt Core 1.12.0 answers, to the byte of the manifest's members.
#[test]
fn ephemeral_models_can_be_left_out_of_compiled_code() {
    let models =
        [("e.sql", "{{ config(materialized='ephemeral') }} select 1 as id"), ("m.sql", "select * from {{ ref('e') }}")];
    let folder = project(&models);
    let done = owlet(folder.path(), &["compile", "--no-introspect", "--no-inject-ephemeral-ctes", "-s", "m"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let json = |name: &str| -> serde_json::Value {
        let text = fs_err::read_to_string(folder.path().join("target").join(name)).expect("an artifact");
        serde_json::from_str(&text).expect("JSON")
    };
    let manifest = json("manifest.json");
    let node = &manifest["nodes"]["model.shop.m"];
    assert_eq!(node["compiled_code"], "select * from __dbt__cte__e");
    assert_eq!(node["extra_ctes"], serde_json::json!([{"id": "model.shop.e", "sql": "None"}]));
    assert_eq!(node["extra_ctes_injected"], false);
    assert_eq!(node["compiled_path"], serde_json::Value::Null);
    assert!(!folder.path().join("target/compiled").exists());
    assert_eq!(json("run_results.json")["args"]["inject_ephemeral_ctes"], false);
}

/// As dbt Core 1.12.0 repeats a compilation: only what failed, with the flags of before.
#[test]
fn a_retry_of_a_compilation_has_its_flags() {
    let models = [
        ("e.sql", "{{ config(materialized='ephemeral') }} select 1 as id"),
        ("m.sql", "{% do print('printed') %}select * from {{ ref('e') }}"),
        ("other.sql", "{% if execute %}{% do exceptions.warn('careful') %}{% endif %}select 1 as id"),
    ];
    let folder = project(&models);
    let path = folder.path().join("target/run_results.json");
    let read = || -> serde_json::Value {
        serde_json::from_str(&fs_err::read_to_string(&path).expect("an artifact")).expect("JSON")
    };
    let compile = ["--no-print", "compile", "--no-introspect", "--no-inject-ephemeral-ctes", "-s", "m", "other"];
    let done = owlet(folder.path(), &compile);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let done = owlet(folder.path(), &["retry"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("Nothing to do."), "{}", done.stdout);

    // What a compilation cannot leave behind, but a file from elsewhere can have.
    owlet(folder.path(), &compile);
    let mut results = read();
    results["args"]["warn_error_options"] =
        serde_json::json!({"error": ["JinjaLogWarning"], "warn": [], "silence": []});
    for result in results["results"].as_array_mut().expect("results") {
        result["status"] = if result["unique_id"] == "model.shop.m" { "error" } else { "success" }.into();
    }
    fs_err::write(&path, results.to_string()).expect("written");
    let done = owlet(folder.path(), &["retry"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(!done.stdout.contains("printed"), "{}", done.stdout);
    let again = read();
    assert_eq!(again["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(again["results"][0]["compiled_code"], "select * from __dbt__cte__e");
    let args = &again["args"];
    assert_eq!((&args["introspect"], &args["inject_ephemeral_ctes"]), (&false.into(), &false.into()));
    assert_eq!(args["select"], serde_json::json!(["m", "other"]));

    results["results"].as_array_mut().expect("results").iter_mut().for_each(|result| result["status"] = "error".into());
    fs_err::write(&path, results.to_string()).expect("written");
    let done = owlet(folder.path(), &["retry"]);
    assert_eq!(done.code, Some(2), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("Compilation Error in model other"), "{}", done.stdout);
}

/// The words of a name are not those of an error: a profile that is not there is a failed check, whatever it is called.
#[test]
fn debug_tells_errors_apart_by_their_kind() {
    let folder = project(&[]);
    let write = |text: &str| fs_err::write(folder.path().join("dbt_project.yml"), text).expect("written");
    let code = || owlet(folder.path(), &["debug"]).code;
    write("name: shop\nprofile: 'Syntax error near line'\n");
    assert_eq!(code(), Some(1));
    write("name: shop\nprofile: [\n");
    assert_eq!(code(), Some(2));
    write("name: shop\nprofile: shop\nmodels: {shop: {+meta: {a: \"{{ env_var('NOT_THERE') }}\"}}}\n");
    assert_eq!(code(), Some(2));
}

/// Mistakes in `flags:` are told with the others of the project, in the log that was asked for and in the file.
#[test]
fn flags_of_the_project_are_mistakes_with_a_place() {
    let folder = project(&[("m.sql", "select {{ ref(")]);
    let flags = "flags:\n  fail_fast: maybe\n  warn_error_options: {error: [NoSuch]}\n";
    fs_err::write(folder.path().join("dbt_project.yml"), format!("name: shop\nprofile: shop\n{flags}"))
        .expect("written");
    let done = owlet(folder.path(), &["parse", "--log-format", "json", "--log-path", "told"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(2), ""), "{}", done.stdout);
    let log = fs_err::read_to_string(folder.path().join("told/dbt.log")).expect("a log");
    for text in [done.stdout, log] {
        let events = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let failed: Vec<_> = events.filter(|event| event["info"]["name"] == "MainEncounteredError").collect();
        assert_eq!(failed.len(), 1, "{text}");
        let told = failed[0]["data"]["diagnostics"].as_array().expect("a list");
        let places: Vec<String> =
            told.iter().map(|one| format!("{}:{}", one["location"]["file"], one["location"]["line"])).collect();
        assert_eq!(places, ["\"dbt_project.yml\":4", "\"dbt_project.yml\":5", "\"models/m.sql\":1"], "{text}");
        let exc = failed[0]["data"]["exc"].as_str().expect("a text");
        assert!(exc.starts_with("'maybe' is not a valid value for FAIL_FAST\n  at dbt_project.yml:4:14\n"), "{exc}");
    }
    assert_eq!(owlet(folder.path(), &["debug"]).code, Some(2), "dbt's debug stops there, too");
}

/// As dbt Core 1.12: deprecated and honoured, unless the command line or a variable says otherwise.
#[test]
fn the_log_goes_where_the_project_says() {
    let folder = project(&[("m.sql", "select 1 as id")]);
    let path = |name: &str| folder.path().join(name);
    fs_err::write(path("dbt_project.yml"), "name: shop\nprofile: shop\nlog-path: said\n").expect("written");
    let done = owlet(folder.path(), &["parse"]);
    assert_eq!(done.code, Some(0), "{}", done.stdout);
    assert!(done.stdout.contains("The `log-path` config in `dbt_project.yml` has been deprecated"), "{}", done.stdout);
    assert!(path("said/dbt.log").is_file() && !path("logs").exists());
    assert_eq!(owlet(folder.path(), &["parse", "--log-path", "asked"]).code, Some(0));
    assert!(path("asked/dbt.log").is_file() && !path("logs").exists());
}

/// Like dbt, for which a run_results.json without results is none.
#[test]
fn a_run_of_nothing_cannot_be_retried() {
    let folder = project(&[("m.sql", "select 1 as id")]);
    let done = owlet(folder.path(), &["run", "--select", "nope"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("[WARNING]: Nothing to do."), "{}", done.stdout);
    let results = fs_err::read_to_string(folder.path().join("target/run_results.json")).expect("written");
    let results: serde_json::Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(results["results"], serde_json::json!([]));
    // Options that the command does not have are no arguments of it.
    assert_eq!(results["args"].get("resource_types"), None);
    assert_eq!(results["args"]["empty"], false);
    let done = owlet(folder.path(), &["retry"]);
    assert_eq!(done.code, Some(2), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("Could not find previous run in"), "{}", done.stdout);
}

/// As `json.dumps` writes it, and so as tools look for it.
#[test]
fn ls_writes_json_as_python_does() {
    let folder = project(&[("m.sql", "{{ config(meta={'é': [1, none]}) }}select 1 as id")]);
    let keys = ["--output-keys", "name", "config.meta", "tags"];
    let done = owlet(folder.path(), &[&["-q", "ls", "--output", "json"], keys.as_slice()].concat());
    let expected = "{\"name\": \"m\", \"config.meta\": {\"\\u00e9\": [1, null]}, \"tags\": []}\n";
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), expected), "{}", done.stderr);
}

#[test]
fn show_asks_for_a_node_or_a_query() {
    let folder = project(&[("m.sql", "select 1 as id")]);
    let done = owlet(folder.path(), &["show"]);
    assert_eq!(done.code, Some(2), "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("Either --select or --inline must be passed to show"), "{}", done.stderr);
    let done = owlet(folder.path(), &["-v"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
}

/// As dbt Core 1.12.0: what was asked for are events too, shown with `--quiet`, and with no log at all not shown.
#[test]
fn answers_are_events() {
    let folder = project(&[("m.sql", "select 1 as id"), ("n.sql", "select 2 as id")]);
    let run = |arguments: &[&str]| {
        let done = owlet(folder.path(), arguments);
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        done.stdout
    };
    assert_eq!(run(&["--quiet", "ls"]), "shop.m\nshop.n\n");
    assert_eq!(run(&["--log-level", "none", "ls"]), "");
    let lines = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let listed = lines(&run(&["--log-format", "json", "ls"]));
    let said: Vec<_> = listed.iter().map(|line| (&line["info"]["name"], &line["data"]["msg"])).collect();
    let name = &serde_json::json!("PrintEvent");
    assert_eq!(said, [(name, &"shop.m".into()), (name, &"shop.n".into())]);

    let compiled = lines(&run(&["--log-format", "json", "-q", "compile", "--no-introspect", "-s", "m"]));
    let [only] = compiled.as_slice() else { panic!("{compiled:?}") };
    assert_eq!((&only["info"]["name"], &only["info"]["code"]), (&"CompiledNode".into(), &"Q042".into()));
    let data = serde_json::json!({
        "compiled": "select 1 as id", "is_inline": false, "node_name": "m", "output_format": "text", "quiet": true,
        "unique_id": "model.shop.m",
    });
    assert_eq!(only["data"], data);
    let results = fs_err::read_to_string(folder.path().join("target/run_results.json")).expect("an artifact");
    let results: serde_json::Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(results["args"]["log_level"], "info");
}

/// As dbt Core 1.12.0: `--debug` says more, in the same form; the other form begins with a line that divides, and has all lines alike.
#[test]
fn the_debug_form_is_asked_for() {
    let folder = project(&[("m.sql", "select 1 as id")]);
    let stamp = |line: &str, form: &str| {
        let digits: String = line.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        digits.starts_with(form)
    };
    let done = owlet(folder.path(), &["--debug", "compile", "--no-introspect"]);
    assert!(done.stdout.lines().all(|line| stamp(line, "00:00:00  ")), "{}", done.stdout);
    let done = owlet(folder.path(), &["--log-format", "debug", "compile", "--no-introspect"]);
    let mut lines = done.stdout.trim_start().lines();
    assert!(lines.next().is_some_and(|line| line.starts_with(&"=".repeat(30))), "{}", done.stdout);
    assert!(lines.all(|line| stamp(line, "00:00:00.000000 [")), "{}", done.stdout);
}

/// As dbt Core 1.12.0.
#[test]
fn having_nothing_to_do_is_a_warning_like_others() {
    let folder = project(&[("m.sql", "select 1 as id")]);
    let run = |arguments: &[&str]| {
        let done = owlet(folder.path(), arguments);
        (done.code, (done.stdout + &done.stderr).contains("Nothing to do"))
    };
    let compile = ["compile", "--no-introspect", "--exclude", "m"];
    let with = |more: &[&str]| run(&[&compile, more].concat());
    assert_eq!(with(&[]), (Some(0), true));
    assert_eq!(with(&["--warn-error"]), (Some(2), true));
    assert_eq!(with(&["--warn-error-options", "{silence: [NothingToDo]}"]), (Some(0), false));
    assert_eq!(run(&["ls", "--exclude", "m", "--warn-error-options", "{error: [NoNodesSelected]}"]).0, Some(2));
}

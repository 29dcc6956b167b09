//! `dbt_project.yml`.

use std::path::Path;

use project::yaml::Value;
use project::{DbtProject, QueryComment, RenderError, SourceText, Verbatim};

fn parse(text: &str) -> (Option<DbtProject>, Vec<diagnostic::Diagnostic>) {
    DbtProject::parse(Path::new("/p"), SourceText::new("dbt_project.yml", text), &Verbatim)
}

fn whats(text: &str) -> Vec<String> {
    parse(text).1.into_iter().map(|diagnostic| diagnostic.what.replace("\n  ", ": ")).collect()
}

#[test]
fn defaults_are_dbts() {
    let (project, diagnostics) = parse("name: shop\n");
    assert!(diagnostics.is_empty());
    let project = project.unwrap();
    assert_eq!(project.model_paths, ["models"]);
    assert_eq!(project.docs_paths, ["models", "seeds", "snapshots", "analyses", "macros", "tests", "functions"]);
    assert_eq!(project.clean_targets, ["target"]);
    assert_eq!(project.packages_install_path, "dbt_packages");
    assert_eq!(project.query_comment, QueryComment::Default);
    assert!(project.require_dbt_version.allows_ours());
}

#[test]
fn keys_are_read_in_all_their_spellings() {
    let (project, diagnostics) = parse(
        "name: shop\nversion: 1.0\nconfig-version: 2\nmodel-paths: [models/, ./more]\non-run-start: \"{{ log('x') }}\"\n\
         on-run-end:\nquery-comment:\nquoting: {project: true, schema: no}\nrequire-dbt-version: \">=1.3.0rc2,<2.0.0\"\n\
         dispatch:\n  - {macro_namespace: dbt_utils, search_order: [shop, dbt_utils]}\n",
    );
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let project = project.unwrap();
    assert_eq!(project.version.as_deref(), Some("1.0"));
    assert_eq!(project.model_paths, ["models", "./more"]);
    assert_eq!(project.on_run_start, ["{{ log('x') }}"]);
    assert!(project.on_run_end.is_empty());
    assert_eq!(project.query_comment, QueryComment::Disabled);
    assert_eq!(project.quoting.database, Some(true));
    assert_eq!(project.quoting.schema, Some(false));
    assert_eq!(project.dispatch[0].search_order, ["shop", "dbt_utils"]);
}

#[test]
fn every_mistake_is_reported_at_once() {
    assert_eq!(
        whats(
            "name: shop\nconfig-version: 3\nmodel-paths: {a: 1}\nrestrict-access: maybe\nrequire-dbt-version: soon\n"
        ),
        [
            "Runtime Error: Got an unexpected project version=3, expected 2",
            "Parsing Error: 'model-paths' of dbt_project.yml must be a list of strings, not a mapping",
            "Parsing Error: 'restrict-access' of dbt_project.yml must be true or false, not a string",
            "Runtime Error: \"soon\" is not a valid semantic version.",
        ]
    );
}

#[test]
fn names_are_checked() {
    assert_eq!(whats("profile: a\n"), ["Runtime Error: Required \"name\" field not present in project"]);
    assert_eq!(
        whats("name: my-shop\n"),
        ["Runtime Error: at path ['name']: 'my-shop' does not match '^[^\\\\d\\\\W]\\\\w*$'"]
    );
    assert_eq!(
        whats("name: my-shop\nmodel-paths: models\n"),
        [
            "Runtime Error: at path ['name']: 'my-shop' does not match '^[^\\\\d\\\\W]\\\\w*$'",
            "Parsing Error: 'model-paths' of dbt_project.yml must be a list of strings, not a string",
        ]
    );
    assert_eq!(parse("name: my-shop\n").1[0].fix.as_deref(), Some("write `name: my_shop`"));
    assert_eq!(whats("name: target\n"), ["Runtime Error: at path []: Invalid project name: target is a reserved word"]);
    assert_eq!(whats("- a\n"), ["Runtime Error: dbt_project.yml does not parse to a dictionary"]);
    assert_eq!(
        whats("name: shop\ntests: {+severity: warn}\ndata_tests: {+severity: error}\n"),
        ["Runtime Error: at path []: Invalid project config: cannot have both 'tests' and 'data_tests' defined"]
    );
}

#[test]
fn an_older_key_is_refused_beside_its_newer_one() {
    let told = whats("name: shop\ndata-paths: [data]\nseed-paths: [seeds]\n");
    assert!(told[0].starts_with("Runtime Error: data-paths and seed-paths cannot both be defined."), "{told:?}");
    assert_eq!(whats("name: shop\nsource-paths: [a]\n").len(), 1, "a warning");
}

#[test]
fn what_is_rendered_and_what_is_not() {
    let upper = |text: &str, path: &str| -> Result<Value, RenderError> {
        if text.contains("fail") {
            return Err(RenderError::new("Env var required but not provided: 'X'"));
        }
        Ok(Value::Str(format!("rendered at {path}")))
    };
    let (project, diagnostics) = DbtProject::parse(
        Path::new("/p"),
        SourceText::new(
            "dbt_project.yml",
            "name: shop\nprofile: \"{{ p }}\"\non-run-start: \"{{ h }}\"\nvars: {v: \"{{ v }}\"}\nquery-comment: \"{{ q }}\"\n\
             models:\n  shop:\n    +schema: \"{{ s }}\"\n    +post-hook: \"{{ h }}\"\n    \"{{ key }}\": x\nseeds:\n  +enabled: \"{{ fail }}\"\n",
        ),
        &upper,
    );
    let project = project.unwrap();
    assert_eq!(project.profile.as_deref(), Some("rendered at profile"));
    assert_eq!(project.on_run_start, ["{{ h }}"]);
    assert_eq!(project.vars.get("v").unwrap().value, Value::from("{{ v }}"));
    assert_eq!(
        project.query_comment,
        QueryComment::Custom { comment: Some("{{ q }}".into()), append: false, job_label: false }
    );
    let fqn = ["shop".to_owned(), "x".to_owned()];
    let layers: Vec<_> = project.configs.resolve(project::ConfigKind::Models, &fqn).collect();
    assert_eq!(layers[0]["schema"], "rendered at models.shop.+schema");
    assert_eq!(layers[0]["post-hook"], "{{ h }}");
    assert_eq!(layers[0]["{{ key }}"], "x");
    let raw: Vec<_> = project.configs.resolve_unrendered(project::ConfigKind::Models, &fqn).collect();
    assert_eq!(raw[0]["schema"], "{{ s }}");
    assert_eq!(diagnostics.len(), 1);
    assert!(diagnostics[0].what.contains("Could not render {{ fail }}: Env var required"), "{}", diagnostics[0].what);
    assert_eq!(diagnostics[0].location.as_ref().unwrap().line, Some(12));
}

#[test]
fn behaviour_flags_have_dbts_defaults() {
    let (project, _) = parse("name: shop\nflags: {validate_macro_args: no, state_modified_compare_vars: yes}\n");
    let flags = project.unwrap().project_flags();
    assert!(!flags.behaviour("validate_macro_args"));
    assert!(flags.behaviour("state_modified_compare_vars"));
    assert!(flags.behaviour("require_generic_test_arguments_property"));
    assert!(!flags.behaviour("use_catalogs_v2"));
}

#[test]
fn variables_may_have_a_file_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs_err::write(directory.path().join(name), text).unwrap();
    write("dbt_project.yml", "name: shop\n");
    write("vars.yml", "vars: {start: 2020-01-01}\n");
    write("selectors.yml", "selectors: [{name: a, default: \"{{ x }}\", definition: 'tag:a'}]\n");
    let load = || DbtProject::load(directory.path(), "", &Verbatim);
    let (project, diagnostics) = load();
    assert!(diagnostics.is_empty());
    let project = project.unwrap();
    assert!(matches!(project.vars.get("start").unwrap().value, Value::Date(_)));
    let yes = |_: &str, _: &str| -> Result<Value, RenderError> { Ok(Value::Bool(true)) };
    let (selectors, _) = project::read_selectors_file(&project, &yes);
    assert_eq!(selectors.unwrap()["selectors"][0]["default"], true);
    // The file is the root project's; a package has its variables in dbt_project.yml.
    let (package, _) = DbtProject::load(directory.path(), "packages/shop", &Verbatim);
    assert!(package.unwrap().vars.is_empty());
    write("dbt_project.yml", "name: shop\nvars: {b: 1}\n");
    assert!(load().1[0].what.contains("both vars.yml and dbt_project.yml"));
}

/// As dbt Core 1.12, which then finds every name twice; a directory without files can be listed as often as one likes.
#[test]
fn a_path_with_files_is_listed_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::create_dir_all(folder.path().join("models/sub")).expect("created");
    fs_err::create_dir_all(folder.path().join("macros")).expect("created");
    fs_err::write(folder.path().join("models/sub/a.sql"), "select 1 as id").expect("written");
    let whats = |paths: &str| -> Vec<String> {
        let source = SourceText::new("dbt_project.yml", format!("name: shop\n{paths}"));
        let (_, told) = DbtProject::parse(folder.path(), source, &Verbatim);
        let place = |told: &diagnostic::Diagnostic| told.location.as_ref().and_then(|at| at.line).unwrap_or_default();
        told.iter().map(|told| format!("{}: {}", place(told), told.what.replace("\n  ", ": "))).collect()
    };
    let twice = |line: usize, path: &str| {
        vec![format!("{line}: Compilation Error: `model-paths` lists what is below '{path}' twice.")]
    };
    assert_eq!(whats("model-paths: [models, ./models/]\n"), twice(2, "models"));
    assert_eq!(whats("model-paths:\n- models\n- models/sub\n"), twice(4, "models/sub"));
    assert_eq!(whats("model-paths:\n- models/sub\n- models\n"), twice(3, "models/sub"));
    assert!(whats("macro-paths: [macros, macros]\nmodel-paths: [models, more]\n").is_empty());
}

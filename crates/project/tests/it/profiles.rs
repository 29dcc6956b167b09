//! `profiles.yml`.

use project::yaml::Value;
use project::{DbtProject, LakehouseChoice, Profile, ProfileSettings, RenderError, SourceText};
use serde_json::json;

const TEXT: &str = "
shop:
  target: \"{{ env_var('T') }}\"
  outputs:
    dev:
      type: athena
      threads: 8
      catalog: awsdatacatalog
      schema: analytics
      region_name: eu-west-1
      num_retries: \"{{ env_var('RETRIES') }}\"
      password: \"{{ broken\"
    prod:
      type: athena
      s3_staging_dir: \"{{ env_var('MISSING') }}\"
    bare: {threads: 1}
    idle: {type: athena, threads: 0}
    twice: {type: athena, database: a, catalog: b}
    local: {type: athena, lakehouse: embedded, lakehouse_dir: .lake}
empty: {target: x}
";

fn environment(text: &str, _path: &str) -> Result<Value, RenderError> {
    match text {
        "{{ env_var('T') }}" => Ok(Value::from("dev")),
        "{{ env_var('RETRIES') }}" => Ok(Value::Int(3)),
        _ => Err(RenderError::new("Env var required but not provided: 'MISSING'")),
    }
}

fn parse(name: &str, target: Option<&str>) -> Result<Profile, Vec<String>> {
    let settings = ProfileSettings { target: target.map(str::to_owned), ..ProfileSettings::default() };
    Profile::parse(SourceText::new("profiles.yml", TEXT), name, &settings, &environment).map_err(|errors| {
        errors
            .iter()
            .map(|error| format!("{} | {}", error.what.replace('\n', "/"), error.fix.as_deref().unwrap_or("")))
            .collect()
    })
}

#[test]
fn the_chosen_target_is_rendered_natively() {
    let profile = parse("shop", None).unwrap();
    assert_eq!((profile.target.as_str(), profile.adapter_type.as_str(), profile.threads), ("dev", "athena", 8));
    assert_eq!(
        json!(profile.credentials),
        json!({"schema": "analytics", "region_name": "eu-west-1", "num_retries": 3, "password": "{{ broken", "database": "awsdatacatalog"})
    );
    assert_eq!(profile.lakehouse(), LakehouseChoice::Aws);
    assert_eq!(
        parse("shop", Some("local")).unwrap().lakehouse(),
        LakehouseChoice::Embedded { directory: Some(".lake".into()) }
    );
}

#[test]
fn what_is_missing_is_named_with_what_there_is() {
    assert_eq!(
        parse("shop", Some("prd")).unwrap_err(),
        [
            "Runtime Error/  The profile 'shop' does not have a target named 'prd'. The valid target names for this profile are:/   - dev/   - prod/   - bare/   - idle/   - twice/   - local | did you mean 'prod'? Set `target:` of the profile or --target to one of them"
        ]
    );
    assert_eq!(
        parse("shopp", None).unwrap_err(),
        [
            "Runtime Error/  Could not find profile named 'shopp' | did you mean 'shop'? Set `profile:` in dbt_project.yml or --profile to one of them, or add the profile"
        ]
    );
    assert_eq!(
        parse("empty", None).unwrap_err(),
        ["Runtime Error/  outputs not specified in profile 'empty' | add `outputs:` with one entry for each target"]
    );
    assert_eq!(
        parse("shop", Some("bare")).unwrap_err(),
        ["Runtime Error/  required field \"type\" not found in profile shop and target bare | add `type: athena`"]
    );
    assert!(parse("shop", Some("idle")).unwrap_err()[0].contains("Invalid value for threads"));
    assert!(parse("shop", Some("twice")).unwrap_err()[0].contains("all map to \"database\""));
    assert!(parse("shop", Some("prod")).unwrap_err()[0].contains("Env var required but not provided: 'MISSING'"));
}

#[test]
fn without_a_file_the_project_has_a_lakehouse_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = ProfileSettings { directories: vec![directory.path().to_owned()], ..ProfileSettings::default() };
    let project = DbtProject { profile: Some("shop".into()), ..DbtProject::default() };
    let profile = Profile::load(&project, &settings, &environment).unwrap();
    assert_eq!(profile, Profile::embedded_default());
    assert_eq!(
        (profile.threads, profile.credential("schema"), profile.credential("database")),
        (4, Some("dev"), Some("awsdatacatalog"))
    );
    settings.target = Some("prod".into());
    assert!(
        Profile::load(&project, &settings, &environment).unwrap_err()[0].what.contains("Could not find profiles.yml")
    );

    fs_err::write(directory.path().join("profiles.yml"), TEXT).unwrap();
    settings.target = None;
    settings.threads = Some(2);
    let profile = Profile::load(&project, &settings, &environment).unwrap();
    assert_eq!((profile.name.as_str(), profile.threads), ("shop", 2));
    let nameless = DbtProject::default();
    assert!(
        Profile::load(&nameless, &settings, &environment).unwrap_err()[0]
            .what
            .contains("no profile was specified for this dbt project.")
    );
}

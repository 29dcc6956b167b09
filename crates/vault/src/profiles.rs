//! profiles.yml of a run: one profile, its targets, no secret.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{Connection, Secret};

/// A target to be written.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `prod`, `ci`.
    pub name: &'a str,
    pub connection: &'a Connection,
    /// Instead of the connection's schema, for example one of a pull request.
    pub schema: Option<&'a str>,
    /// How a connection with `lakehouse: embedded` reaches the lakehouse.
    pub lakehouse: Lakehouse<'a>,
}

/// The lakehouse of an embedded connection.
#[derive(Debug, Clone, Copy)]
pub enum Lakehouse<'a> {
    /// As the connection says; without a folder of its own it is the project's `.owlet`.
    AsSaid,
    /// The server's folder, unless the connection names one.
    Directory(&'a Path),
    /// Its endpoint, as a client that knows no `lakehouse` key: dbt Core with dbt-athena.
    Endpoint(&'a str),
}

/// The file's text and the variables that it reads.
#[derive(Debug)]
pub struct RenderedProfiles {
    pub yaml: String,
    /// `DBT_ENV_SECRET_OWLET_…`, which dbt keeps out of its logs and allows in profiles.yml only.
    pub environment: Vec<(String, Secret)>,
}

/// Writes a profile whose default target is `default_target`. Every secret is `{{ env_var('…') }}` of a variable that the run gets.
pub fn render_profiles(profile: &str, default_target: &str, targets: &[Target<'_>]) -> RenderedProfiles {
    let mut yaml = String::from("# Written by Owlet for one run. Secrets come from environment variables.\n");
    let mut environment = Vec::new();
    push(&mut yaml, 0, profile, None);
    push(&mut yaml, 1, "target", Some(&default_target.into()));
    push(&mut yaml, 1, "outputs", None);
    for target in targets {
        push(&mut yaml, 2, target.name, None);
        for (name, value) in keys(target) {
            push(&mut yaml, 3, &name, Some(&value));
        }
        for (name, secret) in target.connection.secrets() {
            let variable = variable_name(target.name, name, &environment);
            push(&mut yaml, 3, name, Some(&format!("{{{{ env_var('{variable}') }}}}").into()));
            environment.push((variable, secret.clone()));
        }
    }
    RenderedProfiles { yaml, environment }
}

fn keys(target: &Target<'_>) -> Map<String, Value> {
    let mut keys = Map::new();
    keys.insert("type".to_owned(), "athena".into());
    keys.extend(target.connection.definition().clone());
    if target.connection.is_embedded() {
        fill_embedded(&mut keys, target.lakehouse);
    }
    if let Some(schema) = target.schema {
        keys.insert("schema".to_owned(), schema.into());
    }
    keys
}

/// dbt Core asks for these where our adapter has defaults.
fn fill_embedded(keys: &mut Map<String, Value>, lakehouse: Lakehouse<'_>) {
    let mut default = |name: &str, value: &str| {
        keys.entry(name).or_insert_with(|| value.into());
    };
    default("region_name", "us-east-1");
    default("database", "awsdatacatalog");
    default("schema", "dev");
    match lakehouse {
        Lakehouse::AsSaid => {}
        Lakehouse::Directory(dir) => default("lakehouse_dir", &dir.display().to_string()),
        Lakehouse::Endpoint(endpoint) => {
            default("s3_staging_dir", "s3://owlet/query-results/");
            default("s3_data_dir", "s3://owlet/data/");
            // The embedded lakehouse takes any keys, but a client must have some.
            default("aws_access_key_id", "owlet");
            if keys.get("aws_access_key_id").and_then(Value::as_str) == Some("owlet") {
                keys.insert("aws_secret_access_key".to_owned(), "owlet".into());
            }
            keys.insert("endpoint_url".to_owned(), endpoint.into());
            keys.shift_remove("lakehouse");
            keys.shift_remove("lakehouse_dir");
        }
    }
}

/// Two targets whose names differ in punctuation only get two variables.
fn variable_name(target: &str, field: &str, taken: &[(String, Secret)]) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    let name = format!("DBT_ENV_SECRET_OWLET_{}_{}", word(target), word(field));
    let is_free = |name: &String| !taken.iter().any(|(known, _)| known == name);
    std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}_{number}"))).find(is_free).unwrap_or(name)
}

/// JSON is YAML: quoted keys and flow values need no other rules.
fn push(yaml: &mut String, depth: usize, key: &str, value: Option<&Value>) {
    let value = value.map_or_else(String::new, |value| format!(" {value}"));
    yaml.push_str(&format!("{:1$}{key}:{value}\n", "", depth * 2, key = Value::from(key)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connection(fields: Value) -> Connection {
        Connection::parse(fields.as_object().expect("a mapping")).expect("valid").0
    }

    #[test]
    fn a_file_without_secrets_and_the_variables_it_needs() {
        let prod = connection(json!({
            "region_name": "eu-west-1", "database": "awsdatacatalog", "schema": "shop", "work_group": "dbt \"x\": #1",
            "threads": 8, "lf_tags_database": {"team": "a", "level": "b"},
            "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hush-hush",
        }));
        let lake = connection(json!({"lakehouse": "embedded"}));
        let here = Path::new("/srv/owlet");
        let served = Lakehouse::Endpoint("http://127.0.0.1:4566");
        let rendered = render_profiles(
            "flights",
            "prod",
            &[
                Target { name: "prod", connection: &prod, schema: None, lakehouse: Lakehouse::Directory(here) },
                Target {
                    name: "pull-request",
                    connection: &lake,
                    schema: Some("pr_7"),
                    lakehouse: Lakehouse::Directory(here),
                },
                Target { name: "dbt-core", connection: &lake, schema: None, lakehouse: served },
                Target { name: "Prod", connection: &prod, schema: None, lakehouse: Lakehouse::AsSaid },
            ],
        );
        insta::assert_snapshot!(rendered.yaml, @r#"
        # Written by Owlet for one run. Secrets come from environment variables.
        "flights":
          "target": "prod"
          "outputs":
            "prod":
              "type": "athena"
              "region_name": "eu-west-1"
              "database": "awsdatacatalog"
              "schema": "shop"
              "work_group": "dbt \"x\": #1"
              "aws_access_key_id": "AKIAEXAMPLE"
              "threads": 8
              "lf_tags_database": {"team":"a","level":"b"}
              "aws_secret_access_key": "{{ env_var('DBT_ENV_SECRET_OWLET_PROD_AWS_SECRET_ACCESS_KEY') }}"
            "pull-request":
              "type": "athena"
              "lakehouse": "embedded"
              "region_name": "us-east-1"
              "database": "awsdatacatalog"
              "schema": "pr_7"
              "lakehouse_dir": "/srv/owlet"
            "dbt-core":
              "type": "athena"
              "region_name": "us-east-1"
              "database": "awsdatacatalog"
              "schema": "dev"
              "s3_staging_dir": "s3://owlet/query-results/"
              "s3_data_dir": "s3://owlet/data/"
              "aws_access_key_id": "owlet"
              "aws_secret_access_key": "owlet"
              "endpoint_url": "http://127.0.0.1:4566"
            "Prod":
              "type": "athena"
              "region_name": "eu-west-1"
              "database": "awsdatacatalog"
              "schema": "shop"
              "work_group": "dbt \"x\": #1"
              "aws_access_key_id": "AKIAEXAMPLE"
              "threads": 8
              "lf_tags_database": {"team":"a","level":"b"}
              "aws_secret_access_key": "{{ env_var('DBT_ENV_SECRET_OWLET_PROD_AWS_SECRET_ACCESS_KEY_2') }}"
        "#);
        let names: Vec<_> =
            rendered.environment.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
        assert_eq!(
            names,
            [
                ("DBT_ENV_SECRET_OWLET_PROD_AWS_SECRET_ACCESS_KEY", "hush-hush"),
                ("DBT_ENV_SECRET_OWLET_PROD_AWS_SECRET_ACCESS_KEY_2", "hush-hush"),
            ]
        );
        assert!(!rendered.yaml.contains("hush"));
    }
}

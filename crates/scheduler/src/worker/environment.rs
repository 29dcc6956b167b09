//! The environment of a run's commands: exactly what is listed here, nothing of the server's own but what was named.
//!
//! Later ones win: what the server passes on (`PATH`, `HOME`, proxies, …), defaults for logs, the variables people set, the run's own
//! (`PARADIME_…`, `OWLET_…`), state, profiles, and last the assignments in front of a command.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use project::yaml;
use vault::{Connection, Lakehouse, Secret, Target, render_profiles};

use super::{configuration::Configuration, secrets::RunSecrets};
use crate::{clock::Micros, model::Run};

/// The server's lakehouse, for connections that are embedded.
#[derive(Debug, Clone, Default)]
pub struct ServedLakehouse {
    pub directory: Option<PathBuf>,
    /// Where it is served, for clients like dbt Core.
    pub endpoint: Option<String>,
}

/// Names and values of a run, and what of them must not be shown.
pub(super) struct RunEnvironment {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) secrets: RunSecrets,
}

/// Where a run's files are.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The dbt project.
    pub(super) project: PathBuf,
    /// Private to the run: profiles, state.
    pub(super) folder: PathBuf,
}

/// A run cannot get its environment.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvironmentError {
    #[error("the project in '{path}' names no profile")]
    NoProfile { path: PathBuf },
    #[error("pull request {number} has no schema of its own to build into: the environment has no connection")]
    NoConnection { number: String },
    #[error("writing the profile of the run failed: {0}")]
    Io(#[from] std::io::Error),
}

impl EnvironmentError {
    pub(super) fn fix(&self) -> &'static str {
        match self {
            Self::NoProfile { .. } => {
                "write `profile: name` into dbt_project.yml, as plain text; the connection is rendered under that name"
            }
            Self::NoConnection { .. } => {
                "give the environment a connection: the pull request's schema stands in the profiles.yml that is made of it"
            }
            Self::Io(_) => "see that Owlet's directory can be written and its disk has room",
        }
    }
}

/// All secrets of a run: also those that only git sees, and what commands inherit of the server's own.
pub(super) fn secrets(configuration: &Configuration, inherited: &[(String, String)]) -> RunSecrets {
    let owned = |name: &str, secret: &Secret| (name.to_owned(), secret.clone());
    let variables = configuration.variables.secrets().map(|(name, secret)| owned(name, secret));
    let connection = configuration.connection.iter().flat_map(Connection::secrets);
    let connection = connection.map(|(name, secret)| (format!("{name} of the connection"), secret.clone()));
    let credential = configuration.credential.iter().map(|secret| owned("of the repository", secret));
    let of_server = inherited.iter().filter_map(|(name, value)| Some(owned(name, &secret_in(name, value)?)));
    RunSecrets::new(variables.chain(connection).chain(credential).chain(of_server))
}

/// Credentials of AWS, and the password in the address of a proxy.
fn secret_in(name: &str, value: &str) -> Option<Secret> {
    let text = match name {
        "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" | "AWS_SECURITY_TOKEN" | "AWS_CONTAINER_AUTHORIZATION_TOKEN" => {
            value.to_owned()
        }
        _ if name.to_ascii_lowercase().ends_with("_proxy") => url::Url::parse(value).ok()?.password()?.to_owned(),
        _ => return None,
    };
    Secret::new(text, name).ok()
}

/// What the names of such schemas begin with, as the hosted service has it.
pub(super) const PULL_REQUEST_SCHEMA: &str = "paradime_turbo_ci_pr_";

/// The schema that a pull request builds into.
pub fn pull_request_schema(run: &Run) -> Option<String> {
    let number = run.pull_request.as_deref().filter(|_| run.spec.is_turbo_ci)?;
    Some(run.spec.pull_request_schema.clone().unwrap_or_else(|| schema_of_number(number)))
}

/// The name that the number alone gives.
pub(crate) fn schema_of_number(number: &str) -> String {
    let word: String =
        number.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    format!("{PULL_REQUEST_SCHEMA}{word}")
}

/// Makes the environment, and the profiles.yml that it names.
pub(super) fn make(
    run: &Run,
    configuration: &Configuration,
    inherited: &[(String, String)],
    lakehouse: &ServedLakehouse,
    places: &Places,
) -> Result<RunEnvironment, EnvironmentError> {
    let mut variables: BTreeMap<String, String> = inherited.iter().cloned().collect();
    for (name, value) in [
        ("LANG", "C.UTF-8"),
        // Logs are read in a browser, and while they are written.
        ("NO_COLOR", "1"),
        ("DBT_USE_COLORS", "false"),
        ("PYTHONUNBUFFERED", "1"),
    ] {
        variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    variables.extend(configuration.variables.environment().map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.extend(of_run(run, configuration, places));
    if let (Some(number), true, None) = (&run.pull_request, run.spec.is_turbo_ci, &configuration.connection) {
        // With the project's own profile it would build into that one's schema.
        return Err(EnvironmentError::NoConnection { number: number.clone() });
    }
    if let Some(connection) = &configuration.connection {
        let path = places.project.join("dbt_project.yml");
        if let Ok(text) = fs_err::read_to_string(&path) {
            let profile = profile_of(&text).ok_or(EnvironmentError::NoProfile { path })?;
            let environment = &configuration.environment;
            let schema = pull_request_schema(run).or_else(|| environment.schema.clone());
            let lakehouse = match (&lakehouse.endpoint, &lakehouse.directory) {
                (Some(endpoint), _) if run.spec.is_dbt_core => Lakehouse::Endpoint(endpoint),
                (_, Some(directory)) => Lakehouse::Directory(directory),
                _ => Lakehouse::AsSaid,
            };
            let target = |name| Target { name, connection, schema: schema.as_deref(), lakehouse };
            let mut targets = vec![target(environment.target.as_str())];
            // What the templates for pull requests ask for.
            if run.spec.is_turbo_ci && environment.target != "ci" {
                targets.push(target("ci"));
            }
            let rendered = render_profiles(&profile, &environment.target, &targets);
            let folder = places.folder.join("profiles");
            fs_err::create_dir_all(&folder)?;
            fs_err::set_permissions(&folder, PermissionsExt::from_mode(0o700))?;
            fs_err::write(folder.join("profiles.yml"), with_threads(rendered.yaml, environment.threads))?;
            variables.insert("DBT_PROFILES_DIR".to_owned(), folder.display().to_string());
            let secrets = rendered.environment.iter();
            variables.extend(secrets.map(|(name, secret)| (name.clone(), secret.expose().to_owned())));
        }
    }
    Ok(RunEnvironment { variables, secrets: secrets(configuration, inherited) })
}

/// The environment's number of threads, over the connection's.
fn with_threads(yaml: String, threads: Option<u32>) -> String {
    let Some(threads) = threads else { return yaml };
    let mut lines: Vec<String> =
        yaml.lines().filter(|line| !line.starts_with("      \"threads\":")).map(str::to_owned).collect();
    let types: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.starts_with("      \"type\":")).map(|(at, _)| at).collect();
    for at in types.into_iter().rev() {
        lines.insert(at + 1, format!("      \"threads\": {threads}"));
    }
    lines.join("\n") + "\n"
}

/// `profile:` of dbt_project.yml. A template there cannot be known before the run.
fn profile_of(project: &str) -> Option<String> {
    let (node, _) = yaml::parse(project).ok()?;
    let name = node.value.as_map()?.get("profile")?.value.as_str()?.trim().to_owned();
    (!name.is_empty() && !name.contains("{{")).then_some(name)
}

/// Where dbt leaves its artifacts: `DBT_TARGET_PATH`, `target-path:` of the project, and what a command says itself.
pub(super) fn target_folders(project: &Path, variables: &BTreeMap<String, String>, words: &[String]) -> Vec<PathBuf> {
    let written = fs_err::read_to_string(project.join("dbt_project.yml")).ok();
    let of_project = written.and_then(|text| {
        let (node, _) = yaml::parse(&text).ok()?;
        node.value.as_map()?.get("target-path")?.value.as_str().map(str::to_owned)
    });
    let of_project = of_project.filter(|path| !path.contains("{{"));
    let mut of_words = None;
    for (at, word) in words.iter().enumerate() {
        match word.strip_prefix("--target-path") {
            Some("") => of_words = words.get(at + 1).cloned(),
            Some(rest) => of_words = rest.strip_prefix('=').map(str::to_owned).or(of_words),
            None => {}
        }
    }
    let chosen = of_words
        .or_else(|| variables.get("DBT_TARGET_PATH").cloned())
        .or(of_project)
        .unwrap_or_else(|| "target".to_owned());
    vec![project.join(chosen)]
}

/// Source: the variables that public dbt projects for the hosted service read; ours beside them.
fn of_run(run: &Run, configuration: &Configuration, places: &Places) -> Vec<(String, String)> {
    let commit = run.commit_hash.clone().unwrap_or_default();
    let started = readable(run.started_at.unwrap_or(run.created_at));
    let mut variables = vec![
        ("PARADIME_WORKSPACE_NAME", configuration.workspace_name.clone()),
        ("PARADIME_SCHEDULE_NAME", run.schedule_slug.clone()),
        ("PARADIME_SCHEDULE_RUN_ID", run.id.to_string()),
        ("PARADIME_SCHEDULE_RUN_START_DTTM", started),
        ("PARADIME_SCHEDULE_TRIGGER", run.cause.as_str().to_owned()),
        ("PARADIME_SCHEDULE_GIT_SHA", commit.clone()),
        ("PARADIME_RESOURCES_DIRECTORY", places.project.display().to_string()),
        ("OWLET_SCHEDULE", run.schedule_slug.clone()),
        ("OWLET_ENVIRONMENT", run.spec.environment.clone()),
        ("OWLET_RUN_ID", run.id.to_string()),
        ("OWLET_RUN_ATTEMPT", run.attempt.to_string()),
        ("OWLET_GIT_SHA", commit),
    ];
    variables.extend(run.branch.clone().map(|branch| ("OWLET_GIT_BRANCH", branch)));
    variables.extend(run.pull_request.clone().map(|number| ("OWLET_PULL_REQUEST", number)));
    variables.extend(pull_request_schema(run).map(|schema| ("OWLET_PULL_REQUEST_SCHEMA", schema)));
    if let Some(interval) = run.spec.interval {
        variables.push(("OWLET_INTERVAL_START", iso(interval.start)));
        variables.push(("OWLET_INTERVAL_END", iso(interval.end)));
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn readable(at: Micros) -> String {
    moment(at).format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

/// `2026-03-01T04:15:00Z`
pub(super) fn iso(at: Micros) -> String {
    moment(at).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn moment(at: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_projects() {
        assert_eq!(profile_of("name: a\nprofile: 'flights'\n").as_deref(), Some("flights"));
        for text in ["name: a\n", "profile: \"{{ env_var('X') }}\"\n", "profile:\n", "- a\n"] {
            assert_eq!(profile_of(text), None, "{text}");
        }
    }

    #[test]
    fn artifacts_are_where_the_command_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let path = |line: &str, variables: &BTreeMap<String, String>| {
            let mut found = target_folders(folder.path(), variables, &words(line));
            found.remove(0).strip_prefix(folder.path()).expect("inside").display().to_string()
        };
        let mut variables = BTreeMap::new();
        assert_eq!(path("dbt run", &variables), "target");
        fs_err::write(folder.path().join("dbt_project.yml"), "target-path: built\n").expect("written");
        assert_eq!(path("dbt run", &variables), "built");
        variables.insert("DBT_TARGET_PATH".to_owned(), "variable".to_owned());
        assert_eq!(path("dbt run", &variables), "variable");
        assert_eq!(path("dbt run --target-path flag -s a", &variables), "flag");
        assert_eq!(path("dbt run --target-path=flag", &variables), "flag");
    }

    #[test]
    fn what_commands_inherit_may_be_secret() {
        let of = |name: &str, value: &str| secret_in(name, value).map(|secret| secret.expose().to_owned());
        assert_eq!(of("AWS_SECRET_ACCESS_KEY", "hush-hush").as_deref(), Some("hush-hush"));
        assert_eq!(of("https_proxy", "http://me:hush-hush@proxy:3128").as_deref(), Some("hush-hush"));
        for (name, value) in [("HTTPS_PROXY", "http://proxy:3128"), ("AWS_REGION", "eu-west-1"), ("PATH", "/usr/bin")] {
            assert_eq!(of(name, value), None, "{name}");
        }
    }

    #[test]
    fn threads_of_the_environment_win() {
        let yaml = "a:\n  outputs:\n    x:\n      \"type\": \"athena\"\n      \"threads\": 4\n";
        assert_eq!(
            with_threads(yaml.to_owned(), Some(9)),
            "a:\n  outputs:\n    x:\n      \"type\": \"athena\"\n      \"threads\": 9\n"
        );
        assert_eq!(with_threads(yaml.to_owned(), None), yaml);
    }
}

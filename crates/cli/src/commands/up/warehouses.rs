//! How the server itself reaches warehouses: to stop what a dead server left, to drop schemas of pull requests.

use adapter_athena::{AthenaProfile, Endpoint};
use async_trait::async_trait;
use athena_api::Services;
use clap::Parser;
use diagnostic::Diagnostic;
use scheduler::worker::configuration::{CommandInProject, Warehouses};
use vault::Connection as VaultConnection;

use crate::{
    args::{Cli, GlobalArgs},
    connection::Connection,
    environment::Environment,
    session,
    settings::Settings,
};

/// AWS by the connection's own credentials; the lakehouse in process.
pub struct Connected {
    pub(super) lakehouse: Option<Services>,
    pub(super) environment: Environment,
}

impl Connected {
    pub fn new(lakehouse: Option<Services>, environment: Environment) -> Self {
        Self { lakehouse, environment }
    }
}

#[async_trait]
impl Warehouses for Connected {
    async fn services(&self, connection: Option<&VaultConnection>, region: &str) -> Result<Services, String> {
        let Some(connection) = connection.filter(|connection| !connection.is_embedded()) else {
            return self.lakehouse();
        };
        let profile = connection.profile().map_err(|problems| lines(&problems))?;
        open(profile, region, &self.environment).await
    }

    async fn of_profile(&self, command: &CommandInProject<'_>, region: &str) -> Result<Services, String> {
        let environment = Environment::of_command(command.variables);
        let profile = profile_of(command, &environment)?;
        match profile.endpoint {
            Endpoint::Embedded { .. } => self.lakehouse(),
            Endpoint::Aws { .. } => open(profile, region, &environment).await,
        }
    }
}

impl Connected {
    fn lakehouse(&self) -> Result<Services, String> {
        self.lakehouse.clone().ok_or_else(|| "this server has no lakehouse".to_owned())
    }
}

/// The target that the command chose, or would have chosen.
fn profile_of(command: &CommandInProject<'_>, environment: &Environment) -> Result<AthenaProfile, String> {
    // A line that is none of ours, as of an installed dbt with flags of its own: the profile's default target.
    let global = Cli::try_parse_from(command.words).map_or_else(|_| GlobalArgs::default(), |cli| cli.global);
    let mut settings =
        Settings::resolve(&global, environment, command.project).map_err(|error| format!("{error:#}"))?;
    // Commands run in the project, this server somewhere else.
    if settings.profiles_dir.is_none() && command.project.join("profiles.yml").is_file() {
        settings.profiles_dir = Some(command.project.to_owned());
    }
    if settings.profiles_dir.is_none() {
        settings.profiles_dir = environment.get("HOME").map(|home| std::path::Path::new(home).join(".dbt"));
    }
    let project = settings.need_project().map_err(|error| format!("{error:#}"))?;
    session::athena_target(&settings, environment, project).map_err(|problems| lines(&problems))
}

async fn open(mut profile: AthenaProfile, region: &str, environment: &Environment) -> Result<Services, String> {
    region.clone_into(&mut profile.region_name);
    let opened = Box::pin(Connection::open(&profile, std::path::Path::new("."), environment)).await;
    opened.map(|connection| connection.services).map_err(|error| format!("{error:#}"))
}

fn lines(problems: &[Diagnostic]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use super::*;

    fn region(words: &str, project: &Path, variables: &[(&str, &str)]) -> Result<String, String> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let command = CommandInProject { project, variables: &variables, words: &words };
        profile_of(&command, &Environment::of_command(&variables)).map(|profile| profile.region_name)
    }

    #[test]
    fn a_command_without_connection_is_known_by_its_own_profile() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().join("project");
        fs_err::create_dir_all(folder.path().join("home/.dbt")).expect("created");
        fs_err::create_dir(&project).expect("created");
        fs_err::write(project.join("dbt_project.yml"), "name: shop\nprofile: shop\n").expect("written");
        let target = |region: &str| {
            format!("{{type: athena, schema: s, database: d, s3_staging_dir: 's3://b/', region_name: \"{region}\"}}")
        };
        let (main, other) = (target("{{ env_var('REGION') }}"), target("eu-west-2"));
        let profiles = format!("shop:\n  target: main\n  outputs:\n    main: {main}\n    other: {other}\n");
        fs_err::write(folder.path().join("home/.dbt/profiles.yml"), &profiles).expect("written");
        let home = folder.path().join("home").display().to_string();
        let variables = [("REGION", "eu-central-1"), ("HOME", home.as_str())];

        assert_eq!(region("dbt run -s orders", &project, &variables).as_deref(), Ok("eu-central-1"));
        assert_eq!(region("dbt run --target other", &project, &variables).as_deref(), Ok("eu-west-2"));
        assert_eq!(region("dbt frobnicate --all", &project, &variables).as_deref(), Ok("eu-central-1"));
        let unset = region("dbt run", &project, &variables[1..]).expect_err("the variable is not set");
        assert!(unset.contains("REGION"), "{unset}");
        // The project's own goes before that of its user.
        fs_err::write(project.join("profiles.yml"), profiles.replace("eu-west-2", "eu-north-1")).expect("written");
        assert_eq!(region("owlet build -t other", &project, &variables).as_deref(), Ok("eu-north-1"));
    }
}

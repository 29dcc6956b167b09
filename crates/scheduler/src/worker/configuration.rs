//! What people set that a run needs: its environment, connection, variables, the credential of its repository. It comes in from outside.

use std::{collections::BTreeMap, path::Path};

use async_trait::async_trait;
use athena_api::Services;
use vault::{Connection, Resolved, Secret};

use super::checkout::Credentials;
use crate::model::{Environment, ErrorClass, Run};

/// Everything of a run that is set elsewhere, secrets opened.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub workspace_name: String,
    pub environment: Environment,
    /// The environment's; `None`: the project's own profiles.yml, or the lakehouse.
    pub connection: Option<Connection>,
    /// Workspace < schedules < environment < the schedule's file < set for the schedule.
    pub variables: Resolved,
    /// The deploy key or token of the environment's repository.
    pub credential: Option<Secret>,
    /// Lines of known_hosts for a deploy key.
    pub known_hosts: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConfigurationError {
    /// What people read.
    pub message: String,
    /// [`ErrorClass::Configuration`], or [`ErrorClass::Infrastructure`] when the database failed.
    pub class: ErrorClass,
}

/// Where configurations come from.
#[async_trait]
pub trait Configurations: Send + Sync {
    /// Of a run, as things are set now.
    async fn of(&self, run: &Run) -> Result<Configuration, ConfigurationError>;
}

/// How warehouses are reached, for what must be done without a command: stopping queries of lost runs, dropping schemas of pull requests.
#[async_trait]
pub trait Warehouses: Send + Sync {
    /// The services of a connection in a region; without connection those of the lakehouse that this server serves.
    ///
    /// # Errors
    /// Credentials that do not work, no such endpoint: in words for people.
    async fn services(&self, connection: Option<&Connection>, region: &str) -> Result<Services, String>;

    /// The services that a command of a run without connection reached, by the project's own profiles.yml.
    ///
    /// # Errors
    /// There is no such profile, or as above.
    async fn of_profile(&self, command: &CommandInProject<'_>, region: &str) -> Result<Services, String>;
}

/// A command of a run as the project's profiles.yml sees it.
#[derive(Debug, Clone, Copy)]
pub struct CommandInProject<'a> {
    /// A working copy of the run's code.
    pub project: &'a Path,
    /// The command's environment, for `env_var()`, `HOME`, `DBT_PROFILES_DIR`.
    pub variables: &'a BTreeMap<String, String>,
    /// Its words: `dbt`, then what may hold `--target` and `--profile`.
    pub words: &'a [String],
}

impl Configuration {
    /// How git gets in.
    pub(super) fn credentials(&self, url: &str) -> Credentials {
        let Some(secret) = &self.credential else { return Credentials::Host };
        let text = secret.expose();
        if text.contains("PRIVATE KEY-----") {
            return Credentials::DeployKey { private_key: text.to_owned(), known_hosts: self.known_hosts.clone() };
        }
        match text.split_once(':') {
            Some((username, token)) if !username.is_empty() && !username.contains('/') => {
                Credentials::Token { username: username.to_owned(), token: token.to_owned() }
            }
            // GitHub and GitLab take any name beside a token; Bitbucket wants this one.
            _ => {
                let username = if url.contains("bitbucket") { "x-token-auth" } else { "x-access-token" };
                Credentials::Token { username: username.to_owned(), token: text.to_owned() }
            }
        }
    }
}

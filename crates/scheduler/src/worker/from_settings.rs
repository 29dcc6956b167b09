//! Configurations of runs, out of the settings in the database.

use async_trait::async_trait;
use vault::{Overrides, Scope, VariableValue};

use super::configuration::{Configuration, ConfigurationError, Configurations};
use crate::{
    model::{Code, ErrorClass, Run},
    settings::{Settings, SettingsError},
};

/// The settings of a workspace, as runs need them.
#[derive(Debug, Clone)]
pub struct FromSettings {
    pub settings: Settings,
    /// `PARADIME_WORKSPACE_NAME`.
    pub workspace_name: String,
}

impl From<SettingsError> for ConfigurationError {
    fn from(error: SettingsError) -> Self {
        let class = match &error {
            SettingsError::Database(_) => ErrorClass::Infrastructure,
            _ => ErrorClass::Configuration,
        };
        let fixes: Vec<String> = error.diagnostics().into_iter().filter_map(|problem| problem.fix).collect();
        let message = if fixes.is_empty() { error.to_string() } else { format!("{error}; {}", fixes.join("; ")) };
        Self { message, class }
    }
}

#[async_trait]
impl Configurations for FromSettings {
    async fn of(&self, run: &Run) -> Result<Configuration, ConfigurationError> {
        let wrong = |message: String| ConfigurationError { message, class: ErrorClass::Configuration };
        let slug = &run.spec.environment;
        let environments = self.settings.environments().await?;
        let environment =
            environments.into_iter().find(|row| row.slug == *slug).map(|row| row.environment).ok_or_else(|| {
                wrong(format!("there is no environment '{slug}'; add it, or name another one in the schedule"))
            })?;
        let connection = match &environment.connection {
            Some(slug) => Some(self.settings.connection(slug).await?.connection),
            None => None,
        };
        let scopes = self.settings.variable_scopes().await?;
        let of_workspace = |name: &str| {
            let found = scopes.iter().find(|variable| variable.scope == Scope::Workspace && variable.name == name);
            found.map(|variable| variable.value.clone())
        };
        let (mut credential, mut known_hosts) = (None, None);
        if let Code::Git { credential: Some(name), .. } = &environment.code {
            credential = match of_workspace(name) {
                Some(VariableValue::Secret(secret)) => Some(secret),
                _ => {
                    return Err(wrong(format!(
                        "the environment '{slug}' takes the credential of its repository from '{name}', and the workspace has no secret of that name; \
                         set it as a secret variable of scope workspace"
                    )));
                }
            };
            known_hosts = of_workspace(&format!("{name}_KNOWN_HOSTS")).map(|value| value.expose().to_owned());
        }
        let overrides =
            Overrides { environment: Some(&environment.variables), file: Some(&run.spec.env_overrides), run: None };
        let variables = scopes.resolve(run.schedule_id, overrides);
        let variables = variables.map_err(|problems| {
            wrong(problems.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>().join("; "))
        })?;
        Ok(Configuration {
            workspace_name: self.workspace_name.clone(),
            environment,
            connection,
            variables,
            credential,
            known_hosts,
        })
    }
}

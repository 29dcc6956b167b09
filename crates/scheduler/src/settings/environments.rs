//! Table `environment`.

use diagnostic::Diagnostic;
use store::sqlx;

use vault::Scope;

use super::{ConnectionScope, Entry, Settings, SettingsError, check_slug, environment_check, unknown};
use crate::{
    clock::Micros,
    model::{Actor, Code, Environment},
};

/// An environment as it is kept.
#[derive(Debug, Clone)]
pub struct EnvironmentRow {
    pub id: i64,
    pub slug: String,
    /// The label that people read.
    pub name: String,
    /// What the UI offers first; one at most.
    pub is_default: bool,
    pub environment: Environment,
    pub created_at: Micros,
    pub updated_at: Micros,
}

type Columns = (i64, String, String, i64, String, i64, i64);

impl Settings {
    /// All environments, by slug.
    ///
    /// # Errors
    /// The database fails.
    pub async fn environments(&self) -> Result<Vec<EnvironmentRow>, SettingsError> {
        let select =
            "SELECT id, slug, name, is_default, definition, created_at, updated_at FROM environment ORDER BY slug";
        let rows: Vec<Columns> = sqlx::query_as(select)
            .fetch_all(self.database.readers())
            .await
            .map_err(|source| self.failed("reading the environments of", source))?;
        rows.into_iter()
            .map(|(id, slug, name, is_default, definition, created_at, updated_at)| {
                let environment = serde_json::from_str(&definition).map_err(|error| SettingsError::Damaged {
                    what: "environment",
                    name: slug.clone(),
                    problem: error.to_string(),
                })?;
                Ok(EnvironmentRow { id, slug, name, is_default: is_default != 0, environment, created_at, updated_at })
            })
            .collect()
    }

    /// One environment.
    ///
    /// # Errors
    /// There is none of this slug; else as [`Settings::environments`].
    pub async fn environment(&self, slug: &str) -> Result<EnvironmentRow, SettingsError> {
        let mut rows = self.environments().await?;
        match rows.iter().position(|row| row.slug == slug) {
            Some(index) => Ok(rows.swap_remove(index)),
            None => Err(unknown("environment", slug, rows.iter().map(|row| row.slug.as_str()))),
        }
    }

    /// What it names that is not there.
    async fn missing(&self, environment: &Environment) -> Result<Vec<Diagnostic>, SettingsError> {
        let mut problems = Vec::new();
        if let Some(slug) = &environment.connection {
            match self.connection(slug).await {
                Ok(row) if row.scope == ConnectionScope::Production => {}
                Ok(_) => problems.push(
                    Diagnostic::error(format!("The connection '{slug}' is not for schedules"))
                        .cause("its scope is development: the scratchpad and the data explorer use it")
                        .fix("choose another connection, or change its scope to production"),
                ),
                Err(error @ SettingsError::Unknown { .. }) => problems.extend(error.diagnostics()),
                Err(error) => return Err(error),
            }
        }
        let mut secrets = Vec::new();
        if let Code::Git { credential: Some(name), .. } = &environment.code {
            secrets.push((name, "the credential of its repository"));
        }
        if let Some(status) = &environment.commit_status {
            secrets.push((&status.token, "the token for commit statuses"));
        }
        if secrets.is_empty() {
            return Ok(problems);
        }
        let scopes = self.variable_scopes().await?;
        for (name, what) in secrets {
            let is_there = scopes.iter().any(|variable| {
                variable.scope == Scope::Workspace && variable.name == *name && variable.value.is_secret()
            });
            if !is_there {
                problems.push(
                    Diagnostic::error(format!("The workspace has no secret variable '{name}'"))
                        .cause(format!("the environment takes {what} from it"))
                        .fix(format!("set it first: owlet env set {name} --secret")),
                );
            }
        }
        Ok(problems)
    }

    /// Adds an environment, or replaces the one of this slug. The first one becomes the default.
    ///
    /// # Errors
    /// Everything that is wrong with it, also what it names and is not there; the database fails.
    pub async fn set_environment(
        &self,
        slug: &str,
        name: &str,
        is_default: bool,
        environment: &Environment,
        actor: &Actor,
    ) -> Result<i64, SettingsError> {
        let mut problems: Vec<Diagnostic> = check_slug("environment", slug).err().into_iter().collect();
        if name.trim().is_empty() {
            problems.push(Diagnostic::error("The environment has no label").fix("give it a name that people read"));
        }
        problems.extend(environment_check::problems(environment));
        problems.extend(self.missing(environment).await?);
        if !problems.is_empty() {
            return Err(SettingsError::Refused(problems));
        }
        let definition = serde_json::to_string(environment).unwrap_or_default();
        let now = self.now();
        let mut change = self.database.write().await?;
        let failed = |source| self.failed("setting an environment in", source);
        if is_default {
            let others = "UPDATE environment SET is_default = 0 WHERE slug <> $1 AND is_default = 1";
            sqlx::query(others).bind(slug).execute(&mut *change).await.map_err(failed)?;
        }
        let upsert = "INSERT INTO environment (slug, name, is_default, definition, created_at, updated_at) \
                      VALUES ($1, $2, CASE WHEN EXISTS (SELECT 1 FROM environment) THEN $3 ELSE 1 END, $4, $5, $5) \
                      ON CONFLICT (slug) DO UPDATE SET name = excluded.name, definition = excluded.definition, \
                      is_default = CASE WHEN $3 = 1 THEN 1 ELSE environment.is_default END, \
                      updated_at = excluded.updated_at RETURNING id";
        let id: i64 = sqlx::query_scalar(upsert)
            .bind(slug)
            .bind(name)
            .bind(i64::from(is_default))
            .bind(definition)
            .bind(now)
            .fetch_one(&mut *change)
            .await
            .map_err(failed)?;
        let metadata = serde_json::json!({"slug": slug, "definition": environment});
        let entry =
            Entry { actor, event_type: "environment.set", source: "environment", source_id: Some(id), metadata };
        self.audit(&mut change, entry).await?;
        change.commit().await?;
        Ok(id)
    }

    /// Removes an environment that no schedule uses.
    ///
    /// # Errors
    /// It is not there, or in use.
    pub async fn remove_environment(&self, slug: &str, actor: &Actor) -> Result<(), SettingsError> {
        let definitions: Vec<(String, String)> =
            sqlx::query_as("SELECT slug, definition FROM schedule WHERE deleted_at IS NULL ORDER BY slug")
                .fetch_all(self.database.readers())
                .await
                .map_err(|source| self.failed("reading the schedules of", source))?;
        let users: Vec<String> = definitions
            .into_iter()
            .filter(|(_, definition)| {
                let schedule: Option<serde_json::Value> = serde_json::from_str(definition).ok();
                schedule.is_some_and(|schedule| schedule["environment"] == slug)
            })
            .map(|(slug, _)| slug)
            .collect();
        if !users.is_empty() {
            let by = format!("by the schedule {}", users.join(", "));
            return Err(SettingsError::InUse { what: "environment", name: slug.to_owned(), by });
        }
        let mut change = self.database.write().await?;
        let id: Option<i64> = sqlx::query_scalar("DELETE FROM environment WHERE slug = $1 RETURNING id")
            .bind(slug)
            .fetch_optional(&mut *change)
            .await
            .map_err(|source| self.failed("removing an environment from", source))?;
        let Some(id) = id else {
            change.undo().await?;
            let known = self.environments().await?;
            return Err(unknown("environment", slug, known.iter().map(|row| row.slug.as_str())));
        };
        let metadata = serde_json::json!({"slug": slug});
        let entry =
            Entry { actor, event_type: "environment.removed", source: "environment", source_id: Some(id), metadata };
        self.audit(&mut change, entry).await?;
        Ok(change.commit().await?)
    }
}

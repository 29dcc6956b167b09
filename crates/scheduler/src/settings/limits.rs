//! Table `concurrency_limit`: how many runs may be active at once.

use serde::{Deserialize, Serialize};
use store::sqlx;

use super::{Settings, SettingsError};
use crate::{limits, model::Actor};

/// How many runs may be active under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// `workspace`, `connection:<slug>` or `workgroup:<region>/<name>`.
    pub key: String,
    pub max_active: u32,
}

impl Settings {
    /// All limits, by key.
    ///
    /// # Errors
    /// The database fails.
    pub async fn limits(&self) -> Result<Vec<Limit>, SettingsError> {
        // Turns of one schedule's runs are kept there, too: they are its overlap policy's.
        let select = "SELECT key, max_active FROM concurrency_limit WHERE key NOT LIKE 'schedule:%' ORDER BY key";
        let rows: Vec<(String, i64)> = sqlx::query_as(select)
            .fetch_all(self.database.readers())
            .await
            .map_err(|source| self.failed("reading the limits of", source))?;
        let limit = |(key, max_active)| Limit { key, max_active: u32::try_from(max_active).unwrap_or(u32::MAX) };
        Ok(rows.into_iter().map(limit).collect())
    }

    /// Sets a limit, replacing the one of the same key. Runs that are active stay so.
    ///
    /// # Errors
    /// The key is none, or names a connection that is not there; the limit is 0; the database fails.
    pub async fn set_limit(&self, limit: &Limit, actor: &Actor) -> Result<(), SettingsError> {
        let max_active = Some(limit.max_active);
        limits::check(&limit.key, max_active).map_err(|problem| SettingsError::Refused(vec![problem]))?;
        if let Some(slug) = limit.key.strip_prefix("connection:") {
            self.connection(slug).await?;
        }
        self.write_limit(&limit.key, max_active, actor).await.map(drop)
    }

    /// Removes a limit.
    ///
    /// # Errors
    /// It is not there.
    pub async fn remove_limit(&self, key: &str, actor: &Actor) -> Result<(), SettingsError> {
        let known = self.limits().await?;
        if !known.iter().any(|limit| limit.key == key) {
            return Err(super::unknown("limit", key, known.iter().map(|limit| limit.key.as_str())));
        }
        self.write_limit(key, None, actor).await.map(drop)
    }

    async fn write_limit(&self, key: &str, max_active: Option<u32>, actor: &Actor) -> Result<bool, SettingsError> {
        let mut change = self.database.write().await?;
        let written = limits::write(&mut change, key, max_active, actor, self.now()).await;
        let was_there = written.map_err(|source| self.failed("setting a limit in", source))?;
        change.commit().await?;
        Ok(was_there)
    }
}

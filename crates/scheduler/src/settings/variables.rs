//! Table `variable`.

use store::{
    Change,
    sqlx::{self, Row as _},
};
use vault::{Binding, Scope, Variable, VariableValue, Variables};

use super::{Entry, Settings, SettingsError, unknown};
use crate::{clock::Micros, model::Actor};

/// A variable as lists show it.
#[derive(Debug, Clone)]
pub struct VariableRow {
    pub variable: Variable,
    pub updated_at: Micros,
    pub updated_by: String,
}

impl Settings {
    /// All variables, secrets opened, by scope and name.
    ///
    /// # Errors
    /// The database fails, or a secret cannot be opened.
    pub async fn variables(&self) -> Result<Vec<VariableRow>, SettingsError> {
        let select = "SELECT scope, schedule_id, name, value, is_secret, updated_at, updated_by FROM variable \
                      ORDER BY scope, schedule_id, name";
        let rows = sqlx::query(select).fetch_all(self.database.readers()).await;
        let rows = rows.map_err(|source| self.failed("reading the variables of", source))?;
        let mut found = Vec::new();
        for row in rows {
            let read = || -> Result<_, sqlx::Error> {
                let secret: i64 = row.try_get("is_secret")?;
                Ok((
                    row.try_get::<String, _>("scope")?,
                    row.try_get::<i64, _>("schedule_id")?,
                    row.try_get::<String, _>("name")?,
                    row.try_get::<String, _>("value")?,
                    secret != 0,
                    row.try_get::<i64, _>("updated_at")?,
                    row.try_get::<String, _>("updated_by")?,
                ))
            };
            let (scope, schedule_id, name, value, is_secret, updated_at, updated_by) =
                read().map_err(|source| self.failed("reading the variables of", source))?;
            let Some(scope) = Scope::from_columns(&scope, schedule_id) else {
                return Err(SettingsError::Damaged { what: "variable", name, problem: format!("scope '{scope}'") });
            };
            let value = if is_secret {
                let opened = self.keys.open_sealed(&value, &binding(scope, &name));
                VariableValue::Secret(
                    opened.map_err(|source| SettingsError::Vault { of: format!("variable {name}"), source })?,
                )
            } else {
                VariableValue::Plain(value)
            };
            found.push(VariableRow { variable: Variable { scope, name, value }, updated_at, updated_by });
        }
        Ok(found)
    }

    /// The variables as a run resolves them.
    ///
    /// # Errors
    /// As [`Settings::variables`].
    pub async fn variable_scopes(&self) -> Result<Variables, SettingsError> {
        Ok(Variables::new(self.variables().await?.into_iter().map(|row| row.variable).collect()))
    }

    /// Sets a variable, replacing what its scope had.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_variable(&self, variable: &Variable, actor: &Actor) -> Result<(), SettingsError> {
        let Variable { scope, name, value } = variable;
        let kept = match value {
            VariableValue::Plain(text) => text.clone(),
            VariableValue::Secret(secret) => self
                .keys
                .seal(secret, &binding(*scope, name))
                .map_err(|source| SettingsError::Vault { of: format!("variable {name}"), source })?,
        };
        let mut change = self.database.write().await?;
        let upsert = "INSERT INTO variable (scope, schedule_id, name, value, is_secret, updated_at, updated_by) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (scope, schedule_id, name) DO UPDATE \
                      SET value = excluded.value, is_secret = excluded.is_secret, updated_at = excluded.updated_at, \
                      updated_by = excluded.updated_by RETURNING id";
        let id: i64 = sqlx::query_scalar(upsert)
            .bind(scope.as_str())
            .bind(scope.schedule_id())
            .bind(name.as_str())
            .bind(kept)
            .bind(i64::from(value.is_secret()))
            .bind(self.now())
            .bind(actor.name.as_str())
            .fetch_one(&mut *change)
            .await
            .map_err(|source| self.failed("setting a variable in", source))?;
        self.audit_variable(&mut change, "variable.set", id, *scope, name, actor).await?;
        Ok(change.commit().await?)
    }

    /// Removes a variable from its scope.
    ///
    /// # Errors
    /// It is not there.
    pub async fn remove_variable(&self, scope: Scope, name: &str, actor: &Actor) -> Result<(), SettingsError> {
        let mut change = self.database.write().await?;
        let delete = "DELETE FROM variable WHERE scope = $1 AND schedule_id = $2 AND name = $3 RETURNING id";
        let id: Option<i64> = sqlx::query_scalar(delete)
            .bind(scope.as_str())
            .bind(scope.schedule_id())
            .bind(name)
            .fetch_optional(&mut *change)
            .await
            .map_err(|source| self.failed("removing a variable from", source))?;
        let Some(id) = id else {
            change.undo().await?;
            let known = self.variables().await?;
            let known = known.iter().filter(|row| row.variable.scope == scope).map(|row| row.variable.name.as_str());
            return Err(unknown("variable", name, known));
        };
        self.audit_variable(&mut change, "variable.removed", id, scope, name, actor).await?;
        Ok(change.commit().await?)
    }

    async fn audit_variable(
        &self,
        change: &mut Change,
        event_type: &'static str,
        id: i64,
        scope: Scope,
        name: &str,
        actor: &Actor,
    ) -> Result<(), SettingsError> {
        let metadata = serde_json::json!({"name": name, "scope": scope.as_str(), "schedule_id": scope.schedule_id()});
        self.audit(change, Entry { actor, event_type, source: "variable", source_id: Some(id), metadata }).await
    }

    pub(super) async fn seal_variables_anew(&self, change: &mut Change) -> Result<u64, SettingsError> {
        let select = "SELECT id, scope, schedule_id, name, value FROM variable WHERE is_secret = 1";
        let rows: Vec<(i64, String, i64, String, String)> = sqlx::query_as(select)
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("reading the variables of", source))?;
        let mut count = 0;
        for (id, scope, schedule_id, name, value) in rows {
            let Some(scope) = Scope::from_columns(&scope, schedule_id).filter(|_| !self.keys.is_current(&value)) else {
                continue;
            };
            let place = binding(scope, &name);
            let anew = self.keys.open_sealed(&value, &place).and_then(|secret| self.keys.seal(&secret, &place));
            let anew = anew.map_err(|source| SettingsError::Vault { of: format!("variable {name}"), source })?;
            sqlx::query("UPDATE variable SET value = $2 WHERE id = $1")
                .bind(id)
                .bind(anew)
                .execute(&mut **change)
                .await
                .map_err(|source| self.failed("setting a variable in", source))?;
            count += 1;
        }
        Ok(count)
    }
}

fn binding(scope: Scope, name: &str) -> Binding {
    Binding::new(&["variable", scope.as_str(), &scope.schedule_id().to_string(), name])
}

//! Table `connection`.

use std::{collections::BTreeMap, str::FromStr};

use diagnostic::Diagnostic;
use serde_json::Map;
use store::{Change, sqlx};
use vault::{Binding, Connection, Field};

use super::{Entry, Settings, SettingsError, check_slug, unknown};
use crate::{clock::Micros, model::Actor};

/// Who may use a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionScope {
    /// Runs of schedules; the catalog and lineage read it.
    Production,
    /// Scratchpad and data explorer.
    Development,
}

impl ConnectionScope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }
}

impl FromStr for ConnectionScope {
    type Err = Diagnostic;

    fn from_str(word: &str) -> Result<Self, Diagnostic> {
        match word {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err(Diagnostic::error(format!("'{word}' is no scope of a connection"))
                .cause("a connection is for production (schedules) or development (scratchpad, data explorer)")
                .fix("write production or development")),
        }
    }
}

/// A connection as it is kept.
#[derive(Debug, Clone)]
pub struct ConnectionRow {
    pub id: i64,
    pub slug: String,
    /// The label that people read.
    pub name: String,
    pub scope: ConnectionScope,
    pub connection: Connection,
    pub created_at: Micros,
    pub updated_at: Micros,
}

type Columns = (i64, String, String, String, String, Option<String>, i64, i64);

const SELECT: &str =
    "SELECT id, slug, name, scope, definition, secrets, created_at, updated_at FROM connection ORDER BY slug";

impl Settings {
    /// All connections, secrets opened, by slug.
    ///
    /// # Errors
    /// The database fails, or a secret cannot be opened.
    pub async fn connections(&self) -> Result<Vec<ConnectionRow>, SettingsError> {
        let rows: Vec<Columns> = sqlx::query_as(SELECT)
            .fetch_all(self.database.readers())
            .await
            .map_err(|source| self.failed("reading the connections of", source))?;
        rows.into_iter().map(|columns| self.opened(columns)).collect()
    }

    /// One connection.
    ///
    /// # Errors
    /// There is none of this slug; else as [`Settings::connections`].
    pub async fn connection(&self, slug: &str) -> Result<ConnectionRow, SettingsError> {
        let mut rows = self.connections().await?;
        match rows.iter().position(|row| row.slug == slug) {
            Some(index) => Ok(rows.swap_remove(index)),
            None => Err(unknown("connection", slug, rows.iter().map(|row| row.slug.as_str()))),
        }
    }

    /// The connection that these keys make: a secret that is `{"secret": true}` is the one that the connection of this slug has.
    ///
    /// # Errors
    /// Every mistake in the keys; a secret is to be kept where none is set; the database fails.
    pub async fn read_connection(
        &self,
        slug: &str,
        given: &Map<String, serde_json::Value>,
    ) -> Result<(Connection, Vec<Diagnostic>), SettingsError> {
        let rows = self.connections().await?;
        let known = rows.iter().find(|row| row.slug == slug);
        let mut all = given.clone();
        let mut problems = Vec::new();
        for (name, value) in &mut all {
            let is_kept = Field::find(name).is_some_and(Field::is_secret) && value.get("secret") == Some(&true.into());
            if !is_kept {
                continue;
            }
            let kept = known.and_then(|row| row.connection.secrets().find(|(field, _)| field == name));
            match kept {
                Some((_, secret)) => *value = secret.expose().into(),
                None => problems.push(
                    Diagnostic::error(format!("'{name}' has no value"))
                        .cause("it is to be kept as it is, but none is set")
                        .fix("give its value"),
                ),
            }
        }
        if !problems.is_empty() {
            return Err(SettingsError::Refused(problems));
        }
        Connection::parse(&all).map_err(SettingsError::Refused)
    }

    /// Adds a connection, or replaces the one of this slug.
    ///
    /// # Errors
    /// The slug is none; the database fails.
    pub async fn set_connection(
        &self,
        slug: &str,
        name: &str,
        scope: ConnectionScope,
        connection: &Connection,
        actor: &Actor,
    ) -> Result<i64, SettingsError> {
        check_slug("connection", slug).map_err(|problem| SettingsError::Refused(vec![problem]))?;
        let definition = serde_json::Value::Object(connection.definition().clone()).to_string();
        let secrets = self.sealed(slug, connection)?;
        let now = self.now();
        let mut change = self.database.write().await?;
        let upsert = "INSERT INTO connection (slug, name, scope, definition, secrets, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (slug) DO UPDATE SET name = excluded.name, \
                      scope = excluded.scope, definition = excluded.definition, secrets = excluded.secrets, \
                      updated_at = excluded.updated_at RETURNING id";
        let id: i64 = sqlx::query_scalar(upsert)
            .bind(slug)
            .bind(name)
            .bind(scope.as_str())
            .bind(definition)
            .bind(secrets)
            .bind(now)
            .fetch_one(&mut *change)
            .await
            .map_err(|source| self.failed("setting a connection in", source))?;
        let secrets: Vec<&str> = connection.secrets().map(|(name, _)| name).collect();
        let metadata = serde_json::json!({
            "slug": slug, "scope": scope.as_str(), "definition": connection.definition(), "secrets": secrets,
        });
        let entry = Entry { actor, event_type: "connection.set", source: "connection", source_id: Some(id), metadata };
        self.audit(&mut change, entry).await?;
        change.commit().await?;
        Ok(id)
    }

    /// Removes a connection that no environment uses.
    ///
    /// # Errors
    /// It is not there, or in use.
    pub async fn remove_connection(&self, slug: &str, actor: &Actor) -> Result<(), SettingsError> {
        let users: Vec<String> = self
            .environments()
            .await?
            .into_iter()
            .filter(|row| row.environment.connection.as_deref() == Some(slug))
            .map(|row| row.slug)
            .collect();
        if !users.is_empty() {
            let by = format!("by the environment {}", users.join(", "));
            return Err(SettingsError::InUse { what: "connection", name: slug.to_owned(), by });
        }
        let mut change = self.database.write().await?;
        let id: Option<i64> = sqlx::query_scalar("DELETE FROM connection WHERE slug = $1 RETURNING id")
            .bind(slug)
            .fetch_optional(&mut *change)
            .await
            .map_err(|source| self.failed("removing a connection from", source))?;
        let Some(id) = id else {
            change.undo().await?;
            let known = self.connections().await?;
            return Err(unknown("connection", slug, known.iter().map(|row| row.slug.as_str())));
        };
        let metadata = serde_json::json!({"slug": slug});
        let entry =
            Entry { actor, event_type: "connection.removed", source: "connection", source_id: Some(id), metadata };
        self.audit(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    fn opened(&self, columns: Columns) -> Result<ConnectionRow, SettingsError> {
        let (id, slug, name, scope, definition, secrets, created_at, updated_at) = columns;
        let damaged = |problem: String| SettingsError::Damaged { what: "connection", name: slug.clone(), problem };
        let definition: Map<String, serde_json::Value> =
            serde_json::from_str(&definition).map_err(|error| damaged(error.to_string()))?;
        let sealed = secrets.map(|secrets| serde_json::from_str::<BTreeMap<String, String>>(&secrets)).transpose();
        let sealed = sealed.map_err(|error| damaged(error.to_string()))?.unwrap_or_default();
        let mut secrets = Vec::new();
        for (field, text) in sealed {
            let secret = self
                .keys
                .open_sealed(&text, &binding(&slug, &field))
                .map_err(|source| SettingsError::Vault { of: format!("{field} of the connection '{slug}'"), source })?;
            secrets.push((field, secret));
        }
        let scope = scope.parse().map_err(|_| damaged(format!("scope '{scope}'")))?;
        let connection = Connection::from_stored(definition, secrets);
        Ok(ConnectionRow { id, slug, name, scope, connection, created_at, updated_at })
    }

    fn sealed(&self, slug: &str, connection: &Connection) -> Result<Option<String>, SettingsError> {
        let mut sealed = BTreeMap::new();
        for (field, secret) in connection.secrets() {
            let text = self
                .keys
                .seal(secret, &binding(slug, field))
                .map_err(|source| SettingsError::Vault { of: format!("{field} of the connection '{slug}'"), source })?;
            sealed.insert(field, text);
        }
        Ok((!sealed.is_empty()).then(|| serde_json::json!(sealed).to_string()))
    }

    pub(super) async fn seal_connections_anew(&self, change: &mut Change) -> Result<u64, SettingsError> {
        let rows: Vec<Columns> = sqlx::query_as(SELECT)
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("reading the connections of", source))?;
        let mut count = 0;
        for columns in rows {
            let row = self.opened(columns)?;
            let secrets = self.sealed(&row.slug, &row.connection)?;
            sqlx::query("UPDATE connection SET secrets = $2 WHERE id = $1")
                .bind(row.id)
                .bind(secrets)
                .execute(&mut **change)
                .await
                .map_err(|source| self.failed("setting a connection in", source))?;
            count += row.connection.secrets().count() as u64;
        }
        Ok(count)
    }
}

fn binding(slug: &str, field: &str) -> Binding {
    Binding::new(&["connection", slug, field])
}

//! Small things with a name, kept as JSON in the state database.

use athena_api::ApiResult;
use serde::{Serialize, de::DeserializeOwned};
use store::{Store, sqlx};

use crate::error::{broken_record, store_failed};

/// What is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    WorkGroup,
    NamedQuery,
    PreparedStatement,
    DataCatalog,
    Tag,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::WorkGroup => "work_group",
            Self::NamedQuery => "named_query",
            Self::PreparedStatement => "prepared_statement",
            Self::DataCatalog => "data_catalog",
            Self::Tag => "tag",
        }
    }
}

/// The registered things. `scope` is what a name is unique in; empty for the account.
#[derive(Clone)]
pub(crate) struct Registry {
    store: Store,
}

impl Registry {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, kind: Kind, scope: &str, name: &str) -> ApiResult<Option<T>> {
        let body: Option<String> =
            sqlx::query_scalar("SELECT body FROM registered WHERE kind = ? AND scope = ? AND name = ?")
                .bind(kind.as_str())
                .bind(scope)
                .bind(name)
                .fetch_optional(self.store.readers())
                .await
                .map_err(|source| self.failed("reading", source))?;
        body.map(|body| serde_json::from_str(&body).map_err(|error| broken_record(&error))).transpose()
    }

    /// All of a scope, in name order.
    pub(crate) async fn list<T: DeserializeOwned>(&self, kind: Kind, scope: &str) -> ApiResult<Vec<T>> {
        let bodies: Vec<String> =
            sqlx::query_scalar("SELECT body FROM registered WHERE kind = ? AND scope = ? ORDER BY name")
                .bind(kind.as_str())
                .bind(scope)
                .fetch_all(self.store.readers())
                .await
                .map_err(|source| self.failed("reading", source))?;
        bodies.iter().map(|body| serde_json::from_str(body).map_err(|error| broken_record(&error))).collect()
    }

    /// Creates it; `false` when the name is taken.
    pub(crate) async fn create(&self, kind: Kind, scope: &str, name: &str, body: &impl Serialize) -> ApiResult<bool> {
        let sql = "INSERT INTO registered (kind, scope, name, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
        Ok(self.write(sql, kind, scope, name, Some(&to_json(body)?)).await? > 0)
    }

    /// Creates or replaces it.
    pub(crate) async fn put(&self, kind: Kind, scope: &str, name: &str, body: &impl Serialize) -> ApiResult<()> {
        let sql = "INSERT OR REPLACE INTO registered (kind, scope, name, body) VALUES (?, ?, ?, ?)";
        self.write(sql, kind, scope, name, Some(&to_json(body)?)).await?;
        Ok(())
    }

    /// Deletes it; `false` when there is none.
    pub(crate) async fn delete(&self, kind: Kind, scope: &str, name: &str) -> ApiResult<bool> {
        let sql = "DELETE FROM registered WHERE kind = ? AND scope = ? AND name = ?";
        Ok(self.write(sql, kind, scope, name, None).await? > 0)
    }

    async fn write(
        &self,
        sql: &'static str,
        kind: Kind,
        scope: &str,
        name: &str,
        body: Option<&str>,
    ) -> ApiResult<u64> {
        let mut change = self.store.write().await.map_err(|error| store_failed(&error))?;
        let mut query = sqlx::query(sql).bind(kind.as_str()).bind(scope).bind(name);
        if let Some(body) = body {
            query = query.bind(body);
        }
        let done = query.execute(&mut *change).await.map_err(|source| self.failed("changing", source))?;
        change.commit().await.map_err(|source| self.failed("changing", source))?;
        Ok(done.rows_affected())
    }

    fn failed(&self, doing: &'static str, source: sqlx::Error) -> athena_api::ApiError {
        store_failed(&self.store.error(doing, source))
    }
}

fn to_json(body: &impl Serialize) -> ApiResult<String> {
    serde_json::to_string(body).map_err(|error| broken_record(&error))
}

/// A page of a list in memory: `limit` items after those that `token` counts.
pub(crate) fn page<T>(items: Vec<T>, token: Option<&str>, limit: usize) -> ApiResult<(Vec<T>, Option<String>)> {
    use base64::{Engine, prelude::BASE64_STANDARD};

    let malformed = |token: &str| crate::error::invalid(format!("The nextPageToken is malformed: {token}"));
    let skipped = match token {
        None => 0,
        Some(token) => BASE64_STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_prefix("after:")?.parse::<usize>().ok())
            .filter(|skipped| *skipped <= items.len())
            .ok_or_else(|| malformed(token))?,
    };
    let end = (skipped + limit).min(items.len());
    let next = (end < items.len()).then(|| BASE64_STANDARD.encode(format!("after:{end}")));
    Ok((items.into_iter().skip(skipped).take(limit).collect(), next))
}

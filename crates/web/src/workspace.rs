//! The workspace that a database holds: its name, its uid, and the key that signs addresses. Made once, the same for all servers.

use store::{
    Database, DatabaseError,
    sqlx::{self},
};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Part of the GraphQL address, and what company tokens name in `X-Paradime-Workspace`.
    pub uid: String,
    pub name: String,
    /// Signs addresses of artifacts; never shown.
    pub signing_key: String,
}

const DOING: &str = "reading the workspace of";

impl Workspace {
    /// Reads it, making what is missing.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub async fn load(database: &Database, now: i64) -> Result<Self, DatabaseError> {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let wanted = [
            ("workspace_uid", random()[..16].to_owned()),
            ("workspace_name", "owlet".to_owned()),
            ("artifact_url_key", random() + &random()),
        ];
        let mut values = Vec::with_capacity(wanted.len());
        let mut change = database.write().await?;
        for (name, default) in wanted {
            // Whoever comes second gets the first one's value.
            let value: String = sqlx::query_scalar(
                "INSERT INTO setting (name, value, updated_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET value = setting.value RETURNING value",
            )
            .bind(name)
            .bind(default)
            .bind(now)
            .fetch_one(&mut *change)
            .await
            .map_err(|source| database.error(DOING, source))?;
            values.push(value);
        }
        change.commit().await?;
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        Ok(Self { uid: next(), name: next(), signing_key: next() })
    }
}

//! Tokens: shown once, kept as hashes.
//!
//! A token is `prdm_wsp_<id>_<secret>`: clients of the GraphQL API send as a bearer only what begins with `prdm_wsp_` (one workspace) or
//! `prdm_cmp_` (several; then they name the workspace in a header). Older clients know only a pair of key and secret. The secret has 244 random
//! bits, so a plain SHA-256 keeps it: there is nothing to guess.

use std::fmt;

use serde_json::json;
use sha2::{Digest, Sha256};
use store::{
    Database, DatabaseError,
    sqlx::{self, Row, any::AnyRow},
};

use super::{Identity, Role, Scope};

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// `prdm_wsp_…`, a bearer token.
    Workspace,
    /// `prdm_cmp_…`, a bearer token that comes with the header `X-Paradime-Workspace`.
    Company,
    /// `X-API-KEY` and `X-API-SECRET`.
    Pair,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Workspace => "prdm_wsp_",
            Self::Company => "prdm_cmp_",
            Self::Pair => "owlet_key_",
        }
    }
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    /// None means all that the role includes.
    pub scopes: Option<Vec<Scope>>,
    pub email: Option<String>,
    /// Microseconds since the epoch.
    pub expires_at: Option<i64>,
    pub kind: TokenKind,
}

/// A token that was just made: the only moment at which its secret is known.
#[derive(Debug, Clone)]
pub struct Created {
    pub row: TokenRow,
    /// For a pair: what goes into `X-API-KEY`.
    pub key: Option<String>,
    pub secret: String,
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub id: i64,
    pub name: String,
    pub prefix: String,
    pub role: Role,
    pub scopes: Vec<Scope>,
    pub email: Option<String>,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

/// Why a token cannot be made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the scope {scope} is more than the role '{}' includes", role.as_str())]
    ScopeBeyondRole { scope: Scope, role: Role },
    #[error("a token needs a name")]
    NoName,
    #[error("there is no token '{0}' that is still valid")]
    NotFound(String),
    #[error("several tokens are named '{0}'")]
    Ambiguous(String),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl TokenError {
    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::ScopeBeyondRole { .. } => "give it a role that includes the scope, or leave the scope out".to_owned(),
            Self::NoName => "name it after who will use it: `owlet token create airflow`".to_owned(),
            Self::NotFound(_) => "`owlet token list` shows the tokens there are".to_owned(),
            Self::Ambiguous(_) => "name it by its prefix, as `owlet token list` shows it".to_owned(),
            Self::Database(error) => error.fix(),
        }
    }
}

/// The tokens of a database.
#[derive(Debug, Clone)]
pub struct Tokens {
    database: Database,
}

const COLUMNS: &str = "id, name, prefix, hash, role, scopes, email, created_at, expires_at, revoked_at, last_used_at";
const DOING: &str = "keeping the tokens of";

impl Tokens {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Makes a token; `actor` goes into the audit log.
    ///
    /// # Errors
    /// The scopes are more than the role includes, or the database cannot be written.
    pub async fn create(&self, new: &NewToken, actor: &str, now: i64) -> Result<Created, TokenError> {
        if new.name.trim().is_empty() {
            return Err(TokenError::NoName);
        }
        let role_scopes = new.role.scopes();
        let scopes = new.scopes.clone().unwrap_or_else(|| role_scopes.clone());
        if let Some(scope) = scopes.iter().find(|scope| !role_scopes.contains(scope)) {
            return Err(TokenError::ScopeBeyondRole { scope: *scope, role: new.role });
        }
        let prefix = format!("{}{}", new.kind.prefix(), &random()[20..]);
        let random = random() + &random();
        let (key, secret) = match new.kind {
            TokenKind::Pair => (Some(prefix.clone()), random),
            TokenKind::Workspace | TokenKind::Company => (None, format!("{prefix}_{random}")),
        };
        let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let mut change = self.database.write().await?;
        let row_id: i64 = sqlx::query_scalar(
            "INSERT INTO token (name, prefix, hash, role, scopes, email, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        )
        .bind(new.name.clone())
        .bind(prefix.clone())
        .bind(hash(&secret))
        .bind(new.role.as_str())
        .bind(json!(words).to_string())
        .bind(new.email.clone())
        .bind(now)
        .bind(new.expires_at)
        .fetch_one(&mut *change)
        .await
        .map_err(|source| self.database.error(DOING, source))?;
        let metadata = json!({"name": new.name, "prefix": prefix, "role": new.role.as_str(), "scopes": words});
        self.audit(&mut change, "token.created", actor, Some(row_id), &metadata, now).await?;
        change.commit().await?;
        let row = TokenRow {
            id: row_id,
            name: new.name.clone(),
            prefix,
            role: new.role,
            scopes,
            email: new.email.clone(),
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        Ok(Created { row, key, secret })
    }

    /// All tokens, revoked ones included.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn list(&self) -> Result<Vec<TokenRow>, DatabaseError> {
        let statement = format!("SELECT {COLUMNS} FROM token ORDER BY id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).fetch_all(self.database.readers()).await;
        let rows = rows.map_err(|source| self.database.error(DOING, source))?;
        rows.iter().map(|row| self.row(row).map(|(row, _)| row)).collect()
    }

    /// Whether anybody could log in.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn any_valid(&self, now: i64) -> Result<bool, DatabaseError> {
        Ok(self.list().await?.iter().any(|token| token.is_valid(now)))
    }

    /// Ends a token, given by its name or prefix.
    ///
    /// # Errors
    /// There is none, or several of that name.
    pub async fn revoke(&self, name_or_prefix: &str, actor: &str, now: i64) -> Result<TokenRow, TokenError> {
        let matches = |token: &TokenRow| token.prefix == name_or_prefix || token.name == name_or_prefix;
        let mut found = self.list().await?.into_iter().filter(|token| token.revoked_at.is_none() && matches(token));
        let mut token = found.next().ok_or_else(|| TokenError::NotFound(name_or_prefix.to_owned()))?;
        if found.next().is_some() {
            return Err(TokenError::Ambiguous(name_or_prefix.to_owned()));
        }
        let mut change = self.database.write().await?;
        sqlx::query("UPDATE token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(now)
            .bind(token.id)
            .execute(&mut *change)
            .await
            .map_err(|source| self.database.error(DOING, source))?;
        let metadata = json!({"name": token.name, "prefix": token.prefix});
        self.audit(&mut change, "token.revoked", actor, Some(token.id), &metadata, now).await?;
        change.commit().await?;
        token.revoked_at = Some(now);
        Ok(token)
    }

    /// Who presents this; none when it is wrong, revoked or expired.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn verify(&self, prefix: &str, secret: &str, now: i64) -> Result<Option<Identity>, DatabaseError> {
        let statement = format!("SELECT {COLUMNS} FROM token WHERE prefix = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(prefix.to_owned());
        let row = row.fetch_optional(self.database.readers()).await;
        let Some(row) = row.map_err(|source| self.database.error(DOING, source))? else { return Ok(None) };
        let (token, kept) = self.row(&row)?;
        if !equal(kept.as_bytes(), hash(secret).as_bytes()) || !token.is_valid(now) {
            return Ok(None);
        }
        // To the minute: a token in use must not mean a write per request.
        if token.last_used_at.is_none_or(|last| now - last > 60_000_000) {
            self.touch(token.id, now).await?;
        }
        Ok(Some(Identity {
            name: token.name,
            email: token.email,
            role: token.role,
            scopes: token.scopes,
            token_id: Some(token.id),
        }))
    }

    async fn touch(&self, id: i64, now: i64) -> Result<(), DatabaseError> {
        let mut change = self.database.write().await?;
        sqlx::query("UPDATE token SET last_used_at = $1 WHERE id = $2")
            .bind(now)
            .bind(id)
            .execute(&mut *change)
            .await
            .map_err(|source| self.database.error(DOING, source))?;
        change.commit().await
    }

    /// Writes down that somebody from `address` could not log in.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_failure(&self, address: &str, reason: &str, now: i64) -> Result<(), DatabaseError> {
        let mut change = self.database.write().await?;
        let metadata = json!({"address": address, "reason": reason});
        self.audit(&mut change, "login.failed", address, None, &metadata, now).await?;
        change.commit().await
    }

    async fn audit(
        &self,
        change: &mut store::Change,
        event_type: &str,
        actor: &str,
        source_id: Option<i64>,
        metadata: &serde_json::Value,
        now: i64,
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "INSERT INTO audit (at, actor_type, actor, event_type, source, source_id, metadata) \
             VALUES ($1, 'user', $2, $3, 'token', $4, $5)",
        )
        .bind(now)
        .bind(actor.to_owned())
        .bind(event_type.to_owned())
        .bind(source_id)
        .bind(metadata.to_string())
        .execute(&mut **change)
        .await
        .map_err(|source| self.database.error(DOING, source))?;
        Ok(())
    }

    /// The token and the hash of its secret.
    fn row(&self, row: &AnyRow) -> Result<(TokenRow, String), DatabaseError> {
        let failed = |source| self.database.error(DOING, source);
        let text = |column: &str| row.try_get::<String, _>(column).map_err(failed);
        let number = |column: &str| row.try_get::<Option<i64>, _>(column).map_err(failed);
        let scopes: Vec<String> = serde_json::from_str(&text("scopes")?).unwrap_or_default();
        let token = TokenRow {
            id: row.try_get("id").map_err(failed)?,
            name: text("name")?,
            prefix: text("prefix")?,
            // Least power for a word that this version does not know.
            role: text("role")?.parse().unwrap_or(Role::Viewer),
            scopes: scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
            email: row.try_get("email").map_err(failed)?,
            created_at: row.try_get("created_at").map_err(failed)?,
            expires_at: number("expires_at")?,
            revoked_at: number("revoked_at")?,
            last_used_at: number("last_used_at")?,
        };
        Ok((token, text("hash")?))
    }
}

impl TokenRow {
    /// Neither revoked nor expired.
    pub fn is_valid(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

fn hash(secret: &str) -> String {
    to_hex(&Sha256::digest(secret.as_bytes()))
}

/// 122 random bits each.
fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compares without telling by its time where the first difference is.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (left, right)| difference | (left ^ right)) == 0
}

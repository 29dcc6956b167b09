//! What people set: connections, variables, environments, notifications, budgets. In the database, secrets sealed, every change with its
//! row in the audit log.

mod budgets;
mod check;
mod connections;
mod environment_check;
mod environments;
mod limits;
mod names;
mod notifications;
mod receivers;
mod tools;
mod variables;

use std::sync::Arc;

use diagnostic::Diagnostic;
use store::{Change, Database, DatabaseError, sqlx};
use vault::{KeyRing, VaultError};

pub use budgets::{Budget, BudgetAction, BudgetPeriod, dollars_of, micro_dollars};
pub use check::{Check, CheckStatus, Connector, Identity, check};
pub use connections::{ConnectionRow, ConnectionScope};
pub use environments::EnvironmentRow;
pub use limits::Limit;
pub use names::{NameWithSecret, SettingKind};
pub use notifications::{
    NotificationSettings, OpenLineageSettings, Sensitive, SlackSettings, SmtpSettings, SystemReceivers, WebhookSettings,
};
pub use receivers::Receiver;
pub(crate) use tools::resolves;
pub use tools::{DatadogSettings, IncidentIoSettings, NewRelicSettings, PagerDutySettings, Region, TOOLS};
pub use variables::VariableRow;

use crate::{
    clock::{Clock, Micros},
    model::Actor,
};

/// The settings of a workspace. Cheap to clone; several processes may change them at once.
#[derive(Clone)]
pub struct Settings {
    database: Database,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
}

/// Why a setting is not changed or not read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("{of}: {source}")]
    Vault { of: String, source: VaultError },
    /// What was given is wrong.
    #[error("{}", .0.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Diagnostic>),
    #[error("there is no {what} '{name}'")]
    Unknown { what: &'static str, name: String, nearest: Option<String> },
    #[error("the {what} '{name}' is in use: {by}")]
    InUse { what: &'static str, name: String, by: String },
    #[error("the {what} '{name}' in the database cannot be read: {problem}")]
    Damaged { what: &'static str, name: String, problem: String },
}

impl SettingsError {
    /// All that is wrong, to be shown.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let one = |fix: String| vec![Diagnostic::error(self.to_string()).fix(fix)];
        match self {
            Self::Refused(problems) => problems.clone(),
            Self::Database(error) => one(error.fix()),
            Self::Vault { source, .. } => one(source.fix()),
            Self::Unknown { nearest: Some(nearest), .. } => one(format!("did you mean '{nearest}'?")),
            Self::Unknown { what, .. } => one(format!("list what there is, or add the {what} first")),
            Self::InUse { what, .. } => one(format!("let them use another {what} first")),
            Self::Damaged { what, .. } => one(format!("set the {what} again")),
        }
    }
}

impl Settings {
    /// Over a database whose tables are up to date.
    pub fn new(database: Database, keys: KeyRing, clock: Arc<dyn Clock>) -> Self {
        Self { database, keys: Arc::new(keys), clock }
    }

    /// The database that they are in.
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn now(&self) -> Micros {
        self.clock.now()
    }

    fn failed(&self, doing: &'static str, source: sqlx::Error) -> SettingsError {
        self.database.error(doing, source).into()
    }

    /// Says who changed what. No values: they may be secret.
    async fn audit(&self, change: &mut Change, entry: Entry<'_>) -> Result<(), SettingsError> {
        let insert = "INSERT INTO audit (at, actor_type, actor, actor_email, event_type, source, source_id, metadata) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        sqlx::query(insert)
            .bind(self.now())
            .bind(entry.actor.kind.as_str())
            .bind(entry.actor.name.as_str())
            .bind(entry.actor.email.as_deref())
            .bind(entry.event_type)
            .bind(entry.source)
            .bind(entry.source_id)
            .bind(entry.metadata.to_string())
            .execute(&mut **change)
            .await
            .map_err(|source| self.failed("writing the audit log of", source))?;
        Ok(())
    }

    /// Seals every secret anew that an older key sealed; answers how many. After it, older keys are needed no more.
    ///
    /// # Errors
    /// A secret cannot be opened: its key is not known.
    pub async fn seal_anew(&self, actor: &Actor) -> Result<u64, SettingsError> {
        let mut change = self.database.write().await?;
        let count = self.seal_variables_anew(&mut change).await?
            + self.seal_connections_anew(&mut change).await?
            + self.seal_notifications_anew(&mut change).await?;
        let metadata = serde_json::json!({"key": self.keys.newest_id(), "secrets": count});
        let entry = Entry { actor, event_type: "secrets.sealed_anew", source: "secrets", source_id: None, metadata };
        self.audit(&mut change, entry).await?;
        change.commit().await?;
        Ok(count)
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("database", &self.database).finish_non_exhaustive()
    }
}

/// A row of the audit log.
struct Entry<'a> {
    actor: &'a Actor,
    event_type: &'static str,
    source: &'static str,
    source_id: Option<i64>,
    metadata: serde_json::Value,
}

/// A name that stands in URLs and files.
fn check_slug(what: &str, slug: &str) -> Result<(), Diagnostic> {
    let is_slug = !slug.is_empty()
        && slug.len() <= 80
        && slug.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
    if is_slug {
        return Ok(());
    }
    let article = if what.starts_with('e') { "an" } else { "a" };
    Err(Diagnostic::error(format!("'{slug}' cannot be the name of {article} {what}"))
        .cause(
            "it stands in addresses and files: at most 80 lower-case letters, digits and single hyphens between them",
        )
        .fix("choose a name like production or ci-2"))
}

fn unknown<'a>(what: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> SettingsError {
    let nearest = known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4)
        .map(|(_, known)| known.to_owned());
    SettingsError::Unknown { what, name: name.to_owned(), nearest }
}

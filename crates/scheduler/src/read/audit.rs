//! Who decided what.

use store::DatabaseError;

use super::{
    Micros, Reader,
    row::{Conditions, Row},
};

/// One decision, a person's or the scheduler's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub id: i64,
    pub at: Micros,
    pub actor_type: String,
    pub actor: String,
    pub actor_email: Option<String>,
    pub event_type: String,
    /// What it was about: `run`, `schedule`, `token`…
    pub source: String,
    pub source_id: Option<i64>,
    /// JSON.
    pub metadata: Option<String>,
}

/// Which rows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub source: Option<String>,
    pub source_id: Option<i64>,
    pub event_type: Option<String>,
    /// Older than this id.
    pub before: Option<i64>,
    pub limit: i64,
}

impl Reader {
    /// The audit log, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, DatabaseError> {
        const DOING: &str = "reading the audit log of";
        let mut conditions = Conditions::default();
        for (column, value) in [("source = ", &filter.source), ("event_type = ", &filter.event_type)] {
            if let Some(value) = value {
                conditions.push(column, value.as_str());
            }
        }
        for (column, value) in [("source_id = ", filter.source_id), ("id < ", filter.before)] {
            if let Some(value) = value {
                conditions.push(column, value);
            }
        }
        let limit = conditions.bind(filter.limit);
        let statement = format!(
            "SELECT id, at, actor_type, actor, actor_email, event_type, source, source_id, metadata FROM audit{} \
             ORDER BY id DESC LIMIT {limit}",
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, DOING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, DOING);
                Ok(AuditRow {
                    id: row.integer("id")?,
                    at: row.integer("at")?,
                    actor_type: row.text("actor_type")?,
                    actor: row.text("actor")?,
                    actor_email: row.text_or_null("actor_email")?,
                    event_type: row.text("event_type")?,
                    source: row.text("source")?,
                    source_id: row.integer_or_null("source_id")?,
                    metadata: row.text_or_null("metadata")?,
                })
            })
            .collect()
    }
}

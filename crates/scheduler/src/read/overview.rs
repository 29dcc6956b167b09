//! The state of the whole, for health pages and metrics.

use store::DatabaseError;

use super::{
    Micros, Reader,
    row::{Conditions, Row},
};

/// Numbers about now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Runs that have not ended, by state.
    pub live_runs: Vec<(String, i64)>,
    /// Runs made since the instant that was asked for, by state.
    pub recent_runs: Vec<(String, i64)>,
    /// Slots decided since then, by decision.
    pub recent_slots: Vec<(String, i64)>,
    /// Messages by state: waiting, failed for good.
    pub outbox: Vec<(String, i64)>,
    pub active_schedules: i64,
    pub suspended_schedules: i64,
    /// The earliest instant that is planned and not decided yet.
    pub next_slot_at: Option<Micros>,
    /// The oldest run that waits and may start.
    pub oldest_queued_at: Option<Micros>,
}

/// A process that shares the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRow {
    pub id: String,
    pub host: String,
    pub pid: i64,
    pub version: String,
    pub started_at: Micros,
    pub heartbeat_at: Micros,
    pub stopped_at: Option<Micros>,
    /// Runs it holds now.
    pub runs: i64,
}

const READING: &str = "reading the state of";

impl Reader {
    /// Counts of now and since `since`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn overview(&self, since: Micros) -> Result<Overview, DatabaseError> {
        const LIVE: &str = "state IN ('QUEUED', 'STARTING', 'RUNNING', 'CANCELING')";
        let live = format!("SELECT state AS key, count(*) AS total FROM run WHERE {LIVE} GROUP BY state");
        let live_runs = self.pairs(Conditions::default(), &live).await?;
        let recent = |column: &str| {
            let mut conditions = Conditions::default();
            conditions.push(column, since);
            conditions
        };
        let recent_runs = self
            .pairs(recent("created_at >= "), "SELECT state AS key, count(*) AS total FROM run{} GROUP BY state")
            .await?;
        let recent_slots = self
            .pairs(recent("decided_at >= "), "SELECT decision AS key, count(*) AS total FROM slot{} GROUP BY decision")
            .await?;
        let outbox = self
            .pairs(
                Conditions::default(),
                "SELECT state AS key, count(*) AS total FROM outbox WHERE state <> 'DELIVERED' GROUP BY state",
            )
            .await?;
        let statement = "SELECT \
             (SELECT count(*) FROM schedule WHERE deleted_at IS NULL AND suspended = 0) AS active, \
             (SELECT count(*) FROM schedule WHERE deleted_at IS NULL AND suspended = 1) AS suspended, \
             (SELECT min(next_slot_at) FROM schedule_clock JOIN schedule ON schedule.id = schedule_id \
              WHERE deleted_at IS NULL AND suspended = 0) AS next_slot_at, \
             (SELECT min(not_before) FROM run WHERE state = 'QUEUED') AS oldest_queued_at";
        let rows = Conditions::default().fetch(&self.database, READING, statement.to_owned()).await?;
        let mut overview = Overview { live_runs, recent_runs, recent_slots, outbox, ..Overview::default() };
        if let Some(row) = rows.first().map(|row| Row::new(row, &self.database, READING)) {
            overview.active_schedules = row.integer("active")?;
            overview.suspended_schedules = row.integer("suspended")?;
            overview.next_slot_at = row.integer_or_null("next_slot_at")?;
            overview.oldest_queued_at = row.integer_or_null("oldest_queued_at")?;
        }
        Ok(overview)
    }

    /// `{}` in the statement is where the conditions go.
    async fn pairs(&self, conditions: Conditions, statement: &str) -> Result<Vec<(String, i64)>, DatabaseError> {
        let statement = statement.replace("{}", conditions.sql());
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, READING);
                Ok((row.text("key")?, row.integer("total")?))
            })
            .collect()
    }

    /// Processes that share the database, the newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn servers(&self, limit: i64) -> Result<Vec<ServerRow>, DatabaseError> {
        let mut conditions = Conditions::default();
        let limit = conditions.bind(limit);
        let statement = format!(
            "SELECT id, host, pid, version, started_at, heartbeat_at, stopped_at, \
             (SELECT count(*) FROM run WHERE run.lease_server = server.id AND run.state IN ('STARTING', 'RUNNING', 'CANCELING')) AS runs \
             FROM server ORDER BY started_at DESC LIMIT {limit}"
        );
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, READING);
                Ok(ServerRow {
                    id: row.text("id")?,
                    host: row.text("host")?,
                    pid: row.integer("pid")?,
                    version: row.text("version")?,
                    started_at: row.integer("started_at")?,
                    heartbeat_at: row.integer("heartbeat_at")?,
                    stopped_at: row.integer_or_null("stopped_at")?,
                    runs: row.integer("runs")?,
                })
            })
            .collect()
    }
}

/// Where schedules run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRow {
    pub id: i64,
    pub slug: String,
    pub name: String,
    pub is_default: bool,
    /// The JSON of `model::Environment`.
    pub definition: String,
}

impl Reader {
    /// All environments, by slug.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn environments(&self) -> Result<Vec<EnvironmentRow>, DatabaseError> {
        let statement = "SELECT id, slug, name, is_default, definition FROM environment ORDER BY slug".to_owned();
        let rows = Conditions::default().fetch(&self.database, READING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, READING);
                Ok(EnvironmentRow {
                    id: row.integer("id")?,
                    slug: row.text("slug")?,
                    name: row.text("name")?,
                    is_default: row.truth("is_default")?,
                    definition: row.text("definition")?,
                })
            })
            .collect()
    }
}

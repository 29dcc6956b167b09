//! Schedules with what the clock knows of them and how their last run went.

use store::{Database, DatabaseError, sqlx::any::AnyRow};

use super::{
    LastRun, Micros, Reader,
    row::{Conditions, Row},
};

/// A schedule in a list or by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    pub id: i64,
    pub uuid: String,
    pub slug: String,
    pub name: String,
    /// `yaml`, `api` or `ui`.
    pub source: String,
    /// The JSON of the schedule as it was deployed.
    pub definition: String,
    pub suspended: bool,
    pub suspended_reason: Option<String>,
    pub created_at: Micros,
    pub updated_at: Micros,
    pub deleted_at: Option<Micros>,
    /// The next planned instant; none for schedules without a cron, and while suspended.
    pub next_slot_at: Option<Micros>,
    pub last_run: Option<LastRun>,
}

/// Which schedules.
#[derive(Debug, Clone, Default)]
pub struct ScheduleFilter {
    /// The deleted ones instead of the others.
    pub deleted: bool,
    pub suspended: Option<bool>,
    /// Part of the name or slug, letters of either case.
    pub search: Option<String>,
    /// After this slug, in the order of slugs.
    pub after: Option<String>,
    pub offset: i64,
    pub limit: i64,
}

const READING: &str = "reading schedules from";

const COLUMNS: &str = "schedule.id, schedule.uuid, schedule.slug, schedule.name, schedule.source, schedule.definition, \
     schedule.suspended, schedule.suspended_reason, schedule.created_at, schedule.updated_at, schedule.deleted_at, \
     schedule_clock.next_slot_at, run.id AS run_id, run.state AS run_state, run.created_at AS run_created_at, \
     run.started_at AS run_started_at, run.ended_at AS run_ended_at \
     FROM schedule LEFT JOIN schedule_clock ON schedule_clock.schedule_id = schedule.id \
     LEFT JOIN run ON run.id = (SELECT max(latest.id) FROM run latest WHERE latest.schedule_id = schedule.id)";

impl ScheduleFilter {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.plain(if self.deleted { "schedule.deleted_at IS NOT NULL" } else { "schedule.deleted_at IS NULL" });
        if let Some(suspended) = self.suspended {
            conditions.push("schedule.suspended = ", i64::from(suspended));
        }
        if let Some(search) = &self.search {
            let escaped = search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let pattern = conditions.bind(format!("%{escaped}%").as_str());
            conditions.plain(&format!(
                "(lower(schedule.name) LIKE {pattern} ESCAPE '\\' OR schedule.slug LIKE {pattern} ESCAPE '\\')"
            ));
        }
        conditions
    }
}

impl Reader {
    /// Schedules in the order of their slugs.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn schedules(&self, filter: &ScheduleFilter) -> Result<Vec<ScheduleRow>, DatabaseError> {
        let mut conditions = filter.conditions();
        if let Some(after) = &filter.after {
            conditions.push("schedule.slug > ", after.as_str());
        }
        let (limit, offset) = (conditions.bind(filter.limit), conditions.bind(filter.offset));
        let statement =
            format!("SELECT {COLUMNS}{} ORDER BY schedule.slug LIMIT {limit} OFFSET {offset}", conditions.sql());
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        rows.iter().map(|row| schedule(row, &self.database)).collect()
    }

    /// How many there are, whatever the page.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn count_schedules(&self, filter: &ScheduleFilter) -> Result<i64, DatabaseError> {
        let conditions = filter.conditions();
        let statement = format!("SELECT count(*) AS total FROM schedule{}", conditions.sql());
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        rows.first().map_or(Ok(0), |row| Row::new(row, &self.database, READING).integer("total"))
    }

    /// One schedule that is not deleted, by its slug.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn schedule(&self, slug: &str) -> Result<Option<ScheduleRow>, DatabaseError> {
        let mut conditions = Conditions::default();
        conditions.push("schedule.slug = ", slug);
        conditions.plain("schedule.deleted_at IS NULL");
        let statement = format!("SELECT {COLUMNS}{}", conditions.sql());
        let rows = conditions.fetch(&self.database, READING, statement).await?;
        rows.first().map(|row| schedule(row, &self.database)).transpose()
    }
}

fn schedule(row: &AnyRow, database: &Database) -> Result<ScheduleRow, DatabaseError> {
    let row = Row::new(row, database, READING);
    let suspended = row.truth("suspended")?;
    let last_run = match row.integer_or_null("run_id")? {
        Some(id) => Some(LastRun {
            id,
            state: row.text("run_state")?,
            created_at: row.integer("run_created_at")?,
            started_at: row.integer_or_null("run_started_at")?,
            ended_at: row.integer_or_null("run_ended_at")?,
        }),
        None => None,
    };
    Ok(ScheduleRow {
        id: row.integer("id")?,
        uuid: row.text("uuid")?,
        slug: row.text("slug")?,
        name: row.text("name")?,
        source: row.text("source")?,
        definition: row.text("definition")?,
        suspended,
        suspended_reason: row.text_or_null("suspended_reason")?,
        created_at: row.integer("created_at")?,
        updated_at: row.integer("updated_at")?,
        deleted_at: row.integer_or_null("deleted_at")?,
        next_slot_at: if suspended { None } else { row.integer_or_null("next_slot_at")? },
        last_run,
    })
}

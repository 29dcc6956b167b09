//! Schedules as the database has them, and where their runs count.

use std::collections::HashMap;

use schedules::{EngineChoice, Schedule};
use store::sqlx::{self, AssertSqlSafe};
use store::{Backend, Change};

use crate::claim::list;
use crate::clock::Micros;
use crate::error::SchedulerError;
use crate::model::{Code, Environment};
use crate::pull_requests::is_of;
use crate::scheduler::Scheduler;

/// A schedule's row.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub id: i64,
    pub schedule: Schedule,
    pub source: String,
    pub is_suspended: bool,
    pub is_deleted: bool,
    /// Every slot up to and including this one has been decided.
    pub decided_until: Micros,
}

const COLUMNS: &str = "s.id, s.slug, s.definition, s.source, s.suspended, s.deleted_at, c.decided_until";
type Row = (i64, String, String, String, i64, Option<i64>, i64);

impl Scheduler {
    /// Locks schedules until the change ends, so that whoever decides about them sees what others decided. Always in the order of their ids,
    /// and before any run is locked: nobody waits in a circle.
    pub(crate) async fn lock_schedules(&self, change: &mut Change, ids: &[i64]) -> Result<(), SchedulerError> {
        if change.backend() == Backend::Postgres && !ids.is_empty() {
            let sql = format!(
                "SELECT schedule_id FROM schedule_clock WHERE schedule_id IN ({}) ORDER BY schedule_id FOR UPDATE",
                list(ids)
            );
            let locked = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut **change).await;
            locked.map_err(|source| self.failed("locking schedules in", source))?;
        }
        Ok(())
    }

    /// The schedule of this slug, locked; deleted ones are there for those who ask for them.
    pub(crate) async fn locked_schedule(
        &self,
        change: &mut Change,
        slug: &str,
    ) -> Result<Option<Definition>, SchedulerError> {
        let id: Option<i64> = sqlx::query_scalar("SELECT id FROM schedule WHERE slug = $1")
            .bind(slug)
            .fetch_optional(&mut **change)
            .await
            .map_err(|source| self.failed("reading a schedule of", source))?;
        let Some(id) = id else { return Ok(None) };
        self.lock_schedules(change, &[id]).await?;
        Ok(self.schedules_where(change, &format!("s.id = {id}")).await?.pop())
    }

    /// The schedule of this slug, locked.
    pub(crate) async fn existing_schedule(
        &self,
        change: &mut Change,
        slug: &str,
    ) -> Result<Definition, SchedulerError> {
        match self.locked_schedule(change, slug).await? {
            Some(definition) if !definition.is_deleted => Ok(definition),
            _ => {
                let slugs: Vec<String> = sqlx::query_scalar("SELECT slug FROM schedule WHERE deleted_at IS NULL")
                    .fetch_all(&mut **change)
                    .await
                    .map_err(|source| self.failed("reading the schedules of", source))?;
                let distance = |other: &String| strsim::damerau_levenshtein(other, slug);
                let nearest =
                    slugs.into_iter().min_by_key(distance).filter(|other| distance(other) <= slug.len().div_ceil(3));
                Err(SchedulerError::UnknownSchedule { slug: slug.to_owned(), nearest })
            }
        }
    }

    /// Schedules that meet a condition of ours, by id.
    pub(crate) async fn schedules_where(
        &self,
        change: &mut Change,
        condition: &str,
    ) -> Result<Vec<Definition>, SchedulerError> {
        let mut found = Vec::new();
        for (id, definition) in self.schedules_or_problems(change, condition).await? {
            found.push(definition.map_err(|problem| SchedulerError::Damaged {
                what: format!("schedule {id}"),
                column: "definition",
                problem,
            })?);
        }
        Ok(found)
    }

    /// As [`Scheduler::schedules_where`], where one unreadable definition must not stop all others.
    pub(crate) async fn schedules_or_problems(
        &self,
        change: &mut Change,
        condition: &str,
    ) -> Result<Vec<(i64, Result<Definition, String>)>, SchedulerError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM schedule s JOIN schedule_clock c ON c.schedule_id = s.id WHERE {condition} ORDER BY s.id"
        );
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&mut **change)
            .await
            .map_err(|source| self.failed("reading the schedules of", source))?;
        Ok(rows.into_iter().map(|row| (row.0, definition(row))).collect())
    }

    /// Environments and connections, to know under which limits runs count.
    pub(crate) async fn places(&self, change: &mut Change) -> Result<Places, SchedulerError> {
        let failed = |source| self.failed("reading the environments of", source);
        let environments: Vec<(String, String)> = sqlx::query_as("SELECT slug, definition FROM environment")
            .fetch_all(&mut **change)
            .await
            .map_err(failed)?;
        let connections: Vec<(String, String)> =
            sqlx::query_as("SELECT slug, definition FROM connection").fetch_all(&mut **change).await.map_err(failed)?;
        let workgroups: HashMap<String, String> = connections
            .into_iter()
            .filter_map(|(slug, definition)| Some((slug, workgroup_key(&definition)?)))
            .collect();
        let places = environments.into_iter().filter_map(|(slug, definition)| {
            let Environment { connection, engine, code, commit_status, .. } = serde_json::from_str(&definition).ok()?;
            let workgroup = connection.as_ref().and_then(|connection| workgroups.get(connection).cloned());
            Some((
                slug,
                Place {
                    connection,
                    workgroup,
                    is_dbt_core: engine == EngineChoice::DbtCore,
                    reports: commit_status.is_some(),
                    repository: commit_status.and_then(|status| status.repository),
                    code: Some(code),
                },
            ))
        });
        Ok(Places(places.collect()))
    }
}

fn definition((id, slug, definition, source, suspended, deleted_at, decided_until): Row) -> Result<Definition, String> {
    let mut schedule: Schedule = serde_json::from_str(&definition).map_err(|error| error.to_string())?;
    schedule.slug = slug;
    Ok(Definition {
        id,
        schedule,
        source,
        is_suspended: suspended != 0,
        is_deleted: deleted_at.is_some(),
        decided_until,
    })
}

/// `workgroup:<region>/<name>` of a connection to Athena.
fn workgroup_key(definition: &str) -> Option<String> {
    let definition: serde_json::Value = serde_json::from_str(definition).ok()?;
    let text = |name| definition.get(name).and_then(serde_json::Value::as_str);
    Some(format!("workgroup:{}/{}", text("region_name")?, text("work_group").unwrap_or("primary")))
}

/// Where each environment's runs go.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Place>);

#[derive(Debug, Default, Clone)]
pub(crate) struct Place {
    pub connection: Option<String>,
    pub workgroup: Option<String>,
    pub is_dbt_core: bool,
    /// Whether the code's host is told what came of a commit.
    pub reports: bool,
    /// Its name at the host, where that is set.
    pub repository: Option<String>,
    /// `None` for an environment that is not there, or not readable.
    pub code: Option<Code>,
}

impl Place {
    /// Whether this repository is the one whose code runs here. An environment that is not there takes every one: its run says what is wrong.
    pub fn is_of(&self, repository: Option<&str>) -> bool {
        match (repository, &self.repository, &self.code) {
            (Some(given), Some(known), _) => known.eq_ignore_ascii_case(given),
            (Some(given), None, Some(code)) => is_of(code, given),
            _ => true,
        }
    }
}

impl Places {
    pub fn of(&self, environment: &str) -> Place {
        self.0.get(environment).cloned().unwrap_or_default()
    }
}

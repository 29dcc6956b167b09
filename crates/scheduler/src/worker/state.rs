//! State from earlier runs: the artifacts that a deferral compares with, and those that `dbt retry` goes on from.

use store::sqlx;

use crate::{
    Scheduler, SchedulerError,
    model::{DeferTo, Run},
};

/// What a deferral makes available.
const STATE: [&str; 3] = ["manifest.json", "run_results.json", "sources.json"];

/// Artifacts of one run: paths and storage keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) run_id: i64,
    pub(super) artifacts: Vec<(String, String)>,
}

/// The newest run before this one, of the schedule or environment that is deferred to, that has a manifest.
pub(super) async fn deferred(
    scheduler: &Scheduler,
    defer: &DeferTo,
    run: &Run,
) -> Result<Option<State>, SchedulerError> {
    let failed = |source| scheduler.failed("looking for the state of an earlier run in", source);
    let states = if defer.successful_runs_only { "'SUCCESS'" } else { "'SUCCESS', 'FAILED', 'ERROR', 'CANCELED'" };
    let manifest = "EXISTS (SELECT 1 FROM artifact a WHERE a.run_id = r.id AND a.path LIKE '%/manifest.json')";
    let id: Option<i64> = match (&defer.schedule, &defer.environment) {
        (Some(slug), _) => {
            let select = format!(
                "SELECT max(r.id) FROM run r JOIN schedule s ON s.id = r.schedule_id \
                 WHERE s.slug = $1 AND r.id <> $2 AND r.state IN ({states}) AND {manifest}"
            );
            sqlx::query_scalar(sqlx::AssertSqlSafe(select))
                .bind(slug.as_str())
                .bind(run.id)
                .fetch_one(scheduler.database().readers())
                .await
                .map_err(failed)?
        }
        (None, Some(environment)) => {
            // The environment is in the JSON of the run; the newest few hundred are looked through.
            let select = format!(
                "SELECT r.id, r.spec FROM run r WHERE r.id <> $1 AND r.schedule_id <> $2 AND r.state IN ({states}) AND {manifest} \
                 ORDER BY r.id DESC LIMIT 500"
            );
            let rows: Vec<(i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(select))
                .bind(run.id)
                .bind(run.schedule_id)
                .fetch_all(scheduler.database().readers())
                .await
                .map_err(failed)?;
            rows.into_iter().find_map(|(id, spec)| {
                let spec: crate::model::RunSpec = serde_json::from_str(&spec).ok()?;
                (spec.environment == *environment && !spec.is_turbo_ci).then_some(id)
            })
        }
        (None, None) => None,
    };
    let Some(run_id) = id else { return Ok(None) };
    let select = "SELECT a.path, a.storage_key FROM artifact a JOIN command c ON c.id = a.command_id \
                  WHERE a.run_id = $1 AND a.path LIKE '%.json' ORDER BY c.position DESC";
    let rows: Vec<(String, String)> =
        sqlx::query_as(select).bind(run_id).fetch_all(scheduler.database().readers()).await.map_err(failed)?;
    let newest = STATE.iter().filter_map(|name| {
        rows.iter()
            .find(|(path, _)| path.rsplit('/').next() == Some(name))
            .map(|(_, key)| ((*name).to_owned(), key.clone()))
    });
    Ok(Some(State { run_id, artifacts: newest.collect() }))
}

/// The JSON artifacts of a command.
pub(super) async fn of_command(
    scheduler: &Scheduler,
    command_id: i64,
) -> Result<Vec<(String, String)>, SchedulerError> {
    sqlx::query_as("SELECT path, storage_key FROM artifact WHERE command_id = $1 AND path LIKE '%.json'")
        .bind(command_id)
        .fetch_all(scheduler.database().readers())
        .await
        .map_err(|source| scheduler.failed("reading the artifacts of a command in", source))
}

/// The seed of client request tokens. Attempts share it only while the attempt before was lost with its server: then its queries may run still, or
/// have ended with nobody there. After an attempt that ended by itself, everything is asked anew.
pub(super) async fn token_seed(scheduler: &Scheduler, run: &Run) -> Result<String, SchedulerError> {
    let mut first = run.attempt;
    let mut before = run.retry_of_run_id;
    while let Some(id) = before {
        let row: Option<(i64, Option<String>, Option<i64>)> =
            sqlx::query_as("SELECT attempt, error_class, retry_of_run_id FROM run WHERE id = $1")
                .bind(id)
                .fetch_optional(scheduler.database().readers())
                .await
                .map_err(|source| scheduler.failed("reading earlier attempts in", source))?;
        match row {
            Some((attempt, Some(class), earlier)) if class == "lost" => {
                first = attempt;
                before = earlier;
            }
            _ => break,
        }
    }
    Ok(format!("{}/{first}", run.spec.token_seed))
}

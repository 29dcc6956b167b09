//! The queries that a dead server's run left running: they are stopped, waited for, or left for the next attempt, and their rows get their ends.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use adapter_athena::JournalEntry;
use athena_api::{ApiError, Services, athena::QueryExecution};
use store::sqlx;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Inner, LeftQueries,
    attempt::{CODE, wanted},
    configuration::{CommandInProject, Configuration},
    control::{Control, Halt},
    environment::{self, Places, RunEnvironment},
    owner::{Gone, Owner},
    queries, words,
};
use crate::model::Run;

/// Athena ends a query by itself after half an hour, unless its quota was raised.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// Between two looks at a query that is waited for.
const LOOK: Duration = Duration::from_secs(5);

/// A query whose end is not written.
struct Open {
    command_id: i64,
    query_execution_id: String,
    region: String,
    /// The line that started it.
    text: String,
}

/// What became of them.
#[derive(Default)]
struct Left {
    stopped: usize,
    waited_for: usize,
    adopted: usize,
    /// Why nobody knows of the others.
    unknown: Vec<String>,
}

/// Ends what may still run, and says in a sentence what was found. `folder` is where the run's files are, or are made again.
pub(super) async fn end(
    worker: &Inner,
    owner: &Owner,
    run: &Run,
    configuration: Option<&Configuration>,
    (folder, control): (&Path, &Control),
) -> Result<String, Gone> {
    let open: Vec<(i64, String, String, String)> = owner
        .insist(|| async {
            let select = "SELECT q.command_id, q.query_execution_id, q.region, c.text FROM query_execution q JOIN command c ON c.id = q.command_id \
                          WHERE q.run_id = $1 AND q.ended_at IS NULL ORDER BY q.started_at";
            sqlx::query_as(select)
                .bind(owner.lease.run_id)
                .fetch_all(owner.scheduler.database().readers())
                .await
                .map_err(|source| owner.scheduler.failed("looking for running queries in", source))
        })
        .await?;
    let mut left = Left::default();
    let mut warehouse = Warehouse { worker, run, configuration, folder, project: None };
    for (command_id, query_execution_id, region, text) in open {
        let query = Open { command_id, query_execution_id, region, text };
        let ended = match warehouse.services(&query).await {
            Ok(services) => {
                end_one(worker, &services, &query, control, &mut left).await.map_err(|error| error.to_string())
            }
            Err(problem) => Err(problem),
        };
        // Another server begins again with what is left.
        if matches!(control.halt_reason(), Some(Halt::Lost | Halt::Shutdown)) {
            return Err(Gone);
        }
        match ended {
            Ok(Some(execution)) => {
                let entry = JournalEntry::ended(&execution);
                queries::write(owner, query.command_id, &[entry], &worker.settings.prices).await?;
            }
            Ok(None) => {}
            Err(problem) => left.unknown.push(format!("{}: {problem}", query.query_execution_id)),
        }
    }
    Ok(left.told())
}

/// The execution when it is over; `None`: it goes on, as it shall.
async fn end_one(
    worker: &Inner,
    services: &Services,
    query: &Open,
    control: &Control,
    left: &mut Left,
) -> Result<Option<QueryExecution>, ApiError> {
    let id = query.query_execution_id.as_str();
    let execution = services.athena.get_query_execution(id).await?;
    if execution.status.state.is_terminal() {
        return Ok(Some(execution));
    }
    match worker.settings.left_queries {
        LeftQueries::Stop => {}
        LeftQueries::Adopt => {
            left.adopted += 1;
            return Ok(None);
        }
        LeftQueries::Wait => {
            let until = Instant::now() + LONGEST_WAIT;
            while Instant::now() < until && control.halt_reason().is_none() {
                let execution = tokio::select! {
                    execution = services.athena.wait_query_execution(id, LOOK) => execution?,
                    () = control.token().cancelled() => break,
                };
                if execution.status.state.is_terminal() {
                    left.waited_for += 1;
                    return Ok(Some(execution));
                }
            }
            if matches!(control.halt_reason(), Some(Halt::Lost | Halt::Shutdown)) {
                return Ok(None);
            }
        }
    }
    services.athena.stop_query_execution(id).await?;
    left.stopped += 1;
    services.athena.wait_query_execution(id, Duration::from_secs(20)).await.map(Some)
}

impl Left {
    fn told(&self) -> String {
        let mut told = String::new();
        if self.stopped > 0 {
            told.push_str(&format!("; {} of its queries were still running and were stopped", self.stopped));
        }
        if self.waited_for > 0 {
            told.push_str(&format!("; {} of its queries were still running and were waited for", self.waited_for));
        }
        if self.adopted > 0 {
            told.push_str(&format!("; {} of its queries go on, and the next attempt takes them over", self.adopted));
        }
        if !self.unknown.is_empty() {
            told.push_str(&format!("; some of its queries may still run ({})", self.unknown.join(", ")));
        }
        told
    }
}

/// How the run reached its warehouse.
struct Warehouse<'a> {
    worker: &'a Inner,
    run: &'a Run,
    configuration: Option<&'a Configuration>,
    folder: &'a Path,
    /// The working copy and the environment of commands, once they were needed.
    project: Option<Result<(PathBuf, RunEnvironment), String>>,
}

impl Warehouse<'_> {
    /// By the connection; without one as the command itself did, by the project's profiles.yml.
    async fn services(&mut self, query: &Open) -> Result<Services, String> {
        let Some(configuration) = self.configuration else {
            return Err("the run's environment cannot be read any more".to_owned());
        };
        let warehouses = &self.worker.warehouses;
        if let Some(connection) = &configuration.connection {
            return warehouses.services(Some(connection), &query.region).await;
        }
        if self.project.is_none() {
            self.project = Some(self.prepare(configuration).await);
        }
        let (project, environment) = match self.project.as_ref() {
            Some(Ok(prepared)) => prepared,
            Some(Err(problem)) => return Err(problem.clone()),
            None => return Err("the run's code is not there".to_owned()),
        };
        let mut variables = environment.variables.clone();
        let lookup = |name: &str| variables.get(name).cloned();
        let line = words::split(&query.text, &lookup).map_err(|error| error.to_string())?;
        variables.extend(line.assignments);
        let command = CommandInProject { project, variables: &variables, words: &line.words };
        warehouses.of_profile(&command, &query.region).await
    }

    /// The run's working copy, which is made again when it went with its host.
    async fn prepare(&self, configuration: &Configuration) -> Result<(PathBuf, RunEnvironment), String> {
        let code = self.folder.join(CODE);
        if !code.is_dir() {
            let (source, reference) = wanted(self.run, configuration);
            let never = CancellationToken::new();
            let copied = self.worker.checkouts.check_out(&source, &reference, &code, &|_| {}, &never);
            copied.await.map_err(|error| format!("the run's code cannot be had again: {error}"))?;
        }
        let places =
            Places { project: code.join(&configuration.environment.project_dir), folder: self.folder.to_owned() };
        let settings = &self.worker.settings;
        let made = environment::make(self.run, configuration, &settings.inherited, &settings.lakehouse, &places);
        made.map(|environment| (places.project, environment)).map_err(|error| error.to_string())
    }
}

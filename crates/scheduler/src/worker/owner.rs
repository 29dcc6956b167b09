//! The rows of a run's commands, written by their owner alone: every write names its lease, and a write that lost its lease changes nothing.

use std::{path::Path, time::Duration};

use store::sqlx;

use crate::{
    Scheduler, SchedulerError,
    model::{Lease, RunState},
};

/// Between two tries of a database that fails.
const PAUSE: Duration = Duration::from_millis(500);

/// Who writes.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) scheduler: Scheduler,
    pub(super) lease: Lease,
}

/// The lease is lost, or must be taken for lost: nothing more may be written or run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// A command as it begins.
#[derive(Debug, Clone)]
pub(super) struct Begun<'a> {
    pub(super) position: i64,
    /// `checkout`, `deps` or `command`.
    pub(super) kind: &'static str,
    pub(super) text: &'a str,
    pub(super) continue_on_error: bool,
    pub(super) host: &'a str,
    /// The working copy; above it the run's folder, in which another server of this host finds what a dead one left.
    pub(super) directory: &'a Path,
}

/// A command as it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) state: RunState,
    pub(super) return_code: i32,
}

impl Owner {
    /// Asks until the database answers; gives up when the lease is not ours any more.
    pub(super) async fn insist<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, Gone>
    where
        F: Future<Output = Result<T, SchedulerError>>,
    {
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    if self.scheduler.must_stop(self.lease) {
                        return Err(Gone);
                    }
                    tracing::warn!("run {}: {error}; trying again", self.lease.run_id);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// The command's row; its id rises with the order of the commands.
    pub(super) async fn begin(&self, begun: &Begun<'_>) -> Result<i64, Gone> {
        self.insist(|| self.try_begin(begun)).await?.ok_or(Gone)
    }

    async fn try_begin(&self, begun: &Begun<'_>) -> Result<Option<i64>, SchedulerError> {
        let failed = |source| self.scheduler.failed("beginning a command in", source);
        let insert = "INSERT INTO command (run_id, position, kind, text, continue_on_error, state, started_at, host, working_directory) \
                      SELECT $1, $2, $3, $4, $5, 'RUNNING', $6, $7, $8 \
                      WHERE EXISTS (SELECT 1 FROM run WHERE id = $1 AND lease_fence = $9) \
                      ON CONFLICT (run_id, position) DO UPDATE SET text = excluded.text RETURNING id";
        let mut change = self.scheduler.database().write().await?;
        let id: Option<i64> = sqlx::query_scalar(insert)
            .bind(self.lease.run_id)
            .bind(begun.position)
            .bind(begun.kind)
            .bind(begun.text)
            .bind(i64::from(begun.continue_on_error))
            .bind(self.scheduler.now())
            .bind(begun.host)
            .bind(begun.directory.display().to_string())
            .bind(self.lease.fence)
            .fetch_optional(&mut *change)
            .await
            .map_err(failed)?;
        change.commit().await?;
        Ok(id)
    }

    /// The command has a process.
    pub(super) async fn has_process(&self, command_id: i64, process_id: u32, directory: &str) -> Result<(), Gone> {
        let update = "UPDATE command SET process_id = $2, working_directory = $3 WHERE id = $1 \
                      AND EXISTS (SELECT 1 FROM run WHERE run.id = command.run_id AND lease_fence = $4)";
        self.insist(|| async {
            let mut change = self.scheduler.database().write().await?;
            sqlx::query(update)
                .bind(command_id)
                .bind(i64::from(process_id))
                .bind(directory)
                .bind(self.lease.fence)
                .execute(&mut *change)
                .await
                .map_err(|source| self.scheduler.failed("writing a command's process to", source))?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// The command is over.
    pub(super) async fn end(&self, command_id: i64, done: Done) -> Result<(), Gone> {
        let update = "UPDATE command SET state = $2, return_code = $3, ended_at = $4 WHERE id = $1 \
                      AND EXISTS (SELECT 1 FROM run WHERE run.id = command.run_id AND lease_fence = $5)";
        self.insist(|| async {
            let mut change = self.scheduler.database().write().await?;
            sqlx::query(update)
                .bind(command_id)
                .bind(done.state.as_str())
                .bind(i64::from(done.return_code))
                .bind(self.scheduler.now())
                .bind(self.lease.fence)
                .execute(&mut *change)
                .await
                .map_err(|source| self.scheduler.failed("ending a command in", source))?;
            Ok(change.commit().await?)
        })
        .await
    }
}

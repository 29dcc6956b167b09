//! What a dead server left of a run: processes, the end of its logs, its artifacts, its queries. Afterwards the run is finished as lost, and the
//! schedule's policy decides about another attempt.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use store::sqlx;
use tokio::time::Instant;
use vault::Masker;

use super::{
    Inner, RUNS,
    artifacts::Artifacts,
    attempt::journal_of,
    control::Control,
    environment, left_queries,
    logs::LogWriter,
    owner::{Done, Gone, Owner},
    queries::{self, JournalReader},
    secrets::RunSecrets,
    supervise::{Frame, Remains},
    words,
};
use crate::{
    SchedulerError,
    model::{Outcome, Run, RunState},
};

/// Beyond its grace: how long a supervisor may take to end.
const MARGIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// A command that its server did not end.
struct Open {
    id: i64,
    position: i64,
    host: String,
    directory: Option<String>,
}

/// Clears up after the run's last owner. `None`: the lease is not ours any more.
pub(super) async fn recover(worker: &Inner, owner: &Owner, run: &Run, control: &Control) -> Option<Outcome> {
    try_recover(worker, owner, run, control).await.ok()
}

async fn try_recover(worker: &Inner, owner: &Owner, run: &Run, control: &Control) -> Result<Outcome, Gone> {
    // Without its configuration secrets cannot be masked, and queries cannot be stopped; the processes can.
    let configuration = worker.configurations.of(run).await.ok();
    let inherited = &worker.settings.inherited;
    let secrets = configuration.as_ref().map(|configuration| environment::secrets(configuration, inherited));
    let host = &worker.settings.host;
    let open = owner.insist(|| open_commands(owner)).await?;
    let end = owner.insist(|| end_of_server(owner)).await?;
    let mut folder = worker.folder_of(run.id);
    for command in open {
        let mut return_code = 137;
        if command.host == *host {
            if let Some(left) = command.directory.as_deref().and_then(|directory| folder_above(directory, run.id)) {
                folder = left;
            }
            let place = folder.join("commands").join(command.position.to_string());
            end_processes(&place, worker.settings.grace).await;
            let remains = Remains::read(&place);
            if let Some(ended) = remains.and_then(|remains| remains.ended) {
                return_code = ended.why.return_code();
            }
            if let Some(secrets) = &secrets {
                save_log(owner, &command, &place, &secrets.masker).await?;
                if let Some(project) = &command.directory {
                    save_artifacts(worker, owner, secrets, &command, Path::new(project)).await?;
                }
            }
            let entries = JournalReader::new(&journal_of(&place)).read();
            queries::write(owner, command.id, &entries, &worker.settings.prices).await?;
        }
        // A command that ended well while nobody looked counts as lost all the same: what followed from it did not happen.
        let return_code = if return_code == 0 { 137 } else { return_code };
        owner.end(command.id, Done { state: RunState::Error, return_code }).await?;
    }
    let left = left_queries::end(worker, owner, run, configuration.as_ref(), (&folder, control)).await?;
    if let Err(error) = super::checkout::remove(&folder).await {
        tracing::warn!("run {}: its folder cannot be removed: {error}", run.id);
    }
    let mut outcome = Outcome::lost();
    outcome.reason = format!("{end}{left}");
    Ok(outcome)
}

/// The folder of a run by a working copy in it: another server of this host may have another directory.
fn folder_above(working_copy: &str, run_id: i64) -> Option<PathBuf> {
    let run_id = run_id.to_string();
    let folder = Path::new(working_copy).ancestors().find(|folder| {
        folder.file_name().is_some_and(|name| *name == *run_id)
            && folder.parent().is_some_and(|parent| parent.ends_with(RUNS))
    });
    folder.map(Path::to_path_buf)
}

async fn open_commands(owner: &Owner) -> Result<Vec<Open>, SchedulerError> {
    let select = "SELECT id, position, host, working_directory FROM command WHERE run_id = $1 AND ended_at IS NULL ORDER BY position";
    let rows: Vec<(i64, i64, Option<String>, Option<String>)> = sqlx::query_as(select)
        .bind(owner.lease.run_id)
        .fetch_all(owner.scheduler.database().readers())
        .await
        .map_err(|source| owner.scheduler.failed("looking for open commands in", source))?;
    let open = rows.into_iter().map(|(id, position, host, directory)| Open {
        id,
        position,
        host: host.unwrap_or_default(),
        directory,
    });
    Ok(open.collect())
}

/// How the run's server left it, for people. One that stops in order ends its command first; one that dies leaves it open.
async fn end_of_server(owner: &Owner) -> Result<String, SchedulerError> {
    let select = "SELECT host, text, state, ended_at FROM command WHERE run_id = $1 ORDER BY position DESC LIMIT 1";
    let last: Option<(Option<String>, String, String, Option<i64>)> = sqlx::query_as(select)
        .bind(owner.lease.run_id)
        .fetch_optional(owner.scheduler.database().readers())
        .await
        .map_err(|source| owner.scheduler.failed("looking for the last command in", source))?;
    let Some((host, text, state, ended_at)) = last else {
        return Ok("the server that ran it stopped before its first command".to_owned());
    };
    let host = host.map(|host| format!(" ({host})")).unwrap_or_default();
    let text = words::in_short(&text);
    Ok(match (ended_at, state.as_str()) {
        (None, _) => format!("the server that ran it{host} stopped answering in `{text}`"),
        (Some(_), "ERROR" | "CANCELED") => format!("the server that ran it{host} was stopped in `{text}`"),
        (Some(_), _) => format!("the server that ran it{host} stopped after `{text}`"),
    })
}

/// The supervisor ends the command by itself when its server is gone; one that was killed too left it behind.
async fn end_processes(place: &Path, grace: Duration) {
    let until = Instant::now() + grace + MARGIN;
    loop {
        let Some(remains) = Remains::read(place) else { return };
        if remains.ended.is_some() || (!remains.group.is_alive() && !remains.is_supervised()) {
            return;
        }
        if !remains.is_supervised() {
            remains.group.terminate();
        }
        if Instant::now() >= until {
            remains.group.kill();
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn save_log(owner: &Owner, command: &Open, place: &Path, masker: &Masker) -> Result<(), Gone> {
    let next: i64 = owner
        .insist(|| async {
            let select = "SELECT COALESCE(max(sequence) + 1, 0) FROM log_chunk WHERE command_id = $1";
            sqlx::query_scalar(select)
                .bind(command.id)
                .fetch_one(owner.scheduler.database().readers())
                .await
                .map_err(|source| owner.scheduler.failed("reading the log of", source))
        })
        .await?;
    let mut log = LogWriter::new(command.id, masker, next);
    for frame in Remains::output(place).await {
        if let Frame::Line { stream, bytes } = frame {
            log.push(stream, &bytes);
        }
    }
    log.complain("[owlet: the server that ran this command died; lines of its last moment may be missing]");
    log.end(masker);
    while let Err(error) = log.flush(owner).await {
        if owner.scheduler.must_stop(owner.lease) {
            return Err(Gone);
        }
        tracing::warn!("run {}: {error}; trying again", owner.lease.run_id);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// What the command had written: with run_results.json the next attempt goes on where this one stopped.
async fn save_artifacts(
    worker: &Inner,
    owner: &Owner,
    secrets: &RunSecrets,
    command: &Open,
    project: &Path,
) -> Result<(), Gone> {
    let targets = environment::target_folders(project, &Default::default(), &[]);
    let mut complain = |line: String| tracing::warn!("run {}: {line}", owner.lease.run_id);
    let storage = &worker.settings.artifacts;
    Artifacts::default()
        .collect(owner, storage, secrets, command.id, (project, &targets), &mut complain)
        .await
        .map(|_| ())
}

/// Ends commands of this host whose server and supervisor are gone: at a start, before any run is taken over. Those of servers that live are left.
pub(super) fn end_unsupervised(runs: &Path) {
    let Ok(entries) = fs_err::read_dir(runs) else { return };
    for run in entries.flatten() {
        let Ok(commands) = fs_err::read_dir(run.path().join("commands")) else { continue };
        for command in commands.flatten() {
            let Some(remains) = Remains::read(&command.path()) else { continue };
            if remains.ended.is_none() && !remains.is_supervised() && remains.group.is_alive() {
                tracing::warn!("ending process group {}, which a dead server left", remains.group.id);
                remains.group.kill();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_folder_is_found_whatever_directory_its_server_had() {
        let found = |path: &str| folder_above(path, 7).map(|folder| folder.display().to_string());
        assert_eq!(found("/srv/a/runs/7/code/dbt").as_deref(), Some("/srv/a/runs/7"));
        assert_eq!(found("/srv/a/runs/7/code").as_deref(), Some("/srv/a/runs/7"));
        assert_eq!(found("/srv/a/runs/8/code/7"), None);
        assert_eq!(found("/home/7"), None);
    }
}

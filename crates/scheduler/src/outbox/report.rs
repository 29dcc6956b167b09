//! What came of a pull request's commit, told to the host of its repository. A row says that something changed; what is sent is how it is when
//! the row's turn comes, so that rows which overtake each other end in the truth.

use notify::{CommitState, CommitStatus, Failure, StatusHost};
use store::{Change, Database, sqlx};
use vault::Scope;

use crate::{
    clock::{Micros, SECOND},
    model::{Code, CodeHost, RunSpec, RunState},
    pull_requests::repository_of,
    settings::{Settings, SettingsError},
};

/// What a row in `outbox.channel` of a report says; its `target` is the environment.
pub(super) const COMMIT_STATUS: &str = "commit_status";

/// A run of a pull request is there.
pub(crate) async fn report_begin(
    change: &mut Change,
    run_id: i64,
    environment: &str,
    now: Micros,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at) \
                  VALUES ($1, $2, $3, 'begin', $4, '{}', 'PENDING', $5, $5) ON CONFLICT (dedupe_key) DO NOTHING";
    sqlx::query(insert)
        .bind(format!("run:{run_id}:{COMMIT_STATUS}:begin"))
        .bind(COMMIT_STATUS)
        .bind(environment)
        .bind(run_id)
        .bind(now)
        .execute(&mut **change)
        .await?;
    Ok(())
}

/// It is over, if its begin was to be told.
pub(crate) async fn report_end(change: &mut Change, run_id: i64, now: Micros) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at) \
                  SELECT CAST($1 AS TEXT), channel, target, 'end', run_id, '{}', 'PENDING', CAST($2 AS BIGINT), CAST($2 AS BIGINT) \
                  FROM outbox WHERE dedupe_key = $3 ON CONFLICT (dedupe_key) DO NOTHING";
    sqlx::query(insert)
        .bind(format!("run:{run_id}:{COMMIT_STATUS}:end"))
        .bind(now)
        .bind(format!("run:{run_id}:{COMMIT_STATUS}:begin"))
        .execute(&mut **change)
        .await?;
    Ok(())
}

type Columns = (i64, String, String, Option<String>, String, Option<String>, Option<String>, Option<i64>, Option<i64>);

/// The status of the newest attempt, or why there is none.
pub(super) async fn compose(
    database: &Database,
    settings: &Settings,
    run_id: i64,
    environment: &str,
    public_url: Option<&str>,
) -> Result<Result<CommitStatus, Failure>, SettingsError> {
    let never = |what: String, fix: &str| Ok(Err(Failure::never(what, fix)));
    let environment = match settings.environment(environment).await {
        Ok(row) => row.environment,
        Err(error @ SettingsError::Unknown { .. }) => return never(error.to_string(), "add the environment again"),
        Err(error) => return Err(error),
    };
    let Some(to) = environment.commit_status else {
        return never("The environment reports no commit statuses any more".to_owned(), "nothing is to be done");
    };
    let Some(row) = newest(database, run_id, to.host).await? else {
        return never(format!("Run {run_id} is gone"), "nothing is left to tell");
    };
    let (id, slug, state, reason, spec, commit, pull_request, started_at, ended_at) = row;
    let Some(commit) = commit else {
        return Ok(Err(Failure::later("The commit of the run is not known yet")));
    };
    let spec: Option<RunSpec> = serde_json::from_str(&spec).ok();
    let of_code = match &environment.code {
        Code::Git { url, .. } => repository_of(url),
        Code::Local { .. } => None,
    };
    let repository = to.repository.or_else(|| spec.and_then(|spec| spec.repository)).or(of_code);
    let Some(repository) = repository else {
        return never(
            "Nobody knows the repository's name at its host".to_owned(),
            "set it for the environment: owner/name",
        );
    };
    let token = settings.variable_scopes().await?;
    let token = token.iter().find(|variable| variable.scope == Scope::Workspace && variable.name == to.token);
    let Some(token) = token else {
        return never(
            format!("The workspace has no variable '{}' with the token for commit statuses", to.token),
            "set it: owlet env set NAME --secret",
        );
    };
    let state = state.parse().unwrap_or(RunState::Error);
    let number = pull_request.as_ref().map(|number| format!(" of pull request {number}")).unwrap_or_default();
    Ok(Ok(CommitStatus {
        host: match to.host {
            CodeHost::GitHub => StatusHost::GitHub,
            CodeHost::GitLab => StatusHost::GitLab,
            CodeHost::Bitbucket => StatusHost::Bitbucket,
            CodeHost::AzureDevOps => StatusHost::AzureDevOps,
        },
        api: to.api,
        token: token.value.expose().to_owned(),
        repository,
        commit,
        pull_request,
        state: state_of(state),
        context: format!("owlet/{slug}"),
        description: description(id, &number, state, reason.as_deref(), started_at.zip(ended_at)),
        url: public_url.map(|url| format!("{url}/bolt/run_id/{id}")),
    }))
}

/// The attempt that counts: the newest for the run's commit. Where the host keeps one status per pull request, the newest of all its commits, or what came
/// of an older one would stand there in the end.
async fn newest(database: &Database, run_id: i64, host: CodeHost) -> Result<Option<Columns>, SettingsError> {
    let same = match host {
        CodeHost::AzureDevOps => "n.schedule_id = r.schedule_id AND n.pull_request = r.pull_request",
        CodeHost::GitHub | CodeHost::GitLab | CodeHost::Bitbucket => "n.family_id = r.family_id",
    };
    let select = format!(
        "SELECT n.id, s.slug, n.state, n.state_reason, n.spec, n.commit_hash, n.pull_request, n.started_at, n.ended_at \
         FROM run r JOIN run n ON {same} JOIN schedule s ON s.id = n.schedule_id WHERE r.id = $1 ORDER BY n.id DESC LIMIT 1"
    );
    let found = sqlx::query_as(sqlx::AssertSqlSafe(select)).bind(run_id).fetch_optional(database.readers()).await;
    found.map_err(|source| database.error("reading a run of", source).into())
}

fn state_of(state: RunState) -> CommitState {
    match state {
        RunState::Queued => CommitState::Waiting,
        RunState::Starting | RunState::Running | RunState::Canceling => CommitState::Running,
        RunState::Success => CommitState::Passed,
        RunState::Failed => CommitState::Failed,
        RunState::Error => CommitState::Broken,
        RunState::Canceled | RunState::Skipped => CommitState::Stopped,
    }
}

fn description(id: i64, number: &str, state: RunState, reason: Option<&str>, time: Option<(Micros, Micros)>) -> String {
    let reason = reason.and_then(|reason| reason.lines().next()).filter(|reason| !reason.is_empty());
    match (state, reason) {
        (RunState::Success, _) => {
            let took = time.map(|(from, until)| format!(" in {} s", (until - from) / SECOND)).unwrap_or_default();
            format!("Run {id}{number} succeeded{took}")
        }
        (state, Some(reason)) if state.is_final() => format!("Run {id}{number}: {reason}"),
        (state, _) => format!("Run {id}{number} is {}", state.as_str().to_lowercase()),
    }
}

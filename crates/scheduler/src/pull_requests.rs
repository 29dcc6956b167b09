//! Pull requests and what they leave: which are open, and the schemas of those that are closed, until they are dropped.

use serde_json::json;
use sha2::{Digest, Sha256};
use store::Change;
use store::sqlx;

use crate::audit::Decision;
use crate::clock::{Micros, SECOND};
use crate::create::NewRun;
use crate::error::SchedulerError;
use crate::model::{Code, Run};
use crate::outbox::announce_system;
use crate::request::ClosedPullRequest;
use crate::scheduler::Scheduler;
use crate::worker::schema_of_number;

/// A server that has not said for this long what came of a schema is replaced.
const PATIENCE: Micros = 600 * SECOND;
/// Between two attempts at a schema that cannot be dropped; doubles up to a quarter of a day.
const FIRST_WAIT: Micros = 60 * SECOND;

/// A schema that is to be dropped now, by whoever was given this.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaToDrop {
    id: i64,
    attempt: i64,
    /// Its latest run: environment, connection and number are this one's.
    pub run: Run,
}

impl Scheduler {
    /// A pull request was merged or closed: what is not finished of it ends, and its schema will be dropped. Answers in how many schedules.
    ///
    /// # Errors
    /// The database fails; the same delivery may be sent again.
    pub async fn pull_request_closed(&self, request: ClosedPullRequest) -> Result<usize, SchedulerError> {
        let failed = |source| self.failed("closing a pull request in", source);
        let select = "SELECT id, schedule_id FROM pull_request WHERE number = $1 AND lower(repository) IN ('', lower($2)) \
                      AND closed_at IS NULL ORDER BY schedule_id";
        let rows: Vec<(i64, i64)> = sqlx::query_as(select)
            .bind(request.number.as_str())
            .bind(request.repository.as_str())
            .fetch_all(self.database().readers())
            .await
            .map_err(failed)?;
        let mut closed = 0;
        for (id, schedule_id) in rows {
            let mut change = self.database().write().await?;
            self.lock_schedules(&mut change, &[schedule_id]).await?;
            let update = "UPDATE pull_request SET closed_at = $2, next_attempt_at = $2, attempts = 0 WHERE id = $1 AND closed_at IS NULL";
            let done = sqlx::query(update).bind(id).bind(self.now()).execute(&mut *change).await.map_err(failed)?;
            if done.rows_affected() == 1 {
                let reason = format!("pull request {} is closed", request.number);
                self.end_pull_request(&mut change, schedule_id, &request.number, &reason, &request.actor).await?;
                let details = json!({ "number": request.number, "repository": request.repository });
                self.record(
                    &mut change,
                    &request.actor,
                    Decision::schedule("pull_request.closed", schedule_id, details),
                )
                .await?;
                closed += 1;
            }
            change.commit().await?;
        }
        self.nudge();
        Ok(closed)
    }

    /// A schema of a closed pull request that nothing uses any more; for this server, until it says what came of it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn schema_to_drop(&self) -> Result<Option<SchemaToDrop>, SchedulerError> {
        let failed = |source| self.failed("looking for closed pull requests in", source);
        let now = self.now();
        let select = "SELECT p.id, p.attempts, p.last_run_id FROM pull_request p WHERE p.closed_at IS NOT NULL AND p.dropped_at IS NULL \
                      AND p.next_attempt_at <= $1 AND NOT EXISTS (SELECT 1 FROM run r WHERE r.schedule_id = p.schedule_id \
                      AND r.pull_request = p.number AND r.ended_at IS NULL) ORDER BY p.next_attempt_at, p.id LIMIT 1";
        let found: Option<(i64, i64, i64)> =
            sqlx::query_as(select).bind(now).fetch_optional(self.database().readers()).await.map_err(failed)?;
        let Some((id, attempts, run_id)) = found else { return Ok(None) };
        let mut change = self.database().write().await?;
        let claim = "UPDATE pull_request SET attempts = attempts + 1, next_attempt_at = $3 WHERE id = $1 AND attempts = $2 AND dropped_at IS NULL";
        let claimed = sqlx::query(claim).bind(id).bind(attempts).bind(now + PATIENCE).execute(&mut *change).await;
        let is_ours = claimed.map_err(failed)?.rows_affected() == 1;
        let run = self.run_in(&mut change, run_id).await?;
        change.commit().await?;
        Ok(run.filter(|_| is_ours).map(|run| SchemaToDrop { id, attempt: attempts + 1, run }))
    }

    /// What came of it: the names that were dropped, or why they are still there.
    ///
    /// # Errors
    /// The database fails; another attempt follows later.
    pub async fn schema_dropped(
        &self,
        schema: &SchemaToDrop,
        result: Result<Vec<String>, String>,
    ) -> Result<(), SchedulerError> {
        let failed = |source| self.failed("recording a dropped schema in", source);
        let now = self.now();
        let (dropped_at, error, wait) = match &result {
            Ok(_) => (Some(now), None, 0),
            Err(error) => {
                let doubled = FIRST_WAIT << u32::try_from(schema.attempt - 1).unwrap_or(10).min(10);
                (None, Some(error.clone()), doubled.min(6 * 3600 * SECOND))
            }
        };
        let mut change = self.database().write().await?;
        let update = "UPDATE pull_request SET dropped_at = $3, last_error = $4, next_attempt_at = $5 WHERE id = $1 AND attempts = $2";
        let done = sqlx::query(update)
            .bind(schema.id)
            .bind(schema.attempt)
            .bind(dropped_at)
            .bind(error)
            .bind(now + wait)
            .execute(&mut *change)
            .await
            .map_err(failed)?;
        if done.rows_affected() == 1 {
            let number = schema.run.pull_request.clone().unwrap_or_default();
            let (event, details) = match &result {
                Ok(names) => ("pull_request.schema_dropped", json!({ "number": number, "schemas": names })),
                Err(error) => {
                    ("pull_request.schema_kept", json!({ "number": number, "error": error, "attempt": schema.attempt }))
                }
            };
            let decision = Decision::schedule(event, schema.run.schedule_id, details);
            self.record(&mut change, &self.myself(), decision).await?;
            if let Err(error) = &result {
                let key = format!("pull_request_schema:{}", schema.id);
                let headline = format!("The schema of pull request {number} was not dropped");
                let fix = "see that the connection may delete the Glue database, its tables and their files; it is tried again";
                announce_system(&mut change, &key, &headline, error, fix, now).await.map_err(failed)?;
            }
        }
        Ok(change.commit().await?)
    }

    /// The schema of a run for a pull request, if it is not the one that the number gives: another repository's pull request of the same number, on
    /// the same connection, has that.
    pub(crate) async fn own_pull_request_schema(
        &self,
        change: &mut Change,
        new: &NewRun<'_>,
    ) -> Result<Option<String>, SchedulerError> {
        let Some(number) = new.pull_request.as_deref().filter(|_| new.spec.is_turbo_ci) else { return Ok(None) };
        let failed = |source| self.failed("naming the schema of a pull request in", source);
        let by_code = match &new.place.code {
            Some(Code::Git { url, .. }) => repository_of(url),
            _ => None,
        };
        let repository = new.spec.repository.clone().or_else(|| new.place.repository.clone()).or(by_code);
        let repository = repository.unwrap_or_default().to_lowercase();
        let connection = new.place.connection.clone().unwrap_or_default();
        let name = schema_of_number(number);
        // Of two at once, the second waits for the first here.
        let insert = "INSERT INTO pull_request_schema (connection, name, repository) VALUES ($1, $2, $3) \
                      ON CONFLICT (connection, name) DO NOTHING";
        sqlx::query(insert)
            .bind(connection.as_str())
            .bind(name.as_str())
            .bind(repository.as_str())
            .execute(&mut **change)
            .await
            .map_err(failed)?;
        let select = "SELECT repository FROM pull_request_schema WHERE connection = $1 AND name = $2";
        let owner: String = sqlx::query_scalar(select)
            .bind(connection)
            .bind(name.as_str())
            .fetch_one(&mut **change)
            .await
            .map_err(failed)?;
        // Not behind an underscore: what lies there belongs to the first one's custom schemas, and is dropped with it.
        let hash = hex::encode(&Sha256::digest(&repository)[..4]);
        Ok((owner != repository).then(|| format!("{name}x{hash}")))
    }

    /// Notes that a run builds for a pull request. A new attempt at a closed one builds, and its schema is dropped once more.
    pub(crate) async fn note_pull_request(
        &self,
        change: &mut Change,
        run_id: i64,
        new: &NewRun<'_>,
    ) -> Result<(), SchedulerError> {
        let Some(number) = new.pull_request.as_deref().filter(|_| new.spec.is_turbo_ci) else { return Ok(()) };
        let sql = "INSERT INTO pull_request (schedule_id, repository, number, last_run_id) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (schedule_id, repository, number) DO UPDATE SET last_run_id = excluded.last_run_id, dropped_at = NULL, \
                   last_error = NULL, attempts = pull_request.attempts + 1, \
                   closed_at = CASE WHEN $5 = 1 THEN pull_request.closed_at ELSE NULL END";
        let note = sqlx::query(sql)
            .bind(new.definition.id)
            .bind(new.spec.repository.clone().unwrap_or_default())
            .bind(number)
            .bind(run_id)
            .bind(i64::from(new.family.is_some()))
            .execute(&mut **change)
            .await;
        note.map_err(|source| self.failed("noting a pull request in", source))?;
        Ok(())
    }
}

/// Whether a repository that a code host names is the one of this code. A folder has no name at a host: it takes every one.
pub(crate) fn is_of(code: &Code, repository: &str) -> bool {
    match code {
        Code::Git { url, .. } => is_repository(url, repository),
        Code::Local { .. } => true,
    }
}

/// Whether a git URL is that of `owner/name`.
pub fn is_repository(url: &str, repository: &str) -> bool {
    if let Some(name) = azure_repository(url) {
        let (name, repository) = (name.to_lowercase(), repository.to_lowercase());
        return name.strip_suffix(&repository).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    }
    let url = url.trim_end_matches('/').trim_end_matches(".git").to_lowercase();
    let repository = repository.to_lowercase();
    url.strip_suffix(&repository).is_some_and(|host| host.ends_with(['/', ':']))
}

/// `owner/name` of a git URL: all behind the host, as nested groups of GitLab want it; `organisation/project/name` of Azure's.
pub fn repository_of(url: &str) -> Option<String> {
    if let Some(name) = azure_repository(url) {
        return Some(name);
    }
    let path = match url::Url::parse(url) {
        Ok(url) if url.has_host() => url.path().to_owned(),
        _ => url.split_once(':')?.1.to_owned(),
    };
    let path = path.trim_matches('/').trim_end_matches(".git").to_owned();
    path.contains('/').then_some(path)
}

/// `organisation/project/name` of a URL of Azure Repos: `https://dev.azure.com/acme/Shop/_git/dbt`, `git@ssh.dev.azure.com:v3/acme/Shop/dbt`, the older
/// `https://acme.visualstudio.com/Shop/_git/dbt`, or that of a server of one's own. Without a project, it is named as the repository.
///
/// Source: Azure DevOps documentation, "Clone an existing Git repo", "Use SSH key authentication", "Switch to dev.azure.com".
fn azure_repository(url: &str) -> Option<String> {
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let (host, path) = match url::Url::parse(url) {
        Ok(parsed) if parsed.has_host() => (parsed.host_str()?.to_lowercase(), parsed.path().to_owned()),
        _ => {
            let (host, path) = url.split_once(':')?;
            (host.rsplit('@').next()?.to_lowercase(), path.to_owned())
        }
    };
    let mut parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    if matches!(host.as_str(), "ssh.dev.azure.com" | "vs-ssh.visualstudio.com") {
        return (parts.len() == 4 && parts[0] == "v3").then(|| parts[1..].join("/"));
    }
    let at = parts.iter().position(|part| part == "_git").filter(|at| at + 2 == parts.len())?;
    parts.remove(at);
    if let Some(organisation) = host.strip_suffix(".visualstudio.com") {
        parts.retain(|part| !part.eq_ignore_ascii_case("DefaultCollection"));
        parts.insert(0, organisation.to_owned());
    }
    if parts.len() == 2 {
        parts.push(parts[1].clone());
    }
    (parts.len() > 2).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_known_by_any_of_its_addresses() {
        for url in ["https://github.com/Shop/dbt.git", "git@github.com:shop/dbt.git", "ssh://git@host/shop/dbt/"] {
            assert!(is_repository(url, "shop/dbt"), "{url}");
            assert_eq!(repository_of(url).map(|name| name.to_lowercase()).as_deref(), Some("shop/dbt"));
        }
        assert!(!is_repository("https://github.com/workshop/dbt", "shop/dbt"));
        assert!(!is_repository("https://github.com/shop/dbt-two", "shop/dbt"));
        assert_eq!(repository_of("https://gitlab.com/acme/data/shop.git").as_deref(), Some("acme/data/shop"));
        assert_eq!(repository_of("/srv/shop.git"), None);
    }

    #[test]
    fn azure_names_a_repository_by_organisation_project_and_name() {
        for (url, name) in [
            ("https://dev.azure.com/acme/Shop%20Data/_git/dbt", "acme/Shop Data/dbt"),
            ("https://acme@dev.azure.com/acme/Shop%20Data/_git/dbt", "acme/Shop Data/dbt"),
            ("git@ssh.dev.azure.com:v3/acme/Shop%20Data/dbt", "acme/Shop Data/dbt"),
            ("ssh://git@ssh.dev.azure.com/v3/acme/Shop%20Data/dbt", "acme/Shop Data/dbt"),
            ("https://acme.visualstudio.com/DefaultCollection/Shop%20Data/_git/dbt", "acme/Shop Data/dbt"),
            ("https://dev.azure.com/acme/_git/shop", "acme/shop/shop"),
            ("https://acme.visualstudio.com/DefaultCollection/_git/shop", "acme/shop/shop"),
            ("https://tfs.acme.example/tfs/Main/Shop/_git/dbt", "tfs/Main/Shop/dbt"),
        ] {
            assert_eq!(repository_of(url).as_deref(), Some(name), "{url}");
            assert!(is_repository(url, &name.to_uppercase()), "{url}");
        }
        assert!(is_repository("https://dev.azure.com/acme/Shop/_git/dbt", "shop/dbt"));
        assert!(!is_repository("https://dev.azure.com/acme/Workshop/_git/dbt", "shop/dbt"));
    }
}

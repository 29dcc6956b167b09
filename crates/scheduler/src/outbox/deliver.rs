//! One message: expand or send it, record what came of it, take over what a dead server was sending.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::DateTime;
use futures::future::BoxFuture;
use notify::{Body, Channel, Delivery, Failure, Notifier};
use sha2::{Digest, Sha256};
use store::{Database, sqlx};

use super::{
    ANNOUNCEMENT, Announcement, BOLT_COMPLETED, BOLT_STARTED, Details, announce_system,
    compose::Composer,
    incidents,
    observe::{LINEAGE, Lineage, Observer, TRACES, Traces},
    receivers::receivers_of,
    report::{self, COMMIT_STATUS},
    state::{DEAD, DELIVERED, PENDING, SENDING},
};
use crate::{
    clock::{Clock, Micros, SECOND},
    notice::Notice,
    settings::{NotificationSettings, Settings, SettingsError},
};

/// A lineage or trace server that is away for so many attempts, some minutes, is a problem.
const ATTEMPTS_BEFORE_TOLD: i64 = 5;

/// How patient it is.
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    /// Wait before the second attempt; it doubles with each one after it, with up to a quarter more at random.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// A message that is older is given up.
    pub give_up_after: Duration,
    /// How many are sent at once; of these only a few to one receiver.
    pub parallel: usize,
    /// A row that its server has not ended for this long, on our monotonic clock, is taken over; well above [`Notifier::TIMEOUT`].
    pub lease: Duration,
    /// The workspace's name in messages.
    pub workspace: String,
    /// Its name in the API's address.
    pub workspace_uid: String,
    /// Where the UI is, if the settings do not say it.
    pub public_url: Option<String>,
    /// Where OpenLineage events go, whatever the workspace's settings say.
    pub lineage: Option<Lineage>,
    /// Where traces go.
    pub traces: Option<Traces>,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(5),
            longest_wait: Duration::from_secs(30 * 60),
            give_up_after: Duration::from_secs(24 * 3600),
            parallel: 16,
            lease: Notifier::TIMEOUT * 3,
            workspace: "owlet".to_owned(),
            workspace_uid: "owlet".to_owned(),
            public_url: None,
            lineage: None,
            traces: None,
        }
    }
}

/// The outbox as one server sees it.
#[derive(Clone)]
pub struct Outbox {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) database: Database,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) server: String,
    notifier: Notifier,
    details: Arc<dyn Details>,
    pub(super) options: OutboxOptions,
    /// Rows that others are sending: which attempt, and since when we see it.
    watched: Mutex<HashMap<i64, (i64, Duration)>>,
}

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Announcements that became messages.
    pub expanded: usize,
    /// Messages that were taken.
    pub delivered: usize,
    /// Messages that wait for another attempt.
    pub postponed: usize,
    /// Messages that were given up.
    pub dead: usize,
    /// Rows taken over from servers that died.
    pub taken_over: usize,
}

/// A row that is ours until `ended` is recorded, or somebody takes it over.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) dedupe_key: String,
    pub(super) channel: String,
    pub(super) target: String,
    pub(super) event: String,
    pub(super) run_id: Option<i64>,
    pub(super) payload: String,
    /// This attempt's number, from 1: every write of ours names it.
    pub(super) attempt: i64,
    pub(super) created_at: Micros,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error(transparent)]
    Database(#[from] store::DatabaseError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl Outbox {
    /// `server` is this process's id in table `server`.
    pub fn new(
        settings: Settings,
        clock: Arc<dyn Clock>,
        server: &str,
        notifier: Notifier,
        details: Arc<dyn Details>,
        options: OutboxOptions,
    ) -> Self {
        let database = settings.database().clone();
        let server = server.to_owned();
        let inner = Inner { database, settings, clock, server, notifier, details, options, watched: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Gives a message that was given up another chance.
    ///
    /// # Errors
    /// The database fails.
    pub async fn revive(&self, id: i64) -> Result<bool, OutboxError> {
        let now = self.inner.clock.now();
        let update = "UPDATE outbox SET state = $2, next_attempt_at = $3, created_at = $3 WHERE id = $1 AND state = $4";
        let mut change = self.inner.database.write().await?;
        let done = sqlx::query(update).bind(id).bind(PENDING).bind(now).bind(DEAD).execute(&mut *change).await;
        let done = done.map_err(|source| self.failed("reviving a message in", source))?;
        change.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    pub(super) async fn attempt(&self, row: Row, settings: &NotificationSettings) -> Result<End, OutboxError> {
        let claimed_at = self.inner.clock.monotonic();
        if row.channel == ANNOUNCEMENT {
            return self.expand(&row, settings).await;
        }
        if row.channel == COMMIT_STATUS {
            let sent = self.report(&row, settings).await?;
            return match sent {
                Ok(()) => self.ended(&row, DELIVERED, None, None).await,
                Err(failure) => self.after_failure(&row, failure).await,
            };
        }
        if row.channel == LINEAGE || row.channel == TRACES {
            let sent = self.observe(&row, settings).await?;
            return match sent {
                Ok(()) => self.ended(&row, DELIVERED, None, None).await,
                Err(failure) => {
                    self.tell_unobserved(&row, &failure).await?;
                    self.after_failure(&row, failure).await
                }
            };
        }
        let sent = match settings.channel(&row.channel, &row.target) {
            Ok(channel) => match self.compose(&row, settings).await? {
                Ok(body) => self.send(&row, &channel, &body).await,
                Err(failure) => Err(failure),
            },
            Err(failure) => Err(failure),
        };
        // A process that stood still for so long has been replaced; what it records changes nothing.
        if self.inner.clock.monotonic().saturating_sub(claimed_at) > self.inner.options.lease {
            return Ok(End::Lost);
        }
        match sent {
            Ok(()) => self.ended(&row, DELIVERED, None, None).await,
            Err(failure) => self.after_failure(&row, failure).await,
        }
    }

    /// Tells the host of a repository how its commit is.
    async fn report(&self, row: &Row, settings: &NotificationSettings) -> Result<Result<(), Failure>, OutboxError> {
        let public_url = settings.public_url.as_ref().or(self.inner.options.public_url.as_ref());
        let public_url = public_url.map(|url| url.trim_end_matches('/'));
        let (database, settings) = (&self.inner.database, &self.inner.settings);
        let run_id = row.run_id.unwrap_or_default();
        match report::compose(database, settings, run_id, &row.target, public_url).await? {
            Ok(status) => {
                let sending = self.inner.notifier.report(&status);
                match tokio::time::timeout(Notifier::TIMEOUT, sending).await {
                    Ok(sent) => Ok(sent),
                    Err(_) => Ok(Err(Failure::later("The host did not answer in time"))),
                }
            }
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Tells a lineage or trace server what a run did.
    async fn observe(&self, row: &Row, settings: &NotificationSettings) -> Result<Result<(), Failure>, OutboxError> {
        let inner = &self.inner;
        let observer = Observer {
            database: &inner.database,
            settings: &inner.settings,
            details: &inner.details,
            notifier: &inner.notifier,
        };
        let run_id = row.run_id.unwrap_or_default();
        // Boxed: the compiler does not see that what it borrows may cross threads.
        let telling: BoxFuture<'_, _> = Box::pin(async {
            if row.channel == TRACES {
                return observer.tell_traces(run_id, inner.options.traces.as_ref()).await;
            }
            let of_settings = settings.lineage(&inner.options.workspace);
            let to = inner.options.lineage.clone().or(of_settings);
            observer.tell_lineage((run_id, &row.event, &row.payload), to.as_ref(), inner.clock.now()).await
        });
        match tokio::time::timeout(Notifier::TIMEOUT * 2, telling).await {
            Ok(told) => Ok(told?),
            Err(_) => Ok(Err(Failure::later("The server did not take all of it in time"))),
        }
    }

    /// A lineage or trace server that refuses, or is away for long, is told as a problem of the scheduler, once a day.
    async fn tell_unobserved(&self, row: &Row, failure: &Failure) -> Result<(), OutboxError> {
        let (reason, fix) = match failure {
            Failure::Never { reason, fix } => (reason, fix.as_str()),
            Failure::Later { reason, .. } if row.attempt >= ATTEMPTS_BEFORE_TOLD => {
                (reason, "see that the server's machine reaches it; what waits is told then, for a day")
            }
            Failure::Later { .. } => return Ok(()),
        };
        let now = self.inner.clock.now();
        let day = DateTime::from_timestamp_micros(now).unwrap_or_default().format("%Y-%m-%d");
        let headline = match row.channel == TRACES {
            true => "Traces of runs are not exported",
            false => "OpenLineage events of runs are not taken",
        };
        let mut change = self.inner.database.write().await?;
        announce_system(&mut change, &format!("{}:{day}", row.channel), headline, reason, fix, now)
            .await
            .map_err(|source| self.failed("announcing a problem in", source))?;
        Ok(change.commit().await?)
    }

    /// What the row says, with what the database knows of the run now.
    async fn compose(&self, row: &Row, settings: &NotificationSettings) -> Result<Result<Body, Failure>, OutboxError> {
        let public_url = settings.public_url.clone().or_else(|| self.inner.options.public_url.clone());
        let composer = Composer {
            database: &self.inner.database,
            details: &self.inner.details,
            workspace: self.inner.options.workspace.clone(),
            workspace_uid: self.inner.options.workspace_uid.clone(),
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
        };
        let announcement = match announcement_of(&row.payload) {
            Ok(announcement) => announcement,
            Err(failure) => return Ok(Err(failure)),
        };
        let body = match &announcement {
            _ if row.event == BOLT_STARTED || row.event == BOLT_COMPLETED => {
                composer.bolt(&announcement, &row.event).await.map(|event| event.map(Body::Bolt))
            }
            Announcement::Notice(notice) => composer.notice(notice).await.map(|message| Some(Body::Message(message))),
            Announcement::System { headline, cause, fix, .. } => {
                Ok(Some(Body::Message(composer.system(headline, cause, fix))))
            }
            Announcement::Started { .. } => Ok(None),
        };
        let mut body = body.map_err(|source| self.failed("reading what a message is about from", source))?;
        if let Some(Body::Message(message)) = &mut body {
            let receiver = (row.channel.as_str(), row.target.as_str());
            incidents::complete(message, &announcement, receiver, settings, &self.inner.options.workspace_uid);
        }
        Ok(body.ok_or_else(|| Failure::never("The run that it is about is gone", "nothing needs to be done")))
    }

    async fn send(&self, row: &Row, channel: &Channel, body: &Body) -> Result<(), Failure> {
        let sent_at = DateTime::from_timestamp_micros(self.inner.clock.now()).unwrap_or_default();
        let id = self.message_id(row);
        let attempt = self.inner.notifier.deliver(channel, Delivery { id: &id, body, sent_at });
        match tokio::time::timeout(Notifier::TIMEOUT, attempt).await {
            Ok(sent) => sent,
            Err(_) => Err(Failure::later("The receiver did not answer in time")),
        }
    }

    /// The id that receivers see: the same for every attempt, and no other database's.
    fn message_id(&self, row: &Row) -> String {
        let mut digest = Sha256::new();
        let id = row.id.to_string();
        for part in [&self.inner.options.workspace_uid, &id, &row.dedupe_key, &row.payload] {
            digest.update(part);
            digest.update([0]);
        }
        format!("msg_{}", hex::encode(&digest.finalize()[..16]))
    }

    /// Waits longer with each attempt, as long as the receiver asks, and gives up in the end.
    async fn after_failure(&self, row: &Row, failure: Failure) -> Result<End, OutboxError> {
        let options = &self.inner.options;
        let reason = match failure {
            Failure::Never { reason, fix } => {
                return self.ended(row, DEAD, None, Some(&format!("{reason}; {fix}"))).await;
            }
            Failure::Later { reason, retry_after } => {
                let doubled =
                    options.first_wait.saturating_mul(1 << u32::try_from(row.attempt - 1).unwrap_or(20).min(20));
                let wait = doubled.min(options.longest_wait);
                let wait = wait + wait.mul_f64((self.inner.clock.random() % 1_000) as f64 / 4_000.0);
                let wait = wait.max(retry_after.unwrap_or_default().min(options.longest_wait));
                let next = self.inner.clock.now() + micros(wait);
                if next - row.created_at <= micros(options.give_up_after) {
                    return self.ended(row, PENDING, Some(next), Some(&reason)).await;
                }
                reason
            }
        };
        let hours = options.give_up_after.as_secs() / 3_600;
        self.ended(row, DEAD, None, Some(&format!("{reason}; given up after {hours} hours"))).await
    }

    /// Records the end of an attempt, if it is still ours.
    async fn ended(
        &self,
        row: &Row,
        state: &'static str,
        next: Option<Micros>,
        error: Option<&str>,
    ) -> Result<End, OutboxError> {
        let now = self.inner.clock.now();
        let update = "UPDATE outbox SET state = $4, next_attempt_at = $5, last_error = $6, lease_server = NULL, delivered_at = $7 \
                      WHERE id = $1 AND state = $2 AND attempts = $3";
        let mut change = self.inner.database.write().await?;
        let done = sqlx::query(update)
            .bind(row.id)
            .bind(SENDING)
            .bind(row.attempt)
            .bind(state)
            .bind(next.unwrap_or(now))
            .bind(error)
            .bind((state == DELIVERED).then_some(now))
            .execute(&mut *change)
            .await
            .map_err(|source| self.failed("recording a delivery in", source))?;
        change.commit().await?;
        Ok(match (done.rows_affected(), state) {
            (0, _) => End::Lost,
            (_, DELIVERED) => End::Delivered,
            (_, PENDING) => End::Postponed,
            _ => {
                tracing::warn!(id = row.id, channel = %row.channel, reason = error.unwrap_or_default(), "a message was given up");
                End::Dead
            }
        })
    }

    /// One row per receiver, in the change that ends the announcement.
    async fn expand(&self, row: &Row, settings: &NotificationSettings) -> Result<End, OutboxError> {
        let announcement = match announcement_of(&row.payload) {
            Ok(announcement) => announcement,
            Err(failure) => return self.after_failure(row, failure).await,
        };
        let now = self.inner.clock.now();
        let failed = |source| self.failed("expanding an announcement in", source);
        let mut change = self.inner.database.write().await?;
        let end = "UPDATE outbox SET state = $4, delivered_at = $5, lease_server = NULL WHERE id = $1 AND state = $2 AND attempts = $3";
        let ended = sqlx::query(end)
            .bind(row.id)
            .bind(SENDING)
            .bind(row.attempt)
            .bind(DELIVERED)
            .bind(now)
            .execute(&mut *change)
            .await
            .map_err(failed)?;
        if ended.rows_affected() == 0 {
            change.undo().await?;
            return Ok(End::Lost);
        }
        for receiver in receivers_of(&announcement, settings) {
            let bolt = if receiver.event.starts_with("bolt.") { ":bolt" } else { "" };
            let uid = &self.inner.options.workspace_uid;
            let incident = incidents::incident_of(&announcement, receiver.channel, uid);
            if let Some(incident) = &incident
                && !incidents::note(&mut change, &receiver, incident, now).await.map_err(failed)?
            {
                continue;
            }
            let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at, subject) \
                          SELECT CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), run_id, payload, \
                          CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS TEXT) FROM outbox WHERE id = $1 \
                          ON CONFLICT (dedupe_key) DO NOTHING";
            sqlx::query(insert)
                .bind(row.id)
                .bind(format!("{}:{}:{}{bolt}", row.dedupe_key, receiver.channel, receiver.target))
                .bind(receiver.channel)
                .bind(receiver.target)
                .bind(receiver.event)
                .bind(PENDING)
                .bind(now)
                .bind(incident)
                .execute(&mut *change)
                .await
                .map_err(failed)?;
        }
        change.commit().await?;
        Ok(End::Expanded)
    }

    /// Rows whose server has not ended its attempt for the lease time go back to the queue.
    pub(super) async fn take_over(&self) -> Result<usize, OutboxError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT id, attempts FROM outbox WHERE state = $1")
            .bind(SENDING)
            .fetch_all(self.inner.database.readers())
            .await
            .map_err(|source| self.failed("reading the outbox of", source))?;
        let stale = self.stale(&rows);
        if stale.is_empty() {
            return Ok(0);
        }
        let mut taken = 0;
        let mut change = self.inner.database.write().await?;
        for (id, attempts) in stale {
            let update = "UPDATE outbox SET state = $4, next_attempt_at = $5, lease_server = NULL, last_error = $6 \
                          WHERE id = $1 AND state = $2 AND attempts = $3";
            let done = sqlx::query(update)
                .bind(id)
                .bind(SENDING)
                .bind(attempts)
                .bind(PENDING)
                .bind(self.inner.clock.now())
                .bind("the server that was sending it stopped")
                .execute(&mut *change)
                .await
                .map_err(|source| self.failed("taking over a message in", source))?;
            taken += usize::from(done.rows_affected() == 1);
        }
        change.commit().await?;
        Ok(taken)
    }

    /// What we have seen in the same attempt for the lease time.
    fn stale(&self, rows: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let now = self.inner.clock.monotonic();
        let mut watched = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|id, (attempt, _)| rows.contains(&(*id, *attempt)));
        let mut stale = Vec::new();
        for (id, attempt) in rows {
            let (_, since) = *watched.entry(*id).or_insert((*attempt, now));
            if now.saturating_sub(since) >= self.inner.options.lease {
                stale.push((*id, *attempt));
            }
        }
        stale
    }

    pub(super) fn failed(&self, doing: &'static str, source: sqlx::Error) -> store::DatabaseError {
        self.inner.database.error(doing, source)
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("server", &self.inner.server).finish_non_exhaustive()
    }
}

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Expanded,
    Delivered,
    Postponed,
    Dead,
    /// Somebody else has taken it over.
    Lost,
}

/// The payload of an announcement or of a schedule's receiver.
fn announcement_of(payload: &str) -> Result<Announcement, Failure> {
    let announcement = serde_json::from_str(payload);
    announcement
        .or_else(|_| serde_json::from_str::<Notice>(payload).map(|notice| Announcement::Notice(Box::new(notice))))
        .map_err(|error| {
            Failure::never(format!("The message cannot be read: {error}"), "this is a bug of Owlet: please report it")
        })
}

pub(super) fn micros(duration: Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / (2 * SECOND))
}

//! The loops beside the workers: the clock, signs of life, the outbox, retention. Each is safe to run at any time; a timer wakes it, and a nudge.

use std::{future::Future, sync::Arc, time::Duration};

use notify::Notifier;
use scheduler::{
    Scheduler,
    outbox::{FromArtifacts, Outbox, OutboxOptions},
    request::Retention,
    settings::Settings as WorkspaceSettings,
    worker::{Workers, storage::ArtifactStorage},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::Workspace;

use super::observed::Observability;
use crate::terminal::Stream;

/// A slot is looked for this often, and at its own instant.
const TICK: Duration = Duration::from_secs(1);
const BEAT: Duration = Duration::from_secs(5);
const DELIVER: Duration = Duration::from_secs(2);
const RETAIN: Duration = Duration::from_secs(3600);
/// Schemas of closed pull requests.
const DROP: Duration = Duration::from_secs(5);

/// What messages are sent with, and what they say of this server.
pub struct Messages<'a> {
    pub notifier: Notifier,
    pub workspace: &'a Workspace,
    pub public_url: &'a str,
    pub observability: Observability,
}

/// Starts them; they end when `stop` is cancelled.
pub fn start(
    scheduler: &Scheduler,
    workers: &Workers,
    settings: &WorkspaceSettings,
    messages: Messages<'_>,
    (storage, retention): (ArtifactStorage, Retention),
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(keep_ticking(scheduler.clone(), stop.clone()));
    let beating = scheduler.clone();
    tasks.spawn(every(BEAT, stop.clone(), move || {
        let scheduler = beating.clone();
        async move {
            if let Err(error) = scheduler.beat().await {
                tracing::warn!(%error, "this server's sign of life could not be written");
            }
        }
    }));
    let options = OutboxOptions {
        workspace: messages.workspace.name.clone(),
        workspace_uid: messages.workspace.uid.clone(),
        public_url: Some(messages.public_url.to_owned()),
        lineage: messages.observability.lineage,
        traces: messages.observability.traces,
        ..OutboxOptions::default()
    };
    let clock = Arc::clone(scheduler.clock());
    let details = Arc::new(FromArtifacts { database: scheduler.database().clone(), storage: storage.clone() });
    let outbox = Outbox::new(settings.clone(), clock, scheduler.server(), messages.notifier, details, options);
    let ended = stop.clone();
    tasks.spawn(async move { outbox.run(DELIVER, &ended).await });
    let dropping = workers.clone();
    tasks.spawn(every(DROP, stop.clone(), move || {
        let workers = dropping.clone();
        async move {
            match workers.drop_closed_schemas().await {
                Ok(dropped) => dropped.iter().for_each(|(number, schemas)| {
                    let schemas = schemas.join(", ");
                    Stream::Stderr.write_line(&format!("Dropped the schemas of pull request {number}: {schemas}"));
                }),
                Err(error) => tracing::warn!(%error, "schemas of closed pull requests could not be dropped"),
            }
        }
    }));
    let retaining = scheduler.clone();
    tasks.spawn(every(RETAIN, stop.clone(), move || retain(retaining.clone(), storage.clone(), retention)));
    tasks
}

async fn keep_ticking(scheduler: Scheduler, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let wait = match scheduler.tick().await {
            Ok(ticked) => {
                if ticked.runs > 0 {
                    scheduler.nudge();
                }
                let until = ticked.next_slot_at.map_or(i64::MAX, |at| at - scheduler.clock().now());
                TICK.min(Duration::from_micros(u64::try_from(until).unwrap_or(0).max(1_000)))
            }
            Err(error) => {
                tracing::warn!(%error, "the slots could not be decided");
                TICK
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = scheduler.nudged() => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn every<F, T>(period: Duration, stop: CancellationToken, work: F)
where
    F: Fn() -> T,
    T: Future<Output = ()>,
{
    while !stop.is_cancelled() {
        work().await;
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn retain(scheduler: Scheduler, storage: ArtifactStorage, retention: Retention) {
    loop {
        match scheduler.retain(retention).await {
            Ok(retained) => {
                for key in &retained.storage_keys {
                    if let Err(error) = storage.delete(key).await {
                        tracing::warn!(%error, "an old artifact could not be deleted");
                    }
                }
                if !retained.has_more {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "old history could not be removed");
                return;
            }
        }
    }
}

//! Rows for lineage and trace servers: written in the transactions in which a run begins and ends, told what the run did when their turn comes.

use std::sync::Arc;

use futures::future::{BoxFuture, try_join_all};
use notify::{Failure, LineageServer, Notifier, TraceServer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Change, Database, sqlx};

use super::{
    Details, lineage,
    state::PENDING,
    story::{Story, Unread},
    traces,
};
use crate::{clock::Micros, settings::Settings};

/// `outbox.channel` of both.
pub(super) const LINEAGE: &str = "openlineage";
pub(super) const TRACES: &str = "otlp";

/// Events of one row: more become rows of their own, so that an attempt has an end.
const MOST_EVENTS: usize = 400;

/// What this server tells about runs, besides messages. Every server that shares a database is to have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// OpenLineage events, also if the workspace's settings do not ask for them.
    pub lineage: bool,
    /// Traces.
    pub traces: bool,
}

/// Where OpenLineage events go, and the namespace of their jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    pub server: LineageServer,
    pub namespace: String,
}

impl Lineage {
    /// Where servers take events, below their address.
    pub const ENDPOINT: &'static str = "api/v1/lineage";
}

/// Where traces go, and the attributes of their resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    pub server: TraceServer,
    pub resource: Vec<(String, String)>,
}

/// A run's commands begin.
pub(crate) async fn observe_begin(
    change: &mut Change,
    run_id: i64,
    observed: Observed,
    now: Micros,
) -> Result<(), sqlx::Error> {
    // Secrets apart, a setting's row is JSON that this crate wrote.
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at, subject) \
                  SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), '', 'begin', CAST($3 AS BIGINT), '{}', 'PENDING', CAST($4 AS BIGINT), \
                  CAST($4 AS BIGINT), CAST($5 AS TEXT) WHERE CAST($6 AS BIGINT) = 1 OR EXISTS \
                  (SELECT 1 FROM setting WHERE name = 'notifications' AND value LIKE '%\"openlineage\":{%') \
                  ON CONFLICT (dedupe_key) DO NOTHING";
    sqlx::query(insert)
        .bind(format!("run:{run_id}:{LINEAGE}:begin"))
        .bind(LINEAGE)
        .bind(run_id)
        .bind(now)
        .bind(format!("run:{run_id}"))
        .bind(i64::from(observed.lineage))
        .execute(&mut **change)
        .await?;
    Ok(())
}

/// An attempt is over: what its begin promised, and its trace, if it began.
pub(crate) async fn observe_end(
    change: &mut Change,
    run_id: i64,
    observed: Observed,
    now: Micros,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at, subject) \
                  SELECT CAST($1 AS TEXT), channel, target, 'end', run_id, '{}', 'PENDING', CAST($2 AS BIGINT), CAST($2 AS BIGINT), subject \
                  FROM outbox WHERE dedupe_key = $3 ON CONFLICT (dedupe_key) DO NOTHING";
    sqlx::query(insert)
        .bind(format!("run:{run_id}:{LINEAGE}:end"))
        .bind(now)
        .bind(format!("run:{run_id}:{LINEAGE}:begin"))
        .execute(&mut **change)
        .await?;
    if !observed.traces {
        return Ok(());
    }
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at) \
                  SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), '', 'end', id, '{}', 'PENDING', CAST($4 AS BIGINT), CAST($4 AS BIGINT) \
                  FROM run WHERE id = $3 AND started_at IS NOT NULL ON CONFLICT (dedupe_key) DO NOTHING";
    sqlx::query(insert)
        .bind(format!("run:{run_id}:{TRACES}:end"))
        .bind(TRACES)
        .bind(run_id)
        .bind(now)
        .execute(&mut **change)
        .await?;
    Ok(())
}

/// The payload of a row: which of the events. All when they are few.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<usize>,
}

/// What is needed to tell about a run.
pub(super) struct Observer<'a> {
    pub database: &'a Database,
    pub settings: &'a Settings,
    pub details: &'a Arc<dyn Details>,
    pub notifier: &'a Notifier,
}

impl Observer<'_> {
    /// Tells a row's OpenLineage events, or writes rows for them when they are many.
    pub async fn tell_lineage(
        &self,
        (run_id, event, payload): (i64, &str, &str),
        to: Option<&Lineage>,
        now: Micros,
    ) -> Result<Result<(), Failure>, store::DatabaseError> {
        let Some(to) = to else {
            return Ok(Err(Failure::never("Nobody wants OpenLineage events any more", "nothing needs to be done")));
        };
        let story = match self.story(run_id).await? {
            Ok(story) => story,
            Err(failure) => return Ok(Err(failure)),
        };
        let events = match event {
            "begin" => lineage::begin(&story, &to.namespace),
            _ => lineage::end(&story, &to.namespace),
        };
        let part: Part = serde_json::from_str(payload).unwrap_or_default();
        let events = match part.from {
            Some(from) => events.get(from..(from + MOST_EVENTS).min(events.len())).unwrap_or_default(),
            None if events.len() > MOST_EVENTS => {
                self.divide(run_id, events.len(), now).await?;
                return Ok(Ok(()));
            }
            None => &events[..],
        };
        // Begins first: a server may take what ends as begun then.
        let (begins, ends): (Vec<&Value>, Vec<&Value>) = events.iter().partition(|event| event["eventType"] == "START");
        for some in begins.chunks(8).chain(ends.chunks(8)) {
            let telling: Vec<BoxFuture<'_, Result<(), Failure>>> = some
                .iter()
                .map(|event| Box::pin(self.notifier.tell_lineage(&to.server, event)) as BoxFuture<'_, _>)
                .collect();
            if let Err(failure) = try_join_all(telling).await {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    /// Exports a run's trace.
    pub async fn tell_traces(
        &self,
        run_id: i64,
        to: Option<&Traces>,
    ) -> Result<Result<(), Failure>, store::DatabaseError> {
        let Some(to) = to else {
            return Ok(Err(Failure::never(
                "This server exports no traces",
                "start all servers with the same OTEL_… variables",
            )));
        };
        let story = match self.story(run_id).await? {
            Ok(story) => story,
            Err(failure) => return Ok(Err(failure)),
        };
        for spans in traces::spans(&story).chunks(traces::MOST) {
            if let Err(failure) = self.notifier.tell_traces(&to.server, &to.resource, spans).await {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    async fn story(&self, run_id: i64) -> Result<Result<Story, Failure>, store::DatabaseError> {
        match Story::of(self.database, self.details.as_ref(), run_id).await {
            Ok(Some(mut story)) => {
                if let (None, Some(slug)) = (&story.region, &story.connection) {
                    // A run without a query, or with a connection that is gone, has no region to tell.
                    let connection = self.settings.connection(slug).await.ok();
                    story.region = connection.and_then(|row| Some(row.connection.profile().ok()?.region_name));
                }
                Ok(Ok(story))
            }
            Ok(None) => Ok(Err(Failure::never("The run that it is about is gone", "nothing needs to be done"))),
            Err(Unread::Database(source)) => Err(self.database.error("reading what a run did from", source)),
            Err(error @ Unread::Artifacts(_)) => {
                Ok(Err(Failure::later(format!("The run's artifacts cannot be read: {error}"))))
            }
        }
    }

    async fn divide(&self, run_id: i64, events: usize, now: Micros) -> Result<(), store::DatabaseError> {
        let mut change = self.database.write().await?;
        let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, run_id, payload, state, next_attempt_at, created_at, subject) \
                      VALUES ($1, $2, '', 'part', $3, $4, $5, $6, $6, $7) ON CONFLICT (dedupe_key) DO NOTHING";
        for from in (0..events).step_by(MOST_EVENTS) {
            let payload: Value = serde_json::to_value(Part { from: Some(from) }).unwrap_or_default();
            sqlx::query(insert)
                .bind(format!("run:{run_id}:{LINEAGE}:part:{from}"))
                .bind(LINEAGE)
                .bind(run_id)
                .bind(payload.to_string())
                .bind(PENDING)
                .bind(now)
                .bind(format!("run:{run_id}"))
                .execute(&mut *change)
                .await
                .map_err(|source| self.database.error("dividing lineage events in", source))?;
        }
        change.commit().await
    }
}

//! `/metrics`, `/healthz`, `/readyz`: for machines that watch.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use scheduler::read::{Overview, ScheduleFilter};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::App,
    auth::Scope,
    error::ApiError,
    routes::{Access, Operation},
};

/// Upper bounds of the buckets of answer times, in seconds.
const BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

/// What was asked, and how long it took.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    requests: Mutex<BTreeMap<(String, String, u16), Requests>>,
}

#[derive(Debug, Default, Clone)]
struct Requests {
    count: u64,
    seconds: f64,
    /// Not cumulative.
    buckets: [u64; BUCKETS.len()],
}

impl HttpMetrics {
    /// Counts one answer.
    pub fn count(&self, method: &Method, path: &str, status: StatusCode, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = requests.entry((method.to_string(), path.to_owned(), status.as_u16())).or_default();
        entry.count += 1;
        entry.seconds += took.as_secs_f64();
        if let Some(bucket) = BUCKETS.iter().position(|bound| took.as_secs_f64() <= *bound) {
            entry.buckets[bucket] += 1;
        }
    }

    fn write(&self, text: &mut Text) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        text.family("owlet_http_request_duration_seconds", "histogram", "Time until the answer began.");
        for ((method, path, status), entry) in requests {
            let labels = format!("method=\"{method}\",path=\"{path}\",status=\"{status}\"");
            let mut below = 0;
            for (bound, count) in BUCKETS.iter().zip(entry.buckets) {
                below += count;
                let labels = format!("{labels},le=\"{bound}\"");
                text.sample("owlet_http_request_duration_seconds_bucket", &labels, below);
            }
            text.sample("owlet_http_request_duration_seconds_bucket", &format!("{labels},le=\"+Inf\""), entry.count);
            text.sample("owlet_http_request_duration_seconds_sum", &labels, entry.seconds);
            text.sample("owlet_http_request_duration_seconds_count", &labels, entry.count);
        }
    }
}

/// Prometheus' text format, version 0.0.4.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn counts(&mut self, name: &str, kind: &str, help: &str, label: &str, counts: &[(String, i64)]) {
        self.family(name, kind, help);
        for (value, count) in counts {
            self.sample(name, &format!("{label}=\"{}\"", escaped(value)), count);
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Answer of the health pages.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// `ok`, or what is missing.
    status: String,
}

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/healthz", "health", "Whether the process lives", || async {
            Json(Health { status: "ok".to_owned() })
        })
        .access(Access::Public)
        .answers::<Health>(),
        Operation::get(
            "/readyz",
            "ready",
            "Whether it can serve: its database answers and takes changes, and it is not stopping",
            ready,
        )
        .access(Access::Public)
        .answers::<Health>(),
        Operation::get("/metrics", "metrics", "Numbers in Prometheus' text format", metrics)
            .needs(Scope::WorkspaceRead)
            .answers_as("text/plain; version=0.0.4"),
    ]
}

async fn ready(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    if app.parts.stopping.is_cancelled() {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"));
    }
    app.parts.reader.servers(1).await?;
    if let Some(silence) = app.parts.scheduler.silence() {
        let message = format!("the database has taken no change of this server for {} seconds", silence.as_secs());
        let fix = "see the server's log: most often its disk is full";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).fix(fix));
    }
    Ok(Json(Health { status: "ok".to_owned() }))
}

async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    const DAY: i64 = 86_400_000_000;
    let now = app.parts.clock.now();
    let overview = app.parts.reader.overview(now - DAY).await?;
    let mut text = Text::default();
    text.family("owlet_info", "gauge", "The version that runs.");
    text.sample("owlet_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1);
    write_overview(&mut text, &overview, now);
    write_schedules(&mut text, &app).await?;
    text.family(
        "owlet_server_heartbeat_age_seconds",
        "gauge",
        "Since the last sign of life of a server that has not stopped.",
    );
    for server in app.parts.reader.servers(50).await?.iter().filter(|server| server.stopped_at.is_none()) {
        let labels = format!("server=\"{}\",host=\"{}\"", escaped(&server.id), escaped(&server.host));
        text.sample("owlet_server_heartbeat_age_seconds", &labels, seconds(now - server.heartbeat_at));
    }
    app.http.write(&mut text);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.0).into_response())
}

fn write_overview(text: &mut Text, overview: &Overview, now: i64) {
    text.counts("owlet_runs", "gauge", "Runs that have not ended, by state.", "state", &overview.live_runs);
    text.counts(
        "owlet_runs_last_day",
        "gauge",
        "Runs made in the last 24 hours, by state.",
        "state",
        &overview.recent_runs,
    );
    text.counts(
        "owlet_slots_last_day",
        "gauge",
        "Slots decided in the last 24 hours.",
        "decision",
        &overview.recent_slots,
    );
    text.counts(
        "owlet_outbox_messages",
        "gauge",
        "Messages that are not delivered, by state.",
        "state",
        &overview.outbox,
    );
    text.family("owlet_schedules", "gauge", "Schedules that are not deleted.");
    text.sample("owlet_schedules", "suspended=\"false\"", overview.active_schedules);
    text.sample("owlet_schedules", "suspended=\"true\"", overview.suspended_schedules);
    text.family(
        "owlet_slot_lateness_seconds",
        "gauge",
        "How long the earliest undecided slot is overdue; 0 when none is.",
    );
    text.sample("owlet_slot_lateness_seconds", "", seconds(overview.next_slot_at.map_or(0, |at| (now - at).max(0))));
    text.family("owlet_queue_age_seconds", "gauge", "How long the oldest run that could start has been waiting.");
    text.sample("owlet_queue_age_seconds", "", seconds(overview.oldest_queued_at.map_or(0, |at| (now - at).max(0))));
}

async fn write_schedules(text: &mut Text, app: &App) -> Result<(), ApiError> {
    let filter = ScheduleFilter { limit: 10_000, ..ScheduleFilter::default() };
    let schedules = app.parts.reader.schedules(&filter).await?;
    text.family("owlet_schedule_last_run_state", "gauge", "1 for the state of a schedule's newest run.");
    let last = || schedules.iter().filter_map(|schedule| Some((schedule, schedule.last_run.as_ref()?)));
    for (schedule, run) in last() {
        let labels = format!("schedule=\"{}\",state=\"{}\"", escaped(&schedule.slug), escaped(&run.state));
        text.sample("owlet_schedule_last_run_state", &labels, 1);
    }
    text.family("owlet_schedule_last_run_created_timestamp_seconds", "gauge", "When a schedule's newest run was made.");
    for (schedule, run) in last() {
        let labels = format!("schedule=\"{}\"", escaped(&schedule.slug));
        text.sample("owlet_schedule_last_run_created_timestamp_seconds", &labels, seconds(run.created_at));
    }
    Ok(())
}

/// Exact to the microsecond, without an exponent.
fn seconds(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, (micros % 1_000_000).abs())
}

//! `/`: schedules and latest runs.

use axum::{extract::State, response::Response};
use scheduler::read::{RunFilter, RunRow, ScheduleFilter, ScheduleRow};

use super::{
    failure,
    html::{Html, document},
};
use crate::{
    app::App,
    error::ApiError,
    time::{duration, readable},
};

/// Schedules on the page; the API has all.
const SCHEDULES: i64 = 200;
const RUNS: i64 = 25;

pub async fn page(State(app): State<App>) -> Response {
    match render(&app).await {
        Ok(body) => document("Schedules", Some(10), &body),
        Err(error) => failure(error),
    }
}

async fn render(app: &App) -> Result<Html, ApiError> {
    let filter = ScheduleFilter { limit: SCHEDULES, ..ScheduleFilter::default() };
    let schedules = app.parts.reader.schedules(&filter).await?;
    let total = app.parts.reader.count_schedules(&filter).await?;
    let runs = app.parts.reader.runs(&RunFilter { limit: RUNS, ..RunFilter::default() }).await?;
    let now = app.parts.clock.now();
    let mut body = Html::default();
    body.raw("<h1>Schedules</h1>");
    if schedules.is_empty() {
        body.raw("<p class=\"empty\">There are none yet. Write <code>paradime_schedules.yml</code> beside <code>dbt_project.yml</code> and run <code>owlet bolt deploy</code>.</p>");
    } else {
        body.raw("<table><thead><tr><th>Schedule</th><th>When</th><th>Last run</th><th>Next run (UTC)</th></tr></thead><tbody>");
        for schedule in &schedules {
            schedule_row(&mut body, schedule, now);
        }
        body.raw("</tbody></table>");
        if total > SCHEDULES {
            body.raw(&format!("<p class=\"note\">{SCHEDULES} of {total}; <code>/api/v1/schedules</code> has all.</p>"));
        }
    }
    body.raw("<h1>Latest runs</h1>");
    run_table(&mut body, &runs, now, true);
    Ok(body)
}

fn schedule_row(body: &mut Html, schedule: &ScheduleRow, now: i64) {
    let definition: serde_json::Value = serde_json::from_str(&schedule.definition).unwrap_or_default();
    body.raw("<tr><td>").link("/bolt/schedules/", &schedule.slug, &schedule.name);
    if schedule.suspended {
        body.raw(" <span class=\"state quiet\">suspended</span>");
    }
    body.raw("</td>");
    let cron = definition["cron"].as_str().unwrap_or("OFF");
    let zone = definition["timezone"].as_str().unwrap_or("UTC");
    body.raw("<td><code>").text(cron).raw("</code> <span class=\"note\">").text(if cron == "OFF" { "" } else { zone });
    body.raw("</span></td><td>");
    if let Some(run) = &schedule.last_run {
        body.raw(&format!("<a href=\"/bolt/run_id/{}\">", run.id)).state(&run.state).raw("</a> ");
        body.raw("<span class=\"note\">").text(&ago(run.created_at, now)).raw("</span>");
    }
    body.raw("</td>").cell(&schedule.next_slot_at.map(readable).unwrap_or_default()).raw("</tr>");
}

/// `3 min 20 s ago`
pub fn ago(at: i64, now: i64) -> String {
    if now - at > 2 * 86_400_000_000 { readable(at) } else { format!("{} ago", duration(now - at)) }
}

/// Runs as rows; with the schedule's name where it is not the page's own.
pub fn run_table(body: &mut Html, runs: &[RunRow], now: i64, with_schedule: bool) {
    if runs.is_empty() {
        body.raw("<p class=\"empty\">There are none yet.</p>");
        return;
    }
    body.raw("<table><thead><tr><th>Run</th>");
    if with_schedule {
        body.raw("<th>Schedule</th>");
    }
    body.raw("<th>State</th><th>Started by</th><th>Made (UTC)</th><th>Waited</th><th>Ran</th></tr></thead><tbody>");
    for run in runs {
        let waited = run.started_at.or(run.ended_at).unwrap_or(now) - run.created_at;
        let ran = run.started_at.map(|started_at| duration(run.ended_at.unwrap_or(now) - started_at));
        body.raw(&format!("<tr><td><a href=\"/bolt/run_id/{0}\">{0}</a></td>", run.id));
        if with_schedule {
            body.raw("<td>").link("/bolt/schedules/", &run.schedule_slug, &run.schedule_name).raw("</td>");
        }
        body.raw("<td>").state(&run.state);
        if let Some(reason) = run.state_reason.as_deref().filter(|reason| !reason.is_empty()) {
            let first = reason.lines().next().unwrap_or_default();
            body.raw(" <span class=\"note\">").text(first).raw("</span>");
        }
        body.raw("</td>")
            .cell(&cause(run))
            .cell(&readable(run.created_at))
            .cell(&duration(waited))
            .cell(&ran.unwrap_or_default());
        body.raw("</tr>");
    }
    body.raw("</tbody></table>");
}

/// What made a run, in words.
pub fn cause(run: &RunRow) -> String {
    match run.cause.as_str() {
        "slot" => "the clock".to_owned(),
        "backfill" => format!("a backfill by {}", run.actor),
        "merge" => format!("a merge by {}", run.actor),
        "pull_request" => format!("pull request {}", run.pull_request.as_deref().unwrap_or_default()),
        "completion" => format!("run {}", run.parent_run_id.unwrap_or_default()),
        "automatic_retry" => format!("retry {} of run {}", run.attempt - 1, run.family_id),
        "retry" => format!("retry of run {} by {}", run.retry_of_run_id.unwrap_or(run.family_id), run.actor),
        _ => run.actor.clone(),
    }
}

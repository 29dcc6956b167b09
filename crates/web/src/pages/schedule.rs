//! `/bolt/schedules/<slug>`

use axum::{
    extract::{Path, State},
    response::Response,
};
use scheduler::read::{RunFilter, SlotFilter};

use super::{
    failure,
    home::run_table,
    html::{Html, document},
};
use crate::{app::App, error::ApiError, time::readable};

pub async fn page(State(app): State<App>, Path(slug): Path<String>) -> Response {
    match render(&app, &slug).await {
        Ok((name, body)) => document(&name, Some(10), &body),
        Err(error) => failure(error),
    }
}

async fn render(app: &App, slug: &str) -> Result<(String, Html), ApiError> {
    let found = app.parts.reader.schedule(slug).await?;
    let schedule = found.ok_or_else(|| ApiError::not_found("schedule", slug))?;
    let id = Some(schedule.id);
    let runs = app.parts.reader.runs(&RunFilter { schedule_id: id, limit: 50, ..RunFilter::default() }).await?;
    let slots = app.parts.reader.slots(&SlotFilter { schedule_id: id, limit: 20, ..SlotFilter::default() }).await?;
    let definition: serde_json::Value = serde_json::from_str(&schedule.definition).unwrap_or_default();
    let now = app.parts.clock.now();
    let mut body = Html::default();
    body.raw("<h1>").text(&schedule.name).raw("</h1><dl>");
    let text = |name: &str| definition[name].as_str().unwrap_or_default().to_owned();
    let cron = definition["cron"].as_str().unwrap_or("OFF");
    let facts = [
        ("slug", schedule.slug.clone()),
        ("what for", text("description")),
        ("when", format!("{cron} {}", text("timezone"))),
        ("next run (UTC)", schedule.next_slot_at.map(readable).unwrap_or_default()),
        ("environment", text("environment")),
        ("branch", text("git_branch")),
        ("owner", text("owner_email")),
        ("from", schedule.source.clone()),
        (
            "suspended",
            match (schedule.suspended, &schedule.suspended_reason) {
                (false, _) => String::new(),
                (true, Some(reason)) => reason.clone(),
                (true, None) => "yes".to_owned(),
            },
        ),
    ];
    for (label, value) in facts.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
        body.raw("<dt>").text(label).raw("</dt><dd>").text(&value).raw("</dd>");
    }
    body.raw("</dl><pre class=\"commands\">");
    for command in definition["commands"].as_array().into_iter().flatten() {
        body.text(command["command"].as_str().unwrap_or_default()).raw("\n");
    }
    body.raw("</pre><h2>Runs</h2>");
    run_table(&mut body, &runs, now, false);
    body.raw("<h2>Slots</h2>");
    if slots.is_empty() {
        body.raw("<p class=\"empty\">The clock has decided none yet.</p>");
    } else {
        body.raw(
            "<table><thead><tr><th>Planned (UTC)</th><th>Decision</th><th>Why</th><th>Run</th></tr></thead><tbody>",
        );
        for slot in slots {
            body.raw("<tr>")
                .cell(&readable(slot.planned_at))
                .cell(&slot.decision.to_lowercase())
                .cell(&slot.reason)
                .raw("<td>");
            if let Some(run_id) = slot.run_id {
                body.raw(&format!("<a href=\"/bolt/run_id/{run_id}\">{run_id}</a>"));
            }
            body.raw("</td></tr>");
        }
        body.raw("</tbody></table>");
    }
    Ok((schedule.name, body))
}

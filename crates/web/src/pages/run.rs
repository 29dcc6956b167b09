//! `/bolt/run_id/<id>`: the address that clients print for a run.

use axum::{
    extract::{Path, State},
    response::Response,
};
use scheduler::read::{CommandRow, RunRow};

use super::{
    failure,
    home::cause,
    html::{Html, document},
};
use crate::{
    api::artifact_url,
    app::App,
    error::ApiError,
    time::{duration, readable},
};

/// Chunks of output shown per command.
const TAIL: i64 = 60;

pub async fn page(State(app): State<App>, Path(id): Path<String>) -> Response {
    match render(&app, &id).await {
        Ok((run, body)) => document(&format!("Run {id}"), (!run.is_final()).then_some(3), &body),
        Err(error) => failure(error),
    }
}

async fn render(app: &App, id: &str) -> Result<(RunRow, Html), ApiError> {
    let number = id.parse::<i64>().map_err(|_| ApiError::not_found("run", id))?;
    let run = app.parts.reader.run(number).await?.ok_or_else(|| ApiError::not_found("run", id))?;
    let now = app.parts.clock.now();
    let mut body = Html::default();
    body.raw("<h1>Run ").text(id).raw(" of ").link("/bolt/schedules/", &run.schedule_slug, &run.schedule_name).raw(" ");
    body.state(&run.state).raw("</h1>");
    if let Some(reason) = run.state_reason.as_deref().filter(|reason| !reason.is_empty()) {
        body.raw("<p class=\"reason\">").text(reason).raw("</p>");
    }
    facts(&mut body, &run, now);
    let attempts = app.parts.reader.attempts(run.family_id).await?;
    if attempts.len() > 1 {
        body.raw("<p>Attempts: ");
        for attempt in &attempts {
            body.raw(&format!("<a href=\"/bolt/run_id/{0}\">{0}</a> ", attempt.id)).state(&attempt.state).raw(" ");
        }
        body.raw("</p>");
    }
    body.raw("<h2>Commands</h2>");
    let commands = app.parts.reader.commands(number).await?;
    if commands.is_empty() {
        body.raw("<p class=\"empty\">None has begun.</p>");
    }
    for command in &commands {
        command_part(&mut body, app, command, now).await?;
    }
    queries(&mut body, app, number).await?;
    artifacts(&mut body, app, number).await?;
    Ok((run, body))
}

fn facts(body: &mut Html, run: &RunRow, now: i64) {
    let facts = [
        ("started by", Some(cause(run))),
        ("reason", run.reason.clone()),
        ("planned", run.planned_at.map(readable)),
        ("made", Some(readable(run.created_at))),
        ("waited", Some(duration(run.started_at.or(run.ended_at).unwrap_or(now) - run.created_at))),
        ("ran", run.started_at.map(|started_at| duration(run.ended_at.unwrap_or(now) - started_at))),
        ("branch", run.branch.clone()),
        ("commit", run.commit_hash.clone()),
        ("pull request", run.pull_request.clone()),
        (
            "cancellation",
            run.cancel_requested_at
                .map(|at| format!("{} {}", readable(at), run.cancel_reason.as_deref().unwrap_or_default())),
        ),
        ("late", run.sla_missed.then(|| "it took longer than it may".to_owned())),
    ];
    body.raw("<dl>");
    for (label, value) in facts {
        if let Some(value) = value {
            body.raw("<dt>").text(label).raw("</dt><dd>").text(&value).raw("</dd>");
        }
    }
    body.raw("</dl>");
}

async fn command_part(body: &mut Html, app: &App, command: &CommandRow, now: i64) -> Result<(), ApiError> {
    let is_open = matches!(command.state.as_str(), "RUNNING" | "FAILED" | "ERROR");
    body.raw(if is_open { "<details open><summary>" } else { "<details><summary>" });
    body.state(&command.state).raw(" <code>").text(&command.text).raw("</code>");
    if let Some(started_at) = command.started_at {
        let took = duration(command.ended_at.unwrap_or(now) - started_at);
        body.raw(" <span class=\"note\">").text(&took).raw("</span>");
    }
    if let Some(code) = command.return_code.filter(|code| *code != 0) {
        body.raw(&format!(" <span class=\"note\">exit code {code}</span>"));
    }
    body.raw("</summary><pre>");
    let tail = app.parts.reader.log_tail(command.id, TAIL).await?;
    if tail.is_empty() {
        body.raw("<span class=\"note\">no output</span>");
    }
    for chunk in tail {
        let text = without_escapes(&chunk.text);
        if chunk.stream == "STDERR" {
            body.raw("<span class=\"err\">").text(&text).raw("</span>");
        } else {
            body.text(&text);
        }
    }
    body.raw("</pre></details>");
    Ok(())
}

/// Without the sequences that colour a terminal.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        let end = rest.find(|character: char| ('\u{40}'..='\u{7e}').contains(&character));
        rest = end.map_or("", |end| &rest[end + 1..]);
    }
    plain.push_str(rest);
    plain
}

async fn queries(body: &mut Html, app: &App, run_id: i64) -> Result<(), ApiError> {
    let queries = app.parts.reader.queries(run_id).await?;
    if queries.is_empty() {
        return Ok(());
    }
    body.raw("<h2>Queries</h2><table><thead><tr><th>Node</th><th>State</th><th>Scanned</th><th>Queue</th><th>Engine</th><th>Query execution</th></tr></thead><tbody>");
    for query in queries {
        let milliseconds = |value: Option<i64>| value.map(|value| format!("{value} ms")).unwrap_or_default();
        body.raw("<tr>").cell(query.node.as_deref().unwrap_or_default()).cell(&query.state.to_lowercase());
        body.cell(&query.data_scanned_in_bytes.map(bytes).unwrap_or_default());
        body.cell(&milliseconds(query.queue_ms)).cell(&milliseconds(query.engine_ms));
        body.raw("<td><code>").text(&query.query_execution_id).raw("</code></td></tr>");
    }
    body.raw("</tbody></table>");
    Ok(())
}

async fn artifacts(body: &mut Html, app: &App, run_id: i64) -> Result<(), ApiError> {
    let artifacts = app.parts.reader.artifacts_of_run(run_id).await?;
    if artifacts.is_empty() {
        return Ok(());
    }
    body.raw("<h2>Artifacts</h2><ul>");
    for artifact in artifacts {
        body.raw("<li><a href=\"").text(&artifact_url(app, artifact.id)).raw("\">").text(&artifact.path).raw("</a> ");
        body.raw("<span class=\"note\">").text(&bytes(artifact.size_in_bytes)).raw("</span></li>");
    }
    body.raw("</ul>");
    Ok(())
}

/// `12.3 MB`
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn bytes(count: i64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit < units.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_terminals_are_left_out() {
        assert_eq!(without_escapes("\u{1b}[32mOK\u{1b}[0m created"), "OK created");
        assert_eq!(without_escapes("plain"), "plain");
        assert_eq!(without_escapes("cut \u{1b}[3"), "cut ");
    }

    #[test]
    fn bytes_have_a_unit() {
        assert_eq!([bytes(999), bytes(12_300_000), bytes(1_500)], ["999 B", "12.3 MB", "1.5 kB"]);
    }
}

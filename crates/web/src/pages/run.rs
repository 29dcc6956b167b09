//! `/bolt/run_id/<id>`: the address that clients print for a run.

use axum::{
    extract::{Path, State},
    response::Response,
};
use scheduler::read::{CommandRow, LogChunk, RunRow};

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

/// Chunks of output shown per command, and bytes: the page is loaded anew while the run goes on.
const TAIL: i64 = 60;
const TAIL_BYTES: usize = 64 << 10;

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
    artifacts(&mut body, app, number, &commands).await?;
    Ok((run, body))
}

fn facts(body: &mut Html, run: &RunRow, now: i64) {
    let facts = [
        ("started by", Some(cause(run))),
        ("reason", run.reason.clone()),
        ("planned (UTC)", run.planned_at.map(readable)),
        ("made (UTC)", Some(readable(run.created_at))),
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
    let (tail, is_whole) = end_of(app.parts.reader.log_tail(command.id, TAIL + 1).await?);
    if !is_whole {
        body.raw("<span class=\"note\">only the end; all of it: ").raw(&format!(
            "<a href=\"/api/v1/commands/{}/logs\">/api/v1/commands/{0}/logs</a>, or owlet bolt logs {}</span>\n",
            command.id, command.run_id
        ));
    }
    if tail.is_empty() {
        body.raw("<span class=\"note\">no output</span>");
    }
    for (is_error, text) in tail {
        let text = without_escapes(&text);
        if is_error {
            body.raw("<span class=\"err\">").text(&text).raw("</span>");
        } else {
            body.text(&text);
        }
    }
    body.raw("</pre></details>");
    Ok(())
}

/// What is shown of the last chunks: whether it is of standard error, and whole lines. False: something is before it.
fn end_of(chunks: Vec<LogChunk>) -> (Vec<(bool, String)>, bool) {
    let most = usize::try_from(TAIL).unwrap_or(usize::MAX);
    let mut is_whole = chunks.len() <= most;
    let (mut shown, mut left) = (Vec::new(), TAIL_BYTES);
    for chunk in chunks.into_iter().rev().take(most) {
        if left == 0 {
            is_whole = false;
            break;
        }
        let mut text = chunk.text;
        if text.len() > left {
            is_whole = false;
            let mut at = text.len() - left;
            while !text.is_char_boundary(at) {
                at += 1;
            }
            // From a line's begin, if there is one.
            let line = text[at..].find('\n').map(|end| at + end + 1).filter(|line| *line < text.len());
            text.drain(..line.unwrap_or(at));
            left = 0;
        } else {
            left -= text.len();
        }
        shown.push((chunk.stream == "STDERR", text));
    }
    shown.reverse();
    (shown, is_whole)
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
    let scanned: i64 = queries.iter().filter_map(|query| query.data_scanned_in_bytes).sum();
    let micro_dollars: i64 = queries.iter().filter_map(|query| query.micro_dollars).sum();
    body.raw("<h2>Queries</h2><p class=\"note\">").text(&format!("{} read {}", queries.len(), bytes(scanned)));
    body.text(&format!(", {}", dollars(micro_dollars))).raw("</p><table><thead><tr><th>Node</th><th>State</th><th>Scanned</th><th>Queue</th><th>Engine</th><th>Query execution</th></tr></thead><tbody>");
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

async fn artifacts(body: &mut Html, app: &App, run_id: i64, commands: &[CommandRow]) -> Result<(), ApiError> {
    let artifacts = app.parts.reader.artifacts_of_run(run_id).await?;
    if artifacts.is_empty() {
        return Ok(());
    }
    body.raw("<h2>Artifacts</h2>");
    let mut of = None;
    for artifact in artifacts {
        // Each command leaves its own files of the same names.
        if of != Some(artifact.command_id) {
            body.raw(if of.is_some() { "</ul>" } else { "" });
            let command = commands.iter().find(|command| command.id == artifact.command_id);
            body.raw("<p><code>").text(command.map_or("", |command| &command.text)).raw("</code></p><ul>");
            of = Some(artifact.command_id);
        }
        body.raw("<li><a href=\"").text(&artifact_url(app, artifact.id)).raw("\">").text(&artifact.path).raw("</a> ");
        body.raw("<span class=\"note\">").text(&bytes(artifact.size_in_bytes)).raw("</span></li>");
    }
    body.raw("</ul>");
    Ok(())
}

/// To the cent; what is less than ten cents to the millionth: most queries cost little.
fn dollars(micro: i64) -> String {
    let (whole, rest) = (micro / 1_000_000, micro % 1_000_000);
    if (1..100_000).contains(&micro) { format!("$0.{rest:06}") } else { format!("${whole}.{:02}", rest / 10_000) }
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
    fn only_the_end_of_a_long_output_is_shown() {
        let chunk = |sequence: i64, stream: &str, text: &str| LogChunk {
            sequence,
            stream: stream.to_owned(),
            text: text.to_owned(),
            at: 0,
        };
        let (short, is_whole) = end_of(vec![chunk(0, "STDOUT", "a\n"), chunk(1, "STDERR", "b\n")]);
        assert_eq!((short, is_whole), (vec![(false, "a\n".to_owned()), (true, "b\n".to_owned())], true));
        let line = format!("{}é\n", "x".repeat(60));
        let long: Vec<LogChunk> = (0..3).map(|sequence| chunk(sequence, "STDOUT", &line.repeat(600))).collect();
        let (long, is_whole) = end_of(long);
        let shown: String = long.into_iter().map(|(_, text)| text).collect();
        assert!(!is_whole && shown.len() <= TAIL_BYTES && shown.len() > TAIL_BYTES - line.len());
        assert!(shown.starts_with(&line) && shown.ends_with(&line));
        let (cut, is_whole) = end_of(vec![chunk(0, "STDOUT", &"é".repeat(TAIL_BYTES))]);
        assert!(!is_whole && cut[0].1.len() == TAIL_BYTES);
        let many: Vec<LogChunk> = (0..=TAIL).map(|sequence| chunk(sequence, "STDOUT", "l\n")).collect();
        assert!(!end_of(many).1);
    }

    #[test]
    fn bytes_have_a_unit() {
        assert_eq!([dollars(0), dollars(4_250), dollars(12_345_678)], ["$0.00", "$0.004250", "$12.34"]);
        assert_eq!([bytes(999), bytes(12_300_000), bytes(1_500)], ["999 B", "12.3 MB", "1.5 kB"]);
    }
}

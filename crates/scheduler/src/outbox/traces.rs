//! OpenTelemetry: a run as a trace: run → command → node, exported when it is over. Ids follow from the run's: told twice, it is the same trace.

use notify::{Attribute, Span, SpanKind, SpanOutcome};
use sha2::{Digest, Sha256};

use super::{
    lineage::run_uuid,
    story::{Command, Node, Story},
};
use crate::{clock::Micros, model::RunState};

/// How many spans a request has.
pub(super) const MOST: usize = 500;

/// All of them, the run's own first.
pub(super) fn spans(story: &Story) -> Vec<Span> {
    let root = span_id(story, "run");
    let mut attributes = vec![
        text("owlet.schedule", &story.slug),
        text("owlet.schedule.name", &story.name),
        number("owlet.run.id", story.run_id),
        number("owlet.run.attempt", story.attempt),
        text("owlet.run.cause", &story.cause),
        text("owlet.run.state", story.state.as_str()),
    ];
    let more = [
        ("vcs.ref.head.name", &story.branch),
        ("vcs.ref.head.revision", &story.commit),
        ("owlet.connection", &story.connection),
    ];
    attributes.extend(more.into_iter().filter_map(|(key, value)| Some(text(key, value.as_ref()?))));
    let failure = match story.state {
        RunState::Success => None,
        _ => Some(story.reason.clone().unwrap_or_else(|| story.state.as_str().to_lowercase())),
    };
    let times = (story.started_at, story.ended_at.unwrap_or(story.started_at));
    let mut spans = vec![span(story, &root, None, &format!("run {}", story.slug), times, attributes, failure)];
    for command in &story.commands {
        spans.extend(of_command(story, &root, command));
    }
    spans
}

fn of_command(story: &Story, root: &[u8; 8], command: &Command) -> Vec<Span> {
    let id = span_id(story, &format!("command {}", command.position));
    let mut attributes = vec![text("owlet.command", &command.text), number("owlet.command.position", command.position)];
    attributes.extend(command.return_code.map(|code| number("process.exit.code", code)));
    let failure = (command.return_code != Some(0)).then(|| match command.return_code {
        Some(code) => format!("exit code {code}"),
        None => command.state.as_str().to_lowercase(),
    });
    let times = (command.started_at, command.ended_at);
    let mut spans = vec![span(story, &id, Some(root), &command.text, times, attributes, failure)];
    spans.extend(command.nodes.iter().map(|node| of_node(story, &id, command, node)));
    spans
}

fn of_node(story: &Story, above: &[u8; 8], command: &Command, node: &Node) -> Span {
    let id = span_id(story, &format!("command {} {}", command.position, node.unique_id));
    let mut attributes =
        vec![text("dbt.node", &node.unique_id), text("dbt.status", &node.status), text("db.system.name", "aws.athena")];
    attributes.extend(node.output.as_ref().map(|output| text("dbt.relation", &output.name)));
    attributes.extend(node.queries.last().map(|query| text("aws.athena.query_execution_id", query)));
    attributes.extend(node.data_scanned_in_bytes.map(|bytes| number("aws.athena.data_scanned_in_bytes", bytes)));
    let failure = node.has_failed.then(|| node.message.clone().unwrap_or_else(|| node.status.clone()));
    span(story, &id, Some(above), &node.unique_id, (node.started_at, node.ended_at), attributes, failure)
}

fn span(
    story: &Story,
    id: &[u8; 8],
    parent: Option<&[u8; 8]>,
    name: &str,
    (from, until): (Micros, Micros),
    attributes: Vec<(&'static str, Attribute)>,
    failure: Option<String>,
) -> Span {
    Span {
        trace_id: run_uuid(story).into_bytes(),
        span_id: *id,
        parent_id: parent.copied(),
        name: name.to_owned(),
        kind: SpanKind::Internal,
        started_at: from,
        ended_at: until.max(from),
        attributes,
        outcome: failure.map_or(SpanOutcome::Passed, SpanOutcome::Failed),
    }
}

fn span_id(story: &Story, of: &str) -> [u8; 8] {
    let hash = Sha256::digest(format!("{} {of}", story.uuid));
    std::array::from_fn(|at| hash[at])
}

fn text(key: &'static str, value: &str) -> (&'static str, Attribute) {
    (key, value.into())
}

fn number(key: &'static str, value: i64) -> (&'static str, Attribute) {
    (key, value.into())
}

//! dbt's lines for people: `1 of 14 OK created sql view model dev.orders ... [OK in 0.55s]`.

use chrono::{DateTime, Utc};
use diagnostic::{Diagnostic, Severity};
use names::UniqueId;

use super::{Event, Level, NodeInfo, Record};
use crate::{
    adapter::CancelReport,
    run::{Detail, NodeResult, NodeStatus, RunSummary},
};

/// How lines are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Where the dots of a progress line end.
    pub printer_width: usize,
    /// ANSI colours.
    pub colors: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self { printer_width: 80, colors: false }
    }
}

/// The colours that dbt gives to statuses.
#[derive(Debug, Clone, Copy)]
enum Color {
    Green,
    Red,
    Yellow,
}

impl Layout {
    fn paint(self, color: Color, text: &str) -> String {
        if !self.colors {
            return text.to_owned();
        }
        let code = match color {
            Color::Green => 32,
            Color::Red => 31,
            Color::Yellow => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The console's form, `10:05:25  Found 6 models`; `None` for events without a line.
pub fn console_line(record: &Record, layout: Layout) -> Option<String> {
    match &record.event {
        Event::Print { text } => Some(text.clone()),
        Event::Answer(answer) => Some(answer.text().to_owned()),
        event => Some(joined(blocks(event, layout)?, |block| stamped(record.at, &block))),
    }
}

/// The log file's form, `10:05:25.927022 [info ] [MainThread]: Found 6 models`.
pub fn debug_line(record: &Record, layout: Layout) -> Option<String> {
    let thread = match &record.event {
        Event::NodeStarted { thread, .. } => thread,
        Event::NodeFinished { result, .. } => &result.thread,
        _ => "MainThread",
    };
    let head = format!("{} [{:<5}] [{thread}]: ", record.at.format("%H:%M:%S%.6f"), record.event.level().as_str());
    Some(joined(blocks(&record.event, layout)?, |block| format!("{head}{block}")))
}

/// What divides the invocations in the log file's form.
pub fn divider(at: DateTime<Utc>, invocation_id: &str) -> String {
    let bar = "=".repeat(30);
    format!("\n\n{bar} {} | {invocation_id} {bar}", at.format("%H:%M:%S%.6f"))
}

/// The parts of an event that are lines of their own. dbt sets the phases of a run apart by empty lines, which have a time like
/// any other.
fn blocks(event: &Event, layout: Layout) -> Option<Vec<String>> {
    Some(match event {
        Event::Concurrency { .. } => vec![String::new(), message(event, layout)?, String::new()],
        Event::FailedFast(_) | Event::FinishedRunning { .. } => vec![String::new(), message(event, layout)?],
        Event::RunFinished { summary } => {
            summary_blocks(summary, layout).into_iter().flat_map(|block| [String::new(), block]).collect()
        }
        event => vec![message(event, layout)?],
    })
}

fn joined(blocks: Vec<String>, line: impl Fn(String) -> String) -> String {
    blocks.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `10:05:25  text`
pub fn stamped(at: DateTime<Utc>, text: &str) -> String {
    format!("{}  {text}", at.format("%H:%M:%S"))
}

/// The event's own words, without time; may have several lines. `None` for events without a line.
pub fn message(event: &Event, layout: Layout) -> Option<String> {
    Some(match event {
        Event::Phase(_) => return None,
        Event::Started { dbt_version, owlet_version, .. } => {
            format!("Running with dbt={dbt_version} (owlet {owlet_version})")
        }
        Event::AdapterRegistered { adapter, version } => format!("Registered adapter: {adapter}={version}"),
        Event::ProjectParsed { counts, .. } => format!("Found {}", counted(counts)),
        Event::Concurrency { threads, target, .. } => {
            // Also one thread is `1 threads`, as in dbt.
            format!("Concurrency: {threads} threads (target='{target}')")
        }
        Event::NothingToDo => {
            warning("Nothing to do. Try checking your model configs and model specification args", layout)
        }
        Event::NoNodesSelected => warning("No nodes selected!", layout),
        Event::NodeStarted { node, index, total, .. } => {
            progress(&format!("{index} of {total} START {}", node.label), "RUN", layout)
        }
        Event::NodeFinished { node, index, total, result } => finished(node, *index, *total, result, layout),
        Event::BatchStarted { name, index, total, .. } => {
            format!("Batch {}", progress(&format!("{index} of {total} START {name}"), "RUN", layout))
        }
        Event::BatchFailed { node, error } => {
            let (head, id) =
                (layout.paint(Color::Red, "[ERROR]: "), node.unique_id.as_ref().map_or("", UniqueId::as_str));
            format!("{head}Unhandled error while executing {id}\nException on worker thread. {error}")
        }
        Event::BatchFinished { name, index, total, status, message, elapsed_seconds, .. } => {
            let (words, color) = match status {
                NodeStatus::Error => ("ERROR creating", Color::Red),
                NodeStatus::Skipped => ("SKIP", Color::Yellow),
                _ => ("OK created", Color::Green),
            };
            let status = format!("{} in {elapsed_seconds:.2}s", layout.paint(color, message));
            format!("Batch {}", progress(&format!("{index} of {total} {words} {name}"), &status, layout))
        }
        Event::Statement { node, sql } => match node {
            Some(node) => format!("On {node}: {sql}"),
            None => format!("On engine: {sql}"),
        },
        Event::StatementStarted { query_id, .. } => format!("Query {query_id} started"),
        Event::StatementEnded { query_id, status, elapsed_seconds, .. } => {
            format!("SQL status: {status} in {elapsed_seconds:.3} seconds (query {query_id})")
        }
        Event::Cancelled { report } => cancelled(report),
        Event::FailedFast(detail) => detailed(detail, layout),
        Event::FinishedRunning { counts, elapsed_seconds } => format!(
            "Finished running {} in {} ({elapsed_seconds:.2}s).",
            counted(counts),
            spoken_duration(*elapsed_seconds)
        ),
        Event::RunFinished { summary } => summary_blocks(summary, layout).join("\n\n"),
        Event::ArtifactWritten { path } => format!("Wrote artifact {}", path.display()),
        Event::JinjaLog { text, .. } | Event::Print { text } | Event::Note { text, .. } | Event::Line { text, .. } => {
            text.clone()
        }
        Event::Answer(answer) => answer.text().to_owned(),
        Event::Progress { level, text, status, elapsed_seconds } => {
            let color = if *level == Level::Error { Color::Red } else { Color::Green };
            let status = match elapsed_seconds {
                Some(seconds) => format!("{} in {seconds:.2}s", layout.paint(color, status)),
                None => status.clone(),
            };
            progress(&format!("1 of 1 {text}"), &status, layout)
        }
        Event::Warning { diagnostic, .. } => warning(&diagnostic.to_string(), layout),
        Event::Deprecations { met, show_all } => warning(&deprecations(met, *show_all), layout),
        Event::Failed { diagnostics } => failed(diagnostics, layout),
        Event::CommandCompleted { command, success, elapsed_seconds } => format!(
            "Command `owlet {command}` {} after {elapsed_seconds:.2} seconds",
            if *success { "succeeded" } else { "failed" }
        ),
    })
}

fn warning(text: &str, layout: Layout) -> String {
    format!("{}{text}", layout.paint(Color::Yellow, "[WARNING]: "))
}

/// `text ......... [STATUS]`
fn progress(text: &str, status: &str, layout: Layout) -> String {
    let text = format!("{text} ");
    let dots = layout.printer_width.saturating_sub(text.chars().count());
    format!("{text}{} [{status}]", ".".repeat(dots))
}

fn finished(node: &NodeInfo, index: usize, total: usize, result: &NodeResult, layout: Layout) -> String {
    let place = format!("{index} of {total}");
    if result.status == NodeStatus::Skipped {
        let line = format!("{place} SKIP {}", skip_label(node));
        let status = layout.paint(Color::Yellow, "SKIP");
        return match node.resource_type.as_str() {
            "operation" => progress(&line, &format!("{status} in {:.2}s", result.execution_time.as_secs_f64()), layout),
            _ => progress(&line, &status, layout),
        };
    }
    let (words, status, color) = outcome(node, result);
    let status = format!("{} in {:.2}s", layout.paint(color, &status), result.execution_time.as_secs_f64());
    progress(&format!("{place} {words}"), &status, layout)
}

/// The words of a finished node and what stands in its brackets.
fn outcome(node: &NodeInfo, result: &NodeResult) -> (String, String, Color) {
    let label = &node.label;
    let first = || result.message.as_deref().and_then(|text| text.lines().next());
    let message = || first().filter(|text| !text.is_empty()).unwrap_or("OK").to_owned();
    let short = label.strip_prefix("seed file ").or_else(|| label.strip_prefix("snapshot ")).unwrap_or(label);
    let tested = if matches!(node.resource_type.as_str(), "test" | "unit_test") {
        label.split_once(' ').map_or(label.as_str(), |(_, name)| name)
    } else {
        label.as_str()
    };
    match result.status {
        NodeStatus::Success => match node.resource_type.as_str() {
            "seed" => (format!("OK loaded seed file {short}"), message(), Color::Green),
            "snapshot" => (format!("OK snapshotted {short}"), message(), Color::Green),
            "operation" => (format!("OK {label}"), "OK".to_owned(), Color::Green),
            _ => (format!("OK created {label}"), message(), Color::Green),
        },
        NodeStatus::Error | NodeStatus::RuntimeError => {
            let words = match node.resource_type.as_str() {
                "seed" => format!("ERROR loading seed file {short}"),
                "snapshot" => format!("ERROR snapshotting {short}"),
                "test" | "unit_test" => format!("ERROR {tested}"),
                "source" if result.status == NodeStatus::Error => format!("ERROR STALE {label}"),
                "operation" | "source" => format!("ERROR {label}"),
                _ => format!("ERROR creating {label}"),
            };
            let status = if node.resource_type == "source" && result.status == NodeStatus::Error {
                "ERROR STALE"
            } else {
                "ERROR"
            };
            (words, status.to_owned(), Color::Red)
        }
        NodeStatus::PartialSuccess => (format!("PARTIALLY created {label}"), message(), Color::Yellow),
        NodeStatus::NoOp => (format!("NO-OP {label}"), "NO-OP".to_owned(), Color::Yellow),
        NodeStatus::Pass => (format!("PASS {tested}"), "PASS".to_owned(), Color::Green),
        NodeStatus::Fail => with_count("FAIL", result, tested, Color::Red),
        NodeStatus::Warn => with_count("WARN", result, tested, Color::Yellow),
        NodeStatus::Skipped => (format!("SKIP {label}"), "SKIP".to_owned(), Color::Yellow),
    }
}

fn with_count(word: &str, result: &NodeResult, name: &str, color: Color) -> (String, String, Color) {
    let status = match result.failures {
        Some(failures) => format!("{word} {failures}"),
        None => word.to_owned(),
    };
    (format!("{status} {name}"), status, color)
}

/// dbt calls what a skipped node would have made a relation.
fn skip_label(node: &NodeInfo) -> String {
    match (&node.relation, node.resource_type.as_str()) {
        (Some(relation), "model" | "seed" | "snapshot") => {
            format!("relation {}.{}", relation.schema, relation.identifier)
        }
        (_, kind @ ("test" | "unit_test" | "function")) => format!("{kind} {}", node.name),
        _ => node.label.clone(),
    }
}

fn deprecations(met: &[(String, usize)], show_all: bool) -> String {
    let mut text = "Summary of encountered deprecations:".to_owned();
    for (name, count) in met {
        let occurrences = if *count == 1 { "occurrence" } else { "occurrences" };
        text.push_str(&format!("\n- {name}: {count} {occurrences}"));
    }
    if !show_all {
        text.push_str("\nTo see all deprecation instances instead of just the first occurrence of each, run command again with the `--show-all-deprecations` flag.");
    }
    text
}

/// `1 seed, 1 test`
fn counted(counts: &[(String, usize)]) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| {
            format!("{count} {}", if *count == 1 { word.clone() } else { plural(word) }).replace('_', " ")
        })
        .collect();
    parts.join(", ")
}

/// dbt tells of one test, and of several data tests.
fn plural(word: &str) -> String {
    if word == "test" {
        return "data tests".to_owned();
    }
    if let Some(stem) = word.strip_suffix("analysis") {
        return format!("{stem}analyses");
    }
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if word.ends_with('s') => format!("{word}es"),
        _ => format!("{word}s"),
    }
}

/// `0 hours 0 minutes and 1.49 seconds`
fn spoken_duration(seconds: f64) -> String {
    let hours = (seconds / 3600.0).floor();
    let minutes = ((seconds - hours * 3600.0) / 60.0).floor();
    format!("{hours} hours {minutes} minutes and {:.2} seconds", seconds - hours * 3600.0 - minutes * 60.0)
}

fn cancelled(report: &CancelReport) -> String {
    let mut lines = vec![match report.stopped.len() {
        0 => "Stopped: no query was running".to_owned(),
        1 => "Stopped 1 running query:".to_owned(),
        count => format!("Stopped {count} running queries:"),
    }];
    lines.extend(report.stopped.iter().map(|id| format!("  CANCEL query {id}")));
    if !report.left_running.is_empty() {
        lines.push("These queries could not be stopped; they may go on and cost money:".to_owned());
        lines.extend(report.left_running.iter().map(|(id, reason)| format!("  {id}: {reason}")));
    }
    lines.join("\n")
}

fn summary_blocks(summary: &RunSummary, layout: Layout) -> Vec<String> {
    if summary.of_sources {
        return source_blocks(summary, layout);
    }
    let mut blocks = Vec::new();
    let first = if summary.interrupted {
        layout.paint(Color::Yellow, "Exited because of keyboard interrupt")
    } else if summary.errors == 0 && summary.partial_successes > 0 {
        let text = format!(
            "Completed with {} and {}",
            number_of(summary.partial_successes, "partial success"),
            number_of(summary.warnings, "warning")
        );
        layout.paint(Color::Yellow, &text)
    } else if summary.errors > 0 {
        let text = format!(
            "Completed with {}, {}, and {}:",
            number_of(summary.errors, "error"),
            number_of(summary.partial_successes, "partial success"),
            number_of(summary.warnings, "warning")
        );
        layout.paint(Color::Red, &text)
    } else if summary.warnings > 0 {
        layout.paint(Color::Yellow, &format!("Completed with {}:", number_of(summary.warnings, "warning")))
    } else {
        layout.paint(Color::Green, "Completed successfully")
    };
    blocks.push(first);
    blocks.extend(summary.details.iter().map(|detail| detailed(detail, layout)));
    blocks.push(format!(
        "Done. PASS={} WARN={} ERROR={} SKIP={} NO-OP={} REUSED=0 TOTAL={}",
        summary.pass, summary.warn, summary.error, summary.skip, summary.noop, summary.total
    ));
    blocks
}

fn detailed(detail: &Detail, layout: Layout) -> String {
    let (word, color) = match detail.severity {
        Severity::Error => ("[ERROR]: ", Color::Red),
        Severity::Warning => ("[WARNING]: ", Color::Yellow),
    };
    format!("{}{}", layout.paint(color, word), detail.text)
}

/// Each source that is too old or could not be measured, and `Done.`
fn source_blocks(summary: &RunSummary, layout: Layout) -> Vec<String> {
    let errors = summary.details.iter().filter(|detail| detail.severity == Severity::Error);
    let told = errors.map(|detail| match &detail.message {
        Some(message) => format!("  {}", message.replace('\n', "\n  ")),
        None => format!("{}{}\n  Status: error", layout.paint(Color::Red, "[ERROR]: "), detail.text),
    });
    let interrupted = summary.interrupted.then(|| layout.paint(Color::Yellow, "Exited because of keyboard interrupt"));
    told.chain(interrupted).chain(["Done.".to_owned()]).collect()
}

fn number_of(count: usize, word: &str) -> String {
    format!("{count} {}", if count == 1 { word.to_owned() } else { plural(word) })
}

fn failed(diagnostics: &[Diagnostic], layout: Layout) -> String {
    let head = layout.paint(Color::Red, "[ERROR]: ") + "Encountered an error:";
    let mut lines = vec![head];
    lines.extend(diagnostics.iter().map(ToString::to_string));
    lines.join("\n")
}

/// Whether a line of this level is wanted; `print()` and what was asked for always are.
pub fn is_shown(record: &Record, least: Level) -> bool {
    record.event.is_data() || record.event.level() >= least
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn line(resource_type: &str, label: &str, result: NodeResult) -> String {
        let node = NodeInfo { label: label.to_owned(), resource_type: resource_type.to_owned(), ..NodeInfo::default() };
        let event = Event::NodeFinished { node: Arc::new(node), index: 1, total: 14, result: Arc::new(result) };
        message(&event, Layout::default()).expect("a line")
    }

    fn result(status: NodeStatus, message: Option<&str>, failures: Option<i64>) -> NodeResult {
        NodeResult {
            status,
            message: message.map(str::to_owned),
            failures,
            execution_time: Duration::from_millis(550),
            ..NodeResult::skipped("model.a.b".into())
        }
    }

    #[test]
    fn lines_end_at_the_printers_width() {
        let model = line("model", "sql view model main.view1", result(NodeStatus::Success, Some("OK -1"), None));
        assert_eq!(model, format!("{:.<80} [OK -1 in 0.55s]", "1 of 14 OK created sql view model main.view1 "));
        let seed = line("seed", "seed file main.raw", result(NodeStatus::Success, Some("INSERT 3"), None));
        assert_eq!(seed, format!("{:.<80} [INSERT 3 in 0.55s]", "1 of 14 OK loaded seed file main.raw "));
        let test = line("test", "test unique_id", result(NodeStatus::Fail, None, Some(2)));
        assert_eq!(test, format!("{:.<80} [FAIL 2 in 0.55s]", "1 of 14 FAIL 2 unique_id "));
    }

    #[test]
    fn counts_are_spoken() {
        let counts = vec![
            ("model".to_owned(), 6),
            ("analysis".to_owned(), 3),
            ("seed".to_owned(), 0),
            ("saved query".to_owned(), 2),
            ("test".to_owned(), 2),
            ("unit test".to_owned(), 2),
        ];
        let event = Event::FinishedRunning { counts, elapsed_seconds: 61.489 };
        assert_eq!(
            message(&event, Layout::default()).expect("a line"),
            "Finished running 6 models, 3 analyses, 2 saved queries, 2 data tests, 2 unit tests in 0 hours 1 minutes and 1.49 seconds (61.49s)."
        );
    }
}

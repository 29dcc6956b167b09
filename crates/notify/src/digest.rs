//! A message as a few lines of plain text: what all channels show, each in its own markup.

use chrono::{DateTime, Utc};

use crate::{Event, FailingNode, Message, Run};

/// The parts, not escaped.
pub(crate) struct Digest {
    pub sign: &'static str,
    pub title: String,
    /// The run or the page with more.
    pub link: Option<(String, String)>,
    pub facts: Vec<(&'static str, String)>,
    pub cause: Option<String>,
    pub fix: Option<String>,
    pub nodes: Vec<(String, Option<String>)>,
    /// Failing nodes that are not listed.
    pub more_nodes: u64,
}

const MOST_NODES: usize = 10;
const LONGEST_LINE: usize = 200;
const LONGEST_TEXT: usize = 1_500;

impl Digest {
    pub fn of(message: &Message) -> Self {
        let run = message.run.as_ref();
        let nodes: Vec<_> = message
            .failing_nodes
            .iter()
            .take(MOST_NODES)
            .map(|node| (shortened(&node.name, LONGEST_LINE), said(node)))
            .collect();
        let all = message.failing_count.max(message.failing_nodes.len() as u64);
        Self {
            sign: sign(message.event),
            title: title(message),
            link: link(message),
            facts: facts(message, run),
            cause: message.cause.as_deref().map(|text| shortened(text.trim(), LONGEST_TEXT)),
            fix: message.fix.as_deref().map(|text| shortened(text.trim(), LONGEST_TEXT)),
            more_nodes: all - nodes.len() as u64,
            nodes,
        }
    }

    /// All of it as text; the title is not among the lines.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.facts.iter().map(|(label, value)| format!("{label}: {value}")).collect();
        if let Some(cause) = &self.cause {
            lines.push(format!("Cause: {cause}"));
        }
        if let Some(fix) = &self.fix {
            lines.push(format!("Fix: {fix}"));
        }
        if !self.nodes.is_empty() {
            lines.push("Failed:".to_owned());
        }
        for (name, message) in &self.nodes {
            lines.push(match message {
                Some(message) => format!("  - {name}: {message}"),
                None => format!("  - {name}"),
            });
        }
        lines.extend(self.more());
        if let Some((_, url)) = &self.link {
            lines.push(url.clone());
        }
        lines
    }

    /// `and 3 more`.
    pub fn more(&self) -> Option<String> {
        (self.more_nodes > 0).then(|| format!("… and {} more", self.more_nodes))
    }
}

/// Why it failed, how long it took, what it scanned.
fn said(node: &FailingNode) -> Option<String> {
    let facts: Vec<String> = [
        node.duration_seconds.map(duration),
        node.data_scanned_in_bytes.map(|bytes| format!("{} scanned", size(bytes))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let message = node.message.as_deref().map(first_line);
    match (message, facts.is_empty()) {
        (message, true) => message,
        (Some(message), false) => Some(format!("{message} ({})", facts.join(", "))),
        (None, false) => Some(facts.join(", ")),
    }
}

fn sign(event: Event) -> &'static str {
    match event {
        Event::Passed => "✅",
        Event::Failed => "❌",
        Event::Sla => "⏰",
        Event::Skipped => "⏭️",
        Event::System => "⚠️",
    }
}

fn title(message: &Message) -> String {
    if let Some(headline) = &message.headline {
        return first_line(headline);
    }
    let name = message.schedule.as_ref().map_or("Owlet", |schedule| &schedule.name);
    let title = match message.event {
        Event::Passed => format!("{name} passed"),
        Event::Failed => format!("{name} failed"),
        Event::Sla => match message.schedule.as_ref().and_then(|schedule| schedule.sla_minutes) {
            Some(minutes) => format!("{name} is late: it takes longer than {minutes} minutes"),
            None => format!("{name} is late"),
        },
        Event::Skipped => format!("{name} did not run"),
        Event::System => format!("{name} has a problem"),
    };
    first_line(&title)
}

fn link(message: &Message) -> Option<(String, String)> {
    if let Some(run) = &message.run
        && let Some(url) = &run.url
    {
        return Some((format!("Run {}", run.id), url.clone()));
    }
    message.url.clone().map(|url| ("Details".to_owned(), url))
}

fn facts(message: &Message, run: Option<&Run>) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |label, value: Option<String>| facts.extend(value.map(|value| (label, value)));
    add("Workspace", Some(message.workspace.clone()));
    add("Schedule", message.schedule.as_ref().map(|schedule| schedule.slug.clone()));
    add("Owner", message.schedule.as_ref().and_then(|schedule| schedule.owner.clone()));
    let Some(run) = run else { return facts };
    let attempt = if run.attempt > 1 { format!(", attempt {}", run.attempt) } else { String::new() };
    add("Run", (run.id > 0).then(|| format!("{}{attempt}", run.id)));
    add("Trigger", run.trigger.clone());
    let commit = run.commit.as_deref().map(|commit| commit.chars().take(8).collect::<String>());
    add(
        "Code",
        match (&run.branch, commit) {
            (Some(branch), Some(commit)) => Some(format!("{branch} at {commit}")),
            (branch, commit) => branch.clone().or(commit),
        },
    );
    add("Planned", run.planned_at.map(moment));
    add("Started", run.started_at.map(moment));
    add("Duration", run.duration_seconds.map(duration));
    add("Scanned", run.data_scanned_in_bytes.map(size));
    add("Cost", run.micro_dollars.map(dollars));
    for (_, value) in &mut facts {
        *value = first_line(value);
    }
    facts
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn duration(seconds: f64) -> String {
    // Durations are far below 2^53 seconds and not negative.
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{:.1} s", seconds.max(0.0)),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

fn size(bytes: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

fn dollars(micro: i64) -> String {
    let dollars = micro as f64 / 1e6;
    if (0.0..0.01).contains(&dollars) && micro > 0 { format!("${dollars:.4}") } else { format!("${dollars:.2}") }
}

fn first_line(text: &str) -> String {
    shortened(text.trim().lines().next().unwrap_or_default().trim_end(), LONGEST_LINE)
}

/// At most so many characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_say_them() {
        assert_eq!(
            [0.04, 59.4, 59.6, 61.0, 7_322.0].map(duration),
            ["0.0 s", "59.4 s", "1 min 0 s", "1 min 1 s", "2 h 2 min"]
        );
        assert_eq!([0, 999, 1_000, 12_345_678].map(size), ["0 B", "999 B", "1.0 KB", "12.3 MB"]);
        assert_eq!([0, 60, 10_000, 1_234_567].map(dollars), ["$0.00", "$0.0001", "$0.01", "$1.23"]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("schön", 5), "schön");
        assert_eq!(shortened("schöne", 5), "schö…");
    }
}

//! What the server's parts say beside their work: warnings and errors, a line each, for the operator's log.

use std::{
    collections::HashMap,
    fmt::{Debug, Write as _},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::Utc;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::terminal::Stream;

/// The same again within this time is counted, not written: a full disk fails every second.
const QUIET: Duration = Duration::from_secs(60);

/// From now on they are written to standard error, once per process.
pub fn write() {
    // Refused only when there is one already, as when two servers are started in one process.
    let _ = tracing::subscriber::set_global_default(Lines::default());
}

#[derive(Default)]
struct Lines(Mutex<Repeated>);

/// What was written lately: when, and how often it was left out since.
#[derive(Default)]
struct Repeated(HashMap<String, (Instant, u32)>);

impl Repeated {
    /// `None`: it was written a moment ago. Else how often it was left out before.
    fn left_out(&mut self, line: &str, now: Instant) -> Option<u32> {
        if let Some((at, count)) = self.0.get_mut(line) {
            if now.saturating_duration_since(*at) < QUIET {
                *count += 1;
                return None;
            }
            let before = *count;
            (*at, *count) = (now, 0);
            return Some(before);
        }
        // What was left out is told with its next time; what has none is forgotten.
        self.0.retain(|_, (at, _)| now.saturating_duration_since(*at) < QUIET * 10);
        self.0.insert(line.to_owned(), (now, 0));
        Some(0)
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What libraries find worth a warning (a slow statement, a connection closed by its other end) is their own business.
        const OURS: [&str; 12] = [
            "scheduler",
            "owlet",
            "web",
            "notify",
            "vault",
            "store",
            "athena",
            "athena_client",
            "gateway",
            "catalog",
            "lake",
            "query",
        ];
        let part = metadata.target().split("::").next().unwrap_or_default();
        metadata.is_event() && *metadata.level() <= Level::WARN && OURS.contains(&part)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = if *event.metadata().level() == Level::ERROR { "Error" } else { "Warning" };
        let text = line.text(level);
        let left_out = self.0.lock().unwrap_or_else(PoisonError::into_inner).left_out(&text, Instant::now());
        let Some(left_out) = left_out else { return };
        let again =
            if left_out == 0 { String::new() } else { format!(" (and {left_out} times more since it was said)") };
        Stream::Stderr.write_line(&format!("{} {text}{again}", Utc::now().format("%Y-%m-%dT%H:%M:%SZ")));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The sentence of an event, and its other fields behind it.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn text(&self, level: &str) -> String {
        // One line each, whatever an error has in it.
        format!("{level}: {}{}", self.message, self.fields).replace('\n', " | ")
    }

    fn add(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            "error" | "reason" => write!(self.fields, ": {value}"),
            name => write!(self.fields, " ({name} {value})"),
        };
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_one_line() {
        let line = Line { message: "it failed".to_owned(), fields: ": the disk\nis full (id 7)".to_owned() };
        assert_eq!(line.text("Warning"), "Warning: it failed: the disk | is full (id 7)");
    }

    #[test]
    fn what_is_said_every_second_is_written_every_minute() {
        let (mut repeated, begin) = (Repeated::default(), Instant::now());
        let written: Vec<(u64, u32)> = (0..125)
            .filter_map(|second| Some((second, repeated.left_out("full", begin + Duration::from_secs(second))?)))
            .collect();
        assert_eq!(written, [(0, 0), (60, 59), (120, 59)]);
        assert_eq!(repeated.left_out("something else", begin + Duration::from_secs(121)), Some(0));
        repeated.left_out("later", begin + QUIET * 20);
        assert_eq!(repeated.0.len(), 1, "it does not grow");
    }
}

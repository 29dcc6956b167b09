//! What the server's parts say beside their work: warnings and errors, a line each, for the operator's log.

use std::fmt::{Debug, Write as _};

use chrono::Utc;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::terminal::Stream;

/// From now on they are written to standard error, once per process.
pub fn write() {
    // Refused only when there is one already, as when two servers are started in one process.
    let _ = tracing::subscriber::set_global_default(Lines);
}

struct Lines;

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
        Stream::Stderr.write_line(&line.text(&Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string(), level));
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
    fn text(&self, at: &str, level: &str) -> String {
        // One line each, whatever an error has in it.
        format!("{at} {level}: {}{}", self.message, self.fields).replace('\n', " | ")
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
        assert_eq!(
            line.text("2026-03-01T04:15:00Z", "Warning"),
            "2026-03-01T04:15:00Z Warning: it failed: the disk | is full (id 7)"
        );
    }
}

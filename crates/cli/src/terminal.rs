//! The terminal as a listener: dbt's lines, and what is running right now.

mod progress;

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
};

use engine::events::{
    Event, Level, Listener, Record,
    json::{self, Invocation},
    text::{self, Layout},
};

use self::progress::Progress;
use crate::args::LogFormat;

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// Writes a line. A reader that went away (`| head`) is not our problem.
    pub fn write_line(self, line: &str) {
        let result = match self {
            Self::Stdout => writeln!(std::io::stdout().lock(), "{line}"),
            Self::Stderr => writeln!(std::io::stderr().lock(), "{line}"),
        };
        drop(result);
    }
}

/// How the terminal shows events.
#[derive(Debug, Clone)]
pub struct TerminalOptions {
    pub stream: Stream,
    pub format: LogFormat,
    /// `None` shows nothing but `print()`.
    pub least: Option<Level>,
    pub print: bool,
    pub layout: Layout,
    pub progress: bool,
    pub invocation: Invocation,
}

/// Writes events to the terminal.
pub struct Terminal {
    options: TerminalOptions,
    progress: Mutex<Option<Progress>>,
}

impl Terminal {
    /// A listener.
    pub fn new(options: TerminalOptions) -> Self {
        let progress = Mutex::new(options.progress.then(Progress::new));
        Self { options, progress }
    }

    fn lines(&self, record: &Record) -> Vec<String> {
        let is_print = matches!(record.event, Event::Print { .. });
        if is_print && !self.options.print {
            return Vec::new();
        }
        match (self.options.format, self.options.least) {
            (LogFormat::Json, least) if is_print || least.is_some() => {
                json::lines(record, &self.options.invocation, least.unwrap_or(Level::Error))
            }
            _ => self.text(record, is_print).into_iter().collect(),
        }
    }

    fn text(&self, record: &Record, is_print: bool) -> Option<String> {
        if !is_print && !self.options.least.is_some_and(|least| text::is_shown(record, least)) {
            return None;
        }
        match self.options.format {
            LogFormat::Json => None,
            LogFormat::Debug => text::debug_line(record, self.options.layout),
            LogFormat::Text | LogFormat::Default if self.options.least == Some(Level::Debug) => {
                text::debug_line(record, self.options.layout)
            }
            LogFormat::Text | LogFormat::Default => text::console_line(record, self.options.layout),
        }
    }
}

impl Listener for Terminal {
    fn hear(&self, record: &Record) {
        let lines = self.lines(record);
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match progress.as_mut() {
            Some(progress) => {
                progress.hear(record);
                if !lines.is_empty() {
                    progress.around(|| lines.iter().for_each(|line| self.options.stream.write_line(line)));
                }
            }
            None => {
                for line in lines {
                    self.options.stream.write_line(&line);
                }
            }
        }
    }
}

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
    /// `None` shows nothing, as dbt also of `print()` and of what was asked for.
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
        let Some(least) = self.options.least else { return Vec::new() };
        if matches!(record.event, Event::Print { .. }) && !self.options.print {
            return Vec::new();
        }
        match self.options.format {
            LogFormat::Json => json::lines(record, &self.options.invocation, least),
            _ if !text::is_shown(record, least) => Vec::new(),
            LogFormat::Text | LogFormat::Default => {
                text::console_line(record, self.options.layout).into_iter().collect()
            }
            LogFormat::Debug => {
                let starts = matches!(record.event, Event::Started { .. });
                let divider = starts.then(|| text::divider(record.at, &self.options.invocation.invocation_id));
                divider.into_iter().chain(text::debug_line(record, self.options.layout)).collect()
            }
        }
    }

    /// What was asked for is data, wherever the log lines go.
    fn stream(&self, event: &Event) -> Stream {
        match event {
            Event::Answer(_) => Stream::Stdout,
            _ => self.options.stream,
        }
    }
}

impl Listener for Terminal {
    fn hear(&self, record: &Record) {
        let (lines, stream) = (self.lines(record), self.stream(&record.event));
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match progress.as_mut() {
            Some(progress) => {
                progress.hear(record);
                if !lines.is_empty() {
                    progress.around(|| lines.iter().for_each(|line| stream.write_line(line)));
                }
            }
            None => {
                for line in lines {
                    stream.write_line(&line);
                }
            }
        }
    }
}

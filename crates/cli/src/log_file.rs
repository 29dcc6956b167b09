//! `logs/dbt.log`: every event in dbt's debug form, or as `--log-format-file` and `--log-level-file` say.

use std::{
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use engine::events::{
    Level, Listener, Record,
    json::{self, Invocation},
    text::{self, Layout},
};

use crate::args::LogFormat;

/// How the log is written.
#[derive(Debug, Clone)]
pub struct LogFileOptions {
    pub format: LogFormat,
    pub least: Level,
    /// A larger log becomes `dbt.log.1` before the next invocation writes; 0 is no limit.
    pub most_bytes: u64,
    pub layout: Layout,
    pub invocation: Invocation,
}

/// Writes events to the log file.
pub struct LogFile {
    file: Mutex<fs_err::File>,
    options: LogFileOptions,
}

impl LogFile {
    /// Opens the log of a folder and writes the line that divides invocations.
    pub fn open(folder: &Path, now: DateTime<Utc>, options: LogFileOptions) -> std::io::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let path = folder.join("dbt.log");
        let is_full = |length: u64| options.most_bytes > 0 && length > options.most_bytes;
        if fs_err::metadata(&path).is_ok_and(|metadata| is_full(metadata.len())) {
            fs_err::rename(&path, folder.join("dbt.log.1"))?;
        }
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(&path)?;
        if options.format != LogFormat::Json {
            writeln!(file, "{}", text::divider(now, &options.invocation.invocation_id))?;
        }
        Ok(Self { file: Mutex::new(file), options })
    }
}

impl Listener for LogFile {
    fn hear(&self, record: &Record) {
        let LogFileOptions { format, least, layout, ref invocation, .. } = self.options;
        let lines = match format {
            LogFormat::Json => json::lines(record, invocation, least),
            _ if !text::is_shown(record, least) => return,
            LogFormat::Text => text::console_line(record, layout).into_iter().collect(),
            LogFormat::Debug | LogFormat::Default => text::debug_line(record, layout).into_iter().collect(),
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines {
            // A full disk must not end the run; the terminal has the line as well.
            drop(writeln!(file, "{line}"));
        }
    }
}

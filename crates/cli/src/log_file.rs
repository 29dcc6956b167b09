//! `logs/dbt.log`: every event in dbt's debug form.

use std::{
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use engine::events::{
    Listener, Record,
    text::{self, Layout},
};

/// A larger log becomes `dbt.log.1` before the next invocation writes. dbt: `--log-file-max-bytes`.
const MOST_BYTES: u64 = 10 * 1024 * 1024;

/// Writes events to the log file.
pub struct LogFile {
    file: Mutex<fs_err::File>,
    layout: Layout,
}

impl LogFile {
    /// Opens the log of a folder and writes the line that divides invocations.
    pub fn open(folder: &Path, now: DateTime<Utc>, invocation_id: &str, printer_width: usize) -> std::io::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let path = folder.join("dbt.log");
        if fs_err::metadata(&path).is_ok_and(|metadata| metadata.len() > MOST_BYTES) {
            fs_err::rename(&path, folder.join("dbt.log.1"))?;
        }
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(&path)?;
        let bar = "=".repeat(30);
        writeln!(file, "\n\n{bar} {} | {invocation_id} {bar}", now.format("%H:%M:%S%.6f"))?;
        Ok(Self { file: Mutex::new(file), layout: Layout { printer_width, colors: false } })
    }
}

impl Listener for LogFile {
    fn hear(&self, record: &Record) {
        let Some(line) = text::debug_line(record, self.layout) else { return };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not end the run; the terminal has the line as well.
        drop(writeln!(file, "{line}"));
    }
}

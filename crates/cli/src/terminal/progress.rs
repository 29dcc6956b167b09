//! What is running right now, at the foot of the terminal; gone when the run is over.

use std::{collections::HashMap, time::Duration};

use engine::events::{Event, Phase, Record};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The lines at the foot.
pub(super) struct Progress {
    lines: MultiProgress,
    /// `12/40 nodes`; the phase before that.
    total: ProgressBar,
    running: HashMap<String, ProgressBar>,
    done: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        let lines = MultiProgress::new();
        let total = lines.add(spinner("{spinner} {msg} {elapsed}"));
        Self { lines, total, running: HashMap::new(), done: 0 }
    }

    pub(super) fn hear(&mut self, record: &Record) {
        match &record.event {
            Event::Phase(phase) => {
                let message = match phase {
                    Phase::Parsing => "Parsing",
                    Phase::Compiling => "Compiling",
                    Phase::Preparing => "Reading what exists",
                    Phase::Running => "Running",
                    Phase::Idle => return self.clear(),
                };
                self.total.set_message(message);
                self.total.enable_steady_tick(Duration::from_millis(120));
            }
            Event::NodeStarted { node, .. } => {
                let line = self.lines.add(spinner("  {spinner} {msg} {elapsed}"));
                line.set_message(node.label.clone());
                line.enable_steady_tick(Duration::from_millis(120));
                self.running.insert(key(node), line);
            }
            Event::NodeFinished { node, total, .. } => {
                if let Some(line) = self.running.remove(&key(node)) {
                    line.finish_and_clear();
                    self.lines.remove(&line);
                }
                if node.resource_type != "operation" {
                    self.done += 1;
                    self.total.set_message(format!("{} of {total} done", self.done));
                }
            }
            Event::ProjectParsed { .. }
            | Event::RunFinished { .. }
            | Event::Failed { .. }
            | Event::CommandCompleted { .. } => self.clear(),
            _ => {}
        }
    }

    /// Writes lines above the foot.
    pub(super) fn around(&self, write: impl FnOnce()) {
        self.lines.suspend(write);
    }

    fn clear(&mut self) {
        self.running.clear();
        self.total.finish_and_clear();
        // A bar that is finished is never drawn again; this one is not drawn before something begins.
        self.total = self.lines.add(spinner("{spinner} {msg} {elapsed}"));
    }
}

fn key(node: &engine::events::NodeInfo) -> String {
    node.unique_id.as_ref().map_or_else(|| node.label.clone(), ToString::to_string)
}

fn spinner(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

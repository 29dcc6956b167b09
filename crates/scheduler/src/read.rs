//! What people and programs look at: schedules with their last and next run, runs, commands, logs, artifacts, slots, audit, costs.
//!
//! Everything here only reads, through the pool of readers, and stays fast with a million runs: lists go page by page along an index
//! (`before` names the last row seen), and nothing counts whole tables.

mod audit;
mod costs;
mod logs;
mod overview;
mod row;
mod runs;
mod schedules;
mod slots;

pub use audit::{AuditFilter, AuditRow};
pub use costs::{CostBy, CostFilter, CostRow};
pub use logs::{LogChunk, LogPage};
pub use overview::{EnvironmentRow, Overview, ServerRow};
pub use runs::{ArtifactRow, CommandRow, Cursor, LastRun, QueryRow, RunFilter, RunRow, is_final};
pub use schedules::{ScheduleFilter, ScheduleRow};
pub use slots::{SlotFilter, SlotRow};

use store::Database;

use crate::clock::Micros;

/// The reading side of the state.
#[derive(Debug, Clone)]
pub struct Reader {
    database: Database,
}

impl Reader {
    /// Reads from this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

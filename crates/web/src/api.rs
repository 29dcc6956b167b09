//! Our own JSON API, `/api/v1/…`: for the pages, `owlet bolt` and scripts.

mod artifacts;
mod deployments;
mod extract;
mod history;
mod logs;
mod runs;
mod schedules;
mod settings;
mod shape;
mod tokens;
mod webhooks;
mod workspace;

pub use artifacts::full_url as artifact_url;
pub use extract::{Body, Caller, actor};
pub use settings::status as check_status;

use crate::routes::Operation;

/// The rows of the table.
pub fn operations() -> Vec<Operation> {
    let mut all = schedules::operations();
    all.extend(runs::operations());
    all.extend(logs::operations());
    all.extend(artifacts::operations());
    all.extend(history::operations());
    all.extend(deployments::operations());
    all.extend(workspace::operations());
    all.extend(tokens::operations());
    all.extend(settings::operations());
    all.extend(webhooks::operations());
    all
}

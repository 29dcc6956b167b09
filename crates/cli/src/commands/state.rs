//! The scheduler's state, opened by a command.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use scheduler::MIGRATIONS;
use store::{Database, DatabaseError, Durability};

use crate::{server_args::StateArgs, settings::Settings};

/// The folder of state: `--dir`, else `.owlet` of the project, else of this folder.
pub fn folder(args: &StateArgs, settings: &Settings, current_dir: &Path) -> PathBuf {
    match (&args.dir, &settings.project_dir) {
        (Some(dir), _) => current_dir.join(dir),
        (None, Some(project)) => project.join(".owlet"),
        (None, None) => current_dir.join(".owlet"),
    }
}

/// Opens the database and brings its tables up to date.
pub async fn open(args: &StateArgs, folder: &Path) -> anyhow::Result<Database> {
    let opened = match &args.database_url {
        Some(url) => Database::open(url, Durability::Power).await,
        None => Database::sqlite(&store::database_file_of(folder), Durability::Power).await,
    };
    let database = opened.map_err(|error| explained(&error))?;
    database.migrate(&MIGRATIONS).await.map_err(|error| explained(&error))?;
    Ok(database)
}

fn explained(error: &DatabaseError) -> anyhow::Error {
    anyhow!("Could not open the scheduler's state\n  cause: {error}\n  fix:   {}", error.fix())
}

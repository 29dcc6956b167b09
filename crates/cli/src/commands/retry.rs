//! `retry`: the nodes of the last run that failed or were skipped, with the last run's command and flags.

use std::path::Path;

use artifacts::run_results::RunResults;
use engine::{events::Event, run::RunCommand, state};
use names::UniqueId;

use super::{Outcome, run::run_nodes};
use crate::{
    session::{Opening, Session},
    settings::{Settings, parse_vars},
};

/// Statuses that are tried again.
const RETRYABLE: [&str; 5] = ["error", "fail", "skipped", "runtime error", "partial success"];

/// Flags that the repeated command takes over when they were on.
const FLAGS: [&str; 3] = ["full_refresh", "empty", "store_failures"];

/// The run that is repeated.
pub struct Previous {
    results: RunResults,
    command: RunCommand,
}

impl Previous {
    /// Reads run_results.json and takes its variables and flags over, where the command line says nothing else.
    pub fn load(settings: &mut Settings, opening: &mut Opening) -> anyhow::Result<Self> {
        let project_dir = settings.need_project()?;
        let named = settings.state.as_deref().or(settings.target_path.as_deref()).unwrap_or(Path::new("target"));
        let folder = project_dir.join(named);
        let Some(results) = state::run_results(&folder).map_err(|error| anyhow::anyhow!("{error}"))? else {
            anyhow::bail!(
                "Could not find previous run in '{}' target directory\n  cause: there is no run_results.json\n  \
                 fix:   run a command first, or name the folder of its artifacts with --state",
                folder.display()
            );
        };
        let which = results.args.get("which").and_then(|which| which.as_str()).unwrap_or_default();
        let command = match which {
            "build" => RunCommand::Build,
            "run" => RunCommand::Run,
            "test" => RunCommand::Test,
            "seed" => RunCommand::Seed,
            "snapshot" => RunCommand::Snapshot,
            other => anyhow::bail!(
                "`owlet retry` cannot repeat '{other}'\n  \
                 cause: only build, run, test, seed and snapshot are repeated\n  fix:   run it again"
            ),
        };
        opening.arguments.insert("which".to_owned(), which.into());
        for flag in FLAGS {
            if results.args.get(flag).is_some_and(|on| on.as_bool() == Some(true)) {
                opening.arguments.insert(flag.to_owned(), true.into());
            }
        }
        if let Some(vars) = results.args.get("vars").filter(|_| settings.vars.iter().next().is_none()) {
            settings.vars = parse_vars(&vars.to_string())?;
            opening.arguments.insert("vars".to_owned(), vars.clone());
        }
        Ok(Self { results, command })
    }
}

/// Runs them.
pub async fn run(session: &Session, previous: &Previous) -> anyhow::Result<Outcome> {
    let again: Vec<UniqueId> = previous
        .results
        .results
        .iter()
        .filter(|result| RETRYABLE.contains(&result.status.as_str()) && !result.unique_id.starts_with("operation."))
        .map(|result| UniqueId::from(result.unique_id.as_str()))
        .collect();
    if again.is_empty() {
        session.events.emit(Event::NothingToDo);
        return Ok(Outcome::Success);
    }
    let manifest = session.parse().await?;
    let (results, _) = run_nodes(session, manifest, again, previous.command).await?;
    Ok(Outcome::of(results.success()))
}

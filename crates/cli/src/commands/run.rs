//! `build`, `run`, `seed`, `snapshot`, `test`, `source freshness`.

use std::{collections::HashMap, path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use diagnostic::Diagnostic;
use engine::{
    HookTime, Manifest,
    events::Level,
    run::{self, PreviousBatches, RunCommand, RunContext, RunOptions, RunResults},
};
use graph::ResourceType;
use names::UniqueId;

use super::Outcome;
use crate::{
    args::{ResourceTypeArgs, SelectionArgs},
    interrupt,
    selection::{self, EmptyNodes},
    session::Session,
    table::Table,
};

/// For commands without `--resource-type`.
pub const ALL_TYPES: ResourceTypeArgs =
    ResourceTypeArgs { resource_type: Vec::new(), exclude_resource_type: Vec::new() };

/// Runs the selected nodes and writes manifest.json and run_results.json.
pub async fn run(
    session: &Session,
    command: RunCommand,
    selection: &SelectionArgs,
    types: &ResourceTypeArgs,
) -> anyhow::Result<Outcome> {
    let types = selection::resource_types(types, types_of(command))?;
    let manifest = session.parse().await?;
    let selected = selection::select(session, &manifest, selection, &types, EmptyNodes::Skip)?;
    let (results, context) = run_nodes(session, manifest, selected, command, Again::default()).await?;
    if let Some(context) = context.filter(|_| session.flag("show")) {
        show_seeds(&context, &results).await;
    }
    Ok(Outcome::of(results.success()))
}

/// Rows that `--show` shows of each seed.
const SHOWN_ROWS: usize = 10;

/// `--show`: some of the rows of the seeds that were loaded.
async fn show_seeds(context: &Arc<RunContext>, results: &RunResults) {
    let loaded = results
        .results
        .iter()
        .filter(|(info, result)| info.resource_type == "seed" && result.status == run::NodeStatus::Success);
    for (info, _) in loaded {
        let Some(id) = &info.unique_id else { continue };
        let Some(node) = context.compiler.manifest().node(id.as_str()).cloned() else { continue };
        // It was read a moment ago; a file that is gone since has no rows to show.
        let Ok(table) = run::read_seed(context, &node).await else { continue };
        let title = format!("Random sample of table: {}.{}", node.schema, node.alias);
        let shown = Table::of_texts(
            table.columns.iter().map(|column| column.name.clone()).collect(),
            table.rows.into_iter().take(SHOWN_ROWS).collect(),
        );
        let bar = "-".repeat(title.chars().count());
        context.events.line(Level::Info, format!("{title}\n{bar}\n{}", shown.pipes()));
    }
}

/// The flag of dbt_project.yml that keeps the project's hooks from running around `source freshness`.
const FRESHNESS_HOOKS: &str = "source_freshness_run_project_hooks";

/// `source freshness`: the ages of the selected sources, into sources.json.
pub async fn freshness(session: &Session, args: &SelectionArgs, output: Option<&Path>) -> anyhow::Result<Outcome> {
    let manifest = session.parse().await?;
    let hooks = [HookTime::Start, HookTime::End].map(|when| manifest.hooks(when).len());
    if !session.project.root.project_flags().behaviour(FRESHNESS_HOOKS) && hooks != [0, 0] {
        let what = "In a future version of dbt, the `source freshness` command will start running `on-run-start` and `on-run-end` hooks by default.";
        let warning = Diagnostic::warning(what)
            .cause(format!("the flag {FRESHNESS_HOOKS} of dbt_project.yml is off"))
            .fix("remove it once your hooks may run there");
        session.warn("SourceFreshnessProjectHooksNotRun", warning)?;
    }
    let types = types_of(RunCommand::Freshness);
    let selected = selection::select(session, &manifest, args, types, EmptyNodes::Skip)?;
    let (results, context) = run_nodes(session, manifest, selected, RunCommand::Freshness, Again::default()).await?;
    let host = context.map_or_else(|| session.offline_host(), |context| context.compiler.host().clone());
    let sources = run::freshness_artifact(&results, &host, &session.events);
    match output {
        Some(path) => {
            run::write_json(&session.project_dir.join(path), &sources).map_err(|error| anyhow::anyhow!("{error}"))?
        }
        None => session.write("sources.json", &sources)?,
    }
    Ok(Outcome::of(results.success()))
}

/// What a retry knows of the run that it repeats.
#[derive(Debug, Default)]
pub struct Again {
    /// When that run began.
    pub started_at: Option<DateTime<Utc>>,
    pub batches: HashMap<UniqueId, PreviousBatches>,
}

/// Runs nodes by id. Answers the context too, unless there was nothing to do.
pub async fn run_nodes(
    session: &Session,
    manifest: Manifest,
    selected: Vec<UniqueId>,
    command: RunCommand,
    again: Again,
) -> anyhow::Result<(RunResults, Option<Arc<RunContext>>)> {
    if selected.is_empty() {
        session.nothing_to_do()?;
        run::sum_up_nothing(&session.events, command);
        session.write_again(&manifest)?;
        if command != RunCommand::Freshness {
            session.write_no_results()?;
        }
        return Ok((RunResults::default(), None));
    }
    let cancel = interrupt::on_interrupt();
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection)?;
    let context = Arc::new(RunContext {
        compiler: session.compiler(manifest, Arc::clone(&adapter), &selected),
        adapter,
        events: session.events.clone(),
        cancel,
        project_dir: session.project_dir.clone(),
        project_version: session.project.root.version.clone(),
        target_dir: session.target_dir.clone(),
        options: RunOptions {
            fail_fast: session.settings.fail_fast,
            warn_error: session.settings.warnings.is_error("LogTestResult"),
            batches_end: again.started_at.unwrap_or(session.started_at),
            batches: again.batches,
            ..options(session, command)
        },
    });
    let ran = run::run(Arc::clone(&context), selected).await;
    let results = match ran {
        Ok(results) => results,
        Err(error) => {
            connection.close().await;
            return Err(session.fail(error.diagnostic()));
        }
    };
    if session.settings.write_json {
        session.write_compiled(&context.compiler)?;
        // Ages go to sources.json, so that what was built before can still be asked for with `result:` and be retried.
        if command != RunCommand::Freshness {
            let artifact = run::run_results_artifact(&results, context.compiler.host(), &session.events);
            session.write("run_results.json", &artifact)?;
        }
    }
    connection.close().await;
    if let Some(error) = &results.unrendered_hook {
        return Err(session.fail((**error).clone()));
    }
    Ok((results, Some(context)))
}

/// What the invocation says, for a run that is only planned.
pub fn options(session: &Session, command: RunCommand) -> RunOptions {
    RunOptions {
        command,
        threads: session.threads(),
        fail_fast: false,
        full_refresh: session.flag("full_refresh"),
        empty: session.flag("empty"),
        store_failures: session.flag("store_failures"),
        warn_error: false,
        event_time: session.event_times.bounds,
        sample: session.event_times.sample,
        batches_end: session.started_at,
        project_hooks: command != RunCommand::Freshness
            || session.project.root.project_flags().behaviour(FRESHNESS_HOOKS),
        batches: HashMap::new(),
        target_name: session.profile.target.clone(),
    }
}

/// What a command works on.
fn types_of(command: RunCommand) -> &'static [ResourceType] {
    match command {
        RunCommand::Build => ResourceType::OF_BUILD,
        RunCommand::Run => ResourceType::OF_RUN,
        RunCommand::Test => ResourceType::OF_TEST,
        RunCommand::Seed => ResourceType::OF_SEED,
        RunCommand::Snapshot => ResourceType::OF_SNAPSHOT,
        RunCommand::Freshness => ResourceType::OF_FRESHNESS,
        RunCommand::Clone => ResourceType::OF_CLONE,
    }
}

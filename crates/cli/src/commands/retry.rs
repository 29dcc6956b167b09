//! `retry`: the nodes of the last run that failed or were skipped, with the last run's command and flags; of run-operation
//! the macro, when it failed.

use std::path::Path;

use artifacts::run_results::{RunResult, RunResults};
use diagnostic::Diagnostic;
use engine::{
    events::Event,
    run::{
        PreviousBatches, RunCommand,
        event_time::{Window, parse_time},
    },
    state,
};
use names::UniqueId;

use super::{
    Outcome, compile, docs, operation,
    run::{Again, run_nodes},
};
use crate::{
    args::{CompileArgs, DocsGenerateArgs, OperationArgs},
    session::{Opening, Session},
    settings::{Settings, parse_vars},
};

/// Statuses that are tried again.
const RETRYABLE: [&str; 5] = ["error", "fail", "skipped", "runtime error", "partial success"];

/// Flags that the repeated command takes over when they were on.
const FLAGS: [&str; 5] = ["full_refresh", "empty", "store_failures", "defer", "favor_state"];

/// The run that is repeated.
pub struct Previous {
    results: RunResults,
    command: Repeated,
}

/// What is repeated.
enum Repeated {
    Nodes(RunCommand),
    /// Only what succeeded leaves a run_results.json, so that these have nothing left to do but after a dbt that does otherwise.
    Compile,
    DocsGenerate,
    Operation(OperationArgs),
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
            "build" => Repeated::Nodes(RunCommand::Build),
            "run" => Repeated::Nodes(RunCommand::Run),
            "test" => Repeated::Nodes(RunCommand::Test),
            "seed" => Repeated::Nodes(RunCommand::Seed),
            "snapshot" => Repeated::Nodes(RunCommand::Snapshot),
            "clone" => Repeated::Nodes(RunCommand::Clone),
            "compile" => Repeated::Compile,
            "generate" => Repeated::DocsGenerate,
            "run-operation" => Repeated::Operation(operation_of(&results)),
            other => anyhow::bail!(
                "`owlet retry` cannot repeat '{other}'\n  \
                 cause: only build, run, test, seed, snapshot, clone, compile, docs generate and run-operation are repeated\n  \
                 fix:   run it again"
            ),
        };
        if let Repeated::Operation(operation) = &command {
            opening.arguments.insert("macro".to_owned(), operation.name.clone().into());
            if let Some(arguments) = results.args.get("args") {
                opening.arguments.insert("args".to_owned(), arguments.clone());
            }
        }
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
        // Where the command line says nothing else, it is the earlier run that is repeated: its target, with its threads.
        let given = |name: &str| results.args.get(name).and_then(|text| text.as_str()).map(str::to_owned);
        settings.target = settings.target.take().or_else(|| given("target"));
        settings.profile = settings.profile.take().or_else(|| given("profile"));
        settings.indirect_selection = given("indirect_selection").or(settings.indirect_selection.take());
        let threads = results.args.get("threads").and_then(|threads| threads.as_u64());
        settings.threads = settings.threads.or(threads.and_then(|threads| usize::try_from(threads).ok()));
        settings.fail_fast |= results.args.get("fail_fast").and_then(|on| on.as_bool()) == Some(true);
        opening.arguments.insert("target".to_owned(), settings.target.clone().into());
        opening.arguments.insert("profile".to_owned(), settings.profile.clone().into());
        opening.arguments.insert("threads".to_owned(), settings.threads.into());
        opening.arguments.insert("fail_fast".to_owned(), settings.fail_fast.into());
        let on = |flag: &str| results.args.get(flag).and_then(|on| on.as_bool()) == Some(true);
        let text = |name: &str| results.args.get(name).and_then(|text| text.as_str()).map(str::to_owned);
        // --state named the run to repeat; what it compared with and deferred to is that run's own.
        settings.state = text("state").map(Into::into);
        settings.defer |= on("defer") || matches!(command, Repeated::Nodes(RunCommand::Clone));
        settings.favor_state |= on("favor_state");
        settings.event_time_start = text("event_time_start");
        settings.event_time_end = text("event_time_end");
        settings.sample = text("sample");
        for name in ["state", "event_time_start", "event_time_end", "sample"] {
            opening.arguments.insert(name.to_owned(), text(name).into());
        }
        Ok(Self { results, command })
    }
}

/// Runs them.
pub async fn run(session: &Session, previous: &Previous) -> anyhow::Result<Outcome> {
    let warnings = session.settings.warnings.is_error("LogTestResult");
    let retried = |status: &str| RETRYABLE.contains(&status) || (warnings && status == "warn");
    let results: Vec<&RunResult> = previous
        .results
        .results
        .iter()
        .filter(|result| retried(&result.status) && !result.unique_id.starts_with("operation."))
        .collect();
    let again: Vec<UniqueId> = results.iter().map(|result| UniqueId::from(result.unique_id.as_str())).collect();
    let command = match &previous.command {
        Repeated::Operation(_) if again.is_empty() => {
            session.events.emit(Event::NothingToDo);
            return Ok(Outcome::Success);
        }
        Repeated::Nodes(command) => *command,
        Repeated::Compile => return compile::run(session, &CompileArgs::default()).await,
        Repeated::DocsGenerate => return docs::generate(session, &DocsGenerateArgs::default()).await,
        Repeated::Operation(arguments) => return operation::run(session, arguments).await,
    };
    let manifest = session.parse().await?;
    let known = |id: &UniqueId| {
        let (name, artifact) = (id.as_str(), manifest.artifact());
        manifest.node(name).is_some() || manifest.unit_test(name).is_some() || artifact.exposures.contains_key(id)
    };
    if let Some(gone) = again.iter().find(|id| !known(id)) {
        return Err(session.fail(
            Diagnostic::error(format!(
                "Compilation Error\n  Couldn't find model '{gone}' -- does it exist or is it disabled?"
            ))
            .cause("it failed or was skipped in the run that is repeated, and the project has it no more")
            .fix("run the command itself again"),
        ));
    }
    let metadata = &previous.results.metadata;
    let started_at = metadata.invocation_started_at.as_deref().or(Some(&metadata.generated_at));
    let repeated = Again {
        started_at: started_at.and_then(parse_time),
        batches: results.into_iter().filter_map(batches).collect(),
    };
    let (results, _) = run_nodes(session, manifest, again, command, repeated).await?;
    Ok(Outcome::of(results.success()))
}

/// The macro and its arguments: a mapping, or in older files the text of one.
fn operation_of(results: &RunResults) -> OperationArgs {
    let text = |name: &str| match results.args.get(name) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => String::new(),
        // JSON is YAML.
        Some(other) => other.to_string(),
    };
    let given = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
    OperationArgs { name: given("macro"), args: given("args").unwrap_or_else(|| "{}".to_owned()), sql: given("sql") }
}

/// The batches of a model that was built in part. One that failed altogether starts over, and may be a full refresh again.
fn batches(result: &RunResult) -> Option<(UniqueId, PreviousBatches)> {
    let batches = result.batch_results.as_ref()?;
    if batches.successful.is_empty() || batches.failed.is_empty() {
        return None;
    }
    let windows = |batches: &[(String, String)]| {
        let window =
            |(start, end): &(String, String)| Some(Window { start: parse_time(start)?, end: parse_time(end)? });
        batches.iter().map(window).collect::<Option<Vec<_>>>()
    };
    let previous = PreviousBatches { successful: windows(&batches.successful)?, failed: windows(&batches.failed)? };
    Some((UniqueId::from(result.unique_id.as_str()), previous))
}

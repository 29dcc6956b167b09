//! `retry`: the nodes of the last run that failed or were skipped, with the last run's command and flags; of run-operation
//! the macro, when it failed.

use std::path::Path;

use artifacts::run_results::{RunResult, RunResults};
use diagnostic::Diagnostic;
use engine::{
    run::{
        PreviousBatches, RunCommand,
        event_time::{Window, parse_time},
    },
    state,
};
use names::UniqueId;
use serde_json::{Map, Value as Json};

use super::{
    Outcome,
    compile::{self, Introspection},
    docs, operation,
    run::{Again, run_nodes},
};
use crate::{
    args::{DocsGenerateArgs, OperationArgs, SelectionArgs},
    session::Session,
    settings::{Settings, parse_vars},
};

/// Statuses that are tried again.
const RETRYABLE: [&str; 5] = ["error", "fail", "skipped", "runtime error", "partial success"];

/// Arguments that stay the retry's own, and those that the settings decide.
///
/// Source: dbt Core 1.12, `IGNORE_PARENT_FLAGS` and `ALLOW_CLI_OVERRIDE_FLAGS` of `RetryTask`.
const OWN: [&str; 12] = [
    "invocation_command",
    "project_dir",
    "profiles_dir",
    "target_path",
    "log_path",
    "defer_state",
    "warn_error",
    "warn_error_options",
    "vars",
    "threads",
    "target",
    "profile",
];

/// Arguments that not every command has.
const OF_COMMANDS: [&str; 10] = [
    "selector",
    "show",
    "output",
    "inline",
    "inject_ephemeral_ctes",
    "compile",
    "empty_catalog",
    "static",
    "macro",
    "args",
];

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
    DocsGenerate(DocsGenerateArgs),
    Operation(OperationArgs),
}

impl Previous {
    /// Reads run_results.json and takes the settings of that run over, where the command line says nothing else.
    pub fn load(settings: &mut Settings) -> anyhow::Result<Self> {
        let project_dir = settings.need_project()?;
        let named = settings.state.as_deref().or(settings.target_path.as_deref()).unwrap_or(Path::new("target"));
        let folder = project_dir.join(named);
        let found = state::run_results(&folder).map_err(|error| anyhow::anyhow!("{error}"))?;
        // To dbt too a run of nothing is none.
        let cause = if found.is_some() { "its run_results.json names no node" } else { "there is no run_results.json" };
        let Some(results) = found.filter(|results| !results.results.is_empty()) else {
            anyhow::bail!(
                "Could not find previous run in '{}' target directory\n  cause: {cause}\n  \
                 fix:   run a command first, or name the folder of its artifacts with --state",
                named.display()
            );
        };
        let on = |flag: &str| results.args.get(flag).and_then(Json::as_bool) == Some(true);
        let text = |name: &str| results.args.get(name).and_then(Json::as_str).map(str::to_owned);
        let which = text("which").unwrap_or_default();
        let command = match which.as_str() {
            "build" => Repeated::Nodes(RunCommand::Build),
            "run" => Repeated::Nodes(RunCommand::Run),
            "test" => Repeated::Nodes(RunCommand::Test),
            "seed" => Repeated::Nodes(RunCommand::Seed),
            "snapshot" => Repeated::Nodes(RunCommand::Snapshot),
            "clone" => Repeated::Nodes(RunCommand::Clone),
            "compile" => Repeated::Compile,
            "generate" => Repeated::DocsGenerate(docs_of(&results)),
            "run-operation" => Repeated::Operation(operation_of(&results)),
            other => anyhow::bail!(
                "`owlet retry` cannot repeat '{other}'\n  \
                 cause: only build, run, test, seed, snapshot, clone, compile, docs generate and run-operation are repeated\n  \
                 fix:   run it again"
            ),
        };
        if let Some(vars) = results.args.get("vars").filter(|_| settings.vars.iter().next().is_none()) {
            settings.vars = parse_vars(&vars.to_string())?;
        }
        // Where the command line says nothing else, it is the earlier run that is repeated: its target, with its threads.
        settings.target = settings.target.take().or_else(|| text("target"));
        settings.profile = settings.profile.take().or_else(|| text("profile"));
        settings.indirect_selection = text("indirect_selection").or(settings.indirect_selection.take());
        let threads = results.args.get("threads").and_then(Json::as_u64);
        settings.threads = settings.threads.or(threads.and_then(|threads| usize::try_from(threads).ok()));
        settings.fail_fast |= on("fail_fast");
        settings.print = results.args.get("print").and_then(Json::as_bool).unwrap_or(settings.print);
        if let Some(options) = results.args.get("warn_error_options").filter(|_| settings.warnings.are_none()) {
            settings.warnings = settings.warnings.with_options(options)?;
        }
        // --state named the run to repeat; what it compared with and deferred to is that run's own.
        settings.state = text("state").map(Into::into);
        settings.defer |= on("defer") || matches!(command, Repeated::Nodes(RunCommand::Clone));
        settings.favor_state |= on("favor_state");
        settings.event_time_start = text("event_time_start");
        settings.event_time_end = text("event_time_end");
        settings.sample = text("sample");
        Ok(Self { results, command })
    }

    /// The arguments of that run, as templates and artifacts have them.
    pub fn carry_over(&self, arguments: &mut Map<String, Json>) {
        for (name, value) in &self.results.args {
            let is_known = arguments.contains_key(name) || OF_COMMANDS.contains(&name.as_str());
            if is_known && !OWN.contains(&name.as_str()) {
                arguments.insert(name.clone(), value.clone());
            }
        }
    }

    /// Whether a compilation may ask the warehouse.
    fn introspection(&self) -> Introspection {
        match self.results.args.get("introspect").and_then(Json::as_bool) {
            Some(false) => Introspection::Refused,
            _ => Introspection::Allowed,
        }
    }

    fn names_nodes(&self) -> bool {
        self.results.args.get("select").and_then(Json::as_array).is_some_and(|select| !select.is_empty())
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
        // As dbt, which says nothing then.
        Repeated::Operation(_) if again.is_empty() => return Ok(Outcome::Success),
        Repeated::Nodes(command) => Some(*command),
        Repeated::Compile => None,
        Repeated::DocsGenerate(arguments) => return docs::generate(session, arguments).await,
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
    let Some(command) = command else {
        compile::compile_nodes(session, manifest, &again, previous.introspection(), previous.names_nodes()).await?;
        return Ok(Outcome::Success);
    };
    let metadata = &previous.results.metadata;
    let started_at = metadata.invocation_started_at.as_deref().or(Some(&metadata.generated_at));
    let repeated = Again {
        started_at: started_at.and_then(parse_time),
        batches: results.into_iter().filter_map(batches).collect(),
    };
    let (results, _) = run_nodes(session, manifest, again, command, repeated).await?;
    Ok(Outcome::of(results.success()))
}

/// What the catalog was about.
fn docs_of(results: &RunResults) -> DocsGenerateArgs {
    let words = |name: &str| {
        let list = results.args.get(name).and_then(Json::as_array);
        list.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let is = |flag: &str, on: bool| results.args.get(flag).and_then(Json::as_bool) == Some(on);
    DocsGenerateArgs {
        selection: SelectionArgs {
            select: words("select"),
            exclude: words("exclude"),
            selector: results.args.get("selector").and_then(Json::as_str).map(str::to_owned),
        },
        no_compile: is("compile", false),
        empty_catalog: is("empty_catalog", true),
        r#static: is("static", true),
        ..DocsGenerateArgs::default()
    }
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

//! One module per command, or per family of commands that do the same with other nodes.

mod bolt;
mod clean;
mod compile;
#[cfg(feature = "server")]
mod connections;
mod debug;
mod deps;
mod docs;
#[cfg(feature = "server")]
mod env;
#[cfg(feature = "server")]
mod environments;
mod init;
mod list;
#[cfg(feature = "server")]
mod notifications;
mod operation;
mod plan;
mod retry;
mod run;
mod show;
#[cfg(feature = "server")]
mod spending;
mod sql;
#[cfg(feature = "server")]
mod token;
#[cfg(feature = "server")]
mod up;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use diagnostic::Diagnostic;
use engine::{
    Manifest,
    events::{Event, Level},
    run::RunCommand,
};

use crate::{
    args::{Cli, Command, DocsCommand, LakeCommand, SourceCommand},
    environment::Environment,
    session::{self, Session},
    settings::Settings,
    warnings::Treatment,
};

/// How a command ended that could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// A node or a check failed.
    Failure,
}

impl Outcome {
    /// dbt's exit codes.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Success => ExitCode::SUCCESS,
            Self::Failure => ExitCode::from(1),
        }
    }

    fn of(success: bool) -> Self {
        if success { Self::Success } else { Self::Failure }
    }
}

/// The error was told through the event stream already.
#[derive(Debug, thiserror::Error)]
#[error("the command could not run")]
pub struct Reported;

/// Runs the command.
///
/// # Errors
/// When it could not run: exit code 2.
pub async fn dispatch(mut cli: Cli, environment: Environment) -> anyhow::Result<Outcome> {
    if let Some(message) = not_yet(&cli.command) {
        anyhow::bail!("{message}");
    }
    if let Command::ExecSupervised = &cli.command {
        return exec_supervised().await;
    }
    let current_dir = std::env::current_dir().context("finding the current folder")?;
    if let Some(types) = cli.command.types_mut() {
        types.fill(|name| environment.setting(name));
    }
    let mut settings = Settings::resolve(&cli.global, &environment, &current_dir)?.with_command(&cli.command);
    // A clone is of what another state has, whether or not it is asked to defer.
    settings.defer |= matches!(cli.command, Command::Clone(_));
    let has_project = settings.project_dir.is_some();
    if !cli.command.is_of_a_project(has_project) {
        settings.check()?;
    }
    match &cli.command {
        Command::Lake(LakeCommand::Serve { listen, dir, mount }) => {
            return serve(&settings, *listen, dir.as_deref(), mount.clone()).await;
        }
        #[cfg(feature = "server")]
        Command::Env(command) => return Box::pin(env::run(command, &settings, &environment)).await,
        #[cfg(feature = "server")]
        Command::Connection(command) => return Box::pin(connections::run(command, &settings, &environment)).await,
        #[cfg(feature = "server")]
        Command::Environment(command) => return Box::pin(environments::run(command, &settings, &environment)).await,
        #[cfg(feature = "server")]
        Command::Notifications(command) => return Box::pin(notifications::run(command, &settings, &environment)).await,
        #[cfg(feature = "server")]
        Command::Budget(command) => return Box::pin(spending::budget(command, &settings, &environment)).await,
        #[cfg(feature = "server")]
        Command::Limit(command) => return Box::pin(spending::limit(command, &settings, &environment)).await,
        Command::Init(args) => return init::run(args, &settings, &environment, &current_dir),
        Command::Bolt(command) => return bolt::run(command, &settings, &current_dir).await,
        #[cfg(feature = "server")]
        Command::Token(command) => return token::run(command, &settings).await,
        #[cfg(feature = "server")]
        Command::Up(args) => return Box::pin(up::run(args, &settings, &environment)).await,
        Command::Sql(args) if !has_project => {
            return sql::without_project(args, &settings, &environment, &current_dir).await;
        }
        _ => {}
    }
    let started = std::time::Instant::now();
    // What the run before was told holds for how the retry is told, too; what is wrong with it is told when there is a stream.
    let previous = match cli.command {
        Command::Retry { .. } => Some(retry::Previous::load(&mut settings)),
        _ => None,
    };
    let opening = session::begin(&cli, &settings, &environment, &invocation())?;
    let events = opening.events.clone();
    let (deprecations, rules) = (Arc::clone(&settings.deprecations), settings.warnings.clone());
    if selects_by_models() {
        let what = "Usage of `--models`, `--model`, and `-m` is deprecated in favor of `--select` or `-s`.";
        let warning = Diagnostic::warning(what).named("ModelParamUsageDeprecation").fix("write `--select`");
        session::report(&events, &settings, vec![warning])?;
    }
    for warning in rules.deprecation().into_iter().chain(settings.project_flags.deprecation()) {
        session::report(&events, &settings, vec![warning])?;
    }
    rules.notes().for_each(|note| events.line(Level::Info, note));
    session::report(&events, &settings, environment.deprecations())?;
    let done = with_project(&cli, opening, settings, environment, previous).await;
    if let Err(error) = &done
        && !error.is::<Reported>()
    {
        // Told once, in the log file as well.
        let diagnostic = match error.downcast_ref::<Diagnostic>() {
            Some(diagnostic) => diagnostic.clone(),
            None => Diagnostic::error(format!("{error:#}")),
        };
        events.emit(Event::Failed { diagnostics: vec![diagnostic] });
    }
    if let Some(summary) = deprecations.summary().filter(|_| rules.treat(SUMMARY) != Treatment::Silence) {
        events.emit(summary);
    }
    events.emit(Event::CommandCompleted {
        command: cli.command.name().to_owned(),
        success: matches!(done, Ok(Outcome::Success)),
        elapsed_seconds: started.elapsed().as_secs_f64(),
    });
    done.map_err(|_| Reported.into())
}

/// Whether the selection was written with `--models`, the older word for `--select`.
fn selects_by_models() -> bool {
    std::env::args().any(|word| ["-m", "--model", "--models"].contains(&word.split('=').next().unwrap_or_default()))
}

async fn with_project(
    cli: &Cli,
    mut opening: session::Opening,
    settings: Settings,
    environment: Environment,
    previous: Option<anyhow::Result<retry::Previous>>,
) -> anyhow::Result<Outcome> {
    // `debug` tells that there is none as one of its findings.
    if !matches!(cli.command, Command::Debug(_)) {
        settings.need_project()?;
    }
    let reads_project = !matches!(
        cli.command,
        Command::Debug(_) | Command::Deps(_) | Command::Clean(_) | Command::Docs(DocsCommand::Serve(_))
    );
    if !reads_project {
        session::report(&opening.events, &settings, settings.mistakes.clone())?;
    }
    match &cli.command {
        Command::Debug(args) => return debug::run(args, opening, settings, environment).await,
        Command::Deps(args) => return deps::run(args, &opening, &settings, &environment).await,
        Command::Clean(args) => return clean::run(args, &opening, &settings, &environment),
        Command::Docs(DocsCommand::Serve(args)) => return docs::serve(args, &opening, &settings).await,
        _ => {}
    }
    if let Some(previous) = previous {
        let previous = previous?;
        previous.carry_over(&mut opening.arguments);
        let session = Session::open(opening, settings, environment)?;
        return retry::run(&session, &previous).await;
    }
    let session = Session::open(opening, settings, environment)?;
    match &cli.command {
        Command::Build(args) => run::run(&session, RunCommand::Build, &args.selection, &args.types).await,
        Command::Run(args) => run::run(&session, RunCommand::Run, &args.selection, &run::ALL_TYPES).await,
        Command::Seed(args) => run::run(&session, RunCommand::Seed, &args.selection, &run::ALL_TYPES).await,
        Command::Snapshot(args) => run::run(&session, RunCommand::Snapshot, &args.selection, &run::ALL_TYPES).await,
        Command::Test(args) => run::run(&session, RunCommand::Test, &args.selection, &args.types).await,
        Command::Source(SourceCommand::Freshness { selection, output }) => {
            if let Some(path) = output {
                let what = format!(
                    "Custom output path usage `--output {}` usage detected in `dbt source freshness` command.",
                    path.display()
                );
                let warning = Diagnostic::warning(what)
                    .named("CustomOutputPathInSourceFreshnessDeprecation")
                    .fix("choose the folder with --target-path");
                session::report(&session.events, &session.settings, vec![warning])?;
            }
            run::freshness(&session, selection, output.as_deref()).await
        }
        Command::Clone(args) => run::run(&session, RunCommand::Clone, &args.selection, &args.types).await,
        Command::Compile(args) => compile::run(&session, args).await,
        Command::Parse => session.parse().await.map(|_| Outcome::Success),
        Command::List(args) => list::run(&session, args).await,
        Command::Show(args) => show::run(&session, args).await,
        Command::RunOperation(args) => operation::run(&session, args).await,
        Command::Docs(DocsCommand::Generate(args)) => docs::generate(&session, args).await,
        Command::Plan(args) => plan::run(&session, args).await,
        Command::Sql(args) => sql::in_project(&session, args).await,
        other => anyhow::bail!("`owlet {}` needs no project", other.name()),
    }
}

/// Commands of the design that are not there yet say so instead of "unrecognized".
fn not_yet(command: &Command) -> Option<String> {
    let (name, instead) = match command {
        #[cfg(not(feature = "server"))]
        Command::Up(_) => ("up", "build with the feature `server`"),
        #[cfg(not(feature = "server"))]
        Command::Env(_) => ("env", "build with the feature `server`"),
        #[cfg(not(feature = "server"))]
        Command::Connection(_) => ("connection", "build with the feature `server`"),
        #[cfg(not(feature = "server"))]
        Command::Environment(_) => ("environment", "build with the feature `server`"),
        #[cfg(not(feature = "server"))]
        Command::Notifications(_) => ("notifications", "build with the feature `server`"),
        #[cfg(not(feature = "server"))]
        Command::Budget(_) => ("budget", "build with the feature `server`"),
        #[cfg(not(feature = "server"))]
        Command::Limit(_) => ("limit", "build with the feature `server`"),
        #[cfg(not(feature = "server"))]
        Command::Token(_) => ("token", "build with the feature `server`"),
        Command::Doctor(_) => ("doctor", "`owlet debug` checks project, profile and connection"),
        Command::Iam(_) => ("iam", "see the README of dbt-athena for the permissions it needs"),
        _ => return None,
    };
    Some(format!("`owlet {name}` is not available yet\n  cause: this version does not have it\n  fix:   {instead}"))
}

#[cfg(feature = "server")]
async fn exec_supervised() -> anyhow::Result<Outcome> {
    scheduler::worker::supervise::supervise().await.context(
        "`owlet exec-supervised` is started by `owlet up` and reads an order from a pipe; there is nothing to do here by hand",
    )?;
    Ok(Outcome::Success)
}

#[cfg(not(feature = "server"))]
async fn exec_supervised() -> anyhow::Result<Outcome> {
    anyhow::bail!(
        "`owlet exec-supervised` is not in this build\n  cause: it was built without the feature `server`\n  fix:   build with it"
    )
}

#[cfg(feature = "lakehouse")]
async fn serve(
    settings: &Settings,
    listen: std::net::SocketAddr,
    dir: Option<&std::path::Path>,
    mounts: Vec<(String, std::path::PathBuf)>,
) -> anyhow::Result<Outcome> {
    let project_dir = settings.project_dir.as_deref();
    let mut all = match project_dir {
        Some(project_dir) => crate::owlet_yml::OwletYml::load(project_dir)?.mounts,
        None => Vec::new(),
    };
    all.retain(|(bucket, _)| !mounts.iter().any(|(name, _)| name == bucket));
    all.extend(mounts);
    let dir = match (dir, project_dir) {
        (Some(dir), _) => dir.to_path_buf(),
        (None, Some(project_dir)) => project_dir.join(".owlet"),
        (None, None) => std::path::PathBuf::from(".owlet"),
    };
    crate::lakehouse::serve(&dir, listen, all, crate::interrupt::on_interrupt()).await?;
    Ok(Outcome::Success)
}

#[cfg(not(feature = "lakehouse"))]
async fn serve(
    _: &Settings,
    _: std::net::SocketAddr,
    _: Option<&std::path::Path>,
    _: Vec<(String, std::path::PathBuf)>,
) -> anyhow::Result<Outcome> {
    anyhow::bail!(
        "`owlet lake serve` is not in this build\n  cause: it was built without the feature `lakehouse`\n  fix:   build with it"
    )
}

/// The command line as it was typed.
fn invocation() -> String {
    let mut words = vec!["owlet".to_owned()];
    words.extend(std::env::args().skip(1));
    words.join(" ")
}

/// dbt's name for the last words on deprecations.
const SUMMARY: &str = "DeprecationsSummary";

/// What the `Found` line counts, in dbt's order.
pub fn counts(manifest: &Manifest, catalogs: usize) -> Vec<(String, usize)> {
    let artifact = manifest.artifact();
    let mut counts: Vec<(String, usize)> = Vec::new();
    for node in artifact.nodes.values() {
        let word = node.resource_type.as_str().replace('_', " ");
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.extend([
        ("source".to_owned(), artifact.sources.len()),
        ("exposure".to_owned(), artifact.exposures.len()),
        ("metric".to_owned(), artifact.metrics.len()),
        ("macro".to_owned(), artifact.macros.len()),
        ("group".to_owned(), artifact.groups.len()),
        ("semantic model".to_owned(), artifact.semantic_models.len()),
        ("saved query".to_owned(), artifact.saved_queries.len()),
        ("unit test".to_owned(), artifact.unit_tests.len()),
        ("catalog".to_owned(), catalogs),
    ]);
    counts
}

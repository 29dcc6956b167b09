//! What every command about a project begins with: project, profile, listeners, the parsed manifest, the warehouse.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use adapter_athena::{AthenaAdapter, AthenaProfile, Catalogs, InvocationOptions, Journal};
use artifacts::SemanticManifest;
use chrono::{DateTime, Utc};
use diagnostic::{Diagnostic, Kind, Severity};
use engine::{
    Adapter, Compiler, Host, Manifest,
    compile::Defer,
    context::{InvocationNames, RenderEvents, Silent, YamlContext},
    events::{Event, Events, Level, Listener, Phase, json::Invocation, text::Layout},
    semantic::osi::Loss,
    state::PreviousState,
};
use graph::Graph;
use indexmap::IndexMap;
use names::UniqueId;
use project::{DbtProject, Profile, ProfileSettings, Project, ProjectSettings, VersionCheck};
use serde_json::{Map, Value as Json};

use crate::{
    args::{Cli, Command},
    arguments_json,
    commands::Reported,
    connection::Connection,
    environment::Environment,
    event_times::EventTimes,
    log_file::{LogFile, LogFileOptions},
    offline,
    settings::{Settings, profiles_dirs},
    terminal::{Stream, Terminal, TerminalOptions},
    warnings::{Deprecations, Treatment, WarningRules},
};

/// What parsing leaves in the target folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// manifest.json, semantic_manifest.json and osi_document.json.
    Manifest,
    /// For `docs generate`, whose compilation writes them, if it is to happen.
    Nothing,
}

/// Whether somebody is told what osi_document.json has no words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Losses {
    Told,
    /// It was told when the file was written before.
    Known,
}

/// An invocation on a project.
pub struct Session {
    pub settings: Settings,
    pub environment: Environment,
    pub events: Events,
    pub project: Arc<Project>,
    pub profile: Profile,
    pub athena: AthenaProfile,
    /// What `catalog_name` can be.
    catalogs: Catalogs,
    /// How many of them catalogs.yml lists.
    pub catalogs_in_file: usize,
    /// Canonical.
    pub project_dir: PathBuf,
    /// `target`, absolute.
    pub target_dir: PathBuf,
    /// `--state`
    pub previous: Option<PreviousState>,
    /// `--defer`: the manifest behind this one.
    pub deferred: Option<Arc<artifacts::Manifest>>,
    pub event_times: EventTimes,
    pub arguments: Map<String, Json>,
    pub started_at: DateTime<Utc>,
    pub invocation_id: String,
}

/// The stream of an invocation, before there is a project.
pub struct Opening {
    pub events: Events,
    pub invocation_id: String,
    pub started_at: DateTime<Utc>,
    pub arguments: Map<String, Json>,
}

impl Opening {
    /// What templates in YAML see of the invocation.
    pub fn names(&self, settings: &Settings) -> InvocationNames {
        let mut flags = settings.project_flags.values.to_json();
        flags.extend(self.arguments.clone());
        InvocationNames {
            invocation_id: self.invocation_id.clone(),
            started_at: self.started_at,
            clock: Arc::new(Utc::now),
            flags: Arc::new(flags),
            events: Arc::new(TemplateEvents::new(&self.events, settings)),
        }
    }
}

/// Project or profile say something wrong: for `debug` a check that failed.
#[derive(Debug, thiserror::Error)]
#[error("the project or its profile is wrong")]
pub struct FailedCheck;

/// The error of what is told of project or profile. No failed check for `debug`, which then could not run, are files that
/// cannot be read at all, templates of the project that fail, variables that the environment lacks, and warnings that are errors.
///
/// Source: dbt Core 1.12, `DebugTask` catches `DbtConfigError` alone.
fn refused(diagnostics: &[Diagnostic]) -> anyhow::Error {
    let stops = |diagnostic: &Diagnostic| {
        diagnostic.severity == Severity::Warning || matches!(diagnostic.kind, Kind::Syntax | Kind::Compilation)
    };
    let error = anyhow::Error::new(Reported);
    if diagnostics.iter().any(stops) { error } else { error.context(FailedCheck) }
}

/// Variables `DBT_ENV_CUSTOM_ENV_*` by their names without the prefix, which artifacts and the JSON log repeat.
fn custom_variables(environment: &Environment) -> IndexMap<String, String> {
    let own =
        |(name, value): (&String, &String)| Some((name.strip_prefix("DBT_ENV_CUSTOM_ENV_")?.to_owned(), value.clone()));
    let mut found: Vec<(String, String)> = environment.all().iter().filter_map(own).collect();
    found.sort();
    found.into_iter().collect()
}

/// Makes the listeners and says that the command began.
pub fn begin(cli: &Cli, settings: &Settings, environment: &Environment, invocation: &str) -> anyhow::Result<Opening> {
    let started_at = Utc::now();
    let invocation_id = uuid::Uuid::new_v4().to_string();
    let arguments = arguments_json::arguments(&cli.command, &cli.global, settings, invocation);
    let layout = Layout { printer_width: settings.printer_width, colors: settings.colors };
    let shared = Invocation {
        invocation_id: invocation_id.clone(),
        pid: std::process::id(),
        extra: custom_variables(environment),
    };
    let mut listeners: Vec<Arc<dyn Listener>> = vec![Arc::new(Terminal::new(TerminalOptions {
        stream: if cli.command.prints_data() { Stream::Stderr } else { Stream::Stdout },
        format: settings.log_format,
        least: match &cli.command {
            // The scratchpad shows results; how the project was read matters only to those who ask.
            Command::Sql(_) if settings.log_level == Some(Level::Info) => Some(Level::Warn),
            _ => settings.log_level,
        },
        print: settings.print,
        layout,
        progress: settings.progress,
        invocation: shared.clone(),
    }))];
    if let Some(least) = settings.log_level_file {
        // `debug` runs without a project too.
        let project_dir = settings.project_dir.as_deref().unwrap_or(Path::new("."));
        let folder = project_dir.join(settings.log_path.as_deref().unwrap_or(Path::new("logs")));
        listeners.push(Arc::new(LogFile::open(
            &folder,
            started_at,
            LogFileOptions {
                format: settings.log_format_file,
                least,
                most_bytes: settings.log_file_max_bytes,
                layout: Layout { printer_width: settings.printer_width, colors: settings.colors_file },
                invocation: shared,
            },
        )?));
    }
    let events = Events::new(Arc::new(Utc::now), listeners);
    events.emit(Event::Started {
        dbt_version: project::CLAIMED_DBT_VERSION.to_string(),
        owlet_version: env!("CARGO_PKG_VERSION").to_owned(),
        arguments: engine::context::hide_in_arguments(&arguments).into(),
    });
    Ok(Opening { events, invocation_id, started_at, arguments })
}

impl Session {
    /// Loads project and profile.
    pub fn open(opening: Opening, settings: Settings, environment: Environment) -> anyhow::Result<Self> {
        let project_dir = settings.need_project()?.to_path_buf();
        let events = opening.events.clone();
        let of_flags = settings.mistakes.clone();
        let fail = |mut diagnostics: Vec<Diagnostic>| -> anyhow::Error {
            let error = refused(&diagnostics);
            diagnostics.splice(0..0, of_flags.clone());
            events.emit(Event::Failed { diagnostics });
            error
        };
        let names = opening.names(&settings);
        let profile = load_profile(&settings, &environment, &project_dir, Some(&names)).map_err(fail)?;
        if profile.adapter_type != "athena" {
            return Err(fail(vec![
                Diagnostic::error(format!("Runtime Error\n  Could not find adapter type {}!", profile.adapter_type))
                    .cause("owlet builds projects on Athena and on its own lakehouse")
                    .fix("choose a target of `type: athena` with --target, or add one to profiles.yml"),
            ]));
        }
        let athena = AthenaProfile::parse(&athena_keys(&profile)).map_err(fail)?;
        let target = target_names(&profile, &athena);
        let renderer = YamlContext::for_project(lookup(&environment), settings.vars.clone(), Some(&target))
            .of_invocation(names.clone());
        let project_settings = ProjectSettings {
            root: project_dir.clone(),
            cli_vars: settings.vars.clone(),
            version_check: if settings.version_check { VersionCheck::On } else { VersionCheck::Off },
            flags: settings.project_flags.of_profiles(),
        };
        let (project, diagnostics) = Project::load(&project_settings, &renderer);
        let errors = tell(&events, &settings, diagnostics);
        let Some(project) = project else { return Err(fail(errors)) };
        let which = opening.arguments.get("which").and_then(Json::as_str).unwrap_or_default();
        // As dbt: what has no use for nodes does not stumble over their catalogs.
        let (catalogs, catalogs_in_file) = match which {
            "clean" | "debug" => Default::default(),
            _ => read_catalogs(&events, &settings, &environment, &project, names).map_err(fail)?,
        };
        let target_path = settings.target_path.clone().unwrap_or_else(|| PathBuf::from(&project.root.target_path));
        let target_dir = project_dir.join(target_path);
        let load = |folder: &Path| PreviousState::load(&project, folder, &project_dir.join(folder), &target_dir);
        let fail_one = |diagnostic: Diagnostic| fail(vec![diagnostic]);
        let previous = settings.state.as_deref().map(load).transpose().map_err(fail_one)?;
        if let Some(folder) = settings.state.as_deref().filter(|folder| project_dir.join(folder) == target_dir) {
            warn(&events, &settings, "WarnStateTargetEqual", state_is_target(folder))?;
        }
        // Commands that compile nothing need no state, even where the environment says DBT_DEFER.
        let compiles = !matches!(which, "list" | "parse" | "clean" | "run-operation");
        let deferred = match compiles && settings.defer {
            true => Some(deferred(&settings, previous.as_ref(), load).map_err(fail_one)?),
            false => None,
        };
        let session = Self {
            event_times: EventTimes::resolve(&settings, opening.started_at)?,
            previous,
            deferred,
            target_dir,
            project_dir,
            events,
            project: Arc::new(project),
            profile,
            athena,
            catalogs,
            catalogs_in_file,
            arguments: opening.arguments,
            started_at: opening.started_at,
            invocation_id: opening.invocation_id,
            settings,
            environment,
        };
        if errors.is_empty() && session.settings.mistakes.is_empty() {
            return Ok(session);
        }
        Err(session.fail_with_all(errors))
    }

    /// An error in dbt_project.yml or in a flag ends the command; the other files are read first, so that one run names every mistake.
    fn fail_with_all(&self, mut errors: Vec<Diagnostic>) -> anyhow::Error {
        let (_, diagnostics) = engine::parse(&self.project, &self.offline_host());
        let error = refused(&errors);
        let (_, of_selectors) = crate::selection::of_project(self);
        let told = diagnostics.into_iter().chain(of_selectors).collect();
        errors.extend(tell(&self.events, &self.settings, told));
        errors.splice(0..0, self.settings.mistakes.clone());
        self.events.emit(Event::Failed { diagnostics: errors });
        error
    }

    /// Parses the project and writes manifest.json, semantic_manifest.json and osi_document.json.
    pub async fn parse(&self) -> anyhow::Result<Manifest> {
        self.parse_and(Write::Manifest).await
    }

    /// As [`Session::parse`]; with or without its artifacts.
    pub async fn parse_and(&self, write: Write) -> anyhow::Result<Manifest> {
        self.events.emit(Event::Phase(Phase::Parsing));
        let started = std::time::Instant::now();
        let (project, host) = (Arc::clone(&self.project), self.offline_host());
        let (manifest, mut diagnostics) = tokio::task::spawn_blocking(move || engine::parse(&project, &host)).await?;
        let (selectors, more) = crate::selection::of_project(self);
        diagnostics.extend(more);
        report(&self.events, &self.settings, diagnostics)?;
        let manifest = manifest.with_selectors(selectors.manifest_json());
        // It is needed until the process ends, which then need not give back its many small pieces one by one.
        std::mem::forget(manifest.clone());
        self.events.emit(Event::ProjectParsed {
            counts: crate::commands::counts(&manifest, self.catalogs_in_file),
            elapsed_seconds: started.elapsed().as_secs_f64(),
        });
        if self.settings.write_json && write == Write::Manifest {
            self.write_manifest(manifest.artifact(), Losses::Told)?;
        }
        Ok(manifest)
    }

    /// Writes the manifest of nodes that are compiled by now, and what goes with it, once more.
    pub fn write_compiled(&self, compiler: &Compiler) -> anyhow::Result<()> {
        self.write_manifest(&compiler.artifact(), Losses::Known)
    }

    /// Writes the same once more where no node was to be worked on, as dbt does.
    pub fn write_again(&self, manifest: &Manifest) -> anyhow::Result<()> {
        match self.settings.write_json {
            true => self.write_manifest(manifest.artifact(), Losses::Known),
            false => Ok(()),
        }
    }

    /// Writes manifest.json, semantic_manifest.json and osi_document.json.
    fn write_manifest(&self, manifest: &artifacts::Manifest, losses: Losses) -> anyhow::Result<()> {
        self.write("manifest.json", manifest)?;
        let semantic = engine::semantic::semantic_manifest(manifest)?;
        self.write("semantic_manifest.json", &semantic)?;
        self.write_osi_document(semantic, losses)
    }

    /// Writes osi_document.json, and tells what it has no words for. One of an earlier invocation stays where there is none now.
    fn write_osi_document(&self, semantic: SemanticManifest, losses: Losses) -> anyhow::Result<()> {
        let told = |lost: Vec<Diagnostic>| match losses {
            Losses::Told => self.report(lost),
            Losses::Known => Ok(()),
        };
        match engine::semantic::osi::document(semantic) {
            Ok(document) => {
                told(document.losses.iter().map(Loss::diagnostic).collect())?;
                self.write("osi_document.json", &document.artifact)
            }
            Err(error) => told(vec![error.diagnostic()]),
        }
    }

    /// Writes graph_summary.json, as dbt does also with `--no-write-json`, and without an event.
    pub fn write_graph_summary(&self, graph: &Graph) -> anyhow::Result<()> {
        let which = self.arguments.get("which").and_then(Json::as_str).unwrap_or_default();
        let summary = engine::run::graph_summary(graph, &self.invocation_id, which);
        engine::run::write_json(&self.target_dir.join("graph_summary.json"), &summary)
            .map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Connects to the warehouse.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let connection = Connection::open(&self.athena, &self.project_dir, &self.environment).await?;
        self.events.emit(Event::AdapterRegistered {
            adapter: "athena".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        Ok(connection)
    }

    /// The adapter over a connection.
    ///
    /// The scheduler sets two variables: `OWLET_QUERY_JOURNAL`, the file where queries are noted, and `OWLET_RUN_TOKEN_SEED`, from which the tokens
    /// of statements are derived instead of this invocation's id, so that the next attempt finds the queries of one that was lost.
    ///
    /// # Errors
    /// The journal cannot be written: then nobody could stop the queries of a crashed run.
    pub fn adapter(&self, connection: &Connection) -> anyhow::Result<Arc<dyn Adapter>> {
        let given = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        let journal = given("OWLET_QUERY_JOURNAL").map(|path| Journal::open(Path::new(path))).transpose();
        let journal = journal.map_err(|error| {
            anyhow::anyhow!(
                "The query journal cannot be written\n  cause: {error}\n  \
                 fix:   make the file that OWLET_QUERY_JOURNAL names writable, or unset it"
            )
        })?;
        let seed = given("OWLET_RUN_TOKEN_SEED");
        let options = InvocationOptions {
            journal,
            resumed_at: seed.map(|_| self.started_at),
            events: self.events.clone(),
            catalogs: self.catalogs.clone(),
        };
        let id = seed.unwrap_or(&self.invocation_id).to_owned();
        Ok(Arc::new(AthenaAdapter::with_options(self.athena.clone(), connection.services.clone(), id, options)))
    }

    /// A compiler over a connection. `selected` is what `selected_resources` shows.
    pub fn compiler(&self, manifest: Manifest, adapter: Arc<dyn Adapter>, selected: &[UniqueId]) -> Compiler {
        let host = self.host(adapter, Some(tokio::runtime::Handle::current()), selected.to_vec());
        let compiler = Compiler::new(manifest, host).with_sample(self.event_times.sample);
        match &self.deferred {
            None => compiler,
            Some(manifest) => compiler.with_defer(Defer {
                manifest: Arc::clone(manifest),
                favor_state: self.settings.favor_state,
                selected: Arc::new(selected.iter().cloned().collect()),
            }),
        }
    }

    /// What templates see of the outside while the project is only read.
    pub fn offline_host(&self) -> Host {
        let services = offline::services(&self.athena.region_name);
        let options = InvocationOptions { catalogs: self.catalogs.clone(), ..InvocationOptions::default() };
        let id = self.invocation_id.clone();
        let adapter = AthenaAdapter::with_options(self.athena.clone(), services, id, options);
        self.host(Arc::new(adapter), None, Vec::new())
    }

    fn host(
        &self,
        adapter: Arc<dyn Adapter>,
        runtime: Option<tokio::runtime::Handle>,
        selected: Vec<UniqueId>,
    ) -> Host {
        let metadata_env = custom_variables(&self.environment);
        let project_flags = self.project.root.project_flags();
        let mut flags = self.arguments.clone();
        flags.extend(project_flags.behaviours().map(|(name, on)| (name.to_owned(), on.into())));
        Host {
            adapter,
            runtime,
            events: Arc::new(TemplateEvents::new(&self.events, &self.settings)),
            environment: lookup(&self.environment),
            started_at: self.started_at,
            clock: Arc::new(Utc::now),
            invocation_id: self.invocation_id.clone(),
            target_name: self.profile.target.clone(),
            profile_name: self.profile.name.clone(),
            threads: self.threads(),
            flags: Arc::new(flags),
            args: Arc::new(arguments_json::as_written(&self.arguments, &project_flags)),
            selected: Arc::new(selected),
            metadata_env: Arc::new(metadata_env),
            target_path: self.target_path(),
        }
    }

    /// Renders what the project's own YAML files say.
    pub fn renderer(&self) -> YamlContext {
        let target = target_names(&self.profile, &self.athena);
        YamlContext::for_project(lookup(&self.environment), self.settings.vars.clone(), Some(&target))
    }

    /// `--threads`, else the profile's.
    pub fn threads(&self) -> usize {
        self.settings.threads.unwrap_or(self.profile.threads).max(1)
    }

    /// `target`, from the project.
    fn target_path(&self) -> String {
        let path = self.target_dir.strip_prefix(&self.project_dir).unwrap_or(&self.target_dir);
        path.display().to_string()
    }

    /// Whether a flag of the invocation is on.
    pub fn flag(&self, name: &str) -> bool {
        self.arguments.get(name).and_then(Json::as_bool).unwrap_or(false)
    }

    /// Writes an artifact below the target folder.
    pub fn write(&self, name: &str, artifact: &impl serde::Serialize) -> anyhow::Result<()> {
        let path = self.target_dir.join(name);
        engine::run::write_json(&path, artifact).map_err(|error| anyhow::anyhow!("{error}"))?;
        self.events.emit(Event::ArtifactWritten { path });
        Ok(())
    }

    /// Writes the run_results.json of a run that had nothing to do.
    pub fn write_no_results(&self) -> anyhow::Result<()> {
        self.write_results(Vec::new(), std::time::Duration::ZERO)
    }

    /// Writes a run_results.json of results that were nobody's to tell.
    pub fn write_results(
        &self,
        results: Vec<engine::run::NodeResult>,
        elapsed: std::time::Duration,
    ) -> anyhow::Result<()> {
        if !self.settings.write_json {
            return Ok(());
        }
        let results = results.into_iter().map(|result| (Arc::default(), Arc::new(result))).collect();
        let results = engine::run::RunResults { results, elapsed, ..Default::default() };
        let artifact = engine::run::run_results_artifact(&results, &self.offline_host(), &self.events);
        self.write("run_results.json", &artifact)
    }

    /// Tells warnings and errors; errors, and warnings under --warn-error, end the command.
    pub fn report(&self, diagnostics: Vec<Diagnostic>) -> anyhow::Result<()> {
        report(&self.events, &self.settings, diagnostics)
    }

    /// Tells a warning by dbt's name for it; under --warn-error it ends the command.
    pub fn warn(&self, name: &str, diagnostic: Diagnostic) -> anyhow::Result<()> {
        warn(&self.events, &self.settings, name, diagnostic)
    }

    /// Tells that there is nothing to do; under --warn-error that ends the command.
    pub fn nothing_to_do(&self) -> anyhow::Result<()> {
        self.warn_by(Event::NothingToDo, "NothingToDo")
    }

    /// Tells that nothing was selected; under --warn-error that ends the command.
    pub fn no_nodes_selected(&self) -> anyhow::Result<()> {
        self.warn_by(Event::NoNodesSelected, "NoNodesSelected")
    }

    /// A warning with an event of its own.
    fn warn_by(&self, event: Event, name: &str) -> anyhow::Result<()> {
        match self.settings.warnings.treat(name) {
            Treatment::Silence => Ok(()),
            Treatment::Warn => {
                self.events.emit(event);
                Ok(())
            }
            Treatment::Error => {
                let message = engine::events::text::message(&event, engine::events::text::Layout::default());
                let message = message.unwrap_or_default();
                Err(self.fail(Diagnostic::error(message.trim_start_matches("[WARNING]: "))))
            }
        }
    }

    /// An error that ends the command, told as dbt does.
    pub fn fail(&self, diagnostic: Diagnostic) -> anyhow::Error {
        self.events.emit(Event::Failed { diagnostics: vec![diagnostic] });
        Reported.into()
    }
}

fn warn(events: &Events, settings: &Settings, name: &str, diagnostic: Diagnostic) -> anyhow::Result<()> {
    match settings.warnings.treat(name) {
        Treatment::Silence => Ok(()),
        Treatment::Warn if !settings.deprecations.meets(name) => Ok(()),
        Treatment::Warn => {
            events.emit(Event::Warning { name: name.to_owned(), diagnostic });
            Ok(())
        }
        Treatment::Error => {
            events.emit(Event::Failed { diagnostics: vec![diagnostic] });
            Err(Reported.into())
        }
    }
}

/// The catalogs that nodes may name; and how many of them catalogs.yml lists, if there is one.
fn read_catalogs(
    events: &Events,
    settings: &Settings,
    environment: &Environment,
    project: &Project,
    names: InvocationNames,
) -> Result<(Catalogs, usize), Vec<Diagnostic>> {
    let version_2 = project.root.project_flags().behaviour("use_catalogs_v2");
    let renderer = YamlContext::for_profiles(lookup(environment), settings.vars.clone()).of_invocation(names);
    let (listed, diagnostics) = project::read_catalogs_file(&project.root, version_2, "athena", &renderer);
    let errors = tell(events, settings, diagnostics);
    if !errors.is_empty() {
        return Err(errors);
    }
    let listed = listed.unwrap_or_default();
    if version_2 && !listed.is_empty() {
        // dbt's note, which --warn-error lets pass.
        let what = "catalogs.yml v2 schema validation is experimental, not officially supported yet, and its spec is liable to change. See https://github.com/dbt-labs/dbt-core/discussions/12723";
        events.emit(Event::Warning { name: "Note".to_owned(), diagnostic: Diagnostic::warning(what) });
    }
    let count = listed.len();
    Ok((Catalogs::new(listed)?, count))
}

/// The manifest for `--defer`.
fn deferred(
    settings: &Settings,
    previous: Option<&PreviousState>,
    load: impl Fn(&Path) -> Result<PreviousState, Diagnostic>,
) -> Result<Arc<artifacts::Manifest>, Diagnostic> {
    if let Some(folder) = &settings.defer_state {
        return load(folder)?.need_manifest().map(Arc::clone);
    }
    let Some(previous) = previous else {
        let what = "Runtime Error\n  --state or --defer-state are required for deferral, but neither was provided";
        return Err(Diagnostic::error(what)
            .cause("--defer takes what is not built here from the manifest of another run")
            .fix("add --state with the folder of that manifest, or leave --defer out"));
    };
    previous.need_manifest().map(Arc::clone)
}

fn state_is_target(folder: &Path) -> Diagnostic {
    Diagnostic::warning(format!(
        "The state and target directories are the same: '{}'. This could lead to missing changes due to overwritten state including non-idempotent retries.",
        folder.display()
    ))
    .cause("every command writes its artifacts over those it compares with")
    .fix("copy the artifacts of the earlier run to another folder, and name that with --state")
}

/// Tells warnings, and fails with the errors.
pub fn report(events: &Events, settings: &Settings, diagnostics: Vec<Diagnostic>) -> anyhow::Result<()> {
    let errors = tell(events, settings, diagnostics);
    if errors.is_empty() {
        return Ok(());
    }
    events.emit(Event::Failed { diagnostics: errors });
    Err(Reported.into())
}

/// Tells warnings, and returns the errors.
fn tell(events: &Events, settings: &Settings, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for diagnostic in diagnostics {
        let name = diagnostic.name.unwrap_or("Warning");
        match settings.warnings.treat(name) {
            _ if diagnostic.severity == Severity::Error => errors.push(diagnostic),
            Treatment::Error => errors.push(diagnostic),
            Treatment::Warn if !settings.deprecations.meets(name) => {}
            Treatment::Warn => events.emit(Event::Warning { name: name.to_owned(), diagnostic }),
            Treatment::Silence => {}
        }
    }
    errors
}

/// A profile's keys as the adapter reads them.
fn athena_keys(profile: &Profile) -> Map<String, Json> {
    let mut keys = profile.credentials.clone();
    keys.insert("type".to_owned(), profile.adapter_type.clone().into());
    keys.insert("threads".to_owned(), profile.threads.into());
    keys
}

/// The Athena target that an invocation with these settings works on.
#[cfg(feature = "server")]
pub fn athena_target(
    settings: &Settings,
    environment: &Environment,
    project_dir: &Path,
) -> Result<AthenaProfile, Vec<Diagnostic>> {
    AthenaProfile::parse(&athena_keys(&load_profile(settings, environment, project_dir, None)?))
}

/// `target` of dbt_project.yml's templates.
fn target_names(profile: &Profile, athena: &AthenaProfile) -> Map<String, Json> {
    let mut target = athena.connection_keys();
    for (name, value) in [
        ("name", profile.target.clone()),
        ("target_name", profile.target.clone()),
        ("profile_name", profile.name.clone()),
        ("type", profile.adapter_type.clone()),
        ("schema", athena.schema.clone()),
        ("database", athena.database.clone()),
    ] {
        target.insert(name.to_owned(), value.into());
    }
    target.insert("threads".to_owned(), profile.threads.into());
    target
}

/// The profile that the project, the flags and the environment choose.
fn load_profile(
    settings: &Settings,
    environment: &Environment,
    project_dir: &Path,
    names: Option<&InvocationNames>,
) -> Result<Profile, Vec<Diagnostic>> {
    // The project's own templates may name the target, which is not known yet; only `profile:` counts here, and what they log is told later.
    let mut renderer = YamlContext::for_project(lookup(environment), settings.vars.clone(), None);
    if let Some(names) = names {
        renderer = renderer.of_invocation(InvocationNames { events: Arc::new(Silent), ..names.clone() });
    }
    let (root, diagnostics) = DbtProject::load(project_dir, "", &renderer);
    let Some(root) = root else { return Err(diagnostics) };
    if let Some(raw) = root.profile.as_deref().filter(|name| settings.profile.is_none() && name.contains("{{")) {
        let told: Vec<Diagnostic> = diagnostics.iter().filter(|found| found.what.contains(raw)).cloned().collect();
        if !told.is_empty() {
            return Err(told);
        }
    }
    let mut renderer = YamlContext::for_profiles(lookup(environment), settings.vars.clone());
    if let Some(names) = names {
        renderer = renderer.of_invocation(names.clone());
    }
    let loaded = Profile::load(&root, &profile_settings(settings, environment, Some(project_dir)), &renderer);
    let mut profile = loaded.map_err(|mut errors| {
        // Nothing else will be read: what is wrong with the project is told with it.
        // But for templates, which may ask for the target.
        let is_sure = |found: &Diagnostic| found.severity == Severity::Error && found.kind != Kind::Compilation;
        errors.extend(diagnostics.into_iter().filter(is_sure));
        errors
    })?;
    if let Some(threads) = settings.threads {
        profile.threads = threads;
    }
    Ok(profile)
}

/// How the profile is chosen.
pub fn profile_settings(settings: &Settings, environment: &Environment, project_dir: Option<&Path>) -> ProfileSettings {
    let current_dir = std::env::current_dir().unwrap_or_default();
    let directories = profiles_dirs(settings.profiles_dir.as_deref(), environment, &current_dir, project_dir);
    ProfileSettings {
        directories,
        profile: settings.profile.clone(),
        target: settings.target.clone(),
        threads: settings.threads,
    }
}

fn lookup(environment: &Environment) -> engine::context::Environment {
    let environment = environment.clone();
    Arc::new(move |name: &str| environment.get(name).map(str::to_owned))
}

/// `log()`, `print()` and warnings of templates, as events.
struct TemplateEvents {
    events: Events,
    rules: WarningRules,
    deprecations: Arc<Deprecations>,
}

impl TemplateEvents {
    fn new(events: &Events, settings: &Settings) -> Self {
        Self {
            events: events.clone(),
            rules: settings.warnings.clone(),
            deprecations: Arc::clone(&settings.deprecations),
        }
    }

    fn warning(&self, name: &str, message: &str) -> Result<(), String> {
        match self.rules.treat(name) {
            Treatment::Silence => {}
            Treatment::Error => return Err(message.to_owned()),
            Treatment::Warn if !self.deprecations.meets(name) => {}
            Treatment::Warn => {
                self.events.emit(Event::Warning { name: name.to_owned(), diagnostic: Diagnostic::warning(message) });
            }
        }
        Ok(())
    }
}

impl RenderEvents for TemplateEvents {
    fn log(&self, message: &str, info: bool) {
        self.events.emit(Event::JinjaLog { text: message.to_owned(), info });
    }

    fn print(&self, message: &str) {
        self.events.emit(Event::Print { text: message.to_owned() });
    }

    fn note(&self, name: &'static str, message: &str) {
        self.events.emit(Event::Note { name, text: message.to_owned() });
    }

    fn warn(&self, message: &str) -> Result<(), String> {
        self.warning("JinjaLogWarning", message)
    }

    fn deprecated(&self, name: &str, message: &str) -> Result<(), String> {
        self.warning(name, message)
    }
}

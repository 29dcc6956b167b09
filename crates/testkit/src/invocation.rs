//! An invocation: a project directory, a fake warehouse, a clock that stands still.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use diagnostic::Diagnostic;
use engine::{
    Host, Manifest,
    context::{InvocationNames, RenderEvents, YamlContext},
};
use project::{Project, ProjectSettings, yaml};

use crate::FakeAdapter;

/// What templates said.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    /// The lines, `log: …`, `print: …`, `warn: …`.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl RenderEvents for Heard {
    fn log(&self, message: &str, _: bool) {
        self.push(format!("log: {message}"));
    }

    fn print(&self, message: &str) {
        self.push(format!("print: {message}"));
    }

    fn note(&self, name: &'static str, message: &str) {
        self.push(format!("{name}: {message}"));
    }

    fn warn(&self, message: &str) -> Result<(), String> {
        self.push(format!("warn: {message}"));
        Ok(())
    }

    fn deprecated(&self, name: &str, message: &str) -> Result<(), String> {
        self.push(format!("{name}: {message}"));
        Ok(())
    }
}

/// An invocation of the engine on a project.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The project's directory.
    pub root: PathBuf,
    /// The warehouse.
    pub adapter: FakeAdapter,
    /// What was said.
    pub heard: Heard,
    /// `--vars`, as YAML.
    pub vars: String,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Flags by lower-case name.
    pub flags: serde_json::Map<String, serde_json::Value>,
}

impl Invocation {
    /// On a project directory, with an empty warehouse.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            adapter: FakeAdapter::default(),
            heard: Heard::default(),
            vars: String::new(),
            environment: Vec::new(),
            flags: serde_json::Map::new(),
        }
    }

    /// 2024-01-02 03:04:05 UTC.
    pub fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_704_164_645, 0).unwrap_or_default()
    }

    fn cli_vars(&self) -> yaml::Map {
        match yaml::parse(&self.vars) {
            Ok((node, _)) => node.value.as_map().cloned().unwrap_or_default(),
            Err(_) => yaml::Map::new(),
        }
    }

    /// The host, with the current runtime if there is one.
    pub fn host(&self) -> Host {
        let environment = self.environment.clone();
        Host {
            adapter: Arc::new(self.adapter.clone()),
            runtime: tokio::runtime::Handle::try_current().ok(),
            events: Arc::new(self.heard.clone()),
            environment: Arc::new(move |name| {
                environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            }),
            started_at: Self::now(),
            clock: Arc::new(Self::now),
            invocation_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            target_name: "dev".to_owned(),
            profile_name: "test".to_owned(),
            threads: 4,
            flags: Arc::new(self.flags.clone()),
            args: Arc::default(),
            selected: Arc::default(),
            metadata_env: Arc::default(),
            target_path: "target".to_owned(),
        }
    }

    /// Loads the project.
    pub fn load(&self) -> (Option<Project>, Vec<Diagnostic>) {
        let host = self.host();
        let names = InvocationNames {
            invocation_id: host.invocation_id,
            started_at: host.started_at,
            clock: Arc::clone(&host.clock),
            flags: host.flags,
            events: host.events,
        };
        let renderer = YamlContext::for_project(host.environment, self.cli_vars(), None).of_invocation(names);
        let settings =
            ProjectSettings { root: self.root.clone(), cli_vars: self.cli_vars(), ..ProjectSettings::default() };
        Project::load(&settings, &renderer)
    }

    /// Loads and parses the project; `None` when it could not even be loaded.
    pub fn parse(&self) -> (Option<Manifest>, Vec<Diagnostic>) {
        let (project, mut diagnostics) = self.load();
        let Some(project) = project else { return (None, diagnostics) };
        let (manifest, found) = engine::parse(&project, &Host { runtime: None, ..self.host() });
        diagnostics.extend(found);
        (Some(manifest), diagnostics)
    }
}

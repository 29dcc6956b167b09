//! `--state`: the artifacts of an earlier run, and what changed since.
//!
//! [`PreviousState::load`] reads the folder; [`Comparison`] answers `state:`, `result:` and `source_status:` of selections.

mod compare;
mod contract;
mod seeds;
mod selection;
mod upgrade;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use artifacts::{Manifest as Artifact, freshness::FreshnessResults, run_results::RunResults};
use diagnostic::Diagnostic;
use project::Project;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::parse::keeps_as_written;

pub use selection::Comparison;

/// What an earlier run left in a folder; a file that is not there is `None`.
#[derive(Debug, Clone)]
pub struct PreviousState {
    /// As it was named.
    pub folder: PathBuf,
    pub manifest: Option<Arc<Artifact>>,
    pub results: Option<RunResults>,
    pub sources: Option<FreshnessResults>,
    /// sources.json of the target folder: what `source_status:fresher` compares with.
    pub current_sources: Option<FreshnessResults>,
    /// Whether configs are compared as they are written.
    as_written: bool,
}

/// A kind of artifact: its name in schema versions, and the versions that can be read.
struct Schema {
    file: &'static str,
    name: &'static str,
    oldest: u32,
    newest: u32,
}

const MANIFEST: Schema = Schema { file: "manifest.json", name: "manifest", oldest: 4, newest: 12 };
const RUN_RESULTS: Schema = Schema { file: "run_results.json", name: "run-results", oldest: 4, newest: 6 };
const SOURCES: Schema = Schema { file: "sources.json", name: "sources", oldest: 1, newest: 3 };

impl PreviousState {
    /// Reads the artifacts of a folder, to compare them with `project`. `named` is the folder in the user's words, for messages.
    ///
    /// # Errors
    /// A file that is no JSON, is another kind of artifact, or has a version that is not known.
    pub fn load(project: &Project, named: &Path, folder: &Path, target: &Path) -> Result<Self, Diagnostic> {
        let as_written = keeps_as_written(project);
        let mut manifest: Option<Artifact> = read(folder, &MANIFEST)?;
        if let Some(manifest) = manifest.as_mut().filter(|_| as_written) {
            upgrade::upgrade(manifest);
        }
        Ok(Self {
            as_written,
            folder: named.to_path_buf(),
            manifest: manifest.map(Arc::new),
            results: read(folder, &RUN_RESULTS)?,
            sources: read(folder, &SOURCES)?,
            current_sources: read(target, &SOURCES)?,
        })
    }

    /// The manifest, which `--defer` and `clone` cannot do without.
    ///
    /// # Errors
    /// When the folder has none.
    pub fn need_manifest(&self) -> Result<&Arc<Artifact>, Diagnostic> {
        self.manifest.as_ref().ok_or_else(|| {
            let folder = self.folder.display();
            Diagnostic::error(format!("Runtime Error\n  Could not find manifest in --state path: \"{folder}\""))
                .cause("the folder has no manifest.json")
                .fix("name a folder with the artifacts of an earlier run, such as a copy of production's `target`")
        })
    }
}

/// Reads run_results.json of a folder, for `retry`.
///
/// # Errors
/// As [`PreviousState::load`].
pub fn run_results(folder: &Path) -> Result<Option<RunResults>, Diagnostic> {
    read(folder, &RUN_RESULTS)
}

fn read<T: DeserializeOwned>(folder: &Path, schema: &Schema) -> Result<Option<T>, Diagnostic> {
    let path = folder.join(schema.file);
    if !path.is_file() {
        return Ok(None);
    }
    let unreadable = |error: String| {
        let what = format!("Runtime Error\n  Could not read \"{}\" as JSON: {error}", path.display());
        Diagnostic::error(what)
            .cause("the file was cut off, or was not written by dbt")
            .fix("copy the artifacts again from the run that wrote them")
    };
    let text = fs_err::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    check_version(&json, schema, &path)?;
    serde_json::from_value(json).map(Some).map_err(|error| unreadable(error.to_string()))
}

/// An artifact says in its metadata what it is; one that says nothing is taken at its word, as dbt does.
fn check_version(json: &Json, schema: &Schema, path: &Path) -> Result<(), Diagnostic> {
    let Some(found) = json.pointer("/metadata/dbt_schema_version").and_then(Json::as_str) else { return Ok(()) };
    let version = found
        .strip_suffix(".json")
        .and_then(|found| found.rsplit_once(&format!("/{}/v", schema.name)))
        .and_then(|(_, version)| version.parse::<u32>().ok());
    if version.is_some_and(|version| (schema.oldest..=schema.newest).contains(&version)) {
        return Ok(());
    }
    let Schema { file, name, oldest, newest } = schema;
    Err(Diagnostic::error(format!(
        "Runtime Error\n  Expected a schema version of \"https://schemas.getdbt.com/dbt/{name}/v{newest}.json\" in {}, but found \"{found}\". Are you running with a different version of dbt?",
        path.display()
    ))
    .cause(match version {
        Some(version) => format!("version {version} of {file} is not one of {oldest} to {newest}"),
        None => format!("the file is no {file}"),
    })
    .fix("write the artifacts with Owlet or dbt Core 1.12"))
}

//! What the compiler does not check: the map in ARCHITECTURE.md, the firewalls between crates, one feature set.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The dbt side: none of these crates may reach the heavy dependencies below.
const LIGHT_CRATES: [&str; 8] =
    ["names", "diagnostic", "jinja", "project", "graph", "artifacts", "engine", "adapter-athena"];
/// What the light crates are kept away from, because each costs minutes to build.
const HEAVY_DEPENDENCIES: [&str; 8] =
    ["datafusion", "arrow", "parquet", "iceberg", "sqlx", "axum", "aws-config", "reqwest"];
/// Crates that reach Arrow: building one alone must build no dependency a second time.
const UNIFIED_CRATES: [&str; 6] = ["lake", "catalog", "query", "athena", "gateway", "cli"];
/// Dependencies that are expensive to build twice.
const EXPENSIVE: [&str; 9] =
    ["arrow", "parquet", "datafusion", "iceberg", "sqlx", "serde_json", "tokio", "s3s", "object_store"];

/// Runs every check and reports all that fail.
pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let packages = packages(root)?;
    let mut mistakes = architecture_names_every_crate(root, &packages)?;
    mistakes.extend(only_query_names_datafusion(&packages));
    mistakes.extend(light_crates_stay_light(root)?);
    mistakes.extend(features_are_unified(root)?);
    if mistakes.is_empty() {
        return Ok(());
    }
    bail!("{}", mistakes.join("\n"))
}

/// A package of the workspace with the names of its direct dependencies.
struct Package {
    name: String,
    folder: PathBuf,
    dependencies: Vec<String>,
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    let text = cargo(root, &["metadata", "--no-deps", "--format-version=1", "--locked"])?;
    let metadata: Value = serde_json::from_str(&text).context("reading `cargo metadata`")?;
    let packages = metadata["packages"].as_array().context("`cargo metadata` lists packages")?;
    Ok(packages
        .iter()
        .map(|package| Package {
            name: package["name"].as_str().unwrap_or_default().to_owned(),
            folder: Path::new(package["manifest_path"].as_str().unwrap_or_default())
                .parent()
                .map(Path::to_owned)
                .unwrap_or_default(),
            dependencies: package["dependencies"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
                .collect(),
        })
        .collect())
}

/// The code map is a table whose rows start with the crate's name in backquotes.
fn architecture_names_every_crate(root: &Path, packages: &[Package]) -> Result<Vec<String>> {
    let text = fs_err::read_to_string(root.join("ARCHITECTURE.md"))?;
    let named: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)).collect();
    let existing: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package.folder.starts_with(root.join("crates")))
        .map(|package| package.name.as_str())
        .collect();
    let missing = existing.difference(&named).map(|name| format!("ARCHITECTURE.md does not name the crate '{name}'"));
    let gone = named.difference(&existing).map(|name| format!("ARCHITECTURE.md names '{name}', which is no crate"));
    Ok(missing.chain(gone).collect())
}

fn only_query_names_datafusion(packages: &[Package]) -> Vec<String> {
    packages
        .iter()
        .filter(|package| package.name != "query")
        .flat_map(|package| package.dependencies.iter().map(move |dependency| (package, dependency)))
        .filter(|(_, dependency)| dependency.starts_with("datafusion"))
        .map(|(package, dependency)| format!("'{}' names {dependency}; only 'query' may", package.name))
        .collect()
}

fn light_crates_stay_light(root: &Path) -> Result<Vec<String>> {
    let mut mistakes = Vec::new();
    for name in LIGHT_CRATES {
        let tree = cargo(root, &["tree", "--locked", "-p", name, "-e", "normal", "--prefix", "none", "-f", "{p}"])?;
        for line in tree.lines() {
            let dependency = line.split(' ').next().unwrap_or_default();
            if HEAVY_DEPENDENCIES.contains(&dependency) {
                mistakes.push(format!("'{name}' reaches {dependency}, which belongs to the lake side"));
            }
        }
    }
    mistakes.dedup();
    Ok(mistakes)
}

fn features_are_unified(root: &Path) -> Result<Vec<String>> {
    let all = features(root, &["--workspace"])?;
    let mut mistakes = Vec::new();
    for name in UNIFIED_CRATES {
        for line in features(root, &["-p", name])?.difference(&all) {
            let dependency = line.split(' ').next().unwrap_or_default();
            if EXPENSIVE.iter().any(|expensive| dependency.starts_with(expensive)) {
                mistakes.push(format!(
                    "'{name}' alone builds `{line}`, unlike the workspace: run `cargo hakari generate` (crate cargo-hakari)"
                ));
            }
        }
    }
    Ok(mistakes)
}

fn features(root: &Path, selection: &[&str]) -> Result<BTreeSet<String>> {
    let mut arguments = vec!["tree", "--locked", "-e", "normal,build", "--prefix", "none", "-f", "{p} {f}"];
    arguments.extend(selection);
    let tree = cargo(root, &arguments)?;
    Ok(tree.lines().filter(|line| !line.contains(" (/")).map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("cargo").args(arguments).current_dir(root).output().context("running cargo")?;
    if !output.status.success() {
        bail!("cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

//! `package-lock.yml`: the text and the hash that dbt gives it.
//!
//! Source: lock files of dbt Core 1.12.0 (`conformance/dbt-deps` compares byte by byte).

use diagnostic::Diagnostic;
use project::yaml::{Map, Node, Value};
use project::{GitCheckout, PackageEntry, PackageSpec};
use serde_json::{Map as JsonMap, Value as Json};
use sha1::{Digest, Sha1};

use crate::python_json;
use crate::resolve::{Package, Pinned};
use crate::secrets::Secrets;
use crate::yaml_text;

/// The text of the lock file, and warnings of secrets that it does not hold.
pub fn text(packages: &[Package], declared: &[PackageEntry], secrets: &Secrets) -> (String, Vec<Diagnostic>) {
    let mut warnings = Vec::new();
    let mut file = Map::new();
    let entries =
        packages.iter().map(|package| Node::new(Value::Map(entry(package, secrets, &mut warnings)))).collect();
    file.insert("packages", Value::Seq(entries));
    file.insert("sha1_hash", Value::from(hash(declared)));
    (yaml_text::dump(&file), warnings)
}

fn entry(package: &Package, secrets: &Secrets, warnings: &mut Vec<Diagnostic>) -> Map {
    let mut entry = Map::new();
    let mut scrubbed = |text: &str| {
        let clean = secrets.scrub(text);
        if clean != text {
            warnings.push(scrubbed_warning(&clean));
        }
        Value::from(clean)
    };
    match &package.pinned {
        Pinned::Hub { package, version, .. } => {
            entry.insert("package", Value::from(package.as_str()));
            entry.insert("version", Value::from(version.as_str()));
        }
        Pinned::Git { unrendered, sha, subdirectory, private, .. } => {
            entry.insert(if private.is_some() { "private" } else { "git" }, scrubbed(unrendered));
            entry.insert("revision", Value::from(sha.as_str()));
            if let Some(folder) = subdirectory.as_ref().filter(|folder| !folder.is_empty()) {
                entry.insert("subdirectory", Value::from(folder.as_str()));
            }
            if let Some(Some(provider)) = private {
                entry.insert("provider", Value::from(provider.as_str()));
            }
        }
        Pinned::Tarball { unrendered, .. } => {
            entry.insert("tarball", scrubbed(unrendered));
        }
        Pinned::Local { path } => {
            entry.insert("local", Value::from(path.as_str()));
        }
    }
    entry.insert("name", Value::from(package.name.as_str()));
    entry
}

fn scrubbed_warning(clean: &str) -> Diagnostic {
    Diagnostic::warning(format!(
        "Detected secret env var in {clean}. dbt will write a scrubbed representation to the lock file. This will cause issues with subsequent 'dbt deps' using the lock file, requiring 'dbt deps --upgrade'"
    ))
    .cause("the value of a secret variable stands in packages.yml itself")
    .fix("write {{ env_var('DBT_ENV_SECRET_…') }} in its place: the lock file keeps the template")
}

/// SHA-1 over the declared packages: each as JSON with sorted keys, the lines sorted. dbt tells by it whether the list
/// has changed.
pub fn hash(declared: &[PackageEntry]) -> String {
    let mut lines: Vec<String> = declared.iter().map(|entry| python_json::dumps(&declared_json(entry))).collect();
    lines.sort();
    hex::encode(Sha1::digest(lines.join("\n").as_bytes()))
}

fn declared_json(entry: &PackageEntry) -> Json {
    let mut json = JsonMap::new();
    let mut set = |key: &str, value: Json| json.insert(key.to_owned(), value);
    let optional = |text: &Option<String>| text.as_deref().map_or(Json::Null, Json::from);
    match &entry.spec {
        PackageSpec::Local { path } => {
            set("local", Json::from(path.as_str()));
        }
        PackageSpec::Hub { package, version, install_prerelease } => {
            set("package", Json::from(package.as_str()));
            set("version", version.clone());
            set("install_prerelease", install_prerelease.map_or(Json::Null, Json::from));
        }
        PackageSpec::Tarball { url, .. } => {
            set("tarball", Json::from(url.as_str()));
        }
        PackageSpec::Git { url, .. } => {
            set("git", Json::from(url.as_str()));
        }
        PackageSpec::Private { repository, provider, .. } => {
            set("private", Json::from(repository.as_str()));
            set("provider", optional(provider));
        }
    }
    if let PackageSpec::Git { checkout, .. } | PackageSpec::Private { checkout, .. } = &entry.spec {
        let GitCheckout { revision, subdirectory, warn_unpinned } = checkout;
        set("revision", revision.clone().unwrap_or_default());
        set("subdirectory", optional(subdirectory));
        set("warn-unpinned", warn_unpinned.map_or(Json::Null, Json::from));
    }
    if let Some(name) = &entry.name {
        set("name", Json::from(name.as_str()));
    }
    set("unrendered", Json::Object(entry.unrendered.clone()));
    Json::Object(json)
}

//! The package hub: an index of names, and per package its versions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use diagnostic::{Diagnostic, Severity};
use project::{CLAIMED_DBT_VERSION, PackagesFile, SourceText, Verbatim};
use serde_json::{Map, Value as Json};

use crate::error::PackageError;
use crate::http::Http;
use crate::version::{Bound, NoVersion, Range};

/// The public hub.
pub const DEFAULT_HUB: &str = "https://hub.getdbt.com/";

/// A hub, and what it has answered so far.
#[derive(Debug)]
pub struct Hub {
    url: String,
    http: Http,
    index: Mutex<Option<Arc<Vec<String>>>>,
    packages: Mutex<HashMap<String, Arc<HubPackage>>>,
}

/// What the hub says of a package.
#[derive(Debug)]
pub struct HubPackage {
    /// The package that took its place: `namespace/name`.
    pub redirect: Option<String>,
    /// In the hub's order.
    pub versions: Vec<HubVersion>,
}

/// One version of a package.
#[derive(Debug)]
pub struct HubVersion {
    /// `1.3.0`
    pub version: String,
    /// The project's name.
    pub name: String,
    /// Where the archive is.
    pub tarball: String,
    /// The archive's SHA-1 when it was published.
    pub sha1: Option<String>,
    /// What it asks for.
    pub packages: PackagesFile,
    /// Bounds on the version of dbt.
    pub require_dbt_version: Vec<String>,
}

impl Hub {
    /// The hub at an address.
    pub fn new(url: &str, http: Http) -> Self {
        let slash = if url.ends_with('/') { "" } else { "/" };
        Self { url: format!("{url}{slash}"), http, index: Mutex::default(), packages: Mutex::default() }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The names of all packages.
    pub async fn index(&self) -> Result<Arc<Vec<String>>, PackageError> {
        if let Some(index) = lock(&self.index).as_ref() {
            return Ok(Arc::clone(index));
        }
        let read = |body: &[u8]| {
            serde_json::from_slice::<Vec<String>>(body)
                .map_err(|error| format!("the index is no list of names: {error}"))
        };
        let index = Arc::new(self.http.get(&format!("{}api/v1/index.json", self.url), read).await?);
        *lock(&self.index) = Some(Arc::clone(&index));
        Ok(index)
    }

    /// The versions of a package.
    pub async fn package(&self, name: &str) -> Result<Arc<HubPackage>, PackageError> {
        if let Some(package) = lock(&self.packages).get(name) {
            return Ok(Arc::clone(package));
        }
        let url = format!("{}api/v1/{name}.json", self.url);
        let package = Arc::new(self.http.get(&url, |body| HubPackage::read(name, body)).await?);
        lock(&self.packages).insert(name.to_owned(), Arc::clone(&package));
        Ok(package)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind it is replaced as a whole, and whole also after a panic.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl HubPackage {
    fn read(name: &str, body: &[u8]) -> Result<Self, String> {
        let answer: Json = serde_json::from_slice(body).map_err(|error| format!("the answer is no JSON: {error}"))?;
        let Some(answer) = answer.as_object() else { return Err("the answer is no mapping".to_owned()) };
        let (Some(own_name), Some(versions)) = (text(answer, "name"), answer.get("versions").and_then(Json::as_object))
        else {
            return Err("the answer lacks 'name' or 'versions'".to_owned());
        };
        let redirect = match (text(answer, "redirectnamespace"), text(answer, "redirectname")) {
            (None, None) => None,
            (namespace, new_name) => {
                let namespace = namespace.or_else(|| text(answer, "namespace")).unwrap_or_default();
                Some(format!("{namespace}/{}", new_name.unwrap_or(own_name)))
            }
        };
        let versions = versions.iter().map(|(version, about)| HubVersion::read(name, version, about));
        Ok(Self { redirect, versions: versions.collect::<Result<_, _>>()? })
    }

    /// The versions that may be used with our dbt.
    pub fn compatible(&self) -> Result<Vec<String>, NoVersion> {
        let mut compatible = Vec::new();
        for version in &self.versions {
            if version.allows_our_dbt()? {
                compatible.push(version.version.clone());
            }
        }
        Ok(compatible)
    }

    /// All versions.
    pub fn all(&self) -> Vec<String> {
        self.versions.iter().map(|version| version.version.clone()).collect()
    }

    /// A version by its text.
    pub fn version(&self, version: &str) -> Option<&HubVersion> {
        self.versions.iter().find(|other| other.version == version)
    }
}

impl HubVersion {
    fn read(package: &str, version: &str, about: &Json) -> Result<Self, String> {
        let lacking = |key: &str| format!("version {version} lacks '{key}'");
        let about = about.as_object().ok_or_else(|| format!("version {version} is no mapping"))?;
        let downloads = about.get("downloads").and_then(Json::as_object).ok_or_else(|| lacking("downloads"))?;
        let packages = about.get("packages").ok_or_else(|| lacking("packages"))?;
        let asked = serde_json::to_string_pretty(&serde_json::json!({ "packages": packages }))
            .map_err(|error| error.to_string())?;
        let source = SourceText::new(format!("{package} {version} of the hub"), asked);
        let (packages, diagnostics) = PackagesFile::parse(source, &Verbatim);
        if let Some(mistake) = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
            return Err(format!("the packages of version {version}: {}", mistake.what));
        }
        let require_dbt_version = match about.get("require_dbt_version") {
            Some(Json::String(one)) if !one.is_empty() => vec![one.clone()],
            Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            version: version.to_owned(),
            name: text(about, "name").ok_or_else(|| lacking("name"))?.to_owned(),
            tarball: text(downloads, "tarball").ok_or_else(|| lacking("downloads.tarball"))?.to_owned(),
            sha1: text(downloads, "sha1").map(str::to_lowercase),
            packages,
            require_dbt_version,
        })
    }

    fn allows_our_dbt(&self) -> Result<bool, NoVersion> {
        let mut bounds = vec![Bound::parse(CLAIMED_DBT_VERSION)?];
        for text in &self.require_dbt_version {
            bounds.push(Bound::parse(text)?);
        }
        Ok(Range::of(&bounds).is_ok())
    }
}

fn text<'a>(map: &'a Map<String, Json>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// dbt's deprecation of a package that has moved.
pub fn redirect_warning(old: &str, new: &str) -> Diagnostic {
    Diagnostic::warning(format!(
        "Deprecated functionality\n  The `{old}` package is deprecated in favor of `{new}`. Please update your `packages.yml` configuration to use `{new}` instead."
    ))
    .cause(format!("the hub says that {old} has become {new}"))
    .fix(format!("write `- package: {new}` in packages.yml"))
}

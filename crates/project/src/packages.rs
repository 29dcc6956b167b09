//! `packages.yml` and `dependencies.yml`.

use std::path::Path;

use diagnostic::Diagnostic;
use serde_json::{Map as JsonMap, Value as Json};

use crate::dbt_project::unreadable;
use crate::fields::Fields;
use crate::render::{RenderYaml, Verbatim, render_tree};
use crate::source::SourceText;
use crate::yaml::{self, Map, Node, Position, Value};

/// The file that says which packages are to be installed, exactly.
pub const LOCK_FILE: &str = "package-lock.yml";

/// One package that a project asks for, or that a lock file pins.
#[derive(Debug, Clone, PartialEq)]
pub enum PackageSpec {
    /// `local: path`
    Local {
        /// Relative to the root project, also when another package asks for it.
        path: String,
    },
    /// `package: namespace/name`
    Hub {
        /// `namespace/name`
        package: String,
        /// As written: a text, a float, or a list of them; an integer is its text. Comparisons that must all hold.
        version: Json,
        /// Whether a prerelease will do.
        install_prerelease: Option<bool>,
    },
    /// `git: url`
    Git {
        /// Where the repository is. May hold a secret.
        url: String,
        /// What of it.
        checkout: GitCheckout,
    },
    /// `private: organisation/repository`
    Private {
        /// The repository.
        repository: String,
        /// `github`, `gitlab`, `ado`
        provider: Option<String>,
        /// What of it.
        checkout: GitCheckout,
    },
    /// `tarball: url`
    Tarball {
        /// Where the archive is. May hold a secret.
        url: String,
        /// The name of the folder it is installed as.
        name: String,
    },
}

/// What of a git repository is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GitCheckout {
    /// Tag, branch or commit as written: a text or a float; an integer is its text.
    pub revision: Option<Json>,
    /// The project's directory in the repository.
    pub subdirectory: Option<String>,
    /// `warn-unpinned`
    pub warn_unpinned: Option<bool>,
}

impl PackageSpec {
    /// How a message names the package. With its secrets, where a url holds some.
    pub fn shown(&self) -> &str {
        match self {
            Self::Local { path } => path,
            Self::Hub { package, .. } => package,
            Self::Git { url, .. } | Self::Tarball { url, .. } => url,
            Self::Private { repository, .. } => repository,
        }
    }
}

/// An entry of `packages:`.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageEntry {
    /// What is asked for.
    pub spec: PackageSpec,
    /// `name:`, which a lock file has for every package.
    pub name: Option<String>,
    /// Its place in the file.
    pub position: Position,
    /// The entry before rendering.
    pub unrendered: JsonMap<String, Json>,
}

/// The packages that one project asks for.
#[derive(Debug, Clone, Default)]
pub struct PackagesFile {
    /// The file they are in, as messages name it.
    pub source: SourceText,
    /// In their order.
    pub packages: Vec<PackageEntry>,
    /// Names under `projects:` of `dependencies.yml`.
    pub projects: Vec<String>,
    /// `sha1_hash` of a lock file.
    pub sha1_hash: Option<String>,
    /// Where the key `packages` stands, also above an empty list.
    pub packages_key: Option<Position>,
}

impl PackagesFile {
    /// Reads both files of the project at `root`, which messages name `shown`; neither need exist.
    pub fn load(root: &Path, shown: &str, renderer: &dyn RenderYaml) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut read = |name: &str, renderer: &dyn RenderYaml| {
            let file = if shown.is_empty() { name.to_owned() } else { format!("{shown}/{name}") };
            match fs_err::read_to_string(root.join(name)) {
                Ok(text) => {
                    let (found, more) = Self::parse(SourceText::new(file, text), renderer);
                    diagnostics.extend(more);
                    Some(found)
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => {
                    diagnostics.push(unreadable(&file, &error));
                    None
                }
            }
        };
        let packages = read("packages.yml", renderer);
        let dependencies = read("dependencies.yml", &Verbatim);
        let merged = match (packages, dependencies) {
            (Some(packages), Some(mut dependencies)) => {
                if let (Some(_), Some(position)) = (packages.packages_key, dependencies.packages_key) {
                    let what = "Runtime Error\n  The 'packages' key cannot be specified in both packages.yml and dependencies.yml";
                    diagnostics.push(
                        dependencies
                            .source
                            .error(position, what)
                            .cause("dbt reads one list of packages")
                            .fix("move all packages into one of the two files"),
                    );
                }
                if dependencies.packages_key.is_none() {
                    dependencies.packages = packages.packages;
                    dependencies.packages_key = packages.packages_key;
                    dependencies.source = packages.source;
                }
                dependencies
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Self::default(),
        };
        (merged, diagnostics)
    }

    /// Reads `package-lock.yml` of the project at `root`. `None`: there is none.
    pub fn load_lock(root: &Path, renderer: &dyn RenderYaml) -> (Option<Self>, Vec<Diagnostic>) {
        match fs_err::read_to_string(root.join(LOCK_FILE)) {
            Ok(text) => {
                let (lock, diagnostics) = Self::parse(SourceText::new(LOCK_FILE, text), renderer);
                (Some(lock), diagnostics)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (None, Vec::new()),
            Err(error) => (None, vec![unreadable(LOCK_FILE, &error)]),
        }
    }

    /// Reads the text of a `packages.yml`, `dependencies.yml` or `package-lock.yml`.
    pub fn parse(source: SourceText, renderer: &dyn RenderYaml) -> (Self, Vec<Diagnostic>) {
        let (node, mut diagnostics) = yaml::parse_file(&source.file, &source.text);
        let mut found = Self { source: source.clone(), ..Self::default() };
        let Some(node) = node.filter(|node| !node.value.is_null()) else { return (found, diagnostics) };
        let written = node.value.as_map().and_then(|map| map.entry("packages"));
        found.packages_key = written.map(|entry| entry.key.position);
        let raw = written.and_then(|entry| entry.value.value.as_seq());
        let raw: Vec<JsonMap<String, Json>> = raw
            .unwrap_or_default()
            .iter()
            .map(|entry| entry.value.as_map().map(Map::to_json).unwrap_or_default())
            .collect();
        let node = render_tree(&node, renderer, &|_| false, &source, &mut diagnostics);
        let is_dependencies = source.file.ends_with("dependencies.yml");
        let is_lock = source.file.ends_with(LOCK_FILE);
        let Some(mut fields) = Fields::new(&node, source.file.clone(), &source, &mut diagnostics) else {
            return (found, diagnostics);
        };
        for (at, entry) in fields.list("packages").iter().enumerate() {
            let Some((spec, name)) = read_package(&mut fields, entry) else { continue };
            let unrendered = raw.get(at).cloned().unwrap_or_default();
            found.packages.push(PackageEntry { spec, name, position: entry.position, unrendered });
        }
        if let Some(projects) = fields.peek("projects")
            && !is_dependencies
        {
            let position = projects.position;
            let what = "Runtime Error\n  The 'projects' key cannot be specified in packages.yml".to_owned();
            fields.report(position, what, None, "move `projects:` to dependencies.yml");
            fields.take("projects");
        }
        for entry in fields.list("projects") {
            let name =
                entry.value.as_map().and_then(|project| project.get("name")).and_then(|name| name.value.as_str());
            match name {
                Some(name) => found.projects.push(name.to_owned()),
                // dbt Core looks at none of them.
                None => fields.diagnostics.push(
                    source
                        .warning(entry.position, "An entry of `projects` names no project, and has no effect")
                        .fix("write `- name: other_project`"),
                ),
            }
        }
        if is_lock {
            found.sha1_hash = fields.text("sha1_hash");
        } else if !is_dependencies && let Some((key, position)) = unknown_key(&fields) {
            let what = malformed(&format!("Additional properties are not allowed ('{key}' was unexpected)"));
            fields.report(
                position,
                what,
                Some("the one key of packages.yml is `packages`".to_owned()),
                "remove the key",
            );
        }
        (found, diagnostics)
    }
}

/// dbt's sentence for a file whose shape is wrong.
fn malformed(why: &str) -> String {
    format!("Runtime Error\n  The packages.yml file in this project is malformed: {why}")
}

/// The keys of each kind; the first one tells the kind.
const KINDS: [(&str, &[&str]); 5] = [
    ("local", &[]),
    ("git", &["revision", "subdirectory", "warn-unpinned"]),
    ("private", &["provider", "revision", "subdirectory", "warn-unpinned"]),
    ("tarball", &[]),
    ("package", &["version", "install_prerelease"]),
];

fn read_package(fields: &mut Fields<'_>, node: &Node) -> Option<(PackageSpec, Option<String>)> {
    let of = format!("a package in {}", fields.source.file);
    let mut entry = fields.nested(node, of)?;
    let kinds: Vec<_> = KINDS.iter().filter(|(key, _)| entry.has(key)).collect();
    let [(kind, keys)] = kinds.as_slice() else {
        let why =
            if kinds.is_empty() { "an entry names no kind of package" } else { "an entry names two kinds of package" };
        let cause = Some("an entry has exactly one of local, package, git, private, tarball".to_owned());
        entry.report(
            node.position,
            malformed(why),
            cause,
            "write `- local: path`, or `- package: namespace/name` with a version",
        );
        return None;
    };
    let address = needed_text(&mut entry, node, kind)?;
    let name = entry.text("name");
    let checkout = |entry: &mut Fields<'_>| GitCheckout {
        revision: raw_versions(entry, "revision").filter(|revision| !revision.is_array()),
        subdirectory: entry.text("subdirectory"),
        warn_unpinned: entry.bool("warn-unpinned"),
    };
    let spec = match *kind {
        "local" => PackageSpec::Local { path: address },
        "git" => PackageSpec::Git { url: address, checkout: checkout(&mut entry) },
        "private" => PackageSpec::Private {
            repository: address,
            provider: entry.text("provider"),
            checkout: checkout(&mut entry),
        },
        "tarball" => {
            let Some(name) = name.clone().filter(|name| !name.is_empty()) else {
                let why = format!("the tarball {address} has no name");
                entry.report(node.position, malformed(&why), None, "add `name:`, the folder it is installed as");
                return None;
            };
            PackageSpec::Tarball { url: address, name }
        }
        _ => {
            let Some(version) = raw_versions(&mut entry, "version").filter(|version| !is_empty(version)) else {
                let what = format!("Runtime Error\n  '{address}' has no version. Package dependencies need one");
                entry.report(node.position, what, None, "add `version: [\">=1.0.0\", \"<2.0.0\"]`");
                return None;
            };
            if !address.contains('/') {
                let why = format!(
                    "{address} was not found in the package index. Packages on the index require a namespace, e.g dbt-labs/dbt_utils"
                );
                let cause = Some("the hub's packages are named by their owner and their name".to_owned());
                entry.report(node.position, malformed(&why), cause, "write `package: namespace/name`");
                return None;
            }
            let install_prerelease =
                if entry.has("install_prerelease") { entry.bool("install_prerelease") } else { Some(false) };
            PackageSpec::Hub { package: address, version, install_prerelease }
        }
    };
    if let Some((key, position)) = unknown_key(&entry) {
        let known: Vec<&str> = [*kind].into_iter().chain(keys.iter().copied()).collect();
        let cause = Some(format!("a package of this kind has the keys {}", known.join(", ")));
        let why = format!("'{key}' is no key of `{kind}:`");
        entry.report(position, malformed(&why), cause, "correct the key, or remove it");
        return None;
    }
    Some((spec, name))
}

/// A key that nobody took.
fn unknown_key(fields: &Fields<'_>) -> Option<(String, Position)> {
    let unknown = fields.rest().next()?;
    Some((unknown.key.value.scalar_text().unwrap_or_default(), unknown.key.position))
}

/// The value of the key that tells the kind: a text that is not empty.
fn needed_text(entry: &mut Fields<'_>, node: &Node, kind: &str) -> Option<String> {
    match entry.take(kind) {
        Some(Node { value: Value::Str(text), .. }) if !text.is_empty() => Some(text),
        Some(value) => {
            let position = if value.position.line == 0 { node.position } else { value.position };
            let called = if kind == "package" { "hub" } else { kind };
            let why = format!("A {called} package is missing the value. It is a required property.");
            let cause = Some(format!("`{kind}:` has {} here", value.value.kind()));
            entry.report(position, malformed(&why), cause, "write the name or address as a text");
            None
        }
        None => None,
    }
}

/// A version as dbt keeps it: floats stay numbers, integers become texts.
fn raw_versions(entry: &mut Fields<'_>, key: &str) -> Option<Json> {
    let node = entry.take_some(key)?;
    let read = match &node.value {
        Value::Seq(items) => {
            items.iter().map(|item| raw_version(&item.value)).collect::<Option<Vec<Json>>>().map(Json::Array)
        }
        scalar => raw_version(scalar),
    };
    if read.is_none() {
        entry.wrong(key, "a text in quotes", &node);
    }
    read
}

fn raw_version(value: &Value) -> Option<Json> {
    match value {
        Value::Str(_) | Value::Float(_) => Some(value.to_json()),
        Value::Int(_) | Value::BigInt(_) => value.scalar_text().map(Json::String),
        _ => None,
    }
}

fn is_empty(version: &Json) -> bool {
    version.as_str().is_some_and(str::is_empty) || version.as_array().is_some_and(Vec::is_empty)
}

//! `deps --add-package`: a new entry in packages.yml.

use std::path::Path;

use project::PackagesFile;
use project::yaml::{self, Map, Node, Value};

use crate::error::{PackageError, files};
use crate::events::{DepsEvent, Reporter};
use crate::secrets::Secrets;
use crate::yaml_text;

/// Where a package comes from: `--source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewSource {
    /// The hub.
    Hub,
    /// A git repository.
    Git,
    /// A folder.
    Local,
}

/// `--add-package NAME@VERSION`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPackage {
    /// `namespace/name`, address or folder.
    pub name: String,
    /// Bounds separated by commas, or a revision.
    pub version: Option<String>,
    /// Where it comes from.
    pub source: NewSource,
}

impl NewPackage {
    fn entry(&self) -> Map {
        let (key, version_key) = match self.source {
            NewSource::Hub => ("package", "version"),
            NewSource::Git => ("git", "revision"),
            NewSource::Local => ("local", "version"),
        };
        let mut entry = Map::new();
        entry.insert(key, Value::from(self.name.as_str()));
        if let Some(version) = self.version.as_ref().filter(|_| self.source != NewSource::Local) {
            let bounds: Vec<Node> = version.split(',').map(|bound| Node::new(Value::from(bound.trim()))).collect();
            let value = if bounds.len() > 1 { Value::Seq(bounds) } else { Value::from(version.as_str()) };
            entry.insert(version_key, value);
        }
        entry
    }

    /// Whether an address names the same package: by its whole name or its last part, `-` and `_` alike.
    fn is_named_by(&self, address: &str) -> bool {
        let short = self.name.rsplit('/').next().unwrap_or(&self.name);
        let spellings = [self.name.as_str(), short]
            .into_iter()
            .flat_map(|name| [name.to_owned(), name.replace('_', "-"), name.replace('-', "_")]);
        let is_edge = |c: Option<char>| c.is_none_or(|c| c == '/' || c == '.');
        spellings.into_iter().any(|name| {
            address.find(&name).is_some_and(|at| {
                is_edge(address[..at].chars().next_back()) && is_edge(address[at + name.len()..].chars().next())
            })
        })
    }
}

/// The file's text with the package in it, and without older entries for it.
///
/// A file without comments is written as dbt writes it, keys sorted; in one with comments only the entries change.
pub fn added(
    text: &str,
    file: &str,
    new: &NewPackage,
    reporter: &dyn Reporter,
    secrets: &Secrets,
) -> Result<String, PackageError> {
    let wrong = |why: String| PackageError::Add { file: file.to_owned(), why };
    let (node, _) = yaml::parse(text).map_err(|error| wrong(error.to_string()))?;
    let mut top = match node.value {
        Value::Null => Map::new(),
        Value::Map(map) => map,
        other => return Err(wrong(format!("it holds {} at its top", other.kind()))),
    };
    let entries = match top.get("packages").map(|node| node.value.clone()) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Seq(entries)) => entries,
        Some(other) => return Err(wrong(format!("`packages:` is {}, and no list", other.kind()))),
    };
    let (old, kept): (Vec<Node>, Vec<Node>) =
        entries.iter().cloned().partition(|entry| address(entry).is_some_and(|address| new.is_named_by(address)));
    for entry in old.iter().rev() {
        reporter.event(DepsEvent::FoundDuplicate(secrets.scrub(&entry.value.to_json().to_string())));
    }
    if has_comments(text)
        && let Some(edited) = edit(text, &entries, &old, new)
    {
        return Ok(edited);
    }
    let mut kept = kept;
    kept.push(Node::new(Value::Map(new.entry())));
    top.insert("packages", Value::Seq(kept));
    Ok(yaml_text::dump(&top))
}

fn address(entry: &Node) -> Option<&str> {
    let map = entry.value.as_map()?;
    ["package", "git", "local", "tarball", "private"].into_iter().find_map(|key| map.get(key)?.value.as_str())
}

fn has_comments(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #"))
}

/// Changes only the lines of entries. `None` where the list is not written as lines with dashes.
fn edit(text: &str, entries: &[Node], old: &[Node], new: &NewPackage) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let dash = |entry: &Node| {
        let line = lines.get(entry.position.line.checked_sub(1)?)?;
        line.find('-').filter(|at| line[..*at].trim().is_empty())
    };
    let indent = dash(entries.first()?)?;
    let mut starts = Vec::new();
    for entry in entries {
        (dash(entry)? == indent).then_some(())?;
        starts.push(entry.position.line - 1);
    }
    // An entry ends at the last line that is deeper than its dash.
    let end_of = |start: usize| {
        let mut end = start + 1;
        for (at, line) in lines.iter().enumerate().skip(start + 1) {
            let content = line.trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if line.len() - content.len() <= indent {
                break;
            }
            end = at + 1;
        }
        end
    };
    let last = end_of(*starts.last()?);
    let dropped: Vec<(usize, usize)> =
        old.iter().map(|entry| (entry.position.line - 1, end_of(entry.position.line - 1))).collect();
    let mut edited = String::new();
    for (at, line) in lines.iter().enumerate() {
        if !dropped.iter().any(|(start, end)| (*start..*end).contains(&at)) {
            edited.push_str(line);
            edited.push('\n');
        }
        if at + 1 == last {
            edited.push_str(&yaml_text::dump_item(&new.entry(), indent));
        }
    }
    Some(edited)
}

/// Adds the package to the file that holds the project's packages. Gives its name.
pub fn add(
    root: &Path,
    packages: &PackagesFile,
    new: &NewPackage,
    reporter: &dyn Reporter,
    secrets: &Secrets,
) -> Result<(String, String), PackageError> {
    let in_dependencies = packages.source.file == "dependencies.yml" && packages.packages_key.is_some();
    let file = if in_dependencies { "dependencies.yml" } else { "packages.yml" };
    let path = root.join(file);
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            reporter.event(DepsEvent::CreatedPackagesFile);
            String::new()
        }
        Err(error) => return Err(files("read", &path)(error)),
    };
    Ok((file.to_owned(), added(&text, file, new, reporter, secrets)?))
}

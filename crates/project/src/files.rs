//! The files of a project: found, read and hashed.

mod kinds;
mod osi;
mod read;

use std::path::PathBuf;
use std::sync::Arc;

use diagnostic::Diagnostic;

use crate::dbt_project::DbtProject;
use crate::source::SourceText;

pub use osi::osi_files;

/// What a file is for, by the directory it is in and its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A `.sql` below `macro-paths`.
    Macro,
    /// A `.sql` below `generic` of `test-paths`.
    GenericTest,
    /// A `.sql` or `.py` below `model-paths`.
    Model,
    /// A `.sql` below `snapshot-paths`.
    Snapshot,
    /// A `.sql` below `analysis-paths`.
    Analysis,
    /// Any other `.sql` below `test-paths`.
    SingularTest,
    /// A `.csv` below `seed-paths`.
    Seed,
    /// A `.md` below `docs-paths`.
    Docs,
    /// A `.csv` or `.sql` below `fixtures` of `test-paths`.
    Fixture,
    /// A `.sql`, `.py` or `.js` below `function-paths`.
    Function,
    /// A `.yml` or `.yaml` below any of them.
    Properties,
}

/// A file's identity as the manifest writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    /// `sha256`, or `path` for a seed too large to hash.
    pub name: &'static str,
    /// The digest in hex, or the path.
    pub checksum: String,
}

/// One file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The package it belongs to.
    pub package: String,
    /// What it is for.
    pub kind: FileKind,
    /// Relative to its project's root, with `/`: dbt's `original_file_path`.
    pub path: String,
    /// The configured directory it was found in, such as `models`.
    pub search_path: String,
    /// Where it is.
    pub absolute: PathBuf,
    /// The text without surrounding white space: dbt's `raw_code`. Empty for seeds and fixtures; see [`SourceFile::read`].
    pub contents: Arc<str>,
    /// Over the contents.
    pub checksum: Checksum,
    /// Lines that stripping took from the top; add them to a line number in `contents` to get the file's.
    pub lines_before: usize,
}

impl SourceFile {
    /// Relative to the directory it was found in: `staging/orders.sql`.
    pub fn path_in_search_path(&self) -> &str {
        self.path.strip_prefix(&self.search_path).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&self.path)
    }

    /// The file's name without directory and extension.
    pub fn stem(&self) -> &str {
        let name = without_jinja(self.path.rsplit('/').next().unwrap_or_default());
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// `sql`, `py`, …
    pub fn extension(&self) -> &str {
        let name = without_jinja(self.path.rsplit('/').next().unwrap_or_default());
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// `<package>://<path>`, as the manifest names files.
    pub fn file_id(&self) -> String {
        format!("{}://{}", self.package, self.path)
    }

    /// The path and text, for messages.
    pub fn source(&self) -> SourceText {
        SourceText { file: self.path.clone(), text: Arc::clone(&self.contents) }
    }

    /// Reads the file as it is: for seeds and fixtures.
    ///
    /// # Errors
    /// When the file has gone or is not readable.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        fs_err::read(&self.absolute)
    }
}

/// What the invocation and the root project say about every project's files.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// Larger seeds are not hashed; 0 is no limit.
    pub maximum_seed_size_mib: u64,
    /// Files with SQL or docs may also end in `.sql.j2`, `.sql.jinja` or `.sql.jinja2`: the flag `allow_jinja_file_extensions`.
    pub jinja_extensions: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { maximum_seed_size_mib: 1, jinja_extensions: false }
    }
}

/// A file's name without what `jinja_extensions` allows at its end.
fn without_jinja(name: &str) -> &str {
    ["j2", "jinja2", "jinja"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'))
        .filter(|rest| rest.ends_with(".sql") || rest.ends_with(".md"))
        .unwrap_or(name)
}

/// The files of one project, by kind and then by path.
#[derive(Debug, Clone, Default)]
pub struct ProjectFiles {
    /// The project's name.
    pub package: String,
    /// Sorted by kind, then path.
    pub files: Vec<SourceFile>,
}

impl ProjectFiles {
    /// Finds and reads all files of `project`.
    pub fn read(project: &DbtProject, options: ReadOptions) -> (Self, Vec<Diagnostic>) {
        read::read(project, options)
    }

    /// The files of one kind, by path.
    pub fn of_kind(&self, kind: FileKind) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(move |file| file.kind == kind)
    }
}

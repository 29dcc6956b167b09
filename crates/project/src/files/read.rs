//! Walks the directories, reads the files on all processors, hashes them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diagnostic::{Diagnostic, Location};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::kinds::{Search, searches};
use super::{Checksum, FileKind, ProjectFiles, ReadOptions, SourceFile, without_jinja};
use crate::dbt_project::{DbtProject, unreadable};

struct Found<'a> {
    kind: FileKind,
    path: String,
    search_path: &'a str,
    absolute: PathBuf,
}

pub(super) fn read(project: &DbtProject, options: ReadOptions) -> (ProjectFiles, Vec<Diagnostic>) {
    let (ignored, mut diagnostics) = Ignored::read(&project.root);
    let searches = searches(project);
    let mut seen = HashSet::new();
    let mut found: Vec<Found<'_>> = Vec::new();
    for search in &searches {
        for file in find(project, search, options, &ignored, &mut diagnostics) {
            if seen.insert((file.kind, file.path.clone())) {
                found.push(file);
            }
        }
    }
    found.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    let limit = options.maximum_seed_size_mib.saturating_mul(1024 * 1024);
    let read: Vec<std::io::Result<SourceFile>> =
        found.par_iter().map(|file| read_file(&project.name, file, limit)).collect();
    let mut files = Vec::with_capacity(read.len());
    for (found, file) in found.iter().zip(read) {
        match file {
            // An empty property file says nothing.
            Ok(file) if file.kind == FileKind::Properties && file.contents.is_empty() => {}
            Ok(file) => files.push(file),
            Err(error) => diagnostics.push(not_utf8(found).unwrap_or_else(|| unreadable(&found.path, &error))),
        }
    }
    (ProjectFiles { package: project.name.clone(), files }, diagnostics)
}

/// Where a file is no text, if that is why it could not be read.
fn not_utf8(found: &Found<'_>) -> Option<Diagnostic> {
    let bytes = fs_err::read(&found.absolute).ok()?;
    let error = std::str::from_utf8(&bytes).err()?;
    let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |start| start.chars().count()) + 1;
    let place = Location { line: Some(line), column: Some(column), ..Location::file(&found.path) };
    let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
    Some(
        Diagnostic::error(format!("Runtime Error\n  Could not read {}", found.path))
            .at(place)
            .cause(format!("the byte 0x{byte:02x} here is not UTF-8"))
            .fix("save the file as UTF-8"),
    )
}

/// The patterns of `.dbtignore`, each by itself: for dbt the last one that matches decides, also below a directory that an
/// earlier one hides, where git would not look any more.
///
/// Source: `dbt ls` of dbt Core 1.12.0.
struct Ignored(Vec<Gitignore>);

impl Ignored {
    fn read(root: &Path) -> (Self, Vec<Diagnostic>) {
        let mut patterns = Vec::new();
        let mut diagnostics = Vec::new();
        let text = match fs_err::read_to_string(root.join(".dbtignore")) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (Self(patterns), diagnostics),
            Err(error) => return (Self(patterns), vec![unreadable(".dbtignore", &error)]),
        };
        for (at, line) in text.lines().enumerate() {
            let mut builder = GitignoreBuilder::new(root);
            let pattern = builder.add_line(None, line).and_then(|builder| builder.build());
            match pattern {
                Ok(pattern) if pattern.is_empty() => {}
                Ok(pattern) => patterns.push(pattern),
                Err(error) => diagnostics.push(
                    Diagnostic::warning(format!("The pattern '{line}' of .dbtignore could not be read"))
                        .at(Location::in_source(".dbtignore", &text, at + 1, None))
                        .cause(error.to_string())
                        .fix("write patterns as in .gitignore, one a line"),
                ),
            }
        }
        (Self(patterns), diagnostics)
    }

    /// `path` is relative to the project.
    fn hides(&self, path: &Path) -> bool {
        // Absolute `*-paths` lie outside, where the patterns do not reach.
        !path.has_root()
            && self
                .0
                .iter()
                .rev()
                .map(|pattern| pattern.matched_path_or_any_parents(path, false))
                .find(|found| !found.is_none())
                .is_some_and(|found| found.is_ignore())
    }
}

fn find<'a>(
    project: &DbtProject,
    search: &Search<'a>,
    options: ReadOptions,
    ignored: &Ignored,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Found<'a>> {
    let start = project.root.join(&search.directory);
    if !start.is_dir() {
        return Vec::new();
    }
    let mut found = Vec::new();
    // As dbt does: links to files are read, links to directories are not followed.
    for entry in WalkDir::new(&start) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                diagnostics.push(
                    Diagnostic::error(format!("Runtime Error\n  Could not search {}", search.directory))
                        .cause(error.to_string())
                        .fix("check that the directory may be read"),
                );
                continue;
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let mut name = Path::new(entry.file_name());
        if options.jinja_extensions {
            name = name.to_str().map_or(name, |name| Path::new(without_jinja(name)));
        }
        let extension = name.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !search.extensions.iter().any(|known| known.eq_ignore_ascii_case(extension)) {
            continue;
        }
        // A pipe or a device would be waited for without an end. The walk knows what an entry is; only links are looked up.
        if !entry.file_type().is_file() && !entry.path().is_file() {
            continue;
        }
        let relative = entry.path().strip_prefix(&project.root).unwrap_or(entry.path());
        if ignored.hides(relative) {
            continue;
        }
        let below = entry.path().strip_prefix(&start).unwrap_or(entry.path());
        let Some(below) = below.to_str().map(|path| path.replace('\\', "/")) else {
            diagnostics.push(
                Diagnostic::error(format!("Runtime Error\n  The name of {} is not UTF-8", relative.display()))
                    .cause("names of files become names of nodes")
                    .fix("rename the file"),
            );
            continue;
        };
        // With the directory as it is spelled, `./models` too.
        let path = format!("{}/{below}", search.directory);
        if search.except.iter().any(|directory| path.starts_with(&format!("{directory}/"))) {
            continue;
        }
        found.push(Found { kind: search.kind, path, search_path: search.search_path, absolute: entry.into_path() });
    }
    found
}

fn read_file(package: &str, found: &Found<'_>, seed_limit: u64) -> std::io::Result<SourceFile> {
    let file = |contents: Arc<str>, checksum, lines_before| SourceFile {
        package: package.to_owned(),
        kind: found.kind,
        path: found.path.clone(),
        search_path: found.search_path.to_owned(),
        absolute: found.absolute.clone(),
        contents,
        checksum,
        lines_before,
    };
    if found.kind == FileKind::Seed {
        let size = fs_err::metadata(&found.absolute)?.len();
        if seed_limit > 0 && size > seed_limit {
            return Ok(file("".into(), Checksum { name: "path", checksum: found.path.clone() }, 0));
        }
        let bytes = fs_err::read(&found.absolute)?;
        return Ok(file("".into(), seed_checksum(&bytes)?, 0));
    }
    let text = fs_err::read_to_string(&found.absolute)?;
    let stripped = text.trim_matches(is_python_space);
    let before = text.len() - text.trim_start_matches(is_python_space).len();
    let lines_before = text[..before].matches('\n').count();
    let checksum = text_checksum(stripped);
    let contents = if found.kind == FileKind::Fixture { "".into() } else { Arc::from(stripped) };
    Ok(file(contents, checksum, lines_before))
}

/// What Python's `str.strip()` removes: Unicode white space and the four separators `\x1c`–`\x1f`.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// dbt hashes texts with every run of white space as one blank, so that reformatting changes nothing.
///
/// Source: the manifests of dbt Core 1.12.0 for models, snapshots, analyses, tests and Python models.
fn text_checksum(text: &str) -> Checksum {
    let mut joined = String::with_capacity(text.len());
    for word in text.split(is_python_space).filter(|word| !word.is_empty()) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    sha256(joined.as_bytes())
}

/// Seeds are hashed without surrounding white space and with Unix line ends.
///
/// Source: as above.
fn seed_checksum(bytes: &[u8]) -> std::io::Result<Checksum> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    Ok(sha256(unix.trim_matches(is_python_space).as_bytes()))
}

fn sha256(bytes: &[u8]) -> Checksum {
    Checksum { name: "sha256", checksum: hex::encode(Sha256::digest(bytes)) }
}

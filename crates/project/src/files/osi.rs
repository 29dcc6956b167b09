//! Documents of Open Semantic Interchange: the `.json` files below `osi-paths`.

use std::collections::HashSet;

use diagnostic::Diagnostic;
use walkdir::WalkDir;

use crate::{
    dbt_project::{DbtProject, unreadable},
    source::SourceText,
};

/// Reads the files in dbt's order, by their paths. Patterns of `.dbtignore` do not count.
///
/// Source: dbt Core 1.12, `parser/osi.py`, `_scan_osi_directories`.
pub fn osi_files(project: &DbtProject) -> (Vec<SourceText>, Vec<Diagnostic>) {
    let mut seen = HashSet::new();
    let mut paths = Vec::new();
    for directory in &project.osi_paths {
        let directory = project.root.join(directory);
        // Where upper and lower case are the same, so are `osi` and `OSI`.
        let Some(place) = fs_err::canonicalize(&directory).ok().filter(|place| place.is_dir()) else { continue };
        if seen.insert(place) {
            let entries = WalkDir::new(&directory).into_iter().flatten();
            let files = entries.filter(|entry| entry.path().is_file()).map(walkdir::DirEntry::into_path);
            paths.extend(files.filter(|path| path.to_string_lossy().ends_with(".json")));
        }
    }
    paths.sort();
    let (mut files, mut diagnostics) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.strip_prefix(&project.root).unwrap_or(&path).to_string_lossy().into_owned();
        match fs_err::read_to_string(&path) {
            Ok(text) => files.push(SourceText::new(name, text)),
            Err(error) => diagnostics.push(unreadable(&name, &error)),
        }
    }
    (files, diagnostics)
}

//! Where schedules lie in a project.

use std::io;
use std::path::{Path, PathBuf};

use project::SourceText;

/// The folder of the newer layout.
const FOLDER: &str = ".bolt";
/// The files of the older layout, in the order they are read.
const FLAT: [&str; 2] = ["paradime_schedules.yml", "paradime_schedules.yaml"];

/// Reads the files with schedules below `root`: `.bolt/**/*.yml` and `.yaml` at any depth, sorted; then `paradime_schedules.yml` and `.yaml`. When
/// `root` is itself a file, that one. Empty when there are none.
///
/// # Errors
/// A file or folder that is there and cannot be read, or is not UTF-8.
pub fn read_files(root: &Path) -> io::Result<Vec<SourceText>> {
    if root.is_file() {
        let name = root.file_name().map_or_else(|| root.to_string_lossy(), |name| name.to_string_lossy());
        return Ok(vec![SourceText::new(name, fs_err::read_to_string(root)?)]);
    }
    let mut paths = Vec::new();
    let folder = root.join(FOLDER);
    if folder.is_dir() {
        collect(&folder, &mut paths)?;
    }
    // By components, so that `a/x.yml` comes before `a-b.yml`.
    paths.sort();
    paths.extend(FLAT.iter().map(|name| root.join(name)).filter(|path| path.is_file()));
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        Ok(SourceText::new(name, fs_err::read_to_string(path)?))
    };
    paths.iter().map(read).collect()
}

/// Adds the YAML files at any depth. Links to folders are not followed: they may lead round in a circle.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, paths)?;
        } else if path.is_file() && matches!(path.extension().and_then(|ending| ending.to_str()), Some("yml" | "yaml"))
        {
            paths.push(path);
        }
    }
    Ok(())
}

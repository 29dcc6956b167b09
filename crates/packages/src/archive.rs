//! Archives: unpacked so that nothing lands outside of their folder.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use sha1::{Digest, Sha1};
use tar::{Archive, EntryType};

use crate::error::{PackageError, files};

/// The most that an archive may hold unpacked, in bytes.
const LARGEST_TREE: u64 = 4 << 30;
/// The most entries.
const MOST_ENTRIES: usize = 500_000;

/// Unpacks a `.tar.gz` into `directory` and gives the one folder that it holds.
///
/// Refused are absolute paths, `..`, links that lead out of the directory, and devices.
pub fn unpack(archive: &Path, directory: &Path, url: &str) -> Result<PathBuf, PackageError> {
    let wrong = |why: String| PackageError::Archive { url: url.to_owned(), why };
    fs_err::create_dir_all(directory).map_err(files("make", directory))?;
    let file = fs_err::File::open(archive).map_err(files("read", archive))?;
    let mut tar = Archive::new(GzDecoder::new(std::io::BufReader::new(file)).take(LARGEST_TREE));
    tar.set_preserve_permissions(true);
    tar.set_overwrite(true);
    let unreadable = |error: std::io::Error| wrong(format!("It is no .tar.gz, or a broken one: {error}"));
    let mut tops = BTreeSet::new();
    let mut links = Vec::new();
    for (count, entry) in tar.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        if count >= MOST_ENTRIES {
            return Err(wrong(format!("It has more than {MOST_ENTRIES} entries.")));
        }
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let Some(top) = top_folder(&path) else {
            return Err(wrong(format!("Attempted Path Traversal in Tar File: {}", path.display())));
        };
        if !matches!(
            kind,
            EntryType::Regular | EntryType::Continuous | EntryType::Directory | EntryType::Symlink | EntryType::Link
        ) {
            return Err(wrong(format!("{} is neither a file, a folder nor a link.", path.display())));
        }
        if let Some(target) = entry.link_name().map_err(unreadable)? {
            let from = if kind == EntryType::Symlink { path.parent().unwrap_or(Path::new("")) } else { Path::new("") };
            if !stays_inside(from, &target) {
                return Err(wrong(format!(
                    "Attempted Path Traversal in Tar File: the link {} leads to {}",
                    path.display(),
                    target.display()
                )));
            }
        }
        tops.extend(top);
        if kind == EntryType::Symlink {
            links.push(directory.join(&path));
        }
        // Checks once more that no link which is there already leads the entry out.
        if !entry.unpack_in(directory).map_err(unreadable)? {
            return Err(wrong(format!("Attempted Path Traversal in Tar File: {}", path.display())));
        }
    }
    // A link over other links may lead further than its text says.
    let root = fs_err::canonicalize(directory).map_err(files("read", directory))?;
    if let Some(link) = links.iter().find(|link| fs_err::canonicalize(link).is_ok_and(|path| !path.starts_with(&root)))
    {
        let link = link.strip_prefix(directory).unwrap_or(link);
        return Err(wrong(format!("Attempted Path Traversal in Tar File: the link {} leads out", link.display())));
    }
    let tops: Vec<PathBuf> = tops.into_iter().collect();
    match tops.as_slice() {
        [top] if directory.join(top).is_dir() => Ok(directory.join(top)),
        [] => Err(wrong("It is empty.".to_owned())),
        _ => Err(wrong(format!(
            "The extracted package needs to follow the structure <folder>/<package_contents>; it holds {}",
            tops.iter().map(|top| top.display().to_string()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// The first folder of a path below the archive's root. `Some(None)` for the root itself.
fn top_folder(path: &Path) -> Option<Option<PathBuf>> {
    let mut top = None;
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => top = top.or_else(|| Some(PathBuf::from(name))),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(top)
}

fn stays_inside(from: &Path, target: &Path) -> bool {
    let mut depth = from.components().filter(|component| matches!(component, Component::Normal(_))).count();
    for component in target.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

/// The SHA-1 of a file, in hexadecimal digits.
pub fn sha1_of(path: &Path) -> Result<String, PackageError> {
    let mut file = fs_err::File::open(path).map_err(files("read", path))?;
    let mut hash = Sha1::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = file.read(&mut buffer).map_err(files("read", path))?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
    }
    Ok(hex::encode(hash.finalize()))
}

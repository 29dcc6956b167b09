//! Puts packages in their place. Everything is laid out beside the old folder first; then one rename exchanges the two, so
//! that whatever fails or is interrupted leaves the old packages as they were.

use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use crate::error::{PackageError, files};

/// A folder beside `packages-install-path`, removed when dropped.
pub struct Workshop {
    directory: TempDir,
    install_path: PathBuf,
}

impl Workshop {
    /// Makes the folder, and removes what an interrupted `deps` left an hour ago or earlier.
    pub fn open(install_path: &Path) -> Result<Self, PackageError> {
        // The folder that a link leads to is what is exchanged.
        let install_path = fs_err::canonicalize(install_path).unwrap_or_else(|_| install_path.to_owned());
        let parent = install_path.parent().unwrap_or(Path::new(".")).to_owned();
        fs_err::create_dir_all(&parent).map_err(files("make", &parent))?;
        let prefix = format!(".{}-", install_path.file_name().unwrap_or_default().to_string_lossy());
        remove_abandoned(&parent, &prefix);
        let directory =
            tempfile::Builder::new().prefix(&prefix).tempdir_in(&parent).map_err(files("make a folder in", &parent))?;
        let workshop = Self { directory, install_path };
        let new = workshop.new_tree();
        fs_err::create_dir_all(&new).map_err(files("make", &new))?;
        Ok(workshop)
    }

    /// Where repositories and archives are put.
    pub fn downloads(&self) -> PathBuf {
        self.directory.path().join("downloads")
    }

    fn new_tree(&self) -> PathBuf {
        self.directory.path().join("new")
    }

    /// Takes a folder of the downloads as the package `name`.
    pub fn take(&self, tree: &Path, name: &str) -> Result<(), PackageError> {
        let place = self.place(name)?;
        fs_err::rename(tree, &place).map_err(files("move", &place))
    }

    /// Links a folder of this machine as the package `name`, or copies it where there are no links.
    pub fn link(&self, folder: &Path, name: &str) -> Result<(), PackageError> {
        let place = self.place(name)?;
        link_or_copy(&absolute(folder), &place).map_err(files("link", &place))
    }

    fn place(&self, name: &str) -> Result<PathBuf, PackageError> {
        let mut components = Path::new(name).components();
        if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
            return Err(PackageError::Files {
                doing: "install a package as",
                path: PathBuf::from(name),
                source: std::io::Error::other("the name of a package is the name of one folder"),
            });
        }
        Ok(self.new_tree().join(name))
    }

    /// The new packages take the place of the old ones.
    pub fn finish(self) -> Result<(), PackageError> {
        let new = self.new_tree();
        exchange(&new, &self.install_path, &self.directory.path().join("old"))
            .map_err(files("replace", &self.install_path))
        // The old ones go with the folder.
    }
}

/// `new` becomes `place`, at once where the system can exchange two folders.
fn exchange(new: &Path, place: &Path, aside: &Path) -> std::io::Result<()> {
    if fs_err::symlink_metadata(place).is_err() {
        return fs_err::rename(new, place);
    }
    if exchanged(new, place) {
        return Ok(());
    }
    fs_err::rename(place, aside)?;
    fs_err::rename(new, place).or_else(|error| {
        fs_err::rename(aside, place)?;
        Err(error)
    })
}

#[cfg(target_os = "linux")]
fn exchanged(new: &Path, place: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn exchanged(_: &Path, _: &Path) -> bool {
    false
}

fn remove_abandoned(parent: &Path, prefix: &str) {
    let Ok(entries) = fs_err::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_ours && age.is_some_and(|age| age.as_secs() > 3600) {
            // Nothing depends on it: the next `deps` tries again.
            let _ = fs_err::remove_dir_all(entry.path());
        }
    }
}

/// As Python's `abspath`: `..` is taken out of the text, links stay.
fn absolute(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(unix)]
fn link_or_copy(target: &Path, link: &Path) -> std::io::Result<()> {
    fs_err::os::unix::fs::symlink(target, link).or_else(|_| copy(target, link))
}

#[cfg(not(unix))]
fn link_or_copy(target: &Path, link: &Path) -> std::io::Result<()> {
    copy(target, link)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs_err::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

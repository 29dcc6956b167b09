//! The copy of a folder.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::CheckoutError;

/// What is not copied, at the top of the folder: git's own, what dbt leaves, and Python environments.
pub const LEFT_OUT: [&str; 6] = [".git", "target", "logs", ".venv", "venv", "node_modules"];

/// The lakehouse of a project without a profile; the copy has a link to it.
const LAKEHOUSE: &str = ".owlet";

/// Copies files, folders, links and permissions.
pub(super) async fn copy(from: &Path, to: &Path) -> Result<(), CheckoutError> {
    if !from.is_dir() {
        return Err(CheckoutError::NoFolder { path: from.to_owned() });
    }
    let (from, to) = (from.to_owned(), to.to_owned());
    let path = from.clone();
    let copied = tokio::task::spawn_blocking(move || {
        fs_err::create_dir_all(&to)?;
        tree(&from, &to, Depth::Top)?;
        let lakehouse = fs_err::canonicalize(&from)?.join(LAKEHOUSE);
        fs_err::os::unix::fs::symlink(lakehouse, to.join(LAKEHOUSE))
    });
    let copied: io::Result<()> = copied.await.map_err(io::Error::other).and_then(|done| done);
    copied.map_err(|source| CheckoutError::io("copying", &path, source))
}

#[derive(PartialEq, Eq)]
enum Depth {
    Top,
    Below,
}

fn tree(from: &Path, to: &Path, depth: Depth) -> io::Result<()> {
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_left_out = name.to_str().is_some_and(|name| name == LAKEHOUSE || LEFT_OUT.contains(&name));
        if depth == Depth::Top && is_left_out {
            continue;
        }
        let (source, target): (PathBuf, PathBuf) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            fs_err::os::unix::fs::symlink(fs_err::read_link(&source)?, &target)?;
        } else if kind.is_dir() {
            fs_err::create_dir(&target)?;
            tree(&source, &target, Depth::Below)?;
        } else if kind.is_file() {
            fs_err::copy(&source, &target)?;
        }
    }
    Ok(())
}

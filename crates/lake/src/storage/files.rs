//! The files of objects: opening, appearing, disappearing.
//!
//! The object `a` is the file `a`; when there is also an object `a/b`, so that `a` must be a directory, it is the file `a%o`. A change goes only one way, from
//! `a` to `a%o`, so a reader that looks at `a` first and at `a%o` second always finds the object.

use std::fs::Metadata as Facts;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::error::io;
use super::info::{ObjectInfo, Sidecar, identity};
use super::key::{self, OBJECT};
use super::{Condition, Durability, Inner, Place, StorageError, StorageResult};

/// An object that is being read.
pub(super) struct Object {
    pub file: std::fs::File,
    pub path: PathBuf,
    pub info: ObjectInfo,
}

/// Opens the object of a key.
pub(super) fn open(place: &Place, bucket: &str, key: &str) -> StorageResult<Object> {
    let missing = || StorageError::NoSuchKey { bucket: bucket.to_owned(), key: key.to_owned() };
    let path = path_of(place, key).ok_or_else(missing)?;
    for path in [marked(&path), path].into_iter().rev() {
        match fs_err::File::open(&path) {
            Ok(file) => {
                let facts = file.metadata().map_err(io("reading", &path))?;
                if facts.is_file() {
                    let sidecar = read_sidecar(place, key, &facts);
                    return Ok(Object { file: file.into_parts().0, info: ObjectInfo::of(key, &facts, sidecar), path });
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
                ) => {}
            Err(error) => return Err(io("reading", &path)(error)),
        }
    }
    Err(missing())
}

/// `None` when a mounted folder cannot have such a key.
pub(super) fn path_of(place: &Place, key: &str) -> Option<PathBuf> {
    if place.sidecars.is_some() {
        return Some(place.root.join(key::to_path(key)));
    }
    let odd = key.split('/').any(|segment| matches!(segment, "" | "." | "..") || segment.contains('\0'));
    (!odd).then(|| place.root.join(key))
}

/// The other file that the object may be in.
fn marked(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OBJECT);
    PathBuf::from(name)
}

fn sidecar_path(place: &Place, key: &str, facts: &Facts) -> Option<PathBuf> {
    let mut path = place.sidecars.as_ref()?.join(key::to_path(key)).into_os_string();
    // No key makes a `%m`.
    path.push(format!("%m{}", identity(facts)));
    Some(PathBuf::from(path))
}

pub(super) fn read_sidecar(place: &Place, key: &str, facts: &Facts) -> Option<Sidecar> {
    let text = fs_err::read(sidecar_path(place, key, facts)?).ok()?;
    serde_json::from_slice(&text).ok()
}

fn write_sidecar(place: &Place, key: &str, facts: &Facts, sidecar: &Sidecar) -> StorageResult<()> {
    let Some(path) = sidecar_path(place, key, facts) else { return Ok(()) };
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).map_err(io("creating", parent))?;
    }
    let text = serde_json::to_vec(sidecar).unwrap_or_default();
    fs_err::write(&path, text).map_err(io("writing", &path))
}

/// Makes a finished file the object of the key. The sidecar goes first: it names the very file it belongs to, so until the rename nobody looks at it.
pub(super) fn appear(
    inner: &Inner,
    place: &Place,
    (bucket, key): (&str, &str),
    finished: &Path,
    sidecar: Option<&Sidecar>,
    condition: &Condition,
) -> StorageResult<ObjectInfo> {
    let facts = fs_err::metadata(finished).map_err(io("reading", finished))?;
    let path = place.root.join(key::to_path(key));
    let _names = inner.lock_names();
    let before = open(place, bucket, key);
    let held = match (condition, &before) {
        (Condition::Always, _) | (Condition::IfAbsent, Err(_)) => true,
        (Condition::IfAbsent, Ok(_)) | (Condition::IfMatch(_), Err(_)) => false,
        (Condition::IfMatch(etag), Ok(object)) => *etag == object.info.etag,
    };
    if !held {
        return Err(StorageError::PreconditionFailed { bucket: bucket.to_owned(), key: key.to_owned() });
    }
    if let Some(sidecar) = sidecar {
        write_sidecar(place, key, &facts, sidecar)?;
    }
    let plain = rename(inner, place, finished, &path)?;
    if inner.durability == Durability::Power
        && let Some(parent) = path.parent()
    {
        fs_err::File::open(parent).and_then(|directory| directory.sync_all()).map_err(io("writing", parent))?;
    }
    if let Ok(before) = before {
        if plain && before.path != path {
            fs_err::remove_file(&before.path).ok();
        }
        if let Ok(old) = before.file.metadata()
            && let Some(old) = sidecar_path(place, key, &old)
        {
            fs_err::remove_file(old).ok();
        }
    }
    Ok(ObjectInfo::of(key, &facts, sidecar.cloned()))
}

/// Renames to `path`, or to its marked name when `path` is a directory; answers whether it was the former.
fn rename(inner: &Inner, place: &Place, finished: &Path, path: &Path) -> StorageResult<bool> {
    debug_assert!(path.starts_with(&inner.buckets));
    for _ in 0..2 {
        match fs_err::rename(finished, path) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::IsADirectory || path.is_dir() => {
                let marked = marked(path);
                fs_err::rename(finished, &marked).map_err(io("writing", &marked))?;
                return Ok(false);
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                make_parents(place, path)?
            }
            Err(error) => return Err(io("writing", path)(error)),
        }
    }
    fs_err::rename(finished, path).map_err(io("writing", path)).map(|()| true)
}

/// Makes the directories above a file; objects in the way get their marked names.
fn make_parents(place: &Place, path: &Path) -> StorageResult<()> {
    let relative = path.strip_prefix(&place.root).unwrap_or(path);
    let mut directory = place.root.clone();
    for component in relative.parent().into_iter().flat_map(Path::components) {
        directory.push(component);
        if directory.is_file() {
            let marked = marked(&directory);
            fs_err::rename(&directory, &marked).map_err(io("writing", &marked))?;
        }
        match fs_err::create_dir(&directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(io("creating", &directory)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the object and the directories that it leaves empty.
pub(super) fn remove(inner: &Inner, place: &Place, key: &str) -> StorageResult<()> {
    let _names = inner.lock_names();
    let object = match open(place, "", key) {
        Ok(object) => object,
        Err(StorageError::NoSuchKey { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    fs_err::remove_file(&object.path).map_err(io("removing", &object.path))?;
    prune(&object.path, &place.root);
    if let Ok(facts) = object.file.metadata()
        && let (Some(sidecar), Some(root)) = (sidecar_path(place, key, &facts), &place.sidecars)
    {
        fs_err::remove_file(&sidecar).ok();
        prune(&sidecar, root);
    }
    Ok(())
}

fn prune(path: &Path, root: &Path) {
    for directory in path.ancestors().skip(1).take_while(|directory| *directory != root) {
        if std::fs::remove_dir(directory).is_err() {
            return;
        }
    }
}

pub(super) fn set_tags(
    inner: &Inner,
    place: &Place,
    bucket: &str,
    key: &str,
    tags: IndexMap<String, String>,
) -> StorageResult<()> {
    let _names = inner.lock_names();
    let object = open(place, bucket, key)?;
    let facts = object.file.metadata().map_err(io("reading", &object.path))?;
    let mut sidecar = Sidecar { etag: Some(object.info.etag), metadata: object.info.metadata };
    sidecar.metadata.tags = tags;
    write_sidecar(place, key, &facts, &sidecar)
}

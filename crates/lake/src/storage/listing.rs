//! Listing keys in the order of their bytes, from directories that are in no order.
//!
//! In one directory, names are sorted as their keys go on: a directory `a` as `a/`. So `a-b` comes before what is in `a/`, as it must.

use std::fs::Metadata as Facts;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::error::io;
use super::key::{self, Name};
use super::{ObjectInfo, ObjectStorage, Place, StorageError, StorageResult, files};

/// S3's own most.
const MAX_KEYS: usize = 1000;

/// Which keys to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    pub prefix: String,
    pub delimiter: Option<String>,
    /// Only keys and common prefixes after this one (ListObjectsV2 `start-after`, v1 `marker`, or a continuation).
    pub start_after: Option<String>,
    /// 1,000 when absent.
    pub max_keys: Option<usize>,
}

/// A page of keys in UTF-8 byte order.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    pub objects: Vec<ObjectInfo>,
    pub common_prefixes: Vec<String>,
    /// The last key or common prefix of this page when there are more: the next page's `start_after`.
    pub next_start_after: Option<String>,
}

impl ObjectStorage {
    /// A page of keys.
    ///
    /// # Errors
    /// `NoSuchBucket`, the disk.
    pub async fn list(&self, bucket: &str, request: &ListRequest) -> StorageResult<Listing> {
        let place = self.place(bucket)?;
        let mut request = request.clone();
        let max_keys = request.max_keys.unwrap_or(MAX_KEYS);
        request.max_keys = Some(max_keys);
        if max_keys == 0 {
            return Ok(Listing::default());
        }
        in_background(move || Walk::new(place, request).run()).await
    }

    /// Every object whose key starts with the prefix, in key order.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn list_all(&self, bucket: &str, prefix: &str) -> StorageResult<Vec<ObjectInfo>> {
        let request = ListRequest { prefix: prefix.to_owned(), max_keys: Some(usize::MAX), ..ListRequest::default() };
        let place = self.place(bucket)?;
        Ok(in_background(move || Walk::new(place, request).run()).await?.objects)
    }
}

async fn in_background(work: impl FnOnce() -> StorageResult<Listing> + Send + 'static) -> StorageResult<Listing> {
    let failed =
        |error| StorageError::Io { doing: "listing", path: PathBuf::new(), source: std::io::Error::other(error) };
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

/// A name in a directory.
struct Entry {
    /// The segment; a directory's ends with `/`.
    name: String,
    path: PathBuf,
    facts: Facts,
}

struct Walk {
    place: Place,
    request: ListRequest,
    has_sidecars: bool,
    listing: Listing,
    last: Option<String>,
}

impl Walk {
    fn new(place: Place, request: ListRequest) -> Self {
        let has_sidecars = place.sidecars.as_ref().is_some_and(|path| path.is_dir());
        Self { place, request, has_sidecars, listing: Listing::default(), last: None }
    }

    fn run(mut self) -> StorageResult<Listing> {
        // Begin at the deepest directory that the prefix names.
        let base = self.request.prefix.rfind('/').map_or("", |at| &self.request.prefix[..at]).to_owned();
        let (directory, start) = if self.request.prefix.contains('/') {
            (files::path_of(&self.place, &base), format!("{base}/"))
        } else {
            (Some(self.place.root.clone()), String::new())
        };
        if let Some(directory) = directory.filter(|directory| directory.is_dir()) {
            let _ = self.directory(&directory, &start)?;
        }
        Ok(self.listing)
    }

    fn directory(&mut self, directory: &Path, above: &str) -> StorageResult<ControlFlow<()>> {
        let mut entries = Vec::new();
        self.entries(directory, "", &mut entries)?;
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        entries.dedup_by(|left, right| left.name == right.name);
        for entry in entries {
            let key = format!("{above}{}", entry.name);
            let flow = if entry.facts.is_dir() { self.below(&entry, &key)? } else { self.object(&entry, key)? };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What is in a directory; long segments are put together again.
    fn entries(&self, directory: &Path, begun: &str, into: &mut Vec<Entry>) -> StorageResult<()> {
        let found = match fs_err::read_dir(directory) {
            Ok(found) => found,
            // It was emptied and removed meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io("listing", directory)(error)),
        };
        for entry in found {
            let entry = entry.map_err(io("listing", directory))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(facts) = fs_err::metadata(entry.path()) else { continue };
            let path = entry.path();
            let meaning = if self.place.sidecars.is_some() { key::from_name(&name) } else { Some(Name::Segment(name)) };
            match meaning {
                Some(Name::Continued(text)) if facts.is_dir() => {
                    self.entries(&path, &format!("{begun}{text}"), into)?
                }
                Some(Name::Segment(text) | Name::Object(text)) => {
                    let slash = if facts.is_dir() { "/" } else { "" };
                    into.push(Entry { name: format!("{begun}{text}{slash}"), path, facts });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A directory, whose keys all start with `key`.
    fn below(&mut self, entry: &Entry, key: &str) -> StorageResult<ControlFlow<()>> {
        let prefix = &self.request.prefix;
        let wanted = key.starts_with(prefix.as_str()) || prefix.starts_with(key);
        let passed = |after: &String| after.as_str() > key && !after.starts_with(key);
        if !wanted || self.request.start_after.as_ref().is_some_and(passed) {
            return Ok(ControlFlow::Continue(()));
        }
        // With the usual delimiter all of it is one common prefix: no need to look at every key.
        if self.request.delimiter.as_deref() == Some("/")
            && key.len() > prefix.len()
            && let Some(common) = common_prefix(key, prefix, "/")
        {
            let common = common.to_owned();
            return match self.request.start_after.as_deref() {
                Some(after) if after == common => Ok(ControlFlow::Continue(())),
                // The page begins inside of it.
                Some(after) if after.starts_with(&common) => self.directory(&entry.path, key),
                _ if self.is_new(&common) && self.has_objects(&entry.path)? => Ok(self.add(common, None)),
                _ => Ok(ControlFlow::Continue(())),
            };
        }
        self.directory(&entry.path, key)
    }

    fn has_objects(&self, directory: &Path) -> StorageResult<bool> {
        let mut entries = Vec::new();
        self.entries(directory, "", &mut entries)?;
        if entries.iter().any(|entry| !entry.facts.is_dir()) {
            return Ok(true);
        }
        for entry in entries {
            if self.has_objects(&entry.path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn object(&mut self, entry: &Entry, key: String) -> StorageResult<ControlFlow<()>> {
        let prefix = &self.request.prefix;
        let after = self.request.start_after.as_deref();
        if !key.starts_with(prefix.as_str()) || after.is_some_and(|after| key.as_str() <= after) {
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(delimiter) = self.request.delimiter.as_deref().filter(|text| !text.is_empty())
            && let Some(common) = common_prefix(&key, prefix, delimiter)
        {
            let common = common.to_owned();
            let flow = if self.is_new(&common) { self.add(common, None) } else { ControlFlow::Continue(()) };
            return Ok(flow);
        }
        let sidecar = if self.has_sidecars { files::read_sidecar(&self.place, &key, &entry.facts) } else { None };
        let info = ObjectInfo::of(&key, &entry.facts, sidecar);
        Ok(self.add(key, Some(info)))
    }

    /// Not on this page and not on one before.
    fn is_new(&self, common: &str) -> bool {
        self.listing.common_prefixes.last().is_none_or(|last| last != common)
            && self
                .request
                .start_after
                .as_deref()
                .is_none_or(|after| after < common || (after.starts_with(common) && after != common))
    }

    /// Adds to the page, or finds it full.
    fn add(&mut self, key: String, object: Option<ObjectInfo>) -> ControlFlow<()> {
        if self.listing.objects.len() + self.listing.common_prefixes.len() >= self.request.max_keys.unwrap_or(MAX_KEYS)
        {
            self.listing.next_start_after = self.last.take();
            return ControlFlow::Break(());
        }
        if self.request.max_keys != Some(usize::MAX) {
            self.last = Some(key.clone());
        }
        match object {
            Some(object) => self.listing.objects.push(object),
            None => self.listing.common_prefixes.push(key),
        }
        ControlFlow::Continue(())
    }
}

/// The key up to and with the first delimiter behind the prefix.
fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}

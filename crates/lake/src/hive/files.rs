//! Which files a table has, and Hive's names of partition directories.

use athena_api::glue::{Glue, PartitionFilter, all_partitions};
use names::S3Uri;

use super::serde::format_of;
use super::{DataFile, FileFormat, HiveTable};
use crate::{LakeError, LakeResult, ObjectStorage};

/// NULL, and the empty string, as a partition value.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Decides whether a partition is read, by its values as text in the order of the keys.
pub type PartitionPruner<'a> = &'a (dyn Fn(&[Option<String>]) -> bool + Send + Sync);

impl HiveTable {
    /// The files, recursively below the location of the table or of its partitions; names that begin with `_` or `.` and empty directory markers are no
    /// data. `expression` is Glue's partition filter, to have fewer partitions to look at; `pruner` has the last word.
    ///
    /// # Errors
    /// The catalog or the storage. A prefix without objects is no error, a bucket that is not there is.
    pub async fn data_files(
        &self,
        storage: &ObjectStorage,
        glue: &dyn Glue,
        expression: Option<String>,
        pruner: PartitionPruner<'_>,
    ) -> LakeResult<Vec<DataFile>> {
        let mut files = Vec::new();
        if self.partition_keys.is_empty() {
            list(storage, &self.location, &self.format, &[], &mut files).await?;
            return Ok(files);
        }
        if let Some(projection) = &self.projection {
            // Properties are evaluated in UTC, at the time of the query.
            for partition in projection.partitions(&self.injected, chrono::Utc::now())? {
                if !pruner(&partition.values) {
                    continue;
                }
                let location = match projection.location(&partition) {
                    Some(text) => parse_location(&text)?,
                    None => {
                        let spelled: Vec<_> = partition.spelled.iter().cloned().map(Some).collect();
                        self.location
                            .join(&partition_path(self.partition_keys.iter().map(|key| key.name.as_str()), &spelled))
                    }
                };
                list(storage, &location, &self.format, &partition.values, &mut files).await?;
            }
            return Ok(files);
        }
        let filter = PartitionFilter { expression, exclude_column_schema: true, segment: None };
        for partition in all_partitions(glue, None, &self.database, &self.name, &filter).await? {
            let values: Vec<Option<String>> =
                partition.input.values.iter().map(|value| (value != NULL_PARTITION).then(|| value.clone())).collect();
            if values.len() != self.partition_keys.len() {
                return Err(LakeError::athena(
                    "HIVE_INVALID_METADATA",
                    format!("partition {:?} of {}.{} has not one value for each key", values, self.database, self.name),
                ));
            }
            if !pruner(&values) {
                continue;
            }
            let described = partition.input.storage_descriptor.as_ref();
            let location = match described.and_then(|storage| storage.location.as_deref()) {
                Some(text) => parse_location(text)?,
                None => self
                    .location
                    .join(&partition_path(self.partition_keys.iter().map(|key| key.name.as_str()), &values)),
            };
            let format = match described {
                Some(storage)
                    if storage.serde_info.as_ref().is_some_and(|serde| serde.serialization_library.is_some()) =>
                {
                    // The table's properties hold for its partitions; its own SerDe's parameters are the partition's.
                    let own = format_of(storage, None)?;
                    if std::mem::discriminant(&own) == std::mem::discriminant(&self.format) {
                        self.format.clone()
                    } else {
                        own
                    }
                }
                _ => self.format.clone(),
            };
            list(storage, &location, &format, &values, &mut files).await?;
        }
        Ok(files)
    }
}

fn parse_location(text: &str) -> LakeResult<S3Uri> {
    text.parse().map_err(|error: names::S3UriError| LakeError::athena("HIVE_METASTORE_ERROR", error.to_string()))
}

async fn list(
    storage: &ObjectStorage,
    location: &S3Uri,
    format: &FileFormat,
    values: &[Option<String>],
    files: &mut Vec<DataFile>,
) -> LakeResult<()> {
    let prefix = location.prefix();
    for object in storage.list_all(&location.bucket, &prefix).await? {
        let hidden = object.key[prefix.len()..].split('/').any(|name| name.starts_with(['_', '.']));
        if hidden || object.size == 0 {
            continue;
        }
        files.push(DataFile {
            uri: S3Uri { bucket: location.bucket.clone(), key: object.key },
            size: object.size,
            last_modified: object.last_modified,
            partition_values: values.to_vec(),
            format: format.clone(),
        });
    }
    Ok(())
}

/// `year=2024/city=a%2Fb`, without slashes around it.
pub fn partition_path<'a>(keys: impl IntoIterator<Item = &'a str>, values: &[Option<String>]) -> String {
    let named = keys.into_iter().zip(values).map(|(key, value)| match value.as_deref() {
        None | Some("") => format!("{}={NULL_PARTITION}", escape_value(key)),
        Some(value) => format!("{}={}", escape_value(key), escape_value(value)),
    });
    named.collect::<Vec<_>>().join("/")
}

/// A partition value as Hive spells it in a path.
///
/// Source: Hive, the characters that `FileUtils.escapePathName` escapes.
pub fn escape_value(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(c) {
            text.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// The value behind Hive's spelling.
pub fn unescape_value(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

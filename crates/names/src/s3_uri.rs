//! `s3://bucket/key`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A bucket and a key or prefix in it. The key has no leading slash; a trailing slash is kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct S3Uri {
    /// The bucket's name.
    pub bucket: String,
    /// The key or prefix, without leading slash; may be empty.
    pub key: String,
}

/// Text that is no `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an S3 location: expected s3://bucket/prefix/")]
pub struct S3UriError {
    text: String,
}

impl S3Uri {
    /// From its parts; leading slashes of the key are dropped.
    pub fn new(bucket: impl Into<String>, key: &str) -> Self {
        Self { bucket: bucket.into(), key: key.trim_start_matches('/').to_owned() }
    }

    /// The key as a prefix that ends with `/`, so that `t` never covers `t2`; empty for the whole bucket.
    pub fn prefix(&self) -> String {
        let key = self.key.trim_end_matches('/');
        if key.is_empty() { String::new() } else { format!("{key}/") }
    }

    /// `part` below this location, with exactly one slash between.
    #[must_use]
    pub fn join(&self, part: &str) -> Self {
        Self { bucket: self.bucket.clone(), key: format!("{}{}", self.prefix(), part.trim_start_matches('/')) }
    }

    /// Whether `other` is this location or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        self.bucket == other.bucket && other.prefix().starts_with(&self.prefix())
    }

    /// The location with a trailing slash, as Athena wants table locations.
    #[must_use]
    pub fn as_directory(&self) -> Self {
        Self { bucket: self.bucket.clone(), key: self.prefix() }
    }
}

impl fmt::Display for S3Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl FromStr for S3Uri {
    type Err = S3UriError;

    /// Takes `s3://`, `s3a://` and `s3n://`.
    fn from_str(text: &str) -> Result<Self, S3UriError> {
        let rest = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match rest.map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
            Some((bucket, key)) if !bucket.is_empty() => Ok(Self::new(bucket, key)),
            _ => Err(S3UriError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for S3Uri {
    type Error = S3UriError;

    fn try_from(text: String) -> Result<Self, S3UriError> {
        text.parse()
    }
}

impl From<S3Uri> for String {
    fn from(uri: S3Uri) -> Self {
        uri.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_never_covers_its_neighbour() {
        let table: S3Uri = "s3://lake/stage/t".parse().expect("valid");
        assert!(table.contains(&"s3://lake/stage/t/part-0".parse().expect("valid")));
        assert!(!table.contains(&"s3://lake/stage/t2/part-0".parse().expect("valid")));
        assert_eq!(table.join("x").to_string(), "s3://lake/stage/t/x");
        assert!("lake/stage".parse::<S3Uri>().is_err());
        assert!("s3://".parse::<S3Uri>().is_err());
    }
}

//! The storage's words in s3s's types.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use lake::{
    StorageError,
    storage::{ByteRange, Condition, ObjectInfo},
};
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    dto::{CommonPrefix, ETag, ETagCondition, IfMatch, IfNoneMatch, Object, ObjectStorageClass, Range, Tag, Timestamp},
    s3_error,
};

use super::body::BAD_DIGEST;

/// S3's answer to an error of the storage.
pub(super) fn failed(error: StorageError) -> S3Error {
    let text = error.to_string();
    if text.contains(BAD_DIGEST) {
        let sentence = text.rsplit(": ").next().unwrap_or(&text).to_owned();
        return S3Error::with_message(S3ErrorCode::BadDigest, sentence);
    }
    // People and tools search for S3's own sentences.
    let message = match &error {
        StorageError::NoSuchKey { .. } => "The specified key does not exist.".to_owned(),
        StorageError::NoSuchBucket { .. } => "The specified bucket does not exist".to_owned(),
        StorageError::BucketNotEmpty { .. } => "The bucket you tried to delete is not empty".to_owned(),
        _ => text,
    };
    let code = S3ErrorCode::from_bytes(error.code().as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut answer = S3Error::with_message(code, message);
    if let Ok(status) = http::StatusCode::from_u16(error.status()) {
        answer.set_status_code(status);
    }
    answer
}

pub(super) fn timestamp(moment: DateTime<Utc>) -> Timestamp {
    Timestamp::from(SystemTime::from(moment))
}

pub(super) fn etag(info: &ObjectInfo) -> ETag {
    ETag::Strong(info.etag.clone())
}

pub(super) fn byte_range(range: Range) -> ByteRange {
    match range {
        Range::Int { first, last: Some(last) } => ByteRange::Bounded { first, last },
        Range::Int { first, last: None } => ByteRange::From { first },
        Range::Suffix { length } => ByteRange::Suffix { length },
    }
}

/// `If-Match` and `If-None-Match` of a write.
pub(super) fn write_condition(if_match: Option<&IfMatch>, if_none_match: Option<&IfNoneMatch>) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::IfAbsent),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::IfMatch(etag.value().to_owned())),
        _ => Err(s3_error!(NotImplemented, "this combination of If-Match and If-None-Match is not supported")),
    }
}

/// The conditions of a read.
pub(super) struct ReadConditions<'a> {
    pub(super) if_match: Option<&'a IfMatch>,
    pub(super) if_none_match: Option<&'a IfNoneMatch>,
    pub(super) if_modified_since: Option<&'a Timestamp>,
    pub(super) if_unmodified_since: Option<&'a Timestamp>,
}

impl ReadConditions<'_> {
    /// 412 or 304 where the object is not as the client wants it. An ETag condition wins over one of time.
    pub(super) fn check(&self, info: &ObjectInfo) -> S3Result<()> {
        let is = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == info.etag,
        };
        // HTTP dates have no fraction.
        let modified =
            timestamp(DateTime::from_timestamp(info.last_modified.timestamp(), 0).unwrap_or(info.last_modified));
        let changed = match (self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => !is(condition),
            (None, Some(since)) => modified > *since,
            (None, None) => false,
        };
        if changed {
            return Err(s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold"));
        }
        let unchanged = match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => is(condition),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if unchanged { Err(s3_error!(NotModified, "Not Modified")) } else { Ok(()) }
    }
}

/// The names of a listing, encoded where the client asks for it.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) url_encoded: bool,
}

impl Names {
    pub(super) fn write(self, name: &str) -> String {
        if self.url_encoded { url_encode(name) } else { name.to_owned() }
    }

    pub(super) fn object(self, info: &ObjectInfo) -> Object {
        Object {
            key: Some(self.write(&info.key)),
            size: Some(i64::try_from(info.size).unwrap_or(i64::MAX)),
            e_tag: Some(etag(info)),
            last_modified: Some(timestamp(info.last_modified)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        }
    }

    pub(super) fn prefixes(self, prefixes: &[String]) -> Option<Vec<CommonPrefix>> {
        let prefixes: Vec<_> =
            prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.write(prefix)) }).collect();
        (!prefixes.is_empty()).then_some(prefixes)
    }
}

/// As S3 writes `encoding-type=url`: letters, digits and `-._*/` stay, a space is `+`.
fn url_encode(name: &str) -> String {
    use std::fmt::Write;

    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => {
                encoded.push(char::from(byte))
            }
            b' ' => encoded.push('+'),
            byte => write!(encoded, "%{byte:02X}").expect("writing to a String"),
        }
    }
    encoded
}

/// `k=v&k2=v2` of the header `x-amz-tagging`.
pub(super) fn tags_of_header(text: Option<&str>) -> IndexMap<String, String> {
    text.map(|text| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()).unwrap_or_default()
}

pub(super) fn tag_set(tags: &IndexMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_s3_does() {
        assert_eq!(url_encode("a b/ü=1+%~"), "a+b/%C3%BC%3D1%2B%25%7E");
    }
}

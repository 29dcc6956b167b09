//! The body of an upload, checked against what the client says of it.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use indexmap::IndexMap;
use lake::storage::ByteStream;
use s3s::{
    TrailingHeaders,
    checksum::ChecksumHasher,
    crypto::{Checksum as _, Md5},
    dto::{self, StreamingBlob},
};

use super::unsigned::Trailers;

/// What the client says of the body.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) md5: Option<String>,
    /// `x-amz-checksum-crc32` → value.
    pub(super) checksums: IndexMap<String, String>,
    /// The header that comes after the body: `x-amz-trailer`.
    pub(super) trailer: Option<String>,
    pub(super) trailers: Option<Trailers>,
    pub(super) verified_trailers: Option<TrailingHeaders>,
}

/// The sentence by which a failed upload is known as one that did not match.
pub(super) const BAD_DIGEST: &str = "did not match what we received";

struct Checking {
    body: Option<StreamingBlob>,
    expected: Expected,
    hasher: ChecksumHasher,
    md5: Option<Md5>,
}

/// The bytes; the stream ends with an error when they are not what the client says, so nothing of them is kept.
pub(super) fn checked(body: Option<StreamingBlob>, expected: Expected) -> ByteStream {
    let mut hasher = ChecksumHasher::default();
    for name in expected.checksums.keys().chain(expected.trailer.iter()) {
        match name.as_str() {
            "x-amz-checksum-crc32" => hasher.crc32 = Some(Default::default()),
            "x-amz-checksum-crc32c" => hasher.crc32c = Some(Default::default()),
            "x-amz-checksum-crc64nvme" => hasher.crc64nvme = Some(Default::default()),
            "x-amz-checksum-sha1" => hasher.sha1 = Some(Default::default()),
            "x-amz-checksum-sha256" => hasher.sha256 = Some(Default::default()),
            _ => {}
        }
    }
    let md5 = expected.md5.as_ref().map(|_| Md5::new());
    let state = Checking { body, expected, hasher, md5 };
    stream::try_unfold(state, |mut state| async move {
        let Some(body) = state.body.as_mut() else { return Ok(None) };
        match body.next().await {
            Some(Ok(bytes)) => {
                state.hasher.update(&bytes);
                if let Some(md5) = &mut state.md5 {
                    md5.update(&bytes);
                }
                Ok(Some((bytes, state)))
            }
            Some(Err(error)) => Err(std::io::Error::other(error)),
            None => state.compare().map(|()| None::<(Bytes, Checking)>),
        }
    })
    .boxed()
}

impl Checking {
    fn compare(self) -> Result<(), std::io::Error> {
        let Self { expected, hasher, md5, .. } = self;
        let computed = named(&hasher.finalize());
        let trailing = expected.trailer.as_ref().and_then(|name| {
            let verified = expected.verified_trailers.as_ref().and_then(|trailers| {
                trailers.read(|headers| headers.get(name)?.to_str().ok().map(str::to_owned)).flatten()
            });
            Some((name, verified.or_else(|| expected.trailers.as_ref()?.get(name))?))
        });
        let given = expected.checksums.iter().map(|(name, value)| (name, value.clone())).chain(trailing);
        for (name, value) in given {
            if computed.get(name).is_some_and(|computed| *computed != value) {
                return Err(mismatch(&format!("The {name} you specified")));
            }
        }
        let md5 = md5.map(|md5| BASE64_STANDARD.encode(md5.finalize()));
        match (md5, expected.md5) {
            (Some(computed), Some(given)) if computed != given => Err(mismatch("The Content-MD5 you specified")),
            _ => Ok(()),
        }
    }
}

fn mismatch(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("{what} {BAD_DIGEST}."))
}

/// Checksums by the names of their headers.
pub(super) fn named(checksum: &dto::Checksum) -> IndexMap<String, String> {
    [
        ("x-amz-checksum-crc32", &checksum.checksum_crc32),
        ("x-amz-checksum-crc32c", &checksum.checksum_crc32c),
        ("x-amz-checksum-crc64nvme", &checksum.checksum_crc64nvme),
        ("x-amz-checksum-sha1", &checksum.checksum_sha1),
        ("x-amz-checksum-sha256", &checksum.checksum_sha256),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
    .collect()
}

/// A stream of the storage as a body of s3s.
pub(super) fn blob(stream: ByteStream) -> StreamingBlob {
    let frames = stream.map_ok(hyper::body::Frame::data);
    StreamingBlob::from(s3s::Body::http_body_unsync(http_body_util::StreamBody::new(frames)))
}

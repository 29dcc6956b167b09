//! Requests whose signature nobody verifies: the signature is taken off, and the body out of the chunks it was signed in.
//!
//! Source of the chunk format: Amazon S3 API, "Signature calculations: transferring payload in multiple chunks".

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header, request::Parts};
use http_body_util::{BodyDataStream, StreamBody};
use hyper::body::{Frame, Incoming};
use s3s::Body;

/// The longest line between chunks.
const LONGEST_LINE: usize = 16 << 10;

/// Checksums that come after the body.
#[derive(Debug, Clone, Default)]
pub(super) struct Trailers(Arc<Mutex<HeaderMap>>);

impl Trailers {
    fn add(&self, line: &[u8]) {
        let Some((name, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) else { return };
        if let (Ok(name), Ok(value)) = (name.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value);
        }
    }

    /// A trailer, once the body has been read.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let trailers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trailers.get(name)?.to_str().ok().map(str::to_owned)
    }
}

/// The request without its signature.
pub(super) fn strip(request: Request<Incoming>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let chunked = parts
        .headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("STREAMING-"));
    strip_headers(&mut parts);
    strip_query(&mut parts);
    if !chunked {
        return Request::from_parts(parts, Body::from(body));
    }
    plain_headers(&mut parts.headers);
    let trailers = Trailers::default();
    parts.extensions.insert(trailers.clone());
    let chunks = BodyDataStream::new(body).map_err(std::io::Error::other);
    let frames = decode(chunks, trailers).map_ok(Frame::data);
    Request::from_parts(parts, Body::http_body_unsync(StreamBody::new(frames)))
}

fn strip_headers(parts: &mut Parts) {
    for name in ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"] {
        parts.headers.remove(name);
    }
}

/// Takes the signature out of a presigned URL, both of version 4 and of version 2.
fn strip_query(parts: &mut Parts) {
    const SIGNATURE: [&str; 10] = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "AWSAccessKeyId",
        "Signature",
        "Expires",
    ];
    let Some(query) = parts.uri.query() else { return };
    if !query.contains("Signature=") {
        return;
    }
    let name = |pair: &str| pair.split('=').next().unwrap_or(pair).to_owned();
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !SIGNATURE.iter().any(|signature| signature.eq_ignore_ascii_case(&name(pair))))
        .collect();
    let path = parts.uri.path();
    let text = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    if let Ok(uri) = text.parse::<Uri>() {
        parts.uri = uri;
    }
}

/// The headers as they would be had the body come whole.
fn plain_headers(headers: &mut HeaderMap) {
    if let Some(length) = headers.remove("x-amz-decoded-content-length") {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    let encoding = headers.remove(header::CONTENT_ENCODING);
    let kept: Vec<String> = encoding
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|encoding| encoding.trim().to_owned())
        .filter(|encoding| encoding != "aws-chunked" && !encoding.is_empty())
        .collect();
    if let Ok(kept) = HeaderValue::from_str(&kept.join(","))
        && !kept.is_empty()
    {
        headers.insert(header::CONTENT_ENCODING, kept);
    }
    // Announced for the chunked body; read by `body` from the extension instead.
    headers.remove(header::TRANSFER_ENCODING);
}

/// Where the decoder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before `400;chunk-signature=…\r\n`.
    Size,
    /// Inside a chunk of which so much is left.
    Data(usize),
    /// Before the `\r\n` after a chunk.
    End,
    /// After the last chunk, before a trailer or the empty line.
    Trailer,
}

struct Decoder<S> {
    source: S,
    buffer: BytesMut,
    at: At,
    trailers: Trailers,
    ended: bool,
}

/// The bytes inside the chunks.
fn decode<S>(source: S, trailers: Trailers) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static
where
    S: Stream<Item = Result<Bytes, std::io::Error>> + Send + Unpin + 'static,
{
    let decoder = Decoder { source, buffer: BytesMut::new(), at: At::Size, trailers, ended: false };
    stream::try_unfold(decoder, |mut decoder| async move {
        let next = decoder.next().await?;
        Ok(next.map(|bytes| (bytes, decoder)))
    })
}

impl<S: Stream<Item = Result<Bytes, std::io::Error>> + Unpin> Decoder<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, std::io::Error> {
        loop {
            match self.at {
                _ if self.ended => return Ok(None),
                At::Size => {
                    let line = self.line().await?;
                    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                    let size = std::str::from_utf8(digits)
                        .ok()
                        .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok());
                    self.at = match size.ok_or_else(|| malformed("a chunk has no size"))? {
                        0 => At::Trailer,
                        size => At::Data(size),
                    };
                }
                At::Data(0) => self.at = At::End,
                At::Data(left) => {
                    if self.buffer.is_empty() {
                        self.fill().await?;
                    }
                    let bytes = self.buffer.split_to(left.min(self.buffer.len())).freeze();
                    self.at = At::Data(left - bytes.len());
                    return Ok(Some(bytes));
                }
                At::End => {
                    if !self.line().await?.is_empty() {
                        return Err(malformed("a chunk is longer than its size"));
                    }
                    self.at = At::Size;
                }
                At::Trailer => {
                    // Some clients leave the last empty line out.
                    let line = if self.buffer.is_empty() && !self.try_fill().await? {
                        Bytes::new()
                    } else {
                        self.line().await?
                    };
                    if line.is_empty() {
                        self.ended = true;
                    } else {
                        self.trailers.add(&line);
                    }
                }
            }
        }
    }

    /// A line without its `\r\n`.
    async fn line(&mut self) -> Result<Bytes, std::io::Error> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.split_to(end).freeze();
                self.buffer.advance(2);
                return Ok(line);
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(malformed("a line between chunks does not end"));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), std::io::Error> {
        match self.try_fill().await? {
            true => Ok(()),
            false => Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the chunked body ended early")),
        }
    }

    async fn try_fill(&mut self) -> Result<bool, std::io::Error> {
        let Some(bytes) = self.source.next().await else { return Ok(false) };
        self.buffer.extend_from_slice(&bytes?);
        Ok(true)
    }
}

fn malformed(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("malformed aws-chunked body: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn decoded(parts: &[&'static str]) -> (Result<Vec<u8>, String>, Trailers) {
        let trailers = Trailers::default();
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect();
        let bytes = decode(stream::iter(parts), trailers.clone()).try_collect::<Vec<Bytes>>().await;
        (bytes.map(|all| all.concat()).map_err(|error| error.to_string()), trailers)
    }

    #[tokio::test]
    async fn chunks_and_trailers_are_taken_apart_wherever_they_are_cut() {
        let whole = "5;chunk-signature=abc\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        for cut in 0..whole.len() {
            let (head, tail) = whole.split_at(cut);
            let (bytes, trailers) = decoded(&[head, tail]).await;
            assert_eq!(bytes.expect("decoded"), b"hello world");
            assert_eq!(trailers.get("x-amz-checksum-crc32").as_deref(), Some("AAAA"));
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_an_error() {
        assert!(decoded(&["5\r\nhel"]).await.0.is_err());
        assert!(decoded(&["zz\r\nhello\r\n"]).await.0.is_err());
        assert!(decoded(&["5\r\nhello!\r\n0\r\n\r\n"]).await.0.is_err());
        assert_eq!(decoded(&["0\r\n"]).await.0.expect("empty"), b"");
    }

    #[test]
    fn presigned_urls_lose_their_signature_only() {
        let mut parts = Request::builder()
            .uri("/b/k?response-content-type=text%2Fcsv&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b&partNumber=1")
            .body(())
            .expect("request")
            .into_parts()
            .0;
        strip_query(&mut parts);
        assert_eq!(parts.uri, "/b/k?response-content-type=text%2Fcsv&partNumber=1");
        parts.uri = "/b/k?AWSAccessKeyId=a&Signature=b&Expires=1".parse().expect("uri");
        strip_query(&mut parts);
        assert_eq!(parts.uri, "/b/k");
    }
}

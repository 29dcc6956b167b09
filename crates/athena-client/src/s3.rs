//! S3: list, get, put, delete.

use std::{borrow::Cow, collections::HashMap, sync::Arc, sync::Mutex, sync::PoisonError};

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, S3,
    s3::{ObjectSummary, PutHeaders},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use names::S3Uri;
use reqwest::Method;
use sha2::{Digest, Sha256};

use crate::{
    sign::{Headers, Request},
    transport::{Answer, ErrorAnswer, Service, Transport, domain},
    xml,
};

/// DeleteObjects takes this many keys. Source: S3 API.
const DELETE_BATCH: usize = 1000;
/// The code under which a redirect to the bucket's own region travels inside this module.
const OTHER_REGION: &str = "BucketInOtherRegion";

/// S3 over HTTP.
pub(crate) struct S3Client {
    transport: Arc<Transport>,
    /// Buckets that are not in the connection's region.
    regions: Mutex<HashMap<String, String>>,
}

/// What is asked of a bucket or object.
struct Call<'a> {
    operation: &'static str,
    method: Method,
    at: &'a S3Uri,
    query: String,
    headers: Headers,
    body: Bytes,
}

impl S3Client {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport, regions: Mutex::default() }
    }

    /// Calls; when S3 says that the bucket lives elsewhere, calls there and remembers it.
    async fn call(&self, call: Call<'_>) -> ApiResult<Answer> {
        let bucket = &call.at.bucket;
        let known = self.regions.lock().unwrap_or_else(PoisonError::into_inner).get(bucket).cloned();
        let region = known.unwrap_or_else(|| self.transport.region().to_owned());
        let answer = self.call_in(&region, &call).await;
        let Err(error) = &answer else { return answer };
        if error.code != OTHER_REGION || error.message == region {
            return answer;
        }
        let region = error.message.clone();
        self.regions.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.clone(), region.clone());
        self.call_in(&region, &call).await
    }

    async fn call_in(&self, region: &str, call: &Call<'_>) -> ApiResult<Answer> {
        let request = Request {
            method: call.method.clone(),
            url: self.url(region, call.at, &call.query),
            headers: call.headers.clone(),
            body: call.body.clone(),
        };
        self.transport.call_in(region, Service::S3, call.operation, &request, read_error).await
    }

    fn url(&self, region: &str, at: &S3Uri, query: &str) -> String {
        let key = encode_path(&at.key);
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let bucket = &at.bucket;
        if let Some(endpoint) = self.transport.custom_endpoint(Service::S3) {
            return format!("{endpoint}/{bucket}/{key}{query}");
        }
        let host = format!("s3.{region}.{}", domain(region));
        // AWS's certificate covers one label only, so a bucket with dots cannot be part of the host name.
        if bucket.contains('.') {
            format!("https://{host}/{bucket}/{key}{query}")
        } else {
            format!("https://{bucket}.{host}/{key}{query}")
        }
    }

    async fn delete_batch(&self, bucket: &str, objects: &[&S3Uri]) -> ApiResult<()> {
        let keys: String =
            objects.iter().map(|object| format!("<Object><Key>{}</Key></Object>", xml::escape(&object.key))).collect();
        let body = Bytes::from(format!(
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>{keys}</Delete>"
        ));
        let answer = self
            .call(Call {
                operation: "DeleteObjects",
                method: Method::POST,
                at: &S3Uri::new(bucket, ""),
                query: "delete=".to_owned(),
                headers: vec![
                    ("content-type".into(), "application/xml".to_owned()),
                    ("x-amz-sdk-checksum-algorithm".into(), "SHA256".to_owned()),
                    ("x-amz-checksum-sha256".into(), BASE64_STANDARD.encode(Sha256::digest(&body))),
                ],
                body,
            })
            .await?;
        failed_deletion(bucket, &answer.body).map_or(Ok(()), Err)
    }
}

#[async_trait]
impl S3 for S3Client {
    async fn list(&self, prefix: &S3Uri) -> ApiResult<Vec<ObjectSummary>> {
        let bucket = S3Uri::new(prefix.bucket.clone(), "");
        let mut objects = Vec::new();
        let mut token: Option<String> = None;
        loop {
            // In the order in which the signature wants them.
            let token_query = token.as_deref().map(|token| format!("continuation-token={}&", encode(token)));
            let query = format!(
                "{}encoding-type=url&list-type=2&prefix={}",
                token_query.unwrap_or_default(),
                encode(&prefix.key)
            );
            let answer = self
                .call(Call {
                    operation: "ListObjectsV2",
                    method: Method::GET,
                    at: &bucket,
                    query,
                    headers: Vec::new(),
                    body: Bytes::new(),
                })
                .await?;
            let page = read_page(&prefix.bucket, &answer.body);
            objects.extend(page.objects);
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(objects),
            }
        }
    }

    async fn delete(&self, objects: &[S3Uri]) -> ApiResult<()> {
        let mut buckets: HashMap<&str, Vec<&S3Uri>> = HashMap::new();
        for object in objects {
            buckets.entry(&object.bucket).or_default().push(object);
        }
        for (bucket, objects) in buckets {
            for batch in objects.chunks(DELETE_BATCH) {
                self.delete_batch(bucket, batch).await?;
            }
        }
        Ok(())
    }

    async fn get(&self, object: &S3Uri) -> ApiResult<Bytes> {
        let answer = self
            .call(Call {
                operation: "GetObject",
                method: Method::GET,
                at: object,
                query: String::new(),
                headers: Vec::new(),
                body: Bytes::new(),
            })
            .await?;
        Ok(answer.body)
    }

    async fn put_with(&self, object: &S3Uri, body: Bytes, headers: &PutHeaders) -> ApiResult<()> {
        let mut headers: Headers =
            headers.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.clone())).collect();
        if headers.iter().all(|(name, _)| name != "content-type") {
            headers.push(("content-type".into(), "application/octet-stream".to_owned()));
        }
        self.call(Call {
            operation: "PutObject",
            method: Method::PUT,
            at: object,
            query: String::new(),
            headers,
            body,
        })
        .await?;
        Ok(())
    }
}

/// S3's words, or the region that a redirect names.
fn read_error(answer: ErrorAnswer<'_>) -> ApiError {
    let region = answer.headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let error = xml::read_error(ErrorAnswer { ..answer });
    let elsewhere = matches!(error.status, 301 | 307) || error.code == "AuthorizationHeaderMalformed";
    match region.or_else(|| xml::first_text(answer.body, "Region")) {
        Some(region) if elsewhere => ApiError { status: error.status, ..ApiError::new(OTHER_REGION, region) },
        _ => error,
    }
}

struct ListPage {
    objects: Vec<ObjectSummary>,
    next: Option<String>,
}

/// Reads a ListObjectsV2 answer whose keys are URL-encoded.
fn read_page(bucket: &str, document: &[u8]) -> ListPage {
    let mut page = ListPage { objects: Vec::new(), next: None };
    let mut key = String::new();
    xml::walk(document, |path, text| match path {
        [_, contents, name] if contents == "Contents" && name == "Key" => key = decode(text),
        [_, contents, name] if contents == "Contents" && name == "Size" => {
            // Not S3Uri::new, which drops leading slashes: a listed key is taken as it is.
            let uri = S3Uri { bucket: bucket.to_owned(), key: std::mem::take(&mut key) };
            page.objects.push(ObjectSummary { uri, size: text.parse().unwrap_or(0) });
        }
        [_, name] if name == "NextContinuationToken" => page.next = Some(text.to_owned()),
        _ => {}
    });
    page
}

/// The first `<Error>` of a DeleteObjects answer.
fn failed_deletion(bucket: &str, document: &[u8]) -> Option<ApiError> {
    let (mut key, mut code, mut message) = (String::new(), None, String::new());
    xml::walk(document, |path, text| {
        let [_, error, name] = path else { return };
        if error != "Error" || (code.is_some() && name == "Key") {
            return;
        }
        match name.as_str() {
            "Key" => text.clone_into(&mut key),
            "Code" if code.is_none() => code = Some(text.to_owned()),
            "Message" if message.is_empty() => text.clone_into(&mut message),
            _ => {}
        }
    });
    let error = ApiError::new(code?, format!("s3://{bucket}/{key} could not be deleted: {message}"));
    Some(ApiError { status: 403, ..error }.of("DeleteObjects"))
}

/// Percent-encodes all but letters, digits and `-._~`.
fn encode(text: &str) -> String {
    encode_except(text, b"")
}

/// The same, slashes kept.
fn encode_path(key: &str) -> String {
    encode_except(key, b"/")
}

fn encode_except(text: &str, kept: &[u8]) -> String {
    use std::fmt::Write;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String");
        }
    }
    encoded
}

/// Undoes the `encoding-type=url` of listings, where `+` is a space.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match escaped {
            Some(value) => {
                bytes.push(value);
                &after[2..]
            }
            None => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_the_url() {
        assert_eq!(encode_path("a b/ö=1+%"), "a%20b/%C3%B6%3D1%2B%25");
        assert_eq!(decode("a+b/%C3%B6%3D1%2B%25"), "a b/ö=1+%");
        assert_eq!(decode("100%"), "100%");
    }

    #[test]
    fn a_page_is_read() {
        let page = read_page(
            "b",
            b"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a%2Fb</Key><Size>3</Size></Contents>\
              <NextContinuationToken>t==</NextContinuationToken></ListBucketResult>",
        );
        assert_eq!(page.next.as_deref(), Some("t=="));
        assert_eq!((page.objects[0].uri.to_string().as_str(), page.objects[0].size), ("s3://b/a/b", 3));
    }

    #[test]
    fn a_failed_deletion_is_an_error() {
        let error = failed_deletion(
            "b",
            b"<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>",
        )
        .expect("an error");
        assert_eq!(error.code, "AccessDenied");
        assert!(error.message.contains("s3://b/k"));
        assert!(failed_deletion("b", b"<DeleteResult/>").is_none());
    }
}

//! Which service a request is for.

use std::{net::SocketAddr, sync::Arc};

use athena::Lakehouse;
use http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use s3s::{Body, service::S3Service};

use crate::{json, keys::Keys, lake_formation, s3, server::GatewayOptions, sts};

/// What every request is answered with.
pub(crate) struct Gateway {
    pub(crate) lakehouse: Arc<Lakehouse>,
    pub(crate) keys: Arc<Keys>,
    s3: S3Service,
}

impl Gateway {
    pub(crate) fn new(lakehouse: Arc<Lakehouse>, options: &GatewayOptions, address: SocketAddr) -> Self {
        let keys = Arc::new(Keys::new(&options.access_keys));
        let s3 = s3::service(&lakehouse, &keys, options, address);
        Self { lakehouse, keys, s3 }
    }

    /// Answers any request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match service(request.method(), request.uri().path(), request.headers()) {
            Service::Json => json::answer(self, request).await,
            Service::Sts => sts::answer(self, request).await,
            Service::LakeFormation => lake_formation::answer(self, request).await,
            Service::S3 => s3::answer(&self.s3, &self.keys, request).await,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Json,
    Sts,
    LakeFormation,
    S3,
}

fn service(method: &Method, path: &str, headers: &HeaderMap) -> Service {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match *method {
        Method::POST if path == "/" && headers.contains_key("x-amz-target") => Service::Json,
        Method::POST if path == "/" && content_type.starts_with("application/x-amz-json") => Service::Json,
        Method::POST if path == "/" && content_type.starts_with("application/x-www-form-urlencoded") => Service::Sts,
        // A bucket's name has no capital letters.
        Method::POST if path[1..].starts_with(|c: char| c.is_ascii_uppercase()) => Service::LakeFormation,
        _ => Service::S3,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn routed(method: Method, path: &str, headers: &[(&'static str, &'static str)]) -> Service {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().expect("name"), HeaderValue::from_static(value)));
        service(&method, path, &headers.collect())
    }

    #[test]
    fn headers_decide() {
        assert_eq!(routed(Method::POST, "/", &[("x-amz-target", "AmazonAthena.GetWorkGroup")]), Service::Json);
        assert_eq!(routed(Method::POST, "/", &[("content-type", "application/x-amz-json-1.1")]), Service::Json);
        assert_eq!(
            routed(Method::POST, "/", &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")]),
            Service::Sts
        );
        assert_eq!(routed(Method::POST, "/GetResourceLFTags", &[]), Service::LakeFormation);
        assert_eq!(routed(Method::GET, "/GetResourceLFTags", &[]), Service::S3);
        assert_eq!(routed(Method::POST, "/bucket", &[("content-type", "multipart/form-data")]), Service::S3);
        assert_eq!(routed(Method::GET, "/", &[]), Service::S3);
        assert_eq!(routed(Method::PUT, "/bucket/key", &[("x-amz-target", "x")]), Service::S3);
    }
}

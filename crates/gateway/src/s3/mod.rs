//! S3 over the lakehouse's buckets: s3s reads and writes the protocol, this module has what it leaves to us.

mod backend;
mod body;
mod convert;
mod host;
mod unsigned;

use std::{net::SocketAddr, sync::Arc};

use athena::Lakehouse;
use http::{Request, Response};
use hyper::body::Incoming;
use s3s::{
    Body, S3Error, S3Result,
    auth::{S3Auth, SecretKey},
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};

use crate::{keys::Keys, server::GatewayOptions};

/// The S3 service of a lakehouse.
pub(crate) fn service(
    lakehouse: &Lakehouse,
    keys: &Arc<Keys>,
    options: &GatewayOptions,
    address: SocketAddr,
) -> S3Service {
    let backend = backend::Backend::new(lakehouse.storage().clone(), lakehouse.account_id(), lakehouse.region());
    let mut builder = S3ServiceBuilder::new(backend);
    builder.set_host(host::Hosts::new(&options.domains, address));
    if keys.verify() {
        builder.set_auth(KeyAuth(Arc::clone(keys)));
    }
    builder.build()
}

/// Answers a request of S3.
pub(crate) async fn answer(service: &S3Service, keys: &Keys, request: Request<Incoming>) -> Response<Body> {
    let request = if keys.verify() { request.map(Body::from) } else { unsigned::strip(request) };
    match service.call(request).await {
        Ok(response) => response,
        // A request that s3s cannot even answer with an error of S3's.
        Err(error) => {
            tracing::warn!(error = ?error, "an S3 request could not be answered");
            let error: S3Error = s3_error!(InternalError, "We encountered an internal error. Please try again.");
            error.to_http_response().unwrap_or_else(|_| Response::new(Body::empty()))
        }
    }
}

struct KeyAuth(Arc<Keys>);

#[async_trait::async_trait]
impl S3Auth for KeyAuth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let secret = self.0.secret(access_key).ok_or_else(|| {
            s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records.")
        })?;
        Ok(SecretKey::from(secret))
    }
}

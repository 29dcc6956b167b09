//! The wire: Athena, Glue, STS and S3 of a lakehouse behind one HTTP port.
//!
//! [`serve`] is all there is to call. What a request means is decided in one place by its headers: `X-Amz-Target` names an operation of
//! Athena or Glue (awsJson1.1), a form with `Action` is STS (query protocol), everything else is S3 (REST, XML).

use std::{future::Future, net::SocketAddr, sync::Arc};

use athena::Lakehouse;
use tokio::net::TcpListener;

/// How the gateway treats its callers.
#[derive(Clone, Default)]
pub struct GatewayOptions {
    /// Access keys whose signatures are verified. Empty: every signature is accepted unread, and so are requests without one.
    pub access_keys: Vec<AccessKey>,
    /// Host names under which `bucket.<name>` is a bucket, besides `localhost`.
    pub domains: Vec<String>,
}

/// A key pair that clients sign with.
#[derive(Clone)]
pub struct AccessKey {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Why the gateway stopped.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The listener failed.
    #[error("accepting connections on {address}: {source}")]
    Accept { address: SocketAddr, source: std::io::Error },
}

/// Serves the lakehouse until `shutdown` resolves; requests under way are answered before it returns.
pub async fn serve(
    _listener: TcpListener,
    _lakehouse: Arc<Lakehouse>,
    _options: GatewayOptions,
    _shutdown: impl Future<Output = ()> + Send,
) -> Result<(), GatewayError> {
    Ok(())
}

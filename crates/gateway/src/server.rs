//! Accepting connections, and stopping without cutting answers off.

use std::{convert::Infallible, future::Future, pin::pin, sync::Arc, time::Duration};

use athena::Lakehouse;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{keys::AccessKey, route::Gateway};

/// A client that sends no request head within this time is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// After a failure to accept (too many open files) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the gateway treats its callers.
#[derive(Debug, Clone, Default)]
pub struct GatewayOptions {
    /// Access keys whose signatures are verified. Empty: every signature is accepted unread, and so are requests without one.
    pub access_keys: Vec<AccessKey>,
    /// Host names under which `bucket.<name>` is a bucket, besides `localhost` and `s3.localhost`.
    pub domains: Vec<String>,
}

/// Why the gateway could not serve.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The listener has no address.
    #[error("the listener has no address: {source}")]
    NoAddress { source: std::io::Error },
}

/// Serves the lakehouse until `shutdown` resolves; requests under way are answered before it returns. Run it on a multi-threaded runtime.
///
/// # Errors
/// The listener is unusable. What goes wrong with one connection ends that connection only.
pub async fn serve(
    listener: TcpListener,
    lakehouse: Arc<Lakehouse>,
    options: GatewayOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), GatewayError> {
    let address = listener.local_addr().map_err(|source| GatewayError::NoAddress { source })?;
    let gateway = Arc::new(Gateway::new(lakehouse, &options, address));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Answers are small and waited for.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(stream, Arc::clone(&gateway), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, %address, "accepting a connection failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = stop.send(true);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn connection(stream: tokio::net::TcpStream, gateway: Arc<Gateway>, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(gateway.answer(request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut stop = pin!(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    });
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = &mut stop => {
            // The request under way is answered, the next one is not read.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

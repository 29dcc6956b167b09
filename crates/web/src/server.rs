//! The listener.

use std::{future::Future, net::SocketAddr};

use axum::Router;
use tokio::net::TcpListener;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("Could not listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("The server ended: {0}")]
    Ended(std::io::Error),
}

impl ServeError {
    /// What one can do now.
    pub fn fix(&self) -> String {
        match self {
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                "choose another address with --listen, or stop what uses it (an `owlet up` that runs already?)"
                    .to_owned()
            }
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "choose a port above 1023 with --listen".to_owned()
            }
            Self::Listen { .. } => "choose an address of this machine with --listen".to_owned(),
            Self::Ended(_) => "start it again; if it ends again, report this message".to_owned(),
        }
    }
}

/// A listener that has its port.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    /// With the real port, if 0 was asked for.
    pub address: SocketAddr,
}

/// Takes the port, before anything else is started.
///
/// # Errors
/// It is in use, or not ours.
pub async fn bind(address: SocketAddr) -> Result<Bound, ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address })
}

/// Serves until `stop`; requests that are under way are answered.
///
/// # Errors
/// The listener breaks.
pub async fn serve(
    bound: Bound,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(bound.listener, service).with_graceful_shutdown(stop).await.map_err(ServeError::Ended)
}

//! The listener.

use std::{future::Future, net::SocketAddr};

use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;

use crate::tls::{TlsError, TlsFiles, TlsListener};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("Could not listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Tls(TlsError),
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
            Self::Tls(error) => error.fix().to_owned(),
            Self::Ended(_) => "start it again; if it ends again, report this message".to_owned(),
        }
    }
}

/// A listener that has its port.
pub struct Bound {
    listener: Either,
    /// With the real port, if 0 was asked for.
    pub address: SocketAddr,
}

enum Either {
    Plain(TcpListener),
    Tls(TlsListener),
}

impl Bound {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        match self.listener {
            Either::Plain(_) => "http",
            Either::Tls(_) => "https",
        }
    }
}

/// Takes the port, before anything else is started.
///
/// # Errors
/// It is in use, or not ours; certificate or key are no use.
pub async fn bind(address: SocketAddr, tls: Option<TlsFiles>) -> Result<Bound, ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let listener = match tls {
        Some(files) => Either::Tls(TlsListener::start(listener, files).map_err(ServeError::Tls)?),
        None => Either::Plain(listener),
    };
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
    let served = match bound.listener {
        Either::Plain(listener) => axum::serve(listener, service).with_graceful_shutdown(stop).await,
        // Tapped, as only then the address of a client is known of it.
        Either::Tls(listener) => axum::serve(listener.tap_io(|_| {}), service).with_graceful_shutdown(stop).await,
    };
    served.map_err(ServeError::Ended)
}

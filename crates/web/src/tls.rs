//! TLS on the listener: certificate and key from PEM files, read again when they change, as those who renew certificates write them.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::serve::Listener;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A client that does not get on with it by then is left.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Connections whose handshake is over and that nobody has taken yet.
const QUEUE: usize = 64;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those between it and the authority's.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Of certificate and key, as far as they can be read.
type Contents = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("The {what} '{path}' cannot be read: {source}", path = path.display())]
    Unreadable { what: &'static str, path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("There is no certificate in '{path}'", path = path.display())]
    NoCertificate { path: PathBuf },
    #[error("The certificate '{certificate}' and the key '{key}' cannot be used: {source}", certificate = files.certificate.display(), key = files.key.display())]
    Unusable { files: TlsFiles, source: rustls::Error },
}

impl TlsError {
    /// What one can do now.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Unreadable { source: rustls::pki_types::pem::Error::Io(_), .. } => {
                "correct the path, or see that the server's user may read the file"
            }
            Self::Unreadable { what: "key", .. } => {
                "give a private key as PEM, without a passphrase: `-----BEGIN PRIVATE KEY-----`"
            }
            Self::Unreadable { .. } | Self::NoCertificate { .. } => {
                "give certificates as PEM, the server's first: `-----BEGIN CERTIFICATE-----`"
            }
            Self::Unusable { .. } => "give the key that the first certificate of the file was made for",
        }
    }
}

impl TlsFiles {
    fn load(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
        let certificates = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| unreadable("certificate", &self.certificate, source))?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate { path: self.certificate.clone() });
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|source| unreadable("key", &self.key, source))?;
        let unusable = |source| TlsError::Unusable { files: self.clone(), source };
        CertifiedKey::from_der(certificates, key, provider).map(Arc::new).map_err(unusable)
    }

    /// What is in them; to notice a change.
    fn contents(&self) -> Contents {
        let read = |path: &Path| fs_err::read(path).ok();
        (read(&self.certificate), read(&self.key))
    }
}

fn unreadable(what: &'static str, path: &Path, source: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Unreadable { what, path: path.to_owned(), source }
}

/// The certificate as it is now.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A listener whose connections have their handshake behind them.
pub(crate) struct TlsListener {
    address: SocketAddr,
    connections: mpsc::Receiver<(TlsStream<tokio::net::TcpStream>, SocketAddr)>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl TlsListener {
    /// Takes over a listener.
    pub(crate) fn start(listener: TcpListener, files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = Arc::new(Current(RwLock::new(files.load(&provider)?)));
        let unusable = |source| TlsError::Unusable { files: files.clone(), source };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let (ready, connections) = mpsc::channel(QUEUE);
        let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), ready));
        let renewing = tokio::spawn(renew(files, provider, current));
        Ok(Self { address, connections, tasks: [accepting, renewing] })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<tokio::net::TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The accepting task ends with this listener only.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// Each handshake by itself: a client that is slow, or speaks no TLS, holds up nobody else.
async fn accept(
    mut listener: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<tokio::net::TcpStream>, SocketAddr)>,
) {
    loop {
        let (stream, address) = Listener::accept(&mut listener).await;
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                let _ = ready.send((stream, address)).await;
            }
        });
    }
}

async fn renew(files: TlsFiles, provider: Arc<CryptoProvider>, current: Arc<Current>) {
    let mut seen = files.contents();
    loop {
        tokio::time::sleep(LOOK).await;
        if let Err(error) = current.look(&files, &provider, &mut seen) {
            tracing::warn!("the changed certificate is not used, the one before it still is: {error}; {}", error.fix());
        }
    }
}

impl Current {
    /// Takes what is new in the files. What cannot be used changes nothing, as while one of the two is written, and is looked at again.
    fn look(&self, files: &TlsFiles, provider: &CryptoProvider, seen: &mut Contents) -> Result<(), TlsError> {
        let contents = files.contents();
        if contents != *seen {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = files.load(provider)?;
            *seen = contents;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    struct Made {
        folder: tempfile::TempDir,
        files: TlsFiles,
    }

    impl Made {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
            let made = Self { folder, files };
            made.write();
            made
        }

        /// Another certificate, and its key; returns the certificate.
        fn write(&self) -> CertificateDer<'static> {
            let new = rcgen::generate_simple_self_signed(["owlet.example".to_owned()]).expect("a certificate");
            fs_err::write(&self.files.certificate, new.cert.pem()).expect("written");
            fs_err::write(&self.files.key, new.signing_key.serialize_pem()).expect("written");
            new.cert.der().clone()
        }
    }

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(aws_lc_rs::default_provider())
    }

    #[tokio::test]
    async fn clients_that_trust_the_certificate_get_answers_whatever_others_do() {
        let made = Made::new();
        let certificate = made.write();
        let bound = crate::bind("127.0.0.1:0".parse().expect("an address"), Some(made.files.clone())).await;
        let bound = bound.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bound.scheme(), "https");
        let address = bound.address;
        let who = |axum::extract::ConnectInfo(address): axum::extract::ConnectInfo<SocketAddr>| async move {
            address.ip().to_string()
        };
        let router = axum::Router::new().route("/", axum::routing::get(who));
        let stop = tokio_util::sync::CancellationToken::new();
        let served = tokio::spawn(crate::serve(bound, router, stop.clone().cancelled_owned()));

        // One that says nothing, and one that speaks no TLS.
        let silent = TcpStream::connect(address).await.expect("connected");
        let mut plain = TcpStream::connect(address).await.expect("connected");
        plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");

        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a root");
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("owlet.example").expect("a name");
        let stream = TcpStream::connect(address).await.expect("connected");
        let mut stream = connector.connect(name, stream).await.expect("a handshake");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: owlet.example\r\nConnection: close\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
        drop(silent);
        stop.cancel();
        served.await.expect("ended").expect("in order");
    }

    #[test]
    fn a_renewed_certificate_is_used_once_its_key_fits() {
        let made = Made::new();
        let provider = provider();
        let current = Current(RwLock::new(made.files.load(&provider).expect("loaded")));
        let mut seen = made.files.contents();
        let used = || current.0.read().expect("unpoisoned").cert[0].clone();
        let before = used();
        let old_key = fs_err::read(&made.files.key).expect("read");
        let new = made.write();
        let new_key = fs_err::read(&made.files.key).expect("read");
        fs_err::write(&made.files.key, &old_key).expect("written");
        let error = current.look(&made.files, &provider, &mut seen).expect_err("another's key");
        assert!(matches!(error, TlsError::Unusable { .. }), "{error}");
        assert_eq!(used(), before);
        fs_err::write(&made.files.key, &new_key).expect("written");
        current.look(&made.files, &provider, &mut seen).expect("they fit");
        assert_eq!(used(), new);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let made = Made::new();
        let told = |certificate: &str, key: &str| {
            let folder = made.folder.path();
            let files = TlsFiles { certificate: folder.join(certificate), key: folder.join(key) };
            let error = files.load(&provider()).expect_err("no use");
            format!("{error}; {}", error.fix()).replace(&folder.display().to_string(), "DIR")
        };
        assert!(told("none.pem", "key.pem").contains("correct the path"), "{}", told("none.pem", "key.pem"));
        let swapped = told("key.pem", "key.pem");
        assert!(swapped.starts_with("There is no certificate in 'DIR/key.pem'; give certificates as PEM"), "{swapped}");
        let swapped = told("cert.pem", "cert.pem");
        assert!(swapped.starts_with("The key 'DIR/cert.pem' cannot be read"), "{swapped}");
        assert!(swapped.ends_with("without a passphrase: `-----BEGIN PRIVATE KEY-----`"), "{swapped}");
    }
}

//! A lakehouse of its own for each test, served on a free port.

use std::{path::Path, sync::Arc};

use athena::{Lakehouse, LakehouseOptions};
use athena_api::Services;
use athena_client::{ClientOptions, CredentialSource, Endpoints};
use gateway::{AccessKey, GatewayOptions, serve};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A served lakehouse. It is closed by [`Served::close`].
pub struct Served {
    pub endpoint: String,
    pub lakehouse: Arc<Lakehouse>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Served {
    /// Opens and serves a directory.
    pub async fn start(dir: &Path, access_keys: Vec<AccessKey>) -> Self {
        let options = LakehouseOptions::new(dir, Arc::new(chrono::Utc::now));
        let lakehouse = Arc::new(Lakehouse::open(options).await.expect("a lakehouse"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Arc::clone(&lakehouse);
        let options = GatewayOptions { access_keys, ..GatewayOptions::default() };
        let task = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            serve(listener, served, options, shutdown).await.expect("served");
        });
        Self { endpoint, lakehouse, stop, task }
    }

    /// A client with a key.
    pub async fn client(&self, access_key_id: &str, secret_access_key: &str) -> Services {
        athena_client::connect(self.options(access_key_id, secret_access_key)).await.expect("connected")
    }

    /// What a client with a key connects with.
    pub fn options(&self, access_key_id: &str, secret_access_key: &str) -> ClientOptions {
        ClientOptions {
            region: Some("us-east-1".to_owned()),
            credentials: CredentialSource::Keys {
                access_key_id: access_key_id.to_owned(),
                secret_access_key: secret_access_key.to_owned(),
                session_token: None,
            },
            endpoints: Endpoints { all: Some(self.endpoint.clone()), ..Endpoints::default() },
            retries: 0,
            ..ClientOptions::default()
        }
    }

    /// Stops serving and closes the lakehouse.
    pub async fn close(self) {
        let _ = self.stop.send(());
        self.task.await.expect("the server ended");
        self.lakehouse.close().await;
    }
}

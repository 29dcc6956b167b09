//! The embedded lakehouse: the only module that links it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use athena::{Lakehouse, LakehouseError, LakehouseOptions};
use gateway::GatewayOptions;
use tokio_util::sync::CancellationToken;

use crate::terminal::Stream;

/// A lakehouse directory in use.
pub enum Opened {
    /// By this process.
    Here(Box<Lakehouse>),
    /// By another one, which serves it at this endpoint.
    Elsewhere(String),
}

/// Opens a lakehouse directory.
pub async fn open(dir: &Path, region: &str, mounts: Vec<(String, PathBuf)>) -> anyhow::Result<Opened> {
    let options = LakehouseOptions {
        mounts,
        region: region.to_owned(),
        ..LakehouseOptions::new(dir, Arc::new(chrono::Utc::now))
    };
    match Box::pin(Lakehouse::open(options)).await {
        Ok(lakehouse) => Ok(Opened::Here(Box::new(lakehouse))),
        Err(error) => match endpoint_of_holder(&error) {
            Some(endpoint) => Ok(Opened::Elsewhere(endpoint)),
            None => Err(explained(&error, dir)),
        },
    }
}

fn endpoint_of_holder(error: &LakehouseError) -> Option<String> {
    match error {
        LakehouseError::Locked(store::LockError::Held { holder: Some(holder), .. }) => holder.endpoint.clone(),
        _ => None,
    }
}

fn explained(error: &LakehouseError, dir: &Path) -> anyhow::Error {
    anyhow::anyhow!("Could not open the lakehouse in {}\n  cause: {error}\n  fix:   {}", dir.display(), error.fix())
}

/// `lake serve`: serves a directory until `stop`.
pub async fn serve(
    dir: &Path,
    listen: SocketAddr,
    mounts: Vec<(String, PathBuf)>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let started = start(dir, listen, mounts, "--listen").await?;
    let endpoint = &started.endpoint;
    Stream::Stderr
        .write_line(&format!("Serving Athena, Glue, Lake Formation, S3 and STS of {} at {endpoint}", dir.display()));
    Stream::Stderr.write_line(&format!(
        "  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any",
        started.lakehouse.region()
    ));
    started.serve(stop).await
}

/// A lakehouse whose address is taken and announced.
pub struct Started {
    pub endpoint: String,
    lakehouse: Arc<Lakehouse>,
    listener: tokio::net::TcpListener,
}

/// Opens a directory and listens; `flag` is the one that chooses the address.
///
/// # Errors
/// The directory is held by another process, or the address is in use.
pub async fn start(
    dir: &Path,
    listen: SocketAddr,
    mounts: Vec<(String, PathBuf)>,
    flag: &str,
) -> anyhow::Result<Started> {
    let options = LakehouseOptions { mounts, ..LakehouseOptions::new(dir, Arc::new(chrono::Utc::now)) };
    let lakehouse = Box::pin(Lakehouse::open(options)).await.map_err(|error| explained(&error, dir))?;
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| {
        format!(
            "Could not listen on {listen}\n  fix:   choose another address with {flag}, or stop what uses it\n  cause"
        )
    })?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    lakehouse.announce(&endpoint)?;
    Ok(Started { endpoint, lakehouse: Arc::new(lakehouse), listener })
}

impl Started {
    /// For use in this process.
    pub fn services(&self) -> athena_api::Services {
        self.lakehouse.services()
    }

    /// Serves until `stop`, then closes the directory.
    pub async fn serve(self, stop: CancellationToken) -> anyhow::Result<()> {
        let lakehouse = Arc::clone(&self.lakehouse);
        let served = gateway::serve(self.listener, lakehouse, GatewayOptions::default(), stop.cancelled_owned()).await;
        self.lakehouse.close().await;
        Ok(served?)
    }
}

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
    Here(Lakehouse),
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
        Ok(lakehouse) => Ok(Opened::Here(lakehouse)),
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
    let options = LakehouseOptions { mounts, ..LakehouseOptions::new(dir, Arc::new(chrono::Utc::now)) };
    let lakehouse = Box::pin(Lakehouse::open(options)).await.map_err(|error| explained(&error, dir))?;
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| {
        format!(
            "Could not listen on {listen}\n  fix:   choose another address with --listen, or stop what uses it\n  cause"
        )
    })?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    lakehouse.announce(&endpoint)?;
    let lakehouse = Arc::new(lakehouse);
    Stream::Stderr.write_line(&format!("Serving Athena, Glue, S3 and STS of {} at {endpoint}", dir.display()));
    Stream::Stderr.write_line(&format!(
        "  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any",
        lakehouse.region()
    ));
    let served =
        gateway::serve(listener, Arc::clone(&lakehouse), GatewayOptions::default(), stop.cancelled_owned()).await;
    lakehouse.close().await;
    Ok(served?)
}

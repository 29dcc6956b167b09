//! How the server itself reaches warehouses: to stop what a dead server left.

use async_trait::async_trait;
use athena_api::Services;
use scheduler::worker::configuration::Warehouses;
use vault::Connection as VaultConnection;

use crate::{connection::Connection, environment::Environment};

/// AWS by the connection's own credentials; the lakehouse in process.
pub struct Connected {
    lakehouse: Option<Services>,
    environment: Environment,
}

impl Connected {
    pub fn new(lakehouse: Option<Services>, environment: Environment) -> Self {
        Self { lakehouse, environment }
    }
}

#[async_trait]
impl Warehouses for Connected {
    async fn services(&self, connection: Option<&VaultConnection>, region: &str) -> Result<Services, String> {
        let lakehouse = || self.lakehouse.clone().ok_or_else(|| "this server has no lakehouse".to_owned());
        let Some(connection) = connection.filter(|connection| !connection.is_embedded()) else { return lakehouse() };
        let mut profile = connection
            .profile()
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        region.clone_into(&mut profile.region_name);
        let opened = Box::pin(Connection::open(&profile, std::path::Path::new("."), &self.environment)).await;
        opened.map(|connection| connection.services).map_err(|error| format!("{error:#}"))
    }
}

//! How the server reaches a connection to test it.

use async_trait::async_trait;
use athena_api::{ApiError, ApiResult, Services};
use scheduler::settings::{Connector, Identity};
use vault::Connection as VaultConnection;

use super::warehouses::Connected;
use crate::commands::connections::options_of;

#[async_trait]
impl Connector for Connected {
    async fn identity(&self, connection: &VaultConnection) -> ApiResult<Identity> {
        match options_of(connection, &self.environment)? {
            Some(options) => {
                let found = athena_client::caller_identity(options).await?;
                Ok(Identity { account: found.account, arn: found.arn })
            }
            None => {
                let account = Connector::services(self, connection).await?.account_id;
                Ok(Identity { account, arn: "the lakehouse of this server".to_owned() })
            }
        }
    }

    async fn services(&self, connection: &VaultConnection) -> ApiResult<Services> {
        match options_of(connection, &self.environment)? {
            Some(options) => Box::pin(athena_client::connect(options)).await,
            None => self.lakehouse.clone().ok_or_else(|| {
                ApiError::new("InvalidConnection", "this server has no lakehouse: it was built without it".to_owned())
            }),
        }
    }
}

//! Data catalogs: the account's own, `AwsDataCatalog`, and registered ones, which are kept and shown but not queried.

use athena_api::{ApiResult, athena::DataCatalog, glue::Parameters};
use serde::{Deserialize, Serialize};

use crate::{
    EmbeddedAthena, Tag,
    error::invalid,
    registry::{Kind, page},
};

/// The name of the account's own catalog.
pub(crate) const AWS_DATA_CATALOG: &str = "AwsDataCatalog";

/// `CreateDataCatalog`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateDataCatalog {
    pub name: String,
    pub r#type: String,
    pub description: Option<String>,
    pub parameters: Option<Parameters>,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// `UpdateDataCatalog`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateDataCatalog {
    pub name: String,
    pub r#type: String,
    pub description: Option<String>,
    pub parameters: Option<Parameters>,
}

/// A data catalog in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataCatalogSummary {
    pub catalog_name: String,
    pub r#type: String,
}

/// Whether the name means the account's own catalog.
pub(crate) fn is_own(name: &str) -> bool {
    name.eq_ignore_ascii_case(AWS_DATA_CATALOG)
}

impl EmbeddedAthena {
    pub(crate) async fn data_catalog(&self, name: &str) -> ApiResult<DataCatalog> {
        if is_own(name) {
            return Ok(self.own_catalog());
        }
        let catalog = self.inner.registry.get(Kind::DataCatalog, "", &name.to_lowercase()).await?;
        catalog.ok_or_else(|| invalid(format!("Data catalog {name} was not found")))
    }

    fn own_catalog(&self) -> DataCatalog {
        DataCatalog {
            name: AWS_DATA_CATALOG.to_owned(),
            r#type: "GLUE".to_owned(),
            description: None,
            parameters: Some(Parameters::from([("catalog-id".to_owned(), self.inner.account_id.clone())])),
        }
    }

    /// `CreateDataCatalog`.
    pub async fn create_data_catalog(&self, request: CreateDataCatalog) -> ApiResult<DataCatalog> {
        let catalog = DataCatalog {
            name: request.name,
            r#type: request.r#type,
            description: request.description,
            parameters: request.parameters,
        };
        let key = catalog.name.to_lowercase();
        let is_new = !is_own(&key) && self.inner.registry.create(Kind::DataCatalog, "", &key, &catalog).await?;
        if !is_new {
            return Err(invalid(format!("Data catalog {} already exists", catalog.name)));
        }
        self.put_tags(&self.data_catalog_arn(&catalog.name), &request.tags).await?;
        Ok(catalog)
    }

    /// `UpdateDataCatalog`.
    pub async fn update_data_catalog(&self, request: UpdateDataCatalog) -> ApiResult<()> {
        let before = self.changeable(&request.name).await?;
        let after = DataCatalog {
            name: before.name,
            r#type: request.r#type,
            description: request.description.or(before.description),
            parameters: request.parameters.or(before.parameters),
        };
        self.inner.registry.put(Kind::DataCatalog, "", &request.name.to_lowercase(), &after).await
    }

    /// `DeleteDataCatalog`.
    pub async fn delete_data_catalog(&self, name: &str) -> ApiResult<DataCatalog> {
        let catalog = self.changeable(name).await?;
        self.forget_tags(&self.data_catalog_arn(&catalog.name)).await?;
        self.inner.registry.delete(Kind::DataCatalog, "", &name.to_lowercase()).await?;
        Ok(catalog)
    }

    async fn changeable(&self, name: &str) -> ApiResult<DataCatalog> {
        match is_own(name) {
            true => Err(invalid(format!("Data catalog {AWS_DATA_CATALOG} cannot be changed"))),
            false => self.data_catalog(name).await,
        }
    }

    /// `ListDataCatalogs`.
    pub async fn list_data_catalogs(
        &self,
        token: Option<&str>,
        limit: usize,
    ) -> ApiResult<(Vec<DataCatalogSummary>, Option<String>)> {
        let mut all: Vec<DataCatalog> = self.inner.registry.list(Kind::DataCatalog, "").await?;
        all.insert(0, self.own_catalog());
        let summaries =
            all.into_iter().map(|catalog| DataCatalogSummary { catalog_name: catalog.name, r#type: catalog.r#type });
        page(summaries.collect(), token, limit)
    }

    fn data_catalog_arn(&self, name: &str) -> String {
        format!("arn:aws:athena:{}:{}:datacatalog/{name}", self.inner.region, self.inner.account_id)
    }
}

//! Lake Formation over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use athena_api::{
    ApiResult, LakeFormation,
    lake_formation::{
        DataCellsFilter, FilterResource, LfTag, LfTagFailure, PermissionsEntry, PermissionsFailure,
        PrincipalPermissions, Resource, ResourceLfTags, TableResource,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    json,
    transport::{Service, Transport},
};

/// How many entries a batch of grants takes. Source: Lake Formation API, BatchGrantPermissions.
const BATCH: usize = 20;

/// Lake Formation over HTTP.
pub(crate) struct LakeFormationClient {
    transport: Arc<Transport>,
}

impl LakeFormationClient {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    async fn call<T: DeserializeOwned>(&self, operation: &'static str, input: &Input<'_>) -> ApiResult<T> {
        json::call(&self.transport, Service::LakeFormation, operation, input).await
    }

    async fn tags(&self, operation: &'static str, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        let input = Input { resource: Some(resource), lf_tags: Some(tags), ..Input::default() };
        self.call(operation, &input).await.map(|answer: Failures<_>| answer.failures)
    }

    async fn permissions(
        &self,
        operation: &'static str,
        entries: &[PermissionsEntry],
    ) -> ApiResult<Vec<PermissionsFailure>> {
        let mut failures = Vec::new();
        for entries in entries.chunks(BATCH) {
            let input = Input { entries: Some(entries), ..Input::default() };
            let answer: Failures<_> = self.call(operation, &input).await?;
            failures.extend(answer.failures);
        }
        Ok(failures)
    }
}

/// The members that the requests of this module are made of; absent ones are not sent.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a Resource>,
    #[serde(rename = "ShowAssignedLFTags", skip_serializing_if = "Option::is_none")]
    show_assigned: Option<bool>,
    #[serde(rename = "LFTags", skip_serializing_if = "Option::is_none")]
    lf_tags: Option<&'a [LfTag]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'a TableResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_data: Option<&'a DataCellsFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<&'a [PermissionsEntry]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failures<T> {
    #[serde(default = "Vec::new")]
    failures: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filters {
    #[serde(default)]
    data_cells_filters: Vec<DataCellsFilter>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Permissions {
    #[serde(default)]
    principal_resource_permissions: Vec<PrincipalPermissions>,
    next_token: Option<String>,
}

#[async_trait]
impl LakeFormation for LakeFormationClient {
    async fn get_resource_lf_tags(&self, resource: &Resource, only_assigned: bool) -> ApiResult<ResourceLfTags> {
        let input = Input { resource: Some(resource), show_assigned: Some(only_assigned), ..Input::default() };
        self.call("GetResourceLFTags", &input).await
    }

    async fn add_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        self.tags("AddLFTagsToResource", resource, tags).await
    }

    async fn remove_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        self.tags("RemoveLFTagsFromResource", resource, tags).await
    }

    async fn list_data_cells_filters(&self, table: &TableResource) -> ApiResult<Vec<DataCellsFilter>> {
        let mut input = Input { table: Some(table), ..Input::default() };
        let mut filters = Vec::new();
        loop {
            let answer: Filters = self.call("ListDataCellsFilter", &input).await?;
            filters.extend(answer.data_cells_filters);
            match answer.next_token.filter(|token| !token.is_empty()) {
                Some(token) => input.next_token = Some(token),
                None => return Ok(filters),
            }
        }
    }

    async fn create_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()> {
        let input = Input { table_data: Some(filter), ..Input::default() };
        self.call("CreateDataCellsFilter", &input).await.map(|_: Value| ())
    }

    async fn update_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()> {
        let input = Input { table_data: Some(filter), ..Input::default() };
        self.call("UpdateDataCellsFilter", &input).await.map(|_: Value| ())
    }

    async fn delete_data_cells_filter(&self, filter: &FilterResource) -> ApiResult<()> {
        let operation = "DeleteDataCellsFilter";
        json::call(&self.transport, Service::LakeFormation, operation, filter).await.map(|_: Value| ())
    }

    async fn list_permissions(&self, resource: &Resource) -> ApiResult<Vec<PrincipalPermissions>> {
        let mut input = Input { resource: Some(resource), ..Input::default() };
        let mut permissions = Vec::new();
        loop {
            let answer: Permissions = self.call("ListPermissions", &input).await?;
            permissions.extend(answer.principal_resource_permissions);
            match answer.next_token.filter(|token| !token.is_empty()) {
                Some(token) => input.next_token = Some(token),
                None => return Ok(permissions),
            }
        }
    }

    async fn grant_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        self.permissions("BatchGrantPermissions", entries).await
    }

    async fn revoke_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        self.permissions("BatchRevokePermissions", entries).await
    }
}

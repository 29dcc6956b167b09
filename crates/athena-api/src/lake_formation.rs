//! Lake Formation: LF-tags on databases, tables and columns, and filters of data cells with who may read through them.
//!
//! Source of shapes and limits: AWS Lake Formation API. Answers that come in pages are whole here.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{ApiError, ApiResult};

/// What tags are attached to and permissions are granted on. Of the service's eight kinds, those that a build touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resource {
    Database(DatabaseResource),
    Table(TableResource),
    TableWithColumns(ColumnsResource),
    DataCellsFilter(FilterResource),
}

/// A Glue database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DatabaseResource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    pub name: String,
}

/// A Glue table or view.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TableResource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    pub database_name: String,
    pub name: String,
}

/// Columns of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ColumnsResource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    pub database_name: String,
    pub name: String,
    pub column_names: Vec<String>,
}

/// A filter of data cells, by its name within its table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FilterResource {
    pub table_catalog_id: String,
    pub database_name: String,
    pub table_name: String,
    pub name: String,
}

/// A tag with its values; an attached tag has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LfTag {
    #[serde(rename = "CatalogId", default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    #[serde(rename = "TagKey")]
    pub key: String,
    #[serde(rename = "TagValues")]
    pub values: Vec<String>,
}

impl LfTag {
    /// A tag with one value.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { catalog_id: None, key: key.into(), values: vec![value.into()] }
    }
}

/// The tags of a resource and of what is around it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceLfTags {
    #[serde(rename = "LFTagOnDatabase", default, skip_serializing_if = "Vec::is_empty")]
    pub on_database: Vec<LfTag>,
    #[serde(rename = "LFTagsOnTable", default, skip_serializing_if = "Vec::is_empty")]
    pub on_table: Vec<LfTag>,
    #[serde(rename = "LFTagsOnColumns", default, skip_serializing_if = "Vec::is_empty")]
    pub on_columns: Vec<ColumnLfTags>,
}

/// The tags of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnLfTags {
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "LFTags", default)]
    pub tags: Vec<LfTag>,
}

/// Which rows and columns of a table a reader gets to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataCellsFilter {
    pub table_catalog_id: String,
    pub database_name: String,
    pub table_name: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_filter: Option<RowFilter>,
    /// The columns, or `column_wildcard`: the service takes exactly one of the two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub column_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column_wildcard: Option<ColumnWildcard>,
}

impl DataCellsFilter {
    /// Its name as a resource.
    pub fn resource(&self) -> FilterResource {
        FilterResource {
            table_catalog_id: self.table_catalog_id.clone(),
            database_name: self.database_name.clone(),
            table_name: self.table_name.clone(),
            name: self.name.clone(),
        }
    }
}

/// A condition in PartiQL, or all rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RowFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_expression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_rows_wildcard: Option<serde_json::Value>,
}

/// All columns but these.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ColumnWildcard {
    #[serde(default)]
    pub excluded_column_names: Vec<String>,
}

/// Who: an IAM user's or role's ARN, an account, a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Principal {
    pub data_lake_principal_identifier: String,
}

/// What a principal may do with a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrincipalPermissions {
    pub principal: Principal,
    pub resource: Resource,
    #[serde(default)]
    pub permissions: Vec<String>,
    #[serde(default)]
    pub permissions_with_grant_option: Vec<String>,
}

/// One grant or revocation of a batch; `id` is the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PermissionsEntry {
    pub id: String,
    #[serde(flatten)]
    pub permissions: PrincipalPermissions,
}

/// Why one thing of several was not done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ErrorDetail {
    #[serde(default)]
    pub error_code: String,
    #[serde(default)]
    pub error_message: String,
}

/// A tag that was not attached or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LfTagFailure {
    #[serde(rename = "LFTag")]
    pub tag: LfTag,
    #[serde(rename = "Error")]
    pub error: ErrorDetail,
}

/// A grant or revocation that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PermissionsFailure {
    pub request_entry: PermissionsEntry,
    pub error: ErrorDetail,
}

/// Tags, filters and permissions. What fails for one of several is in the answer, not an error.
#[async_trait]
pub trait LakeFormation: Send + Sync {
    /// `only_assigned`: without those that a table has from its database.
    async fn get_resource_lf_tags(&self, resource: &Resource, only_assigned: bool) -> ApiResult<ResourceLfTags>;
    async fn add_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>>;
    async fn remove_lf_tags(&self, resource: &Resource, tags: &[LfTag]) -> ApiResult<Vec<LfTagFailure>>;

    async fn list_data_cells_filters(&self, table: &TableResource) -> ApiResult<Vec<DataCellsFilter>>;
    async fn create_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()>;
    async fn update_data_cells_filter(&self, filter: &DataCellsFilter) -> ApiResult<()>;
    async fn delete_data_cells_filter(&self, filter: &FilterResource) -> ApiResult<()>;

    async fn list_permissions(&self, resource: &Resource) -> ApiResult<Vec<PrincipalPermissions>>;
    async fn grant_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>>;
    async fn revoke_permissions(&self, entries: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>>;
}

/// Refuses every call: where there is nothing to ask.
pub struct Unavailable(pub ApiError);

#[async_trait]
impl LakeFormation for Unavailable {
    async fn get_resource_lf_tags(&self, _: &Resource, _: bool) -> ApiResult<ResourceLfTags> {
        Err(self.0.clone())
    }
    async fn add_lf_tags(&self, _: &Resource, _: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        Err(self.0.clone())
    }
    async fn remove_lf_tags(&self, _: &Resource, _: &[LfTag]) -> ApiResult<Vec<LfTagFailure>> {
        Err(self.0.clone())
    }
    async fn list_data_cells_filters(&self, _: &TableResource) -> ApiResult<Vec<DataCellsFilter>> {
        Err(self.0.clone())
    }
    async fn create_data_cells_filter(&self, _: &DataCellsFilter) -> ApiResult<()> {
        Err(self.0.clone())
    }
    async fn update_data_cells_filter(&self, _: &DataCellsFilter) -> ApiResult<()> {
        Err(self.0.clone())
    }
    async fn delete_data_cells_filter(&self, _: &FilterResource) -> ApiResult<()> {
        Err(self.0.clone())
    }
    async fn list_permissions(&self, _: &Resource) -> ApiResult<Vec<PrincipalPermissions>> {
        Err(self.0.clone())
    }
    async fn grant_permissions(&self, _: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        Err(self.0.clone())
    }
    async fn revoke_permissions(&self, _: &[PermissionsEntry]) -> ApiResult<Vec<PermissionsFailure>> {
        Err(self.0.clone())
    }
}

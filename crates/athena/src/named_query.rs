//! Named queries: texts that people saved.

use athena_api::ApiResult;
use serde::{Deserialize, Serialize};

use crate::{
    EmbeddedAthena,
    error::invalid,
    registry::{Kind, page},
    work_group::PRIMARY,
};

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedQuery {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub database: String,
    pub query_string: String,
    pub named_query_id: String,
    pub work_group: String,
}

/// `CreateNamedQuery`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateNamedQuery {
    pub name: String,
    pub description: Option<String>,
    pub database: String,
    pub query_string: String,
    pub client_request_token: Option<String>,
    pub work_group: Option<String>,
}

/// `UpdateNamedQuery`. Database and workgroup stay.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateNamedQuery {
    pub named_query_id: String,
    pub name: String,
    pub description: Option<String>,
    pub query_string: String,
}

impl EmbeddedAthena {
    /// `CreateNamedQuery`: answers the id. The same token answers the same id.
    pub async fn create_named_query(&self, request: CreateNamedQuery) -> ApiResult<String> {
        let work_group = self.work_group(request.work_group.as_deref().unwrap_or(PRIMARY)).await?;
        if work_group.state.as_deref() == Some("DISABLED") {
            return Err(invalid(format!("WorkGroup {} is disabled.", work_group.name)));
        }
        let id = match &request.client_request_token {
            // The token decides the id, so the second call finds what the first one made.
            Some(token) => uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, token.as_bytes()),
            None => uuid::Uuid::new_v4(),
        };
        let query = NamedQuery {
            name: request.name,
            description: request.description,
            database: request.database,
            query_string: request.query_string,
            named_query_id: id.to_string(),
            work_group: work_group.name,
        };
        self.inner.registry.create(Kind::NamedQuery, "", &query.named_query_id, &query).await?;
        Ok(query.named_query_id)
    }

    /// `GetNamedQuery`.
    pub async fn get_named_query(&self, id: &str) -> ApiResult<NamedQuery> {
        let query = self.inner.registry.get(Kind::NamedQuery, "", id).await?;
        query.ok_or_else(|| invalid(format!("NamedQuery {id} was not found")))
    }

    /// `UpdateNamedQuery`.
    pub async fn update_named_query(&self, request: UpdateNamedQuery) -> ApiResult<()> {
        let before = self.get_named_query(&request.named_query_id).await?;
        let after = NamedQuery {
            name: request.name,
            description: request.description,
            query_string: request.query_string,
            ..before
        };
        self.inner.registry.put(Kind::NamedQuery, "", &request.named_query_id, &after).await
    }

    /// `DeleteNamedQuery`.
    pub async fn delete_named_query(&self, id: &str) -> ApiResult<()> {
        self.get_named_query(id).await?;
        self.inner.registry.delete(Kind::NamedQuery, "", id).await?;
        Ok(())
    }

    /// `ListNamedQueries`: ids.
    pub async fn list_named_queries(
        &self,
        work_group: Option<&str>,
        token: Option<&str>,
        limit: usize,
    ) -> ApiResult<(Vec<String>, Option<String>)> {
        let work_group = self.work_group(work_group.unwrap_or(PRIMARY)).await?;
        let queries = self.named_queries_of(&work_group.name).await?;
        page(queries.into_iter().map(|query| query.named_query_id).collect(), token, limit)
    }

    pub(crate) async fn named_queries_of(&self, work_group: &str) -> ApiResult<Vec<NamedQuery>> {
        let mut queries: Vec<NamedQuery> = self.inner.registry.list(Kind::NamedQuery, "").await?;
        queries.retain(|query| query.work_group == work_group);
        Ok(queries)
    }
}

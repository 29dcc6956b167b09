//! Prepared statements: shared by the API and the SQL statements PREPARE, EXECUTE and DEALLOCATE PREPARE.

use athena_api::{ApiResult, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    EmbeddedAthena,
    error::{invalid, resource_not_found},
    registry::{Kind, page},
};

/// Source: Athena service quotas.
const MOST_PER_WORK_GROUP: usize = 1000;

/// A prepared statement. Its name is case-sensitive and unique in its workgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PreparedStatement {
    pub statement_name: String,
    pub query_statement: String,
    pub work_group_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub last_modified_time: Timestamp,
}

/// `CreatePreparedStatement`, `UpdatePreparedStatement`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PreparedStatementInput {
    pub statement_name: String,
    pub work_group: String,
    pub query_statement: String,
    pub description: Option<String>,
}

/// A prepared statement in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PreparedStatementSummary {
    pub statement_name: String,
    pub last_modified_time: Timestamp,
}

impl EmbeddedAthena {
    /// `CreatePreparedStatement`.
    pub async fn create_prepared_statement(&self, input: PreparedStatementInput) -> ApiResult<()> {
        self.work_group(&input.work_group).await?;
        let statement = self.statement(input);
        let (scope, name) = (statement.work_group_name.as_str(), statement.statement_name.as_str());
        if self.prepared_statements_of(scope).await?.len() >= MOST_PER_WORK_GROUP {
            return Err(invalid(format!(
                "Cannot create prepared statement {name}. The number of prepared statements in this workgroup exceeds the limit of \
                 {MOST_PER_WORK_GROUP}."
            )));
        }
        match self.inner.registry.create(Kind::PreparedStatement, scope, name, &statement).await? {
            true => Ok(()),
            false => Err(invalid(format!("Prepared statement {name} already exists in workgroup {scope}"))),
        }
    }

    /// `GetPreparedStatement`.
    pub async fn get_prepared_statement(&self, work_group: &str, name: &str) -> ApiResult<PreparedStatement> {
        self.work_group(work_group).await?;
        self.find_prepared_statement(work_group, name).await?.ok_or_else(|| {
            resource_not_found(format!("PreparedStatement {name} was not found in workGroup {work_group}"))
        })
    }

    pub(crate) async fn find_prepared_statement(
        &self,
        work_group: &str,
        name: &str,
    ) -> ApiResult<Option<PreparedStatement>> {
        self.inner.registry.get(Kind::PreparedStatement, work_group, name).await
    }

    /// `UpdatePreparedStatement`.
    pub async fn update_prepared_statement(&self, input: PreparedStatementInput) -> ApiResult<()> {
        self.get_prepared_statement(&input.work_group, &input.statement_name).await?;
        self.put_prepared_statement(input).await
    }

    /// Creates or replaces it.
    async fn put_prepared_statement(&self, input: PreparedStatementInput) -> ApiResult<()> {
        let statement = self.statement(input);
        let (scope, name) = (statement.work_group_name.as_str(), statement.statement_name.as_str());
        self.inner.registry.put(Kind::PreparedStatement, scope, name, &statement).await
    }

    fn statement(&self, input: PreparedStatementInput) -> PreparedStatement {
        PreparedStatement {
            statement_name: input.statement_name,
            query_statement: input.query_statement,
            work_group_name: input.work_group,
            description: input.description,
            last_modified_time: self.now().into(),
        }
    }

    /// `DeletePreparedStatement`.
    pub async fn delete_prepared_statement(&self, work_group: &str, name: &str) -> ApiResult<()> {
        self.get_prepared_statement(work_group, name).await?;
        self.inner.registry.delete(Kind::PreparedStatement, work_group, name).await?;
        Ok(())
    }

    /// `ListPreparedStatements`.
    pub async fn list_prepared_statements(
        &self,
        work_group: &str,
        token: Option<&str>,
        limit: usize,
    ) -> ApiResult<(Vec<PreparedStatementSummary>, Option<String>)> {
        self.work_group(work_group).await?;
        let statements = self.prepared_statements_of(work_group).await?.into_iter();
        let summaries = statements.map(|statement| PreparedStatementSummary {
            statement_name: statement.statement_name,
            last_modified_time: statement.last_modified_time,
        });
        page(summaries.collect(), token, limit)
    }

    pub(crate) async fn prepared_statements_of(&self, work_group: &str) -> ApiResult<Vec<PreparedStatement>> {
        self.inner.registry.list(Kind::PreparedStatement, work_group).await
    }
}

//! Writes.
use crate::{engine::Work, error::QueryError, output::QueryOutput};
use athena_sql::*;
pub(crate) async fn insert(_: &Work<'_>, _: &Insert) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn create_table_as(_: &Work<'_>, _: &CreateTableAs) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn unload(_: &Work<'_>, _: &Unload) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn merge(_: &Work<'_>, _: &Merge) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn update(_: &Work<'_>, _: &TableName, _: &[(Ident, Expr)], _: Option<&Expr>) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn delete(_: &Work<'_>, _: &TableName, _: Option<&Expr>) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn optimize(_: &Work<'_>, _: &TableName) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn vacuum(_: &Work<'_>, _: &TableName) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }

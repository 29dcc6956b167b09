//! DDL.
use crate::{engine::Work, error::QueryError, output::QueryOutput};
use athena_sql::{Statement, Explain};
pub(crate) async fn run(_: &Work<'_>, _: &Statement) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }
pub(crate) async fn explain(_: &Work<'_>, _: &Explain) -> Result<QueryOutput, QueryError> { Ok(QueryOutput::nothing()) }

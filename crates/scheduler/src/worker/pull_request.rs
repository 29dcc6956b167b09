//! The schema of a pull request, and its end.

use adapter_athena::{AthenaAdapter, AthenaProfile};
use engine::Adapter;
use serde_json::json;

use super::{Inner, environment::PULL_REQUEST_SCHEMA, pull_request_schema};
use crate::model::Run;

/// The schema is still there.
#[derive(Debug, thiserror::Error)]
pub enum DropSchemaError {
    #[error("run {0} built into no schema of a pull request")]
    NoPullRequest(i64),
    #[error("the schema '{schema}' was not dropped: {message}")]
    Failed { schema: String, message: String },
}

/// Drops the schema that a run with Turbo CI built into, tables and files included. One that is gone already is no error.
pub(super) async fn drop_schema(worker: &Inner, run: &Run) -> Result<String, DropSchemaError> {
    let schema = pull_request_schema(run)
        .filter(|schema| schema.len() > PULL_REQUEST_SCHEMA.len() && schema.starts_with(PULL_REQUEST_SCHEMA))
        .ok_or(DropSchemaError::NoPullRequest(run.id))?;
    let failed = |message: String| DropSchemaError::Failed { schema: schema.clone(), message };
    let configuration = worker.configurations.of(run).await.map_err(|error| failed(error.to_string()))?;
    let sentence = |problems: Vec<diagnostic::Diagnostic>| {
        problems.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>().join("; ")
    };
    let profile = match &configuration.connection {
        Some(connection) => connection.profile(),
        None => {
            let embedded = json!({"type": "athena", "lakehouse": "embedded"});
            AthenaProfile::parse(embedded.as_object().unwrap_or(&serde_json::Map::new()))
        }
    };
    let profile = profile.map_err(|problems| failed(sentence(problems)))?;
    let services = worker.warehouses.services(configuration.connection.as_ref(), &profile.region_name).await;
    let services = services.map_err(failed)?;
    let database = profile.database.clone();
    let adapter = AthenaAdapter::new(profile, services, run.uuid.as_str());
    match adapter.drop_schema(&database, &schema).await {
        Ok(()) => Ok(schema),
        Err(error) => Err(DropSchemaError::Failed { schema, message: error.to_string() }),
    }
}

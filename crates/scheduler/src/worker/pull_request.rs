//! The schema of a pull request, and its end.

use adapter_athena::{AthenaAdapter, AthenaProfile};
use engine::Adapter;
use serde_json::json;

use super::{Inner, environment::PULL_REQUEST_SCHEMA, pull_request_schema};
use crate::model::Run;

/// The schema is still there.
#[derive(Debug, thiserror::Error)]
pub(super) enum DropSchemaError {
    #[error("run {0} built into no schema of a pull request")]
    NoPullRequest(i64),
    #[error("the schema '{schema}' was not dropped: {message}")]
    Failed { schema: String, message: String },
}

/// Drops the schema that a run with Turbo CI built into, and those that custom schema names made of it; tables and files included. Answers their
/// names: none, when they are gone already.
pub(super) async fn drop_schema(worker: &Inner, run: &Run) -> Result<Vec<String>, DropSchemaError> {
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
    let known = adapter.list_schemas(&database).await.map_err(|error| failed(error.to_string()))?;
    let mut dropped = Vec::new();
    for name in known.into_iter().filter(|name| is_of(name, &schema)) {
        let done = adapter.drop_schema(&database, &name).await;
        done.map_err(|error| DropSchemaError::Failed { schema: name.clone(), message: error.to_string() })?;
        dropped.push(name);
    }
    Ok(dropped)
}

/// The schema itself, or one of dbt's `generate_schema_name` below it: `paradime_turbo_ci_pr_7_marts`, never `…_pr_70`.
fn is_of(name: &str, schema: &str) -> bool {
    name.strip_prefix(schema).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn another_pull_requests_schema_is_left_alone() {
        let schema = "paradime_turbo_ci_pr_7";
        assert!(is_of(schema, schema) && is_of("paradime_turbo_ci_pr_7_marts", schema));
        assert!(!is_of("paradime_turbo_ci_pr_70", schema) && !is_of("shop", schema));
    }
}

//! What a run leaves on disk: run_results.json, sources.json, compiled code.

use std::{
    io::{BufWriter, IntoInnerError},
    path::Path,
};

use artifacts::{
    JsonMap, Metadata,
    freshness::{self as sources, FreshnessResult, FreshnessResults},
    run_results::{self, RunResult},
    timestamp,
};
use chrono::{DateTime, Utc};
use diagnostic::Diagnostic;
use serde::Serialize;

use super::{NodeResult, RunResults, Timing, event_time::python_text};
use crate::{Compiled, Compiler, Host, adapter::AdapterResponse, events::Events};

/// The run as run_results.json.
pub fn run_results_artifact(results: &RunResults, host: &Host, events: &Events) -> run_results::RunResults {
    run_results::RunResults {
        metadata: metadata(run_results::SCHEMA_VERSION, host, events),
        results: results.results.iter().map(|(_, result)| run_result(result)).collect(),
        elapsed_time: results.elapsed.as_secs_f64(),
        args: crate::context::secrets::hide_in_arguments(&host.args),
    }
}

/// The freshness checks as sources.json.
pub fn freshness_artifact(results: &RunResults, host: &Host, events: &Events) -> FreshnessResults {
    let checks = results.results.iter().filter(|(info, _)| info.resource_type == "source");
    FreshnessResults {
        metadata: metadata(sources::SCHEMA_VERSION, host, events),
        results: checks.map(|(_, result)| freshness_result(result)).collect(),
        elapsed_time: results.elapsed.as_secs_f64(),
    }
}

fn metadata(schema_version: &str, host: &Host, events: &Events) -> Metadata {
    Metadata {
        dbt_schema_version: schema_version.to_owned(),
        dbt_version: project::CLAIMED_DBT_VERSION.to_string(),
        generated_at: timestamp(events.now()),
        invocation_id: Some(host.invocation_id.clone()),
        invocation_started_at: Some(timestamp(host.started_at)),
        env: (*host.metadata_env).clone(),
    }
}

fn run_result(result: &NodeResult) -> RunResult {
    // For dbt a seed is nothing that could be compiled, nor are exposures, sources and saved queries.
    let has_code = matches!(
        result.unique_id.resource_type(),
        "model" | "function" | "test" | "snapshot" | "analysis" | "operation" | "sql_operation" | "macro"
    );
    RunResult {
        status: result.status.as_str().to_owned(),
        timing: timings(&result.timing),
        thread_id: result.thread.clone(),
        execution_time: result.execution_time.as_secs_f64(),
        adapter_response: response(result.adapter_response.as_ref()),
        message: result.message.clone(),
        failures: result.failures,
        unique_id: result.unique_id.to_string(),
        compiled: (has_code || result.compiled_code.is_some()).then_some(result.compiled_code.is_some()),
        compiled_code: result.compiled_code.clone(),
        relation_name: result.relation_name.clone().filter(|_| has_code),
        batch_results: result.batch_results.clone(),
        // No function is built together with its overloads.
        overload_results: None,
    }
}

pub(super) fn timings(timing: &[Timing]) -> Vec<run_results::Timing> {
    timing
        .iter()
        .map(|timing| run_results::Timing {
            name: timing.name.to_owned(),
            started_at: Some(timestamp(timing.started_at)),
            completed_at: Some(timestamp(timing.completed_at)),
        })
        .collect()
}

pub(super) fn response(response: Option<&AdapterResponse>) -> JsonMap {
    match response.map(serde_json::to_value) {
        Some(Ok(serde_json::Value::Object(map))) => map,
        _ => JsonMap::new(),
    }
}

/// What a freshness check's result has besides what all results have.
pub(super) fn measured(result: &NodeResult) -> Option<serde_json::Value> {
    let measured = result.freshness.as_ref()?;
    Some(serde_json::json!({
        "max_loaded_at": timestamp(measured.max_loaded_at),
        "snapshotted_at": timestamp(measured.snapshotted_at),
        "age": measured.age_in_seconds(),
    }))
}

fn freshness_result(result: &NodeResult) -> FreshnessResult {
    let Some(measured) = &result.freshness else {
        return FreshnessResult::Failed {
            unique_id: result.unique_id.to_string(),
            error: result.message.clone().into(),
            status: "runtime error".to_owned(),
        };
    };
    FreshnessResult::Measured {
        unique_id: result.unique_id.to_string(),
        max_loaded_at: iso_format(measured.max_loaded_at),
        snapshotted_at: iso_format(measured.snapshotted_at),
        max_loaded_at_time_ago_in_s: measured.age_in_seconds(),
        status: result.status.as_str().to_owned(),
        criteria: measured.criteria.written.clone(),
        adapter_response: response(result.adapter_response.as_ref()),
        timing: timings(&result.timing),
        thread_id: result.thread.clone(),
        execution_time: result.execution_time.as_secs_f64(),
    }
}

/// As Python's `isoformat` does.
fn iso_format(time: DateTime<Utc>) -> String {
    python_text(time).replacen(' ', "T", 1)
}

/// Writes an artifact as one line of JSON, all or nothing.
///
/// # Errors
/// A folder that cannot be written.
pub fn write_json(path: &Path, artifact: &impl Serialize) -> Result<(), Diagnostic> {
    let partial = path.with_extension("json.partial");
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        // Piece by piece: a large manifest is never in memory as one text.
        let mut file = BufWriter::with_capacity(1 << 16, fs_err::File::create(&partial)?);
        serde_json::to_writer(&mut file, artifact)?;
        file.into_inner().map_err(IntoInnerError::into_error)?;
        fs_err::rename(&partial, path)
    };
    write().map_err(|error| unwritable(path, &error))
}

/// Writes a node's compiled code, and that of the ephemeral models in it, to where dbt writes them.
///
/// # Errors
/// A folder that cannot be written.
pub fn write_compiled(project_dir: &Path, compiler: &Compiler, compiled: &Compiled) -> Result<(), Diagnostic> {
    let write = |compiled: &Compiled| match &compiled.path {
        Some(path) => write_text(&project_dir.join(path), &compiled.sql),
        None => Ok(()),
    };
    for cte in &compiled.extra_ctes {
        compiler.cached(&cte.id).map_or(Ok(()), |ephemeral| write(&ephemeral))?;
    }
    write(compiled)
}

/// Writes a file, and makes the folders above it where they are missing.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let write = || match (fs_err::write(path, text), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == std::io::ErrorKind::NotFound => {
            fs_err::create_dir_all(folder)?;
            fs_err::write(path, text)
        }
        (written, _) => written,
    };
    write().map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("Runtime Error\n  {} cannot be written", path.display()))
        .cause(error.to_string())
        .fix("check the permissions and the free space, or choose another folder with --target-path")
}

//! `incremental_strategy: microbatch`: one model as many builds, a span of event time each.
//!
//! One batch after the other: two that write one table at the same time would get into each other's way on Athena, as in dbt-athena,
//! which does not declare that it can.

use std::{sync::Arc, time::Instant};

use artifacts::{manifest::Node, run_results::BatchResults};
use diagnostic::Diagnostic;

use super::{
    NodeStatus, RunContext, blocking, build,
    build::{Hooks, MaterializationSource},
    errors,
    event_time::{self, BatchSize, Bounds, Window},
    job::Outcome,
    node_info, pointer,
    results::NodeFailure,
    write_compiled,
};
use crate::{
    Compiled, Manifest,
    compile::{Batch, BatchHooks, BatchRun},
    events::Event,
};

/// Batches of the run that is retried: what was built then, and what is built again.
#[derive(Debug, Clone, Default)]
pub struct PreviousBatches {
    pub successful: Vec<Window>,
    pub failed: Vec<Window>,
}

/// Whether a node is built batch by batch.
pub(super) fn is_microbatch(manifest: &Manifest, node: &Node) -> bool {
    manifest.scope().batches_microbatch
        && node.resource_type == artifacts::manifest::ResourceType::Model
        && node.materialized() == "incremental"
        && node.config_str("incremental_strategy") == Some("microbatch")
}

/// Builds all batches. A batch that fails fails the model in part; after a failing first one there is nothing to add to.
pub(super) async fn run(context: &Arc<RunContext>, node: &Arc<Node>) -> Result<Outcome, NodeFailure> {
    let size = node.config_str("batch_size").and_then(BatchSize::parse).ok_or_else(|| missing(node, "batch_size"))?;
    let is_incremental = context
        .adapter
        .is_incremental(&node.relation(), build::full_refresh(context, node))
        .await
        .map_err(|error| errors::of_adapter(node, &error, None))?;
    let previous = context.options.batches.get(&node.unique_id);
    let windows = match previous {
        Some(previous) => previous.failed.clone(),
        None => event_time::windows(size, bounds(context, node, is_incremental)?),
    };
    let mut results = BatchResults::default();
    let mut first_error: Option<String> = None;
    let (total, info) = (windows.len(), Arc::new(node_info::of_node(context.compiler.manifest(), node)));
    for (index, window) in windows.iter().enumerate() {
        // A retry never starts over: what was built before is kept.
        let incremental = index > 0 || is_incremental || previous.is_some();
        let batch = size.batch(*window, incremental);
        let name: Arc<str> = format!("batch {} of {}", batch.name, place(node)).into();
        let (place, ended) = ((index + 1, total), |status, message, elapsed| Event::BatchFinished {
            node: node.unique_id.clone(),
            name: Arc::clone(&name),
            index: index + 1,
            total,
            status,
            message,
            elapsed_seconds: elapsed,
        });
        let first_failed = index > 0 && results.successful.is_empty() && previous.is_none();
        if first_failed || context.cancel.is_cancelled() {
            results.failed.push(spelled(*window));
            context.events.emit(ended(NodeStatus::Skipped, "SKIPPED".to_owned(), 0.0));
            continue;
        }
        let (node_id, batch_name) = (node.unique_id.clone(), Arc::clone(&name));
        context.events.emit(Event::BatchStarted { node: node_id, name: batch_name, index: place.0, total: place.1 });
        let started = Instant::now();
        let hooks = Hooks { before: index == 0, after: index + 1 == total, batch: Some(batch.clone()) };
        let done = build_batch(context, node, &batch, hooks).await;
        let elapsed = started.elapsed().as_secs_f64();
        match done {
            Ok(outcome) => {
                results.successful.push(spelled(*window));
                let message = outcome.response.map_or_else(|| "OK".to_owned(), |response| response.message);
                context.events.emit(ended(NodeStatus::Success, message, elapsed));
            }
            Err(failure) => {
                results.failed.push(spelled(*window));
                let told = Event::BatchFailed { node: Arc::clone(&info), error: failure.message.clone() };
                context.events.emit(told);
                context.events.emit(ended(NodeStatus::Error, "ERROR".to_owned(), elapsed));
                first_error.get_or_insert_with(|| format!("batch {}: {}", batch.name, failure.message));
            }
        }
    }
    let (status, mut message) = verdict(&results);
    if let Some(error) = first_error {
        message = format!("{message}\n{error}");
    }
    if status == NodeStatus::Success {
        pointer::create(context, node, None).await?;
    }
    results.successful.extend(previous.into_iter().flat_map(|previous| &previous.successful).copied().map(spelled));
    // dbt counts none here, however many batches fail.
    Ok(Outcome {
        status: Some(status),
        message: Some(message),
        failures: Some(0),
        batch_results: Some(results),
        ..Outcome::default()
    })
}

async fn build_batch(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    batch: &Batch,
    hooks: Hooks,
) -> Result<Outcome, NodeFailure> {
    let (compiler, id, project_dir) = (context.compiler.clone(), node.unique_id.clone(), context.project_dir.clone());
    let one = batch.clone();
    let compiled: Arc<Compiled> = blocking(move || {
        let compiled = compiler.compile_batch(&id, &one)?;
        write_compiled(&project_dir, &compiler, &compiled)?;
        Ok(Arc::new(compiled))
    })
    .await
    .map_err(|error: Diagnostic| context.failure(error))?;
    let (compiler, id, one) = (context.compiler.clone(), node.unique_id.clone(), batch.clone());
    let (sql, batch_hooks) = (Arc::clone(&compiled), BatchHooks { before: hooks.before, after: hooks.after });
    let by_macro = blocking(move || match compiler.materialization(&id)? {
        Some(_) => {
            let run = BatchRun { batch: &one, compiled: &sql, hooks: batch_hooks };
            compiler.run_batch_materialization(&id, &run).map(Some)
        }
        None => Ok(None),
    });
    if let Some(outcome) = by_macro.await.map_err(|error: Diagnostic| context.failure(error))? {
        build::look_again(context, node, &outcome).await?;
        build::write_batch_run_sql(context, node, &compiled, &outcome.run_sql)?;
        return Ok(Outcome { response: Some(outcome.response), ..Outcome::default() });
    }
    let mut request = build::request(context, node, MaterializationSource::Sql(Arc::clone(&compiled))).await?;
    if batch.incremental {
        request.full_refresh = false;
    }
    build::execute(context, node, request, Some(&compiled), hooks).await
}

fn bounds(context: &RunContext, node: &Node, is_incremental: bool) -> Result<Bounds, NodeFailure> {
    let options = &context.options;
    Ok(Bounds {
        given: options.sample.or(options.event_time),
        now: options.batches_end,
        begin: node.config_str("begin").and_then(event_time::parse_time).ok_or_else(|| missing(node, "begin"))?,
        lookback: node.config("lookback").and_then(serde_json::Value::as_i64).unwrap_or(1),
        is_incremental,
    })
}

fn missing(node: &Node, key: &str) -> NodeFailure {
    let what = format!("Compilation Error in model {} ({})", node.name, node.original_file_path);
    Diagnostic::error(format!("{what}\n  Microbatch model '{}' has no valid '{key}'", node.name))
        .cause("the strategy `microbatch` cuts the model into batches of time")
        .fix(format!("set `{key}`"))
        .into()
}

fn place(node: &Node) -> String {
    let relation = node.relation();
    format!("{}.{}", relation.schema, relation.identifier)
}

/// dbt's word for the whole model.
fn verdict(results: &BatchResults) -> (NodeStatus, String) {
    let (successes, failures) = (results.successful.len(), results.failed.len());
    match (successes, failures) {
        (_, 0) => (NodeStatus::Success, "SUCCESS".to_owned()),
        (0, _) => (NodeStatus::Error, "ERROR".to_owned()),
        _ => (NodeStatus::PartialSuccess, format!("PARTIAL SUCCESS ({successes}/{})", successes + failures)),
    }
}

/// As run_results.json has it.
fn spelled(window: Window) -> (String, String) {
    let text = |time: chrono::DateTime<chrono::Utc>| event_time::python_text(time).replacen(' ', "T", 1);
    (text(window.start), text(window.end))
}

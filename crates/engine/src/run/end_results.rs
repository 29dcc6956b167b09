//! `results` of on-run-end.

use std::sync::Arc;

use artifacts::{JsonMap, manifest::Node};
use jinja::Value;
use names::UniqueId;
use serde_json::{Value as Json, json};

use super::{NodeResult, RunContext, Timing, artifact_files, executor::Ended};
use crate::{Compiler, context::record::Record};

/// The results as hooks read them: `.node`, `.status`, `.timing`, …, each with `to_dict()`.
pub(super) fn results(context: &RunContext, ended: &[Ended]) -> Value {
    Value::list(ended.iter().map(|(_, result)| result_value(&context.compiler, result)).collect())
}

fn result_value(compiler: &Compiler, result: &Arc<NodeResult>) -> Value {
    let (fields, of_node) = (Arc::clone(result), (compiler.clone(), Arc::clone(result)));
    let class = if result.freshness.is_some() { "SourceFreshnessResult" } else { "RunResult" };
    let node = Record::new("Node", move || node(&of_node.0, &of_node.1));
    let timing = result.timing.iter().map(timing).collect();
    let value = Record::new(class, move || self::fields(&fields))
        .with("unique_id", Value::str(result.unique_id.as_str()))
        .with("skipped", Value::Bool(result.status == super::NodeStatus::Skipped))
        .with("timing", Value::list(timing))
        .with("node", Value::object(node));
    Value::object(value)
}

fn fields(result: &NodeResult) -> JsonMap {
    let mut fields = object(json!({
        "status": result.status.as_str(),
        "timing": artifact_files::timings(&result.timing),
        "thread_id": result.thread,
        "execution_time": result.execution_time.as_secs_f64(),
        "adapter_response": artifact_files::response(result.adapter_response.as_ref()),
        "message": result.message,
        "failures": result.failures,
    }));
    let own = match artifact_files::measured(result) {
        Some(measured) => measured,
        None => json!({"agate_table": null, "batch_results": result.batch_results, "overload_results": null}),
    };
    fields.extend(object(own));
    fields
}

fn timing(timing: &Timing) -> Value {
    let (name, started_at, completed_at) = (timing.name, timing.started_at, timing.completed_at);
    let written = artifact_files::timings(std::slice::from_ref(timing));
    let fields = serde_json::to_value(written.first()).map(object).unwrap_or_default();
    let moment = |at: chrono::DateTime<chrono::Utc>| {
        Value::DateTime(Arc::new(jinja::DateTime { local: at.naive_utc(), zone: None }))
    };
    let value = Record::new("TimingInfo", move || fields.clone())
        .with("name", Value::str(name))
        .with("started_at", moment(started_at))
        .with("completed_at", moment(completed_at));
    Value::object(value)
}

/// The node as the manifest has it, with what was compiled.
fn node(compiler: &Compiler, result: &NodeResult) -> JsonMap {
    let (manifest, id) = (compiler.manifest(), &result.unique_id);
    let found = if let Some(node) = manifest.node(id.as_str()) {
        serde_json::to_value(compiled(compiler, node, id))
    } else if let Some(source) = manifest.source(id.as_str()) {
        serde_json::to_value(source)
    } else if let Some(test) = manifest.unit_test(id.as_str()) {
        serde_json::to_value(test)
    } else if let Some(exposure) = manifest.artifact().exposures.get(id) {
        serde_json::to_value(exposure)
    } else {
        serde_json::to_value(manifest.artifact().saved_queries.get(id.as_str()))
    };
    let mut fields = object(found.unwrap_or_default());
    if fields.is_empty() {
        fields.insert("unique_id".to_owned(), id.as_str().into());
    }
    if let Some(code) = &result.compiled_code {
        fields.insert("compiled_code".to_owned(), code.as_str().into());
    }
    fields
}

fn compiled(compiler: &Compiler, node: &Arc<Node>, id: &UniqueId) -> Node {
    let mut node = Node::clone(node);
    if let Some(compiled) = compiler.cached(id) {
        compiled.complete(&mut node);
    }
    node
}

fn object(json: Json) -> JsonMap {
    match json {
        Json::Object(map) => map,
        _ => JsonMap::new(),
    }
}

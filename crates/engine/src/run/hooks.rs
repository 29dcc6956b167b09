//! `on-run-start` and `on-run-end`.

use std::{sync::Arc, time::Instant};

use artifacts::manifest::Node;
use diagnostic::Diagnostic;
use jinja::Value;

use super::{
    NodeResult, NodeStatus, RunContext, Timing, blocking, end_results, errors,
    executor::{Ended, Executed},
    node_info,
    results::NodeFailure,
    schemas_of, write_compiled,
};
use crate::{
    HookTime,
    adapter::{AdapterResponse, QueryComment, StatementOrigin},
    events::Event,
};

/// What became of the hooks.
#[derive(Default)]
pub(super) struct Hooks {
    pub ended: Vec<Ended>,
    /// A hook whose template fails stops the whole run, as in dbt.
    pub unrendered: Option<Box<Diagnostic>>,
}

/// Runs all projects' hooks, one after the other; after one that fails, and after Ctrl-C, the others are skipped.
pub(super) async fn run_all(context: &Arc<RunContext>, when: HookTime, nodes: &Executed) -> Hooks {
    let hooks = context.compiler.manifest().hooks(when);
    let total = hooks.len();
    let mut ended: Vec<Ended> = Vec::new();
    for (index, hook) in hooks.iter().enumerate() {
        let name = format!("{}.{}.{index}", hook.package_name, when.as_str());
        let index = index + 1;
        context.compiler.place_hook(&hook.unique_id, i64::try_from(index).unwrap_or(i64::MAX));
        let info = Arc::new(node_info::of_hook(context.compiler.manifest(), hook, &name));
        let stopped = nodes.stopped
            || context.cancel.is_cancelled()
            || ended.iter().any(|(_, result)| result.status.is_failure());
        let result = if stopped {
            NodeResult {
                message: Some(format!("{name} skipped")),
                failures: Some(1),
                ..NodeResult::skipped(hook.unique_id.clone())
            }
        } else {
            // As in dbt after the template, so that what it logs comes first.
            let tell_start = || {
                let (node, thread) = (Arc::clone(&info), "MainThread".to_owned());
                context.events.emit(Event::NodeStarted { node, index, total, thread });
            };
            match stoppable(context, run_hook(context, hook, &name, when, &nodes.ended, tell_start)).await {
                Ok(result) => result,
                Err(error) => return Hooks { ended, unrendered: Some(error) },
            }
        };
        let result = Arc::new(result);
        context.events.emit(Event::NodeFinished { node: Arc::clone(&info), index, total, result: Arc::clone(&result) });
        ended.push((info, result));
    }
    Hooks { ended, unrendered: None }
}

/// Does the work; Ctrl-C stops what it has sent, and the work then ends by itself.
async fn stoppable<T>(context: &RunContext, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = context.cancel.cancelled() => {}
    }
    let report = context.adapter.cancel().await;
    context.events.emit(Event::Cancelled { report });
    work.await
}

async fn run_hook(
    context: &Arc<RunContext>,
    hook: &Node,
    name: &str,
    when: HookTime,
    nodes: &[Ended],
    tell_start: impl Fn(),
) -> Result<NodeResult, Box<Diagnostic>> {
    let started = Instant::now();
    let started_at = context.events.now();
    let mut result = NodeResult::skipped(hook.unique_id.clone());
    let compiled = compile_hook(context, hook, when, nodes).await;
    let compiled_at = context.events.now();
    let done = match compiled {
        Ok((sql, comment)) => {
            tell_start();
            result.compiled_code = Some(sql.clone());
            send_hook(context, hook, when, &sql, comment).await
        }
        Err(error) if context.cancel.is_cancelled() => Err(context.failure(*error)),
        Err(error) => return Err(error),
    };
    match done {
        Ok(response) => {
            result.status = NodeStatus::Success;
            result.failures = Some(0);
            result.message = Some(format!("{name} passed"));
            result.adapter_response = response;
        }
        Err(failure) => {
            result.status = NodeStatus::Error;
            result.failures = Some(1);
            result.message = Some(format!("{name} failed, error:\n {}", failure.message));
        }
    }
    result.timing = vec![
        Timing { name: "compile", started_at, completed_at: compiled_at },
        Timing { name: "execute", started_at: compiled_at, completed_at: context.events.now() },
    ];
    result.execution_time = started.elapsed();
    Ok(result)
}

/// The hook's statement and the comment that goes with it.
async fn compile_hook(
    context: &Arc<RunContext>,
    hook: &Node,
    when: HookTime,
    nodes: &[Ended],
) -> Result<(String, Option<QueryComment>), Box<Diagnostic>> {
    let extra = match when {
        HookTime::Start => Vec::new(),
        HookTime::End => end_names(context, nodes),
    };
    let (compiler, id, project_dir) = (context.compiler.clone(), hook.unique_id.clone(), context.project_dir.clone());
    let compiled: Result<_, Diagnostic> = blocking(move || {
        let sql = compiler.project_hook(&id, extra)?;
        if let Some(compiled) = compiler.cached(&id).filter(|compiled| !compiled.sql.is_empty()) {
            write_compiled(&project_dir, &compiler, &compiled)?;
        }
        Ok((sql, compiler.query_comment(Some(&id))?))
    })
    .await;
    compiled.map_err(Box::new)
}

async fn send_hook(
    context: &Arc<RunContext>,
    hook: &Node,
    when: HookTime,
    sql: &str,
    comment: Option<QueryComment>,
) -> Result<Option<AdapterResponse>, NodeFailure> {
    if sql.trim().is_empty() {
        return Ok(None);
    }
    let origin = StatementOrigin { node: Some(hook.unique_id.clone()), step: "main".to_owned(), comment };
    match context.adapter.execute(sql, &origin, None).await {
        Ok((response, _)) => Ok(Some(response)),
        Err(error) => Err(errors::of_hook(hook, when.as_str(), &error)),
    }
}

/// What only on-run-end hooks see: `schemas`, `database_schemas`, `results`.
fn end_names(context: &RunContext, nodes: &[Ended]) -> Vec<(String, Value)> {
    let built = nodes.iter().filter(|(_, result)| !result.status.blocks_descendants());
    let schemas = schemas_of(built.filter_map(|(info, _)| info.relation.as_ref()));
    let mut names: Vec<&str> = schemas.iter().map(|(_, schema)| schema.as_str()).collect();
    names.dedup();
    vec![
        ("schemas".to_owned(), Value::list(names.into_iter().map(Value::str).collect())),
        (
            "database_schemas".to_owned(),
            Value::list(
                schemas.iter().map(|(database, schema)| Value::tuple(vec![text(database), text(schema)])).collect(),
            ),
        ),
        ("results".to_owned(), end_results::results(context, nodes)),
    ]
}

fn text(text: &str) -> Value {
    Value::str(text)
}

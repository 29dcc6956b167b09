//! `run-operation`: calls a macro, or runs a statement.

use std::{sync::Arc, time::Instant};

use diagnostic::Diagnostic;
use engine::{
    Compiler,
    adapter::{Adapter, StatementOrigin},
    events::{Level, NodeInfo},
    run::{self, NodeResult, NodeStatus, RunResults},
};
use names::UniqueId;

use super::Outcome;
use crate::{args::OperationArgs, session::Session, settings::parse_mapping};

/// Calls the macro, or runs the statement.
pub async fn run(session: &Session, args: &OperationArgs) -> anyhow::Result<Outcome> {
    let arguments = parse_mapping("--args", &args.args)?.to_json();
    let manifest = session.parse().await?;
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection)?;
    let compiler = session.compiler(manifest, Arc::clone(&adapter), &[]);
    let started = Instant::now();
    let name = args.name.clone().unwrap_or_else(|| "inline_query".to_owned());
    let (id, answer) = match &args.sql {
        Some(sql) => {
            let id = UniqueId::new(format!("operation.{}.{name}", compiler.manifest().root_package()));
            (id, statement(&compiler, &*adapter, sql).await)
        }
        None if compiler.find_macro(&name).is_none() => {
            connection.close().await;
            return Err(session.fail(not_found(&name)));
        }
        None => call(&compiler, &name, arguments).await?,
    };
    connection.close().await;

    let mut result =
        NodeResult { execution_time: started.elapsed(), status: NodeStatus::Success, ..NodeResult::skipped(id) };
    if let Err(error) = answer {
        session.events.line(Level::Error, format!("Encountered an error while running operation: {error}"));
        result.status = NodeStatus::Error;
        result.message = Some(error.to_string());
    }
    let success = result.status == NodeStatus::Success;
    result.failures = Some(i64::from(!success));
    let info = NodeInfo { name, resource_type: "macro".to_owned(), ..NodeInfo::default() };
    let results = RunResults {
        results: vec![(Arc::new(info), Arc::new(result))],
        elapsed: started.elapsed(),
        interrupted: false,
    };
    if session.settings.write_json {
        session.write("run_results.json", &run::run_results_artifact(&results, compiler.host(), &session.events))?;
    }
    Ok(Outcome::of(success))
}

/// Calls the macro.
async fn call(
    compiler: &Compiler,
    name: &str,
    arguments: serde_json::Map<String, serde_json::Value>,
) -> anyhow::Result<(UniqueId, Result<(), Diagnostic>)> {
    let Some(id) = compiler.find_macro(name) else { return Ok((name.into(), Err(not_found(name)))) };
    let (name, caller) = (name.to_owned(), compiler.clone());
    let answer = tokio::task::spawn_blocking(move || caller.run_macro(&name, &arguments)).await?;
    Ok((id, answer.map(|_| ())))
}

/// `--sql`: renders and runs a statement.
async fn statement(compiler: &Compiler, adapter: &dyn Adapter, sql: &str) -> Result<(), Diagnostic> {
    let (caller, text) = (compiler.clone(), sql.to_owned());
    let compiled = tokio::task::spawn_blocking(move || caller.compile_inline(&text)).await;
    let compiled = compiled.map_err(|error| Diagnostic::error(format!("rendering ended early: {error}")))??;
    let origin = StatementOrigin { node: None, step: "inline_query".to_owned(), comment: None };
    adapter.execute(&compiled.sql, &origin, None).await.map(drop).map_err(|error| *error.diagnostic)
}

fn not_found(name: &str) -> Diagnostic {
    Diagnostic::error(format!("dbt could not find a macro with the name '{name}' in any package"))
        .cause("neither the project nor one of its packages defines it")
        .fix("check the spelling; a macro of a package may be named package.macro")
}

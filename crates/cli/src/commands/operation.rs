//! `run-operation`: calls a macro, or runs a statement.

use std::{sync::Arc, time::Instant};

use diagnostic::Diagnostic;
use engine::{
    Compiler,
    adapter::{Adapter, AdapterResponse, StatementOrigin},
    events::{Event, Level, NodeInfo},
    run::{self, NodeResult, NodeStatus, RunResults, Timing},
};
use names::UniqueId;

use super::Outcome;
use crate::{args::OperationArgs, selection::graph_of, session::Session, settings::parse_mapping};

/// Calls the macro, or runs the statement.
pub async fn run(session: &Session, args: &OperationArgs) -> anyhow::Result<Outcome> {
    let arguments = parse_mapping("--args", &args.args)?.to_json();
    let manifest = session.parse().await?;
    session.write_graph_summary(&graph_of(session, &manifest)?)?;
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection)?;
    let compiler = session.compiler(manifest, Arc::clone(&adapter), &[]);
    let (started, compiled_at) = (Instant::now(), session.events.now());
    let name = args.name.clone().unwrap_or_else(|| "inline_query".to_owned());
    let (id, answer) = match &args.sql {
        Some(sql) => {
            let id = UniqueId::new(format!("sql_operation.{}.{name}", compiler.manifest().root_package()));
            (id, statement(session, &compiler, &*adapter, sql).await)
        }
        None if compiler.find_macro(&name).is_none() => {
            connection.close().await;
            return Err(session.fail(not_found(&name)));
        }
        None => {
            let (id, answer) = call(&compiler, &name, arguments).await?;
            (id, answer.map(|()| None))
        }
    };
    connection.close().await;

    // The project is read before either phase, so that the first has nothing left to do.
    let timing = [("compile", compiled_at, compiled_at), ("execute", compiled_at, session.events.now())];
    let mut result = NodeResult {
        execution_time: started.elapsed(),
        status: NodeStatus::Success,
        timing: timing.map(|(name, started_at, completed_at)| Timing { name, started_at, completed_at }).to_vec(),
        ..NodeResult::skipped(id)
    };
    if args.sql.is_some() {
        tell_end(session, &answer, started);
    }
    if let Ok(response) = &answer {
        result.adapter_response.clone_from(response);
    }
    if let Err(error) = answer {
        session.events.line(Level::Error, format!("[ERROR]: Encountered an error while running operation: {error}"));
        result.status = NodeStatus::Error;
        result.message = Some(error.to_string());
    }
    let success = result.status == NodeStatus::Success;
    result.failures = Some(i64::from(!success));
    let info = NodeInfo { name, resource_type: "macro".to_owned(), ..NodeInfo::default() };
    let results = RunResults {
        results: vec![(Arc::new(info), Arc::new(result))],
        elapsed: started.elapsed(),
        ..RunResults::default()
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
async fn statement(
    session: &Session,
    compiler: &Compiler,
    adapter: &dyn Adapter,
    sql: &str,
) -> Result<Option<AdapterResponse>, Diagnostic> {
    let (caller, text) = (compiler.clone(), sql.to_owned());
    let compiled = tokio::task::spawn_blocking(move || caller.compile_inline(&text)).await;
    let compiled = compiled.map_err(|error| Diagnostic::error(format!("rendering ended early: {error}")))??;
    let origin = StatementOrigin { node: None, step: "inline_query".to_owned(), comment: None };
    let (text, status) = ("START executing inline_query".to_owned(), "RUN".to_owned());
    session.events.emit(Event::Progress { level: Level::Info, text, status, elapsed_seconds: None });
    let (response, _) = adapter.execute(&compiled.sql, &origin, None).await.map_err(|error| *error.diagnostic)?;
    Ok(Some(response))
}

/// The line of a statement that is done.
fn tell_end(session: &Session, answer: &Result<Option<AdapterResponse>, Diagnostic>, started: Instant) {
    let (level, text, status) = match answer {
        Ok(Some(response)) => (Level::Info, "OK executed inline_query", response.message.clone()),
        Ok(None) => (Level::Info, "OK executed inline_query", "OK".to_owned()),
        Err(_) => (Level::Error, "ERROR executing inline_query", "ERROR".to_owned()),
    };
    let elapsed_seconds = Some(started.elapsed().as_secs_f64());
    session.events.emit(Event::Progress { level, text: text.to_owned(), status, elapsed_seconds });
}

fn not_found(name: &str) -> Diagnostic {
    Diagnostic::error(format!("dbt could not find a macro with the name '{name}' in any package"))
        .cause("neither the project nor one of its packages defines it")
        .fix("check the spelling; a macro of a package may be named package.macro")
}

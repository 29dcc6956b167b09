//! `run-operation`: calls a macro.

use std::{sync::Arc, time::Instant};

use diagnostic::Diagnostic;
use engine::{
    events::{Level, NodeInfo},
    run::{self, NodeResult, NodeStatus, RunResults},
};

use super::Outcome;
use crate::{args::OperationArgs, session::Session, settings::parse_mapping};

/// Calls the macro.
pub async fn run(session: &Session, args: &OperationArgs) -> anyhow::Result<Outcome> {
    let arguments = parse_mapping("--args", &args.args)?.to_json();
    let manifest = session.parse().await?;
    let connection = session.connect().await?;
    let compiler = session.compiler(manifest, session.adapter(&connection)?, &[]);
    let started = Instant::now();
    let (id, answer) = match compiler.find_macro(&args.name) {
        Some(id) => {
            let (name, caller) = (args.name.clone(), compiler.clone());
            (id, tokio::task::spawn_blocking(move || caller.run_macro(&name, &arguments)).await?.map(|_| ()))
        }
        None => (args.name.as_str().into(), Err(not_found(&args.name))),
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
    let info = NodeInfo { name: args.name.clone(), resource_type: "macro".to_owned(), ..NodeInfo::default() };
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

fn not_found(name: &str) -> Diagnostic {
    Diagnostic::error(format!("dbt could not find a macro with the name '{name}' in any package"))
        .cause("neither the project nor one of its packages defines it")
        .fix("check the spelling; a macro of a package may be named package.macro")
}

//! `compile`: SQL of nodes into target/compiled, and onto the terminal when it is of one node.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use engine::{
    Compiled, Compiler, Manifest,
    events::{Answer, AnsweredNode, Event, Level, NodeInfo, Phase},
    run::{NodeResult, NodeStatus, RunResults, Timing, run_results_artifact},
};
use graph::ResourceType;
use names::UniqueId;
use tokio::task::JoinSet;

use super::Outcome;
use crate::{
    args::{CompileArgs, TextOrJson},
    connection::Connection,
    selection::{self, EmptyNodes},
    session::Session,
};

/// Whether compiling may ask the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introspection {
    Allowed,
    Refused,
}

impl Introspection {
    async fn connect(self, session: &Session) -> anyhow::Result<Connection> {
        match self {
            Self::Allowed => session.connect().await,
            Self::Refused => Ok(Connection::offline(&session.athena.region_name)),
        }
    }
}

/// Compiles the selected nodes, or an inline query.
pub async fn run(session: &Session, args: &CompileArgs) -> anyhow::Result<Outcome> {
    let manifest = session.parse().await?;
    let introspection = if args.no_introspect { Introspection::Refused } else { Introspection::Allowed };
    if let Some(sql) = &args.inline {
        let started = Instant::now();
        let connection = introspection.connect(session).await?;
        let compiler = session.compiler(manifest, session.adapter(&connection)?, &[]);
        let sql = sql.clone();
        let compiled = tokio::task::spawn_blocking(move || compiler.compile_inline(&sql)).await?;
        connection.close().await;
        let compiled = compiled.map_err(|error| session.fail(error))?;
        print(session, args.output, None, &compiled);
        let result = NodeResult {
            status: NodeStatus::Success,
            execution_time: started.elapsed(),
            compiled_code: Some(compiled.sql.to_string()),
            ..NodeResult::skipped(compiled.id)
        };
        session.write_results(vec![result], started.elapsed())?;
        return Ok(Outcome::Success);
    }
    let selected = selection::select(session, &manifest, &args.selection, ResourceType::OF_COMPILE, EmptyNodes::Keep)?;
    let asks = !args.selection.select.is_empty();
    let (compiler, compiled) = match compile_nodes(session, manifest, &selected, introspection, asks).await? {
        Some(done) => done,
        None => return Ok(Outcome::Success),
    };
    if asks {
        // Tests come along with what they test; who asks for one model does not mean them.
        let asked: Vec<_> =
            match compiled.iter().filter(|compiled| compiled.id.resource_type() != "test").collect::<Vec<_>>() {
                others if others.is_empty() => compiled.iter().collect(),
                others => others,
            };
        if let [one] = asked.as_slice() {
            let name = compiler.manifest().node(one.id.as_str()).map(|node| node.name.clone());
            print(session, args.output, name.as_deref(), one);
        }
    }
    Ok(Outcome::Success)
}

/// Compiles nodes by id. `None`: there were none.
pub async fn compile_nodes(
    session: &Session,
    manifest: Manifest,
    selected: &[UniqueId],
    introspection: Introspection,
    tell_ephemeral: bool,
) -> anyhow::Result<Option<(Compiler, Vec<Arc<Compiled>>)>> {
    if selected.is_empty() {
        session.nothing_to_do()?;
        session.write_again(&manifest)?;
        session.write_no_results()?;
        return Ok(None);
    }
    let connection = introspection.connect(session).await?;
    let compiler = session.compiler(manifest, session.adapter(&connection)?, selected);
    let compiled = compile_all(session, &compiler, selected, tell_ephemeral).await;
    connection.close().await;
    Ok(Some((compiler, compiled?)))
}

/// With `--quiet` the SQL alone. `name` is that of a node; without one it is the query of the command line.
fn print(session: &Session, output: TextOrJson, name: Option<&str>, compiled: &Compiled) {
    let (sql, quiet) = (&*compiled.sql, session.settings.quiet);
    let text = match (output, name) {
        (TextOrJson::Json, Some(name)) => format!("{:#}", serde_json::json!({"node": name, "compiled": sql})),
        (TextOrJson::Json, None) => format!("{:#}", serde_json::json!({"compiled": sql})),
        (TextOrJson::Text, _) if quiet => sql.to_owned(),
        (TextOrJson::Text, Some(name)) => format!("Compiled node '{name}' is:\n{sql}"),
        (TextOrJson::Text, None) => format!("Compiled inline node is:\n{sql}"),
    };
    session.events.emit(Event::Answer(Answer::Compiled(AnsweredNode {
        name: name.unwrap_or("inline_query").to_owned(),
        unique_id: compiled.id.clone(),
        is_inline: name.is_none(),
        output_format: output.as_str(),
        quiet,
        content: sql.to_owned(),
        text,
    })));
}

/// Compiles nodes, as many at once as there are threads, and writes them, manifest.json and run_results.json. All that fail
/// are told; then there is no run_results.json, as with dbt. There dbt tells ephemeral models only if nodes were asked for.
pub async fn compile_all(
    session: &Session,
    compiler: &Compiler,
    selected: &[UniqueId],
    tell_ephemeral: bool,
) -> anyhow::Result<Vec<Arc<Compiled>>> {
    let compiles = |id: &&UniqueId| {
        let node = compiler.manifest().node(id.as_str());
        node.is_some_and(|node| {
            matches!(node.resource_type.as_str(), "model" | "test" | "snapshot" | "analysis" | "function")
                && !node.is_empty()
        })
    };
    let nodes: Arc<[UniqueId]> = selected.iter().filter(compiles).cloned().collect();
    let (threads, target) = (session.threads(), session.profile.target.clone());
    session.events.emit(Event::Concurrency { threads, target, nodes: nodes.len() });
    session.events.emit(Event::Phase(Phase::Compiling));
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut threads = JoinSet::new();
    for _ in 0..session.threads().min(nodes.len()) {
        let (compiler, nodes, next) = (compiler.clone(), Arc::clone(&nodes), Arc::clone(&next));
        let events = session.events.clone();
        let project_dir = session.project_dir.clone();
        threads.spawn_blocking(move || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(id) = nodes.get(index) else { return done };
                let started_at = events.now();
                let compiled = compiler.compile(id).and_then(|compiled| {
                    engine::run::write_compiled(&project_dir, &compiler, &compiled)?;
                    Ok(compiled)
                });
                let timing = Timing { name: "compile", started_at, completed_at: events.now() };
                done.push((index, timing, compiled));
            }
        });
    }
    let mut done: Vec<_> = threads.join_all().await.into_iter().flatten().collect();
    done.sort_by_key(|(index, ..)| *index);
    let (mut compiled, mut timings, mut errors) = (Vec::new(), HashMap::new(), Vec::new());
    for (_, timing, result) in done {
        match result {
            Ok(node) => {
                timings.insert(node.id.clone(), timing);
                compiled.push(node);
            }
            Err(error) => errors.push(error),
        }
    }
    session.events.emit(Event::Phase(Phase::Idle));
    session.report(errors)?;
    if session.settings.write_json {
        session.write_compiled(compiler)?;
        let told = |id: &&UniqueId| {
            tell_ephemeral || !compiler.manifest().node(id.as_str()).is_some_and(|node| node.is_ephemeral())
        };
        let told: Vec<UniqueId> = selected.iter().filter(told).cloned().collect();
        let results = results(compiler, &told, &compiled, &timings, session.events.now(), started.elapsed());
        session.write("run_results.json", &run_results_artifact(&results, compiler.host(), &session.events))?;
    }
    session.events.line(Level::Debug, format!("Compiled {} nodes", compiled.len()));
    Ok(compiled)
}

/// For dbt, compiling is also an execution, which takes no time; both take none of what has no SQL.
fn with_execution(compiled: Option<Timing>, now: DateTime<Utc>) -> Vec<Timing> {
    let compiled = compiled.unwrap_or(Timing { name: "compile", started_at: now, completed_at: now });
    let executed = Timing { name: "execute", started_at: compiled.completed_at, ..compiled.clone() };
    vec![compiled, executed]
}

/// All are successes: nodes without SQL of their own, such as seeds, as well.
fn results(
    compiler: &Compiler,
    selected: &[UniqueId],
    compiled: &[Arc<Compiled>],
    timings: &HashMap<UniqueId, Timing>,
    now: DateTime<Utc>,
    elapsed: Duration,
) -> RunResults {
    let code: HashMap<&UniqueId, &Arc<Compiled>> = compiled.iter().map(|node| (&node.id, node)).collect();
    let results = selected.iter().filter_map(|id| {
        let node = compiler.manifest().node(id.as_str())?;
        let timing = timings.get(id);
        let took = timing.and_then(|timing| (timing.completed_at - timing.started_at).to_std().ok());
        let code = code.get(id);
        let result = NodeResult {
            status: NodeStatus::Success,
            timing: with_execution(timing.cloned(), now),
            execution_time: took.unwrap_or_default(),
            compiled_code: code.map(|compiled| compiled.sql.to_string()),
            relation_name: code
                .and_then(|compiled| compiled.relation_name.clone())
                .or_else(|| node.relation_name.clone()),
            ..NodeResult::skipped(id.clone())
        };
        let info = NodeInfo {
            name: node.name.clone(),
            resource_type: node.resource_type.as_str().to_owned(),
            ..NodeInfo::default()
        };
        Some((Arc::new(info), Arc::new(result)))
    });
    RunResults { results: results.collect(), elapsed, ..Default::default() }
}

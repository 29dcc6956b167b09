//! `show`: some rows of a node or of an inline query.

use std::time::Instant;

use diagnostic::Diagnostic;
use engine::{
    adapter::{Adapter, StatementOrigin},
    context::Table,
    events::{Answer, AnsweredNode, Event},
    run::{NodeResult, NodeStatus, Timing},
};
use graph::ResourceType;
use serde_json::json;

use super::Outcome;
use crate::{
    args::{ShowArgs, TextOrJson},
    selection::{self, EmptyNodes},
    session::Session,
};

/// Shows rows.
pub async fn run(session: &Session, args: &ShowArgs) -> anyhow::Result<Outcome> {
    if let Some(sql) = &args.inline_direct {
        let connection = session.connect().await?;
        let shown = show(session, &*session.adapter(&connection)?, args, Query::inline(sql.clone())).await;
        connection.close().await;
        return shown.map(|_| Outcome::Success);
    }
    if args.inline.is_none() && args.selection.select.is_empty() {
        let refused = Diagnostic::error("Either --select or --inline must be passed to show")
            .fix("name a node, as in `owlet show --select orders`, or give a query");
        return Err(session.fail(refused));
    }
    let manifest = session.parse().await?;
    let types =
        &[ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot, ResourceType::Analysis, ResourceType::Test];
    let selected = match &args.inline {
        Some(_) => Vec::new(),
        None => selection::select(session, &manifest, &args.selection, types, EmptyNodes::Skip)?,
    };
    // Tests come along with what they test; they are shown only when nothing else is.
    let shown: Vec<_> = match selected.iter().filter(|id| id.resource_type() != "test").cloned().collect::<Vec<_>>() {
        others if others.is_empty() => selected.clone(),
        others => others,
    };
    if args.inline.is_none() && shown.is_empty() {
        session.nothing_to_do()?;
        session.write_no_results()?;
        return Ok(Outcome::Success);
    }
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection)?;
    let compiler = session.compiler(manifest, std::sync::Arc::clone(&adapter), &selected);
    let mut queries: Vec<Query> = Vec::new();
    if let Some(sql) = &args.inline {
        let (compiler, sql) = (compiler.clone(), sql.clone());
        let compiled = tokio::task::spawn_blocking(move || compiler.compile_inline(&sql)).await?;
        queries.push(Query::inline(compiled.map_err(|error| session.fail(error))?.sql.to_string()));
    }
    for id in shown {
        let node = compiler.manifest().node(id.as_str()).cloned();
        let sql = match &node {
            // What they are made of is no query.
            Some(node) if node.resource_type.as_str() == "seed" || node.language == "python" => {
                format!("select * from {}", node.relation())
            }
            _ => {
                let (compiler, id) = (compiler.clone(), id.clone());
                let compiled = tokio::task::spawn_blocking(move || compiler.compile(&id)).await?;
                compiled.map_err(|error| session.fail(error))?.sql.to_string()
            }
        };
        let relation_name = node.as_ref().and_then(|node| node.relation_name.clone());
        queries.push(Query { node: Some(id), name: node.as_deref().map(shown_name), relation_name, sql });
    }
    let started = Instant::now();
    let mut results = Vec::new();
    for query in queries {
        match show(session, &*adapter, args, query).await {
            Ok(result) => results.push(result),
            Err(error) => {
                connection.close().await;
                return Err(error);
            }
        }
    }
    connection.close().await;
    session.write_results(results, started.elapsed())?;
    Ok(Outcome::Success)
}

/// A model's version belongs to its name.
fn shown_name(node: &artifacts::manifest::Node) -> String {
    match &node.version {
        Some(serde_json::Value::String(version)) => format!("{}.v{version}", node.name),
        Some(version) => format!("{}.v{version}", node.name),
        None => node.name.clone(),
    }
}

/// A query of a node, or one that is nobody's.
struct Query {
    node: Option<names::UniqueId>,
    /// As it is shown.
    name: Option<String>,
    relation_name: Option<String>,
    sql: String,
}

impl Query {
    fn inline(sql: String) -> Self {
        Self { node: None, name: None, relation_name: None, sql }
    }
}

async fn show(session: &Session, adapter: &dyn Adapter, args: &ShowArgs, query: Query) -> anyhow::Result<NodeResult> {
    let Query { node, name, relation_name, sql } = query;
    let (started, started_at) = (Instant::now(), session.events.now());
    let id = node.clone().unwrap_or_else(|| format!("sql_operation.{}.inline_query", session.project.root.name).into());
    // As dbt's macro for the limit writes it.
    let limit = if args.limit >= 0 { format!("  limit {}\n", args.limit) } else { String::new() };
    let compiled_code = Some(format!("\n  \n  {sql}\n  \n{limit}"));
    let sql =
        if args.limit >= 0 { format!("{}\nlimit {}", sql.trim_end().trim_end_matches(';'), args.limit) } else { sql };
    let origin = StatementOrigin { node, step: "show".to_owned(), comment: None };
    let (response, table) =
        adapter.execute(&sql, &origin, Some(None)).await.map_err(|error| session.fail(*error.diagnostic))?;
    let table = Table::from_result(table);
    let (is_inline, quiet) = (name.is_none(), session.settings.quiet);
    let (content, text) = match (args.output, &name) {
        (TextOrJson::Json, name) => {
            let rows = table.objects();
            let shown = match name {
                Some(name) => json!({"node": name, "show": rows}),
                None => json!({"show": rows}),
            };
            let content = jinja::modules::dump_json(&jinja::Value::from(&json!(rows)), false, None)?;
            (content, serde_json::to_string_pretty(&shown)?)
        }
        (TextOrJson::Text, name) => {
            let rows = table.text();
            let text = match name {
                _ if quiet => rows.clone(),
                Some(name) => format!("Previewing node '{name}':\n{rows}"),
                None => format!("Previewing inline node:\n{rows}"),
            };
            (rows + "\n", text)
        }
    };
    session.events.emit(Event::Answer(Answer::Shown(AnsweredNode {
        name: name.unwrap_or_else(|| "inline_query".to_owned()),
        unique_id: id.clone(),
        is_inline,
        output_format: args.output.as_str(),
        quiet,
        content,
        text,
    })));
    let compiled = Timing { name: "compile", started_at, completed_at: started_at };
    let executed = Timing { name: "execute", started_at, completed_at: session.events.now() };
    Ok(NodeResult {
        status: NodeStatus::Success,
        timing: vec![compiled, executed],
        relation_name,
        execution_time: started.elapsed(),
        adapter_response: Some(response),
        compiled_code,
        ..NodeResult::skipped(id)
    })
}

//! `plan`: what a build would do, step by step. Nothing is changed: plans are made and not executed.

use std::sync::Arc;

use engine::{
    Adapter,
    adapter::StepSummary,
    run::{MaterializationSource, RunCommand, RunContext},
};
use graph::{BuildQueue, Edges, ResourceType};
use names::UniqueId;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Outcome;
use crate::{
    args::{PlanArgs, TextOrJson},
    connection::Connection,
    selection::{self, EmptyNodes},
    session::Session,
    terminal::Stream,
};

/// The whole plan.
#[derive(Debug, Serialize)]
struct BuildPlan {
    /// Schemas that a build would create first.
    create_schemas: Vec<String>,
    nodes: Vec<NodePlan>,
}

/// One node's steps, or why there are none.
#[derive(Debug, Serialize)]
struct NodePlan {
    unique_id: UniqueId,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Prints the plan.
pub async fn run(session: &Session, args: &PlanArgs) -> anyhow::Result<Outcome> {
    let built = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];
    let types = selection::resource_types(&args.build.types, &built)?;
    let manifest = session.parse().await?;
    let selected = selection::select(session, &manifest, &args.build.selection, &types, EmptyNodes::Skip)?;
    if selected.is_empty() {
        session.nothing_to_do()?;
        return Ok(Outcome::Success);
    }
    let graph = selection::graph_of(session, &manifest)?;
    let order = BuildQueue::new(&graph, &selected, Edges::Dependencies).into_order();
    let connection = session.connect().await?;
    let context = context(session, manifest, &connection, &selected)?;
    let plan = plan(&context, &order).await;
    connection.close().await;
    let plan = plan?;
    let text = match args.format {
        TextOrJson::Json => serde_json::to_string_pretty(&plan)?,
        TextOrJson::Text => as_text(&plan),
    };
    Stream::Stdout.write_line(&text);
    Ok(Outcome::of(plan.nodes.iter().all(|node| node.error.is_none())))
}

fn context(
    session: &Session,
    manifest: engine::Manifest,
    connection: &Connection,
    selected: &[UniqueId],
) -> anyhow::Result<Arc<RunContext>> {
    let adapter = session.adapter(connection)?;
    Ok(Arc::new(RunContext {
        compiler: session.compiler(manifest, Arc::clone(&adapter), selected),
        adapter,
        events: session.events.clone(),
        cancel: CancellationToken::new(),
        project_dir: session.project_dir.clone(),
        project_version: session.project.root.version.clone(),
        target_dir: session.target_dir.clone(),
        options: super::run::options(session, RunCommand::Build),
    }))
}

async fn plan(context: &Arc<RunContext>, order: &[UniqueId]) -> anyhow::Result<BuildPlan> {
    let mut plan = BuildPlan { create_schemas: missing_schemas(context, order).await?, nodes: Vec::new() };
    for id in order {
        let Some(node) = context.compiler.manifest().node(id.as_str()).cloned() else { continue };
        if node.is_ephemeral() {
            continue;
        }
        let steps = steps(context, &node).await;
        plan.nodes.push(match steps {
            Ok(steps) => NodePlan { unique_id: id.clone(), steps, error: None },
            Err(error) => NodePlan { unique_id: id.clone(), steps: Vec::new(), error: Some(error) },
        });
    }
    Ok(plan)
}

async fn missing_schemas(context: &Arc<RunContext>, order: &[UniqueId]) -> anyhow::Result<Vec<String>> {
    let mut missing: Vec<String> = Vec::new();
    let mut known: Vec<(String, Vec<String>)> = Vec::new();
    for node in
        order.iter().filter_map(|id| context.compiler.manifest().node(id.as_str())).filter(|node| node.is_relational())
    {
        let relation = node.relation();
        if !known.iter().any(|(database, _)| *database == relation.database) {
            let schemas = Adapter::list_schemas(&*context.adapter, &relation.database).await;
            let schemas = schemas.map_err(|error| anyhow::anyhow!("{error}"))?;
            known.push((relation.database.clone(), schemas.iter().map(|schema| schema.to_lowercase()).collect()));
        }
        let exists = known.iter().any(|(database, schemas)| {
            *database == relation.database && schemas.contains(&relation.schema.to_lowercase())
        });
        if !exists && !missing.contains(&relation.schema) {
            missing.push(relation.schema);
        }
    }
    Ok(missing)
}

async fn steps(context: &Arc<RunContext>, node: &Arc<artifacts::manifest::Node>) -> Result<Vec<StepSummary>, String> {
    let source = if node.resource_type.as_str() == "seed" {
        engine::run::read_seed(context, node)
            .await
            .map(MaterializationSource::Seed)
            .map_err(|failure| failure.message)?
    } else {
        let (compiler, id) = (context.compiler.clone(), node.unique_id.clone());
        let compiled = tokio::task::spawn_blocking(move || {
            if compiler.materialization(&id)?.is_some() {
                return Ok(None);
            }
            compiler.compile(&id).map(Some)
        });
        let compiled = compiled.await.map_err(|error| error.to_string())?;
        match compiled.map_err(|error: diagnostic::Diagnostic| error.to_string())? {
            Some(compiled) => MaterializationSource::Sql(compiled),
            None => {
                return Err(format!(
                    "its materialization '{}' runs as a macro: what it does is known only then",
                    node.materialized()
                ));
            }
        }
    };
    let request = engine::run::request(context, node, source).await.map_err(|failure| failure.message)?;
    let plan = context.adapter.plan(request).await.map_err(|error| error.to_string())?;
    Ok(plan.steps())
}

fn as_text(plan: &BuildPlan) -> String {
    let mut lines: Vec<String> = plan.create_schemas.iter().map(|schema| format!("create_schema {schema}")).collect();
    for node in &plan.nodes {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(node.unique_id.to_string());
        if let Some(error) = &node.error {
            lines.push(format!("  cannot be planned: {}", error.replace('\n', "\n  ")));
        }
        for (step, number) in node.steps.iter().zip(1..) {
            lines.push(format!("  {number}. {} {}", step.action, step.target));
            for line in step.sql.iter().flat_map(|sql| sql.lines()) {
                lines.push(format!("       {line}").trim_end().to_owned());
            }
        }
    }
    lines.join("\n")
}

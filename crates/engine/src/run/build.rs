//! Models, seeds and snapshots: from a node to a request to the adapter's plan to a relation.

use std::sync::Arc;

use artifacts::manifest::{Node, ResourceType};
use diagnostic::Diagnostic;
use indexmap::IndexMap;

use super::{RunContext, blocking, errors, job::Outcome, pointer, results::NodeFailure, seeds, snapshots};
use crate::{
    Compiled,
    adapter::{
        AdapterError, AdapterResponse, ColumnSpec, Materialization, MaterializationRequest, Plan, SeedTable,
        StatementOrigin,
    },
    compile::{Batch, CustomStrategy, MaterializationOutcome, NodeHook},
    events::{Event, Level},
};

/// What a node is made from.
#[derive(Debug, Clone)]
pub enum MaterializationSource {
    /// Compiled SQL.
    Sql(Arc<Compiled>),
    /// A CSV file.
    Seed(SeedTable),
}

/// Builds a model or a snapshot: before-hooks, the plan of its materialization, after-hooks.
pub(super) async fn build_node(
    context: &Arc<RunContext>,
    node: &Node,
    compiled: &Arc<Compiled>,
) -> Result<Outcome, NodeFailure> {
    if node.language == "python"
        && let Some(cte) = compiled.extra_ctes.first()
    {
        return Err(context.failure(no_frame_of(node, cte.id.as_str())));
    }
    if let Some(outcome) = by_macro(context, node).await? {
        write_run_sql(context, node, &outcome.run_sql)?;
        pointer::create(context, node, outcome.relations.first()).await?;
        return Ok(Outcome { response: Some(outcome.response), ..Outcome::default() });
    }
    if node.resource_type == ResourceType::Function {
        return Err(context.failure(no_functions(node)));
    }
    let request = request(context, node, MaterializationSource::Sql(Arc::clone(compiled))).await?;
    let outcome = execute(context, node, request, Some(compiled), Hooks::ALL).await?;
    pointer::create(context, node, None).await?;
    Ok(outcome)
}

/// Builds a node by its materialization's macro, if a macro builds it.
pub(super) async fn by_macro(
    context: &Arc<RunContext>,
    node: &Node,
) -> Result<Option<MaterializationOutcome>, NodeFailure> {
    let (compiler, id) = (context.compiler.clone(), node.unique_id.clone());
    let built = blocking(move || match compiler.materialization(&id)? {
        Some(_) => compiler.run_materialization(&id).map(Some),
        None => Ok(None),
    });
    let built = built.await.map_err(|error| context.failure(error))?;
    if let Some(outcome) = &built {
        look_again(context, node, outcome).await?;
    }
    Ok(built)
}

/// What a macro built is known to the nodes that follow.
pub(super) async fn look_again(
    context: &RunContext,
    node: &Node,
    outcome: &MaterializationOutcome,
) -> Result<(), NodeFailure> {
    for relation in &outcome.relations {
        context.adapter.look_again(relation).await.map_err(|error| errors::of_adapter(node, &error, None))?;
    }
    Ok(())
}

fn no_frame_of(node: &Node, ephemeral: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "{}\n  a Python model cannot read the ephemeral model '{ephemeral}'",
        head("Compilation Error", node)
    ))
    .cause("an ephemeral model is text within the SQL that refers to it, and a data frame needs a table or view")
    .fix("materialize it as a view or table, or refer to what it reads")
}

fn no_functions(node: &Node) -> Diagnostic {
    Diagnostic::error(format!(
        "{}\n  Athena cannot create functions",
        head("Runtime Error", node)
    ))
    .cause("its SQL has no CREATE FUNCTION, and dbt-athena no materialization `function` of its own")
    .fix("write what it computes as a macro, give the project a materialization `function` that makes it elsewhere, or leave it out with `--exclude resource_type:function`")
}

/// Loads a seed.
pub(super) async fn build_seed(context: &Arc<RunContext>, node: &Arc<Node>) -> Result<Outcome, NodeFailure> {
    let mut table = read_seed(context, node).await?;
    if context.options.empty {
        table.rows.clear();
    }
    let rows = table.rows.len();
    if let Some(outcome) = by_macro(context, node).await? {
        write_run_sql(context, node, &outcome.run_sql)?;
        return Ok(Outcome { response: Some(outcome.response), ..Outcome::default() });
    }
    let full_refresh = full_refresh(context, node);
    let typed = TypedColumns::of(&table, node);
    let request = request(context, node, MaterializationSource::Seed(table)).await?;
    let ended = execute(context, node, request, None, Hooks::ALL).await;
    let mut outcome = ended.map_err(|failure| typed.locate(failure))?;
    // dbt's own words, whatever the warehouse answered.
    let code = if full_refresh { "CREATE" } else { "INSERT" };
    let response = outcome.response.get_or_insert_default();
    response.message = format!("{code} {rows}");
    response.code = code.to_owned();
    response.rows_affected = i64::try_from(rows).unwrap_or(-1);
    Ok(outcome)
}

/// The values of a seed's columns whose types the author chose: the only ones that the warehouse may refuse. It names the value, never its row.
struct TypedColumns(Vec<(String, Vec<Option<String>>)>);

impl TypedColumns {
    fn of(table: &SeedTable, seed: &Node) -> Self {
        let types = seed.config("column_types").and_then(|types| types.as_object());
        let is_typed = |name: &str| types.is_some_and(|types| types.keys().any(|key| key.eq_ignore_ascii_case(name)));
        let values = |index: usize| table.rows.iter().map(|row| row.get(index).cloned().flatten()).collect();
        let columns = table.columns.iter().enumerate().filter(|(_, column)| is_typed(&column.name));
        Self(columns.map(|(index, column)| (column.name.clone(), values(index))).collect())
    }

    /// Says where the value stands that the message quotes, if it is one of these.
    fn locate(&self, mut failure: NodeFailure) -> NodeFailure {
        // Trino's two ways: `Cannot cast 'nine' to INT`, `Value cannot be cast to date: soon`.
        let refused = |value: &str| {
            let (quoted, last) = (format!("'{value}' to "), format!("cast to date: {value}"));
            let message = &failure.message;
            let names_it_last =
                || message.split(&last).skip(1).any(|rest| rest.is_empty() || rest.starts_with(['.', '\n']));
            !value.is_empty() && (message.contains(&quoted) || names_it_last())
        };
        let place = self.0.iter().find_map(|(column, values)| {
            let row = values.iter().position(|value| value.as_deref().is_some_and(refused))?;
            Some(format!("\n    at:    row {} (the header not counted), column '{column}'", row + 1))
        });
        failure.message.extend(place);
        failure
    }
}

/// A seed's file, with the author told about what is odd in it.
///
/// # Errors
/// A file that cannot be read as CSV.
pub async fn read_seed(context: &Arc<RunContext>, node: &Arc<Node>) -> Result<SeedTable, NodeFailure> {
    let root =
        node.root_path.as_deref().map_or_else(|| context.project_dir.clone(), |root| context.project_dir.join(root));
    let path = root.join(&node.original_file_path);
    let seed = Arc::clone(node);
    let read = blocking(move || seeds::read_seed_file(&path, &seed)).await?;
    for diagnostic in read.warnings {
        context.events.emit(Event::Warning { name: "SeedWarning".to_owned(), diagnostic });
    }
    Ok(read.table)
}

/// Everything the adapter needs to plan a node.
///
/// # Errors
/// A configuration that cannot be, or a query comment that cannot be rendered.
pub async fn request(
    context: &Arc<RunContext>,
    node: &Node,
    source: MaterializationSource,
) -> Result<MaterializationRequest, NodeFailure> {
    let (materialization, sql_header) = match source {
        MaterializationSource::Seed(table) => (Materialization::Seed { table }, None),
        MaterializationSource::Sql(compiled) => {
            let custom = custom_strategy(context, node).await?;
            (of_sql(node, compiled.sql.to_string(), custom)?, compiled.sql_header.clone())
        }
    };
    let mut request = request_for(context, node, materialization).await?;
    if let Some(header) = sql_header {
        request.config.insert("sql_header".to_owned(), header.into());
    }
    Ok(request)
}

/// A request for something else than the node's own materialization.
pub(super) async fn request_for(
    context: &RunContext,
    node: &Node,
    materialization: Materialization,
) -> Result<MaterializationRequest, NodeFailure> {
    let config = node.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let (compiler, id) = (context.compiler.clone(), node.unique_id.clone());
    let comment = blocking(move || compiler.query_comment(Some(&id))).await?;
    Ok(MaterializationRequest {
        node: node.unique_id.clone(),
        relation: node.relation(),
        materialization,
        config,
        full_refresh: full_refresh(context, node),
        description: node.description.clone(),
        columns: node
            .columns
            .values()
            .map(|column| ColumnSpec {
                name: column.name.clone(),
                description: column.description.clone(),
                data_type: column.data_type.clone(),
                quote: column.quote.unwrap_or(false),
                meta: column.meta.clone(),
            })
            .collect(),
        comment,
        provenance: provenance(context, node),
    })
}

/// A test's rows as a table; its own `materialized` says only `test`.
pub(super) async fn request_for_test(
    context: &Arc<RunContext>,
    node: &Node,
    source: MaterializationSource,
) -> Result<MaterializationRequest, NodeFailure> {
    let mut as_table = node.clone();
    as_table.config.insert("materialized".to_owned(), "table".into());
    request(context, &as_table, source).await
}

/// What a macro of the project says about a snapshot.
async fn custom_strategy(context: &Arc<RunContext>, node: &Node) -> Result<Option<CustomStrategy>, NodeFailure> {
    if node.resource_type != ResourceType::Snapshot {
        return Ok(None);
    }
    let failed = |error| errors::of_adapter(node, &error, None);
    let exists = context.adapter.get_relation(&node.relation()).await.map_err(failed)?.is_some();
    let (compiler, id) = (context.compiler.clone(), node.unique_id.clone());
    blocking(move || compiler.snapshot_strategy(&id, exists)).await.map_err(|error| context.failure(error))
}

fn of_sql(node: &Node, sql: String, custom: Option<CustomStrategy>) -> Result<Materialization, NodeFailure> {
    if node.resource_type == ResourceType::Snapshot {
        return Ok(Materialization::Snapshot { sql, strategy: snapshots::strategy(node, custom)? });
    }
    match node.materialized() {
        "view" => Ok(Materialization::View { sql }),
        "table" => Ok(Materialization::Table { sql }),
        "incremental" => Ok(Materialization::Incremental { sql }),
        other => Err(Diagnostic::error(format!(
            "{}\n  No materialization '{other}' was found for adapter athena!",
            head("Compilation Error", node)
        ))
        .cause("neither the project nor Athena has a materialization of this name")
        .fix("use view, table, incremental or ephemeral")
        .into()),
    }
}

fn head(kind: &str, node: &Node) -> String {
    format!("{kind} in {} {} ({})", node.resource_type, node.name, node.original_file_path)
}

/// The node's own word, else `--full-refresh`.
pub(super) fn full_refresh(context: &RunContext, node: &Node) -> bool {
    node.config_bool("full_refresh").unwrap_or(context.options.full_refresh)
}

fn provenance(context: &RunContext, node: &Node) -> IndexMap<String, String> {
    let manifest = context.compiler.manifest();
    let mut provenance = IndexMap::new();
    provenance.insert("unique_id".to_owned(), node.unique_id.to_string());
    provenance.insert("materialized".to_owned(), node.materialized().to_owned());
    provenance.insert("dbt_project_name".to_owned(), manifest.root_package().to_owned());
    if let Some(version) = &context.project_version {
        provenance.insert("dbt_project_version".to_owned(), version.clone());
    }
    provenance
}

/// Which of a node's hooks run with a build of it.
#[derive(Debug, Clone)]
pub(super) struct Hooks {
    pub before: bool,
    pub after: bool,
    /// The batch around which they run.
    pub batch: Option<Batch>,
}

impl Hooks {
    /// Those of a node that is built at once.
    pub const ALL: Self = Self { before: true, after: true, batch: None };
}

/// Executes a request for a relation beside the node's own: without hooks, and `target/run` keeps the node's SQL.
pub(super) async fn execute_beside(
    context: &Arc<RunContext>,
    node: &Node,
    request: MaterializationRequest,
) -> Result<AdapterResponse, NodeFailure> {
    let failed = |error| errors::of_adapter(node, &error, None);
    plan(context, node, request, &failed).await?.execute().await.map_err(failed)
}

/// The plan of a request, with its statements told.
async fn plan(
    context: &Arc<RunContext>,
    node: &Node,
    request: MaterializationRequest,
    failed: &(dyn Fn(AdapterError) -> NodeFailure + Sync),
) -> Result<Box<dyn Plan>, NodeFailure> {
    let plan = context.adapter.plan(request).await.map_err(failed)?;
    // Statements are told when they are sent.
    for step in plan.steps().into_iter().filter(|step| step.sql.is_none()) {
        context.events.line(Level::Debug, format!("{} plans: {} {}", node.unique_id, step.action, step.target));
    }
    Ok(plan)
}

pub(super) async fn execute(
    context: &Arc<RunContext>,
    node: &Node,
    request: MaterializationRequest,
    compiled: Option<&Arc<Compiled>>,
    hooks: Hooks,
) -> Result<Outcome, NodeFailure> {
    let failed = |error| errors::of_adapter(node, &error, compiled.map(AsRef::as_ref));
    if hooks.before {
        run_hooks(context, node, NodeHook::Before, &request, hooks.batch.as_ref()).await?;
    }
    let plan = plan(context, node, request.clone(), &failed).await?;
    match compiled.filter(|_| super::microbatch::is_microbatch(context.compiler.manifest(), node)) {
        Some(batch) => write_batch_run_sql(context, node, batch, &plan.run_sql())?,
        None => write_run_sql(context, node, &plan.run_sql())?,
    }
    let response = plan.execute().await.map_err(failed)?;
    if hooks.after {
        run_hooks(context, node, NodeHook::After, &request, hooks.batch.as_ref()).await?;
    }
    Ok(Outcome { response: Some(response), ..Outcome::default() })
}

/// A node's `pre_hook`s or `post_hook`s, one statement after the other.
async fn run_hooks(
    context: &Arc<RunContext>,
    node: &Node,
    which: NodeHook,
    request: &MaterializationRequest,
    batch: Option<&Batch>,
) -> Result<(), NodeFailure> {
    let key = match which {
        NodeHook::Before => "pre-hook",
        NodeHook::After => "post-hook",
    };
    if node.config(key).and_then(|hooks| hooks.as_array()).is_none_or(Vec::is_empty) {
        return Ok(());
    }
    let (compiler, id, batch) = (context.compiler.clone(), node.unique_id.clone(), batch.cloned());
    let rendered = blocking(move || compiler.node_hooks(&id, which, batch.as_ref())).await;
    let hooks = rendered.map_err(|error| context.failure(error))?;
    for (index, sql) in hooks.into_iter().enumerate() {
        let origin = StatementOrigin {
            node: Some(node.unique_id.clone()),
            step: format!("{key}-{index}"),
            comment: request.comment.clone(),
        };
        context.adapter.execute(&sql, &origin, None).await.map_err(|error| errors::of_hook(node, key, &error))?;
    }
    Ok(())
}

/// As [`write_run_sql`], for a batch: `models/daily/daily_2024-09-17.sql`.
pub(super) fn write_batch_run_sql(
    context: &RunContext,
    node: &Node,
    batch: &Compiled,
    sql: &str,
) -> Result<(), NodeFailure> {
    let Some((_, file)) = batch.path.as_deref().and_then(|path| path.rsplit_once('/')) else {
        return write_run_sql(context, node, sql);
    };
    let path = context.target_dir.join("run").join(&node.package_name).join(&node.original_file_path);
    super::artifact_files::write_text(&path.with_extension("").join(file), sql).map_err(NodeFailure::from)
}

/// Writes what dbt writes to `target/run`.
pub(super) fn write_run_sql(context: &RunContext, node: &Node, sql: &str) -> Result<(), NodeFailure> {
    let path = context.compiler.run_path(node);
    super::artifact_files::write_text(&context.project_dir.join(path), sql).map_err(NodeFailure::from)
}

//! The engine: which statement is run by what.

use std::{path::PathBuf, sync::Arc};

use athena_api::Glue;
use athena_sql::{Expr as Ast, ExprKind, Query, QueryBody, SelectItem, Statement};
use catalog::Clock;
use lake::{ObjectStorage, ScanMeter, iceberg::IcebergTables};

use crate::{
    analyze::{Relation, visible},
    context::QueryContext,
    ddl,
    error::QueryError,
    output::{Column, QueryOutput, Statistics},
    run::{Session, stream},
    tables::Resolver,
    types::Type,
    write,
};

/// Limits of the engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Memory that all queries share; beyond it sorts, aggregations and joins spill to disk or fail.
    pub memory_limit_in_bytes: usize,
    /// Parallelism within one query.
    pub partitions: usize,
    /// Where queries spill; nobody else's folder: what is in it is removed. The system's temporary folder when missing.
    pub spill_directory: Option<PathBuf>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { memory_limit_in_bytes: 2 << 30, partitions: 2, spill_directory: None }
    }
}

/// Runs statements. Cheap to share: one for all queries of a process.
pub struct QueryEngine {
    glue: Arc<dyn Glue>,
    storage: ObjectStorage,
    iceberg: IcebergTables,
    session: Result<Arc<Session>, QueryError>,
}

/// What one statement works with.
pub(crate) struct Work<'e> {
    pub context: &'e QueryContext,
    pub session: Arc<Session>,
    pub resolver: Resolver,
    /// The values of `?`.
    pub parameters: Vec<Ast>,
}

impl QueryEngine {
    /// An engine over a catalog and the objects that its tables lie in.
    pub fn new(glue: Arc<dyn Glue>, storage: ObjectStorage, clock: Clock, options: EngineOptions) -> Self {
        let iceberg = IcebergTables::new(storage.clone(), Arc::clone(&glue), clock);
        Self { glue, storage, iceberg, session: Session::new(&options).map(Arc::new) }
    }

    /// Runs a statement. Rows of a query are computed while they are read from the output; everything else is done
    /// when this returns.
    ///
    /// # Errors
    /// Why the statement failed, as `AthenaError` and `StateChangeReason` tell it.
    pub async fn execute(&self, statement: &Statement, context: &QueryContext) -> Result<QueryOutput, QueryError> {
        let meter = ScanMeter::new();
        let resolver = Resolver {
            glue: Arc::clone(&self.glue),
            storage: self.storage.clone(),
            iceberg: self.iceberg.clone(),
            meter: meter.clone(),
        };
        let parameters = context.parameters.iter().map(|text| parameter(text)).collect();
        let work = Work { context, session: self.session.clone()?, resolver, parameters };
        let mut running = Box::pin(work.run(statement));
        let done = std::future::poll_fn(|cx| athena_sql::roomy(|| running.as_mut().poll(cx))).await;
        drop(running);
        let mut output = done.map_err(|error| match error.name.as_str() {
            "INVALID_PARAMETER_USAGE" if error.message.ends_with(crate::analyze::TOO_FEW_PARAMETERS) => {
                let (expected, found) = (statement.parameter_count(), work.parameters.len());
                let message =
                    format!("line 1:1: Incorrect number of parameters: expected {expected} but found {found}");
                QueryError::new("INVALID_PARAMETER_USAGE", message)
            }
            _ => error,
        })?;
        output.statistics = Arc::new(Statistics::new(meter));
        Ok(output)
    }
}

/// An execution parameter: an expression when it is one without names, else a text.
///
/// Source: measurements in spec/athena.md §1.4.
fn parameter(text: &str) -> Ast {
    match athena_sql::parse_expression(text) {
        Ok(expr) if !mentions_name(&expr) => expr,
        _ => Ast { pos: athena_sql::Pos::default(), kind: ExprKind::String(text.to_owned()) },
    }
}

fn mentions_name(expr: &Ast) -> bool {
    match &expr.kind {
        ExprKind::Identifier(_) | ExprKind::Dereference(..) | ExprKind::Subquery(_) | ExprKind::Exists(_) => true,
        ExprKind::Unary(_, a) | ExprKind::IsNull(a, _) | ExprKind::Extract(_, a) => mentions_name(a),
        ExprKind::Cast { value, .. } => mentions_name(value),
        ExprKind::Binary(a, _, b) | ExprKind::Subscript(a, b) | ExprKind::AtTimeZone(a, b) => {
            mentions_name(a) || mentions_name(b)
        }
        ExprKind::Array(items) | ExprKind::Row(items) => items.iter().any(mentions_name),
        ExprKind::Function(call) => call.arguments.iter().any(mentions_name),
        _ => false,
    }
}

/// Analyzes again and again until every table that is needed has been loaded.
macro_rules! analyze {
    ($work:expr, $analyzer:ident => $rule:expr) => {{
        let work = $work;
        let mut tables = $crate::analyze::Tables::new();
        loop {
            let (result, missing) = {
                let $analyzer = $crate::analyze::Analyzer::new(&tables, work.context, &work.parameters);
                let rule = || -> Result<_, $crate::error::QueryError> { $rule };
                let result = rule();
                (result, $analyzer.missing.take())
            };
            if missing.is_empty() {
                break result;
            }
            for key in missing {
                let found = work.resolver.find(&key).await?;
                tables.insert(key, found);
            }
        }
    }};
}
pub(crate) use analyze;

impl Work<'_> {
    async fn run(&self, statement: &Statement) -> Result<QueryOutput, QueryError> {
        Ok(match statement {
            Statement::Query(query) => self.select(query).await?,
            Statement::Explain(explain) => ddl::explain(self, explain).await?,
            Statement::Insert(insert) => write::insert(self, insert).await?,
            Statement::CreateTableAs(create) => write::create_table_as(self, create).await?,
            Statement::Unload(unload) => write::unload(self, unload).await?,
            Statement::Update { table, assignments, filter } => {
                write::update(self, table, assignments, filter.as_ref()).await?
            }
            Statement::Delete { table, filter } => write::delete(self, table, filter.as_ref()).await?,
            Statement::Merge(merge) => write::merge(self, merge).await?,
            Statement::Optimize { table, filter } => write::optimize(self, table, filter.as_ref()).await?,
            Statement::Vacuum { table } => write::vacuum(self, table).await?,
            Statement::Prepare { .. } | Statement::Execute { .. } | Statement::Deallocate { .. } => {
                return Err(QueryError::internal(
                    "prepared statements belong to their workgroup, not to the query engine",
                ));
            }
            other => ddl::run(self, other).await?,
        })
    }

    /// A query's rows, as they are computed.
    async fn select(&self, query: &Query) -> Result<QueryOutput, QueryError> {
        let relation: Relation = analyze!(self, analyzer => analyzer.plan(query))?;
        let fields = visible(&relation);
        let items = fields.iter().map(|field| (crate::analyze::column(&field.column), field.column.clone())).collect();
        let plan = crate::analyze::project(relation.plan, items)?;
        let rows = self.session.run(&plan).await?;
        let types: Vec<Type> = fields.iter().map(|field| field.ty.clone()).collect();
        Ok(QueryOutput {
            columns: fields.iter().map(|field| Column::of(&field.label, &field.ty)).collect(),
            rows: Box::pin(stream(rows, types, self.context.cancel.clone())),
            update_count: None,
            statistics: Arc::default(),
            manifest: None,
            literals_only: literals_only(query),
        })
    }
}

/// `SELECT 1, 'a' AS x`: nothing but literals.
fn literals_only(query: &Query) -> bool {
    fn literal(expr: &Ast) -> bool {
        match &expr.kind {
            ExprKind::Null
            | ExprKind::Boolean(_)
            | ExprKind::Integer(_)
            | ExprKind::Decimal(_)
            | ExprKind::Double(_)
            | ExprKind::String(_) => true,
            ExprKind::Unary(athena_sql::UnaryOperator::Minus, inner) => literal(inner),
            _ => false,
        }
    }
    match &query.body {
        QueryBody::Select(select) => {
            query.with.is_none()
                && select.from.is_empty()
                && select.filter.is_none()
                && select.items.iter().all(|item| matches!(item, SelectItem::Expr { expr, .. } if literal(expr)))
        }
        _ => false,
    }
}

//! UPDATE, DELETE, MERGE, OPTIMIZE of Iceberg tables, by copy-on-write: each file with a row that changes is written anew.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use athena_sql::{Expr as Ast, Ident, Merge, MergeClause, Pos, TableName};
use datafusion::{
    common::{Column, JoinType},
    functions_aggregate::expr_fn,
    logical_expr::{Case, Expr, LogicalPlan, LogicalPlanBuilder, expr::InList, lit},
};
use lake::iceberg::{Change, IcebergTable};

use super::{insert::iceberg_columns, wrote};
use crate::{
    analyze::{
        self, Analyzer, Context, Field, Names, Relation, Scope, TableKey, Typed, column, filtered, planning, project,
    },
    cast::{cast, castable},
    engine::{Work, analyze},
    error::QueryError,
    output::QueryOutput,
    scalar::{Body, call},
    tables::{FILE_COLUMN, from_lake},
    types::{Type, coerces},
    value::{Value, values},
};

/// An Iceberg table that may change.
async fn target(work: &Work<'_>, name: &TableName) -> Result<(TableKey, IcebergTable), QueryError> {
    let key = work.key(name);
    let table = work.existing(&key, name.pos).await?;
    if !table.is_iceberg() {
        return Err(QueryError::not_supported("Modifying Hive table rows is only supported for transactional tables"));
    }
    Ok((key, work.resolver.iceberg.load(table).await.map_err(from_lake)?))
}

fn file_of(relation: &Relation) -> Result<Expr, QueryError> {
    let hidden = relation.fields.iter().find(|field| field.name == FILE_COLUMN);
    hidden.map(|field| column(&field.column)).ok_or_else(|| QueryError::internal("the table has no file column"))
}

/// The files of a plan's rows, with how many rows each has; the plan has the file in its first column.
async fn files(work: &Work<'_>, plan: LogicalPlan, file: Expr) -> Result<Vec<(String, u64)>, QueryError> {
    let plan = LogicalPlanBuilder::from(plan)
        .aggregate(vec![file], vec![expr_fn::count(lit(1_i64)).alias("rows")])
        .and_then(LogicalPlanBuilder::build)
        .map_err(planning)?;
    let (_, batches) = work.session.collect(&plan, &work.context.cancel).await?;
    let mut found = Vec::new();
    for batch in batches {
        let (names, counts) = (values(batch.column(0))?, values(batch.column(1))?);
        found.extend(
            names
                .iter()
                .zip(counts)
                .map(|(name, count)| (name.str().to_owned(), u64::try_from(count.int()).unwrap_or(0))),
        );
    }
    Ok(found)
}

fn among(file: Expr, files: &[(String, u64)]) -> Expr {
    Expr::InList(InList::new(Box::new(file), files.iter().map(|(name, _)| lit(name.clone())).collect(), false))
}

async fn overwrite(
    work: &Work<'_>,
    table: &IcebergTable,
    files: Vec<(String, u64)>,
    plan: &LogicalPlan,
) -> Result<(), QueryError> {
    let (add, _) = work.write_iceberg(table, plan).await?;
    let remove = files.into_iter().map(|(name, _)| name).collect();
    table.commit(Change::Overwrite { remove, add }).await.map_err(from_lake)?;
    Ok(())
}

/// A value for a column of the table.
fn assigned(value: Typed, ty: &Type, pos: Pos) -> Result<Expr, QueryError> {
    let text = value.ty.is_text() && ty.is_text();
    let timestamp = matches!((&value.ty, ty), (Type::Timestamp(_), Type::Timestamp(_)));
    if !coerces(&value.ty, ty) && !((text || timestamp) && castable(&value.ty, ty)) {
        let message = format!(
            "UPDATE table column types don't match SET expressions: Table: [{ty}], Expressions: [{}]",
            value.ty
        );
        return Err(QueryError::at("TYPE_MISMATCH", pos, message));
    }
    Ok(cast(value.expr, &value.ty, ty, false))
}

/// The rows of a table with a new value for each column.
fn projected(columns: &[(String, Type)], plan: LogicalPlan, values: Vec<Expr>) -> Result<LogicalPlan, QueryError> {
    let names = columns.iter().map(|(name, _)| Column::from_name(name));
    project(plan, values.into_iter().zip(names).collect())
}

fn own_columns(relation: &Relation) -> Vec<Field> {
    relation.fields.iter().filter(|field| !field.hidden).cloned().collect()
}

pub(crate) async fn delete(work: &Work<'_>, name: &TableName, filter: Option<&Ast>) -> Result<QueryOutput, QueryError> {
    let (key, table) = target(work, name).await?;
    let columns = iceberg_columns(&table)?;
    let (relation, condition) = analyze!(work, analyzer => {
        let relation = analyzer.table(&key, name.pos)?;
        let condition = where_of(&analyzer, &relation, filter, work)?;
        Ok((relation, condition))
    })?;
    let file = file_of(&relation)?;
    let touched = files(work, filtered(relation.plan.clone(), condition.clone())?, file.clone()).await?;
    if touched.is_empty() {
        return Ok(wrote(0, None));
    }
    let keep = among(file, &touched).and(condition.is_not_true());
    let own = own_columns(&relation).iter().map(|field| column(&field.column)).collect();
    let plan = projected(&columns, filtered(relation.plan, keep)?, own)?;
    let count = touched.iter().map(|(_, count)| count).sum();
    overwrite(work, &table, touched, &plan).await?;
    Ok(wrote(count, None))
}

fn where_of<'a>(
    analyzer: &Analyzer<'a>,
    relation: &Relation,
    filter: Option<&'a Ast>,
    work: &Work<'_>,
) -> Result<Expr, QueryError> {
    let Some(filter) = filter else { return Ok(lit(true)) };
    analyzer.remember(&relation.fields);
    let names = Names::of(work.context);
    let scope = Scope { fields: &relation.fields, parent: None };
    analyzer.condition(filter, &Context::new(&names, &scope), "WHERE clause")
}

pub(crate) async fn update(
    work: &Work<'_>,
    name: &TableName,
    assignments: &[(Ident, Ast)],
    filter: Option<&Ast>,
) -> Result<QueryOutput, QueryError> {
    let (key, table) = target(work, name).await?;
    let columns = iceberg_columns(&table)?;
    let (relation, condition, values) = analyze!(work, analyzer => {
        let relation = analyzer.table(&key, name.pos)?;
        let condition = where_of(&analyzer, &relation, filter, work)?;
        let names = Names::of(work.context);
        let scope = Scope { fields: &relation.fields, parent: None };
        let context = Context::new(&names, &scope);
        let values = new_values(&analyzer, &columns, assignments, &context)?;
        Ok((relation, condition, values))
    })?;
    let file = file_of(&relation)?;
    let touched = files(work, filtered(relation.plan.clone(), condition.clone())?, file.clone()).await?;
    if touched.is_empty() {
        return Ok(wrote(0, None));
    }
    let matches = condition.is_true();
    let values = own_columns(&relation)
        .iter()
        .zip(values)
        .map(|(field, value)| match value {
            None => column(&field.column),
            Some(value) => {
                let branch = (Box::new(matches.clone()), Box::new(value));
                Expr::Case(Case::new(None, vec![branch], Some(Box::new(column(&field.column)))))
            }
        })
        .collect();
    let plan = projected(&columns, filtered(relation.plan, among(file, &touched))?, values)?;
    let count = touched.iter().map(|(_, count)| count).sum();
    overwrite(work, &table, touched, &plan).await?;
    Ok(wrote(count, None))
}

/// For each column what is assigned to it.
fn new_values<'a>(
    analyzer: &Analyzer<'a>,
    columns: &[(String, Type)],
    assignments: &'a [(Ident, Ast)],
    context: &Context<'_, 'a>,
) -> Result<Vec<Option<Expr>>, QueryError> {
    let mut values = vec![None; columns.len()];
    for (name, ast) in assignments {
        let Some(at) = columns.iter().position(|(column, _)| *column == name.lower()) else {
            let message = format!("The UPDATE SET target column {} doesn't exist", name.value);
            return Err(QueryError::at("COLUMN_NOT_FOUND", name.pos, message));
        };
        values[at] = Some(assigned(analyzer.expression(ast, context)?, &columns[at].1, ast.pos)?);
    }
    Ok(values)
}

/// A MERGE in plans: the target's rows each with the source row that changes it, and the source's rows without target.
struct Merged {
    joined: LogicalPlan,
    file: Expr,
    row: Expr,
    /// Number of the matched clause that applies, NULL for none.
    action: Expr,
    /// Clauses that delete.
    deletes: Vec<i32>,
    values: Vec<Expr>,
    inserts: Option<LogicalPlan>,
}

pub(crate) async fn merge(work: &Work<'_>, merge: &Merge) -> Result<QueryOutput, QueryError> {
    let (key, table) = target(work, &merge.target).await?;
    let columns = iceberg_columns(&table)?;
    let merged = analyze!(work, analyzer => plan_merge(&analyzer, work, merge, &key, &columns))?;

    // How many rows of which files change, and whether one of them twice.
    let counts = LogicalPlanBuilder::from(filtered(merged.joined.clone(), merged.action.clone().is_not_null())?)
        .aggregate(
            vec![merged.file.clone()],
            vec![
                expr_fn::count(lit(1_i64)).alias("rows"),
                expr_fn::count_distinct(merged.row.clone()).alias("distinct"),
            ],
        )
        .and_then(LogicalPlanBuilder::build)
        .map_err(planning)?;
    let (_, batches) = work.session.collect(&counts, &work.context.cancel).await?;
    let mut touched = Vec::new();
    for batch in batches {
        let (names, rows, distinct) = (values(batch.column(0))?, values(batch.column(1))?, values(batch.column(2))?);
        for ((name, rows), distinct) in names.iter().zip(rows).zip(distinct) {
            if rows != distinct {
                let message = "One MERGE target table row matched more than one source row";
                return Err(QueryError::new("MERGE_TARGET_ROW_MULTIPLE_MATCHES", message));
            }
            touched.push((name.str().to_owned(), u64::try_from(rows.int()).unwrap_or(0)));
        }
    }
    let mut count: u64 = touched.iter().map(|(_, count)| count).sum();
    let mut add = Vec::new();
    if !touched.is_empty() {
        let mut kept = filtered(merged.joined, among(merged.file, &touched))?;
        if !merged.deletes.is_empty() {
            let deletes = merged.deletes.iter().map(|clause| lit(*clause)).collect();
            let deleted = Expr::InList(InList::new(Box::new(merged.action), deletes, false));
            kept = filtered(kept, deleted.is_not_true())?;
        }
        let plan = projected(&columns, kept, merged.values)?;
        add = work.write_iceberg(&table, &plan).await?.0;
    }
    if let Some(inserts) = merged.inserts {
        let (more, inserted) = work.write_iceberg(&table, &inserts).await?;
        count += inserted;
        add.extend(more);
    }
    if touched.is_empty() && !add.is_empty() {
        table.commit(Change::Append { add }).await.map_err(from_lake)?;
    } else if !touched.is_empty() {
        let remove = touched.into_iter().map(|(name, _)| name).collect();
        table.commit(Change::Overwrite { remove, add }).await.map_err(from_lake)?;
    }
    Ok(wrote(count, None))
}

fn plan_merge<'a>(
    analyzer: &Analyzer<'a>,
    work: &Work<'_>,
    merge: &'a Merge,
    key: &TableKey,
    columns: &[(String, Type)],
) -> Result<Merged, QueryError> {
    let names = Names::of(work.context);
    let mut relation = analyzer.table(key, merge.target.pos)?;
    if let Some(alias) = &merge.target_alias {
        relation.fields.iter_mut().for_each(|field| field.relation = vec![alias.lower()]);
    }
    // Each row of the target gets a number.
    let row = analyzer.unique("row");
    let mut items: Vec<(Expr, Column)> =
        relation.fields.iter().map(|field| (column(&field.column), field.column.clone())).collect();
    items.push((row_number(), row.clone()));
    let numbered = project(relation.plan.clone(), items)?;

    let source = analyzer.relation(&merge.source, &names, None)?;
    let own = own_columns(&relation);
    let file = file_of(&relation)?;
    let fields: Vec<Field> = relation.fields.iter().chain(&source.fields).cloned().collect();
    analyzer.remember(&fields);
    let scope = Scope { fields: &fields, parent: None };
    let context = Context::new(&names, &scope).in_clause("MERGE");
    let on = analyzer.condition(&merge.condition, &context, "MERGE ON clause")?;

    let source_scope = Scope { fields: &source.fields, parent: None };
    let source_context = Context::new(&names, &source_scope).in_clause("MERGE");
    let (mut branches, mut deletes, mut updates, mut inserts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, clause) in (1_i32..).zip(&merge.clauses) {
        let condition = |ast: &'a Option<Ast>, context: &Context<'_, 'a>| match ast {
            Some(ast) => analyzer.condition(ast, context, "MERGE WHEN clause"),
            None => Ok(lit(true)),
        };
        match clause {
            MergeClause::Update { condition: when, assignments } => {
                branches.push((Box::new(condition(when, &context)?), Box::new(lit(number))));
                updates.push((number, new_values(analyzer, columns, assignments, &context)?));
            }
            MergeClause::Delete { condition: when } => {
                branches.push((Box::new(condition(when, &context)?), Box::new(lit(number))));
                deletes.push(number);
            }
            MergeClause::Insert { condition: when, insert } => {
                let when = condition(when, &source_context)?;
                let targets: Vec<String> = match insert.columns.is_empty() {
                    true => columns.iter().map(|(name, _)| name.clone()).collect(),
                    false => insert.columns.iter().map(Ident::lower).collect(),
                };
                if targets.len() != insert.values.len() {
                    let message = format!(
                        "Insert query has mismatched column types: Table: {} columns, Query: {} columns",
                        targets.len(),
                        insert.values.len()
                    );
                    return Err(QueryError::at("TYPE_MISMATCH", merge.target.pos, message));
                }
                if let Some(unknown) = targets.iter().find(|name| !columns.iter().any(|(column, _)| column == *name)) {
                    let message = format!("Insert column name does not exist in target table: {unknown}");
                    return Err(QueryError::at("COLUMN_NOT_FOUND", merge.target.pos, message));
                }
                let mut values = Vec::new();
                for (name, ty) in columns {
                    values.push(match targets.iter().position(|target| target == name) {
                        Some(at) => {
                            let ast = &insert.values[at];
                            assigned(analyzer.expression(ast, &source_context)?, ty, ast.pos)?
                        }
                        None => analyze::null(ty)?,
                    });
                }
                inserts.push((when, values));
            }
        }
    }
    let action =
        if branches.is_empty() { analyze::null(&Type::Integer)? } else { Expr::Case(Case::new(None, branches, None)) };

    // Only a match that changes something counts as one.
    let applies = on.clone().and(action.clone().is_not_null());
    let matched = analyzer.unique("matched");
    let mut source_items: Vec<(Expr, Column)> =
        source.fields.iter().map(|field| (column(&field.column), field.column.clone())).collect();
    source_items.push((lit(true), matched.clone()));
    let marked = project(source.plan.clone(), source_items)?;
    let joined = LogicalPlanBuilder::from(numbered)
        .join_on(marked, JoinType::Left, vec![applies])
        .and_then(LogicalPlanBuilder::build)
        .map_err(planning)?;
    let unmatched = analyze::null(&Type::Integer)?;
    let branch = (Box::new(column(&matched).is_true()), Box::new(action));
    let action = Expr::Case(Case::new(None, vec![branch], Some(Box::new(unmatched))));

    let values = own
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let branches: Vec<(Box<Expr>, Box<Expr>)> = updates
                .iter()
                .filter_map(|(number, values)| {
                    let value = values[at].clone()?;
                    Some((Box::new(action.clone().eq(lit(*number))), Box::new(value)))
                })
                .collect();
            if branches.is_empty() {
                return column(&field.column);
            }
            Expr::Case(Case::new(None, branches, Some(Box::new(column(&field.column)))))
        })
        .collect();

    let inserts =
        if inserts.is_empty() { None } else { Some(plan_inserts(source.plan, relation.plan, on, inserts, columns)?) };
    Ok(Merged { joined, file, row: column(&row), action, deletes, values, inserts })
}

/// The source's rows without target, each by the first clause that takes it.
fn plan_inserts(
    source: LogicalPlan,
    target: LogicalPlan,
    on: Expr,
    clauses: Vec<(Expr, Vec<Expr>)>,
    columns: &[(String, Type)],
) -> Result<LogicalPlan, QueryError> {
    let alone = LogicalPlanBuilder::from(source)
        .join_on(target, JoinType::LeftAnti, vec![on])
        .and_then(LogicalPlanBuilder::build)
        .map_err(planning)?;
    let mut union: Option<LogicalPlan> = None;
    let mut before: Option<Expr> = None;
    for (when, values) in clauses {
        let chosen = match &before {
            None => when.clone(),
            Some(before) => when.clone().and(before.clone().is_not_true()),
        };
        let rows = projected(columns, filtered(alone.clone(), chosen)?, values)?;
        before = Some(before.map_or(when.clone(), |before| before.or(when)));
        union = Some(match union {
            None => rows,
            Some(union) => {
                LogicalPlanBuilder::from(union).union(rows).and_then(LogicalPlanBuilder::build).map_err(planning)?
            }
        });
    }
    union.ok_or_else(|| QueryError::internal("a MERGE without clauses"))
}

/// A number for each row that is read.
fn row_number() -> Expr {
    let next = Arc::new(AtomicI64::new(0));
    let body = Body::Columns(Arc::new(move |_, rows| {
        let count = i64::try_from(rows).unwrap_or(i64::MAX);
        let first = next.fetch_add(count, Ordering::Relaxed);
        let numbers: Vec<Value> = (first..first + count).map(Value::Int).collect();
        crate::value::build(&numbers, &Type::BigInt.arrow())
    }));
    call("row", String::new(), Type::BigInt.arrow(), true, body, Vec::new())
}

/// `OPTIMIZE`: all files of the table into as few as can be.
pub(crate) async fn optimize(
    work: &Work<'_>,
    name: &TableName,
    filter: Option<&Ast>,
) -> Result<QueryOutput, QueryError> {
    let (key, table) = target(work, name).await?;
    let columns = iceberg_columns(&table)?;
    let (relation, condition) = analyze!(work, analyzer => {
        let relation = analyzer.table(&key, name.pos)?;
        let condition = where_of(&analyzer, &relation, filter, work)?;
        Ok((relation, condition))
    })?;
    let file = file_of(&relation)?;
    let chosen = files(work, filtered(relation.plan.clone(), condition)?, file.clone()).await?;
    if chosen.len() > 1 {
        let own = own_columns(&relation).iter().map(|field| column(&field.column)).collect();
        let plan = projected(&columns, filtered(relation.plan, among(file, &chosen))?, own)?;
        overwrite(work, &table, chosen, &plan).await?;
    }
    Ok(QueryOutput::nothing())
}

/// `VACUUM`: old snapshots and files that nobody reads.
pub(crate) async fn vacuum(work: &Work<'_>, name: &TableName) -> Result<QueryOutput, QueryError> {
    let (_, table) = target(work, name).await?;
    table.vacuum().await.map_err(from_lake)?;
    Ok(QueryOutput::nothing())
}

//! DDL and UTILITY statements: changes of the catalog, and what is shown of it.

mod alter;
mod show;
mod table;

use athena_api::glue::{
    Column as GlueColumn, DatabaseInput, Parameters, StorageDescriptor, TableInput, UpdateOptions, all_tables,
};
use athena_sql::{Explain, ExplainFormat, ExplainType, Pos, Query, Statement, TableName};

use crate::{
    analyze::visible,
    engine::{Work, analyze},
    error::QueryError,
    output::{Column, QueryOutput},
    tables::{from_api, from_lake},
    types::VARCHAR,
    view,
};

pub(crate) async fn run(work: &Work<'_>, statement: &Statement) -> Result<QueryOutput, QueryError> {
    match statement {
        Statement::CreateDatabase { name, if_not_exists, comment, location, properties } => {
            let input = DatabaseInput {
                name: name.clone(),
                description: comment.clone(),
                location_uri: location.clone(),
                parameters: (!properties.is_empty()).then(|| properties.clone()),
                ..DatabaseInput::default()
            };
            match work.resolver.glue.create_database(None, input).await {
                Err(error) if is_there(&error) && *if_not_exists => Ok(QueryOutput::nothing()),
                Err(error) if is_there(&error) => {
                    Err(QueryError::hive_ddl_task("AlreadyExistsException", format!("Database {name} already exists")))
                }
                other => other.map(|()| QueryOutput::nothing()).map_err(|error| from_api(&error)),
            }
        }
        Statement::AlterDatabase { name, properties } => {
            let database = work.resolver.glue.get_database(None, name).await.map_err(|error| from_api(&error))?;
            let mut parameters = database.parameters.unwrap_or_default();
            parameters.extend(properties.clone());
            let input = DatabaseInput {
                name: database.name,
                description: database.description,
                location_uri: database.location_uri,
                parameters: Some(parameters),
                create_table_default_permissions: database.create_table_default_permissions,
            };
            work.resolver.glue.update_database(None, name, input).await.map_err(|error| from_api(&error))?;
            Ok(QueryOutput::nothing())
        }
        Statement::DropDatabase { name, if_exists, cascade } => drop_database(work, name, *if_exists, *cascade).await,
        Statement::CreateTable(create) => table::create(work, create).await,
        Statement::DropTable { table, if_exists } => table::drop(work, table, *if_exists).await,
        Statement::AlterTable(alter) => alter::run(work, alter).await,
        Statement::MsckRepair { table } => alter::repair(work, table).await,
        Statement::CreateView { name, or_replace, comment, invoker, query, query_text } => {
            let definition = view::Definition {
                original_sql: query_text.clone(),
                catalog: Some("awsdatacatalog".to_owned()),
                schema: Some(work.context.database()),
                columns: Vec::new(),
                comment: comment.clone(),
                run_as_invoker: invoker.then_some(true),
            };
            create_view(work, name, *or_replace, query, definition).await
        }
        Statement::DropView { name, if_exists } => drop_view(work, name, *if_exists).await,
        Statement::Show(show) => show::run(work, show).await,
        Statement::Describe { extended, formatted, .. } if *extended || *formatted => {
            let word = if *extended { "EXTENDED" } else { "FORMATTED" };
            Err(QueryError::not_supported(format!("DESCRIBE {word} is not supported yet")))
        }
        Statement::Describe { table, column, .. } => show::describe(work, table, column).await,
        _ => Err(QueryError::internal("a statement that is no DDL")),
    }
}

/// Whether Glue says that a thing is there already.
fn is_there(error: &athena_api::ApiError) -> bool {
    error.code == "AlreadyExistsException"
}

async fn drop_database(work: &Work<'_>, name: &str, if_exists: bool, cascade: bool) -> Result<QueryOutput, QueryError> {
    let glue = &work.resolver.glue;
    match glue.get_database(None, name).await {
        Ok(_) => {}
        Err(error) if error.is_not_found() && if_exists => return Ok(QueryOutput::nothing()),
        Err(error) if error.is_not_found() => {
            return Err(QueryError::hive_ddl(format!(
                "SemanticException [Error 10072]: Database does not exist: {name}"
            )));
        }
        Err(error) => return Err(from_api(&error)),
    }
    let tables = all_tables(glue.as_ref(), None, name).await.map_err(|error| from_api(&error))?;
    if !tables.is_empty() && !cascade {
        let message = format!("Database {name} is not empty. One or more tables exist.");
        return Err(QueryError::hive_ddl_task("InvalidOperationException", message));
    }
    for table in tables.iter().filter(|table| table.is_iceberg()) {
        work.resolver.iceberg.purge(table).await.map_err(from_lake)?;
    }
    glue.delete_database(None, name).await.map_err(|error| from_api(&error))?;
    Ok(QueryOutput::nothing())
}

async fn create_view(
    work: &Work<'_>,
    name: &TableName,
    or_replace: bool,
    query: &Query,
    mut definition: view::Definition,
) -> Result<QueryOutput, QueryError> {
    let key = work.key(name);
    let start = Pos { line: 1, column: 1 };
    let relation = analyze!(work, analyzer => analyzer.plan(query))?;
    let fields = visible(&relation);
    crate::write::check_columns(&fields)?;
    let there = work.resolver.glue_table(&key.database, &key.table).await?;
    let shown = format!("awsdatacatalog.{}.{}", key.database, key.table);
    match &there {
        Some(table) if !table.is_view() => {
            return Err(QueryError::at("TABLE_ALREADY_EXISTS", start, format!("Table already exists: '{shown}'")));
        }
        Some(_) if !or_replace => {
            return Err(QueryError::at("VIEW_ALREADY_EXISTS", start, format!("View already exists: '{shown}'")));
        }
        _ => {}
    }
    definition.columns =
        fields.iter().map(|field| view::Column { name: field.name.clone(), r#type: field.ty.to_string() }).collect();
    let columns = fields
        .iter()
        .map(|field| GlueColumn::new(&field.name, field.ty.hive(false).unwrap_or_else(|_| "string".to_owned())))
        .collect();
    let storage = StorageDescriptor { columns, location: Some(String::new()), ..StorageDescriptor::default() };
    let input = TableInput {
        name: key.table.clone(),
        table_type: Some("VIRTUAL_VIEW".to_owned()),
        parameters: Some(Parameters::from_iter([
            ("presto_view".to_owned(), "true".to_owned()),
            ("comment".to_owned(), "Presto View".to_owned()),
        ])),
        storage_descriptor: Some(storage),
        partition_keys: Some(Vec::new()),
        view_original_text: Some(view::encode(&definition)?),
        view_expanded_text: Some("/* Presto View */".to_owned()),
        ..TableInput::default()
    };
    let glue = &work.resolver.glue;
    let done = match there {
        Some(_) => glue.update_table(None, &key.database, input, UpdateOptions::default()).await,
        None => glue.create_table(None, &key.database, input).await,
    };
    match done {
        Err(error) if error.is_not_found() => {
            Err(QueryError::at("SCHEMA_NOT_FOUND", name.pos, format!("Schema '{}' does not exist", key.database)))
        }
        other => other.map(|()| QueryOutput::nothing()).map_err(|error| from_api(&error)),
    }
}

async fn drop_view(work: &Work<'_>, name: &TableName, if_exists: bool) -> Result<QueryOutput, QueryError> {
    let key = work.key(name);
    let shown = format!("awsdatacatalog.{}.{}", key.database, key.table);
    match work.resolver.glue_table(&key.database, &key.table).await? {
        None if if_exists => return Ok(QueryOutput::nothing()),
        None => {
            return Err(QueryError::at(
                "TABLE_NOT_FOUND",
                Pos { line: 1, column: 1 },
                format!("View '{shown}' does not exist"),
            ));
        }
        Some(table) if !table.is_view() => {
            let message = format!(
                "View '{shown}' does not exist, but a table with that name exists. Did you mean DROP TABLE {shown}?"
            );
            return Err(QueryError::at("TABLE_NOT_FOUND", Pos { line: 1, column: 1 }, message));
        }
        Some(_) => {}
    }
    work.resolver.glue.delete_table(None, &key.database, &key.table).await.map_err(|error| from_api(&error))?;
    Ok(QueryOutput::nothing())
}

/// `EXPLAIN`: our plan, not Trino's text. Statements that write show the plan of their rows.
pub(crate) async fn explain(work: &Work<'_>, explain: &Explain) -> Result<QueryOutput, QueryError> {
    match explain.format {
        ExplainFormat::Text => {}
        _ if explain.explain_type == ExplainType::Validate => {}
        ExplainFormat::Json => return Err(QueryError::not_supported("EXPLAIN (FORMAT JSON) is not supported yet")),
        ExplainFormat::Graphviz => {
            return Err(QueryError::not_supported("EXPLAIN (FORMAT GRAPHVIZ) is not supported yet"));
        }
    }
    if explain.verbose {
        return Err(QueryError::not_supported("EXPLAIN ANALYZE VERBOSE is not supported yet"));
    }
    let query = match &explain.statement {
        Statement::Query(query) => &**query,
        Statement::Insert(insert) => &insert.query,
        Statement::CreateTableAs(create) => &create.query,
        Statement::Unload(unload) => &unload.query,
        _ => return Err(QueryError::not_supported("EXPLAIN of this statement is not supported yet")),
    };
    let relation = analyze!(work, analyzer => analyzer.plan(query))?;
    let mut text = match explain.explain_type {
        ExplainType::Validate => "true".to_owned(),
        ExplainType::Logical => work.session.explain(&relation.plan).await?.0,
        ExplainType::Distributed => work.session.explain(&relation.plan).await?.1,
        ExplainType::Io => return Err(QueryError::not_supported("EXPLAIN (TYPE IO) is not supported yet")),
    };
    if explain.analyze {
        let (_, batches) = work.session.collect(&relation.plan, &work.context.cancel).await?;
        let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
        text.push_str(&format!("\nOutput: {rows} rows"));
    }
    text.push('\n');
    let mut column = Column::of("Query Plan", &VARCHAR);
    column.precision = i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
    Ok(QueryOutput::lines(vec![column], text.split('\n').map(str::to_owned).collect()))
}

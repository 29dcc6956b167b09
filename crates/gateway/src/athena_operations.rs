//! Athena's operations: members in, members out.

use athena::EmbeddedAthena;
use athena_api::{
    ApiError, ApiResult, Athena,
    athena::{QueryExecution, StartQueryExecutionRequest},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::json::{Input, not_implemented, output};

/// How many items a page has when nobody says.
const PAGE: i64 = 50;

/// Calls an operation.
pub(crate) async fn call(athena: &EmbeddedAthena, operation: &str, mut input: Input) -> ApiResult<Value> {
    let token = input.optional("NextToken").map(str::to_owned);
    let token = token.as_deref();
    // 0 is allowed where 50 is the most, and means the default.
    let limit = input.number("MaxResults").filter(|limit| *limit > 0).unwrap_or(PAGE) as usize;
    match operation {
        "StartQueryExecution" => start(athena, input).await,
        "StopQueryExecution" => {
            athena.stop_query_execution(input.text("QueryExecutionId")).await?;
            Ok(json!({}))
        }
        "GetQueryExecution" => {
            let execution = athena.get_query_execution(input.text("QueryExecutionId")).await?;
            Ok(json!({ "QueryExecution": output(&execution)? }))
        }
        "GetQueryResults" if input.text("QueryResultType") == "DATA_MANIFEST" => {
            Err(not_implemented("GetQueryResults with QueryResultType DATA_MANIFEST"))
        }
        "GetQueryResults" => {
            let most = input.number("MaxResults").map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
            output(&athena.get_query_results(input.text("QueryExecutionId"), token, most).await?)
        }
        "GetQueryRuntimeStatistics" => {
            let execution = athena.get_query_execution(input.text("QueryExecutionId")).await?;
            Ok(runtime_statistics(&execution))
        }
        "BatchGetQueryExecution" => batch_get_query_execution(athena, &input.texts("QueryExecutionIds")).await,
        "ListQueryExecutions" => {
            let page = athena.list_query_executions(input.optional("WorkGroup"), token, limit).await?;
            list("QueryExecutionIds", &page.ids, page.next_token)
        }
        "GetWorkGroup" => {
            let mut answer = json!({ "WorkGroup": output(&athena.get_work_group(input.text("WorkGroup")).await?)? });
            // On the wire, though not in the public model. Source: measurements in spec/athena.md §1.10.
            if let Some(version) = answer.pointer_mut("/WorkGroup/Configuration/EngineVersion") {
                version["Category"] = json!("Presto");
            }
            Ok(answer)
        }
        "ListWorkGroups" => {
            let (work_groups, next) = athena.list_work_groups(token, limit).await?;
            list("WorkGroups", &work_groups, next)
        }
        "CreateWorkGroup" => done(athena.create_work_group(input.read()?).await),
        "UpdateWorkGroup" => done(athena.update_work_group(input.read()?).await),
        "DeleteWorkGroup" => {
            done(athena.delete_work_group(input.text("WorkGroup"), input.flag("RecursiveDeleteOption")).await)
        }
        "GetDataCatalog" => Ok(json!({ "DataCatalog": output(&athena.get_data_catalog(input.text("Name")).await?)? })),
        "ListDataCatalogs" => {
            let (catalogs, next) = athena.list_data_catalogs(token, limit).await?;
            list("DataCatalogsSummary", &catalogs, next)
        }
        "CreateDataCatalog" => Ok(json!({ "DataCatalog": output(&athena.create_data_catalog(input.read()?).await?)? })),
        "UpdateDataCatalog" => done(athena.update_data_catalog(input.read()?).await),
        "DeleteDataCatalog" => {
            Ok(json!({ "DataCatalog": output(&athena.delete_data_catalog(input.text("Name")).await?)? }))
        }
        "GetDatabase" => {
            let database = athena.get_database(input.text("CatalogName"), input.text("DatabaseName")).await?;
            Ok(json!({ "Database": output(&database)? }))
        }
        "ListDatabases" => {
            let (databases, next) = athena.list_databases(input.text("CatalogName"), token, limit).await?;
            list("DatabaseList", &databases, next)
        }
        "GetTableMetadata" => {
            let (catalog, database) = (input.text("CatalogName"), input.text("DatabaseName"));
            let table = athena.get_table_metadata(catalog, database, input.text("TableName")).await?;
            Ok(json!({ "TableMetadata": output(&table)? }))
        }
        "ListTableMetadata" => {
            let (tables, next) = athena.list_table_metadata(input.read()?).await?;
            list("TableMetadataList", &tables, next)
        }
        "CreatePreparedStatement" => done(athena.create_prepared_statement(input.read()?).await),
        "UpdatePreparedStatement" => done(athena.update_prepared_statement(input.read()?).await),
        "GetPreparedStatement" => {
            let (work_group, name) = (input.text("WorkGroup"), input.text("StatementName"));
            Ok(json!({ "PreparedStatement": output(&athena.get_prepared_statement(work_group, name).await?)? }))
        }
        "DeletePreparedStatement" => {
            done(athena.delete_prepared_statement(input.text("WorkGroup"), input.text("StatementName")).await)
        }
        "ListPreparedStatements" => {
            let (statements, next) = athena.list_prepared_statements(input.text("WorkGroup"), token, limit).await?;
            list("PreparedStatements", &statements, next)
        }
        "BatchGetPreparedStatement" => batch_get_prepared_statement(athena, &input).await,
        "CreateNamedQuery" => Ok(json!({ "NamedQueryId": athena.create_named_query(input.read()?).await? })),
        "UpdateNamedQuery" => done(athena.update_named_query(input.read()?).await),
        "GetNamedQuery" => {
            Ok(json!({ "NamedQuery": output(&athena.get_named_query(input.text("NamedQueryId")).await?)? }))
        }
        "DeleteNamedQuery" => done(athena.delete_named_query(input.text("NamedQueryId")).await),
        "ListNamedQueries" => {
            let (ids, next) = athena.list_named_queries(input.optional("WorkGroup"), token, limit).await?;
            list("NamedQueryIds", &ids, next)
        }
        "BatchGetNamedQuery" => batch_get_named_query(athena, &input.texts("NamedQueryIds")).await,
        "ListEngineVersions" => Ok(engine_versions()),
        "TagResource" => {
            let tags: Vec<athena::Tag> = input.take("Tags")?.unwrap_or_default();
            done(athena.tag_resource(input.text("ResourceARN"), &tags).await)
        }
        "UntagResource" => done(athena.untag_resource(input.text("ResourceARN"), &input.texts("TagKeys")).await),
        "ListTagsForResource" => {
            let (tags, next) = athena.list_tags(input.text("ResourceARN"), token, limit).await?;
            list("Tags", &tags, next)
        }
        operation => Err(not_implemented(operation)),
    }
}

async fn start(athena: &EmbeddedAthena, input: Input) -> ApiResult<Value> {
    // SDKs fill it in; on the wire it must be there.
    if input.text("ClientRequestToken").is_empty() {
        return Err(ApiError::invalid_request("INVALID_INPUT", "clientRequestToken is null or empty"));
    }
    let request: StartQueryExecutionRequest = input.read()?;
    Ok(json!({ "QueryExecutionId": athena.start_query_execution(request).await? }))
}

async fn batch_get_query_execution(athena: &EmbeddedAthena, ids: &[String]) -> ApiResult<Value> {
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in ids {
        match athena.get_query_execution(id).await {
            Ok(execution) => found.push(execution),
            Err(error) => unprocessed.push(unprocessed_item("QueryExecutionId", id, &error)),
        }
    }
    Ok(json!({ "QueryExecutions": output(&found)?, "UnprocessedQueryExecutionIds": unprocessed }))
}

async fn batch_get_named_query(athena: &EmbeddedAthena, ids: &[String]) -> ApiResult<Value> {
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in ids {
        match athena.get_named_query(id).await {
            Ok(query) => found.push(query),
            Err(error) => unprocessed.push(unprocessed_item("NamedQueryId", id, &error)),
        }
    }
    Ok(json!({ "NamedQueries": output(&found)?, "UnprocessedNamedQueryIds": unprocessed }))
}

async fn batch_get_prepared_statement(athena: &EmbeddedAthena, input: &Input) -> ApiResult<Value> {
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for name in input.texts("PreparedStatementNames") {
        match athena.get_prepared_statement(input.text("WorkGroup"), &name).await {
            Ok(statement) => found.push(statement),
            Err(error) => unprocessed.push(unprocessed_item("StatementName", &name, &error)),
        }
    }
    Ok(json!({ "PreparedStatements": output(&found)?, "UnprocessedPreparedStatementNames": unprocessed }))
}

fn unprocessed_item(key: &str, name: &str, error: &ApiError) -> Value {
    let code = error.athena_error_code.as_deref().unwrap_or(&error.code);
    json!({ key: name, "ErrorCode": code, "ErrorMessage": error.message })
}

/// The part of the runtime statistics that every execution has.
fn runtime_statistics(execution: &QueryExecution) -> Value {
    let statistics = &execution.statistics;
    json!({ "QueryRuntimeStatistics": {
        "Timeline": {
            "QueryQueueTimeInMillis": statistics.query_queue_time_in_millis.unwrap_or(0),
            "ServicePreProcessingTimeInMillis": statistics.service_pre_processing_time_in_millis.unwrap_or(0),
            "QueryPlanningTimeInMillis": statistics.query_planning_time_in_millis.unwrap_or(0),
            "EngineExecutionTimeInMillis": statistics.engine_execution_time_in_millis.unwrap_or(0),
            "ServiceProcessingTimeInMillis": statistics.service_processing_time_in_millis.unwrap_or(0),
            "TotalExecutionTimeInMillis": statistics.total_execution_time_in_millis.unwrap_or(0),
        },
        "Rows": { "InputBytes": statistics.data_scanned_in_bytes.unwrap_or(0) },
    }})
}

fn engine_versions() -> Value {
    let version = |selected: &str, effective: &str| json!({ "SelectedEngineVersion": selected, "EffectiveEngineVersion": effective });
    json!({ "EngineVersions": [
        version("AUTO", "Athena engine version 3"),
        version("Athena engine version 3", "Athena engine version 3"),
    ]})
}

fn done(result: ApiResult<()>) -> ApiResult<Value> {
    result.map(|()| json!({}))
}

fn list(name: &str, items: &impl Serialize, next_token: Option<String>) -> ApiResult<Value> {
    let mut answer = json!({ name: output(items)? });
    if let Some(token) = next_token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

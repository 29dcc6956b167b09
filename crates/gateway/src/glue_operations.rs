//! Glue's operations: members in, members out.

use athena::Lakehouse;
use athena_api::{
    ApiError, ApiResult, Glue,
    glue::{
        ItemError, PageRequest, PartitionFilter, PartitionInput, Table, TableInput, TableVersion, UpdateOptions,
        all_tables,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::json::{Input, not_implemented, output};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Values {
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Segment {
    segment_number: u32,
    total_segments: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateEntry {
    partition_value_list: Vec<String>,
    partition_input: PartitionInput,
}

/// Calls an operation.
pub(crate) async fn call(lakehouse: &Lakehouse, operation: &str, mut input: Input) -> ApiResult<Value> {
    let glue: &dyn Glue = lakehouse.glue().as_ref();
    let catalog = input.optional("CatalogId").map(str::to_owned);
    let catalog = catalog.as_deref();
    let (database, table) = (input.text("DatabaseName").to_owned(), input.text("TableName").to_owned());
    let (database, table) = (database.as_str(), table.as_str());
    let name = input.text("Name").to_owned();
    let page = PageRequest {
        next_token: input.optional("NextToken").map(str::to_owned),
        max_results: input.number("MaxResults").and_then(|limit| usize::try_from(limit).ok()),
    };
    match operation {
        "CreateDatabase" => done(glue.create_database(catalog, required(&mut input, "DatabaseInput")?).await),
        "GetDatabase" => Ok(json!({ "Database": output(&glue.get_database(catalog, &name).await?)? })),
        "GetDatabases" => {
            let page = glue.get_databases(catalog, page).await?;
            list("DatabaseList", output(&page.items)?, page.next_token)
        }
        "UpdateDatabase" => done(glue.update_database(catalog, &name, required(&mut input, "DatabaseInput")?).await),
        "DeleteDatabase" => done(glue.delete_database(catalog, &name).await),

        "CreateTable" => {
            if input.has("OpenTableFormatInput") {
                return Err(not_implemented("CreateTable with OpenTableFormatInput"));
            }
            done(glue.create_table(catalog, database, required(&mut input, "TableInput")?).await)
        }
        "GetTable" => Ok(json!({ "Table": table_output(&glue.get_table(catalog, database, &name).await?)? })),
        "GetTables" => {
            let page = glue.get_tables(catalog, database, input.optional("Expression"), page).await?;
            list("TableList", tables_output(&page.items)?, page.next_token)
        }
        "UpdateTable" => {
            let table: TableInput = required(&mut input, "TableInput")?;
            let options = UpdateOptions {
                skip_archive: input.flag("SkipArchive"),
                expected_version: input.optional("VersionId").map(str::to_owned),
            };
            done(glue.update_table(catalog, database, table, options).await)
        }
        "DeleteTable" => done(glue.delete_table(catalog, database, &name).await),
        "BatchDeleteTable" => {
            let errors = glue.batch_delete_table(catalog, database, &input.texts("TablesToDelete")).await?;
            Ok(item_errors("TableName", &errors))
        }
        "SearchTables" => {
            let filters: Vec<Filter> = input.take("Filters")?.unwrap_or_default();
            search_tables(glue, catalog, &filters, input.text("SearchText")).await
        }
        "GetTableVersion" => {
            let versions = all_versions(glue, catalog, database, table).await?;
            let wanted = input.optional("VersionId");
            let found = match wanted {
                Some(wanted) => versions.iter().find(|version| version.version_id == wanted),
                None => versions.first(),
            };
            let found = found.ok_or_else(|| ApiError::entity_not_found("Version not found."))?;
            Ok(json!({ "TableVersion": version_output(found)? }))
        }
        "GetTableVersions" => {
            let page = glue.get_table_versions(catalog, database, table, page).await?;
            let versions = page.items.iter().map(version_output).collect::<ApiResult<Vec<Value>>>()?;
            list("TableVersions", Value::Array(versions), page.next_token)
        }
        "DeleteTableVersion" => {
            done(glue.delete_table_version(catalog, database, table, input.text("VersionId")).await)
        }
        "BatchDeleteTableVersion" => {
            let mut errors = Vec::new();
            for version in input.texts("VersionIds") {
                if let Err(error) = glue.delete_table_version(catalog, database, table, &version).await {
                    let detail = error_detail(&error);
                    errors.push(json!({ "TableName": table, "VersionId": version, "ErrorDetail": detail }));
                }
            }
            Ok(json!({ "Errors": errors }))
        }

        "CreatePartition" => {
            let partition: PartitionInput = required(&mut input, "PartitionInput")?;
            let errors = glue.batch_create_partition(catalog, database, table, vec![partition]).await?;
            first_error(errors)
        }
        "BatchCreatePartition" => {
            let partitions = required(&mut input, "PartitionInputList")?;
            Ok(item_errors(
                "PartitionValues",
                &glue.batch_create_partition(catalog, database, table, partitions).await?,
            ))
        }
        "GetPartition" => {
            let partition = glue.get_partition(catalog, database, table, &input.texts("PartitionValues")).await?;
            Ok(json!({ "Partition": output(&partition)? }))
        }
        "GetPartitions" => {
            let segment: Option<Segment> = input.take("Segment")?;
            let filter = PartitionFilter {
                expression: input.optional("Expression").map(str::to_owned),
                exclude_column_schema: input.flag("ExcludeColumnSchema"),
                segment: segment.map(|segment| (segment.segment_number, segment.total_segments)),
            };
            let page = glue.get_partitions(catalog, database, table, filter, page).await?;
            list("Partitions", output(&page.items)?, page.next_token)
        }
        "BatchGetPartition" => {
            let wanted: Vec<Values> = required(&mut input, "PartitionsToGet")?;
            let wanted: Vec<Vec<String>> = wanted.into_iter().map(|values| values.values).collect();
            let found = glue.batch_get_partition(catalog, database, table, &wanted).await?;
            Ok(json!({ "Partitions": output(&found)?, "UnprocessedKeys": [] }))
        }
        "UpdatePartition" => {
            let partition = required(&mut input, "PartitionInput")?;
            let values = input.texts("PartitionValueList");
            done(glue.update_partition(catalog, database, table, &values, partition).await)
        }
        "BatchUpdatePartition" => {
            let entries: Vec<UpdateEntry> = required(&mut input, "Entries")?;
            let mut errors = Vec::new();
            for entry in entries {
                let values = entry.partition_value_list;
                if let Err(error) =
                    glue.update_partition(catalog, database, table, &values, entry.partition_input).await
                {
                    errors.push(json!({ "PartitionValueList": values, "ErrorDetail": error_detail(&error) }));
                }
            }
            Ok(json!({ "Errors": errors }))
        }
        "DeletePartition" => {
            let values = [input.texts("PartitionValues")];
            first_error(glue.batch_delete_partition(catalog, database, table, &values).await?)
        }
        "BatchDeletePartition" => {
            let unwanted: Vec<Values> = required(&mut input, "PartitionsToDelete")?;
            let unwanted: Vec<Vec<String>> = unwanted.into_iter().map(|values| values.values).collect();
            Ok(item_errors("PartitionValues", &glue.batch_delete_partition(catalog, database, table, &unwanted).await?))
        }
        "GetPartitionIndexes" => {
            glue.get_table(catalog, database, table).await?;
            Ok(json!({ "PartitionIndexDescriptorList": [] }))
        }

        "GetTags" => {
            let tags = lakehouse.athena().glue_tags(input.text("ResourceArn")).await?;
            let tags: serde_json::Map<String, Value> =
                tags.into_iter().map(|tag| (tag.key, Value::String(tag.value))).collect();
            Ok(json!({ "Tags": tags }))
        }
        "TagResource" => {
            let tags: std::collections::BTreeMap<String, String> = required(&mut input, "TagsToAdd")?;
            let tags: Vec<athena::Tag> = tags.into_iter().map(|(key, value)| athena::Tag { key, value }).collect();
            done(lakehouse.athena().tag_glue_resource(input.text("ResourceArn"), &tags).await)
        }
        "UntagResource" => {
            let keys = input.texts("TagsToRemove");
            done(lakehouse.athena().untag_glue_resource(input.text("ResourceArn"), &keys).await)
        }

        // There are none: Hive, Spark and Trino ask when they start.
        "GetUserDefinedFunctions" => Ok(json!({ "UserDefinedFunctions": [] })),
        "GetUserDefinedFunction" => Err(ApiError::entity_not_found("Cannot find function.")),
        "GetDataCatalogEncryptionSettings" => Ok(json!({ "DataCatalogEncryptionSettings": {
            "EncryptionAtRest": { "CatalogEncryptionMode": "DISABLED" },
            "ConnectionPasswordEncryption": { "ReturnConnectionPasswordEncrypted": false },
        }})),
        "GetCatalogImportStatus" => Ok(json!({ "ImportStatus": { "ImportCompleted": true } })),
        operation => Err(not_implemented(operation)),
    }
}

fn required<T: serde::de::DeserializeOwned>(input: &mut Input, name: &str) -> ApiResult<T> {
    input.take(name)?.ok_or_else(|| ApiError::new("InvalidInputException", format!("{name} is required")))
}

/// A table with the members that clients read without looking whether they are there.
fn table_output(table: &Table) -> ApiResult<Value> {
    let mut value = output(table)?;
    if let Value::Object(members) = &mut value {
        members.entry("PartitionKeys").or_insert_with(|| json!([]));
        members.entry("Parameters").or_insert_with(|| json!({}));
    }
    Ok(value)
}

fn tables_output(tables: &[Table]) -> ApiResult<Value> {
    tables.iter().map(table_output).collect::<ApiResult<Vec<Value>>>().map(Value::Array)
}

fn version_output(version: &TableVersion) -> ApiResult<Value> {
    Ok(json!({ "Table": table_output(&version.table)?, "VersionId": version.version_id }))
}

async fn all_versions(
    glue: &dyn Glue,
    catalog: Option<&str>,
    database: &str,
    table: &str,
) -> ApiResult<Vec<TableVersion>> {
    let mut versions = Vec::new();
    let mut page = PageRequest::default();
    loop {
        let answer = glue.get_table_versions(catalog, database, table, page).await?;
        versions.extend(answer.items);
        match answer.next_token {
            Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
            None => return Ok(versions),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
}

/// All tables of all databases whose name or description holds the text and whose members equal the filters.
async fn search_tables(glue: &dyn Glue, catalog: Option<&str>, filters: &[Filter], text: &str) -> ApiResult<Value> {
    let text = text.trim_matches('"').to_lowercase();
    let mut found = Vec::new();
    let mut page = PageRequest::default();
    loop {
        let databases = glue.get_databases(catalog, page).await?;
        for database in &databases.items {
            found.extend(all_tables(glue, catalog, &database.name).await?);
        }
        match databases.next_token {
            Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
            None => break,
        }
    }
    found.retain(|table| {
        let described = table.input.description.as_deref().unwrap_or_default().to_lowercase();
        (text.is_empty() || table.name().contains(&text) || described.contains(&text))
            && filters.iter().all(|filter| matches(table, filter))
    });
    list("TableList", tables_output(&found)?, None)
}

fn matches(table: &Table, filter: &Filter) -> bool {
    let value = match filter.key.to_lowercase().as_str() {
        "databasename" => Some(table.database_name.as_str()),
        "name" | "tablename" => Some(table.name()),
        "tabletype" => table.input.table_type.as_deref(),
        _ => table.parameter(&filter.key),
    };
    value.is_some_and(|value| value.eq_ignore_ascii_case(&filter.value))
}

fn error_detail(error: &ApiError) -> Value {
    json!({ "ErrorCode": error.code, "ErrorMessage": error.message })
}

fn item_errors<K: Serialize>(key: &str, errors: &[ItemError<K>]) -> Value {
    let item = |error: &ItemError<K>| json!({ key: error.key, "ErrorDetail": error_detail(&error.error) });
    json!({ "Errors": errors.iter().map(item).collect::<Vec<_>>() })
}

/// The answer of an operation on one item that was done as a batch of one.
fn first_error<K>(errors: Vec<ItemError<K>>) -> ApiResult<Value> {
    match errors.into_iter().next() {
        Some(error) => Err(error.error),
        None => Ok(json!({})),
    }
}

fn done(result: ApiResult<()>) -> ApiResult<Value> {
    result.map(|()| json!({}))
}

fn list(name: &str, items: Value, next_token: Option<String>) -> ApiResult<Value> {
    let mut answer = json!({ name: items });
    if let Some(token) = next_token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

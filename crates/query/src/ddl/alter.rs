//! `ALTER TABLE`, `MSCK REPAIR TABLE`.

use std::collections::{BTreeMap, HashMap};

use athena_api::glue::{
    Column, PartitionFilter, PartitionInput, StorageDescriptor, Table, TableInput, UpdateOptions, all_partitions,
};
use athena_sql::{AlterTable, AlterTableAction, ColumnPosition, PartitionSpec, TableName};
use lake::{
    hive::{partition_path, unescape_value},
    iceberg::Alteration,
};
use names::S3Uri;

use super::{
    is_there,
    table::{glue_column, not_found},
};
use crate::{
    engine::Work,
    error::QueryError,
    output::QueryOutput,
    tables::{from_api, from_lake},
};

pub(super) async fn run(work: &Work<'_>, alter: &AlterTable) -> Result<QueryOutput, QueryError> {
    let key = work.key(&alter.table);
    let Some(table) = work.resolver.glue_table(&key.database, &key.table).await? else {
        return Err(not_found(&key.database, &key.table));
    };
    if table.is_iceberg() {
        iceberg(work, table, &alter.action).await?;
    } else {
        hive(work, table, &alter.action).await?;
    }
    Ok(QueryOutput::nothing())
}

async fn iceberg(work: &Work<'_>, table: Table, action: &AlterTableAction) -> Result<(), QueryError> {
    if let AlterTableAction::RenameTo { table: to } = action {
        return rename(work, table, to).await;
    }
    let alteration = match action {
        AlterTableAction::AddColumns { partition: None, columns } => {
            Alteration::AddColumns(columns.iter().map(glue_column).collect())
        }
        AlterTableAction::DropColumn { column } => Alteration::DropColumn(column.clone()),
        AlterTableAction::ChangeColumn { old, new, .. } => {
            Alteration::ChangeColumn { name: old.clone(), to: glue_column(new) }
        }
        AlterTableAction::SetProperties(properties) => Alteration::SetProperties(
            properties.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<HashMap<_, _>>(),
        ),
        AlterTableAction::UnsetProperties(keys) => Alteration::RemoveProperties(keys.clone()),
        _ => return Err(QueryError::not_for_iceberg()),
    };
    let table = work.resolver.iceberg.load(table).await.map_err(from_lake)?;
    table.alter(alteration).await.map_err(from_lake)?;
    Ok(())
}

/// An Iceberg table under another name: the new entry first, with the same metadata, then the old one goes.
async fn rename(work: &Work<'_>, table: Table, to: &TableName) -> Result<(), QueryError> {
    let key = work
        .key(&TableName { database: to.database.clone().or_else(|| Some(table.database_name.clone())), ..to.clone() });
    let input = TableInput { name: key.table.clone(), ..table.input.clone() };
    match work.resolver.glue.create_table(None, &key.database, input).await {
        Err(error) if is_there(&error) => {
            let message = format!("new table {}.{} already exists", key.database, key.table);
            return Err(QueryError::hive_ddl_task("InvalidOperationException", message));
        }
        other => other.map_err(|error| from_api(&error))?,
    }
    work.resolver.glue.delete_table(None, &table.database_name, table.name()).await.map_err(|error| from_api(&error))
}

async fn hive(work: &Work<'_>, table: Table, action: &AlterTableAction) -> Result<(), QueryError> {
    let mut input = table.input.clone();
    match action {
        AlterTableAction::AddPartitions { if_not_exists, partitions } => {
            return add_partitions(work, &table, partitions, *if_not_exists).await;
        }
        AlterTableAction::DropPartitions { if_exists, partitions } => {
            return drop_partitions(work, &table, partitions, *if_exists).await;
        }
        AlterTableAction::RenamePartition { from, to } => return rename_partition(work, &table, from, to).await,
        AlterTableAction::SetLocation { partition: Some(spec), location } => {
            return partition_location(work, &table, spec, location).await;
        }
        AlterTableAction::AddColumns { partition: Some(_), .. }
        | AlterTableAction::ReplaceColumns { partition: Some(_), .. } => {
            return Err(QueryError::not_supported("changing the columns of one partition is not supported yet"));
        }
        AlterTableAction::RenameTo { .. } => {
            return Err(QueryError::hive_ddl_task("InvalidOperationException", "Table cannot be renamed"));
        }
        AlterTableAction::DropColumn { .. } => {
            return Err(QueryError::plain(
                1006,
                crate::ErrorCategory::User,
                "FAILED: ParseException line 1:0 mismatched input 'COLUMN' expecting PARTITION",
            ));
        }
        AlterTableAction::SetProperties(properties) => {
            input.parameters.get_or_insert_default().extend(properties.clone());
        }
        AlterTableAction::UnsetProperties(keys) => {
            let parameters = input.parameters.get_or_insert_default();
            keys.iter().for_each(|key| {
                parameters.shift_remove(key);
            });
        }
        AlterTableAction::SetLocation { partition: None, location } => {
            input.storage_descriptor.get_or_insert_default().location = Some(location.clone());
        }
        AlterTableAction::AddColumns { columns, .. } => {
            let all = &mut input.storage_descriptor.get_or_insert_default().columns;
            for column in columns {
                let taken =
                    all.iter().chain(table.partition_keys()).any(|other| other.name.eq_ignore_ascii_case(&column.name));
                if taken {
                    return Err(QueryError::hive_ddl_task(
                        "InvalidOperationException",
                        format!("Duplicate column name: {}", column.name),
                    ));
                }
                all.push(glue_column(column));
            }
        }
        AlterTableAction::ReplaceColumns { columns, .. } => {
            input.storage_descriptor.get_or_insert_default().columns = columns.iter().map(glue_column).collect();
        }
        AlterTableAction::ChangeColumn { old, new, position } => {
            let all = &mut input.storage_descriptor.get_or_insert_default().columns;
            change_column(all, old, glue_column(new), position.as_ref())?;
        }
    }
    let options = UpdateOptions { skip_archive: false, expected_version: table.version_id.clone() };
    work.resolver.glue.update_table(None, &table.database_name, input, options).await.map_err(|error| from_api(&error))
}

fn change_column(
    all: &mut Vec<Column>,
    old: &str,
    new: Column,
    position: Option<&ColumnPosition>,
) -> Result<(), QueryError> {
    let find = |all: &[Column], name: &str| all.iter().position(|column| column.name.eq_ignore_ascii_case(name));
    let missing =
        |name: &str| QueryError::hive_ddl_task("InvalidOperationException", format!("Invalid column reference {name}"));
    let at = find(all, old).ok_or_else(|| missing(old))?;
    let comment = new.comment.clone().or_else(|| all[at].comment.clone());
    let changed = Column { comment, ..new };
    match position {
        None => all[at] = changed,
        Some(position) => {
            all.remove(at);
            let to = match position {
                ColumnPosition::First => 0,
                ColumnPosition::After(name) => find(all, name).ok_or_else(|| missing(name))? + 1,
            };
            all.insert(to, changed);
        }
    }
    Ok(())
}

/// A partition's values in the order of the keys.
fn ordered(table: &Table, spec: &PartitionSpec) -> Result<Vec<String>, QueryError> {
    let keys = table.partition_keys();
    let shown = || {
        let pairs: Vec<String> = spec.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    if keys.is_empty() {
        return Err(QueryError::hive_ddl(format!(
            "SemanticException table is not partitioned but partition spec exists: {}",
            shown()
        )));
    }
    let value = |key: &Column| {
        spec.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key.name)).map(|(_, value)| value.clone())
    };
    let values: Option<Vec<String>> = keys.iter().map(value).collect();
    values.filter(|values| values.len() == spec.len()).ok_or_else(|| {
        QueryError::hive_ddl(format!("SemanticException [Error 10006]: Partition not found {}", shown()))
    })
}

fn root(table: &Table) -> Result<S3Uri, QueryError> {
    table.location().unwrap_or_default().parse().map_err(QueryError::hive_ddl)
}

fn partition_input(
    table: &Table,
    values: Vec<String>,
    location: Option<&String>,
) -> Result<PartitionInput, QueryError> {
    let keys = table.partition_keys().iter().map(|key| key.name.as_str());
    let texts: Vec<Option<String>> = values.iter().cloned().map(Some).collect();
    let location = match location {
        Some(location) => location.clone(),
        None => root(table)?.join(&partition_path(keys, &texts)).as_directory().to_string(),
    };
    let storage = table.input.storage_descriptor.clone().unwrap_or_default();
    let storage_descriptor = Some(StorageDescriptor { location: Some(location), ..storage });
    Ok(PartitionInput { values, storage_descriptor, ..PartitionInput::default() })
}

async fn add_partitions(
    work: &Work<'_>,
    table: &Table,
    partitions: &[(PartitionSpec, Option<String>)],
    if_not_exists: bool,
) -> Result<(), QueryError> {
    let mut inputs = Vec::new();
    for (spec, location) in partitions {
        inputs.push(partition_input(table, ordered(table, spec)?, location.as_ref())?);
    }
    create_all(work, table, inputs, if_not_exists).await
}

async fn create_all(
    work: &Work<'_>,
    table: &Table,
    inputs: Vec<PartitionInput>,
    if_not_exists: bool,
) -> Result<(), QueryError> {
    for chunk in inputs.chunks(100) {
        let failed = work
            .resolver
            .glue
            .batch_create_partition(None, &table.database_name, table.name(), chunk.to_vec())
            .await
            .map_err(|error| from_api(&error))?;
        for item in failed {
            if !is_there(&item.error) {
                return Err(from_api(&item.error));
            }
            if !if_not_exists {
                return Err(QueryError::hive_ddl_task("AlreadyExistsException", "Partition already exists."));
            }
        }
    }
    Ok(())
}

async fn drop_partitions(
    work: &Work<'_>,
    table: &Table,
    specs: &[PartitionSpec],
    if_exists: bool,
) -> Result<(), QueryError> {
    for spec in specs {
        let values = ordered(table, spec)?;
        let failed = work
            .resolver
            .glue
            .batch_delete_partition(None, &table.database_name, table.name(), &[values])
            .await
            .map_err(|error| from_api(&error))?;
        if let Some(item) = failed.first()
            && !(if_exists && item.error.is_not_found())
        {
            let pairs: Vec<String> = spec.iter().map(|(key, value)| format!("{key}={value}")).collect();
            return Err(QueryError::hive_ddl(format!(
                "SemanticException [Error 10006]: Partition not found ({})",
                pairs.join(",")
            )));
        }
    }
    Ok(())
}

async fn rename_partition(
    work: &Work<'_>,
    table: &Table,
    from: &PartitionSpec,
    to: &PartitionSpec,
) -> Result<(), QueryError> {
    let (from, to) = (ordered(table, from)?, ordered(table, to)?);
    let glue = &work.resolver.glue;
    let (database, name) = (&table.database_name, table.name());
    let partition = glue.get_partition(None, database, name, &from).await.map_err(|error| from_api(&error))?;
    let input = PartitionInput { values: to, ..partition.input };
    glue.update_partition(None, database, name, &from, input).await.map_err(|error| from_api(&error))
}

async fn partition_location(
    work: &Work<'_>,
    table: &Table,
    spec: &PartitionSpec,
    location: &str,
) -> Result<(), QueryError> {
    let values = ordered(table, spec)?;
    let glue = &work.resolver.glue;
    let (database, name) = (&table.database_name, table.name());
    let mut input = glue.get_partition(None, database, name, &values).await.map_err(|error| from_api(&error))?.input;
    input.storage_descriptor.get_or_insert_default().location = Some(location.to_owned());
    glue.update_partition(None, database, name, &values, input).await.map_err(|error| from_api(&error))
}

/// Adds the `k=v` folders below the table's location that are no partitions yet.
pub(super) async fn repair(work: &Work<'_>, name: &TableName) -> Result<QueryOutput, QueryError> {
    let key = work.key(name);
    let Some(table) = work.resolver.glue_table(&key.database, &key.table).await? else {
        return Err(not_found(&key.database, &key.table));
    };
    if table.is_iceberg() {
        return Err(QueryError::not_for_iceberg());
    }
    let root = root(&table)?;
    let objects =
        work.resolver.storage.list_all(&root.bucket, &root.prefix()).await.map_err(|error| from_lake(error.into()))?;
    let keys: Vec<String> = table.partition_keys().iter().map(|key| key.name.to_lowercase()).collect();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for object in objects {
        let below = object.key.strip_prefix(&root.prefix()).unwrap_or_default();
        let folders: Vec<&str> = below.split('/').collect();
        if folders.len() <= keys.len() || keys.is_empty() {
            continue;
        }
        let values: Option<Vec<String>> = keys
            .iter()
            .zip(&folders)
            .map(|(key, folder)| folder.strip_prefix(&format!("{key}=")).map(unescape_value))
            .collect();
        if let Some(values) = values.filter(|values| !values.iter().any(|value| value.contains(':'))) {
            found.insert(folders[..keys.len()].join("/"), values);
        }
    }
    let filter = PartitionFilter::default();
    let there = all_partitions(work.resolver.glue.as_ref(), None, &table.database_name, table.name(), &filter);
    let there = there.await.map_err(|error| from_api(&error))?;
    found.retain(|_, values| !there.iter().any(|partition| partition.input.values == *values));
    let mut inputs = Vec::new();
    for (path, values) in &found {
        let location = root.join(path).as_directory().to_string();
        inputs.push(partition_input(&table, values.clone(), Some(&location))?);
    }
    create_all(work, &table, inputs, true).await?;
    let mut lines = Vec::new();
    if !found.is_empty() {
        let all: Vec<String> = found.keys().map(|path| format!("{}:{path}", table.name())).collect();
        lines.push(format!("Partitions not in metastore:\t{}", all.join("\t")));
        lines.extend(found.keys().map(|path| format!("Repair: Added partition to metastore {}:{path}", table.name())));
    }
    Ok(QueryOutput::lines(Vec::new(), lines))
}

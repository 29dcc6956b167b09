//! Creating, renaming and dropping whole tables.

use athena_api::glue::{self, DatabaseInput, Partition, PartitionFilter, PartitionInput, Table, TableInput};
use engine::adapter::AdapterResult;
use names::{RelationName, S3Uri};

use super::Build;
use crate::{
    errors, lake_formation,
    warehouse::{Warehouse, folded, is_s3_tables, target_of_build},
};

/// What an Iceberg table takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Predecessor {
    /// Renamed out of the way.
    Iceberg,
    /// A Hive table or a view cannot be renamed: its Glue table is deleted, and created again if the rename fails.
    Other,
}

pub(super) fn rename_text(from: &RelationName, to: &RelationName) -> String {
    format!("alter table {} rename to {}", from.hive(), to.hive())
}

pub(super) fn rename_texts(
    staged: &RelationName,
    target: &RelationName,
    backup: &RelationName,
    predecessor: Predecessor,
) -> String {
    let rename = rename_text(staged, target);
    match predecessor {
        Predecessor::Iceberg => super::joined(&[rename_text(target, backup), rename]),
        Predecessor::Other => rename,
    }
}

pub(super) fn native_drop_text(relation: &RelationName) -> String {
    format!("drop table if exists {}", relation.hive())
}

/// A database that is not there yet, with the tags of the profile.
pub(crate) async fn create_schema(warehouse: &Warehouse, database: &str, schema: &str) -> AdapterResult<()> {
    let catalog = warehouse.catalog_id(database).await?;
    let input = DatabaseInput { name: schema.to_lowercase(), ..DatabaseInput::default() };
    match warehouse.services.glue.create_database(catalog.as_deref(), input).await {
        Ok(()) => {}
        Err(error) if error.code == "AlreadyExistsException" => return Ok(()),
        Err(error) => return Err(errors::of_api(&error, None)),
    }
    let tagged = lake_formation::tag_database(warehouse, database, schema).await;
    if tagged.is_err() {
        // Else the next run would find the database and leave it without its tags.
        let _ = warehouse.services.glue.delete_database(catalog.as_deref(), &schema.to_lowercase()).await;
    }
    tagged
}

pub(super) async fn rename(build: &mut Build<'_>, from: &RelationName, to: &RelationName) -> AdapterResult<()> {
    build.sql(&rename_text(from, to), to).await?;
    build.warehouse.look_again(from).await?;
    build.warehouse.look_again(to).await
}

/// The reader's gap lies between two calls; a failure in it is undone.
pub(super) async fn replace_by_rename(
    build: &mut Build<'_>,
    staged: &RelationName,
    target: &RelationName,
    backup: &RelationName,
    predecessor: Predecessor,
) -> AdapterResult<()> {
    match predecessor {
        Predecessor::Iceberg => {
            rename(build, target, backup).await?;
            let Err(error) = rename(build, staged, target).await else { return Ok(()) };
            // The first error is the one to tell; the backup stays under its name if even this fails, and is found by the next run.
            let _ = rename(build, backup, target).await;
            Err(error)
        }
        Predecessor::Other => {
            let saved = save(build.warehouse, target).await?;
            drop_entry(build.warehouse, target).await?;
            let Err(error) = rename(build, staged, target).await else { return Ok(()) };
            if let Some((table, partitions)) = saved {
                restore(build.warehouse, target, table, partitions).await?;
            }
            Err(error)
        }
    }
}

async fn save(warehouse: &Warehouse, name: &RelationName) -> AdapterResult<Option<(Table, Vec<Partition>)>> {
    let Some(table) = warehouse.table(name).await? else { return Ok(None) };
    let partitions =
        if table.partition_keys().is_empty() { Vec::new() } else { partitions_of(warehouse, name).await? };
    Ok(Some((table, partitions)))
}

async fn restore(
    warehouse: &Warehouse,
    name: &RelationName,
    table: Table,
    partitions: Vec<Partition>,
) -> AdapterResult<()> {
    let name = folded(name);
    let catalog = warehouse.catalog_id(&name.database).await?;
    let created = warehouse.services.glue.create_table(catalog.as_deref(), &name.schema, table.input).await;
    created.map_err(|error| errors::of_api(&error, None))?;
    create_partitions(warehouse, &name, partitions.into_iter().map(|partition| partition.input).collect()).await?;
    warehouse.look_again(&name).await
}

/// All partitions of a table.
pub(super) async fn partitions_of(warehouse: &Warehouse, name: &RelationName) -> AdapterResult<Vec<Partition>> {
    let name = folded(name);
    let catalog = warehouse.catalog_id(&name.database).await?;
    let filter = PartitionFilter::default();
    glue::all_partitions(&*warehouse.services.glue, catalog.as_deref(), &name.schema, &name.identifier, &filter)
        .await
        .map_err(|error| errors::of_api(&error, None))
}

/// Creates partitions, 100 at a time.
pub(super) async fn create_partitions(
    warehouse: &Warehouse,
    name: &RelationName,
    mut inputs: Vec<PartitionInput>,
) -> AdapterResult<()> {
    let name = folded(name);
    let catalog = warehouse.catalog_id(&name.database).await?;
    while !inputs.is_empty() {
        let rest = inputs.split_off(inputs.len().min(100));
        let batch = std::mem::replace(&mut inputs, rest);
        let failed = warehouse
            .services
            .glue
            .batch_create_partition(catalog.as_deref(), &name.schema, &name.identifier, batch)
            .await
            .map_err(|error| errors::of_api(&error, None))?;
        if let Some(first) = failed.first() {
            return Err(errors::of_api(&first.error, None));
        }
    }
    Ok(())
}

/// Deletes partitions from Glue, 25 at a time; their files stay.
pub(super) async fn delete_partitions(
    warehouse: &Warehouse,
    name: &RelationName,
    values: &[Vec<String>],
) -> AdapterResult<()> {
    let name = folded(name);
    let catalog = warehouse.catalog_id(&name.database).await?;
    for batch in values.chunks(25) {
        let failed = warehouse
            .services
            .glue
            .batch_delete_partition(catalog.as_deref(), &name.schema, &name.identifier, batch)
            .await
            .map_err(|error| errors::of_api(&error, None))?;
        if let Some(first) = failed.iter().find(|failed| !failed.error.is_not_found()) {
            return Err(errors::of_api(&first.error, None));
        }
    }
    Ok(())
}

/// Deletes the Glue table; it may be gone already.
pub(crate) async fn drop_entry(warehouse: &Warehouse, name: &RelationName) -> AdapterResult<()> {
    let name = folded(name);
    let catalog = warehouse.catalog_id(&name.database).await?;
    match warehouse.services.glue.delete_table(catalog.as_deref(), &name.schema, &name.identifier).await {
        Err(error) if !error.is_not_found() => Err(errors::of_api(&error, None)),
        _ => {
            warehouse.remember(&name, None);
            Ok(())
        }
    }
}

/// Drops a table or view with its files. First it is made sure that the files are its own; then the Glue table goes, so that nobody
/// reads a table whose files are missing; then the files.
pub(crate) async fn drop_relation(warehouse: &Warehouse, name: &RelationName) -> AdapterResult<()> {
    let name = folded(name);
    let Some(table) = warehouse.table(&name).await? else {
        warehouse.remember(&name, None);
        return Ok(());
    };
    let location = if table.is_view() || is_s3_tables(&name.database) { None } else { location_of(&table) };
    let Some(location) = location else { return drop_entry(warehouse, &name).await };
    match target_reads(warehouse, &name, &location).await? {
        Shared::Not => warehouse.guard_deletion(&name, &location).await?,
        // An interrupted build has given the files to its target already: only the Glue table is left over.
        Shared::Used => return drop_entry(warehouse, &name).await,
        Shared::Inside => {}
    }
    drop_entry(warehouse, &name).await?;
    warehouse.delete_unguarded(&location, None).await
}

/// Whether the table that a build's own table was made for reads its files.
enum Shared {
    Not,
    Used,
    /// They lie inside the target's folder, and nothing there points at them.
    Inside,
}

async fn target_reads(warehouse: &Warehouse, name: &RelationName, location: &S3Uri) -> AdapterResult<Shared> {
    let Some(target) = target_of_build(name) else { return Ok(Shared::Not) };
    let Some(table) = warehouse.table(&target).await? else { return Ok(Shared::Not) };
    let Some(own) = location_of(&table) else { return Ok(Shared::Not) };
    if !own.contains(location) && !location.contains(&own) {
        return Ok(Shared::Not);
    }
    if table.partition_keys().is_empty() || location.contains(&own) {
        return Ok(Shared::Used);
    }
    let partitions = partitions_of(warehouse, &target).await?;
    let points_here = partitions.iter().any(|partition| {
        let text = partition.input.storage_descriptor.as_ref().and_then(|storage| storage.location.as_deref());
        text.and_then(|text| text.parse::<S3Uri>().ok()).is_some_and(|at| location.contains(&at))
    });
    Ok(if points_here { Shared::Used } else { Shared::Inside })
}

/// The files that a replaced table left behind, without those that it reads now.
pub(super) async fn delete_replaced_files(
    warehouse: &Warehouse,
    owner: &RelationName,
    location: &S3Uri,
) -> AdapterResult<()> {
    let now = warehouse.table(owner).await?.and_then(|table| location_of(&table));
    if now.as_ref().is_some_and(|now| now.as_directory() == location.as_directory()) {
        return Ok(());
    }
    warehouse.delete_files(&folded(owner), location, now.as_ref()).await
}

/// An empty table with another's columns, format and partition keys.
pub(super) async fn create_like(
    warehouse: &Warehouse,
    like: &RelationName,
    staged: &RelationName,
    location: &S3Uri,
) -> AdapterResult<()> {
    let staged = folded(staged);
    let Some(table) = warehouse.table(like).await? else {
        return Err(errors::mistake(
            format!("{like} does not exist any more"),
            "another process dropped it during the build",
            "run the node again: it will be created anew",
        ));
    };
    let mut input = TableInput { name: staged.identifier.clone(), description: None, ..table.input };
    if let Some(storage) = &mut input.storage_descriptor {
        storage.location = Some(location.as_directory().to_string());
    }
    let catalog = warehouse.catalog_id(&staged.database).await?;
    let created = warehouse.services.glue.create_table(catalog.as_deref(), &staged.schema, input).await;
    created.map_err(|error| errors::of_api(&error, None))?;
    warehouse.look_again(&staged).await
}

/// Renames: Iceberg tables by statement, others by a second Glue table, since Athena cannot rename them.
pub(crate) async fn rename_relation(
    warehouse: &Warehouse,
    from: &RelationName,
    to: &RelationName,
) -> AdapterResult<()> {
    let Some((table, partitions)) = save(warehouse, from).await? else {
        return Err(errors::mistake(
            format!("{from} cannot be renamed: it does not exist"),
            "Glue has no such table",
            "check the name",
        ));
    };
    if table.is_iceberg() {
        let origin = engine::adapter::StatementOrigin { node: None, step: format!("rename {from}"), comment: None };
        warehouse.run(&rename_text(from, to), &origin, Some((&from.database, &from.schema))).await?;
    } else {
        let renamed = Table { input: TableInput { name: folded(to).identifier, ..table.input.clone() }, ..table };
        restore(warehouse, to, renamed, partitions).await?;
        drop_entry(warehouse, from).await?;
    }
    warehouse.look_again(from).await?;
    warehouse.look_again(to).await
}

/// Where a table's files are, if that can be read.
pub(crate) fn location_of(table: &Table) -> Option<S3Uri> {
    table.location().filter(|text| !text.is_empty())?.parse().ok()
}

//! Swapping tables and partitions by pointing Glue at new files.

use std::collections::HashMap;

use athena_api::glue::{self, Partition, PartitionFilter, PartitionInput, Table, TableInput, UpdateOptions};
use engine::adapter::{AdapterError, AdapterResult};
use futures::StreamExt;
use names::{RelationName, S3Uri};

use super::{Archive, Build, tables};
use crate::{
    errors,
    warehouse::{Warehouse, folded},
};

/// UpdatePartition has no batch form in every implementation; this many calls are under way at once.
const CALLS_AT_ONCE: usize = 8;

/// Gives `target` the columns, files and partitions of `staged`.
///
/// Readers see the old table until the one UpdateTable, then the new one; partitions that both have change one by one, without a moment
/// in which they are missing.
pub(crate) async fn swap(
    warehouse: &Warehouse,
    staged: &RelationName,
    target: &RelationName,
    archive: Archive,
) -> AdapterResult<()> {
    let (staged, target) = (folded(staged), folded(target));
    let Some(new) = warehouse.table(&staged).await? else { return Err(vanished(&staged)) };
    let Some(old) = warehouse.table(&target).await? else { return Err(vanished(&target)) };
    let same_keys =
        new.partition_keys().iter().map(|key| &key.name).eq(old.partition_keys().iter().map(|key| &key.name));
    let new_partitions =
        if new.partition_keys().is_empty() { Vec::new() } else { tables::partitions_of(warehouse, &staged).await? };
    let old_partitions =
        if old.partition_keys().is_empty() { Vec::new() } else { tables::partitions_of(warehouse, &target).await? };

    let replacement = Replacement {
        target: target.clone(),
        same_keys,
        skip_archive: archive == Archive::Skip,
        old: old_partitions,
        new: new_partitions,
    };
    let input = TableInput { name: target.identifier.clone(), ..new.input };
    if let Err(error) = replacement.carry_out(warehouse, input, old.version_id.clone()).await {
        // The first error is the one to tell. What cannot be put back now is repaired by the next run, which replaces the table.
        let _ = replacement.put_back(warehouse, &old).await;
        return Err(error);
    }
    warehouse.look_again(&target).await
}

/// One table's storage in place of another's.
struct Replacement {
    target: RelationName,
    /// Both are partitioned by the same columns.
    same_keys: bool,
    skip_archive: bool,
    old: Vec<Partition>,
    new: Vec<Partition>,
}

impl Replacement {
    /// With the same keys the partitions follow their table one by one. With others Glue takes them only before and after the
    /// UpdateTable, so that the table is empty for a moment.
    async fn carry_out(&self, warehouse: &Warehouse, input: TableInput, version: Option<String>) -> AdapterResult<()> {
        let options = UpdateOptions { skip_archive: self.skip_archive, expected_version: version };
        if self.same_keys {
            update_table(warehouse, &self.target, input, options).await?;
            let vanished = repoint(warehouse, &self.target, &self.old, &self.new).await?;
            return tables::delete_partitions(warehouse, &self.target, &vanished).await;
        }
        tables::delete_partitions(warehouse, &self.target, &all_values(&self.old)).await?;
        update_table(warehouse, &self.target, input, options).await?;
        tables::create_partitions(warehouse, &self.target, inputs(&self.new)).await
    }

    /// The old table with its old partitions, however far it had come.
    async fn put_back(&self, warehouse: &Warehouse, old: &Table) -> AdapterResult<()> {
        let Some(now) = warehouse.table(&self.target).await? else { return Ok(()) };
        let there = tables::partitions_of(warehouse, &self.target).await?;
        let is_updated = now.version_id != old.version_id;
        let options = UpdateOptions { skip_archive: true, expected_version: now.version_id };
        if is_updated && !self.same_keys {
            tables::delete_partitions(warehouse, &self.target, &all_values(&there)).await?;
            update_table(warehouse, &self.target, old.input.clone(), options).await?;
            return tables::create_partitions(warehouse, &self.target, inputs(&self.old)).await;
        }
        if is_updated {
            update_table(warehouse, &self.target, old.input.clone(), options).await?;
        }
        let vanished = repoint(warehouse, &self.target, &there, &self.old).await?;
        tables::delete_partitions(warehouse, &self.target, &vanished).await
    }
}

fn all_values(partitions: &[Partition]) -> Vec<Vec<String>> {
    partitions.iter().map(|partition| partition.input.values.clone()).collect()
}

fn inputs(partitions: &[Partition]) -> Vec<PartitionInput> {
    partitions.iter().map(|partition| partition.input.clone()).collect()
}

async fn update_table(
    warehouse: &Warehouse,
    target: &RelationName,
    input: TableInput,
    options: UpdateOptions,
) -> AdapterResult<()> {
    let catalog = warehouse.catalog_id(&target.database).await?;
    let updated = warehouse.services.glue.update_table(catalog.as_deref(), &target.schema, input, options).await;
    updated.map_err(|error| errors::of_api(&error, None))
}

/// Points the target's partitions at the staged ones and adds those that it lacks; all other partitions stay. Files that were replaced
/// are deleted last.
pub(super) async fn replace(build: &mut Build<'_>, staged: &RelationName, target: &RelationName) -> AdapterResult<()> {
    let warehouse = build.warehouse;
    let (staged, target) = (folded(staged), folded(target));
    let new = tables::partitions_of(warehouse, &staged).await?;
    if new.is_empty() {
        return Ok(());
    }
    let old = tables::partitions_of(warehouse, &target).await?;
    let own = warehouse.table(&target).await?.and_then(|table| tables::location_of(&table));
    let doomed = replaced_locations(&old, &new, own.as_ref());
    for location in &doomed {
        warehouse.guard_deletion(&target, location).await?;
    }
    repoint(warehouse, &target, &old, &new).await?;
    for location in &doomed {
        warehouse.delete_unguarded(location, None).await?;
    }
    Ok(())
}

/// Glue's limit of an expression. Source: Glue API, `GetPartitions`.
const EXPRESSION_LIMIT: usize = 2048;

/// Deletes the partitions that one of the conditions selects: from Glue first, then their files, where they lie in the table's folder.
pub(crate) async fn delete_matching(
    warehouse: &Warehouse,
    target: &RelationName,
    conditions: &[String],
) -> AdapterResult<()> {
    let target = folded(target);
    let own = warehouse.table(&target).await?.and_then(|table| tables::location_of(&table));
    let catalog = warehouse.catalog_id(&target.database).await?;
    let mut doomed: Vec<Partition> = Vec::new();
    for expression in joined_conditions(conditions) {
        let filter =
            PartitionFilter { expression: Some(expression), exclude_column_schema: true, ..PartitionFilter::default() };
        let glue = &*warehouse.services.glue;
        let found = glue::all_partitions(glue, catalog.as_deref(), &target.schema, &target.identifier, &filter).await;
        doomed.extend(found.map_err(|error| errors::of_api(&error, None))?);
    }
    let is_inside = |location: &S3Uri| {
        own.as_ref().is_some_and(|own| own.contains(location) && own.as_directory() != location.as_directory())
    };
    let locations: Vec<S3Uri> = doomed.iter().filter_map(location_of).filter(is_inside).collect();
    for location in &locations {
        warehouse.guard_deletion(&target, location).await?;
    }
    tables::delete_partitions(warehouse, &target, &all_values(&doomed)).await?;
    for location in &locations {
        warehouse.delete_unguarded(location, None).await?;
    }
    Ok(())
}

/// As few expressions as the limit allows.
fn joined_conditions(conditions: &[String]) -> Vec<String> {
    let mut expressions: Vec<String> = Vec::new();
    for condition in conditions {
        let condition = format!("({condition})");
        match expressions.last_mut().filter(|last| last.len() + condition.len() + 4 <= EXPRESSION_LIMIT) {
            Some(last) => last.push_str(&format!(" or {condition}")),
            None => expressions.push(condition),
        }
    }
    expressions
}

/// Where the partitions are that get a successor elsewhere. A partition that lies outside its table's folder was put there by somebody,
/// and its files are theirs.
fn replaced_locations(old: &[Partition], new: &[Partition], own: Option<&S3Uri>) -> Vec<S3Uri> {
    let successors: HashMap<&[String], &Partition> =
        new.iter().map(|partition| (values(partition), partition)).collect();
    let mut doomed = Vec::new();
    for partition in old {
        let Some(successor) = successors.get(values(partition)) else { continue };
        let (Some(location), Some(own)) = (location_of(partition), own) else { continue };
        let is_inside = own.contains(&location) && own.as_directory() != location.as_directory();
        let holds_successor = location_of(successor).is_some_and(|new| location.contains(&new));
        if is_inside && !holds_successor {
            doomed.push(location);
        }
    }
    doomed
}

/// Updates the partitions that exist, creates the others, and answers the values of those that have no successor.
async fn repoint(
    warehouse: &Warehouse,
    target: &RelationName,
    old: &[Partition],
    new: &[Partition],
) -> AdapterResult<Vec<Vec<String>>> {
    let existing: HashMap<&[String], &Partition> = old.iter().map(|partition| (values(partition), partition)).collect();
    let (both, added): (Vec<&Partition>, Vec<&Partition>) =
        new.iter().partition(|partition| existing.contains_key(values(partition)));
    let catalog = warehouse.catalog_id(&target.database).await?;
    let glue = &warehouse.services.glue;
    let catalog = catalog.as_deref();
    let updates: Vec<_> = both
        .iter()
        .map(|partition| {
            let values = &partition.input.values;
            glue.update_partition(catalog, &target.schema, &target.identifier, values, partition.input.clone())
        })
        .collect();
    let mut updates = futures::stream::iter(updates).buffer_unordered(CALLS_AT_ONCE);
    while let Some(updated) = updates.next().await {
        updated.map_err(|error| errors::of_api(&error, None))?;
    }
    drop(updates);
    let added: Vec<PartitionInput> = added.into_iter().map(|partition| partition.input.clone()).collect();
    tables::create_partitions(warehouse, target, added).await?;

    let successors: HashMap<&[String], ()> = new.iter().map(|partition| (values(partition), ())).collect();
    let vanished = old.iter().filter(|partition| !successors.contains_key(values(partition)));
    Ok(vanished.map(|partition| partition.input.values.clone()).collect())
}

fn values(partition: &Partition) -> &[String] {
    &partition.input.values
}

fn location_of(partition: &Partition) -> Option<S3Uri> {
    partition.input.storage_descriptor.as_ref()?.location.as_deref()?.parse().ok()
}

fn vanished(name: &RelationName) -> AdapterError {
    errors::mistake(
        format!("{name} does not exist any more"),
        "another process dropped it during the build",
        "run the node again",
    )
}

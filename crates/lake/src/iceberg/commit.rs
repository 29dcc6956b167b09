//! Commits: new metadata, then one compare-and-swap of the Glue table's pointer to it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::iceberg::MetadataLocation;
use ::iceberg::spec::{NestedField, NestedFieldRef, Schema, TableMetadata, TableMetadataBuilder};
use athena_api::glue::{self, StorageDescriptor, TableInput, UpdateOptions};

use super::io::{Created, file_io};
use super::{Alteration, Change, IcebergTable, create, snapshot, types};
use crate::{LakeError, LakeResult, ScanMeter};

/// How often a lost race is run again.
pub(super) const ATTEMPTS: usize = 10;

impl IcebergTable {
    /// Commits new and removed data files as one snapshot.
    ///
    /// An [`Change::Append`] that loses the race is tried again on top of the winner. A [`Change::Overwrite`] was computed from what the table held, so it
    /// is only tried again when the winner changed no data.
    ///
    /// # Errors
    /// `ICEBERG_COMMIT_ERROR` when the race is lost. The data files stay: the caller made them.
    pub async fn commit(&self, change: Change) -> LakeResult<IcebergTable> {
        let base = self.metadata().current_snapshot_id();
        let mut table = self.clone();
        for _ in 0..ATTEMPTS {
            if matches!(change, Change::Overwrite { .. }) && table.metadata().current_snapshot_id() != base {
                break;
            }
            if table.metadata().current_schema().as_struct() != self.metadata().current_schema().as_struct()
                || table.metadata().default_partition_spec_id() != self.metadata().default_partition_spec_id()
            {
                break;
            }
            let created = Created::default();
            let done = table.try_commit(&change, &created).await;
            if let Some(committed) = table.settle(done, &created).await? {
                return Ok(committed);
            }
            table = self.reload().await?;
        }
        Err(self.commit_error())
    }

    /// Changes columns or properties.
    ///
    /// # Errors
    /// No such column, a column that exists, a type that cannot change so.
    pub async fn alter(&self, alteration: Alteration) -> LakeResult<IcebergTable> {
        let mut table = self.clone();
        for _ in 0..ATTEMPTS {
            let created = Created::default();
            let done = table.try_alter(&alteration, &created).await;
            if let Some(committed) = table.settle(done, &created).await? {
                return Ok(committed);
            }
            table = self.reload().await?;
        }
        Err(self.commit_error())
    }

    /// `None` when the race was lost; what a failed attempt wrote is removed.
    pub(super) async fn settle(
        &self,
        done: LakeResult<IcebergTable>,
        created: &Created,
    ) -> LakeResult<Option<IcebergTable>> {
        match done {
            Ok(table) => Ok(Some(table)),
            Err(error) => {
                created.remove(&self.tables.storage).await;
                match error {
                    LakeError::Catalog(error) if error.code == "ConcurrentModificationException" => Ok(None),
                    error => Err(error),
                }
            }
        }
    }

    pub(super) fn commit_error(&self) -> LakeError {
        let (database, name) = (&self.glue_table.database_name, self.glue_table.name());
        LakeError::athena(
            "ICEBERG_COMMIT_ERROR",
            format!("Failed to commit Iceberg update to table: {database}.{name}"),
        )
    }

    pub(super) async fn reload(&self) -> LakeResult<IcebergTable> {
        let (database, name) = (&self.glue_table.database_name, self.glue_table.name());
        self.tables.load(self.tables.glue.get_table(None, database, name).await?).await
    }

    async fn try_commit(&self, change: &Change, created: &Created) -> LakeResult<IcebergTable> {
        let metadata = self.with_snapshot(change, created).await?;
        self.swap(metadata, created).await
    }

    /// The metadata with the change's snapshot as the current one.
    pub(super) async fn with_snapshot(&self, change: &Change, created: &Created) -> LakeResult<TableMetadata> {
        let doing = || format!("committing to {}", self.table.identifier());
        let io = file_io(&self.tables.storage, &ScanMeter::new(), created);
        let now = (self.tables.clock)().timestamp_millis();
        let snapshot = snapshot::produce(&self.table, &io, change, now).await?;
        let builder = self.builder().set_branch_snapshot(snapshot, "main").map_err(LakeError::iceberg(doing()))?;
        Ok(builder.build().map_err(LakeError::iceberg(doing()))?.metadata)
    }

    pub(super) fn builder(&self) -> TableMetadataBuilder {
        self.metadata().clone().into_builder(self.table.metadata_location().map(str::to_owned))
    }

    async fn try_alter(&self, alteration: &Alteration, created: &Created) -> LakeResult<IcebergTable> {
        let doing = || format!("altering {}", self.table.identifier());
        let builder = match alteration {
            Alteration::SetProperties(properties) => {
                let mut all = create::properties(properties)?;
                // Only what was asked for: the defaults are there already.
                all.retain(|key, value| {
                    self.metadata().properties().get(key) != Some(value)
                        && (properties.contains_key(key) || !matches!(key.as_str(), "write.format.default"))
                        && (key != "write.parquet.compression-codec"
                            || properties.keys().any(|key| key.ends_with("compression") || key.ends_with("codec")))
                });
                self.builder().set_properties(all)
            }
            Alteration::RemoveProperties(keys) => self.builder().remove_properties(keys),
            columns => {
                let schema = self.altered(columns)?;
                self.builder().add_current_schema(schema)
            }
        };
        let metadata = builder.and_then(TableMetadataBuilder::build).map_err(LakeError::iceberg(doing()))?.metadata;
        self.swap(metadata, created).await
    }

    fn altered(&self, alteration: &Alteration) -> LakeResult<Schema> {
        let current = self.metadata().current_schema();
        let mut fields: Vec<NestedFieldRef> = current.as_struct().fields().to_vec();
        let mut last_id = self.metadata().last_column_id();
        let missing = |name: &str| LakeError::athena("COLUMN_NOT_FOUND", format!("Column '{name}' does not exist"));
        let exists = |name: &str| LakeError::athena("COLUMN_ALREADY_EXISTS", format!("Column '{name}' already exists"));
        let place = |fields: &[NestedFieldRef], name: &str| {
            fields.iter().position(|field| field.name.eq_ignore_ascii_case(name))
        };
        match alteration {
            Alteration::AddColumns(columns) => {
                for column in columns {
                    if place(&fields, &column.name).is_some() {
                        return Err(exists(&column.name));
                    }
                    last_id += 1;
                    let id = last_id;
                    let kind = types::parse(column.type_text(), &mut last_id)?;
                    let field = NestedField::optional(id, column.name.to_lowercase(), kind);
                    fields.push(Arc::new(documented(field, column.comment.as_deref())));
                }
            }
            Alteration::DropColumn(name) => {
                let at = place(&fields, name).ok_or_else(|| missing(name))?;
                let id = fields[at].id;
                if self.metadata().default_partition_spec().fields().iter().any(|field| field.source_id == id) {
                    return Err(LakeError::not_supported(format!("Cannot drop partition field: {name}")));
                }
                fields.remove(at);
            }
            Alteration::ChangeColumn { name, to } => {
                let at = place(&fields, name).ok_or_else(|| missing(name))?;
                if !to.name.eq_ignore_ascii_case(name) && place(&fields, &to.name).is_some() {
                    return Err(exists(&to.name));
                }
                let before = &fields[at];
                let kind = if types::to_hive(&before.field_type) == to.type_text().to_ascii_lowercase() {
                    before.field_type.as_ref().clone()
                } else {
                    types::parse(to.type_text(), &mut last_id)?
                };
                if !types::may_become(&before.field_type, &kind) {
                    return Err(LakeError::not_supported(format!(
                        "Cannot change column type: {name}: {} -> {}",
                        types::to_hive(&before.field_type),
                        to.type_text()
                    )));
                }
                let field = NestedField::new(before.id, to.name.to_lowercase(), kind, before.required);
                fields[at] = Arc::new(documented(field, to.comment.as_deref().or(before.doc.as_deref())));
            }
            Alteration::SetProperties(_) | Alteration::RemoveProperties(_) => {}
        }
        let identifiers: Vec<i32> =
            current.identifier_field_ids().filter(|id| fields.iter().any(|field| field.id == *id)).collect();
        let schema = Schema::builder().with_fields(fields).with_identifier_field_ids(identifiers).build();
        schema.map_err(LakeError::iceberg("changing the schema"))
    }

    /// Writes the metadata and points the Glue table to it, if that is still as it was read.
    pub(super) async fn swap(&self, metadata: TableMetadata, created: &Created) -> LakeResult<IcebergTable> {
        let location = self.write_metadata(&metadata, created).await?;
        let mut input = self.glue_table.input.clone();
        describe(&mut input, &metadata, &location);
        let options = UpdateOptions { skip_archive: true, expected_version: self.glue_table.version_id.clone() };
        self.tables.glue.update_table(None, &self.glue_table.database_name, input, options).await?;
        // Somebody may have changed it again meanwhile, which is as well.
        self.reload().await
    }

    pub(super) async fn write_metadata(&self, metadata: &TableMetadata, created: &Created) -> LakeResult<String> {
        let doing = || format!("writing the metadata of {}", self.table.identifier());
        let root = metadata.location().trim_end_matches('/');
        let location = match self.table.metadata_location().map(str::parse::<MetadataLocation>) {
            Some(Ok(current)) => current.with_next_version().with_new_metadata(metadata),
            // Other writers may name their files otherwise.
            Some(Err(_)) | None => MetadataLocation::new_with_metadata(root, metadata),
        };
        let io = file_io(&self.tables.storage, &ScanMeter::new(), created);
        metadata.write_to(&io, &location).await.map_err(LakeError::iceberg(doing()))?;
        Ok(location.to_string())
    }
}

fn documented(field: NestedField, comment: Option<&str>) -> NestedField {
    match comment {
        Some(comment) => field.with_doc(comment),
        None => field,
    }
}

/// Brings what Glue knows of the table up to date.
pub(super) fn describe(input: &mut TableInput, metadata: &TableMetadata, metadata_location: &str) {
    let parameters = input.parameters.get_or_insert_default();
    if let Some(previous) = parameters.insert("metadata_location".to_owned(), metadata_location.to_owned()) {
        parameters.insert("previous_metadata_location".to_owned(), previous);
    }
    parameters.insert("table_type".to_owned(), "ICEBERG".to_owned());
    input.table_type = Some("EXTERNAL_TABLE".to_owned());
    input.partition_keys = Some(Vec::new());
    let storage = input.storage_descriptor.get_or_insert_with(StorageDescriptor::default);
    storage.columns = columns(metadata);
}

/// The current columns, then those that were dropped, newest description first.
fn columns(metadata: &TableMetadata) -> Vec<glue::Column> {
    let current = metadata.current_schema();
    let mut seen: HashSet<i32> = HashSet::new();
    let mut columns = Vec::new();
    for field in current.as_struct().fields() {
        seen.insert(field.id);
        columns.push(types::glue_column(field, true));
    }
    let mut older: HashMap<i32, &Schema> = HashMap::new();
    for schema in metadata.schemas_iter() {
        older.insert(schema.schema_id(), schema);
    }
    let mut ids: Vec<i32> = older.keys().copied().collect();
    ids.sort_unstable_by(|left, right| right.cmp(left));
    for schema in ids.iter().filter_map(|id| older.get(id)) {
        for field in schema.as_struct().fields() {
            if seen.insert(field.id) {
                columns.push(types::glue_column(field, false));
            }
        }
    }
    columns
}

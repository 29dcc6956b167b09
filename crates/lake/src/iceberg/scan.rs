//! Which files are read, and their rows.

use std::collections::HashMap;
use std::sync::Arc;

use ::iceberg::Runtime;
use ::iceberg::arrow::{ArrowReaderBuilder, schema_to_arrow_schema};
use ::iceberg::expr::{Bind, Predicate};
use ::iceberg::metadata_columns::RESERVED_FIELD_ID_FILE;
use ::iceberg::scan::FileScanTask;
use ::iceberg::spec::{Schema, SnapshotRef};
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use futures::{StreamExt, TryStreamExt};

use super::io::{Created, file_io};
use super::{FILE_COLUMN, IcebergTable, ScanRequest, Version};
use crate::{BatchStream, LakeError, LakeResult, ScanMeter};

impl IcebergTable {
    /// The snapshot of a version; `None` for the current state of a table without any.
    ///
    /// # Errors
    /// No such version.
    pub fn snapshot(&self, version: &Version) -> LakeResult<Option<SnapshotRef>> {
        let metadata = self.metadata();
        let missing = |message: String| LakeError::athena("INVALID_ARGUMENTS", message);
        let by_id = |id: i64| {
            let found = metadata.snapshot_by_id(id).cloned();
            found.ok_or_else(|| missing(format!("Iceberg snapshot ID does not exists: {id}"))).map(Some)
        };
        match version {
            Version::Current => Ok(metadata.current_snapshot().cloned()),
            Version::Snapshot(id) => by_id(*id),
            Version::Reference(name) => {
                let found = metadata.snapshot_for_ref(name).cloned();
                found.ok_or_else(|| missing(format!("Cannot find snapshot with reference name: {name}"))).map(Some)
            }
            Version::Timestamp(moment) => {
                let entry = metadata.history().iter().rev().find(|entry| entry.timestamp_ms() <= *moment);
                match entry {
                    Some(entry) => by_id(entry.snapshot_id),
                    None => {
                        let at = chrono::DateTime::from_timestamp_millis(*moment).unwrap_or_default();
                        let at = at.format("%Y-%m-%dT%H:%M:%S%.3fZ");
                        let (database, name) = (&self.glue_table().database_name, self.glue_table().name());
                        Err(missing(format!("No version history table \"{database}\".\"{name}\" at or before {at}")))
                    }
                }
            }
        }
    }

    /// The Iceberg schema of a version: of the current state the table's own, else the snapshot's.
    fn iceberg_schema(&self, version: &Version) -> LakeResult<Arc<Schema>> {
        match (version, self.snapshot(version)?) {
            (Version::Current, _) | (_, None) => Ok(Arc::clone(self.metadata().current_schema())),
            (_, Some(snapshot)) => snapshot.schema(self.metadata()).map_err(LakeError::iceberg("reading the schema")),
        }
    }

    /// The columns of the current state, with Iceberg's field ids in the fields' metadata.
    ///
    /// # Errors
    /// A type that Arrow does not have.
    pub fn schema(&self) -> LakeResult<SchemaRef> {
        self.schema_at(&Version::Current)
    }

    /// The columns of a version.
    ///
    /// # Errors
    /// No such version.
    pub fn schema_at(&self, version: &Version) -> LakeResult<SchemaRef> {
        let schema = self.iceberg_schema(version)?;
        Ok(Arc::new(schema_to_arrow_schema(&schema).map_err(LakeError::iceberg("reading the schema"))?))
    }

    /// The files to read, with the deletes that apply to each. Empty when there is no snapshot yet.
    ///
    /// # Errors
    /// No such version or column.
    pub async fn plan(&self, request: &ScanRequest) -> LakeResult<Vec<FileScanTask>> {
        let Some(snapshot) = self.snapshot(&request.version)? else { return Ok(Vec::new()) };
        let doing = || format!("planning a scan of {}", self.table.identifier());
        let schema = self.iceberg_schema(&request.version)?;
        let names: Vec<String> = match &request.columns {
            Some(names) => names.clone(),
            None => schema.as_struct().fields().iter().map(|field| field.name.clone()).collect(),
        };
        let mut project_field_ids = Vec::with_capacity(names.len());
        for name in &names {
            project_field_ids.push(if name == FILE_COLUMN {
                RESERVED_FIELD_ID_FILE
            } else {
                let field = schema.field_by_name_case_insensitive(name);
                let missing = || LakeError::athena("COLUMN_NOT_FOUND", format!("Column '{name}' cannot be resolved"));
                field.ok_or_else(missing)?.id
            });
        }
        let bound = match &request.filter {
            None => None,
            Some(filter) => {
                let rewritten = filter.clone().rewrite_not();
                Some(rewritten.bind(Arc::clone(&schema), false).map_err(LakeError::iceberg(doing()))?)
            }
        };
        // The crate plans with the snapshot's schema, which may be older than the table's: a column added since is not in it.
        let snapshot_schema = snapshot.schema(self.metadata()).map_err(LakeError::iceberg(doing()))?;
        let prune: Option<Predicate> =
            request.filter.clone().filter(|_| snapshot_schema.as_struct() == schema.as_struct());
        let mut scan = self.table.scan().snapshot_id(snapshot.snapshot_id()).select_empty().with_case_sensitive(false);
        if let Some(filter) = prune {
            scan = scan.with_filter(filter);
        }
        let scan = scan.build().map_err(LakeError::iceberg(doing()))?;
        let tasks = scan.plan_files().await.map_err(LakeError::iceberg(doing()))?;
        let mut tasks: Vec<FileScanTask> = tasks.try_collect().await.map_err(LakeError::iceberg(doing()))?;
        for task in &mut tasks {
            task.schema = Arc::clone(&schema);
            task.project_field_ids.clone_from(&project_field_ids);
            task.predicate.clone_from(&bound);
        }
        // The crate plans concurrently: the order of the manifests is lost, so make one that does not change from run to run.
        tasks.sort_by(|left, right| left.data_file_path.cmp(&right.data_file_path));
        Ok(tasks)
    }

    /// The rows of planned files, file after file, deletes applied, filter applied, with the projected columns in the order asked for.
    ///
    /// To read files at the same time, split the tasks among several readers.
    pub fn read(&self, mut tasks: Vec<FileScanTask>, batch_size: usize, meter: &ScanMeter) -> BatchStream {
        let Some(first) = tasks.first() else { return futures::stream::empty().boxed() };
        let identifier = self.table.identifier().clone();
        let fields = projected(first);
        for task in &mut tasks {
            // In the schema's order: the crate (0.10.1) takes columns of one type in another order for renamed ones.
            let schema = Arc::clone(&task.schema);
            let place =
                |id: &i32| schema.as_struct().fields().iter().position(|field| field.id == *id).unwrap_or(usize::MAX);
            task.project_field_ids.sort_by_key(place);
            task.project_field_ids.dedup();
        }
        let io = file_io(&self.tables.storage, meter, &Created::default());
        let begin = async move {
            let doing = || format!("Error opening Iceberg split of {identifier}");
            let wanted = fields.map_err(LakeError::iceberg(doing()))?;
            let runtime = Runtime::try_current().map_err(LakeError::iceberg(doing()))?;
            let reader = ArrowReaderBuilder::new(io, runtime)
                .with_batch_size(batch_size)
                .with_data_file_concurrency_limit(1)
                .with_row_group_filtering_enabled(true)
                .build();
            let tasks = futures::stream::iter(tasks.into_iter().map(Ok)).boxed();
            let batches = reader.read(tasks).map_err(LakeError::iceberg(doing()))?.stream();
            let text = doing();
            let shaped = batches.map(move |batch| shape(batch.map_err(LakeError::iceberg(text.clone()))?, &wanted));
            Ok::<_, LakeError>(shaped)
        };
        futures::stream::once(begin).try_flatten().boxed()
    }
}

/// The answer's columns.
fn projected(task: &FileScanTask) -> ::iceberg::Result<SchemaRef> {
    let all = schema_to_arrow_schema(&task.schema)?;
    let by_id: HashMap<i32, &Arc<Field>> =
        task.schema.as_struct().fields().iter().map(|field| field.id).zip(all.fields()).collect();
    let file = Arc::new(Field::new(FILE_COLUMN, DataType::Utf8, false));
    let fields = task.project_field_ids.iter().filter_map(|id| match *id {
        RESERVED_FIELD_ID_FILE => Some(Arc::clone(&file)),
        id => by_id.get(&id).map(|field| Arc::clone(field)),
    });
    Ok(Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>())))
}

/// Constant columns come run-end encoded.
fn shape(batch: RecordBatch, wanted: &SchemaRef) -> LakeResult<RecordBatch> {
    let doing = "reading an Iceberg table";
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(wanted.fields().len());
    for field in wanted.fields() {
        let found = batch.column_by_name(field.name());
        let column = found.ok_or_else(|| {
            LakeError::athena("ICEBERG_BAD_DATA", format!("the reader gave no column {}", field.name()))
        })?;
        columns.push(if column.data_type() == field.data_type() {
            Arc::clone(column)
        } else {
            cast(column, field.data_type()).map_err(LakeError::arrow(doing))?
        });
    }
    let with_rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &with_rows).map_err(LakeError::arrow(doing))
}

//! A Hive or Iceberg table as a DataFusion table.

use std::{any::Any, fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    compute::cast,
    datatypes::{Field, Schema, SchemaRef},
};
use async_trait::async_trait;
use athena_api::Glue;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{DFSchema, DataFusionError, Result as PlanResult},
    datasource::{MemTable, TableType},
    execution::{SendableRecordBatchStream, TaskContext, context::ExecutionProps},
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_expr::{PhysicalExpr, create_physical_expr},
    physical_plan::{
        ExecutionPlan,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::{StreamExt, TryStreamExt};
use lake::{
    BatchStream, HiveTable, LakeError, ObjectStorage, ScanMeter,
    hive::{DataFile, ReadOptions},
    iceberg::{FileScanTask, IcebergTable, Predicate, ScanRequest, Version},
};

use super::pushdown::predicate;
use crate::{
    analyze::TableColumn,
    cast::from_text,
    error::QueryError,
    scalar::through,
    types::Type,
    value::{Value, build},
};

/// The hidden column with the file that a row is in.
pub(crate) const FILE_COLUMN: &str = "$path";

/// What is read.
#[derive(Clone)]
pub(crate) enum Source {
    Hive { table: Arc<HiveTable>, glue: Arc<dyn Glue> },
    Iceberg { table: Arc<IcebergTable>, version: Version },
}

/// A table of the lake with Trino's types.
pub(crate) struct LakeTable {
    source: Source,
    storage: ObjectStorage,
    meter: ScanMeter,
    /// All of them, hidden ones last.
    columns: Vec<TableColumn>,
    schema: SchemaRef,
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Hive { table, .. } => write!(f, "hive {}.{}", table.database, table.name),
            Source::Iceberg { table, .. } => write!(f, "iceberg {}", table.glue_table().name()),
        }
    }
}

impl LakeTable {
    pub(crate) fn new(source: Source, storage: ObjectStorage, meter: ScanMeter, columns: Vec<TableColumn>) -> Self {
        let fields: Vec<Field> =
            columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), true)).collect();
        Self { source, storage, meter, columns, schema: Arc::new(Schema::new(fields)) }
    }

    /// Indices of the partition columns.
    fn partition_columns(&self) -> std::ops::Range<usize> {
        match &self.source {
            Source::Hive { table, .. } => table.columns.len()..table.columns.len() + table.partition_keys.len(),
            Source::Iceberg { .. } => 0..0,
        }
    }

    /// Whether a scan can leave something out for the filter.
    fn is_useful(&self, filter: &Expr) -> bool {
        match &self.source {
            Source::Hive { .. } => self.is_partition_filter(filter),
            Source::Iceberg { .. } => predicate(filter, &self.columns).is_some(),
        }
    }

    fn is_partition_filter(&self, filter: &Expr) -> bool {
        let range = self.partition_columns();
        let used = filter.column_refs();
        !used.is_empty()
            && used.iter().all(|name| {
                self.columns.iter().position(|column| column.name == name.name).is_some_and(|at| range.contains(&at))
            })
    }

    /// The files of the partitions that the filters leave.
    async fn files(
        &self,
        table: &HiveTable,
        glue: &dyn Glue,
        filters: &[Expr],
    ) -> Result<Vec<DataFile>, DataFusionError> {
        let range = self.partition_columns();
        let keys = &self.columns[range.clone()];
        let schema = Arc::new(Schema::new(self.schema.fields()[range].to_vec()));
        let plan_schema = DFSchema::try_from(Arc::clone(&schema))?;
        let mut tests: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
        for filter in filters.iter().filter(|filter| self.is_partition_filter(filter)) {
            tests.push(create_physical_expr(&unqualified(filter.clone())?, &plan_schema, &ExecutionProps::new())?);
        }
        let keeps = |values: &[Option<String>]| -> bool {
            let row: Result<Vec<ArrayRef>, QueryError> = values
                .iter()
                .zip(keys)
                .map(|(text, key)| {
                    let value = text.as_ref().map_or(Some(Value::Null), |text| match &key.ty {
                        ty if ty.is_text() => Some(Value::Str(text.clone())),
                        ty => from_text(text, ty),
                    });
                    build(&[value.unwrap_or(Value::Null)], &key.ty.arrow())
                })
                .collect();
            let Ok(row) = row else { return true };
            let Ok(batch) = RecordBatch::try_new(Arc::clone(&schema), row) else { return true };
            tests.iter().all(|test| {
                let result = test.evaluate(&batch).and_then(|value| value.into_array(1));
                // A test that fails here fails again over the rows, with its message.
                result
                    .and_then(|array| crate::value::values(&array).map_err(through))
                    .is_ok_and(|values| values == [Value::Bool(true)])
                    || tests.is_empty()
            })
        };
        table.data_files(&self.storage, glue, None, &keeps).await.map_err(lake)
    }
}

/// The expression with plain column names.
fn unqualified(expr: Expr) -> PlanResult<Expr> {
    use datafusion::common::{
        Column,
        tree_node::{Transformed, TreeNode},
    };
    expr.transform(|node| {
        Ok(match node {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::from_name(column.name))),
            other => Transformed::no(other),
        })
    })
    .map(|transformed| transformed.data)
}

fn lake(error: LakeError) -> DataFusionError {
    through(super::from_lake(error))
}

/// One share of a table's files.
struct Share {
    schema: SchemaRef,
    open: Arc<dyn Fn() -> BatchStream + Send + Sync>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files")
    }
}

impl PartitionStream for Share {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let rows = (self.open)().map_err(lake).and_then(move |batch| {
            let schema = Arc::clone(&schema);
            async move { conform(&batch, &schema) }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// A batch of the lake with our types.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> PlanResult<RecordBatch> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        columns.push(if column.data_type() == field.data_type() {
            Arc::clone(column)
        } else {
            cast(column, field.data_type()).or_else(|_| {
                let values = crate::value::values(column).map_err(through)?;
                build(&values, field.data_type()).map_err(through)
            })?
        });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

#[async_trait]
impl TableProvider for LakeTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match self.is_useful(filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let projection = projection.cloned().unwrap_or_else(|| (0..self.columns.len()).collect());
        let schema: SchemaRef = Arc::new(self.schema.project(&projection)?);
        let shares = state.config().target_partitions().max(1);
        let batch_size = state.config().batch_size();
        let mut partitions: Vec<Arc<dyn PartitionStream>> = Vec::new();
        match &self.source {
            Source::Hive { table, glue } => {
                let files = self.files(table, glue.as_ref(), filters).await?;
                let own = table.columns.len() + table.partition_keys.len();
                let wanted: Vec<usize> = projection.iter().copied().filter(|at| *at < own).collect();
                let options = ReadOptions { projection: Some(wanted), batch_size, limit };
                for share in divided(files, shares, |file| file.size) {
                    let (table, storage, meter) = (Arc::clone(table), self.storage.clone(), self.meter.clone());
                    let (projection, options) = (projection.clone(), options.clone());
                    let open = move || -> BatchStream {
                        let (table, storage, meter) = (Arc::clone(&table), storage.clone(), meter.clone());
                        let (projection, options) = (projection.clone(), options.clone());
                        let files = futures::stream::iter(share.clone());
                        Box::pin(files.flat_map(move |file| {
                            let path = file.uri.to_string();
                            let (projection, own) = (projection.clone(), own);
                            let rows = table.read(&storage, &meter, &file, &options);
                            rows.map(move |batch| batch.and_then(|batch| with_path(&batch, &projection, own, &path)))
                                .boxed()
                        }))
                    };
                    partitions.push(Arc::new(Share { schema: Arc::clone(&schema), open: Arc::new(open) }));
                }
            }
            Source::Iceberg { table, version } => {
                let names = projection
                    .iter()
                    .map(|at| match self.columns[*at].name.as_str() {
                        FILE_COLUMN => lake::iceberg::FILE_COLUMN.to_owned(),
                        name => name.to_owned(),
                    })
                    .collect();
                let understood = filters.iter().filter_map(|filter| predicate(filter, &self.columns));
                let filter = understood.reduce(Predicate::and);
                let request = ScanRequest { columns: Some(names), filter, version: version.clone() };
                let tasks = table.plan(&request).await.map_err(lake)?;
                for share in divided(tasks, shares, |task: &FileScanTask| task.length) {
                    let (table, meter) = (Arc::clone(table), self.meter.clone());
                    let open = move || table.read(share.clone(), batch_size, &meter);
                    partitions.push(Arc::new(Share { schema: Arc::clone(&schema), open: Arc::new(open) }));
                }
            }
        }
        if partitions.is_empty() {
            let open = || -> BatchStream { Box::pin(futures::stream::empty()) };
            partitions.push(Arc::new(Share { schema: Arc::clone(&schema), open: Arc::new(open) }));
        }
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, None, Vec::new(), false, limit)?))
    }
}

/// Puts the file's path in where the projection asks for it.
fn with_path(batch: &RecordBatch, projection: &[usize], own: usize, path: &str) -> Result<RecordBatch, LakeError> {
    if projection.iter().all(|at| *at < own) {
        return Ok(batch.clone());
    }
    let internal = |error: arrow::error::ArrowError| LakeError::athena("GENERIC_INTERNAL_ERROR", error.to_string());
    let (mut columns, mut fields, mut next) = (Vec::new(), Vec::new(), 0);
    for at in projection {
        if *at < own {
            columns.push(Arc::clone(batch.column(next)));
            fields.push(batch.schema().field(next).clone());
            next += 1;
        } else {
            let paths = vec![path; batch.num_rows()];
            columns.push(Arc::new(arrow::array::StringArray::from(paths)) as ArrayRef);
            fields.push(Field::new(FILE_COLUMN, arrow::datatypes::DataType::Utf8, true));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(internal)
}

/// Shares of about the same size, at most so many.
fn divided<T>(mut items: Vec<T>, shares: usize, size: impl Fn(&T) -> u64) -> Vec<Vec<T>> {
    items.sort_by_key(|item| std::cmp::Reverse(size(item)));
    let mut result: Vec<(u64, Vec<T>)> = (0..shares.min(items.len())).map(|_| (0, Vec::new())).collect();
    for item in items {
        if let Some(least) = result.iter_mut().min_by_key(|share| share.0) {
            least.0 += size(&item);
            least.1.push(item);
        }
    }
    result.into_iter().map(|(_, items)| items).collect()
}

/// Rows that are in memory already.
pub(crate) fn memory_table(
    columns: &[(String, Type)],
    rows: &[Vec<Value>],
) -> Result<Arc<dyn TableProvider>, QueryError> {
    let fields: Vec<Field> = columns.iter().map(|(name, ty)| Field::new(name, ty.arrow(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut arrays = Vec::new();
    for (at, (_, ty)) in columns.iter().enumerate() {
        let column: Vec<Value> = rows.iter().map(|row| row[at].clone()).collect();
        arrays.push(build(&column, &ty.arrow())?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch =
        RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).map_err(QueryError::internal)?;
    let table = MemTable::try_new(schema, vec![vec![batch]]).map_err(crate::run::from_datafusion)?;
    Ok(Arc::new(table))
}

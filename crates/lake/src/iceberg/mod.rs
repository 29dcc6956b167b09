//! Iceberg tables, format version 2: create, load, scan, commit, change.
//!
//! The table's truth is `metadata_location` of its Glue table; a commit writes new files and then swaps that pointer by UpdateTable with the version
//! that was read. Who loses the race retries from fresh metadata if that is safe, else fails with `ICEBERG_COMMIT_ERROR`.

use std::collections::HashMap;
use std::sync::Arc;

pub use ::iceberg::expr::Predicate;
pub use ::iceberg::scan::FileScanTask;
pub use ::iceberg::spec;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use athena_api::glue::{self, Glue};
use catalog::Clock;
use names::S3Uri;

use crate::{BatchStream, LakeError, LakeResult, ObjectStorage, ScanMeter};

/// The Iceberg tables of a lakehouse. Cheap to clone.
#[derive(Clone)]
pub struct IcebergTables {
    storage: ObjectStorage,
    glue: Arc<dyn Glue>,
    clock: Clock,
}

/// What a new table is to be.
#[derive(Debug, Clone)]
pub struct CreateTable {
    pub database: String,
    pub name: String,
    pub location: S3Uri,
    /// Names, types (Hive's spelling or Iceberg's additions `time`, `timestamp with time zone`, `uuid`) and comments.
    pub columns: Vec<glue::Column>,
    /// `month(d)`, `bucket(16, id)` or `bucket(id, 16)`, `truncate(s, 4)`, `c`.
    pub partitioning: Vec<String>,
    /// Table properties as Athena spells them, `write_compression` and the like.
    pub properties: HashMap<String, String>,
    pub comment: Option<String>,
}

/// Which state of a table is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Version {
    #[default]
    Current,
    /// `FOR VERSION AS OF 123`.
    Snapshot(i64),
    /// `FOR VERSION AS OF 'main'`.
    Reference(String),
    /// `FOR TIMESTAMP AS OF`: the last snapshot made at or before, epoch milliseconds.
    Timestamp(i64),
}

/// What to scan.
#[derive(Debug, Clone, Default)]
pub struct ScanRequest {
    /// Column names; `None` is all. [`FILE_COLUMN`] adds the data file's path.
    pub columns: Option<Vec<String>>,
    /// Prunes manifests, files and row groups, and drops rows that don't match.
    pub filter: Option<Predicate>,
    pub version: Version,
}

/// The hidden column with the path of the data file a row is in.
pub const FILE_COLUMN: &str = "_file";

/// What a commit does to the table's data files.
#[derive(Debug, Clone)]
pub enum Change {
    /// INSERT: safe to retry after a lost race.
    Append { add: Vec<spec::DataFile> },
    /// Copy-on-write UPDATE, DELETE, MERGE: rows of the removed files that stay are in the added ones. Fails when somebody else committed meanwhile.
    Overwrite {
        /// Paths of the data files.
        remove: Vec<String>,
        add: Vec<spec::DataFile>,
    },
}

/// A change of the columns or properties.
#[derive(Debug, Clone)]
pub enum Alteration {
    AddColumns(Vec<glue::Column>),
    DropColumn(String),
    /// New name, type and comment of a column. Types only widen: int→bigint, float→double, a wider decimal.
    ChangeColumn { name: String, to: glue::Column },
    SetProperties(HashMap<String, String>),
    RemoveProperties(Vec<String>),
}

/// A table as it was when it was loaded.
#[derive(Clone)]
pub struct IcebergTable {
    tables: IcebergTables,
    glue_table: glue::Table,
    table: ::iceberg::table::Table,
}

impl IcebergTables {
    pub fn new(storage: ObjectStorage, glue: Arc<dyn Glue>, clock: Clock) -> Self {
        Self { storage, glue, clock }
    }

    /// Writes the first metadata file and creates the Glue table.
    ///
    /// # Errors
    /// A type or transform that is not known, a table that is there already.
    pub async fn create(&self, request: CreateTable) -> LakeResult<IcebergTable> {
        let _ = (&self.storage, &self.glue, &self.clock);
        Err(LakeError::not_supported(request.name))
    }

    /// Reads the metadata that the Glue table points to.
    ///
    /// # Errors
    /// `ICEBERG_MISSING_METADATA`, `ICEBERG_INVALID_METADATA`.
    pub async fn load(&self, table: glue::Table) -> LakeResult<IcebergTable> {
        Err(LakeError::not_supported(table.input.name))
    }

    /// Removes the files of a table that is gone from the catalog: everything below its location.
    pub async fn purge(&self, table: &glue::Table) -> LakeResult<()> {
        let _ = table;
        Ok(())
    }
}

impl IcebergTable {
    /// The Glue table it was loaded from.
    pub fn glue_table(&self) -> &glue::Table {
        &self.glue_table
    }

    /// The whole metadata, for `$snapshots`, `$history` and the like.
    pub fn metadata(&self) -> &spec::TableMetadata {
        let _ = &self.tables;
        self.table.metadata()
    }

    /// The columns of the current state, with Iceberg's field ids in the fields' metadata.
    pub fn schema(&self) -> LakeResult<SchemaRef> {
        Err(LakeError::not_supported("schema"))
    }

    /// The columns of a state.
    pub fn schema_at(&self, version: &Version) -> LakeResult<SchemaRef> {
        let _ = version;
        self.schema()
    }

    /// The files to read, with the deletes that apply to each. Empty when there is no snapshot yet.
    ///
    /// # Errors
    /// No such version.
    pub async fn plan(&self, request: &ScanRequest) -> LakeResult<Vec<FileScanTask>> {
        let _ = request;
        Ok(Vec::new())
    }

    /// The rows of planned files, deletes applied, filter applied, with the projected columns.
    pub fn read(&self, tasks: Vec<FileScanTask>, batch_size: usize, meter: &ScanMeter) -> BatchStream {
        let _ = (tasks, batch_size, meter);
        Box::pin(futures::stream::empty())
    }

    /// Writes rows into new data files; they belong to the table once they are committed.
    ///
    /// # Errors
    /// A property with a codec that is not known.
    pub fn writer(&self) -> LakeResult<IcebergWriter> {
        Ok(IcebergWriter {})
    }

    /// Commits new and removed data files as one snapshot.
    ///
    /// # Errors
    /// `ICEBERG_COMMIT_ERROR` when the race is lost and retrying is not safe.
    pub async fn commit(&self, change: Change) -> LakeResult<IcebergTable> {
        let _ = change;
        Err(LakeError::not_supported("commit"))
    }

    /// Changes columns or properties.
    ///
    /// # Errors
    /// No such column, a column that exists, a type that cannot change so.
    pub async fn alter(&self, alteration: Alteration) -> LakeResult<IcebergTable> {
        let _ = alteration;
        Err(LakeError::not_supported("alter"))
    }
}

/// Writes data files of one Iceberg table, split by its partition spec.
pub struct IcebergWriter {}

impl IcebergWriter {
    /// Takes rows with the table's columns, in the table's order; types are cast to the table's.
    pub async fn write(&mut self, batch: &RecordBatch) -> LakeResult<()> {
        let _ = batch;
        Ok(())
    }

    /// Closes the files: what [`Change::Append`] adds.
    pub async fn finish(self) -> LakeResult<Vec<spec::DataFile>> {
        Ok(Vec::new())
    }

    /// Removes what was written, as far as possible.
    pub async fn abort(self) {}
}

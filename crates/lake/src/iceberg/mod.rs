//! Iceberg tables, format version 2: create, load, scan, commit, change, vacuum.
//!
//! The table's truth is `metadata_location` of its Glue table; a commit writes new files and then swaps that pointer by UpdateTable with the version
//! that was read. Who loses the race retries from fresh metadata if that is safe, else fails with `ICEBERG_COMMIT_ERROR`.

mod commit;
mod create;
mod io;
mod scan;
mod snapshot;
mod types;
mod vacuum;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use ::iceberg::table::Table;
use ::iceberg::{Runtime, TableIdent};
use athena_api::glue::{self, Glue, StorageDescriptor, TableInput};
use catalog::Clock;
use names::S3Uri;

use crate::{LakeError, LakeResult, ObjectStorage, ScanMeter};

pub use ::iceberg::expr;
pub use ::iceberg::expr::Predicate;
pub use ::iceberg::scan::FileScanTask;
pub use ::iceberg::spec;
pub use writer::IcebergWriter;

use io::{Created, file_io};

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
    ChangeColumn {
        name: String,
        to: glue::Column,
    },
    SetProperties(HashMap<String, String>),
    RemoveProperties(Vec<String>),
}

/// A table as it was when it was loaded.
#[derive(Clone)]
pub struct IcebergTable {
    tables: IcebergTables,
    glue_table: glue::Table,
    table: Table,
}

impl IcebergTables {
    pub fn new(storage: ObjectStorage, glue: Arc<dyn Glue>, clock: Clock) -> Self {
        Self { storage, glue, clock }
    }

    /// Writes the first metadata file and creates the Glue table, empty.
    ///
    /// # Errors
    /// A type or transform that is not known, a table that is there already, a location with objects in it.
    pub async fn create(&self, request: CreateTable) -> LakeResult<IcebergTable> {
        let table = self.prepare(request).await?;
        self.register(&table, Vec::new()).await
    }

    /// A table that nobody knows yet, to write its first rows: [`IcebergTable::writer`], then [`Self::register`].
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn prepare(&self, request: CreateTable) -> LakeResult<IcebergTable> {
        if !self.storage.list_all(&request.location.bucket, &request.location.prefix()).await?.is_empty() {
            return Err(LakeError::athena(
                "ICEBERG_FILESYSTEM_ERROR",
                format!(
                    "Cannot create a table on a non-empty location: {}, set 'iceberg.unique-table-location=true' in your \
                     Iceberg catalog properties to use unique table locations for every table.",
                    request.location
                ),
            ));
        }
        let metadata = create::metadata(&request)?;
        let input = TableInput {
            name: request.name.to_lowercase(),
            description: request.comment.clone(),
            storage_descriptor: Some(StorageDescriptor {
                location: Some(metadata.location().to_owned()),
                ..StorageDescriptor::default()
            }),
            ..TableInput::default()
        };
        let glue_table =
            glue::Table { database_name: request.database.to_lowercase(), input, ..glue::Table::default() };
        let table = self.table(&glue_table, metadata, None)?;
        Ok(IcebergTable { tables: self.clone(), glue_table, table })
    }

    /// Creates the Glue table of a [prepared](Self::prepare) table with its first data files.
    ///
    /// # Errors
    /// A table that is there already. The metadata is removed then; the data files are the caller's.
    pub async fn register(&self, prepared: &IcebergTable, add: Vec<spec::DataFile>) -> LakeResult<IcebergTable> {
        let created = Created::default();
        match self.try_register(prepared, add, &created).await {
            Ok(table) => Ok(table),
            Err(error) => {
                created.remove(&self.storage).await;
                Err(error)
            }
        }
    }

    async fn try_register(
        &self,
        prepared: &IcebergTable,
        add: Vec<spec::DataFile>,
        created: &Created,
    ) -> LakeResult<IcebergTable> {
        let metadata = if add.is_empty() {
            prepared.metadata().clone()
        } else {
            prepared.with_snapshot(&Change::Append { add }, created).await?
        };
        let location = prepared.write_metadata(&metadata, created).await?;
        let mut input = prepared.glue_table.input.clone();
        commit::describe(&mut input, &metadata, &location);
        let (database, name) = (prepared.glue_table.database_name.clone(), input.name.clone());
        self.glue.create_table(None, &database, input).await?;
        self.load(self.glue.get_table(None, &database, &name).await?).await
    }

    /// Reads the metadata that the Glue table points to.
    ///
    /// # Errors
    /// `ICEBERG_MISSING_METADATA`, `ICEBERG_INVALID_METADATA`.
    pub async fn load(&self, table: glue::Table) -> LakeResult<IcebergTable> {
        let of = format!("table {}.{}", table.database_name, table.name());
        let missing = || {
            LakeError::athena("ICEBERG_MISSING_METADATA", format!("Metadata not found in metadata location for {of}"))
        };
        let location = table.parameter("metadata_location").ok_or_else(missing)?.to_owned();
        let uri: S3Uri = location.parse().map_err(|_| missing())?;
        match self.storage.head(&uri.bucket, &uri.key).await {
            Err(error) if error.is_not_found() => return Err(missing()),
            found => found?,
        };
        let io = file_io(&self.storage, &ScanMeter::new(), &Created::default());
        let metadata = spec::TableMetadata::read_from(&io, &location).await;
        let metadata = metadata.map_err(LakeError::iceberg(format!("reading the metadata of {of}")))?;
        let loaded = self.table(&table, metadata, Some(&location))?;
        Ok(IcebergTable { tables: self.clone(), glue_table: table, table: loaded })
    }

    fn table(&self, table: &glue::Table, metadata: spec::TableMetadata, location: Option<&str>) -> LakeResult<Table> {
        let doing = || format!("loading {}.{}", table.database_name, table.name());
        let identifier = TableIdent::from_strs([table.database_name.as_str(), table.name()]);
        let mut builder = Table::builder()
            .file_io(file_io(&self.storage, &ScanMeter::new(), &Created::default()))
            .metadata(metadata)
            .identifier(identifier.map_err(LakeError::iceberg(doing()))?)
            .runtime(Runtime::try_current().map_err(LakeError::iceberg(doing()))?)
            .disable_cache();
        if let Some(location) = location {
            builder = builder.metadata_location(location);
        }
        builder.build().map_err(LakeError::iceberg(doing()))
    }

    /// Removes the files of a table that is gone from the catalog: everything below its location.
    ///
    /// # Errors
    /// A location that is a whole bucket, or none; the disk.
    pub async fn purge(&self, table: &glue::Table) -> LakeResult<()> {
        let location = table.location().unwrap_or_default();
        let refused =
            || LakeError::athena("ICEBERG_FILESYSTEM_ERROR", format!("'{location}' is no location to remove"));
        let uri: S3Uri = location.parse().map_err(|_| refused())?;
        if uri.prefix().is_empty() {
            return Err(refused());
        }
        for object in self.storage.list_all(&uri.bucket, &uri.prefix()).await? {
            self.storage.delete(&uri.bucket, &object.key).await?;
        }
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
        self.table.metadata()
    }

    /// The `iceberg` crate's table, for `$files`, `$manifests` and the like.
    pub fn inner(&self) -> &Table {
        &self.table
    }

    /// Writes rows into new data files; they belong to the table once they are committed.
    ///
    /// # Errors
    /// A property with a codec that is not known.
    pub fn writer(&self) -> LakeResult<IcebergWriter> {
        IcebergWriter::new(&self.tables.storage, self.table.identifier().to_string(), self.metadata())
    }
}

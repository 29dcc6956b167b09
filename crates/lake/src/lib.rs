//! Objects and table layouts: S3 as directories, Hive and Iceberg tables over it.
//!
//! - [`storage`]: buckets and objects on the local disk, as S3 shows them; measured reading for queries.
//! - [`hive_type`]: Hive's type grammar, and what its types are in Arrow.
//! - [`hive`]: the files of a Hive table, and the SerDes that turn them into rows.
//! - [`write`]: rows into partitioned, rolled files.
//! - [`iceberg`]: Iceberg tables: create, scan, commit, change.

mod error;
pub mod hive;
pub mod hive_type;
pub mod iceberg;
pub mod storage;
pub mod write;

pub use error::{LakeError, LakeResult};
pub use hive::{DataFile, FileFormat, HiveColumn, HiveTable};
pub use hive_type::HiveType;
pub use storage::{ObjectStorage, ScanMeter, StorageError};
pub use write::{TableWriter, WriteOptions, WrittenFile};

/// Rows as they are read.
pub type BatchStream = futures::stream::BoxStream<'static, LakeResult<arrow::record_batch::RecordBatch>>;

//! The lake: objects, Hive tables, Iceberg tables.

mod hive_types;
mod storage;

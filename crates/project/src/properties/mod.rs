//! Property files (`*.yml` beside models, seeds, snapshots, macros …) as typed values, with positions for messages.
//!
//! Texts are rendered as dbt renders them, except descriptions, tests and `loaded_at_query`, which the engine renders later.
//! Keys that no field knows are kept in `extra`.

mod columns;
mod exposure;
mod file;
mod function;
mod macros;
mod node;
mod raw;
mod semantic;
mod shape;
mod source;
mod tests;
pub(crate) mod types;
mod unit_test;
mod versions;

pub use columns::{ColumnProperties, Constraint, ConstraintKind};
pub use exposure::{ExposureProperties, GroupProperties};
pub use file::PropertyFile;
pub use function::{FunctionArgument, FunctionOverload, FunctionProperties, FunctionReturns};
pub use macros::{MacroArgument, MacroProperties};
pub use node::{ModelSemantics, NodeProperties, SnapshotRelation};
pub use raw::RawProperties;
pub use source::{Freshness, FreshnessPeriod, FreshnessTime, Quoting, Setting, SourceProperties, TableProperties};
pub use tests::{OutdatedTest, TestDefinition};
pub use unit_test::{Given, Overrides, RowFormat, Rows, UnitTestProperties, VersionFilter};
pub use versions::{VersionColumns, VersionNumber, VersionProperties};

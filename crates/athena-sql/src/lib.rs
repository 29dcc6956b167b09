//! The SQL of Athena: text → [`Statement`].
//!
//! Athena has two grammars. Queries, DML, CTAS and views are Trino's: `"quoted"` names, `'text'`. The DDL of tables and
//! databases is Hive's: `` `quoted` `` names, and `"text"` is a string. [`parse`] finds out which of them a text is
//! written in, as the service does, and answers with the service's words when it is neither.
//!
//! Both parsers are written by hand, for positions in every error and for grammars that no general SQL parser follows:
//! lambdas, `ROW` types and row constructors, bare `VALUES 1, 2`, Hive's fixed clause order.

mod ast;
mod error;
mod hive;
mod hive_type;
mod kind;
mod lexer;
mod parser;
mod statement;
mod trino;

pub use ast::{
    BinaryOperator, DateTimeKind, Expr, ExprKind, FrameBound, FrameUnits, FunctionCall, GroupBy, GroupingElement,
    Ident, IntervalUnit, Join, JoinConstraint, JoinKind, NullTreatment, Pos, QualifiedName, Quantifier, Query,
    QueryBody, Relation, RelationKind, SampleMethod, Select, SelectItem, SetOperator, SortItem, SubqueryQuantifier,
    TypeName, UnaryOperator, VersionKind, WindowFrame, WindowSpec, With,
};
pub use error::{ParseError, ParseErrorKind};
pub use hive_type::{HiveType, HiveTypeError};
pub use kind::{StatementKind, StatementType};
pub use statement::{
    AlterTable, AlterTableAction, ColumnDefinition, ColumnPosition, CreateTable, CreateTableAs, Explain, ExplainFormat,
    ExplainType, Insert, Merge, MergeClause, MergeInsert, PartitionField, PartitionSpec, Property, RowFormat, Show,
    Statement, StorageFormat, TableName, Unload,
};

/// Runs a recursive function with a stack for everything that the parser's own limits allow.
///
/// The pages are only taken from the system when they are used.
pub fn roomy<T>(run: impl FnOnce() -> T) -> T {
    const STACK: usize = 64 << 20;
    stacker::maybe_grow(STACK / 2, STACK, run)
}

/// Parses one statement. Comments before and after it and one `;` at its end are allowed.
///
/// # Errors
/// The sentence that Athena answers to StartQueryExecution with, error code `MALFORMED_QUERY`.
pub fn parse(text: &str) -> Result<Statement, ParseError> {
    roomy(|| kind::dispatch(text))
}

/// Parses a Trino expression: the value of an execution parameter.
///
/// # Errors
/// When the text is no expression, or more than one.
pub fn parse_expression(text: &str) -> Result<Expr, ParseError> {
    roomy(|| trino::expression(text))
}

/// Parses a Trino query: what a view's `originalSql` holds.
///
/// # Errors
/// When the text is no query.
pub fn parse_query(text: &str) -> Result<Query, ParseError> {
    roomy(|| trino::query(text))
}

/// Parses a Trino type such as `array(row(a bigint, b varchar(3)))`: what a view's columns hold.
///
/// # Errors
/// When the text is no type.
pub fn parse_type(text: &str) -> Result<TypeName, ParseError> {
    trino::type_name(text)
}

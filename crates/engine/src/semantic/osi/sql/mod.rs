//! Just enough SQL to see what a metric's expression adds up, and to write its parts as dbt does: keywords and names of functions in upper
//! case, one space around operators, `IS NOT NULL` as `NOT … IS NULL`.
//!
//! What is not understood here is no error: such an expression is taken as it is.
//!
//! Source: sqlglot 30 with its own dialect, by which MetricFlow reads the expressions of documents.

mod expression;
mod functions;
mod tokens;

pub(super) use expression::{Kind, Sql, parse};
pub(crate) use tokens::Unclosed;

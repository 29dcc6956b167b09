//! Plans → rows: DataFusion's session, its errors in our words, rows as text.

mod pieces;
mod session;

use std::sync::Arc;

use arrow::{array::RecordBatch, error::ArrowError};
use datafusion::{
    common::{DFSchema, DataFusionError},
    execution::context::ExecutionProps,
    logical_expr::Expr,
    physical_expr::create_physical_expr,
};

pub(crate) use session::{Session, next, stream};

use crate::{
    error::QueryError,
    value::{Value, values},
};

/// The value of an expression without columns.
pub(crate) fn constant(expr: &Expr) -> Result<Value, QueryError> {
    let schema = DFSchema::empty();
    let physical = create_physical_expr(expr, &schema, &ExecutionProps::new()).map_err(from_datafusion)?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(arrow::datatypes::Schema::empty()), Vec::new(), &options)
        .map_err(QueryError::internal)?;
    let array = physical.evaluate(&batch).and_then(|value| value.into_array(1)).map_err(from_datafusion)?;
    Ok(values(&array)?.into_iter().next().unwrap_or(Value::Null))
}

/// DataFusion's error in our words: ours, if it only carried one.
pub(crate) fn from_datafusion(error: DataFusionError) -> QueryError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<QueryError>() {
            Ok(ours) => *ours,
            Err(other) => match other.downcast::<lake::LakeError>() {
                Ok(lake) => crate::tables::from_lake(*lake),
                Err(other) => match other.downcast::<DataFusionError>() {
                    Ok(nested) => from_datafusion(*nested),
                    Err(other) => QueryError::internal(other),
                },
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        DataFusionError::Shared(inner) => match Arc::try_unwrap(inner) {
            Ok(inner) => from_datafusion(inner),
            Err(shared) => from_shared(&shared),
        },
        DataFusionError::Collection(mut all) if !all.is_empty() => from_datafusion(all.remove(0)),
        DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
        DataFusionError::ResourcesExhausted(message) => {
            QueryError::new("EXCEEDED_LOCAL_MEMORY_LIMIT", format!("Query exceeded per-node memory limit: {message}"))
        }
        DataFusionError::NotImplemented(message) => QueryError::not_supported(message),
        DataFusionError::Plan(message) if message.contains("orrelated") => {
            QueryError::not_supported(format!("Given correlated subquery is not supported: {message}"))
        }
        other => QueryError::internal(other),
    }
}

fn from_shared(error: &DataFusionError) -> QueryError {
    match error {
        DataFusionError::External(inner) => {
            match (inner.downcast_ref::<QueryError>(), inner.downcast_ref::<lake::LakeError>()) {
                (Some(ours), _) => ours.clone(),
                (_, Some(lake)) => crate::tables::from_lake_ref(lake),
                _ => QueryError::internal(inner),
            }
        }
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_shared(inner),
        DataFusionError::Shared(inner) => from_shared(inner),
        DataFusionError::ResourcesExhausted(message) => {
            QueryError::new("EXCEEDED_LOCAL_MEMORY_LIMIT", format!("Query exceeded per-node memory limit: {message}"))
        }
        other => QueryError::internal(other),
    }
}

fn from_arrow(error: ArrowError) -> QueryError {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<QueryError>() {
            Ok(ours) => *ours,
            Err(other) => match other.downcast::<DataFusionError>() {
                Ok(nested) => from_datafusion(*nested),
                Err(other) => QueryError::internal(other),
            },
        },
        ArrowError::DivideByZero => crate::analyze::division_by_zero(),
        other => QueryError::internal(other),
    }
}

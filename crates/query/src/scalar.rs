//! Our scalar functions as DataFusion sees them.

use std::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::{array::ArrayRef, datatypes::DataType};
use datafusion::{
    common::{DataFusionError, Result as PlanResult, ScalarValue},
    logical_expr::{
        ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, expr::ScalarFunction,
    },
};

use crate::{
    error::QueryError,
    value::{Value, build, values},
};

/// A function of one row's values.
pub(crate) type RowFunction = Arc<dyn Fn(&[Value]) -> Result<Value, QueryError> + Send + Sync>;
/// A function of whole columns; the number is their length.
pub(crate) type ColumnFunction = Arc<dyn Fn(&[ArrayRef], usize) -> Result<ArrayRef, QueryError> + Send + Sync>;

/// How a function computes.
#[derive(Clone)]
pub(crate) enum Body {
    /// Row by row. NULL arguments make NULL without a call when `strict`.
    Rows { strict: bool, function: RowFunction },
    /// Column by column.
    Columns(ColumnFunction),
}

/// A function with its types settled.
struct Scalar {
    name: String,
    /// Tells functions of one name apart: types, lambda bodies.
    key: String,
    returns: DataType,
    signature: Signature,
    body: Body,
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.key == other.key && self.returns == other.returns
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.key.hash(state);
    }
}

/// Carries an error of ours through DataFusion.
pub(crate) fn through(error: QueryError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl ScalarUDFImpl for Scalar {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> PlanResult<DataType> {
        Ok(self.returns.clone())
    }

    fn coerce_types(&self, types: &[DataType]) -> PlanResult<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let constant = self.signature.volatility != Volatility::Volatile
            && args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|argument| argument.to_array(rows)).collect::<PlanResult<Vec<_>>>()?;
        let result = compute(&self.body, &arrays, rows, &self.returns).map_err(through)?;
        if constant {
            ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar)
        } else {
            Ok(ColumnarValue::Array(result))
        }
    }
}

fn compute(body: &Body, arrays: &[ArrayRef], rows: usize, returns: &DataType) -> Result<ArrayRef, QueryError> {
    match body {
        Body::Columns(function) => function(arrays, rows),
        Body::Rows { strict, function } => {
            let mut columns = arrays.iter().map(|array| values(array)).collect::<Result<Vec<_>, _>>()?;
            let mut row = vec![Value::Null; columns.len()];
            let mut results = Vec::with_capacity(rows);
            for at in 0..rows {
                let mut null = false;
                for (cell, column) in row.iter_mut().zip(&mut columns) {
                    *cell = std::mem::replace(&mut column[at], Value::Null);
                    null |= cell.is_null();
                }
                results.push(if *strict && null { Value::Null } else { function(&row)? });
            }
            build(&results, returns)
        }
    }
}

/// A call of a function whose types are settled.
pub(crate) fn call(
    name: &str,
    key: String,
    returns: DataType,
    volatile: bool,
    body: Body,
    arguments: Vec<Expr>,
) -> Expr {
    let volatility = if volatile { Volatility::Volatile } else { Volatility::Immutable };
    let signature =
        if arguments.is_empty() { Signature::nullary(volatility) } else { Signature::user_defined(volatility) };
    let scalar = Scalar { name: name.to_owned(), key, returns, signature, body };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::new_from_impl(scalar)), arguments))
}

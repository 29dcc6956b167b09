//! Conditions that an Iceberg scan can use to leave out files and row groups. Every row is tested again above it.

use datafusion::{
    common::ScalarValue,
    logical_expr::{BinaryExpr, Expr, Operator},
};
use lake::iceberg::{Predicate, expr::Reference, spec::Datum};

use crate::{analyze::TableColumn, types::Type};

/// What of the condition an Iceberg scan understands: comparisons of columns with constants, and their conjunctions.
pub(super) fn predicate(filter: &Expr, columns: &[TableColumn]) -> Option<Predicate> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (predicate(left, columns), predicate(right, columns)) {
                (Some(left), Some(right)) => Some(left.and(right)),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
            (Expr::Column(column), Expr::Literal(value, _)) => compare(&column.name, *op, value, columns),
            (Expr::Literal(value, _), Expr::Column(column)) => compare(&column.name, op.swap()?, value, columns),
            _ => None,
        },
        Expr::IsNotNull(of) => match &**of {
            Expr::Column(column) => {
                known(&column.name, columns)?;
                Some(Reference::new(&column.name).is_not_null())
            }
            _ => None,
        },
        _ => None,
    }
}

fn known<'a>(name: &str, columns: &'a [TableColumn]) -> Option<&'a Type> {
    let column = columns.iter().find(|column| column.name == name && !name.starts_with('$'))?;
    Some(&column.ty)
}

fn compare(name: &str, op: Operator, value: &ScalarValue, columns: &[TableColumn]) -> Option<Predicate> {
    let value = match (known(name, columns)?, value) {
        (Type::Boolean, ScalarValue::Boolean(Some(value))) => Datum::bool(*value),
        (Type::Integer, ScalarValue::Int32(Some(value))) => Datum::int(*value),
        (Type::BigInt, ScalarValue::Int64(Some(value))) => Datum::long(*value),
        (Type::Varchar(_), ScalarValue::Utf8(Some(value))) => Datum::string(value),
        (Type::Date, ScalarValue::Date32(Some(value))) => Datum::date(*value),
        (Type::Timestamp(_), ScalarValue::TimestampMicrosecond(Some(value), None)) => Datum::timestamp_micros(*value),
        _ => return None,
    };
    let column = Reference::new(name);
    Some(match op {
        Operator::Eq => column.equal_to(value),
        Operator::Lt => column.less_than(value),
        Operator::LtEq => column.less_than_or_equal_to(value),
        Operator::Gt => column.greater_than(value),
        Operator::GtEq => column.greater_than_or_equal_to(value),
        _ => return None,
    })
}

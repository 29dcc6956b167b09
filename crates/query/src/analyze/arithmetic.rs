//! `+ - * / %`: numbers with Trino's precision and overflow errors, dates with intervals.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef},
    compute::kernels::numeric,
    datatypes::i256,
    error::ArrowError,
};
use athena_sql::{BinaryOperator, Pos};
use chrono::Months;
use datafusion::logical_expr::Expr;

use super::{Typed, expression::mismatch};
use crate::{
    cast::cast,
    error::QueryError,
    parse_value::fits,
    scalar::{Body, call},
    text::{decimal, to_date, to_datetime},
    types::{Type, common},
    value::{Value, values},
};

fn rows(
    name: &str,
    ty: Type,
    key: String,
    arguments: Vec<Expr>,
    function: impl Fn(&[Value]) -> Result<Value, QueryError> + Send + Sync + 'static,
) -> Typed {
    let body = Body::Rows { strict: true, function: Arc::new(function) };
    Typed::new(call(name, key, ty.arrow(), false, body, arguments), ty)
}

pub(crate) fn overflow(message: impl std::fmt::Display) -> QueryError {
    QueryError::new("NUMERIC_VALUE_OUT_OF_RANGE", message.to_string())
}

pub(crate) fn division_by_zero() -> QueryError {
    QueryError::new("DIVISION_BY_ZERO", "Division by zero")
}

/// `-a`.
pub(crate) fn negative(operand: Typed, pos: Pos) -> Result<Typed, QueryError> {
    let ty = operand.ty.clone();
    let key = ty.to_string();
    match &ty {
        Type::Unknown => Ok(operand),
        _ if ty.is_numeric() || matches!(ty, Type::IntervalDayTime | Type::IntervalYearMonth) => {
            let name = key.clone();
            Ok(rows("negative", ty, key, vec![operand.expr], move |row| {
                Ok(match &row[0] {
                    Value::Int(number) => Value::Int(
                        number.checked_neg().ok_or_else(|| overflow(format!("{name} negation overflow: {number}")))?,
                    ),
                    Value::Double(number) => Value::Double(-number),
                    Value::Decimal(number) => Value::Decimal(-number),
                    other => other.clone(),
                })
            }))
        }
        other => Err(mismatch(pos, format!("Cannot negate {other}"))),
    }
}

/// `a op b`.
pub(crate) fn binary(left: Typed, operator: BinaryOperator, right: Typed, pos: Pos) -> Result<Typed, QueryError> {
    let (mut left, mut right) = (left, right);
    // NULL takes the other side's type.
    if left.ty == Type::Unknown && right.ty.is_numeric() {
        left = Typed::new(cast(left.expr, &left.ty, &right.ty, false), right.ty.clone());
    }
    if right.ty == Type::Unknown && left.ty.is_numeric() {
        right = Typed::new(cast(right.expr, &right.ty, &left.ty, false), left.ty.clone());
    }
    if left.ty.is_numeric() && right.ty.is_numeric() {
        let ty = common(&left.ty, &right.ty).unwrap_or(Type::Double);
        if let Type::Decimal(..) = ty {
            return decimals(left, operator, right);
        }
        let sides = [cast(left.expr, &left.ty, &ty, false), cast(right.expr, &right.ty, &ty, false)];
        return Ok(plain(operator, ty, sides.into()));
    }
    times(&left, operator, &right)
        .ok_or_else(|| mismatch(pos, format!("Cannot apply operator: {} {} {}", left.ty, operator.symbol(), right.ty)))
}

fn word(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "addition",
        BinaryOperator::Subtract => "subtraction",
        BinaryOperator::Multiply => "multiplication",
        BinaryOperator::Divide => "division",
        _ => "modulus",
    }
}

/// Integers and floating-point numbers of one type.
fn plain(operator: BinaryOperator, ty: Type, sides: Vec<Expr>) -> Typed {
    let name = ty.to_string();
    let function = move |arrays: &[ArrayRef], _: usize| -> Result<ArrayRef, QueryError> {
        let (a, b) = (&arrays[0], &arrays[1]);
        let result = match operator {
            BinaryOperator::Add => numeric::add(a, b),
            BinaryOperator::Subtract => numeric::sub(a, b),
            BinaryOperator::Multiply => numeric::mul(a, b),
            BinaryOperator::Divide => numeric::div(a, b),
            _ => numeric::rem(a, b),
        };
        result.map_err(|error| match error {
            ArrowError::DivideByZero => division_by_zero(),
            _ => overflow(culprit(a, operator, b, &name)),
        })
    };
    let key = format!("{} {ty}", operator.symbol());
    let body = Body::Columns(Arc::new(function));
    Typed::new(call(word(operator), key, ty.arrow(), false, body, sides), ty)
}

/// Trino names the operands that overflow.
fn culprit(a: &ArrayRef, operator: BinaryOperator, b: &ArrayRef, ty: &str) -> String {
    let (bits, all) = (8 * a.data_type().primitive_width().unwrap_or(8) as u32, (values(a), values(b)));
    if let (Ok(a), Ok(b)) = all {
        let limit = 1_i128 << (bits - 1);
        for (x, y) in a.iter().zip(&b).filter(|(x, y)| !x.is_null() && !y.is_null()) {
            let (m, n) = (i128::from(x.int()), i128::from(y.int()));
            let result = match operator {
                BinaryOperator::Add => m + n,
                BinaryOperator::Subtract => m - n,
                BinaryOperator::Multiply => m * n,
                _ if n != 0 => m / n,
                _ => 0,
            };
            if result < -limit || result >= limit {
                return format!("{ty} {} overflow: {m} {} {n}", word(operator), operator.symbol());
            }
        }
    }
    format!("{ty} {} overflow", word(operator))
}

/// Decimals: Trino's result types, halves rounded up. Source: Trino documentation, "Decimal functions and operators".
fn decimals(left: Typed, operator: BinaryOperator, right: Typed) -> Result<Typed, QueryError> {
    let none = || QueryError::internal("decimal arithmetic of other types");
    let (p1, s1) = left.ty.as_decimal().ok_or_else(none)?;
    let (p2, s2) = right.ty.as_decimal().ok_or_else(none)?;
    let (precision, scale) = match operator {
        BinaryOperator::Add | BinaryOperator::Subtract => ((p1 - s1).max(p2 - s2) + s1.max(s2) + 1, s1.max(s2)),
        BinaryOperator::Multiply => (p1 + p2, s1 + s2),
        BinaryOperator::Divide => (p1 + s2 + s2.saturating_sub(s1), s1.max(s2)),
        _ => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
    };
    if scale > 38 {
        return Err(QueryError::new(
            "INVALID_PARAMETER_USAGE",
            format!("DECIMAL scale must be in range [0, precision (38)]: {scale}"),
        ));
    }
    let ty = Type::Decimal(precision.min(38), scale);
    let sides = [(&left, (p1, s1)), (&right, (p2, s2))];
    let sides = sides
        .into_iter()
        .map(|(side, (p, s))| cast(side.expr.clone(), &side.ty, &Type::Decimal(p, s), false))
        .collect();
    let key = format!("{} {} {}", left.ty, operator.symbol(), right.ty);
    let limit = precision.min(38);
    Ok(rows("decimal", ty, key, sides, move |row| {
        let (Value::Decimal(a), Value::Decimal(b)) = (&row[0], &row[1]) else { return Ok(Value::Null) };
        let wide = |number: i128, places: u8| i256::from_i128(number).checked_mul(power(places));
        let result = match operator {
            BinaryOperator::Add | BinaryOperator::Subtract | BinaryOperator::Modulo => {
                let (a, b) = (wide(*a, scale - s1), wide(*b, scale - s2));
                a.zip(b).and_then(|(a, b)| match operator {
                    BinaryOperator::Add => a.checked_add(b),
                    BinaryOperator::Subtract => a.checked_sub(b),
                    _ => a.checked_rem(b),
                })
            }
            BinaryOperator::Multiply => i256::from_i128(*a).checked_mul(i256::from_i128(*b)),
            _ => {
                let divisor = i256::from_i128(*b);
                wide(*a, scale + s2 - s1).and_then(|dividend| half_up(dividend, divisor))
            }
        };
        if *b == 0 && matches!(operator, BinaryOperator::Divide | BinaryOperator::Modulo) {
            return Err(division_by_zero());
        }
        let result = result.and_then(i256::to_i128).filter(|number| fits(*number, limit));
        result.map(Value::Decimal).ok_or_else(|| {
            let (x, y) = (decimal(*a, s1), decimal(*b, s2));
            overflow(format!("Decimal overflow: {x} {} {y}", operator.symbol()))
        })
    }))
}

fn power(places: u8) -> i256 {
    i256::from_i128(10).wrapping_pow(u32::from(places))
}

fn half_up(dividend: i256, divisor: i256) -> Option<i256> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?;
    let twice = rest.wrapping_abs().checked_mul(i256::from_i128(2))?;
    if twice < divisor.wrapping_abs() {
        return Some(quotient);
    }
    let one = if dividend.is_negative() == divisor.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    quotient.checked_add(one)
}

/// A date some months later; the last day of the month when there is no such day.
pub(crate) fn add_months(days: i64, months: i64) -> Option<i64> {
    let date = to_date(days);
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    let moved = if months < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) }?;
    Some(moved.signed_duration_since(chrono::NaiveDate::default()).num_days())
}

/// The same for microseconds.
pub(crate) fn add_months_to(microseconds: i64, months: i64) -> Option<i64> {
    let day = microseconds.div_euclid(86_400_000_000);
    Some(add_months(day, months)? * 86_400_000_000 + microseconds.rem_euclid(86_400_000_000))
}

/// Dates, times, timestamps, intervals.
fn times(left: &Typed, operator: BinaryOperator, right: &Typed) -> Option<Typed> {
    use BinaryOperator::{Add, Divide, Multiply, Subtract};
    use Type::{Date, Double, IntervalDayTime as Days, IntervalYearMonth as Months, Time, Timestamp, TimestampTz};
    let sign = if operator == Subtract { -1 } else { 1 };
    let key = format!("{} {} {}", left.ty, operator.symbol(), right.ty);
    let both = vec![left.expr.clone(), right.expr.clone()];
    let moved = |ty: Type, expr: Vec<Expr>, month: bool, unit: i64| {
        let range = || overflow("timestamp out of range");
        rows("move", ty.clone(), key.clone(), expr, move |row| {
            let (at, by) = (row[0].int(), row[1].int().checked_mul(sign).ok_or_else(range)?);
            Ok(Value::Int(match (&ty, month) {
                (Date, true) => add_months(at, by).ok_or_else(range)?,
                (Date, false) => {
                    if by % 86_400_000 != 0 {
                        let message = "Cannot add hour, minutes or seconds to a date";
                        return Err(QueryError::new("INVALID_FUNCTION_ARGUMENT", message));
                    }
                    // Days are kept in 32 bits.
                    let day = at.checked_add(by / 86_400_000).ok_or_else(range)?;
                    i64::from(i32::try_from(day).map_err(|_| range())?)
                }
                (TimestampTz(_, zone), true) => {
                    let local = add_months_to(crate::text::local(at, zone), by).ok_or_else(range)?;
                    crate::zone::instant(to_datetime(local), zone)
                }
                (_, true) => add_months_to(at, by).ok_or_else(range)?,
                (Time(_), false) => (at + by % 86_400_000 * unit).rem_euclid(86_400_000_000),
                (_, false) => at.checked_add(by.checked_mul(unit).ok_or_else(range)?).ok_or_else(range)?,
            }))
        })
    };
    match (&left.ty, operator, &right.ty) {
        (Date | Timestamp(_) | TimestampTz(..) | Time(_), Add | Subtract, Days | Months) => {
            Some(moved(wider(&left.ty, &right.ty), both, right.ty == Months, 1000))
        }
        (Days | Months, Add, Date | Timestamp(_) | TimestampTz(..) | Time(_)) => {
            let swapped = vec![right.expr.clone(), left.expr.clone()];
            Some(moved(wider(&right.ty, &left.ty), swapped, left.ty == Months, 1000))
        }
        (Date, Subtract, Date) => Some(rows("difference", Days, key.clone(), both, |row| {
            Ok(Value::Int((row[0].int() - row[1].int()) * 86_400_000))
        })),
        (Date | Timestamp(_) | TimestampTz(..), Subtract, Date | Timestamp(_) | TimestampTz(..)) => {
            let ty = common(&left.ty, &right.ty)?;
            let sides =
                vec![cast(left.expr.clone(), &left.ty, &ty, false), cast(right.expr.clone(), &right.ty, &ty, false)];
            Some(rows("difference", Days, key.clone(), sides, |row| {
                Ok(Value::Int((row[0].int() - row[1].int()) / 1000))
            }))
        }
        (Days, Add | Subtract, Days) | (Months, Add | Subtract, Months) => {
            Some(rows("sum", left.ty.clone(), key.clone(), both, move |row| {
                let sum = row[1].int().checked_mul(sign).and_then(|by| row[0].int().checked_add(by));
                Ok(Value::Int(sum.ok_or_else(|| overflow("interval out of range"))?))
            }))
        }
        (Days | Months, Multiply | Divide, other) if other.is_numeric() => {
            let sides = vec![left.expr.clone(), cast(right.expr.clone(), other, &Double, false)];
            Some(rows("scale", left.ty.clone(), key.clone(), sides, move |row| {
                let (size, by) = (row[0].int() as f64, row[1].double());
                if operator == Divide && by == 0.0 {
                    return Err(division_by_zero());
                }
                Ok(Value::Int(if operator == Divide { size / by } else { size * by } as i64))
            }))
        }
        (other, Multiply, Days | Months) if other.is_numeric() => times(right, Multiply, left),
        _ => None,
    }
}

/// A timestamp moved by milliseconds has at least milliseconds.
fn wider(ty: &Type, by: &Type) -> Type {
    match (ty, by) {
        (Type::Timestamp(precision), Type::IntervalDayTime) => Type::Timestamp((*precision).max(3)),
        (Type::TimestampTz(precision, zone), Type::IntervalDayTime) => {
            Type::TimestampTz((*precision).max(3), Arc::clone(zone))
        }
        (Type::Time(precision), _) => Type::Time((*precision).max(3)),
        _ => ty.clone(),
    }
}

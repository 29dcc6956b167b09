//! Arithmetic: Python's operators over numbers, texts, containers, dates.

use std::sync::Arc;

use chrono::{Days, NaiveDateTime, TimeDelta};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, Pow, Signed, ToPrimitive, Zero};

use super::{DateTime, Decimal, Value};
use crate::{Error, ErrorKind, Result};

/// A text, list or number may not grow beyond this many bytes, items or bits in one operation.
const MAX_SIZE: usize = 100_000_000;

/// An integer may not grow beyond this many bits; twice what Python still prints.
const MAX_BITS: u64 = 32_768;

/// Decimal digits that may be read as an integer, as in Python.
const MAX_DIGITS: usize = 4300;

/// Reads the digits of an integer.
///
/// # Errors
/// Python's sentence for too many digits; `None` for what are no digits.
pub(crate) fn parse_digits(digits: &str, radix: u32) -> Result<Option<BigInt>, String> {
    if digits.len() > MAX_DIGITS {
        return Err(format!(
            "Exceeds the limit ({MAX_DIGITS} digits) for integer string conversion: value has {} digits; use \
             sys.set_int_max_str_digits() to increase the limit",
            digits.len()
        ));
    }
    Ok(BigInt::parse_bytes(digits.as_bytes(), radix))
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Operator {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::FloorDivide => "//",
            Operator::Remainder => "%",
            Operator::Power => "**",
        }
    }
}

impl Value {
    pub(crate) fn from_big(number: BigInt) -> Value {
        match number.to_i64() {
            Some(small) => Value::Int(small),
            None => Value::BigInt(Arc::new(number)),
        }
    }

    pub(crate) fn to_big(&self) -> Option<BigInt> {
        match self {
            Value::Int(number) => Some(BigInt::from(*number)),
            Value::Bool(flag) => Some(BigInt::from(i64::from(*flag))),
            Value::BigInt(number) => Some(number.as_ref().clone()),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            Value::Int(number) => Some(*number as f64),
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::BigInt(number) => number.to_f64(),
            Value::Decimal(number) => Some(number.to_f64()),
            _ => None,
        }
    }

    fn to_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Decimal(number) => Some(number.as_ref().clone()),
            _ => self.to_big().map(Decimal::from),
        }
    }

    pub(crate) fn operate(&self, operator: Operator, other: &Value) -> Result<Value> {
        use Operator::{Add, Multiply, Remainder, Subtract};
        let fast = match (operator, self, other) {
            (Add, Value::Int(a), Value::Int(b)) => a.checked_add(*b).map(Value::Int),
            (Subtract, Value::Int(a), Value::Int(b)) => a.checked_sub(*b).map(Value::Int),
            (Multiply, Value::Int(a), Value::Int(b)) => a.checked_mul(*b).map(Value::Int),
            _ => None,
        };
        if let Some(result) = fast {
            return Ok(result);
        }
        match (operator, self, other) {
            (Add, Value::Str(a), Value::Str(b)) => {
                check_size(a.len() + b.len())?;
                let mut text = String::with_capacity(a.len() + b.len());
                text.push_str(a);
                text.push_str(b);
                Ok(Value::Str(text.into()))
            }
            (Remainder, Value::Str(text), _) => crate::format::percent(text, other),
            (_, Value::Undefined(undefined), _) | (_, _, Value::Undefined(undefined)) => Err(undefined.error()),
            _ if self.is_number() && other.is_number() => self.operate_numbers(operator, other),
            _ => match self.operate_others(operator, other) {
                Some(result) => result,
                None => Err(self.unsupported(operator, other)),
            },
        }
    }

    fn unsupported(&self, operator: Operator, other: &Value) -> Error {
        if operator == Operator::Add {
            match self {
                Value::Str(_) => {
                    return Error::type_error(format!(
                        "can only concatenate str (not \"{}\") to str",
                        other.type_name()
                    ));
                }
                Value::List(_) | Value::Tuple(_) => {
                    return Error::type_error(format!(
                        "can only concatenate {kind} (not \"{}\") to {kind}",
                        other.type_name(),
                        kind = self.type_name(),
                    ));
                }
                _ => {}
            }
        }
        if operator == Operator::Multiply {
            for (sequence, by) in [(self, other), (other, self)] {
                if matches!(sequence, Value::Str(_) | Value::List(_) | Value::Tuple(_)) {
                    return Error::type_error(format!(
                        "can't multiply sequence by non-int of type '{}'",
                        by.type_name()
                    ));
                }
            }
        }
        let symbol = if operator == Operator::Power { "** or pow()" } else { operator.symbol() };
        Error::type_error(format!(
            "unsupported operand type(s) for {symbol}: '{}' and '{}'",
            self.type_name(),
            other.type_name()
        ))
    }

    fn operate_numbers(&self, operator: Operator, other: &Value) -> Result<Value> {
        match (self, other) {
            (Value::Float(_), Value::Decimal(_)) | (Value::Decimal(_), Value::Float(_)) => {
                Err(self.unsupported(operator, other))
            }
            (Value::Float(_), _) | (_, Value::Float(_)) => {
                let too_large = || Error::new(ErrorKind::Overflow, "int too large to convert to float");
                let a = self.as_f64().filter(|_| self.fits_float()).ok_or_else(too_large)?;
                let b = other.as_f64().filter(|_| other.fits_float()).ok_or_else(too_large)?;
                operate_floats(operator, a, b)
            }
            (Value::Decimal(_), _) | (_, Value::Decimal(_)) => {
                let (Some(a), Some(b)) = (self.to_decimal(), other.to_decimal()) else {
                    return Err(self.unsupported(operator, other));
                };
                operate_decimals(operator, &a, &b)
            }
            _ => self.operate_integers(operator, other),
        }
    }

    fn fits_float(&self) -> bool {
        match self {
            Value::BigInt(number) => number.bits() <= 1024,
            _ => true,
        }
    }

    fn operate_integers(&self, operator: Operator, other: &Value) -> Result<Value> {
        let zero = |message: &str| Err(Error::new(ErrorKind::ZeroDivision, message));
        if let (Some(a), Some(b)) = (self.as_i64(), other.as_i64()) {
            let quick = match operator {
                Operator::Add => a.checked_add(b),
                Operator::Subtract => a.checked_sub(b),
                Operator::Multiply => a.checked_mul(b),
                Operator::Divide if b == 0 => return zero("division by zero"),
                Operator::Divide => return Ok(Value::Float(a as f64 / b as f64)),
                Operator::FloorDivide if b == 0 => return zero("integer division or modulo by zero"),
                Operator::Remainder if b == 0 => return zero("integer modulo by zero"),
                Operator::FloorDivide => {
                    a.checked_div(b).map(|q| if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
                }
                Operator::Remainder => a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }),
                Operator::Power if b < 0 && a == 0 => return zero("0.0 cannot be raised to a negative power"),
                Operator::Power if b < 0 => return Ok(Value::Float((a as f64).powf(b as f64))),
                Operator::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            };
            if let Some(result) = quick {
                return Ok(Value::Int(result));
            }
        }
        let (Some(a), Some(b)) = (self.to_big(), other.to_big()) else {
            return Err(self.unsupported(operator, other));
        };
        let floor = |a: &BigInt, b: &BigInt| {
            let (quotient, remainder) = (a / b, a % b);
            if !remainder.is_zero() && remainder.is_negative() != b.is_negative() {
                (quotient - 1, remainder + b)
            } else {
                (quotient, remainder)
            }
        };
        Ok(Value::from_big(match operator {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => {
                check_bits(a.bits() + b.bits())?;
                a * b
            }
            Operator::Divide if b.is_zero() => return zero("division by zero"),
            Operator::Divide => {
                // As many bits as a float has and a few more, so that it is rounded once.
                let shift = (66 + b.bits()).saturating_sub(a.bits());
                let scaled: BigInt = &a << shift;
                let sticky: BigInt = if (&scaled % &b).is_zero() { BigInt::from(0) } else { BigInt::from(1) };
                let quotient: BigInt = (&scaled / &b) * 2 + sticky;
                let exponent = i32::try_from(shift).unwrap_or(i32::MAX).saturating_add(1);
                return match quotient.to_f64().filter(|quotient| quotient.is_finite()) {
                    Some(quotient) => Ok(Value::Float(quotient * 2_f64.powi(-exponent))),
                    None => Err(Error::new(ErrorKind::Overflow, "integer division result too large for a float")),
                };
            }
            Operator::FloorDivide if b.is_zero() => return zero("integer division or modulo by zero"),
            Operator::Remainder if b.is_zero() => return zero("integer modulo by zero"),
            Operator::FloorDivide => floor(&a, &b).0,
            Operator::Remainder => floor(&a, &b).1,
            Operator::Power => {
                let Some(exponent) = b.to_u32() else {
                    return match (a.to_f64(), b.to_f64()) {
                        (Some(a), Some(b)) if b < 0.0 => Ok(Value::Float(a.powf(b))),
                        _ => Err(Error::new(ErrorKind::Overflow, "the result of ** is too large")),
                    };
                };
                check_bits(a.bits().saturating_mul(u64::from(exponent)))?;
                Pow::pow(a, exponent)
            }
        }))
    }

    fn operate_others(&self, operator: Operator, other: &Value) -> Option<Result<Value>> {
        use Operator::{Add, Divide, FloorDivide, Multiply, Subtract};
        Some(match (operator, self, other) {
            (Add, Value::List(a), Value::List(b)) => {
                let mut items = a.items();
                items.extend(b.items());
                check_size(items.len()).map(|()| Value::list(items))
            }
            (Add, Value::Tuple(a), Value::Tuple(b)) => {
                check_size(a.len() + b.len()).map(|()| Value::tuple(a.iter().chain(b.iter()).cloned().collect()))
            }
            (Multiply, Value::Str(_) | Value::List(_) | Value::Tuple(_), Value::Int(_) | Value::Bool(_)) => {
                repeat(self, other.as_i64()?)
            }
            (Multiply, Value::Int(_) | Value::Bool(_), Value::Str(_) | Value::List(_) | Value::Tuple(_)) => {
                repeat(other, self.as_i64()?)
            }
            (Add, Value::Bytes(a), Value::Bytes(b)) => Ok(Value::Bytes([&**a, &**b].concat().into())),
            (Subtract, Value::Set(a), Value::Set(b)) => {
                let other = b.items();
                let kept = a.read().iter().filter(|key| !other.contains(key.value())).cloned().collect();
                Ok(Value::Set(super::Set::new(kept)))
            }
            (Add, Value::Date(date), Value::TimeDelta(delta)) | (Add, Value::TimeDelta(delta), Value::Date(date)) => {
                shift_date(*date, *delta)
            }
            (Subtract, Value::Date(date), Value::TimeDelta(delta)) => shift_date(*date, -*delta),
            (Subtract, Value::Date(a), Value::Date(b)) => Ok(Value::TimeDelta(*a - *b)),
            (Add, Value::DateTime(time), Value::TimeDelta(delta))
            | (Add, Value::TimeDelta(delta), Value::DateTime(time)) => shift_time(time, *delta),
            (Subtract, Value::DateTime(time), Value::TimeDelta(delta)) => shift_time(time, -*delta),
            (Subtract, Value::DateTime(a), Value::DateTime(b)) => match (a.utc(), b.utc()) {
                (Some(a), Some(b)) => Ok(Value::TimeDelta(a - b)),
                (None, None) => Ok(Value::TimeDelta(a.local - b.local)),
                _ => Err(Error::type_error("can't subtract offset-naive and offset-aware datetimes")),
            },
            (Add, Value::TimeDelta(a), Value::TimeDelta(b)) => delta(a.checked_add(b)),
            (Subtract, Value::TimeDelta(a), Value::TimeDelta(b)) => delta(a.checked_sub(b)),
            (Multiply, Value::TimeDelta(a), Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
                delta(scale(*a, other.as_f64()?))
            }
            (Multiply, Value::Int(_) | Value::Float(_) | Value::Bool(_), Value::TimeDelta(a)) => {
                delta(scale(*a, self.as_f64()?))
            }
            (Divide, Value::TimeDelta(a), Value::TimeDelta(b)) => match b.num_microseconds()? {
                0 => Err(Error::new(ErrorKind::ZeroDivision, "division by zero")),
                b => Ok(Value::Float(a.num_microseconds()? as f64 / b as f64)),
            },
            (FloorDivide, Value::TimeDelta(a), Value::TimeDelta(b)) => match b.num_microseconds()? {
                0 => Err(Error::new(ErrorKind::ZeroDivision, "integer division or modulo by zero")),
                b => Value::Int(a.num_microseconds()?).operate_integers(FloorDivide, &Value::Int(b)),
            },
            (Divide, Value::TimeDelta(a), Value::Int(_) | Value::Float(_)) => match other.as_f64()? {
                0.0 => Err(Error::new(ErrorKind::ZeroDivision, "division by zero")),
                by => delta(scale(*a, 1.0 / by)),
            },
            (_, Value::Object(object), other) if object.operate(operator.symbol(), other, false).is_some() => {
                return object.operate(operator.symbol(), other, false);
            }
            (_, other, Value::Object(object)) => return object.operate(operator.symbol(), other, true),
            _ => return None,
        })
    }

    pub(crate) fn negate(&self) -> Result<Value> {
        Ok(match self {
            Value::Int(number) => match number.checked_neg() {
                Some(number) => Value::Int(number),
                None => Value::from_big(-BigInt::from(*number)),
            },
            Value::Bool(flag) => Value::Int(-i64::from(*flag)),
            Value::BigInt(number) => Value::from_big(-number.as_ref()),
            Value::Float(number) => Value::Float(-number),
            Value::Decimal(number) => number.negate().into(),
            Value::TimeDelta(delta) => Value::TimeDelta(-*delta),
            Value::Undefined(undefined) => return Err(undefined.error()),
            _ => {
                return Err(Error::type_error(format!("bad operand type for unary -: '{}'", self.type_name())));
            }
        })
    }

    pub(crate) fn positive(&self) -> Result<Value> {
        Ok(match self {
            Value::Bool(flag) => Value::Int(i64::from(*flag)),
            Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Decimal(_) | Value::TimeDelta(_) => {
                self.clone()
            }
            Value::Undefined(undefined) => return Err(undefined.error()),
            _ => {
                return Err(Error::type_error(format!("bad operand type for unary +: '{}'", self.type_name())));
            }
        })
    }
}

fn check_bits(bits: u64) -> Result<()> {
    if bits > MAX_BITS {
        return Err(Error::new(ErrorKind::Overflow, "the integer is too large for a template"));
    }
    Ok(())
}

/// An error for what has grown beyond all that a template can mean.
pub(crate) fn check_size(size: usize) -> Result<()> {
    if size > MAX_SIZE {
        return Err(Error::new(ErrorKind::Overflow, "the result is too large for a template"));
    }
    Ok(())
}

fn repeat(sequence: &Value, times: i64) -> Result<Value> {
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    let check = |length: usize| check_size(length.saturating_mul(times));
    Ok(match sequence {
        Value::Str(text) => {
            check(text.len())?;
            Value::Str(text.repeat(times).into())
        }
        _ => {
            let items = sequence.items()?;
            check(items.len().saturating_mul(8))?;
            let mut repeated = Vec::with_capacity(items.len() * times);
            for _ in 0..times {
                repeated.extend(items.iter().cloned());
            }
            if matches!(sequence, Value::List(_)) { Value::list(repeated) } else { Value::tuple(repeated) }
        }
    })
}

fn operate_floats(operator: Operator, a: f64, b: f64) -> Result<Value> {
    let zero = |message: &str| Err(Error::new(ErrorKind::ZeroDivision, message));
    Ok(Value::Float(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide if b == 0.0 => return zero("float division by zero"),
        Operator::Divide => a / b,
        Operator::FloorDivide if b == 0.0 => return zero("float floor division by zero"),
        Operator::FloorDivide => ((a - modulo(a, b)) / b).round(),
        Operator::Remainder if b == 0.0 => return zero("float modulo"),
        Operator::Remainder => modulo(a, b),
        Operator::Power if a == 0.0 && b < 0.0 => return zero("0.0 cannot be raised to a negative power"),
        Operator::Power if a < 0.0 && b.fract() != 0.0 => {
            return Err(Error::value_error("the result of ** is a complex number, which templates do not have"));
        }
        Operator::Power => a.powf(b),
    }))
}

fn modulo(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    if remainder != 0.0 && (remainder < 0.0) != (b < 0.0) {
        remainder + b
    } else {
        remainder.abs().copysign(if remainder == 0.0 { b } else { remainder })
    }
}

fn operate_decimals(operator: Operator, a: &Decimal, b: &Decimal) -> Result<Value> {
    let zero = || Error::new(ErrorKind::ZeroDivision, "[<class 'decimal.DivisionByZero'>]");
    Ok(match operator {
        Operator::Add => a.add(b),
        Operator::Subtract => a.subtract(b),
        Operator::Multiply => a.multiply(b),
        Operator::Divide => a.divide(b).ok_or_else(zero)?,
        Operator::FloorDivide => a.divide_whole(b).ok_or_else(zero)?.0,
        Operator::Remainder => a.divide_whole(b).ok_or_else(zero)?.1,
        Operator::Power => match b.to_integer().and_then(|whole| whole.to_i64()) {
            Some(whole @ 0..=1000) => a.power(whole as u32),
            Some(whole @ -1000..0) => {
                Decimal::from(1).divide(&a.power(whole.unsigned_abs() as u32)).ok_or_else(zero)?
            }
            _ => {
                let power = a.to_f64().powf(b.to_f64());
                format!("{power:.15}").parse::<Decimal>().map_err(|error| Error::value_error(error.to_string()))?
            }
        },
    }
    .into())
}

fn shift_date(date: chrono::NaiveDate, delta: TimeDelta) -> Result<Value> {
    let days = super::text::delta_parts(delta).0;
    let amount = Days::new(days.unsigned_abs());
    let shifted = if days < 0 { date.checked_sub_days(amount) } else { date.checked_add_days(amount) };
    shifted.map(Value::Date).ok_or_else(out_of_range)
}

fn shift_time(time: &DateTime, delta: TimeDelta) -> Result<Value> {
    // Arithmetic is on the wall clock, whatever the zone.
    let local: NaiveDateTime = time.local.checked_add_signed(delta).ok_or_else(out_of_range)?;
    Ok(Value::DateTime(Arc::new(DateTime { local, zone: time.zone })))
}

fn delta(delta: Option<TimeDelta>) -> Result<Value> {
    delta.map(Value::TimeDelta).ok_or_else(out_of_range)
}

fn out_of_range() -> Error {
    Error::new(ErrorKind::Overflow, "date value out of range")
}

fn scale(delta: TimeDelta, by: f64) -> Option<TimeDelta> {
    let micros = delta.num_microseconds()? as f64 * by;
    i64::from_f64(micros.round_ties_even()).map(TimeDelta::microseconds)
}

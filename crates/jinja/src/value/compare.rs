//! Equality, order, hashing and membership as Python defines them.

use std::cmp::Ordering;
use std::hash::Hasher;
use std::sync::Arc;

use chrono::{Datelike, Timelike};
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::{Dict, Key, StrKey, Value};
use crate::{Error, Result};

/// Containers nested deeper than this compare as different.
const MAX_DEPTH: u32 = 120;

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        equal(self, other, 0)
    }
}

fn equal(a: &Value, b: &Value, depth: u32) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Undefined(_), Value::Undefined(_)) => true,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Date(a), Value::Date(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::TimeDelta(a), Value::TimeDelta(b)) => a == b,
        (Value::DateTime(a), Value::DateTime(b)) => match (a.utc(), b.utc()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.local == b.local,
            _ => false,
        },
        (Value::List(a), Value::List(b)) => a.is_same(b) || equal_slices(&a.read(), &b.read(), depth),
        (Value::Tuple(a), Value::Tuple(b)) => equal_slices(a, b, depth),
        (Value::Dict(a), Value::Dict(b)) => a.is_same(b) || equal_dicts(a, b, depth),
        (Value::Set(a), Value::Set(b)) => {
            a.is_same(b) || {
                let (a, b) = (a.read(), b.read());
                a.len() == b.len() && a.iter().all(|key| b.contains(key))
            }
        }
        (Value::Object(object), _) => same_object(a, b) || object.eq(b),
        (_, Value::Object(object)) => object.eq(a),
        _ if a.is_number() && b.is_number() => numeric_order(a, b) == Some(Ordering::Equal),
        _ => false,
    }
}

/// Python's `is` for objects.
pub(crate) fn same_object(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => std::ptr::addr_eq(Arc::as_ptr(a), Arc::as_ptr(b)),
        _ => false,
    }
}

fn equal_slices(a: &[Value], b: &[Value], depth: u32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b, depth + 1))
}

fn equal_dicts(a: &Dict, b: &Dict, depth: u32) -> bool {
    let (a, b) = (a.read(), b.read());
    a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other, depth + 1)))
}

/// The order of two numbers, exact between int and float.
pub(super) fn numeric_order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => Some(a.as_ref().cmp(b)),
        (Value::Float(number), _) => float_order(*number, b),
        (_, Value::Float(number)) => float_order(*number, a).map(Ordering::reverse),
        (Value::Decimal(a), _) => Some(a.as_ref().cmp(&super::Decimal::from(b.to_big()?))),
        (_, Value::Decimal(b)) => Some(super::Decimal::from(a.to_big()?).cmp(b)),
        _ => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(a.to_big()?.cmp(&b.to_big()?)),
        },
    }
}

fn float_order(float: f64, other: &Value) -> Option<Ordering> {
    if let Value::Decimal(number) = other {
        return float.partial_cmp(&number.to_f64());
    }
    if !float.is_finite() {
        return float.partial_cmp(&0.0);
    }
    let floor = float.floor();
    let whole = <BigInt as num_traits::FromPrimitive>::from_f64(floor)?;
    match whole.cmp(&other.to_big()?) {
        Ordering::Equal if float > floor => Some(Ordering::Greater),
        order => Some(order),
    }
}

impl Value {
    /// Whether it is an `int`, `bool`, `float` or `Decimal`.
    pub fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::BigInt(_) | Value::Decimal(_))
    }

    /// Python's `<`, `>` …: `None` when one of them is NaN or (for sets) neither contains the other.
    ///
    /// # Errors
    /// `TypeError` when the types have no order.
    pub fn compare(&self, other: &Value, symbol: &str) -> Result<Option<Ordering>> {
        self.compare_at(other, symbol, 0)
    }

    fn compare_at(&self, other: &Value, symbol: &str, depth: u32) -> Result<Option<Ordering>> {
        let order = match (self, other) {
            (Value::Str(a), Value::Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
            (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
            (Value::TimeDelta(a), Value::TimeDelta(b)) => Some(a.cmp(b)),
            (Value::DateTime(a), Value::DateTime(b)) => match (a.utc(), b.utc()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                (None, None) => Some(a.local.cmp(&b.local)),
                _ => return Err(Error::type_error("can't compare offset-naive and offset-aware datetimes")),
            },
            (Value::List(a), Value::List(b)) if a.is_same(b) => Some(Ordering::Equal),
            (Value::List(a), Value::List(b)) => compare_slices(&a.read(), &b.read(), symbol, depth)?,
            (Value::Tuple(a), Value::Tuple(b)) => compare_slices(a, b, symbol, depth)?,
            (Value::Set(a), Value::Set(b)) => {
                let (a, b) = (a.items(), b.items());
                match (a.iter().all(|item| b.contains(item)), b.iter().all(|item| a.contains(item))) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                }
            }
            (Value::Undefined(undefined), _) | (_, Value::Undefined(undefined)) => return Err(undefined.error()),
            (Value::DateTime(_), Value::Date(_)) | (Value::Date(_), Value::DateTime(_)) => {
                return Err(Error::type_error("can't compare datetime.datetime to datetime.date"));
            }
            (Value::Object(object), other) if object.compare(other).is_some() => object.compare(other),
            (other, Value::Object(object)) if object.compare(other).is_some() => {
                object.compare(other).map(Ordering::reverse)
            }
            _ if self.is_number() && other.is_number() => numeric_order(self, other),
            _ => {
                return Err(Error::type_error(format!(
                    "'{symbol}' not supported between instances of '{}' and '{}'",
                    self.type_name(),
                    other.type_name()
                )));
            }
        };
        Ok(order)
    }

    /// Python's `item in self`.
    ///
    /// # Errors
    /// `TypeError` when it is not a container, or a text is searched for something else.
    pub fn contains(&self, item: &Value) -> Result<bool> {
        match self {
            Value::Str(text) => match item {
                Value::Str(part) => Ok(text.contains(&**part)),
                other => Err(Error::type_error(format!(
                    "'in <string>' requires string as left operand, not {}",
                    other.type_name()
                ))),
            },
            Value::List(list) => Ok(list.read().contains(item)),
            Value::Tuple(items) => Ok(items.contains(item)),
            Value::Dict(dict) => match item {
                Value::Str(text) => Ok(dict.read().contains_key(&StrKey(text))),
                _ => Ok(dict.read().contains_key(&Key::new(item.clone())?)),
            },
            Value::Set(set) => match item {
                Value::Str(text) => Ok(set.read().contains(&StrKey(text))),
                _ => Ok(set.read().contains(&Key::new(item.clone())?)),
            },
            Value::Undefined(_) => Ok(false),
            Value::Object(object) => {
                if let Some(found) = object.contains(item) {
                    return Ok(found);
                }
                for candidate in self.iter()? {
                    if candidate? == *item {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Err(Error::type_error(format!("argument of type '{}' is not iterable", self.type_name()))),
        }
    }

    pub(super) fn check_hashable(&self) -> Result<()> {
        self.check_hashable_at(0)
    }

    fn check_hashable_at(&self, depth: u32) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::new(crate::ErrorKind::Recursion, "maximum recursion depth exceeded"));
        }
        match self {
            Value::List(_) | Value::Dict(_) | Value::Set(_) => {
                Err(Error::type_error(format!("unhashable type: '{}'", self.type_name())))
            }
            Value::Tuple(items) => items.iter().try_for_each(|item| item.check_hashable_at(depth + 1)),
            _ => Ok(()),
        }
    }

    pub(super) fn hash_into<H: Hasher>(&self, state: &mut H, depth: u32) {
        match self {
            Value::Str(text) => state.write(text.as_bytes()),
            Value::None => state.write_u64(1),
            Value::Undefined(_) => state.write_u64(2),
            Value::Bool(flag) => hash_integer(i64::from(*flag), state),
            Value::Int(number) => hash_integer(*number, state),
            // Numbers that are equal must hash alike: whatever is not a 64-bit integer goes by its float.
            Value::BigInt(number) => hash_float(number.to_f64().unwrap_or(f64::INFINITY), state),
            Value::Float(number) => hash_float(*number, state),
            Value::Decimal(number) => match number.to_integer().and_then(|whole| whole.to_i64()) {
                Some(whole) => hash_integer(whole, state),
                None => hash_float(number.to_f64(), state),
            },
            Value::Bytes(bytes) => state.write(bytes),
            Value::Date(date) => state.write_u64(date.num_days_from_ce() as u64 ^ 0xda7e),
            Value::DateTime(value) => {
                let time = value.utc().unwrap_or(value.local);
                state.write_u64(time.and_utc().timestamp_micros() as u64);
            }
            Value::Time(time) => state.write_u64(u64::from(time.num_seconds_from_midnight())),
            Value::TimeDelta(delta) => state.write_u64(delta.num_milliseconds() as u64 ^ 0xde17a),
            Value::Tuple(items) => {
                state.write_u64(items.len() as u64 ^ 0x70b1e);
                if depth < MAX_DEPTH {
                    for item in items.iter() {
                        item.hash_into(state, depth + 1);
                    }
                }
            }
            // Not hashable: no key holds one.
            Value::List(_) | Value::Dict(_) | Value::Set(_) => state.write_u64(3),
            Value::Object(object) => match object.hash() {
                Some(hash) => state.write_u64(hash),
                None => state.write_u64(Arc::as_ptr(object) as *const u8 as u64),
            },
        }
    }
}

fn compare_slices(a: &[Value], b: &[Value], symbol: &str, depth: u32) -> Result<Option<Ordering>> {
    if depth > MAX_DEPTH {
        return Err(Error::new(crate::ErrorKind::Recursion, "maximum recursion depth exceeded in comparison"));
    }
    for (a, b) in a.iter().zip(b) {
        if !equal(a, b, depth + 1) {
            return a.compare_at(b, symbol, depth + 1);
        }
    }
    Ok(Some(a.len().cmp(&b.len())))
}

fn hash_integer<H: Hasher>(number: i64, state: &mut H) {
    state.write_u64(number as u64);
}

fn hash_float<H: Hasher>(number: f64, state: &mut H) {
    if number.fract() == 0.0 && number.abs() < 9.0e18 {
        hash_integer(number as i64, state);
    } else {
        state.write_u64(number.to_bits());
    }
}

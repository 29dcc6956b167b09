//! Python's values: lists, dicts and sets are shared and mutable, everything else is immutable.

mod access;
mod compare;
mod containers;
mod convert;
mod decimal;
mod iterate;
mod number;
mod object;
mod text;

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use num_bigint::BigInt;

pub use access::Slice;
pub(crate) use access::position;
pub(crate) use compare::same_object;
pub use containers::{Dict, DictMap, Key, List, Set, SetMap, StrKey, Tuple};
pub(crate) use convert::json_key;
pub use decimal::Decimal;
pub(crate) use iterate::{MAX_COLLECTED, endless_error};
pub use iterate::{ValueIter, one_shot};
pub(crate) use number::{Operator, check_size, parse_digits};
pub(crate) use object::BoundMethod;
pub use object::{CallArgs, Object};
pub(crate) use text::{delta_parts, float_repr, offset_text, write_str_repr};

/// A value of a template. Cloning is cheap: at most a reference count.
#[derive(Clone)]
pub enum Value {
    /// A missing name, attribute or item; what using it does depends on [`crate::UndefinedMode`].
    Undefined(Arc<Undefined>),
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer that does not.
    BigInt(Arc<BigInt>),
    /// `float`
    Float(f64),
    /// `str`
    Str(Arc<str>),
    /// `bytes`
    Bytes(Arc<[u8]>),
    /// `list`
    List(List),
    /// `tuple`
    Tuple(Tuple),
    /// `dict`
    Dict(Dict),
    /// `set`; iterates in insertion order.
    Set(Set),
    /// `decimal.Decimal`
    Decimal(Arc<Decimal>),
    /// `datetime.date`
    Date(NaiveDate),
    /// `datetime.datetime`
    DateTime(Arc<DateTime>),
    /// `datetime.time` (without time zone)
    Time(NaiveTime),
    /// `datetime.timedelta`
    TimeDelta(TimeDelta),
    /// Anything else, the host's things included.
    Object(Arc<dyn Object>),
}

/// What is known of a missing value.
#[derive(Clone, Debug, Default)]
pub struct Undefined {
    /// A full message that replaces the usual one.
    pub hint: Option<String>,
    /// The type of the value whose attribute is missing, in Jinja's spelling (`dict object`).
    pub of: Option<String>,
    /// The missing name.
    pub name: Option<Arc<str>>,
    /// The repr of a missing key that is not a name (`7`).
    pub element: Option<String>,
    /// Attribute, item and call access give undefined again instead of an error.
    pub propagates: bool,
    /// Raised as the sandbox's refusal when used.
    pub unsafe_access: bool,
}

impl Undefined {
    /// The message of the error when it is used.
    pub fn message(&self) -> String {
        if let Some(hint) = &self.hint {
            return hint.clone();
        }
        match (&self.of, &self.name, &self.element) {
            (Some(of), Some(name), _) => {
                let mut text = format!("'{of}' has no attribute ");
                write_str_repr(&mut text, name);
                text
            }
            (Some(of), None, Some(element)) => format!("{of} has no element {element}"),
            (None, Some(name), _) => {
                let mut text = String::new();
                write_str_repr(&mut text, name);
                text + " is undefined"
            }
            _ => "undefined value".to_owned(),
        }
    }

    pub(crate) fn error(&self) -> crate::Error {
        if self.unsafe_access {
            return crate::Error::new(crate::ErrorKind::Security, self.message());
        }
        crate::Error::undefined(self.message())
    }
}

/// `datetime.datetime`: a local time and, when aware, its zone.
#[derive(Clone, Debug)]
pub struct DateTime {
    /// The wall-clock time.
    pub local: NaiveDateTime,
    /// `None` for a naive datetime.
    pub zone: Option<Zone>,
}

/// A time zone of a datetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// UTC.
    Utc,
    /// A fixed offset from UTC, in seconds.
    Fixed(i32),
    /// A zone of the tz database.
    Named(chrono_tz::Tz),
}

impl Value {
    /// A string.
    pub fn str(text: impl Into<Arc<str>>) -> Value {
        Value::Str(text.into())
    }

    /// A new list.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::new(items))
    }

    /// A new tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(Tuple::new(items))
    }

    /// A new dict with string keys.
    pub fn dict<K: Into<Value>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Value {
        let mut map = DictMap::default();
        for (key, value) in entries {
            map.insert(Key::trusted(key.into()), value.into());
        }
        Value::Dict(Dict::new(map))
    }

    /// A host object.
    pub fn object(object: impl Object) -> Value {
        Value::Object(Arc::new(object))
    }

    /// A function of the host, callable from templates.
    pub fn function<F>(name: &'static str, function: F) -> Value
    where
        F: Fn(&mut crate::State<'_>, CallArgs) -> crate::Result<Value> + Send + Sync + 'static,
    {
        Value::Object(Arc::new(object::Function { name, function }))
    }

    /// An undefined value with Jinja's message for a missing name.
    pub fn undefined(name: &str) -> Value {
        Value::Undefined(Arc::new(Undefined { name: Some(name.into()), ..Undefined::default() }))
    }

    /// The text of a `str`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an `int` (or `bool`) that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        }
    }

    /// The flag of a `bool`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The dict, if it is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// Whether it is undefined.
    pub fn is_undefined(&self) -> bool {
        matches!(self, Value::Undefined(_))
    }

    /// The host object of type `T`, if it is one.
    pub fn downcast_ref<T: Object>(&self) -> Option<&T> {
        match self {
            Value::Object(object) => (&**object as &dyn std::any::Any).downcast_ref(),
            _ => None,
        }
    }

    /// Python's `bool(value)`.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Undefined(_) | Value::None => false,
            Value::Bool(flag) => *flag,
            Value::Int(number) => *number != 0,
            Value::BigInt(_) | Value::Date(_) | Value::DateTime(_) | Value::Time(_) => true,
            Value::Float(number) => *number != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(list) => !list.read().is_empty(),
            Value::Tuple(items) => !items.is_empty(),
            Value::Dict(dict) => !dict.read().is_empty(),
            Value::Set(set) => !set.read().is_empty(),
            Value::Decimal(number) => !number.is_zero(),
            Value::TimeDelta(delta) => !delta.is_zero(),
            Value::Object(object) => object.is_true(),
        }
    }

    #[expect(clippy::len_without_is_empty, reason = "Python's `len()` is an option here; `is_true` is the question")]
    /// Python's `len(value)`, when it has one.
    pub fn len(&self) -> Option<usize> {
        match self {
            Value::Undefined(_) => Some(0),
            Value::Str(text) => Some(if text.is_ascii() { text.len() } else { text.chars().count() }),
            Value::Bytes(bytes) => Some(bytes.len()),
            Value::List(list) => Some(list.read().len()),
            Value::Tuple(items) => Some(items.len()),
            Value::Dict(dict) => Some(dict.read().len()),
            Value::Set(set) => Some(set.read().len()),
            Value::Object(object) => object.len(),
            _ => None,
        }
    }

    /// Whether it can be called.
    pub fn is_callable(&self) -> bool {
        match self {
            Value::Object(object) => object.is_callable(),
            Value::Undefined(undefined) => undefined.propagates,
            _ => false,
        }
    }

    /// The name of its Python type, `int`.
    pub fn type_name(&self) -> &str {
        match self {
            Value::Undefined(_) => "Undefined",
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::Set(_) => "set",
            Value::Decimal(_) => "decimal.Decimal",
            Value::Date(_) => "datetime.date",
            Value::DateTime(_) => "datetime.datetime",
            Value::Time(_) => "datetime.time",
            Value::TimeDelta(_) => "datetime.timedelta",
            Value::Object(object) => object.type_name(),
        }
    }
}

//! Iteration: what a `for` loop, a filter or `list()` walks over.

use std::fmt;
use std::sync::Mutex;

use super::{Object, Value};
use crate::{Error, ErrorKind, Result};

/// The items of a value, one by one.
pub type ValueIter = Box<dyn Iterator<Item = Result<Value>> + Send>;

/// An endless iterator collected into a list stops here instead of filling the memory.
pub(crate) const MAX_COLLECTED: usize = 1_000_000;

/// A Python iterator or generator: it can be walked once.
struct OneShot {
    type_name: &'static str,
    rest: std::sync::Arc<Mutex<ValueIter>>,
}

impl fmt::Debug for OneShot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} object>", self.type_name)
    }
}

impl Object for OneShot {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn iter(&self) -> Option<ValueIter> {
        let rest = std::sync::Arc::clone(&self.rest);
        Some(Box::new(std::iter::from_fn(move || rest.try_lock().ok().and_then(|mut rest| rest.next()))))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<{} object at {:#x}>", self.type_name, std::sync::Arc::as_ptr(&self.rest) as *const u8 as usize)
    }
}

/// A value that can be iterated once, as Python's `zip` and generators.
pub fn one_shot(type_name: &'static str, items: impl Iterator<Item = Result<Value>> + Send + 'static) -> Value {
    Value::object(OneShot { type_name, rest: std::sync::Arc::new(Mutex::new(Box::new(items))) })
}

/// Of an iterator that does not end.
pub(crate) fn endless_error(type_name: &str) -> Error {
    let what = format!("an endless {type_name} cannot be walked: limit it with itertools.islice");
    Error::new(ErrorKind::Overflow, what)
}

impl Value {
    /// Its items. Lists, dicts and sets give the items they have now.
    ///
    /// # Errors
    /// `TypeError: 'int' object is not iterable`
    pub fn iter(&self) -> Result<ValueIter> {
        Ok(match self {
            Value::Object(object) => match object.iter() {
                Some(items) => items,
                None => return Err(self.not_iterable()),
            },
            _ => Box::new(self.items()?.into_iter().map(Ok)),
        })
    }

    /// All its items.
    ///
    /// # Errors
    /// `TypeError: 'int' object is not iterable`, or what the iterator raises.
    pub fn items(&self) -> Result<Vec<Value>> {
        Ok(match self {
            Value::List(list) => list.items(),
            Value::Tuple(items) => items.to_vec(),
            Value::Dict(dict) => dict.read().keys().map(|key| key.value().clone()).collect(),
            Value::Set(set) => set.items(),
            Value::Str(text) => {
                let mut buffer = [0; 4];
                text.chars().map(|letter| Value::str(&*letter.encode_utf8(&mut buffer))).collect()
            }
            Value::Bytes(bytes) => bytes.iter().map(|byte| Value::Int(i64::from(*byte))).collect(),
            Value::Undefined(_) => Vec::new(),
            Value::Object(object) => {
                let Some(items) = object.iter() else { return Err(self.not_iterable()) };
                let mut collected = Vec::with_capacity(object.len().unwrap_or(0).min(1024));
                for item in items {
                    if collected.len() >= MAX_COLLECTED {
                        return Err(endless_error(object.type_name()));
                    }
                    collected.push(item?);
                }
                collected
            }
            _ => return Err(self.not_iterable()),
        })
    }

    /// Whether `for` can walk it.
    pub fn is_iterable(&self) -> bool {
        match self {
            Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::Str(_)
            | Value::Bytes(_)
            | Value::Undefined(_) => true,
            Value::Object(object) => object.iter().is_some(),
            _ => false,
        }
    }

    fn not_iterable(&self) -> Error {
        Error::type_error(format!("'{}' object is not iterable", self.type_name()))
    }
}

//! Attributes, items and slices.

use std::sync::Arc;

use super::{BoundMethod, Key, StrKey, Undefined, Value};
use crate::{Error, ErrorKind, Result};

/// The three parts of `x[start:stop:step]`.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// Before the first colon.
    pub start: Option<i64>,
    /// After it.
    pub stop: Option<i64>,
    /// After the second.
    pub step: Option<i64>,
}

impl Value {
    /// An attribute as Jinja finds it: the Python attribute, then the item. `None` when there is neither.
    pub fn get_attr(&self, name: &str) -> Option<Value> {
        match self {
            Value::Object(object) => {
                if name.starts_with('_') {
                    return object.get_item(&Value::str(name));
                }
                if let Some(found) = object.get_attr(name) {
                    return Some(found);
                }
                if object.has_method(name) {
                    return Some(self.bound(name));
                }
                object.get_item(&Value::str(name))
            }
            Value::Dict(dict) => {
                if crate::methods::has_method(self, name) {
                    return Some(self.bound(name));
                }
                dict.read().get(&StrKey(name)).cloned()
            }
            _ => crate::methods::attribute(self, name)
                .or_else(|| crate::methods::has_method(self, name).then(|| self.bound(name))),
        }
    }

    fn bound(&self, name: &str) -> Value {
        Value::object(BoundMethod { receiver: self.clone(), name: name.into() })
    }

    /// An item as Python finds it, `None` when there is none (then Jinja tries the attribute).
    ///
    /// # Errors
    /// An unhashable key is not an error here: it is no item.
    pub fn get_item(&self, key: &Value) -> Option<Value> {
        match (self, key) {
            (Value::Dict(dict), Value::Str(text)) => dict.read().get(&StrKey(text)).cloned(),
            (Value::Dict(dict), _) => dict.read().get(&Key::new(key.clone()).ok()?).cloned(),
            (Value::List(list), _) => {
                let items = list.read();
                items.get(position(key.as_i64()?, items.len())?).cloned()
            }
            (Value::Tuple(items), _) => items.get(position(key.as_i64()?, items.len())?).cloned(),
            (Value::Str(text), _) => {
                let index = key.as_i64()?;
                if text.is_ascii() {
                    let at = position(index, text.len())?;
                    return text.get(at..=at).map(Value::str);
                }
                let letters: Vec<char> = text.chars().collect();
                letters.get(position(index, letters.len())?).map(|letter| Value::str(letter.to_string()))
            }
            (Value::Bytes(bytes), _) => {
                bytes.get(position(key.as_i64()?, bytes.len())?).map(|byte| Value::Int(i64::from(*byte)))
            }
            (Value::Object(object), _) => object.get_item(key),
            _ => None,
        }
    }

    /// What an absent attribute or item is.
    pub(crate) fn missing(&self, key: &Value, propagates: bool) -> Value {
        let of = match self {
            Value::None => "None".to_owned(),
            Value::Object(object) => format!("{} object", object.type_name()),
            other => format!("{} object", other.type_name()),
        };
        let (name, element) = match key {
            Value::Str(name) => (Some(Arc::clone(name)), None),
            other => (None, Some(other.repr())),
        };
        Value::Undefined(Arc::new(Undefined { of: Some(of), name, element, propagates, ..Undefined::default() }))
    }

    /// `self[start:stop:step]`
    ///
    /// # Errors
    /// A zero step, or a type without slices.
    pub fn slice(&self, slice: &Slice) -> Result<Value> {
        let pick = |items: &[Value]| -> Result<Vec<Value>> {
            Ok(slice.indices(items.len())?.into_iter().map(|index| items[index].clone()).collect())
        };
        Ok(match self {
            Value::List(list) => Value::list(pick(&list.items())?),
            Value::Tuple(items) => Value::tuple(pick(items)?),
            Value::Str(text) => {
                let letters: Vec<char> = text.chars().collect();
                let text: String = slice.indices(letters.len())?.into_iter().map(|index| letters[index]).collect();
                Value::Str(text.into())
            }
            Value::Bytes(bytes) => {
                let picked: Vec<u8> = slice.indices(bytes.len())?.into_iter().map(|index| bytes[index]).collect();
                Value::Bytes(picked.into())
            }
            Value::Object(object) if object.is_sequence() => Value::list(pick(&self.items()?)?),
            Value::Undefined(undefined) if undefined.propagates => self.clone(),
            Value::Undefined(undefined) => return Err(undefined.error()),
            _ => {
                return Err(Error::type_error(format!("'{}' object is not subscriptable", self.type_name())));
            }
        })
    }
}

/// The position of a Python index, negative ones counted from the end.
pub(crate) fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    (0..length).contains(&index).then_some(index as usize)
}

impl Slice {
    fn indices(&self, length: usize) -> Result<Vec<usize>> {
        let length = length as i64;
        let step = self.step.unwrap_or(1);
        if step == 0 {
            return Err(Error::new(ErrorKind::Value, "slice step cannot be zero"));
        }
        let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let bound = |given: Option<i64>, default: i64| match given {
            None => default,
            Some(index) if index < 0 => index.saturating_add(length).max(low),
            Some(index) => index.min(high),
        };
        let (mut at, stop) = if step > 0 {
            (bound(self.start, 0), bound(self.stop, length))
        } else {
            (bound(self.start, length - 1), bound(self.stop, -1))
        };
        let mut indices = Vec::new();
        while if step > 0 { at < stop } else { at > stop } {
            indices.push(at as usize);
            at = at.saturating_add(step);
        }
        Ok(indices)
    }
}

//! Objects of the host, functions, and the arguments of a call.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{Value, ValueIter};
use crate::{Error, Result, State};

/// A thing with behaviour of its own: `adapter`, a relation, `loop`, a macro.
///
/// All methods have defaults; a value without any is an opaque, true object.
#[expect(clippy::len_without_is_empty, reason = "Python's `len()` is an option here; `is_true` is the question")]
pub trait Object: fmt::Debug + Send + Sync + Any {
    /// The name of its Python class.
    fn type_name(&self) -> &str {
        "object"
    }

    /// An attribute. `None` when it has no such attribute (then `get_item` is asked, as Jinja does).
    fn get_attr(&self, _name: &str) -> Option<Value> {
        None
    }

    /// An item, `x[key]`. `None` when it has no such item.
    fn get_item(&self, _key: &Value) -> Option<Value> {
        None
    }

    /// Sets an attribute (`{% set x.name = … %}`); only namespaces allow it.
    fn set_attr(&self, _name: &str, _value: Value) -> bool {
        false
    }

    /// Whether [`Object::call_method`] knows this name although `get_attr` does not:
    /// then `x.name` without a call is a bound method.
    fn has_method(&self, _name: &str) -> bool {
        false
    }

    /// Calls the object.
    ///
    /// # Errors
    /// What the call fails with; not callable by default.
    fn call(&self, _state: &mut State<'_>, _args: CallArgs) -> Result<Value> {
        Err(Error::type_error(format!("'{}' object is not callable", self.type_name())))
    }

    /// Calls a method. By default the attribute (or item) of that name is called.
    ///
    /// # Errors
    /// What the call fails with; undefined when there is no such attribute.
    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let found = self.get_attr(name).or_else(|| self.get_item(&Value::str(name)));
        match found {
            Some(function) => state.call(&function, args),
            None => state.call_missing(self.type_name(), name),
        }
    }

    /// Whether it can be called.
    fn is_callable(&self) -> bool {
        false
    }

    /// Its items; `None` when it is not iterable.
    fn iter(&self) -> Option<ValueIter> {
        None
    }

    /// Its length; `None` when it has none.
    fn len(&self) -> Option<usize> {
        None
    }

    /// Python's `str()`.
    fn str(&self) -> String {
        self.repr()
    }

    /// Python's `repr()`.
    fn repr(&self) -> String {
        format!("<{} object>", self.type_name())
    }

    /// Python's `bool()`.
    fn is_true(&self) -> bool {
        self.len() != Some(0)
    }

    /// Equality with another value; identity is checked before.
    fn eq(&self, _other: &Value) -> bool {
        false
    }

    /// A hash that agrees with [`Object::eq`]; `None` means identity.
    fn hash(&self) -> Option<u64> {
        None
    }

    /// Order relative to another value, when there is one.
    fn compare(&self, _other: &Value) -> Option<std::cmp::Ordering> {
        None
    }

    /// `x in self`; `None` falls back to iteration.
    fn contains(&self, _item: &Value) -> Option<bool> {
        None
    }

    /// Whether it is a mapping (`is mapping`, `**x`, `dict(x)`); then `iter` gives keys and `get_item` values.
    fn is_mapping(&self) -> bool {
        false
    }

    /// Whether it is a sequence (`is sequence`).
    fn is_sequence(&self) -> bool {
        self.len().is_some()
    }

    /// Its JSON, when it can be serialised.
    fn to_json(&self) -> Option<serde_json::Value> {
        None
    }

    /// A binary operator with this object on the left (or, `reflected`, on the right). `None`: unsupported.
    fn operate(&self, _operator: &str, _other: &Value, _reflected: bool) -> Option<Result<Value>> {
        None
    }
}

/// The arguments of a call.
#[derive(Clone, Default)]
pub struct CallArgs {
    /// By position.
    pub positional: Vec<Value>,
    /// By keyword, in the order of the call.
    pub keyword: Vec<(Arc<str>, Value)>,
}

impl CallArgs {
    /// Positional arguments only.
    pub fn positional(positional: Vec<Value>) -> CallArgs {
        CallArgs { positional, keyword: Vec::new() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.positional.is_empty() && self.keyword.is_empty()
    }

    /// Takes a keyword argument out.
    pub fn take_keyword(&mut self, name: &str) -> Option<Value> {
        let index = self.keyword.iter().position(|(key, _)| &**key == name)?;
        Some(self.keyword.remove(index).1)
    }

    /// Binds the arguments to named parameters, the first `required` of which have no default.
    ///
    /// # Errors
    /// Python's `TypeError`s: missing, too many, unexpected, given twice.
    pub fn bind<const N: usize>(self, function: &str, names: [&str; N], required: usize) -> Result<[Option<Value>; N]> {
        let given = self.positional.len();
        if given > N {
            return Err(argument_count_error(function, N, required, given));
        }
        let mut bound: [Option<Value>; N] = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.keyword {
            let Some(index) = names.iter().position(|known| **known == *name) else {
                return Err(Error::type_error(format!("{function}() got an unexpected keyword argument '{name}'")));
            };
            if bound[index].is_some() {
                return Err(Error::type_error(format!("{function}() got multiple values for argument '{name}'")));
            }
            bound[index] = Some(value);
        }
        let missing: Vec<String> = (0..required.min(N))
            .filter(|index| bound[*index].is_none())
            .map(|index| format!("'{}'", names[index]))
            .collect();
        match missing.as_slice() {
            [] => Ok(bound),
            [one] => Err(Error::type_error(format!("{function}() missing 1 required positional argument: {one}"))),
            [first @ .., last] => {
                let comma = if first.len() > 1 { "," } else { "" };
                Err(Error::type_error(format!(
                    "{function}() missing {} required positional arguments: {}{comma} and {last}",
                    missing.len(),
                    first.join(", "),
                )))
            }
        }
    }
}

fn argument_count_error(function: &str, most: usize, required: usize, given: usize) -> Error {
    let were = if given == 1 { "was" } else { "were" };
    let takes = if required < most { format!("from {required} to {most}") } else { most.to_string() };
    let plural = if most == 1 { "" } else { "s" };
    Error::type_error(format!("{function}() takes {takes} positional argument{plural} but {given} {were} given"))
}

/// A function of the host.
pub(super) struct Function<F> {
    pub(super) name: &'static str,
    pub(super) function: F,
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name)
    }
}

impl<F> Object for Function<F>
where
    F: Fn(&mut State<'_>, CallArgs) -> Result<Value> + Send + Sync + 'static,
{
    fn type_name(&self) -> &str {
        "function"
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        (self.function)(state, args)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<function {}>", self.name)
    }
}

/// A method taken without being called: `{% set add = rows.append %}`.
pub(crate) struct BoundMethod {
    pub(crate) receiver: Value,
    pub(crate) name: Arc<str>,
}

impl fmt::Debug for BoundMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl Object for BoundMethod {
    fn type_name(&self) -> &str {
        "builtin_function_or_method"
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        state.call_method(&self.receiver, &self.name, args)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<built-in method {} of {} object>", self.name, self.receiver.type_name())
    }
}

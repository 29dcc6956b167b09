//! Running macros: those of the template itself, the bodies of call blocks, and the arguments of all of them.

use std::fmt;
use std::sync::Arc;

use super::{Sink, State};
use crate::syntax::ast::{Macro, MacroTag};
use crate::value::Undefined;
use crate::{CallArgs, Dict, DictMap, Error, Key, Object, Result, Value};

/// A macro defined in the template itself, or the body of a call block: it sees the variables around it.
pub(super) struct LocalMacro {
    pub(super) definition: Arc<Macro>,
    pub(super) template: Arc<str>,
    pub(super) captured: Arc<[(u32, Value)]>,
    /// As the frame that it is defined in.
    pub(super) captures: bool,
}

impl fmt::Debug for LocalMacro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl Object for LocalMacro {
    fn type_name(&self) -> &str {
        "Macro"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        let definition = &self.definition;
        Some(match name {
            "name" => Value::Str(Arc::clone(&definition.name.text)),
            "arguments" => {
                Value::list(definition.parameters.iter().map(|p| Value::Str(Arc::clone(&p.name.text))).collect())
            }
            "catch_kwargs" => definition.kwargs.is_some().into(),
            "catch_varargs" => definition.varargs.is_some().into(),
            "caller" => definition.caller.is_some().into(),
            _ => return None,
        })
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let itself = (self.definition.kind != MacroTag::Caller).then(|| {
            Value::object(LocalMacro {
                definition: Arc::clone(&self.definition),
                template: Arc::clone(&self.template),
                captured: Arc::clone(&self.captured),
                captures: self.captures,
            })
        });
        let native = false;
        let saved = state.enter_frame(&self.template, native, self.captures)?;
        state.locals.extend(self.captured.iter().cloned());
        if let Some(itself) = itself {
            state.locals.push((self.definition.name.id, itself));
        }
        let result = state.run_macro(&self.definition, args);
        state.leave_frame(saved);
        result
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<Macro '{}'>", self.definition.name.text)
    }
}

impl State<'_> {
    /// Binds the arguments and renders the body, in a frame entered before.
    pub(super) fn run_macro(&mut self, definition: &Macro, args: CallArgs) -> Result<Value> {
        self.frame.scope = self.locals.len();
        stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || {
            self.bind_macro(definition, args)?;
            let mut out = Sink::Text(String::new());
            self.execute(&definition.body, &mut out)?;
            match out {
                Sink::Text(text) => Ok(text.into()),
                Sink::Pieces(_) => Ok(Value::None),
            }
        })
    }

    fn bind_macro(&mut self, definition: &Macro, args: CallArgs) -> Result<()> {
        let name = &definition.name.text;
        let CallArgs { positional, mut keyword } = args;
        let given = positional.len();
        let mut positional = positional.into_iter();
        let mut take = |wanted: &str| {
            let index = keyword.iter().position(|(known, _)| **known == *wanted)?;
            Some(keyword.remove(index).1)
        };
        let start = self.locals.len();
        let mut missing = Vec::new();
        for (index, parameter) in definition.parameters.iter().enumerate() {
            let value = match positional.next() {
                Some(value) => Some(value),
                None => take(&parameter.name.text),
            };
            match value {
                Some(value) => self.locals.push((parameter.name.id, value)),
                None => {
                    missing.push(index);
                    let hint = format!("parameter '{}' was not provided", parameter.name.text);
                    let undefined = self.undefined_hint(hint, Some(Arc::clone(&parameter.name.text)));
                    self.locals.push((parameter.name.id, undefined));
                }
            }
        }
        if let Some(symbol) = &definition.caller {
            let caller = take("caller").filter(|caller| !caller.is_none());
            let caller = caller.unwrap_or_else(|| {
                self.undefined_with(Undefined {
                    hint: Some("No caller defined".to_owned()),
                    name: Some(Arc::from("caller")),
                    ..Undefined::default()
                })
            });
            self.locals.push((symbol.id, caller));
        }
        if let Some(symbol) = &definition.kwargs {
            let map: DictMap = keyword.into_iter().map(|(key, value)| (Key::from(key), value)).collect();
            self.locals.push((symbol.id, Value::Dict(Dict::new(map))));
        } else if let Some((first, _)) = keyword.first() {
            if keyword.iter().any(|(key, _)| &**key == "caller") {
                return Err(Error::type_error(format!(
                    "macro '{name}' was invoked with two values for the special caller argument. \
                     This is most likely a bug."
                )));
            }
            return Err(Error::type_error(format!("macro '{name}' takes no keyword argument '{first}'")));
        }
        if let Some(symbol) = &definition.varargs {
            self.locals.push((symbol.id, Value::tuple(positional.collect())));
        } else if given > definition.parameters.len() {
            return Err(Error::type_error(format!(
                "macro '{name}' takes not more than {} argument(s)",
                definition.parameters.len()
            )));
        }
        // Defaults see the parameters before them.
        for index in missing {
            if let Some(default) = &definition.parameters[index].default {
                let value = self.evaluate(default)?;
                self.locals[start + index].1 = value;
            }
        }
        Ok(())
    }
}

//! Macros of the host: the blocks of macro files, callable as values.

use std::sync::Arc;

use crate::syntax::{Parsed, StaticCall};
use crate::{CallArgs, Error, MacroCall, Result, State, Value};

/// What kind of block a macro was written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroKind {
    /// `{% macro x(…) %}`
    Macro,
    /// `{% test x(…) %}`, named `test_x`.
    Test,
    /// `{% materialization x, adapter='y' %}`, named `materialization_x_y`.
    Materialization,
}

/// A parameter of a macro.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: Arc<str>,
    /// The type annotation as written, `Optional[str]`.
    pub annotation: Option<String>,
    /// Whether it may be left out without being undefined.
    pub has_default: bool,
}

/// A compiled macro. Shared between threads; make it a callable value with `Value::from(Arc<MacroDef>)`.
#[derive(Debug)]
pub struct MacroDef {
    /// The name templates call it by: `star`, `test_unique`, `materialization_view_default`.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: MacroKind,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Of a materialization: the languages it accepts.
    pub supported_languages: Vec<String>,
    call: MacroCall,
    parsed: Arc<Parsed>,
}

impl MacroDef {
    /// Compiles a block (its full text, tags included). `id` and `path` are for the call stack of errors and
    /// [`crate::Globals::enter_macro`].
    ///
    /// # Errors
    /// A syntax error, or not exactly one macro.
    pub fn compile(_block: &str, _id: &str, _path: &str) -> Result<MacroDef> {
        Err(Error::syntax("not built yet", 1))
    }

    /// The calls written in the macro, in source order.
    pub fn calls(&self) -> &[StaticCall] {
        &self.parsed.calls
    }

    /// The id given at compilation.
    pub fn id(&self) -> &str {
        &self.call.id
    }

    /// Runs the macro with the globals of the evaluation.
    ///
    /// # Errors
    /// Wrong arguments, and whatever the body runs into.
    pub fn call(&self, _state: &mut State<'_>, _args: CallArgs) -> Result<Value> {
        Err(Error::type_error("not built yet"))
    }
}

impl crate::Object for MacroDef {
    fn type_name(&self) -> &str {
        "MacroGenerator"
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        MacroDef::call(self, state, args)
    }

    fn is_callable(&self) -> bool {
        true
    }
}

impl From<Arc<MacroDef>> for Value {
    fn from(definition: Arc<MacroDef>) -> Value {
        Value::Object(definition)
    }
}

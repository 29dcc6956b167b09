//! Evaluation.

mod macros;

use std::collections::HashMap;
use std::sync::Arc;

pub use macros::{MacroDef, MacroKind, Parameter};

use crate::{CallArgs, Error, MacroCall, Result, Template, Value};

/// The names the host gives to templates.
pub trait Globals: Send + Sync {
    /// The value of a name, `None` when the host has none.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// Told of every macro of the host that starts, with how many are running already (0: called by the node itself).
    fn enter_macro(&self, _call: &MacroCall, _depth: usize) {}
}

impl<G: Globals + ?Sized> Globals for Arc<G> {
    fn lookup(&self, name: &str) -> Option<Value> {
        (**self).lookup(name)
    }

    fn enter_macro(&self, call: &MacroCall, depth: usize) {
        (**self).enter_macro(call, depth);
    }
}

/// Globals that are a plain map.
#[derive(Clone, Debug, Default)]
pub struct Names(pub HashMap<String, Value>);

impl Globals for Names {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

/// What using an undefined value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndefinedMode {
    /// Parse time: attribute, item and call access on undefined give undefined again.
    Capture,
    /// Compile and run time: they are errors.
    Strict,
}

/// An evaluation under way. Functions of the host get it to call back into templates.
pub struct State<'g> {
    globals: &'g dyn Globals,
    mode: UndefinedMode,
    stack: Vec<MacroCall>,
}

impl<'g> State<'g> {
    /// A new evaluation.
    pub fn new(globals: &'g dyn Globals, mode: UndefinedMode) -> State<'g> {
        State { globals, mode, stack: Vec::new() }
    }

    /// The host's names.
    pub fn globals(&self) -> &'g dyn Globals {
        self.globals
    }

    /// The mode of the evaluation.
    pub fn mode(&self) -> UndefinedMode {
        self.mode
    }

    /// The host's value of a name.
    pub fn lookup(&self, name: &str) -> Option<Value> {
        self.globals.lookup(name)
    }

    /// The macros that are running, outermost first.
    pub fn macro_stack(&self) -> &[MacroCall] {
        &self.stack
    }

    /// An undefined value of this name that behaves as the mode says.
    pub fn undefined(&self, name: &str) -> Value {
        Value::undefined(name)
    }

    /// Renders another template with the same globals (dbt's `render`).
    ///
    /// # Errors
    /// Whatever the template runs into.
    pub fn render(&mut self, _template: &Template) -> Result<String> {
        Err(Error::type_error("not built yet"))
    }

    /// Renders another template to a value.
    ///
    /// # Errors
    /// Whatever the template runs into.
    pub fn render_native(&mut self, _template: &Template) -> Result<Value> {
        Err(Error::type_error("not built yet"))
    }

    /// Calls a value: a macro, a function, a class.
    ///
    /// # Errors
    /// Whatever the call runs into; not callable.
    pub fn call(&mut self, _function: &Value, _args: CallArgs) -> Result<Value> {
        Err(Error::type_error("not built yet"))
    }

    /// Calls a method of a value.
    ///
    /// # Errors
    /// Whatever the call runs into; no such method.
    pub fn call_method(&mut self, _receiver: &Value, _name: &str, _args: CallArgs) -> Result<Value> {
        Err(Error::type_error("not built yet"))
    }

    /// What calling a missing attribute gives: an error, or undefined in capture mode.
    pub(crate) fn call_missing(&mut self, _type_name: &str, _name: &str) -> Result<Value> {
        Err(Error::type_error("not built yet"))
    }
}

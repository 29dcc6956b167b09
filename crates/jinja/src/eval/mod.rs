//! Evaluation: walks the tree, keeps the variables.

mod execute;
mod expressions;
mod local_macro;
mod loops;
mod macros;
mod native;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use expressions::compare;
pub use macros::{MacroDef, MacroKind, Parameter};
pub(crate) use native::Marker;

use crate::syntax::ast::Symbol;
use crate::value::Undefined;
use crate::{CallArgs, Error, ErrorKind, MacroCall, Result, Template, Value};

/// How many calls of macros may be under way at once.
const MAX_CALLS: u32 = 250;

/// How many passes through loops and macros one rendering may take, unless the host says otherwise: minutes of work, where
/// a project's longest macros take some hundred thousand.
const MAX_PASSES: u64 = 100_000_000;

/// The names the host gives to templates.
pub trait Globals: Send + Sync {
    /// The value of a name, `None` when the host has none.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// How many passes through loops and calls of macros one rendering may take.
    fn max_passes(&self) -> u64 {
        MAX_PASSES
    }

    /// Told of every macro of the host that starts, with how many are running already (0: called by the node itself).
    fn enter_macro(&self, _call: &MacroCall, _depth: usize) {}
}

impl<G: Globals + ?Sized> Globals for Arc<G> {
    fn lookup(&self, name: &str) -> Option<Value> {
        (**self).lookup(name)
    }

    fn max_passes(&self) -> u64 {
        (**self).max_passes()
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
    /// Parse time: attribute, item and call access on undefined give undefined again; in the macros that are called they are errors.
    Capture,
    /// Compile and run time: they are errors.
    Strict,
}

/// An evaluation under way. Functions of the host get it to call back into templates.
pub struct State<'g> {
    globals: &'g dyn Globals,
    mode: UndefinedMode,
    stack: Vec<MacroCall>,
    calls: u32,
    /// How many passes through loops and macros are left.
    passes: u64,
    /// The variables of all frames, innermost last.
    locals: Vec<(u32, Value)>,
    frame: Frame,
}

/// What runs: a template or a macro.
#[derive(Clone)]
struct Frame {
    template: Arc<str>,
    /// Where its variables start.
    base: usize,
    /// Where the variables of the innermost scope start.
    scope: usize,
    native: bool,
    /// Whether what it finds undefined stays undefined however it is used. Only a template that is read for what it captures does so: as in
    /// dbt, the macros that it calls do not.
    captures: bool,
}

/// Where the text of a template goes.
enum Sink {
    Text(String),
    /// The pieces of native rendering.
    Pieces(Vec<Value>),
}

impl<'g> State<'g> {
    /// A new evaluation.
    pub fn new(globals: &'g dyn Globals, mode: UndefinedMode) -> State<'g> {
        let captures = mode == UndefinedMode::Capture;
        let frame = Frame { template: Arc::from(""), base: 0, scope: 0, native: false, captures };
        State { globals, mode, stack: Vec::new(), calls: 0, passes: globals.max_passes(), locals: Vec::new(), frame }
    }

    /// The host's names.
    pub fn globals(&self) -> &'g dyn Globals {
        self.globals
    }

    /// The mode of the evaluation.
    pub fn mode(&self) -> UndefinedMode {
        self.mode
    }

    /// The host's value of a name, or Jinja's own (`range`).
    pub fn lookup(&self, name: &str) -> Option<Value> {
        self.globals.lookup(name).or_else(|| crate::modules::jinja_global(name))
    }

    /// The macros that are running, outermost first.
    pub fn macro_stack(&self) -> &[MacroCall] {
        &self.stack
    }

    /// An undefined value of this name that behaves as the mode says.
    pub fn undefined(&self, name: &str) -> Value {
        self.undefined_with(Undefined { name: Some(name.into()), ..Undefined::default() })
    }

    pub(crate) fn undefined_hint(&self, hint: String, name: Option<Arc<str>>) -> Value {
        self.undefined_with(Undefined { hint: Some(hint), name, ..Undefined::default() })
    }

    fn undefined_with(&self, undefined: Undefined) -> Value {
        Value::Undefined(Arc::new(Undefined { propagates: self.captures(), ..undefined }))
    }

    pub(crate) fn captures(&self) -> bool {
        self.frame.captures
    }

    pub(crate) fn is_native(&self) -> bool {
        self.frame.native
    }

    /// Renders another template with the same globals (dbt's `render`).
    ///
    /// # Errors
    /// Whatever the template runs into.
    pub fn render(&mut self, template: &Template) -> Result<String> {
        if let Some(text) = template.parsed.static_text() {
            return Ok(text.to_owned());
        }
        match self.run_template(template, Sink::Text(String::new()))? {
            Sink::Text(text) => Ok(text),
            Sink::Pieces(pieces) => Ok(pieces.iter().map(Value::to_string).collect()),
        }
    }

    /// Renders another template to a value.
    ///
    /// # Errors
    /// Whatever the template runs into.
    pub fn render_native(&mut self, template: &Template) -> Result<Value> {
        match self.run_template(template, Sink::Pieces(Vec::new()))? {
            Sink::Pieces(pieces) => native::joined(pieces),
            Sink::Text(text) => Ok(text.into()),
        }
    }

    fn run_template(&mut self, template: &Template, mut sink: Sink) -> Result<Sink> {
        let parsed = Arc::clone(&template.parsed);
        let native = matches!(sink, Sink::Pieces(_));
        let outermost = self.calls == 0;
        let captures = outermost && self.mode == UndefinedMode::Capture;
        let saved = self.enter_frame(&parsed.name, native, captures)?;
        let result = self.execute(&parsed.body, &mut sink);
        self.leave_frame(saved);
        match result {
            Ok(_) => Ok(sink),
            Err(error) if outermost && error.is_return() => {
                Err(Error::new(ErrorKind::Runtime, "return(...) was called outside of a macro").at(&parsed.name, 1))
            }
            Err(error) => Err(error),
        }
    }

    fn enter_frame(&mut self, template: &Arc<str>, native: bool, captures: bool) -> Result<Frame> {
        if self.calls >= MAX_CALLS {
            return Err(Error::new(ErrorKind::Recursion, "maximum recursion depth exceeded"));
        }
        self.pass()?;
        self.calls += 1;
        let base = self.locals.len();
        let frame = Frame { template: Arc::clone(template), base, scope: base, native, captures };
        Ok(std::mem::replace(&mut self.frame, frame))
    }

    /// Counts one pass through a loop or a macro.
    fn pass(&mut self) -> Result<()> {
        match self.passes.checked_sub(1) {
            Some(left) => {
                self.passes = left;
                Ok(())
            }
            None => Err(Error::new(
                ErrorKind::Recursion,
                format!("stopped after {} passes through loops and macros", self.globals.max_passes()),
            )),
        }
    }

    fn leave_frame(&mut self, saved: Frame) {
        self.calls -= 1;
        self.locals.truncate(self.frame.base);
        self.frame = saved;
    }

    // Variables.

    fn enter_scope(&mut self) -> usize {
        std::mem::replace(&mut self.frame.scope, self.locals.len())
    }

    fn leave_scope(&mut self, saved: usize) {
        self.locals.truncate(self.frame.scope);
        self.frame.scope = saved;
    }

    fn local(&self, id: u32) -> Option<&Value> {
        self.locals[self.frame.base..].iter().rev().find(|(known, _)| *known == id).map(|(_, value)| value)
    }

    fn assign(&mut self, id: u32, value: Value) {
        let scope = self.frame.scope;
        match self.locals[scope..].iter_mut().find(|(known, _)| *known == id) {
            Some((_, slot)) => *slot = value,
            None => self.locals.push((id, value)),
        }
    }

    fn variable(&self, symbol: &Symbol) -> Value {
        if let Some(value) = self.local(symbol.id) {
            return value.clone();
        }
        match self.lookup(&symbol.text) {
            Some(value) => value,
            None => self.undefined_with(Undefined { name: Some(Arc::clone(&symbol.text)), ..Undefined::default() }),
        }
    }

    /// The variables a nested macro or the body of a call block can see.
    fn captured(&self) -> Arc<[(u32, Value)]> {
        self.locals[self.frame.base..].into()
    }

    // Calls.

    /// Calls a value: a macro, a function, a class.
    ///
    /// # Errors
    /// Whatever the call runs into; not callable.
    pub fn call(&mut self, function: &Value, args: CallArgs) -> Result<Value> {
        match function {
            Value::Object(object) => object.call(self, args),
            Value::Undefined(undefined) if undefined.propagates => Ok(function.clone()),
            Value::Undefined(undefined) => Err(undefined.error()),
            other => Err(Error::type_error(format!("'{}' object is not callable", other.type_name()))),
        }
    }

    /// Calls a method of a value.
    ///
    /// # Errors
    /// Whatever the call runs into; no such method.
    pub fn call_method(&mut self, receiver: &Value, name: &str, args: CallArgs) -> Result<Value> {
        match receiver {
            Value::Object(object) if !name.starts_with('_') => object.call_method(self, name, args),
            Value::Undefined(undefined) if undefined.propagates => Ok(receiver.clone()),
            Value::Undefined(undefined) => Err(undefined.error()),
            _ if crate::methods::has_method(receiver, name) => crate::methods::call(self, receiver, name, args),
            _ => {
                let function = self.attribute(receiver, name)?;
                self.call(&function, args)
            }
        }
    }

    /// What calling a missing attribute gives: an error, or undefined in capture mode.
    pub fn call_missing(&mut self, type_name: &str, name: &str) -> Result<Value> {
        let undefined = self.undefined_with(Undefined {
            of: Some(format!("{type_name} object")),
            name: Some(name.into()),
            ..Undefined::default()
        });
        self.call(&undefined, CallArgs::default())
    }

    // Attributes and items.

    pub(crate) fn attribute(&self, of: &Value, name: &str) -> Result<Value> {
        if let Value::Undefined(undefined) = of {
            return match name {
                _ if !undefined.propagates => Err(undefined.error()),
                "name" => Ok(Value::from(undefined.name.clone())),
                "hint" => Ok(Value::from(undefined.hint.clone())),
                _ => Ok(self.undefined(name)),
            };
        }
        if let Some(found) = of.get_attr(name) {
            return Ok(found);
        }
        if name.starts_with("__") {
            let mut shown = String::new();
            crate::value::write_str_repr(&mut shown, name);
            return Ok(self.undefined_with(Undefined {
                hint: Some(format!("access to attribute {shown} of '{}' object is unsafe.", of.type_name())),
                name: Some(name.into()),
                unsafe_access: true,
                ..Undefined::default()
            }));
        }
        Ok(of.missing(&Value::str(name), self.captures()))
    }

    pub(crate) fn item(&self, of: &Value, key: &Value) -> Result<Value> {
        if let Value::Undefined(undefined) = of {
            return if undefined.propagates { Ok(of.clone()) } else { Err(undefined.error()) };
        }
        if let Some(found) = of.get_item(key) {
            return Ok(found);
        }
        match key {
            Value::Str(name) => self.attribute(of, name),
            _ => Ok(of.missing(key, self.captures())),
        }
    }
}

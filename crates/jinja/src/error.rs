//! What can go wrong in a template: the kind, dbt's or Jinja's words, the place, and the macros that were running.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::value::Value;

/// The result of everything that evaluates.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a template failed, as the Python exception the reference raises.
#[derive(Clone, Debug)]
pub enum ErrorKind {
    /// The template text is not valid Jinja.
    Syntax,
    /// An undefined value was used (`UndefinedError`).
    Undefined,
    /// `TypeError`.
    Type,
    /// `ValueError`.
    Value,
    /// `KeyError`.
    Key,
    /// `IndexError`.
    Index,
    /// `AttributeError`.
    Attribute,
    /// `ZeroDivisionError`.
    ZeroDivision,
    /// `OverflowError`.
    Overflow,
    /// Calls, expressions or blocks are nested too deeply.
    Recursion,
    /// The sandbox refused an access or a call.
    Security,
    /// `FilterArgumentError` and other run-time errors of Jinja itself.
    Runtime,
    /// An error of the host, reachable with [`Error::host_error`].
    Host(Arc<dyn Any + Send + Sync>),
    /// Not an error: `return(value)` on its way to the macro that ends.
    Return(Value),
}

/// A macro that was running when the error was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroCall {
    /// The macro's name as declared, `star`.
    pub name: Arc<str>,
    /// What the host gave at compilation: the unique id (`macro.dbt_utils.star`).
    pub id: Arc<str>,
    /// The file of the macro, as given at compilation.
    pub path: Arc<str>,
    /// The line of its declaration.
    pub line: u32,
}

/// An error of a template.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    template: Option<Arc<str>>,
    line: Option<u32>,
    stack: Vec<MacroCall>,
    /// The source line of a syntax error.
    excerpt: Option<String>,
}

impl Error {
    /// An error of this kind with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            template: None,
            line: None,
            stack: Vec::new(),
            excerpt: None,
        }))
    }

    /// An error of the host; the error itself stays reachable through [`Error::host_error`].
    pub fn host<E: fmt::Display + Any + Send + Sync>(error: E) -> Error {
        let message = error.to_string();
        Error::new(ErrorKind::Host(Arc::new(error)), message)
    }

    pub(crate) fn syntax(message: impl Into<String>, line: u32) -> Error {
        let mut error = Error::new(ErrorKind::Syntax, message);
        error.0.line = Some(line);
        error
    }

    /// A `TypeError`.
    pub fn type_error(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Type, message)
    }

    /// A `ValueError`.
    pub fn value_error(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Value, message)
    }

    pub(crate) fn undefined(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Undefined, message)
    }

    /// The kind of the error.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The message alone, in Jinja's or Python's words.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The message as dbt prints it: a missing name outside of macros gets the hint about `dbt deps`, a syntax error
    /// its line.
    pub fn dbt_message(&self) -> String {
        if matches!(self.0.kind, ErrorKind::Undefined) && self.0.stack.is_empty() {
            return format!(
                "{}. This can happen when calling a macro that does not exist. \
                 Check for typos and/or install package dependencies with \"dbt deps\".",
                self.0.message
            );
        }
        match (&self.0.excerpt, self.0.line) {
            (Some(excerpt), Some(line)) => format!("{}\n  line {line}\n    {excerpt}", self.0.message),
            _ => self.0.message.clone(),
        }
    }

    /// The name of the template (or macro) text the error was raised in.
    pub fn template(&self) -> Option<&str> {
        self.0.template.as_deref()
    }

    /// The line in the text of [`Error::template`], from 1.
    pub fn line(&self) -> Option<u32> {
        self.0.line
    }

    /// The macros that were running, innermost first.
    pub fn stack(&self) -> &[MacroCall] {
        &self.0.stack
    }

    /// The host's own error, when it is one of type `E`.
    pub fn host_error<E: Any>(&self) -> Option<&E> {
        match &self.0.kind {
            ErrorKind::Host(error) => (**error).downcast_ref(),
            _ => None,
        }
    }

    /// Whether this is `return(value)` unwinding, not an error.
    pub fn is_return(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Return(_))
    }

    pub(crate) fn into_return(self) -> Result<Value> {
        match self.0.kind {
            ErrorKind::Return(value) => Ok(value),
            _ => Err(self),
        }
    }

    /// Adds the line of the source that the error is about.
    pub(crate) fn in_source(mut self, source: &str) -> Error {
        let line = self.0.line.and_then(|line| source.lines().nth(line.saturating_sub(1) as usize));
        self.0.excerpt = line.map(|line| line.trim().to_owned());
        self
    }

    /// Adds the place, unless an inner place is known already.
    pub(crate) fn at(mut self, template: &Arc<str>, line: u32) -> Error {
        if self.0.line.is_none() {
            self.0.line = Some(line);
        }
        if self.0.template.is_none() {
            self.0.template = Some(Arc::clone(template));
        }
        self
    }

    pub(crate) fn called_in(mut self, call: MacroCall) -> Error {
        if !self.is_return() && self.0.stack.len() < 1000 {
            self.0.stack.push(call);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("template", &self.0.template)
            .field("line", &self.0.line)
            .field("stack", &self.0.stack)
            .finish()
    }
}

impl std::error::Error for Error {}

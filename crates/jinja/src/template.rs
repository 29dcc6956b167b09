//! A compiled template.

use std::sync::Arc;

use crate::eval::{Globals, State, UndefinedMode};
use crate::syntax::{Parsed, StaticCall, parse};
use crate::{Result, Value};

/// A template, compiled once, rendered many times from any thread. Cloning is cheap.
#[derive(Clone)]
pub struct Template {
    pub(crate) parsed: Arc<Parsed>,
}

impl Template {
    /// Compiles a text. `name` is what errors call it.
    ///
    /// # Errors
    /// A syntax error, with its line.
    pub fn compile(source: &str, name: &str) -> Result<Template> {
        Ok(Template { parsed: Arc::new(parse(source, name)?) })
    }

    /// Whether the text has no Jinja at all.
    pub fn is_static(&self) -> bool {
        self.parsed.is_static()
    }

    /// Renders to text.
    ///
    /// # Errors
    /// Whatever the template runs into.
    pub fn render(&self, globals: &dyn Globals, mode: UndefinedMode) -> Result<String> {
        if let Some(text) = self.parsed.static_text() {
            return Ok(text.to_owned());
        }
        State::new(globals, mode).render(self)
    }

    /// Renders to a value: a template that is one expression gives its value, anything else text.
    ///
    /// # Errors
    /// Whatever the template runs into.
    pub fn render_native(&self, globals: &dyn Globals, mode: UndefinedMode) -> Result<Value> {
        State::new(globals, mode).render_native(self)
    }

    /// The calls written in the template, in source order (outer before inner), with their literal arguments.
    pub fn calls(&self) -> &[StaticCall] {
        &self.parsed.calls
    }

    /// Whether a free name such as `this` is mentioned.
    pub fn mentions(&self, name: &str) -> bool {
        self.parsed.names.iter().any(|known| **known == *name)
    }

    /// The name given at compilation.
    pub fn name(&self) -> &str {
        &self.parsed.name
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<template {}>", self.parsed.name)
    }
}

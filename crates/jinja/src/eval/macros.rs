//! Macros of the host: the blocks of macro files, callable as values.

use std::sync::Arc;

use super::State;
use crate::syntax::ast::{Macro, MacroTag, Statement};
use crate::syntax::{Parsed, StaticCall, parse};
use crate::{CallArgs, Error, MacroCall, Result, Value};

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
    definition: Arc<Macro>,
    parsed: Parsed,
}

impl MacroDef {
    /// Compiles a block (its full text, tags included). `id` and `path` are for the call stack of errors and
    /// [`crate::Globals::enter_macro`].
    ///
    /// # Errors
    /// A syntax error, or no macro in the text.
    pub fn compile(block: &str, id: &str, path: &str) -> Result<MacroDef> {
        let parsed = parse(block, path)?;
        let definition = parsed.body.iter().find_map(|node| match &node.kind {
            Statement::Macro(definition) if definition.kind != MacroTag::Docs => {
                Some((Arc::clone(definition), node.line))
            }
            _ => None,
        });
        let Some((definition, line)) = definition else {
            return Err(Error::syntax("there is no macro in this block", 1).at(&parsed.name, 1));
        };
        let mangled = &definition.name.text;
        let name: Arc<str> = mangled.strip_prefix("dbt_macro__").unwrap_or(mangled).into();
        let kind = match definition.kind {
            MacroTag::Test => MacroKind::Test,
            MacroTag::Materialization => MacroKind::Materialization,
            _ => MacroKind::Macro,
        };
        let supported_languages = match kind {
            MacroKind::Materialization => definition.parameters[0]
                .default
                .as_ref()
                .and_then(|languages| languages.literal()?.items().ok())
                .unwrap_or_default()
                .iter()
                .map(Value::to_string)
                .collect(),
            _ => Vec::new(),
        };
        let parameters = definition
            .parameters
            .iter()
            .map(|parameter| Parameter {
                name: Arc::clone(&parameter.name.text),
                annotation: parameter.annotation.clone(),
                has_default: parameter.default.is_some(),
            })
            .collect();
        let call = MacroCall { name: Arc::clone(&name), id: id.into(), path: path.into(), line };
        Ok(MacroDef { name, kind, parameters, supported_languages, call, definition, parsed })
    }

    /// The calls written in the macro, in source order.
    pub fn calls(&self) -> &[StaticCall] {
        &self.parsed.calls
    }

    /// Whether a free name such as `this` is mentioned.
    pub fn mentions(&self, name: &str) -> bool {
        self.parsed.names.iter().any(|known| **known == *name)
    }

    /// The id given at compilation.
    pub fn id(&self) -> &str {
        &self.call.id
    }

    /// The file given at compilation.
    pub fn path(&self) -> &str {
        &self.call.path
    }

    /// Runs the macro with the globals of the evaluation.
    ///
    /// # Errors
    /// Wrong arguments, and whatever the body runs into.
    pub fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        state.globals.enter_macro(&self.call, state.stack.len());
        let saved =
            state.enter_frame(&self.parsed.name, false, false).map_err(|error| error.called_in(self.call.clone()))?;
        state.stack.push(self.call.clone());
        let result = state.run_macro(&self.definition, args);
        state.stack.pop();
        state.leave_frame(saved);
        match result {
            Err(error) => error.called_in(self.call.clone()).into_return(),
            done => done,
        }
    }
}

impl std::fmt::Debug for MacroDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<macro {}>", self.call.id)
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

    fn repr(&self) -> String {
        format!("<dbt.clients.jinja.MacroGenerator object {}>", self.call.id)
    }
}

impl From<Arc<MacroDef>> for Value {
    fn from(definition: Arc<MacroDef>) -> Value {
        Value::Object(definition)
    }
}

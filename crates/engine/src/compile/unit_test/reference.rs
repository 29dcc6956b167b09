//! What `input:` of a unit test names.

use std::sync::Arc;

use artifacts::manifest::{Node, UnitTest};
use diagnostic::Diagnostic;
use jinja::{StaticCall, Template, UndefinedMode, Value};

use crate::{
    Compiler,
    context::node::{ContextParts, Phase},
    parse::{Named, read_reference},
};

impl Compiler {
    /// The node or source of an input. As with dbt an input is read, not rendered: `ref` and `source` with texts, and a version. With the flag
    /// `support_custom_ref_kwargs` everything else is rendered, by the project's own `ref` and `source` where there are any.
    ///
    /// Source: dbt Core 1.12, its parser of unit tests.
    pub(super) fn named_input(&self, test: &UnitTest, model: &Arc<Node>, input: &str) -> Result<Named, Diagnostic> {
        let template = Template::compile(&format!("{{{{ {input} }}}}"), "an input");
        if template.as_ref().is_ok_and(|template| is_plain(template.calls())) {
            return read_reference(input).ok_or_else(|| no_reference(input));
        }
        match template {
            Ok(template) if self.manifest.scope().custom_ref_arguments => self.rendered(test, model, &template, input),
            _ => Err(no_reference(input)),
        }
    }

    fn rendered(
        &self,
        test: &UnitTest,
        model: &Arc<Node>,
        template: &Template,
        input: &str,
    ) -> Result<Named, Diagnostic> {
        let parts = ContextParts {
            scope: Arc::clone(self.manifest.scope()),
            host: self.host.clone(),
            phase: Phase::Parse,
            node: Arc::clone(model),
        };
        let overrides = test.overrides.clone().unwrap_or_default();
        let macros = self.overridden_macros(model, &overrides.macros);
        let context = parts.build_with(|inner| {
            inner.overridden_vars = overrides.vars;
            inner.overridden_env = overrides.env_vars;
            inner.extra.extend(macros);
        });
        template
            .render(&context, UndefinedMode::Capture)
            .map_err(|error| Diagnostic { cause: Some(error.to_string()), ..no_reference(input) })?;
        let found = context.take_capture();
        if found.refs.is_empty() && found.sources.is_empty() {
            return Err(no_reference(input));
        }
        Ok(Named { refs: found.refs, sources: found.sources, ..Named::default() })
    }
}

/// One call and nothing else, with no argument that only a macro of the project's own could know.
fn is_plain(calls: &[StaticCall]) -> bool {
    let [call] = calls else { return false };
    let is_text = |value: &Option<Value>| value.as_ref().is_some_and(|value| value.as_str().is_some());
    let is_version = |value: &Option<Value>| {
        value.as_ref().is_some_and(|value| matches!(value, Value::Str(_) | Value::Int(_) | Value::Float(_)))
    };
    call.is_alone
        && !call.spreads
        && call.positional.iter().all(is_text)
        && match call.name.as_str() {
            "ref" => {
                call.keyword.iter().all(|(key, value)| matches!(key.as_str(), "v" | "version") && is_version(value))
            }
            "source" => call.keyword.is_empty(),
            _ => false,
        }
}

fn no_reference(input: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "Unit test given inputs must be either a 'ref', 'source' or 'this' call. Got: '{input}'."
    ))
    .cause("it is read without being rendered, unless the flag support_custom_ref_kwargs is on")
    .fix("write `ref('…')`, `source('…', '…')` or `this`")
}

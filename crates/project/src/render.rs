//! Jinja in YAML values, through whoever knows the context.

use std::borrow::Cow;
use std::fmt;

use diagnostic::{Diagnostic, Kind};

use crate::source::SourceText;
use crate::yaml::{Entry, Map, Node, Value};

/// Why a text could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// The first line a reader sees, such as `Env var required but not provided: 'X'`.
    pub message: String,
    /// Of the error that the template met.
    pub kind: Kind,
    /// Why.
    pub cause: Option<String>,
    /// What to do.
    pub fix: Option<String>,
}

impl RenderError {
    /// An error that says only what failed.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Other, cause: None, fix: None }
    }
}

/// Renders a text natively: `"{{ var('n') }}"` becomes the integer that the variable holds.
pub trait RenderYaml: Sync {
    /// Renders `text`, which stands at `path` (`models.shop.+schema`). Only called for texts with Jinja in them.
    ///
    /// # Errors
    /// When the Jinja is wrong or asks for something that is not there.
    fn render(&self, text: &str, path: &str) -> Result<Value, RenderError>;

    /// The same renderer, knowing `variables` besides its own, which go before them; `None` when it knows none anyway.
    fn with_variables(&self, _variables: &Map) -> Option<Box<dyn RenderYaml>> {
        None
    }

    /// Whether the `arguments:` of a generic test holds its arguments, or is one of them: `require_generic_test_arguments_property`.
    fn nests_test_arguments(&self) -> bool {
        true
    }
}

/// Takes every text as it is: for files that dbt does not render, and for tests.
#[derive(Debug, Clone, Copy)]
pub struct Verbatim;

impl RenderYaml for Verbatim {
    fn render(&self, text: &str, _path: &str) -> Result<Value, RenderError> {
        Ok(Value::Str(text.to_owned()))
    }
}

impl<F: Fn(&str, &str) -> Result<Value, RenderError> + Sync> RenderYaml for F {
    fn render(&self, text: &str, path: &str) -> Result<Value, RenderError> {
        self(text, path)
    }
}

/// Whether a text has anything for Jinja to do. dbt hands on texts without delimiters unchanged.
pub fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// A step of the path to a value.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// Into a mapping.
    Key(Cow<'a, str>),
    /// Into a list.
    Index(usize),
}

impl Step<'_> {
    /// The key; `None` of a list's index.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => index.fmt(f),
        }
    }
}

/// Renders every text below `node`, except where `keep` says so of a path from the root of the file's value, such as `models`,
/// `shop`, `+schema`. A text that cannot be rendered is reported and left as it is.
pub(crate) fn render_tree(
    node: &Node,
    renderer: &dyn RenderYaml,
    keep: &dyn Fn(&[Step<'_>]) -> bool,
    source: &SourceText,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let rendered = Walk { renderer, keep, source, diagnostics, path: Vec::new() }.value(node);
    Node::at(rendered.unwrap_or_else(|| node.value.clone()), node.position)
}

struct Walk<'a> {
    renderer: &'a dyn RenderYaml,
    keep: &'a dyn Fn(&[Step<'_>]) -> bool,
    source: &'a SourceText,
    diagnostics: &'a mut Vec<Diagnostic>,
    path: Vec<Step<'a>>,
}

impl<'a> Walk<'a> {
    /// What a value becomes; `None` when there is nothing to render in it.
    fn value(&mut self, node: &'a Node) -> Option<Value> {
        match &node.value {
            Value::Str(text) if has_jinja(text) => Some(self.text(text, node)),
            // Jinja drops a line break at the end, also of a text that it has nothing to do with.
            Value::Str(text) => text.strip_suffix('\n').map(|text| Value::Str(text.to_owned())),
            Value::Seq(items) => {
                let mut changed: Option<Vec<Node>> = None;
                for (index, item) in items.iter().enumerate() {
                    if let Some(value) = self.below(Step::Index(index), item) {
                        changed.get_or_insert_with(|| items.clone())[index].value = value;
                    }
                }
                changed.map(Value::Seq)
            }
            Value::Map(map) => {
                let mut changed: Option<Map> = None;
                for (index, Entry { key, value }) in map.entries().enumerate() {
                    let name = match &key.value {
                        Value::Str(text) => Cow::Borrowed(text.as_str()),
                        other => Cow::Owned(other.scalar_text().unwrap_or_default()),
                    };
                    if let Some(value) = self.below(Step::Key(name), value) {
                        changed.get_or_insert_with(|| map.clone()).set_at(index, value);
                    }
                }
                changed.map(Value::Map)
            }
            _ => None,
        }
    }

    fn below(&mut self, step: Step<'a>, node: &'a Node) -> Option<Value> {
        self.path.push(step);
        let rendered = if (self.keep)(&self.path) { None } else { self.value(node) };
        self.path.pop();
        rendered
    }

    fn text(&mut self, text: &str, node: &Node) -> Value {
        let path: Vec<String> = self.path.iter().map(Step::to_string).collect();
        let path = path.join(".");
        match self.renderer.render(text, &path) {
            Ok(value) => value,
            Err(error) => {
                let mut diagnostic = self
                    .source
                    .error(node.position, format!("Compilation Error\n  Could not render {text}: {}", error.message))
                    .of_kind(Kind::Compilation);
                diagnostic.cause = error.cause.or_else(|| Some(format!("the value of {path} is a template")));
                diagnostic.fix =
                    error.fix.or_else(|| Some("correct the template, or pass what it asks for".to_owned()));
                self.diagnostics.push(diagnostic);
                Value::Str(text.to_owned())
            }
        }
    }
}

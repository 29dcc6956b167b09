//! Jinja in YAML values, through whoever knows the context.

use diagnostic::Diagnostic;

use crate::source::SourceText;
use crate::yaml::{Entry, Map, Node, Value};

/// Why a text could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// The first line a reader sees, such as `Env var required but not provided: 'X'`.
    pub message: String,
    /// Why.
    pub cause: Option<String>,
    /// What to do.
    pub fix: Option<String>,
}

impl RenderError {
    /// An error that says only what failed.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, fix: None }
    }
}

/// Renders a text natively: `"{{ var('n') }}"` becomes the integer that the variable holds.
pub trait RenderYaml: Sync {
    /// Renders `text`, which stands at `path` (`models.shop.+schema`). Only called for texts with Jinja in them.
    ///
    /// # Errors
    /// When the Jinja is wrong or asks for something that is not there.
    fn render(&self, text: &str, path: &str) -> Result<Value, RenderError>;
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

/// Renders every text below `node`, except where `keep` says so of a path (keys and indices from the root of the file's
/// value, such as `["models", "shop", "+schema"]`). A text that cannot be rendered is reported and left as it is.
pub fn render_tree(
    node: &Node,
    renderer: &dyn RenderYaml,
    keep: &dyn Fn(&[String]) -> bool,
    source: &SourceText,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    Walk { renderer, keep, source, diagnostics, path: Vec::new() }.node(node)
}

struct Walk<'a> {
    renderer: &'a dyn RenderYaml,
    keep: &'a dyn Fn(&[String]) -> bool,
    source: &'a SourceText,
    diagnostics: &'a mut Vec<Diagnostic>,
    path: Vec<String>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node) -> Node {
        if !self.path.is_empty() && (self.keep)(&self.path) {
            return node.clone();
        }
        let value = match &node.value {
            Value::Str(text) if has_jinja(text) => self.text(text, node),
            // Jinja drops a line break at the end, also of a text that it has nothing to do with.
            Value::Str(text) if text.ends_with('\n') => Value::Str(text[..text.len() - 1].to_owned()),
            Value::Seq(items) => {
                Value::Seq(items.iter().enumerate().map(|(index, item)| self.below(index.to_string(), item)).collect())
            }
            Value::Map(map) => Value::Map(self.map(map)),
            other => other.clone(),
        };
        Node::at(value, node.position)
    }

    fn map(&mut self, map: &Map) -> Map {
        let mut rendered = Map::new();
        for Entry { key, value } in map.entries() {
            let name = key.value.scalar_text().unwrap_or_default();
            let value = self.below(name, value);
            // The key was hashable where it comes from.
            let _ = rendered.insert_node(key.clone(), value);
        }
        rendered
    }

    fn below(&mut self, step: String, node: &Node) -> Node {
        self.path.push(step);
        let rendered = self.node(node);
        self.path.pop();
        rendered
    }

    fn text(&mut self, text: &str, node: &Node) -> Value {
        let path = self.path.join(".");
        match self.renderer.render(text, &path) {
            Ok(value) => value,
            Err(error) => {
                let mut diagnostic = self
                    .source
                    .error(node.position, format!("Compilation Error\n  Could not render {text}: {}", error.message));
                diagnostic.cause = error.cause.or_else(|| Some(format!("the value of {path} is a template")));
                diagnostic.fix =
                    error.fix.or_else(|| Some("correct the template, or pass what it asks for".to_owned()));
                self.diagnostics.push(diagnostic);
                Value::Str(text.to_owned())
            }
        }
    }
}

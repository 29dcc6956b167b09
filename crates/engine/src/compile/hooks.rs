//! Hooks and query comments: small templates rendered for a node.

use std::sync::Arc;

use artifacts::manifest::Node;
use diagnostic::Diagnostic;
use jinja::{Template, UndefinedMode, Value};
use names::UniqueId;
use project::QueryComment as Setting;
use serde_json::{Value as Json, json};

use super::{Batch, Compiler};
use crate::{adapter::QueryComment, context::node::Inner, parse::errors};

/// Which of a node's hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeHook {
    Before,
    After,
}

impl Compiler {
    /// A node's hooks, rendered, without those that render to nothing, in the order in which they run; of a microbatch model with the
    /// batch around which they run.
    ///
    /// # Errors
    /// A hook that cannot be rendered.
    pub fn node_hooks(&self, id: &UniqueId, which: NodeHook, batch: Option<&Batch>) -> Result<Vec<String>, Diagnostic> {
        let key = match which {
            NodeHook::Before => "pre-hook",
            NodeHook::After => "post-hook",
        };
        let node = self.known(id)?;
        let hooks = node.config.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        if hooks.is_empty() {
            return Ok(Vec::new());
        }
        let node = self.compiled_node(&node);
        let mut rendered = Vec::new();
        for hook in hooks {
            let Some(text) = hook.get("sql").and_then(Json::as_str) else { continue };
            let sql = self.render_with(&node, text, |inner| inner.batch = batch.cloned())?;
            if !sql.trim().is_empty() {
                rendered.push(sql.trim().to_owned());
            }
        }
        Ok(rendered)
    }

    /// A project hook (`on-run-start`, `on-run-end`), rendered; empty when it only has side effects.
    /// `extra` are the names only these hooks see: `schemas`, `database_schemas`, `results`.
    ///
    /// # Errors
    /// A hook that cannot be rendered.
    pub fn project_hook(&self, id: &UniqueId, extra: Vec<(String, Value)>) -> Result<String, Diagnostic> {
        let node = self.known(id)?;
        let sql = self.render_for(&node, &node.raw_code, extra)?;
        let sql = sql.trim().to_owned();
        self.remember(super::Compiled {
            id: id.clone(),
            sql: Arc::from(sql.as_str()),
            path: Some(self.write_path(&node, "compiled")),
            ..super::Compiled::default()
        });
        // A hook may be a mapping, as a node's hooks may.
        if let Ok(Json::Object(map)) = serde_json::from_str::<Json>(&sql)
            && let Some(inner) = map.get("sql").and_then(Json::as_str)
        {
            return Ok(inner.to_owned());
        }
        Ok(sql)
    }

    /// The comment for a node's statements, or for those of a connection without a node.
    ///
    /// # Errors
    /// A comment that cannot be rendered or holds `*/`.
    pub fn query_comment(&self, id: Option<&UniqueId>) -> Result<Option<QueryComment>, Diagnostic> {
        let scope = self.manifest.scope();
        let (template, append) = match &scope.query_comment {
            Setting::Disabled => return Ok(None),
            Setting::Default => (None, false),
            Setting::Custom { comment, append, .. } => (comment.as_deref(), *append),
        };
        let text = match template {
            None => self.default_comment(id),
            Some(template) => self.custom_comment(template, id)?,
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.contains("*/") {
            return Err(Diagnostic::error(format!("query comment contains illegal value \"*/\": {text}"))
                .cause("the comment would end in its middle")
                .fix("change `query-comment` in dbt_project.yml"));
        }
        Ok(Some(QueryComment { text: text.to_owned(), append }))
    }

    fn default_comment(&self, id: Option<&UniqueId>) -> String {
        let mut comment = serde_json::Map::new();
        comment.insert("app".to_owned(), "dbt".into());
        comment.insert("dbt_version".to_owned(), project::CLAIMED_DBT_VERSION.into());
        comment.insert("profile_name".to_owned(), self.host.profile_name.clone().into());
        comment.insert("target_name".to_owned(), self.host.target_name.clone().into());
        match id {
            Some(id) => comment.insert("node_id".to_owned(), id.as_str().into()),
            None => comment.insert("connection_name".to_owned(), "master".into()),
        };
        python_json(&Json::Object(comment))
    }

    fn custom_comment(&self, template: &str, id: Option<&UniqueId>) -> Result<String, Diagnostic> {
        let node = id.and_then(|id| self.manifest.node(id.as_str()));
        let fallback = Arc::new(Node {
            name: "master".to_owned(),
            package_name: self.manifest.root_package().to_owned(),
            original_file_path: "dbt_project.yml".to_owned(),
            ..Node::default()
        });
        let value = node.map_or(Value::None, |node| Value::from(serde_json::to_value(&**node).unwrap_or_default()));
        let connection = id.map_or_else(|| "master".to_owned(), ToString::to_string);
        let extra = vec![("node".to_owned(), value), ("connection_name".to_owned(), Value::from(connection))];
        self.render_for(node.unwrap_or(&fallback), template, extra)
    }

    pub(super) fn render_for(
        &self,
        node: &Arc<Node>,
        text: &str,
        extra: Vec<(String, Value)>,
    ) -> Result<String, Diagnostic> {
        self.render_with(node, text, |inner| inner.extra.extend(extra))
    }

    fn render_with(&self, node: &Arc<Node>, text: &str, change: impl FnOnce(&mut Inner)) -> Result<String, Diagnostic> {
        if !project::has_jinja(text) {
            return Ok(text.to_owned());
        }
        let context = self.context(node, change);
        Template::compile(text, &node.original_file_path)
            .and_then(|template| template.render(&context, UndefinedMode::Strict))
            .map_err(|error| {
                let mut diagnostic = errors::in_node(node, &error, 0);
                diagnostic.location = Some(diagnostic::Location::file(&node.original_file_path));
                diagnostic
            })
    }

    /// The node with its compiled code, where that is known.
    pub(super) fn compiled_node(&self, node: &Arc<Node>) -> Arc<Node> {
        let Some(compiled) = self.cached(&node.unique_id) else { return Arc::clone(node) };
        let mut node = Node::clone(node);
        node.compiled = Some(compiled.to_artifact());
        node.compiled_path.clone_from(&compiled.path);
        Arc::new(node)
    }
}

/// `json.dumps`: a space after `,` and `:`.
fn python_json(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", json!(key), python_json(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

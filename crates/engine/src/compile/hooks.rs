//! Hooks and query comments: small templates rendered for a node.

use diagnostic::Diagnostic;
use jinja::Value;
use names::UniqueId;

use super::Compiler;
use crate::adapter::QueryComment;

/// Which of a node's hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeHook {
    Before,
    After,
}

impl Compiler {
    /// A node's hooks, rendered, without those that render to nothing, in the order in which they run.
    ///
    /// # Errors
    /// A hook that cannot be rendered.
    pub fn node_hooks(&self, id: &UniqueId, which: NodeHook) -> Result<Vec<String>, Diagnostic> {
        let _ = (id, which);
        Err(Diagnostic::error("not built yet"))
    }

    /// A project hook (`on-run-start`, `on-run-end`), rendered; empty when it only has side effects.
    /// `extra` are the names only these hooks see: `schemas`, `database_schemas`, `results`.
    ///
    /// # Errors
    /// A hook that cannot be rendered.
    pub fn project_hook(&self, id: &UniqueId, extra: Vec<(String, Value)>) -> Result<String, Diagnostic> {
        let _ = (id, extra);
        Err(Diagnostic::error("not built yet"))
    }

    /// The comment for a node's statements, or for those of a connection without a node.
    ///
    /// # Errors
    /// A comment that cannot be rendered or holds `*/`.
    pub fn query_comment(&self, id: Option<&UniqueId>) -> Result<Option<QueryComment>, Diagnostic> {
        let _ = id;
        Err(Diagnostic::error("not built yet"))
    }
}

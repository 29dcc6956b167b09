//! The text of a file and its name: what a message about one of its lines needs.

use std::sync::Arc;

use diagnostic::{Diagnostic, Location};

use crate::yaml::Position;

/// A file's path, as the author knows it, and its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceText {
    /// Relative to the project root.
    pub file: String,
    /// What is in it.
    pub text: Arc<str>,
}

impl SourceText {
    /// A file and its text.
    pub fn new(file: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    /// A place in the file, with the line's text.
    pub fn location(&self, position: Position) -> Location {
        if position.line == 0 {
            return Location::file(&self.file);
        }
        Location::in_source(&self.file, &self.text, position.line, Some(position.column))
    }

    /// A place in the file without the line's text, which has to be looked for from the top: for one of very many.
    pub fn place(&self, position: Position) -> Location {
        Location { line: Some(position.line), column: Some(position.column), ..Location::file(&self.file) }
    }

    /// An error at a place of the file.
    pub fn error(&self, position: Position, what: impl Into<String>) -> Diagnostic {
        Diagnostic::error(what).at(self.location(position))
    }

    /// A warning at a place of the file.
    pub fn warning(&self, position: Position, what: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(what).at(self.location(position))
    }
}

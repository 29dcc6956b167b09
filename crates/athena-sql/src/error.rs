//! What Athena answers to a text that it cannot read.

use crate::ast::Pos;

/// A text that is no statement of Athena's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct ParseError {
    /// Which kind of complaint.
    pub kind: ParseErrorKind,
    /// Where; `None` when the sentence names no place.
    pub pos: Option<Pos>,
    /// The sentence without its position.
    pub message: String,
}

/// Which grammar complains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// Trino's or Hive's: something is not where it may be.
    Syntax,
    /// Neither grammar, or a statement that Athena has taken out of them.
    NotSupported,
}

impl ParseError {
    /// The sentence for a statement that Athena does not have.
    pub const NOT_SUPPORTED: &'static str = "Queries of this type are not supported";

    pub(crate) fn at(pos: Pos, message: impl Into<String>) -> Self {
        Self { kind: ParseErrorKind::Syntax, pos: Some(pos), message: message.into() }
    }

    pub(crate) fn not_supported() -> Self {
        Self { kind: ParseErrorKind::NotSupported, pos: None, message: Self::NOT_SUPPORTED.to_owned() }
    }

    fn text(&self) -> String {
        match self.pos {
            Some(pos) => format!("{pos}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

//! What can be wrong with a YAML text.

use diagnostic::{Diagnostic, Kind, Location};
use thiserror::Error;

use super::Position;

/// Why a text is not YAML that dbt could read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum YamlError {
    /// The scanner or parser stopped.
    #[error("{problem}")]
    Syntax {
        /// The scanner's words.
        problem: String,
        /// Where it stopped.
        position: Position,
    },
    /// A list or mapping as a key, as in `{{ name }}` without quotes.
    #[error("found unhashable key")]
    UnhashableKey {
        /// Where the key starts.
        position: Position,
    },
    /// `2024-13-45`, `!!int x`.
    #[error("'{text}' is not {expected}")]
    BadScalar {
        /// What was written.
        text: String,
        /// What it should have been.
        expected: &'static str,
        /// Where.
        position: Position,
    },
    /// `!custom`, which the safe loader refuses.
    #[error("could not determine a constructor for the tag '{tag}'")]
    UnknownTag {
        /// The tag in full.
        tag: String,
        /// Where.
        position: Position,
    },
    /// `<<: 3`.
    #[error("expected a mapping or list of mappings for merging, but found {found}")]
    BadMerge {
        /// What was found instead.
        found: &'static str,
        /// Where.
        position: Position,
    },
    /// `*name` inside `&name`, or without one.
    #[error("found an alias that its own anchor contains")]
    RecursiveAlias {
        /// Where the alias is.
        position: Position,
    },
    /// A second document.
    #[error("expected a single document in the stream, but found another document")]
    SecondDocument {
        /// Where it starts.
        position: Position,
    },
    /// More nesting than anyone writes by hand.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where it was passed.
        position: Position,
    },
    /// Aliases that multiply ("billion laughs").
    #[error("aliases expand to more than {limit} values")]
    TooManyValues {
        /// The limit.
        limit: usize,
        /// The alias that passed it.
        position: Position,
    },
}

impl YamlError {
    /// Where the text is wrong.
    pub fn position(&self) -> Position {
        match self {
            Self::Syntax { position, .. }
            | Self::UnhashableKey { position }
            | Self::BadScalar { position, .. }
            | Self::UnknownTag { position, .. }
            | Self::BadMerge { position, .. }
            | Self::RecursiveAlias { position }
            | Self::SecondDocument { position }
            | Self::TooDeep { position, .. }
            | Self::TooManyValues { position, .. } => *position,
        }
    }

    fn fix(&self, line: &str) -> &'static str {
        match self {
            Self::UnhashableKey { .. } if line.contains("{{") => {
                "put quotes around a value that starts with Jinja: \"{{ … }}\""
            }
            Self::Syntax { .. } if line.contains("{{") || line.contains("{%") => {
                "put quotes around a value that holds Jinja: \"{{ … }}\""
            }
            Self::Syntax { .. } if line.contains('\t') => "indent with spaces: YAML does not allow tabs",
            Self::Syntax { .. } => "check indentation, quotes and colons of this line and the one above",
            Self::UnhashableKey { .. } => "use plain text as the key",
            Self::BadScalar { .. } => "put quotes around it if it is meant as text",
            Self::UnknownTag { .. } => "remove the tag, or put quotes around the value",
            Self::BadMerge { .. } => "merge an alias of a mapping: `<<: *name`",
            Self::RecursiveAlias { .. } => "write the value out instead of using the alias here",
            Self::SecondDocument { .. } => "remove the `---` line, or move what follows it to a file of its own",
            Self::TooDeep { .. } | Self::TooManyValues { .. } => "write it with less nesting",
        }
    }

    /// Where the tab is: the scanner names the place where the text began that it stands in.
    fn tab_after(&self, source: &str) -> Option<Position> {
        let Self::Syntax { problem, position } = self else { return None };
        if !problem.contains("found a tab") {
            return None;
        }
        let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).position(|c| c == '\t');
        let mut below = source.lines().enumerate().skip(position.line.saturating_sub(1));
        below.find_map(|(index, line)| Some(Position { line: index + 1, column: indent(line)? + 1 }))
    }

    /// The error as a reader sees it.
    pub fn diagnostic(&self, file: &str, source: &str) -> Diagnostic {
        let position = self.tab_after(source).unwrap_or_else(|| self.position());
        let location = Location::in_source(file, source, position.line, Some(position.column));
        let fix = self.fix(location.excerpt.as_deref().unwrap_or_default());
        Diagnostic::error(format!("Parsing Error\n  Error reading {file}: Syntax error near line {}", position.line))
            .of_kind(Kind::Syntax)
            .at(location)
            .cause(self.to_string())
            .fix(fix)
    }
}

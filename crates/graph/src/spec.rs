//! What `--select` and `--exclude` ask for, as a tree of set operations.

use std::fmt;
use std::str::FromStr;

use crate::criterion::Criterion;
use crate::select::SelectionError;

/// Which tests come along with the nodes they test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IndirectSelection {
    /// Those with any parent selected.
    #[default]
    Eager,
    /// Those with all parents selected.
    Cautious,
    /// Those with all parents selected or among the ancestors of what is selected.
    Buildable,
    /// None.
    Empty,
}

impl FromStr for IndirectSelection {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "eager" => Self::Eager,
            "cautious" => Self::Cautious,
            "buildable" => Self::Buildable,
            "empty" => Self::Empty,
            _ => return Err(()),
        })
    }
}

impl fmt::Display for IndirectSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eager => "eager",
            Self::Cautious => "cautious",
            Self::Buildable => "buildable",
            Self::Empty => "empty",
        })
    }
}

/// A tree of set operations over criteria.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectionSpec {
    /// One criterion.
    Criterion(Criterion),
    /// Everything that any part finds.
    Union {
        /// The parts.
        parts: Vec<SelectionSpec>,
        /// For tests that no part alone could decide on.
        indirect_selection: IndirectSelection,
        /// Text for the warning when nothing is found; `None`: no warning.
        raw: Option<String>,
    },
    /// What every part finds.
    Intersection {
        /// The parts.
        parts: Vec<SelectionSpec>,
        /// As above.
        indirect_selection: IndirectSelection,
        /// As above.
        raw: Option<String>,
    },
    /// What the first finds and the second does not.
    Difference {
        /// From this …
        include: Box<SelectionSpec>,
        /// … without this.
        exclude: Box<SelectionSpec>,
        /// As above.
        indirect_selection: IndirectSelection,
    },
}

/// What is selected when nothing is said.
const EVERYTHING: [&str; 5] = ["fqn:*", "source:*", "exposure:*", "metric:*", "semantic_model:*"];

impl SelectionSpec {
    /// Reads the values of `--select` and `--exclude`; each may hold several items.
    ///
    /// # Errors
    /// The first item that is not of the grammar.
    pub fn from_arguments(
        select: &[String],
        exclude: &[String],
        indirect_selection: IndirectSelection,
    ) -> Result<Self, SelectionError> {
        let include = if select.is_empty() {
            let parts = EVERYTHING.map(|raw| Criterion::parse(raw, indirect_selection).map(Self::Criterion));
            let parts = parts.into_iter().collect::<Result<_, _>>()?;
            Self::Union { parts, indirect_selection, raw: None }
        } else {
            Self::union_of(select, indirect_selection)?
        };
        let exclude = Self::union_of(exclude, indirect_selection)?;
        Ok(Self::Difference { include: Box::new(include), exclude: Box::new(exclude), indirect_selection })
    }

    /// Reads one text of the command line's grammar: blanks are unions, commas intersections.
    ///
    /// # Errors
    /// The first item that is not of the grammar.
    pub fn parse(text: &str, indirect_selection: IndirectSelection) -> Result<Self, SelectionError> {
        Self::union_of(&[text.to_owned()], indirect_selection)
    }

    fn union_of(values: &[String], indirect_selection: IndirectSelection) -> Result<Self, SelectionError> {
        let parts = values
            .iter()
            .flat_map(|value| value.split_whitespace())
            .map(|item| Self::intersection_of(item, indirect_selection))
            .collect::<Result<_, _>>()?;
        Ok(Self::Union { parts, indirect_selection, raw: None })
    }

    fn intersection_of(item: &str, indirect_selection: IndirectSelection) -> Result<Self, SelectionError> {
        let parts = item
            .split(',')
            .map(|raw| Criterion::parse(raw, indirect_selection).map(Self::Criterion))
            .collect::<Result<_, _>>()?;
        Ok(Self::Intersection { parts, indirect_selection, raw: Some(item.to_owned()) })
    }
}

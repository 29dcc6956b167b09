//! What failed, where, the cause, and a fix one can do now: every error a user reads has this shape.

use std::fmt;

use serde::Serialize;

/// How serious a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The command cannot do what was asked.
    Error,
    /// The command goes on; the author should know.
    Warning,
}

/// What dbt's exception of an error is, as far as somebody asks: commands end differently for some.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A mistake in what the project or its profile says, or anything else.
    #[default]
    Other,
    /// A file that cannot be read at all.
    Syntax,
    /// A template that fails, or a part that the project lacks: dbt's `CompilationError`.
    Compilation,
}

/// A place in a file of the project.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Location {
    /// As the author knows it: relative to the project root.
    pub file: String,
    /// 1-based; `None` when only the file is known.
    pub line: Option<usize>,
    /// 1-based, in characters.
    pub column: Option<usize>,
    /// The text of the line, to be shown above a caret.
    pub excerpt: Option<String>,
}

impl Location {
    /// A whole file.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, column: None, excerpt: None }
    }

    /// A place in `source`; the excerpt is cut out of it.
    pub fn in_source(file: impl Into<String>, source: &str, line: usize, column: Option<usize>) -> Self {
        let excerpt = line.checked_sub(1).and_then(|index| source.lines().nth(index)).map(str::to_owned);
        Self { file: file.into(), line: Some(line), column, excerpt }
    }
}

/// One mistake or failure, ready to be shown as text or JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Of a warning: what `--warn-error-options` calls it, dbt's name of the event; `None` when it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
    /// The first line; where dbt or Athena has a sentence of its own, it is that sentence.
    pub what: String,
    /// Of an error.
    #[serde(skip)]
    pub kind: Kind,
    /// Where it is, if it is in a file.
    pub location: Option<Location>,
    /// Why it happened.
    pub cause: Option<String>,
    /// What the reader can do about it now.
    pub fix: Option<String>,
    /// What [`Diagnostic::data`] answers; boxed, because few have any and errors should be small.
    #[serde(skip)]
    pub members: Option<Box<Members>>,
}

/// Members of an event, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Members(Vec<(&'static str, String)>);

impl Diagnostic {
    /// An error.
    pub fn error(what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            name: None,
            what: what.into(),
            kind: Kind::Other,
            location: None,
            cause: None,
            fix: None,
            members: None,
        }
    }

    /// A warning.
    pub fn warning(what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what) }
    }

    /// Says what kind of error it is.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Says which of dbt's warnings it is.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Adds a member of dbt's event.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<String>) -> Self {
        self.members.get_or_insert_default().0.push((member, value.into()));
        self
    }

    /// Of a warning: the members of dbt's event of this name, in place of its text.
    pub fn data(&self) -> &[(&'static str, String)] {
        self.members.as_ref().map_or(&[], |members| &members.0)
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Says why.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Diagnostic {
    /// The text form: what, the excerpt with a caret, `cause:` and `fix:`, indented by two spaces below the first line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.what.lines();
        write!(f, "{}", lines.next().unwrap_or_default())?;
        for line in lines {
            write!(f, "\n{line}")?;
        }
        if let Some(location) = &self.location {
            write_location(f, location)?;
        }
        if let Some(cause) = &self.cause {
            write!(f, "\n  cause: {}", indent_following(cause, 9))?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n  fix:   {}", indent_following(fix, 9))?;
        }
        Ok(())
    }
}

fn write_location(f: &mut fmt::Formatter<'_>, location: &Location) -> fmt::Result {
    write!(f, "\n  at {}", location.file)?;
    let Some(line) = location.line else { return Ok(()) };
    write!(f, ":{line}")?;
    if let Some(column) = location.column {
        write!(f, ":{column}")?;
    }
    let Some(excerpt) = &location.excerpt else { return Ok(()) };
    let number = line.to_string();
    let (excerpt, column) = shortened(&excerpt.replace('\t', " "), location.column);
    write!(f, "\n   {number} | {excerpt}")?;
    if let Some(column) = column {
        write!(f, "\n   {} | {}^", " ".repeat(number.len()), " ".repeat(column.saturating_sub(1)))?;
    }
    Ok(())
}

/// The most characters that are shown of a line.
const MAX_SHOWN: usize = 400;

/// A very long line is cut around the place; the column is then counted in what is left.
fn shortened(excerpt: &str, column: Option<usize>) -> (String, Option<usize>) {
    if excerpt.chars().nth(MAX_SHOWN).is_none() {
        return (excerpt.to_owned(), column);
    }
    let skipped = column.unwrap_or(1).saturating_sub(MAX_SHOWN / 2);
    let shown: String = excerpt.chars().skip(skipped).take(MAX_SHOWN).collect();
    let start = if skipped > 0 { "…" } else { "" };
    let end = if excerpt.chars().nth(skipped + MAX_SHOWN).is_some() { "…" } else { "" };
    (format!("{start}{shown}{end}"), column.map(|column| column - skipped + start.chars().count()))
}

fn indent_following(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_very_long_line_is_cut_around_the_place() {
        let source = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let shown = Diagnostic::error("no").at(Location::in_source("m.sql", &source, 1, Some(5001))).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        let (text, caret) = (lines[2], lines[3]);
        assert!(text.starts_with("   1 | …aaa") && text.ends_with("bbb…") && text.chars().count() < 420, "{text}");
        assert_eq!(text.chars().position(|c| c == 'X'), caret.chars().position(|c| c == '^'));
        let shown = Diagnostic::error("no").at(Location::in_source("m.sql", &source, 1, None)).to_string();
        assert!(
            shown.lines().nth(2).is_some_and(|text| text.starts_with("   1 | aaa") && text.ends_with('…')),
            "{shown}"
        );
    }

    #[test]
    fn shows_what_where_cause_and_fix() {
        let source = "-- orders\nselect *\nfrom {{ ref('stg_order') }}\n";
        let diagnostic = Diagnostic::error("Compilation Error in model orders (models/orders.sql)")
            .at(Location::in_source("models/orders.sql", source, 3, Some(9)))
            .cause("no model has this name\nin 'shop'")
            .fix("did you mean 'stg_orders'?");
        assert_eq!(
            diagnostic.to_string(),
            "Compilation Error in model orders (models/orders.sql)\n  \
             at models/orders.sql:3:9\n   \
             3 | from {{ ref('stg_order') }}\n     \
             |         ^\n  \
             cause: no model has this name\n         in 'shop'\n  \
             fix:   did you mean 'stg_orders'?"
        );
    }
}

//! Names: columns that an expression may use, common table expressions that a relation may be.

use std::rc::Rc;

use athena_sql::{Ident, Pos, Query};
use datafusion::{common::Column, logical_expr::LogicalPlan};

use crate::{context::QueryContext, error::QueryError, types::Type};

/// A column of a relation.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// The names it may be qualified with: `[db, table]` or `[alias]`, lower-cased.
    pub relation: Vec<String>,
    /// Lower-cased; empty when it has none.
    pub name: String,
    /// As it was written.
    pub label: String,
    pub ty: Type,
    /// Its unique name in the plan.
    pub column: Column,
    /// Not in `SELECT *`.
    pub hidden: bool,
}

/// A plan and what its columns are called.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub plan: LogicalPlan,
    pub fields: Vec<Field>,
}

/// The columns that an expression may use, its own query's first.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    pub fields: &'s [Field],
    pub parent: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    pub(crate) const EMPTY: Scope<'static> = Scope { fields: &[], parent: None };

    /// The column with this name, in this query only.
    pub(crate) fn find(&self, qualifier: &[String], name: &str, pos: Pos) -> Result<Option<&Field>, QueryError> {
        let mut found = self.fields.iter().filter(|field| field.name == name && field.relation.ends_with(qualifier));
        let first = found.next();
        if found.next().is_some() {
            let shown = qualifier.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".");
            return Err(QueryError::at("AMBIGUOUS_NAME", pos, format!("Column '{shown}' is ambiguous")));
        }
        Ok(first)
    }
}

/// A common table expression, with the names that hold inside of it.
pub(crate) struct Cte<'a> {
    pub name: String,
    pub columns: &'a [Ident],
    pub query: &'a Query,
    pub names: Names<'a>,
    /// Its rows, when it is recursive: planned once, since it cannot be planned anew where it is used.
    pub rows: Option<Relation>,
}

/// Where relation names are looked up.
#[derive(Clone)]
pub(crate) struct Names<'a> {
    pub catalog: String,
    pub database: String,
    /// Innermost last.
    ctes: Vec<Rc<Cte<'a>>>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(context: &QueryContext) -> Self {
        Self { catalog: context.catalog(), database: context.database(), ctes: Vec::new() }
    }

    pub(crate) fn in_view(catalog: &str, database: &str) -> Self {
        Self { catalog: catalog.to_owned(), database: database.to_owned(), ctes: Vec::new() }
    }

    /// With one more common table expression.
    pub(crate) fn with(&self, cte: Cte<'a>) -> Self {
        let mut names = self.clone();
        names.ctes.push(Rc::new(cte));
        names
    }

    pub(crate) fn cte(&self, name: &str) -> Option<Rc<Cte<'a>>> {
        self.ctes.iter().rev().find(|cte| cte.name == name).map(Rc::clone)
    }
}

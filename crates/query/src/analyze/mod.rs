//! Statement → DataFusion plan, with Trino's names, types and coercions.
//!
//! Nothing is left for DataFusion to guess: every column has a name of its own (`x#7`), every coercion is an explicit
//! cast, every operator and function is one whose result is Trino's. Names are looked up here ([`scope`]), types are
//! kept beside the expressions ([`Typed`]), and what a query needs of the catalog is loaded between two attempts: an
//! analysis that meets an unknown table stops, the table is loaded, and the analysis starts again.

mod aggregate;
mod arithmetic;
mod call;
mod expression;
mod lambda;
mod query;
mod relation;
mod scope;
mod subquery;
mod window;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::Arc,
};

use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use athena_sql::{Expr as Ast, Query};
use datafusion::{
    catalog::TableProvider,
    common::{Column, DFSchema, DataFusionError},
    logical_expr::{Expr, ExprSchemable, LogicalPlan},
};

pub(crate) use arithmetic::{add_months, add_months_to, division_by_zero, overflow};
pub(crate) use expression::{Context, null};
pub(crate) use query::{filtered, visible};
pub(crate) use scope::{Field, Names, Relation, Scope};

use crate::{context::QueryContext, error::QueryError, types::Type};

/// An expression and its type in Trino.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub expr: Expr,
    pub ty: Type,
}

impl Typed {
    pub(crate) fn new(expr: Expr, ty: Type) -> Self {
        Self { expr, ty }
    }
}

/// A table, as the catalog names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableKey {
    pub catalog: String,
    pub database: String,
    pub table: String,
    /// `FOR … AS OF …`, as text.
    pub version: Option<crate::tables::TableVersion>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableColumn {
    pub name: String,
    pub ty: Type,
    /// Not in `SELECT *`: `$path`.
    pub hidden: bool,
}

/// What the catalog has under a name.
pub(crate) enum Found {
    Table {
        provider: Arc<dyn TableProvider>,
        columns: Vec<TableColumn>,
    },
    View {
        query: Box<Query>,
        catalog: String,
        database: String,
        columns: Vec<(String, Type)>,
    },
    /// Why there is nothing to read.
    Error(QueryError),
}

/// What has been loaded for a statement.
pub(crate) type Tables = HashMap<TableKey, Found>;

/// An analysis of one statement.
pub(crate) struct Analyzer<'a> {
    pub tables: &'a Tables,
    pub context: &'a QueryContext,
    /// The values of `?`.
    pub parameters: &'a [Ast],
    counter: Cell<usize>,
    /// Tables that must be loaded before the next attempt.
    pub missing: RefCell<Vec<TableKey>>,
    /// Written names of unique columns, for messages.
    shown: RefCell<HashMap<String, String>>,
    /// Types of the columns of relations, for lambdas that use them.
    pub column_types: RefCell<HashMap<String, DataType>>,
    depth: Cell<usize>,
}

/// Ends the error for a `?` without a value; how many there are in all, only the statement can tell.
pub(crate) const TOO_FEW_PARAMETERS: &str = "Incorrect number of parameters";

/// Views and queries nested deeper than this are refused.
const MAX_DEPTH: usize = 60;

impl<'a> Analyzer<'a> {
    pub(crate) fn new(tables: &'a Tables, context: &'a QueryContext, parameters: &'a [Ast]) -> Self {
        Self {
            tables,
            context,
            parameters,
            counter: Cell::new(0),
            missing: RefCell::default(),
            shown: RefCell::default(),
            column_types: RefCell::default(),
            depth: Cell::new(0),
        }
    }

    /// A name that no other column has.
    pub(crate) fn unique(&self, name: &str) -> Column {
        let number = self.counter.get() + 1;
        self.counter.set(number);
        let unique = format!("{name}#{number}");
        self.shown.borrow_mut().insert(unique.clone(), name.to_owned());
        Column::from_name(unique)
    }

    /// Remembers the types of a relation's columns.
    pub(crate) fn remember(&self, fields: &[Field]) {
        let mut types = self.column_types.borrow_mut();
        for field in fields {
            types.insert(field.column.name.clone(), field.ty.arrow());
        }
    }

    /// Remembers the type of a column that stands for an aggregate or window function.
    pub(crate) fn remember_result(&self, column: &Column, of: &Expr) -> Result<(), QueryError> {
        let fields: Vec<ArrowField> = {
            let types = self.column_types.borrow();
            let used = of.column_refs();
            used.iter()
                .filter_map(|used| types.get(&used.name).map(|ty| ArrowField::new(&used.name, ty.clone(), true)))
                .collect()
        };
        let schema = DFSchema::try_from(Schema::new(fields)).map_err(planning)?;
        // What cannot be typed here (an outer column among the arguments) only costs TRY and lambdas over it.
        if let Ok(ty) = of.get_type(&schema) {
            self.column_types.borrow_mut().insert(column.name.clone(), ty);
        }
        Ok(())
    }

    /// The name that messages show for a column.
    pub(crate) fn show(&self, column: &Column, name: &str) {
        self.shown.borrow_mut().insert(column.name.clone(), name.to_owned());
    }

    pub(crate) fn shown(&self, column: &str) -> String {
        self.shown.borrow().get(column).cloned().unwrap_or_else(|| column.to_owned())
    }

    /// Runs a nested analysis, unless the nesting is too deep for the stack.
    pub(crate) fn nested<T>(&self, work: impl FnOnce() -> Result<T, QueryError>) -> Result<T, QueryError> {
        if self.depth.get() >= MAX_DEPTH {
            return Err(QueryError::new("STACK_OVERFLOW", "statement is too large (stack overflow during analysis)"));
        }
        self.depth.set(self.depth.get() + 1);
        let result = work();
        self.depth.set(self.depth.get() - 1);
        result
    }

    /// A whole query: its plan and columns.
    pub(crate) fn plan(&self, query: &'a Query) -> Result<Relation, QueryError> {
        let names = Names::of(self.context);
        self.query(query, &names, None)
    }
}

/// An error that DataFusion has while a plan is put together: ours, or our mistake.
pub(crate) fn planning(error: DataFusionError) -> QueryError {
    crate::run::from_datafusion(error)
}

/// `Expr::Column` of a unique column.
pub(crate) fn column(column: &Column) -> Expr {
    Expr::Column(column.clone())
}

/// The plan with these expressions under these names.
pub(crate) fn project(plan: LogicalPlan, items: Vec<(Expr, Column)>) -> Result<LogicalPlan, QueryError> {
    let exprs = items.into_iter().map(|(expr, name)| match &expr {
        Expr::Column(same) if *same == name => expr,
        _ => expr.alias(name.name),
    });
    datafusion::logical_expr::LogicalPlanBuilder::from(plan)
        .project(exprs.collect::<Vec<_>>())
        .and_then(datafusion::logical_expr::LogicalPlanBuilder::build)
        .map_err(planning)
}

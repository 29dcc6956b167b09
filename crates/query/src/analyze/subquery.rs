//! Subqueries in expressions.

use std::sync::Arc;

use athena_sql::{BinaryOperator, Expr as Ast, Pos, Query, QueryBody, SubqueryQuantifier};
use datafusion::{
    common::Spans,
    functions_aggregate::expr_fn,
    logical_expr::{
        Expr, LogicalPlan, LogicalPlanBuilder, Subquery,
        expr::{Exists, InSubquery},
        lit,
    },
};

use super::{
    Analyzer, Relation, Scope, Typed, column,
    expression::{Context, constant, make_row, mismatch},
    planning, project,
};
use crate::{
    cast::cast,
    error::QueryError,
    scalar::{Body, call},
    types::{Type, array_of, common},
    value::Value,
};

/// Where DataFusion joins with EXISTS and IN; elsewhere they are values of aggregations.
const FILTER: &str = "WHERE clause";

fn subquery(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}

/// Whether a query has at most one row whatever the data: an aggregation without keys, or no FROM.
fn is_single_row(query: &Query) -> bool {
    match &query.body {
        QueryBody::Select(select) => {
            let aggregate = select.group_by.is_none()
                && select.items.iter().any(|item| match item {
                    athena_sql::SelectItem::Expr { expr, .. } => super::call::has_aggregate(expr),
                    _ => false,
                });
            (aggregate || select.from.is_empty()) && query.offset.is_none()
        }
        QueryBody::Values(rows) => rows.len() == 1,
        QueryBody::Subquery(inner) => is_single_row(inner),
        _ => false,
    }
}

impl<'a> Analyzer<'a> {
    fn inner(&self, query: &'a Query, context: &Context<'_, 'a>) -> Result<Relation, QueryError> {
        let scope = Scope { fields: context.scope.fields, parent: context.scope.parent };
        self.query(query, context.names, Some(&scope))
    }

    /// A subquery's value: its column, or a row of its columns.
    fn one_column(&self, query: &'a Query, context: &Context<'_, 'a>) -> Result<(LogicalPlan, Expr, Type), QueryError> {
        let relation = self.inner(query, context)?;
        let visible = super::query::visible(&relation);
        if let [field] = visible.as_slice() {
            let plan = project(relation.plan, vec![(column(&field.column), field.column.clone())])?;
            return Ok((plan, column(&field.column), field.ty.clone()));
        }
        let columns = visible.iter().map(|field| Typed::new(column(&field.column), field.ty.clone())).collect();
        let (row, name) = (make_row(columns), self.unique("row"));
        let plan = project(relation.plan, vec![(row.expr, name.clone())])?;
        Ok((plan, column(&name), row.ty))
    }

    /// `(SELECT …)` as a value: NULL without rows, an error with more than one.
    pub(super) fn scalar_subquery(&self, query: &'a Query, context: &Context<'_, 'a>) -> Result<Typed, QueryError> {
        let (mut plan, value, ty) = self.one_column(query, context)?;
        if !is_single_row(query) {
            // All rows in a list, of which there may be one.
            let rows = self.unique("rows");
            plan = LogicalPlanBuilder::from(plan)
                .aggregate(Vec::<Expr>::new(), vec![expr_fn::array_agg(value).alias(rows.name.clone())])
                .and_then(LogicalPlanBuilder::build)
                .map_err(planning)?;
            let function = Arc::new(|row: &[Value]| match row[0].array() {
                [] => Ok(Value::Null),
                [only] => Ok(only.clone()),
                _ => Err(QueryError::new("SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows")),
            });
            let body = Body::Rows { strict: true, function };
            let single =
                call("single_value", array_of(ty.clone()).to_string(), ty.arrow(), false, body, vec![column(&rows)]);
            plan = project(plan, vec![(single, self.unique("value"))])?;
        }
        Ok(Typed::new(Expr::ScalarSubquery(subquery(plan)), ty))
    }

    pub(super) fn exists(&self, query: &'a Query, context: &Context<'_, 'a>) -> Result<Typed, QueryError> {
        let plan = self.inner(query, context)?.plan;
        if context.clause != FILTER {
            let rows = self.unique("rows");
            let plan = LogicalPlanBuilder::from(plan)
                .aggregate(Vec::<Expr>::new(), vec![expr_fn::count(lit(1_i64)).alias(rows.name.clone())])
                .and_then(|builder| {
                    builder.project(vec![column(&rows).gt(lit(0_i64)).alias(self.unique("exists").name)])
                })
                .and_then(LogicalPlanBuilder::build)
                .map_err(planning)?;
            return Ok(Typed::new(Expr::ScalarSubquery(subquery(plan)), Type::Boolean));
        }
        Ok(Typed::new(Expr::Exists(Exists { subquery: subquery(plan), negated: false }), Type::Boolean))
    }

    pub(super) fn in_subquery(
        &self,
        value: &'a Ast,
        query: &'a Query,
        negated: bool,
        pos: Pos,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        let value = self.expression(value, context)?;
        let (plan, item, ty) = self.one_column(query, context)?;
        let Some(both) = common(&value.ty, &ty) else {
            return Err(mismatch(
                pos,
                format!(
                    "value and result of subquery must be of the same type for IN expression: {} vs {ty}",
                    value.ty
                ),
            ));
        };
        let name = self.unique("in");
        let plan = project(plan, vec![(cast(item, &ty, &both, false), name.clone())])?;
        if context.clause != FILTER {
            let list = self.unique("list");
            let plan = LogicalPlanBuilder::from(plan)
                .aggregate(Vec::<Expr>::new(), vec![expr_fn::array_agg(column(&name)).alias(list.name)])
                .and_then(LogicalPlanBuilder::build)
                .map_err(planning)?;
            let value = cast(value.expr, &value.ty, &both, false);
            let function = Arc::new(move |row: &[Value]| {
                let (value, items) = (&row[0], row[1].array());
                Ok(if items.is_empty() {
                    Value::Bool(negated)
                } else if value.is_null() {
                    Value::Null
                } else if items.contains(value) {
                    Value::Bool(!negated)
                } else if items.iter().any(Value::is_null) {
                    Value::Null
                } else {
                    Value::Bool(negated)
                })
            });
            let body = Body::Rows { strict: false, function };
            let key = format!("{both} {negated}");
            let arguments = vec![value, Expr::ScalarSubquery(subquery(plan))];
            return Ok(Typed::new(call("in", key, Type::Boolean.arrow(), false, body, arguments), Type::Boolean));
        }
        let expr = Box::new(cast(value.expr, &value.ty, &both, false));
        Ok(Typed::new(Expr::InSubquery(InSubquery::new(expr, subquery(plan), negated)), Type::Boolean))
    }

    /// `a > ALL (…)` through the least or greatest row, with SQL's answers for no rows and for NULLs among them.
    pub(super) fn quantified(
        &self,
        left: &'a Ast,
        operator: BinaryOperator,
        quantifier: SubqueryQuantifier,
        query: &'a Query,
        pos: Pos,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        match (operator, quantifier) {
            (BinaryOperator::Equal, SubqueryQuantifier::Any) => {
                return self.in_subquery(left, query, false, pos, context);
            }
            (BinaryOperator::NotEqual, SubqueryQuantifier::All) => {
                return self.in_subquery(left, query, true, pos, context);
            }
            (BinaryOperator::Equal | BinaryOperator::NotEqual, _) => {
                return Err(QueryError::at(
                    "NOT_SUPPORTED",
                    pos,
                    format!("{} ALL or ANY of a subquery is not supported yet", operator.symbol()),
                ));
            }
            _ => {}
        }
        let left = self.expression(left, context)?;
        let (plan, item, ty) = self.one_column(query, context)?;
        let upwards = matches!(operator, BinaryOperator::Greater | BinaryOperator::GreaterOrEqual);
        let greatest = upwards == (quantifier == SubqueryQuantifier::All);
        let aggregate = |name: &str, expr: Expr| -> Result<Typed, QueryError> {
            let unique = self.unique(name);
            let plan = LogicalPlanBuilder::from(plan.clone())
                .aggregate(Vec::<Expr>::new(), vec![expr.alias(unique.name)])
                .and_then(LogicalPlanBuilder::build)
                .map_err(planning)?;
            let ty = if name == "bound" { ty.clone() } else { Type::BigInt };
            Ok(Typed::new(Expr::ScalarSubquery(subquery(plan)), ty))
        };
        let bound = aggregate("bound", if greatest { expr_fn::max(item.clone()) } else { expr_fn::min(item.clone()) })?;
        let all = aggregate("all", expr_fn::count(lit(1_i64)))?;
        let known = aggregate("known", expr_fn::count(item))?;
        let holds = self.binary(left, operator, bound, pos)?.expr;
        let every = quantifier == SubqueryQuantifier::All;
        let null = constant(&Value::Null, &Type::Boolean)?.expr;
        // No rows: true for ALL. A NULL among them: unknown, unless one of the others already decides.
        let decided = if every { Expr::Not(Box::new(holds.clone())) } else { holds.clone() };
        let branches = vec![
            (Box::new(all.expr.clone().eq(lit(0_i64))), Box::new(lit(every))),
            (Box::new(decided), Box::new(lit(!every))),
            (Box::new(all.expr.not_eq(known.expr)), Box::new(null)),
        ];
        let case = datafusion::logical_expr::Case::new(None, branches, Some(Box::new(holds)));
        Ok(Typed::new(Expr::Case(case), Type::Boolean))
    }
}

//! Function calls: special forms, aggregates, everything else.

use std::sync::Arc;

use athena_sql::{Expr as Ast, ExprKind, FunctionCall, Pos, Quantifier};
use datafusion::{
    functions_aggregate as aggregates,
    logical_expr::{AggregateUDF, Case, Cast, Expr, SortExpr, expr::AggregateFunction, lit},
};

use super::{
    Analyzer, Typed,
    aggregate::Aggregated,
    column,
    expression::{Context, coalesce, constant, make_row, mismatch},
};
use crate::{
    cast::{cast, castable},
    error::QueryError,
    functions,
    scalar::{Body, call},
    types::{Type, VARCHAR, array_of, common, map_of},
    value::Value,
};

/// What becomes of an aggregate's column.
type Finish = Box<dyn FnOnce(Expr) -> Typed>;

/// An aggregate, to be used in a grouping or over a window.
pub(crate) struct AggregateParts {
    pub function: Arc<AggregateUDF>,
    pub args: Vec<Expr>,
    pub filter: Option<Expr>,
    pub order_by: Vec<SortExpr>,
    pub distinct: bool,
    pub finish: Finish,
}

/// The names of aggregates. Source: Trino documentation, "Aggregate functions".
const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_most_frequent",
    "approx_percentile",
    "arbitrary",
    "array_agg",
    "avg",
    "bitwise_and_agg",
    "bitwise_or_agg",
    "bool_and",
    "bool_or",
    "checksum",
    "corr",
    "count",
    "count_if",
    "covar_pop",
    "covar_samp",
    "every",
    "geometric_mean",
    "histogram",
    "listagg",
    "map_agg",
    "map_union",
    "max",
    "max_by",
    "min",
    "min_by",
    "multimap_agg",
    "regr_intercept",
    "regr_slope",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// Whether an aggregate that belongs to this query stands in an expression.
pub(crate) fn has_aggregate(ast: &Ast) -> bool {
    match &ast.kind {
        ExprKind::Function(call) => {
            (call.over.is_none() && AGGREGATES.contains(&call.name.lower().as_str()))
                || call.arguments.iter().any(has_aggregate)
        }
        ExprKind::Unary(_, a) | ExprKind::IsNull(a, _) | ExprKind::Extract(_, a) | ExprKind::Dereference(a, _) => {
            has_aggregate(a)
        }
        ExprKind::Cast { value, .. } => has_aggregate(value),
        ExprKind::Binary(a, _, b) | ExprKind::Subscript(a, b) | ExprKind::AtTimeZone(a, b) => {
            has_aggregate(a) || has_aggregate(b)
        }
        ExprKind::Case { operand, branches, otherwise } => {
            operand.iter().chain(otherwise).any(|ast| has_aggregate(ast))
                || branches.iter().any(|(a, b)| has_aggregate(a) || has_aggregate(b))
        }
        ExprKind::Array(items) | ExprKind::Row(items) => items.iter().any(has_aggregate),
        _ => false,
    }
}

impl<'a> Analyzer<'a> {
    pub(super) fn function(&self, call: &'a FunctionCall, context: &Context<'_, 'a>) -> Result<Typed, QueryError> {
        let name = call.name.lower();
        if call.arguments.len() > 127 {
            return Err(QueryError::at(
                "TOO_MANY_ARGUMENTS",
                call.pos,
                format!("Too many arguments for function call {name}()"),
            ));
        }
        if let Some(over) = &call.over {
            return self.window_function(call, over, context);
        }
        if AGGREGATES.contains(&name.as_str()) {
            let Some(collected) = context.aggregates else {
                let message = format!(
                    "{} cannot contain aggregations, window functions or grouping operations: [{name}]",
                    context.clause
                );
                return Err(QueryError::at("EXPRESSION_NOT_SCALAR", call.pos, message));
            };
            let inner =
                Context { aggregates: None, windows: None, aliases: &[], clause: "aggregate function", ..*context };
            let Some(parts) = self.aggregate_parts(call, &inner)? else {
                return Err(functions::not_registered(&name, call.pos));
            };
            let expr = Expr::AggregateFunction(AggregateFunction::new_udf(
                parts.function,
                parts.args,
                parts.distinct,
                parts.filter.map(Box::new),
                parts.order_by,
                None,
            ));
            let mut collected = collected.borrow_mut();
            if let Some(same) = collected.iter().find(|other| other.expr == expr) {
                return Ok((parts.finish)(column(&same.column)));
            }
            let unique = self.unique(&name);
            self.remember_result(&unique, &expr)?;
            collected.push(Aggregated { expr, column: unique.clone() });
            return Ok((parts.finish)(column(&unique)));
        }
        if call.arguments.iter().any(|argument| matches!(argument.kind, ExprKind::Lambda(..))) || name == "try" {
            return self.higher_order(&name, call, context);
        }
        let arguments =
            call.arguments.iter().map(|ast| self.expression(ast, context)).collect::<Result<Vec<_>, _>>()?;
        self.special(&name, arguments, call.pos)
    }

    /// Forms that choose among their arguments, or know more than their values.
    fn special(&self, name: &str, mut arguments: Vec<Typed>, pos: Pos) -> Result<Typed, QueryError> {
        let boolean = |typed: Typed| cast(typed.expr, &typed.ty, &Type::Boolean, false);
        match (name, arguments.len()) {
            ("if", 2 | 3) => {
                let mut rest = arguments.split_off(1);
                let condition = arguments.remove(0);
                if !matches!(condition.ty, Type::Boolean | Type::Unknown) {
                    return Err(mismatch(
                        pos,
                        format!("IF condition must evaluate to a boolean: actual type {}", condition.ty),
                    ));
                }
                if rest.len() == 1 {
                    rest.push(Typed::new(Expr::Literal(datafusion::common::ScalarValue::Null, None), Type::Unknown));
                }
                let (mut results, ty) = self.unified(rest, "IF result", pos)?;
                let otherwise = results.pop().map(Box::new);
                let then = results.remove(0);
                Ok(Typed::new(
                    Expr::Case(Case::new(None, vec![(Box::new(boolean(condition)), Box::new(then))], otherwise)),
                    ty,
                ))
            }
            ("coalesce", 2..) => {
                let (items, ty) = self.unified(arguments, "COALESCE", pos)?;
                Ok(Typed::new(coalesce(items)?, ty))
            }
            ("nullif", 2) => {
                let first = arguments[0].clone();
                let right = arguments.remove(1);
                let equal = self.binary(arguments.remove(0), athena_sql::BinaryOperator::Equal, right, pos)?;
                let null = super::expression::null(&first.ty)?;
                let branch = (Box::new(equal.expr), Box::new(null));
                Ok(Typed::new(Expr::Case(Case::new(None, vec![branch], Some(Box::new(first.expr)))), first.ty))
            }
            ("greatest" | "least", 1..) => {
                let (items, ty) = self.unified(arguments, &name.to_uppercase(), pos)?;
                let greatest = name == "greatest";
                let function = Arc::new(move |row: &[Value]| {
                    let best = row.iter().cloned().reduce(|a, b| if (a.order(&b).is_lt()) == greatest { b } else { a });
                    Ok(best.unwrap_or(Value::Null))
                });
                let expr = call(name, ty.to_string(), ty.arrow(), false, Body::Rows { strict: true, function }, items);
                Ok(Typed::new(expr, ty))
            }
            ("typeof", 1) => {
                let shown = arguments[0].ty.to_string();
                Ok(Typed::new(lit(shown), VARCHAR))
            }
            ("now", 0) => {
                let now = self.context.now.timestamp_millis() * 1000;
                constant(&Value::Int(now), &Type::TimestampTz(3, Arc::from("UTC")))
            }
            ("current_timezone", 0) => Ok(Typed::new(lit("UTC"), VARCHAR)),
            ("version", 0) => Ok(Typed::new(lit("Athena engine version 3"), VARCHAR)),
            ("grouping", _) => Err(mismatch(pos, "grouping takes columns")),
            _ => self.scalar_call(name, arguments, pos),
        }
    }

    /// A plain function of values.
    pub(crate) fn scalar_call(&self, name: &str, arguments: Vec<Typed>, pos: Pos) -> Result<Typed, QueryError> {
        functions::scalar(name, arguments, pos)
    }

    /// `GROUPING(a, b)`.
    pub(super) fn grouping_function(
        &self,
        items: &'a [Ast],
        pos: Pos,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        let Some(collected) = context.aggregates else {
            let message =
                "A GROUPING() operation can only be used with a corresponding GROUPING SET/CUBE/ROLLUP/GROUP BY clause";
            return Err(QueryError::at("MISSING_GROUP_BY", pos, message));
        };
        let inner = Context { aggregates: None, windows: None, ..*context };
        let args =
            items.iter().map(|item| Ok(self.expression(item, &inner)?.expr)).collect::<Result<Vec<_>, QueryError>>()?;
        let function = aggregates::grouping::grouping_udaf();
        let expr = Expr::AggregateFunction(AggregateFunction::new_udf(function, args, false, None, Vec::new(), None));
        let unique = self.unique("grouping");
        collected.borrow_mut().push(Aggregated { expr, column: unique.clone() });
        let value = Expr::Cast(Cast::new(Box::new(column(&unique)), Type::BigInt.arrow()));
        Ok(Typed::new(value, Type::BigInt))
    }

    /// An aggregate's parts; `None` when there is none of this name.
    pub(super) fn aggregate_parts(
        &self,
        call: &'a FunctionCall,
        context: &Context<'_, 'a>,
    ) -> Result<Option<AggregateParts>, QueryError> {
        let name = call.name.lower();
        if !AGGREGATES.contains(&name.as_str()) {
            return Ok(None);
        }
        let pos = call.pos;
        let arguments =
            call.arguments.iter().map(|ast| self.expression(ast, context)).collect::<Result<Vec<_>, _>>()?;
        let mut filter = match &call.filter {
            Some(filter) => Some(self.condition(filter, context, "FILTER clause")?),
            None => None,
        };
        let mut order_by = Vec::new();
        for item in &call.order_by {
            let key = self.expression(&item.expr, context)?;
            order_by.push(key.expr.sort(!item.descending, item.nulls_first));
        }
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty.clone()).collect();
        let wrong = || functions::unexpected(&name, &types, pos);
        let arity =
            |least: usize, most: usize| if (least..=most).contains(&types.len()) { Ok(()) } else { Err(wrong()) };
        let and = |filter: Option<Expr>, more: Expr| Some(filter.map_or(more.clone(), |filter| filter.and(more)));
        let to = |at: usize, ty: &Type| -> Result<Expr, QueryError> {
            let argument = &arguments[at];
            if argument.ty != *ty && common(&argument.ty, ty).as_ref() != Some(ty) {
                return Err(wrong());
            }
            Ok(cast(argument.expr.clone(), &argument.ty, ty, false))
        };
        let same = |ty: Type| -> Finish { Box::new(move |expr| Typed::new(expr, ty)) };
        let cast_to =
            |from: Type, ty: Type| -> Finish { Box::new(move |expr| Typed::new(cast(expr, &from, &ty, false), ty)) };
        let distinct = call.quantifier == Quantifier::Distinct;
        // All arguments of all rows in a list, which a function of ours makes the result from.
        let collected = |returns: Type, nulls: bool, function: functions::ListFunction| -> Finish {
            let key = format!("{name} {types:?}");
            let name = name.clone();
            Box::new(move |list| {
                let function = Arc::new(move |row: &[Value]| match &row[0] {
                    Value::Null if nulls => Ok(Value::Null),
                    list => function(list.array()),
                });
                let body = Body::Rows { strict: false, function };
                Typed::new(call_of(&name, key, &returns, body, list), returns)
            })
        };
        let row_of = || make_row(arguments.clone());
        let array_agg = aggregates::array_agg::array_agg_udaf;
        let mut keep_distinct = distinct;
        let (function, args, finish): (Arc<AggregateUDF>, Vec<Expr>, Finish) = match name.as_str() {
            "count" if call.star || arguments.is_empty() => {
                (aggregates::count::count_udaf(), vec![lit(1_i64)], same(Type::BigInt))
            }
            "count" => {
                arity(1, 1)?;
                (aggregates::count::count_udaf(), vec![arguments[0].expr.clone()], same(Type::BigInt))
            }
            "count_if" => {
                arity(1, 1)?;
                filter = and(filter, to(0, &Type::Boolean)?);
                (aggregates::count::count_udaf(), vec![lit(1_i64)], same(Type::BigInt))
            }
            "approx_distinct" => {
                arity(1, 2)?;
                if let Some(error) = arguments.get(1) {
                    let error = crate::run::constant(&cast(error.expr.clone(), &types[1], &Type::Double, false))?;
                    if !(0.0040625..=0.26).contains(&error.double()) {
                        let message = format!(
                            "Standard error must be in [0.0040625, 0.26]: {}",
                            crate::text::double(error.double())
                        );
                        return Err(QueryError::new("INVALID_FUNCTION_ARGUMENT", message));
                    }
                }
                // The sketch takes these types and no others; its own error is below 1 %.
                let argument = arguments[0].expr.clone();
                let argument = match &types[0] {
                    ty if ty.is_integer() => argument,
                    Type::Varchar(_) | Type::Varbinary | Type::Date | Type::Timestamp(_) | Type::Unknown => argument,
                    ty if castable(ty, &VARCHAR) => cast(argument, ty, &VARCHAR, false),
                    _ => argument,
                };
                // Nested values have no sketch, and a moving frame takes rows back out: those are counted exactly.
                keep_distinct =
                    call.over.is_some() || matches!(types[0], Type::Array(_) | Type::Map(..) | Type::Row(_));
                if keep_distinct {
                    (aggregates::count::count_udaf(), vec![argument], same(Type::BigInt))
                } else {
                    let finish: Finish = Box::new(|expr| {
                        let wide = Cast::new(Box::new(expr), Type::BigInt.arrow());
                        Typed::new(Expr::Cast(wide), Type::BigInt)
                    });
                    (aggregates::approx_distinct::approx_distinct_udaf(), vec![argument], finish)
                }
            }
            "sum" => {
                arity(1, 1)?;
                let ty = match &types[0] {
                    ty if ty.is_integer() => Type::BigInt,
                    Type::Unknown => Type::BigInt,
                    Type::Decimal(_, scale) => Type::Decimal(38, *scale),
                    Type::Double | Type::Real => Type::Double,
                    Type::IntervalDayTime => Type::IntervalDayTime,
                    _ => return Err(wrong()),
                };
                let argument = cast(arguments[0].expr.clone(), &types[0], &ty, false);
                match &types[0] {
                    // The sum of integers must not wrap: it is made in decimal and comes back checked.
                    _ if ty == Type::BigInt => {
                        let wide = Type::Decimal(38, 0);
                        (aggregates::sum::sum_udaf(), vec![cast(argument, &ty, &wide, false)], sum_finish())
                    }
                    Type::Real => (aggregates::sum::sum_udaf(), vec![argument], cast_to(Type::Double, Type::Real)),
                    _ => (aggregates::sum::sum_udaf(), vec![argument], same(ty)),
                }
            }
            "avg" => {
                arity(1, 1)?;
                match &types[0] {
                    Type::Decimal(precision, scale) => {
                        let (precision, scale) = (*precision, *scale);
                        let raw = Type::Decimal((precision + 4).min(38), (scale + 4).min(38));
                        let finish = cast_to(raw, Type::Decimal(precision, scale));
                        (aggregates::average::avg_udaf(), vec![arguments[0].expr.clone()], finish)
                    }
                    Type::Real => (
                        aggregates::average::avg_udaf(),
                        vec![to(0, &Type::Double)?],
                        cast_to(Type::Double, Type::Real),
                    ),
                    _ => (aggregates::average::avg_udaf(), vec![to(0, &Type::Double)?], same(Type::Double)),
                }
            }
            "min" | "max" if arguments.len() == 1 => {
                if !types[0].is_orderable() {
                    return Err(wrong());
                }
                let function =
                    if name == "min" { aggregates::min_max::min_udaf() } else { aggregates::min_max::max_udaf() };
                (function, vec![arguments[0].expr.clone()], same(types[0].clone()))
            }
            "min" | "max" => {
                arity(2, 2)?;
                let (greatest, ty) = (name == "max", types[0].clone());
                let finish =
                    collected(array_of(ty), true, Arc::new(move |rows| functions::top(rows, 0, 0, 1, greatest)));
                (array_agg(), vec![row_of().expr], finish)
            }
            "min_by" | "max_by" if arguments.len() == 2 => {
                filter = and(filter, arguments[1].expr.clone().is_not_null());
                if call.over.is_some() {
                    // A window's order is its own, so all rows of the frame are looked through.
                    let greatest = name == "max_by";
                    let best: functions::ListFunction = Arc::new(move |rows| {
                        let keys = |row: &&Value| row.array()[1].clone();
                        let rows = rows.iter().filter(|row| !keys(row).is_null());
                        let best =
                            rows.reduce(|a, b| if keys(&a).order(&keys(&b)).is_lt() == greatest { b } else { a });
                        Ok(best.map_or(Value::Null, |row| row.array()[0].clone()))
                    });
                    let finish = collected(types[0].clone(), true, best);
                    return Ok(Some(AggregateParts {
                        function: array_agg(),
                        args: vec![row_of().expr],
                        filter: None,
                        order_by: Vec::new(),
                        distinct: false,
                        finish,
                    }));
                }
                order_by = vec![arguments[1].expr.clone().sort(name == "min_by", false)];
                (aggregates::first_last::first_value_udaf(), vec![arguments[0].expr.clone()], same(types[0].clone()))
            }
            "min_by" | "max_by" => {
                arity(3, 3)?;
                let (greatest, ty) = (name == "max_by", types[0].clone());
                let finish =
                    collected(array_of(ty), true, Arc::new(move |rows| functions::top(rows, 0, 1, 2, greatest)));
                (array_agg(), vec![row_of().expr], finish)
            }
            "arbitrary" | "any_value" => {
                arity(1, 1)?;
                filter = and(filter, arguments[0].expr.clone().is_not_null());
                (aggregates::first_last::first_value_udaf(), vec![arguments[0].expr.clone()], same(types[0].clone()))
            }
            "bool_and" | "every" => {
                arity(1, 1)?;
                (aggregates::bool_and_or::bool_and_udaf(), vec![to(0, &Type::Boolean)?], same(Type::Boolean))
            }
            "bool_or" => {
                arity(1, 1)?;
                (aggregates::bool_and_or::bool_or_udaf(), vec![to(0, &Type::Boolean)?], same(Type::Boolean))
            }
            "bitwise_and_agg" => {
                (aggregates::bit_and_or_xor::bit_and_udaf(), vec![to(0, &Type::BigInt)?], same(Type::BigInt))
            }
            "bitwise_or_agg" => {
                (aggregates::bit_and_or_xor::bit_or_udaf(), vec![to(0, &Type::BigInt)?], same(Type::BigInt))
            }
            "stddev" | "stddev_samp" | "stddev_pop" | "variance" | "var_samp" | "var_pop" => {
                arity(1, 1)?;
                let function = match name.as_str() {
                    "stddev_pop" => aggregates::stddev::stddev_pop_udaf(),
                    "variance" | "var_samp" => aggregates::variance::var_samp_udaf(),
                    "var_pop" => aggregates::variance::var_pop_udaf(),
                    _ => aggregates::stddev::stddev_udaf(),
                };
                (function, vec![to_double(&arguments[0]).ok_or_else(wrong)?], same(Type::Double))
            }
            "corr" | "covar_pop" | "covar_samp" | "regr_slope" | "regr_intercept" => {
                arity(2, 2)?;
                let function = match name.as_str() {
                    "corr" => aggregates::correlation::corr_udaf(),
                    "covar_pop" => aggregates::covariance::covar_pop_udaf(),
                    "covar_samp" => aggregates::covariance::covar_samp_udaf(),
                    "regr_slope" => aggregates::regr::regr_slope_udaf(),
                    _ => aggregates::regr::regr_intercept_udaf(),
                };
                let sides = arguments.iter().map(|side| to_double(side).ok_or_else(wrong)).collect::<Result<_, _>>()?;
                (function, sides, same(Type::Double))
            }
            "array_agg" => {
                arity(1, 1)?;
                (array_agg(), vec![arguments[0].expr.clone()], same(array_of(types[0].clone())))
            }
            "listagg" => {
                arity(1, 2)?;
                let separator = match arguments.get(1) {
                    Some(separator) => crate::run::constant(&separator.expr)?.str().to_owned(),
                    None => String::new(),
                };
                filter = and(filter, arguments[0].expr.clone().is_not_null());
                let function: functions::ListFunction = Arc::new(move |rows| {
                    let texts: Vec<&str> = rows.iter().map(Value::str).collect();
                    Ok(Value::Str(texts.join(&separator)))
                });
                (array_agg(), vec![to(0, &VARCHAR)?], collected(VARCHAR, true, function))
            }
            "map_agg" | "multimap_agg" => {
                arity(2, 2)?;
                filter = and(filter, arguments[0].expr.clone().is_not_null());
                let multi = name == "multimap_agg";
                let value = if multi { array_of(types[1].clone()) } else { types[1].clone() };
                let function: functions::ListFunction = Arc::new(move |rows| functions::map_of_rows(rows, multi));
                (array_agg(), vec![row_of().expr], collected(map_of(types[0].clone(), value), true, function))
            }
            "map_union" => {
                arity(1, 1)?;
                filter = and(filter, arguments[0].expr.clone().is_not_null());
                let function: functions::ListFunction = Arc::new(|maps| {
                    let mut all = functions::MapBuilder::default();
                    maps.iter().flat_map(|map| map.map()).for_each(|(key, value)| all.put(key, value));
                    Ok(all.build())
                });
                (array_agg(), vec![arguments[0].expr.clone()], collected(types[0].clone(), true, function))
            }
            "histogram" => {
                arity(1, 1)?;
                filter = and(filter, arguments[0].expr.clone().is_not_null());
                let finish = collected(map_of(types[0].clone(), Type::BigInt), true, Arc::new(functions::histogram));
                (array_agg(), vec![arguments[0].expr.clone()], finish)
            }
            "approx_most_frequent" => {
                arity(3, 3)?;
                let finish =
                    collected(map_of(types[1].clone(), Type::BigInt), true, Arc::new(functions::most_frequent));
                (array_agg(), vec![row_of().expr], finish)
            }
            "approx_percentile" => {
                arity(2, 4)?;
                filter = and(filter, arguments[0].expr.clone().is_not_null());
                let weighted = types.len() >= 3
                    && types[1].is_numeric()
                    && (types[2].is_numeric() || matches!(types[2], Type::Array(_)))
                    && types.len() == 3
                    && !is_accuracy(call);
                let several = matches!(types[if weighted { 2 } else { 1 }], Type::Array(_));
                let returns = if several { array_of(types[0].clone()) } else { types[0].clone() };
                let at = if weighted { 2 } else { 1 };
                let function: functions::ListFunction = Arc::new(move |rows| functions::percentile(rows, at, weighted));
                (array_agg(), vec![self.percentile_row(&arguments).expr], collected(returns, true, function))
            }
            "geometric_mean" => {
                arity(1, 1)?;
                let argument = to_double(&arguments[0]).ok_or_else(wrong)?;
                filter = and(filter, argument.clone().is_not_null());
                let function: functions::ListFunction = Arc::new(|rows| {
                    let sum: f64 = rows.iter().map(|value| value.double().ln()).sum();
                    Ok(if rows.is_empty() { Value::Null } else { Value::Double((sum / rows.len() as f64).exp()) })
                });
                (array_agg(), vec![argument], collected(Type::Double, true, function))
            }
            "checksum" => {
                arity(1, 1)?;
                let function: functions::ListFunction = Arc::new(functions::checksum);
                (array_agg(), vec![arguments[0].expr.clone()], collected(Type::Varbinary, true, function))
            }
            _ => return Ok(None),
        };
        Ok(Some(AggregateParts { function, args, filter, order_by, distinct: keep_distinct, finish }))
    }

    /// Percentiles as doubles, whatever they were written as.
    fn percentile_row(&self, arguments: &[Typed]) -> Typed {
        let items = arguments
            .iter()
            .enumerate()
            .map(|(at, item)| match &item.ty {
                _ if at == 0 => item.clone(),
                Type::Array(_) => {
                    let ty = array_of(Type::Double);
                    Typed::new(cast(item.expr.clone(), &item.ty, &ty, false), ty)
                }
                ty if castable(ty, &Type::Double) => {
                    Typed::new(cast(item.expr.clone(), ty, &Type::Double, false), Type::Double)
                }
                _ => item.clone(),
            })
            .collect();
        make_row(items)
    }
}

/// `approx_percentile(x, 0.5, 0.01)`: a third literal below one half is the accuracy, no percentage with weights.
fn is_accuracy(call: &FunctionCall) -> bool {
    let literal = |ast: &Ast| match &ast.kind {
        ExprKind::Decimal(digits) | ExprKind::Double(digits) => digits.parse::<f64>().ok(),
        _ => None,
    };
    call.arguments.get(1).and_then(literal).is_some() && call.arguments.get(2).and_then(literal).is_some()
}

fn to_double(argument: &Typed) -> Option<Expr> {
    (argument.ty.is_numeric() || argument.ty == Type::Unknown)
        .then(|| cast(argument.expr.clone(), &argument.ty, &Type::Double, false))
}

fn call_of(name: &str, key: String, returns: &Type, body: Body, argument: Expr) -> Expr {
    call(name, key, returns.arrow(), false, body, vec![argument])
}

/// The sum of integers back from decimal, checked.
fn sum_finish() -> Finish {
    Box::new(|expr| {
        let function = Arc::new(|row: &[Value]| match &row[0] {
            Value::Decimal(sum) => i64::try_from(*sum)
                .map(Value::Int)
                .map_err(|_| super::arithmetic::overflow(format!("bigint addition overflow: {sum}"))),
            _ => Ok(Value::Null),
        });
        let body = Body::Rows { strict: true, function };
        Typed::new(call_of("checked", String::new(), &Type::BigInt, body, expr), Type::BigInt)
    })
}

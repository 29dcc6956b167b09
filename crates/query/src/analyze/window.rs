//! Window functions.

use athena_sql::{
    FrameBound, FrameUnits, FunctionCall, NullTreatment, Pos, SortItem, WindowFrame as AstFrame, WindowSpec,
};
use datafusion::{
    common::{Column, ScalarValue},
    functions_window::{
        cume_dist::cume_dist_udwf,
        lead_lag::{lag_udwf, lead_udwf},
        nth_value::{first_value_udwf, last_value_udwf, nth_value_udwf},
        ntile::ntile_udwf,
        rank::{dense_rank_udwf, percent_rank_udwf, rank_udwf},
        row_number::row_number_udwf,
    },
    logical_expr::{
        Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, WindowFrame, WindowFrameBound, WindowFrameUnits,
        WindowFunctionDefinition,
        expr::{NullTreatment as PlanNulls, WindowFunction, WindowFunctionParams},
    },
};

use super::{
    Analyzer, Typed,
    call::AggregateParts,
    column,
    expression::{Context, mismatch},
    planning,
};
use crate::{
    cast::{cast, castable},
    error::QueryError,
    types::{Type, common},
};

/// A window function that was met in an expression, and the column that stands for it there.
pub(crate) struct Windowed {
    pub expr: Expr,
    pub column: Column,
    pub pos: Pos,
}

/// PARTITION BY, ORDER BY, frame.
struct Window {
    partition_by: Vec<Expr>,
    order_by: Vec<SortExpr>,
    frame: WindowFrame,
}

impl<'a> Analyzer<'a> {
    /// The plan with the window functions' columns; functions over the same window share its sort.
    pub(super) fn windowed(
        &self,
        mut plan: LogicalPlan,
        windows: Vec<Windowed>,
        settle: &dyn Fn(Expr, Pos) -> Result<Expr, QueryError>,
    ) -> Result<LogicalPlan, QueryError> {
        type Keys = (Vec<Expr>, Vec<SortExpr>);
        let mut groups: Vec<(Keys, Vec<Expr>)> = Vec::new();
        // DataFusion cannot compute one function twice in a node: the second is another name of the first's column.
        let mut met: Vec<(Expr, Column)> = Vec::new();
        let mut again: Vec<Expr> = Vec::new();
        for window in windows {
            let expr = settle_window(window.expr, window.pos, settle)?;
            let Expr::WindowFunction(function) = &expr else { continue };
            if let Some((_, first)) = met.iter().find(|(other, _)| *other == expr) {
                again.push(Expr::Column(first.clone()).alias(window.column.name));
                continue;
            }
            met.push((expr.clone(), window.column.clone()));
            let keys = (function.params.partition_by.clone(), function.params.order_by.clone());
            let named = expr.alias(window.column.name);
            match groups.iter_mut().find(|(other, _)| *other == keys) {
                Some((_, exprs)) => exprs.push(named),
                None => groups.push((keys, vec![named])),
            }
        }
        for (_, exprs) in groups {
            plan =
                LogicalPlanBuilder::from(plan).window(exprs).and_then(LogicalPlanBuilder::build).map_err(planning)?;
        }
        if !again.is_empty() {
            let all = plan.schema().columns().into_iter().map(Expr::Column).chain(again);
            let all: Vec<Expr> = all.collect();
            plan = LogicalPlanBuilder::from(plan).project(all).and_then(LogicalPlanBuilder::build).map_err(planning)?;
        }
        Ok(plan)
    }

    /// `f(…) OVER …`.
    pub(super) fn window_function(
        &self,
        call: &'a FunctionCall,
        over: &'a WindowSpec,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        let name = call.name.lower();
        let Some(windows) = context.windows else {
            let message = format!(
                "{} cannot contain aggregations, window functions or grouping operations: [{name}]",
                context.clause
            );
            return Err(QueryError::at("EXPRESSION_NOT_SCALAR", call.pos, message));
        };
        let inner = Context { windows: None, ..*context };
        let window = self.window(over, &inner)?;
        let arguments =
            call.arguments.iter().map(|argument| self.expression(argument, &inner)).collect::<Result<Vec<_>, _>>();
        let whole = |at: usize, arguments: &[Typed]| -> Result<Expr, QueryError> {
            let argument = &arguments[at];
            if !castable(&argument.ty, &Type::BigInt) {
                return Err(mismatch(call.pos, format!("{name} takes a bigint, not {}", argument.ty)));
            }
            let expr = cast(argument.expr.clone(), &argument.ty, &Type::BigInt, false);
            // DataFusion wants a literal here.
            match crate::run::constant(&expr) {
                Ok(value) => super::expression::constant(&value, &Type::BigInt).map(|typed| typed.expr),
                Err(_) => Ok(expr),
            }
        };
        let expected = |least: usize, most: usize| {
            if (least..=most).contains(&call.arguments.len()) {
                Ok(())
            } else {
                Err(crate::functions::unexpected(&name, &[], call.pos))
            }
        };
        // What DataFusion counts with unsigned numbers is bigint here.
        let (function, args, raw, ty): (WindowFunctionDefinition, Vec<Expr>, Option<Type>, Type) = match name.as_str() {
            "row_number" | "rank" | "dense_rank" => {
                expected(0, 0)?;
                let udwf = match name.as_str() {
                    "row_number" => row_number_udwf(),
                    "rank" => rank_udwf(),
                    _ => dense_rank_udwf(),
                };
                (WindowFunctionDefinition::WindowUDF(udwf), Vec::new(), None, Type::BigInt)
            }
            "percent_rank" => {
                (WindowFunctionDefinition::WindowUDF(percent_rank_udwf()), Vec::new(), Some(Type::Double), Type::Double)
            }
            "cume_dist" => {
                (WindowFunctionDefinition::WindowUDF(cume_dist_udwf()), Vec::new(), Some(Type::Double), Type::Double)
            }
            "ntile" => {
                expected(1, 1)?;
                let count = whole(0, &arguments?)?;
                (WindowFunctionDefinition::WindowUDF(ntile_udwf()), vec![count], None, Type::BigInt)
            }
            "lag" | "lead" => {
                expected(1, 3)?;
                let arguments = arguments?;
                let mut ty = arguments[0].ty.clone();
                let mut args = Vec::new();
                if let Some(default) = arguments.get(2) {
                    ty = common(&ty, &default.ty)
                        .ok_or_else(|| mismatch(call.pos, format!("{name} of {ty} with default {}", default.ty)))?;
                }
                args.push(cast(arguments[0].expr.clone(), &arguments[0].ty, &ty, false));
                if arguments.len() > 1 {
                    args.push(whole(1, &arguments)?);
                }
                if let Some(default) = arguments.get(2) {
                    let default = cast(default.expr.clone(), &default.ty, &ty, false);
                    args.push(match crate::run::constant(&default) {
                        Ok(value) => super::expression::constant(&value, &ty)?.expr,
                        Err(_) => default,
                    });
                }
                let udwf = if name == "lag" { lag_udwf() } else { lead_udwf() };
                (WindowFunctionDefinition::WindowUDF(udwf), args, Some(ty.clone()), ty)
            }
            "first_value" | "last_value" | "nth_value" => {
                expected(1, 2)?;
                let arguments = arguments?;
                let ty = arguments[0].ty.clone();
                let mut args = vec![arguments[0].expr.clone()];
                let udwf = match name.as_str() {
                    "first_value" => first_value_udwf(),
                    "last_value" => last_value_udwf(),
                    _ => {
                        expected(2, 2)?;
                        args.push(whole(1, &arguments)?);
                        nth_value_udwf()
                    }
                };
                (WindowFunctionDefinition::WindowUDF(udwf), args, Some(ty.clone()), ty)
            }
            _ => {
                let Some(parts) =
                    self.aggregate_parts(call, &Context { aggregates: context.aggregates, windows: None, ..*context })?
                else {
                    return Err(crate::functions::not_registered(&name, call.pos));
                };
                return self.windowed_aggregate(parts, window, call.pos, windows);
            }
        };
        let raw_type = raw.unwrap_or(ty.clone());
        let unsigned =
            raw_type == Type::BigInt && ["row_number", "rank", "dense_rank", "ntile"].contains(&name.as_str());
        let nulls = call.nulls.map(|nulls| match nulls {
            NullTreatment::Ignore => PlanNulls::IgnoreNulls,
            NullTreatment::Respect => PlanNulls::RespectNulls,
        });
        let params = WindowFunctionParams {
            args,
            partition_by: window.partition_by,
            order_by: window.order_by,
            window_frame: window.frame,
            filter: None,
            null_treatment: nulls,
            distinct: false,
        };
        let unique = self.unique(&name);
        let expr = Expr::WindowFunction(Box::new(WindowFunction { fun: function, params }));
        self.remember_result(&unique, &expr)?;
        windows.borrow_mut().push(Windowed { expr, column: unique.clone(), pos: call.pos });
        let value = column(&unique);
        let value =
            if unsigned { Expr::Cast(datafusion::logical_expr::Cast::new(Box::new(value), ty.arrow())) } else { value };
        Ok(Typed::new(value, ty))
    }

    fn windowed_aggregate(
        &self,
        parts: AggregateParts,
        window: Window,
        pos: Pos,
        windows: &std::cell::RefCell<Vec<Windowed>>,
    ) -> Result<Typed, QueryError> {
        let params = WindowFunctionParams {
            args: parts.args,
            partition_by: window.partition_by,
            order_by: window.order_by,
            window_frame: window.frame,
            filter: parts.filter.map(Box::new),
            null_treatment: None,
            distinct: parts.distinct,
        };
        let unique = self.unique(parts.function.name());
        let fun = WindowFunctionDefinition::AggregateUDF(parts.function);
        let expr = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
        self.remember_result(&unique, &expr)?;
        windows.borrow_mut().push(Windowed { expr, column: unique.clone(), pos });
        Ok((parts.finish)(column(&unique)))
    }

    fn window(&self, spec: &'a WindowSpec, context: &Context<'_, 'a>) -> Result<Window, QueryError> {
        let mut partition_by = Vec::new();
        let mut items: Vec<&'a SortItem> = Vec::new();
        let mut frame: Option<&'a AstFrame> = None;
        let mut next = Some(spec);
        let mut depth = 0;
        while let Some(current) = next {
            for ast in &current.partition_by {
                partition_by.push(self.expression(ast, context)?.expr);
            }
            if items.is_empty() {
                items.extend(&current.order_by);
            }
            frame = frame.or(current.frame.as_ref());
            depth += 1;
            next = match &current.base {
                None => None,
                Some(base) => {
                    let found = context.named_windows.iter().find(|(name, _)| name.lower() == base.lower());
                    let Some((_, found)) = found.filter(|_| depth < 50) else {
                        return Err(QueryError::at(
                            "INVALID_WINDOW_REFERENCE",
                            base.pos,
                            format!("Cannot resolve WINDOW name {}", base.value),
                        ));
                    };
                    Some(found)
                }
            };
        }
        let (mut order_by, mut order_types) = (Vec::new(), Vec::new());
        for item in items {
            let key = self.expression(&item.expr, context)?;
            if !key.ty.is_orderable() {
                return Err(mismatch(
                    item.expr.pos,
                    format!("{} is not orderable, and therefore cannot be used in window function ORDER BY", key.ty),
                ));
            }
            order_by.push(key.expr.sort(!item.descending, item.nulls_first));
            order_types.push(key.ty);
        }
        let frame = match frame {
            None => WindowFrame::new((!order_by.is_empty()).then_some(false)),
            Some(frame) => self.frame(frame, &order_types, context)?,
        };
        Ok(Window { partition_by, order_by, frame })
    }

    fn frame(&self, frame: &'a AstFrame, order: &[Type], context: &Context<'_, 'a>) -> Result<WindowFrame, QueryError> {
        let units = match frame.units {
            FrameUnits::Rows => WindowFrameUnits::Rows,
            FrameUnits::Range => WindowFrameUnits::Range,
            FrameUnits::Groups => WindowFrameUnits::Groups,
        };
        let bound = |bound: &'a FrameBound| -> Result<WindowFrameBound, QueryError> {
            let distance = |ast: &'a athena_sql::Expr| -> Result<ScalarValue, QueryError> {
                let typed = self.expression(ast, context)?;
                let value = crate::run::constant(&typed.expr)?;
                Ok(match (&typed.ty, frame.units, order.first()) {
                    (Type::IntervalDayTime, FrameUnits::Range, _) => {
                        let (days, rest) = (value.int() / 86_400_000, value.int() % 86_400_000);
                        ScalarValue::new_interval_mdn(0, i32::try_from(days).unwrap_or(i32::MAX), rest * 1_000_000)
                    }
                    (Type::IntervalYearMonth, FrameUnits::Range, _) => {
                        ScalarValue::new_interval_mdn(i32::try_from(value.int()).unwrap_or(i32::MAX), 0, 0)
                    }
                    (ty, FrameUnits::Range, Some(order)) if ty.is_numeric() => {
                        let value = crate::cast::convert(&value, ty, order)?;
                        let array = crate::value::build(&[value], &order.arrow())?;
                        ScalarValue::try_from_array(&array, 0).map_err(planning)?
                    }
                    (ty, _, _) if ty.is_integer() => {
                        ScalarValue::UInt64(Some(u64::try_from(value.int()).map_err(|_| {
                            QueryError::new(
                                "INVALID_WINDOW_FRAME",
                                "Window frame offset value must not be negative or null",
                            )
                        })?))
                    }
                    (ty, _, _) => {
                        return Err(mismatch(ast.pos, format!("Window frame offset value type not supported: {ty}")));
                    }
                })
            };
            Ok(match bound {
                FrameBound::UnboundedPreceding => WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
                FrameBound::UnboundedFollowing => WindowFrameBound::Following(ScalarValue::UInt64(None)),
                FrameBound::CurrentRow => WindowFrameBound::CurrentRow,
                FrameBound::Preceding(ast) => WindowFrameBound::Preceding(distance(ast)?),
                FrameBound::Following(ast) => WindowFrameBound::Following(distance(ast)?),
            })
        };
        let start = bound(&frame.start)?;
        let end = frame.end.as_ref().map(bound).transpose()?.unwrap_or(WindowFrameBound::CurrentRow);
        Ok(WindowFrame::new_bounds(units, start, end))
    }
}

/// Each part of a window function settled by itself, since the function itself is no expression over columns.
fn settle_window(
    expr: Expr,
    pos: Pos,
    settle: &dyn Fn(Expr, Pos) -> Result<Expr, QueryError>,
) -> Result<Expr, QueryError> {
    let Expr::WindowFunction(mut function) = expr else { return Ok(expr) };
    let all = |exprs: Vec<Expr>| exprs.into_iter().map(|expr| settle(expr, pos)).collect::<Result<Vec<_>, _>>();
    let params = &mut function.params;
    params.args = all(std::mem::take(&mut params.args))?;
    params.partition_by = all(std::mem::take(&mut params.partition_by))?;
    for key in &mut params.order_by {
        key.expr = settle(std::mem::take(&mut key.expr), pos)?;
    }
    if let Some(filter) = params.filter.take() {
        params.filter = Some(Box::new(settle(*filter, pos)?));
    }
    Ok(Expr::WindowFunction(function))
}

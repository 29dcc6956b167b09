//! Expressions.

use std::{cell::RefCell, sync::Arc};

use arrow::array::{Array, AsArray};
use athena_sql::{
    BinaryOperator, DateTimeKind, Expr as Ast, ExprKind, Ident, IntervalUnit, Pos, UnaryOperator, WindowSpec,
};
use datafusion::{
    common::{Column, ScalarValue},
    logical_expr::{BinaryExpr, Case, Expr, Like, Operator, expr::InList, lit},
};

use super::{Analyzer, Names, Scope, Typed, aggregate::Aggregated, column, window::Windowed};
use crate::{
    cast::{cast, castable, from_text},
    error::QueryError,
    scalar::{Body, call},
    types::{Type, VARCHAR, array_of, common},
    value::{Value, build},
};

/// What surrounds an expression.
#[derive(Clone, Copy)]
pub(crate) struct Context<'s, 'a> {
    pub names: &'s Names<'a>,
    pub scope: &'s Scope<'s>,
    /// The parameters of the lambdas around it.
    pub lambda: Option<&'s Parameters<'s>>,
    /// Where aggregates are put; `None` where they are not allowed.
    pub aggregates: Option<&'s RefCell<Vec<Aggregated>>>,
    /// Where window functions are put; `None` where they are not allowed.
    pub windows: Option<&'s RefCell<Vec<Windowed>>>,
    pub named_windows: &'a [(Ident, WindowSpec)],
    /// Select items by alias, for ORDER BY.
    pub aliases: &'s [(String, Typed)],
    /// For messages.
    pub clause: &'static str,
}

/// The parameters of a lambda.
pub(crate) struct Parameters<'s> {
    pub names: Vec<(String, Typed)>,
    pub outer: Option<&'s Parameters<'s>>,
}

impl<'s, 'a> Context<'s, 'a> {
    pub(crate) fn new(names: &'s Names<'a>, scope: &'s Scope<'s>) -> Self {
        Self {
            names,
            scope,
            lambda: None,
            aggregates: None,
            windows: None,
            named_windows: &[],
            aliases: &[],
            clause: "expression",
        }
    }

    pub(crate) fn in_clause(self, clause: &'static str) -> Self {
        Self { clause, ..self }
    }
}

/// The identifiers of `a.b.c`; `None` when something else stands in it.
pub(crate) fn name_parts(ast: &Ast) -> Option<Vec<&Ident>> {
    match &ast.kind {
        ExprKind::Identifier(name) => Some(vec![name]),
        ExprKind::Dereference(base, name) => {
            let mut parts = name_parts(base)?;
            parts.push(name);
            Some(parts)
        }
        _ => None,
    }
}

/// A field of a row.
pub(crate) fn row_field(row: &Typed, at: usize, ty: &Type) -> Typed {
    let body = Body::Columns(Arc::new(move |arrays, _| {
        let row = arrays[0].as_struct();
        let field = row.column(at);
        if row.null_count() == 0 {
            return Ok(Arc::clone(field));
        }
        let null = arrow::compute::is_null(row).map_err(QueryError::internal)?;
        arrow::compute::nullif(field, &null).map_err(QueryError::internal)
    }));
    Typed::new(
        call("field", format!("{at} of {}", row.ty), ty.arrow(), false, body, vec![row.expr.clone()]),
        ty.clone(),
    )
}

/// The first that is not NULL.
pub(crate) fn coalesce(mut items: Vec<Expr>) -> Result<Expr, QueryError> {
    let last = items.pop().ok_or_else(|| QueryError::internal("coalesce of nothing"))?;
    if items.is_empty() {
        return Ok(last);
    }
    let branches = items.into_iter().map(|item| (Box::new(item.clone().is_not_null()), Box::new(item))).collect();
    Ok(Expr::Case(Case::new(None, branches, Some(Box::new(last)))))
}

pub(crate) fn null(ty: &Type) -> Result<Expr, QueryError> {
    ScalarValue::try_from(&ty.arrow()).map(|value| Expr::Literal(value, None)).map_err(super::planning)
}

/// A constant.
pub(crate) fn constant(value: &Value, ty: &Type) -> Result<Typed, QueryError> {
    let array = build(std::slice::from_ref(value), &ty.arrow())?;
    let scalar = ScalarValue::try_from_array(&array, 0).map_err(super::planning)?;
    Ok(Typed::new(Expr::Literal(scalar, None), ty.clone()))
}

fn text(value: &str) -> Typed {
    let length = u32::try_from(value.chars().count()).unwrap_or(u32::MAX);
    Typed::new(lit(value), Type::Varchar(Some(length)))
}

pub(crate) fn mismatch(pos: Pos, message: impl std::fmt::Display) -> QueryError {
    QueryError::at("TYPE_MISMATCH", pos, message)
}

impl<'a> Analyzer<'a> {
    pub(crate) fn expression(&self, ast: &'a Ast, context: &Context<'_, 'a>) -> Result<Typed, QueryError> {
        self.expression_rule(ast, context)
    }

    fn expression_rule(&self, ast: &'a Ast, context: &Context<'_, 'a>) -> Result<Typed, QueryError> {
        let pos = ast.pos;
        match &ast.kind {
            ExprKind::Null => Ok(Typed::new(Expr::Literal(ScalarValue::Null, None), Type::Unknown)),
            ExprKind::Boolean(value) => Ok(Typed::new(lit(*value), Type::Boolean)),
            ExprKind::Integer(digits) => match (digits.parse::<i32>(), digits.parse::<i64>()) {
                (Ok(number), _) => Ok(Typed::new(lit(number), Type::Integer)),
                (_, Ok(number)) => Ok(Typed::new(lit(number), Type::BigInt)),
                _ => Err(QueryError::at("INVALID_LITERAL", pos, format!("Invalid numeric literal: {digits}"))),
            },
            // Athena reads `1.5` as double. Source: measurement in spec/athena.md §3.3.
            ExprKind::Decimal(digits) | ExprKind::Double(digits) => match digits.parse::<f64>() {
                Ok(number) => Ok(Typed::new(lit(number), Type::Double)),
                Err(_) => Err(QueryError::at("INVALID_LITERAL", pos, format!("Invalid numeric literal: {digits}"))),
            },
            ExprKind::String(value) => Ok(text(value)),
            ExprKind::Bytes(bytes) => constant(&Value::Bytes(bytes.clone()), &Type::Varbinary),
            ExprKind::Typed { type_name, text } => self.typed_literal(&Type::from_name(type_name)?, text, pos),
            ExprKind::Interval { negative, text, from, to } => interval(*negative, text, *from, *to, pos),
            ExprKind::Identifier(_) | ExprKind::Dereference(..) => self.name(ast, context),
            ExprKind::Parameter(at) => match self.parameters.get(*at) {
                Some(value) => self.expression(value, context),
                None => Err(self.parameter_count()),
            },
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, pos, context),
            ExprKind::Binary(left, operator, right) => {
                let (left, right) = (self.expression(left, context)?, self.expression(right, context)?);
                self.binary(left, *operator, right, pos)
            }
            ExprKind::IsDistinctFrom { left, right, negated } => {
                let (left, right) = (self.expression(left, context)?, self.expression(right, context)?);
                let operator = if *negated { Operator::IsNotDistinctFrom } else { Operator::IsDistinctFrom };
                let (left, right, _) = self.same_type(left, right, "IS DISTINCT FROM", pos)?;
                let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)));
                Ok(Typed::new(expr, Type::Boolean))
            }
            ExprKind::IsNull(operand, negated) => {
                let operand = self.expression(operand, context)?.expr;
                Ok(Typed::new(if *negated { operand.is_not_null() } else { operand.is_null() }, Type::Boolean))
            }
            ExprKind::Between { value, low, high, negated } => {
                let value = self.expression(value, context)?;
                let (low, high) = (self.expression(low, context)?, self.expression(high, context)?);
                let above = self.binary(value.clone(), BinaryOperator::GreaterOrEqual, low, pos)?;
                let below = self.binary(value, BinaryOperator::LessOrEqual, high, pos)?;
                let both = above.expr.and(below.expr);
                Ok(Typed::new(if *negated { Expr::Not(Box::new(both)) } else { both }, Type::Boolean))
            }
            ExprKind::InList(value, items, negated) => self.in_list(value, items, *negated, pos, context),
            ExprKind::Like { value, pattern, escape, negated } => {
                let value = self.expression(value, context)?;
                let pattern = self.expression(pattern, context)?;
                let escape = escape.as_ref().map(|escape| self.expression(escape, context)).transpose()?;
                self.like(value, pattern, escape, *negated, pos)
            }
            ExprKind::InSubquery(value, query, negated) => self.in_subquery(value, query, *negated, pos, context),
            ExprKind::Exists(query) => self.exists(query, context),
            ExprKind::Subquery(query) => self.scalar_subquery(query, context),
            ExprKind::QuantifiedComparison { left, operator, quantifier, query } => {
                self.quantified(left, *operator, *quantifier, query, pos, context)
            }
            ExprKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), context)
            }
            ExprKind::Cast { value, type_name, safe } => {
                let to = Type::from_name(type_name)?;
                let value = self.expression(value, context)?;
                let to = match (&value.ty, to) {
                    // Keeps the value's own zone.
                    (Type::TimestampTz(_, zone), Type::TimestampTz(precision, _)) => {
                        Type::TimestampTz(precision, Arc::clone(zone))
                    }
                    (_, to) => to,
                };
                if !castable(&value.ty, &to) {
                    return Err(mismatch(pos, format!("Cannot cast {} to {to}", value.ty)));
                }
                Ok(Typed::new(cast(value.expr, &value.ty, &to, *safe), to))
            }
            ExprKind::Extract(field, value) => {
                let value = self.expression(value, context)?;
                let function = match field.lower().as_str() {
                    "day_of_month" => "day".to_owned(),
                    "dow" => "day_of_week".to_owned(),
                    "doy" => "day_of_year".to_owned(),
                    "yow" => "year_of_week".to_owned(),
                    other => other.to_owned(),
                };
                let fields = [
                    "year",
                    "quarter",
                    "month",
                    "week",
                    "day",
                    "day_of_week",
                    "day_of_year",
                    "year_of_week",
                    "hour",
                    "minute",
                    "second",
                    "timezone_hour",
                    "timezone_minute",
                ];
                if !fields.contains(&function.as_str()) {
                    let message = format!("Invalid EXTRACT field: {}", field.value);
                    return Err(QueryError::at("INVALID_ARGUMENTS", pos, message));
                }
                self.scalar_call(&function, vec![value], pos)
            }
            ExprKind::AtTimeZone(value, zone) => self.at_time_zone(value, zone, pos, context),
            ExprKind::Function(function) => self.function(function, context),
            ExprKind::Lambda(..) => Err(mismatch(pos, "Lambda expression should always be used inside a function")),
            ExprKind::Array(items) => {
                let items = items.iter().map(|item| self.expression(item, context)).collect::<Result<Vec<_>, _>>()?;
                let (items, ty) = self.unified(items, "ARRAY", pos)?;
                let element = ty.arrow();
                let returns = array_of(ty.clone());
                let body =
                    Body::Columns(Arc::new(move |arrays, rows| crate::functions::make_array(arrays, rows, &element)));
                let expr = call("array", returns.to_string(), returns.arrow(), false, body, items);
                Ok(Typed::new(expr, returns))
            }
            ExprKind::Row(items) => {
                let items = items.iter().map(|item| self.expression(item, context)).collect::<Result<Vec<_>, _>>()?;
                Ok(make_row(items))
            }
            ExprKind::Subscript(base, index) => {
                let (base, index) = (self.expression(base, context)?, self.expression(index, context)?);
                if let Type::Row(fields) = &base.ty {
                    let at = crate::run::constant(&index.expr).ok().map(|value| value.int());
                    let at = at.and_then(|at| usize::try_from(at).ok()).filter(|at| (1..=fields.len()).contains(at));
                    let Some(at) = at else {
                        return Err(QueryError::at("INVALID_FUNCTION_ARGUMENT", pos, "ROW index is out of bounds"));
                    };
                    return Ok(row_field(&base, at - 1, &fields[at - 1].1));
                }
                self.scalar_call("[]", vec![base, index], pos)
            }
            ExprKind::DateTime(kind, precision) => self.date_time(*kind, *precision),
            ExprKind::Session(what) => Ok(text(match what.as_str() {
                "current_catalog" => &context.names.catalog,
                "current_schema" => &context.names.database,
                _ => "hadoop",
            })),
            ExprKind::Grouping(items) => self.grouping_function(items, pos, context),
        }
    }

    /// There are more `?` than values.
    pub(crate) fn parameter_count(&self) -> QueryError {
        QueryError::new("INVALID_PARAMETER_USAGE", super::TOO_FEW_PARAMETERS)
    }

    fn typed_literal(&self, ty: &Type, text: &str, pos: Pos) -> Result<Typed, QueryError> {
        let invalid =
            || QueryError::at("INVALID_LITERAL", pos, format!("'{text}' is not a valid {} literal", ty.base_name()));
        let ty = match ty {
            Type::Timestamp(_) => {
                let (_, zone, digits) = crate::parse_value::timestamp(text).ok_or_else(invalid)?;
                match zone {
                    Some(zone) => Type::TimestampTz(digits, Arc::from(zone)),
                    None => Type::Timestamp(digits),
                }
            }
            Type::Time(_) => {
                let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                Type::Time(u8::try_from(digits).unwrap_or(12))
            }
            Type::Decimal(..) => {
                let (_, scale) = crate::parse_value::decimal(text).ok_or_else(invalid)?;
                let scale = u8::try_from(scale).map_err(|_| invalid())?;
                let length = text.bytes().filter(u8::is_ascii_digit).count();
                let leading = text.trim_start_matches(['-', '+']).bytes().take_while(|c| *c == b'0').count();
                let precision = u8::try_from(length - leading.min(length)).map_err(|_| invalid())?.max(scale).max(1);
                if precision > 38 {
                    return Err(invalid());
                }
                Type::Decimal(precision, scale)
            }
            Type::Json => return self.scalar_call("json_parse", vec![super::expression::text(text)], pos),
            Type::Varchar(_) => return Ok(super::expression::text(text)),
            other => other.clone(),
        };
        let value = match &ty {
            Type::Char(length) => Value::Str(crate::text::pad(text, *length)),
            _ => from_text(text, &ty).ok_or_else(invalid)?,
        };
        constant(&value, &ty)
    }

    /// A column, a lambda's parameter, an alias, or a field of one of them.
    fn name(&self, ast: &'a Ast, context: &Context<'_, 'a>) -> Result<Typed, QueryError> {
        let Some(parts) = name_parts(ast) else {
            let ExprKind::Dereference(base, field) = &ast.kind else {
                return Err(QueryError::internal("a name that is none"));
            };
            let base = self.expression(base, context)?;
            return dereference(&base, field);
        };
        let lower: Vec<String> = parts.iter().map(|part| part.lower()).collect();
        let mut lambda = context.lambda;
        while let Some(parameters) = lambda {
            if let Some((_, found)) = parameters.names.iter().find(|(name, _)| *name == lower[0]) {
                return fields_of(found.clone(), &parts[1..]);
            }
            lambda = parameters.outer;
        }
        if let [only] = lower.as_slice()
            && let Some((_, found)) = context.aliases.iter().find(|(name, _)| name == only)
        {
            return Ok(found.clone());
        }
        let (mut scope, mut level) = (Some(context.scope), 0);
        while let Some(current) = scope {
            // The longest qualifier wins; what is left over are fields.
            for at in (0..lower.len()).rev() {
                if let Some(field) = current.find(&lower[..at], &lower[at], ast.pos)? {
                    let expr = match level {
                        0 => column(&field.column),
                        _ => {
                            let of = arrow::datatypes::Field::new(field.column.name.clone(), field.ty.arrow(), true);
                            Expr::OuterReferenceColumn(Arc::new(of), Column::from_name(field.column.name.clone()))
                        }
                    };
                    return fields_of(Typed::new(expr, field.ty.clone()), &parts[at + 1..]);
                }
            }
            scope = current.parent;
            level += 1;
        }
        let shown = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        Err(QueryError::at(
            "COLUMN_NOT_FOUND",
            ast.pos,
            format!("Column '{shown}' cannot be resolved or requester is not authorized to access requested resources"),
        ))
    }

    fn unary(
        &self,
        operator: UnaryOperator,
        operand: &'a Ast,
        pos: Pos,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        if operator == UnaryOperator::Minus
            && let ExprKind::Integer(digits) = &operand.kind
            && let Ok(number) = format!("-{digits}").parse::<i64>()
        {
            return Ok(match i32::try_from(number) {
                Ok(number) if digits != "2147483648" => Typed::new(lit(number), Type::Integer),
                _ => Typed::new(lit(number), Type::BigInt),
            });
        }
        let operand = self.expression(operand, context)?;
        match operator {
            UnaryOperator::Not => match operand.ty {
                Type::Boolean | Type::Unknown => {
                    let operand = cast(operand.expr, &operand.ty, &Type::Boolean, false);
                    Ok(Typed::new(Expr::Not(Box::new(operand)), Type::Boolean))
                }
                other => Err(mismatch(
                    pos,
                    format!("Value of logical NOT expression must evaluate to a boolean (actual: {other})"),
                )),
            },
            UnaryOperator::Plus => Ok(operand),
            UnaryOperator::Minus => super::arithmetic::negative(operand, pos),
        }
    }

    pub(crate) fn binary(
        &self,
        left: Typed,
        operator: BinaryOperator,
        right: Typed,
        pos: Pos,
    ) -> Result<Typed, QueryError> {
        match operator {
            BinaryOperator::And | BinaryOperator::Or => {
                let mut sides = Vec::new();
                for side in [left, right] {
                    if !matches!(side.ty, Type::Boolean | Type::Unknown) {
                        let message =
                            format!("Logical expression term must evaluate to a boolean (actual: {})", side.ty);
                        return Err(mismatch(pos, message));
                    }
                    sides.push(cast(side.expr, &side.ty, &Type::Boolean, false));
                }
                let right = sides.pop().unwrap_or_else(|| lit(true));
                let left = sides.pop().unwrap_or_else(|| lit(true));
                let expr = if operator == BinaryOperator::And { left.and(right) } else { left.or(right) };
                Ok(Typed::new(expr, Type::Boolean))
            }
            BinaryOperator::Concat => self.scalar_call("concat", vec![left, right], pos),
            _ if operator.is_comparison() => self.comparison(left, operator, right, pos),
            _ => super::arithmetic::binary(left, operator, right, pos),
        }
    }

    /// Both as their common type.
    fn same_type(&self, left: Typed, right: Typed, operator: &str, pos: Pos) -> Result<(Expr, Expr, Type), QueryError> {
        let Some(ty) = common(&left.ty, &right.ty) else {
            return Err(mismatch(pos, format!("Cannot apply operator: {} {operator} {}", left.ty, right.ty)));
        };
        Ok((cast(left.expr, &left.ty, &ty, false), cast(right.expr, &right.ty, &ty, false), ty))
    }

    fn comparison(&self, left: Typed, operator: BinaryOperator, right: Typed, pos: Pos) -> Result<Typed, QueryError> {
        let shown = (left.ty.to_string(), right.ty.to_string());
        let (left, right, ty) = self.same_type(left, right, operator.symbol(), pos)?;
        let equality = matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual);
        if !equality && !ty.is_orderable() {
            return Err(mismatch(pos, format!("Cannot apply operator: {} {} {}", shown.0, operator.symbol(), shown.1)));
        }
        if matches!(ty, Type::Array(_) | Type::Map(..) | Type::Row(_)) {
            let function = Arc::new(move |row: &[Value]| {
                let order = match (&row[0], &row[1]) {
                    (Value::Map(a), Value::Map(b)) => sorted(a).order(&sorted(b)),
                    (a, b) => a.order(b),
                };
                Ok(Value::Bool(match operator {
                    BinaryOperator::Equal => order.is_eq(),
                    BinaryOperator::NotEqual => order.is_ne(),
                    BinaryOperator::Less => order.is_lt(),
                    BinaryOperator::LessOrEqual => order.is_le(),
                    BinaryOperator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                }))
            });
            let body = Body::Rows { strict: true, function };
            let key = format!("{} {ty}", operator.symbol());
            return Ok(Typed::new(
                call("compare", key, Type::Boolean.arrow(), false, body, vec![left, right]),
                Type::Boolean,
            ));
        }
        let operator = match operator {
            BinaryOperator::Equal => Operator::Eq,
            BinaryOperator::NotEqual => Operator::NotEq,
            BinaryOperator::Less => Operator::Lt,
            BinaryOperator::LessOrEqual => Operator::LtEq,
            BinaryOperator::Greater => Operator::Gt,
            _ => Operator::GtEq,
        };
        let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)));
        Ok(Typed::new(expr, Type::Boolean))
    }

    fn in_list(
        &self,
        value: &'a Ast,
        items: &'a [Ast],
        negated: bool,
        pos: Pos,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        let value = self.expression(value, context)?;
        let items = items.iter().map(|item| self.expression(item, context)).collect::<Result<Vec<_>, _>>()?;
        if matches!(value.ty, Type::Array(_) | Type::Map(..) | Type::Row(_)) {
            let mut any: Option<Expr> = None;
            for item in items {
                let equal = self.comparison(value.clone(), BinaryOperator::Equal, item, pos)?.expr;
                any = Some(any.map_or(equal.clone(), |any| any.or(equal)));
            }
            let any = any.unwrap_or_else(|| lit(false));
            return Ok(Typed::new(if negated { Expr::Not(Box::new(any)) } else { any }, Type::Boolean));
        }
        let mut ty = value.ty.clone();
        for item in &items {
            ty = common(&ty, &item.ty)
                .ok_or_else(|| mismatch(pos, format!("IN value and list items must be the same type: {}", value.ty)))?;
        }
        let list = items.into_iter().map(|item| cast(item.expr, &item.ty, &ty, false)).collect();
        let value = Box::new(cast(value.expr, &value.ty, &ty, false));
        Ok(Typed::new(Expr::InList(InList::new(value, list, negated)), Type::Boolean))
    }

    fn like(
        &self,
        value: Typed,
        pattern: Typed,
        escape: Option<Typed>,
        negated: bool,
        pos: Pos,
    ) -> Result<Typed, QueryError> {
        for (side, what) in [(&value, "Left"), (&pattern, "Pattern for")] {
            if !side.ty.is_text() && side.ty != Type::Unknown {
                let message =
                    format!("{what} side of LIKE expression must evaluate to a varchar (actual: {})", side.ty);
                return Err(mismatch(pos, message));
            }
        }
        let value = cast(value.expr, &value.ty, &VARCHAR, false);
        let pattern = cast(pattern.expr, &pattern.ty, &VARCHAR, false);
        if escape.is_none()
            && let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = &pattern
            && !text.contains('\\')
        {
            let like = Like::new(negated, Box::new(value), Box::new(pattern), None, false);
            return Ok(Typed::new(Expr::Like(like), Type::Boolean));
        }
        let mut arguments = vec![value, pattern];
        if let Some(escape) = escape {
            arguments.push(cast(escape.expr, &escape.ty, &VARCHAR, false));
        }
        let function = Arc::new(|row: &[Value]| crate::functions::like(row).map(Value::Bool));
        let body = Body::Rows { strict: true, function };
        let like = call("like", String::new(), Type::Boolean.arrow(), false, body, arguments);
        Ok(Typed::new(if negated { Expr::Not(Box::new(like)) } else { like }, Type::Boolean))
    }

    /// All as their common type.
    pub(crate) fn unified(&self, items: Vec<Typed>, what: &str, pos: Pos) -> Result<(Vec<Expr>, Type), QueryError> {
        let mut ty = Type::Unknown;
        for item in &items {
            ty = common(&ty, &item.ty).ok_or_else(|| {
                mismatch(pos, format!("All {what} elements must be the same type or coercible to a common type. Cannot find common type between {ty} and {}", item.ty))
            })?;
        }
        Ok((items.into_iter().map(|item| cast(item.expr, &item.ty, &ty, false)).collect(), ty))
    }

    fn case(
        &self,
        operand: Option<&'a Ast>,
        branches: &'a [(Ast, Ast)],
        otherwise: Option<&'a Ast>,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        let operand = operand.map(|operand| self.expression(operand, context)).transpose()?;
        let (mut conditions, mut results) = (Vec::new(), Vec::new());
        for (when, then) in branches {
            conditions.push(match &operand {
                None => self.condition(when, context, "CASE WHEN clause")?,
                Some(operand) => {
                    let when_value = self.expression(when, context)?;
                    self.comparison(operand.clone(), BinaryOperator::Equal, when_value, when.pos)?.expr
                }
            });
            results.push(self.expression(then, context)?);
        }
        let pos = branches.first().map(|(_, then)| then.pos).unwrap_or_default();
        results.push(match otherwise {
            Some(otherwise) => self.expression(otherwise, context)?,
            None => Typed::new(Expr::Literal(ScalarValue::Null, None), Type::Unknown),
        });
        let mut ty = Type::Unknown;
        for result in &results {
            ty = common(&ty, &result.ty).ok_or_else(|| {
                mismatch(pos, format!("All CASE results must be the same type or coercible to a common type. Cannot find common type between {ty} and {}, all types (without duplicates): [{ty}, {}]", result.ty, result.ty))
            })?;
        }
        let mut results: Vec<Expr> =
            results.into_iter().map(|result| cast(result.expr, &result.ty, &ty, false)).collect();
        let otherwise = results.pop().map(Box::new);
        let branches = conditions.into_iter().map(Box::new).zip(results.into_iter().map(Box::new)).collect();
        Ok(Typed::new(Expr::Case(Case::new(None, branches, otherwise)), ty))
    }

    fn at_time_zone(
        &self,
        value: &'a Ast,
        zone: &'a Ast,
        pos: Pos,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        let (value, zone) = (self.expression(value, context)?, self.expression(zone, context)?);
        let name = match &zone.ty {
            Type::IntervalDayTime => {
                let minutes = crate::run::constant(&zone.expr)?.int() / 60_000;
                let sign = if minutes < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            _ => match crate::run::constant(&zone.expr)? {
                Value::Str(name) => name,
                _ => {
                    return Err(QueryError::not_supported(
                        "AT TIME ZONE with a zone that is not constant is not supported yet",
                    ));
                }
            },
        };
        let name = crate::zone::canonical(&name).ok_or_else(|| {
            QueryError::at("INVALID_FUNCTION_ARGUMENT", pos, format!("'{name}' is not a valid time zone"))
        })?;
        let precision = match &value.ty {
            Type::Timestamp(precision) | Type::TimestampTz(precision, _) => *precision,
            Type::Date => 3,
            other => {
                return Err(mismatch(
                    pos,
                    format!("Type of value must be a time or timestamp with or without time zone (actual {other})"),
                ));
            }
        };
        // A timestamp without zone is taken in the session's, which is UTC.
        let utc = Type::TimestampTz(precision, Arc::from("UTC"));
        let instant = match &value.ty {
            Type::TimestampTz(..) => value.expr,
            other => cast(value.expr, other, &utc, false),
        };
        let ty = Type::TimestampTz(precision, Arc::from(name));
        Ok(Typed::new(Expr::Cast(datafusion::logical_expr::Cast::new(Box::new(instant), ty.arrow())), ty))
    }

    fn date_time(&self, kind: DateTimeKind, precision: Option<u32>) -> Result<Typed, QueryError> {
        let now = self.context.now.timestamp_micros();
        let precision = u8::try_from(precision.unwrap_or(3)).unwrap_or(3);
        let rounded = crate::cast::round_to(now, precision.min(6))
            .min(now - now.rem_euclid(10_i64.pow(u32::from(6 - precision.min(6)))));
        let (value, ty) = match kind {
            DateTimeKind::Date => (now.div_euclid(86_400_000_000), Type::Date),
            DateTimeKind::Timestamp => (rounded, Type::TimestampTz(precision, Arc::from("UTC"))),
            DateTimeKind::LocalTimestamp => (rounded, Type::Timestamp(precision)),
            DateTimeKind::Time | DateTimeKind::LocalTime => (rounded.rem_euclid(86_400_000_000), Type::Time(precision)),
        };
        constant(&Value::Int(value), &ty)
    }
}

fn sorted(entries: &[(Value, Value)]) -> Value {
    let mut entries = entries.to_vec();
    entries.sort_by(|a, b| a.0.order(&b.0));
    Value::Map(entries)
}

/// `ROW(a, b)`.
pub(crate) fn make_row(items: Vec<Typed>) -> Typed {
    let ty = Type::Row(items.iter().map(|item| (None, item.ty.clone())).collect());
    let returns = ty.arrow();
    let fields = match &ty {
        Type::Row(fields) => crate::types::row_fields(fields),
        _ => Default::default(),
    };
    let body = Body::Columns(Arc::new(move |arrays, _| {
        let row = arrow::array::StructArray::try_new(fields.clone(), arrays.to_vec(), None);
        Ok(Arc::new(row.map_err(QueryError::internal)?))
    }));
    let expr = call("row", ty.to_string(), returns, false, body, items.into_iter().map(|item| item.expr).collect());
    Typed::new(expr, ty)
}

fn fields_of(mut value: Typed, names: &[&Ident]) -> Result<Typed, QueryError> {
    for name in names {
        value = dereference(&value, name)?;
    }
    Ok(value)
}

fn dereference(base: &Typed, field: &Ident) -> Result<Typed, QueryError> {
    let Type::Row(fields) = &base.ty else {
        return Err(mismatch(field.pos, format!("Expression is not of type ROW: {}", base.ty)));
    };
    let name = field.lower();
    let at = fields.iter().position(|(of, _)| of.as_ref().is_some_and(|of| of.to_lowercase() == name));
    match at {
        Some(at) => Ok(row_field(base, at, &fields[at].1)),
        None => Err(QueryError::at(
            "COLUMN_NOT_FOUND",
            field.pos,
            format!(
                "Column '{}' cannot be resolved or requester is not authorized to access requested resources",
                field.value
            ),
        )),
    }
}

fn interval(
    negative: bool,
    text: &str,
    from: IntervalUnit,
    to: Option<IntervalUnit>,
    pos: Pos,
) -> Result<Typed, QueryError> {
    let invalid = || QueryError::at("INVALID_LITERAL", pos, format!("Invalid INTERVAL literal: {text}"));
    let trimmed = text.trim();
    let (inner_negative, body) = match trimmed.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let sign = if negative == inner_negative { 1_i64 } else { -1 };
    let whole = |text: &str| text.parse::<i64>().map_err(|_| invalid());
    if from <= IntervalUnit::Month {
        let months = match to {
            Some(IntervalUnit::Month) if from == IntervalUnit::Year => {
                let (years, months) = body.split_once('-').ok_or_else(invalid)?;
                whole(years)?
                    .checked_mul(12)
                    .and_then(|all| all.checked_add(whole(months).ok()?))
                    .ok_or_else(invalid)?
            }
            _ if from == IntervalUnit::Year => whole(body)?.checked_mul(12).ok_or_else(invalid)?,
            _ => whole(body)?,
        };
        return constant(&Value::Int(sign * months), &Type::IntervalYearMonth);
    }
    let size = |unit: IntervalUnit| match unit {
        IntervalUnit::Week => 604_800_000,
        IntervalUnit::Day => 86_400_000,
        IntervalUnit::Hour => 3_600_000,
        IntervalUnit::Minute => 60_000,
        _ => 1000,
    };
    let seconds = |text: &str| -> Result<i64, QueryError> {
        let (number, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(invalid());
        }
        let millis = whole(&format!("{fraction:0<3}")[..3])?;
        whole(number)?.checked_mul(1000).and_then(|all| all.checked_add(millis)).ok_or_else(invalid)
    };
    let mut total = 0;
    match to {
        None if from == IntervalUnit::Second => total = seconds(body)?,
        None => total = whole(body)?.checked_mul(size(from)).ok_or_else(invalid)?,
        Some(_) => {
            let mut units = vec![IntervalUnit::Day, IntervalUnit::Hour, IntervalUnit::Minute, IntervalUnit::Second];
            units.retain(|unit| *unit >= from);
            for (part, unit) in body.split([' ', ':']).zip(units) {
                let more = match unit {
                    IntervalUnit::Second => Some(seconds(part)?),
                    unit => whole(part)?.checked_mul(size(unit)),
                };
                total = more.and_then(|more| i64::checked_add(total, more)).ok_or_else(invalid)?;
            }
        }
    }
    constant(&Value::Int(sign * total), &Type::IntervalDayTime)
}

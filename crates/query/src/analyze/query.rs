//! Queries: WITH, SELECT, set operations, VALUES, ORDER BY, LIMIT.

use std::{cell::RefCell, sync::Arc};

use arrow::datatypes::{Field as ArrowField, Schema};

use athena_sql::{
    Expr as Ast, ExprKind, GroupingElement, Ident, Query, QueryBody, Select, SelectItem, SetOperator, SortItem,
};
use datafusion::{
    catalog::cte_worktable::CteWorkTable,
    common::{Column, TableReference},
    datasource::provider_as_source,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr},
};

use super::{
    Analyzer, Field, Names, Relation, Scope, Typed, aggregate::Grouping, column, expression::Context, planning,
    project, scope::Cte,
};
use crate::{
    cast::cast,
    error::QueryError,
    types::{Type, common},
};

/// An item of the select list.
struct Item {
    typed: Typed,
    label: String,
    /// What a sort key or group key may call it: its alias or column name.
    name: String,
    /// Whether the name was given with AS.
    aliased: bool,
    pos: athena_sql::Pos,
}

impl<'a> Analyzer<'a> {
    /// A query within the names of its surroundings. `outer` is what a correlated subquery may use.
    pub(crate) fn query(
        &self,
        query: &'a Query,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        self.nested(|| self.query_rule(query, names, outer))
    }

    fn query_rule(
        &self,
        query: &'a Query,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        let mut names = names.clone();
        if let Some(with) = &query.with {
            for (name, columns, cte) in &with.queries {
                let mut entry = Cte { name: name.lower(), columns, query: cte, names: names.clone(), rows: None };
                if with.recursive {
                    entry.rows = self.recursive(&entry, &names)?;
                }
                names = names.with(entry);
            }
        }
        let mut relation = match &query.body {
            QueryBody::Select(select) => self.select(select, &query.order_by, &names, outer)?,
            body => {
                let relation = self.body(body, &names, outer)?;
                self.order_rows(relation, &query.order_by, &names, outer)?
            }
        };
        let offset = self.row_count(query.offset.as_ref())?;
        let limit = self.row_count(query.limit.as_ref())?;
        if query.with_ties {
            return Err(QueryError::not_supported("FETCH FIRST WITH TIES is not supported yet"));
        }
        if limit.is_some_and(|limit| limit > 2_147_483_647) {
            return Err(QueryError::not_supported("ORDER BY LIMIT > 2147483647 is not supported"));
        }
        if offset.is_some() || limit.is_some() {
            relation.plan = LogicalPlanBuilder::from(relation.plan)
                .limit(offset.unwrap_or(0), limit)
                .and_then(LogicalPlanBuilder::build)
                .map_err(planning)?;
        }
        Ok(relation)
    }

    fn row_count(&self, count: Option<&Ast>) -> Result<Option<usize>, QueryError> {
        let Some(count) = count else { return Ok(None) };
        let digits = match &count.kind {
            ExprKind::Integer(digits) => digits.clone(),
            ExprKind::Parameter(at) => match self.parameters.get(*at).map(|value| &value.kind) {
                Some(ExprKind::Integer(digits) | ExprKind::String(digits)) => digits.clone(),
                Some(_) => String::new(),
                None => return Err(self.parameter_count()),
            },
            _ => String::new(),
        };
        let invalid = || QueryError::at("INVALID_PARAMETER_USAGE", count.pos, format!("Invalid row count: {digits}"));
        digits.parse().map(Some).map_err(|_| invalid())
    }

    fn body(&self, body: &'a QueryBody, names: &Names<'a>, outer: Option<&Scope<'_>>) -> Result<Relation, QueryError> {
        match body {
            QueryBody::Select(select) => self.select(select, &[], names, outer),
            QueryBody::Subquery(query) => self.query(query, names, outer),
            QueryBody::Values(rows) => self.values(rows, names, outer),
            QueryBody::Table(name) => self.named(name, None, names),
            QueryBody::SetOperation { operator, all, left, right, pos } => {
                let (left, right) = (self.body(left, names, outer)?, self.body(right, names, outer)?);
                self.set_operation(*operator, *all, left, right, *pos)
            }
        }
    }

    /// Both sides with the columns' common types.
    pub(super) fn set_operation(
        &self,
        operator: SetOperator,
        all: bool,
        left: Relation,
        right: Relation,
        pos: athena_sql::Pos,
    ) -> Result<Relation, QueryError> {
        let word = match operator {
            SetOperator::Union => "UNION",
            SetOperator::Intersect => "INTERSECT",
            SetOperator::Except => "EXCEPT",
        };
        let (left_fields, right_fields) = (visible(&left), visible(&right));
        if left_fields.len() != right_fields.len() {
            let message =
                format!("{word} query has different number of fields: {}, {}", left_fields.len(), right_fields.len());
            return Err(QueryError::at("TYPE_MISMATCH", pos, message));
        }
        let (mut fields, mut left_items, mut right_items) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (a, b)) in left_fields.iter().zip(&right_fields).enumerate() {
            let Some(ty) = common(&a.ty, &b.ty) else {
                let message = format!("column {} in {word} query has incompatible types: {}, {}", at + 1, a.ty, b.ty);
                return Err(QueryError::at("TYPE_MISMATCH", pos, message));
            };
            let name = self.unique(&a.name);
            left_items.push((cast(column(&a.column), &a.ty, &ty, false), name.clone()));
            right_items.push((cast(column(&b.column), &b.ty, &ty, false), name.clone()));
            fields.push(Field { relation: Vec::new(), column: name, ty, hidden: false, ..a.clone() });
        }
        let (left, right) = (project(left.plan, left_items)?, project(right.plan, right_items)?);
        let plan = match (operator, all) {
            (SetOperator::Union, _) => {
                let union = LogicalPlanBuilder::from(left).union(right).map_err(planning)?;
                if all { union.build() } else { union.distinct().and_then(LogicalPlanBuilder::build) }
            }
            (SetOperator::Intersect, all) => LogicalPlanBuilder::intersect(left, right, all),
            (SetOperator::Except, all) => LogicalPlanBuilder::except(left, right, all),
        };
        let plan = plan.map_err(planning)?;
        // Whatever DataFusion calls the columns now, they are in order.
        let items =
            plan.schema().columns().into_iter().map(Expr::Column).zip(fields.iter().map(|field| field.column.clone()));
        let items = items.collect();
        Ok(Relation { plan: project(plan, items)?, fields })
    }

    fn values(&self, rows: &'a [Ast], names: &Names<'a>, outer: Option<&Scope<'_>>) -> Result<Relation, QueryError> {
        let scope = Scope { fields: &[], parent: outer };
        let context = Context::new(names, &scope);
        let mut typed: Vec<Vec<Typed>> = Vec::new();
        for row in rows {
            let items: &[Ast] = match &row.kind {
                ExprKind::Row(items) => items,
                _ => std::slice::from_ref(row),
            };
            typed.push(items.iter().map(|item| self.expression(item, &context)).collect::<Result<_, _>>()?);
        }
        let width = typed[0].len();
        let mut types: Vec<Type> = typed[0].iter().map(|item| item.ty.clone()).collect();
        for (row, ast) in typed.iter().zip(rows) {
            if row.len() != width {
                let message = format!("Values rows have mismatched sizes: {width} vs {}", row.len());
                return Err(QueryError::at("TYPE_MISMATCH", ast.pos, message));
            }
            for (ty, item) in types.iter_mut().zip(row) {
                *ty = common(ty, &item.ty).ok_or_else(|| {
                    let message = format!("Values rows have mismatched types: {ty} vs {}", item.ty);
                    QueryError::at("TYPE_MISMATCH", ast.pos, message)
                })?;
            }
        }
        let rows: Vec<Vec<Expr>> = typed
            .into_iter()
            .map(|row| row.into_iter().zip(&types).map(|(item, ty)| cast(item.expr, &item.ty, ty, false)).collect())
            .collect();
        let plan = LogicalPlanBuilder::values(rows).and_then(LogicalPlanBuilder::build).map_err(planning)?;
        let (mut fields, mut items) = (Vec::new(), Vec::new());
        for (at, (from, ty)) in plan.schema().columns().into_iter().zip(types).enumerate() {
            let label = format!("_col{at}");
            let unique = self.unique(&label);
            items.push((Expr::Column(from), unique.clone()));
            fields.push(Field { relation: Vec::new(), name: label.clone(), label, ty, column: unique, hidden: false });
        }
        Ok(Relation { plan: project(plan, items)?, fields })
    }

    /// ORDER BY of what is no SELECT: by its own columns.
    fn order_rows(
        &self,
        relation: Relation,
        order_by: &'a [SortItem],
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        if order_by.is_empty() {
            return Ok(relation);
        }
        let scope = Scope { fields: &relation.fields, parent: outer };
        let context = Context::new(names, &scope);
        let mut keys = Vec::new();
        for item in order_by {
            let key = match ordinal(&item.expr) {
                Some(at) => match relation.fields.iter().filter(|field| !field.hidden).nth(at.wrapping_sub(1)) {
                    Some(field) => Typed::new(column(&field.column), field.ty.clone()),
                    None => return Err(out_of_range("ORDER BY", at, item.expr.pos)),
                },
                None => self.expression(&item.expr, &context)?,
            };
            keys.push(sort_key(&key, item)?);
        }
        let fields = relation.fields.clone();
        Ok(Relation { plan: sort_by(relation.plan, keys, &fields, self)?, fields })
    }

    fn select(
        &self,
        select: &'a Select,
        order_by: &'a [SortItem],
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        let mut from = self.from(&select.from, names, outer)?;
        self.remember(&from.fields);
        if let Some(filter) = &select.filter {
            let scope = Scope { fields: &from.fields, parent: outer };
            let context = Context::new(names, &scope).in_clause("WHERE clause");
            let condition = self.condition(filter, &context, "WHERE clause")?;
            from.plan = filtered(from.plan, condition)?;
        }

        // All expressions are analyzed over the columns of FROM; aggregates and window functions stand in them as
        // columns that later nodes of the plan will have.
        let scope = Scope { fields: &from.fields, parent: outer };
        let (aggregates, windows) = (RefCell::default(), RefCell::default());
        let mut context = Context::new(names, &scope);
        context.aggregates = Some(&aggregates);
        context.windows = Some(&windows);
        context.named_windows = &select.windows;
        let items = self.items(select, &from, &context)?;
        let having = match &select.having {
            Some(having) => Some(self.condition(having, &Context { windows: None, ..context }, "HAVING clause")?),
            None => None,
        };
        let mut keys = Vec::new();
        let aliases: Vec<(String, Typed)> =
            items.iter().filter(|item| item.aliased).map(|item| (item.name.clone(), item.typed.clone())).collect();
        for item in order_by {
            let key = match ordinal(&item.expr) {
                Some(at) => match items.get(at.wrapping_sub(1)) {
                    Some(item) => item.typed.clone(),
                    None => return Err(out_of_range("ORDER BY", at, item.expr.pos)),
                },
                None => self.expression(&item.expr, &Context { aliases: &aliases, ..context })?,
            };
            keys.push((key, item));
        }
        let grouping =
            self.grouping(select, &items_of(&items), &Context { aggregates: None, windows: None, ..context })?;
        let (aggregates, windows) = (aggregates.into_inner(), windows.into_inner());

        let mut plan = from.plan;
        let mut grouped = None;
        if grouping.is_some() || !aggregates.is_empty() || select.having.is_some() {
            let grouping = grouping.unwrap_or_else(Grouping::global);
            let (aggregated, groups) = self.aggregated(plan, grouping, aggregates)?;
            plan = aggregated;
            grouped = Some(groups);
        }
        if let Some(groups) = &mut grouped {
            groups.allow(windows.iter().map(|window| window.column.name.clone()));
        }
        let settle = |typed: Typed, pos: athena_sql::Pos| -> Result<Typed, QueryError> {
            match &grouped {
                Some(groups) => Ok(Typed { expr: groups.replace(self, typed.expr, pos)?, ty: typed.ty }),
                None => Ok(typed),
            }
        };
        if let Some(having) = having {
            let pos = select.having.as_ref().map(|having| having.pos).unwrap_or_default();
            let having = settle(Typed::new(having, Type::Boolean), pos)?;
            plan = filtered(plan, having.expr)?;
        }
        plan = self.windowed(plan, windows, &|expr, pos| {
            settle(Typed::new(expr, Type::Unknown), pos).map(|typed| typed.expr)
        })?;

        let (mut fields, mut projected) = (Vec::new(), Vec::new());
        for item in items {
            let typed = settle(item.typed, item.pos)?;
            let unique = self.unique(&item.name);
            projected.push((typed.expr, unique.clone()));
            fields.push(Field {
                relation: Vec::new(),
                name: item.name,
                label: item.label,
                ty: typed.ty,
                column: unique,
                hidden: false,
            });
        }
        let mut sorts = Vec::new();
        let visible = projected.len();
        for (key, item) in keys {
            let key = settle(key, item.expr.pos)?;
            let at = projected.iter().position(|(expr, _)| *expr == key.expr);
            let unique = match at {
                Some(at) => projected[at].1.clone(),
                None if select.distinct => {
                    let message = "For SELECT DISTINCT, ORDER BY expressions must appear in select list";
                    return Err(QueryError::at("EXPRESSION_NOT_IN_DISTINCT", item.expr.pos, message));
                }
                None => {
                    let unique = self.unique("sort");
                    projected.push((key.expr, unique.clone()));
                    unique
                }
            };
            sorts.push(sort_key(&Typed::new(column(&unique), key.ty), item)?);
        }
        let extra = projected.len() > visible;
        let mut plan = project(plan, projected)?;
        if select.distinct {
            plan = LogicalPlanBuilder::from(plan).distinct().and_then(LogicalPlanBuilder::build).map_err(planning)?;
        }
        if !sorts.is_empty() {
            plan = LogicalPlanBuilder::from(plan).sort(sorts).and_then(LogicalPlanBuilder::build).map_err(planning)?;
        }
        if extra {
            let keep = fields.iter().map(|field| (column(&field.column), field.column.clone())).collect();
            plan = project(plan, keep)?;
        }
        Ok(Relation { plan, fields })
    }

    fn items(&self, select: &'a Select, from: &Relation, context: &Context<'_, 'a>) -> Result<Vec<Item>, QueryError> {
        let mut items = Vec::new();
        for item in &select.items {
            match item {
                SelectItem::All(pos) => {
                    if select.from.is_empty() {
                        return Err(QueryError::at(
                            "COLUMN_NOT_FOUND",
                            *pos,
                            "SELECT * not allowed in queries without FROM clause",
                        ));
                    }
                    items.extend(from.fields.iter().filter(|field| !field.hidden).map(|field| of_field(field, *pos)));
                }
                SelectItem::QualifiedAll { target, aliases } => {
                    items.extend(self.all_of(target, aliases, from, context)?)
                }
                SelectItem::Expr { expr, alias } => {
                    let typed = self.expression(expr, context)?;
                    let label = match alias {
                        Some(alias) => alias.value.clone(),
                        None => written_name(expr).map(|name| name.value.clone()).unwrap_or_default(),
                    };
                    let aliased = alias.is_some();
                    let named = !label.is_empty();
                    let label = if named { label } else { format!("_col{}", items.len()) };
                    let name = label.to_lowercase();
                    let name = if named { name } else { format!("_col{}", items.len()) };
                    items.push(Item { typed, label, name, aliased, pos: expr.pos });
                }
            }
        }
        Ok(items)
    }

    /// `t.*`, or the fields of a row.
    fn all_of(
        &self,
        target: &'a Ast,
        aliases: &'a [Ident],
        from: &Relation,
        context: &Context<'_, 'a>,
    ) -> Result<Vec<Item>, QueryError> {
        let mut items: Vec<Item> = Vec::new();
        if let Some(parts) = super::expression::name_parts(target) {
            let parts: Vec<String> = parts.iter().map(|part| part.lower()).collect();
            let of = from.fields.iter().filter(|field| !field.relation.is_empty() && field.relation.ends_with(&parts));
            items.extend(of.filter(|field| !field.hidden).map(|field| of_field(field, target.pos)));
        }
        if items.is_empty() {
            let row = self.expression(target, context).map_err(|error| match error.name.as_str() {
                "COLUMN_NOT_FOUND" => {
                    QueryError::at("TABLE_NOT_FOUND", target.pos, "Unable to resolve reference of the star")
                }
                _ => error,
            })?;
            let Type::Row(fields) = &row.ty else {
                let message = format!("expected a row for '.*' but found {}", row.ty);
                return Err(QueryError::at("TYPE_MISMATCH", target.pos, message));
            };
            for (at, (name, ty)) in fields.iter().enumerate() {
                let label = name.clone().unwrap_or_else(|| format!("_col{at}"));
                let typed = super::expression::row_field(&row, at, ty);
                items.push(Item { typed, name: label.clone(), label, aliased: false, pos: target.pos });
            }
        }
        for (item, alias) in items.iter_mut().zip(aliases) {
            item.label.clone_from(&alias.value);
            item.name = alias.lower();
        }
        Ok(items)
    }

    /// A common table expression that uses itself: its first part's rows, then again and again what the second part
    /// makes of the last ones. `None` when it does not use itself.
    fn recursive(&self, cte: &Cte<'a>, names: &Names<'a>) -> Result<Option<Relation>, QueryError> {
        let QueryBody::SetOperation { operator: SetOperator::Union, all, left, right, pos } = &cte.query.body else {
            return Ok(None);
        };
        if !format!("{right:?}").to_lowercase().contains(&format!("value: \"{}\"", cte.name)) {
            return Ok(None);
        }
        let base = self.body(left, names, None)?;
        let (mut fields, mut items, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for field in visible(&base) {
            let unique = self.unique(&field.name);
            items.push((column(&field.column), unique.clone()));
            columns.push(ArrowField::new(unique.name.clone(), field.ty.arrow(), true));
            fields.push(Field { column: unique, ..field });
        }
        let plan = project(base.plan, items)?;
        let work = self.unique(&cte.name).name;
        let table = CteWorkTable::new(&work, Arc::new(Schema::new(columns)));
        let reference = TableReference::bare(work.clone());
        let last = LogicalPlanBuilder::scan(reference.clone(), provider_as_source(Arc::new(table)), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(planning)?;
        let (mut last_fields, mut items) = (Vec::new(), Vec::new());
        for field in &fields {
            let unique = self.unique(&field.name);
            items.push((Expr::Column(Column::new(Some(reference.clone()), &field.column.name)), unique.clone()));
            last_fields.push(Field { column: unique, ..field.clone() });
        }
        let rows = Some(Relation { plan: project(last, items)?, fields: last_fields });
        let itself =
            Cte { name: cte.name.clone(), columns: cte.columns, query: cte.query, names: cte.names.clone(), rows };
        let step = self.body(right, &names.with(itself), None)?;
        let mut items = Vec::new();
        let step_fields = visible(&step);
        for (field, to) in step_fields.iter().zip(&fields) {
            if common(&field.ty, &to.ty).as_ref() != Some(&to.ty) {
                let message = format!(
                    "recursion step relation output type ({}) is not coercible to recursion base relation output type ({})",
                    field.ty, to.ty
                );
                return Err(QueryError::at("TYPE_MISMATCH", *pos, message));
            }
            items.push((cast(column(&field.column), &field.ty, &to.ty, false), to.column.clone()));
        }
        if step_fields.len() != fields.len() {
            return Err(QueryError::at(
                "TYPE_MISMATCH",
                *pos,
                "base and step relations of recursion have different number of fields",
            ));
        }
        let plan = LogicalPlanBuilder::from(plan)
            .to_recursive_query(work, project(step.plan, items)?, !all)
            .and_then(LogicalPlanBuilder::build)
            .map_err(planning)?;
        Ok(Some(Relation { plan, fields }))
    }

    /// A condition, which must be boolean.
    pub(crate) fn condition(&self, ast: &'a Ast, context: &Context<'_, 'a>, clause: &str) -> Result<Expr, QueryError> {
        let typed = self.expression(ast, context)?;
        match typed.ty {
            Type::Boolean => Ok(typed.expr),
            Type::Unknown => Ok(cast(typed.expr, &Type::Unknown, &Type::Boolean, false)),
            other => {
                let message = format!("{clause} must evaluate to a boolean: actual type {other}");
                Err(QueryError::at("TYPE_MISMATCH", ast.pos, message))
            }
        }
    }
}

fn items_of(items: &[Item]) -> Vec<(String, Typed, bool)> {
    items.iter().map(|item| (item.name.clone(), item.typed.clone(), item.aliased)).collect()
}

fn of_field(field: &Field, pos: athena_sql::Pos) -> Item {
    Item {
        typed: Typed::new(column(&field.column), field.ty.clone()),
        label: field.label.clone(),
        name: field.name.clone(),
        aliased: false,
        pos,
    }
}

pub(crate) fn visible(relation: &Relation) -> Vec<Field> {
    relation.fields.iter().filter(|field| !field.hidden).cloned().collect()
}

/// The name that a column has without an alias.
fn written_name(expr: &Ast) -> Option<&Ident> {
    match &expr.kind {
        ExprKind::Identifier(name) | ExprKind::Dereference(_, name) => Some(name),
        _ => None,
    }
}

/// `ORDER BY 2`, `GROUP BY 1`.
pub(super) fn ordinal(expr: &Ast) -> Option<usize> {
    match &expr.kind {
        ExprKind::Integer(digits) => digits.parse().ok(),
        _ => None,
    }
}

pub(super) fn out_of_range(clause: &str, at: usize, pos: athena_sql::Pos) -> QueryError {
    QueryError::at("INVALID_COLUMN_REFERENCE", pos, format!("{clause} position {at} is not in select list"))
}

fn sort_key(key: &Typed, item: &SortItem) -> Result<SortExpr, QueryError> {
    if !key.ty.is_orderable() {
        let message = format!("Type {} is not orderable, and therefore cannot be used in ORDER BY", key.ty);
        return Err(QueryError::at("TYPE_MISMATCH", item.expr.pos, message));
    }
    Ok(key.expr.clone().sort(!item.descending, item.nulls_first))
}

/// Sorts by expressions that may be no columns.
fn sort_by(
    plan: LogicalPlan,
    keys: Vec<SortExpr>,
    fields: &[Field],
    analyzer: &Analyzer<'_>,
) -> Result<LogicalPlan, QueryError> {
    let mut items: Vec<(Expr, Column)> =
        fields.iter().map(|field| (column(&field.column), field.column.clone())).collect();
    let width = items.len();
    let mut sorts = Vec::new();
    for key in keys {
        let unique = analyzer.unique("sort");
        items.push((key.expr, unique.clone()));
        sorts.push(column(&unique).sort(key.asc, key.nulls_first));
    }
    let keep = items[..width].iter().map(|(_, name)| (column(name), name.clone())).collect();
    let plan = project(plan, items)?;
    let plan = LogicalPlanBuilder::from(plan).sort(sorts).and_then(LogicalPlanBuilder::build).map_err(planning)?;
    project(plan, keep)
}

/// The plan with a filter.
pub(crate) fn filtered(plan: LogicalPlan, condition: Expr) -> Result<LogicalPlan, QueryError> {
    LogicalPlanBuilder::from(plan).filter(condition).and_then(LogicalPlanBuilder::build).map_err(planning)
}

/// Whether the elements of GROUP BY are plain expressions.
pub(super) fn is_simple(elements: &[GroupingElement]) -> bool {
    elements.iter().all(|element| matches!(element, GroupingElement::Simple(_)))
}

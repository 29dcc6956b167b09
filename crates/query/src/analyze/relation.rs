//! FROM: tables, views, subqueries, joins, UNNEST, LATERAL, samples.

use std::sync::Arc;

use athena_sql::{
    Expr as Ast, ExprKind, Ident, Join, JoinConstraint, JoinKind, Pos, QualifiedName, Query, QueryBody,
    Relation as AstRelation, RelationKind, SelectItem, VersionKind,
};
use datafusion::{
    common::{Column, JoinType, Spans, TableReference, UnnestOptions},
    datasource::provider_as_source,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, lit},
};

use super::{
    Analyzer, Field, Found, Names, Relation, Scope, TableKey, Typed, column, expression::Context, planning, project,
    query::filtered,
};
use crate::{
    cast::{cast, castable},
    error::QueryError,
    tables::TableVersion,
    types::{Type, common},
};

impl<'a> Analyzer<'a> {
    /// The relations of FROM, cross-joined; one row without columns when there are none.
    pub(super) fn from(
        &self,
        relations: &'a [AstRelation],
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        let mut result: Option<Relation> = None;
        for relation in relations {
            result = Some(match result {
                None => self.relation(relation, names, outer)?,
                Some(left) => self.joined(left, relation, JoinKind::Cross, &JoinConstraint::None, names, outer)?,
            });
        }
        match result {
            Some(relation) => Ok(relation),
            None => {
                let plan = LogicalPlanBuilder::empty(true).build().map_err(planning)?;
                Ok(Relation { plan, fields: Vec::new() })
            }
        }
    }

    pub(crate) fn relation(
        &self,
        ast: &'a AstRelation,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        let relation = match &ast.kind {
            RelationKind::Table { name, version } => self.named(name, version.as_ref(), names)?,
            RelationKind::Subquery { query, .. } => self.query(query, names, outer)?,
            RelationKind::Unnest { .. } => {
                let plan = LogicalPlanBuilder::empty(true).build().map_err(planning)?;
                let one = Relation { plan, fields: Vec::new() };
                return self.joined(one, ast, JoinKind::Cross, &JoinConstraint::None, names, outer);
            }
            RelationKind::Join(join) => self.nested(|| self.join(join, names, outer))?,
            RelationKind::TableFunction { name, arguments, pos } => {
                self.table_function(name, arguments, *pos, names, outer)?
            }
        };
        let relation = self.aliased(relation, ast.alias.as_ref(), &ast.column_aliases, ast.pos)?;
        self.sampled(relation, ast, names)
    }

    fn join(&self, join: &'a Join, names: &Names<'a>, outer: Option<&Scope<'_>>) -> Result<Relation, QueryError> {
        let left = self.relation(&join.left, names, outer)?;
        self.joined(left, &join.right, join.kind, &join.constraint, names, outer)
    }

    fn aliased(
        &self,
        mut relation: Relation,
        alias: Option<&Ident>,
        columns: &[Ident],
        pos: athena_sql::Pos,
    ) -> Result<Relation, QueryError> {
        let Some(alias) = alias else { return Ok(relation) };
        let visible = relation.fields.iter().filter(|field| !field.hidden).count();
        if !columns.is_empty() && columns.len() != visible {
            let message = format!(
                "Column alias list has {} entries but '{}' has {visible} columns available",
                columns.len(),
                alias.value
            );
            return Err(QueryError::at("MISMATCHED_COLUMN_ALIASES", pos, message));
        }
        let mut names = columns.iter();
        for field in &mut relation.fields {
            field.relation = vec![alias.lower()];
            if !field.hidden
                && let Some(name) = names.next()
            {
                field.label.clone_from(&name.value);
                field.name = name.lower();
                self.show(&field.column, &name.value);
            }
        }
        Ok(relation)
    }

    fn sampled(&self, mut relation: Relation, ast: &'a AstRelation, names: &Names<'a>) -> Result<Relation, QueryError> {
        let Some((_, percentage)) = &ast.sample else { return Ok(relation) };
        let percentage = self.expression(percentage, &Context::new(names, &Scope::EMPTY))?;
        if !castable(&percentage.ty, &Type::Double) || !percentage.ty.is_numeric() {
            let message = "Sample percentage should be a numeric expression";
            return Err(QueryError::at("TYPE_MISMATCH", ast.pos, message));
        }
        let limit = cast(percentage.expr, &percentage.ty, &Type::Double, false);
        let random = crate::functions::random();
        relation.plan = filtered(relation.plan, (random * lit(100.0)).lt(limit))?;
        Ok(relation)
    }

    /// A table, view or common table expression by its name.
    pub(super) fn named(
        &self,
        name: &'a QualifiedName,
        version: Option<&'a (VersionKind, Ast)>,
        names: &Names<'a>,
    ) -> Result<Relation, QueryError> {
        let pos = name.pos();
        let mut parts: Vec<String> = name.parts.iter().map(Ident::lower).collect();
        if let [only] = parts.as_slice()
            && let Some(cte) = names.cte(only)
        {
            let relation = match &cte.rows {
                None => self.query(cte.query, &cte.names, None)?,
                // Each use has columns of its own.
                Some(rows) => {
                    let (mut fields, mut items) = (Vec::new(), Vec::new());
                    for field in &rows.fields {
                        let unique = self.unique(&field.name);
                        items.push((column(&field.column), unique.clone()));
                        fields.push(Field { column: unique, ..field.clone() });
                    }
                    Relation { plan: project(rows.plan.clone(), items)?, fields }
                }
            };
            let alias = &name.parts[0];
            return self.aliased(relation, Some(alias), cte.columns, pos);
        }
        if parts.len() > 3 {
            return Err(QueryError::at("SYNTAX_ERROR", pos, format!("Invalid table name {}", name.lower())));
        }
        let table = parts.pop().unwrap_or_default();
        let database = parts.pop().unwrap_or_else(|| names.database.clone());
        let catalog = parts.pop().unwrap_or_else(|| names.catalog.clone());
        let version = match version {
            Some((kind, at)) => Some(self.version(*kind, at, names)?),
            None => None,
        };
        let key = TableKey { catalog, database, table, version };
        self.table(&key, pos)
    }

    /// The state of a table that is asked for; its expression is constant.
    fn version(&self, kind: VersionKind, at: &'a Ast, names: &Names<'a>) -> Result<TableVersion, QueryError> {
        let typed = self.expression(at, &Context::new(names, &Scope::EMPTY))?;
        let value = crate::run::constant(&typed.expr)?;
        match kind {
            VersionKind::Version => Ok(match &typed.ty {
                ty if ty.is_integer() => TableVersion::Snapshot(value.int()),
                _ => TableVersion::Reference(value.str().to_owned()),
            }),
            VersionKind::Timestamp => {
                let target = Type::TimestampTz(6, Arc::from("UTC"));
                let instant = crate::cast::convert(&value, &typed.ty, &target)?;
                Ok(TableVersion::Timestamp(instant.int().div_euclid(1000)))
            }
        }
    }

    /// What was loaded under a key; asks for it when nothing was.
    pub(crate) fn table(&self, key: &TableKey, pos: athena_sql::Pos) -> Result<Relation, QueryError> {
        match self.tables.get(key) {
            None => {
                self.missing.borrow_mut().push(key.clone());
                Err(QueryError::internal(format!("table {} is not loaded", key.table)))
            }
            Some(Found::Error(error)) => {
                let text = error.message.strip_prefix(&format!("{}: ", error.name)).unwrap_or(&error.message);
                let placed =
                    if text.starts_with("line ") { error.clone() } else { QueryError::at(&error.name, pos, text) };
                Err(QueryError { error_type: error.error_type, category: error.category, ..placed })
            }
            Some(Found::View { query, catalog, database, columns }) => {
                self.view(key, query, catalog, database, columns, pos)
            }
            Some(Found::Table { provider, columns }) => {
                let reference = TableReference::bare(self.unique(&key.table).name);
                let plan = LogicalPlanBuilder::scan(reference.clone(), provider_as_source(Arc::clone(provider)), None)
                    .and_then(LogicalPlanBuilder::build)
                    .map_err(planning)?;
                let (mut fields, mut items) = (Vec::new(), Vec::new());
                for found in columns {
                    let unique = self.unique(&found.name);
                    items.push((Expr::Column(Column::new(Some(reference.clone()), &found.name)), unique.clone()));
                    fields.push(Field {
                        relation: vec![key.catalog.clone(), key.database.clone(), key.table.clone()],
                        name: found.name.clone(),
                        label: found.name.clone(),
                        ty: found.ty.clone(),
                        column: unique,
                        hidden: found.hidden,
                    });
                }
                Ok(Relation { plan: project(plan, items)?, fields })
            }
        }
    }

    fn view(
        &self,
        key: &TableKey,
        query: &'a Query,
        catalog: &str,
        database: &str,
        columns: &[(String, Type)],
        pos: athena_sql::Pos,
    ) -> Result<Relation, QueryError> {
        let view = format!("{}.{}.{}", key.catalog, key.database, key.table);
        let analyzed = self.query(query, &Names::in_view(catalog, database), None);
        let relation = analyzed.map_err(|error| {
            if !self.missing.borrow().is_empty() || error.name == "INVALID_VIEW" {
                return error;
            }
            let text = error.message.strip_prefix(&format!("{}: ", error.name)).unwrap_or(&error.message);
            QueryError::at("INVALID_VIEW", pos, format!("Failed analyzing stored view '{view}': {text}"))
        })?;
        let stale = |why: String| {
            let message = format!("View '{view}' is stale or in invalid state: {why}");
            QueryError::at("VIEW_IS_STALE", pos, message)
        };
        let visible = super::query::visible(&relation);
        if visible.len() != columns.len() {
            return Err(stale(format!(
                "stored view column count ({}) does not match column count derived from the view query analysis ({})",
                columns.len(),
                visible.len()
            )));
        }
        let (mut fields, mut items) = (Vec::new(), Vec::new());
        for (at, (field, (name, ty))) in visible.iter().zip(columns).enumerate() {
            if !castable(&field.ty, ty) {
                return Err(stale(format!(
                    "column [{name}] of type {} projected from query view at position {at} cannot be coerced to column \
                     [{name}] of type {ty} stored in view definition",
                    field.ty
                )));
            }
            let unique = self.unique(name);
            items.push((cast(column(&field.column), &field.ty, ty, false), unique.clone()));
            fields.push(Field {
                relation: vec![key.catalog.clone(), key.database.clone(), key.table.clone()],
                name: name.to_lowercase(),
                label: name.clone(),
                ty: ty.clone(),
                column: unique,
                hidden: false,
            });
        }
        Ok(Relation { plan: project(relation.plan, items)?, fields })
    }

    /// A relation joined to the right of another.
    fn joined(
        &self,
        left: Relation,
        right: &'a AstRelation,
        kind: JoinKind,
        constraint: &'a JoinConstraint,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        match &right.kind {
            RelationKind::Unnest { exprs, with_ordinality } => {
                let preserve = self.unconditional(kind, constraint, right)?;
                self.unnested(left, exprs, *with_ordinality, preserve, right, names, outer)
            }
            RelationKind::Subquery { query, lateral: true } => {
                self.lateral(left, query, right, kind, constraint, names, outer)
            }
            _ => {
                let right = self.relation(right, names, outer)?;
                self.joined_relations(left, right, kind, constraint, names, outer)
            }
        }
    }

    /// For UNNEST: true when rows without elements are kept. Only `ON TRUE` may stand behind it.
    fn unconditional(
        &self,
        kind: JoinKind,
        constraint: &JoinConstraint,
        right: &AstRelation,
    ) -> Result<bool, QueryError> {
        let always = match constraint {
            JoinConstraint::None => true,
            JoinConstraint::On(on) => on.kind == ExprKind::Boolean(true),
            _ => false,
        };
        match kind {
            JoinKind::Cross | JoinKind::Inner if always => Ok(false),
            JoinKind::Left if always => Ok(true),
            JoinKind::Right | JoinKind::Full => {
                Err(QueryError::at("NOT_SUPPORTED", right.pos, "UNNEST in RIGHT or FULL JOIN is not supported"))
            }
            _ => Err(QueryError::at(
                "NOT_SUPPORTED",
                right.pos,
                "JOIN involving UNNEST is only supported with condition ON TRUE",
            )),
        }
    }

    fn joined_relations(
        &self,
        left: Relation,
        right: Relation,
        kind: JoinKind,
        constraint: &'a JoinConstraint,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        let fields: Vec<Field> = left.fields.iter().chain(&right.fields).cloned().collect();
        let join_type = match kind {
            JoinKind::Cross | JoinKind::Inner => JoinType::Inner,
            JoinKind::Left => JoinType::Left,
            JoinKind::Right => JoinType::Right,
            JoinKind::Full => JoinType::Full,
        };
        let build = |left: LogicalPlan, right: LogicalPlan, on: Vec<Expr>| {
            LogicalPlanBuilder::from(left)
                .join_on(right, join_type, on)
                .and_then(LogicalPlanBuilder::build)
                .map_err(planning)
        };
        match constraint {
            JoinConstraint::None => {
                let plan = LogicalPlanBuilder::from(left.plan)
                    .cross_join(right.plan)
                    .and_then(LogicalPlanBuilder::build)
                    .map_err(planning)?;
                Ok(Relation { plan, fields })
            }
            JoinConstraint::On(on) => {
                self.remember(&fields);
                let scope = Scope { fields: &fields, parent: outer };
                let context = Context::new(names, &scope).in_clause("JOIN clause");
                let condition = self.condition(on, &context, "JOIN ON clause")?;
                Ok(Relation { plan: build(left.plan, right.plan, vec![condition])?, fields })
            }
            JoinConstraint::Using(columns) => self.using(left, right, kind, columns, &build),
            JoinConstraint::Natural => Err(QueryError::not_supported("Natural join not supported")),
        }
    }

    fn using(
        &self,
        left: Relation,
        right: Relation,
        kind: JoinKind,
        columns: &[Ident],
        build: &dyn Fn(LogicalPlan, LogicalPlan, Vec<Expr>) -> Result<LogicalPlan, QueryError>,
    ) -> Result<Relation, QueryError> {
        let (mut on, mut items, mut fields, mut used) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for name in columns {
            let find = |relation: &Relation, side: &str| {
                let scope = Scope { fields: &relation.fields, parent: None };
                let found = scope.find(&[], &name.lower(), name.pos)?.cloned();
                found.ok_or_else(|| {
                    let message = format!("Column '{}' is missing from {side} side of join", name.value);
                    QueryError::at("COLUMN_NOT_FOUND", name.pos, message)
                })
            };
            let (a, b) = (find(&left, "left")?, find(&right, "right")?);
            let ty = common(&a.ty, &b.ty).ok_or_else(|| {
                let message = format!("Cannot apply operator: {} = {}", a.ty, b.ty);
                QueryError::at("TYPE_MISMATCH", name.pos, message)
            })?;
            let (x, y) = (cast(column(&a.column), &a.ty, &ty, false), cast(column(&b.column), &b.ty, &ty, false));
            on.push(x.clone().eq(y.clone()));
            let value = match kind {
                JoinKind::Right => y,
                JoinKind::Full => super::expression::coalesce(vec![x, y])?,
                _ => x,
            };
            let unique = self.unique(&a.name);
            items.push((value, unique.clone()));
            used.extend([a.column.clone(), b.column.clone()]);
            // The merged column comes first, without a qualifier.
            fields.push(Field { relation: Vec::new(), ty, column: unique, ..a });
        }
        let all: Vec<Field> = left.fields.iter().chain(&right.fields).cloned().collect();
        let plan = build(left.plan, right.plan, on)?;
        for field in all.into_iter().filter(|field| !used.contains(&field.column)) {
            items.push((column(&field.column), field.column.clone()));
            fields.push(field);
        }
        Ok(Relation { plan: project(plan, items)?, fields })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one join")]
    fn lateral(
        &self,
        left: Relation,
        query: &'a Query,
        right: &'a AstRelation,
        kind: JoinKind,
        constraint: &'a JoinConstraint,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        if let Some(columns) = constant_select(query).filter(|_| matches!(kind, JoinKind::Cross)) {
            return self.computed(left, columns, right, names, outer);
        }
        let scope = Scope { fields: &left.fields, parent: outer };
        let inner = self.query(query, names, Some(&scope))?;
        let inner = self.aliased(inner, right.alias.as_ref(), &right.column_aliases, right.pos)?;
        let outer_ref_columns = inner.plan.all_out_ref_exprs();
        if outer_ref_columns.is_empty() {
            return self.joined_relations(left, inner, kind, constraint, names, outer);
        }
        let subquery = Subquery { subquery: Arc::new(inner.plan), outer_ref_columns, spans: Spans::new() };
        let inner = Relation { plan: LogicalPlan::Subquery(subquery), fields: inner.fields };
        self.joined_relations(left, inner, kind, constraint, names, outer)
    }

    /// `CROSS JOIN LATERAL (SELECT t.x + 1 AS y)`: more columns of the same rows.
    fn computed(
        &self,
        left: Relation,
        columns: &'a [SelectItem],
        right: &'a AstRelation,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        self.remember(&left.fields);
        let scope = Scope { fields: &left.fields, parent: outer };
        let context = Context::new(names, &scope).in_clause("LATERAL");
        let mut items: Vec<(Expr, Column)> =
            left.fields.iter().map(|field| (column(&field.column), field.column.clone())).collect();
        let mut new_fields = Vec::new();
        for (at, item) in columns.iter().enumerate() {
            let SelectItem::Expr { expr, alias } = item else { continue };
            let typed = self.expression(expr, &context)?;
            let label = alias.as_ref().map_or_else(|| format!("_col{at}"), |alias| alias.value.clone());
            let unique = self.unique(&label);
            items.push((typed.expr, unique.clone()));
            new_fields.push(Field {
                relation: Vec::new(),
                name: label.to_lowercase(),
                label,
                ty: typed.ty,
                column: unique,
                hidden: false,
            });
        }
        let plan = project(left.plan, items)?;
        let computed = Relation { plan: plan.clone(), fields: new_fields };
        let computed = self.aliased(computed, right.alias.as_ref(), &right.column_aliases, right.pos)?;
        Ok(Relation { plan, fields: left.fields.into_iter().chain(computed.fields).collect() })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one join")]
    fn unnested(
        &self,
        left: Relation,
        exprs: &'a [Ast],
        with_ordinality: bool,
        preserve: bool,
        right: &'a AstRelation,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        self.remember(&left.fields);
        let scope = Scope { fields: &left.fields, parent: outer };
        let context = Context::new(names, &scope).in_clause("UNNEST");
        let mut items: Vec<(Expr, Column)> =
            left.fields.iter().map(|field| (column(&field.column), field.column.clone())).collect();
        let mut lists: Vec<(Column, Type)> = Vec::new();
        let mut lengths = Vec::new();
        for ast in exprs {
            let typed = self.expression(ast, &context)?;
            match &typed.ty {
                Type::Array(element) => {
                    lengths.push(typed.clone());
                    let name = self.unique("unnest");
                    items.push((typed.expr.clone(), name.clone()));
                    lists.push((name, (**element).clone()));
                }
                Type::Map(key, value) => {
                    for (function, ty) in [("map_keys", key), ("map_values", value)] {
                        let list = self.scalar_call(function, vec![typed.clone()], ast.pos)?;
                        let name = self.unique("unnest");
                        items.push((list.expr.clone(), name.clone()));
                        lists.push((name, (**ty).clone()));
                        lengths.push(list);
                    }
                }
                other => {
                    let message = format!("Cannot unnest type: {other}");
                    return Err(QueryError::at("INVALID_FUNCTION_ARGUMENT", ast.pos, message));
                }
            }
        }
        let ordinality = if with_ordinality {
            let positions = self.positions(&lengths)?;
            let name = self.unique("ordinality");
            items.push((positions.expr, name.clone()));
            Some(name)
        } else {
            None
        };
        if preserve {
            // An empty list counts like none at all: one row of NULLs.
            let count = items.len() - left.fields.len();
            let from = items.len() - count;
            for item in &mut items[from..] {
                item.0 = crate::functions::null_if_empty(item.0.clone());
            }
        }
        let plan = project(left.plan, items)?;
        let mut columns: Vec<Column> = lists.iter().map(|(name, _)| name.clone()).collect();
        columns.extend(ordinality.clone());
        let options = UnnestOptions::new().with_preserve_nulls(preserve);
        let plan = LogicalPlanBuilder::from(plan)
            .unnest_columns_with_options(columns.clone(), options)
            .and_then(LogicalPlanBuilder::build)
            .map_err(planning)?;

        // A row's fields become columns.
        let mut fields = left.fields.clone();
        let mut items: Vec<(Expr, Column)> =
            fields.iter().map(|field| (column(&field.column), field.column.clone())).collect();
        let mut made = Vec::new();
        for (name, ty) in lists {
            let whole = Typed::new(column(&name), ty.clone());
            match &ty {
                Type::Row(row) => {
                    for (at, (label, ty)) in row.iter().enumerate() {
                        made.push((super::expression::row_field(&whole, at, ty), label.clone()));
                    }
                }
                _ => made.push((whole, None)),
            }
        }
        if let Some(name) = ordinality {
            made.push((Typed::new(column(&name), Type::BigInt), None));
        }
        let mut new_fields = Vec::new();
        for (at, (typed, label)) in made.into_iter().enumerate() {
            let label = label.unwrap_or_else(|| format!("_col{at}"));
            let unique = self.unique(&label);
            items.push((typed.expr, unique.clone()));
            new_fields.push(Field {
                relation: Vec::new(),
                name: label.to_lowercase(),
                label,
                ty: typed.ty,
                column: unique,
                hidden: false,
            });
        }
        let plan = project(plan, items)?;
        let unnested = Relation { plan: plan.clone(), fields: new_fields };
        let unnested = self.aliased(unnested, right.alias.as_ref(), &right.column_aliases, right.pos)?;
        fields.extend(unnested.fields);
        Ok(Relation { plan, fields })
    }

    /// `TABLE(sequence(1, 3))`, `TABLE(sequence(stop => 3, step => 2))`.
    fn table_function(
        &self,
        name: &QualifiedName,
        arguments: &'a [(Option<Ident>, Ast)],
        pos: Pos,
        names: &Names<'a>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Relation, QueryError> {
        /// With their defaults. Source: Trino, "Table functions", `sequence`.
        const PARAMETERS: [(&str, Option<i64>); 3] = [("start", Some(0)), ("stop", None), ("step", Some(1))];
        let name = name.lower();
        if name != "sequence" {
            let message = format!("Table function '{name}' not registered");
            return Err(QueryError::at("FUNCTION_NOT_FOUND", pos, message));
        }
        let scope = Scope { fields: &[], parent: outer };
        let context = Context::new(names, &scope);
        let mut given: [Option<Typed>; 3] = [None, None, None];
        for (at, (parameter, ast)) in arguments.iter().enumerate() {
            let index = match parameter {
                Some(parameter) => PARAMETERS.iter().position(|(known, _)| *known == parameter.lower()),
                None => Some(at).filter(|at| *at < PARAMETERS.len()),
            };
            let Some(index) = index else {
                let message = match parameter {
                    Some(parameter) => format!("Unexpected argument name: {}", parameter.value.to_uppercase()),
                    None => "Too many arguments. Expected at most 3 arguments".to_owned(),
                };
                return Err(QueryError::at("INVALID_FUNCTION_ARGUMENT", pos, message));
            };
            if given[index].is_some() {
                let message = format!("Duplicate argument name: {}", PARAMETERS[index].0.to_uppercase());
                return Err(QueryError::at("INVALID_FUNCTION_ARGUMENT", pos, message));
            }
            let item = self.expression(ast, &context)?;
            given[index] = Some(Typed::new(cast(item.expr, &item.ty, &Type::BigInt, false), Type::BigInt));
        }
        let mut values = Vec::new();
        for (value, (parameter, default)) in given.into_iter().zip(PARAMETERS) {
            values.push(match (value, default) {
                (Some(value), _) => value,
                (None, Some(default)) => Typed::new(lit(default), Type::BigInt),
                (None, None) => {
                    let message = format!("Missing argument: {}", parameter.to_uppercase());
                    return Err(QueryError::at("MISSING_ARGUMENT", pos, message));
                }
            });
        }
        let list = self.scalar_call("sequence", values, pos)?;
        let name = self.unique("sequential_number");
        let plan = LogicalPlanBuilder::empty(true).build().map_err(planning)?;
        let plan = project(plan, vec![(list.expr, name.clone())])?;
        let plan = LogicalPlanBuilder::from(plan)
            .unnest_column(name.clone())
            .and_then(LogicalPlanBuilder::build)
            .map_err(planning)?;
        let label = "sequential_number".to_owned();
        let field =
            Field { relation: Vec::new(), name: label.clone(), label, ty: Type::BigInt, column: name, hidden: false };
        Ok(Relation { plan, fields: vec![field] })
    }
}

/// The items of a query that has nothing but items.
fn constant_select(query: &Query) -> Option<&[SelectItem]> {
    let QueryBody::Select(select) = &query.body else { return None };
    let plain = query.with.is_none() && query.limit.is_none() && query.offset.is_none() && query.order_by.is_empty();
    let only =
        select.from.is_empty() && select.filter.is_none() && select.group_by.is_none() && select.having.is_none();
    let named = select
        .items
        .iter()
        .all(|item| matches!(item, SelectItem::Expr { expr, .. } if !super::call::has_aggregate(expr)));
    (plain && only && named).then_some(select.items.as_slice())
}

//! GROUP BY and aggregates.

use std::collections::HashSet;

use athena_sql::{Expr as Ast, GroupingElement, Pos, Select};
use datafusion::{
    common::{
        Column,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    logical_expr::{Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder},
};

use super::{
    Analyzer, Typed, column,
    expression::Context,
    planning, project,
    query::{is_simple, ordinal, out_of_range},
};
use crate::error::QueryError;

/// An aggregate that was met in an expression, and the column that stands for it there.
pub(crate) struct Aggregated {
    pub expr: Expr,
    pub column: Column,
}

/// The sets of keys to group by.
pub(crate) struct Grouping {
    /// Distinct keys, over the columns of FROM.
    keys: Vec<Expr>,
    /// Indices of keys; `None` is one set of all keys.
    sets: Option<Vec<Vec<usize>>>,
}

impl Grouping {
    /// One group of all rows.
    pub(crate) fn global() -> Self {
        Self { keys: Vec::new(), sets: None }
    }

    fn key(&mut self, expr: Expr) -> usize {
        match self.keys.iter().position(|key| *key == expr) {
            Some(at) => at,
            None => {
                self.keys.push(expr);
                self.keys.len() - 1
            }
        }
    }
}

/// What expressions turn into above the aggregation.
pub(crate) struct Groups {
    keys: Vec<(Expr, Column)>,
    output: HashSet<String>,
}

impl Groups {
    /// Columns that are added above the aggregation.
    pub(crate) fn allow(&mut self, columns: impl Iterator<Item = String>) {
        self.output.extend(columns);
    }

    /// The expression over the aggregation's output.
    pub(crate) fn replace(&self, analyzer: &Analyzer<'_>, expr: Expr, pos: Pos) -> Result<Expr, QueryError> {
        let replaced = expr
            .transform_down(|node| {
                if let Some((_, name)) = self.keys.iter().find(|(key, _)| *key == node) {
                    return Ok(Transformed::new(column(name), true, TreeNodeRecursion::Jump));
                }
                Ok(Transformed::no(node))
            })
            .map_err(planning)?
            .data;
        for used in replaced.column_refs() {
            if !self.output.contains(&used.name) {
                let shown = analyzer.shown(&used.name);
                let message = format!("'{shown}' must be an aggregate expression or appear in GROUP BY clause");
                return Err(QueryError::at("EXPRESSION_NOT_AGGREGATE", pos, message));
            }
        }
        Ok(replaced)
    }
}

impl<'a> Analyzer<'a> {
    /// The GROUP BY of a select. Items may be named by position; a name is a column of FROM first.
    pub(super) fn grouping(
        &self,
        select: &'a Select,
        items: &[(String, Typed, bool)],
        context: &Context<'_, 'a>,
    ) -> Result<Option<Grouping>, QueryError> {
        let Some(group_by) = &select.group_by else { return Ok(None) };
        let mut grouping = Grouping::global();
        let key = |ast: &'a Ast, grouping: &mut Grouping| -> Result<usize, QueryError> {
            let expr = match ordinal(ast) {
                Some(at) => match items.get(at.wrapping_sub(1)) {
                    Some((_, item, _)) => item.expr.clone(),
                    None => return Err(out_of_range("GROUP BY", at, ast.pos)),
                },
                None => self.expression(ast, &context.in_clause("GROUP BY clause"))?.expr,
            };
            Ok(grouping.key(expr))
        };
        if is_simple(&group_by.elements) {
            for element in &group_by.elements {
                if let GroupingElement::Simple(exprs) = element {
                    for expr in exprs {
                        key(expr, &mut grouping)?;
                    }
                }
            }
            return Ok(Some(grouping));
        }
        // The sets of all elements are multiplied.
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        for element in &group_by.elements {
            let mut resolve = |lists: &'a [Vec<Ast>]| -> Result<Vec<Vec<usize>>, QueryError> {
                lists.iter().map(|list| list.iter().map(|ast| key(ast, &mut grouping)).collect()).collect()
            };
            let alternatives: Vec<Vec<usize>> = match element {
                GroupingElement::Simple(exprs) => {
                    vec![exprs.iter().map(|ast| key(ast, &mut grouping)).collect::<Result<_, _>>()?]
                }
                GroupingElement::Sets(lists) => resolve(lists)?,
                GroupingElement::Rollup(lists) => {
                    let lists = resolve(lists)?;
                    (0..=lists.len()).rev().map(|length| lists[..length].concat()).collect()
                }
                GroupingElement::Cube(lists) => {
                    let lists = resolve(lists)?;
                    if lists.len() > 12 {
                        return Err(QueryError::new(
                            "TOO_MANY_GROUPING_SETS",
                            "GROUP BY has more than 2048 grouping sets",
                        ));
                    }
                    (0..1_usize << lists.len())
                        .rev()
                        .map(|mask| {
                            let chosen = (0..lists.len()).filter(|at| mask >> (lists.len() - 1 - at) & 1 == 1);
                            chosen.flat_map(|at| lists[at].clone()).collect()
                        })
                        .collect()
                }
                GroupingElement::Auto => return Err(QueryError::not_supported("GROUP BY AUTO is not supported yet")),
            };
            sets = sets
                .iter()
                .flat_map(|set| alternatives.iter().map(|more| [set.clone(), more.clone()].concat()))
                .collect();
        }
        for set in &mut sets {
            set.sort_unstable();
            set.dedup();
        }
        if group_by.distinct {
            let mut seen = HashSet::new();
            sets.retain(|set| seen.insert(set.clone()));
        }
        grouping.sets = Some(sets);
        Ok(Some(grouping))
    }

    /// The aggregation, and what expressions turn into above it.
    pub(super) fn aggregated(
        &self,
        plan: LogicalPlan,
        grouping: Grouping,
        aggregates: Vec<Aggregated>,
    ) -> Result<(LogicalPlan, Groups), QueryError> {
        // Keys that are no columns are computed first, so that the aggregation has columns only.
        let mut items: Vec<(Expr, Column)> =
            plan.schema().columns().into_iter().map(|name| (column(&name), name)).collect();
        let mut keys = Vec::new();
        for key in grouping.keys {
            let name = match &key {
                Expr::Column(name) if grouping.sets.is_none() => name.clone(),
                _ => {
                    let name = match &key {
                        Expr::Column(name) => self.unique(&self.shown(&name.name)),
                        _ => self.unique("group"),
                    };
                    items.push((key.clone(), name.clone()));
                    name
                }
            };
            keys.push((key, name));
        }
        let plan = project(plan, items)?;
        let group_exprs: Vec<Expr> = match grouping.sets {
            None => keys.iter().map(|(_, name)| column(name)).collect(),
            Some(sets) => {
                let sets = sets.iter().map(|set| set.iter().map(|at| column(&keys[*at].1)).collect()).collect();
                vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]
            }
        };
        let mut output: HashSet<String> = keys.iter().map(|(_, name)| name.name.clone()).collect();
        let (mut exprs, mut groupings) = (Vec::new(), Vec::new());
        for aggregate in aggregates {
            output.insert(aggregate.column.name.clone());
            // `grouping(a)` names keys as the aggregation has them.
            let expr = if matches!(&aggregate.expr, Expr::AggregateFunction(call) if call.func.name() == "grouping") {
                let replace = |node: Expr| match keys.iter().find(|(key, _)| *key == node) {
                    Some((_, name)) => Ok(Transformed::new(column(name), true, TreeNodeRecursion::Jump)),
                    None => Ok(Transformed::no(node)),
                };
                aggregate.expr.transform_down(replace).map_err(planning)?.data
            } else {
                aggregate.expr
            };
            // DataFusion only knows `grouping` without an alias; it gets its name in a projection.
            if matches!(&expr, Expr::AggregateFunction(call) if call.func.name() == "grouping") {
                groupings.push((exprs.len(), aggregate.column));
                exprs.push(expr);
            } else {
                exprs.push(expr.alias(aggregate.column.name));
            }
        }
        if group_exprs.is_empty() && exprs.is_empty() {
            // `SELECT 1 FROM t HAVING true`: one group, nothing computed.
            let count = datafusion::functions_aggregate::count::count_all();
            exprs.push(count.alias(self.unique("rows").name));
        }
        let width = exprs.len();
        let mut plan = LogicalPlanBuilder::from(plan)
            .aggregate(group_exprs, exprs)
            .and_then(LogicalPlanBuilder::build)
            .map_err(planning)?;
        if !groupings.is_empty() {
            let columns = plan.schema().columns();
            let first = columns.len() - width;
            // The id of the grouping set is DataFusion's own.
            let internal = |of: &Column| of.name.starts_with("__grouping_id");
            let items = columns.into_iter().enumerate().filter(|(_, of)| !internal(of)).map(|(at, of)| {
                let named = groupings.iter().find(|(index, _)| first + index == at).map(|(_, name)| name.clone());
                (Expr::Column(of.clone()), named.unwrap_or(of))
            });
            let items = items.collect();
            plan = project(plan, items)?;
        }
        Ok((plan, Groups { keys, output }))
    }
}

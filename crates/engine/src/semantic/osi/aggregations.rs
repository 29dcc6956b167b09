//! What a metric's expression aggregates.
//!
//! Source: `metricflow.converters.expression_utils`.

use super::sql::{Kind, Sql, Unclosed, parse};

/// An aggregation of one column, or of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Aggregation {
    /// dbt's word: `sum`, `count_distinct`, …
    pub agg: &'static str,
    /// Without the dataset's name before it.
    pub column: String,
    pub percentile: Option<f64>,
    /// The dataset's name before the column.
    pub dataset: Option<String>,
}

/// What a metric's expression is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Aggregation(Aggregation),
    /// One expression by another.
    Ratio(String, String),
    /// Neither.
    Other,
}

/// # Errors
/// A quote is not closed.
pub(super) fn shape(expression: &str) -> Result<Shape, Unclosed> {
    let Some(sql) = parse(expression.trim())? else { return Ok(Shape::Other) };
    if let Some(aggregation) = aggregation(&sql) {
        return Ok(Shape::Aggregation(aggregation));
    }
    Ok(match sql.kind {
        Kind::Division { above, below } => Shape::Ratio(unwrapped(*above), unwrapped(*below)),
        _ => Shape::Other,
    })
}

fn unwrapped(operand: Sql) -> String {
    match operand.kind {
        Kind::Parentheses(inner) => inner.text,
        _ => operand.text,
    }
}

fn aggregation(sql: &Sql) -> Option<Aggregation> {
    let (agg, of, percentile) = match &sql.kind {
        Kind::Call { name, distinct, arguments } => (aggregate(name, *distinct, arguments)?, arguments.first()?, None),
        Kind::WithinGroup { call, by } => {
            let (agg, percentile) = percentile(call)?;
            (agg, by.as_ref(), percentile)
        }
        _ => return None,
    };
    // Of a distinct sum the word stays with what is added up.
    let is_distinct = agg != "count_distinct" && matches!(sql.kind, Kind::Call { distinct: true, .. });
    let column = match &of.kind {
        _ if is_distinct => without_qualifier(&format!("DISTINCT {}", of.text)).to_owned(),
        Kind::Choice { condition, .. } if agg == "sum_boolean" => condition.text.clone(),
        Kind::Column(name) => name.clone(),
        _ => without_qualifier(&of.text).to_owned(),
    };
    let dataset = match sql.kind {
        Kind::Call { .. } => of.text.rsplit_once('.').map(|(dataset, _)| dataset.to_owned()),
        _ => None,
    };
    Some(Aggregation { agg, column, percentile, dataset })
}

fn aggregate(name: &str, distinct: bool, arguments: &[Sql]) -> Option<&'static str> {
    Some(match (name, arguments) {
        ("COUNT", [_]) if distinct => "count_distinct",
        ("COUNT", _) if distinct => return None,
        ("COUNT", _) => "count",
        ("SUM", [Sql { kind: Kind::Case, .. }]) => return None,
        ("SUM", [Sql { kind: Kind::Choice { value, otherwise, .. }, .. }]) if !distinct => {
            let is = |of: &Sql, number: &str| matches!(&of.kind, Kind::Literal(text) if text == number);
            let counts = is(value, "1") && otherwise.as_ref().is_some_and(|of| is(of, "0"));
            return counts.then_some("sum_boolean");
        }
        ("SUM", _) => "sum",
        ("AVG", _) => "average",
        ("MIN", _) => "min",
        ("MAX", _) => "max",
        _ => return None,
    })
}

fn percentile(call: &Sql) -> Option<(&'static str, Option<f64>)> {
    let Kind::Call { name, arguments, .. } = &call.kind else { return None };
    if !matches!(name.as_str(), "PERCENTILE_CONT" | "PERCENTILE_DISC") {
        return None;
    }
    let Kind::Literal(number) = &arguments.first()?.kind else { return None };
    let percentile: f64 = number.trim().parse().ok()?;
    if percentile == 0.5 && name == "PERCENTILE_CONT" {
        return Some(("median", None));
    }
    Some(("percentile", Some(percentile)))
}

/// What stands behind the last dot.
pub(super) fn without_qualifier(text: &str) -> &str {
    text.rsplit_once('.').map_or(text, |(_, last)| last)
}

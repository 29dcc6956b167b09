//! Semantic models and metrics out of a document.
//!
//! A document says less than dbt's files: every time dimension is one of days, and a metric's kind is read off its expression. One that is
//! neither a single aggregation nor a ratio becomes a sum of the whole expression, as dbt does, whatever it is.
//!
//! Source: `metricflow.converters.osi_to_msi`.

use artifacts::osi::{Dataset, Expression, Field, Metric, SemanticModel};
use serde_json::{Value as Json, json};

use super::{
    aggregations::{Aggregation, Shape, shape, without_qualifier},
    sql::Unclosed,
};

/// Where the table of a dataset is; empty where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Source {
    pub database: String,
    pub schema: String,
    pub table: String,
}

impl Source {
    /// Of `database.schema.table`, or of less.
    pub fn new(written: &str) -> Self {
        let mut parts = written.splitn(3, '.').map(str::to_owned);
        let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        match (second, third) {
            (Some(schema), Some(table)) => Self { database: first, schema, table },
            (Some(table), None) => Self { schema: first, table, ..Self::default() },
            _ => Self { table: first, ..Self::default() },
        }
    }
}

/// What of a semantic model a dataset says: entities and dimensions.
pub(crate) fn parts(dataset: &Dataset, of: &SemanticModel) -> (Json, Json) {
    let is_key = |name: &String, keys: &[String]| keys.contains(name);
    let (mut entities, mut dimensions) = (Vec::new(), Vec::new());
    for field in &dataset.fields {
        let expression = field.expression.preferred();
        let expr = (expression != field.name).then_some(expression);
        let name = &field.name;
        let joined = of.relationships.iter().filter(|relationship| relationship.from == dataset.name);
        let kind = if is_key(name, &dataset.primary_key) {
            "primary"
        } else if dataset.unique_keys.iter().any(|keys| is_key(name, keys)) {
            "unique"
        } else if joined.into_iter().any(|relationship| is_key(name, &relationship.from_columns)) {
            "foreign"
        } else {
            dimensions.push(dimension(field, expr));
            continue;
        };
        entities.push(json!({
            "name": name, "type": kind, "description": field.description, "label": field.label, "role": null,
            "expr": expr, "config": null,
        }));
    }
    (entities.into(), dimensions.into())
}

fn dimension(field: &Field, expr: Option<&str>) -> Json {
    let is_time = field.dimension.is_some_and(|dimension| dimension.is_time);
    let type_params = is_time.then(|| json!({"time_granularity": "day", "validity_params": null}));
    json!({
        "name": field.name, "type": if is_time { "time" } else { "categorical" }, "description": field.description,
        "label": field.label, "is_partition": false, "type_params": type_params, "expr": expr, "metadata": null,
        "config": null,
    })
}

/// A metric's name, description, type and type's parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Converted {
    pub name: String,
    pub description: Option<String>,
    pub kind: &'static str,
    pub type_params: Json,
}

/// The metrics that one metric of a document becomes: itself, behind those a ratio is of.
///
/// # Errors
/// A quote in its expression is not closed.
pub(crate) fn metrics(metric: &Metric, datasets: &[Dataset]) -> Result<Vec<Converted>, Unclosed> {
    let mut found = Vec::new();
    convert(metric.name.clone(), metric.expression.preferred(), metric.description.clone(), datasets, &mut found)?;
    Ok(found)
}

fn convert(
    name: String,
    expression: &str,
    description: Option<String>,
    datasets: &[Dataset],
    found: &mut Vec<Converted>,
) -> Result<(), Unclosed> {
    let (kind, type_params) = match shape(expression)? {
        Shape::Aggregation(of) => {
            let dataset = dataset_of(&of, datasets);
            ("simple", simple(&of.column, &dataset, of.agg, of.percentile))
        }
        Shape::Ratio(above, below) => {
            let names = [format!("{name}_numerator"), format!("{name}_denominator")];
            convert(names[0].clone(), &above, None, datasets, found)?;
            convert(names[1].clone(), &below, None, datasets, found)?;
            let [above, below] = names.map(|name| {
                json!({"name": name, "filter": null, "alias": null, "offset_window": null, "offset_to_grain": null})
            });
            ("ratio", type_params(json!({"numerator": above, "denominator": below})))
        }
        Shape::Other => ("simple", simple(expression, &first_dataset(datasets), "sum", None)),
    };
    found.push(Converted { name, description, kind, type_params });
    Ok(())
}

fn simple(expr: &str, dataset: &str, agg: &str, percentile: Option<f64>) -> Json {
    let params = percentile.map(|percentile| {
        json!({"percentile": percentile, "use_discrete_percentile": false, "use_approximate_percentile": false})
    });
    type_params(json!({"expr": expr, "metric_aggregation_params": {
        "semantic_model": dataset, "agg": agg, "agg_params": params, "agg_time_dimension": null,
        "non_additive_dimension": null,
    }}))
}

fn type_params(given: Json) -> Json {
    let mut all = json!({
        "measure": null, "input_measures": [], "numerator": null, "denominator": null, "expr": null, "window": null,
        "grain_to_date": null, "metrics": null, "conversion_type_params": null, "cumulative_type_params": null,
        "metric_aggregation_params": null, "fill_nulls_with": null, "join_to_timespine": false, "is_private": false,
    });
    if let (Json::Object(all), Json::Object(given)) = (&mut all, given) {
        all.extend(given);
    }
    all
}

/// The dataset that is named before the column, or the first one with a field of this name.
fn dataset_of(of: &Aggregation, datasets: &[Dataset]) -> String {
    if let Some(dataset) = &of.dataset {
        return dataset.clone();
    }
    let first = |expression: &Expression| {
        expression.dialects.first().is_some_and(|first| without_qualifier(&first.expression) == of.column)
    };
    let has =
        |dataset: &&Dataset| dataset.fields.iter().any(|field| field.name == of.column || first(&field.expression));
    datasets.iter().find(has).map_or_else(|| first_dataset(datasets), |dataset| dataset.name.clone())
}

fn first_dataset(datasets: &[Dataset]) -> String {
    datasets.first().map(|dataset| dataset.name.clone()).unwrap_or_default()
}

//! osi_document.json out of a semantic manifest.

use std::collections::HashMap;

use artifacts::{
    SemanticManifest,
    osi::{
        Dataset, Dimension, Document as Artifact, Expression, Field, Metric as Written, Relationship, SemanticModel,
    },
    semantic_manifest::{Entity, Metric, SemanticModel as Model, WhereFilters},
};
use indexmap::IndexMap;

use diagnostic::Diagnostic;

use super::{filters, simple_metrics};

/// The document, and what of the semantic layer it has no words for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    pub artifact: Artifact,
    pub losses: Vec<Loss>,
}

/// What is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    ConversionMetric(String),
    PrivateMetric(String),
    NaturalEntity(String),
    /// The metric is there, but not over which time it is added up.
    CumulativeTime(String),
}

impl Loss {
    /// As a warning, which dbt calls `MFConverterIssue`.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let (what, fix) = match self {
            Self::ConversionMetric(name) => (
                format!("The conversion metric '{name}' is not in osi_document.json"),
                "none is needed, unless the document's readers look for it: the format has no conversion metrics",
            ),
            Self::PrivateMetric(name) => (
                format!("The private metric '{name}' is not in osi_document.json"),
                "define a simple metric of this measure, or remove `hidden: true`, if the document's readers look for it",
            ),
            Self::NaturalEntity(name) => (
                format!("The natural entity '{name}' is not among the keys and relationships of osi_document.json"),
                "none is needed, unless the document's readers join by it: the format has no natural keys",
            ),
            Self::CumulativeTime(name) => (
                format!("The cumulative metric '{name}' is in osi_document.json without its window or grain"),
                "tell the document's readers over which time it is added up: the format has no windows",
            ),
        };
        Diagnostic::warning(what).named("MFConverterIssue").fix(fix)
    }
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// A ratio or a derived metric is computed from a conversion metric.
    #[error(
        "osi_document.json could not be written: the metric '{name}' is one of conversion, and others are computed from it"
    )]
    OfConversion { name: String },
    #[error("The metrics that '{name}' is computed from lead back to it")]
    Circle { name: String },
    #[error("The metric '{name}' is not described: nothing says what is aggregated")]
    Undescribed { name: String },
    #[error("The metric '{name}' does not exist but was referenced.")]
    NoMetric { name: String },
    #[error("'{name}' is a count, but has no `expr`")]
    Count { name: String },
    #[error("'{name}' is a median, but its parameters name another percentile, or a discrete one")]
    Median { name: String },
    #[error("The metric '{name}' has the name of a measure with `create_metric: true`, but is none of it")]
    NotOfMeasure { name: String },
    #[error("A filter of the metric '{name}' cannot be read: {source}")]
    Filter {
        name: String,
        #[source]
        source: jinja::Error,
    },
}

impl Unwritable {
    /// As dbt tells it: where the format is too small for the project, the file is not written, with a warning; what the project gets
    /// wrong is an error.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let what = self.to_string();
        let fix = match self {
            Self::OfConversion { .. } | Self::Circle { .. } => {
                let (cause, fix) = match self {
                    Self::Circle { .. } => ("a metric's expression is written in full", "break the circle"),
                    _ => (
                        "the format has no conversion metrics",
                        "none is needed, unless somebody reads the document: compute the number elsewhere",
                    ),
                };
                return Diagnostic::warning(what).named("SemanticValidationFailure").cause(cause).fix(fix);
            }
            Self::Undescribed { .. } => "give it a measure, or `agg:` and `expr:`",
            Self::NoMetric { .. } => "correct the name",
            Self::Count { .. } => "write `expr: 1` to count all rows",
            Self::Median { .. } => "remove the parameters",
            Self::NotOfMeasure { .. } => "rename one of them",
            Self::Filter { .. } => {
                "name the parameters as in {{ TimeDimension(name='…', time_granularity_name='day') }}, or not at all"
            }
        };
        Diagnostic::error(format!("Parsing Error\n  {what}")).fix(fix)
    }
}

/// The document of a semantic manifest.
///
/// # Errors
/// A metric cannot be written as one expression.
pub fn document(manifest: SemanticManifest) -> Result<Document, Unwritable> {
    let manifest = simple_metrics::simplify(manifest)?;
    let mut losses = Vec::new();
    let relationships = relationships(&manifest.semantic_models, &mut losses);
    let mut writer = Writer {
        metrics: manifest.metrics.iter().map(|metric| (metric.name.as_str(), metric)).collect(),
        written: HashMap::new(),
        above: Vec::new(),
    };
    let mut metrics = Vec::new();
    for metric in &manifest.metrics {
        let name = metric.name.clone();
        if metric.kind == "conversion" {
            losses.push(Loss::ConversionMetric(name));
            continue;
        }
        if metric.type_params.is_private == Some(true) {
            losses.push(Loss::PrivateMetric(name));
            continue;
        }
        if metric.kind == "cumulative" {
            losses.push(Loss::CumulativeTime(name.clone()));
        }
        let expression = Expression::ansi(writer.expression(metric, None)?);
        metrics.push(Written { name, expression, description: metric.description.clone() });
    }
    let model = SemanticModel {
        name: "semantic_model".to_owned(),
        datasets: manifest.semantic_models.iter().map(dataset).collect(),
        relationships,
        metrics,
    };
    let artifact = Artifact {
        version: artifacts::osi::VERSION.to_owned(),
        dialects: vec![artifacts::osi::DIALECT.to_owned()],
        semantic_model: vec![model],
    };
    Ok(Document { artifact, losses })
}

fn dataset(model: &Model) -> Dataset {
    let column = |name: &str, expr: &Option<String>| expr.clone().unwrap_or_else(|| name.to_owned());
    let entities = model.entities.iter().map(|entity| Field {
        name: entity.name.clone(),
        expression: Expression::ansi(column(&entity.name, &entity.expr)),
        dimension: None,
        label: entity.label.clone(),
        description: entity.description.clone(),
    });
    let dimensions = model.dimensions.iter().map(|dimension| Field {
        name: dimension.name.clone(),
        expression: Expression::ansi(column(&dimension.name, &dimension.expr)),
        dimension: Some(Dimension { is_time: dimension.is_time() }),
        label: dimension.label.clone(),
        description: dimension.description.clone(),
    });
    let measures = model.measures.iter().map(|measure| Field {
        name: measure.name.clone(),
        expression: Expression::ansi(column(&measure.name, &measure.expr)),
        dimension: None,
        label: measure.label.clone(),
        description: measure.description.clone(),
    });
    let of_kind = |kind: &'static str| model.entities.iter().filter(move |entity| entity.kind == kind);
    Dataset {
        name: model.name.clone(),
        source: model.node_relation.relation_name.clone().unwrap_or_default(),
        primary_key: of_kind("primary").next_back().map(column_of).into_iter().collect(),
        unique_keys: of_kind("unique").map(|entity| vec![column_of(entity)]).collect(),
        description: model.description.clone(),
        fields: entities.chain(dimensions).chain(measures).collect(),
    }
}

fn column_of(entity: &Entity) -> String {
    entity.expr.as_ref().unwrap_or(&entity.name).clone()
}

/// Two datasets with an entity of one name can be joined.
fn relationships(models: &[Model], losses: &mut Vec<Loss>) -> Vec<Relationship> {
    let mut known: IndexMap<&str, Vec<(&str, &Entity)>> = IndexMap::new();
    for model in models {
        for entity in &model.entities {
            if entity.kind == "natural" {
                losses.push(Loss::NaturalEntity(entity.name.clone()));
            } else {
                known.entry(&entity.name).or_default().push((&model.name, entity));
            }
        }
    }
    let mut found = Vec::new();
    for (name, entries) in known {
        for (index, first) in entries.iter().enumerate() {
            for second in entries[index + 1..].iter().filter(|second| second.0 != first.0) {
                let is_one = |entity: &Entity| entity.kind != "foreign";
                let (from, to) = match (is_one(first.1), is_one(second.1)) {
                    (true, false) => (second, first),
                    (false, true) => (first, second),
                    _ if first.0 <= second.0 => (first, second),
                    _ => (second, first),
                };
                found.push(Relationship {
                    name: format!("{}__{}__{name}", from.0, to.0),
                    from: from.0.to_owned(),
                    to: to.0.to_owned(),
                    from_columns: vec![column_of(from.1)],
                    to_columns: vec![column_of(to.1)],
                });
            }
        }
    }
    found
}

/// Writes metrics as expressions over columns, the metrics they are made of in full.
struct Writer<'a> {
    metrics: HashMap<&'a str, &'a Metric>,
    /// By metric and condition.
    written: HashMap<(&'a str, Option<String>), String>,
    /// The metrics that are being written.
    above: Vec<&'a str>,
}

impl<'a> Writer<'a> {
    /// `condition` is that of the metrics which this one is a part of.
    fn expression(&mut self, metric: &'a Metric, condition: Option<String>) -> Result<String, Unwritable> {
        let condition = and(condition, metric.filter.as_ref(), metric)?;
        let key = (metric.name.as_str(), condition);
        if let Some(known) = self.written.get(&key) {
            return Ok(known.clone());
        }
        if self.above.contains(&metric.name.as_str()) {
            return Err(Unwritable::Circle { name: metric.name.clone() });
        }
        self.above.push(&metric.name);
        let condition = key.1.as_ref();
        let expression = match metric.kind.as_str() {
            "simple" => simple(metric, condition.map(String::as_str))?,
            "cumulative" => {
                let input =
                    metric.type_params.cumulative_type_params.as_ref().and_then(|params| params.metric.as_ref());
                let Some(input) = input else { return Err(Unwritable::Undescribed { name: metric.name.clone() }) };
                self.part(metric, &input.name, input.filter.as_ref(), condition)?.1
            }
            "ratio" => {
                let params = &metric.type_params;
                let (Some(above), Some(below)) = (&params.numerator, &params.denominator) else {
                    return Err(Unwritable::Undescribed { name: metric.name.clone() });
                };
                let above = self.part(metric, &above.name, above.filter.as_ref(), condition)?.1;
                let below = self.part(metric, &below.name, below.filter.as_ref(), condition)?.1;
                format!("({above}) / ({below})")
            }
            "conversion" => return Err(Unwritable::OfConversion { name: metric.name.clone() }),
            _ => {
                let mut expression = metric.type_params.expr.clone().unwrap_or_default();
                for input in metric.type_params.metrics.iter().flatten() {
                    let (part, mut text) = self.part(metric, &input.name, input.filter.as_ref(), condition)?;
                    if matches!(part.kind.as_str(), "derived" | "ratio") {
                        text = format!("({text})");
                    }
                    let alias = input.alias.as_ref().filter(|alias| !alias.is_empty());
                    expression = replace_word(&expression, alias.unwrap_or(&input.name), &text);
                }
                expression
            }
        };
        self.above.pop();
        self.written.insert(key, expression.clone());
        Ok(expression)
    }

    /// A metric that another is made of.
    fn part(
        &mut self,
        of: &Metric,
        name: &str,
        filter: Option<&WhereFilters>,
        condition: Option<&String>,
    ) -> Result<(&'a Metric, String), Unwritable> {
        let Some(metric) = self.metrics.get(name).copied() else {
            return Err(Unwritable::NoMetric { name: name.to_owned() });
        };
        let condition = and(condition.cloned(), filter, of)?;
        Ok((metric, self.expression(metric, condition)?))
    }
}

fn and(condition: Option<String>, filter: Option<&WhereFilters>, of: &Metric) -> Result<Option<String>, Unwritable> {
    let own = filters::sql(filter).map_err(|source| Unwritable::Filter { name: of.name.clone(), source })?;
    let parts: Vec<String> = condition.into_iter().chain(own).collect();
    Ok(filters::all(&parts))
}

fn simple(metric: &Metric, condition: Option<&str>) -> Result<String, Unwritable> {
    let Some(of) = &metric.type_params.metric_aggregation_params else {
        return Err(Unwritable::Undescribed { name: metric.name.clone() });
    };
    let column = qualified(metric.type_params.expr.as_ref().unwrap_or(&metric.name), &of.semantic_model);
    let column = match condition {
        Some(condition) => format!("CASE WHEN {condition} THEN {column} END"),
        None => column,
    };
    Ok(match of.agg.as_str() {
        "average" => format!("AVG({column})"),
        "count_distinct" => format!("COUNT(DISTINCT {column})"),
        "percentile" => {
            let params = of.agg_params.clone().unwrap_or_default();
            let kind = if params.use_discrete_percentile { "DISC" } else { "CONT" };
            let percentile = jinja::Value::from(params.percentile.unwrap_or(0.5));
            format!("PERCENTILE_{kind}({percentile}) WITHIN GROUP (ORDER BY {column})")
        }
        agg => format!("{}({column})", agg.to_uppercase()),
    })
}

/// A bare column gets its dataset's name, also where it is counted.
fn qualified(expr: &str, dataset: &str) -> String {
    const COUNTED: (&str, &str) = ("CASE WHEN ", " IS NOT NULL THEN 1 ELSE 0 END");
    // A line's end behind it counts for nothing.
    let text = expr.strip_suffix('\n').unwrap_or(expr);
    if is_name(text) {
        return format!("{dataset}.{expr}");
    }
    let counted = text.strip_prefix(COUNTED.0).and_then(|rest| rest.strip_suffix(COUNTED.1));
    match counted.filter(|counted| is_name(counted)) {
        Some(column) => format!("{}{dataset}.{column}{}", COUNTED.0, COUNTED.1),
        None => expr.to_owned(),
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |char: char| char.is_ascii_alphabetic() || char == '_';
    text.starts_with(is_letter) && text.chars().all(|char| is_letter(char) || char.is_ascii_digit())
}

/// Puts `by` where `word` stands by itself.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let is_word = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
    let (begins, ends) = (is_word(word.chars().next()), is_word(word.chars().next_back()));
    let mut out = String::new();
    let (mut from, mut search) = (0, 0);
    while let Some(at) = text.get(search..).and_then(|rest| rest.find(word)).map(|at| at + search) {
        let end = at + word.len();
        let stands_alone =
            is_word(text[..at].chars().next_back()) != begins && is_word(text[end..].chars().next()) != ends;
        if stands_alone {
            out.push_str(&text[from..at]);
            out.push_str(by);
            (from, search) = (end, end.max(at + 1));
        } else {
            search = at + text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    out.push_str(&text[from..]);
    out
}

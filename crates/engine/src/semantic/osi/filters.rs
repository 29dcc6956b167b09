//! Filters as SQL: `{{ Dimension('order__kind') }} = 'x'` becomes `order__kind = 'x'`.

use artifacts::semantic_manifest::WhereFilters;
use jinja::{CallArgs, Globals, Object, Result, State, Template, UndefinedMode, Value};

/// All conditions of a filter as one; none where there is no text.
pub(super) fn sql(filters: Option<&WhereFilters>) -> Result<Option<String>> {
    let mut parts = Vec::new();
    for filter in filters.into_iter().flat_map(|filters| &filters.where_filters) {
        let template = Template::compile(&filter.where_sql_template, "a filter")?;
        let rendered = template.render(&Names, UndefinedMode::Strict)?.to_string();
        parts.push(rendered.trim().to_owned());
    }
    Ok(all(&parts))
}

/// Conditions that hold together. Empty ones do not count.
pub(super) fn all(parts: &[String]) -> Option<String> {
    let parts: Vec<&String> = parts.iter().filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => None,
        [one] => Some((*one).clone()),
        many => Some(many.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" AND ")),
    }
}

/// The names that filters know.
struct Names;

impl Globals for Names {
    fn lookup(&self, name: &str) -> Option<Value> {
        let kind = match name {
            "Dimension" => Kind::Dimension,
            "TimeDimension" => Kind::TimeDimension,
            "Entity" => Kind::Entity,
            "Metric" => Kind::Metric,
            _ => return None,
        };
        Some(Value::object(Builder(kind)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dimension,
    TimeDimension,
    Entity,
    Metric,
}

/// `Dimension` and its like.
#[derive(Debug)]
struct Builder(Kind);

impl Object for Builder {
    fn type_name(&self) -> &str {
        "type"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _: &mut State<'_>, mut args: CallArgs) -> Result<Value> {
        let (name, path, grain) = match self.0 {
            Kind::Dimension => {
                let [name, path] = args.bind("Dimension", ["name", "entity_path"], 1)?;
                (name, path, None)
            }
            Kind::TimeDimension => {
                // It takes what else is named, and does nothing with it.
                args.keyword.retain(|(name, _)| matches!(&**name, "name" | "time_granularity_name" | "entity_path"));
                let names = ["name", "time_granularity_name", "entity_path"];
                let [name, grain, path] = args.bind("TimeDimension", names, 1)?;
                (name, path, grain)
            }
            Kind::Entity => {
                let [name, path] = args.bind("Entity", ["name", "entity_path"], 1)?;
                (name, path, None)
            }
            Kind::Metric => {
                let [name, _] = args.bind("Metric", ["name", "group_by"], 1)?;
                (name, None, None)
            }
        };
        let mut parts = path.map(|path| entities(&path)).transpose()?.unwrap_or_default();
        parts.extend(name.map(|name| name.to_string()));
        let grain = grain.filter(Value::is_true).map(|grain| grain.to_string().to_lowercase());
        Ok(Value::object(Column { kind: self.0, name: parts.join("__"), grain }))
    }
}

/// A list of names; of a text its characters, as in Python.
fn entities(path: &Value) -> Result<Vec<String>> {
    path.iter()?.map(|name| name.map(|name| name.to_string())).collect()
}

/// A column of the result: `order__day__month`.
#[derive(Debug, Clone)]
struct Column {
    kind: Kind,
    name: String,
    grain: Option<String>,
}

impl Object for Column {
    fn type_name(&self) -> &str {
        "column"
    }

    fn has_method(&self, name: &str) -> bool {
        let is_dated = matches!(self.kind, Kind::Dimension | Kind::TimeDimension);
        name == "descending" || is_dated && matches!(name, "grain" | "date_part")
    }

    fn call_method(&self, _: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let [value] = args.bind(name, ["value"], 1)?;
        let mut column = self.clone();
        if name != "descending" {
            column.grain = value.map(|value| value.to_string().to_lowercase());
        }
        Ok(Value::object(column))
    }

    fn str(&self) -> String {
        match &self.grain {
            Some(grain) => format!("{}__{grain}", self.name),
            None => self.name.clone(),
        }
    }
}

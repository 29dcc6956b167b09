//! Filters, and the items of queries: `Dimension('order__kind')`, `TimeDimension('metric_time', 'day')`, `Entity(…)`, `Metric(…)`.

use std::sync::{Arc, Mutex, PoisonError};

use artifacts::{SemanticManifest, semantic_manifest::WhereFilters};
use jinja::{CallArgs, Error, Globals, Object, Result, State, Template, UndefinedMode, Value};

use super::{Granularities, Issues, Kind, Of, is_standard};

/// Parses every filter of metrics and saved queries.
pub(super) fn check(manifest: &SemanticManifest, known: &Granularities, issues: &mut Issues<'_, '_>) {
    for metric in &manifest.metrics {
        let of = (Kind::Metric, metric.name.as_str());
        let params = &metric.type_params;
        let inputs = params.numerator.iter().chain(&params.denominator).chain(params.metrics.iter().flatten());
        let of_inputs = inputs.filter_map(|input| input.filter.as_ref());
        let of_measure = params.measure.as_ref().and_then(|measure| measure.filter.as_ref());
        for filters in metric.filter.iter().chain(of_measure).chain(of_inputs) {
            conditions(filters, of, known, issues);
        }
    }
    for query in &manifest.saved_queries {
        if let Some(filters) = &query.query_params.filters {
            conditions(filters, (Kind::Query, &query.name), known, issues);
        }
    }
}

fn conditions(filters: &WhereFilters, of: Of<'_>, known: &Granularities, issues: &mut Issues<'_, '_>) {
    for filter in &filters.where_filters {
        let template = &filter.where_sql_template;
        let named = items(template, Context::Filter).and_then(|items| {
            items.iter().map(|item| item.resolve(known, Context::Filter)).collect::<std::result::Result<Vec<_>, _>>()
        });
        match named {
            Err(cause) => {
                let what = format!("A filter of '{}' cannot be read: {template}", of.1);
                let fix = "write {{ Dimension('entity__dimension') }}, {{ TimeDimension('…', 'day') }}, {{ Entity('…') }} or {{ Metric('…', group_by=['…']) }}";
                issues.error(of, &what, &cause, fix);
            }
            Ok(named) => {
                for grain in
                    named.iter().filter_map(|named| named.grain.as_deref()).filter(|grain| !known.is_known(grain))
                {
                    let what = format!("A filter of '{}' has the unknown granularity '{grain}'", of.1);
                    issues.warning(of, &what, &format!("use one of {}", known.listed()));
                }
            }
        }
    }
}

/// Where an item stands: what may be said of it depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Filter,
    OrderBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Dimension,
    TimeDimension,
    Entity,
    Metric,
}

/// One item as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub kind: ItemKind,
    name: String,
    entity_path: Vec<String>,
    group_by: Vec<String>,
    grain: Option<String>,
    date_part: Option<String>,
    descending: Option<bool>,
}

/// What an item means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The entity, dimension or metric, without the entities before it.
    pub element: String,
    pub grain: Option<String>,
}

impl Item {
    /// Without its order.
    pub fn unordered(mut self) -> Self {
        self.descending = None;
        self
    }

    /// What it names, or why it cannot be.
    pub fn resolve(&self, known: &Granularities, context: Context) -> std::result::Result<Named, String> {
        let is_time = self.kind == ItemKind::TimeDimension || self.grain.is_some() || self.date_part.is_some();
        let own: &[String] = if is_time { &known.own } else { &[] };
        let (links, element, grain) = split(&self.name, own);
        match self.kind {
            ItemKind::Entity if grain.is_some() => {
                return Err(format!("the entity '{}' ends with a granularity", self.name));
            }
            ItemKind::Metric if self.group_by.is_empty() && context == Context::Filter => {
                return Err(format!("Metric('{}') has no `group_by`, which a filter needs", self.name));
            }
            ItemKind::Entity | ItemKind::Metric => {}
            ItemKind::Dimension | ItemKind::TimeDimension => {
                if links != 1 && element != "metric_time" {
                    return Err(format!("'{}' is not of the form <primary entity>__<dimension>", self.name));
                }
            }
        }
        if !is_time {
            return Ok(Named { element: element.to_owned(), grain: None });
        }
        if let (Some(inner), Some(given)) = (&grain, &self.grain)
            && inner != given
        {
            return Err(format!("'{}' ends with a granularity, and another one, '{given}', is given", self.name));
        }
        let grain = grain.map(str::to_owned).or_else(|| self.grain.clone());
        Ok(Named { element: element.to_owned(), grain: grain.map(|grain| grain.to_lowercase()) })
    }
}

/// `listing__ds__week`: how many entities come before, the element, the granularity.
fn split<'n>(name: &'n str, own: &[String]) -> (usize, &'n str, Option<&'n str>) {
    let parts: Vec<&str> = name.split("__").collect();
    let [.., last] = parts.as_slice() else { return (0, name, None) };
    if parts.len() == 1 {
        return (0, last, None);
    }
    if is_standard(last) || own.iter().any(|known| known == last) {
        return (parts.len() - 2, parts[parts.len() - 2], Some(last));
    }
    (parts.len() - 1, last, None)
}

/// The items of a template, each once; what is wrong with it, in words.
pub(super) fn items(template: &str, context: Context) -> std::result::Result<Vec<Item>, String> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let globals = Items { context, found: Arc::clone(&found) };
    let rendered =
        Template::compile(template, "a filter").and_then(|template| template.render(&globals, UndefinedMode::Strict));
    rendered.map_err(|error| error.message().to_owned())?;
    let items = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(items)
}

/// The names that filters know.
struct Items {
    context: Context,
    found: Arc<Mutex<Vec<Item>>>,
}

impl Globals for Items {
    fn lookup(&self, name: &str) -> Option<Value> {
        let kind = match name {
            "Dimension" => ItemKind::Dimension,
            "TimeDimension" => ItemKind::TimeDimension,
            "Entity" => ItemKind::Entity,
            "Metric" => ItemKind::Metric,
            _ => return None,
        };
        Some(Value::object(Builder { kind, context: self.context, found: Arc::clone(&self.found) }))
    }
}

/// `Dimension` and its like: a call makes an item.
#[derive(Debug)]
struct Builder {
    kind: ItemKind,
    context: Context,
    found: Arc<Mutex<Vec<Item>>>,
}

impl Object for Builder {
    fn type_name(&self) -> &str {
        "function"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let text = |value: Option<Value>| value.filter(|value| !value.is_none()).map(|value| value.to_string());
        let mut item = Item {
            kind: self.kind,
            name: String::new(),
            entity_path: Vec::new(),
            group_by: Vec::new(),
            grain: None,
            date_part: None,
            descending: None,
        };
        let name = match self.kind {
            ItemKind::Dimension => {
                let [name, path] = args.bind("Dimension", ["name", "entity_path"], 1)?;
                item.entity_path = texts(path);
                name
            }
            ItemKind::TimeDimension => {
                let names =
                    ["time_dimension_name", "time_granularity_name", "entity_path", "descending", "date_part_name"];
                let [name, grain, path, descending, part] = args.bind("TimeDimension", names, 1)?;
                item.entity_path = texts(path);
                item.grain = text(grain);
                item.descending = descending.and_then(|value| value.as_bool());
                item.date_part = text(part);
                name
            }
            ItemKind::Entity => {
                let [name, path] = args.bind("Entity", ["entity_name", "entity_path"], 1)?;
                item.entity_path = texts(path);
                name
            }
            ItemKind::Metric => {
                let [name, group_by] = args.bind("Metric", ["metric_name", "group_by"], 1)?;
                item.group_by = texts(group_by);
                name
            }
        };
        item.name = text(name).unwrap_or_default();
        check_date_part(&item)?;
        if self.kind == ItemKind::Metric && split(&item.name, &[]).0 > 0 {
            return Err(Error::value_error("the name of a metric has no entities before it"));
        }
        Ok(Value::object(Written { item, context: self.context, found: Arc::clone(&self.found) }))
    }
}

fn texts(value: Option<Value>) -> Vec<String> {
    match value {
        Some(value) => match value.as_list() {
            Some(list) => list.items().iter().map(ToString::to_string).collect(),
            None => vec![value.to_string()],
        },
        None => Vec::new(),
    }
}

fn check_date_part(item: &Item) -> Result<()> {
    const PARTS: [&str; 6] = ["year", "quarter", "month", "day", "dow", "doy"];
    match &item.date_part {
        Some(part) if !PARTS.contains(&part.to_lowercase().as_str()) => {
            Err(Error::value_error(format!("'{part}' is no part of a date; known are {}", PARTS.join(", "))))
        }
        _ => Ok(()),
    }
}

/// An item in a template: methods refine it, and printing it counts it.
#[derive(Debug)]
struct Written {
    item: Item,
    context: Context,
    found: Arc<Mutex<Vec<Item>>>,
}

impl Object for Written {
    fn type_name(&self) -> &str {
        "item"
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "grain" | "descending" | "date_part")
    }

    fn call_method(&self, _: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let allowed = match name {
            "grain" | "date_part" => self.item.kind == ItemKind::Dimension,
            "descending" => self.item.kind == ItemKind::Dimension || self.context == Context::OrderBy,
            _ => {
                return Err(Error::value_error(format!(
                    "`{name}` is not known; `grain`, `date_part` and `descending` are"
                )));
            }
        };
        if !allowed {
            return Err(Error::value_error(format!("`{name}` cannot be used with `{:?}` here", self.item.kind)));
        }
        let [value] = args.bind(name, ["value"], 1)?;
        let value = value.unwrap_or(Value::None);
        let mut item = self.item.clone();
        match name {
            "grain" => item.grain = Some(value.to_string()),
            "date_part" => item.date_part = Some(value.to_string()),
            _ => item.descending = Some(value.is_true()),
        }
        check_date_part(&item)?;
        Ok(Value::object(Self { item, context: self.context, found: Arc::clone(&self.found) }))
    }

    fn str(&self) -> String {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.contains(&self.item) {
            found.push(self.item.clone());
        }
        String::new()
    }
}

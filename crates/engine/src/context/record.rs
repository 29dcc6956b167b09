//! dbt's result and node objects where templates meet them as objects: their fields are attributes, and `to_dict()` gives them as a mapping.

use std::{fmt, sync::OnceLock};

use artifacts::JsonMap;
use jinja::{CallArgs, Object, Result, State, Value};
use serde_json::Value as Json;

type Fields = Box<dyn Fn() -> JsonMap + Send + Sync>;

/// An object made of fields. They are read when a template first asks, as most templates look at few of them.
pub(crate) struct Record {
    class: &'static str,
    read: Fields,
    fields: OnceLock<JsonMap>,
    /// Fields that are objects or moments to a template; in `to_dict()` what they are there.
    members: Vec<(&'static str, Value)>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} object>", self.class)
    }
}

impl Record {
    pub fn new(class: &'static str, read: impl Fn() -> JsonMap + Send + Sync + 'static) -> Self {
        Self { class, read: Box::new(read), fields: OnceLock::new(), members: Vec::new() }
    }

    /// With a field that a template sees as this value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.members.push((name, value));
        self
    }

    fn of_map(class: &'static str, map: &JsonMap) -> Value {
        let map = map.clone();
        Value::object(Self::new(class, move || map.clone()))
    }

    fn fields(&self) -> &JsonMap {
        self.fields.get_or_init(|| (self.read)())
    }

    /// All fields as a mapping. A member that is no field of its own is a record.
    fn to_json(&self) -> JsonMap {
        let mut all = self.fields().clone();
        for (name, value) in &self.members {
            if let (false, Some(record)) = (all.contains_key(*name), value.downcast_ref::<Record>()) {
                all.insert((*name).to_owned(), record.to_json().into());
            }
        }
        all
    }

    fn has_items(&self) -> bool {
        self.class.ends_with("Config")
    }
}

/// The fields of dbt's objects that are objects themselves.
fn member(class: &str, name: &str, value: &Json) -> Value {
    let list = |class: &'static str, items: &[Json]| {
        Value::list(
            items
                .iter()
                .map(|item| item.as_object().map_or_else(|| Value::from(item), |map| Record::of_map(class, map)))
                .collect(),
        )
    };
    match (class, name, value) {
        ("Node", "config", Json::Object(map)) => Record::of_map("NodeConfig", map),
        ("Node", "depends_on", Json::Object(map)) => Record::of_map("DependsOn", map),
        ("Node", "checksum", Json::Object(map)) => Record::of_map("FileHash", map),
        ("Node", "contract", Json::Object(map)) => Record::of_map("Contract", map),
        ("Node", "docs", Json::Object(map)) => Record::of_map("Docs", map),
        ("Node", "test_metadata", Json::Object(map)) => Record::of_map("TestMetadata", map),
        ("Node", "refs", Json::Array(items)) => list("RefArgs", items),
        ("Node", "extra_ctes", Json::Array(items)) => list("InjectedCTE", items),
        ("Node", "columns", Json::Object(columns)) => Value::dict(columns.iter().map(|(name, column)| {
            let column =
                column.as_object().map_or_else(|| Value::from(column), |map| Record::of_map("ColumnInfo", map));
            (name.as_str(), column)
        })),
        ("ColumnInfo", "config", Json::Object(map)) => Record::of_map("ColumnConfig", map),
        _ => Value::from(value),
    }
}

impl Object for Record {
    fn type_name(&self) -> &str {
        self.class
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.members.iter().find(|(known, _)| *known == name) {
            return Some(value.clone());
        }
        self.fields().get(name).map(|value| member(self.class, name, value))
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        self.get_attr(key.as_str()?)
    }

    fn contains(&self, item: &Value) -> Option<bool> {
        self.has_items().then(|| item.as_str().is_some_and(|name| self.fields().contains_key(name)))
    }

    fn has_method(&self, name: &str) -> bool {
        name == "to_dict" || (self.has_items() && matches!(name, "get" | "items" | "keys" | "values"))
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if name == "to_dict" {
            let [omit_none] = args.bind("to_dict", ["omit_none"], 0)?;
            let mut all = Json::Object(self.to_json());
            if omit_none.is_some_and(|omit| omit.is_true()) {
                omit_nulls(&mut all);
            }
            return Ok(Value::from(all));
        }
        if self.has_method(name) {
            return state.call_method(&Value::from(&Json::Object(self.fields().clone())), name, args);
        }
        match self.get_attr(name) {
            Some(function) => state.call(&function, args),
            None => state.call_missing(self.class, name),
        }
    }

    fn is_true(&self) -> bool {
        true
    }
}

/// Python leaves them out of objects within objects, not of mappings; which of the two a mapping is, JSON does not tell, and a null within `meta` is rare.
fn omit_nulls(value: &mut Json) {
    match value {
        Json::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(omit_nulls);
        }
        Json::Array(items) => items.iter_mut().for_each(omit_nulls),
        _ => {}
    }
}

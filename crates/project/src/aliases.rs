//! dbt-athena's other name for a key: `catalog` is `database`, in configs and in a source on every level.

use crate::{
    fields::Fields,
    yaml::{Map, Node, Position, Value},
};

/// The other name, and the one that counts.
const ALIAS: (&str, &str) = ("catalog", "database");

/// The name of a key that counts; `unrendered_config` has that one as well.
pub fn canonical(key: &str) -> &str {
    if key == ALIAS.0 { ALIAS.1 } else { key }
}

/// Why keys are refused that `has` says are there, if they have both names.
pub fn both_names(has: impl Fn(&str) -> bool) -> Option<String> {
    let (alias, name) = ALIAS;
    (has(alias) && has(name)).then(|| format!("Got duplicate keys: ({alias}) all map to \"{name}\""))
}

/// What to do about both.
pub const FIX: &str = "keep one of the two";

/// Reports keys with both names, at the one that does not count.
pub(crate) fn refuse_both_names<'a>(keys: impl Iterator<Item = (&'a str, Position)> + Clone, fields: &mut Fields<'_>) {
    let place = |name: &str| keys.clone().find(|(key, _)| *key == name).map(|(_, position)| position);
    let Some(what) = both_names(|name| place(name).is_some()) else { return };
    let cause = Some(format!("'{}' and '{}' are two names of one thing, of {}", ALIAS.0, ALIAS.1, fields.of));
    fields.report(place(ALIAS.0).unwrap_or(fields.position), what, cause, FIX);
}

/// The keys of a mapping that are texts, and where they stand.
pub(crate) fn places(map: &Map) -> impl Iterator<Item = (&str, Position)> + Clone {
    map.entries().filter_map(|entry| Some((entry.key.value.as_str()?, entry.key.position)))
}

/// A source with its keys under the names that count. dbt refuses a mapping with both.
pub(crate) fn translated(entry: &Node, fields: &mut Fields<'_>) -> Node {
    if !is_used(&entry.value) {
        return entry.clone();
    }
    Node { value: value(&entry.value, fields), position: entry.position }
}

fn is_used(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.contains_key(ALIAS.0) || map.entries().any(|entry| is_used(&entry.value.value)),
        Value::Seq(items) => items.iter().any(|item| is_used(&item.value)),
        _ => false,
    }
}

fn value(of: &Value, fields: &mut Fields<'_>) -> Value {
    match of {
        Value::Seq(items) => {
            let item = |item: &Node| Node { value: value(&item.value, fields), position: item.position };
            Value::Seq(items.iter().map(item).collect())
        }
        Value::Map(map) => Value::Map(mapping(map, fields)),
        other => other.clone(),
    }
}

fn mapping(map: &Map, fields: &mut Fields<'_>) -> Map {
    refuse_both_names(places(map), fields);
    let (alias, name) = ALIAS;
    let mut translated = Map::new();
    for entry in map.entries() {
        let mut key = entry.key.clone();
        if key.value.as_str() == Some(alias) {
            key.value = Value::Str(name.to_owned());
        }
        let inner = Node { value: value(&entry.value.value, fields), position: entry.value.position };
        // Its keys were keys before.
        let _ = translated.insert_node(key, inner);
    }
    translated
}

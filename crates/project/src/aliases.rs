//! dbt-athena's other name for a key: `catalog` is `database`, in a source on every level.

use crate::{
    fields::Fields,
    yaml::{Map, Node, Value},
};

/// The other name, and the one that counts.
const ALIAS: (&str, &str) = ("catalog", "database");

/// A source with its keys under the names that count. dbt refuses a mapping with both.
pub(super) fn translated(entry: &Node, fields: &mut Fields<'_>) -> Node {
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
    let (alias, canonical) = ALIAS;
    if map.contains_key(canonical)
        && let Some(entry) = map.entry(alias)
    {
        let (what, fix) = (format!("Got duplicate keys: '{alias}' and '{canonical}'"), "remove one of the two");
        fields.report(entry.key.position, what, Some(format!("'{alias}' is another name for '{canonical}'")), fix);
    }
    let mut translated = Map::new();
    for entry in map.entries() {
        let mut key = entry.key.clone();
        if key.value.as_str() == Some(alias) {
            key.value = Value::Str(canonical.to_owned());
        }
        let inner = Node { value: value(&entry.value.value, fields), position: entry.value.position };
        // Its keys were keys before.
        let _ = translated.insert_node(key, inner);
    }
    translated
}

//! Methods of `list`, `tuple`, `dict` and `set`.

use std::cmp::Ordering;

use super::{ViewKind, mapping_entries, view};
use crate::value::{Slice, check_size};
use crate::{CallArgs, Dict, Error, ErrorKind, Key, List, Result, Set, SetMap, State, Tuple, Value};

pub(super) const SET_METHODS: &[&str] = &[
    "add",
    "remove",
    "discard",
    "pop",
    "clear",
    "copy",
    "update",
    "union",
    "intersection",
    "difference",
    "symmetric_difference",
    "issubset",
    "issuperset",
    "isdisjoint",
    "intersection_update",
    "difference_update",
];

fn attribute_error(kind: &str, name: &str) -> Error {
    Error::new(ErrorKind::Attribute, format!("'{kind}' object has no attribute '{name}'"))
}

/// Sorts with Python's `<`, stably; the first error of a comparison is reported.
pub(crate) fn sort(items: &mut [(Value, Value)], reverse: bool) -> Result<()> {
    let mut failed = None;
    items.sort_by(|(a, _), (b, _)| {
        let order = if reverse { b.compare(a, "<") } else { a.compare(b, "<") };
        match order {
            Ok(order) => order.unwrap_or(Ordering::Equal),
            Err(error) => {
                failed.get_or_insert(error);
                Ordering::Equal
            }
        }
    });
    failed.map_or(Ok(()), Err)
}

pub(super) fn call_list(state: &mut State<'_>, list: &List, name: &str, mut args: CallArgs) -> Result<Value> {
    match name {
        "append" => {
            let [item] = args.bind(name, ["object"], 1)?;
            list.push(item.unwrap_or(Value::None));
        }
        "extend" => {
            let [items] = args.bind(name, ["iterable"], 1)?;
            let items = items.unwrap_or(Value::None).items()?;
            let mut list = list.write();
            check_size((list.len() + items.len()).saturating_mul(8))?;
            list.extend(items);
        }
        "insert" => {
            let [index, item] = args.bind(name, ["index", "object"], 2)?;
            let index = index
                .and_then(|index| index.as_i64())
                .ok_or_else(|| Error::type_error("'insert' needs an integer index"))?;
            let mut items = list.write();
            let length = items.len() as i64;
            let at = if index < 0 { (index + length).max(0) } else { index.min(length) };
            items.insert(at as usize, item.unwrap_or(Value::None));
        }
        "pop" => {
            let [index] = args.bind(name, ["index"], 0)?;
            let index = index.map_or(Some(-1), |index| index.as_i64());
            let index = index.ok_or_else(|| Error::type_error("an integer is required as an index"))?;
            let mut items = list.write();
            if items.is_empty() {
                return Err(Error::new(ErrorKind::Index, "pop from empty list"));
            }
            let length = items.len();
            let at = crate::value::position(index, length)
                .ok_or_else(|| Error::new(ErrorKind::Index, "pop index out of range"))?;
            return Ok(items.remove(at));
        }
        "remove" => {
            let [item] = args.bind(name, ["value"], 1)?;
            let item = item.unwrap_or(Value::None);
            let at = list.items().iter().position(|known| *known == item);
            match at {
                Some(at) => drop(list.write().remove(at)),
                None => return Err(Error::value_error("list.remove(x): x not in list")),
            }
        }
        "index" => return index_of(&list.items(), args, "list"),
        "count" => {
            let [item] = args.bind(name, ["value"], 1)?;
            let item = item.unwrap_or(Value::None);
            return Ok(list.items().iter().filter(|known| **known == item).count().into());
        }
        "reverse" => list.write().reverse(),
        "sort" => {
            let key = args.take_keyword("key").filter(|key| !key.is_none());
            let reverse = args.take_keyword("reverse").is_some_and(|reverse| reverse.is_true());
            let mut pairs = Vec::new();
            for item in list.items() {
                let by = match &key {
                    Some(key) => state.call(key, CallArgs::positional(vec![item.clone()]))?,
                    None => item.clone(),
                };
                pairs.push((by, item));
            }
            sort(&mut pairs, reverse)?;
            *list.write() = pairs.into_iter().map(|(_, item)| item).collect();
        }
        "copy" => return Ok(Value::list(list.items())),
        "clear" => {
            let old = std::mem::take(&mut *list.write());
            drop(old);
        }
        _ => return Err(attribute_error("list", name)),
    }
    Ok(Value::None)
}

fn index_of(items: &[Value], args: CallArgs, kind: &str) -> Result<Value> {
    let [item, start, stop] = args.bind("index", ["value", "start", "stop"], 1)?;
    let item = item.unwrap_or(Value::None);
    let start = start.and_then(|start| start.as_i64()).unwrap_or(0);
    let first = if start < 0 { (start + items.len() as i64).max(0) } else { start };
    let window = Slice { start: Some(start), stop: stop.and_then(|stop| stop.as_i64()), step: None };
    let window = Value::tuple(items.to_vec()).slice(&window)?.items()?;
    match window.iter().position(|known| *known == item) {
        Some(at) => Ok(Value::Int(at as i64 + first)),
        None if kind == "list" => Err(Error::value_error(format!("{} is not in list", item.repr()))),
        None => Err(Error::value_error("tuple.index(x): x not in tuple")),
    }
}

pub(super) fn call_tuple(items: &Tuple, name: &str, args: CallArgs) -> Result<Value> {
    match name {
        "index" => index_of(items, args, "tuple"),
        _ => {
            let [item] = args.bind(name, ["value"], 1)?;
            let item = item.unwrap_or(Value::None);
            Ok(items.iter().filter(|known| **known == item).count().into())
        }
    }
}

/// The entries of what `dict(...)` and `update(...)` take: a mapping or pairs.
pub(crate) fn entries_of(source: &Value) -> Result<Vec<(Value, Value)>> {
    if let Some(entries) = mapping_entries(source) {
        return Ok(entries);
    }
    let mut entries = Vec::new();
    for (index, pair) in source.items()?.into_iter().enumerate() {
        let pair = pair.items().map_err(|_| {
            Error::type_error(format!("cannot convert dictionary update sequence element #{index} to a sequence"))
        })?;
        match <[Value; 2]>::try_from(pair) {
            Ok([key, value]) => entries.push((key, value)),
            Err(pair) => {
                return Err(Error::value_error(format!(
                    "dictionary update sequence element #{index} has length {}; 2 is required",
                    pair.len()
                )));
            }
        }
    }
    Ok(entries)
}

pub(super) fn call_dict(dict: &Dict, name: &str, args: CallArgs) -> Result<Value> {
    Ok(match name {
        "get" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            let found = dict.read().get(&key).cloned();
            found.or(default).unwrap_or(Value::None)
        }
        "items" => view(dict, ViewKind::Items),
        "keys" => view(dict, ViewKind::Keys),
        "values" => view(dict, ViewKind::Values),
        "update" => {
            let mut entries = Vec::new();
            for source in &args.positional {
                entries.extend(entries_of(source)?);
            }
            entries.extend(args.keyword.into_iter().map(|(key, value)| (Value::Str(key), value)));
            let keyed: Result<Vec<_>> = entries.into_iter().map(|(key, value)| Ok((Key::new(key)?, value))).collect();
            dict.write().extend(keyed?);
            Value::None
        }
        "pop" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            let removed = dict.write().shift_remove(&key);
            match removed.or(default) {
                Some(value) => value,
                None => return Err(Error::new(ErrorKind::Key, key.value().repr())),
            }
        }
        "popitem" => match dict.write().pop() {
            Some((key, value)) => Value::tuple(vec![key.value().clone(), value]),
            None => return Err(Error::new(ErrorKind::Key, "'popitem(): dictionary is empty'")),
        },
        "copy" => Value::Dict(Dict::new(dict.read().clone())),
        "setdefault" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            dict.write().entry(key).or_insert(default.unwrap_or(Value::None)).clone()
        }
        "clear" => {
            let old = std::mem::take(&mut *dict.write());
            drop(old);
            Value::None
        }
        "fromkeys" => {
            let [keys, value] = args.bind(name, ["iterable", "value"], 1)?;
            let value = value.unwrap_or(Value::None);
            let mut map = crate::DictMap::default();
            for key in keys.unwrap_or(Value::None).items()? {
                map.insert(Key::new(key)?, value.clone());
            }
            Value::Dict(Dict::new(map))
        }
        _ => return Err(attribute_error("dict", name)),
    })
}

/// A set of these items.
pub(crate) fn set_of(items: Vec<Value>) -> Result<Value> {
    let map: Result<SetMap> = items.into_iter().map(Key::new).collect();
    Ok(Value::Set(Set::new(map?)))
}

pub(super) fn call_set(set: &Set, name: &str, args: CallArgs) -> Result<Value> {
    let own = set.items();
    let mut others = Vec::new();
    if !matches!(name, "add" | "remove" | "discard") {
        for other in &args.positional {
            others.push(other.items()?);
        }
    }
    let first = args.positional.first().cloned().unwrap_or(Value::None);
    let replace = |items: Vec<Value>| -> Result<Value> {
        let map: Result<SetMap> = items.into_iter().map(Key::new).collect();
        let map = map?;
        *set.write() = map;
        Ok(Value::None)
    };
    match name {
        "add" => {
            let key = Key::new(first)?;
            set.write().insert(key);
            Ok(Value::None)
        }
        "remove" | "discard" => {
            let key = Key::new(first)?;
            let removed = set.write().shift_remove(&key);
            if removed || name == "discard" {
                Ok(Value::None)
            } else {
                Err(Error::new(ErrorKind::Key, key.value().repr()))
            }
        }
        "pop" => {
            let first = set.write().shift_remove_index(0);
            first.map(|key| key.value().clone()).ok_or_else(|| Error::new(ErrorKind::Key, "'pop from an empty set'"))
        }
        "clear" => replace(Vec::new()),
        "copy" => set_of(own),
        "update" => replace(own.into_iter().chain(others.into_iter().flatten()).collect()),
        "union" => set_of(own.into_iter().chain(others.into_iter().flatten()).collect()),
        "intersection" | "intersection_update" => {
            let kept = own.into_iter().filter(|item| others.iter().all(|other| other.contains(item))).collect();
            if name == "intersection" { set_of(kept) } else { replace(kept) }
        }
        "difference" | "difference_update" => {
            let kept = own.into_iter().filter(|item| !others.iter().any(|other| other.contains(item))).collect();
            if name == "difference" { set_of(kept) } else { replace(kept) }
        }
        "symmetric_difference" => {
            let other = others.into_iter().next().unwrap_or_default();
            let mut kept: Vec<Value> = own.iter().filter(|item| !other.contains(item)).cloned().collect();
            kept.extend(other.into_iter().filter(|item| !own.contains(item)));
            set_of(kept)
        }
        "issubset" => Ok(others.first().is_some_and(|other| own.iter().all(|item| other.contains(item))).into()),
        "issuperset" => Ok(others.first().is_some_and(|other| other.iter().all(|item| own.contains(item))).into()),
        "isdisjoint" => Ok(others.first().is_some_and(|other| !other.iter().any(|item| own.contains(item))).into()),
        _ => Err(attribute_error("set", name)),
    }
}

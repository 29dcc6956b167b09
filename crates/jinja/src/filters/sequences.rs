//! Filters of lists, dicts and iterators.

use super::{Filter, flag, follow, ignoring_case, integer};
use crate::methods::{mapping_entries, sort};
use crate::value::{Operator, check_size};
use crate::{CallArgs, Dict, DictMap, Error, ErrorKind, Key, Result, State, Value, one_shot};

/// The filter of this name.
pub(super) fn filter(name: &str) -> Option<Filter> {
    Some(match name {
        "length" | "count" => |_, value, _| match value.len() {
            Some(length) => Ok(length.into()),
            None => Err(Error::type_error(format!("object of type '{}' has no len()", value.type_name()))),
        },
        "first" => |state, value, _| match value.iter()?.next() {
            Some(item) => item,
            None => Ok(state.undefined_hint("No first item, sequence was empty.".to_owned(), None)),
        },
        "last" => |state, value, _| match value
            .items()
            .map_err(|_| Error::type_error(format!("'{}' object is not reversible", value.type_name())))?
            .pop()
        {
            Some(item) => Ok(item),
            None => Ok(state.undefined_hint("No last item, sequence was empty.".to_owned(), None)),
        },
        "random" => |state, value, _| {
            let items = value.items()?;
            if items.is_empty() {
                return Ok(state.undefined_hint("No random item, sequence was empty.".to_owned(), None));
            }
            // No randomness comes in from the host: where the list happens to lie decides.
            let seed = items.as_ptr() as usize / 64;
            Ok(items[seed % items.len()].clone())
        },
        "list" => |_, value, _| Ok(Value::list(value.items()?)),
        "join" => join,
        "sort" => |state, value, args| {
            let [reverse, case, attribute] = args.bind("sort", ["reverse", "case_sensitive", "attribute"], 0)?;
            let mut pairs = keyed(state, value.items()?, attribute.as_ref(), flag(case), true)?;
            sort(&mut pairs, flag(reverse))?;
            Ok(Value::list(pairs.into_iter().map(|(_, item)| item).collect()))
        },
        "dictsort" => dictsort,
        "unique" => |state, value, args| {
            let [case, attribute] = args.bind("unique", ["case_sensitive", "attribute"], 0)?;
            let mut seen = crate::SetMap::default();
            let mut kept = Vec::new();
            for (key, item) in keyed(state, value.items()?, attribute.as_ref(), flag(case), false)? {
                if seen.insert(Key::new(key)?) {
                    kept.push(item);
                }
            }
            Ok(generator(kept))
        },
        "min" => |state, value, args| extreme(state, value, args, "min"),
        "max" => |state, value, args| extreme(state, value, args, "max"),
        "sum" => |state, value, args| {
            let [attribute, start] = args.bind("sum", ["attribute", "start"], 0)?;
            let mut total = start.unwrap_or(Value::Int(0));
            let attribute = attribute.filter(|attribute| !attribute.is_none());
            for item in value.items()? {
                let item = match &attribute {
                    Some(path) => follow(state, &item, path)?,
                    None => item,
                };
                total = total.operate(Operator::Add, &item)?;
            }
            Ok(total)
        },
        "reverse" => |_, value, _| match &value {
            Value::Str(text) => Ok(text.chars().rev().collect::<String>().into()),
            _ => {
                let mut items =
                    value.items().map_err(|_| Error::new(ErrorKind::Runtime, "argument must be iterable"))?;
                items.reverse();
                Ok(one_shot("list_reverseiterator", items.into_iter().map(Ok)))
            }
        },
        "batch" => batch,
        "slice" => slice,
        "groupby" => groupby,
        "items" => |_, value, _| match &value {
            Value::Undefined(_) => Ok(generator(Vec::new())),
            _ => match mapping_entries(&value) {
                Some(entries) => Ok(generator(entries.into_iter().map(|(k, v)| Value::tuple(vec![k, v])).collect())),
                None => Err(Error::type_error("Can only get item pairs from a mapping.")),
            },
        },
        "map" => map,
        "select" => |state, value, args| select(state, value, args, false, true),
        "reject" => |state, value, args| select(state, value, args, false, false),
        "selectattr" => |state, value, args| select(state, value, args, true, true),
        "rejectattr" => |state, value, args| select(state, value, args, true, false),
        _ => return None,
    })
}

fn generator(items: Vec<Value>) -> Value {
    one_shot("generator", items.into_iter().map(Ok))
}

/// The items with what they are compared by. Several attributes, separated by commas, make a list.
fn keyed(
    state: &State<'_>,
    items: Vec<Value>,
    attribute: Option<&Value>,
    case_sensitive: bool,
    several: bool,
) -> Result<Vec<(Value, Value)>> {
    let paths: Option<Vec<Value>> = match attribute {
        None | Some(Value::None) => None,
        Some(Value::Str(text)) if several && text.contains(',') => Some(text.split(',').map(Value::str).collect()),
        Some(one) => Some(vec![one.clone()]),
    };
    let mut pairs = Vec::with_capacity(items.len());
    for item in items {
        let key = match paths.as_deref() {
            None => ignoring_case(item.clone(), case_sensitive),
            Some([path]) => ignoring_case(follow(state, &item, path)?, case_sensitive),
            Some(paths) => {
                let mut parts = Vec::new();
                for path in paths {
                    parts.push(ignoring_case(follow(state, &item, path)?, case_sensitive));
                }
                Value::list(parts)
            }
        };
        pairs.push((key, item));
    }
    Ok(pairs)
}

fn join(state: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [separator, attribute] = args.bind("join", ["d", "attribute"], 0)?;
    let separator = separator.map(|separator| separator.to_string()).unwrap_or_default();
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut out = String::new();
    for (index, item) in value.items()?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        match &attribute {
            Some(path) => follow(state, &item, path)?.write_str(&mut out),
            None => item.write_str(&mut out),
        }
        check_size(out.len())?;
    }
    Ok(out.into())
}

fn dictsort(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [case, by, reverse] = args.bind("dictsort", ["case_sensitive", "by", "reverse"], 0)?;
    let by = by.map_or_else(|| "key".to_owned(), |by| by.to_string());
    if by != "key" && by != "value" {
        return Err(Error::new(ErrorKind::Runtime, "You can only sort by either \"key\" or \"value\""));
    }
    let case = flag(case);
    let Some(entries) = mapping_entries(&value) else {
        return Err(Error::new(
            ErrorKind::Attribute,
            format!("'{}' object has no attribute 'items'", value.type_name()),
        ));
    };
    let mut pairs: Vec<(Value, Value)> = entries
        .into_iter()
        .map(|(key, value)| {
            let sorted_by = if by == "key" { key.clone() } else { value.clone() };
            (ignoring_case(sorted_by, case), Value::tuple(vec![key, value]))
        })
        .collect();
    sort(&mut pairs, flag(reverse))?;
    Ok(Value::list(pairs.into_iter().map(|(_, item)| item).collect()))
}

fn extreme(state: &mut State<'_>, value: Value, args: CallArgs, name: &str) -> Result<Value> {
    let [case, attribute] = args.bind(name, ["case_sensitive", "attribute"], 0)?;
    let mut pairs = keyed(state, value.items()?, attribute.as_ref(), flag(case), false)?.into_iter();
    let Some((mut best, mut found)) = pairs.next() else {
        return Ok(state.undefined_hint("No aggregated item, sequence was empty.".to_owned(), None));
    };
    for (key, item) in pairs {
        let better = match name {
            "min" => key.compare(&best, "<")?.is_some_and(std::cmp::Ordering::is_lt),
            _ => key.compare(&best, ">")?.is_some_and(std::cmp::Ordering::is_gt),
        };
        if better {
            best = key;
            found = item;
        }
    }
    Ok(found)
}

fn batch(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [size, fill] = args.bind("batch", ["linecount", "fill_with"], 1)?;
    let size = integer(size, 1)?.max(1) as usize;
    let items = value.items()?;
    let fill = fill.filter(|fill| !fill.is_none());
    let mut batches = Vec::new();
    for chunk in items.chunks(size) {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = &fill {
            chunk.resize(size.min(crate::value::MAX_COLLECTED), fill.clone());
        }
        batches.push(Value::list(chunk));
    }
    Ok(generator(batches))
}

fn slice(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [slices, fill] = args.bind("slice", ["slices", "fill_with"], 1)?;
    let slices = integer(slices, 1)?;
    if slices <= 0 {
        return Err(Error::new(ErrorKind::ZeroDivision, "integer division or modulo by zero"));
    }
    let slices = slices.min(100_000) as usize;
    let items = value.items()?;
    let (each, extra) = (items.len() / slices, items.len() % slices);
    let mut out = Vec::new();
    let mut start = 0;
    for number in 0..slices {
        let end = start + each + usize::from(number < extra);
        let mut part = items[start..end].to_vec();
        if let Some(fill) = fill.as_ref().filter(|fill| !fill.is_none())
            && number >= extra
        {
            part.push(fill.clone());
        }
        out.push(Value::list(part));
        start = end;
    }
    Ok(generator(out))
}

fn groupby(state: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [attribute, default, case] = args.bind("groupby", ["attribute", "default", "case_sensitive"], 1)?;
    let path = attribute.unwrap_or(Value::None);
    let case = flag(case);
    let mut pairs = Vec::new();
    for item in value.items()? {
        let mut key = follow(state, &item, &path)?;
        if let (Value::Undefined(_), Some(default)) = (&key, &default) {
            key = default.clone();
        }
        pairs.push((ignoring_case(key.clone(), case), Value::tuple(vec![key, item])));
    }
    sort(&mut pairs, false)?;
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (key, pair) in pairs {
        let pair = pair.items()?;
        match groups.last_mut() {
            Some((last, _, items)) if *last == key => items.push(pair[1].clone()),
            _ => groups.push((key, pair[0].clone(), vec![pair[1].clone()])),
        }
    }
    let groups =
        groups.into_iter().map(|(_, grouper, items)| Value::object(Group { grouper, list: Value::list(items) }));
    Ok(Value::list(groups.collect()))
}

/// A `(grouper, list)` pair with names.
#[derive(Debug)]
struct Group {
    grouper: Value,
    list: Value,
}

impl crate::Object for Group {
    fn type_name(&self) -> &str {
        "_GroupTuple"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        match name {
            "grouper" => Some(self.grouper.clone()),
            "list" => Some(self.list.clone()),
            _ => None,
        }
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        match key.as_i64()? {
            0 | -2 => Some(self.grouper.clone()),
            1 | -1 => Some(self.list.clone()),
            _ => None,
        }
    }

    fn iter(&self) -> Option<crate::ValueIter> {
        Some(Box::new([self.grouper.clone(), self.list.clone()].into_iter().map(Ok)))
    }

    fn len(&self) -> Option<usize> {
        Some(2)
    }

    fn repr(&self) -> String {
        format!("({}, {})", self.grouper.repr(), self.list.repr())
    }
}

fn map(state: &mut State<'_>, value: Value, mut args: CallArgs) -> Result<Value> {
    // Whatever is false gives nothing, iterable or not.
    let items = if value.is_true() { value.items()? } else { Vec::new() };
    let mut mapped = Vec::with_capacity(items.len());
    if args.positional.is_empty()
        && let Some(path) = args.take_keyword("attribute")
    {
        let default = args.take_keyword("default");
        if let Some((name, _)) = args.keyword.first() {
            return Err(Error::new(ErrorKind::Runtime, format!("Unexpected keyword argument '{name}'")));
        }
        for item in items {
            let found = follow(state, &item, &path)?;
            mapped.push(match &default {
                Some(default) if found.is_undefined() => default.clone(),
                _ => found,
            });
        }
        return Ok(generator(mapped));
    }
    if args.positional.is_empty() {
        return Err(Error::new(ErrorKind::Runtime, "map requires a filter argument"));
    }
    let name = args.positional.remove(0).to_string();
    let Some(filter) = super::filter(&name) else {
        return Err(Error::new(ErrorKind::Runtime, format!("No filter named {}.", Value::from(name).repr())));
    };
    for item in items {
        mapped.push(super::apply(state, &name, filter, item, args.clone())?);
    }
    Ok(generator(mapped))
}

fn select(state: &mut State<'_>, value: Value, mut args: CallArgs, by_attribute: bool, wanted: bool) -> Result<Value> {
    let items = if value.is_true() { value.items()? } else { Vec::new() };
    let path = if by_attribute {
        if args.positional.is_empty() {
            return Err(Error::new(ErrorKind::Runtime, "Missing parameter for attribute name"));
        }
        Some(args.positional.remove(0))
    } else {
        None
    };
    let test = if args.positional.is_empty() {
        None
    } else {
        let name = args.positional.remove(0).to_string();
        match super::test(&name) {
            Some(test) => Some((name, test)),
            None => {
                return Err(Error::new(ErrorKind::Runtime, format!("No test named {}.", Value::from(name).repr())));
            }
        }
    };
    let mut kept = Vec::new();
    for item in items {
        let subject = match &path {
            Some(path) => follow(state, &item, path)?,
            None => item.clone(),
        };
        let holds = match &test {
            Some((name, test)) => super::holds(state, name, *test, &subject, args.clone())?,
            None => subject.is_true(),
        };
        if holds == wanted {
            kept.push(item);
        }
    }
    Ok(generator(kept))
}

/// `dict(**kwargs)` and `dict(mapping)`.
pub(crate) fn make_dict(args: CallArgs) -> Result<Value> {
    let mut map = DictMap::default();
    for source in &args.positional {
        for (key, value) in crate::methods::entries_of(source)? {
            map.insert(Key::new(key)?, value);
        }
    }
    for (key, value) in args.keyword {
        map.insert(Key::from(key), value);
    }
    Ok(Value::Dict(Dict::new(map)))
}

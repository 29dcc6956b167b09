//! `modules.itertools`: lazy where Python is, and where no function has to be called.

use super::{Namespace, Told};
use crate::value::{MAX_COLLECTED, Operator, ValueIter, endless_error};
use crate::{CallArgs, Error, ErrorKind, Result, State, Value, one_shot};

/// No product or permutation is longer than this.
const MAX_ROWS: usize = 1_000_000;

/// The module; every call of a function is told first.
pub(super) fn module(told: Told) -> Value {
    let telling = |name: &'static str, function: Value| {
        let told = Told::clone(&told);
        Value::function(name, move |state, args| {
            told().map_err(Error::host)?;
            state.call(&function, args)
        })
    };
    let members = members().into_iter().map(|(name, function)| match name {
        "chain" => {
            let of_one = telling("from_iterable", Value::function("from_iterable", from_iterable));
            (name, Namespace::class("itertools.chain", telling(name, function), vec![("from_iterable", of_one)]))
        }
        _ => (name, telling(name, function)),
    });
    Namespace::module("itertools", members.collect())
}

fn members() -> Vec<(&'static str, Value)> {
    vec![
        (
            "count",
            Value::function("count", |_, args| {
                let [start, step] = args.bind("count", ["start", "step"], 0)?;
                let (start, step) = (start.unwrap_or(Value::Int(0)), step.unwrap_or(Value::Int(1)));
                let mut next = start;
                Ok(endless(
                    "itertools.count",
                    std::iter::from_fn(move || {
                        let following = next.operate(Operator::Add, &step);
                        Some(following.map(|following| std::mem::replace(&mut next, following)))
                    }),
                ))
            }),
        ),
        (
            "cycle",
            Value::function("cycle", |_, args| {
                let [items] = args.bind("cycle", ["iterable"], 1)?;
                let items = items.unwrap_or(Value::None).items()?;
                Ok(endless("itertools.cycle", items.into_iter().cycle().map(Ok)))
            }),
        ),
        (
            "repeat",
            Value::function("repeat", |_, args| {
                let [item, times] = args.bind("repeat", ["object", "times"], 1)?;
                let item = item.unwrap_or(Value::None);
                let times = times.map_or(usize::MAX, |times| times.as_i64().unwrap_or(0).max(0) as usize);
                Ok(endless("itertools.repeat", std::iter::repeat_with(move || Ok(item.clone())).take(times)))
            }),
        ),
        ("accumulate", Value::function("accumulate", accumulate)),
        ("chain", Value::function("chain", |_, args| chain(&args.positional))),
        (
            "compress",
            Value::function("compress", |_, args| {
                let [data, selectors] = args.bind("compress", ["data", "selectors"], 2)?;
                let data = data.unwrap_or(Value::None).iter()?;
                let selectors = selectors.unwrap_or(Value::None).iter()?;
                Ok(one_shot(
                    "itertools.compress",
                    data.zip(selectors).filter_map(|(item, keep)| match keep {
                        Ok(keep) => keep.is_true().then_some(item),
                        Err(error) => Some(Err(error)),
                    }),
                ))
            }),
        ),
        ("islice", Value::function("islice", islice)),
        (
            "starmap",
            Value::function("starmap", |state, args| {
                let [function, items] = args.bind("starmap", ["function", "iterable"], 2)?;
                let (function, items) = (function.unwrap_or(Value::None), items.unwrap_or(Value::None));
                let mut results = Vec::new();
                for item in items.items()? {
                    results.push(state.call(&function, CallArgs::positional(item.items()?))?);
                }
                Ok(list("itertools.starmap", results))
            }),
        ),
        (
            "tee",
            Value::function("tee", |_, args| {
                let [items, count] = args.bind("tee", ["iterable", "n"], 1)?;
                let items = items.unwrap_or(Value::None).items()?;
                let count = count.and_then(|count| count.as_i64()).unwrap_or(2).clamp(0, 100);
                Ok(Value::tuple((0..count).map(|_| list("itertools._tee", items.clone())).collect()))
            }),
        ),
        (
            "zip_longest",
            Value::function("zip_longest", |_, mut args| {
                let fill = args.take_keyword("fillvalue").unwrap_or(Value::None);
                let columns: Result<Vec<Vec<Value>>> = args.positional.iter().map(Value::items).collect();
                let columns = columns?;
                let length = columns.iter().map(Vec::len).max().unwrap_or(0);
                let rows = (0..length).map(|row| {
                    Value::tuple(columns.iter().map(|column| column.get(row).unwrap_or(&fill).clone()).collect())
                });
                Ok(list("itertools.zip_longest", rows.collect()))
            }),
        ),
        ("product", Value::function("product", product)),
        (
            "permutations",
            Value::function("permutations", |_, args| {
                let [items, length] = args.bind("permutations", ["iterable", "r"], 1)?;
                let items = items.unwrap_or(Value::None).items()?;
                let length = size(length, items.len())?;
                pick("itertools.permutations", &items, length, |chosen, next| !chosen.contains(&next))
            }),
        ),
        (
            "combinations",
            Value::function("combinations", |_, args| {
                let [items, length] = args.bind("combinations", ["iterable", "r"], 2)?;
                let items = items.unwrap_or(Value::None).items()?;
                let length = size(length, items.len())?;
                pick("itertools.combinations", &items, length, |chosen, next| {
                    chosen.last().is_none_or(|last| next > *last)
                })
            }),
        ),
        (
            "combinations_with_replacement",
            Value::function("combinations_with_replacement", |_, args| {
                let [items, length] = args.bind("combinations_with_replacement", ["iterable", "r"], 2)?;
                let items = items.unwrap_or(Value::None).items()?;
                let length = size(length, items.len())?;
                pick("itertools.combinations_with_replacement", &items, length, |chosen, next| {
                    chosen.last().is_none_or(|last| next >= *last)
                })
            }),
        ),
    ]
}

/// Python would go on until the memory is full; whoever looks for an item in it, or skips some, would wait for ever.
fn endless(name: &'static str, items: impl Iterator<Item = Result<Value>> + Send + 'static) -> Value {
    let mut left = MAX_COLLECTED + 1;
    let bounded = items.map_while(move |item| {
        let was_left = left;
        left = left.checked_sub(1)?;
        if was_left > 1 { Some(item) } else { Some(Err(endless_error(name))) }
    });
    one_shot(name, bounded)
}

fn list(name: &'static str, items: Vec<Value>) -> Value {
    one_shot(name, items.into_iter().map(Ok))
}

fn size(value: Option<Value>, default: usize) -> Result<usize> {
    match value.filter(|value| !value.is_none()) {
        None => Ok(default),
        Some(value) => match value.as_i64().map(usize::try_from) {
            Some(Ok(size)) => Ok(size),
            _ => Err(Error::value_error("r must be non-negative")),
        },
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::Overflow, format!("more than {MAX_ROWS} combinations"))
}

fn chain(sources: &[Value]) -> Result<Value> {
    let iterators: Result<Vec<ValueIter>> = sources.iter().map(Value::iter).collect();
    Ok(one_shot("itertools.chain", iterators?.into_iter().flatten()))
}

fn from_iterable(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let [sources] = args.bind("from_iterable", ["iterable"], 1)?;
    chain(&sources.unwrap_or(Value::None).items()?)
}

fn accumulate(state: &mut State<'_>, mut args: CallArgs) -> Result<Value> {
    let initial = args.take_keyword("initial").filter(|initial| !initial.is_none());
    let [items, function] = args.bind("accumulate", ["iterable", "func"], 1)?;
    let function = function.filter(|function| !function.is_none());
    let mut total = initial;
    let mut results: Vec<Value> = total.iter().cloned().collect();
    for item in items.unwrap_or(Value::None).items()? {
        let next = match (total, &function) {
            (None, _) => item,
            (Some(total), Some(function)) => state.call(function, CallArgs::positional(vec![total, item]))?,
            (Some(total), None) => total.operate(Operator::Add, &item)?,
        };
        results.push(next.clone());
        total = Some(next);
    }
    Ok(list("itertools.accumulate", results))
}

fn islice(_: &mut State<'_>, args: CallArgs) -> Result<Value> {
    let Some((items, bounds)) = args.positional.split_first() else {
        return Err(Error::type_error("islice expected at least 2 arguments, got 0"));
    };
    let bound = |index: usize, default: usize| size(bounds.get(index).cloned(), default);
    let (start, stop, step) = match bounds.len() {
        1 => (0, bound(0, usize::MAX)?, 1),
        _ => (bound(0, 0)?, bound(1, usize::MAX)?, bound(2, 1)?.max(1)),
    };
    // An error among what is passed over counts.
    let taken = items.iter()?.take(stop).enumerate().filter_map(move |(at, item)| {
        let is_wanted = at >= start && (at - start) % step == 0;
        (is_wanted || item.is_err()).then_some(item)
    });
    Ok(one_shot("itertools.islice", taken))
}

fn product(_: &mut State<'_>, mut args: CallArgs) -> Result<Value> {
    let repeat = size(args.take_keyword("repeat"), 1)?.min(64);
    let columns: Result<Vec<Vec<Value>>> = args.positional.iter().map(Value::items).collect();
    let columns = columns?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for column in (0..repeat).flat_map(|_| columns.iter()) {
        if rows.len().saturating_mul(column.len()) > MAX_ROWS {
            return Err(too_many());
        }
        rows = rows
            .iter()
            .flat_map(|row| column.iter().map(move |item| row.iter().chain([item]).cloned().collect()))
            .collect();
    }
    Ok(list("itertools.product", rows.into_iter().map(Value::tuple).collect()))
}

/// All rows of `length` positions of which each next one is allowed, in order.
fn pick(name: &'static str, items: &[Value], length: usize, allowed: fn(&[usize], usize) -> bool) -> Result<Value> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..length {
        let mut longer = Vec::new();
        for row in &rows {
            for next in (0..items.len()).filter(|next| allowed(row, *next)) {
                if longer.len() >= MAX_ROWS {
                    return Err(too_many());
                }
                longer.push(row.iter().copied().chain([next]).collect());
            }
        }
        rows = longer;
        if rows.is_empty() {
            break;
        }
    }
    let rows = rows.into_iter().map(|row| Value::tuple(row.into_iter().map(|at| items[at].clone()).collect()));
    Ok(list(name, rows.collect()))
}

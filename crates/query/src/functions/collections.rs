//! Arrays and maps.

use std::collections::HashSet;

use super::{Resolved, f, invalid};
use crate::{
    error::QueryError,
    types::{Type, VARCHAR, array_of, common, map_of},
    value::Value,
};

/// A map that is being put together; later values do not replace earlier ones.
#[derive(Default)]
pub(crate) struct MapBuilder {
    entries: Vec<(Value, Value)>,
    seen: HashSet<String>,
}

impl MapBuilder {
    pub(crate) fn put(&mut self, key: &Value, value: &Value) {
        if self.seen.insert(format!("{key:?}")) {
            self.entries.push((key.clone(), value.clone()));
        }
    }

    pub(crate) fn build(self) -> Value {
        Value::Map(self.entries)
    }
}

/// A map whose keys are checked to be neither NULL nor repeated.
pub(crate) fn checked_map(entries: Vec<(Value, Value)>) -> Result<Value, QueryError> {
    let mut seen = HashSet::new();
    for (key, _) in &entries {
        if key.is_null() {
            return Err(invalid("map key cannot be null"));
        }
        if !seen.insert(format!("{key:?}")) {
            let shown = match key {
                Value::Str(text) => text.clone(),
                Value::Int(number) => number.to_string(),
                other => format!("{other:?}"),
            };
            return Err(invalid(format!("Duplicate map keys ({shown}) are not allowed")));
        }
    }
    Ok(Value::Map(entries))
}

fn distinct(items: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(format!("{item:?}"))).collect()
}

fn keys(items: &[Value]) -> HashSet<String> {
    items.iter().map(|item| format!("{item:?}")).collect()
}

pub(super) fn resolve(name: &str, types: &[Type], _: &[Option<Value>]) -> Option<Resolved> {
    use Type::{Array, BigInt, Boolean, Integer, Map, Row};
    let n = |number: usize| Ok(Value::Int(i64::try_from(number).unwrap_or(i64::MAX)));
    match (name, types) {
        ("cardinality", [ty @ (Array(_) | Map(..))]) => f([ty.clone()], BigInt, move |a| {
            n(if let Value::Map(map) = &a[0] { map.len() } else { a[0].array().len() })
        }),
        ("[]", [Array(element), index]) if index.is_integer() || *index == Type::Unknown => {
            f([types[0].clone(), BigInt], (**element).clone(), |a| {
                let (items, at) = (a[0].array(), a[1].int());
                if at == 0 {
                    return Err(invalid("SQL array indices start at 1"));
                }
                if at < 0 {
                    return Err(invalid(format!("Array subscript is negative: {at}")));
                }
                let found = usize::try_from(at - 1).ok().and_then(|at| items.get(at)).cloned();
                found.ok_or_else(|| {
                    invalid(format!(
                        "Array subscript must be less than or equal to array length: {at} > {}",
                        items.len()
                    ))
                })
            })
        }
        ("[]", [Map(key, value), index]) if common(key, index).as_ref() == Some(&**key) => {
            let shown = (**key).clone();
            f([types[0].clone(), (**key).clone()], (**value).clone(), move |a| {
                let found = a[0].map().iter().find(|(key, _)| *key == a[1]).map(|(_, value)| value.clone());
                found.ok_or_else(|| {
                    let shown = crate::text::print(&a[1], &shown).unwrap_or_default();
                    invalid(format!("Key not present in map: {shown}"))
                })
            })
        }
        ("element_at", [Array(element), index]) if index.is_integer() => {
            f([types[0].clone(), BigInt], (**element).clone(), |a| {
                let (items, at) = (a[0].array(), a[1].int());
                if at == 0 {
                    return Err(invalid("SQL array indices start at 1"));
                }
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let at = if at > 0 { at - 1 } else { length + at };
                Ok(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or(Value::Null))
            })
        }
        ("element_at", [Map(key, value), index]) if common(key, index).as_ref() == Some(&**key) => {
            f([types[0].clone(), (**key).clone()], (**value).clone(), |a| {
                Ok(a[0].map().iter().find(|(key, _)| *key == a[1]).map_or(Value::Null, |(_, value)| value.clone()))
            })
        }
        ("contains" | "array_position" | "array_remove", [Array(element), item]) => {
            let ty = common(element, item)?;
            let (params, which) = ([array_of(ty.clone()), ty.clone()], name.to_owned());
            let returns = match name {
                "contains" => Boolean,
                "array_position" => BigInt,
                _ => array_of(ty),
            };
            f(params, returns, move |a| {
                let items = a[0].array();
                match which.as_str() {
                    "contains" if items.contains(&a[1]) => Ok(Value::Bool(true)),
                    "contains" if items.iter().any(Value::is_null) => Ok(Value::Null),
                    "contains" => Ok(Value::Bool(false)),
                    "array_position" => n(items.iter().position(|item| *item == a[1]).map_or(0, |at| at + 1)),
                    _ => Ok(Value::Array(items.iter().filter(|item| **item != a[1]).cloned().collect())),
                }
            })
        }
        ("array_distinct", [ty @ Array(_)]) => {
            f([ty.clone()], ty.clone(), |a| Ok(Value::Array(distinct(a[0].array().to_vec()))))
        }
        ("array_sort", [ty @ Array(_)]) => f([ty.clone()], ty.clone(), |a| {
            let mut items = a[0].array().to_vec();
            items.sort_by(Value::order);
            Ok(Value::Array(items))
        }),
        ("array_max" | "array_min", [Array(element)]) => {
            let max = name == "array_max";
            f([types[0].clone()], (**element).clone(), move |a| {
                let items = a[0].array();
                if items.iter().any(Value::is_null) {
                    return Ok(Value::Null);
                }
                let best =
                    if max { items.iter().max_by(|a, b| a.order(b)) } else { items.iter().min_by(|a, b| a.order(b)) };
                Ok(best.cloned().unwrap_or(Value::Null))
            })
        }
        ("array_join", [Array(element), _]) => join((**element).clone(), types, false),
        ("array_join", [Array(element), _, _]) => join((**element).clone(), types, true),
        ("array_union" | "array_intersect" | "array_except" | "arrays_overlap", [Array(a), Array(b)]) => {
            let ty = array_of(common(a, b)?);
            let which = name.to_owned();
            f([ty.clone(), ty.clone()], if name == "arrays_overlap" { Boolean } else { ty }, move |a| {
                let (x, y) = (a[0].array(), a[1].array());
                let other = keys(y);
                Ok(match which.as_str() {
                    "array_union" => Value::Array(distinct(x.iter().chain(y).cloned())),
                    "array_intersect" => {
                        Value::Array(distinct(x.iter().filter(|item| other.contains(&format!("{item:?}"))).cloned()))
                    }
                    "array_except" => {
                        Value::Array(distinct(x.iter().filter(|item| !other.contains(&format!("{item:?}"))).cloned()))
                    }
                    _ if x.iter().any(|item| !item.is_null() && other.contains(&format!("{item:?}"))) => {
                        Value::Bool(true)
                    }
                    _ if x.iter().chain(y).any(Value::is_null) => Value::Null,
                    _ => Value::Bool(false),
                })
            })
        }
        ("slice", [ty @ Array(_), _, _]) => f([ty.clone(), BigInt, BigInt], ty.clone(), |a| {
            let (items, start, length) = (a[0].array(), a[1].int(), a[2].int());
            if start == 0 {
                return Err(invalid("SQL array indices start at 1"));
            }
            let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let from = if start > 0 { start - 1 } else { size + start };
            let Ok(length) = usize::try_from(length) else {
                return Err(invalid("length must be greater than or equal to 0"));
            };
            let Ok(from) = usize::try_from(from) else { return Ok(Value::Array(Vec::new())) };
            Ok(Value::Array(items.iter().skip(from).take(length).cloned().collect()))
        }),
        ("trim_array", [ty @ Array(_), _]) => f([ty.clone(), BigInt], ty.clone(), |a| {
            let keep = usize::try_from(a[1].int()).ok().and_then(|drop| a[0].array().len().checked_sub(drop));
            let keep = keep.ok_or_else(|| {
                invalid(format!("size must not exceed array cardinality {}: {}", a[0].array().len(), a[1].int()))
            })?;
            Ok(Value::Array(a[0].array()[..keep].to_vec()))
        }),
        ("reverse", [ty @ Array(_)]) => {
            f([ty.clone()], ty.clone(), |a| Ok(Value::Array(a[0].array().iter().rev().cloned().collect())))
        }
        ("shuffle", [ty @ Array(_)]) => f([ty.clone()], ty.clone(), |a| {
            let mut items: Vec<(u128, Value)> =
                a[0].array().iter().map(|item| (uuid::Uuid::new_v4().as_u128(), item.clone())).collect();
            items.sort_by_key(|(order, _)| *order);
            Ok(Value::Array(items.into_iter().map(|(_, item)| item).collect()))
        })
        .map(Resolved::volatile),
        ("flatten", [Array(inner)]) => match &**inner {
            Array(_) => f([types[0].clone()], (**inner).clone(), |a| {
                Ok(Value::Array(a[0].array().iter().flat_map(|list| list.array().to_vec()).collect()))
            }),
            _ => None,
        },
        ("repeat", [ty, _]) => f([ty.clone(), BigInt], array_of(ty.clone()), |a| {
            let count = usize::try_from(a[1].int()).ok().filter(|count| *count <= 10_000);
            let count = count.ok_or_else(|| {
                invalid("count argument of repeat function must be less than or equal to 10000 and not negative")
            })?;
            Ok(if a[1].is_null() { Value::Null } else { Value::Array(vec![a[0].clone(); count]) })
        })
        .map(Resolved::with_nulls),
        ("sequence", [_, _] | [_, _, _]) => sequence(types),
        ("zip", [_, _, ..]) => {
            let mut fields = Vec::new();
            for ty in types {
                let Array(element) = ty else { return None };
                fields.push((None, (**element).clone()));
            }
            f(types, array_of(Row(fields)), |a| {
                let longest = a.iter().map(|list| list.array().len()).max().unwrap_or(0);
                let row = |at: usize| {
                    Value::Row(a.iter().map(|list| list.array().get(at).cloned().unwrap_or(Value::Null)).collect())
                };
                Ok(Value::Array((0..longest).map(row).collect()))
            })
        }
        ("combinations", [Array(_), _]) => f([types[0].clone(), Integer], array_of(types[0].clone()), |a| {
            let (items, size) = (a[0].array(), usize::try_from(a[1].int()).unwrap_or(0));
            if size > 5 {
                return Err(invalid("combination size must not exceed 5: ".to_owned() + &size.to_string()));
            }
            let mut out: Vec<Vec<usize>> = vec![Vec::new()];
            for _ in 0..size {
                out = out
                    .iter()
                    .flat_map(|chosen| {
                        let from = chosen.last().map_or(0, |last| last + 1);
                        (from..items.len()).map(|next| [chosen.clone(), vec![next]].concat())
                    })
                    .collect();
            }
            Ok(Value::Array(
                out.into_iter()
                    .map(|chosen| Value::Array(chosen.into_iter().map(|at| items[at].clone()).collect()))
                    .collect(),
            ))
        }),
        ("map", []) => f([], map_of(Type::Unknown, Type::Unknown), |_| Ok(Value::Map(Vec::new()))),
        ("map", [Array(key), Array(value)]) => f(types, map_of((**key).clone(), (**value).clone()), |a| {
            if a[0].array().len() != a[1].array().len() {
                return Err(invalid("Key and value arrays must be the same length"));
            }
            checked_map(a[0].array().iter().cloned().zip(a[1].array().iter().cloned()).collect())
        }),
        ("map_keys", [Map(key, _)]) => f(types, array_of((**key).clone()), |a| {
            Ok(Value::Array(a[0].map().iter().map(|(key, _)| key.clone()).collect()))
        }),
        ("map_values", [Map(_, value)]) => f(types, array_of((**value).clone()), |a| {
            Ok(Value::Array(a[0].map().iter().map(|(_, value)| value.clone()).collect()))
        }),
        ("map_entries", [Map(key, value)]) => {
            f(types, array_of(Row(vec![(None, (**key).clone()), (None, (**value).clone())])), |a| {
                Ok(Value::Array(
                    a[0].map().iter().map(|(key, value)| Value::Row(vec![key.clone(), value.clone()])).collect(),
                ))
            })
        }
        ("map_from_entries", [Array(entry)]) => {
            let Row(fields) = &**entry else { return None };
            let [(_, key), (_, value)] = fields.as_slice() else { return None };
            f(types, map_of(key.clone(), value.clone()), |a| {
                checked_map(
                    a[0].array().iter().map(|entry| (entry.array()[0].clone(), entry.array()[1].clone())).collect(),
                )
            })
        }
        ("map_concat", [Map(..), ..]) => {
            let mut ty = types[0].clone();
            for other in types {
                ty = common(&ty, other)?;
            }
            f(vec![ty.clone(); types.len()], ty, |a| {
                let mut map = MapBuilder::default();
                a.iter().rev().flat_map(|map| map.map()).for_each(|(key, value)| map.put(key, value));
                Ok(map.build())
            })
        }
        _ => None,
    }
}

fn join(element: Type, types: &[Type], with_null: bool) -> Option<Resolved> {
    if !crate::cast::castable(&element, &VARCHAR) {
        return None;
    }
    let mut params = vec![types[0].clone(), VARCHAR];
    params.extend(with_null.then_some(VARCHAR));
    f(params, VARCHAR, move |a| {
        let texts: Vec<String> = a[0]
            .array()
            .iter()
            .filter_map(|item| {
                crate::text::print(item, &element).or_else(|| a.get(2).map(|null| null.str().to_owned()))
            })
            .collect();
        Ok(Value::Str(texts.join(a[1].str())))
    })
}

fn sequence(types: &[Type]) -> Option<Resolved> {
    use Type::{BigInt, Date, IntervalDayTime, IntervalYearMonth, Timestamp};
    let whole = types[0].is_integer() && types[1].is_integer();
    let element = match (&types[0], types.get(2)) {
        _ if whole => BigInt,
        (Date, None | Some(IntervalDayTime | IntervalYearMonth)) => Date,
        (Timestamp(p), Some(IntervalDayTime | IntervalYearMonth)) => Timestamp(*p),
        _ => return None,
    };
    let mut params = vec![element.clone(), element.clone()];
    params.extend(types.get(2).map(|step| if whole { BigInt } else { step.clone() }));
    let (months, unit) = (types.get(2) == Some(&IntervalYearMonth), if element == Date { 86_400_000 } else { 1 });
    let is_date = element == Date;
    f(params, array_of(element), move |a| {
        let (start, stop) = (a[0].int(), a[1].int());
        let step = match a.get(2) {
            None => {
                if start <= stop {
                    1
                } else {
                    -1
                }
            }
            Some(step) if whole || months => step.int(),
            Some(step) if is_date => step.int() / unit,
            Some(step) => step.int() * 1000,
        };
        if step == 0 {
            return Err(invalid("step must not be zero"));
        }
        if (step > 0) != (start <= stop) && start != stop {
            let message = "sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop value should be less than or equal to start value";
            return Err(invalid(message));
        }
        let mut out = Vec::new();
        for count in 0.. {
            let at = if months {
                let moved = if is_date {
                    crate::analyze::add_months(start, step * count)
                } else {
                    crate::analyze::add_months_to(start, step * count)
                };
                moved.unwrap_or(i64::MAX)
            } else {
                start.saturating_add(step.saturating_mul(count))
            };
            if (step > 0 && at > stop) || (step < 0 && at < stop) {
                break;
            }
            if out.len() >= 10_000 {
                return Err(invalid("result of sequence function must not have more than 10000 entries"));
            }
            out.push(Value::Int(at));
        }
        Ok(Value::Array(out))
    })
}

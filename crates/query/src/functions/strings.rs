//! Text and regular expressions.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use fancy_regex::Regex;

use super::{RegexCache, Resolved, f, invalid};
use crate::{
    error::QueryError,
    types::{Type, VARCHAR, array_of, map_of},
    value::Value,
};

fn s(text: impl Into<String>) -> Result<Value, QueryError> {
    Ok(Value::Str(text.into()))
}

fn n(number: usize) -> Result<Value, QueryError> {
    Ok(Value::Int(i64::try_from(number).unwrap_or(i64::MAX)))
}

fn regex_error(error: fancy_regex::Error) -> QueryError {
    invalid(error.to_string())
}

pub(super) fn resolve(name: &str, types: &[Type], _: &[Option<Value>]) -> Option<Resolved> {
    use Type::{BigInt, Boolean, Integer, Varbinary};
    let v = || VARCHAR;
    let is_text = |at: usize| types.get(at).is_some_and(|ty| ty.is_text() || *ty == Type::Unknown);
    match (name, types.len()) {
        ("concat", 2..) => concat(types),
        ("concat_ws", 2..) => {
            if let [_, Type::Array(_)] = types {
                return f([v(), array_of(v())], v(), |a| {
                    let items: Vec<&str> = a[1].array().iter().filter(|item| !item.is_null()).map(Value::str).collect();
                    s(items.join(a[0].str()))
                });
            }
            f(vec![v(); types.len()], v(), |a| {
                if a[0].is_null() {
                    return Ok(Value::Null);
                }
                let items: Vec<&str> = a[1..].iter().filter(|item| !item.is_null()).map(Value::str).collect();
                s(items.join(a[0].str()))
            })
            .map(Resolved::with_nulls)
        }
        ("length", 1) => match &types[0] {
            Varbinary => f([Varbinary], BigInt, |a| n(a[0].bytes().len())),
            _ => f([v()], BigInt, |a| n(a[0].str().chars().count())),
        },
        ("lower", 1) => f([v()], keep(types), |a| s(a[0].str().to_lowercase())),
        ("upper", 1) => f([v()], keep(types), |a| s(a[0].str().to_uppercase())),
        ("reverse", 1) if is_text(0) => f([v()], keep(types), |a| s(a[0].str().chars().rev().collect::<String>())),
        ("trim", 1) => f([v()], keep(types), |a| s(a[0].str().trim())),
        ("ltrim", 1) => f([v()], keep(types), |a| s(a[0].str().trim_start())),
        ("rtrim", 1) => f([v()], keep(types), |a| s(a[0].str().trim_end())),
        ("trim", 2) => f([v(), v()], v(), |a| s(a[0].str().trim_matches(|c| a[1].str().contains(c)))),
        ("ltrim", 2) => f([v(), v()], v(), |a| s(a[0].str().trim_start_matches(|c| a[1].str().contains(c)))),
        ("rtrim", 2) => f([v(), v()], v(), |a| s(a[0].str().trim_end_matches(|c| a[1].str().contains(c)))),
        ("replace", 2) => f([v(), v()], v(), |a| s(a[0].str().replace(a[1].str(), ""))),
        ("replace", 3) => f([v(), v(), v()], v(), |a| s(a[0].str().replace(a[1].str(), a[2].str()))),
        ("strpos", 2) => f([v(), v()], BigInt, |a| n(position(a[0].str(), a[1].str()))),
        ("strpos", 3) => f([v(), v(), BigInt], BigInt, |a| {
            let (text, needle, instance) = (a[0].str(), a[1].str(), a[2].int());
            if instance == 0 {
                return Err(invalid("'instance' must not be a positive or negative number."));
            }
            let found: Vec<usize> = text.match_indices(needle).map(|(at, _)| text[..at].chars().count() + 1).collect();
            let at = usize::try_from(instance.unsigned_abs()).unwrap_or(usize::MAX) - 1;
            let hit = if instance > 0 { found.get(at) } else { found.iter().rev().nth(at) };
            n(hit.copied().unwrap_or(0))
        }),
        ("substr" | "substring", 2) if is_text(0) => {
            f([v(), BigInt], v(), |a| s(substring(a[0].str(), a[1].int(), i64::MAX)))
        }
        ("substr" | "substring", 3) if is_text(0) => {
            f([v(), BigInt, BigInt], v(), |a| s(substring(a[0].str(), a[1].int(), a[2].int())))
        }
        ("substr" | "substring", 2) => {
            f([Varbinary, BigInt], Varbinary, |a| Ok(Value::Bytes(window(a[0].bytes(), a[1].int(), i64::MAX).to_vec())))
        }
        ("substr" | "substring", 3) => f([Varbinary, BigInt, BigInt], Varbinary, |a| {
            Ok(Value::Bytes(window(a[0].bytes(), a[1].int(), a[2].int()).to_vec()))
        }),
        ("lpad" | "rpad", 3) => {
            let left = name == "lpad";
            f([v(), BigInt, v()], v(), move |a| {
                let (text, fill) = (a[0].str(), a[2].str());
                let size = usize::try_from(a[1].int()).ok().filter(|size| *size <= 10_000_000);
                let size = size.ok_or_else(|| invalid("Target length must be in the range [0..2147483647]"))?;
                let length = text.chars().count();
                if length >= size {
                    return s(text.chars().take(size).collect::<String>());
                }
                if fill.is_empty() {
                    return Err(invalid("Padding string must not be empty"));
                }
                let padding: String = fill.chars().cycle().take(size - length).collect();
                s(if left { format!("{padding}{text}") } else { format!("{text}{padding}") })
            })
        }
        ("chr", 1) => f([BigInt], Type::Varchar(Some(1)), |a| {
            let code = u32::try_from(a[0].int()).ok().and_then(char::from_u32);
            s(code.ok_or_else(|| invalid(format!("Not a valid Unicode code point: {}", a[0].int())))?.to_string())
        }),
        ("codepoint", 1) => f([v()], Integer, |a| {
            let mut chars = a[0].str().chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(Value::Int(i64::from(u32::from(c)))),
                _ => Err(invalid("Input string must be a single character")),
            }
        }),
        ("starts_with", 2) => f([v(), v()], Boolean, |a| Ok(Value::Bool(a[0].str().starts_with(a[1].str())))),
        ("ends_with", 2) => f([v(), v()], Boolean, |a| Ok(Value::Bool(a[0].str().ends_with(a[1].str())))),
        ("translate", 3) => f([v(), v(), v()], v(), |a| {
            let (from, to): (Vec<char>, Vec<char>) = (a[1].str().chars().collect(), a[2].str().chars().collect());
            let out = a[0].str().chars().filter_map(|c| match from.iter().position(|x| *x == c) {
                Some(at) => to.get(at).copied(),
                None => Some(c),
            });
            s(out.collect::<String>())
        }),
        ("normalize", 1) => f([v()], v(), |a| Ok(a[0].clone())),
        ("levenshtein_distance", 2) => f([v(), v()], BigInt, |a| n(levenshtein(a[0].str(), a[1].str()))),
        ("split", 2) => f([v(), v()], array_of(v()), |a| {
            if a[1].str().is_empty() {
                return Err(invalid("The delimiter may not be the empty string"));
            }
            Ok(Value::Array(a[0].str().split(a[1].str()).map(|part| Value::Str(part.to_owned())).collect()))
        }),
        ("split", 3) => f([v(), v(), BigInt], array_of(v()), |a| {
            let limit = usize::try_from(a[2].int())
                .ok()
                .filter(|limit| *limit > 0)
                .ok_or_else(|| invalid("Limit must be positive"))?;
            if a[1].str().is_empty() {
                return Err(invalid("The delimiter may not be the empty string"));
            }
            Ok(Value::Array(a[0].str().splitn(limit, a[1].str()).map(|part| Value::Str(part.to_owned())).collect()))
        }),
        ("split_part", 3) => f([v(), v(), BigInt], v(), |a| {
            let at = usize::try_from(a[2].int()).ok().filter(|at| *at > 0);
            let at = at.ok_or_else(|| invalid("Index must be greater than zero"))?;
            let part = if a[1].str().is_empty() {
                a[0].str().chars().nth(at - 1).map(String::from)
            } else {
                a[0].str().split(a[1].str()).nth(at - 1).map(str::to_owned)
            };
            Ok(part.map_or(Value::Null, Value::Str))
        }),
        ("split_to_map", 3) => f([v(), v(), v()], map_of(v(), v()), |a| {
            let mut entries = Vec::new();
            for pair in a[0].str().split(a[1].str()).filter(|pair| !pair.is_empty()) {
                let (key, value) = pair.split_once(a[2].str()).ok_or_else(|| {
                    invalid(format!("Key-value delimiter must appear exactly once in each entry. Bad input: '{pair}'"))
                })?;
                entries.push((Value::Str(key.to_owned()), Value::Str(value.to_owned())));
            }
            super::checked_map(entries)
        }),
        ("word_stem", 1) => None,
        ("format", 1..) if is_text(0) => format_function(types),
        ("regexp_like", 2) => {
            let cache = RegexCache::default();
            f([v(), v()], Boolean, move |a| {
                Ok(Value::Bool(cache.get(a[1].str())?.is_match(a[0].str()).map_err(regex_error)?))
            })
        }
        ("regexp_extract", 2 | 3) => {
            let cache = RegexCache::default();
            let mut params = vec![v(), v()];
            params.extend((types.len() == 3).then_some(BigInt));
            f(params, v(), move |a| {
                let regex = cache.get(a[1].str())?;
                let group = group(&regex, a.get(2))?;
                let found = regex.captures(a[0].str()).map_err(regex_error)?;
                Ok(found
                    .and_then(|found| found.get(group))
                    .map_or(Value::Null, |found| Value::Str(found.as_str().to_owned())))
            })
        }
        ("regexp_extract_all", 2 | 3) => {
            let cache = RegexCache::default();
            let mut params = vec![v(), v()];
            params.extend((types.len() == 3).then_some(BigInt));
            f(params, array_of(v()), move |a| {
                let regex = cache.get(a[1].str())?;
                let group = group(&regex, a.get(2))?;
                let mut out = Vec::new();
                for found in regex.captures_iter(a[0].str()) {
                    let found = found.map_err(regex_error)?;
                    out.push(found.get(group).map_or(Value::Null, |found| Value::Str(found.as_str().to_owned())));
                }
                Ok(Value::Array(out))
            })
        }
        ("regexp_replace", 2 | 3) => {
            let cache = RegexCache::default();
            f(vec![v(); types.len()], v(), move |a| {
                let replacement = java_replacement(a.get(2).map_or("", Value::str));
                let regex = cache.get(a[1].str())?;
                s(regex.try_replacen(a[0].str(), 0, replacement.as_str()).map_err(regex_error)?)
            })
        }
        ("regexp_split", 2) => {
            let cache = RegexCache::default();
            f([v(), v()], array_of(v()), move |a| {
                let (regex, text) = (cache.get(a[1].str())?, a[0].str());
                let (mut out, mut last) = (Vec::new(), 0);
                for found in regex.find_iter(text) {
                    let found = found.map_err(regex_error)?;
                    out.push(Value::Str(text[last..found.start()].to_owned()));
                    last = found.end();
                }
                out.push(Value::Str(text[last..].to_owned()));
                Ok(Value::Array(out))
            })
        }
        ("regexp_count", 2) => {
            let cache = RegexCache::default();
            f([v(), v()], BigInt, move |a| n(cache.get(a[1].str())?.find_iter(a[0].str()).count()))
        }
        ("regexp_position", 2) => {
            let cache = RegexCache::default();
            f([v(), v()], Integer, move |a| {
                let found = cache.get(a[1].str())?.find(a[0].str()).map_err(regex_error)?;
                Ok(Value::Int(
                    found.map_or(-1, |found| {
                        i64::try_from(a[0].str()[..found.start()].chars().count() + 1).unwrap_or(-1)
                    }),
                ))
            })
        }
        _ => None,
    }
}

/// `varchar(n)` stays what it is under functions that change no length.
fn keep(types: &[Type]) -> Type {
    match &types[0] {
        ty @ Type::Varchar(_) => ty.clone(),
        _ => VARCHAR,
    }
}

fn concat(types: &[Type]) -> Option<Resolved> {
    if types.iter().any(|ty| matches!(ty, Type::Array(_))) {
        // Elements may stand beside arrays.
        let mut element = Type::Unknown;
        for ty in types {
            element = match ty {
                Type::Array(inner) => crate::types::common(&element, inner)?,
                Type::Unknown => element,
                other => crate::types::common(&element, other)?,
            };
        }
        let array = array_of(element.clone());
        let params: Vec<Type> = types
            .iter()
            .map(|ty| match ty {
                Type::Array(_) => array.clone(),
                Type::Unknown if types.len() == 2 => array.clone(),
                _ => element.clone(),
            })
            .collect();
        let is_array: Vec<bool> = params.iter().map(|ty| *ty == array).collect();
        return f(params, array, move |row| {
            let mut out = Vec::new();
            for (item, whole) in row.iter().zip(&is_array) {
                match (item, whole) {
                    (Value::Null, true) => return Ok(Value::Null),
                    (Value::Array(items), true) => out.extend(items.iter().cloned()),
                    (item, _) => out.push(item.clone()),
                }
            }
            Ok(Value::Array(out))
        })
        .map(Resolved::with_nulls);
    }
    if types.contains(&Type::Varbinary) {
        return f(vec![Type::Varbinary; types.len()], Type::Varbinary, |a| {
            Ok(Value::Bytes(a.iter().flat_map(|item| item.bytes().to_vec()).collect()))
        });
    }
    if !types.iter().all(|ty| ty.is_text() || *ty == Type::Unknown) {
        return None;
    }
    let by_row = f(vec![VARCHAR; types.len()], VARCHAR, |a| s(a.iter().map(Value::str).collect::<String>()));
    by_row.map(|resolved| resolved.by_column(concat_columns))
}

fn concat_columns(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef, QueryError> {
    let columns: Vec<_> = arrays.iter().map(|array| array.as_string::<i32>()).collect();
    let mut builder = StringBuilder::new();
    let mut text = String::new();
    for row in 0..rows {
        if columns.iter().any(|column| column.is_null(row)) {
            builder.append_null();
            continue;
        }
        text.clear();
        columns.iter().for_each(|column| text.push_str(column.value(row)));
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

fn position(text: &str, needle: &str) -> usize {
    text.find(needle).map_or(0, |at| text[..at].chars().count() + 1)
}

/// Where a substring begins, from 0; `None` when it is outside.
fn start_of(start: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let at = match start {
        0 => return None,
        start if start > 0 => start - 1,
        start => length + start,
    };
    (0..=length).contains(&at).then(|| usize::try_from(at).ok())?
}

fn substring(text: &str, start: i64, count: i64) -> String {
    let length = text.chars().count();
    match start_of(start, length) {
        Some(at) if count > 0 => text.chars().skip(at).take(usize::try_from(count).unwrap_or(usize::MAX)).collect(),
        _ => String::new(),
    }
}

fn window(bytes: &[u8], start: i64, count: i64) -> &[u8] {
    match start_of(start, bytes.len()) {
        Some(at) if count > 0 => {
            let end = at.saturating_add(usize::try_from(count).unwrap_or(usize::MAX)).min(bytes.len());
            &bytes[at..end]
        }
        _ => &[],
    }
}

fn levenshtein(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut previous = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = previous + usize::from(x != *y);
            previous = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(previous + 1);
        }
    }
    row[b.len()]
}

fn group(regex: &Regex, group: Option<&Value>) -> Result<usize, QueryError> {
    let wanted = group.map_or(0, Value::int);
    let count = regex.captures_len();
    match usize::try_from(wanted) {
        Ok(group) if group < count => Ok(group),
        Ok(_) => Err(invalid(format!("Pattern has {} groups. Cannot access group {wanted}", count - 1))),
        Err(_) => Err(invalid("Group cannot be negative")),
    }
}

/// Java's `$1` and `${name}`, and backslashes that take a character as it is.
fn java_replacement(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('$') | None => out.push_str("$$"),
                Some(c) => out.push(c),
            },
            '$' if chars.peek().is_some_and(char::is_ascii_digit) => {
                out.push_str("${");
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    out.push(digit);
                }
                out.push('}');
            }
            c => out.push(c),
        }
    }
    out
}

/// LIKE with an optional escape character: `[text, pattern, escape]`.
pub(crate) fn like(row: &[Value]) -> Result<bool, QueryError> {
    let escape = match row.get(2).map(|escape| escape.str().chars().collect::<Vec<_>>()) {
        None => None,
        Some(chars) if chars.len() == 1 => Some(chars[0]),
        Some(_) => return Err(invalid("Escape string must be a single character")),
    };
    enum Part {
        Char(char),
        One,
        Any,
    }
    let mut parts = Vec::new();
    let mut pattern = row[1].str().chars();
    while let Some(c) = pattern.next() {
        parts.push(match c {
            c if Some(c) == escape => match pattern.next() {
                Some(next) if next == '%' || next == '_' || Some(next) == escape => Part::Char(next),
                _ => {
                    return Err(invalid(
                        "Escape character must be followed by '%', '_' or the escape character itself",
                    ));
                }
            },
            '%' => Part::Any,
            '_' => Part::One,
            c => Part::Char(c),
        });
    }
    let text: Vec<char> = row[0].str().chars().collect();
    let (mut at, mut part, mut retry) = (0, 0, None);
    loop {
        match parts.get(part) {
            Some(Part::Any) => {
                retry = Some((at, part));
                part += 1;
                continue;
            }
            Some(Part::One) if at < text.len() => {
                at += 1;
                part += 1;
                continue;
            }
            Some(Part::Char(c)) if text.get(at) == Some(c) => {
                at += 1;
                part += 1;
                continue;
            }
            None if at == text.len() => return Ok(true),
            _ => {}
        }
        match retry {
            Some((from, of)) if from < text.len() => {
                retry = Some((from + 1, of));
                at = from + 1;
                part = of + 1;
            }
            _ => return Ok(false),
        }
    }
}

/// `format('%s %d', …)`: Java's conversions `s d f e x b %`, with flags `- 0 , +`, width and precision.
fn format_function(types: &[Type]) -> Option<Resolved> {
    let kinds = types[1..].to_vec();
    let mut params = types.to_vec();
    params[0] = VARCHAR;
    f(params, VARCHAR, move |row| {
        let (mut out, mut next) = (String::new(), 0);
        let pattern: Vec<char> = row[0].str().chars().collect();
        let mut at = 0;
        while at < pattern.len() {
            if pattern[at] != '%' {
                out.push(pattern[at]);
                at += 1;
                continue;
            }
            at += 1;
            let start = at;
            while at < pattern.len() && !pattern[at].is_ascii_alphabetic() && pattern[at] != '%' {
                at += 1;
            }
            let spec: String = pattern[start..at].iter().collect();
            let Some(conversion) = pattern.get(at).copied() else { return Err(invalid("Invalid format string")) };
            at += 1;
            if conversion == '%' {
                out.push('%');
                continue;
            }
            if conversion == 'n' {
                out.push('\n');
                continue;
            }
            let (Some(value), Some(kind)) = (row.get(next + 1), kinds.get(next)) else {
                return Err(invalid(format!("Invalid format string: {} (UnknownFormatConversion)", row[0].str())));
            };
            next += 1;
            let flags: String = spec.chars().take_while(|c| "-+, 0#(".contains(*c)).collect();
            let (width, precision) = spec[flags.len()..].split_once('.').unwrap_or((&spec[flags.len()..], ""));
            let precision = precision.parse::<usize>().ok();
            let number = || match value {
                Value::Decimal(_) => crate::text::print(value, kind).and_then(|text| text.parse().ok()).unwrap_or(0.0),
                other => other.double(),
            };
            let mut text = match conversion.to_ascii_lowercase() {
                'd' => value.int().to_string(),
                'f' => format!("{:.*}", precision.unwrap_or(6), number()),
                'e' => format!("{:.*e}", precision.unwrap_or(6), number()),
                'x' => format!("{:x}", value.int()),
                _ => crate::text::print(value, kind).unwrap_or_else(|| "null".to_owned()),
            };
            if flags.contains(',') {
                text = grouped(&text);
            }
            if flags.contains('+') && !text.starts_with('-') {
                text.insert(0, '+');
            }
            if conversion.is_ascii_uppercase() {
                text = text.to_uppercase();
            }
            let width = width.parse::<usize>().unwrap_or(0);
            let missing = width.saturating_sub(text.chars().count());
            let fill = if flags.contains('0') { "0" } else { " " }.repeat(missing);
            if flags.contains('-') {
                out.push_str(&text);
                out.push_str(&" ".repeat(missing));
            } else if let (Some(digits), true) = (text.strip_prefix('-'), flags.contains('0')) {
                out.push_str(&format!("-{fill}{digits}"));
            } else {
                out.push_str(&fill);
                out.push_str(&text);
            }
        }
        s(out)
    })
    .map(Resolved::with_nulls)
}

fn grouped(number: &str) -> String {
    let (whole, rest) = number.find('.').map_or((number, ""), |at| number.split_at(at));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}{rest}")
}

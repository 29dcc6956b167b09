//! Methods of `str`.

use std::sync::Arc;

use crate::value::Slice;
use crate::{CallArgs, Error, ErrorKind, Result, State, Value};

pub(super) const METHODS: &[&str] = &[
    "upper",
    "lower",
    "strip",
    "lstrip",
    "rstrip",
    "replace",
    "split",
    "rsplit",
    "splitlines",
    "partition",
    "rpartition",
    "startswith",
    "endswith",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "join",
    "format",
    "format_map",
    "title",
    "capitalize",
    "swapcase",
    "casefold",
    "center",
    "ljust",
    "rjust",
    "zfill",
    "isdigit",
    "isdecimal",
    "isnumeric",
    "isalpha",
    "isalnum",
    "isspace",
    "isupper",
    "islower",
    "istitle",
    "isidentifier",
    "isascii",
    "isprintable",
    "encode",
    "removeprefix",
    "removesuffix",
    "expandtabs",
    "translate",
    "maketrans",
];

const MAX_WIDTH: i64 = 1_000_000;

pub(crate) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

fn text_argument(function: &str, value: Option<Value>) -> Result<Arc<str>> {
    match value {
        Some(Value::Str(text)) => Ok(text),
        Some(Value::Undefined(undefined)) => Err(undefined.error()),
        Some(other) if other.type_name() == "str" => Ok(other.to_string().into()),
        other => Err(Error::type_error(format!(
            "{function}() argument must be str, not {}",
            other.unwrap_or(Value::None).type_name()
        ))),
    }
}

/// `str.maketrans`: what `translate` makes of letters, by their code points; `None` removes one.
fn translation_table(args: CallArgs) -> Result<Value> {
    let given = args.positional.len();
    let [from, to, removed] = match given {
        1..=3 => args.bind("maketrans", ["x", "y", "z"], 1)?,
        0 => return Err(Error::type_error("maketrans expected at least 1 argument, got 0")),
        _ => return Err(Error::type_error(format!("maketrans expected at most 3 arguments, got {given}"))),
    };
    let code = |letter: char| Value::Int(i64::from(u32::from(letter)));
    let Some(to) = to else {
        let Some(Value::Dict(letters)) = from else {
            return Err(Error::type_error("if you give only one argument to maketrans it must be a dict"));
        };
        let entries = letters.entries().into_iter().map(|(key, value)| match &key {
            Value::Int(_) | Value::Bool(_) => Ok((key, value)),
            Value::Str(text) => match *text.chars().collect::<Vec<char>>() {
                [letter] => Ok((code(letter), value)),
                _ => Err(Error::value_error("string keys in translate table must be of length 1")),
            },
            _ => Err(Error::type_error("keys in translate table must be strings or integers")),
        });
        return Ok(Value::dict(entries.collect::<Result<Vec<_>>>()?));
    };
    let text = |position: &str, value: Option<Value>| match value {
        None => Ok(Arc::from("")),
        Some(Value::Str(text)) => Ok(text),
        Some(other) => {
            let found = other.type_name();
            Err(Error::type_error(format!("maketrans() argument {position} must be str, not {found}")))
        }
    };
    let Some(Value::Str(from)) = from else {
        let what = "first maketrans argument must be a string if there is a second argument";
        return Err(Error::type_error(what));
    };
    let (to, removed) = (text("2", Some(to))?, text("3", removed)?);
    if from.chars().count() != to.chars().count() {
        return Err(Error::value_error("the first two maketrans arguments must have equal length"));
    }
    let changed = from.chars().zip(to.chars()).map(|(from, to)| (code(from), code(to)));
    Ok(Value::dict(changed.chain(removed.chars().map(|letter| (code(letter), Value::None)))))
}

/// What `find`, `index` and `count` look for.
fn sought(value: Option<Value>) -> Result<Arc<str>> {
    match value {
        Some(value @ (Value::Str(_) | Value::Undefined(_))) => text_argument("find", Some(value)),
        other => Err(Error::type_error(format!("must be str, not {}", other.unwrap_or(Value::None).type_name()))),
    }
}

fn number_argument(value: Option<Value>, default: i64) -> Result<i64> {
    match value {
        None => Ok(default),
        Some(value) => value.as_i64().ok_or_else(|| {
            Error::type_error(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
        }),
    }
}

/// `(strip)`: without an argument white space, else any of its letters.
pub(crate) fn strip_chars(text: &str, letters: Option<&str>, left: bool, right: bool) -> String {
    let matches = |letter: char| match letters {
        None => is_space(letter),
        Some(set) => set.contains(letter),
    };
    let text = if left { text.trim_start_matches(matches) } else { text };
    let text = if right { text.trim_end_matches(matches) } else { text };
    text.to_owned()
}

pub(crate) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect(),
        None => String::new(),
    }
}

fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_alphabetic();
    }
    out
}

pub(crate) fn split_lines(text: &str, keep: bool) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if !matches!(letter, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            continue;
        }
        let mut end = at + letter.len_utf8();
        if letter == '\r' && letters.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(Value::str(&text[start..if keep { end } else { at }]));
        start = end;
    }
    if start < text.len() {
        lines.push(Value::str(&text[start..]));
    }
    lines
}

fn split(text: &str, separator: Option<&str>, limit: i64, from_right: bool) -> Result<Vec<Value>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Some(separator) = separator else {
        let mut parts: Vec<&str> = Vec::new();
        let mut rest = text.trim_end_matches(is_space);
        if from_right {
            while !rest.trim_start_matches(is_space).is_empty() {
                match rest.char_indices().rev().find(|(_, letter)| is_space(*letter)) {
                    Some((at, letter)) if parts.len() < limit => {
                        parts.push(&rest[at + letter.len_utf8()..]);
                        rest = rest[..at].trim_end_matches(is_space);
                    }
                    _ => {
                        parts.push(rest);
                        break;
                    }
                }
            }
            parts.reverse();
        } else {
            // The last part keeps the white space at its end when the limit cut it off.
            rest = text.trim_start_matches(is_space);
            while !rest.is_empty() {
                match rest.find(is_space) {
                    Some(at) if parts.len() < limit => {
                        parts.push(&rest[..at]);
                        rest = rest[at..].trim_start_matches(is_space);
                    }
                    _ => {
                        parts.push(rest);
                        break;
                    }
                }
            }
        }
        return Ok(parts.into_iter().map(Value::str).collect());
    };
    if separator.is_empty() {
        return Err(Error::value_error("empty separator"));
    }
    let limit = limit.saturating_add(1);
    Ok(if from_right {
        let mut parts: Vec<Value> = text.rsplitn(limit, separator).map(Value::str).collect();
        parts.reverse();
        parts
    } else {
        text.splitn(limit, separator).map(Value::str).collect()
    })
}

/// The part between two letter positions, and how many letters come before it.
fn window(text: &str, start: Option<Value>, end: Option<Value>) -> Result<Option<(String, i64)>> {
    let bound =
        |value: Option<Value>| value.filter(|value| !value.is_none()).map(|v| number_argument(Some(v), 0)).transpose();
    let (start, end) = (bound(start)?, bound(end)?);
    let length = text.chars().count() as i64;
    let first = match start {
        Some(index) if index < 0 => (index + length).max(0),
        Some(index) if index > length => return Ok(None),
        Some(index) => index,
        None => 0,
    };
    let slice = Slice { start, stop: end, step: None };
    Ok(Some((Value::str(text).slice(&slice)?.to_string(), first)))
}

fn position(text: &str, name: &str, args: CallArgs) -> Result<i64> {
    let [part, start, end] = args.bind(name, ["sub", "start", "end"], 1)?;
    let part = sought(part)?;
    let Some((inside, offset)) = window(text, start, end)? else { return Ok(-1) };
    let found = if name.starts_with('r') { inside.rfind(&*part) } else { inside.find(&*part) };
    Ok(found.map_or(-1, |at| inside[..at].chars().count() as i64 + offset))
}

fn affix(text: &str, name: &str, args: CallArgs, test: fn(&str, &str) -> bool) -> Result<Value> {
    let [affix, start, end] = args.bind(name, ["prefix", "start", "end"], 1)?;
    let Some((inside, _)) = window(text, start, end)? else { return Ok(Value::Bool(false)) };
    let affixes = match affix {
        Some(Value::Tuple(items)) => items.to_vec(),
        Some(Value::Str(text)) => vec![Value::Str(text)],
        Some(Value::Undefined(undefined)) => return Err(undefined.error()),
        other => {
            return Err(Error::type_error(format!(
                "{name} first arg must be str or a tuple of str, not {}",
                other.unwrap_or(Value::None).type_name()
            )));
        }
    };
    Ok(affixes.iter().filter_map(Value::as_str).any(|affix| test(&inside, affix)).into())
}

fn padded(text: &str, name: &str, args: CallArgs) -> Result<Value> {
    let [width, fill] = args.bind(name, ["width", "fillchar"], 1)?;
    let width = number_argument(width, 0)?.min(MAX_WIDTH);
    let fill = match fill {
        None => ' ',
        Some(fill) => match fill.as_str().map(|fill| (fill.chars().next(), fill.chars().count())) {
            Some((Some(letter), 1)) => letter,
            _ => return Err(Error::type_error("The fill character must be exactly one character long")),
        },
    };
    let missing = (width - text.chars().count() as i64).max(0) as usize;
    let fills = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(match name {
        "ljust" => format!("{text}{}", fills(missing)),
        "rjust" => format!("{}{text}", fills(missing)),
        _ => {
            // CPython gives the odd one to the left only when the width is odd.
            let left = missing / 2 + (missing & width as usize & 1);
            format!("{}{text}{}", fills(left), fills(missing - left))
        }
    }
    .into())
}

pub(super) fn call(state: &mut State<'_>, text: &Arc<str>, name: &str, mut args: CallArgs) -> Result<Value> {
    let text: &str = text;
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let cased = |wanted: fn(&char) -> bool, other: fn(&char) -> bool| {
        text.chars().any(|letter| wanted(&letter)) && !text.chars().any(|letter| other(&letter))
    };
    if !args.is_empty()
        && (name.starts_with("is")
            || matches!(name, "upper" | "lower" | "title" | "capitalize" | "swapcase" | "casefold"))
    {
        let given = args.positional.len() + args.keyword.len();
        return Err(Error::type_error(format!("str.{name}() takes no arguments ({given} given)")));
    }
    Ok(match name {
        "upper" => text.to_uppercase().into(),
        "lower" => text.to_lowercase().into(),
        "casefold" => text.to_lowercase().replace('ß', "ss").into(),
        "title" => title(text).into(),
        "capitalize" => capitalize(text).into(),
        "swapcase" => text
            .chars()
            .flat_map(|letter| -> Vec<char> {
                if letter.is_uppercase() { letter.to_lowercase().collect() } else { letter.to_uppercase().collect() }
            })
            .collect::<String>()
            .into(),
        "strip" | "lstrip" | "rstrip" => {
            let [letters] = args.bind(name, ["chars"], 0)?;
            let letters = match letters {
                None | Some(Value::None) => None,
                Some(Value::Str(letters)) => Some(letters),
                Some(_) => return Err(Error::type_error(format!("{name} arg must be None or str"))),
            };
            strip_chars(text, letters.as_deref(), name != "rstrip", name != "lstrip").into()
        }
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"], 2)?;
            let (old, new) = (text_argument(name, old)?, text_argument(name, new)?);
            match number_argument(count, -1)? {
                count if count < 0 => text.replace(&*old, &new).into(),
                count => text.replacen(&*old, &new, count as usize).into(),
            }
        }
        "split" | "rsplit" => {
            let [separator, limit] = args.bind(name, ["sep", "maxsplit"], 0)?;
            let separator = match separator {
                None | Some(Value::None) => None,
                Some(Value::Str(separator)) => Some(separator),
                Some(other) => {
                    return Err(Error::type_error(format!("must be str or None, not {}", other.type_name())));
                }
            };
            Value::list(split(text, separator.as_deref(), number_argument(limit, -1)?, name == "rsplit")?)
        }
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"], 0)?;
            Value::list(split_lines(text, keep.is_some_and(|keep| keep.is_true())))
        }
        "partition" | "rpartition" => {
            let [separator] = args.bind(name, ["sep"], 1)?;
            let separator = text_argument(name, separator)?;
            if separator.is_empty() {
                return Err(Error::value_error("empty separator"));
            }
            let found = if name == "partition" { text.split_once(&*separator) } else { text.rsplit_once(&*separator) };
            let parts = match found {
                Some((before, after)) => [before, &separator, after],
                None if name == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            Value::tuple(parts.into_iter().map(Value::str).collect())
        }
        "startswith" => affix(text, name, args, |text, affix| text.starts_with(affix))?,
        "endswith" => affix(text, name, args, |text, affix| text.ends_with(affix))?,
        "removeprefix" | "removesuffix" => {
            let [affix] = args.bind(name, ["affix"], 1)?;
            let affix = text_argument(name, affix)?;
            let cut = if name == "removeprefix" { text.strip_prefix(&*affix) } else { text.strip_suffix(&*affix) };
            cut.unwrap_or(text).into()
        }
        "find" | "rfind" => position(text, name, args)?.into(),
        "index" | "rindex" => match position(text, name, args)? {
            -1 => return Err(Error::value_error("substring not found")),
            at => at.into(),
        },
        "count" => {
            let [part, start, end] = args.bind(name, ["sub", "start", "end"], 1)?;
            let part = sought(part)?;
            match window(text, start, end)? {
                None => Value::Int(0),
                Some((inside, _)) if part.is_empty() => (inside.chars().count() + 1).into(),
                Some((inside, _)) => inside.matches(&*part).count().into(),
            }
        }
        "join" => {
            let [items] = args.bind(name, ["iterable"], 1)?;
            let mut out = String::new();
            for (index, item) in items
                .unwrap_or(Value::None)
                .iter()
                .map_err(|_| Error::type_error("can only join an iterable"))?
                .enumerate()
            {
                if index > 0 {
                    out.push_str(text);
                }
                match item? {
                    Value::Str(part) => out.push_str(&part),
                    other if other.type_name() == "str" => other.write_str(&mut out),
                    other => {
                        return Err(Error::type_error(format!(
                            "sequence item {index}: expected str instance, {} found",
                            other.type_name()
                        )));
                    }
                }
            }
            out.into()
        }
        "format" => crate::format::format(state, text, &args)?.into(),
        "format_map" => {
            let [mapping] = args.bind(name, ["mapping"], 1)?;
            let entries = super::mapping_entries(&mapping.unwrap_or(Value::None))
                .ok_or_else(|| Error::type_error("format_map() argument must be a mapping"))?;
            args = CallArgs::default();
            for (key, value) in entries {
                if let Value::Str(key) = key {
                    args.keyword.push((key, value));
                }
            }
            crate::format::format(state, text, &args)?.into()
        }
        "center" | "ljust" | "rjust" => padded(text, name, args)?,
        "zfill" => {
            let [width] = args.bind(name, ["width"], 1)?;
            let width = number_argument(width, 0)?.clamp(0, MAX_WIDTH) as usize;
            let missing = width.saturating_sub(text.chars().count());
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => text.split_at(text.len() - digits.len()),
                None => ("", text),
            };
            format!("{sign}{}{digits}", "0".repeat(missing)).into()
        }
        "isdigit" | "isdecimal" => all(|letter| letter.is_ascii_digit()).into(),
        "isnumeric" => all(char::is_numeric).into(),
        "isalpha" => all(char::is_alphabetic).into(),
        "isalnum" => all(char::is_alphanumeric).into(),
        "isspace" => all(is_space).into(),
        "isascii" => text.is_ascii().into(),
        "isprintable" => text.chars().all(|letter| !letter.is_control() && (letter == ' ' || !is_space(letter))).into(),
        "isupper" => cased(|letter| letter.is_uppercase(), |letter| letter.is_lowercase()).into(),
        "islower" => cased(|letter| letter.is_lowercase(), |letter| letter.is_uppercase()).into(),
        "istitle" => (text.chars().any(char::is_alphabetic) && title(text) == text).into(),
        "isidentifier" => (text.starts_with(|letter: char| letter == '_' || letter.is_alphabetic())
            && text.chars().all(|letter| letter == '_' || letter.is_alphanumeric()))
        .into(),
        "encode" => Value::Bytes(text.as_bytes().into()),
        "expandtabs" => {
            let [size] = args.bind(name, ["tabsize"], 0)?;
            let size = number_argument(size, 8)?.clamp(0, 1000) as usize;
            let mut out = String::new();
            let mut column = 0;
            for letter in text.chars() {
                match letter {
                    '\t' if size > 0 => {
                        let spaces = size - column % size;
                        out.extend(std::iter::repeat_n(' ', spaces));
                        column += spaces;
                    }
                    '\t' => {}
                    letter => {
                        out.push(letter);
                        column = if letter == '\n' || letter == '\r' { 0 } else { column + 1 };
                    }
                }
            }
            out.into()
        }
        "translate" => {
            let [table] = args.bind(name, ["table"], 1)?;
            let table = table.unwrap_or(Value::None);
            let mut out = String::new();
            for letter in text.chars() {
                match table.get_item(&Value::Int(i64::from(letter as u32))) {
                    None => out.push(letter),
                    Some(Value::None) => {}
                    Some(Value::Int(code)) => out.extend(u32::try_from(code).ok().and_then(char::from_u32)),
                    Some(other) => other.write_str(&mut out),
                }
            }
            out.into()
        }
        "maketrans" => translation_table(args)?,
        _ => return Err(Error::new(ErrorKind::Attribute, format!("'str' object has no attribute '{name}'"))),
    })
}

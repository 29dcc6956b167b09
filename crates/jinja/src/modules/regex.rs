//! `modules.re`

use std::fmt;
use std::sync::Arc;

use fancy_regex::{Captures, Regex};

use super::Namespace;
use super::globals::string_dict;
use crate::{CallArgs, Error, ErrorKind, Object, Result, State, Value, one_shot};

const FLAGS: [(&str, i64, char); 12] = [
    ("IGNORECASE", 2, 'i'),
    ("I", 2, 'i'),
    ("MULTILINE", 8, 'm'),
    ("M", 8, 'm'),
    ("DOTALL", 16, 's'),
    ("S", 16, 's'),
    ("VERBOSE", 64, 'x'),
    ("X", 64, 'x'),
    ("UNICODE", 32, ' '),
    ("U", 32, ' '),
    ("ASCII", 256, ' '),
    ("A", 256, ' '),
];

pub(super) fn module() -> Value {
    let mut members: Vec<(&'static str, Value)> =
        FLAGS.iter().map(|(name, bit, _)| (*name, Value::Int(*bit))).collect();
    members.push((
        "compile",
        Value::function("compile", |_, args| {
            let [pattern, flags] = args.bind("compile", ["pattern", "flags"], 1)?;
            pattern_of(&pattern.unwrap_or(Value::None), flags).map(|pattern| Value::Object(pattern))
        }),
    ));
    members.push((
        "escape",
        Value::function("escape", |_, args| {
            let [text] = args.bind("escape", ["pattern"], 1)?;
            Ok(escape(&text.unwrap_or(Value::None).to_string()).into())
        }),
    ));
    members.push(("match", Value::function("match", |_, args| searching("match", args))));
    members.push(("fullmatch", Value::function("fullmatch", |_, args| searching("fullmatch", args))));
    members.push(("search", Value::function("search", |_, args| searching("search", args))));
    members.push(("findall", Value::function("findall", |_, args| searching("findall", args))));
    members.push(("finditer", Value::function("finditer", |_, args| searching("finditer", args))));
    members.push(("sub", Value::function("sub", |state, args| replacing(state, "sub", args))));
    members.push(("subn", Value::function("subn", |state, args| replacing(state, "subn", args))));
    members.push((
        "split",
        Value::function("split", |_, args| {
            let [pattern, text, limit, flags] = args.bind("split", ["pattern", "string", "maxsplit", "flags"], 2)?;
            let pattern = pattern_of(&pattern.unwrap_or(Value::None), flags)?;
            pattern.split(&text_of(text)?, limit)
        }),
    ));
    Namespace::module("re", members)
}

fn text_of(value: Option<Value>) -> Result<Arc<str>> {
    match value {
        Some(Value::Str(text)) => Ok(text),
        Some(Value::Undefined(undefined)) => Err(undefined.error()),
        other => Err(Error::type_error(format!(
            "expected string or bytes-like object, got '{}'",
            other.unwrap_or(Value::None).type_name()
        ))),
    }
}

fn searching(name: &'static str, args: CallArgs) -> Result<Value> {
    let [pattern, text, flags] = args.bind(name, ["pattern", "string", "flags"], 2)?;
    let pattern = pattern_of(&pattern.unwrap_or(Value::None), flags)?;
    pattern.search(name, &text_of(text)?, 0)
}

fn replacing(state: &mut State<'_>, name: &'static str, args: CallArgs) -> Result<Value> {
    let [pattern, by, text, count, flags] = args.bind(name, ["pattern", "repl", "string", "count", "flags"], 3)?;
    let pattern = pattern_of(&pattern.unwrap_or(Value::None), flags)?;
    pattern.replace(state, name, by.unwrap_or(Value::None), &text_of(text)?, count)
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// A compiled pattern.
struct Pattern {
    source: Arc<str>,
    flags: i64,
    regex: Regex,
    /// The pattern that must match all of the text.
    full: Regex,
}

fn pattern_of(value: &Value, flags: Option<Value>) -> Result<Arc<Pattern>> {
    if let Some(pattern) = value.downcast_ref::<Pattern>() {
        return compile(&pattern.source, pattern.flags);
    }
    let flags = flags.and_then(|flags| flags.as_i64()).unwrap_or(0);
    compile(&text_of(Some(value.clone()))?, flags)
}

fn compile(source: &Arc<str>, flags: i64) -> Result<Arc<Pattern>> {
    let mut letters: Vec<char> =
        FLAGS.iter().filter(|(_, bit, letter)| flags & bit != 0 && *letter != ' ').map(|(.., l)| *l).collect();
    letters.dedup();
    let prefix = if letters.is_empty() { String::new() } else { format!("(?{})", letters.iter().collect::<String>()) };
    // Python's end of text is `\Z`; `(?P=name)` is known to both.
    let adapted = source.replace("\\Z", "\\z");
    let build = |pattern: String| {
        fancy_regex::RegexBuilder::new(&pattern).backtrack_limit(1_000_000).build().map_err(|error| {
            Error::new(
                ErrorKind::Value,
                format!("invalid regular expression {}: {error}", Value::str(&**source).repr()),
            )
        })
    };
    Ok(Arc::new(Pattern {
        source: Arc::clone(source),
        flags,
        regex: build(format!("{prefix}{adapted}"))?,
        full: build(format!("{prefix}(?:{adapted})\\z"))?,
    }))
}

fn failed(error: fancy_regex::Error) -> Error {
    Error::new(ErrorKind::Runtime, format!("the regular expression takes too long: {error}"))
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl Pattern {
    fn search(&self, name: &str, text: &Arc<str>, from: usize) -> Result<Value> {
        let found = match name {
            "match" => self
                .regex
                .captures_from_pos(text, from)
                .map_err(failed)?
                .filter(|found| found.get(0).is_some_and(|m| m.start() == from)),
            "fullmatch" => self
                .full
                .captures_from_pos(text, from)
                .map_err(failed)?
                .filter(|found| found.get(0).is_some_and(|m| m.start() == from)),
            "search" => self.regex.captures_from_pos(text, from).map_err(failed)?,
            _ => {
                let mut all = Vec::new();
                for found in self.regex.captures_iter(text) {
                    let found = self.matched(text, &found.map_err(failed)?);
                    all.push(if name == "finditer" { Value::object(found) } else { found.plain() });
                }
                return Ok(if name == "finditer" {
                    one_shot("callable_iterator", all.into_iter().map(Ok))
                } else {
                    Value::list(all)
                });
            }
        };
        Ok(found.map_or(Value::None, |found| Value::object(self.matched(text, &found))))
    }

    fn matched(&self, text: &Arc<str>, found: &Captures<'_>) -> Match {
        let groups = found.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect();
        let names = self.regex.capture_names().map(|name| name.map(str::to_owned)).collect();
        Match { text: Arc::clone(text), groups, names }
    }

    fn replace(
        &self,
        state: &mut State<'_>,
        name: &str,
        by: Value,
        text: &Arc<str>,
        count: Option<Value>,
    ) -> Result<Value> {
        let limit = count.and_then(|count| count.as_i64()).filter(|count| *count > 0).unwrap_or(i64::MAX);
        let mut out = String::new();
        let (mut last, mut made) = (0, 0_i64);
        for found in self.regex.captures_iter(text) {
            if made >= limit {
                break;
            }
            let found = self.matched(text, &found.map_err(failed)?);
            let (start, end) = found.groups[0].unwrap_or((last, last));
            out.push_str(&text[last..start]);
            match &by {
                Value::Str(template) => expand(&mut out, template, &found)?,
                function => {
                    let found = Value::object(found);
                    state.call(function, CallArgs::positional(vec![found]))?.write_str(&mut out);
                }
            }
            last = end;
            made += 1;
        }
        out.push_str(&text[last..]);
        Ok(if name == "subn" { Value::tuple(vec![out.into(), made.into()]) } else { out.into() })
    }

    fn split(&self, text: &Arc<str>, limit: Option<Value>) -> Result<Value> {
        let limit = limit.and_then(|limit| limit.as_i64()).filter(|limit| *limit > 0).unwrap_or(i64::MAX);
        let mut parts = Vec::new();
        let (mut last, mut made) = (0, 0_i64);
        for found in self.regex.captures_iter(text) {
            if made >= limit {
                break;
            }
            let found = self.matched(text, &found.map_err(failed)?);
            let (start, end) = found.groups[0].unwrap_or((last, last));
            parts.push(Value::str(&text[last..start]));
            parts.extend((1..found.groups.len()).map(|group| found.group(group)));
            last = end;
            made += 1;
        }
        parts.push(Value::str(&text[last..]));
        Ok(Value::list(parts))
    }
}

/// `\1`, `\g<name>` and escapes in a replacement.
fn expand(out: &mut String, template: &str, found: &Match) -> Result<()> {
    let mut letters = template.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('g') if letters.next_if_eq(&'<').is_some() => {
                let name: String = letters.by_ref().take_while(|letter| *letter != '>').collect();
                let group =
                    found.index(&name.parse::<i64>().map_or_else(|_| Value::from(name.as_str()), Value::Int))?;
                found.group(group).write_group(out);
            }
            Some(digit @ '0'..='9') => {
                let mut number = digit.to_digit(10).unwrap_or(0);
                if let Some(next) = letters.next_if(char::is_ascii_digit) {
                    number = number * 10 + next.to_digit(10).unwrap_or(0);
                }
                let group = found.index(&Value::Int(i64::from(number)))?;
                found.group(group).write_group(out);
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    Ok(())
}

impl Value {
    fn write_group(&self, out: &mut String) {
        if !self.is_none() {
            self.write_str(out);
        }
    }
}

impl Object for Pattern {
    fn type_name(&self) -> &str {
        "re.Pattern"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        match name {
            "pattern" => Some(Value::Str(Arc::clone(&self.source))),
            "flags" => Some((self.flags | 32).into()),
            "groups" => Some((self.regex.captures_len() - 1).into()),
            _ => None,
        }
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "match" | "fullmatch" | "search" | "findall" | "finditer" | "sub" | "subn" | "split")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        match name {
            "sub" | "subn" => {
                let [by, text, count] = args.bind(name, ["repl", "string", "count"], 2)?;
                self.replace(state, name, by.unwrap_or(Value::None), &text_of(text)?, count)
            }
            "split" => {
                let [text, limit] = args.bind(name, ["string", "maxsplit"], 1)?;
                self.split(&text_of(text)?, limit)
            }
            _ if self.has_method(name) => {
                let [text, from] = args.bind(name, ["string", "pos"], 1)?;
                let text = text_of(text)?;
                let from = from.and_then(|from| from.as_i64()).unwrap_or(0).max(0) as usize;
                let from = text.char_indices().nth(from).map_or(text.len(), |(at, _)| at);
                self.search(name, &text, from)
            }
            _ => state.call_missing(self.type_name(), name),
        }
    }

    fn repr(&self) -> String {
        format!("re.compile({})", Value::Str(Arc::clone(&self.source)).repr())
    }
}

/// A match.
#[derive(Debug)]
struct Match {
    text: Arc<str>,
    groups: Vec<Option<(usize, usize)>>,
    names: Vec<Option<String>>,
}

impl Match {
    fn group(&self, index: usize) -> Value {
        match self.groups.get(index).copied().flatten() {
            Some((start, end)) => Value::str(&self.text[start..end]),
            None => Value::None,
        }
    }

    /// What `findall` lists: the groups when there are any.
    fn plain(&self) -> Value {
        let text = |index: usize| match self.group(index) {
            Value::None => "".into(),
            text => text,
        };
        match self.groups.len() {
            1 => text(0),
            2 => text(1),
            count => Value::tuple((1..count).map(text).collect()),
        }
    }

    fn index(&self, key: &Value) -> Result<usize> {
        let found = match key {
            Value::Str(name) => self.names.iter().position(|known| known.as_deref() == Some(&**name)),
            other => other.as_i64().and_then(|index| usize::try_from(index).ok()),
        };
        found.filter(|index| *index < self.groups.len()).ok_or_else(|| Error::new(ErrorKind::Index, "no such group"))
    }

    fn letters(&self, at: usize) -> usize {
        self.text[..at].chars().count()
    }
}

impl Object for Match {
    fn type_name(&self) -> &str {
        "re.Match"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        match name {
            "string" => Some(Value::Str(Arc::clone(&self.text))),
            "lastindex" => (1..self.groups.len()).rev().find(|index| self.groups[*index].is_some()).map(Value::from),
            _ => None,
        }
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        self.index(key).ok().map(|index| self.group(index))
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "group" | "groups" | "groupdict" | "start" | "end" | "span" | "expand")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        let first = args.positional.first().cloned();
        Ok(match name {
            "group" => match args.positional.as_slice() {
                [] => self.group(0),
                [one] => self.group(self.index(one)?),
                several => {
                    let groups: Result<Vec<Value>> =
                        several.iter().map(|key| Ok(self.group(self.index(key)?))).collect();
                    Value::tuple(groups?)
                }
            },
            "groups" | "groupdict" => {
                let [default] = args.bind(name, ["default"], 0)?;
                let default = default.unwrap_or(Value::None);
                let text = |index: usize| match self.group(index) {
                    Value::None => default.clone(),
                    text => text,
                };
                if name == "groups" {
                    return Ok(Value::tuple((1..self.groups.len()).map(text).collect()));
                }
                let named = self.names.iter().enumerate();
                string_dict(named.filter_map(|(index, name)| Some((name.clone()?, text(index)))).collect())
            }
            "start" | "end" | "span" => {
                let index = self.index(&first.unwrap_or(Value::Int(0)))?;
                let (start, end) = match self.groups[index] {
                    Some((start, end)) => (self.letters(start).into(), self.letters(end).into()),
                    None => (Value::Int(-1), Value::Int(-1)),
                };
                match name {
                    "start" => start,
                    "end" => end,
                    _ => Value::tuple(vec![start, end]),
                }
            }
            "expand" => {
                let mut out = String::new();
                expand(&mut out, &text_of(first)?, self)?;
                out.into()
            }
            _ => return state.call_missing(self.type_name(), name),
        })
    }

    fn repr(&self) -> String {
        let (start, end) = self.groups[0].unwrap_or((0, 0));
        format!(
            "<re.Match object; span=({}, {}), match={}>",
            self.letters(start),
            self.letters(end),
            self.group(0).repr()
        )
    }
}

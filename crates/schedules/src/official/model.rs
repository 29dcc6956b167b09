//! Checks a tree against a table of types the way pydantic's first version does: what it coerces, what it refuses, in its words.

use std::fmt;

use project::yaml::{Map, Node, Position, Value};

/// Events of notifications and triggers.
pub(super) const EVENTS: [&str; 3] = ["failed", "passed", "sla"];
/// The same as the client shows them.
pub(super) const EVENTS_SHOWN: &str = "('failed', 'passed', 'sla')";

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Text,
    Bool,
    Int,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    TextOrTexts,
    /// A text, or a mapping whose `command` is one.
    Command,
    ListOf(&'static Type),
    Model(&'static Model),
}

/// One key of a model.
pub(super) struct Field {
    pub name: &'static str,
    pub ty: Type,
    pub required: bool,
    /// Whether null is as good as nothing.
    pub nullable: bool,
    /// A check of the value once its type is right.
    pub check: Option<fn(&Node) -> Option<String>>,
}

impl Field {
    pub const fn optional(name: &'static str, ty: Type) -> Self {
        Self { name, ty, required: false, nullable: true, check: None }
    }

    pub const fn required(name: &'static str, ty: Type) -> Self {
        Self { name, ty, required: true, nullable: false, check: None }
    }

    /// May be left out, but not be null.
    pub const fn defaulted(name: &'static str, ty: Type) -> Self {
        Self { name, ty, required: false, nullable: false, check: None }
    }

    pub const fn check(mut self, check: fn(&Node) -> Option<String>) -> Self {
        self.check = Some(check);
        self
    }
}

/// What becomes of keys that a model does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    Forbidden,
    Ignored,
}

/// From a mapping and the keys that have mistakes to messages about the whole.
type After = fn(&Map, &[String]) -> Vec<String>;

/// A mapping's keys and its checks as a whole.
pub(super) struct Model {
    pub fields: &'static [Field],
    pub extra: Extra,
    /// Whether keys that are not texts are read as one, the boolean true as `on`.
    pub bare_on: bool,
    /// Runs first; a message ends the check of this mapping.
    pub before: Option<fn(&Map) -> Option<String>>,
    /// Runs last, also after mistakes, with the keys that have some.
    pub after: Option<After>,
}

/// A mistake, as the client names it.
pub(super) struct Mistake {
    /// Keys and indexes from the top of the file.
    pub path: Vec<String>,
    pub message: String,
    pub position: Position,
}

impl Mistake {
    pub fn is_extra(&self) -> bool {
        self.message == EXTRA
    }
}

const EXTRA: &str = "extra fields not permitted";

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.message),
            false => write!(f, "{}: {}", self.path.join(" -> "), self.message),
        }
    }
}

/// Collects the mistakes of a tree.
#[derive(Default)]
pub(super) struct Checker {
    path: Vec<String>,
    pub mistakes: Vec<Mistake>,
}

impl Checker {
    fn add(&mut self, position: Position, message: impl Into<String>) {
        self.mistakes.push(Mistake { path: self.path.clone(), message: message.into(), position });
    }

    fn within(&mut self, key: impl Into<String>, check: impl FnOnce(&mut Self)) {
        self.path.push(key.into());
        check(self);
        self.path.pop();
    }

    pub fn model(&mut self, model: &Model, map: &Map, position: Position) {
        if !model.bare_on && map.entries().any(|entry| entry.key.value.as_str().is_none()) {
            return self.add(position, "keywords must be strings");
        }
        if let Some(message) = model.before.and_then(|before| before(map)) {
            return self.within("__root__", |checker| checker.add(position, message));
        }
        for field in model.fields {
            let bare = || model.bare_on.then(|| bare_on(map)).flatten();
            let node = map.get(field.name).or_else(|| bare().filter(|_| field.name == "on"));
            self.within(field.name, |checker| checker.field(field, node, position));
        }
        if model.extra == Extra::Forbidden {
            let known = |key: &str| model.fields.iter().any(|field| field.name == key);
            let name = |key: &Value| {
                if *key == Value::Bool(true) { "on".to_owned() } else { key.scalar_text().unwrap_or_default() }
            };
            let mut extra: Vec<_> = map.entries().map(|entry| (name(&entry.key.value), entry)).collect();
            extra.retain(|(key, _)| !known(key));
            extra.sort_by(|(one, _), (other, _)| one.cmp(other));
            for (key, entry) in extra {
                self.within(key, |checker| checker.add(entry.key.position, EXTRA));
            }
        }
        if let Some(after) = model.after {
            let depth = self.path.len();
            let below = |mistake: &Mistake| {
                mistake.path.starts_with(&self.path).then(|| mistake.path.get(depth).cloned()).flatten()
            };
            let wrong: Vec<String> = self.mistakes.iter().filter_map(below).collect();
            for message in after(map, &wrong) {
                self.within("__root__", |checker| checker.add(position, message));
            }
        }
    }

    fn field(&mut self, field: &Field, node: Option<&Node>, position: Position) {
        let Some(node) = node else {
            if field.required {
                self.add(position, "field required");
            }
            return;
        };
        if node.value.is_null() {
            if !field.nullable {
                self.null(node);
            }
            return;
        }
        let before = self.mistakes.len();
        self.value(field.ty, node);
        if self.mistakes.len() == before
            && let Some(message) = field.check.and_then(|check| check(node))
        {
            self.add(node.position, message);
        }
    }

    fn null(&mut self, node: &Node) {
        self.add(node.position, "none is not an allowed value");
    }

    fn value(&mut self, ty: Type, node: &Node) {
        match ty {
            Type::Text if text(node).is_none() => self.add(node.position, "str type expected"),
            Type::Bool if !is_bool(&node.value) => self.add(node.position, "value could not be parsed to a boolean"),
            Type::Int if !is_int(&node.value) => self.add(node.position, "value is not a valid integer"),
            Type::Text | Type::Bool | Type::Int => {}
            Type::OneOf(texts) => {
                if !node.value.as_str().is_some_and(|text| texts.contains(&text)) {
                    let shown: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
                    self.add(node.position, format!("unexpected value; permitted: {}", shown.join(", ")));
                }
            }
            Type::TextOrTexts => {
                let mut list = Self { path: self.path.clone(), mistakes: Vec::new() };
                list.value(Type::ListOf(&Type::Text), node);
                if text(node).is_none() && !list.mistakes.is_empty() {
                    self.add(node.position, "str type expected");
                    self.mistakes.extend(list.mistakes);
                }
            }
            Type::Command => match node.value.as_map().and_then(|map| map.get("command")) {
                Some(Node { value: Value::Null, .. }) => self.null(node),
                Some(command) => self.value(Type::Text, command),
                None => self.value(Type::Text, node),
            },
            Type::ListOf(of) => match &node.value {
                Value::Seq(items) => {
                    for (index, item) in items.iter().enumerate() {
                        self.within(index.to_string(), |checker| match item.value {
                            Value::Null => checker.null(item),
                            _ => checker.value(*of, item),
                        });
                    }
                }
                _ => self.add(node.position, "value is not a valid list"),
            },
            Type::Model(model) => match &node.value {
                Value::Map(map) => self.model(model, map, node.position),
                // Python makes an empty dict of what is empty.
                Value::Seq(items) if items.is_empty() => self.model(model, &Map::new(), node.position),
                Value::Str(text) if text.is_empty() => self.model(model, &Map::new(), node.position),
                _ => self.add(node.position, "value is not a valid dict"),
            },
        }
    }
}

/// The value of a bare `on`, which YAML 1.1 reads as the boolean true.
pub(super) fn bare_on(map: &Map) -> Option<&Node> {
    map.entries().find(|entry| entry.key.value == Value::Bool(true)).map(|entry| &entry.value)
}

/// A value as text: numbers are their digits, booleans Python's words.
pub(super) fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Str(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Bool(_) => node.value.scalar_text(),
        _ => None,
    }
}

fn is_bool(value: &Value) -> bool {
    truth(value).is_some()
}

/// The value of what is taken for a boolean.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Float(number) if *number == 0.0 => Some(false),
        Value::Float(number) if *number == 1.0 => Some(true),
        Value::Str(text) => match text.to_lowercase().as_str() {
            "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
            "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
            _ => None,
        },
        _ => None,
    }
}

/// What Python's `int()` takes.
fn is_int(value: &Value) -> bool {
    match value {
        Value::Int(_) | Value::BigInt(_) | Value::Bool(_) => true,
        Value::Float(number) => number.is_finite(),
        Value::Str(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            // Single underscores between digits.
            digits.split('_').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()))
        }
        _ => false,
    }
}

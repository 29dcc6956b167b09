//! The tree: [`Node`] = [`Value`] + [`Position`].

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use chrono::{FixedOffset, NaiveDate, NaiveDateTime};
use indexmap::{Equivalent, IndexMap};
use num_bigint::BigInt;

/// Where a value starts in its file; both 1-based, columns in characters. `0:0` for values that were not read from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Position {
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
}

/// A value and where it was written. Equality ignores the position.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// What was written.
    pub value: Value,
    /// Where.
    pub position: Position,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// A value that was not read from a file.
    pub fn new(value: Value) -> Self {
        Self { value, position: Position::default() }
    }

    /// A value at a place.
    pub fn at(value: Value, position: Position) -> Self {
        Self { value, position }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self::new(value)
    }
}

/// A date with a time; `offset` is `None` for Python's *naive* datetimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// The local date and time.
    pub local: NaiveDateTime,
    /// The offset from UTC, if one was written.
    pub offset: Option<FixedOffset>,
}

impl fmt::Display for Timestamp {
    /// Python's `isoformat()`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.local.format("%Y-%m-%dT%H:%M:%S"))?;
        let micros = self.local.and_utc().timestamp_subsec_micros();
        if micros > 0 {
            write!(f, ".{micros:06}")?;
        }
        if let Some(offset) = self.offset {
            let seconds = offset.local_minus_utc();
            let sign = if seconds < 0 { '-' } else { '+' };
            write!(f, "{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)?;
        }
        Ok(())
    }
}

/// What a YAML node is, in Python's terms.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `None`.
    #[default]
    Null,
    /// What a template gives for a name that it does not know: dbt refuses it where a type is asked for, and takes it as "" elsewhere.
    Undefined,
    /// `True`, `False`.
    Bool(bool),
    /// An `int` that fits 64 bits.
    Int(i64),
    /// An `int` that does not.
    BigInt(BigInt),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Str(String),
    /// A `datetime.date`.
    Date(NaiveDate),
    /// A `datetime.datetime`.
    DateTime(Timestamp),
    /// A `list`.
    Seq(Vec<Node>),
    /// A `dict`.
    Map(Map),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of an integer of 64 bits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match self {
            Self::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Whether this is `None`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What a message calls it: `a string`, `a list`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Undefined => "an undefined name",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::BigInt(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Str(_) => "a string",
            Self::Date(_) => "a date",
            Self::DateTime(_) => "a timestamp",
            Self::Seq(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// Python's `str()` of a scalar; `None` for lists and mappings.
    pub fn scalar_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => "None".to_owned(),
            Self::Undefined => String::new(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::BigInt(value) => value.to_string(),
            Self::Float(value) => python_float(*value),
            Self::Str(text) => text.clone(),
            Self::Date(date) => date.format("%Y-%m-%d").to_string(),
            Self::DateTime(timestamp) => timestamp.to_string().replace('T', " "),
            Self::Seq(_) | Self::Map(_) => return None,
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// Python's `repr` of a float: the shortest digits that read back as the same number, an exponent below 1e-4 and from 1e16.
pub(crate) fn python_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = value.abs();
    if value != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// The identity of a mapping's key as Python's `dict` sees it: `1`, `1.0` and `True` are one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// `None`.
    Null,
    /// Integers, booleans and floats without a fraction.
    Int(i64),
    /// Anything else that is not text, by its text.
    Other(String),
    /// Text.
    Str(String),
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Null => state.write_u8(0),
            Self::Int(value) => value.hash(state),
            Self::Other(text) | Self::Str(text) => text.hash(state),
        }
    }
}

/// A text as a key: finds [`Key::Str`] without making one.
#[derive(Hash)]
struct TextKey<'a>(&'a str);

impl Equivalent<Key> for TextKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Str(text) if text == self.0)
    }
}

impl Key {
    /// The key that a value makes, or `None` where Python says `unhashable type`.
    pub fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Int(i64::from(*value)),
            Value::Int(value) => Self::Int(*value),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
            Value::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Self::Int(*value as i64),
            Value::Str(text) => Self::Str(text.clone()),
            Value::Seq(_) | Value::Map(_) => return None,
            other => Self::Other(format!("{} {}", other.kind(), other.scalar_text().unwrap_or_default())),
        })
    }
}

/// One entry of a [`Map`].
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as it was written first.
    pub key: Node,
    /// The value that was written last.
    pub value: Node,
}

/// A mapping in the order its keys were first written. Cloning shares the entries until one of the two is changed.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// `None` of an empty mapping that never held anything.
    entries: Option<Arc<Entries>>,
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.keys().all(|key| self.find(key) == other.find(key))
    }
}

type Entries = IndexMap<Key, Entry, foldhash::fast::RandomState>;

impl Map {
    /// An empty mapping.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty mapping with room for so many entries.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self { entries: Some(Arc::new(Entries::with_capacity_and_hasher(entries, Default::default()))) }
    }

    fn find<'a>(&'a self, key: &Key) -> Option<&'a Entry> {
        self.entries.as_ref()?.get(key)
    }

    fn changed(&mut self) -> &mut Entries {
        Arc::make_mut(self.entries.get_or_insert_default())
    }

    /// The identities of all keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.entries.iter().flat_map(|entries| entries.keys())
    }

    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a text key, for changing.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.changed().get_mut(&TextKey(key)).map(|entry| &mut entry.value)
    }

    /// The entry of a text key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.as_ref()?.get(&TextKey(key))
    }

    /// Where a text key stands among the entries.
    pub(crate) fn index_of(&self, key: &str) -> Option<usize> {
        self.entries.as_ref()?.get_index_of(&TextKey(key))
    }

    /// Changes the value of the entry at a place; there must be one.
    pub(crate) fn set_at(&mut self, index: usize, value: Value) {
        if let Some((_, entry)) = self.changed().get_index_mut(index) {
            entry.value.value = value;
        }
    }

    /// Whether there is such a text key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Sets a text key; a new key goes to the end.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Node>) -> Option<Node> {
        let key = key.into();
        let replaced = self.insert_node(Node::new(Value::Str(key)), value.into()).unwrap_or_default();
        replaced.map(|entry| entry.value)
    }

    /// Sets any key. Of a key that was there, gives back what is not kept: the key as it is spelled now, the value that was there.
    /// `Err` gives back a key that Python could not hash.
    pub(crate) fn insert_node(&mut self, key: Node, value: Node) -> Result<Option<Entry>, Node> {
        let Some(identity) = Key::of(&key.value) else { return Err(key) };
        match self.changed().entry(identity) {
            indexmap::map::Entry::Occupied(mut occupied) => {
                let value = std::mem::replace(&mut occupied.get_mut().value, value);
                Ok(Some(Entry { key, value }))
            }
            indexmap::map::Entry::Vacant(vacant) => {
                vacant.insert(Entry { key, value });
                Ok(None)
            }
        }
    }

    /// Removes a text key, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        // What is not there needs no change.
        self.index_of(key)?;
        self.changed().shift_remove(&TextKey(key)).map(|entry| entry.value)
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> + DoubleEndedIterator + Clone {
        static NONE: LazyLock<Entries> = LazyLock::new(Entries::default);
        self.entries.as_deref().unwrap_or(&NONE).values()
    }

    /// The entries with text keys, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries().filter_map(|entry| Some((entry.key.value.as_str()?, &entry.value)))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, |entries| entries.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

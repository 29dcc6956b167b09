//! The containers: shared lists, dicts and sets, tuples, and the keys of dicts and sets.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::{Equivalent, IndexMap, IndexSet};

use super::Value;
use crate::Result;

/// A quick hash: keys of templates are not an attack surface.
#[derive(Clone, Copy, Default)]
pub struct FastHasher(u64);

impl FastHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.mix(u64::from_le_bytes([
                chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7],
            ]));
        }
        let mut tail = [0_u8; 8];
        tail[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.mix(u64::from_le_bytes(tail) ^ ((bytes.len() as u64) << 56));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }
}

type FastBuild = BuildHasherDefault<FastHasher>;
/// The entries of a dict, in insertion order.
pub type DictMap = IndexMap<Key, Value, FastBuild>;
/// The items of a set, in insertion order.
pub type SetMap = IndexSet<Key, FastBuild>;

/// A hashable value.
#[derive(Clone)]
pub struct Key(Value);

impl Key {
    /// # Errors
    /// `TypeError: unhashable type: 'list'`
    pub fn new(value: Value) -> Result<Key> {
        value.check_hashable()?;
        Ok(Key(value))
    }

    /// For values that are known to be hashable.
    pub(crate) fn trusted(value: Value) -> Key {
        Key(value)
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key(Value::Str(text.into()))
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Key {
        Key(Value::Str(text))
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_into(state, 0);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.0 == other.0
    }
}

impl Eq for Key {}

/// Looks a dict up by text without making a [`Key`].
pub struct StrKey<'a>(pub &'a str);

impl Hash for StrKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

impl Equivalent<Key> for StrKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        key.0.as_str() == Some(self.0)
    }
}

macro_rules! shared {
    ($(#[$doc:meta])* $name:ident, $inner:ident, $content:ty) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Arc<$inner>);

        struct $inner(RwLock<$content>);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&Value::$name(self.clone()).repr())
            }
        }

        impl $name {
            /// A new one with these contents.
            pub fn new(content: $content) -> $name {
                $name(Arc::new($inner(RwLock::new(content))))
            }

            /// Locks it for reading. Do not hold it while running template code.
            pub fn read(&self) -> RwLockReadGuard<'_, $content> {
                self.0.0.read().unwrap_or_else(PoisonError::into_inner)
            }

            /// Locks it for writing. Do not hold it while running template code.
            pub fn write(&self) -> RwLockWriteGuard<'_, $content> {
                self.0.0.write().unwrap_or_else(PoisonError::into_inner)
            }

            /// Whether both are one and the same (Python's `is`).
            pub fn is_same(&self, other: &$name) -> bool {
                Arc::ptr_eq(&self.0, &other.0)
            }
        }
    };
}

shared!(
    /// A Python list, shared by all who hold it.
    List, ListInner, Vec<Value>
);
shared!(
    /// A Python dict, shared by all who hold it.
    Dict, DictInner, DictMap
);
shared!(
    /// A Python set, shared by all who hold it.
    Set, SetInner, SetMap
);

impl Dict {
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as *const u8 as usize
    }

    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.read().get(&StrKey(key)).cloned()
    }

    /// Sets a text key.
    pub fn insert(&self, key: &str, value: Value) {
        let mut map = self.write();
        match map.get_mut(&StrKey(key)) {
            Some(slot) => *slot = value,
            None => {
                map.insert(Key::from(key), value);
            }
        }
    }

    /// A copy of the entries.
    pub fn entries(&self) -> Vec<(Value, Value)> {
        self.read().iter().map(|(key, value)| (key.0.clone(), value.clone())).collect()
    }
}

impl List {
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as *const u8 as usize
    }

    /// Adds an item at the end.
    pub fn push(&self, item: Value) {
        self.write().push(item);
    }

    /// A copy of the items.
    pub fn items(&self) -> Vec<Value> {
        self.read().clone()
    }
}

impl Set {
    /// A copy of the items.
    pub fn items(&self) -> Vec<Value> {
        self.read().iter().map(|key| key.0.clone()).collect()
    }
}

/// A Python tuple.
#[derive(Clone)]
pub struct Tuple(Arc<TupleInner>);

struct TupleInner(Vec<Value>);

impl Tuple {
    /// A new tuple.
    pub fn new(items: Vec<Value>) -> Tuple {
        Tuple(Arc::new(TupleInner(items)))
    }

    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as *const u8 as usize
    }
}

impl Deref for Tuple {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.0
    }
}

// A list in a list in a list … can be nested as deeply as a loop runs; dropping it must not recurse.

fn nests(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Tuple(_) | Value::Dict(_))
}

fn drop_flat(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        match value {
            Value::List(List(mut list)) => {
                if let Some(inner) = Arc::get_mut(&mut list) {
                    let items = inner.0.get_mut().unwrap_or_else(PoisonError::into_inner);
                    pending.extend(std::mem::take(items).into_iter().filter(nests));
                }
            }
            Value::Tuple(Tuple(mut tuple)) => {
                if let Some(inner) = Arc::get_mut(&mut tuple) {
                    pending.extend(std::mem::take(&mut inner.0).into_iter().filter(nests));
                }
            }
            Value::Dict(Dict(mut dict)) => {
                if let Some(inner) = Arc::get_mut(&mut dict) {
                    let map = inner.0.get_mut().unwrap_or_else(PoisonError::into_inner);
                    for (key, value) in std::mem::take(map) {
                        pending.extend([key.0, value].into_iter().filter(nests));
                    }
                }
            }
            _ => {}
        }
    }
}

impl Drop for ListInner {
    fn drop(&mut self) {
        let items = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if items.iter().any(nests) {
            drop_flat(std::mem::take(items));
        }
    }
}

impl Drop for TupleInner {
    fn drop(&mut self) {
        if self.0.iter().any(nests) {
            drop_flat(std::mem::take(&mut self.0));
        }
    }
}

impl Drop for DictInner {
    fn drop(&mut self) {
        let map = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if map.values().any(nests) {
            drop_flat(std::mem::take(map).into_values().collect());
        }
    }
}

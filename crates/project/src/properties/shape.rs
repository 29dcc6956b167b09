//! The shapes that entries of the semantic layer must have: dbt refuses an unknown key, a missing one and a value of another type.
//!
//! Source: dbt Core, `contracts/graph/unparsed.py`, whose classes are JSON schemas.

use crate::fields::Fields;
use crate::spelling::meant;
use crate::yaml::{Node, Value};

/// What a value must be. Null is as good as nothing where a key may be left out, but for [`Shape::Set`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Text,
    Bool,
    Int,
    Number,
    /// A mapping whose keys are nobody's business.
    Mapping,
    /// A word of a list, in any case.
    Word(&'static [&'static str]),
    /// A count and a granularity: `28 days`.
    Window,
    /// A mapping with these keys.
    Entry(&'static Keys),
    List(&'static Shape),
    /// One of several; the first is named when none fits.
    Either(&'static [Shape]),
    /// What dbt gives a default other than null: where the key stands, it has a value.
    Set(&'static Shape),
}

/// The keys of a mapping; those of `needed` must be there.
#[derive(Debug)]
pub(super) struct Keys {
    pub what: &'static str,
    pub needed: &'static [(&'static str, Shape)],
    pub optional: &'static [(&'static str, Shape)],
}

impl Shape {
    /// Reports what is wrong below `node`, at its place. `of` says whose it is.
    pub fn check(self, node: &Node, of: &str, fields: &mut Fields<'_>) {
        match (self, &node.value) {
            (Self::Set(shape), Value::Null) => shape.wrong(node, of, fields),
            (Self::Set(shape), _) => shape.check(node, of, fields),
            (Self::Entry(keys), Value::Map(_)) => keys.check(node, of, fields),
            (Self::List(items), Value::Seq(found)) => found.iter().for_each(|item| items.check(item, of, fields)),
            (Self::Either(shapes), value) => {
                let fitting = shapes.iter().find(|shape| shape.fits(value)).unwrap_or(&shapes[0]);
                fitting.check(node, of, fields);
            }
            (Self::Word(words), Value::Str(word)) if !words.contains(&word.to_lowercase().as_str()) => {
                let lower = word.to_lowercase();
                let fix = match meant(&lower, words.iter().copied()) {
                    Some(meant) => format!("did you mean '{meant}'?"),
                    None => format!("use one of {}", words.join(", ")),
                };
                let what = format!("Parsing Error\n  '{word}' is not one of the values that {of} may have");
                fields.report(node.position, what, Some(format!("known are {}", words.join(", "))), &fix);
            }
            (Self::Window, Value::Str(text)) if !is_window(text) => {
                let what = format!("Parsing Error\n  '{text}', {of}, is no window of time");
                let cause = Some("a window is a whole number, a space and a granularity".to_owned());
                fields.report(node.position, what, cause, "write it as in `28 days`");
            }
            (shape, value) if !shape.fits(value) => shape.wrong(node, of, fields),
            _ => {}
        }
    }

    fn wrong(self, node: &Node, of: &str, fields: &mut Fields<'_>) {
        let (name, kind) = (self.name(), node.value.kind());
        let what = format!("Parsing Error\n  {of} must be {name}, not {kind}");
        let cause = Some(format!("{} has {kind} here", fields.source.file));
        fields.report(node.position, what, cause, &format!("write {name}"));
    }

    /// Whether a value is of this kind, whatever is in it.
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Word(_) | Self::Window => matches!(value, Value::Str(_)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Int => matches!(value, Value::Int(_)),
            Self::Number => matches!(value, Value::Int(_) | Value::Float(_)),
            Self::Mapping | Self::Entry(_) => matches!(value, Value::Map(_)),
            Self::List(_) => matches!(value, Value::Seq(_)),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.fits(value)),
            Self::Set(shape) => shape.fits(value),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Text | Self::Window => "a string".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int => "an integer".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Mapping | Self::Entry(_) => "a mapping".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::List(_) => "a list".to_owned(),
            Self::Either(shapes) => shapes.iter().map(|shape| shape.name()).collect::<Vec<_>>().join(" or "),
            Self::Set(shape) => shape.name(),
        }
    }
}

fn is_window(text: &str) -> bool {
    let mut parts = text.split(' ');
    let count = parts.next().is_some_and(|count| !count.is_empty() && count.chars().all(|c| c.is_ascii_digit()));
    count && parts.next().is_some() && parts.next().is_none()
}

impl Keys {
    fn check(&self, node: &Node, of: &str, fields: &mut Fields<'_>) {
        let Some(map) = node.value.as_map() else { return };
        let known = || self.needed.iter().chain(self.optional);
        for (key, _) in self.needed {
            if map.get(key).is_none_or(|node| node.value.is_null()) {
                let what = format!("Parsing Error\n  {of} has no '{key}', which {} must have", self.what);
                fields.report(node.position, what, None, &format!("add `{key}: …`"));
            }
        }
        for entry in map.entries() {
            let key = entry.key.value.scalar_text().unwrap_or_default();
            match known().find(|(known, _)| *known == key) {
                Some((_, shape)) if entry.value.value.is_null() && !matches!(shape, Shape::Set(_)) => {}
                Some((_, shape)) => shape.check(&entry.value, &format!("'{key}' of {of}"), fields),
                None => {
                    let names: Vec<&str> = known().map(|(key, _)| *key).collect();
                    let what = format!("Parsing Error\n  {of} has a key that {} may not have: '{key}'", self.what);
                    let fix = match meant(&key, names.iter().copied()) {
                        Some(meant) => format!("did you mean '{meant}'?"),
                        None => "remove the key, or put it below `config: meta:`".to_owned(),
                    };
                    let cause = Some(format!("known are {}", names.join(", ")));
                    fields.report(entry.key.position, what, cause, &fix);
                }
            }
        }
    }
}

//! One criterion: `@`, `2+`, `config.materialized:table`, `stg_*`, `+1`.

use serde_json::{Map as JsonMap, Value as Json};

use crate::select::SelectionError;
use crate::spec::IndirectSelection;

/// How a criterion's value is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Method {
    /// `fqn`, `tag`, `config`, …
    pub name: String,
    /// `config.meta.owner` has `meta`, `owner`.
    pub arguments: Vec<String>,
}

/// A criterion, read but not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Criterion {
    /// As written.
    pub raw: String,
    /// How to compare.
    pub method: Method,
    /// What to compare with.
    pub value: String,
    /// `@`
    pub childrens_parents: bool,
    /// `+x`: `Some(None)` without limit.
    pub parents: Option<Option<usize>>,
    /// `x+`: `Some(None)` without limit.
    pub children: Option<Option<usize>>,
    /// What happens with tests of the nodes it finds.
    pub indirect_selection: IndirectSelection,
}

impl Criterion {
    /// Reads one item of `--select`.
    ///
    /// # Errors
    /// When `@` comes with a trailing `+`.
    pub fn parse(raw: &str, indirect_selection: IndirectSelection) -> Result<Self, SelectionError> {
        let mut rest = raw;
        let childrens_parents = rest.strip_prefix('@').inspect(|after| rest = after).is_some();
        let parents = leading_depth(rest).map(|(depth, after)| {
            rest = after;
            depth
        });
        let (method, after) = split_method(rest);
        rest = after;
        let children = trailing_depth(rest).map(|(depth, before)| {
            rest = before;
            depth
        });
        if childrens_parents && children.is_some() {
            let reason = "\"@\" prefix and \"+\" suffix are incompatible".to_owned();
            return Err(SelectionError::Invalid { raw: raw.to_owned(), reason });
        }
        let method = method.unwrap_or_else(|| default_method(rest));
        Ok(Self {
            raw: raw.to_owned(),
            method,
            value: rest.to_owned(),
            childrens_parents,
            parents,
            children,
            indirect_selection,
        })
    }

    /// A criterion that is a method and a value alone.
    pub fn of(method: &str, value: &str, indirect_selection: IndirectSelection) -> Self {
        Self {
            raw: format!("{method}:{value}"),
            method: parse_method(method),
            value: value.to_owned(),
            childrens_parents: false,
            parents: None,
            children: None,
            indirect_selection,
        }
    }

    /// The form that manifests keep of a selector's criterion.
    pub fn to_json(&self) -> Json {
        let mut object = JsonMap::new();
        let method = std::iter::once(&self.method.name).chain(&self.method.arguments).cloned().collect::<Vec<_>>();
        object.insert("method".to_owned(), Json::from(method.join(".")));
        object.insert("value".to_owned(), Json::from(self.value.clone()));
        if self.childrens_parents {
            object.insert("childrens_parents".to_owned(), Json::from(true));
        }
        for (key, depth) in [("parents", self.parents), ("children", self.children)] {
            if let Some(depth) = depth {
                object.insert(key.to_owned(), Json::from(true));
                if let Some(depth) = depth {
                    object.insert(format!("{key}_depth"), Json::from(depth));
                }
            }
        }
        Json::Object(object)
    }
}

pub(crate) fn parse_method(text: &str) -> Method {
    let mut parts = text.split('.').map(str::to_owned);
    Method { name: parts.next().unwrap_or_default(), arguments: parts.collect() }
}

/// `+x`, `3+x`.
fn leading_depth(text: &str) -> Option<(Option<usize>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let after = text[digits..].strip_prefix('+')?;
    Some((text[..digits].parse().ok(), after))
}

/// `x+`, `x+3`.
fn trailing_depth(text: &str) -> Option<(Option<usize>, &str)> {
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &text[before.len()..];
    Some((digits.parse().ok(), before.strip_suffix('+')?))
}

/// `method.arg:` in front, if there is one.
fn split_method(text: &str) -> (Option<Method>, &str) {
    match text.split_once(':') {
        Some((method, rest))
            if !method.is_empty() && method.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) =>
        {
            (Some(parse_method(method)), rest)
        }
        _ => (None, text),
    }
}

/// A bare value is a path when it has a separator, a file when it ends like one, else a name.
fn default_method(value: &str) -> Method {
    let lower = value.to_lowercase();
    let name = if value.contains('/') {
        "path"
    } else if [".sql", ".py", ".csv"].iter().any(|end| lower.ends_with(end)) {
        "file"
    } else {
        "fqn"
    };
    Method { name: name.to_owned(), arguments: Vec::new() }
}

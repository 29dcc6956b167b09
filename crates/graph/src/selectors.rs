//! `selectors.yml`.

use indexmap::IndexMap;
use serde_json::{Map as JsonMap, Value as Json, json};

use crate::criterion::{Criterion, parse_method};
use crate::methods;
use crate::select::{SelectionError, nearest};
use crate::spec::{IndirectSelection, SelectionSpec};

/// One entry of `selectors:`.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// Its name.
    pub name: String,
    /// Text for people.
    pub description: Option<String>,
    /// Whether it is used when neither `--select` nor `--selector` is given.
    pub is_default: bool,
    /// What it asks for.
    pub spec: SelectionSpec,
    /// The definition in the form that the manifest keeps.
    pub normalized: Json,
    /// The entry as the manifest keeps it: what is written, with the definition so.
    pub entry: Json,
}

impl Selector {
    fn parse(entry: &Json, indirect_selection: IndirectSelection) -> Result<Self, SelectionError> {
        let name = entry.get("name").and_then(Json::as_str).ok_or_else(|| error(None, "a selector has no name"))?;
        let definition = entry.get("definition").ok_or_else(|| error(Some(name), "it has no `definition`"))?;
        let (spec, normalized) = Reader { name, indirect_selection }.definition(definition, true)?;
        let is_default = match entry.get("default") {
            None => false,
            Some(Json::Bool(flag)) => *flag,
            Some(_) => return Err(error(Some(name), "`default` must be true or false")),
        };
        let description = match entry.get("description") {
            None => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(_) => return Err(error(Some(name), "`description` must be a text")),
        };
        if let Some(key) = unknown_key(entry, &["name", "definition", "description", "default"]) {
            return Err(error(Some(name), &format!("'{key}' is no key of a selector")));
        }
        let mut kept = entry.clone();
        kept["definition"] = normalized.clone();
        Ok(Self { name: name.to_owned(), description, is_default, spec, normalized, entry: kept })
    }
}

/// All selectors of a project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selectors {
    selectors: IndexMap<String, Selector>,
}

impl Selectors {
    /// Reads the rendered content of selectors.yml. `indirect_selection` is for entries that do not say their own.
    ///
    /// # Errors
    /// Each definition that is wrong.
    pub fn parse(file: &Json, indirect_selection: IndirectSelection) -> Result<Self, Vec<SelectionError>> {
        let entries = match file.get("selectors") {
            Some(Json::Array(entries)) => entries,
            None => return Err(vec![error(None, "it has no `selectors`")]),
            Some(_) => return Err(vec![error(None, "`selectors` must be a list")]),
        };
        let mut selectors = IndexMap::new();
        let mut wrong = Vec::new();
        if let Some(key) = unknown_key(file, &["selectors", "version"]) {
            wrong.push(error(None, &format!("'{key}' is no key of the file")));
        }
        if file.get("version").is_some_and(|version| !version.is_i64()) {
            wrong.push(error(None, "`version` must be a whole number"));
        }
        for entry in entries {
            match Selector::parse(entry, indirect_selection) {
                // Of two with one name dbt keeps the later.
                Ok(selector) => drop(selectors.insert(selector.name.clone(), selector)),
                Err(error) => wrong.push(error),
            }
        }
        let defaults = entries.iter().filter(|entry| entry.get("default") == Some(&Json::Bool(true)));
        let defaults: Vec<&str> = defaults.filter_map(|entry| entry.get("name").and_then(Json::as_str)).collect();
        if defaults.len() > 1 {
            wrong.push(error(None, &format!("more than one default selector: {}", defaults.join(", "))));
        }
        if wrong.is_empty() { Ok(Self { selectors }) } else { Err(wrong) }
    }

    /// The selector of `--selector`.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn get(&self, name: &str) -> Result<&Selector, SelectionError> {
        self.selectors.get(name).ok_or_else(|| SelectionError::UnknownSelector {
            name: name.to_owned(),
            known: self.selectors.keys().cloned().collect(),
        })
    }

    /// The one with `default: true`.
    pub fn default_selector(&self) -> Option<&Selector> {
        self.selectors.values().find(|selector| selector.is_default)
    }

    /// All, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = &Selector> {
        self.selectors.values()
    }

    /// `selectors` of the manifest.
    pub fn manifest_json(&self) -> JsonMap<String, Json> {
        self.selectors.values().map(|selector| (selector.name.clone(), selector.entry.clone())).collect()
    }
}

fn unknown_key<'a>(object: &'a Json, known: &[&str]) -> Option<&'a str> {
    object.as_object()?.keys().map(String::as_str).find(|key| !known.contains(key))
}

fn error(selector: Option<&str>, reason: &str) -> SelectionError {
    SelectionError::InvalidSelectorFile { reason: reason.to_owned(), selector: selector.map(str::to_owned) }
}

struct Reader<'a> {
    name: &'a str,
    indirect_selection: IndirectSelection,
}

type Read = Result<(SelectionSpec, Json), SelectionError>;

impl Reader<'_> {
    fn wrong(&self, reason: impl AsRef<str>) -> SelectionError {
        error(Some(self.name), reason.as_ref())
    }

    fn definition(&self, definition: &Json, at_root: bool) -> Read {
        match definition {
            Json::String(text) => self.text(text),
            Json::Object(object) => self.object(object, at_root),
            _ => Err(self.wrong(format!("expected a string or a mapping, not {definition}"))),
        }
    }

    /// A text is one criterion: blanks and commas have no meaning here, other than on the command line.
    fn text(&self, text: &str) -> Read {
        let criterion = Criterion::parse(text, self.indirect_selection)?;
        self.known_method(&criterion)?;
        let normalized = criterion.to_json();
        Ok((SelectionSpec::Criterion(criterion), normalized))
    }

    fn object(&self, object: &JsonMap<String, Json>, at_root: bool) -> Read {
        let sets: Vec<&str> = ["union", "intersection"].into_iter().filter(|key| object.contains_key(*key)).collect();
        match sets[..] {
            [] => {}
            _ if at_root && object.len() > 1 => {
                return Err(
                    self.wrong("only one of \"union\" and \"intersection\" may be at the root, and nothing beside it")
                );
            }
            // Further down, what stands beside it has no meaning to dbt.
            [set, ..] => return self.set(set, &object[set]),
        }
        if object.contains_key("method") {
            return self.method(object);
        }
        match object.iter().next() {
            Some((method, Json::String(value))) if object.len() == 1 => {
                let criterion = Criterion::of(method, value, self.indirect_selection);
                self.known_method(&criterion)?;
                let normalized = criterion.to_json();
                Ok((SelectionSpec::Criterion(criterion), normalized))
            }
            Some((method, value)) if object.len() == 1 && !value.is_object() && !value.is_array() => {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let criterion = Criterion::of(method, &value, self.indirect_selection);
                self.known_method(&criterion)?;
                let normalized = criterion.to_json();
                Ok((SelectionSpec::Criterion(criterion), normalized))
            }
            _ => Err(self.wrong("expected exactly one key, or a \"method\" key with a \"value\"")),
        }
    }

    fn set(&self, kind: &str, parts: &Json) -> Read {
        let Json::Array(parts) = parts else {
            return Err(self.wrong(format!("`{kind}` must be a list")));
        };
        let mut include = Vec::new();
        let mut normalized = Vec::new();
        let mut exclude = None;
        for part in parts {
            // Whatever else stands beside `exclude` in a set's part, dbt passes over.
            let excluding = part.as_object().and_then(|object| Some((object, object.get("exclude")?)));
            if let Some((object, excluded)) = excluding {
                if exclude.is_some() {
                    return Err(self.wrong("more than one \"exclude\" in a set"));
                }
                let (spec, json) = self.excluded(excluded)?;
                exclude = Some(spec);
                normalized.push(in_manifest(object, Some(json)));
                continue;
            }
            let (spec, json) = self.definition(part, false)?;
            include.push(spec);
            normalized.push(json);
        }
        let indirect_selection = self.indirect_selection;
        let raw = Some(Json::Array(normalized.clone()).to_string());
        let all = if kind == "union" {
            SelectionSpec::Union { parts: include, indirect_selection, raw }
        } else {
            SelectionSpec::Intersection { parts: include, indirect_selection, raw }
        };
        Ok((without(all, exclude, indirect_selection), json!({ kind: normalized })))
    }

    fn excluded(&self, parts: &Json) -> Result<(SelectionSpec, Json), SelectionError> {
        let Json::Array(parts) = parts else { return Err(self.wrong("`exclude` must be a list")) };
        let mut specs = Vec::new();
        let mut normalized = Vec::new();
        for part in parts {
            let (spec, json) = self.definition(part, false)?;
            specs.push(spec);
            normalized.push(json);
        }
        let spec = SelectionSpec::Union { parts: specs, indirect_selection: self.indirect_selection, raw: None };
        Ok((spec, Json::Array(normalized)))
    }

    /// Keys that nobody knows are passed over, as dbt does.
    fn method(&self, object: &JsonMap<String, Json>) -> Read {
        let text = |key: &str| object.get(key).and_then(Json::as_str);
        let method = text("method").ok_or_else(|| self.wrong("`method` must be a string"))?;
        let value = match object.get("value") {
            Some(Json::String(value)) => value.clone(),
            None | Some(Json::Null | Json::Array(_) | Json::Object(_)) => {
                return Err(self.wrong("a \"method\" needs a \"value\""));
            }
            Some(scalar) => scalar.to_string(),
        };
        let mode = match object.get("indirect_selection") {
            None => self.indirect_selection,
            Some(word) => word
                .as_str()
                .and_then(|word| word.parse().ok())
                .ok_or_else(|| self.wrong("`indirect_selection` is one of eager, cautious, buildable, empty"))?,
        };
        // `method: selector` too: which selectors it means is looked up when it is asked for, as on the command line.
        let mut criterion = Criterion::of(method, &value, mode);
        criterion.method = parse_method(method);
        self.known_method(&criterion)?;
        criterion.childrens_parents = flag(object, "childrens_parents");
        criterion.parents = self.depth(object, "parents")?;
        criterion.children = self.depth(object, "children")?;
        if criterion.childrens_parents && criterion.children.is_some() {
            return Err(self.wrong("\"children\" and \"childrens_parents\" cannot be used together"));
        }
        let spec = SelectionSpec::Criterion(criterion);
        let Some(excluded) = object.get("exclude") else { return Ok((spec, in_manifest(object, None))) };
        let (exclude, json) = self.excluded(excluded)?;
        Ok((without(spec, Some(exclude), mode), in_manifest(object, Some(json))))
    }

    fn known_method(&self, criterion: &Criterion) -> Result<(), SelectionError> {
        let name = &criterion.method.name;
        match methods::NAMES.contains(&name.as_str()) {
            true => Ok(()),
            false => {
                let near = nearest(name, methods::NAMES.iter().copied());
                let hint = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
                Err(self.wrong(format!("'{name}' is not a valid method name{hint}")))
            }
        }
    }

    /// How far `key` (`parents` or `children`) goes, if it is asked for: `None` inside is all the way.
    fn depth(&self, object: &JsonMap<String, Json>, key: &str) -> Result<Option<Option<usize>>, SelectionError> {
        let written = format!("{key}_depth");
        let depth = match object.get(&written) {
            // As to dbt, 0 and whatever is empty is no depth at all.
            Some(depth) if flag(object, &written) => {
                let depth = match depth {
                    Json::Bool(_) => Some(1),
                    Json::String(text) => text.trim().parse().ok(),
                    depth => depth
                        .as_u64()
                        .or_else(|| depth.as_f64().filter(|depth| *depth >= 0.0).map(|depth| depth as u64)),
                };
                let depth = depth.and_then(|depth| usize::try_from(depth).ok());
                Some(depth.ok_or_else(|| self.wrong(format!("`{written}` must be a number")))?)
            }
            _ => None,
        };
        Ok(flag(object, key).then_some(depth))
    }
}

/// A mapping as the manifest keeps it: dbt brings its first key into the form of the manifest, and keeps nothing else where that is `exclude`.
fn in_manifest(object: &JsonMap<String, Json>, excluded: Option<Json>) -> Json {
    match excluded {
        Some(excluded) if object.keys().next().is_some_and(|key| key == "exclude") => json!({ "exclude": excluded }),
        _ => Json::Object(object.clone()),
    }
}

/// Python's `bool()` of a value.
fn flag(object: &JsonMap<String, Json>, key: &str) -> bool {
    match object.get(key) {
        None | Some(Json::Null) => false,
        Some(Json::Bool(flag)) => *flag,
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Number(number)) => number.as_f64() != Some(0.0),
        Some(Json::Array(items)) => !items.is_empty(),
        Some(Json::Object(entries)) => !entries.is_empty(),
    }
}

fn without(include: SelectionSpec, exclude: Option<SelectionSpec>, mode: IndirectSelection) -> SelectionSpec {
    match exclude {
        None => include,
        Some(exclude) => SelectionSpec::Difference {
            include: Box::new(include),
            exclude: Box::new(exclude),
            indirect_selection: mode,
        },
    }
}

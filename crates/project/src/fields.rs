//! Takes the keys of a mapping one by one and says, with the place, what is not as it should be.

use diagnostic::Diagnostic;
use serde_json::{Map as JsonMap, Value as Json};

use crate::aliases;
use crate::source::SourceText;
use crate::spelling::{CONFIGS, meant};
use crate::yaml::{Entry, Map, Node, Position, Value, json_key};

/// The mapping being read. What is not taken is left for [`Fields::extra`].
pub(crate) struct Fields<'a> {
    map: Map,
    /// Of each entry, whether it was taken.
    taken: Vec<bool>,
    /// Where the mapping starts.
    pub position: Position,
    /// `model 'orders'`, for messages.
    pub of: String,
    pub source: &'a SourceText,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Fields<'a> {
    /// Reads `node`, which must be a mapping.
    pub fn new(
        node: &Node,
        of: impl Into<String>,
        source: &'a SourceText,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let of = of.into();
        match &node.value {
            Value::Map(map) => {
                let taken = vec![false; map.len()];
                Some(Self { map: map.clone(), taken, position: node.position, of, source, diagnostics })
            }
            other => {
                diagnostics.push(wrong_type(source, node.position, &of, "a mapping", other));
                None
            }
        }
    }

    /// The fields of a mapping below this one.
    pub fn nested<'b>(&'b mut self, node: &Node, of: impl Into<String>) -> Option<Fields<'b>> {
        Fields::new(node, of, self.source, self.diagnostics)
    }

    pub fn peek(&self, key: &str) -> Option<&Node> {
        let index = self.map.index_of(key)?;
        if self.taken[index] { None } else { self.map.get(key) }
    }

    pub fn has(&self, key: &str) -> bool {
        self.peek(key).is_some()
    }

    /// Whether the mapping has the key, taken or not.
    pub fn was_there(&self, key: &str) -> bool {
        self.map.index_of(key).is_some()
    }

    /// Takes a key as it is; null counts as present.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let index = self.map.index_of(key)?;
        if std::mem::replace(&mut self.taken[index], true) {
            return None;
        }
        self.map.get(key).cloned()
    }

    /// Takes a key; null counts as absent.
    pub fn take_some(&mut self, key: &str) -> Option<Node> {
        self.take(key).filter(|node| !node.value.is_null())
    }

    pub fn report(&mut self, position: Position, what: String, cause: Option<String>, fix: &str) {
        let mut diagnostic = self.source.error(position, what).fix(fix);
        diagnostic.cause = cause;
        self.diagnostics.push(diagnostic);
    }

    pub fn wrong(&mut self, key: &str, expected: &str, node: &Node) {
        let of = format!("'{key}' of {}", self.of);
        let diagnostic = wrong_type(self.source, node.position, &of, expected, &node.value);
        self.diagnostics.push(diagnostic);
    }

    /// The `name` every entry must have.
    pub fn name(&mut self, section: &str) -> Option<String> {
        match self.take("name") {
            // dbt takes an empty one too.
            Some(Node { value: Value::Str(name), .. }) => Some(name),
            Some(node) if !node.value.is_null() => {
                self.wrong("name", "a string", &node);
                None
            }
            _ => {
                let what = format!(
                    "Parsing Error\n  The schema file at {} is invalid because a list element for '{section}' does not have a name attribute.",
                    self.source.file
                );
                let position = self.position;
                let cause = Some(format!("every entry below `{section}:` is found by its name"));
                self.report(position, what, cause, "add `name: …` to the entry");
                None
            }
        }
    }

    /// A text; numbers, booleans and dates are taken by their text.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let node = self.take_some(key)?;
        let text = node.value.scalar_text();
        if text.is_none() {
            self.wrong(key, "a string", &node);
        }
        text
    }

    pub fn bool(&mut self, key: &str) -> Option<bool> {
        let node = self.take_some(key)?;
        let value = node.value.as_bool();
        if value.is_none() {
            self.wrong(key, "true or false", &node);
        }
        value
    }

    pub fn int(&mut self, key: &str) -> Option<i64> {
        let node = self.take_some(key)?;
        let value = node.value.as_int();
        if value.is_none() {
            self.wrong(key, "an integer", &node);
        }
        value
    }

    /// A list; nothing and null are an empty one.
    pub fn list(&mut self, key: &str) -> Vec<Node> {
        match self.take_some(key) {
            None => Vec::new(),
            Some(Node { value: Value::Seq(items), .. }) => items,
            Some(node) => {
                self.wrong(key, "a list", &node);
                Vec::new()
            }
        }
    }

    /// A text or a list of texts.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.take_some(key) else { return Vec::new() };
        let items = match &node.value {
            Value::Seq(items) => items.clone(),
            _ => vec![node.clone()],
        };
        let texts: Option<Vec<String>> = items.iter().map(|item| item.value.scalar_text()).collect();
        if texts.is_none() {
            self.wrong(key, "a string or a list of strings", &node);
        }
        texts.unwrap_or_default()
    }

    /// A mapping; nothing and null are an empty one.
    pub fn mapping(&mut self, key: &str) -> Map {
        match self.take_some(key) {
            None => Map::new(),
            Some(Node { value: Value::Map(map), .. }) => map,
            Some(node) => {
                self.wrong(key, "a mapping", &node);
                Map::new()
            }
        }
    }

    pub fn json(&mut self, key: &str) -> JsonMap<String, Json> {
        self.mapping(key).to_json()
    }

    /// Warns of keys that nobody took and that were most likely meant to be one of `known`: dbt keeps them and does nothing
    /// with them.
    pub fn report_slips(&mut self, known: &[&'static str]) {
        for (key, position, meant) in slips(self.rest(), known) {
            let warning = self
                .source
                .warning(
                    position,
                    format!(
                        "Custom key `{key}` found at {} in file `{}`. This may mean the key is a typo, or is simply not a key supported by the object.",
                        self.of, self.source.file
                    ),
                )
                .named("CustomKeyInObjectDeprecation")
                .cause("the key is kept and has no effect")
                .fix(format!("did you mean '{meant}'?"));
            self.diagnostics.push(warning);
        }
    }

    /// Says what is wrong with the keys of a `config`: two names of one, and slips.
    pub fn check_config(&mut self, config: &Map) {
        aliases::refuse_both_names(aliases::places(config), self);
        for (key, position, meant) in slips(config.entries(), CONFIGS) {
            let warning = self
                .source
                .warning(
                    position,
                    format!(
                        "Custom key `{key}` found in `config` of {} in file `{}`. Custom config keys should move into the `config.meta`.",
                        self.of, self.source.file
                    ),
                )
                .named("CustomKeyInConfigDeprecation")
                .cause("the config is kept, and nothing of dbt or Athena reads it")
                .fix(format!("did you mean '{meant}'?"));
            self.diagnostics.push(warning);
        }
    }

    /// The same for the `config` of `entry`, which may have been taken.
    pub fn check_config_of(&mut self, entry: &Node) {
        if let Some(config) =
            entry.value.as_map().and_then(|map| map.get("config")).and_then(|node| node.value.as_map())
        {
            self.check_config(config);
        }
    }

    /// Warns of every key at the top of a property file that nobody took.
    pub fn report_top_level(&mut self, known: &[&str]) {
        for (key, position) in self.rest_keys() {
            let fix = match meant(&key, known.iter().copied()) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => "remove it; an anchor to refer to goes below `anchors:`".to_owned(),
            };
            let what = format!("Unexpected top-level key {key} in file `{}`", self.source.file);
            let warning = self.source.warning(position, what).named("CustomTopLevelKeyDeprecation");
            self.diagnostics.push(warning.cause("what stands below it is not read").fix(fix));
        }
    }

    /// The keys that nobody took, with their places.
    pub fn rest_keys(&self) -> Vec<(String, Position)> {
        let shown = |entry: &Entry| (entry.key.value.scalar_text().unwrap_or_default(), entry.key.position);
        self.rest().map(shown).collect()
    }

    /// Reports every key that nobody took: dbt refuses these entries as a whole. `section` is where they stand.
    pub fn refuse_rest(&mut self, section: &str, known: &[&str]) {
        for (key, position) in self.rest_keys() {
            let what = format!(
                "Parsing Error\n  Invalid {section} config given in {}: {} has a key that is not allowed ('{key}' was unexpected)",
                self.source.file, self.of
            );
            let fix = match meant(&key, known.iter().copied()) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => "remove the key, or put it below `config: meta:`".to_owned(),
            };
            self.report(position, what, Some(format!("known are {}", known.join(", "))), &fix);
        }
    }

    /// What nobody took.
    pub fn extra(self) -> JsonMap<String, Json> {
        self.rest().map(|entry| (json_key(&entry.key.value), entry.value.value.to_json())).collect()
    }

    /// The entries nobody has taken yet.
    pub fn rest(&self) -> impl Iterator<Item = &Entry> {
        self.map.entries().zip(&self.taken).filter(|(_, taken)| !**taken).map(|(entry, _)| entry)
    }

    /// Those of them with text keys.
    pub fn rest_by_name(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.rest().filter_map(|entry| Some((entry.key.value.as_str()?, &entry.value)))
    }
}

/// The keys that are not among `known`, and look as if they were meant to be.
fn slips<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    known: &[&'static str],
) -> Vec<(String, Position, &'static str)> {
    entries
        .filter_map(|entry| {
            let key = entry.key.value.as_str()?;
            let unknown = !known.contains(&key);
            let meant = unknown.then(|| meant(key, known.iter().copied())).flatten()?;
            Some((key.to_owned(), entry.key.position, meant))
        })
        .collect()
}

fn wrong_type(source: &SourceText, position: Position, of: &str, expected: &str, found: &Value) -> Diagnostic {
    source
        .error(position, format!("Parsing Error\n  {of} must be {expected}, not {}", found.kind()))
        .cause(format!("{} has {} here", source.file, found.kind()))
        .fix(format!("write {expected}"))
}

//! Takes a mapping apart, key by key, and says with the place what is not as it should be.

use diagnostic::{Diagnostic, Severity};
use project::SourceText;
use project::yaml::{Map, Node, Position, Value};

use crate::nearest::{listed, nearest};

/// A file being read, and what was found wrong so far.
pub(super) struct Reader<'a> {
    pub source: &'a SourceText,
    pub diagnostics: Vec<Diagnostic>,
    /// `schedule 'orders'`; the beginning of each message.
    pub of: String,
}

/// A mapping whose keys are all known.
#[derive(Clone)]
pub(super) struct Keys<'n> {
    map: &'n Map,
    pub position: Position,
    /// Known keys that were written wrongly; that they are missing needs no second message.
    misspelt: Vec<&'static str>,
}

impl<'n> Keys<'n> {
    /// The value of a key; null counts as absent.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        entry(self.map, key).map(|entry| &entry.value).filter(|node| !node.value.is_null())
    }

    /// The first of several spellings that is there.
    pub fn first(&self, keys: &[&'static str]) -> Option<(&'static str, &'n Node)> {
        keys.iter().find_map(|key| Some((*key, self.get(key)?)))
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Where a key stands, or its mapping.
    pub fn position_of(&self, key: &str) -> Position {
        entry(self.map, key).map_or(self.position, |entry| entry.key.position)
    }
}

/// The entry of a key. A bare `on` is the boolean true to YAML 1.1.
pub(super) fn entry<'n>(map: &'n Map, key: &str) -> Option<&'n project::yaml::Entry> {
    map.entry(key).or_else(|| {
        let bare = map.entries().find(|entry| entry.key.value == Value::Bool(true));
        bare.filter(|_| key == "on")
    })
}

impl Reader<'_> {
    pub fn report(
        &mut self,
        severity: Severity,
        position: Position,
        what: impl AsRef<str>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let what =
            if self.of.is_empty() { what.as_ref().to_owned() } else { format!("{}: {}", self.of, what.as_ref()) };
        let diagnostic = match severity {
            Severity::Error => self.source.error(position, what),
            Severity::Warning => self.source.warning(position, what),
        };
        self.diagnostics.push(diagnostic.cause(cause).fix(fix));
    }

    pub fn error(
        &mut self,
        position: Position,
        what: impl AsRef<str>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.report(Severity::Error, position, what, cause, fix);
    }

    /// The value is of the wrong kind. `example` is how to write it.
    pub fn wrong(&mut self, name: &str, expected: &str, node: &Node, example: &str) {
        let shown = match &node.value {
            Value::Seq(_) | Value::Map(_) | Value::Null => node.value.kind().to_owned(),
            scalar => format!("{} ({})", scalar.kind(), scalar.scalar_text().unwrap_or_default()),
        };
        self.error(node.position, format!("'{name}' must be {expected}"), format!("it is {shown}"), example.to_owned());
    }

    /// `node` as a mapping with no keys but `known`.
    pub fn mapping<'n>(&mut self, name: &str, node: &'n Node, known: &[&'static str]) -> Option<Keys<'n>> {
        let Value::Map(map) = &node.value else {
            let fix = format!("write keys and values: `{}: …`", known.first().unwrap_or(&"name"));
            if name.is_empty() {
                let cause = format!("it is {}", node.value.kind());
                self.error(node.position, "a schedule must be a mapping", cause, fix);
            } else {
                self.wrong(name, "a mapping", node, &fix);
            }
            return None;
        };
        let mut misspelt = Vec::new();
        for entry in map.entries() {
            let text = match &entry.key.value {
                Value::Bool(true) if known.contains(&"on") => continue,
                Value::Str(text) if known.contains(&text.as_str()) => continue,
                Value::Str(text) => text.clone(),
                other => other.scalar_text().unwrap_or_else(|| other.kind().to_owned()),
            };
            let place = if name.is_empty() { String::new() } else { format!(" in '{name}'") };
            let (cause, fix) = match meant(&text, known) {
                Some(known) => {
                    misspelt.push(known);
                    ("there is no such key".to_owned(), format!("did you mean '{known}'?"))
                }
                None if name.is_empty() => {
                    ("a schedule has no such key".to_owned(), "remove it; docs/schedules.md has all keys".to_owned())
                }
                None => (format!("known here are {}", listed(known.iter().copied())), "remove it".to_owned()),
            };
            self.error(entry.key.position, format!("unknown key '{text}'{place}"), cause, fix);
        }
        Some(Keys { map, position: node.position, misspelt })
    }

    /// A text. Numbers and dates are refused: `1.10` would be read as 1.1.
    pub fn text(&mut self, name: &str, node: &Node) -> Option<String> {
        let text = node.value.as_str().map(str::to_owned);
        if text.is_none() {
            let fix = match &node.value {
                Value::Seq(_) | Value::Map(_) => "write one value",
                Value::Null => "write a value, or remove it",
                _ => "put quotes around it",
            };
            self.wrong(name, "a text", node, fix);
        }
        text
    }

    pub fn text_of(&mut self, keys: &Keys<'_>, key: &'static str) -> Option<String> {
        self.text(key, keys.get(key)?)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, keys: &Keys<'_>, key: &'static str, example: &str) -> Option<String> {
        match keys.get(key) {
            Some(node) => self.text(key, node),
            None => {
                self.missing(keys, key, example);
                None
            }
        }
    }

    pub fn missing(&mut self, keys: &Keys<'_>, key: &str, example: &str) {
        if keys.misspelt.contains(&key) {
            return;
        }
        let cause = if entry(keys.map, key).is_some() {
            "it is empty; what stands behind a # is a comment"
        } else {
            "it has no default"
        };
        self.error(keys.position_of(key), format!("'{key}' is missing"), cause, format!("add `{key}: {example}`"));
    }

    pub fn bool_of(&mut self, keys: &Keys<'_>, key: &'static str) -> Option<bool> {
        let node = keys.get(key)?;
        let value = node.value.as_bool();
        if value.is_none() {
            self.wrong(key, "true or false", node, "write true or false, without quotes");
        }
        value
    }

    /// A whole number that is not negative.
    pub fn number_of(&mut self, keys: &Keys<'_>, key: &'static str) -> Option<u32> {
        let node = keys.get(key)?;
        let value = node.value.as_int().and_then(|value| u32::try_from(value).ok());
        if value.is_none() {
            let digits = node.value.as_str().filter(|text| text.parse::<u32>().is_ok());
            let fix = match digits {
                Some(digits) => format!("write {digits} without quotes"),
                None => "write a whole number, 0 or more".to_owned(),
            };
            self.wrong(key, "a whole number", node, &fix);
        }
        value
    }

    /// The items of a list; nothing is an empty one.
    pub fn list_of<'n>(&mut self, keys: &Keys<'n>, key: &str, example: &str) -> &'n [Node] {
        let Some(node) = keys.get(key) else { return &[] };
        match &node.value {
            Value::Seq(items) => items,
            _ => {
                self.wrong(key, "a list", node, &format!("write a list: {example}"));
                &[]
            }
        }
    }

    /// One word out of a few.
    pub fn choice_of<T: Copy>(
        &mut self,
        keys: &Keys<'_>,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let node = keys.get(key)?;
        self.choice(key, node, choices)
    }

    pub fn choice<T: Copy>(&mut self, name: &str, node: &Node, choices: &[(&'static str, T)]) -> Option<T> {
        let words = || choices.iter().map(|(word, _)| *word);
        let text = node.value.scalar_text();
        let found = choices.iter().find(|(word, _)| node.value.as_str() == Some(word)).map(|(_, value)| *value);
        if found.is_none() {
            let fix = match text.as_deref().and_then(|text| nearest(text, words())) {
                Some(word) => format!("did you mean '{word}'?"),
                None => format!("write one of {}", listed(words())),
            };
            let cause =
                format!("it is {}", text.map_or_else(|| node.value.kind().to_owned(), |text| format!("'{text}'")));
            self.error(node.position, format!("'{name}' must be one of {}", listed(words())), cause, fix);
        }
        found
    }
}

/// The known key that was probably meant: the nearest one, or the one that other tools call so.
fn meant(text: &str, known: &[&'static str]) -> Option<&'static str> {
    const ELSEWHERE: [(&str, &str); 22] = [
        ("cron", "schedule"),
        ("branch", "git_branch"),
        ("tz", "timezone"),
        ("owner", "owner_email"),
        ("email", "owner_email"),
        ("env", "env_overrides"),
        ("env_vars", "env_overrides"),
        ("environment_variables", "env_overrides"),
        ("vars", "variables"),
        ("sla", "sla_minutes"),
        ("timeout", "max_runtime_minutes"),
        ("timeout_minutes", "max_runtime_minutes"),
        ("retries", "retry"),
        ("steps", "commands"),
        ("paused", "suspended"),
        ("label", "display_name"),
        ("teams", "microsoft_teams"),
        ("slack", "slack_channels"),
        ("email_addresses", "emails"),
        ("catchup", "misfire_policy"),
        ("trigger_on", "on"),
        ("events", "on"),
    ];
    let folded = text.to_lowercase().replace('-', "_");
    let of_name = known.iter().copied().find(|known| *known == folded);
    of_name.or_else(|| nearest(&folded, known.iter().copied())).or_else(|| {
        let (_, ours) = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == folded && known.contains(ours))?;
        Some(*ours)
    })
}

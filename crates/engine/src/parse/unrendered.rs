//! `unrendered_config`: a node's config as the project spells it, which is what `state:modified` compares.
//!
//! dbt reads a simple model without Jinja (its "static parser"): then the values of `config()` stand as values. Of any other code it
//! takes the first `config()` and writes the arguments as text; a config that only a macro sets stands rendered.
//! With `state_modified_compare_more_unrendered_values: false` all calls and entries stand rendered.

use artifacts::{
    JsonMap,
    manifest::{Node, ResourceType},
};
use jinja::Template;
use project::{MergeRule, Project, merge_config};
use serde_json::Value as Json;

use super::{nodes::Parser, patches::Patch};

/// Whether configs are kept and compared as they are written: dbt's flag `state_modified_compare_more_unrendered_values`.
pub(crate) fn keeps_as_written(project: &Project) -> bool {
    project.root.project_flags().behaviour("state_modified_compare_more_unrendered_values")
}

/// What `config()` in a node's code contributes.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Takes part in the layers.
    pub call: JsonMap,
    /// Replaces what the layers say, unless a property file configures the node.
    pub over: JsonMap,
}

impl Parser<'_> {
    /// `rendered` is what `config()` was called with.
    pub(super) fn written(&self, node: &Node, template: Option<&Template>, rendered: &JsonMap) -> Written {
        if rendered.is_empty() {
            return Written::default();
        }
        if self.is_read_statically(node)
            && let Some(configs) = static_configs(&node.raw_code)
        {
            let mut written = Written::default();
            for (key, value) in configs {
                if !written.call.is_empty() && MergeRule::of(&key) != MergeRule::Clobber {
                    merge_config(&mut written.call, &JsonMap::from_iter([(key.clone(), value.clone())]));
                } else {
                    written.call.insert(key.clone(), value.clone());
                }
                written.over.insert(key, value);
            }
            return written;
        }
        let texts = match template.filter(|_| self.as_written) {
            Some(template) => of_first_call(&node.raw_code, template),
            None => JsonMap::new(),
        };
        Written { call: if texts.is_empty() { rendered.clone() } else { texts }, over: JsonMap::new() }
    }

    /// Whether dbt reads the model's code without Jinja.
    pub(super) fn is_read_statically(&self, node: &Node) -> bool {
        node.resource_type == ResourceType::Model
            && node.language == "sql"
            && !self.replaces_builtins(&node.package_name)
            && static_configs(&node.raw_code).is_some()
    }

    /// Whether the project has a macro of its own with the name of a function that the static parser knows.
    fn replaces_builtins(&self, package: &str) -> bool {
        ["ref", "source", "config"].iter().any(|name| {
            [package, self.project.root.name.as_str()]
                .iter()
                .any(|package| self.scope.macros.find_in(package, name).is_some())
        })
    }
}

/// The arguments of the first `config()` in the code, as text.
pub(crate) fn of_first_call(code: &str, template: &Template) -> JsonMap {
    // dbt looks for these letters before it looks for the call.
    let first = code.contains("config(").then(|| template.calls().iter().find(|call| call.name == "config"));
    let written = first.flatten().into_iter().flat_map(|call| &call.written);
    written.map(|(key, text)| (key.clone(), text.as_str().into())).collect()
}

/// The code with every backslash meaning itself: without Jinja, dbt takes texts as they are written (`'\t'` is two characters).
pub(super) fn without_escapes(code: &str) -> String {
    let mut out = String::with_capacity(code.len() + 16);
    let mut characters = code.chars();
    while let Some(c) = characters.next() {
        out.push(c);
        if c != '\\' {
            continue;
        }
        out.push(c);
        match characters.next() {
            Some('\\') => out.push_str("\\\\"),
            Some(quote @ ('\'' | '"')) => out.extend(['\\', quote]),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// The property file's part: its rendered config, `as_written` with what `config:` itself says before rendering.
pub(super) fn of_patch(patch: Patch<'_>, as_written: bool) -> JsonMap {
    let mut config = patch.config().into_owned();
    if as_written {
        deep_merge(&mut config, patch.unrendered_config());
    }
    config
}

fn deep_merge(base: &mut JsonMap, above: &JsonMap) {
    for (key, value) in above {
        match (base.get_mut(key), value) {
            (Some(Json::Object(below)), Json::Object(above)) => deep_merge(below, above),
            // dbt joins them, though both say the same.
            (Some(Json::Array(below)), Json::Array(above)) => {
                below.splice(0..0, above.iter().cloned());
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The configs of code in which nothing but `ref`, `source` and `config` with literal arguments is called; `None` of any other code.
fn static_configs(code: &str) -> Option<Vec<(String, Json)>> {
    let mut configs = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find('{') {
        let tag = &rest[at..];
        if tag.starts_with("{%") {
            return None;
        } else if tag.starts_with("{#") {
            rest = &tag[tag.find("#}")? + 2..];
        } else if let Some(inside) = tag.strip_prefix("{{") {
            let mut reader = Reader { rest: inside };
            reader.expression(&mut configs)?;
            reader.sign("}}")?;
            rest = reader.rest;
        } else {
            rest = &tag[1..];
        }
    }
    Some(configs)
}

struct Reader<'a> {
    rest: &'a str,
}

/// Not available to the static parser.
const HOOKS: [&str; 4] = ["pre_hook", "post_hook", "pre-hook", "post-hook"];

impl<'a> Reader<'a> {
    fn expression(&mut self, configs: &mut Vec<(String, Json)>) -> Option<()> {
        if self.text().is_some() {
            return Some(());
        }
        let name = self.name()?;
        self.sign("(")?;
        let mut positional = 0;
        let mut keyword = Vec::new();
        while self.sign(")").is_none() {
            let before = self.rest;
            if let Some(key) = self.name()
                && self.sign("=").is_some()
            {
                let value = if key == "v" || key == "version" { self.number().map(Json::from) } else { None };
                keyword.push((key.to_owned(), value.or_else(|| self.literal())?));
            } else {
                self.rest = before;
                self.text()?;
                positional += 1;
            }
            if self.sign(",").is_none() {
                self.sign(")")?;
                break;
            }
        }
        let known = match name {
            "ref" => (1..=2).contains(&positional) && keyword.iter().all(|(key, _)| key == "v" || key == "version"),
            "source" => positional + keyword.len() == 2,
            "config" => {
                positional == 0 && !keyword.is_empty() && keyword.iter().all(|(key, _)| !HOOKS.contains(&key.as_str()))
            }
            _ => false,
        };
        if name == "config" {
            configs.extend(keyword);
        }
        known.then_some(())
    }

    /// What follows the blanks, of which the static parser knows four only.
    fn blank_free(&self) -> &'a str {
        self.rest.trim_start_matches([' ', '\t', '\n', '\r'])
    }

    fn literal(&mut self) -> Option<Json> {
        if let Some(text) = self.text() {
            return Some(text.into());
        }
        if self.sign("[").is_some() {
            let mut items = Vec::new();
            while self.sign("]").is_none() {
                items.push(self.literal()?);
                if self.sign(",").is_none() {
                    self.sign("]")?;
                    break;
                }
            }
            return Some(Json::Array(items));
        }
        if self.sign("{").is_some() {
            let mut entries = JsonMap::new();
            while self.sign("}").is_none() {
                let key = self.text()?;
                self.sign(":")?;
                entries.insert(key.to_owned(), self.literal()?);
                if self.sign(",").is_none() {
                    self.sign("}")?;
                    break;
                }
            }
            return Some(Json::Object(entries));
        }
        match self.name()? {
            "True" => Some(true.into()),
            "False" => Some(false.into()),
            _ => None,
        }
    }

    /// A quoted text; escapes stay as they are written.
    fn text(&mut self) -> Option<&'a str> {
        let rest = self.blank_free();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => {
                    self.rest = &rest[at + 1..];
                    return Some(&rest[1..at]);
                }
                _ => {}
            }
        }
        None
    }

    fn name(&mut self) -> Option<&'a str> {
        let rest = self.blank_free();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = &rest[end..];
        Some(&rest[..end])
    }

    fn number(&mut self) -> Option<i64> {
        let rest = self.blank_free();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..end].parse().ok()?;
        self.rest = &rest[end..];
        Some(number)
    }

    fn sign(&mut self, sign: &str) -> Option<()> {
        self.rest = self.blank_free().strip_prefix(sign)?;
        Some(())
    }
}

//! Config trees of `dbt_project.yml` (`models:`, `seeds:`, …) and how layers of configs are merged.

use indexmap::IndexMap;
use serde_json::{Map as JsonMap, Value as Json};

use crate::aliases;
use crate::yaml::Map;

/// Configs of a node or of one layer, by key without `+`.
pub type Config = JsonMap<String, Json>;

/// The trees a project file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigKind {
    /// `models:`
    Models,
    /// `seeds:`
    Seeds,
    /// `snapshots:`
    Snapshots,
    /// `data_tests:`, formerly `tests:`
    DataTests,
    /// `unit_tests:`
    UnitTests,
    /// `sources:`
    Sources,
    /// `metrics:`
    Metrics,
    /// `semantic-models:`
    SemanticModels,
    /// `saved-queries:`
    SavedQueries,
    /// `exposures:`
    Exposures,
    /// `functions:`
    Functions,
    /// `analyses:`
    Analyses,
}

impl ConfigKind {
    /// Every kind, in the order of the file's documentation.
    pub const ALL: [Self; 12] = [
        Self::Models,
        Self::Seeds,
        Self::Snapshots,
        Self::DataTests,
        Self::UnitTests,
        Self::Sources,
        Self::Metrics,
        Self::SemanticModels,
        Self::SavedQueries,
        Self::Exposures,
        Self::Functions,
        Self::Analyses,
    ];

    /// The key in `dbt_project.yml`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Seeds => "seeds",
            Self::Snapshots => "snapshots",
            Self::DataTests => "data_tests",
            Self::UnitTests => "unit_tests",
            Self::Sources => "sources",
            Self::Metrics => "metrics",
            Self::SemanticModels => "semantic-models",
            Self::SavedQueries => "saved-queries",
            Self::Exposures => "exposures",
            Self::Functions => "functions",
            Self::Analyses => "analyses",
        }
    }
}

/// One tree: `models:` of one project file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigTree {
    rendered: Level,
    unrendered: Level,
    /// What the root says without a `+`.
    plain: Config,
}

/// A folder of the tree: what it configures, and the folders and names below it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Level {
    configs: Config,
    below: IndexMap<String, Level>,
}

impl Level {
    /// Keys with `+` are configs, and keys without whose value is not a mapping.
    fn new(tree: Config, name: fn(&str) -> &str) -> Self {
        let mut level = Self::default();
        for (key, value) in tree {
            match (key.strip_prefix('+'), value) {
                (Some(config), value) => {
                    level.configs.insert(name(config.trim()).to_owned(), value);
                }
                (None, Json::Object(below)) => {
                    level.below.insert(key, Self::new(below, name));
                }
                (None, value) => {
                    level.configs.insert(name(&key).to_owned(), value);
                }
            }
        }
        level
    }

    fn resolve<'a>(&'a self, fqn: &'a [String]) -> impl Iterator<Item = &'a Config> {
        let mut parts = fqn.iter();
        std::iter::successors(Some(self), move |level| level.below.get(parts.next()?))
            .map(|level| &level.configs)
            .filter(|configs| !configs.is_empty())
    }

    fn collect_paths<'a>(&'a self, path: &mut Vec<&'a str>, found: &mut Vec<Vec<&'a str>>) {
        for (key, below) in &self.below {
            path.push(key);
            below.collect_paths(path, found);
            path.pop();
        }
        if !self.configs.is_empty() {
            found.push(path.clone());
        }
    }
}

impl ConfigTree {
    /// A tree as it is after and before rendering.
    pub fn new(rendered: &Map, unrendered: &Map) -> Self {
        let rendered = rendered.to_json();
        let plain = rendered.iter().filter(|(key, _)| !key.starts_with('+'));
        Self {
            plain: plain.map(|(key, value)| (key.clone(), value.clone())).collect(),
            rendered: Level::new(rendered, canonical_key),
            unrendered: Level::new(unrendered.to_json(), |key| key),
        }
    }

    /// What the tree's root has under `key` without a `+`.
    pub fn plain_at_root(&self, key: &str) -> Option<&Json> {
        self.plain.get(key)
    }
}

/// `pre_hook` and `pre-hook` are one config, and for dbt-athena `catalog` and `database`.
pub fn canonical_key(key: &str) -> &str {
    match key {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        other => aliases::canonical(other),
    }
}

/// All trees of one project file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigTrees {
    trees: Vec<(ConfigKind, ConfigTree)>,
}

impl ConfigTrees {
    /// Sets the tree of a kind.
    pub fn set(&mut self, kind: ConfigKind, tree: ConfigTree) {
        self.trees.retain(|(other, _)| *other != kind);
        self.trees.push((kind, tree));
    }

    /// The tree of a kind, if the file has it.
    pub fn get(&self, kind: ConfigKind) -> Option<&ConfigTree> {
        self.trees.iter().find(|(other, _)| *other == kind).map(|(_, tree)| tree)
    }

    /// The layers of `kind` that apply to a node, from the tree's root down its `fqn`; merge them in this order.
    pub fn resolve<'a>(&'a self, kind: ConfigKind, fqn: &'a [String]) -> impl Iterator<Item = &'a Config> {
        self.get(kind).into_iter().flat_map(|tree| tree.rendered.resolve(fqn))
    }

    /// The same before rendering, with keys spelled as written (`pre_hook`): dbt keeps them so in `unrendered_config`, where
    /// each layer's values replace those below.
    pub fn resolve_unrendered<'a>(&'a self, kind: ConfigKind, fqn: &'a [String]) -> impl Iterator<Item = &'a Config> {
        self.get(kind).into_iter().flat_map(|tree| tree.unrendered.resolve(fqn))
    }

    /// Dotted paths (`models.shop.staging`) of which `is_used` says no; what is said of analyses is never one, as in dbt.
    pub fn unused_paths(&self, is_used: &dyn Fn(ConfigKind, &[&str]) -> bool) -> Vec<String> {
        let mut unused = Vec::new();
        for (kind, tree) in self.trees.iter().filter(|(kind, _)| *kind != ConfigKind::Analyses) {
            let mut paths = Vec::new();
            tree.rendered.collect_paths(&mut Vec::new(), &mut paths);
            for path in paths.into_iter().filter(|path| !is_used(*kind, path)) {
                let key = kind.key().replace('-', "_");
                unused.push(std::iter::once(key.as_str()).chain(path).collect::<Vec<_>>().join("."));
            }
        }
        unused
    }
}

/// How a layer's value meets the value below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeRule {
    /// The lists are joined; a scalar is a list of one.
    Append,
    /// The mapping's keys replace those of the mapping below.
    Update,
    /// As [`MergeRule::Update`], but a key written `+key` joins the lists.
    DictKeyAppend,
    /// The value replaces the one below.
    Clobber,
}

impl MergeRule {
    /// The rule of a config key between two calls of `config()`. Of layers, models and their like have this one too.
    pub fn of(key: &str) -> Self {
        match key {
            "tags" | "pre-hook" | "post-hook" | "packages" => Self::Append,
            "meta" | "quoting" | "column_types" | "docs" | "contract" | "snapshot_meta_column_names" => Self::Update,
            "grants" => Self::DictKeyAppend,
            _ => Self::Clobber,
        }
    }
}

/// Puts what a call of `config()` says over what calls before it said.
pub fn merge_config(base: &mut Config, layer: &Config) {
    merge_config_by(MergeRule::of, base, layer);
}

/// Puts `layer` over `base`, each key by its rule. The layer's keys may still be spelled `pre_hook`.
pub fn merge_config_by(rule: impl Fn(&str) -> MergeRule, base: &mut Config, layer: &Config) {
    for (key, value) in layer {
        let key = canonical_key(key);
        let merged = match (rule(key), base.get(key)) {
            (MergeRule::Append, below) => {
                let mut items = below.map(listed).unwrap_or_default();
                items.extend(listed(value));
                Json::Array(items)
            }
            (MergeRule::Update, Some(Json::Object(below))) => match value {
                Json::Object(above) => {
                    let mut merged = below.clone();
                    merged.extend(above.clone());
                    Json::Object(merged)
                }
                other => other.clone(),
            },
            (MergeRule::DictKeyAppend, below) => match value {
                Json::Object(above) => Json::Object(append_keys(below.and_then(Json::as_object), above)),
                other => other.clone(),
            },
            _ => value.clone(),
        };
        match base.get_mut(key) {
            Some(below) => *below = merged,
            None => {
                base.insert(key.to_owned(), merged);
            }
        }
    }
}

fn append_keys(below: Option<&Config>, above: &Config) -> Config {
    let mut merged = below.cloned().unwrap_or_default();
    for (key, value) in above {
        match key.strip_prefix('+') {
            Some(name) => {
                // Below may be another call in the same file, which is still as it is written.
                let joined = if merged.contains_key(key) { key.as_str() } else { name };
                let mut items = merged.get(joined).map(listed).unwrap_or_default();
                items.extend(listed(value));
                merged.insert(joined.to_owned(), Json::Array(items));
            }
            None => {
                merged.insert(key.clone(), Json::Array(listed(value)));
            }
        }
    }
    merged
}

fn listed(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        other => vec![other.clone()],
    }
}

//! Config trees of `dbt_project.yml` (`models:`, `seeds:`, …) and how layers of configs are merged.

use serde_json::{Map as JsonMap, Value as Json};

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
    rendered: Config,
    unrendered: Config,
}

impl ConfigTree {
    /// A tree as it is after and before rendering.
    pub fn new(rendered: &Map, unrendered: &Map) -> Self {
        Self { rendered: rendered.to_json(), unrendered: unrendered.to_json() }
    }

    /// The layers that apply to a node, from the tree's root down its `fqn`; merge them in this order.
    pub fn resolve(&self, fqn: &[String]) -> Vec<Config> {
        let mut found = layers(&self.rendered, fqn);
        for layer in &mut found {
            *layer = std::mem::take(layer).into_iter().map(|(key, value)| (canonical_key(&key), value)).collect();
        }
        found
    }

    /// The same before rendering, with keys spelled as written (`pre_hook`): dbt keeps them so in `unrendered_config`, where
    /// each layer's values replace those below.
    pub fn resolve_unrendered(&self, fqn: &[String]) -> Vec<Config> {
        layers(&self.unrendered, fqn)
    }

    /// The paths below this tree that hold configs.
    fn config_paths(&self) -> Vec<Vec<&str>> {
        let mut paths = Vec::new();
        collect_paths(&self.rendered, &mut Vec::new(), &mut paths);
        paths
    }
}

fn layers(tree: &Config, fqn: &[String]) -> Vec<Config> {
    let mut found = Vec::new();
    let mut level = Some(tree);
    let mut parts = fqn.iter();
    while let Some(current) = level {
        let configs = configs_of(current);
        if !configs.is_empty() {
            found.push(configs);
        }
        level = parts.next().and_then(|part| current.get(part)).and_then(Json::as_object);
    }
    found
}

/// Keys with `+`, and keys without whose value is not a mapping.
fn configs_of(level: &Config) -> Config {
    level
        .iter()
        .filter_map(|(key, value)| {
            if let Some(name) = key.strip_prefix('+') {
                return Some((name.trim().to_owned(), value.clone()));
            }
            (!value.is_object()).then(|| (key.clone(), value.clone()))
        })
        .collect()
}

/// `pre_hook` and `pre-hook` are one config.
pub fn canonical_key(key: &str) -> String {
    match key {
        "pre_hook" => "pre-hook".to_owned(),
        "post_hook" => "post-hook".to_owned(),
        other => other.to_owned(),
    }
}

fn collect_paths<'a>(level: &'a Config, path: &mut Vec<&'a str>, found: &mut Vec<Vec<&'a str>>) {
    let mut has_configs = false;
    for (key, value) in level {
        match value.as_object() {
            Some(below) if !key.starts_with('+') => {
                path.push(key);
                collect_paths(below, path, found);
                path.pop();
            }
            _ => has_configs = true,
        }
    }
    if has_configs {
        found.push(path.clone());
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

    /// The layers of `kind` that apply to a node; see [`ConfigTree::resolve`].
    pub fn resolve(&self, kind: ConfigKind, fqn: &[String]) -> Vec<Config> {
        self.get(kind).map(|tree| tree.resolve(fqn)).unwrap_or_default()
    }

    /// The same before rendering.
    pub fn resolve_unrendered(&self, kind: ConfigKind, fqn: &[String]) -> Vec<Config> {
        self.get(kind).map(|tree| tree.resolve_unrendered(fqn)).unwrap_or_default()
    }

    /// Dotted paths (`models.shop.staging`) that no resource of their kind lies under. `fqns_of` gives the fqns of all
    /// resources of a kind, disabled ones too.
    pub fn unused_paths(&self, fqns_of: &dyn Fn(ConfigKind) -> Vec<Vec<String>>) -> Vec<String> {
        let mut unused = Vec::new();
        for (kind, tree) in &self.trees {
            let fqns = fqns_of(*kind);
            for path in tree.config_paths() {
                let used = fqns.iter().any(|fqn| path.len() <= fqn.len() && path.iter().zip(fqn).all(|(a, b)| a == b));
                if !used {
                    unused.push(std::iter::once(kind.key()).chain(path).collect::<Vec<_>>().join("."));
                }
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
    /// The rule of a config key.
    pub fn of(key: &str) -> Self {
        match key {
            "tags" | "pre-hook" | "post-hook" | "packages" => Self::Append,
            "meta"
            | "quoting"
            | "column_types"
            | "docs"
            | "contract"
            | "latest_version_pointer"
            | "snapshot_meta_column_names" => Self::Update,
            "grants" => Self::DictKeyAppend,
            _ => Self::Clobber,
        }
    }
}

/// Puts `layer` over `base`. The layer's keys may still be spelled `pre_hook`.
pub fn merge_config(base: &mut Config, layer: &Config) {
    for (key, value) in layer {
        let key = canonical_key(key);
        let merged = match (MergeRule::of(&key), base.get(&key)) {
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
                Json::Null => Json::Object(below.clone()),
                other => other.clone(),
            },
            (MergeRule::DictKeyAppend, below) => match value {
                Json::Object(above) => Json::Object(append_keys(below.and_then(Json::as_object), above)),
                other => other.clone(),
            },
            _ => value.clone(),
        };
        base.insert(key, merged);
    }
}

fn append_keys(below: Option<&Config>, above: &Config) -> Config {
    let mut merged = below.cloned().unwrap_or_default();
    for (key, value) in above {
        match key.strip_prefix('+') {
            Some(name) => {
                let mut items = merged.get(name).map(listed).unwrap_or_default();
                items.extend(listed(value));
                merged.insert(name.to_owned(), Json::Array(items));
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
        Json::Null => Vec::new(),
        Json::Array(items) => items.clone(),
        other => vec![other.clone()],
    }
}

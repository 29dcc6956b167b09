//! A node's final config: defaults, project files, property file, `config()`.

use std::sync::OnceLock;

use artifacts::{JsonMap, manifest::ResourceType};
use project::{ConfigKind, MergeRule, Project, merge_config_by};
use serde_json::{Value as Json, json};

use super::config_types;

/// The layers between the defaults and the final config.
#[derive(Debug, Default)]
pub(super) struct Layers<'a> {
    /// From the property file.
    pub patch: Option<&'a JsonMap>,
    /// From `config()` in the file.
    pub call: Option<&'a JsonMap>,
}

/// Whether analyses are named by their folders alone and have a tree of their own.
pub(super) fn has_corrected_analyses(project: &Project) -> bool {
    project.root.project_flags().behaviour("require_corrected_analysis_fqns")
}

/// The tree of `dbt_project.yml` that a resource takes its configs from.
pub(super) fn tree_of(project: &Project, kind: ResourceType) -> ConfigKind {
    match kind {
        ResourceType::Analysis if has_corrected_analyses(project) => ConfigKind::Analyses,
        ResourceType::Seed => ConfigKind::Seeds,
        ResourceType::Snapshot => ConfigKind::Snapshots,
        ResourceType::Test => ConfigKind::DataTests,
        ResourceType::UnitTest => ConfigKind::UnitTests,
        ResourceType::Source => ConfigKind::Sources,
        ResourceType::Exposure => ConfigKind::Exposures,
        ResourceType::Metric => ConfigKind::Metrics,
        ResourceType::SemanticModel => ConfigKind::SemanticModels,
        ResourceType::SavedQuery => ConfigKind::SavedQueries,
        ResourceType::Function => ConfigKind::Functions,
        // Analyses (without the flag), operations and groups take those of models.
        _ => ConfigKind::Models,
    }
}

/// What the project files say of one resource.
pub(super) struct FileLayers<'a> {
    /// The package's own, from the root of its tree down.
    own: Vec<&'a JsonMap>,
    /// The root project's about a package: they count more than what the resource says itself.
    root: Vec<&'a JsonMap>,
}

impl<'a> FileLayers<'a> {
    pub fn new(project: &'a Project, kind: ResourceType, package: &str, fqn: &'a [String]) -> Self {
        let tree = tree_of(project, kind);
        let own = project.get(package).map(|own| own.configs.resolve(tree, fqn).collect());
        let about_package = (package != project.root.name).then(|| project.root.configs.resolve(tree, fqn).collect());
        Self { own: own.unwrap_or_default(), root: about_package.unwrap_or_default() }
    }

    /// What tells them from others: the layers' addresses, as they stay where they are as long as the project is.
    pub fn addresses(&self) -> [Vec<usize>; 2] {
        [&self.own, &self.root].map(|layers| layers.iter().map(|layer| std::ptr::from_ref(*layer).addr()).collect())
    }

    /// The final config: defaults, project files, property file, `config()`.
    pub fn resolve(&self, kind: ResourceType, layers: &Layers<'_>) -> JsonMap {
        let mut config = defaults(kind).clone();
        let said = [layers.patch, layers.call].into_iter().flatten();
        for layer in self.own.iter().copied().chain(said).chain(self.root.iter().copied()) {
            // Of a model only a freshness with `build_after` is one.
            let is_none = |freshness: &Json| freshness.get("build_after").is_none();
            let kept = (kind == ResourceType::Model && layer.get("freshness").is_some_and(is_none))
                .then(|| config.get("freshness").cloned())
                .flatten();
            merge_config_by(|key| merge_rule(kind, key), &mut config, layer);
            if let Some(kept) = kept {
                config.insert("freshness".to_owned(), kept);
            }
        }
        finish(kind, &mut config);
        config
    }
}

/// How layers of configs meet: only what dbt declares so of a type of resource is joined, the rest is replaced.
///
/// Source: dbt Core 1.12, `MergeBehavior` of the fields of each type's config.
fn merge_rule(kind: ResourceType, key: &str) -> MergeRule {
    use ResourceType::{Exposure, Group, Metric, Model, SavedQuery, SemanticModel, Source, Test, UnitTest};
    match (kind, key) {
        (Exposure, _) => MergeRule::Clobber,
        (Source | Metric | SemanticModel | SavedQuery | Group | Test | UnitTest, "meta") => MergeRule::Update,
        (Test | UnitTest, "tags") => MergeRule::Append,
        (Source | Metric | SemanticModel | SavedQuery | Group | Test | UnitTest, _) => MergeRule::Clobber,
        (Model, "latest_version_pointer") => MergeRule::Update,
        (_, "snapshot_meta_column_names") => MergeRule::Clobber,
        _ => MergeRule::of(key),
    }
}

/// The final config of a node of `package`.
pub(super) fn resolve(
    project: &Project,
    kind: ResourceType,
    package: &str,
    fqn: &[String],
    layers: &Layers<'_>,
) -> JsonMap {
    FileLayers::new(project, kind, package, fqn).resolve(kind, layers)
}

/// The same before rendering: what `state:modified` compares.
pub(super) fn resolve_unrendered(
    project: &Project,
    kind: ResourceType,
    package: &str,
    fqn: &[String],
    layers: &Layers<'_>,
) -> JsonMap {
    let mut config = JsonMap::new();
    // Of functions dbt compares what the project file says about models.
    let tree = match kind {
        ResourceType::Function => ConfigKind::Models,
        kind => tree_of(project, kind),
    };
    // dbt looks for these two trees under names that no project file has.
    let has_tree = !matches!(kind, ResourceType::SemanticModel | ResourceType::SavedQuery);
    let mut put = |layer: &JsonMap| {
        for (key, value) in layer {
            config.insert(project::aliases::canonical(key).to_owned(), value.clone());
        }
    };
    if let Some(own) = project.get(package).filter(|_| has_tree) {
        own.configs.resolve_unrendered(tree, fqn).for_each(&mut put);
    }
    for layer in [layers.patch, layers.call].into_iter().flatten() {
        put(layer);
    }
    if package != project.root.name && has_tree {
        project.root.configs.resolve_unrendered(tree, fqn).for_each(&mut put);
    }
    config
}

/// [`known_configs`] of each type, made once.
pub(crate) fn defaults(kind: ResourceType) -> &'static JsonMap {
    static OF_TYPE: [OnceLock<JsonMap>; 32] = [const { OnceLock::new() }; 32];
    OF_TYPE[kind as usize].get_or_init(|| known_configs(kind))
}

/// Every key dbt knows for the type, in the order in which it writes them.
fn known_configs(kind: ResourceType) -> JsonMap {
    let mut config = JsonMap::new();
    let mut put = |key: &str, value: Json| {
        config.insert(key.to_owned(), value);
    };
    match kind {
        ResourceType::Test => {
            put("enabled", true.into());
            put("alias", Json::Null);
            put("schema", "dbt_test__audit".into());
            put("database", Json::Null);
            put("tags", json!([]));
            put("meta", json!({}));
            put("group", Json::Null);
            put("static_analysis", Json::Null);
            put("materialized", "test".into());
            put("severity", "ERROR".into());
            put("store_failures", Json::Null);
            put("store_failures_as", Json::Null);
            put("sql_header", Json::Null);
            put("where", Json::Null);
            put("limit", Json::Null);
            put("fail_calc", "count(*)".into());
            put("warn_if", "!= 0".into());
            put("error_if", "!= 0".into());
            return config;
        }
        ResourceType::Source => {
            put("enabled", true.into());
            put("event_time", Json::Null);
            let no_limit = json!({"count": null, "period": null});
            put("freshness", json!({"warn_after": no_limit, "error_after": no_limit, "filter": null}));
            put("loaded_at_field", Json::Null);
            put("loaded_at_query", Json::Null);
            put("meta", json!({}));
            put("tags", json!([]));
            put("static_analysis", Json::Null);
            return config;
        }
        ResourceType::UnitTest => {
            put("tags", json!([]));
            put("meta", json!({}));
            put("enabled", true.into());
            put("static_analysis", Json::Null);
            return config;
        }
        ResourceType::Exposure => {
            put("enabled", true.into());
            put("tags", json!([]));
            put("meta", json!({}));
            return config;
        }
        ResourceType::Group => {
            put("meta", json!({}));
            return config;
        }
        ResourceType::Metric | ResourceType::SemanticModel | ResourceType::SavedQuery => {
            put("enabled", true.into());
            put("group", Json::Null);
            put("meta", json!({}));
            if kind == ResourceType::SavedQuery {
                put("export_as", Json::Null);
                put("schema", Json::Null);
                put("cache", json!({"enabled": false}));
            }
            return config;
        }
        _ => {}
    }
    let materialized = match kind {
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        ResourceType::Function => "function",
        _ => "view",
    };
    put("enabled", true.into());
    put("alias", Json::Null);
    put("schema", Json::Null);
    put("database", Json::Null);
    put("tags", json!([]));
    put("meta", json!({}));
    put("group", Json::Null);
    put("static_analysis", Json::Null);
    put("materialized", materialized.into());
    put("incremental_strategy", Json::Null);
    put("batch_size", Json::Null);
    put("lookback", 1.into());
    put("begin", Json::Null);
    put("persist_docs", json!({}));
    put("post-hook", json!([]));
    put("pre-hook", json!([]));
    put("quoting", json!({}));
    put("column_types", json!({}));
    put("full_refresh", Json::Null);
    put("unique_key", Json::Null);
    put("on_schema_change", "ignore".into());
    put("on_configuration_change", "apply".into());
    put("grants", json!({}));
    put("packages", json!([]));
    put("docs", json!({"show": true, "node_color": null}));
    put("contract", json!({"enforced": false, "alias_types": true}));
    put("event_time", Json::Null);
    put("concurrent_batches", Json::Null);
    match kind {
        ResourceType::Model => {
            put("access", "protected".into());
            put("freshness", Json::Null);
            put("on_error", Json::Null);
            put("latest_version_pointer", json!({"enabled": null, "alias": null}));
        }
        ResourceType::Seed => {
            put("delimiter", ",".into());
            put("quote_columns", Json::Null);
        }
        ResourceType::Snapshot => {
            put("strategy", Json::Null);
            put("target_schema", Json::Null);
            put("target_database", Json::Null);
            put("updated_at", Json::Null);
            put("check_cols", Json::Null);
            put(
                "snapshot_meta_column_names",
                json!({"dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null, "dbt_updated_at": null, "dbt_is_deleted": null}),
            );
            put("dbt_valid_to_current", Json::Null);
        }
        ResourceType::Function => {
            put("type", "scalar".into());
            put("volatility", Json::Null);
            put("runtime_version", Json::Null);
            put("entry_point", Json::Null);
            put("snowflake", json!({"quote_args": true}));
        }
        _ => {}
    }
    config
}

fn finish(kind: ResourceType, config: &mut JsonMap) {
    use ResourceType::{Exposure, Group, Source, Test, UnitTest};
    // Nothing is built, so that there are no hooks; dbt drops them.
    if matches!(kind, Exposure | Group | Source | Test | UnitTest) {
        config.retain(|key, _| !matches!(key.as_str(), "pre-hook" | "post-hook"));
    }
    for key in ["pre-hook", "post-hook"] {
        if let Some(Json::Array(hooks)) = config.get_mut(key) {
            for hook in hooks {
                *hook = hook_mapping(hook);
            }
        }
    }
    config_types::conform(kind, config);
    match kind {
        ResourceType::Test => store_failures(config),
        ResourceType::Model => freshness(config),
        ResourceType::Source => limits(config),
        _ => {}
    }
}

/// `freshness` of a source with all its members.
fn limits(config: &mut JsonMap) {
    let Some(written) = config.get_mut("freshness").and_then(Json::as_object_mut) else { return };
    let all = defaults(ResourceType::Source).get("freshness").and_then(Json::as_object);
    for (key, default) in all.into_iter().flatten() {
        match (written.get_mut(key), default.as_object()) {
            (None, _) => {
                written.insert(key.clone(), default.clone());
            }
            (Some(Json::Object(limit)), Some(members)) => {
                for (key, default) in members {
                    limit.entry(key.clone()).or_insert_with(|| default.clone());
                }
            }
            _ => {}
        }
    }
}

/// `build_after` with all its members.
fn freshness(config: &mut JsonMap) {
    let written = config.get("freshness").and_then(|freshness| freshness.get("build_after")).and_then(Json::as_object);
    let Some(written) = written else { return };
    let mut build_after = JsonMap::new();
    for (key, default) in [("count", Json::Null), ("period", Json::Null), ("updates_on", "any".into())] {
        build_after.insert(key.to_owned(), written.get(key).cloned().unwrap_or(default));
    }
    build_after.extend(written.clone());
    config.insert("freshness".to_owned(), json!({"build_after": build_after}));
}

fn store_failures(config: &mut JsonMap) {
    let stored_as = config.get("store_failures_as").and_then(Json::as_str).map(str::to_owned);
    match stored_as {
        Some(kind) => {
            config.insert("store_failures".to_owned(), (kind != "ephemeral").into());
        }
        None => {
            let kind = match config.get("store_failures").and_then(Json::as_bool) {
                Some(true) => Json::from("table"),
                Some(false) => Json::from("ephemeral"),
                None => return,
            };
            config.insert("store_failures_as".to_owned(), kind);
        }
    }
}

/// A hook as `{sql, transaction, index}`; what is none has a null in place of its SQL.
pub(super) fn hook_mapping(hook: &Json) -> Json {
    let from = |map: &JsonMap| {
        json!({
            "sql": map.get("sql").cloned().unwrap_or(Json::Null),
            "transaction": map.get("transaction").cloned().unwrap_or(Json::Bool(true)),
            "index": map.get("index").cloned().unwrap_or(Json::Null),
        })
    };
    match hook {
        Json::Object(map) => from(map),
        Json::String(text) => match serde_json::from_str::<Json>(text) {
            Ok(Json::Object(map)) => from(&map),
            Ok(_) => from(&JsonMap::new()),
            Err(_) => json!({"sql": text, "transaction": true, "index": null}),
        },
        _ => from(&JsonMap::new()),
    }
}

/// Texts of a list in a config.
pub(super) fn texts(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::Array(items)) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        Some(Json::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// A mapping in a config.
pub(super) fn mapping(value: Option<&Json>) -> JsonMap {
    value.and_then(Json::as_object).cloned().unwrap_or_default()
}

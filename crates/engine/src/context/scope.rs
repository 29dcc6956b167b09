//! What is the same for all nodes of a project.

use std::{collections::HashMap, fmt, sync::Arc};

use artifacts::JsonMap;
use jinja::Value;
use project::{Project, QueryComment, Vars, yaml};

use super::{Host, invocation, macros::MacroRegistry, reference::Versions, relation::PartFlags};

/// The behaviour flag with which the macro `equals` takes two NULLs for the same.
pub(super) const EQUALS_COMPARES_NULLS: &str = "enable_truthy_nulls_equals_macro";

/// The project as contexts need it: names, variables, macros, constants.
#[derive(Default)]
pub struct ProjectScope {
    /// The root project's name.
    pub root: String,
    /// The root project's `version`.
    pub root_version: Option<String>,
    /// Names and versions of the project and its packages.
    pub(crate) versions: Versions,
    /// All macros.
    pub macros: MacroRegistry,
    /// All variables.
    pub vars: Vars,
    /// How names are quoted unless a node says otherwise.
    pub quoting: PartFlags,
    /// `restrict-access`, by package.
    pub restrict_access: HashMap<String, bool>,
    /// Off: `require_explicit_package_overrides_for_builtin_materializations`
    pub packages_replace_materializations: bool,
    /// [`EQUALS_COMPARES_NULLS`]
    pub equals_compares_nulls: bool,
    /// `latest_version_pointer_enabled_by_default`
    pub points_to_latest: bool,
    /// `require_valid_schema_from_generate_schema_name`
    pub needs_schema: bool,
    /// Off: `skip_nodes_if_on_run_start_fails`
    pub runs_after_failed_start: bool,
    /// A microbatch model is built batch by batch: `require_batched_execution_for_custom_microbatch_strategy`, or no macro of the
    /// project's stands in place of dbt's.
    pub batches_microbatch: bool,
    /// `require_ref_searches_node_package_before_root`
    pub package_first: bool,
    /// `support_custom_ref_kwargs`
    pub custom_ref_arguments: bool,
    /// `require_generic_test_arguments_property`
    pub nests_test_arguments: bool,
    /// `query-comment`.
    pub query_comment: QueryComment,
    /// Files of unit tests by package and stem: `(path, is CSV, contents)`.
    pub(crate) fixtures: HashMap<(String, String), Fixture>,
    /// `target`.
    pub(crate) target: Option<Value>,
    pub(crate) modules: Option<Value>,
}

/// A file of rows for unit tests.
#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    pub path: String,
    pub text: String,
}

impl fmt::Debug for ProjectScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProjectScope").field("root", &self.root).finish_non_exhaustive()
    }
}

impl ProjectScope {
    /// The scope of a project whose macros are known.
    pub(crate) fn new(project: &Project, macros: MacroRegistry, host: &Host) -> Self {
        let quoting = &project.root.quoting;
        let mut flags = PartFlags::default();
        for (slot, flag) in flags.0.iter_mut().zip([quoting.database, quoting.schema, quoting.identifier]) {
            *slot = flag.unwrap_or(*slot);
        }
        let batches_all = "require_batched_execution_for_custom_microbatch_strategy";
        Self {
            batches_microbatch: project.root.project_flags().behaviour(batches_all)
                || !macros.is_replaced("get_incremental_microbatch_sql"),
            root: project.root.name.clone(),
            root_version: project.root.version.clone(),
            versions: Versions::new(project),
            macros,
            vars: project.vars.clone(),
            quoting: flags,
            packages_replace_materializations: !project
                .root
                .project_flags()
                .behaviour("require_explicit_package_overrides_for_builtin_materializations"),
            needs_schema: project.root.project_flags().behaviour("require_valid_schema_from_generate_schema_name"),
            runs_after_failed_start: !project.root.project_flags().behaviour("skip_nodes_if_on_run_start_fails"),
            package_first: project.root.project_flags().behaviour("require_ref_searches_node_package_before_root"),
            points_to_latest: project.root.project_flags().behaviour("latest_version_pointer_enabled_by_default"),
            custom_ref_arguments: project.root.project_flags().behaviour("support_custom_ref_kwargs"),
            nests_test_arguments: project.root.project_flags().behaviour("require_generic_test_arguments_property"),
            restrict_access: project.all().map(|p| (p.name.clone(), p.restrict_access)).collect(),
            query_comment: project.root.query_comment.clone(),
            equals_compares_nulls: project.root.project_flags().behaviour(EQUALS_COMPARES_NULLS),
            fixtures: HashMap::new(),
            target: Some(target(host)),
            modules: Some(invocation::modules(Arc::clone(&host.clock), Arc::clone(&host.events))),
        }
    }

    pub(crate) fn target(&self) -> Value {
        self.target.clone().unwrap_or(Value::None)
    }
}

/// The `target` mapping.
pub(crate) fn target(host: &Host) -> Value {
    Value::from(serde_json::Value::Object(target_json(host)))
}

fn target_json(host: &Host) -> JsonMap {
    let mut target = host.adapter.connection_keys();
    target.insert("type".to_owned(), host.adapter.type_name().into());
    target.insert("threads".to_owned(), host.threads.into());
    target.insert("name".to_owned(), host.target_name.clone().into());
    target.insert("target_name".to_owned(), host.target_name.clone().into());
    target.insert("profile_name".to_owned(), host.profile_name.clone().into());
    target.insert("schema".to_owned(), host.adapter.schema().into());
    target.insert("database".to_owned(), host.adapter.database().into());
    target
}

/// A YAML value as templates see it: dates stay dates.
pub(crate) fn from_yaml(value: &yaml::Value) -> Value {
    match value {
        yaml::Value::Null => Value::None,
        yaml::Value::Undefined => Value::undefined(""),
        yaml::Value::Bool(flag) => Value::Bool(*flag),
        yaml::Value::Int(number) => Value::Int(*number),
        yaml::Value::Float(number) => Value::Float(*number),
        yaml::Value::Str(text) => Value::str(text.as_str()),
        yaml::Value::Date(date) => Value::Date(*date),
        yaml::Value::DateTime(time) => Value::DateTime(Arc::new(jinja::DateTime {
            local: time.local,
            zone: time.offset.map(|offset| match offset.local_minus_utc() {
                0 => jinja::Zone::Utc,
                seconds => jinja::Zone::Fixed(seconds),
            }),
        })),
        yaml::Value::BigInt(_) => Value::from(value.to_json()),
        yaml::Value::Seq(items) => Value::list(items.iter().map(|item| from_yaml(&item.value)).collect()),
        yaml::Value::Map(map) => {
            let mut entries = jinja::DictMap::default();
            for entry in map.entries() {
                if let Ok(key) = jinja::Key::new(from_yaml(&entry.key.value)) {
                    entries.insert(key, from_yaml(&entry.value.value));
                }
            }
            Value::Dict(jinja::Dict::new(entries))
        }
    }
}

/// A template's value as YAML; what YAML has no word for becomes its text.
pub(crate) fn to_yaml(value: &Value) -> yaml::Value {
    match value {
        Value::Undefined(_) => yaml::Value::Undefined,
        Value::Date(date) => yaml::Value::Date(*date),
        Value::List(list) => yaml::Value::Seq(list.items().iter().map(|item| yaml::Node::new(to_yaml(item))).collect()),
        Value::Tuple(items) => yaml::Value::Seq(items.iter().map(|item| yaml::Node::new(to_yaml(item))).collect()),
        Value::Dict(dict) => {
            let mut map = yaml::Map::new();
            for (key, value) in dict.entries() {
                map.insert(key.to_string(), to_yaml(&value));
            }
            yaml::Value::Map(map)
        }
        other => yaml::Value::from_json(&other.to_json_lossy()),
    }
}

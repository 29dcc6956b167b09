//! Lake Formation: the tags, filters of data cells and grants that a node or profile asks for, and making it so.
//!
//! Only what differs is changed, and what is new is set before what is left over goes, so that a rebuild never leaves a column without
//! its tag for a moment.

use std::collections::{BTreeMap, BTreeSet};

use athena_api::{
    ApiResult, LakeFormation,
    lake_formation::{
        ColumnWildcard, ColumnsResource, DataCellsFilter, DatabaseResource, LfTag, LfTagFailure, PermissionsEntry,
        PermissionsFailure, Principal, PrincipalPermissions, Resource, ResourceLfTags, RowFilter, TableResource,
    },
};
use engine::adapter::AdapterResult;
use indexmap::IndexMap;
use names::RelationName;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    errors,
    profile::with_nearest,
    warehouse::{Warehouse, folded},
};

/// `lf_tags_config` of a node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct LfTagsConfig {
    #[serde(deserialize_with = "truth")]
    enabled: bool,
    tags: Option<IndexMap<String, String>>,
    /// Tag, value, columns.
    tags_columns: Option<IndexMap<String, IndexMap<String, Vec<String>>>>,
    /// Tags of others, which stay.
    inherited_tags: Option<Vec<String>>,
}

/// `lf_grants` of a node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct LfGrantsConfig {
    data_cell_filters: FiltersConfig,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct FiltersConfig {
    #[serde(default, deserialize_with = "truth")]
    enabled: bool,
    filters: IndexMap<String, FilterConfig>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct FilterConfig {
    row_filter: String,
    #[serde(default)]
    column_names: Vec<String>,
    #[serde(default)]
    principals: Vec<String>,
}

/// A boolean as pydantic takes it.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let text = match &value {
        Value::Bool(flag) => return Ok(*flag),
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    };
    match text.as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(D::Error::custom(format!("`enabled` is {value}, not true or false"))),
    }
}

/// A key in which nothing is known by this name; dbt-athena passes it over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnknownKey {
    pub(crate) path: String,
    pub(crate) nearest: String,
}

/// Reads `lf_tags_config`; `None` when it is not enabled.
pub(crate) fn tags_config(value: &Value) -> AdapterResult<Option<LfTagsConfig>> {
    let config: LfTagsConfig = read("lf_tags_config", value)?;
    Ok(config.enabled.then_some(config))
}

/// Reads `lf_grants`; `None` when its filters are not enabled.
pub(crate) fn grants_config(value: &Value) -> AdapterResult<Option<LfGrantsConfig>> {
    let config: LfGrantsConfig = read("lf_grants", value)?;
    Ok(config.data_cell_filters.enabled.then_some(config))
}

fn read<T: serde::de::DeserializeOwned>(key: &str, value: &Value) -> AdapterResult<T> {
    T::deserialize(value).map_err(|error| {
        let example = match key {
            "lf_grants" => "{data_cell_filters: {enabled: true, filters: {<name>: {row_filter: <condition>, principals: [<arn>]}}}}",
            _ => "{enabled: true, tags: {<tag>: <value>}, tags_columns: {<tag>: {<value>: [<column>]}}}, all texts",
        };
        errors::mistake(
            format!("Compilation Error: config '{key}' cannot be read"),
            error.to_string(),
            format!("write it as {example}"),
        )
    })
}

/// The keys of a node's configuration that mean nothing: with access at stake, a slip should be told.
pub(crate) fn unknown_keys(config: &engine::adapter::NodeConfig) -> Vec<UnknownKey> {
    let mut unknown = Vec::new();
    let mut look = |path: &str, value: Option<&Value>, known: &[&str]| {
        for key in value.and_then(Value::as_object).into_iter().flat_map(|object| object.keys()) {
            if !known.contains(&key.as_str()) {
                unknown.push(UnknownKey { path: format!("{path}.{key}"), nearest: with_nearest(key, known) });
            }
        }
    };
    look("lf_tags_config", config.get("lf_tags_config"), &["enabled", "tags", "tags_columns", "inherited_tags"]);
    look("lf_grants", config.get("lf_grants"), &["data_cell_filters"]);
    let filters = config.get("lf_grants").and_then(|grants| grants.get("data_cell_filters"));
    look("lf_grants.data_cell_filters", filters, &["enabled", "filters"]);
    for (name, filter) in
        filters.and_then(|filters| filters.get("filters")).and_then(Value::as_object).into_iter().flatten()
    {
        let path = format!("lf_grants.data_cell_filters.filters.{name}");
        look(&path, Some(filter), &["row_filter", "column_names", "principals"]);
    }
    unknown
}

impl LfTagsConfig {
    /// For `owlet plan`.
    pub(crate) fn summary(&self) -> String {
        let tags = self.tags.iter().flatten().map(|(key, value)| format!("{key}={value}"));
        let columns = self.tags_columns.iter().flatten().flat_map(|(key, values)| {
            values.iter().map(move |(value, columns)| format!("{key}={value} on {}", columns.join(", ")))
        });
        tags.chain(columns).collect::<Vec<_>>().join("; ")
    }

    /// What each column is to have. Where two values of a tag name one column, the later one holds.
    fn wanted_of_columns(&self) -> BTreeMap<(String, &str), &str> {
        let mut wanted = BTreeMap::new();
        for (key, values) in self.tags_columns.iter().flatten() {
            for (value, columns) in values {
                for column in columns {
                    wanted.insert((column.to_lowercase(), key.as_str()), value.as_str());
                }
            }
        }
        wanted
    }

    fn is_of_others(&self, key: &str) -> bool {
        self.inherited_tags.iter().flatten().any(|inherited| inherited == key)
    }

    /// Gives a relation and its columns these tags, and takes all others that were assigned to them.
    pub(crate) async fn apply(&self, warehouse: &Warehouse, relation: &RelationName) -> AdapterResult<()> {
        let target = Target::of(warehouse, relation).await?;
        let table = Resource::Table(target.table());
        let found = target.call(target.service.get_resource_lf_tags(&table, true)).await?;
        let changes = self.changes(&found);
        target.add(&table, changes.add).await?;
        for ((key, value), columns) in changes.add_to_columns {
            target.add(&target.columns(columns), vec![LfTag::new(key, value)]).await?;
        }
        for ((key, value), columns) in changes.remove_from_columns {
            target.remove(&target.columns(columns), vec![LfTag::new(key, value)]).await?;
        }
        target.remove(&table, changes.remove).await
    }

    fn changes(&self, found: &ResourceLfTags) -> Changes {
        let has = |tags: &[LfTag], key: &str, value: &str| {
            tags.iter().any(|tag| tag.key == key && tag.values.iter().any(|own| own == value))
        };
        let mut changes = Changes::default();
        for (key, value) in self.tags.iter().flatten() {
            if !has(&found.on_table, key, value) {
                changes.add.push(LfTag::new(key, value));
            }
        }
        let is_wanted = |key: &str| self.tags.iter().flatten().any(|(wanted, _)| wanted == key);
        let left_over = found.on_table.iter().filter(|tag| !is_wanted(&tag.key) && !self.is_of_others(&tag.key));
        changes.remove.extend(left_over.map(|tag| LfTag { catalog_id: None, ..tag.clone() }));

        let wanted = self.wanted_of_columns();
        for ((column, key), value) in &wanted {
            let tags = found.on_columns.iter().find(|tagged| tagged.name.eq_ignore_ascii_case(column));
            if !tags.is_some_and(|tagged| has(&tagged.tags, key, value)) {
                let columns = changes.add_to_columns.entry(((*key).to_owned(), (*value).to_owned())).or_default();
                columns.push(column.clone());
            }
        }
        for tagged in &found.on_columns {
            let column = tagged.name.to_lowercase();
            for tag in tagged.tags.iter().filter(|tag| !self.is_of_others(&tag.key)) {
                if !wanted.contains_key(&(column.clone(), tag.key.as_str())) {
                    for value in &tag.values {
                        let columns = changes.remove_from_columns.entry((tag.key.clone(), value.clone())).or_default();
                        columns.push(column.clone());
                    }
                }
            }
        }
        changes
    }
}

/// What must happen to the tags of a table. Those of columns go in one call per tag and value.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    add: Vec<LfTag>,
    remove: Vec<LfTag>,
    add_to_columns: BTreeMap<(String, String), Vec<String>>,
    remove_from_columns: BTreeMap<(String, String), Vec<String>>,
}

impl LfGrantsConfig {
    /// For `owlet plan`.
    pub(crate) fn summary(&self) -> String {
        let filter = |(name, filter): (&String, &FilterConfig)| format!("{name}: {}", filter.row_filter);
        self.data_cell_filters.filters.iter().map(filter).collect::<Vec<_>>().join("; ")
    }

    /// Gives a relation these filters, and each of them these readers; others are dropped and lose it.
    pub(crate) async fn apply(&self, warehouse: &Warehouse, relation: &RelationName) -> AdapterResult<()> {
        let target = Target::of(warehouse, relation).await?;
        let wanted = &self.data_cell_filters.filters;
        let found = target.call(target.service.list_data_cells_filters(&target.table())).await?;
        for filter in found.iter().filter(|filter| !wanted.contains_key(&filter.name)) {
            target.call(target.service.delete_data_cells_filter(&filter.resource())).await?;
        }
        for (name, config) in wanted {
            let filter = target.filter(name, config);
            match found.iter().find(|filter| filter.name == *name) {
                None => target.call(target.service.create_data_cells_filter(&filter)).await?,
                Some(known) if config.differs(known) => {
                    target.call(target.service.update_data_cells_filter(&filter)).await?;
                }
                Some(_) => {}
            }
            target.let_read(Resource::DataCellsFilter(filter.resource()), &config.principals).await?;
        }
        Ok(())
    }
}

impl FilterConfig {
    fn differs(&self, known: &DataCellsFilter) -> bool {
        let expression = known.row_filter.as_ref().and_then(|filter| filter.filter_expression.as_deref());
        let names = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect::<BTreeSet<_>>();
        let excluded = known.column_wildcard.as_ref().is_some_and(|columns| !columns.excluded_column_names.is_empty());
        expression != Some(&self.row_filter) || names(&self.column_names) != names(&known.column_names) || excluded
    }
}

/// A relation in Lake Formation's words.
struct Target<'a> {
    service: &'a dyn LakeFormation,
    account_id: &'a str,
    catalog_id: Option<String>,
    relation: RelationName,
}

impl<'a> Target<'a> {
    async fn of(warehouse: &'a Warehouse, relation: &RelationName) -> AdapterResult<Self> {
        let relation = folded(relation);
        Ok(Self {
            service: warehouse.services.lake_formation.as_ref(),
            account_id: &warehouse.services.account_id,
            catalog_id: warehouse.catalog_id(&relation.database).await?,
            relation,
        })
    }

    async fn call<T>(&self, call: impl Future<Output = ApiResult<T>>) -> AdapterResult<T> {
        call.await.map_err(|error| errors::of_api(&error, None))
    }

    fn table(&self) -> TableResource {
        TableResource {
            catalog_id: self.catalog_id.clone(),
            database_name: self.relation.schema.clone(),
            name: self.relation.identifier.clone(),
        }
    }

    fn columns(&self, column_names: Vec<String>) -> Resource {
        let TableResource { catalog_id, database_name, name } = self.table();
        Resource::TableWithColumns(ColumnsResource { catalog_id, database_name, name, column_names })
    }

    fn filter(&self, name: &str, config: &FilterConfig) -> DataCellsFilter {
        DataCellsFilter {
            table_catalog_id: self.catalog_id.clone().unwrap_or_else(|| self.account_id.to_owned()),
            database_name: self.relation.schema.clone(),
            table_name: self.relation.identifier.clone(),
            name: name.to_owned(),
            row_filter: Some(RowFilter { filter_expression: Some(config.row_filter.clone()), ..RowFilter::default() }),
            column_names: config.column_names.iter().map(|name| name.to_lowercase()).collect(),
            column_wildcard: config.column_names.is_empty().then(ColumnWildcard::default),
        }
    }

    async fn add(&self, resource: &Resource, tags: Vec<LfTag>) -> AdapterResult<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let failures = self.call(self.service.add_lf_tags(resource, &tags)).await?;
        self.refused_tags("add", "to", resource, failures)
    }

    async fn remove(&self, resource: &Resource, tags: Vec<LfTag>) -> AdapterResult<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let failures = self.call(self.service.remove_lf_tags(resource, &tags)).await?;
        self.refused_tags("remove", "from", resource, failures)
    }

    fn refused_tags(
        &self,
        verb: &str,
        preposition: &str,
        resource: &Resource,
        failures: Vec<LfTagFailure>,
    ) -> AdapterResult<()> {
        if failures.is_empty() {
            return Ok(());
        }
        let whose = match resource {
            Resource::Database(database) => database.name.clone(),
            Resource::TableWithColumns(table) => {
                format!("{}.{} for columns {}", table.database_name, table.name, table.column_names.join(", "))
            }
            _ => format!("{}.{}", self.relation.schema, self.relation.identifier),
        };
        let tag = |failure: &LfTagFailure| format!("{}={}", failure.tag.key, failure.tag.values.join(","));
        let told = |failure: &LfTagFailure| {
            format!("{}: {} ({})", failure.tag.key, failure.error.error_message, failure.error.error_code)
        };
        let tags: Vec<String> = failures.iter().map(tag).collect();
        let causes: Vec<String> = failures.iter().map(told).collect();
        Err(errors::mistake(
            format!("Failed to {verb} LF tags: {} {preposition} {whose}", tags.join(", ")),
            causes.join("; "),
            "create the tag and its values in Lake Formation, and grant this role ASSOCIATE on the tag; a tag that others assign belongs into `inherited_tags`",
        ))
    }

    /// Exactly these principals may read through a filter.
    async fn let_read(&self, filter: Resource, principals: &[String]) -> AdapterResult<()> {
        let found = self.call(self.service.list_permissions(&filter)).await?;
        let readers: BTreeSet<&str> = found
            .iter()
            .filter(|found| found.permissions.iter().any(|permission| permission == SELECT))
            .map(|found| found.principal.data_lake_principal_identifier.as_str())
            .collect();
        let wanted: BTreeSet<&str> = principals.iter().map(String::as_str).collect();
        let entries = |principals: BTreeSet<&str>| -> Vec<PermissionsEntry> {
            let entry = |(index, principal): (usize, &str)| PermissionsEntry {
                id: index.to_string(),
                permissions: PrincipalPermissions {
                    principal: Principal { data_lake_principal_identifier: principal.to_owned() },
                    resource: filter.clone(),
                    permissions: vec![SELECT.to_owned()],
                    permissions_with_grant_option: Vec::new(),
                },
            };
            principals.into_iter().enumerate().map(entry).collect()
        };
        let revoked = entries(readers.difference(&wanted).copied().collect());
        if !revoked.is_empty() {
            let failures = self.call(self.service.revoke_permissions(&revoked)).await?;
            self.refused_grants("revoke", failures)?;
        }
        let granted = entries(wanted.difference(&readers).copied().collect());
        if !granted.is_empty() {
            let failures = self.call(self.service.grant_permissions(&granted)).await?;
            self.refused_grants("grant", failures)?;
        }
        Ok(())
    }

    fn refused_grants(&self, verb: &str, failures: Vec<PermissionsFailure>) -> AdapterResult<()> {
        if failures.is_empty() {
            return Ok(());
        }
        let told = |failure: PermissionsFailure| {
            let principal = failure.request_entry.permissions.principal.data_lake_principal_identifier;
            format!("{principal}: {} ({})", failure.error.error_message, failure.error.error_code)
        };
        let causes: Vec<String> = failures.into_iter().map(told).collect();
        Err(errors::mistake(
            format!("Failed to {verb} SELECT on a data cells filter of {}", self.relation),
            causes.join("; "),
            "check the principals' ARNs, and that this role may grant on the table in Lake Formation",
        ))
    }
}

const SELECT: &str = "SELECT";

/// Gives a database that was just created the profile's `lf_tags_database`.
pub(crate) async fn tag_database(warehouse: &Warehouse, database: &str, schema: &str) -> AdapterResult<()> {
    let Some(tags) = warehouse.profile.lf_tags_database.as_ref().filter(|tags| !tags.is_empty()) else {
        return Ok(());
    };
    let target = Target::of(warehouse, &RelationName::new(database, schema, "")).await?;
    let resource =
        Resource::Database(DatabaseResource { catalog_id: target.catalog_id.clone(), name: schema.to_lowercase() });
    target.add(&resource, tags.iter().map(|(key, value)| LfTag::new(key, value)).collect()).await
}

#[cfg(test)]
mod tests {
    use athena_api::lake_formation::ColumnLfTags;
    use serde_json::json;

    use super::*;

    fn found(on_table: &[(&str, &str)], on_columns: &[(&str, &str, &str)]) -> ResourceLfTags {
        let column = |(name, key, value): &(&str, &str, &str)| ColumnLfTags {
            name: (*name).to_owned(),
            tags: vec![LfTag::new(*key, *value)],
        };
        ResourceLfTags {
            on_table: on_table.iter().map(|(key, value)| LfTag::new(*key, *value)).collect(),
            on_columns: on_columns.iter().map(column).collect(),
            ..ResourceLfTags::default()
        }
    }

    #[test]
    fn only_differences_are_changed() {
        let config = json!({
            "enabled": "true", "tags": {"domain": "sales", "level": "1"},
            "tags_columns": {"pii": {"yes": ["Name", "mail"], "no": ["id"]}}, "inherited_tags": ["owner"],
        });
        let config = tags_config(&config).expect("reads").expect("enabled");
        let changes = config.changes(&found(
            &[("domain", "sales"), ("level", "2"), ("owner", "us"), ("old", "x")],
            &[("name", "pii", "yes"), ("id", "pii", "yes"), ("note", "pii", "no"), ("mail", "owner", "us")],
        ));
        assert_eq!(changes.add, [LfTag::new("level", "1")]);
        assert_eq!(changes.remove, [LfTag::new("old", "x")]);
        let of = |key: &str, value: &str, columns: &[&str]| {
            let columns = columns.iter().map(|column| (*column).to_owned()).collect();
            ((key.to_owned(), value.to_owned()), columns)
        };
        assert_eq!(changes.add_to_columns, BTreeMap::from([of("pii", "no", &["id"]), of("pii", "yes", &["mail"])]));
        assert_eq!(changes.remove_from_columns, BTreeMap::from([of("pii", "no", &["note"])]));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_or_told() {
        assert_eq!(tags_config(&json!({"tags": {"a": "b"}})).expect("reads"), None);
        let error = tags_config(&json!({"enabled": true, "tags": {"a": true}})).expect_err("no text").to_string();
        assert!(error.contains("invalid type: boolean `true`, expected a string"), "{error}");
        assert!(grants_config(&json!({"data_cell_filters": {"enabled": true}})).is_err());
        let config = [
            ("lf_tags_config".to_owned(), json!({"enabled": true, "tag_columns": {}})),
            (
                "lf_grants".to_owned(),
                json!({"data_cell_filters": {"filters": {"f": {"row_filter": "x", "principal": []}}}}),
            ),
        ];
        let unknown = unknown_keys(&config.into_iter().collect());
        let paths: Vec<&str> = unknown.iter().map(|key| key.path.as_str()).collect();
        assert_eq!(paths, ["lf_tags_config.tag_columns", "lf_grants.data_cell_filters.filters.f.principal"]);
        assert!(unknown[0].nearest.contains("tags_columns"), "{:?}", unknown[0]);
    }
}

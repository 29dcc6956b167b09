//! Workgroups: where results go, what queries may cost, whether queries may start at all.

use athena_api::{
    ApiError, ApiResult, Timestamp,
    athena::{EngineVersion, ResultConfiguration, WorkGroup, WorkGroupConfiguration},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    EmbeddedAthena, Tag,
    error::invalid,
    registry::{Kind, page},
    start::result_prefix,
};

/// The workgroup that is always there.
pub(crate) const PRIMARY: &str = "primary";
/// Source: Athena service quotas.
const MOST_WORK_GROUPS: usize = 1000;
/// The lowest limit of scanned bytes. Source: Athena API, `BytesScannedCutoffPerQuery`.
const LOWEST_CUTOFF: i64 = 10_000_000;

/// `CreateWorkGroup`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateWorkGroup {
    pub name: String,
    pub configuration: Option<WorkGroupConfiguration>,
    pub description: Option<String>,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// `UpdateWorkGroup`. The updates are those of the wire, with their `Remove…` flags.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateWorkGroup {
    pub work_group: String,
    pub description: Option<String>,
    pub state: Option<String>,
    pub configuration_updates: Option<Map<String, Value>>,
}

/// A workgroup in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct WorkGroupSummary {
    pub name: String,
    pub state: Option<String>,
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<EngineVersion>,
}

impl EmbeddedAthena {
    /// The workgroup, or Athena's sentence that there is none.
    pub(crate) async fn work_group(&self, name: &str) -> ApiResult<WorkGroup> {
        match self.inner.registry.get(Kind::WorkGroup, "", name).await? {
            Some(work_group) => Ok(work_group),
            None if name == PRIMARY => Ok(self.untouched_primary()),
            None => Err(invalid("WorkGroup is not found.")),
        }
    }

    fn untouched_primary(&self) -> WorkGroup {
        WorkGroup {
            name: PRIMARY.to_owned(),
            state: Some("ENABLED".to_owned()),
            configuration: Some(complete(WorkGroupConfiguration::default(), false)),
            description: None,
            creation_time: Some(self.inner.opened.into()),
        }
    }

    /// `CreateWorkGroup`.
    pub async fn create_work_group(&self, request: CreateWorkGroup) -> ApiResult<()> {
        let configuration = request.configuration.unwrap_or_default();
        check(&configuration)?;
        if self.all_work_groups().await?.len() >= MOST_WORK_GROUPS {
            return Err(invalid(format!("You have reached the limit of {MOST_WORK_GROUPS} workgroups")));
        }
        let work_group = WorkGroup {
            name: request.name.clone(),
            state: Some("ENABLED".to_owned()),
            configuration: Some(complete(configuration, true)),
            description: request.description.filter(|text| !text.is_empty()),
            creation_time: Some(self.now().into()),
        };
        let is_new = request.name != PRIMARY
            && self.inner.registry.create(Kind::WorkGroup, "", &request.name, &work_group).await?;
        if !is_new {
            return Err(invalid("WorkGroup is already created"));
        }
        self.put_tags(&self.work_group_arn(&request.name), &request.tags).await
    }

    /// `UpdateWorkGroup`.
    pub async fn update_work_group(&self, request: UpdateWorkGroup) -> ApiResult<()> {
        let mut work_group = self.work_group(&request.work_group).await?;
        if let Some(description) = request.description {
            work_group.description = Some(description).filter(|text| !text.is_empty());
        }
        if let Some(state) = request.state {
            work_group.state = Some(state);
        }
        if let Some(updates) = request.configuration_updates {
            let updated = updated(work_group.configuration.unwrap_or_default(), updates)?;
            check(&updated)?;
            work_group.configuration = Some(complete(updated, false));
        }
        self.inner.registry.put(Kind::WorkGroup, "", &request.work_group, &work_group).await
    }

    /// `DeleteWorkGroup`. Not empty: it has named queries, prepared statements or executions.
    pub async fn delete_work_group(&self, name: &str, recursive: bool) -> ApiResult<()> {
        if name == PRIMARY {
            return Err(invalid("primary workgroup cannot be deleted"));
        }
        self.work_group(name).await?;
        let queries = self.named_queries_of(name).await?;
        let statements = self.prepared_statements_of(name).await?;
        let used = !queries.is_empty() || !statements.is_empty() || self.inner.history.is_used(name).await?;
        if used && !recursive {
            return Err(invalid(format!("WorkGroup {name} is not empty")));
        }
        for query in queries {
            self.delete_named_query(&query.named_query_id).await?;
        }
        for statement in statements {
            self.delete_prepared_statement(name, &statement.statement_name).await?;
        }
        self.forget_tags(&self.work_group_arn(name)).await?;
        self.inner.registry.delete(Kind::WorkGroup, "", name).await?;
        Ok(())
    }

    /// `ListWorkGroups`: name order.
    pub async fn list_work_groups(
        &self,
        token: Option<&str>,
        limit: usize,
    ) -> ApiResult<(Vec<WorkGroupSummary>, Option<String>)> {
        let summaries = self.all_work_groups().await?.into_iter().map(|work_group| WorkGroupSummary {
            engine_version: work_group.configuration.and_then(|configuration| configuration.engine_version),
            name: work_group.name,
            state: work_group.state,
            description: work_group.description.unwrap_or_default(),
            creation_time: work_group.creation_time,
        });
        page(summaries.collect(), token, limit)
    }

    async fn all_work_groups(&self) -> ApiResult<Vec<WorkGroup>> {
        let mut all: Vec<WorkGroup> = self.inner.registry.list(Kind::WorkGroup, "").await?;
        if !all.iter().any(|work_group| work_group.name == PRIMARY) {
            all.push(self.untouched_primary());
            all.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(all)
    }

    pub(crate) fn work_group_arn(&self, name: &str) -> String {
        format!("arn:aws:athena:{}:{}:workgroup/{name}", self.inner.region, self.inner.account_id)
    }
}

/// The version that queries run on.
pub(crate) fn engine_version() -> EngineVersion {
    EngineVersion {
        selected_engine_version: "AUTO".to_owned(),
        effective_engine_version: "Athena engine version 3".to_owned(),
    }
}

/// A configuration with the members that GetWorkGroup always answers. Source: measurements in spec/athena.md §1.10.
fn complete(mut configuration: WorkGroupConfiguration, enforce: bool) -> WorkGroupConfiguration {
    configuration.enforce_work_group_configuration.get_or_insert(enforce);
    configuration.publish_cloud_watch_metrics_enabled.get_or_insert(false);
    configuration.requester_pays_enabled.get_or_insert(false);
    configuration.result_configuration.get_or_insert_default();
    let engine = configuration.engine_version.get_or_insert_with(engine_version);
    if engine.selected_engine_version == "AUTO" || engine.effective_engine_version.is_empty() {
        engine.effective_engine_version = engine_version().effective_engine_version;
    }
    configuration.other.entry("EnableMinimumEncryptionConfiguration").or_insert(json!(false));
    configuration.other.entry("QuerySchedulingType").or_insert(json!("DEFAULT"));
    configuration
}

fn check(configuration: &WorkGroupConfiguration) -> ApiResult<()> {
    if configuration.bytes_scanned_cutoff_per_query.is_some_and(|cutoff| cutoff < LOWEST_CUTOFF) {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'configuration.bytesScannedCutoffPerQuery' failed to satisfy constraint: \
             Member must have value greater than or equal to {LOWEST_CUTOFF}"
        )));
    }
    let location = configuration.result_configuration.as_ref().and_then(|result| result.output_location.as_deref());
    location.map_or(Ok(()), |location| result_prefix(location).map(|_| ()))
}

/// Applies `ConfigurationUpdates`: members replace, `Remove…` flags take away, `ResultConfigurationUpdates` goes one level down.
fn updated(configuration: WorkGroupConfiguration, updates: Map<String, Value>) -> ApiResult<WorkGroupConfiguration> {
    let unreadable = |error: serde_json::Error| ApiError::new("SerializationException", error.to_string());
    let mut now = to_map(&configuration).map_err(unreadable)?;
    for (name, value) in updates {
        if name == "ResultConfigurationUpdates" {
            let Value::Object(updates) = value else { continue };
            let result = configuration.result_configuration.clone().unwrap_or_default();
            let mut result = to_map(&result).map_err(unreadable)?;
            merge(&mut result, updates);
            let result: ResultConfiguration = serde_json::from_value(Value::Object(result)).map_err(unreadable)?;
            now.insert("ResultConfiguration".to_owned(), serde_json::to_value(result).map_err(unreadable)?);
        } else {
            merge(&mut now, Map::from_iter([(name, value)]));
        }
    }
    serde_json::from_value(Value::Object(now)).map_err(unreadable)
}

fn to_map(value: &impl Serialize) -> Result<Map<String, Value>, serde_json::Error> {
    Ok(match serde_json::to_value(value)? {
        Value::Object(map) => map,
        _ => Map::new(),
    })
}

fn merge(into: &mut Map<String, Value>, updates: Map<String, Value>) {
    for (name, value) in updates {
        match name.strip_prefix("Remove") {
            Some(removed) => {
                if value == Value::Bool(true) {
                    into.shift_remove(removed);
                }
            }
            None if value.is_null() => {}
            None => {
                // An engine version is given by its selected name only.
                let value = match (name.as_str(), &value) {
                    ("EngineVersion", Value::Object(version)) => json!({
                        "SelectedEngineVersion": version.get("SelectedEngineVersion").cloned().unwrap_or(json!("AUTO")),
                        "EffectiveEngineVersion": version.get("SelectedEngineVersion").cloned().unwrap_or(json!("")),
                    }),
                    _ => value,
                };
                into.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_replace_and_remove() {
        let before = complete(
            WorkGroupConfiguration {
                bytes_scanned_cutoff_per_query: Some(20_000_000),
                result_configuration: Some(ResultConfiguration {
                    output_location: Some("s3://a/".to_owned()),
                    ..Default::default()
                }),
                ..Default::default()
            },
            true,
        );
        let updates = json!({
            "RemoveBytesScannedCutoffPerQuery": true,
            "EnforceWorkGroupConfiguration": false,
            "ResultConfigurationUpdates": {"RemoveOutputLocation": true, "ExpectedBucketOwner": "123456789012"},
        });
        let Value::Object(updates) = updates else { unreachable!() };
        let after = updated(before, updates).expect("readable");
        assert_eq!(after.bytes_scanned_cutoff_per_query, None);
        assert_eq!(after.enforce_work_group_configuration, Some(false));
        let result = after.result_configuration.expect("kept");
        assert_eq!((result.output_location, result.expected_bucket_owner.as_deref()), (None, Some("123456789012")));
    }
}

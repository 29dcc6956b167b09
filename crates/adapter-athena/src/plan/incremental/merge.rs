//! Strategy `merge`: rows with a known key are updated, others inserted.

use engine::adapter::{AdapterResult, NodeConfig};

use super::{Draft, existing_columns, stage_rows, sync_columns};
use crate::{
    config::Keys,
    errors,
    step::{Batching, Merge, MergeRule, Step},
};

pub(super) async fn plan(draft: &mut Draft<'_>, sql: &str) -> AdapterResult<()> {
    let rules = Rules::parse(&draft.request.config)?;
    let tmp = stage_rows(draft, sql, true).await?;
    sync_columns(draft, &tmp)?;
    draft.steps.push(Step::Merge(Box::new(Merge {
        target: draft.relation.clone(),
        source: tmp,
        columns: existing_columns(draft),
        unique_key: rules.unique_key,
        predicates: rules.predicates,
        delete_condition: draft.keys.text("delete_condition")?,
        update_condition: draft.keys.text("update_condition")?,
        insert_condition: draft.keys.text("insert_condition")?,
        only_columns: rules.only_columns,
        except_columns: rules.except_columns,
        default_rule: rules.default_rule,
        rules: rules.rules,
        partitioned_by: draft.layout.partitioned_by.clone(),
        partitions_limit: draft.layout.partitions_limit,
        batching: Batching::of(&draft.layout),
    })));
    Ok(())
}

struct Rules {
    unique_key: Vec<String>,
    predicates: Vec<String>,
    only_columns: Option<Vec<String>>,
    except_columns: Option<Vec<String>>,
    default_rule: MergeRule,
    rules: Vec<(String, MergeRule)>,
}

impl Rules {
    fn parse(config: &NodeConfig) -> AdapterResult<Self> {
        let keys = Keys(config);
        let unique_key: Vec<String> =
            keys.list("unique_key")?.into_iter().filter(|key| !key.trim().is_empty()).collect();
        if unique_key.is_empty() {
            let strategy = match keys.text("incremental_strategy")?.as_deref() {
                Some("microbatch") => "Microbatch strategy for iceberg tables",
                _ => "Merge strategy",
            };
            return Err(errors::mistake(
                format!(
                    "Compilation Error: {strategy} must implement unique_key as a single column or a list of columns."
                ),
                "without a key no row is known, and every row would be inserted",
                "set `unique_key`, or use `incremental_strategy: append`",
            ));
        }
        let predicates_key = if keys.has("incremental_predicates") { "incremental_predicates" } else { "predicates" };
        if matches!(config.get(predicates_key), Some(serde_json::Value::String(_))) {
            return Err(errors::mistake(
                "Compilation Error: incremental_predicates must be a list.",
                format!("'{predicates_key}' is one string"),
                format!("write `{predicates_key}: [\"target.day > …\"]`"),
            ));
        }
        let only_columns = keys.maybe_list("merge_update_columns")?;
        let except_columns = keys.maybe_list("merge_exclude_columns")?;
        if only_columns.is_some() && except_columns.is_some() {
            return Err(errors::mistake(
                "Compilation Error: Model cannot specify merge_update_columns and merge_exclude_columns. Please update model to use only one config",
                "one says which columns are updated, the other which are not",
                "keep one of the two",
            ));
        }
        let default_rule = keys.text("merge_update_columns_default_rule")?;
        let rules = keys.properties("merge_update_columns_rules")?;
        Ok(Self {
            unique_key,
            predicates: keys.list(predicates_key)?,
            only_columns,
            except_columns,
            default_rule: default_rule.map_or(MergeRule::Replace, |rule| MergeRule::parse(&rule)),
            rules: rules.into_iter().map(|(column, rule)| (column, MergeRule::parse(&rule))).collect(),
        })
    }
}

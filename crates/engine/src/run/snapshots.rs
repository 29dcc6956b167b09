//! A snapshot's configuration: how rows are compared.

use artifacts::manifest::Node;
use diagnostic::{Diagnostic, Location};
use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    adapter::{HardDeletes, SnapshotStrategy, SnapshotStrategyKind},
    compile::CustomStrategy,
};

/// The strategy of a snapshot: its configuration's, or what a macro of the project answered.
pub(super) fn strategy(node: &Node, custom: Option<CustomStrategy>) -> Result<SnapshotStrategy, Diagnostic> {
    let Some(custom) = custom else { return of_config(node, kind(node)?, unique_key(node)?) };
    let CustomStrategy { unique_key, updated_at, row_changed, scd_id, hard_deletes } = custom;
    let kind = SnapshotStrategyKind::Custom { updated_at, row_changed, scd_id };
    let mut strategy = of_config(node, kind, unique_key)?;
    if let Some(word) = hard_deletes {
        strategy.hard_deletes = hard_deletes_of(node, &word)?;
    }
    Ok(strategy)
}

fn kind(node: &Node) -> Result<SnapshotStrategyKind, Diagnostic> {
    let updated_at = node.config_str("updated_at").map(str::to_owned);
    Ok(match node.config_str("strategy") {
        Some("timestamp") => {
            let updated_at = updated_at.ok_or_else(|| {
                missing(node, "updated_at").cause("the strategy `timestamp` compares the `updated_at` of rows")
            })?;
            SnapshotStrategyKind::Timestamp { updated_at }
        }
        Some("check") => SnapshotStrategyKind::Check { columns: check_columns(node)?, updated_at },
        Some(other) => {
            return Err(error(node, &format!("No strategy '{other}' was found"))
                .cause("the built-in strategies are `timestamp` and `check`, and no macro of the project was asked")
                .fix("use one of them"));
        }
        None => return Err(missing(node, "strategy").cause("a snapshot must say how it knows that a row has changed")),
    })
}

fn of_config(node: &Node, kind: SnapshotStrategyKind, unique_key: Vec<String>) -> Result<SnapshotStrategy, Diagnostic> {
    Ok(SnapshotStrategy {
        unique_key,
        kind,
        hard_deletes: hard_deletes(node)?,
        valid_to_current: node.config_str("dbt_valid_to_current").map(str::to_owned),
        meta_column_names: match node.config("snapshot_meta_column_names").and_then(Value::as_object) {
            Some(names) => {
                names.iter().filter_map(|(name, own)| Some((name.clone(), own.as_str()?.to_owned()))).collect()
            }
            None => IndexMap::new(),
        },
    })
}

fn unique_key(node: &Node) -> Result<Vec<String>, Diagnostic> {
    match node.config("unique_key") {
        Some(Value::String(key)) => Ok(vec![key.clone()]),
        Some(Value::Array(keys)) if !keys.is_empty() => {
            Ok(keys.iter().map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned)).collect())
        }
        _ => {
            Err(missing(node, "unique_key").cause("without a key it cannot be told which old row a new one belongs to"))
        }
    }
}

fn check_columns(node: &Node) -> Result<Option<Vec<String>>, Diagnostic> {
    match node.config("check_cols") {
        Some(Value::String(all)) if all == "all" => Ok(None),
        Some(Value::Array(columns)) if !columns.is_empty() => {
            Ok(Some(columns.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
        }
        Some(other) => Err(error(node, &format!("Invalid value for 'check_cols': {other}"))
            .cause("it names the columns whose change makes a new version")
            .fix("write a list of columns, or 'all'")),
        None => {
            Err(missing(node, "check_cols").cause("the strategy `check` compares the columns that `check_cols` names"))
        }
    }
}

fn hard_deletes(node: &Node) -> Result<HardDeletes, Diagnostic> {
    let legacy = node.config_bool("invalidate_hard_deletes");
    match (node.config_str("hard_deletes"), legacy) {
        (Some(_), Some(true)) => Err(error(
            node,
            "You cannot set both the invalidate_hard_deletes and hard_deletes config properties on the same snapshot.",
        )
        .cause("they are the old and the new name of one setting")
        .fix("keep `hard_deletes: invalidate`")),
        (None, Some(true)) => Ok(HardDeletes::Invalidate),
        (None, _) => Ok(HardDeletes::Ignore),
        (Some(word), _) => hard_deletes_of(node, word),
    }
}

fn hard_deletes_of(node: &Node, word: &str) -> Result<HardDeletes, Diagnostic> {
    match word {
        "invalidate" => Ok(HardDeletes::Invalidate),
        "new_record" => Ok(HardDeletes::NewRecord),
        "ignore" => Ok(HardDeletes::Ignore),
        other => Err(error(node, &format!("Invalid setting for property hard_deletes: '{other}'"))
            .cause("it is none of the three that dbt knows")
            .fix("use ignore, invalidate or new_record")),
    }
}

fn error(node: &Node, what: &str) -> Diagnostic {
    Diagnostic::error(format!("Compilation Error in snapshot {} ({})\n  {what}", node.name, node.original_file_path))
        .at(Location::file(&node.original_file_path))
}

fn missing(node: &Node, key: &str) -> Diagnostic {
    error(node, &format!("Snapshots must be configured with a '{key}'."))
        .fix(format!("add `{key}` to the config of the snapshot"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(config: Value) -> Node {
        Node { config: config.as_object().cloned().expect("an object").into(), ..Node::default() }
    }

    #[test]
    fn the_two_strategies() {
        let timestamp = strategy(&node(json!({"strategy": "timestamp", "unique_key": "id", "updated_at": "at"})), None)
            .expect("valid");
        assert_eq!(timestamp.kind, SnapshotStrategyKind::Timestamp { updated_at: "at".to_owned() });
        assert_eq!(timestamp.hard_deletes, HardDeletes::Ignore);
        let check = json!({
            "strategy": "check", "unique_key": ["a", "b"], "check_cols": "all", "hard_deletes": "new_record",
            "snapshot_meta_column_names": {"dbt_valid_from": "since"},
        });
        let check = strategy(&node(check), None).expect("valid");
        assert_eq!(check.kind, SnapshotStrategyKind::Check { columns: None, updated_at: None });
        assert_eq!(check.unique_key, ["a", "b"]);
        assert_eq!(check.hard_deletes, HardDeletes::NewRecord);
        assert_eq!(check.meta_column_names["dbt_valid_from"], "since");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (config, expected) in [
            (json!({}), "'strategy'"),
            (json!({"strategy": "timestamp"}), "'updated_at'"),
            (json!({"strategy": "check", "unique_key": "id"}), "'check_cols'"),
            (json!({"strategy": "check", "check_cols": "all"}), "'unique_key'"),
            (
                json!({"strategy": "check", "check_cols": "all", "unique_key": "id", "hard_deletes": "ignore", "invalidate_hard_deletes": true}),
                "both the invalidate_hard_deletes and hard_deletes",
            ),
        ] {
            let error = strategy(&node(config), None).expect_err("incomplete");
            assert!(error.what.contains(expected), "{error}");
        }
    }
}

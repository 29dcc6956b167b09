//! Manifests that another version of dbt wrote, brought to what this one would have written.

use std::sync::Arc;

use artifacts::manifest::{Manifest, Node};
use jinja::Template;
use project::CLAIMED_DBT_VERSION;

use crate::parse::of_first_call;

/// Leaves away the metrics of schemas that knew other ones, and reads the arguments of `config()` again out of the nodes' code: earlier versions of dbt spelled them in another way.
///
/// Source: dbt Core 1.12, `upgrade_manifest_json` and `upgrade_manifest_dbt_version`; as there, lists and mappings become text too.
pub(super) fn upgrade(manifest: &mut Manifest) {
    if schema_version(manifest).is_some_and(|version| version <= LAST_WITH_OTHER_METRICS) {
        manifest.metrics.clear();
    }
    let version = &manifest.metadata.common.dbt_version;
    if version.is_empty() || version == CLAIMED_DBT_VERSION {
        return;
    }
    for node in manifest.nodes.values_mut().filter(|node| is_written_in_code(node)) {
        let Ok(template) = Template::compile(&node.raw_code, &node.original_file_path) else { continue };
        let written = of_first_call(&node.raw_code, &template);
        if !written.is_empty() {
            Arc::make_mut(node).unrendered_config.extend(written);
        }
    }
}

const LAST_WITH_OTHER_METRICS: u32 = 9;

/// 9 of `https://schemas.getdbt.com/dbt/manifest/v9.json`.
fn schema_version(manifest: &Manifest) -> Option<u32> {
    let (_, name) = manifest.metadata.common.dbt_schema_version.rsplit_once("/v")?;
    name.strip_suffix(".json")?.parse().ok()
}

/// The config of `not_null` and `unique` is not in their code.
fn is_written_in_code(node: &Node) -> bool {
    let is_simple_test = node.is_generic_test()
        && matches!(node.depends_on.macros.as_slice(), [only] if ["macro.dbt.test_not_null", "macro.dbt.test_unique"].contains(&only.as_str()));
    !is_simple_test && !node.unrendered_config.is_empty() && node.raw_code.contains("config(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_schema_4_has_raw_sql_and_metrics_that_are_none_today() {
        let mut manifest: Manifest = serde_json::from_value(serde_json::json!({
            "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v4.json", "dbt_version": "1.0.8"},
            "nodes": {"model.shop.m": {"unique_id": "model.shop.m", "resource_type": "model", "raw_sql": "select 1", "refs": [["n"]]}},
            "metrics": {"metric.shop.count": {"unique_id": "metric.shop.count", "type": "count"}},
        }))
        .expect("a manifest");
        upgrade(&mut manifest);
        let code = manifest.nodes.values().next().map(|node| node.raw_code.to_string());
        assert_eq!(code.as_deref(), Some("select 1"));
        assert!(manifest.metrics.is_empty());
    }
}

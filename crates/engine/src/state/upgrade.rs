//! Manifests that another version of dbt wrote, brought to what this one would have written.

use std::sync::Arc;

use artifacts::manifest::{Manifest, Node};
use jinja::Template;
use project::CLAIMED_DBT_VERSION;

use crate::parse::of_first_call;

/// Reads the arguments of `config()` again out of the nodes' code: earlier versions of dbt spelled them in another way.
///
/// Source: dbt Core 1.12, `upgrade_manifest_dbt_version`; as there, lists and mappings become text too.
pub(super) fn upgrade(manifest: &mut Manifest) {
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

/// The config of `not_null` and `unique` is not in their code.
fn is_written_in_code(node: &Node) -> bool {
    let is_simple_test = node.is_generic_test()
        && matches!(node.depends_on.macros.as_slice(), [only] if ["macro.dbt.test_not_null", "macro.dbt.test_unique"].contains(&only.as_str()));
    !is_simple_test && !node.unrendered_config.is_empty() && node.raw_code.contains("config(")
}

//! A contract's checksum: what `state:modified.contract` compares.

use artifacts::manifest::Node;
use sha2::{Digest, Sha256};

/// Over the columns' names, types and constraints.
pub(super) fn checksum(node: &Node) -> String {
    let mut columns: Vec<_> = node.columns.values().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = String::new();
    for column in columns {
        text.push_str(&format!("|{}|{}", column.name, column.data_type.as_deref().unwrap_or("None")));
        for constraint in &column.constraints {
            text.push_str(&format!("|{}", constraint.kind));
        }
    }
    if matches!(node.materialized(), "table" | "incremental") {
        text.push_str(node.materialized());
        for constraint in &node.constraints {
            text.push_str(&format!("|{}", constraint.kind));
        }
    }
    hex::encode(Sha256::digest(text.as_bytes()))
}

//! `docs generate`: which of the project's relations exist, and with which columns.

use std::collections::{BTreeSet, HashMap};

use artifacts::catalog::{self, Catalog, CatalogColumn, CatalogTable, Stat, TableMetadata};
use names::{RelationName, UniqueId};

use crate::{
    Adapter, Manifest,
    adapter::{self, AdapterResult},
};

/// What catalog.json says besides `metadata`.
///
/// # Errors
/// When the warehouse cannot be asked.
pub async fn catalog(
    manifest: &Manifest,
    adapter: &dyn Adapter,
    selected: impl Fn(&UniqueId) -> bool,
) -> AdapterResult<Catalog> {
    let nodes = manifest.artifact().nodes.values().filter(|node| node.is_relational());
    let nodes: Vec<(UniqueId, RelationName)> =
        nodes.map(|node| (node.unique_id.clone(), node.relation())).filter(|(id, _)| selected(id)).collect();
    let sources = manifest.artifact().sources.values().map(|source| {
        let database = source.database.clone().unwrap_or_default();
        (source.unique_id.clone(), RelationName::new(database, &source.schema, &source.identifier))
    });
    let sources: Vec<(UniqueId, RelationName)> = sources.filter(|(id, _)| selected(id)).collect();

    let schemas: BTreeSet<(String, String)> = nodes
        .iter()
        .chain(&sources)
        .map(|(_, relation)| (relation.database.clone(), relation.schema.clone()))
        .collect();
    let tables = adapter.catalog(&schemas.into_iter().collect::<Vec<_>>()).await?;
    let by_name: HashMap<(String, String, String), &adapter::CatalogTable> =
        tables.iter().map(|table| (key(&table.relation.name), table)).collect();
    let found = |relations: &[(UniqueId, RelationName)]| {
        relations
            .iter()
            .filter_map(|(id, relation)| Some((id.to_string(), entry(id, by_name.get(&key(relation))?))))
            .collect()
    };
    Ok(Catalog { nodes: found(&nodes), sources: found(&sources), errors: None, ..Catalog::default() })
}

/// The file's schema version, for its metadata.
pub const SCHEMA_VERSION: &str = catalog::SCHEMA_VERSION;

/// Names are compared without regard to case.
fn key(relation: &RelationName) -> (String, String, String) {
    (relation.database.to_lowercase(), relation.schema.to_lowercase(), relation.identifier.to_lowercase())
}

fn entry(id: &UniqueId, table: &adapter::CatalogTable) -> CatalogTable {
    let name = &table.relation.name;
    // As dbt-athena counts them.
    let columns = table.columns.iter().zip(0..).map(|(column, index)| {
        let column = CatalogColumn {
            data_type: column.data_type.clone(),
            index,
            name: column.name.clone(),
            comment: column.comment.clone(),
        };
        (column.name.clone(), column)
    });
    CatalogTable {
        metadata: TableMetadata {
            kind: table.type_name.clone(),
            schema: name.schema.clone(),
            name: name.identifier.clone(),
            database: Some(name.database.clone()),
            comment: table.comment.clone(),
            owner: table.owner.clone(),
        },
        columns: columns.collect(),
        stats: [("has_stats".to_owned(), Stat::has_stats(false))].into_iter().collect(),
        unique_id: Some(id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::{Column, Relation, RelationKind, TableType};

    /// As dbt-athena 1.11.1 writes it.
    #[test]
    fn columns_are_counted_from_zero() {
        let column = |name: &str| Column {
            name: name.to_owned(),
            data_type: "integer".to_owned(),
            raw_type: "int".to_owned(),
            is_partition: false,
            table_type: TableType::Table,
            comment: None,
        };
        let table = adapter::CatalogTable {
            relation: Relation {
                name: RelationName::new("awsdatacatalog", "dev", "a"),
                kind: RelationKind::Table,
                detail: String::new(),
            },
            type_name: "table".to_owned(),
            comment: None,
            owner: None,
            columns: vec![column("id"), column("n")],
        };
        let entry = entry(&"model.shop.a".into(), &table);
        let indices: Vec<_> = entry.columns.values().map(|column| (column.name.as_str(), column.index)).collect();
        assert_eq!(indices, [("id", 0), ("n", 1)]);
    }
}

//! `docs generate`: every table of the project's schemas with its columns.

use engine::adapter::{AdapterResult, CatalogTable};
use names::RelationName;

use crate::warehouse::{Warehouse, columns_of, to_relation};

/// Tables that Glue does not describe (no type) are left out rather than failing the whole catalog.
pub(crate) async fn catalog(warehouse: &Warehouse, schemas: &[(String, String)]) -> AdapterResult<Vec<CatalogTable>> {
    let mut rows = Vec::new();
    for (database, schema) in schemas {
        let mut tables = warehouse.tables(database, schema).await?;
        tables.sort_by(|one, other| one.name().cmp(other.name()));
        for table in tables {
            let name = RelationName::new(database.clone(), schema.to_lowercase(), table.name());
            let Some(relation) = to_relation(name, &table) else { continue };
            let type_name = if table.is_view() {
                "view"
            } else if table.is_iceberg() {
                "iceberg_table"
            } else {
                "table"
            };
            let comment = table.parameter("comment").filter(|text| !text.is_empty()).map(str::to_owned);
            let description = table.input.description.clone().filter(|text| !text.is_empty());
            rows.push(CatalogTable {
                relation,
                type_name: type_name.to_owned(),
                comment: comment.or(description),
                owner: table.input.owner.clone(),
                // dbt shows the catalog's own types here, not their spelling in SQL.
                columns: columns_of(&table)
                    .into_iter()
                    .map(|column| engine::adapter::Column { data_type: column.raw_type.clone(), ..column })
                    .collect(),
            });
        }
    }
    Ok(rows)
}

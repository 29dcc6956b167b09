//! Catalog integrations as templates see them: `adapter.build_catalog_relation(model)`, `adapter.get_catalog_integration(name)`.

use jinja::{Error, Object, Result, Value};

use crate::adapter::{AdapterResult, CatalogIntegration};

/// The catalog that a node's configuration names; `catalog` is an older word for it.
pub(super) fn catalog_name(node: &Value) -> Option<String> {
    let of = |value: &Value, key: &str| match value {
        Value::Dict(entries) => entries.get(key),
        Value::Object(object) => object.get_attr(key).or_else(|| object.get_item(&Value::str(key))),
        _ => None,
    };
    let config = of(node, "config")?;
    let named = |key| of(&config, key).filter(Value::is_true).map(|name| name.to_string());
    named("catalog_name").or_else(|| named("catalog"))
}

/// A wrong name is the project's mistake, not the warehouse's.
pub(super) fn integration(found: AdapterResult<CatalogIntegration>) -> Result<Value> {
    found.map(|found| Value::object(Integration(found))).map_err(|error| Error::host(*error.diagnostic))
}

/// A catalog integration as templates see it, and the relation that one builds, which says the same.
#[derive(Debug)]
struct Integration(CatalogIntegration);

impl Object for Integration {
    fn type_name(&self) -> &str {
        "CatalogIntegration"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        let some = |text: &Option<String>| text.as_deref().map_or(Value::None, Value::from);
        let of = &self.0;
        Some(match name {
            "name" => of.name.as_str().into(),
            "catalog_type" => of.catalog_type.as_str().into(),
            "catalog_name" => of.catalog_name.as_str().into(),
            "table_format" => some(&of.table_format),
            "file_format" => some(&of.file_format),
            "external_volume" => some(&of.external_volume),
            "catalog_database" => some(&of.catalog_database),
            "allows_writes" => true.into(),
            _ => return None,
        })
    }

    fn is_true(&self) -> bool {
        true
    }
}

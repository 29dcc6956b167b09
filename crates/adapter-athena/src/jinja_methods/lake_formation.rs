//! Tags and grants of Lake Formation, as macros ask for them.

use engine::adapter::AdapterResult;
use jinja::{CallArgs, Value};

use super::{bad, json, relation};
use crate::{lake_formation, warehouse::Warehouse};

pub(super) async fn add_tags(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of, config] = arguments.bind("add_lf_tags", ["relation", "lf_tags_config"], 2).map_err(bad)?;
    let of = relation(of)?;
    if let Some(config) = lake_formation::tags_config(&json(config))? {
        config.apply(warehouse, &of).await?;
    }
    Ok(Value::None)
}

pub(super) async fn apply_grants(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of, config] = arguments.bind("apply_lf_grants", ["relation", "lf_grants_config"], 2).map_err(bad)?;
    let of = relation(of)?;
    if let Some(config) = lake_formation::grants_config(&json(config))? {
        config.apply(warehouse, &of).await?;
    }
    Ok(Value::None)
}

pub(super) async fn add_tags_to_database(warehouse: &Warehouse, arguments: CallArgs) -> AdapterResult<Value> {
    let [of] = arguments.bind("add_lf_tags_to_database", ["relation"], 1).map_err(bad)?;
    let (database, schema) = super::schema(of)?;
    lake_formation::tag_database(warehouse, &database, &schema).await?;
    Ok(Value::None)
}

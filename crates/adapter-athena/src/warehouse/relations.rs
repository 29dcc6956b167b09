//! What exists: look-ups in Glue, and what of them is remembered during an invocation.

use std::{collections::HashMap, sync::Mutex};

use athena_api::{
    ApiError,
    glue::{self, PageRequest, Table},
};
use engine::adapter::{AdapterResult, Column, Relation, RelationKind, TableType};
use names::RelationName;

use super::{Warehouse, lock};
use crate::{errors, types::DataType};

/// Schemas that were listed, each with its tables by name. Lower case throughout, as Glue has them.
#[derive(Debug, Default)]
pub(super) struct RelationCache {
    schemas: Mutex<HashMap<(String, String), HashMap<String, Relation>>>,
}

/// Athena's names are lower case; a name in another case means the same table.
pub(crate) fn folded(name: &RelationName) -> RelationName {
    RelationName::new(name.database.to_lowercase(), name.schema.to_lowercase(), name.identifier.to_lowercase())
}

/// What a Glue table is in dbt's words; `None` when Glue does not say.
pub(crate) fn glue_relation_kind(table: &Table) -> Option<RelationKind> {
    if table.is_view() {
        return Some(RelationKind::View);
    }
    table.input.table_type.as_ref().map(|_| RelationKind::Table).or(table.is_iceberg().then_some(RelationKind::Table))
}

/// A Glue column as dbt's `Column`.
pub(crate) fn to_column(column: &glue::Column, table_type: TableType, is_partition: bool) -> Column {
    let raw = column.type_text();
    Column {
        name: column.name.clone(),
        data_type: DataType::parse(raw).trino(table_type == TableType::Iceberg),
        raw_type: raw.to_owned(),
        is_partition,
        table_type,
        comment: column.comment.clone(),
    }
}

impl Warehouse {
    /// A table or view as it is now, not as it is remembered.
    pub(crate) async fn table(&self, name: &RelationName) -> AdapterResult<Option<Table>> {
        let name = folded(name);
        let catalog = self.catalog_id(&name.database).await?;
        glue::find_table(&*self.services.glue, catalog.as_deref(), &name.schema, &name.identifier)
            .await
            .map_err(|error| errors::of_api(&error, None))
    }

    /// All tables of a schema that Glue describes; a missing database has none.
    pub(crate) async fn tables(&self, database: &str, schema: &str) -> AdapterResult<Vec<Table>> {
        let catalog = self.catalog_id(database).await?;
        match glue::all_tables(&*self.services.glue, catalog.as_deref(), &schema.to_lowercase()).await {
            Ok(tables) => Ok(tables),
            Err(error) if ApiError::is_not_found(&error) => Ok(Vec::new()),
            Err(error) => Err(errors::of_api(&error, None)),
        }
    }

    /// The names of all databases of a data catalog.
    pub(crate) async fn databases(&self, database: &str) -> AdapterResult<Vec<String>> {
        let catalog = self.catalog_id(database).await?;
        let mut names = Vec::new();
        let mut page = PageRequest::default();
        loop {
            let answer = self
                .services
                .glue
                .get_databases(catalog.as_deref(), page)
                .await
                .map_err(|error| errors::of_api(&error, None))?;
            names.extend(answer.items.into_iter().map(|database| database.name));
            match answer.next_token {
                Some(token) => page = PageRequest { next_token: Some(token), max_results: None },
                None => return Ok(names),
            }
        }
    }

    /// The relations of a schema; listed once, then kept up to date by what this invocation does.
    pub(crate) async fn relations(&self, database: &str, schema: &str) -> AdapterResult<Vec<Relation>> {
        let key = (database.to_lowercase(), schema.to_lowercase());
        if let Some(known) = lock(&self.relations.schemas).get(&key) {
            return Ok(sorted(known));
        }
        self.refresh(database, schema).await
    }

    /// Lists a schema again.
    pub(crate) async fn refresh(&self, database: &str, schema: &str) -> AdapterResult<Vec<Relation>> {
        let key = (database.to_lowercase(), schema.to_lowercase());
        let tables = self.tables(&key.0, &key.1).await?;
        let found: HashMap<String, Relation> = tables
            .iter()
            .filter_map(|table| {
                let name = RelationName::new(key.0.clone(), key.1.clone(), table.name());
                Some((table.name().to_lowercase(), to_relation(name, table)?))
            })
            .collect();
        let relations = sorted(&found);
        lock(&self.relations.schemas).insert(key, found);
        Ok(relations)
    }

    /// A relation that may exist, from what is remembered.
    pub(crate) async fn relation(&self, name: &RelationName) -> AdapterResult<Option<Relation>> {
        let name = folded(name);
        let relations = self.relations(&name.database, &name.schema).await?;
        Ok(relations.into_iter().find(|relation| relation.name.identifier == name.identifier))
    }

    /// Remembers what a look-up or a step found out. Schemas that were never listed stay unlisted.
    pub(crate) fn remember(&self, name: &RelationName, relation: Option<Relation>) {
        let name = folded(name);
        let mut schemas = lock(&self.relations.schemas);
        let Some(known) = schemas.get_mut(&(name.database.clone(), name.schema.clone())) else { return };
        match relation {
            Some(relation) => known.insert(name.identifier, relation),
            None => known.remove(&name.identifier),
        };
    }

    /// Looks a relation up and remembers it.
    pub(crate) async fn look_again(&self, name: &RelationName) -> AdapterResult<()> {
        let table = self.table(name).await?;
        self.remember(name, table.and_then(|table| to_relation(folded(name), &table)));
        Ok(())
    }

    /// Forgets a schema, so that the next question lists it.
    pub(crate) fn forget_schema(&self, database: &str, schema: &str) {
        lock(&self.relations.schemas).remove(&(database.to_lowercase(), schema.to_lowercase()));
    }

    /// Schemas that are remembered.
    pub(crate) fn known_schemas(&self) -> Vec<(String, String)> {
        lock(&self.relations.schemas).keys().cloned().collect()
    }

    /// The columns of a table, partition keys last; none when it does not exist.
    pub(crate) async fn columns(&self, name: &RelationName) -> AdapterResult<Vec<Column>> {
        Ok(self.table(name).await?.map(|table| columns_of(&table)).unwrap_or_default())
    }
}

/// The columns of a Glue table, partition keys last.
pub(crate) fn columns_of(table: &Table) -> Vec<Column> {
    let kind = table_type(table);
    let plain = table.columns().map(|column| to_column(column, kind, false));
    plain.chain(table.partition_keys().iter().map(|key| to_column(key, kind, true))).collect()
}

/// dbt-athena's word for a Glue table.
pub(crate) fn table_type(table: &Table) -> TableType {
    match (table.is_view(), table.is_iceberg()) {
        (true, _) => TableType::View,
        (false, true) => TableType::Iceberg,
        (false, false) => TableType::Table,
    }
}

pub(crate) fn to_relation(name: RelationName, table: &Table) -> Option<Relation> {
    let kind = glue_relation_kind(table)?;
    let detail = table.parameter("table_type").unwrap_or_default().to_lowercase();
    Some(Relation { name, kind, detail })
}

fn sorted(relations: &HashMap<String, Relation>) -> Vec<Relation> {
    let mut relations: Vec<Relation> = relations.values().cloned().collect();
    relations.sort_by(|one, other| one.name.cmp(&other.name));
    relations
}

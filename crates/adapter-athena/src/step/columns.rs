//! `on_schema_change`: what happens when the query's columns are not the table's.

use engine::adapter::{AdapterError, AdapterResult, Column};
use names::RelationName;

use super::Build;
use crate::{
    errors,
    types::{DataType, hive_quoted, quoted},
};

/// What to do about it; `ignore` makes no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaChangeMode {
    Fail,
    AppendNewColumns,
    SyncAllColumns,
}

impl SchemaChangeMode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::AppendNewColumns => "append_new_columns",
            Self::SyncAllColumns => "sync_all_columns",
        }
    }
}

/// Brings the target's columns in line with the new rows' columns.
#[derive(Debug, Clone)]
pub(crate) struct SyncColumns {
    pub(crate) mode: SchemaChangeMode,
    /// The new rows.
    pub(crate) from: RelationName,
    /// The table that they go into.
    pub(crate) to: RelationName,
    pub(crate) iceberg: bool,
    /// Columns of the new rows that are not the target's business.
    pub(crate) except: Vec<String>,
}

/// The differences, each in the order of the new rows or of the table.
struct Changes {
    added: Vec<Column>,
    removed: Vec<Column>,
    /// The new column, and the type that the table has.
    retyped: Vec<(Column, String)>,
}

impl Changes {
    fn between(new: &[Column], existing: &[Column]) -> Self {
        let find = |columns: &[Column], name: &str| {
            columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).cloned()
        };
        let mut changes = Self { added: Vec::new(), removed: Vec::new(), retyped: Vec::new() };
        for column in new {
            match find(existing, &column.name) {
                None => changes.added.push(column.clone()),
                Some(old) if same_type(&old.raw_type, &column.raw_type) => {}
                Some(old) => changes.retyped.push((column.clone(), old.raw_type)),
            }
        }
        changes.removed = existing.iter().filter(|column| find(new, &column.name).is_none()).cloned().collect();
        changes
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.retyped.is_empty()
    }
}

fn same_type(one: &str, other: &str) -> bool {
    DataType::parse(one).hive(false) == DataType::parse(other).hive(false)
}

impl SyncColumns {
    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        let mut new = build.warehouse.columns(&self.from).await?;
        new.retain(|column| !self.except.iter().any(|name| name.eq_ignore_ascii_case(&column.name)));
        let existing = build.warehouse.columns(&self.to).await?;
        let changes = Changes::between(&new, &existing);
        if !changes.is_empty() {
            match self.mode {
                SchemaChangeMode::Fail => return Err(out_of_sync(&self.to, &changes)),
                SchemaChangeMode::AppendNewColumns => self.add(build, &changes.added).await?,
                SchemaChangeMode::SyncAllColumns if self.iceberg => self.sync_iceberg(build, changes).await?,
                SchemaChangeMode::SyncAllColumns => self.sync_hive(build, &new, &existing).await?,
            }
        }
        build.columns = Some(new.into_iter().map(|column| column.name).collect());
        Ok(())
    }

    async fn add(&self, build: &mut Build<'_>, added: &[Column]) -> AdapterResult<()> {
        if added.is_empty() {
            return Ok(());
        }
        let columns: Vec<String> = added.iter().map(|column| self.definition(column)).collect();
        let sql = format!("alter table {} add columns ({})", self.to.hive(), columns.join(", "));
        build.sql(&sql, &self.to).await.map(drop)
    }

    fn definition(&self, column: &Column) -> String {
        format!("{} {}", hive_quoted(&column.name), DataType::parse(&column.raw_type).hive(self.iceberg))
    }

    async fn sync_hive(&self, build: &mut Build<'_>, new: &[Column], existing: &[Column]) -> AdapterResult<()> {
        let is_key = |column: &Column| {
            existing.iter().any(|known| known.is_partition && known.name.eq_ignore_ascii_case(&column.name))
        };
        let columns: Vec<String> =
            new.iter().filter(|column| !is_key(column)).map(|column| self.definition(column)).collect();
        let sql = format!("alter table {} replace columns ({})", self.to.hive(), columns.join(", "));
        build.sql(&sql, &self.to).await.map(drop)
    }

    async fn sync_iceberg(&self, build: &mut Build<'_>, mut changes: Changes) -> AdapterResult<()> {
        let table = self.to.hive();
        // A change of type that was interrupted left the new values under this name: they are the column.
        let added = std::mem::take(&mut changes.added);
        for column in added {
            let alter = format!("{}__dbt_alter", column.name);
            match changes.removed.iter().position(|removed| removed.name.eq_ignore_ascii_case(&alter)) {
                Some(at) => {
                    changes.removed.remove(at);
                    let sql = format!(
                        "alter table {table} change column {} {}",
                        hive_quoted(&alter),
                        self.definition(&column)
                    );
                    build.sql(&sql, &self.to).await?;
                }
                None => changes.added.push(column),
            }
        }
        self.add(build, &changes.added).await?;
        for column in &changes.removed {
            let sql = format!("alter table {table} drop column {}", hive_quoted(&column.name));
            build.sql(&sql, &self.to).await?;
        }
        for (column, _) in &changes.retyped {
            let alter = Column { name: format!("{}__dbt_alter", column.name), ..column.clone() };
            self.add(build, std::slice::from_ref(&alter)).await?;
            let kind = DataType::parse(&column.raw_type).trino(true);
            let (name, alter_name) = (quoted(&column.name), quoted(&alter.name));
            let update = format!("update {} set {alter_name} = cast({name} as {kind})", self.to);
            build.sql(&update, &self.to).await?;
            let drop_old = format!("alter table {table} drop column {}", hive_quoted(&column.name));
            build.sql(&drop_old, &self.to).await?;
            let rename =
                format!("alter table {table} change column {} {}", hive_quoted(&alter.name), self.definition(column));
            build.sql(&rename, &self.to).await?;
        }
        Ok(())
    }
}

fn out_of_sync(table: &RelationName, changes: &Changes) -> AdapterError {
    let names = |columns: &[Column]| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let retyped: Vec<String> =
        changes.retyped.iter().map(|(column, old)| format!("{} ({old} -> {})", column.name, column.raw_type)).collect();
    let retyped = if retyped.is_empty() { "none".to_owned() } else { retyped.join(", ") };
    errors::mistake(
        "Compilation Error: The source and target schemas on this incremental model are out of sync!",
        format!(
            "columns that {table} lacks: {}\ncolumns that the query lacks: {}\ncolumns with another type: {retyped}",
            names(&changes.added),
            names(&changes.removed),
        ),
        "set `on_schema_change` to append_new_columns or sync_all_columns, or run the model with --full-refresh",
    )
}

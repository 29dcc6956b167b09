//! The last statement of a snapshot: its staged changes put into the table.

use engine::adapter::{AdapterResult, Column};
use names::RelationName;

use super::{Build, Ctas};
use crate::types::{quoted, quoted_list};

/// Into an Iceberg table.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotMerge {
    pub(crate) target: RelationName,
    pub(crate) source: RelationName,
    /// The table's columns, unless a step before finds out others.
    pub(crate) columns: Vec<String>,
    pub(crate) scd_id: String,
    pub(crate) valid_to: String,
    pub(crate) valid_to_current: Option<String>,
}

impl SnapshotMerge {
    pub(super) fn text(&self, columns: Option<&[String]>) -> String {
        let columns = columns.unwrap_or(&self.columns);
        let (scd_id, valid_to) = (&self.scd_id, &self.valid_to);
        let values: Vec<String> = columns.iter().map(|name| format!("dbt_internal_source.{}", quoted(name))).collect();
        format!(
            "merge into {} as dbt_internal_dest\n    using {} as dbt_internal_source\n    on dbt_internal_source.{scd_id} = dbt_internal_dest.{scd_id}\n    when matched\n     and {}\n     and dbt_internal_source.dbt_change_type in ('update', 'delete')\n        then update\n        set {valid_to} = dbt_internal_source.{valid_to}\n    when not matched\n     and dbt_internal_source.dbt_change_type = 'insert'\n        then insert ({})\n        values ({})",
            self.target,
            self.source,
            is_open("dbt_internal_dest", valid_to, self.valid_to_current.as_deref()),
            quoted_list(columns),
            values.join(", "),
        )
    }

    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        let columns = build.columns.clone();
        let outcome = build.sql(&self.text(columns.as_deref()), &self.target).await?;
        build.wrote(outcome.rows.unwrap_or(-1));
        Ok(())
    }
}

/// Into a new Hive table, which then takes the old one's place.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotRebuild {
    /// Its query is made when both tables' columns are known.
    pub(crate) ctas: Ctas,
    pub(crate) target: RelationName,
    pub(crate) source: RelationName,
    /// Columns of the source that the table does not get.
    pub(crate) helpers: Vec<String>,
    pub(crate) scd_id: String,
    pub(crate) valid_to: String,
    pub(crate) valid_to_current: Option<String>,
}

impl SnapshotRebuild {
    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        let old = build.warehouse.columns(&self.target).await?;
        let mut new = build.warehouse.columns(&self.source).await?;
        new.retain(|column| !self.helpers.iter().any(|name| name.eq_ignore_ascii_case(&column.name)));
        let ctas = Ctas { sql: self.query(&old, &new), ..self.ctas.clone() };
        ctas.execute(build).await
    }

    /// All rows of the table, closed where the source says so, and the source's new rows. New columns come before the partition keys.
    fn query(&self, old: &[Column], new: &[Column]) -> String {
        let is_in =
            |columns: &[Column], name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let (keys, plain): (Vec<&Column>, Vec<&Column>) = old.iter().partition(|column| column.is_partition);
        let added = new.iter().filter(|column| !is_in(old, &column.name));
        let columns: Vec<&Column> = plain.into_iter().chain(added).chain(keys).collect();
        let select = |table: &str, own: &[Column]| {
            let items: Vec<String> = columns
                .iter()
                .map(|column| {
                    let name = quoted(&column.name);
                    if !is_in(own, &column.name) {
                        return format!("cast(null as {}) as {name}", column.data_type);
                    }
                    if table == "dest" && column.name.eq_ignore_ascii_case(&self.valid_to) {
                        return format!(
                            "case when closed.{} is null then dest.{name} else closed.{name} end as {name}",
                            self.scd_id
                        );
                    }
                    format!("{table}.{name}")
                })
                .collect();
            items.join(", ")
        };
        let (scd_id, target, source) = (&self.scd_id, &self.target, &self.source);
        let open = is_open("dest", &self.valid_to, self.valid_to_current.as_deref());
        format!(
            "select {kept}\n      from {target} as dest\n      left join (select * from {source} where dbt_change_type in ('update', 'delete')) as closed\n        on closed.{scd_id} = dest.{scd_id} and {open}\n      union all\n      select {inserted}\n      from {source} as src\n      left join {target} as dest on src.{scd_id} = dest.{scd_id}\n      where dest.{scd_id} is null and src.dbt_change_type = 'insert'",
            kept = select("dest", old),
            inserted = select("src", new),
        )
    }
}

fn is_open(table: &str, valid_to: &str, current: Option<&str>) -> String {
    match current {
        Some(current) => format!("({table}.{valid_to} = {current} or {table}.{valid_to} is null)"),
        None => format!("{table}.{valid_to} is null"),
    }
}

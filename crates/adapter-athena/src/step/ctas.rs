//! CREATE TABLE AS, whole or in batches.

use engine::adapter::AdapterResult;
use names::{RelationName, S3Uri};

use super::{Build, tables};
use crate::{
    batches,
    config::Layout,
    errors,
    types::quoted_list,
    warehouse::{folded, target_of_build, to_relation},
};

/// When a statement is split by partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batching {
    /// After Athena refused to write so many.
    OnLimit,
    /// In any case: `force_batch`.
    Always,
}

impl Batching {
    pub(crate) fn of(layout: &Layout) -> Self {
        if layout.force_batch { Self::Always } else { Self::OnLimit }
    }
}

/// A new table from a query.
#[derive(Debug, Clone)]
pub(crate) struct Ctas {
    pub(crate) relation: RelationName,
    pub(crate) layout: Layout,
    /// `None` leaves it to the workgroup or to S3 Tables.
    pub(crate) location: Option<S3Uri>,
    /// Where the second attempt goes, since the first may have left files.
    pub(crate) second_location: Option<S3Uri>,
    /// Where the table without partitions goes that batches are read from.
    pub(crate) stage_location: Option<S3Uri>,
    pub(crate) sql: String,
    pub(crate) batching: Batching,
}

/// Where the rows of a table wait that is built in batches; the same for a table and its replacement, so that leftovers are found.
pub(crate) fn stage_name(relation: &RelationName) -> RelationName {
    let target = target_of_build(relation).unwrap_or_else(|| relation.clone());
    target.with_identifier(format!("{}__tmp_not_partitioned", target.identifier))
}

/// The words by which Athena says that a statement writes too many partitions.
pub(super) const LIMIT: &str = "TOO_MANY_OPEN_PARTITIONS";

impl Ctas {
    pub(super) fn action(&self) -> &'static str {
        if self.in_batches() { "create_table_in_batches" } else { "create_table" }
    }

    pub(super) fn text(&self) -> String {
        ctas_text(&self.relation, &self.layout, self.location.as_ref(), &self.sql)
    }

    fn in_batches(&self) -> bool {
        self.batching == Batching::Always && !self.layout.partitioned_by.is_empty()
    }

    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        if self.in_batches() {
            return self.staged(build, self.location.as_ref()).await;
        }
        match self.create(build, self.location.as_ref(), &self.layout, &self.relation, &self.sql).await {
            Ok(rows) => build.wrote(rows),
            Err(error) if errors::mentions(&error, LIMIT) && !self.layout.partitioned_by.is_empty() => {
                self.staged(build, self.second_location.as_ref()).await?;
            }
            Err(error) => return Err(error),
        }
        build.warehouse.look_again(&self.relation).await
    }

    /// First everything into a table without partitions, then from there partition by partition.
    async fn staged(&self, build: &mut Build<'_>, location: Option<&S3Uri>) -> AdapterResult<()> {
        let stage = stage_name(&self.relation);
        tables::drop_relation(build.warehouse, &stage).await?;
        let layout = self.layout.unpartitioned();
        self.create(build, self.stage_location.as_ref(), &layout, &stage, &self.sql).await?;
        let filled = self.fill(build, &stage, location).await;
        tables::drop_relation(build.warehouse, &stage).await?;
        build.wrote(filled?);
        build.warehouse.look_again(&self.relation).await
    }

    async fn fill(&self, build: &mut Build<'_>, stage: &RelationName, location: Option<&S3Uri>) -> AdapterResult<i64> {
        let stage_columns = build.warehouse.columns(stage).await?;
        let names: Vec<String> = stage_columns.iter().map(|column| column.name.clone()).collect();
        let columns = quoted_list(&names);
        let keys = &self.layout.partitioned_by;
        let select: Vec<String> = keys.iter().map(|key| batches::select_key(key, &stage_columns)).collect();
        let distinct = distinct_text(&select, &stage.to_string());
        let distinct = build.rows(&distinct, stage).await?;
        let conditions = batches::conditions(keys, &stage_columns, &distinct, self.layout.partitions_limit)?;

        let mut rows = 0;
        // No row is no batch; the table is wanted all the same.
        let first = conditions.first().map_or("false", String::as_str);
        let sql = format!("select {columns} from {stage} where {first}");
        rows += self.create(build, location, &self.layout, &self.relation, &sql).await?;
        for condition in conditions.iter().skip(1) {
            let sql = format!(
                "insert into {} ({columns})\n    select {columns}\n    from {stage}\n    where {condition}",
                self.relation
            );
            match build.sql(&sql, &self.relation).await {
                Ok(outcome) => rows += outcome.rows.unwrap_or(0),
                Err(error) => {
                    // Half a table is worse than none; it was created a moment ago by this very step.
                    let _ = tables::drop_relation(build.warehouse, &self.relation).await;
                    return Err(error);
                }
            }
        }
        Ok(rows)
    }

    /// One CTAS. Files of a failed one are cleaned up: Athena leaves them.
    async fn create(
        &self,
        build: &mut Build<'_>,
        location: Option<&S3Uri>,
        layout: &Layout,
        relation: &RelationName,
        sql: &str,
    ) -> AdapterResult<i64> {
        let text = ctas_text(relation, layout, location, sql);
        let mut done = build.sql(&text, relation).await;
        if done.as_ref().is_ok_and(|outcome| outcome.is_found_again) && build.warehouse.table(relation).await?.is_none()
        {
            // An earlier attempt made it, used it and dropped it.
            done = build.sql(&text, relation).await;
        }
        match done {
            Ok(outcome) => {
                let Some(table) = build.warehouse.table(relation).await? else {
                    return Err(errors::mistake(
                        format!("{relation} does not exist after Athena created it"),
                        format!(
                            "query {} succeeded, but Glue has no such table: another process dropped it",
                            outcome.id
                        ),
                        "make sure that only one run builds this node at a time, and run it again",
                    ));
                };
                build.warehouse.remember(relation, to_relation(folded(relation), &table));
                Ok(outcome.rows.unwrap_or(-1))
            }
            Err(error) => {
                if let Some(location) = location.filter(|_| errors::has_ended(&error)) {
                    // The first error is the one to tell.
                    let _ = build.warehouse.delete_files(relation, location, None).await;
                }
                Err(error)
            }
        }
    }
}

/// The distinct partitions of a relation.
pub(crate) fn distinct_text(select: &[String], from: &str) -> String {
    let select = select.join(", ");
    format!("select distinct {select} from {from} order by {select}")
}

/// dbt-athena's CTAS.
pub(crate) fn ctas_text(relation: &RelationName, layout: &Layout, location: Option<&S3Uri>, sql: &str) -> String {
    let is_iceberg = layout.is_iceberg();
    let mut properties = vec![format!("table_type='{}'", layout.type_name())];
    let (location_key, partition_key) =
        if is_iceberg { ("location", "partitioning") } else { ("external_location", "partitioned_by") };
    let external = !is_iceberg;
    properties.push(match location {
        Some(location) => format!("is_external={external},{location_key}='{location}'"),
        None => format!("is_external={external}"),
    });
    if !layout.partitioned_by.is_empty() {
        properties.push(format!("{partition_key}={}", array(&layout.partitioned_by)));
    }
    if !layout.bucketed_by.is_empty() {
        properties.push(format!("bucketed_by={}", array(&layout.bucketed_by)));
    }
    if let Some(count) = &layout.bucket_count {
        properties.push(format!("bucket_count={count}"));
    }
    if let Some(delimiter) = &layout.field_delimiter {
        properties.push(format!("field_delimiter='{delimiter}'"));
    }
    if let Some(compression) = &layout.write_compression {
        properties.push(format!("write_compression='{compression}'"));
    }
    properties.push(format!("format='{}'", layout.format));
    properties.extend(layout.table_properties.iter().map(|(key, value)| format!("{key}={value}")));
    let properties = properties.join(",\n      ");
    format!("create table {relation}\n    with (\n      {properties}\n    )\n    as\n      {}", sql.trim())
}

fn array(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("'{}'", item.replace('\'', "''"))).collect();
    format!("ARRAY[{}]", items.join(", "))
}

//! INSERT INTO … SELECT, whole or in batches.

use engine::adapter::AdapterResult;
use names::RelationName;

use super::{
    Batching, Build,
    ctas::{LIMIT, distinct_text},
};
use crate::{batches, errors, types::quoted_list};

/// All rows of one table into another.
#[derive(Debug, Clone)]
pub(crate) struct InsertFrom {
    pub(crate) into: RelationName,
    pub(crate) from: RelationName,
    /// The target's columns, unless a step before finds out others.
    pub(crate) columns: Vec<String>,
    pub(crate) partitioned_by: Vec<String>,
    pub(crate) partitions_limit: usize,
    pub(crate) batching: Batching,
    /// Count the partitions before the first INSERT: one that fails half-way may leave files.
    pub(crate) count_first: bool,
}

impl InsertFrom {
    pub(super) fn action(&self) -> &'static str {
        let forced = self.batching == Batching::Always && !self.partitioned_by.is_empty();
        if forced { "insert_in_batches" } else { "insert" }
    }

    pub(super) fn text(&self, columns: Option<&[String]>, condition: Option<&str>) -> String {
        let columns = quoted_list(columns.unwrap_or(&self.columns));
        let filter = condition.map(|condition| format!("\n       where {condition}")).unwrap_or_default();
        format!(
            "insert into {} ({columns})\n    (\n       select {columns}\n       from {}{filter}\n    )",
            self.into, self.from
        )
    }

    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        let columns = build.columns.clone().unwrap_or_else(|| self.columns.clone());
        let is_partitioned = !self.partitioned_by.is_empty();
        let mut rows = None;
        if !is_partitioned || (self.batching == Batching::OnLimit && !self.count_first) {
            match build.sql(&self.text(Some(&columns), None), &self.into).await {
                Ok(outcome) => rows = Some(outcome.rows.unwrap_or(-1)),
                Err(error) if is_partitioned && errors::mentions(&error, LIMIT) => {}
                Err(error) => return Err(error),
            }
        }
        let rows = match rows {
            Some(rows) => rows,
            None => self.in_batches(build, &columns).await?,
        };
        build.wrote(rows);
        build.warehouse.look_again(&self.into).await
    }

    async fn in_batches(&self, build: &mut Build<'_>, columns: &[String]) -> AdapterResult<i64> {
        let conditions = batch_conditions(build, &self.from, &self.partitioned_by, self.partitions_limit).await?;
        if let ([_], Batching::OnLimit) = (conditions.as_slice(), self.batching) {
            return Ok(build.sql(&self.text(Some(columns), None), &self.into).await?.rows.unwrap_or(-1));
        }
        let mut rows = 0;
        for condition in conditions {
            let outcome = build.sql(&self.text(Some(columns), Some(&condition)), &self.into).await?;
            rows += outcome.rows.unwrap_or(0);
        }
        Ok(rows)
    }
}

/// The batches of a table that is to be written by partitions.
pub(super) async fn batch_conditions(
    build: &mut Build<'_>,
    from: &RelationName,
    keys: &[String],
    limit: usize,
) -> AdapterResult<Vec<String>> {
    let columns = build.warehouse.columns(from).await?;
    let select: Vec<String> = keys.iter().map(|key| batches::select_key(key, &columns)).collect();
    let distinct = build.rows(&distinct_text(&select, &from.to_string()), from).await?;
    batches::conditions(keys, &columns, &distinct, limit)
}

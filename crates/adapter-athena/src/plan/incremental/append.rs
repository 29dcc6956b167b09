//! Strategy `append`: new rows are added, nothing is looked at.

use engine::adapter::AdapterResult;

use super::{Draft, existing_columns, stage_rows, sync_columns};
use crate::step::{Batching, InsertFrom, Step};

pub(super) async fn plan(draft: &mut Draft<'_>, sql: &str) -> AdapterResult<()> {
    let tmp = stage_rows(draft, sql, draft.layout.is_iceberg()).await?;
    sync_columns(draft, &tmp)?;
    draft.steps.push(Step::InsertFrom(InsertFrom {
        into: draft.relation.clone(),
        from: tmp,
        columns: existing_columns(draft).into_iter().map(|column| column.name).collect(),
        partitioned_by: draft.layout.partitioned_by.clone(),
        partitions_limit: draft.layout.partitions_limit,
        batching: Batching::of(&draft.layout),
        count_first: false,
    }));
    Ok(())
}

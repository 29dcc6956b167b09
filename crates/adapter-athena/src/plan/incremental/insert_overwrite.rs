//! Strategy `insert_overwrite`: the partitions of the new rows are replaced.
//!
//! The reference deletes the old partitions and then inserts, which leaves a hole when the insert fails. Here the rows are written into a
//! table of the target's own shape first; then the partitions are pointed at the new files, and the old files are deleted last.

use engine::adapter::AdapterResult;
use names::S3Uri;

use super::{Draft, existing_columns, stage_rows, sync_columns};
use crate::{
    errors,
    step::{Batching, InsertFrom, Step, location_of},
};

pub(super) async fn plan(draft: &mut Draft<'_>, sql: &str) -> AdapterResult<()> {
    let target = draft.relation.clone();
    let location = require_partitioned(draft)?;
    let tmp = stage_rows(draft, sql, true).await?;
    sync_columns(draft, &tmp)?;

    let staged = target.with_identifier(format!("{}__dbt_stage", target.identifier));
    draft.drop_leftover(&staged, None).await?;
    // Inside the table's folder, so that the new partitions belong to it; unseen until they are pointed at.
    let location = location.join(&draft.unique("partitions").to_string());
    draft.steps.push(Step::CreateTableLike { like: target.clone(), staged: staged.clone(), location });
    draft.on_failure.push(Step::DropTable { relation: staged.clone(), native: false });
    draft.steps.push(Step::InsertFrom(InsertFrom {
        into: staged.clone(),
        from: tmp,
        columns: existing_columns(draft).into_iter().map(|column| column.name).collect(),
        partitioned_by: draft.layout.partitioned_by.clone(),
        partitions_limit: draft.layout.partitions_limit,
        batching: Batching::of(&draft.layout),
        count_first: true,
    }));
    draft.steps.push(Step::ReplacePartitions { staged: staged.clone(), target });
    draft.steps.push(Step::DropEntry { relation: staged });
    Ok(())
}

/// The table's folder, if its partitions are those of the configuration.
fn require_partitioned(draft: &Draft<'_>) -> AdapterResult<S3Uri> {
    let existing = draft.existing.as_ref();
    let keys: Vec<String> = existing
        .map(|table| table.partition_keys().iter().map(|key| key.name.to_lowercase()).collect())
        .unwrap_or_default();
    let wanted: Vec<String> = draft.layout.partitioned_by.iter().map(|key| key.to_lowercase()).collect();
    match existing.and_then(location_of) {
        Some(location) if keys == wanted => Ok(location),
        _ => Err(errors::mistake(
            format!("{} is not partitioned by {}", draft.relation, wanted.join(", ")),
            format!(
                "the table that is there is partitioned by {}",
                if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") }
            ),
            "run the model once with --full-refresh",
        )),
    }
}

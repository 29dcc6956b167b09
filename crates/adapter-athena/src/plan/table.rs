//! `materialized: table`: built beside what is there, then put in its place.

use engine::adapter::AdapterResult;
use names::RelationName;

use super::draft::{Draft, backup_name, staged_name};
use crate::{
    errors,
    location::Lifetime,
    step::{Archive, Predecessor, Step, stage_name},
    warehouse::is_s3_tables,
};

pub(super) async fn plan(draft: &mut Draft<'_>, sql: &str) -> AdapterResult<()> {
    if draft.layout.is_iceberg() && draft.layout.external_location.is_some() {
        return Err(errors::mistake(
            "Compilation Error: external_location cannot be used with an Iceberg table",
            "a table is replaced by one at a new place, and external_location names one place",
            "use `s3_data_dir` with a unique `s3_data_naming` instead",
        ));
    }
    create_or_replace(draft, sql, |_| Vec::new()).await?;
    draft.describe(!draft.layout.is_iceberg());
    Ok(())
}

/// The steps that build the node's table from a query, whatever is there now. `fill` adds steps before the new table is shown.
pub(super) async fn create_or_replace(
    draft: &mut Draft<'_>,
    sql: &str,
    fill: impl FnOnce(&RelationName) -> Vec<Step>,
) -> AdapterResult<()> {
    let layout = draft.layout.clone();
    let target = draft.relation.clone();
    let part = target.identifier.clone();
    let staged = staged_name(&target);
    draft.drop_leftover(&stage_name(&target), None).await?;
    let Some(existing) = &draft.existing else {
        draft.drop_leftover(&staged, None).await?;
        draft.drop_leftover(&backup_name(&target), None).await?;
        let ctas = draft.ctas(&target, &part, Lifetime::Kept, &layout, sql).await?;
        draft.steps.push(ctas);
        let fill = fill(&target);
        if !fill.is_empty() {
            draft.on_failure.push(Step::DropTable { relation: target.clone(), native: false });
        }
        draft.steps.extend(fill);
        return Ok(());
    };
    if is_s3_tables(&target.database) {
        // Neither renames nor locations: the one order that S3 Tables allow.
        draft.steps.push(Step::DropEntry { relation: target.clone() });
        let ctas = draft.ctas(&target, &part, Lifetime::Kept, &layout, sql).await?;
        draft.steps.push(ctas);
        draft.steps.extend(fill(&target));
        return Ok(());
    }
    let (was_iceberg, was_view) = (existing.is_iceberg(), existing.is_view());
    let old_files = draft.files_to_replace().await?;
    let ctas = draft.ctas(&staged, &part, Lifetime::Kept, &layout, sql).await?;
    draft.drop_leftover(&staged, Some(&ctas)).await?;
    draft.steps.push(ctas);
    draft.steps.extend(fill(&staged));
    draft.on_failure.push(Step::DropTable { relation: staged.clone(), native: false });
    if layout.is_iceberg() {
        replace_iceberg(draft, staged, was_iceberg).await?;
        if !was_iceberg {
            draft.steps.extend(old_files.map(|location| Step::DeleteFiles { owner: target, location }));
        }
        return Ok(());
    }
    // `ha` keeps old versions readable, with their files.
    let keeps_versions = draft.keys.flag("ha") && !was_view && !was_iceberg;
    let archive = if keeps_versions { Archive::Keep } else { Archive::Skip };
    draft.steps.push(Step::SwapTable { staged: staged.clone(), target: target.clone(), archive });
    draft.steps.push(Step::DropEntry { relation: staged });
    if keeps_versions {
        let keep = draft.keys.count("versions_to_keep")?.unwrap_or(4);
        draft.steps.push(Step::ExpireVersions { relation: target, keep, delete_files: true });
    } else {
        draft.steps.extend(old_files.map(|location| Step::DeleteFiles { owner: target, location }));
    }
    Ok(())
}

async fn replace_iceberg(draft: &mut Draft<'_>, staged: RelationName, was_iceberg: bool) -> AdapterResult<()> {
    let target = draft.relation.clone();
    let backup = backup_name(&target);
    let predecessor = if was_iceberg { Predecessor::Iceberg } else { Predecessor::Other };
    if was_iceberg && !draft.steps.iter().any(|step| matches!(step, Step::RenameTable { .. })) {
        draft.drop_leftover(&backup, None).await?;
    }
    draft.steps.push(Step::ReplaceByRename { staged, target, backup: backup.clone(), predecessor });
    if was_iceberg {
        draft.steps.push(Step::DropTable { relation: backup, native: draft.keys.flag("native_drop") });
    }
    Ok(())
}

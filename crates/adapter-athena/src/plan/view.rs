//! `materialized: view`.

use engine::adapter::AdapterResult;
use names::RelationName;

use super::draft::{Draft, staged_name};
use crate::step::{Archive, Step};

/// dbt-athena's statement.
fn text(view: &RelationName, sql: &str) -> String {
    format!("create or replace view\n    {view}\n  as\n    {}", sql.trim())
}

/// A view replaces a view in one statement. A table has to go first, with its files; that the query is right is found out before.
pub(super) async fn plan(draft: &mut Draft<'_>, sql: &str) -> AdapterResult<()> {
    let target = draft.relation.clone();
    let replaces_table = draft.existing.as_ref().is_some_and(|existing| !existing.is_view());
    if replaces_table {
        let staged = staged_name(&target);
        let old_files = draft.files_to_replace().await?;
        draft.note("the table of this name and its data are replaced by the view");
        draft.drop_leftover(&staged, None).await?;
        draft.steps.push(Step::Query { sql: text(&staged, sql), relation: staged.clone() });
        draft.on_failure.push(Step::DropEntry { relation: staged.clone() });
        draft.steps.push(Step::SwapTable { staged: staged.clone(), target: target.clone(), archive: Archive::Skip });
        draft.steps.push(Step::DropEntry { relation: staged });
        draft.steps.extend(old_files.map(|location| Step::DeleteFiles { owner: target, location }));
    } else {
        draft.steps.push(Step::Query { sql: text(&target, sql), relation: target.clone() });
        if draft.existing.is_some() {
            let keep = draft.keys.count("versions_to_keep")?.unwrap_or(4);
            draft.steps.push(Step::ExpireVersions { relation: target, keep, delete_files: false });
        }
    }
    draft.describe(false);
    Ok(())
}

//! `materialized: incremental`: the first build is a table's, later ones add to it.

mod append;
mod insert_overwrite;
mod merge;

use engine::adapter::{AdapterError, AdapterResult, Column};
use names::RelationName;

use super::{draft::Draft, table};
use crate::{
    config::TableType,
    errors,
    location::Lifetime,
    profile::with_nearest,
    step::{SchemaChangeMode, Step, SyncColumns},
    warehouse::columns_of,
};

/// How new rows meet the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    Append,
    InsertOverwrite,
    Merge,
}

pub(super) async fn plan(draft: &mut Draft<'_>, sql: &str) -> AdapterResult<()> {
    let strategy = strategy(draft)?;
    let is_table = draft.existing.as_ref().is_some_and(|existing| !existing.is_view());
    if draft.request.full_refresh || !is_table {
        table::create_or_replace(draft, sql, |_| Vec::new()).await?;
        draft.describe(!draft.layout.is_iceberg());
        return Ok(());
    }
    require_same_type(draft)?;
    match strategy {
        Strategy::Append => append::plan(draft, sql).await?,
        Strategy::InsertOverwrite => insert_overwrite::plan(draft, sql).await?,
        Strategy::Merge => merge::plan(draft, sql).await?,
    }
    draft.describe(false);
    let keep = draft.keys.count("versions_to_keep")?.unwrap_or(1);
    let relation = draft.relation.clone();
    draft.steps.push(Step::ExpireVersions { relation, keep, delete_files: false });
    Ok(())
}

fn strategy(draft: &mut Draft<'_>) -> AdapterResult<Strategy> {
    let name = draft.keys.text("incremental_strategy")?;
    let is_partitioned = !draft.layout.partitioned_by.is_empty();
    let given = name.as_deref().unwrap_or("insert_overwrite");
    match (draft.layout.table_type, given) {
        (_, "append") => Ok(Strategy::Append),
        (TableType::Hive, "insert_overwrite") if is_partitioned => Ok(Strategy::InsertOverwrite),
        (TableType::Hive, "insert_overwrite") => {
            if name.is_some() {
                draft.note("insert_overwrite without partitioned_by appends: there are no partitions to overwrite");
            }
            Ok(Strategy::Append)
        }
        (TableType::Hive, "microbatch") if is_partitioned => Ok(Strategy::InsertOverwrite),
        (TableType::Hive, "microbatch") => Err(errors::mistake(
            "Compilation Error: dbt-athena 'microbatch' incremental strategy for hive tables requires a `partitioned_by` config.",
            "a batch replaces the partitions of its rows, and the table has none",
            "set `partitioned_by` to the columns of the batch's period, or use `table_type: iceberg` with a unique_key",
        )),
        (TableType::Iceberg, "merge" | "microbatch") => Ok(Strategy::Merge),
        (table_type, other) => Err(unknown_strategy(table_type, other, name.is_none())),
    }
}

fn unknown_strategy(table_type: TableType, given: &str, is_default: bool) -> AdapterError {
    let (kind, known): (&str, &[&str]) = match table_type {
        TableType::Hive => ("hive", &["append", "insert_overwrite", "microbatch"]),
        TableType::Iceberg => ("iceberg", &["append", "merge", "microbatch"]),
    };
    let cause = if is_default {
        "the default strategy is insert_overwrite, which Iceberg tables do not have".to_owned()
    } else {
        format!("{kind} tables have the strategies {}", known.join(", "))
    };
    let fix = if is_default {
        "set `incremental_strategy: merge` with a unique_key, or `append`".to_owned()
    } else if table_type == TableType::Hive && given == "merge" {
        "set `table_type: iceberg`, which can merge, or `incremental_strategy: insert_overwrite` with `partitioned_by`"
            .to_owned()
    } else {
        with_nearest(given, known)
    };
    errors::mistake(
        format!("Compilation Error: Invalid incremental strategy provided: {given} for a table of type {kind}"),
        cause,
        fix,
    )
}

/// Rows cannot be merged into a table of the other format.
fn require_same_type(draft: &Draft<'_>) -> AdapterResult<()> {
    let is_iceberg = draft.existing.as_ref().is_some_and(athena_api::glue::Table::is_iceberg);
    if is_iceberg == draft.layout.is_iceberg() {
        return Ok(());
    }
    let (was, wanted) = if is_iceberg { ("iceberg", "hive") } else { ("hive", "iceberg") };
    Err(errors::mistake(
        format!("{} is a table of type {was}, and the model asks for {wanted}", draft.relation),
        "an incremental run adds to the table that is there and cannot change its type",
        "run the model once with --full-refresh",
    ))
}

/// The columns of the table that is there, partition keys last.
fn existing_columns(draft: &Draft<'_>) -> Vec<Column> {
    draft.existing.as_ref().map(columns_of).unwrap_or_default()
}

/// Steps that put the new rows into a table of their own, and its name. It is dropped whatever happens.
async fn stage_rows(draft: &mut Draft<'_>, sql: &str, unique_suffix_allowed: bool) -> AdapterResult<RelationName> {
    let suffix = if unique_suffix_allowed && draft.keys.flag("unique_tmp_table_suffix") {
        format!("__dbt_tmp_{}", draft.unique("tmp").to_string().replace('-', "_"))
    } else {
        "__dbt_tmp".to_owned()
    };
    let mut tmp = draft.relation.with_identifier(format!("{}{suffix}", draft.relation.identifier));
    if let Some(schema) = draft.keys.text("temp_schema")? {
        tmp.schema = schema.to_lowercase();
        let known = draft.warehouse.databases(&tmp.database).await?;
        if !known.iter().any(|name| name.eq_ignore_ascii_case(&tmp.schema)) {
            draft.steps.push(Step::CreateSchema { database: tmp.database.clone(), schema: tmp.schema.clone() });
        }
    }
    let layout = draft.layout.unpartitioned();
    let ctas = draft.ctas(&tmp, &tmp.identifier, Lifetime::Temporary, &layout, sql).await?;
    draft.drop_leftover(&tmp, Some(&ctas)).await?;
    draft.steps.push(ctas);
    draft.last.push(Step::DropTable { relation: tmp.clone(), native: false });
    Ok(tmp)
}

/// The step of `on_schema_change`, if the model has one.
fn sync_columns(draft: &mut Draft<'_>, tmp: &RelationName) -> AdapterResult<()> {
    let mode = match draft.keys.text("on_schema_change")?.as_deref() {
        None | Some("ignore") => return Ok(()),
        Some("fail") => SchemaChangeMode::Fail,
        Some("append_new_columns") => SchemaChangeMode::AppendNewColumns,
        Some("sync_all_columns") => SchemaChangeMode::SyncAllColumns,
        Some(other) => {
            let known = ["ignore", "fail", "append_new_columns", "sync_all_columns"];
            let nearest = with_nearest(other, &known);
            draft.note(format!("the value '{other}' of on_schema_change means `ignore`; {nearest}"));
            return Ok(());
        }
    };
    draft.steps.push(Step::SyncColumns(SyncColumns {
        mode,
        from: tmp.clone(),
        to: draft.relation.clone(),
        iceberg: draft.layout.is_iceberg(),
        except: Vec::new(),
    }));
    Ok(())
}

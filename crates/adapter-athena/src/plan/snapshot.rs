//! `snapshot`: rows that changed in the source get a new version, the old one is closed.
//!
//! The statements keep dbt's names of columns and common table expressions. Source: dbt's snapshot algorithm; dbt-athena for the hash.

use engine::adapter::{AdapterResult, HardDeletes, SnapshotStrategy, SnapshotStrategyKind};

use super::{draft::Draft, table};
use crate::{
    errors,
    location::Lifetime,
    step::{Archive, SchemaChangeMode, SnapshotMerge, SnapshotRebuild, Step, SyncColumns},
    types::quoted,
    warehouse::columns_of,
};

pub(super) async fn plan(draft: &mut Draft<'_>, sql: &str, strategy: &SnapshotStrategy) -> AdapterResult<()> {
    let text = Text::new(draft, sql, strategy)?;
    if draft.existing.as_ref().is_some_and(athena_api::glue::Table::is_view) {
        return Err(errors::mistake(
            format!(
                "Trying to create table {0}, but it currently exists as a view. Either drop {0} manually, or run dbt with `--full-refresh` and dbt will drop it for you.",
                draft.relation
            ),
            "a snapshot becomes a table, and a view has this name",
            "rename the snapshot or drop the view",
        ));
    }
    let is_iceberg = draft.layout.is_iceberg();
    let Some(existing) = draft.existing.as_ref().map(columns_of) else {
        table::create_or_replace(draft, &text.build(), |_| Vec::new()).await?;
        draft.describe(!is_iceberg);
        return Ok(());
    };
    let existing: Vec<String> = existing.into_iter().map(|column| column.name).collect();
    text.require_meta_columns(&draft.relation.to_string(), &existing)?;
    if draft.existing.as_ref().is_some_and(athena_api::glue::Table::is_iceberg) != is_iceberg {
        return Err(errors::mistake(
            format!("{} has another table_type than the snapshot asks for", draft.relation),
            "a snapshot adds to the table that is there, and its history cannot be moved to the other type",
            "set `table_type` to the table's own, or copy the table by hand",
        ));
    }
    let query_columns = query_columns(draft, sql, &text).await?;

    let tmp = draft.relation.with_identifier(format!("{}__dbt_tmp", draft.relation.identifier));
    let layout = draft.layout.unpartitioned();
    let staging = text.staging(&draft.relation.to_string(), &query_columns, &existing);
    let ctas = draft.ctas(&tmp, &tmp.identifier, Lifetime::Temporary, &layout, &staging).await?;
    draft.drop_leftover(&tmp, Some(&ctas)).await?;
    draft.steps.push(ctas);
    draft.last.push(Step::DropTable { relation: tmp.clone(), native: false });
    let target = draft.relation.clone();
    let helpers = text.helper_columns();
    if is_iceberg {
        draft.steps.push(Step::SyncColumns(SyncColumns {
            mode: SchemaChangeMode::AppendNewColumns,
            from: tmp.clone(),
            to: target.clone(),
            iceberg: true,
            except: helpers,
        }));
        draft.steps.push(Step::SnapshotMerge(SnapshotMerge {
            target,
            source: tmp,
            columns: existing,
            scd_id: text.meta("dbt_scd_id"),
            valid_to: text.meta("dbt_valid_to"),
            valid_to_current: text.strategy.valid_to_current.clone(),
        }));
    } else {
        let staged = target.with_identifier(format!("{}__dbt_tmp_snapshot", target.identifier));
        let old_files = draft.files_to_replace().await?;
        let layout = draft.layout.clone();
        let ctas = draft.ctas(&staged, &target.identifier, Lifetime::Kept, &layout, "").await?;
        draft.drop_leftover(&staged, Some(&ctas)).await?;
        let Step::Ctas(ctas) = ctas else { return Ok(()) };
        draft.steps.push(Step::SnapshotRebuild(Box::new(SnapshotRebuild {
            ctas: *ctas,
            target: target.clone(),
            source: tmp,
            helpers,
            scd_id: text.meta("dbt_scd_id"),
            valid_to: text.meta("dbt_valid_to"),
            valid_to_current: text.strategy.valid_to_current.clone(),
        })));
        draft.on_failure.push(Step::DropTable { relation: staged.clone(), native: false });
        draft.steps.push(Step::SwapTable { staged: staged.clone(), target: target.clone(), archive: Archive::Skip });
        draft.steps.push(Step::DropEntry { relation: staged });
        draft.steps.extend(old_files.map(|location| Step::DeleteFiles { owner: target, location }));
    }
    draft.describe(!is_iceberg);
    Ok(())
}

/// The columns of the snapshot's query, asked of Athena where the statement needs them.
async fn query_columns(draft: &Draft<'_>, sql: &str, text: &Text<'_>) -> AdapterResult<Vec<String>> {
    let is_needed = text.strategy.hard_deletes == HardDeletes::NewRecord
        || matches!(&text.strategy.kind, SnapshotStrategyKind::Check { columns: None, .. });
    if !is_needed {
        return Ok(Vec::new());
    }
    let origin = engine::adapter::StatementOrigin {
        node: Some(draft.request.node.clone()),
        step: format!("plan-{}-columns", draft.number),
        comment: draft.request.comment.clone(),
    };
    let probe = format!("select * from (\n    {}\n) as __dbt_sbq\nwhere false\nlimit 0", sql.trim());
    let context = (draft.relation.database.as_str(), draft.relation.schema.as_str());
    let (_, result) = draft.warehouse.rows(&probe, &origin, Some(context)).await?;
    Ok(result.columns.into_iter().map(|column| column.name).collect())
}

/// The statements of one snapshot.
struct Text<'a> {
    sql: &'a str,
    strategy: &'a SnapshotStrategy,
    /// The moment of this run.
    now: &'static str,
}

impl<'a> Text<'a> {
    fn new(draft: &Draft<'_>, sql: &'a str, strategy: &'a SnapshotStrategy) -> AdapterResult<Self> {
        if strategy.unique_key.iter().all(|key| key.trim().is_empty()) {
            return Err(errors::mistake(
                "Compilation Error: a snapshot must have a unique_key",
                "without a key no row can be found again",
                "set `unique_key` in the snapshot's config",
            ));
        }
        let now = if draft.layout.is_iceberg() { "cast(now() as timestamp(6))" } else { "cast(now() as timestamp)" };
        Ok(Self { sql: sql.trim(), strategy, now })
    }

    /// The project's name of a meta column.
    fn meta(&self, name: &str) -> String {
        self.strategy.meta_column_names.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn new_record(&self) -> bool {
        self.strategy.hard_deletes == HardDeletes::NewRecord
    }

    fn updated_at(&self) -> String {
        match &self.strategy.kind {
            SnapshotStrategyKind::Timestamp { updated_at } | SnapshotStrategyKind::Custom { updated_at, .. } => {
                updated_at.clone()
            }
            SnapshotStrategyKind::Check { updated_at: Some(updated_at), .. } => updated_at.clone(),
            SnapshotStrategyKind::Check { updated_at: None, .. } => self.now.to_owned(),
        }
    }

    fn scd_id(&self) -> String {
        if let SnapshotStrategyKind::Custom { scd_id, .. } = &self.strategy.kind {
            return scd_id.clone();
        }
        let mut parts = self.strategy.unique_key.clone();
        parts.push(self.updated_at());
        hash(&parts)
    }

    fn valid_to(&self) -> String {
        let updated_at = self.updated_at();
        let current = self.strategy.valid_to_current.as_deref().unwrap_or("null");
        format!("coalesce(nullif({updated_at}, {updated_at}), {current})")
    }

    /// The names under which the keys are joined.
    fn key_names(&self) -> Vec<String> {
        match self.strategy.unique_key.len() {
            1 => vec!["dbt_unique_key".to_owned()],
            count => (1..=count).map(|number| format!("dbt_unique_key_{number}")).collect(),
        }
    }

    /// Columns of the staging table that the snapshot does not have.
    fn helper_columns(&self) -> Vec<String> {
        let mut names = self.key_names();
        names.push("dbt_change_type".to_owned());
        names
    }

    fn require_meta_columns(&self, table: &str, existing: &[String]) -> AdapterResult<()> {
        let mut wanted = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to", "dbt_updated_at"];
        if self.new_record() {
            wanted.push("dbt_is_deleted");
        }
        let has = |name: &String| existing.iter().any(|known| known.eq_ignore_ascii_case(name));
        let missing: Vec<String> = wanted.into_iter().map(|name| self.meta(name)).filter(|name| !has(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(errors::mistake(
            format!(
                "Compilation Error: Snapshot target is missing configured columns (missing \"{}\")",
                missing.join("\", \"")
            ),
            format!(
                "{table} was not made by this snapshot, or with other `snapshot_meta_column_names` or `hard_deletes`"
            ),
            "add the columns to the table, or correct the snapshot's config",
        ))
    }

    /// The first build.
    fn build(&self) -> String {
        let updated_at = self.updated_at();
        let mut columns = vec![
            "*".to_owned(),
            format!("{} as {}", self.scd_id(), self.meta("dbt_scd_id")),
            format!("{updated_at} as {}", self.meta("dbt_updated_at")),
            format!("{updated_at} as {}", self.meta("dbt_valid_from")),
            format!("{} as {}", self.valid_to(), self.meta("dbt_valid_to")),
        ];
        if self.new_record() {
            columns.push(format!("'False' as {}", self.meta("dbt_is_deleted")));
        }
        format!("select {}\n      from (\n        {}\n      ) sbq", columns.join(",\n        "), self.sql)
    }

    fn keys_selected(&self) -> String {
        let keys: Vec<String> = self
            .strategy
            .unique_key
            .iter()
            .zip(self.key_names())
            .map(|(key, name)| format!("{key} as {name}"))
            .collect();
        keys.join(", ")
    }

    fn keys_equal(&self) -> String {
        let pairs: Vec<String> =
            self.key_names().iter().map(|name| format!("snapshotted_data.{name} = source_data.{name}")).collect();
        pairs.join(" and ")
    }

    fn row_changed(&self, query_columns: &[String], existing: &[String]) -> String {
        let columns = match &self.strategy.kind {
            SnapshotStrategyKind::Timestamp { updated_at } => {
                return format!("snapshotted_data.{} < source_data.{updated_at}", self.meta("dbt_valid_from"));
            }
            SnapshotStrategyKind::Custom { row_changed, .. } => return format!("({row_changed})"),
            SnapshotStrategyKind::Check { columns: Some(columns), .. } => columns.as_slice(),
            SnapshotStrategyKind::Check { columns: None, .. } => query_columns,
        };
        let has = |name: &String| existing.iter().any(|known| known.eq_ignore_ascii_case(name.trim_matches('"')));
        if !columns.iter().all(has) {
            return "TRUE".to_owned();
        }
        let differs: Vec<String> = columns
            .iter()
            .map(|column| {
                let column = quoted(column.trim_matches('"'));
                let (old, new) = (format!("snapshotted_data.{column}"), format!("source_data.{column}"));
                format!(
                    "({old} != {new} or ({old} is null and not {new} is null) or (not {old} is null and {new} is null))"
                )
            })
            .collect();
        if differs.is_empty() { "FALSE".to_owned() } else { differs.join("\n          or ") }
    }

    /// The rows to insert and the rows to close, with `dbt_change_type`.
    fn staging(&self, target: &str, query_columns: &[String], existing: &[String]) -> String {
        let (scd_id, valid_from, valid_to) =
            (self.meta("dbt_scd_id"), self.meta("dbt_valid_from"), self.meta("dbt_valid_to"));
        let (updated_at_name, is_deleted) = (self.meta("dbt_updated_at"), self.meta("dbt_is_deleted"));
        let (updated_at, now, keys, equal) = (self.updated_at(), self.now, self.keys_selected(), self.keys_equal());
        let first_key = &self.key_names()[0];
        let is_open = match &self.strategy.valid_to_current {
            Some(current) => format!("({valid_to} = {current} or {valid_to} is null)"),
            None => format!("{valid_to} is null"),
        };
        let changed = self.row_changed(query_columns, existing);
        let new_record = self.new_record();
        let flag =
            |text: String| if new_record { format!(",\n          {text} as {is_deleted}") } else { String::new() };
        let was_deleted = |negated: bool| match (new_record, negated) {
            (false, _) => String::new(),
            (true, true) => format!("\n        and not snapshotted_data.{is_deleted} = 'True'"),
            (true, false) => format!(" or snapshotted_data.{is_deleted} = 'True'"),
        };
        let mut text = format!(
            "with snapshot_query as (\n        {sql}\n      ),\n      \
             snapshotted_data as (\n        select *, {keys}\n        from {target}\n        where {is_open}\n      ),\n      \
             insertions_source_data as (\n        select *, {keys},\n          {updated_at} as {updated_at_name},\n          {updated_at} as {valid_from},\n          {closing} as {valid_to},\n          {scd} as {scd_id}\n        from snapshot_query\n      ),\n      \
             updates_source_data as (\n        select *, {keys},\n          {updated_at} as {updated_at_name},\n          {updated_at} as {valid_from},\n          {updated_at} as {valid_to}\n        from snapshot_query\n      ),\n      \
             insertions as (\n        select 'insert' as dbt_change_type, source_data.*{not_deleted}\n        from insertions_source_data as source_data\n        left outer join snapshotted_data on {equal}\n        where snapshotted_data.{first_key} is null\n          or {changed}{back}\n      ),\n      \
             updates as (\n        select 'update' as dbt_change_type, source_data.*, snapshotted_data.{scd_id}{kept_flag}\n        from updates_source_data as source_data\n        join snapshotted_data on {equal}\n        where {changed}{back}\n      )",
            sql = self.sql,
            closing = self.valid_to(),
            scd = self.scd_id(),
            not_deleted = flag("'False'".to_owned()),
            kept_flag = flag(format!("snapshotted_data.{is_deleted}")),
            back = was_deleted(false),
        );
        let mut parts = vec!["insertions", "updates"];
        if self.strategy.hard_deletes != HardDeletes::Ignore {
            text.push_str(&format!(
                ",\n      deletes_source_data as (\n        select *, {keys}\n        from snapshot_query\n      ),\n      \
                 deletes as (\n        select 'delete' as dbt_change_type, source_data.*,\n          {now} as {updated_at_name},\n          {now} as {valid_from},\n          {now} as {valid_to},\n          snapshotted_data.{scd_id}{kept_flag}\n        from snapshotted_data\n        left join deletes_source_data as source_data on {equal}\n        where source_data.{first_key} is null{still}\n      )",
                kept_flag = flag(format!("snapshotted_data.{is_deleted}")),
                still = was_deleted(true),
            ));
            parts.push("deletes");
        }
        if new_record {
            let has = |name: &String| existing.iter().any(|known| known.eq_ignore_ascii_case(name));
            let columns: Vec<String> = query_columns
                .iter()
                .map(|name| {
                    if has(name) {
                        format!("snapshotted_data.{}", quoted(name))
                    } else {
                        format!("null as {}", quoted(name))
                    }
                })
                .chain(self.key_names().iter().map(|name| format!("snapshotted_data.{name}")))
                .collect();
            let scd = hash(&[format!("snapshotted_data.{scd_id}"), now.to_owned()]);
            text.push_str(&format!(
                ",\n      deletion_records as (\n        select 'insert' as dbt_change_type, {columns},\n          {now} as {updated_at_name},\n          {now} as {valid_from},\n          snapshotted_data.{valid_to} as {valid_to},\n          {scd} as {scd_id},\n          'True' as {is_deleted}\n        from snapshotted_data\n        left join deletes_source_data as source_data on {equal}\n        where source_data.{first_key} is null{still}\n      )",
                columns = columns.join(", "),
                still = was_deleted(true),
            ));
            parts.push("deletion_records");
        }
        let union: Vec<String> = parts.into_iter().map(|part| format!("select * from {part}")).collect();
        text.push_str(&format!("\n      {}", union.join("\n      union all\n      ")));
        text
    }
}

/// dbt-athena's hash of several values.
fn hash(parts: &[String]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("coalesce(cast({part} as varchar ), '')")).collect();
    format!("to_hex(md5(to_utf8({})))", parts.join(" || '|' || "))
}

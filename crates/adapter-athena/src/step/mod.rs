//! The steps that plans are made of. A step can be printed and executed; what it undoes when it fails is its own business.

mod columns;
mod contract;
mod ctas;
mod describe;
mod insert;
mod merge;
mod partitions;
mod seed;
mod snapshot;
mod tables;

use engine::adapter::{AdapterResponse, AdapterResult, QueryComment, StatementOrigin, StepSummary};
use names::{RelationName, S3Uri, UniqueId};

pub(crate) use columns::{SchemaChangeMode, SyncColumns};
pub(crate) use contract::CheckContract;
pub(crate) use ctas::{Batching, Ctas, distinct_text, stage_name};
pub(crate) use describe::{Describe, expire_versions, python_text};
pub(crate) use insert::InsertFrom;
pub(crate) use merge::{Merge, MergeRule};
pub(crate) use partitions::{delete_matching, swap};
pub(crate) use seed::{InsertSeed, SeedCast, UploadSeed, csv};
pub(crate) use snapshot::{SnapshotMerge, SnapshotRebuild};
pub(crate) use tables::{Predecessor, create_schema, drop_entry, drop_relation, location_of, rename_relation};

use crate::{
    errors,
    lake_formation::{LfGrantsConfig, LfTagsConfig},
    warehouse::{Outcome, RawResult, Warehouse},
};

/// One step of a plan.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A thing the author should know; does nothing.
    Note { about: String, text: String },
    /// Creates a Glue database if it is missing.
    CreateSchema { database: String, schema: String },
    /// Compares the query's columns with the enforced contract.
    CheckContract(CheckContract),
    /// A statement that is what it is.
    Query { sql: String, relation: RelationName },
    /// CREATE TABLE AS, in batches where one statement would write too many partitions.
    Ctas(Box<Ctas>),
    /// One UpdateTable gives `target` the storage of `staged`; then the partitions follow. `staged` keeps no data of its own after it.
    SwapTable { staged: RelationName, target: RelationName, archive: Archive },
    /// Iceberg's tables can only be renamed: the predecessor makes way, and comes back when the rename fails.
    ReplaceByRename { staged: RelationName, target: RelationName, backup: RelationName, predecessor: Predecessor },
    /// Puts back what an interrupted replacement left under its backup name.
    RenameTable { from: RelationName, to: RelationName },
    /// The Glue table first, then its files. Nothing to do when it is not there.
    DropTable { relation: RelationName, native: bool },
    /// Only the Glue table; its files belong to another by now.
    DropEntry { relation: RelationName },
    /// Files that the table does not read any more.
    DeleteFiles { owner: RelationName, location: S3Uri },
    /// An empty table with the columns and format of another.
    CreateTableLike { like: RelationName, staged: RelationName, location: S3Uri },
    /// INSERT INTO … SELECT, in batches where needed.
    InsertFrom(InsertFrom),
    /// Points the target's partitions at the staged ones, then deletes what they pointed at before.
    ReplacePartitions { staged: RelationName, target: RelationName },
    /// MERGE INTO, in batches where needed.
    Merge(Box<Merge>),
    /// Closes old versions and adds new ones in an Iceberg snapshot.
    SnapshotMerge(SnapshotMerge),
    /// The same in a new Hive table.
    SnapshotRebuild(Box<SnapshotRebuild>),
    /// Applies on_schema_change, and finds the columns to write.
    SyncColumns(SyncColumns),
    /// Puts a seed's rows on S3 as CSV.
    UploadSeed(UploadSeed),
    /// Inserts a seed's rows.
    InsertSeed(InsertSeed),
    /// Writes description, comments and classification into Glue.
    Describe(Box<Describe>),
    /// Gives the relation its LF-tags and those of its columns.
    LfTags { relation: RelationName, config: LfTagsConfig },
    /// Gives the relation its filters of data cells, and them their readers.
    LfGrants { relation: RelationName, config: LfGrantsConfig },
    /// Deletes old Glue versions of a table, and their files when no kept version reads them.
    ExpireVersions { relation: RelationName, keep: usize, delete_files: bool },
}

/// Whether the replaced version of a Glue table stays to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archive {
    Keep,
    Skip,
}

/// A plan on its way: who asks, and what has come of it so far.
pub(crate) struct Build<'a> {
    pub(crate) warehouse: &'a Warehouse,
    pub(crate) node: &'a UniqueId,
    pub(crate) comment: Option<&'a QueryComment>,
    /// Which plan of the node in this invocation, and which step: part of each statement's token.
    pub(crate) label: String,
    pub(crate) response: AdapterResponse,
    /// The columns to write, once a step has found them out.
    pub(crate) columns: Option<Vec<String>>,
}

impl<'a> Build<'a> {
    pub(crate) fn new(warehouse: &'a Warehouse, node: &'a UniqueId, comment: Option<&'a QueryComment>) -> Self {
        let response = AdapterResponse {
            message: "OK -1".to_owned(),
            code: "OK".to_owned(),
            rows_affected: -1,
            ..AdapterResponse::default()
        };
        Self { warehouse, node, comment, label: String::new(), response, columns: None }
    }

    fn origin(&self) -> StatementOrigin {
        StatementOrigin { node: Some(self.node.clone()), step: self.label.clone(), comment: self.comment.cloned() }
    }

    /// Runs a statement where the relation is.
    pub(crate) async fn sql(&mut self, sql: &str, relation: &RelationName) -> AdapterResult<Outcome> {
        let context = (relation.database.as_str(), relation.schema.as_str());
        let outcome = self.warehouse.run(sql, &self.origin(), Some(context)).await?;
        self.account(&outcome);
        Ok(outcome)
    }

    /// Runs a query and reads all of it.
    pub(crate) async fn rows(&mut self, sql: &str, relation: &RelationName) -> AdapterResult<RawResult> {
        let context = (relation.database.as_str(), relation.schema.as_str());
        let (outcome, result) = self.warehouse.rows(sql, &self.origin(), Some(context)).await?;
        self.account(&outcome);
        Ok(result)
    }

    fn account(&mut self, outcome: &Outcome) {
        self.response.data_scanned_in_bytes += outcome.data_scanned_in_bytes;
        self.response.query_execution_ids.push(outcome.id.clone());
    }

    /// These are the rows that the node has written.
    pub(crate) fn wrote(&mut self, rows: i64) {
        self.response.rows_affected = rows;
        self.response.message = format!("OK {rows}");
    }
}

impl Step {
    /// What `owlet plan` prints.
    pub(crate) fn summary(&self) -> StepSummary {
        let summary =
            |action: &str, target: String, sql: Option<String>| StepSummary { action: action.to_owned(), target, sql };
        match self {
            Self::Note { about, text } => summary("note", format!("{about}: {text}"), None),
            Self::CreateSchema { database, schema } => {
                summary("create_schema", format!("\"{database}\".\"{schema}\""), None)
            }
            Self::CheckContract(check) => summary("check_contract", check.relation.to_string(), Some(check.probe())),
            Self::Query { sql, relation } => summary("query", relation.to_string(), Some(sql.clone())),
            Self::Ctas(ctas) => summary(ctas.action(), ctas.relation.to_string(), Some(ctas.text())),
            Self::SwapTable { staged, target, .. } => summary("update_table", format!("{target} := {staged}"), None),
            Self::ReplaceByRename { staged, target, backup, predecessor } => summary(
                "rename_table",
                target.to_string(),
                Some(tables::rename_texts(staged, target, backup, *predecessor)),
            ),
            Self::RenameTable { from, to } => {
                summary("rename_table", to.to_string(), Some(tables::rename_text(from, to)))
            }
            Self::DropTable { relation, native: false } => summary("drop_table", relation.to_string(), None),
            Self::DropTable { relation, native: true } => {
                summary("drop_table", relation.to_string(), Some(tables::native_drop_text(relation)))
            }
            Self::DropEntry { relation } => summary("delete_table", relation.to_string(), None),
            Self::DeleteFiles { location, .. } => summary("delete_objects", location.to_string(), None),
            Self::CreateTableLike { like, staged, location } => {
                summary("create_table", format!("{staged} like {like} at {location}"), None)
            }
            Self::InsertFrom(insert) => {
                summary(insert.action(), insert.into.to_string(), Some(insert.text(None, None)))
            }
            Self::ReplacePartitions { staged, target } => {
                summary("update_partitions", format!("{target} := partitions of {staged}"), None)
            }
            Self::Merge(merge) => summary(merge.action(), merge.target.to_string(), Some(merge.text(None, None))),
            Self::SnapshotMerge(merge) => summary("merge", merge.target.to_string(), Some(merge.text(None))),
            Self::SnapshotRebuild(rebuild) => {
                summary("create_table", format!("{} from {}", rebuild.ctas.relation, rebuild.target), None)
            }
            Self::SyncColumns(sync) => summary("sync_columns", format!("{} ({})", sync.to, sync.mode.as_str()), None),
            Self::UploadSeed(upload) => summary("put_object", upload.object.to_string(), None),
            Self::InsertSeed(insert) => {
                summary("insert_rows", format!("{} ({} rows)", insert.relation, insert.rows.len()), None)
            }
            Self::Describe(describe) => {
                summary("update_table", format!("{} ({})", describe.relation, describe.parts()), None)
            }
            Self::LfTags { relation, config } => {
                summary("update_lf_tags", format!("{relation} ({})", config.summary()), None)
            }
            Self::LfGrants { relation, config } => {
                summary("update_data_cells_filters", format!("{relation} ({})", config.summary()), None)
            }
            Self::ExpireVersions { relation, keep, .. } => {
                summary("delete_table_versions", format!("{relation} (keep {keep})"), None)
            }
        }
    }

    /// Does it.
    pub(crate) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        match self {
            Self::Note { .. } => Ok(()),
            Self::CreateSchema { database, schema } => tables::create_schema(build.warehouse, database, schema).await,
            Self::CheckContract(check) => check.execute(build).await,
            Self::Query { sql, relation } => {
                let outcome = build.sql(sql, relation).await?;
                if let Some(rows) = outcome.rows {
                    build.wrote(rows);
                }
                build.warehouse.look_again(relation).await
            }
            Self::Ctas(ctas) => ctas.execute(build).await,
            Self::SwapTable { staged, target, archive } => {
                partitions::swap(build.warehouse, staged, target, *archive).await
            }
            Self::ReplaceByRename { staged, target, backup, predecessor } => {
                tables::replace_by_rename(build, staged, target, backup, *predecessor).await
            }
            Self::RenameTable { from, to } => tables::rename(build, from, to).await,
            Self::DropTable { relation, native: false } => tables::drop_relation(build.warehouse, relation).await,
            Self::DropTable { relation, native: true } => {
                build.sql(&tables::native_drop_text(relation), relation).await?;
                build.warehouse.look_again(relation).await
            }
            Self::DropEntry { relation } => tables::drop_entry(build.warehouse, relation).await,
            Self::DeleteFiles { owner, location } => {
                tables::delete_replaced_files(build.warehouse, owner, location).await
            }
            Self::CreateTableLike { like, staged, location } => {
                tables::create_like(build.warehouse, like, staged, location).await
            }
            Self::InsertFrom(insert) => insert.execute(build).await,
            Self::ReplacePartitions { staged, target } => partitions::replace(build, staged, target).await,
            Self::Merge(merge) => merge.execute(build).await,
            Self::SnapshotMerge(merge) => merge.execute(build).await,
            Self::SnapshotRebuild(rebuild) => rebuild.execute(build).await,
            Self::SyncColumns(sync) => sync.execute(build).await,
            Self::UploadSeed(upload) => upload.execute(build).await,
            Self::InsertSeed(insert) => insert.execute(build).await,
            Self::Describe(describe) => describe.execute(build.warehouse).await,
            Self::LfTags { relation, config } => config.apply(build.warehouse, relation).await,
            Self::LfGrants { relation, config } => config.apply(build.warehouse, relation).await,
            Self::ExpireVersions { relation, keep, delete_files } => {
                describe::expire_versions(build.warehouse, relation, *keep, *delete_files).await.map(drop)
            }
        }
    }
}

impl Warehouse {
    /// Sends OPTIMIZE or VACUUM until it has nothing left to do.
    pub(crate) async fn run_until_done(
        &self,
        sql: &str,
        origin: &StatementOrigin,
        more: &str,
    ) -> AdapterResult<AdapterResponse> {
        loop {
            match self.run(sql, origin, None).await {
                Ok(outcome) => return Ok(outcome.response()),
                Err(error) if errors::mentions(&error, more) && !self.is_cancelled() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Statements that a person may paste: one after the other.
pub(crate) fn joined(statements: &[String]) -> String {
    let trimmed: Vec<&str> = statements.iter().map(|sql| sql.trim().trim_end_matches(';')).collect();
    trimmed.join(";\n\n")
}

//! A plan while it is being made: what is known of the node and its table, and the steps so far.

use athena_api::glue::Table;
use engine::adapter::{AdapterResult, Materialization, MaterializationRequest, RelationKind};
use names::{RelationName, S3Uri, UniqueId};
use uuid::Uuid;

use crate::{
    config::{Keys, Layout},
    errors, lake_formation,
    location::{self, Lifetime},
    step::{Batching, CheckContract, Ctas, Describe, Step, location_of, python_text},
    warehouse::{Warehouse, folded, is_s3_tables},
};

pub(super) struct Draft<'a> {
    pub(super) warehouse: &'a Warehouse,
    pub(super) request: &'a MaterializationRequest,
    pub(super) keys: Keys<'a>,
    /// Lower case, as Glue has it.
    pub(super) relation: RelationName,
    pub(super) layout: Layout,
    /// What is there now under the node's name.
    pub(super) existing: Option<Table>,
    pub(super) number: u32,
    pub(super) steps: Vec<Step>,
    pub(super) last: Vec<Step>,
    pub(super) on_failure: Vec<Step>,
}

/// An interrupted replacement by renames: the table is under its backup name, and the new one is still staged.
pub(super) async fn interrupted_replacement(warehouse: &Warehouse, relation: &RelationName) -> AdapterResult<bool> {
    let staged = warehouse.relation(&staged_name(relation)).await?;
    let backup = warehouse.relation(&backup_name(relation)).await?;
    let is_iceberg = |found: &engine::adapter::Relation| found.kind == RelationKind::Table && found.detail == "iceberg";
    Ok(staged.is_some() && backup.as_ref().is_some_and(is_iceberg))
}

/// Where a replacement is built.
pub(super) fn staged_name(relation: &RelationName) -> RelationName {
    relation.with_identifier(format!("{}__ha", relation.identifier))
}

/// Where the predecessor waits during a replacement by renames.
pub(super) fn backup_name(relation: &RelationName) -> RelationName {
    relation.with_identifier(format!("{}__bkp", relation.identifier))
}

impl<'a> Draft<'a> {
    /// Reads the configuration and what is there.
    pub(super) async fn start(
        warehouse: &'a Warehouse,
        request: &'a MaterializationRequest,
    ) -> AdapterResult<Draft<'a>> {
        let relation = folded(&request.relation);
        let layout = Layout::parse(&request.config, warehouse.catalogs())?;
        if layout.in_s3_tables && !is_s3_tables(&relation.database) {
            return Err(errors::mistake(
                format!("{relation} is not in a bucket of S3 Tables, as its catalog says"),
                format!(
                    "its database is '{}'; a bucket of S3 Tables is the database 's3tablescatalog/<bucket>'",
                    relation.database
                ),
                "add `catalog_database: s3tablescatalog/<bucket>` to the catalog in catalogs.yml",
            ));
        }
        let mut existing = warehouse.table(&relation).await?;
        let mut steps = Vec::new();
        if existing.is_none() && interrupted_replacement(warehouse, &relation).await? {
            let backup = backup_name(&relation);
            existing = warehouse.table(&backup).await?;
            steps.push(Step::RenameTable { from: backup, to: relation.clone() });
        }
        let mut number = warehouse.repetition(format!("plan\n{}", request.node));
        while is_built_already(warehouse, &request.node, &relation, existing.as_ref(), number) {
            // Another plan than the one that built what is there: it needs another place.
            number += 1;
        }
        let keys = Keys(&request.config);
        let (last, on_failure) = (Vec::new(), Vec::new());
        let mut draft = Draft { warehouse, request, keys, relation, layout, existing, number, steps, last, on_failure };
        draft.warn();
        draft.check_contract();
        Ok(draft)
    }

    /// Settings that Athena cannot honour.
    fn warn(&mut self) {
        if self.keys.has("sql_header") {
            self.note("sql_header is not sent: Athena takes one statement at a time");
        }
        let has_grants = self.request.config.get("grants").and_then(|grants| grants.as_object());
        if has_grants.is_some_and(|grants| !grants.is_empty()) {
            self.note("grants are not applied: Athena has no GRANT statement; use IAM or Lake Formation");
        }
        for key in lake_formation::unknown_keys(&self.request.config) {
            self.note(format!("config '{}' means nothing and is passed over; {}", key.path, key.nearest));
        }
    }

    fn check_contract(&mut self) {
        let contract = self.request.config.get("contract");
        let enforced = contract.and_then(|contract| contract.get("enforced"));
        let alias_types = contract.and_then(|contract| contract.get("alias_types"));
        let sql = match &self.request.materialization {
            Materialization::View { sql } | Materialization::Table { sql } | Materialization::Incremental { sql } => {
                sql
            }
            _ => return,
        };
        if enforced == Some(&serde_json::Value::Bool(true)) {
            self.steps.push(Step::CheckContract(CheckContract {
                relation: self.relation.clone(),
                sql: sql.clone(),
                columns: self.request.columns.clone(),
                alias_types: alias_types != Some(&serde_json::Value::Bool(false)),
            }));
        }
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.steps.push(Step::Note { about: self.relation.to_string(), text: text.into() });
    }

    /// An id of this plan of this node; the same again in a restarted run.
    pub(super) fn unique(&self, purpose: &str) -> Uuid {
        self.warehouse.unique_id(&self.request.node, &format!("{}/{purpose}", self.number))
    }

    /// Where `relation` is to be built. Nothing is ever deleted to make room: a place that has files is left to them.
    pub(super) async fn location(
        &self,
        relation: &RelationName,
        part: &str,
        lifetime: Lifetime,
        layout: &Layout,
        purpose: &str,
    ) -> AdapterResult<S3Uri> {
        let unique = self.unique(purpose);
        let wanted = location::wanted(&self.warehouse.profile, layout, relation, part, lifetime, unique)?;
        if wanted.is_unique || self.warehouse.is_empty(&wanted.uri).await? {
            return Ok(wanted.uri);
        }
        Ok(S3Uri::new(wanted.uri.bucket.clone(), &format!("{}__{}", wanted.uri.key, unique.simple())))
    }

    /// A CREATE TABLE AS for `relation`, in the folder `part`.
    pub(super) async fn ctas(
        &self,
        relation: &RelationName,
        part: &str,
        lifetime: Lifetime,
        layout: &Layout,
        sql: &str,
    ) -> AdapterResult<Step> {
        let purpose = relation.identifier.as_str();
        let athena_chooses = is_s3_tables(&relation.database)
            || (!layout.is_iceberg() && self.warehouse.work_group_enforces_location().await?);
        let (mut location, mut second_location, mut stage_location) = (None, None, None);
        if !athena_chooses {
            let stage = layout.unpartitioned();
            let stage_part = format!("{part}__tmp_not_partitioned");
            location = Some(self.location(relation, part, lifetime, layout, purpose).await?);
            if !layout.partitioned_by.is_empty() {
                let again = location::wanted(
                    &self.warehouse.profile,
                    layout,
                    relation,
                    part,
                    lifetime,
                    self.unique(&format!("{purpose}/again")),
                )?;
                second_location = if again.is_unique {
                    Some(again.uri)
                } else {
                    let suffix = self.unique(&format!("{purpose}/again")).simple().to_string();
                    Some(S3Uri::new(again.uri.bucket.clone(), &format!("{}__{suffix}", again.uri.key)))
                };
                let stage_purpose = format!("{purpose}/stage");
                stage_location =
                    Some(self.location(relation, &stage_part, Lifetime::Temporary, &stage, &stage_purpose).await?);
            }
        }
        Ok(Step::Ctas(Box::new(Ctas {
            relation: relation.clone(),
            layout: layout.clone(),
            location,
            second_location,
            stage_location,
            sql: sql.to_owned(),
            batching: Batching::of(layout),
        })))
    }

    /// Removes what an earlier run left under a name that this plan needs. What this very plan had built before it was restarted stays:
    /// its statement will be found again, not run again.
    pub(super) async fn drop_leftover(&mut self, relation: &RelationName, planned: Option<&Step>) -> AdapterResult<()> {
        let restored = self.steps.iter().any(|step| matches!(step, Step::RenameTable { from, .. } if from == relation));
        if restored || self.warehouse.relation(relation).await?.is_none() {
            return Ok(());
        }
        let planned = match planned {
            Some(Step::Ctas(ctas)) => ctas.location.as_ref(),
            _ => None,
        };
        if let Some(planned) = planned {
            let there = self.warehouse.table(relation).await?.as_ref().and_then(location_of);
            if there.is_some_and(|there| there.as_directory() == planned.as_directory()) {
                return Ok(());
            }
        }
        self.steps.push(Step::DropTable { relation: relation.clone(), native: false });
        Ok(())
    }

    /// Where the existing table's files are; making sure early that they may be deleted in the end.
    pub(super) async fn files_to_replace(&self) -> AdapterResult<Option<S3Uri>> {
        let Some(table) = self.existing.as_ref().filter(|table| !table.is_view()) else { return Ok(None) };
        let Some(location) = location_of(table).filter(|_| !is_s3_tables(&self.relation.database)) else {
            return Ok(None);
        };
        self.warehouse.guard_deletion(&self.relation, &location).await?;
        Ok(Some(location))
    }

    /// Description, comments, classification; only if there is something to say.
    pub(super) fn describe(&mut self, is_hive_table: bool) {
        let persist = |key: &str| {
            let docs = self.request.config.get("persist_docs").and_then(|docs| docs.get(key));
            docs == Some(&serde_json::Value::Bool(true))
        };
        let description = persist("relation").then(|| self.request.description.clone());
        let mut parameters = indexmap::IndexMap::new();
        if description.is_some() {
            let meta = self.request.config.get("meta").and_then(|meta| meta.as_object());
            parameters.extend(meta.into_iter().flatten().map(|(key, value)| (key.clone(), python_text(value))));
            parameters.extend(self.request.provenance.clone());
        }
        let describe = Describe {
            relation: self.relation.clone(),
            description,
            parameters,
            columns: if persist("columns") { self.request.columns.clone() } else { Vec::new() },
            classification: is_hive_table.then(|| self.layout.format.clone()),
        };
        if describe.description.is_some() || !describe.columns.is_empty() || describe.classification.is_some() {
            self.steps.push(Step::Describe(Box::new(describe)));
        }
    }
}

/// The table that is there was built by this very plan, in an earlier attempt of a run.
fn is_built_already(
    warehouse: &Warehouse,
    node: &UniqueId,
    relation: &RelationName,
    existing: Option<&Table>,
    number: u32,
) -> bool {
    let Some(location) = existing.and_then(location_of) else { return false };
    [relation.clone(), staged_name(relation)].iter().any(|name| {
        let unique = warehouse.unique_id(node, &format!("{number}/{}", name.identifier));
        location.key.contains(&unique.to_string()) || location.key.contains(&unique.simple().to_string())
    })
}

//! Materializations as plans: which steps build a node, decided before the first of them runs.

mod draft;
mod incremental;
mod seed;
mod snapshot;
mod table;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use engine::adapter::{
    AdapterResponse, AdapterResult, Materialization, MaterializationRequest, NodeConfig, Plan, QueryComment,
    RelationKind, StepSummary,
};
use names::{RelationName, UniqueId};

use crate::{
    lake_formation::{self, LfGrantsConfig, LfTagsConfig},
    step::{Build, Step, joined},
    warehouse::{Warehouse, folded},
};
use draft::Draft;

/// Plans a node. Nothing is changed.
pub(crate) async fn plan(warehouse: &Arc<Warehouse>, request: MaterializationRequest) -> AdapterResult<Box<dyn Plan>> {
    let (tags, grants) = lake_formation(&request.config)?;
    let mut draft = Draft::start(warehouse, &request).await?;
    match &request.materialization {
        Materialization::View { sql } => view::plan(&mut draft, sql).await?,
        Materialization::Table { sql } => table::plan(&mut draft, sql).await?,
        Materialization::Incremental { sql } => incremental::plan(&mut draft, sql).await?,
        Materialization::Seed { table } => seed::plan(&mut draft, table).await?,
        Materialization::Snapshot { sql, strategy } => snapshot::plan(&mut draft, sql, strategy).await?,
    }
    // Before hooks, so that the relation is not without them for longer than it must.
    let relation = &draft.relation;
    draft.steps.extend(tags.map(|config| Step::LfTags { relation: relation.clone(), config }));
    draft.steps.extend(grants.map(|config| Step::LfGrants { relation: relation.clone(), config }));
    let Draft { number, steps, last, on_failure, .. } = draft;
    Ok(Box::new(AthenaPlan {
        warehouse: Arc::clone(warehouse),
        node: request.node,
        comment: request.comment,
        number,
        steps,
        last,
        on_failure,
    }))
}

/// What the node asks of Lake Formation; read before anything is built, for its mistakes.
fn lake_formation(config: &NodeConfig) -> AdapterResult<(Option<LfTagsConfig>, Option<LfGrantsConfig>)> {
    let given = |key: &str| config.get(key).filter(|value| !value.is_null());
    let tags = given("lf_tags_config").map(lake_formation::tags_config).transpose()?;
    let grants = given("lf_grants").map(lake_formation::grants_config).transpose()?;
    Ok((tags.flatten(), grants.flatten()))
}

/// Whether a node's table is there, also under the backup name of an interrupted replacement, from which the plan takes it back.
pub(crate) async fn exists_as_table(warehouse: &Warehouse, relation: &RelationName) -> AdapterResult<bool> {
    let relation = folded(relation);
    match warehouse.relation(&relation).await? {
        Some(found) => Ok(found.kind == RelationKind::Table),
        None => draft::interrupted_replacement(warehouse, &relation).await,
    }
}

/// Steps, and who they are for.
#[derive(Debug)]
struct AthenaPlan {
    warehouse: Arc<Warehouse>,
    node: UniqueId,
    comment: Option<QueryComment>,
    /// The how-manieth plan of this node in the invocation; microbatches are several.
    number: u32,
    steps: Vec<Step>,
    /// Done also after a failure: dropping temporary tables.
    last: Vec<Step>,
    /// Done only after a failure.
    on_failure: Vec<Step>,
}

#[async_trait]
impl Plan for AthenaPlan {
    fn steps(&self) -> Vec<StepSummary> {
        self.steps.iter().chain(&self.last).map(Step::summary).collect()
    }

    fn run_sql(&self) -> String {
        let statements: Vec<String> = self
            .steps
            .iter()
            .filter(|step| !matches!(step, Step::CheckContract(_)))
            .filter_map(|step| step.summary().sql)
            .collect();
        joined(&statements)
    }

    async fn execute(&self) -> AdapterResult<AdapterResponse> {
        let mut build = Build::new(&self.warehouse, &self.node, self.comment.as_ref());
        for (index, step) in self.steps.iter().enumerate() {
            build.label = format!("plan-{}-step-{index}", self.number);
            if let Err(error) = step.execute(&mut build).await {
                // The first error is the one to tell; what cannot be cleaned up now is found by the next run.
                for (index, step) in self.on_failure.iter().chain(&self.last).enumerate() {
                    build.label = format!("plan-{}-cleanup-{index}", self.number);
                    let _ = step.execute(&mut build).await;
                }
                return Err(error);
            }
        }
        for (index, step) in self.last.iter().enumerate() {
            build.label = format!("plan-{}-last-{index}", self.number);
            step.execute(&mut build).await?;
        }
        Ok(build.response)
    }
}

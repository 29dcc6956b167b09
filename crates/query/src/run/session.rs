//! One statement's DataFusion session, and the stream of its rows.

use std::{io, path::Path, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    execution::{
        SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::FairSpillPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    logical_expr::LogicalPlan,
    physical_plan::{ExecutionPlan, displayable, execute_stream},
    prelude::SessionConfig,
};
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::{from_datafusion, pieces::UnnestInPieces};
use crate::{engine::EngineOptions, error::QueryError, output::Row, text::print, types::Type, value::values};

/// What all statements share: the memory they may use, and where they spill.
pub(crate) struct Session {
    runtime: Arc<RuntimeEnv>,
    config: SessionConfig,
}

/// What a process that was killed has left goes.
fn emptied(directory: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs_err::create_dir_all(directory)
}

impl Session {
    pub(crate) fn new(options: &EngineOptions) -> Result<Self, QueryError> {
        let pool = Arc::new(FairSpillPool::new(options.memory_limit_in_bytes));
        let mut disk = DiskManagerBuilder::default();
        if let Some(directory) = &options.spill_directory {
            emptied(directory).map_err(|error| from_datafusion(error.into()))?;
            disk.set_mode(DiskManagerMode::Directories(vec![directory.clone()]));
        }
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disk);
        let runtime = runtime.build_arc().map_err(from_datafusion)?;
        let mut config = SessionConfig::new().with_target_partitions(options.partitions).with_batch_size(8192);
        config.options_mut().optimizer.skip_failed_rules = false;
        Ok(Self { runtime, config })
    }

    fn state(&self) -> SessionState {
        SessionStateBuilder::new()
            .with_config(self.config.clone())
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(UnnestInPieces))
            .build()
    }

    /// The optimized plan's two texts: logical and physical.
    pub(crate) async fn explain(&self, plan: &LogicalPlan) -> Result<(String, String), QueryError> {
        let state = self.state();
        let optimized = state.optimize(plan).map_err(from_datafusion)?;
        let physical = state.query_planner().create_physical_plan(&optimized, &state).await.map_err(from_datafusion)?;
        Ok((optimized.display_indent().to_string(), displayable(physical.as_ref()).indent(false).to_string()))
    }

    pub(crate) async fn physical(
        &self,
        plan: &LogicalPlan,
    ) -> Result<(Arc<dyn ExecutionPlan>, Arc<TaskContext>), QueryError> {
        let state = self.state();
        let optimized = state.optimize(plan).map_err(from_datafusion)?;
        let physical = state.query_planner().create_physical_plan(&optimized, &state).await.map_err(from_datafusion)?;
        Ok((physical, state.task_ctx()))
    }

    /// The rows of a plan, in batches.
    pub(crate) async fn run(&self, plan: &LogicalPlan) -> Result<SendableRecordBatchStream, QueryError> {
        let (physical, context) = self.physical(plan).await?;
        execute_stream(physical, context).map_err(from_datafusion)
    }

    /// All rows of a plan, for small ones.
    pub(crate) async fn collect(
        &self,
        plan: &LogicalPlan,
        cancel: &CancellationToken,
    ) -> Result<(SchemaRef, Vec<RecordBatch>), QueryError> {
        let mut rows = self.run(plan).await?;
        let schema = rows.schema();
        let mut batches = Vec::new();
        while let Some(batch) = next(&mut rows, cancel).await? {
            batches.push(batch);
        }
        Ok((schema, batches))
    }
}

/// The next batch, unless the statement is stopped first.
pub(crate) async fn next(
    rows: &mut SendableRecordBatchStream,
    cancel: &CancellationToken,
) -> Result<Option<RecordBatch>, QueryError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(QueryError::cancelled()),
        batch = rows.next() => batch.transpose().map_err(from_datafusion),
    }
}

/// Rows as Athena prints them.
pub(crate) fn stream(
    rows: SendableRecordBatchStream,
    types: Vec<Type>,
    cancel: CancellationToken,
) -> impl Stream<Item = Result<Vec<Row>, QueryError>> + Send {
    let mut rows =
        Box::pin(futures::stream::try_unfold((rows, types, cancel), |(mut rows, types, cancel)| async move {
            let Some(batch) = next(&mut rows, &cancel).await? else { return Ok(None) };
            let printed = printed(&batch, &types)?;
            Ok(Some((printed, (rows, types, cancel))))
        }));
    futures::stream::poll_fn(move |cx| athena_sql::roomy(|| rows.as_mut().poll_next(cx)))
}

fn printed(batch: &RecordBatch, types: &[Type]) -> Result<Vec<Row>, QueryError> {
    let mut rows: Vec<Row> = vec![Vec::with_capacity(types.len()); batch.num_rows()];
    for (column, ty) in batch.columns().iter().zip(types) {
        for (row, value) in rows.iter_mut().zip(values(column)?) {
            row.push(print(&value, ty));
        }
    }
    Ok(rows)
}

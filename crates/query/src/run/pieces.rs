//! UNNEST in pieces of bounded size.
//!
//! DataFusion makes all rows of one batch's lists in one piece, and the projection below has made the lists of all its rows
//! before: three chained `UNNEST(sequence(1, 10000))` would ask for a batch of 10¹² rows. Here the batches that go into that
//! projection are cut so small that what comes out of the UNNEST stays near [`WANTED_ROWS`]; a list that one row has by itself
//! is the smallest piece.

use std::{
    any::Any,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    common::{
        Result, Statistics,
        config::ConfigOptions,
        internal_err,
        tree_node::{Transformed, TreeNode},
    },
    execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext},
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, coop::make_cooperative,
        projection::ProjectionExec, repartition::RepartitionExec, unnest::UnnestExec,
    },
};
use futures::{Stream, StreamExt};

/// How many rows an UNNEST should make at a time.
const WANTED_ROWS: usize = 1 << 16;
/// How many rows go into the first piece, when nothing is known of the lists.
const FIRST_ROWS: usize = 16;

/// Puts a pair of [`Pieces`] around every UNNEST.
#[derive(Debug)]
pub(super) struct UnnestInPieces;

impl PhysicalOptimizerRule for UnnestInPieces {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let rewritten = plan.transform_up(|plan| {
            let Some(unnest) = plan.as_any().downcast_ref::<UnnestExec>() else { return Ok(Transformed::no(plan)) };
            let rows = Arc::new(AtomicUsize::new(FIRST_ROWS));
            let input = cut_below_projections(unnest.input(), &rows)?;
            let unnest = Arc::clone(&plan).with_new_children(vec![input])?;
            Ok(Transformed::yes(Arc::new(Pieces { input: unnest, rows, side: Side::Above })))
        })?;
        Ok(rewritten.data)
    }

    fn name(&self) -> &str {
        "unnest_in_pieces"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Cuts the input of the projections that make the lists.
fn cut_below_projections(plan: &Arc<dyn ExecutionPlan>, rows: &Arc<AtomicUsize>) -> Result<Arc<dyn ExecutionPlan>> {
    let any = plan.as_any();
    if (any.is::<ProjectionExec>() || any.is::<RepartitionExec>())
        && let [below] = plan.children()[..]
    {
        let below = cut_below_projections(below, rows)?;
        return Arc::clone(plan).with_new_children(vec![below]);
    }
    Ok(Arc::new(Pieces { input: Arc::clone(plan), rows: Arc::clone(rows), side: Side::Below }))
}

/// Hands on its input's rows in smaller batches.
#[derive(Debug)]
struct Pieces {
    input: Arc<dyn ExecutionPlan>,
    /// How many rows go into the UNNEST at a time. Partitions share it: it is only an estimate.
    rows: Arc<AtomicUsize>,
    side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    /// Of what goes in: cuts to the estimate.
    Below,
    /// Of what comes out: cuts to batches of ordinary size, and corrects the estimate.
    Above,
}

impl DisplayAs for Pieces {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pieces: {}", if self.side == Side::Below { "into UNNEST" } else { "out of UNNEST" })
    }
}

impl ExecutionPlan for Pieces {
    fn name(&self) -> &str {
        "Pieces"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("pieces of one plan");
        };
        Ok(Arc::new(Self { input, rows: Arc::clone(&self.rows), side: self.side }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch_size = context.session_config().batch_size();
        // What reads all rows before it answers lets others, and a cancellation, have their turn between the pieces.
        Ok(make_cooperative(Box::pin(Cut {
            input: self.input.execute(partition, context)?,
            rest: None,
            rows: Arc::clone(&self.rows),
            side: self.side,
            batch_size,
        })))
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.input.partition_statistics(partition)
    }
}

struct Cut {
    input: SendableRecordBatchStream,
    /// What is left of a batch.
    rest: Option<RecordBatch>,
    rows: Arc<AtomicUsize>,
    side: Side,
    batch_size: usize,
}

impl Cut {
    fn size(&self) -> usize {
        match self.side {
            Side::Below => self.rows.load(Ordering::Relaxed),
            Side::Above => self.batch_size,
        }
    }

    /// Of `made` rows that the last piece became, how large the next one may be.
    fn learn(&self, made: usize) {
        let given = self.rows.load(Ordering::Relaxed);
        let fitting = given.saturating_mul(WANTED_ROWS) / made.max(1);
        // It grows step by step: the next lists may be longer.
        self.rows.store(fitting.clamp(1, self.batch_size.min(given.saturating_mul(2))), Ordering::Relaxed);
    }
}

impl Stream for Cut {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match ready!(self.input.poll_next_unpin(context)) {
                Some(Ok(batch)) => {
                    if self.side == Side::Above {
                        self.learn(batch.num_rows());
                    }
                    batch
                }
                other => return Poll::Ready(other),
            },
        };
        let size = self.size();
        if batch.num_rows() <= size {
            return Poll::Ready(Some(Ok(batch)));
        }
        self.rest = Some(batch.slice(size, batch.num_rows() - size));
        Poll::Ready(Some(Ok(batch.slice(0, size))))
    }
}

impl RecordBatchStream for Cut {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

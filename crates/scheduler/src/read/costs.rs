//! What the queries of runs read and cost.

use store::DatabaseError;

use super::{
    Micros, Reader,
    row::{Conditions, Row},
};

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostBy {
    Schedule,
    /// Days in UTC.
    Day,
    Node,
    Workgroup,
    Run,
}

/// Which queries.
#[derive(Debug, Clone)]
pub struct CostFilter {
    pub by: CostBy,
    pub schedule_id: Option<i64>,
    /// Queries that started at this instant or later.
    pub since: Micros,
    /// Queries that started before this instant.
    pub until: Micros,
    pub limit: i64,
}

/// One sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRow {
    /// A slug, a day as `2026-11-28`, a node, a workgroup, a run id; empty for queries of no node.
    pub key: String,
    pub queries: i64,
    pub data_scanned_in_bytes: i64,
    /// Millionths of a dollar.
    pub micro_dollars: i64,
    pub queue_ms: i64,
    pub engine_ms: i64,
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

impl Reader {
    /// Sums, the dearest first; days from new to old.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn costs(&self, filter: &CostFilter) -> Result<Vec<CostRow>, DatabaseError> {
        const DOING: &str = "reading costs from";
        let key = match filter.by {
            CostBy::Schedule => "schedule.slug".to_owned(),
            CostBy::Day => format!("query_execution.started_at / {DAY}"),
            CostBy::Node => "coalesce(query_execution.node, '')".to_owned(),
            CostBy::Workgroup => "query_execution.work_group".to_owned(),
            CostBy::Run => "query_execution.run_id".to_owned(),
        };
        let order = if filter.by == CostBy::Day { "1 DESC" } else { "micro_dollars DESC, 1" };
        let mut conditions = Conditions::default();
        conditions.push("query_execution.started_at >= ", filter.since);
        conditions.push("query_execution.started_at < ", filter.until);
        if let Some(id) = filter.schedule_id {
            conditions.push("run.schedule_id = ", id);
        }
        let limit = conditions.bind(filter.limit);
        let sum = |column: &str| format!("CAST(coalesce(sum(query_execution.{column}), 0) AS BIGINT) AS {column}");
        let statement = format!(
            "SELECT {key} AS key, count(*) AS queries, {}, {}, {}, {} FROM query_execution \
             JOIN run ON run.id = query_execution.run_id JOIN schedule ON schedule.id = run.schedule_id{} \
             GROUP BY 1 ORDER BY {order} LIMIT {limit}",
            sum("data_scanned_in_bytes"),
            sum("micro_dollars"),
            sum("queue_ms"),
            sum("engine_ms"),
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, DOING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, DOING);
                Ok(CostRow {
                    key: match filter.by {
                        CostBy::Day => day(row.integer("key")?),
                        CostBy::Run => row.integer("key")?.to_string(),
                        _ => row.text("key")?,
                    },
                    queries: row.integer("queries")?,
                    data_scanned_in_bytes: row.integer("data_scanned_in_bytes")?,
                    micro_dollars: row.integer("micro_dollars")?,
                    queue_ms: row.integer("queue_ms")?,
                    engine_ms: row.integer("engine_ms")?,
                })
            })
            .collect()
    }
}

fn day(days: i64) -> String {
    chrono::DateTime::from_timestamp_micros(days.saturating_mul(DAY))
        .map_or_else(|| days.to_string(), |day| day.format("%Y-%m-%d").to_string())
}

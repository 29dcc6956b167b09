//! What the clock decided, and why.

use store::DatabaseError;

use super::{
    Cursor, Micros, Reader,
    row::{Conditions, Row},
};

/// One planned instant and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    pub id: i64,
    pub schedule_id: i64,
    pub schedule_slug: String,
    pub planned_at: Micros,
    /// The backfill it belongs to, if any.
    pub backfill_id: Option<i64>,
    /// Started, queued, skipped, missed.
    pub decision: String,
    pub reason: String,
    pub run_id: Option<i64>,
    pub decided_at: Micros,
    /// The server that decided.
    pub decided_by: String,
}

/// Which slots.
#[derive(Debug, Clone, Default)]
pub struct SlotFilter {
    pub schedule_id: Option<i64>,
    pub decision: Option<String>,
    /// After this row of the list, which goes from new to old.
    pub after: Option<Cursor>,
    pub limit: i64,
}

impl SlotFilter {
    /// Where the list goes on after `row`.
    pub fn cursor(&self, row: &SlotRow) -> Cursor {
        let at = if self.schedule_id.is_some() { row.planned_at } else { row.decided_at };
        Cursor { at, id: row.id }
    }
}

impl Reader {
    /// Slots from new to old: a schedule's by their planned instants, those with one decision by when it was made, all others by their ids.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn slots(&self, filter: &SlotFilter) -> Result<Vec<SlotRow>, DatabaseError> {
        const DOING: &str = "reading slots from";
        let mut conditions = Conditions::default();
        if let Some(id) = filter.schedule_id {
            conditions.push("slot.schedule_id = ", id);
        }
        if let Some(decision) = &filter.decision {
            conditions.push("slot.decision = ", decision.as_str());
        }
        // Each order has its index.
        let at = match (filter.schedule_id, &filter.decision) {
            (Some(_), _) => Some("slot.planned_at"),
            (None, Some(_)) => Some("slot.decided_at"),
            (None, None) => None,
        };
        match (filter.after, at) {
            (Some(cursor), Some(at)) => {
                let (time, id) = (conditions.bind(cursor.at), conditions.bind(cursor.id));
                conditions.plain(&format!("({at}, slot.id) < ({time}, {id})"));
            }
            (Some(cursor), None) => conditions.push("slot.id < ", cursor.id),
            (None, _) => {}
        }
        let order = at.map_or_else(|| "slot.id DESC".to_owned(), |at| format!("{at} DESC, slot.id DESC"));
        let limit = conditions.bind(filter.limit);
        let statement = format!(
            "SELECT slot.id, slot.schedule_id, schedule.slug, slot.planned_at, slot.backfill_id, slot.decision, slot.reason, \
             slot.run_id, slot.decided_at, slot.decided_by FROM slot JOIN schedule ON schedule.id = slot.schedule_id{} \
             ORDER BY {order} LIMIT {limit}",
            conditions.sql()
        );
        let rows = conditions.fetch(&self.database, DOING, statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new(row, &self.database, DOING);
                Ok(SlotRow {
                    id: row.integer("id")?,
                    schedule_id: row.integer("schedule_id")?,
                    schedule_slug: row.text("slug")?,
                    planned_at: row.integer("planned_at")?,
                    backfill_id: row.integer_or_null("backfill_id")?.filter(|id| *id != 0),
                    decision: row.text("decision")?,
                    reason: row.text("reason")?,
                    run_id: row.integer_or_null("run_id")?,
                    decided_at: row.integer("decided_at")?,
                    decided_by: row.text("decided_by")?,
                })
            })
            .collect()
    }
}

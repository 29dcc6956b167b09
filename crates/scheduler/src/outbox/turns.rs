//! Who is sent what and when: all that is due, but a receiver that does not answer takes no turns of the others.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use store::sqlx;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    ANNOUNCEMENT,
    deliver::{Delivered, End, Outbox, OutboxError, Row, micros},
    state::{PENDING, SENDING},
};
use crate::clock::{Micros, SECOND};

/// Servers' clocks may differ by so much.
const TOLERANCE: Micros = 60 * SECOND;
/// Messages to one receiver at once; one, while it takes none.
const PER_RECEIVER: usize = 4;

/// Channel and target.
type Receiver = (String, String);

/// What is being sent.
#[derive(Default)]
struct Turns {
    /// Tasks of their own: one that holds the database's only writer goes on while we wait for it.
    sending: JoinSet<(Receiver, Result<End, OutboxError>)>,
    busy: HashMap<Receiver, usize>,
    /// Who did not take the last message.
    refusing: HashSet<Receiver>,
}

impl Turns {
    /// Whether one more may be sent there; announcements are ours and have no receiver.
    fn has_room(&self, receiver: &Receiver) -> bool {
        let most = if self.refusing.contains(receiver) { 1 } else { PER_RECEIVER };
        receiver.0 == ANNOUNCEMENT || self.busy.get(receiver).is_none_or(|busy| *busy < most)
    }

    fn begins(&mut self, receiver: &Receiver) {
        *self.busy.entry(receiver.clone()).or_default() += 1;
    }

    fn ended(&mut self, receiver: Receiver, end: Option<End>) {
        if let Some(busy) = self.busy.get_mut(&receiver) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&receiver);
            }
        }
        match end {
            Some(End::Delivered) => drop(self.refusing.remove(&receiver)),
            Some(End::Postponed | End::Dead) => drop(self.refusing.insert(receiver)),
            Some(End::Expanded | End::Lost) | None => {}
        }
    }
}

impl Outbox {
    /// Sends what is due, looking for it every `period` and after each end, until `end` is cancelled; then only what is being sent is waited for, so
    /// that nothing is sent twice.
    pub async fn run(&self, period: Duration, end: &CancellationToken) {
        let mut turns = Turns::default();
        let mut done = Delivered::default();
        let mut look = tokio::time::interval(period);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let warn = |error: OutboxError| tracing::warn!(%error, "messages could not be delivered");
        loop {
            let went_on = tokio::select! {
                biased;
                () = end.cancelled() => break,
                _ = look.tick() => self.take_over().await.map(|_| ()),
                ended = wait_for(&mut turns, &mut done), if !turns.sending.is_empty() => ended,
            };
            let filled = self.fill(&mut turns).await;
            [went_on, filled].into_iter().filter_map(Result::err).for_each(warn);
        }
        while !turns.sending.is_empty() {
            wait_for(&mut turns, &mut done).await.unwrap_or_else(warn);
        }
    }

    /// One round: everything that is due now, and what follows from it. Safe to call from any process at any time.
    ///
    /// # Errors
    /// The database fails, or secrets cannot be opened. What was claimed is taken up again later.
    pub async fn round(&self) -> Result<Delivered, OutboxError> {
        let mut done = Delivered { taken_over: self.take_over().await?, ..Delivered::default() };
        let mut turns = Turns::default();
        let mut went_well = self.fill(&mut turns).await;
        // What is being sent is not dropped for the failure of something else.
        while !turns.sending.is_empty() {
            let ended = wait_for(&mut turns, &mut done).await;
            went_well = went_well.and(ended);
            if went_well.is_ok() {
                // What is expanded is due at once.
                went_well = self.fill(&mut turns).await;
            }
        }
        went_well.map(|()| done)
    }

    /// Begins to send what is due, as far as there is room.
    async fn fill(&self, turns: &mut Turns) -> Result<(), OutboxError> {
        let mut room = self.inner.options.parallel.max(1).saturating_sub(turns.sending.len());
        if room == 0 {
            return Ok(());
        }
        let mut chosen = Vec::new();
        for (id, channel, target) in self.due().await? {
            let receiver = (channel, target);
            if room > 0 && turns.has_room(&receiver) {
                turns.begins(&receiver);
                chosen.push((id, receiver));
                room -= 1;
            }
        }
        if chosen.is_empty() {
            return Ok(());
        }
        // Before anything is claimed: settings that cannot be read leave the rows as they are.
        let claimed = match self.inner.settings.notifications().await {
            Ok(settings) => {
                let ids: Vec<i64> = chosen.iter().map(|(id, _)| *id).collect();
                self.claim(&ids).await.map(|rows| (rows, settings))
            }
            Err(error) => Err(error.into()),
        };
        let (mut rows, settings, failure) = match claimed {
            Ok((rows, settings)) => (rows, Some(settings), None),
            Err(error) => (HashMap::new(), None, Some(error)),
        };
        for (id, receiver) in chosen {
            let (Some(row), Some(settings)) = (rows.remove(&id), settings.clone()) else {
                // Another server was faster.
                turns.ended(receiver, None);
                continue;
            };
            let outbox = self.clone();
            turns.sending.spawn(async move { (receiver, outbox.attempt(row, &settings).await) });
        }
        failure.map_or(Ok(()), Err)
    }

    /// Rows whose time has come, the longest waiting first; of each receiver only the first few, so that it hides no other.
    ///
    /// Where the order matters (`subject`), a row waits for those before it, so that an incident's end does not overtake its begin.
    ///
    /// What a clock that was ahead has written waits for nothing: a new message of the future, an attempt farther away than any wait.
    async fn due(&self) -> Result<Vec<(i64, String, String)>, OutboxError> {
        let now = self.inner.clock.now();
        let options = &self.inner.options;
        let farthest = now + micros(options.longest_wait.mul_f64(1.25)) + TOLERANCE;
        // Those that are busy are fewer than what is sent at once.
        let most = options.parallel.max(1) * (PER_RECEIVER + 1);
        let due = sqlx::query_as(
            "SELECT id, channel, target FROM (SELECT id, channel, target, next_attempt_at, \
             row_number() OVER (PARTITION BY channel, target ORDER BY next_attempt_at, id) AS place FROM outbox \
             WHERE state = $1 AND (next_attempt_at <= $2 OR next_attempt_at > $4 OR (attempts = 0 AND created_at > $5)) \
             AND (subject IS NULL OR NOT EXISTS (SELECT 1 FROM outbox earlier WHERE earlier.subject = outbox.subject \
             AND earlier.channel = outbox.channel AND earlier.target = outbox.target AND earlier.state IN ('PENDING', 'SENDING') \
             AND earlier.id < outbox.id))) AS due WHERE place <= $6 OR channel = $7 ORDER BY next_attempt_at, id LIMIT $3",
        )
        .bind(PENDING)
        .bind(now)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(farthest)
        .bind(now + TOLERANCE)
        .bind(i64::try_from(PER_RECEIVER).unwrap_or(i64::MAX))
        .bind(ANNOUNCEMENT)
        .fetch_all(self.inner.database.readers())
        .await;
        Ok(due.map_err(|source| self.failed("reading the outbox of", source))?)
    }

    /// Marks them as ours; another server may be faster.
    async fn claim(&self, due: &[i64]) -> Result<HashMap<i64, Row>, OutboxError> {
        let mut rows = HashMap::new();
        let mut change = self.inner.database.write().await?;
        for &id in due {
            let claim = "UPDATE outbox SET state = $2, lease_server = $3, attempts = attempts + 1 WHERE id = $1 AND state = $4 \
                         RETURNING dedupe_key, channel, target, event, run_id, payload, attempts, created_at";
            type Columns = (String, String, String, String, Option<i64>, String, i64, Micros);
            let claimed: Option<Columns> = sqlx::query_as(claim)
                .bind(id)
                .bind(SENDING)
                .bind(self.inner.server.as_str())
                .bind(PENDING)
                .fetch_optional(&mut *change)
                .await
                .map_err(|source| self.failed("claiming a message in", source))?;
            let Some((dedupe_key, channel, target, event, run_id, payload, attempt, created_at)) = claimed else {
                continue;
            };
            rows.insert(id, Row { id, dedupe_key, channel, target, event, run_id, payload, attempt, created_at });
        }
        change.commit().await?;
        Ok(rows)
    }
}

/// Waits for an end, and takes along what has ended beside it.
async fn wait_for(turns: &mut Turns, done: &mut Delivered) -> Result<(), OutboxError> {
    let mut next = turns.sending.join_next().await;
    let mut went_well = Ok(());
    while let Some(ended) = next {
        let (receiver, end) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        turns.ended(receiver, end.as_ref().ok().copied());
        match end {
            Ok(End::Expanded) => done.expanded += 1,
            Ok(End::Delivered) => done.delivered += 1,
            Ok(End::Postponed) => done.postponed += 1,
            Ok(End::Dead) => done.dead += 1,
            Ok(End::Lost) => {}
            Err(error) => went_well = Err(error),
        }
        next = turns.sending.try_join_next();
    }
    went_well
}

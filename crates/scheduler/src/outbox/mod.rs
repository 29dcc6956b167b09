//! Tells the outside, once.
//!
//! Whoever makes something true that others want to know writes rows of `outbox` in the same transaction: one for each receiver that the
//! schedule names ([`crate::notice`]), and an *announcement* for those that the workspace names. The outbox *expands* an announcement into
//! rows of its receivers, again in one transaction, and *delivers* every row until it is taken or cannot be. So nothing is lost over a
//! crash at any point.
//!
//! What holds about doubles: `dedupe_key` is unique, so there is one row per (run, event, receiver). A row is delivered by one server at a
//! time. Each attempt is bounded in time, and a row whose owner has not ended it long after that bound, by the observer's monotonic clock,
//! is taken over. If a server dies, or loses the database, after the receiver took the message and before that was recorded, the message is
//! sent again, under the same id: webhook receivers see it in `webhook-id` and `idempotency-key`, mail servers in `Message-ID`, PagerDuty and
//! incident.io in the key of the incident. Slack and
//! Teams have no such id; there this one crash, in this one moment, shows a message twice.

mod announcement;
mod compose;
mod deliver;
mod failing;
mod incidents;
mod lineage;
mod observe;
mod receivers;
mod report;
mod story;
mod traces;
mod turns;

pub(crate) use announcement::announce;
pub use announcement::{Announcement, announce_system};
pub use compose::{Details, NoDetails};
pub use deliver::{Delivered, Outbox, OutboxError, OutboxOptions};
pub use failing::FromArtifacts;
pub use observe::{Lineage, Observed, Traces};
pub(crate) use observe::{observe_begin, observe_end};
pub(crate) use report::{report_begin, report_end};
pub use story::ResultFile;

/// What a row in `outbox.channel` of an announcement says; its `target` is empty.
const ANNOUNCEMENT: &str = "announcement";

/// `outbox.event` of what webhooks are told in Bolt's own shape.
const BOLT_STARTED: &str = "bolt.run.started";
const BOLT_COMPLETED: &str = "bolt.run.completed";

/// `outbox.state`.
mod state {
    /// Waits for `next_attempt_at`.
    pub const PENDING: &str = "PENDING";
    /// `lease_server` is at it.
    pub const SENDING: &str = "SENDING";
    /// Taken, or expanded.
    pub const DELIVERED: &str = "DELIVERED";
    /// Given up, for the reason in `last_error`.
    pub const DEAD: &str = "DEAD";
}

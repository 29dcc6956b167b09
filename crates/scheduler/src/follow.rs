//! The end of one schedule's run starts others, once each, never in a circle.

use schedules::Event;
use serde_json::json;
use store::Change;

use crate::admit::Admission;
use crate::audit::Decision;
use crate::create::NewRun;
use crate::definition::Definition;
use crate::error::SchedulerError;
use crate::model::{Actor, Cause, Run};
use crate::notice::{News, word};
use crate::scheduler::Scheduler;
use crate::trigger::Key;

impl Scheduler {
    /// Starts the schedules that wait for this event of this one; they are locked.
    pub(crate) async fn start_followers(
        &self,
        change: &mut Change,
        run: &Run,
        parent: &Definition,
        event: Event,
    ) -> Result<(), SchedulerError> {
        // A slug has no quotes that are not doubled here; the followers of a broken definition are nobody's.
        let slug = parent.schedule.slug.replace('\'', "''");
        let condition = format!("s.run_after = '{slug}' AND s.deleted_at IS NULL AND s.suspended = 0");
        for (_, follower) in self.schedules_or_problems(change, &condition).await? {
            let Ok(follower) = follower else { continue };
            let wants = follower.schedule.active_run_after().is_some_and(|after| after.on.contains(&event));
            if wants {
                self.follow(change, run, &follower, event).await?;
            }
        }
        Ok(())
    }

    async fn follow(
        &self,
        change: &mut Change,
        run: &Run,
        follower: &Definition,
        event: Event,
    ) -> Result<(), SchedulerError> {
        let actor = Actor::system(&format!("run {} of {}", run.id, run.schedule_slug));
        let key = Key::once(format!("completion:{}:{}:{}", run.id, word(event), follower.schedule.slug));
        if self.run_of_key(change, &key).await?.is_some() {
            return Ok(());
        }
        let mut chain = run.spec.chain.clone();
        chain.push(run.schedule_id);
        let refusal = if chain.contains(&follower.id) {
            Some(format!(
                "schedules start one another in a circle: '{}' is already among the causes of run {}",
                follower.schedule.slug, run.id
            ))
        } else if chain.len() > self.options().max_chain {
            Some(format!(
                "{} schedules have started one another in a row, which is the most that is allowed",
                chain.len()
            ))
        } else {
            None
        };
        if let Some(reason) = refusal {
            return self.not_followed(change, run, follower, Event::System, &reason).await;
        }
        let admission = self.admit(change, follower.id, follower.schedule.overlap_policy).await?;
        match admission {
            Admission::Refuse { busy } => {
                let reason = format!("its run {busy} was not finished");
                return self.not_followed(change, run, follower, Event::Skipped, &reason).await;
            }
            Admission::Join { waiting } => {
                let reason = format!("its run {waiting} waits already");
                self.bind_key(change, &key, waiting).await?;
                return self.not_followed(change, run, follower, Event::Skipped, &reason).await;
            }
            Admission::Start | Admission::Queue { .. } => {}
        }
        let place = self.places(change).await?.of(&follower.schedule.environment);
        let mut new = NewRun::new(follower, place, Cause::Completion, &actor, self.now());
        new.parent_run_id = Some(run.id);
        new.spec.chain = chain;
        new.reason = Some(format!("'{}' {}", run.schedule_slug, word(event)));
        let id = self.create_run(change, new).await?;
        self.bind_key(change, &key, id).await
    }

    async fn not_followed(
        &self,
        change: &mut Change,
        run: &Run,
        follower: &Definition,
        event: Event,
        reason: &str,
    ) -> Result<(), SchedulerError> {
        let details = json!({ "parent": run.id, "reason": reason });
        self.record(change, &self.myself(), Decision::schedule("trigger.refused", follower.id, details)).await?;
        let news = News {
            event,
            about: format!("after:{}:{}", run.id, follower.id),
            message: format!(
                "{}: not started after run {} of '{}': {reason}",
                follower.schedule.name, run.id, run.schedule_slug
            ),
            run: None,
            planned_at: None,
        };
        self.tell(change, &follower.schedule, news).await
    }
}

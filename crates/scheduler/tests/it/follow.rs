//! Schedules that start one another: once per end, never in a circle, never without end. And the SLA.

use scheduler::Options;
use scheduler::model::{ErrorClass, Outcome};
use schedules::{Event, OverlapPolicy, RunAfter, Schedule};

use crate::world::{MINUTE, schedule, worlds, worlds_with};

fn after(slug: &str, parent: &str, on: &[Event]) -> Schedule {
    let mut follower = schedule(slug, "OFF");
    follower.run_after =
        Some(RunAfter { enabled: true, schedule: parent.to_owned(), workspace: None, on: on.to_vec() });
    follower
}

#[tokio::test]
async fn an_end_starts_those_who_wait_for_it_once() {
    for world in worlds().await {
        let mut disabled = after("disabled", "a", &[Event::Passed]);
        if let Some(trigger) = &mut disabled.run_after {
            trigger.enabled = false;
        }
        let mut suspended = after("suspended", "a", &[Event::Passed]);
        suspended.suspended = true;
        world
            .deploy(&[
                schedule("a", "OFF"),
                after("passed", "a", &[Event::Passed]),
                after("failed", "a", &[Event::Failed]),
                after("both", "a", &[Event::Passed, Event::Failed]),
                disabled,
                suspended,
            ])
            .await;
        world.trigger("a").await.unwrap();
        let claim = world.claim_one().await;
        world.one.finish(claim.lease, Outcome::success()).await.unwrap();
        world.one.finish(claim.lease, Outcome::success()).await.unwrap();
        let children = "SELECT s.slug || ' of ' || r.parent_run_id || ' ' || r.cause FROM run r JOIN schedule s ON s.id = r.schedule_id \
                        WHERE r.parent_run_id IS NOT NULL ORDER BY s.slug, r.id";
        assert_eq!(world.texts(children).await, ["both of 1 completion", "passed of 1 completion"]);
        world.run_all(&Outcome::success()).await;
        // A failure that is tried again starts nobody before its end.
        let second = world.trigger("a").await.unwrap().run_id;
        for class in [ErrorClass::Lost, ErrorClass::Command] {
            assert_eq!(world.texts(children).await.len(), 2);
            world.pass(5 * MINUTE);
            let claim = world.claim_one().await;
            assert_eq!(claim.run.family_id, second);
            world.one.finish(claim.lease, Outcome::failed(class, "x")).await.unwrap();
        }
        let last = second + 1;
        assert_eq!(
            world.texts(children).await,
            [
                "both of 1 completion".to_owned(),
                format!("both of {last} completion"),
                format!("failed of {last} completion"),
                "passed of 1 completion".to_owned()
            ]
        );
    }
}

#[tokio::test]
async fn a_circle_ends_where_it_began() {
    for world in worlds().await {
        world
            .deploy(&[
                after("a", "c", &[Event::Passed]),
                after("b", "a", &[Event::Passed]),
                after("c", "b", &[Event::Passed]),
            ])
            .await;
        world.trigger("a").await.unwrap();
        assert_eq!(world.run_all(&Outcome::success()).await, [1, 2, 3]);
        assert_eq!(world.number("SELECT count(*) FROM run").await, 3);
        let refused = world.one_text("SELECT metadata FROM audit WHERE event_type = 'trigger.refused'").await;
        assert!(
            refused.contains("schedules start one another in a circle: 'a' is already among the causes of run 3"),
            "{refused}"
        );
        assert_eq!(world.outbox().await.last().map(String::as_str), Some("after:3:1:system:webhook:hook"));
    }
}

#[tokio::test]
async fn a_chain_has_an_end() {
    for world in worlds_with(Options { max_chain: 3, ..Options::default() }).await {
        let chain = (1..6).map(|n| after(&format!("s{n}"), &format!("s{}", n - 1), &[Event::Passed]));
        let chain: Vec<_> = std::iter::once(schedule("s0", "OFF")).chain(chain).collect();
        world.deploy(&chain).await;
        world.trigger("s0").await.unwrap();
        assert_eq!(world.run_all(&Outcome::success()).await.len(), 4);
        assert_eq!(world.number("SELECT count(*) FROM audit WHERE event_type = 'trigger.refused'").await, 1);
    }
}

#[tokio::test]
async fn a_busy_follower_says_why_it_did_not_start() {
    for world in worlds().await {
        let mut queued = after("queued", "a", &[Event::Passed]);
        queued.overlap_policy = OverlapPolicy::QueueOne;
        world.deploy(&[schedule("a", "OFF"), after("busy", "a", &[Event::Passed]), queued]).await;
        world.trigger("busy").await.unwrap();
        world.trigger("queued").await.unwrap();
        assert_eq!(world.one.claim(5).await.unwrap().len(), 2);
        for _ in 0..2 {
            world.trigger("a").await.unwrap();
            let claim = world.claim_one().await;
            world.one.finish(claim.lease, Outcome::success()).await.unwrap();
        }
        // busy refused twice; queued let one wait, which the second end joined.
        let refused = world.texts("SELECT metadata FROM audit WHERE event_type = 'trigger.refused' ORDER BY id").await;
        assert_eq!(refused.len(), 3, "{refused:?}");
        assert!(refused[0].contains("its run 1 was not finished"), "{refused:?}");
        assert!(refused[2].contains("waits already"), "{refused:?}");
        assert_eq!(world.number("SELECT count(*) FROM run WHERE state = 'QUEUED'").await, 1);
    }
}

#[tokio::test]
async fn a_late_run_is_told_once_for_all_its_attempts() {
    for world in worlds().await {
        let mut promised = schedule("a", "OFF");
        promised.sla_minutes = Some(30);
        world.deploy(&[promised, after("alarm", "a", &[Event::Sla])]).await;
        world.trigger("a").await.unwrap();
        let claim = world.claim_one().await;
        world.pass(29 * MINUTE);
        world.one.tick().await.unwrap();
        assert_eq!(world.outbox().await, [] as [&str; 0]);
        world.pass(MINUTE);
        let (one, two) = tokio::join!(world.one.tick(), world.two.tick());
        one.unwrap();
        two.unwrap();
        assert_eq!(world.outbox().await, ["family:1:sla:webhook:hook"]);
        assert_eq!(world.number("SELECT sla_missed FROM run WHERE id = 1").await, 1);
        assert_eq!(world.number("SELECT count(*) FROM run WHERE cause = 'completion'").await, 1);
        world.one.finish(claim.lease, Outcome::error(ErrorClass::Lost, "x")).await.unwrap();
        world.pass(60 * MINUTE);
        world.one.tick().await.unwrap();
        world.run_all(&Outcome::success()).await;
        assert_eq!(world.number("SELECT count(*) FROM outbox WHERE event = 'sla'").await, 1);
        assert_eq!(world.number("SELECT count(*) FROM audit WHERE event_type = 'run.sla_missed'").await, 1);
        let message = world.one_text("SELECT payload FROM outbox WHERE event = 'sla'").await;
        assert!(
            message
                .contains("A: run 1 takes longer than its SLA of 30 minutes (it was due at 2026-03-02 12:30:00 UTC)"),
            "{message}"
        );
    }
}

/// Nobody looked at the clock between the due time and the end.
#[tokio::test]
async fn a_run_that_ends_late_was_late() {
    for world in worlds().await {
        let mut promised = schedule("a", "OFF");
        promised.sla_minutes = Some(30);
        world.deploy(&[promised]).await;
        world.trigger("a").await.unwrap();
        let claim = world.claim_one().await;
        world.pass(31 * MINUTE);
        world.one.finish(claim.lease, Outcome::success()).await.unwrap();
        assert_eq!(world.outbox().await, ["family:1:sla:webhook:hook", "run:1:passed:webhook:hook"]);
    }
}

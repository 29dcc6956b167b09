//! Promises 2 and 6: one owner at a time, and what a dead one leaves.

use scheduler::model::{ErrorClass, Outcome, RunState};
use scheduler::request::{Beat, Finished};

use crate::world::{HOUR, MINUTE, schedule, worlds};

const TICK: std::time::Duration = std::time::Duration::from_secs(10);

#[tokio::test]
async fn a_run_has_one_owner() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        world.trigger("a").await.unwrap();
        let (one, two) = tokio::join!(world.one.claim(5), world.two.claim(5));
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_living_owner_keeps_its_run_and_a_silent_one_loses_it() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        let run_id = world.trigger("a").await.unwrap().run_id;
        let mine = world.claim_one().await;
        assert!(world.one.running(mine.lease, Some("c0ffee")).await.unwrap());
        for _ in 0..10 {
            world.pass(TICK);
            assert_eq!(world.one.heartbeats(&[mine.lease]).await.unwrap(), [Beat::Continue]);
            assert_eq!(world.two.reap().await.unwrap(), []);
        }
        // Silence: the observer waits the whole time of the lease since it saw the last beat; the owner gives up before that.
        assert!(!world.one.must_stop(mine.lease));
        for _ in 0..2 {
            world.pass(TICK);
            assert_eq!(world.two.reap().await.unwrap(), []);
        }
        assert!(world.one.must_stop(mine.lease));
        world.pass(TICK);
        let taken = world.two.reap().await.unwrap();
        assert_eq!(taken.len(), 1);
        assert!(taken[0].is_recovery);
        assert_eq!((taken[0].lease.run_id, taken[0].lease.fence), (run_id, mine.lease.fence + 1));
        assert_eq!(taken[0].run.commit_hash.as_deref(), Some("c0ffee"));

        // Fencing: whatever the late owner writes is refused.
        assert_eq!(world.one.heartbeats(&[mine.lease]).await.unwrap(), [Beat::Lost]);
        assert!(!world.one.running(mine.lease, None).await.unwrap());
        assert_eq!(world.one.finish(mine.lease, Outcome::success()).await.unwrap(), Finished::Lost);
        assert!(world.one.must_stop(mine.lease));
        assert_eq!(world.runs().await, ["1 RUNNING 1 api"]);

        // The new owner ends it; the policy of the schedule tries again, as the server was at fault.
        let ended = world.two.finish(taken[0].lease, Outcome::lost()).await.unwrap();
        let Finished::Done { retry_run_id: Some(next) } = ended else { panic!("{ended:?}") };
        assert_eq!(world.runs().await, ["1 ERROR 1 api".to_owned(), format!("{next} QUEUED 2 automatic_retry")]);
        assert_eq!(
            world.decisions(run_id).await,
            ["run.created", "run.claimed", "run.taken_over", "run.ended", "run.retry_planned"]
        );
    }
}

/// Whether a server lives is judged by the monotonic clock: a stepped wall clock kills nobody.
#[tokio::test]
async fn a_stepped_clock_takes_no_lease() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        world.trigger("a").await.unwrap();
        let mine = world.claim_one().await;
        world.two.reap().await.unwrap();
        for step in [7200, -86400, 31_536_000] {
            world.clock.step(step);
            assert_eq!(world.two.reap().await.unwrap(), []);
            assert!(!world.one.must_stop(mine.lease));
            assert_eq!(world.one.heartbeats(&[mine.lease]).await.unwrap(), [Beat::Continue]);
        }
    }
}

#[tokio::test]
async fn two_reapers_take_a_run_once() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        world.trigger("a").await.unwrap();
        let dead = world.server().await;
        dead.claim(1).await.unwrap();
        world.one.reap().await.unwrap();
        world.two.reap().await.unwrap();
        world.pass(MINUTE);
        let (one, two) = tokio::join!(world.one.reap(), world.two.reap());
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 1);
        // The one that took it dies too.
        let third = world.server().await;
        third.reap().await.unwrap();
        world.pass(MINUTE);
        assert_eq!(third.reap().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_ended_in_order_leaves_its_runs_at_once() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        world.trigger("a").await.unwrap();
        world.claim_one().await;
        world.one.stopped().await.unwrap();
        assert_eq!(world.two.reap().await.unwrap().len(), 1);
        assert_eq!(world.two.reap().await.unwrap().len(), 0);
    }
}

/// The answer to the first finish was lost on its way.
#[tokio::test]
async fn finishing_twice_is_finishing_once() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        world.trigger("a").await.unwrap();
        let mine = world.claim_one().await;
        let outcome = Outcome::error(ErrorClass::Infrastructure, "no route to host");
        let first = world.one.finish(mine.lease, outcome.clone()).await.unwrap();
        assert_eq!(world.one.finish(mine.lease, outcome).await.unwrap(), first);
        assert_eq!(world.number("SELECT count(*) FROM run").await, 2);
        assert_eq!(world.number("SELECT count(*) FROM run_limit WHERE run_id = 1").await, 0);
    }
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped() {
    for world in worlds().await {
        let mut limited = schedule("a", "OFF");
        limited.max_runtime_minutes = Some(90);
        world.deploy(&[limited]).await;
        let run_id = world.trigger("a").await.unwrap().run_id;
        world.pass(2 * HOUR);
        let mine = world.claim_one().await;
        world.pass(89 * MINUTE);
        assert_eq!(world.one.heartbeats(&[mine.lease]).await.unwrap(), [Beat::Continue]);
        world.pass(MINUTE);
        let beats = world.one.heartbeats(&[mine.lease]).await.unwrap();
        let [Beat::Stop { cause, reason }] = &beats[..] else { panic!("{beats:?}") };
        assert_eq!(reason, "it ran longer than its maximum of 90 minutes");
        assert_eq!(world.one.heartbeats(&[mine.lease]).await.unwrap(), beats);
        assert_eq!(world.runs().await, [format!("{run_id} CANCELING 1 api")]);
        world.one.finish(mine.lease, cause.outcome(reason)).await.unwrap();
        assert_eq!(world.one_text("SELECT state || ' ' || error_class FROM run").await, "CANCELED timeout");
        // Nobody stopped it by hand: people are told.
        assert_eq!(world.outbox().await, ["run:1:failed:webhook:hook"]);
        assert_eq!(RunState::Canceling.wire(), "RUNNING");
    }
}

//! A run can be stopped in every state.

use scheduler::SchedulerError;
use scheduler::model::{ErrorClass, Outcome};
use scheduler::request::{Beat, Canceled, Finished};

use crate::world::{MINUTE, actor, schedule, worlds};

#[tokio::test]
async fn a_waiting_run_ends_at_once() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        let run = world.trigger("a").await.unwrap().run_id;
        assert_eq!(world.one.cancel(run, "not now", &actor()).await.unwrap(), Canceled::AtOnce);
        assert_eq!(world.one.cancel(run, "again", &actor()).await.unwrap(), Canceled::WasOver);
        assert_eq!(world.two.claim(5).await.unwrap(), []);
        assert_eq!(world.one_text("SELECT state || ' ' || state_reason FROM run").await, "CANCELED not now");
        // Stopped by a person: nobody is told, and the schedule is free again.
        assert_eq!(world.outbox().await, [] as [&str; 0]);
        world.trigger("a").await.unwrap();
        assert_eq!(
            world
                .texts(
                    "SELECT event_type || ' ' || actor FROM audit WHERE source = 'run' AND source_id = 1 ORDER BY id"
                )
                .await,
            ["run.created ada", "run.ended ada"]
        );
        let unknown = world.one.cancel(99, "", &actor()).await.unwrap_err();
        assert!(matches!(unknown, SchedulerError::UnknownRun { id: 99 }), "{unknown}");
    }
}

#[tokio::test]
async fn a_starting_and_a_running_run_are_stopped_by_their_owner() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        for is_running in [false, true] {
            let run = world.trigger("a").await.unwrap().run_id;
            let mine = world.claim_one().await;
            if is_running {
                world.one.running(mine.lease, None).await.unwrap();
            }
            assert_eq!(world.two.cancel(run, "wrong branch", &actor()).await.unwrap(), Canceled::Requested);
            assert_eq!(world.two.cancel(run, "once more", &actor()).await.unwrap(), Canceled::Requested);
            let beats = world.one.heartbeats(&[mine.lease]).await.unwrap();
            assert!(matches!(&beats[..], [Beat::Stop { reason, .. }] if reason == "wrong branch"), "{beats:?}");
            // It says that it runs, a moment too late: that changes nothing.
            assert!(world.one.running(mine.lease, None).await.unwrap());
            // Its commands were killed, which looks like a failure; it is not tried again.
            let killed = Outcome::failed(ErrorClass::Infrastructure, "killed by signal 15");
            assert_eq!(world.one.finish(mine.lease, killed).await.unwrap(), Finished::Done { retry_run_id: None });
            assert_eq!(world.one.cancel(run, "", &actor()).await.unwrap(), Canceled::WasOver);
            let state = format!("SELECT state || ' ' || state_reason FROM run WHERE id = {run}");
            assert_eq!(world.one_text(&state).await, "CANCELED wrong branch");
        }
        assert_eq!(world.outbox().await, [] as [&str; 0]);
    }
}

#[tokio::test]
async fn a_canceled_run_whose_server_dies_ends_as_canceled() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        let run = world.trigger("a").await.unwrap().run_id;
        world.claim_one().await;
        world.two.cancel(run, "enough", &actor()).await.unwrap();
        world.two.reap().await.unwrap();
        world.pass(MINUTE);
        let taken = world.two.reap().await.unwrap();
        let ended = world.two.finish(taken[0].lease, Outcome::lost()).await.unwrap();
        assert_eq!(ended, Finished::Done { retry_run_id: None });
        assert_eq!(world.one_text("SELECT state || ' ' || state_reason FROM run").await, "CANCELED enough");
    }
}

/// The work was done before the owner heard of the cancellation: that is what happened.
#[tokio::test]
async fn a_run_that_succeeds_before_it_hears_has_succeeded() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        let run = world.trigger("a").await.unwrap().run_id;
        let mine = world.claim_one().await;
        world.two.cancel(run, "too late", &actor()).await.unwrap();
        world.one.finish(mine.lease, Outcome::success()).await.unwrap();
        assert_eq!(world.runs().await, ["1 SUCCESS 1 api"]);
    }
}

#[tokio::test]
async fn a_waiting_attempt_can_be_canceled() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        world.trigger("a").await.unwrap();
        let mine = world.claim_one().await;
        let ended = world.one.finish(mine.lease, Outcome::error(ErrorClass::Throttling, "slow down")).await.unwrap();
        let Finished::Done { retry_run_id: Some(next) } = ended else { panic!("{ended:?}") };
        assert_eq!(world.one.cancel(next, "no more", &actor()).await.unwrap(), Canceled::AtOnce);
        world.pass(30 * MINUTE);
        assert_eq!(world.one.claim(5).await.unwrap(), []);
        assert_eq!(world.runs().await, ["1 ERROR 1 api", "2 CANCELED 2 automatic_retry"]);
    }
}

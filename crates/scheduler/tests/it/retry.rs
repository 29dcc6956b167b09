//! Promise 7: attempts by error class, with back-off, in one family; and retries by hand.

use scheduler::SchedulerError;
use scheduler::clock::{Clock, SECOND};
use scheduler::model::{Claimed, ErrorClass, Outcome};
use scheduler::request::{Finished, RetryMode};
use schedules::{Retry, RetryOn, ScheduleCommand};

use crate::world::{MINUTE, World, actor, schedule, worlds};

fn policy(attempts: u32, on: &[RetryOn]) -> Retry {
    Retry { attempts, backoff_seconds: 60, max_backoff_seconds: 100, on: on.to_vec() }
}

async fn fail(world: &World, claim: &Claimed, class: ErrorClass) -> Option<i64> {
    match world.one.finish(claim.lease, Outcome::error(class, "because")).await.unwrap() {
        Finished::Done { retry_run_id } => retry_run_id,
        Finished::Lost => panic!("lost"),
    }
}

/// What a worker writes about the user's commands.
async fn command(world: &World, run_id: i64, position: i64, state: &str, return_code: i64, has_results: bool) {
    world
        .change(&format!(
            "INSERT INTO command (run_id, position, kind, text, state, return_code) \
             VALUES ({run_id}, {position}, 'command', 'x', '{state}', {return_code})"
        ))
        .await;
    if has_results {
        world
            .change(&format!(
                "INSERT INTO artifact (run_id, command_id, path, size_in_bytes, sha256, storage_key, created_at) \
                 SELECT run_id, id, 'target/run_results.json', 1, 'x', 'x', 0 FROM command WHERE run_id = {run_id} AND position = {position}"
            ))
            .await;
    }
}

#[tokio::test]
async fn attempts_wait_longer_and_longer_and_then_end() {
    for world in worlds().await {
        let mut retried = schedule("a", "OFF");
        retried.retry = policy(3, &[RetryOn::Infrastructure]);
        world.deploy(&[retried]).await;
        world.trigger("a").await.unwrap();
        let mut waits = Vec::new();
        for attempt in 1..=4 {
            let claim = world.claim_one().await;
            assert_eq!((claim.run.attempt, claim.run.family_id), (attempt, 1));
            let seed = &claim.run.spec.token_seed;
            assert_eq!(*seed, world.one_text("SELECT uuid FROM run WHERE id = 1").await);
            let next = fail(&world, &claim, ErrorClass::Infrastructure).await;
            assert_eq!(next.is_some(), attempt < 4);
            if let Some(next) = next {
                // It counts as unfinished while it waits.
                assert!(matches!(world.trigger("a").await, Err(SchedulerError::AlreadyRunning { .. })));
                let not_before = world.number(&format!("SELECT not_before FROM run WHERE id = {next}")).await;
                let wait = not_before - world.now();
                assert_eq!(world.one.claim(5).await.unwrap(), []);
                waits.push(wait);
                world.pass(std::time::Duration::from_micros(wait.unsigned_abs()));
            }
        }
        // 60 s, 120 s cut to 100 s, 240 s cut to 100 s; each between half of it and all of it.
        for (wait, most) in waits.iter().zip([60, 100, 100]) {
            assert!((most * SECOND / 2..=most * SECOND).contains(wait), "{waits:?}");
        }
        assert_ne!(waits[1], waits[2], "no jitter");
        assert_eq!(
            world.runs().await,
            ["1 ERROR 1 api", "2 ERROR 2 automatic_retry", "3 ERROR 3 automatic_retry", "4 ERROR 4 automatic_retry"]
        );
        // Only the end of the work is news.
        assert_eq!(world.outbox().await, ["run:4:failed:webhook:hook"]);
    }
}

#[tokio::test]
async fn only_the_named_classes_are_tried_again() {
    use ErrorClass::{Budget, Command, Configuration, Infrastructure, Lost, Throttling, Timeout};
    let cases: [(&[RetryOn], &[ErrorClass]); 5] = [
        (&[RetryOn::Infrastructure], &[Infrastructure, Lost]),
        (&[RetryOn::Throttling], &[Throttling]),
        (&[RetryOn::Timeout], &[Timeout]),
        (&[RetryOn::Any], &[Infrastructure, Lost, Throttling, Timeout, Command, Configuration]),
        (&[], &[]),
    ];
    for world in worlds().await {
        for (n, (on, again)) in cases.iter().enumerate() {
            let slug = format!("s{n}");
            let mut retried = schedule(&slug, "OFF");
            retried.retry = policy(1, on);
            world.one.create_schedule(&retried, "api", &actor()).await.unwrap();
            for class in ErrorClass::ALL {
                world.trigger(&slug).await.unwrap();
                let next = fail(&world, &world.claim_one().await, *class).await;
                assert_eq!(next.is_some(), again.contains(class), "{on:?} {class}");
                if let Some(next) = next {
                    world.one.cancel(next, "", &actor()).await.unwrap();
                }
            }
        }
        assert!(!cases.iter().any(|(_, again)| again.contains(&Budget)));
    }
}

/// The clock is set back by a day while an attempt waits: it does not wait a day longer.
#[tokio::test]
async fn a_clock_that_is_set_back_delays_no_attempt() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        world.trigger("a").await.unwrap();
        fail(&world, &world.claim_one().await, ErrorClass::Lost).await.unwrap();
        assert_eq!(world.one.claim(5).await.unwrap(), []);
        world.clock.step(-86_400);
        assert_eq!(world.claim_one().await.run.attempt, 2);
    }
}

#[tokio::test]
async fn an_attempt_goes_on_from_the_failed_command() {
    for world in worlds().await {
        let mut steps = schedule("a", "OFF");
        steps.commands = ["dbt seed", "dbt build -s x --target prod", "python p.py"].map(ScheduleCommand::new).into();
        steps.retry = policy(2, &[RetryOn::Any]);
        world.deploy(&[steps]).await;
        world.trigger("a").await.unwrap();
        let first = world.claim_one().await;
        command(&world, 1, 2, "SUCCESS", 0, true).await;
        command(&world, 1, 3, "FAILED", 1, true).await;
        fail(&world, &first, ErrorClass::Command).await.unwrap();
        world.pass(2 * MINUTE);
        let second = world.claim_one().await;
        let texts: Vec<_> = second.run.spec.commands.iter().map(|command| command.text.clone()).collect();
        assert_eq!(texts, ["dbt retry --target prod", "python p.py"]);
        let failed = world.number("SELECT id FROM command WHERE run_id = 1 AND position = 3").await;
        assert_eq!(second.run.spec.commands[0].retry_of, Some(failed));
        // The server dies: the retry is done again as it was, its results are still those of the first attempt.
        command(&world, 2, 2, "CANCELED", 130, false).await;
        fail(&world, &second, ErrorClass::Lost).await.unwrap();
        world.pass(2 * MINUTE);
        assert_eq!(world.claim_one().await.run.spec.commands, second.run.spec.commands);
    }
}

#[tokio::test]
async fn a_person_retries_from_the_failure_or_all() {
    for world in worlds().await {
        let mut steps = schedule("a", "OFF");
        steps.commands = ["dbt seed", "dbt build"].map(ScheduleCommand::new).into();
        world.deploy(&[steps]).await;
        let run = world.trigger("a").await.unwrap().run_id;
        let refused = world.one.retry_run(run, RetryMode::All, &actor()).await.unwrap_err();
        assert_eq!(refused.to_string(), "there is nothing to retry: run 1 is not over (QUEUED)");
        let first = world.claim_one().await;
        world.one.running(first.lease, Some("c0ffee")).await.unwrap();
        command(&world, 1, 2, "SUCCESS", 0, true).await;
        command(&world, 1, 3, "FAILED", 1, true).await;
        fail(&world, &first, ErrorClass::Command).await;
        let second = world.one.retry_schedule_from_failure("a", &actor()).await.unwrap();
        let refused = world.one.retry_run(run, RetryMode::FromFailure, &actor()).await.unwrap_err();
        assert!(matches!(refused, SchedulerError::AlreadyRunning { run_id, .. } if run_id == second), "{refused}");
        let claim = world.claim_one().await;
        assert_eq!((claim.run.attempt, claim.run.family_id, claim.run.retry_of_run_id), (2, 1, Some(1)));
        assert_eq!(claim.run.commit_hash.as_deref(), Some("c0ffee"));
        assert_eq!(claim.run.spec.commands.len(), 1);
        // Back to the first attempt's commands, whatever the attempt in between ran.
        fail(&world, &claim, ErrorClass::Command).await;
        world.one.retry_run(second, RetryMode::All, &actor()).await.unwrap();
        let third = world.claim_one().await;
        assert_eq!((third.run.attempt, third.run.spec.commands.len()), (3, 2));
        world.one.finish(third.lease, Outcome::success()).await.unwrap();
        let refused = world.one.retry_schedule_from_failure("a", &actor()).await.unwrap_err();
        assert_eq!(refused.to_string(), "there is nothing to retry: run 3 succeeded");
        world.one.retry_run(3, RetryMode::All, &actor()).await.unwrap();
        assert!(matches!(
            world.one.retry_run(77, RetryMode::All, &actor()).await,
            Err(SchedulerError::UnknownRun { id: 77 })
        ));
        assert_eq!(world.clock.now(), world.now());
    }
}

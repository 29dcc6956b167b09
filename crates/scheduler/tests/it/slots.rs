//! Promises 1, 3, 4 and 5: one decision per slot; misfire, overlap and catch-up with visible reasons.

use std::sync::Arc;

use scheduler::clock::{Clock, SECOND, SteppedClock};
use scheduler::model::Outcome;
use schedules::{MisfirePolicy, OverlapPolicy};

use crate::world::{HOUR, MINUTE, schedule, worlds};

#[tokio::test]
async fn a_slot_runs_once_across_ticks_servers_and_restarts() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "*/10 * * * *")]).await;
        assert_eq!(world.one.tick().await.unwrap().runs, 0);
        world.pass(10 * MINUTE);
        let (one, two) = tokio::join!(world.one.tick(), world.two.tick());
        assert_eq!(one.unwrap().runs + two.unwrap().runs, 1);
        let restarted = world.server().await;
        let ticked = restarted.tick().await.unwrap();
        assert_eq!((ticked.runs, ticked.next_slot_at), (0, Some(world.now() + 600 * SECOND)));
        assert_eq!(world.slots().await, ["03-02 12:10 STARTED on time"]);
        assert_eq!(world.runs().await, ["1 QUEUED 1 slot"]);
        world.run_all(&Outcome::success()).await;
        world.pass(10 * MINUTE);
        world.two.tick().await.unwrap();
        assert_eq!(world.slots().await.len(), 2);
        assert_eq!(world.number("SELECT count(*) FROM run").await, 2);
    }
}

/// Many schedules due at once, two servers at them: each slot has one row and one run.
#[tokio::test]
async fn two_servers_share_what_is_due_and_decide_nothing_twice() {
    for world in worlds().await {
        let all: Vec<_> = (0..300).map(|n| schedule(&format!("s{n}"), "5 * * * *")).collect();
        world.deploy(&all).await;
        world.pass(5 * MINUTE);
        let (one, two) = tokio::join!(world.one.tick(), world.two.tick());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.runs + two.runs, 300);
        assert_eq!(world.number("SELECT count(*) FROM slot WHERE decision = 'STARTED'").await, 300);
        assert_eq!(world.number("SELECT count(DISTINCT schedule_id) FROM run").await, 300);
        let (one, two) = tokio::join!(world.one.claim(400), world.two.claim(400));
        let mut claimed: Vec<i64> =
            one.unwrap().into_iter().chain(two.unwrap()).map(|claim| claim.lease.run_id).collect();
        claimed.sort_unstable();
        claimed.dedup();
        assert!(claimed.len() <= 300);
        assert_eq!(
            world.number("SELECT count(*) FROM run WHERE state = 'STARTING'").await,
            i64::try_from(claimed.len()).unwrap()
        );
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_repeats_nothing() {
    for world in worlds().await {
        let mut hourly = schedule("a", "0 * * * *");
        hourly.overlap_policy = OverlapPolicy::Allow;
        world.deploy(&[hourly]).await;
        world.pass(HOUR);
        world.one.tick().await.unwrap();
        // Three hours back: 13:00 comes once more, at the wall; 11:00 and 12:00 were never slots of this schedule… and are now.
        world.clock.step(-3 * 3600);
        world.one.tick().await.unwrap();
        world.pass(HOUR);
        world.two.tick().await.unwrap();
        world.pass(2 * HOUR);
        world.two.tick().await.unwrap();
        world.pass(HOUR);
        world.two.tick().await.unwrap();
        let slots = world.slots().await;
        let starts: Vec<_> = slots.iter().map(|slot| slot[..19].trim()).collect();
        assert_eq!(
            starts,
            ["03-02 11:00 STARTED", "03-02 12:00 MISSED", "03-02 13:00 STARTED", "03-02 14:00 STARTED"],
            "{slots:?}"
        );
        assert_eq!(world.number("SELECT count(*) FROM run").await, 3);
    }
}

/// The clock jumps ahead by a year and is set right again: the schedule goes on, and slots that were only recorded as missed still run.
#[tokio::test]
async fn a_clock_that_was_ahead_stops_no_schedule() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        world.clock.step(365 * 24 * 3600 + 1800);
        world.one.tick().await.unwrap();
        // 8760 slots were due: the newest runs, the last ones before it are recorded one by one, one row stands for the others.
        assert_eq!(world.number("SELECT count(*) FROM slot").await, 501);
        assert_eq!(world.number("SELECT count(*) FROM run").await, 1);
        assert_eq!(world.run_all(&Outcome::success()).await.len(), 1);
        world.clock.step(-(365 * 24 * 3600 + 1800));
        world.one.tick().await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM audit WHERE event_type = 'clock.set_back'").await, 1);
        for _ in 0..3 {
            world.pass(HOUR);
            assert_eq!(world.two.tick().await.unwrap().runs, 1);
            assert_eq!(world.run_all(&Outcome::success()).await.len(), 1);
        }
        let first = world.slots().await;
        assert_eq!(
            first[..3],
            ["03-02 13:00 STARTED on time", "03-02 14:00 STARTED on time", "03-02 15:00 STARTED on time"]
        );
        assert_eq!(world.number("SELECT count(*) FROM run WHERE cause = 'slot'").await, 4);
    }
}

/// A server whose clock runs behind decides nothing early, one that runs ahead nothing twice.
#[tokio::test]
async fn servers_with_different_clocks_agree() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "* * * * *")]).await;
        let behind = Arc::new(SteppedClock::at("2026-03-02T11:59:40Z", 9));
        let slow = world.server_with_clock(&behind).await;
        for _ in 0..5 {
            world.pass(MINUTE);
            behind.pass(MINUTE);
            world.one.tick().await.unwrap();
            slow.tick().await.unwrap();
            world.run_all(&Outcome::success()).await;
        }
        assert_eq!(world.number("SELECT count(*) FROM run").await, 5);
        assert!(world.slots().await.iter().all(|slot| slot.ends_with("STARTED on time")));
    }
}

#[tokio::test]
async fn misfire_latest_runs_the_newest_missed_slot_within_the_window() {
    for world in worlds().await {
        let mut latest = schedule("a", "0 * * * *");
        latest.catch_up_window_minutes = 150;
        world.deploy(&[latest.clone()]).await;
        world.pass(4 * HOUR + 30 * MINUTE);
        world.server().await.tick().await.unwrap();
        assert_eq!(
            world.slots().await,
            [
                "03-02 13:00 MISSED missed: found 3 hours 30 minutes after its time, catch_up_window is 2 hours 30 minutes",
                "03-02 14:00 MISSED missed: found 2 hours 30 minutes after its time, and the later slot 2026-03-02 16:00:00 UTC stands for it",
                "03-02 15:00 MISSED missed: found 1 hours 30 minutes after its time, and the later slot 2026-03-02 16:00:00 UTC stands for it",
                "03-02 16:00 STARTED made up for 30 minutes after its time",
            ]
        );
        // Each slot that did not run is told once.
        assert_eq!(world.outbox().await.len(), 3);
        assert!(world.outbox().await[0].starts_with("slot:1:"));
        // Nothing within the window: nothing runs.
        world.run_all(&Outcome::success()).await;
        latest.catch_up_window_minutes = 10;
        world.deploy(&[latest]).await;
        world.pass(HOUR);
        world.one.tick().await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM run").await, 1);
        assert!(world.slots().await[4].contains("catch_up_window is 10 minutes"));
    }
}

#[tokio::test]
async fn misfire_all_runs_every_missed_slot_in_its_turn() {
    for world in worlds().await {
        let mut all = schedule("a", "0 * * * *");
        all.misfire_policy = MisfirePolicy::All;
        world.deploy(&[all]).await;
        world.pass(3 * HOUR);
        world.one.tick().await.unwrap();
        let queued = "QUEUED made up for, in its turn, as misfire_policy is all";
        assert_eq!(
            world.slots().await,
            [format!("03-02 13:00 {queued}"), format!("03-02 14:00 {queued}"), format!("03-02 15:00 {queued}")]
        );
        // One after the other, oldest first.
        for run in 1..=3 {
            let claimed = world.one.claim(10).await.unwrap();
            assert_eq!(claimed.iter().map(|claim| claim.lease.run_id).collect::<Vec<_>>(), [run]);
            assert_eq!(world.two.claim(10).await.unwrap(), []);
            world.one.finish(claimed[0].lease, Outcome::success()).await.unwrap();
        }
        assert!(world.slots().await.iter().all(|slot| slot.contains("STARTED")));
        let intervals = world.texts("SELECT spec FROM run ORDER BY id").await;
        assert!(
            intervals[0].contains(r#""interval":{"start":1772456400000000,"end":1772460000000000}"#),
            "{}",
            intervals[0]
        );
    }
}

#[tokio::test]
async fn misfire_none_runs_nothing_late() {
    for world in worlds().await {
        let mut none = schedule("a", "0 * * * *");
        none.misfire_policy = MisfirePolicy::None;
        world.deploy(&[none]).await;
        world.pass(2 * HOUR);
        world.one.tick().await.unwrap();
        assert_eq!(
            world.slots().await,
            [
                "03-02 13:00 MISSED missed: found 1 hours after its time, and misfire_policy is none",
                "03-02 14:00 STARTED on time",
            ]
        );
    }
}

#[tokio::test]
async fn overlap_skip_records_which_run_was_in_the_way() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        world.pass(HOUR);
        world.one.tick().await.unwrap();
        let claim = world.claim_one().await;
        world.pass(HOUR);
        world.one.tick().await.unwrap();
        world.one.finish(claim.lease, Outcome::success()).await.unwrap();
        world.pass(HOUR);
        world.one.tick().await.unwrap();
        assert_eq!(
            world.slots().await,
            [
                "03-02 13:00 STARTED on time",
                "03-02 14:00 SKIPPED skipped: run 1 was not finished, and overlap_policy is skip",
                "03-02 15:00 STARTED on time",
            ]
        );
        assert_eq!(
            world.outbox().await,
            [
                format!("slot:1:{}:skipped:webhook:hook", world.now() - 3600 * SECOND),
                "run:1:passed:webhook:hook".to_owned()
            ]
        );
    }
}

#[tokio::test]
async fn overlap_queue_one_lets_one_wait() {
    for world in worlds().await {
        let mut queue = schedule("a", "0 * * * *");
        queue.overlap_policy = OverlapPolicy::QueueOne;
        world.deploy(&[queue]).await;
        world.pass(HOUR);
        world.one.tick().await.unwrap();
        let first = world.claim_one().await;
        for _ in 0..2 {
            world.pass(HOUR);
            world.one.tick().await.unwrap();
        }
        assert_eq!(
            world.slots().await,
            [
                "03-02 13:00 STARTED on time",
                "03-02 14:00 QUEUED on time; waits for run 1",
                "03-02 15:00 SKIPPED skipped: run 2 waits already, and overlap_policy is queue_one",
            ]
        );
        assert_eq!(world.two.claim(10).await.unwrap(), []);
        world.one.finish(first.lease, Outcome::success()).await.unwrap();
        assert_eq!(world.two.claim(10).await.unwrap()[0].lease.run_id, 2);
        assert!(world.slots().await[1].starts_with("03-02 14:00 STARTED"));
    }
}

#[tokio::test]
async fn overlap_allow_runs_side_by_side() {
    for world in worlds().await {
        let mut allow = schedule("a", "0 * * * *");
        allow.overlap_policy = OverlapPolicy::Allow;
        world.deploy(&[allow]).await;
        for _ in 0..3 {
            world.pass(HOUR);
            world.one.tick().await.unwrap();
        }
        assert_eq!(world.one.claim(10).await.unwrap().len(), 3);
    }
}

/// 02:30 does not exist on the 29th of March in Berlin, and is there twice on the 25th of October.
#[tokio::test]
async fn a_daily_slot_survives_both_clock_changes() {
    for world in worlds().await {
        let mut daily = schedule("a", "30 2 * * *");
        daily.timezone = "Europe/Berlin".parse().unwrap();
        daily.overlap_policy = OverlapPolicy::Allow;
        world.deploy(&[daily]).await;
        for _ in 0..250 {
            let next = world.one.tick().await.unwrap().next_slot_at.unwrap();
            world.pass(std::time::Duration::from_micros((next - world.now()).unsigned_abs()));
        }
        world.one.tick().await.unwrap();
        let slots = world.slots().await;
        assert_eq!(slots.len(), 250);
        let at = |day: &str| slots.iter().filter(|slot| slot.starts_with(day)).cloned().collect::<Vec<_>>();
        assert_eq!(at("03-29"), ["03-29 01:00 STARTED on time"]);
        assert_eq!(at("10-25"), ["10-25 00:30 STARTED on time"]);
        assert_eq!(at("10-26"), ["10-26 01:30 STARTED on time"]);
    }
}

#[tokio::test]
async fn a_suspended_schedule_has_no_slots_and_makes_up_for_none() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        world.one.suspend("a", Some("holidays"), &crate::world::actor()).await.unwrap();
        world.pass(3 * HOUR);
        assert_eq!(world.one.tick().await.unwrap().next_slot_at, None);
        world.one.resume("a", &crate::world::actor()).await.unwrap();
        world.one.tick().await.unwrap();
        assert_eq!(world.slots().await, [] as [&str; 0]);
        world.pass(HOUR);
        world.one.tick().await.unwrap();
        assert_eq!(world.slots().await, ["03-02 16:00 STARTED on time"]);
        assert_eq!(
            world.texts("SELECT event_type FROM audit WHERE source = 'schedule' ORDER BY id").await,
            ["schedule.created", "schedule.suspended", "schedule.resumed"]
        );
    }
}

/// One schedule whose row nobody can read must not stop the others.
#[tokio::test]
async fn an_unreadable_schedule_stops_only_itself() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *"), schedule("b", "0 * * * *")]).await;
        world.change("UPDATE schedule SET definition = '{' WHERE slug = 'a'").await;
        world.pass(HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 1);
        assert_eq!(world.number("SELECT count(*) FROM audit WHERE event_type = 'schedule.unreadable'").await, 1);
        // Deployed again, it goes on.
        world.deploy(&[schedule("a", "0 * * * *"), schedule("b", "0 * * * *")]).await;
        world.run_all(&Outcome::success()).await;
        world.pass(HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 2);
        assert_eq!(world.clock.now(), world.now());
    }
}

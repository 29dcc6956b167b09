//! Promise 9: a range of slots, in order, so many at once.

use scheduler::SchedulerError;
use scheduler::clock::{Clock, SECOND};
use scheduler::model::{ErrorClass, Outcome};
use scheduler::request::Backfill;

use crate::world::{HOUR, World, actor, schedule, worlds};

fn last_hours(world: &World, hours: i64) -> Backfill {
    Backfill {
        slug: "a".to_owned(),
        from: world.now() - hours * 3600 * SECOND,
        until: world.now(),
        newest_first: false,
        parallelism: 1,
        actor: actor(),
        is_dry_run: false,
    }
}

#[tokio::test]
async fn slots_run_oldest_first_one_at_a_time() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        let plan = world.one.backfill(Backfill { is_dry_run: true, ..last_hours(&world, 4) }).await.unwrap();
        assert_eq!((plan.id, plan.slots.len()), (None, 4));
        assert_eq!(world.number("SELECT count(*) FROM slot").await, 0);
        let plan = world.one.backfill(last_hours(&world, 4)).await.unwrap();
        let mut ran = Vec::new();
        for n in 0..4 {
            let (one, two) = tokio::join!(world.one.tick(), world.two.tick());
            assert_eq!(one.unwrap().runs + two.unwrap().runs, 1, "{n}");
            assert_eq!(world.two.tick().await.unwrap().runs, 0);
            let claim = world.claim_one().await;
            ran.push(claim.run.spec.interval.unwrap().start);
            assert_eq!(claim.run.spec.backfill_id, plan.id);
            // A failure ends its slot, not the backfill.
            let outcome = if n == 1 { Outcome::failed(ErrorClass::Command, "x") } else { Outcome::success() };
            world.one.finish(claim.lease, outcome).await.unwrap();
        }
        assert_eq!(ran, plan.slots);
        world.one.tick().await.unwrap();
        assert_eq!(world.one_text("SELECT state FROM backfill").await, "DONE");
        // The slot of noon has one row for the backfill… and the clock's own slots go on.
        world.pass(HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 1);
    }
}

#[tokio::test]
async fn several_at_once_newest_first() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        let backfill = Backfill { newest_first: true, parallelism: 3, ..last_hours(&world, 5) };
        let plan = world.one.backfill(backfill).await.unwrap();
        assert!(plan.slots.is_sorted_by(|one, other| one > other));
        assert_eq!(world.one.tick().await.unwrap().runs, 3);
        let claimed = world.one.claim(9).await.unwrap();
        assert_eq!(
            claimed.iter().map(|claim| claim.run.spec.interval.unwrap().start).collect::<Vec<_>>(),
            plan.slots[..3]
        );
        world.one.finish(claimed[1].lease, Outcome::success()).await.unwrap();
        assert_eq!(world.one.tick().await.unwrap().runs, 1);
        // The clock is not held up.
        world.pass(HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 1);
        assert_eq!(world.clock.now(), world.now());
    }
}

#[tokio::test]
async fn a_canceled_backfill_starts_nothing_more() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        let id = world.one.backfill(Backfill { parallelism: 2, ..last_hours(&world, 4) }).await.unwrap().id.unwrap();
        world.one.tick().await.unwrap();
        world.claim_one().await;
        world.one.cancel_backfill(id, &actor()).await.unwrap();
        assert_eq!(world.runs().await, ["1 CANCELING 1 backfill", "2 CANCELED 1 backfill"]);
        assert_eq!(world.number("SELECT count(*) FROM slot WHERE decision = 'CANCELED'").await, 2);
        assert_eq!(world.one.tick().await.unwrap().runs, 0);
        assert!(matches!(world.one.cancel_backfill(9, &actor()).await, Err(SchedulerError::UnknownBackfill { id: 9 })));
    }
}

#[tokio::test]
async fn a_range_without_slots_is_refused() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *"), schedule("off", "OFF")]).await;
        let all = last_hours(&world, 4);
        for (wrong, what) in [
            (
                Backfill { slug: "off".to_owned(), ..all.clone() },
                "schedule 'off' has no cron expression, so it has no slots",
            ),
            (Backfill { parallelism: 0, ..all.clone() }, "a backfill with a parallelism of 0 would never run"),
            (
                Backfill { until: all.from, ..all.clone() },
                "schedule 'a' has no slots from 2026-03-02 08:00:00 UTC until 2026-03-02 08:00:00 UTC",
            ),
            (Backfill { from: 0, ..all }, "the range has more than 10000 slots of schedule 'a'"),
        ] {
            assert_eq!(world.one.backfill(wrong).await.unwrap_err().to_string(), what);
        }
    }
}

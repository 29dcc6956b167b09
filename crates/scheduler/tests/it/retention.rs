//! Old history goes, and what is still needed stays.

use std::time::Duration;

use scheduler::model::{ErrorClass, Outcome};
use scheduler::request::Retention;

use crate::world::{schedule, worlds};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn old_runs_go_with_all_that_belongs_to_them_but_the_newest_stay() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 0 * * *"), schedule("rare", "OFF")]).await;
        world.trigger("rare").await.unwrap();
        world.run_all(&Outcome::success()).await;
        for day in 0..40_i64 {
            world.pass(DAY);
            world.one.tick().await.unwrap();
            for claim in world.one.claim(9).await.unwrap() {
                let id = claim.lease.run_id;
                for sql in [
                    format!(
                        "INSERT INTO command (run_id, position, kind, text, state) VALUES ({id}, 0, 'command', 'x', 'SUCCESS')"
                    ),
                    format!(
                        "INSERT INTO log_chunk (command_id, sequence, stream, text, at) SELECT id, 0, 'STDOUT', 'x', 0 FROM command WHERE run_id = {id}"
                    ),
                    format!(
                        "INSERT INTO artifact (run_id, command_id, path, size_in_bytes, sha256, storage_key, created_at) \
                         SELECT run_id, id, 'p', 1, 'x', 'k{}', 0 FROM command WHERE run_id = {id}",
                        day / 15
                    ),
                ] {
                    world.change(&sql).await;
                }
                let outcome = if day % 4 == 0 { Outcome::error(ErrorClass::Lost, "x") } else { Outcome::success() };
                world.one.finish(claim.lease, outcome).await.unwrap();
            }
        }
        let before = world.number("SELECT count(*) FROM run").await;
        let retention = Retention { runs_days: 20, keep_newest: 5, ..Retention::default() };
        let removed = world.one.retain(retention).await.unwrap();
        assert!(removed.runs > 15 && removed.slots > 10, "{removed:?}");
        assert!(!removed.has_more);
        // Whole months of files whose last row is gone.
        assert_eq!(removed.storage_keys, ["k0"]);
        assert_eq!(world.number("SELECT count(*) FROM run").await, before - i64::try_from(removed.runs).unwrap());
        assert_eq!(
            world
                .number("SELECT count(*) FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE s.slug = 'rare'")
                .await,
            1
        );
        for orphans in [
            "SELECT count(*) FROM command WHERE run_id NOT IN (SELECT id FROM run)",
            "SELECT count(*) FROM log_chunk WHERE command_id NOT IN (SELECT id FROM command)",
            "SELECT count(*) FROM artifact WHERE run_id NOT IN (SELECT id FROM run)",
            "SELECT count(*) FROM audit WHERE source = 'run' AND source_id NOT IN (SELECT id FROM run)",
            "SELECT count(*) FROM slot WHERE run_id IS NOT NULL AND run_id NOT IN (SELECT id FROM run)",
            "SELECT count(*) FROM run WHERE family_id NOT IN (SELECT id FROM run)",
        ] {
            assert_eq!(world.number(orphans).await, 0, "{orphans}");
        }
        let again = world.one.retain(retention).await.unwrap();
        assert_eq!((again.runs, again.slots), (0, 0));
        // Only the newest five are left in the end.
        world.pass(400 * DAY);
        world.one.suspend("a", None, &crate::world::actor()).await.unwrap();
        world.one.retain(Retention { audit_days: 30, ..retention }).await.unwrap();
        let left =
            world.number("SELECT count(*) FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE s.slug = 'a'").await;
        assert!((5..=8).contains(&left), "{left}");
        assert_eq!(world.number("SELECT count(*) FROM outbox WHERE state <> 'PENDING'").await, 0);
        let pending = world.number("SELECT count(*) FROM outbox").await;
        assert!(pending > 0, "what was not told yet is not forgotten");
    }
}

/// Somebody's mistake with the date must not cost the history.
#[tokio::test]
async fn a_clock_that_was_put_ahead_removes_nothing() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        for _ in 0..3 {
            world.trigger("a").await.unwrap();
            world.run_all(&Outcome::success()).await;
        }
        let retention = Retention { keep_newest: 0, ..Retention::default() };
        world.clock.step(365 * 24 * 3600);
        assert_eq!(world.one.retain(retention).await.unwrap().runs, 0);
        world.clock.step(-365 * 24 * 3600);
        world.pass(365 * DAY);
        assert_eq!(world.one.retain(retention).await.unwrap().runs, 3);
    }
}

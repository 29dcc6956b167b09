//! How many runs are active at once: per workspace, connection and workgroup, counted atomically.

use scheduler::SchedulerError;
use scheduler::model::Outcome;
use schedules::OverlapPolicy;

use crate::world::{World, actor, schedule, worlds};

async fn places(world: &World) {
    world
        .change(
            "INSERT INTO connection (slug, name, scope, definition, created_at, updated_at) VALUES \
             ('lake', 'Lake', 'production', '{\"region_name\":\"eu-west-1\",\"work_group\":\"etl\"}', 0, 0)",
        )
        .await;
    world
        .change(
            "INSERT INTO environment (slug, name, definition, created_at, updated_at) VALUES \
             ('production', 'P', '{\"code\":{\"kind\":\"local\",\"path\":\"/p\"},\"connection\":\"lake\"}', 0, 0), \
             ('other', 'O', '{\"code\":{\"kind\":\"local\",\"path\":\"/p\"}}', 0, 0)",
        )
        .await;
}

#[tokio::test]
async fn no_limit_is_passed_whoever_claims() {
    for world in worlds().await {
        places(&world).await;
        let mut all: Vec<_> = (0..12).map(|n| schedule(&format!("s{n}"), "OFF")).collect();
        for schedule in &mut all[8..] {
            schedule.environment = "other".to_owned();
        }
        world.deploy(&all).await;
        for (key, max) in [("connection:lake", 3), ("workgroup:eu-west-1/etl", 2), ("workspace", 5)] {
            world.one.set_limit(key, Some(max), &actor()).await.unwrap();
        }
        for n in 0..12 {
            world.trigger(&format!("s{n}")).await.unwrap();
        }
        let mut ran = 0;
        loop {
            let third = world.server().await;
            let (one, two, three) = tokio::join!(world.one.claim(12), world.two.claim(12), third.claim(12));
            let mut claimed: Vec<_> = [one, two, three].into_iter().flat_map(Result::unwrap).collect();
            // Others may wait behind those that a limit holds back: they are not held back.
            claimed.extend(world.one.claim(12).await.unwrap());
            if claimed.is_empty() {
                break;
            }
            let lake = claimed.iter().filter(|claim| claim.run.spec.environment == "production").count();
            assert!(lake <= 2, "{lake} in the workgroup");
            assert!(claimed.len() <= 5, "{} in the workspace", claimed.len());
            assert_eq!(
                world.number("SELECT count(*) FROM run_limit WHERE key = 'workspace' AND is_active = 1").await,
                i64::try_from(claimed.len()).unwrap()
            );
            if ran == 0 {
                assert_eq!(claimed.len(), 5, "the limits let five begin");
            }
            for claim in claimed {
                ran += 1;
                let owner = [&world.one, &world.two, &third]
                    .into_iter()
                    .find(|server| claim.run.lease_server.as_deref() == Some(server.server()));
                owner.unwrap().finish(claim.lease, Outcome::success()).await.unwrap();
            }
        }
        assert_eq!(ran, 12);
        assert_eq!(world.number("SELECT count(*) FROM run_limit").await, 0);
    }
}

/// Catch-up runs of one schedule with `overlap_policy: queue_one` never run side by side, whoever claims.
#[tokio::test]
async fn a_schedule_that_takes_turns_has_one_active_run() {
    for world in worlds().await {
        let mut queue = schedule("a", "OFF");
        queue.overlap_policy = OverlapPolicy::QueueOne;
        world.deploy(&[queue]).await;
        world.trigger("a").await.unwrap();
        let first = world.claim_one().await;
        world.trigger("a").await.unwrap();
        let (one, two) = tokio::join!(world.one.claim(5), world.two.claim(5));
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 0);
        world.one.finish(first.lease, Outcome::success()).await.unwrap();
        let (one, two) = tokio::join!(world.one.claim(5), world.two.claim(5));
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_limit_that_is_none_is_refused() {
    for world in worlds().await {
        for (key, max) in [("workspace", Some(0)), ("schedule:a", Some(2)), ("nonsense", None)] {
            let refused = world.one.set_limit(key, max, &actor()).await.unwrap_err();
            assert!(matches!(refused, SchedulerError::Invalid { .. }), "{refused}");
        }
        world.one.set_limit("workspace", Some(1), &actor()).await.unwrap();
        world.one.set_limit("workspace", None, &actor()).await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM concurrency_limit").await, 0);
        assert_eq!(world.number("SELECT count(*) FROM audit WHERE event_type = 'limit.set'").await, 2);
    }
}

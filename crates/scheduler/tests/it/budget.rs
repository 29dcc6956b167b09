//! Budgets warn once, or stop what runs and what would begin.

use scheduler::model::{Outcome, StopCause};
use scheduler::request::Beat;

use crate::world::{HOUR, World, schedule, worlds};

async fn spend(world: &World, run_id: i64, query: &str, micro_dollars: i64) {
    world
        .change(&format!(
            "INSERT INTO query_execution (run_id, query_execution_id, command_id, work_group, region, state, started_at, micro_dollars) \
             VALUES ({run_id}, '{query}', 1, 'w', 'r', 'SUCCEEDED', {}, {micro_dollars})",
            world.now()
        ))
        .await;
}

async fn budget(world: &World, scope: &str, period: &str, action: &str, micro_dollars: i64) {
    world
        .change(&format!(
            "INSERT INTO budget (scope, period, action, micro_dollars, created_at) VALUES ('{scope}', '{period}', '{action}', {micro_dollars}, 0)"
        ))
        .await;
}

#[tokio::test]
async fn a_budget_of_a_run_stops_it() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF"), schedule("b", "OFF")]).await;
        budget(&world, "schedule:a", "run", "stop", 2_500_000).await;
        world.trigger("a").await.unwrap();
        world.trigger("b").await.unwrap();
        let claimed = world.one.claim(2).await.unwrap();
        spend(&world, 1, "q1", 2_000_000).await;
        spend(&world, 2, "q2", 9_000_000).await;
        world.one.tick().await.unwrap();
        assert_eq!(world.one.heartbeats(&[claimed[0].lease]).await.unwrap(), [Beat::Continue]);
        spend(&world, 1, "q3", 500_000).await;
        world.two.tick().await.unwrap();
        let beats = world.one.heartbeats(&[claimed[0].lease, claimed[1].lease]).await.unwrap();
        let reason = "the budget of schedule:a is $2.50 per run, and $2.50 are spent".to_owned();
        assert_eq!(beats, [Beat::Stop { cause: StopCause::Budget, reason: reason.clone() }, Beat::Continue]);
        world.one.finish(claimed[0].lease, StopCause::Budget.outcome(reason)).await.unwrap();
        // Somebody must know, and it is not tried again.
        assert_eq!(world.runs().await, ["1 CANCELED 1 api", "2 STARTING 1 api"]);
        assert_eq!(world.outbox().await, ["run:1:failed:webhook:hook"]);
    }
}

#[tokio::test]
async fn an_exhausted_budget_lets_nothing_begin_until_the_next_day() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF"), schedule("b", "OFF")]).await;
        budget(&world, "workspace", "day", "stop", 1_000_000).await;
        world.trigger("a").await.unwrap();
        let claim = world.claim_one().await;
        spend(&world, 1, "q1", 1_000_000).await;
        world.one.finish(claim.lease, Outcome::success()).await.unwrap();
        world.trigger("b").await.unwrap();
        assert_eq!(world.one.claim(5).await.unwrap(), []);
        assert_eq!(
            world.one_text("SELECT state || ' ' || state_reason FROM run WHERE id = 2").await,
            "SKIPPED not started: the budget of workspace is $1.00 per day, and $1.00 are spent"
        );
        assert_eq!(world.outbox().await[1], "run:2:skipped:webhook:hook");
        world.pass(12 * HOUR);
        world.trigger("b").await.unwrap();
        assert_eq!(world.one.claim(5).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_warning_is_given_once() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        budget(&world, "workspace", "month", "warn", 1_000_000).await;
        world.trigger("a").await.unwrap();
        let claim = world.claim_one().await;
        spend(&world, 1, "q1", 3_000_000).await;
        let (one, two) = tokio::join!(world.one.tick(), world.two.tick());
        one.unwrap();
        two.unwrap();
        world.one.tick().await.unwrap();
        assert_eq!(world.one.heartbeats(&[claim.lease]).await.unwrap(), [Beat::Continue]);
        assert_eq!(world.outbox().await.len(), 1);
        assert!(world.outbox().await[0].starts_with("budget:workspace:month:"));
        assert_eq!(world.number("SELECT count(*) FROM audit WHERE event_type = 'budget.warned'").await, 1);
    }
}

//! Schedules as code: a diff first, all or nothing, history kept.

use scheduler::SchedulerError;
use scheduler::clock::SECOND;
use scheduler::model::Outcome;
use scheduler::request::{ChangeKind, Deploy};
use schedules::{OverlapPolicy, ScheduleCommand};
use serde_json::json;

use crate::world::{HOUR, MINUTE, actor, schedule, worlds};

#[tokio::test]
async fn a_deployment_says_what_changes_and_a_dry_run_changes_nothing() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *"), schedule("b", "OFF")]).await;
        world.one.create_schedule(&schedule("ui", "OFF"), "ui", &actor()).await.unwrap();
        let mut changed = schedule("a", "30 * * * *");
        changed.description = Some("orders".to_owned());
        let wanted = vec![changed, schedule("c", "OFF")];
        let deploy = Deploy { schedules: wanted, source: "yaml".to_owned(), actor: actor(), is_dry_run: true };
        let dry = world.one.deploy(deploy.clone()).await.unwrap();
        let kinds: Vec<_> = dry.changes.iter().map(|change| (change.slug.as_str(), change.kind)).collect();
        assert_eq!(kinds, [("a", ChangeKind::Update), ("c", ChangeKind::Create), ("b", ChangeKind::Delete)]);
        let fields: Vec<_> =
            dry.changes[0].fields.iter().map(|field| (field.field.as_str(), &field.before, &field.after)).collect();
        assert_eq!(
            fields,
            [
                ("cron", &Some(json!("0 * * * *")), &Some(json!("30 * * * *"))),
                ("description", &None, &Some(json!("orders")))
            ]
        );
        assert_eq!(
            world.texts("SELECT slug FROM schedule WHERE deleted_at IS NULL ORDER BY slug").await,
            ["a", "b", "ui"]
        );
        let done = world.one.deploy(Deploy { is_dry_run: false, ..deploy.clone() }).await.unwrap();
        assert_eq!(done, dry);
        assert_eq!(
            world.texts("SELECT slug FROM schedule WHERE deleted_at IS NULL ORDER BY slug").await,
            ["a", "c", "ui"]
        );
        let again = world.one.deploy(deploy).await.unwrap();
        assert_eq!((again.changes.len(), again.unchanged), (0, 2));
        let twice = world.try_deploy(&[schedule("x", "OFF"), schedule("x", "OFF")]).await.unwrap_err();
        assert_eq!(twice.to_string(), "two schedules have the slug 'x'");
    }
}

/// Slots that were due before the change are decided as they were planned; the new expression begins now.
#[tokio::test]
async fn a_changed_cron_loses_no_slot_and_makes_up_for_none() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        world.pass(70 * MINUTE);
        world.deploy(&[schedule("a", "*/5 * * * *")]).await;
        assert_eq!(world.slots().await, ["03-02 13:00 STARTED made up for 10 minutes after its time"]);
        assert_eq!(world.one.tick().await.unwrap().next_slot_at, Some(world.now() + 300 * SECOND));
        world.run_all(&Outcome::success()).await;
        world.pass(5 * MINUTE);
        world.one.tick().await.unwrap();
        assert_eq!(world.slots().await.len(), 2);
        // A change of something else leaves the clock alone.
        world.pass(4 * MINUTE);
        let mut described = schedule("a", "*/5 * * * *");
        described.description = Some("x".to_owned());
        world.deploy(&[described]).await;
        assert_eq!(world.one.tick().await.unwrap().next_slot_at, Some(world.now() + 60 * SECOND));
    }
}

#[tokio::test]
async fn a_deleted_schedule_ends_what_waits_and_keeps_its_history() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "0 * * * *"), schedule("b", "OFF")]).await;
        world.trigger("a").await.unwrap();
        world.trigger("b").await.unwrap();
        let active = world.claim_one().await;
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        assert_eq!(world.runs().await, ["1 STARTING 1 api", "2 CANCELED 1 api"]);
        world.deploy(&[]).await;
        world.pass(2 * HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 0);
        world.one.finish(active.lease, Outcome::success()).await.unwrap();
        assert!(matches!(world.trigger("a").await, Err(SchedulerError::UnknownSchedule { .. })));
        // It comes back as itself.
        world.deploy(&[schedule("a", "0 * * * *")]).await;
        assert_eq!(world.number("SELECT count(*) FROM schedule WHERE slug = 'a'").await, 1);
        world.pass(HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 1);
    }
}

#[tokio::test]
async fn files_are_changed_in_files() {
    for world in worlds().await {
        world.deploy(&[schedule("a", "OFF")]).await;
        let refused = world.one.delete_schedule("a", &actor()).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "schedule 'a' comes from the project's schedule files: it cannot be deleted here"
        );
        assert!(matches!(
            world.one.update_schedule(&schedule("a", "OFF"), &actor()).await,
            Err(SchedulerError::FromElsewhere { .. })
        ));
        assert!(matches!(
            world.one.create_schedule(&schedule("a", "OFF"), "api", &actor()).await,
            Err(SchedulerError::Exists { .. })
        ));
        world.one.create_schedule(&schedule("api", "OFF"), "api", &actor()).await.unwrap();
        world.one.update_schedule(&schedule("api", "0 * * * *"), &actor()).await.unwrap();
        world.pass(HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 1);
        world.one.delete_schedule("api", &actor()).await.unwrap();
        assert_eq!(world.runs().await, ["1 CANCELED 1 slot"]);
    }
}

/// What somebody suspended at night is not switched on by the next deployment, unless the file says something new.
#[tokio::test]
async fn a_suspension_by_hand_outlives_deployments() {
    for world in worlds().await {
        let mut file = schedule("a", "0 * * * *");
        world.deploy(std::slice::from_ref(&file)).await;
        world.one.suspend("a", Some("incident"), &actor()).await.unwrap();
        file.description = Some("x".to_owned());
        world.deploy(std::slice::from_ref(&file)).await;
        assert_eq!(world.number("SELECT suspended FROM schedule").await, 1);
        file.suspended = true;
        world.deploy(std::slice::from_ref(&file)).await;
        file.suspended = false;
        world.deploy(std::slice::from_ref(&file)).await;
        assert_eq!(world.number("SELECT suspended FROM schedule").await, 0);
        world.pass(HOUR);
        assert_eq!(world.one.tick().await.unwrap().runs, 1);
    }
}

#[tokio::test]
async fn a_run_that_waits_does_what_it_was_made_for_and_a_deployment_says_so() {
    for world in worlds().await {
        let version = |command: &str| {
            let mut schedule = schedule("a", "OFF");
            schedule.overlap_policy = OverlapPolicy::QueueOne;
            schedule.commands = vec![ScheduleCommand::new(command)];
            schedule
        };
        world.deploy(&[version("dbt run")]).await;
        world.trigger("a").await.unwrap();
        let active = world.claim_one().await;
        let waiting = world.trigger("a").await.unwrap().run_id;
        let schedules = vec![version("dbt build")];
        let deploy = Deploy { schedules, source: "yaml".to_owned(), actor: actor(), is_dry_run: true };
        assert_eq!(world.one.deploy(deploy.clone()).await.unwrap().changes[0].waiting, [waiting]);
        let done = world.one.deploy(Deploy { is_dry_run: false, ..deploy }).await.unwrap();
        assert_eq!(done.changes[0].waiting, [waiting]);
        let refused = world.trigger("a").await.unwrap_err();
        assert!(matches!(refused, SchedulerError::WaitsOtherwise { run_id, .. } if run_id == waiting), "{refused}");
        world.one.finish(active.lease, Outcome::success()).await.unwrap();
        let second = world.claim_one().await;
        assert_eq!(second.run.spec.commands[0].text, "dbt run");
        let third = world.trigger("a").await.unwrap();
        assert!(third.is_new);
        world.one.finish(second.lease, Outcome::success()).await.unwrap();
        assert_eq!(world.claim_one().await.run.spec.commands[0].text, "dbt build");
    }
}

//! Promise 8: one trigger, one run, however often it is sent; overrides; merges and pull requests.

use scheduler::SchedulerError;
use scheduler::model::{ErrorClass, Outcome, RunState};
use scheduler::request::{Beat, CommandOverride, Idempotency, Merge, PullRequest, Trigger};
use schedules::{Deferral, DeferralTarget, MergeConcurrency, OverlapPolicy, ScheduleCommand};

use crate::world::{MINUTE, actor, schedule, worlds};

#[tokio::test]
async fn the_same_call_sent_again_is_the_same_run() {
    for world in worlds().await {
        let mut allow = schedule("a", "OFF");
        allow.overlap_policy = OverlapPolicy::Allow;
        world.deploy(&[allow]).await;
        let call = Trigger { branch: Some("main".to_owned()), ..Trigger::new("a", actor()) };
        let (one, two) = tokio::join!(world.one.trigger(call.clone()), world.two.trigger(call.clone()));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.run_id, two.run_id);
        assert_ne!(one.is_new, two.is_new);
        // Another branch, another reason: another run.
        let other = Trigger { reason: Some("hotfix".to_owned()), ..call.clone() };
        assert!(world.one.trigger(other).await.unwrap().is_new);
        // After the window, and after a step of the clock that leaves the old call in the future, it is a new wish.
        world.pass(2 * MINUTE);
        assert!(world.one.trigger(call.clone()).await.unwrap().is_new);
        world.clock.step(-86_400);
        assert!(world.one.trigger(call).await.unwrap().is_new);
        let keyed = Trigger { idempotency: Idempotency::Key("delivery-1".to_owned()), ..Trigger::new("a", actor()) };
        let first = world.one.trigger(keyed.clone()).await.unwrap();
        world.pass(60 * MINUTE);
        let again = world.two.trigger(Trigger { reason: Some("x".to_owned()), ..keyed }).await.unwrap();
        assert_eq!((again.run_id, again.is_new), (first.run_id, false));
    }
}

#[tokio::test]
async fn a_busy_schedule_refuses_or_lets_one_wait() {
    for world in worlds().await {
        let mut queue = schedule("b", "OFF");
        queue.overlap_policy = OverlapPolicy::QueueOne;
        world.deploy(&[schedule("a", "OFF"), queue]).await;
        world.trigger("a").await.unwrap();
        let refused = world.trigger("a").await.unwrap_err();
        assert_eq!(refused.to_string(), "schedule 'a' has an unfinished run (1): AlreadyRunningException");
        assert_eq!(world.number("SELECT count(*) FROM audit WHERE event_type = 'trigger.refused'").await, 1);
        assert!(world.trigger("b").await.unwrap().is_new);
        world.one.claim(5).await.unwrap();
        let waiting = world.trigger("b").await.unwrap();
        assert!(waiting.is_new);
        let joined = world.trigger("b").await.unwrap();
        assert_eq!((joined.run_id, joined.is_new), (waiting.run_id, false));
        assert_eq!(world.one.claim(5).await.unwrap(), []);
        let mut other = Trigger::new("b", actor());
        other.variables.insert("x".to_owned(), 1.into());
        let refused = world.one.trigger(other).await.unwrap_err().to_string();
        assert!(
            refused.starts_with("schedule 'b' has a run that waits (3), with other commands, variables"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn overrides_hold_for_one_run() {
    for world in worlds().await {
        let mut own = schedule("a", "OFF");
        own.commands = vec![
            ScheduleCommand { command: "dbt source freshness".to_owned(), continue_on_error: true },
            ScheduleCommand::new("dbt build"),
        ];
        own.git_branch = Some("main".to_owned());
        own.variables.insert("x".to_owned(), 1.into());
        world.deploy(&[own]).await;
        let text = |text: &str, continue_on_error| CommandOverride { text: text.to_owned(), continue_on_error };
        let mut call = Trigger::new("a", actor());
        call.commands =
            Some(vec![text("dbt source freshness", None), text("dbt run", None), text("dbt test", Some(false))]);
        call.branch = Some("feature".to_owned());
        call.variables.insert("x".to_owned(), 2.into());
        world.one.trigger(call.clone()).await.unwrap();
        let run = world.claim_one().await;
        let commands = |run: &scheduler::model::Run| {
            run.spec
                .commands
                .iter()
                .map(|command| (command.text.clone(), command.continue_on_error))
                .collect::<Vec<_>>()
        };
        let named = |list: &[(&str, bool)]| list.iter().map(|(text, on)| ((*text).to_owned(), *on)).collect::<Vec<_>>();
        assert_eq!(
            commands(&run.run),
            named(&[("dbt source freshness", true), ("dbt run", false), ("dbt test", false)])
        );
        assert_eq!((run.run.branch.as_deref(), run.run.spec.variables["x"].as_i64()), (Some("feature"), Some(2)));
        world.one.finish(run.lease, Outcome::success()).await.unwrap();

        world.pass(2 * MINUTE);
        call.continue_on_error = Some(true);
        world.one.trigger(call.clone()).await.unwrap();
        let run = world.claim_one().await;
        assert_eq!(
            commands(&run.run),
            named(&[("dbt source freshness", true), ("dbt run", true), ("dbt test", false)])
        );
        world.one.finish(run.lease, Outcome::success()).await.unwrap();

        world.trigger("a").await.unwrap();
        let run = world.claim_one().await;
        assert_eq!(commands(&run.run), named(&[("dbt source freshness", true), ("dbt build", false)]));
        assert_eq!((run.run.branch.as_deref(), run.run.spec.variables["x"].as_i64()), (Some("main"), Some(1)));

        call.commands = Some(Vec::new());
        assert!(matches!(world.one.trigger(call).await, Err(SchedulerError::Invalid { .. })));
        let unknown = world.trigger("aa").await.unwrap_err();
        assert_eq!(
            (unknown.to_string().as_str(), unknown.fix().as_str()),
            ("no schedule is named 'aa'", "did you mean 'a'?")
        );
    }
}

fn merge(commit: &str, delivery: &str) -> Merge {
    Merge {
        repository: None,
        branch: "main".to_owned(),
        commit: commit.to_owned(),
        delivery: Some(delivery.to_owned()),
        actor: actor(),
    }
}

#[tokio::test]
async fn a_merge_starts_the_schedules_of_its_branch_once() {
    for world in worlds().await {
        let on_merge = |slug: &str, branch: &str| {
            let mut schedule = schedule(slug, "OFF");
            schedule.git_branch = Some(branch.to_owned());
            schedule.trigger_on_merge = true;
            schedule
        };
        let mut queued = on_merge("queued", "main");
        queued.concurrency = Some(MergeConcurrency::Queue);
        let mut parallel = on_merge("parallel", "main");
        parallel.concurrency = Some(MergeConcurrency::Parallel);
        let mut suspended = on_merge("suspended", "main");
        suspended.suspended = true;
        world.deploy(&[on_merge("plain", "main"), on_merge("other", "dev"), queued, parallel, suspended]).await;
        assert_eq!(world.one.merged(merge("c1", "d1")).await.unwrap().len(), 3);
        // The delivery is sent again, and another one tells of the same merge.
        for delivery in ["d1", "d2"] {
            let again = world.two.merged(merge("c1", delivery)).await.unwrap();
            assert!(again.iter().all(|triggered| !triggered.is_new), "{again:?}");
        }
        assert_eq!(world.one.claim(9).await.unwrap().len(), 3);
        world.one.merged(merge("c2", "d3")).await.unwrap();
        let third = world.one.merged(merge("c3", "d4")).await.unwrap();
        // plain is busy and refuses; queued lets one wait, which the third joins; parallel runs all, each at its commit.
        assert_eq!(third.iter().filter(|triggered| triggered.is_new).count(), 1);
        let runs = world.texts("SELECT s.slug || ' ' || COALESCE(r.commit_hash, '-') FROM run r JOIN schedule s ON s.id = r.schedule_id ORDER BY s.slug, r.id").await;
        assert_eq!(runs, ["parallel c1", "parallel c2", "parallel c3", "plain -", "queued -", "queued -"]);
        assert_eq!(world.one.claim(9).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_pull_request_builds_its_newest_commit() {
    for world in worlds().await {
        let mut ci = schedule("ci", "OFF");
        ci.turbo_ci = Some(Deferral {
            enabled: true,
            target: DeferralTarget::Schedule("main-build".to_owned()),
            successful_runs_only: true,
        });
        world.deploy(&[ci, schedule("main-build", "OFF")]).await;
        let request = |number: &str, commit: &str| PullRequest {
            repository: None,
            number: number.to_owned(),
            branch: "feature".to_owned(),
            commit: commit.to_owned(),
            is_update: false,
            delivery: Some(format!("d-{commit}")),
            actor: actor(),
        };
        assert!(world.one.pull_request(request("7", "c1")).await.unwrap()[0].is_new);
        assert!(!world.two.pull_request(request("7", "c1")).await.unwrap()[0].is_new);
        // Another pull request runs beside it.
        world.one.pull_request(request("8", "c9")).await.unwrap();
        let claimed = world.one.claim(9).await.unwrap();
        assert_eq!(claimed.len(), 2);
        let spec = &claimed[0].run.spec;
        assert!(spec.is_turbo_ci);
        assert_eq!(spec.defer_to.as_ref().and_then(|defer| defer.schedule.as_deref()), Some("main-build"));
        assert_eq!(
            (claimed[0].run.commit_hash.as_deref(), claimed[0].run.pull_request.as_deref()),
            (Some("c1"), Some("7"))
        );
        // Newer commits: what runs is stopped, what waits does not begin.
        world.one.pull_request(request("7", "c2")).await.unwrap();
        world.one.pull_request(request("7", "c3")).await.unwrap();
        assert_eq!(
            world.runs().await,
            [
                "1 CANCELING 1 pull_request",
                "2 STARTING 1 pull_request",
                "3 SKIPPED 1 pull_request",
                "4 QUEUED 1 pull_request"
            ]
        );
        let beats = world.one.heartbeats(&[claimed[0].lease]).await.unwrap();
        assert!(
            matches!(&beats[..], [Beat::Stop { reason, .. }] if reason == "pull request 7 has a newer commit, c2"),
            "{beats:?}"
        );
        world.one.finish(claimed[0].lease, Outcome::failed(ErrorClass::Command, "killed")).await.unwrap();
        assert_eq!(world.one_text("SELECT state FROM run WHERE id = 1").await, RunState::Canceled.as_str());
    }
}

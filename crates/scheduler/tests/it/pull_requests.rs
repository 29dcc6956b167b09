//! Pull requests from the repository that they are of to the schema that is gone.

use std::time::Duration;

use scheduler::model::{ErrorClass, Outcome};
use scheduler::request::{ClosedPullRequest, Merge, PullRequest, RetryMode};
use scheduler::worker::pull_request_schema;
use schedules::{Deferral, DeferralTarget};

use crate::world::{World, actor, schedule, worlds};

fn request(repository: &str, commit: &str) -> PullRequest {
    PullRequest {
        repository: Some(repository.to_owned()),
        number: "7".to_owned(),
        branch: "feature".to_owned(),
        commit: commit.to_owned(),
        is_update: false,
        delivery: Some(format!("d-{commit}")),
        actor: actor(),
    }
}

fn closed(repository: &str) -> ClosedPullRequest {
    ClosedPullRequest { repository: repository.to_owned(), number: "7".to_owned(), actor: actor() }
}

/// Two environments with code of two repositories; a schedule for pull requests and one for merges in each.
async fn teams(world: &World) {
    for (slug, code, status) in [
        (
            "shop",
            r#"{"kind":"git","url":"https://git.example/acme/shop.git"}"#,
            r#","commit_status":{"host":"github","token":"T"}"#,
        ),
        ("web", r#"{"kind":"git","url":"git@git.example:acme/web.git"}"#, ""),
    ] {
        world
            .change(&format!(
                "INSERT INTO environment (slug, name, definition, created_at, updated_at) \
                 VALUES ('{slug}', '{slug}', '{{\"code\":{code}{status}}}', 0, 0)"
            ))
            .await;
    }
    let mut all = Vec::new();
    for environment in ["shop", "web"] {
        let mut ci = schedule(&format!("{environment}-ci"), "OFF");
        ci.environment = environment.to_owned();
        let target = DeferralTarget::Schedule(format!("{environment}-main"));
        ci.turbo_ci = Some(Deferral { enabled: true, target, successful_runs_only: true });
        let mut main = schedule(&format!("{environment}-main"), "OFF");
        main.environment = environment.to_owned();
        main.trigger_on_merge = true;
        main.git_branch = Some("main".to_owned());
        all.extend([ci, main]);
    }
    world.deploy(&all).await;
}

#[tokio::test]
async fn only_schedules_of_the_repository_start() {
    for world in worlds().await {
        teams(&world).await;
        let merge = |repository: &str, commit: &str| Merge {
            repository: Some(repository.to_owned()),
            branch: "main".to_owned(),
            commit: commit.to_owned(),
            delivery: None,
            actor: actor(),
        };
        assert_eq!(world.one.merged(merge("Acme/Web", "c1")).await.unwrap().len(), 1);
        assert_eq!(world.one.merged(merge("acme/other", "c2")).await.unwrap().len(), 0);
        assert_eq!(world.one.pull_request(request("acme/shop", "c3")).await.unwrap().len(), 1);
        assert_eq!(world.one.pull_request(request("acme/workshop", "c4")).await.unwrap().len(), 0);
        let runs = "SELECT s.slug FROM run r JOIN schedule s ON s.id = r.schedule_id ORDER BY r.id";
        assert_eq!(world.texts(runs).await, ["web-main", "shop-ci"]);
        // What the host is told: only where the environment says how.
        let told = "SELECT channel || ' ' || target || ' ' || event FROM outbox WHERE channel = 'commit_status'";
        assert_eq!(world.texts(told).await, ["commit_status shop begin"]);
    }
}

#[tokio::test]
async fn a_closed_pull_requests_schema_is_dropped_by_one_server_when_nothing_uses_it() {
    for world in worlds().await {
        teams(&world).await;
        let run = world.one.pull_request(request("acme/shop", "c1")).await.unwrap()[0].run_id;
        let claimed = world.claim_one().await;
        assert!(world.one.schema_to_drop().await.unwrap().is_none(), "it is open");
        assert_eq!(world.one.pull_request_closed(closed("acme/web")).await.unwrap(), 0);
        assert_eq!(world.one.pull_request_closed(closed("Acme/Shop")).await.unwrap(), 1);
        assert_eq!(world.two.pull_request_closed(closed("acme/shop")).await.unwrap(), 0, "delivered twice");
        assert!(world.two.schema_to_drop().await.unwrap().is_none(), "its run has not stopped yet");
        world.one.finish(claimed.lease, Outcome::failed(ErrorClass::Command, "killed")).await.unwrap();
        let told = "SELECT event FROM outbox WHERE channel = 'commit_status' ORDER BY id";
        assert_eq!(world.texts(told).await, ["begin", "end"]);

        let (one, two) = tokio::join!(world.one.schema_to_drop(), world.two.schema_to_drop());
        let both: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        assert_eq!(both.len(), 1, "one server has it");
        assert_eq!(both[0].run.id, run);
        world.one.schema_dropped(&both[0], Err("AccessDenied".to_owned())).await.unwrap();
        assert!(world.one.schema_to_drop().await.unwrap().is_none(), "it waits");
        world.pass(Duration::from_secs(61));
        let again = world.two.schema_to_drop().await.unwrap().expect("its time has come");
        let names = vec!["paradime_turbo_ci_pr_7".to_owned()];
        world.two.schema_dropped(&again, Ok(names)).await.unwrap();
        world.pass(Duration::from_secs(24 * 3600));
        assert!(world.one.schema_to_drop().await.unwrap().is_none());
        let audit = "SELECT event_type FROM audit WHERE event_type LIKE 'pull_request.%' ORDER BY id";
        assert_eq!(
            world.texts(audit).await,
            ["pull_request.closed", "pull_request.schema_kept", "pull_request.schema_dropped"]
        );

        // Done again by hand it builds once more, and goes once more.
        world.one.retry_run(run, RetryMode::All, &actor()).await.unwrap();
        assert!(world.one.schema_to_drop().await.unwrap().is_none());
        world.run_all(&Outcome::success()).await;
        let last = world.one.schema_to_drop().await.unwrap().expect("the schema of the new attempt");
        world.one.schema_dropped(&last, Ok(Vec::new())).await.unwrap();
        // Reopened, it stays.
        world.one.pull_request(request("acme/shop", "c2")).await.unwrap();
        world.run_all(&Outcome::success()).await;
        assert!(world.one.schema_to_drop().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_new_title_does_not_build_the_same_commit_again() {
    for world in worlds().await {
        teams(&world).await;
        let update = |commit: &str, delivery: &str| PullRequest {
            is_update: true,
            delivery: Some(delivery.to_owned()),
            ..request("Acme/Shop", commit)
        };
        let first = world.one.pull_request(request("acme/shop", "c1")).await.unwrap()[0];
        let title = world.two.pull_request(update("c1", "d2")).await.unwrap()[0];
        assert_eq!((title.run_id, title.is_new), (first.run_id, false), "a new title");
        let claimed = world.claim_one().await;
        assert_eq!(claimed.run.id, first.run_id, "it goes on");
        let commit = world.one.pull_request(update("c2", "d3")).await.unwrap()[0];
        assert!(commit.is_new && commit.run_id != first.run_id);
        world.one.pull_request_closed(closed("acme/shop")).await.unwrap();
        // Abandoned and active again: its schema goes, so the same commit is built again.
        assert!(world.one.pull_request(update("c2", "d4")).await.unwrap()[0].is_new);
    }
}

#[tokio::test]
async fn two_repositories_with_the_same_number_never_share_a_schema() {
    for world in worlds().await {
        teams(&world).await;
        world.one.pull_request(request("acme/shop", "c1")).await.unwrap();
        world.two.pull_request(request("Acme/Web", "c2")).await.unwrap();
        let schema = async || {
            let claimed = world.claim_one().await;
            let schema = pull_request_schema(&claimed.run).unwrap();
            world.one.finish(claimed.lease, Outcome::failed(ErrorClass::Command, "x")).await.unwrap();
            (claimed.run.schedule_slug, schema)
        };
        let (shop, web) = (schema().await, schema().await);
        assert_eq!(shop, ("shop-ci".to_owned(), "paradime_turbo_ci_pr_7".to_owned()));
        assert_eq!(web.0, "web-ci");
        // What is dropped with the first one's schema begins with its name and an underscore.
        assert!(
            web.1.starts_with("paradime_turbo_ci_pr_7x") && web.1.len() == "paradime_turbo_ci_pr_7x".len() + 8,
            "{web:?}"
        );
        // The next commit, also after the first one's is closed, builds where the one before did.
        world.one.pull_request_closed(closed("acme/shop")).await.unwrap();
        world.one.pull_request(request("acme/web", "c3")).await.unwrap();
        assert_eq!(schema().await, web);
        world.one.pull_request(request("acme/shop", "c4")).await.unwrap();
        assert_eq!(schema().await, shop);
    }
}

//! What existing clients depend on without saying so.

use std::time::Duration;

use scheduler::{
    model::{ErrorClass, Outcome},
    request::{Idempotency, Trigger},
};
use serde_json::json;

use crate::server::Server;

const STATUS: &str = "query boltRunStatus($runId: Int!) { boltRunStatus(runId: $runId) { state commands { \
                      id command startDttm endDttm stdout stderr returnCode } } }";
const TRIGGER: &str = "mutation triggerBoltRun($slug: String, $commands: [String!], $branch: String, $prNumber: Int, $reason: String, \
                       $commandConfigs: [BoltCommandInput!], $continueOnError: Boolean) { triggerBoltRun(slug: $slug, commands: $commands, \
                       branch: $branch, prNumber: $prNumber, reason: $reason, commandConfigs: $commandConfigs, \
                       continueOnError: $continueOnError) { runId } }";

#[tokio::test]
async fn success_has_no_key_errors_and_failure_has_a_message() {
    let server = Server::new().await;
    let good = server.graphql("{ listWorkspaces { workspaces { uid name } } }", json!({})).await.json();
    assert_eq!(good, json!({"data": {"listWorkspaces": {"workspaces": [{"uid": server.workspace, "name": "owlet"}]}}}));
    let bad = server.graphql(STATUS, json!({"runId": 99})).await;
    assert_eq!(bad.status, 200);
    assert_eq!(bad.json()["errors"][0]["message"], "there is no run '99'");
}

#[tokio::test]
async fn a_live_run_reads_running_and_has_no_null_texts() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let triggered =
        server.data(TRIGGER, json!({"slug": "orders", "commands": null, "branch": "main", "prNumber": 12})).await;
    let run_id = triggered["triggerBoltRun"]["runId"].as_i64().expect("an id");
    let queued = server.data(STATUS, json!({"runId": run_id})).await;
    assert_eq!(queued["boltRunStatus"], json!({"state": "RUNNING", "commands": []}));

    let lease = server.claim().await[0].lease;
    let checkout = server.command(run_id, 0, "checkout", "git clone", "SUCCESS", "cloned\n").await;
    let build = server.command(run_id, 1, "command", "dbt build", "RUNNING", "one\n!warn\ntwo\n").await;
    let running = server.data(STATUS, json!({"runId": run_id})).await;
    assert_eq!(
        running["boltRunStatus"],
        json!({"state": "RUNNING", "commands": [
            {"id": checkout, "command": "git clone", "startDttm": "2027-01-15 08:00:00.000000",
             "endDttm": "2027-01-15 08:00:01.000000", "stdout": "cloned\n", "stderr": "", "returnCode": 0},
            {"id": build, "command": "dbt build", "startDttm": "2027-01-15 08:00:00.000000", "endDttm": "",
             "stdout": "one\ntwo\n", "stderr": "!warn\n", "returnCode": null},
        ]})
    );
    assert!(checkout < build);
    server.scheduler.cancel(run_id, "", &Server::actor()).await.expect("canceling");
    let canceling = server.data(STATUS, json!({"runId": run_id})).await;
    assert_eq!(canceling["boltRunStatus"]["state"], "RUNNING");
    server.scheduler.finish(lease, scheduler::model::StopCause::Cancel.outcome("asked to")).await.expect("finished");
    let runs = server.data(RUNS, json!({"slug": "orders", "offset": 0, "limit": 50})).await;
    let run = &runs["listBoltRuns"]["runs"][0];
    assert_eq!(run["state"], "CANCELED");
    assert_eq!(run["gitInfo"], json!({"branch": "main", "commitHash": null, "pullRequestId": "12"}));
    assert!(run["startDttm"].is_string() && run["endDttm"].is_string(), "{run}");
}

const RUNS: &str = "query listBoltRuns($slug: String, $offset: Int!, $limit: Int!) { listBoltRuns(slug: $slug, offset: $offset, limit: $limit) \
                    { ok runs { id state actor actorEmail startDttm endDttm parentScheduleRunId gitInfo { branch commitHash pullRequestId } } } }";

#[tokio::test]
async fn runs_come_newest_first_in_pages_up_to_a_thousand() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.ended("orders", Outcome::success()).await);
    }
    ids.reverse();
    let page = server.data(RUNS, json!({"slug": "orders", "offset": 1, "limit": 1000})).await;
    let found: Vec<_> =
        page["listBoltRuns"]["runs"].as_array().expect("runs").iter().map(|run| run["id"].as_i64()).collect();
    assert_eq!(found, [Some(ids[1]), Some(ids[2])]);
    let refusal = server.refusal(RUNS, json!({"slug": "orders", "offset": 0, "limit": 1001})).await;
    assert_eq!(refusal, "limit is 1001\nfix: give a number from 1 to 1000");
}

#[tokio::test]
async fn logs_go_by_cursor_and_end() {
    const LOGS: &str = "query boltCommandLogs($commandId: Int!, $cursor: String) { boltCommandLogs(commandId: $commandId, cursor: $cursor) \
                        { lines { stream line } cursor finished } }";
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let run_id = server.queued("orders").await;
    let lease = server.claim().await[0].lease;
    let command = server.command(run_id, 0, "command", "dbt build", "RUNNING", "one\n!two\n").await;
    let first = server.data(LOGS, json!({"commandId": command, "cursor": "0:0"})).await;
    let lines = json!([{"stream": "STDOUT", "line": "one\n"}, {"stream": "STDERR", "line": "!two\n"}]);
    assert_eq!(first["boltCommandLogs"]["lines"], lines);
    assert_eq!(first["boltCommandLogs"]["finished"], false);
    let cursor = first["boltCommandLogs"]["cursor"].clone();
    let empty = server.data(LOGS, json!({"commandId": command, "cursor": cursor})).await;
    assert_eq!(empty["boltCommandLogs"], json!({"lines": [], "cursor": cursor, "finished": false}));
    // The worker is lost: the command never ends by itself, and yet nobody waits for it for ever.
    server.scheduler.finish(lease, Outcome::error(ErrorClass::Configuration, "gone")).await.expect("finished");
    let last = server.data(LOGS, json!({"commandId": command, "cursor": cursor})).await;
    assert_eq!(last["boltCommandLogs"]["finished"], true);
    let refusal = server.refusal(LOGS, json!({"commandId": command, "cursor": "x"})).await;
    assert!(refusal.starts_with("'x' is no cursor"), "{refusal}");
}

#[tokio::test]
async fn artifacts_download_without_headers_for_a_while() {
    let server = Server::with_login().await;
    server.deploy(&["orders"]).await;
    let run_id = server.queued("orders").await;
    let command = server.command(run_id, 0, "command", "dbt build", "SUCCESS", "").await;
    let artifact = server.artifact(run_id, command, "target/manifest.json").await;
    let (_, token) = server.token("ci", web::Role::Viewer, web::TokenKind::Workspace).await;
    let query = format!(
        "{{ boltCommand(commandId: {command}) {{ resources {{ id path }} }} boltResourceUrl(resourceId: {artifact}) {{ ok url }} }}"
    );
    let request = axum::http::Request::post(format!("/api/v1/{}/graphql", server.workspace))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(axum::body::Body::from(json!({"query": query, "variables": {}}).to_string()))
        .expect("a request");
    let data = server.send(request).await.json()["data"].clone();
    assert_eq!(data["boltCommand"]["resources"], json!([{"id": artifact, "path": "target/manifest.json"}]));
    let url = data["boltResourceUrl"]["url"].as_str().expect("a URL");
    let path = url.strip_prefix("http://127.0.0.1:8585").expect("absolute");
    let file = server.get(path).await;
    assert_eq!((file.status.as_u16(), file.text.as_str()), (200, "{\"key\":\"manifest.json\"}"));
    assert_eq!(file.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(server.get(&path.replace("signature=", "signature=0")).await.status, 403);
    server.clock.pass(Duration::from_secs(16 * 60));
    assert_eq!(server.get(path).await.status, 403, "it is old");
}

#[tokio::test]
async fn a_schedule_is_named_once_by_either_name() {
    const SCHEDULE: &str = "query s($slug: String, $old: String) { boltScheduleName(slug: $slug, scheduleName: $old) \
                            { ok latestRunId commands owner schedule uuid source suspended } }";
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    for variables in [json!({"slug": "orders", "old": null}), json!({"slug": null, "old": "orders"})] {
        let found = server.data(SCHEDULE, variables).await["boltScheduleName"].clone();
        assert_eq!(found["commands"], json!(["dbt build"]));
        assert_eq!(
            (&found["owner"], &found["schedule"], &found["source"]),
            (&json!("ada@shop.example"), &json!("OFF"), &json!("yaml"))
        );
    }
    let both = server.refusal(SCHEDULE, json!({"slug": "orders", "old": "orders"})).await;
    assert!(both.starts_with("`slug` and `scheduleName` are both given"), "{both}");
    assert!(server.refusal(SCHEDULE, json!({})).await.starts_with("no schedule is named"));
    assert_eq!(server.refusal(SCHEDULE, json!({"slug": "order"})).await, "there is no schedule 'order'");
}

#[tokio::test]
async fn a_busy_schedule_says_the_word_that_clients_wait_for() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    server.queued("orders").await;
    let refusal = server.refusal(TRIGGER, json!({"slug": "orders", "reason": "again"})).await;
    assert!(refusal.contains("AlreadyRunningException"), "{refusal}");
    let both = json!({"slug": "orders", "commands": ["dbt run"], "commandConfigs": [{"command": "dbt run"}]});
    assert!(server.refusal(TRIGGER, both).await.starts_with("`commands` and `commandConfigs` are both given"));
}

#[tokio::test]
async fn the_same_trigger_sent_again_is_one_run() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let variables = json!({"slug": "orders", "commands": ["dbt run"]});
    let first = server.data(TRIGGER, variables.clone()).await;
    assert_eq!(server.data(TRIGGER, variables).await, first);
}

#[tokio::test]
async fn retries_make_new_runs() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let refusal = server.refusal("mutation { retryBoltRunFromFailure(slug: \"orders\") { runId } }", json!({})).await;
    assert!(refusal.starts_with("there is nothing to retry"), "{refusal}");
    let failed = server.ended("orders", Outcome::failed(ErrorClass::Command, "a test failed")).await;
    let retry = format!("mutation {{ retryAllBoltRun(scheduleRunId: {failed}) {{ runId }} }}");
    let again = server.data(&retry, json!({})).await["retryAllBoltRun"]["runId"].as_i64().expect("an id");
    assert!(again > failed);
    let ended = server.data(STATUS, json!({"runId": failed})).await;
    assert_eq!(ended["boltRunStatus"]["state"], "FAILED", "the old one is as it was");
    let cancel = format!(
        "mutation {{ a: cancelBoltRun(scheduleRunId: {again}) {{ ok }} b: cancelBoltRun(runId: {again}) {{ ok }} }}"
    );
    assert_eq!(server.data(&cancel, json!({})).await, json!({"a": {"ok": true}, "b": {"ok": true}}));
}

#[tokio::test]
async fn schedules_are_made_listed_suspended_and_deleted() {
    const LIST: &str = "query l($filter: BoltScheduleFilter) { listBoltSchedules(offset: 0, limit: 10000, showInactive: false, filter: $filter) { \
        schedules { name slug displayName schedule owner lastRunAt lastRunState nextRunAt id uuid source suspended turboCi { enabled } \
        deferredSchedule { enabled deferredScheduleSlug deferEnvironmentSlug successfulRunOnly } commands gitBranch slackOn slackNotify emailOn emailNotify \
        notifications { slackNotifications { channel events templateSlug templateName } } } totalCount } }";
    let server = Server::new().await;
    let schedule = json!({
        "name": "Nightly build", "schedule": "0 1 * * *", "environment": "production", "commands": ["dbt build"], "timezone": "Europe/Lisbon",
        "slaSeconds": 90, "deferredSchedule": {"enabled": true, "successfulRunOnly": true, "deferEnvironmentSlug": "production"},
        "notifications": {"slackNotifications": [{"channel": "#lake", "events": ["FAILED"]}]},
        "integrations": {"pagerduty": [{"fromEmail": "a@b", "serviceId": "1", "serviceName": "s", "incidentTypeDisplayName": "d",
                                        "incidentTypeName": "n"}]},
        "envVars": [{"key": "REGION", "value": "eu"}],
    });
    let create = "mutation c($schedule: BoltScheduleInput!) { createBoltSchedule(schedule: $schedule) { slug } }";
    let made = server.data(create, json!({"schedule": schedule})).await;
    let slug = made["createBoltSchedule"]["slug"].as_str().expect("a slug").to_owned();
    assert!(slug.starts_with("nightly-build-"), "{slug}");
    let listed = server.data(LIST, json!({"filter": null})).await["listBoltSchedules"].clone();
    assert_eq!(listed["totalCount"], 1);
    let found = &listed["schedules"][0];
    assert_eq!(
        (&found["name"], &found["slug"], &found["source"]),
        (&json!("Nightly build"), &json!(slug), &json!("api"))
    );
    assert_eq!(found["nextRunAt"], "2026-11-29 01:00:00.000000");
    assert_eq!(found["notifications"]["slackNotifications"][0]["events"], json!(["failed"]));
    assert_eq!(found["deferredSchedule"]["deferEnvironmentSlug"], "production");
    let suspend =
        "mutation s($slug: String, $suspend: Boolean!) { suspendBoltSchedule(slug: $slug, suspend: $suspend) { ok } }";
    server.data(suspend, json!({"slug": slug, "suspend": true})).await;
    let paused = server.data(LIST, json!({"filter": {"suspended": true}})).await["listBoltSchedules"].clone();
    assert_eq!((&paused["totalCount"], &paused["schedules"][0]["nextRunAt"]), (&json!(1), &json!(null)));
    server.data("mutation d($slug: String!) { deleteBoltSchedule(slug: $slug) { ok } }", json!({"slug": slug})).await;
    assert_eq!(server.data(LIST, json!({"filter": null})).await["listBoltSchedules"]["totalCount"], 0);
    for (member, value, message) in [
        ("schedule", json!("every day"), "`schedule` is 'every day'"),
        ("timezone", json!("Mars/X"), "'Mars/X' is no time zone"),
        ("slaSeconds", json!(0), "`slaSeconds` is 0"),
        ("commands", json!([]), "`commands` is empty"),
        ("turboCi", json!({"enabled": true, "successfulRunOnly": true}), "`turboCi` names nothing to defer to"),
    ] {
        let mut wrong = json!({"name": "x", "schedule": "OFF", "environment": "production", "commands": ["dbt build"]});
        wrong[member] = value;
        let refusal = server.refusal(create, json!({"schedule": wrong})).await;
        assert!(refusal.starts_with(message), "{refusal}");
    }
}

#[tokio::test]
async fn verification_finds_names_environments_and_new_slugs() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let data = server
        .data(
            "mutation m($names: [String!]!) { createScheduleSlugs(displayNames: $names) { ok slugs } }",
            json!({"names": ["Orders lake", "Orders lake", "!!"]}),
        )
        .await;
    let slugs: Vec<&str> = data["createScheduleSlugs"]["slugs"]
        .as_array()
        .expect("slugs")
        .iter()
        .filter_map(|slug| slug.as_str())
        .collect();
    assert!(slugs.len() == 3 && slugs[0].starts_with("orders-lake-") && slugs[0] != slugs[1], "{slugs:?}");
    let data = server
        .data(
            "{ listAllScheduleNames { ok schedules { name workspaceName } } \
             environments(environmentType: SCHEDULER) { ok environments { slug displayName isDefault } } }",
            json!({}),
        )
        .await;
    assert_eq!(data["listAllScheduleNames"]["schedules"], json!([{"name": "orders", "workspaceName": "owlet"}]));
    let production = json!([{"slug": "production", "displayName": "Production", "isDefault": true}]);
    assert_eq!(data["environments"]["environments"], production);
}

#[tokio::test]
async fn members_are_invited_changed_and_disabled() {
    const USERS: &str = "{ listUsers { activeUsers { uid email } invitedUsers { email accountType inviteStatus } } }";
    let server = Server::new().await;
    let invite = "mutation i($email: String!, $accountType: UserAccountType!) { inviteUser(email: $email, accountType: $accountType) { ok } }";
    server.data(invite, json!({"email": "ada@shop.example", "accountType": "DEVELOPER"})).await;
    let users = server.data(USERS, json!({})).await;
    let invited = json!([{"email": "ada@shop.example", "accountType": "DEVELOPER", "inviteStatus": "SENT"}]);
    assert_eq!(users["listUsers"]["invitedUsers"], invited);
    let again = server.refusal(invite, json!({"email": "ada@shop.example", "accountType": "ADMIN"})).await;
    assert!(again.contains("is a member or invited already"), "{again}");
    let audit = server
        .data("{ getAuditLogs { auditLogs { id createdDttm actorUserId eventType metadataJson } } }", json!({}))
        .await;
    assert_eq!(audit["getAuditLogs"]["auditLogs"][0]["eventType"], "member.invited");
    assert_eq!(
        server.refusal("mutation { disableUser(uid: \"x\") { ok } }", json!({})).await,
        "there is no member 'x'"
    );
}

#[tokio::test]
async fn what_owlet_does_not_have_is_said() {
    let server = Server::new().await;
    let refusal = server.refusal("mutation { triggerDinoaiAgentRun(message: \"hi\") { ok } }", json!({})).await;
    assert_eq!(refusal, "Owlet has no agents\nfix: see COMPAT.md for what it has");
    let other = server.post("/api/v1/nobody/graphql", &json!({"query": "{ __typename }"})).await;
    assert_eq!((other.status.as_u16(), other.json()["error"].clone()), (404, json!("there is no workspace 'nobody'")));
}

#[tokio::test]
async fn a_trigger_by_our_own_api_can_be_repeated() {
    let server = Server::new().await;
    server.deploy(&["orders"]).await;
    let mut trigger = Trigger::new("orders", Server::actor());
    trigger.idempotency = Idempotency::Key("once".to_owned());
    let first = server.scheduler.trigger(trigger).await.expect("triggered").run_id;
    let again = server.post("/api/v1/schedules/orders/runs", &json!({"idempotency_key": "once"})).await;
    assert_eq!(
        (again.status.as_u16(), again.json()["run_id"].as_i64(), again.json()["is_new"].clone()),
        (201, Some(first), json!(false))
    );
}

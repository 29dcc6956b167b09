//! Settings in the database: secrets sealed, changes audited.

use std::sync::Arc;

use scheduler::{
    MIGRATIONS,
    clock::SteppedClock,
    model::{Actor, Code, Environment},
    settings::{
        Budget, BudgetAction, BudgetPeriod, ConnectionScope, NotificationSettings, SettingKind, Settings, SettingsError,
    },
};
use serde_json::{Value, json};
use store::{Database, sqlx};
use vault::{Connection, KeyRing, Overrides, Scope, Variable};

async fn database() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = store::database_file_of(dir.path());
    let database = Database::sqlite(&path, store::Durability::Process).await.expect("opened");
    database.migrate(&MIGRATIONS).await.expect("migrated");
    (dir, database)
}

fn settings(database: &Database, keys: &[&str]) -> Settings {
    let keys: Vec<String> = keys.iter().map(|key| key.repeat(32)).collect();
    let keys = KeyRing::from_text(&keys.join(","), "a test").expect("keys");
    Settings::new(database.clone(), keys, Arc::new(SteppedClock::at("2026-03-01T04:15:00Z", 1)))
}

fn ann() -> Actor {
    Actor::person("ann", Some("ann@acme.example"))
}

fn connection() -> Connection {
    let fields = json!({
        "region_name": "eu-west-1", "database": "awsdatacatalog", "schema": "shop", "work_group": "dbt",
        "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hush-aws",
    });
    Connection::parse(fields.as_object().expect("a mapping")).expect("valid").0
}

fn environment(connection: Option<&str>) -> Environment {
    Environment {
        connection: connection.map(str::to_owned),
        variables: [("A".to_owned(), "1".to_owned())].into(),
        ..Environment::new(Code::Local { path: std::env::temp_dir().display().to_string() })
    }
}

/// Every text that the database holds.
async fn everything(database: &Database) -> String {
    let mut all = String::new();
    for select in [
        "SELECT definition || COALESCE(secrets, '') FROM connection",
        "SELECT value FROM variable",
        "SELECT value FROM setting",
        "SELECT COALESCE(metadata, '') FROM audit",
    ] {
        let texts: Vec<String> = sqlx::query_scalar(select).fetch_all(database.readers()).await.expect("texts");
        all.push_str(&texts.join("\n"));
    }
    all
}

async fn audit(database: &Database) -> Vec<(String, String, String)> {
    sqlx::query_as("SELECT event_type, actor, COALESCE(metadata, '') FROM audit ORDER BY id")
        .fetch_all(database.readers())
        .await
        .expect("rows")
}

async fn fill(settings: &Settings) {
    settings
        .set_connection("prod", "Production", ConnectionScope::Production, &connection(), &ann())
        .await
        .expect("set");
    let secret = Variable::new(Scope::Schedules, "TOKEN", "hush-token", true).expect("a variable");
    settings.set_variable(&secret, &ann()).await.expect("set");
    let plain = Variable::new(Scope::Workspace, "REGION", "eu", false).expect("a variable");
    settings.set_variable(&plain, &ann()).await.expect("set");
    let notifications: NotificationSettings = serde_json::from_value(
        json!({"slack": {"token": "xoxb-hush"}, "teams": {"Lake": "https://teams.example/hush"}}),
    )
    .expect("settings");
    settings.set_notifications(notifications, &ann()).await.expect("set");
}

#[tokio::test]
async fn secrets_come_back_and_are_nowhere_in_the_database() {
    let (_dir, database) = database().await;
    let settings = settings(&database, &["01"]);
    fill(&settings).await;
    assert_eq!(settings.connection("prod").await.expect("there").connection, connection());
    let variables = settings.variable_scopes().await.expect("variables");
    let resolved = variables.resolve(1, Overrides::default()).expect("resolved");
    let mut found: Vec<_> = resolved.environment().collect();
    found.sort_unstable();
    assert_eq!(found, [("REGION", "eu"), ("TOKEN", "hush-token")]);
    assert!(matches!(
        settings.notifications().await.expect("settings").channel("slack", "#any"),
        Ok(notify::Channel::SlackBot { token, .. }) if token == "xoxb-hush"
    ));
    let all = everything(&database).await;
    assert!(!all.contains("hush"), "{all}");
    let events: Vec<_> =
        audit(&database).await.into_iter().map(|(event, actor, _)| format!("{event} by {actor}")).collect();
    assert_eq!(
        events,
        ["connection.set by ann", "variable.set by ann", "variable.set by ann", "notifications.set by ann"]
    );
}

#[tokio::test]
async fn a_sealed_value_in_another_row_does_not_open() {
    let (_dir, database) = database().await;
    let settings = settings(&database, &["01"]);
    fill(&settings).await;
    let mut change = database.write().await.expect("a change");
    let copy = "INSERT INTO variable (scope, name, value, is_secret, updated_at, updated_by) \
                SELECT 'workspace', 'SHOWN', value, 1, 0, 'eve' FROM variable WHERE name = 'TOKEN'";
    sqlx::query(copy).execute(&mut *change).await.expect("copied");
    change.commit().await.expect("committed");
    let refused = settings.variables().await.expect_err("not its place");
    assert_eq!(
        refused.to_string(),
        "variable SHOWN: A sealed secret cannot be opened: it was changed, or belongs to another row"
    );
}

#[tokio::test]
async fn keys_rotate() {
    let (_dir, database) = database().await;
    fill(&settings(&database, &["01"])).await;
    let refused = settings(&database, &["02"]).connections().await.expect_err("another key");
    assert!(refused.to_string().contains("which is not among the 1 known"), "{refused}");
    let both = settings(&database, &["02", "01"]);
    assert_eq!(both.seal_anew(&ann()).await.expect("sealed anew"), 4);
    let new = settings(&database, &["02"]);
    assert_eq!(new.connection("prod").await.expect("there").connection, connection());
    assert_eq!(new.variables().await.expect("variables").len(), 2);
    new.notifications().await.expect("settings");
}

#[tokio::test]
async fn what_an_api_shows_can_be_sent_back() {
    let (_dir, database) = database().await;
    let settings = settings(&database, &["01"]);
    fill(&settings).await;
    let shown = serde_json::to_value(settings.notifications().await.expect("settings")).expect("JSON");
    assert_eq!(
        shown,
        json!({
            "slack": {"token": {"secret": true}, "webhooks": {}}, "teams": {"Lake": {"secret": true}}, "webhooks": {},
            "system": {"emails": [], "slack_channels": [], "microsoft_teams": [], "webhooks": []},
        })
    );
    let mut changed = shown;
    changed["public_url"] = "https://owlet.example".into();
    changed["teams"]["Other"] = json!({"secret": true});
    changed["webhooks"] = json!({"x": {"url": "nowhere", "signing_key": "hunter2", "events": ["pased"]}});
    changed["smtp"] = json!({"host": "mail", "from": "owlet@acme.example", "user": "owlet"});
    let parse = |value: &Value| serde_json::from_value::<NotificationSettings>(value.clone()).expect("settings");
    let Err(SettingsError::Refused(problems)) = settings.set_notifications(parse(&changed), &ann()).await else {
        panic!("refused")
    };
    let told: Vec<_> = problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "'pased' is no event (webhook x)",
            "The signing key of the webhook x is none: it does not begin with whsec_",
            "The address of x is none",
            "The mail server has a user without password, or a password without user",
            "'teams/Other' has no value",
        ]
    );
    for (path, value) in [("teams", json!({"Lake": {"secret": true}})), ("webhooks", json!({})), ("smtp", Value::Null)]
    {
        changed[path] = value;
    }
    settings.set_notifications(parse(&changed), &ann()).await.expect("set");
    let kept = settings.notifications().await.expect("settings");
    assert!(
        matches!(kept.channel("teams", "Lake"), Ok(notify::Channel::Teams { url }) if url == "https://teams.example/hush")
    );
}

#[tokio::test]
async fn what_is_in_use_stays_and_slips_are_noticed() {
    let (_dir, database) = database().await;
    let settings = settings(&database, &["01"]);
    fill(&settings).await;
    let refused = settings.set_environment("production", "Production", false, &environment(Some("prd")), &ann()).await;
    let refused = refused.expect_err("no such connection");
    assert_eq!(refused.to_string(), "there is no connection 'prd'");
    assert_eq!(refused.diagnostics()[0].fix.as_deref(), Some("did you mean 'prod'?"));
    settings.set_environment("production", "Production", false, &environment(Some("prod")), &ann()).await.expect("set");
    settings.set_environment("ci", "CI", false, &environment(None), &ann()).await.expect("set");
    let defaults = |rows: Vec<scheduler::settings::EnvironmentRow>| -> Vec<(String, bool)> {
        rows.into_iter().map(|row| (row.slug, row.is_default)).collect()
    };
    let rows = settings.environments().await.expect("environments");
    assert_eq!(defaults(rows), [("ci".to_owned(), false), ("production".to_owned(), true)]);
    settings.set_environment("ci", "CI", true, &environment(None), &ann()).await.expect("set");
    let rows = settings.environments().await.expect("environments");
    assert_eq!(defaults(rows), [("ci".to_owned(), true), ("production".to_owned(), false)]);

    let refused = settings.remove_connection("prod", &ann()).await.expect_err("in use");
    assert_eq!(refused.to_string(), "the connection 'prod' is in use: by the environment production");
    settings.remove_environment("production", &ann()).await.expect("removed");
    settings.remove_connection("prod", &ann()).await.expect("removed");
    assert!(settings.remove_connection("prod", &ann()).await.is_err());
    let refused = settings.remove_variable(Scope::Workspace, "REGOIN", &ann()).await.expect_err("unknown");
    assert_eq!(refused.diagnostics()[0].fix.as_deref(), Some("did you mean 'REGION'?"));
    settings.remove_variable(Scope::Workspace, "REGION", &ann()).await.expect("removed");
    let mut reserved = environment(None);
    reserved.variables.insert("OWLET_X".to_owned(), String::new());
    let refused = settings.set_environment("C I", "CI", false, &reserved, &ann()).await.expect_err("two mistakes");
    assert_eq!(refused.diagnostics().len(), 2);
}

#[tokio::test]
async fn budgets() {
    let (_dir, database) = database().await;
    let settings = settings(&database, &["01"]);
    let budget = |scope: &str, micro_dollars| Budget {
        scope: scope.to_owned(),
        period: BudgetPeriod::Day,
        action: BudgetAction::Stop,
        micro_dollars,
    };
    settings.set_budget(&budget("workspace", 5_000_000), &ann()).await.expect("set");
    settings.set_budget(&budget("workspace", 7_000_000), &ann()).await.expect("set");
    assert_eq!(settings.budgets().await.expect("budgets"), [budget("workspace", 7_000_000)]);
    for wrong in [budget("everything", 1), budget("schedule:", 1), budget("workspace", 0)] {
        assert!(settings.set_budget(&wrong, &ann()).await.is_err(), "{wrong:?}");
    }
    settings.remove_budget("workspace", BudgetPeriod::Day, BudgetAction::Stop, &ann()).await.expect("removed");
    let gone = settings.remove_budget("workspace", BudgetPeriod::Day, BudgetAction::Stop, &ann()).await;
    assert_eq!(gone.expect_err("gone").to_string(), "there is no budget 'stop per day of workspace'");
}

#[tokio::test]
async fn names_that_everybody_sees_with_a_secret_in_them_are_found() {
    let (_dir, database) = database().await;
    let settings = settings(&database, &["01"]);
    fill(&settings).await;
    assert!(settings.names_with_secrets().await.expect("read").is_empty());
    let word = Variable::new(Scope::Workspace, "DB_PASSWORD", "shop", true).expect("a variable");
    settings.set_variable(&word, &ann()).await.expect("set");
    let environment = Environment { schema: Some("shop_eu".to_owned()), ..environment(Some("prod")) };
    settings.set_environment("eu", "EU", false, &environment, &ann()).await.expect("set");
    let found = settings.names_with_secrets().await.expect("read");
    let told: Vec<&str> = found.iter().map(|found| found.warning.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "The schema of the connection 'prod' has the secret value of DB_PASSWORD in it",
            "The schema of the environment 'eu' has the secret value of DB_PASSWORD in it",
        ]
    );
    assert!(
        found[1].concerns(SettingKind::Variable, "DB_PASSWORD") && found[1].concerns(SettingKind::Environment, "eu")
    );
    assert!(!found[1].concerns(SettingKind::Connection, "prod"));
}

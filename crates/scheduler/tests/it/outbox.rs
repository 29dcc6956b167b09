//! The outbox against a receiver that may be down, slow to be believed, or gone; and servers that die at the worst moment.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use notify::Notifier;
use scheduler::{
    MIGRATIONS,
    clock::{Clock, SteppedClock},
    model::Actor,
    outbox::{Delivered, NoDetails, Outbox, OutboxOptions, announce_system},
    settings::{NotificationSettings, Sensitive, Settings, SystemReceivers, WebhookSettings},
};
use store::{Database, Interference, Moment, sqlx};
use vault::KeyRing;

/// A status, and `Retry-After`.
type Answer = (u16, Option<&'static str>);

/// What the receiver saw: the id and the body of each request, in order.
#[derive(Clone, Default)]
struct Receiver {
    seen: Arc<Mutex<Vec<(String, serde_json::Value)>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    /// What it answers next; 200 when nothing is left.
    fn answers(&self, answers: &[Answer]) {
        self.answers.lock().expect("answers").extend(answers.iter().rev());
    }

    fn ids(&self) -> Vec<String> {
        self.seen.lock().expect("seen").iter().map(|(id, _)| id.clone()).collect()
    }
}

async fn answer(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> impl IntoResponse {
    // Incident tools know no id of ours.
    let id = headers.get("webhook-id").map(|id| id.to_str().expect("an id").to_owned()).unwrap_or_default();
    let body = serde_json::from_str(&body).expect("JSON");
    receiver.seen.lock().expect("seen").push((id, body));
    let (status, retry_after) = receiver.answers.lock().expect("answers").pop().unwrap_or((200, None));
    let mut headers = HeaderMap::new();
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.parse().expect("a header"));
    }
    (StatusCode::from_u16(status).expect("a status"), headers)
}

/// SQLite, and Postgres where it is installed.
async fn on_each_database<Test: AsyncFn(Database)>(test: Test) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = store::database_file_of(dir.path());
    let sqlite = Database::sqlite(&path, store::Durability::Process).await.expect("opened");
    sqlite.migrate(&MIGRATIONS).await.expect("migrated");
    test(sqlite).await;
    if let Some(postgres) = testkit::Postgres::shared() {
        let postgres = Database::open(&postgres.database(), store::Durability::Process).await.expect("opened");
        postgres.migrate(&MIGRATIONS).await.expect("migrated");
        test(postgres).await;
    }
}

fn clock() -> Arc<SteppedClock> {
    Arc::new(SteppedClock::at("2026-03-01T04:15:00Z", 1))
}

fn settings(database: &Database, clock: &Arc<SteppedClock>) -> Settings {
    let keys = KeyRing::from_text(&"11".repeat(32), "a test").expect("a key");
    Settings::new(database.clone(), keys, Arc::clone(clock) as Arc<dyn Clock>)
}

fn outbox(database: &Database, clock: &Arc<SteppedClock>, server: &str) -> Outbox {
    let notifier = Notifier::new().expect("a client");
    let options = OutboxOptions { public_url: Some("https://owlet.example/".to_owned()), ..OutboxOptions::default() };
    let clock_of_outbox = Arc::clone(clock) as Arc<dyn Clock>;
    Outbox::new(settings(database, clock), clock_of_outbox, server, notifier, Arc::new(NoDetails), options)
}

/// A row as the end of a run writes it.
async fn put(database: &Database, clock: &SteppedClock, key: &str, channel: &str, target: &str) {
    let notice = serde_json::json!({
        "event": "failed", "at": clock.now(), "message": format!("{key} failed"),
        "schedule": {"slug": "orders", "name": "Orders", "owner_email": null}, "planned_at": clock.now(),
    });
    let mut change = database.write().await.expect("a change");
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, payload, state, next_attempt_at, created_at) \
                  VALUES ($1, $2, $3, 'failed', $4, 'PENDING', $5, $5)";
    sqlx::query(insert)
        .bind(key)
        .bind(channel)
        .bind(target)
        .bind(notice.to_string())
        .bind(clock.now())
        .execute(&mut *change)
        .await
        .expect("inserted");
    change.commit().await.expect("committed");
}

async fn rows(database: &Database) -> Vec<(String, String, i64, Option<String>)> {
    sqlx::query_as("SELECT dedupe_key, state, attempts, last_error FROM outbox ORDER BY id")
        .fetch_all(database.readers())
        .await
        .expect("rows")
}

#[tokio::test]
async fn servers_share_the_work_and_send_each_message_once() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        for number in 0..60 {
            put(&database, &clock, &format!("run:{number}"), "webhook", &url).await;
        }
        let outboxes = ["one", "two", "three"].map(|server| outbox(&database, &clock, server));
        let rounds = outboxes.iter().map(|outbox| async { outbox.round().await.expect("a round").delivered });
        let delivered: Vec<usize> = futures::future::join_all(rounds).await;
        assert_eq!(delivered.iter().sum::<usize>(), 60);
        let ids = receiver.ids();
        assert_eq!(ids.len(), 60);
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 60, "each has its own id");
        assert!(rows(&database).await.iter().all(|(_, state, attempts, _)| state == "DELIVERED" && *attempts == 1));
    })
    .await;
}

/// Fails the given commits, counted from 1.
struct Failing {
    commits: AtomicUsize,
    at: usize,
}

impl Interference for Failing {
    fn fails(&self, moment: Moment) -> bool {
        moment == Moment::BeforeCommit && self.commits.fetch_add(1, Ordering::SeqCst) + 1 == self.at
    }
}

#[tokio::test]
async fn a_server_that_dies_before_it_records_is_followed_by_another_with_the_same_id() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        put(&database, &clock, "run:1", "webhook", &url).await;
        // The first commit claims the row, the second would record that it was taken.
        let dying = Failing { commits: AtomicUsize::new(0), at: 2 };
        let dying = outbox(&database.clone().with_interference(Arc::new(dying)), &clock, "dying");
        dying.round().await.expect_err("the database is gone");
        assert_eq!(rows(&database).await[0].1, "SENDING");

        let other = outbox(&database, &clock, "other");
        assert_eq!(other.round().await.expect("a round"), Delivered::default(), "it may still be at it");
        clock.pass(Duration::from_secs(60));
        assert_eq!(other.round().await.expect("a round"), Delivered::default());
        // The wall clock says nothing about it.
        clock.step(3_600);
        assert_eq!(other.round().await.expect("a round"), Delivered::default());
        clock.pass(Duration::from_secs(30));
        let done = other.round().await.expect("a round");
        assert_eq!((done.taken_over, done.delivered), (1, 1));
        let ids = receiver.ids();
        assert_eq!(ids.len(), 2);
        assert_eq!(ids[0], ids[1], "the receiver can see that it is the same");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_dies_before_it_sends_loses_nothing() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        put(&database, &clock, "run:1", "webhook", &url).await;
        let dying = Failing { commits: AtomicUsize::new(0), at: 1 };
        let dying = outbox(&database.clone().with_interference(Arc::new(dying)), &clock, "dying");
        dying.round().await.expect_err("the database is gone");
        assert_eq!(receiver.ids().len(), 0);
        assert_eq!(outbox(&database, &clock, "other").round().await.expect("a round").delivered, 1);
    })
    .await;
}

#[tokio::test]
async fn attempts_wait_longer_each_time_and_as_long_as_the_receiver_asks() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        put(&database, &clock, "run:1", "webhook", &url).await;
        receiver.answers(&[(503, None), (500, None), (429, Some("600"))]);
        let outbox = outbox(&database, &clock, "one");
        let mut waits = Vec::new();
        for _ in 0..3 {
            assert_eq!(outbox.round().await.expect("a round").postponed, 1);
            let next: i64 = sqlx::query_scalar("SELECT next_attempt_at FROM outbox")
                .fetch_one(database.readers())
                .await
                .expect("a row");
            let wait = (next - clock.now()) as f64 / 1e6;
            waits.push(wait);
            clock.pass(Duration::from_secs_f64(wait - 0.5));
            assert_eq!(outbox.round().await.expect("a round"), Delivered::default(), "not yet");
            clock.pass(Duration::from_secs(1));
        }
        assert!((5.0..=6.25).contains(&waits[0]), "{waits:?}");
        assert!((10.0..=12.5).contains(&waits[1]), "{waits:?}");
        assert!((600.0..601.0).contains(&waits[2]), "{waits:?}");
        assert_eq!(outbox.round().await.expect("a round").delivered, 1);
        let ids = receiver.ids();
        assert!(ids.iter().all(|id| *id == ids[0]) && ids.len() == 4, "{ids:?}");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_delivered_says_why_and_can_be_tried_again() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        put(&database, &clock, "run:1", "slack", "#alerts").await;
        put(&database, &clock, "run:2", "webhook", &url).await;
        put(&database, &clock, "run:3", "webhook", &url).await;
        receiver.answers(&[(410, None)]);
        let outbox = outbox(&database, &clock, "one");
        let done = outbox.round().await.expect("a round");
        assert_eq!((done.dead, done.delivered), (2, 1));
        let dead: Vec<_> = rows(&database).await.into_iter().filter(|(_, state, ..)| state == "DEAD").collect();
        assert_eq!(
            dead[0].3.as_deref(),
            Some(
                "Nobody has set how to reach Slack's #alerts; set a bot token, or an incoming webhook for the channel, \
                 in the notification settings"
            )
        );
        assert!(
            dead[1].3.as_deref().expect("a reason").starts_with("The webhook answered 410 Gone; its receiver wants")
        );

        // A receiver that stays down: given up after a day, and not before.
        receiver.answers(&[(503, None); 200]);
        put(&database, &clock, "run:4", "webhook", &url).await;
        let (mut rounds, mut dead) = (0, 0);
        while dead == 0 {
            dead = outbox.round().await.expect("a round").dead;
            clock.pass(Duration::from_secs(600));
            rounds += 1;
        }
        assert!((120..=148).contains(&rounds), "{rounds} rounds of ten minutes");
        receiver.answers.lock().expect("answers").clear();
        let last: i64 =
            sqlx::query_scalar("SELECT max(id) FROM outbox").fetch_one(database.readers()).await.expect("id");
        assert!(outbox.revive(last).await.expect("revived"));
        assert!(!outbox.revive(last).await.expect("asked"), "it waits already");
        assert_eq!(outbox.round().await.expect("a round").delivered, 1);
    })
    .await;
}

#[tokio::test]
async fn announcements_reach_the_workspaces_receivers_once() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        let outbox = outbox(&database, &clock, "one");
        let say = async |key: &str| {
            let mut change = database.write().await.expect("a change");
            let said =
                announce_system(&mut change, key, "The code cannot be read", "no such branch", "push it", clock.now());
            said.await.expect("announced");
            change.commit().await.expect("committed");
        };
        say("branch").await;
        assert_eq!(rows(&database).await, [], "nobody wants to know");

        let webhook = WebhookSettings {
            url: Sensitive::new(&url, "a test").expect("a secret"),
            signing_key: Some(Sensitive::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a test").expect("a secret")),
            events: vec!["system".to_owned()],
        };
        let new = NotificationSettings {
            webhooks: BTreeMap::from([("ops".to_owned(), webhook)]),
            system: SystemReceivers { webhooks: vec!["ops".to_owned()], ..SystemReceivers::default() },
            ..NotificationSettings::default()
        };
        settings(&database, &clock).set_notifications(new, &Actor::person("ann", None)).await.expect("set");
        say("branch").await;
        say("branch").await;
        let done = outbox.round().await.expect("a round");
        assert_eq!((done.expanded, done.delivered), (1, 1));
        say("branch").await;
        assert_eq!(outbox.round().await.expect("a round"), Delivered::default(), "told already");
        let seen = receiver.seen.lock().expect("seen");
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].1["type"], "owlet.system");
        assert_eq!(seen[0].1["headline"], "The code cannot be read");
        assert_eq!(seen[0].1["url"], "https://owlet.example/bolt");
    })
    .await;
}

#[tokio::test]
async fn messages_of_a_clock_that_was_ahead_do_not_wait_for_its_time() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        let outbox = outbox(&database, &clock, "a");
        clock.step(900);
        put(&database, &clock, "new", "webhook", &url).await;
        put(&database, &clock, "tried", "webhook", &url).await;
        receiver.answers(&[(503, None), (503, None)]);
        assert_eq!(outbox.round().await.expect("a round").postponed, 2);
        put(&database, &clock, "newer", "webhook", &url).await;
        clock.step(-900);
        assert_eq!(outbox.round().await.expect("a round").delivered, 1);
        // An attempt that is planned within the longest wait is believed.
        assert_eq!(outbox.round().await.expect("a round").delivered, 0);
        clock.pass(std::time::Duration::from_secs(910));
        assert_eq!(outbox.round().await.expect("a round").delivered, 2);

        clock.step(86_400);
        put(&database, &clock, "far", "webhook", &url).await;
        receiver.answers(&[(503, None)]);
        assert_eq!(outbox.round().await.expect("a round").postponed, 1);
        clock.step(-86_400);
        assert_eq!(outbox.round().await.expect("a round").delivered, 1);
        assert_eq!(receiver.ids().len(), 7);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_up_no_other() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        // Takes connections, and says nothing.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let silent = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let clock = clock();
        for number in 0..200 {
            put(&database, &clock, &format!("silent:{number}"), "webhook", &silent).await;
        }
        let outbox = outbox(&database, &clock, "a");
        let end = tokio_util::sync::CancellationToken::new();
        let running = tokio::spawn({
            let (outbox, end) = (outbox.clone(), end.clone());
            async move { outbox.run(Duration::from_millis(20), &end).await }
        });
        // Nothing answers these; what comes later is sent all the same.
        let held = listener.accept().await.expect("it is asked");
        for number in 0..30 {
            put(&database, &clock, &format!("run:{number}"), "webhook", &url).await;
        }
        while receiver.ids().len() < 30 {
            tokio::task::yield_now().await;
        }
        let sending = "SELECT count(*) FROM outbox WHERE state = 'SENDING' AND target = $1";
        let sending: i64 =
            sqlx::query_scalar(sending).bind(silent).fetch_one(database.readers()).await.expect("a count");
        assert_eq!(sending, 4);
        // At the end nothing more is begun, and what is being sent is waited for.
        end.cancel();
        drop((held, listener));
        running.await.expect("it ends");
        let states = rows(&database).await;
        assert!(states.iter().all(|(_, state, ..)| state == "PENDING" || state == "DELIVERED"), "{states:?}");
        // One more look may have been under way.
        let begun = states.iter().filter(|(_, _, attempts, _)| *attempts > 0).count();
        assert!((34..=38).contains(&begun), "{begun}");
    })
    .await;
}

/// The end of a run of a schedule that names PagerDuty, as the scheduler announces it.
async fn announce_end(database: &Database, clock: &SteppedClock, run: i64, event: &str, pull_request: Option<&str>) {
    let state = if event == "passed" { "SUCCESS" } else { "FAILED" };
    let notice = serde_json::json!({
        "kind": "notice", "event": event, "at": clock.now(), "message": format!("run {run} {event}"),
        "schedule": {"slug": "orders", "name": "Orders"},
        "run": {"id": run, "state": state, "cause": "slot", "actor": "scheduler", "attempt": 1, "created_at": clock.now(),
                "pull_request": pull_request},
        "integrations": {"pagerduty": [{"service_name": "lake", "urgency": "high"}]},
    });
    let insert = "INSERT INTO outbox (dedupe_key, channel, target, event, payload, state, next_attempt_at, created_at, subject) \
                  VALUES ($1, 'announcement', '', $2, $3, 'PENDING', $4, $4, 'orders')";
    let mut change = database.write().await.expect("a change");
    sqlx::query(insert)
        .bind(format!("run:{run}:{event}"))
        .bind(event)
        .bind(notice.to_string())
        .bind(clock.now())
        .execute(&mut *change)
        .await
        .expect("inserted");
    change.commit().await.expect("committed");
}

/// What PagerDuty was told: action and key.
fn actions(receiver: &Receiver) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let seen = receiver.seen.lock().expect("seen");
    seen.iter().map(|(_, body)| (text(&body["event_action"]), text(&body["dedup_key"]))).collect()
}

#[tokio::test]
async fn an_incident_begins_with_a_failure_and_ends_with_the_next_success() {
    on_each_database(async |database| {
        let (receiver, url) = Receiver::start().await;
        let clock = clock();
        let outbox = outbox(&database, &clock, "one");
        let new: NotificationSettings = serde_json::from_value(serde_json::json!({
            "pagerduty": {"lake": {"routing_key": "0123456789abcdef0123456789abcdef", "url": url.trim_end_matches("/hook"),
                                   "events": ["failed"]}},
        }))
        .expect("settings");
        settings(&database, &clock).set_notifications(new, &Actor::person("ann", None)).await.expect("set");
        let shown = settings(&database, &clock).notifications().await.expect("read");
        assert!(!serde_json::to_string(&shown).expect("JSON").contains("0123456789abcdef"), "never shown");

        announce_end(&database, &clock, 1, "passed", None).await;
        outbox.round().await.expect("a round");
        assert_eq!(actions(&receiver), [], "nothing was wrong");

        // Named by the workspace and by the schedule: told once. While PagerDuty is away, the end waits for the begin.
        receiver.answers(&[(503, None)]);
        announce_end(&database, &clock, 2, "failed", None).await;
        announce_end(&database, &clock, 3, "passed", None).await;
        let done = outbox.round().await.expect("a round");
        assert_eq!((done.expanded, done.postponed, done.delivered), (2, 1, 0));
        clock.pass(Duration::from_secs(10));
        assert_eq!(outbox.round().await.expect("a round").delivered, 2);
        announce_end(&database, &clock, 4, "passed", None).await;
        announce_end(&database, &clock, 5, "failed", Some("17")).await;
        outbox.round().await.expect("a round");
        let key = "owlet:owlet:orders".to_owned();
        let (trigger, resolve) = (("trigger".to_owned(), key.clone()), ("resolve".to_owned(), key));
        assert_eq!(actions(&receiver), [trigger.clone(), trigger, resolve], "the first was refused with 503");
        let seen = receiver.seen.lock().expect("seen");
        assert_eq!(seen[1].1["payload"]["severity"], "critical", "the schedule's urgency");
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_nobody_has_set_is_a_message_that_says_so() {
    on_each_database(async |database| {
        let clock = clock();
        announce_end(&database, &clock, 1, "failed", None).await;
        assert_eq!(outbox(&database, &clock, "one").round().await.expect("a round").dead, 1);
        let rows = rows(&database).await;
        assert_eq!(
            rows[1].3.as_deref(),
            Some(
                "Nobody has set a service of PagerDuty named lake (none is set); set it in the notification settings, \
                 or name one of those in the schedule"
            )
        );
    })
    .await;
}

//! Whole runs, with real processes: from a trigger to the rows of the run's end.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use scheduler::{
    Options, Scheduler, Server,
    clock::SystemClock,
    model::{Actor, Code, Environment, ErrorClass, Run},
    request::{RetryMode, Trigger},
    worker::{
        LeftQueries, Prices, WorkerSettings, Workers,
        checkout::Limits,
        configuration::{CommandInProject, Configuration, ConfigurationError, Configurations, Warehouses},
        environment::ServedLakehouse,
        storage::ArtifactStorage,
        supervise::Supervisor,
    },
};
use schedules::{Retry, Schedule, ScheduleCommand};
use store::{
    Database, Durability,
    sqlx::{self, AssertSqlSafe},
};
use tokio_util::sync::CancellationToken;
use vault::{Connection, Overrides, Scope, Variable, Variables};

use crate::check::Account;

/// Stands in for `owlet`: says what it was called with, leaves artifacts, fails as it is told to.
const OWLET: &str = r#"#!/bin/bash
echo "owlet $*"
mkdir -p target logs
echo '{"which":"'$1'"}' > target/manifest.json
case "$1" in
  build)
    echo '{"results":[{"status":"error","message":"ThrottlingException: Rate exceeded"}]}' > target/run_results.json
    echo '{"event":"started","token":"t","query_execution_id":"q-1","node":"model.a.b","work_group":"primary","region":"eu-west-1"}' >> "$OWLET_QUERY_JOURNAL"
    echo '{"event":"ended","query_execution_id":"q-1","state":"SUCCEEDED","submitted_at":5,"completed_at":9,"data_scanned_in_bytes":1099511627776,"queue_ms":1,"engine_ms":2,"is_ddl":false}' >> "$OWLET_QUERY_JOURNAL"
    exit 1 ;;
  retry) grep -q Throttling target/run_results.json || exit 3 ;;
  run) echo '{"results":[]}' > target/run_results.json ;;
esac
"#;

struct Fixed {
    code: PathBuf,
    variables: Mutex<Vec<Variable>>,
}

#[async_trait]
impl Configurations for Fixed {
    async fn of(&self, run: &Run) -> Result<Configuration, ConfigurationError> {
        let given = Overrides { file: Some(&run.spec.env_overrides), ..Overrides::default() };
        let variables = Variables::new(self.variables.lock().expect("unpoisoned").clone());
        Ok(Configuration {
            workspace_name: "Analytics".to_owned(),
            environment: environment(&self.code),
            connection: None,
            variables: variables.resolve(run.schedule_id, given).expect("valid"),
            credential: None,
            known_hosts: None,
        })
    }
}

struct Nowhere;

#[async_trait]
impl Warehouses for Nowhere {
    async fn services(&self, _: Option<&Connection>, _: &str) -> Result<athena_api::Services, String> {
        Err("there is no warehouse in this test".to_owned())
    }

    async fn of_profile(&self, _: &CommandInProject<'_>, _: &str) -> Result<athena_api::Services, String> {
        Err("there is no warehouse in this test".to_owned())
    }
}

/// However a command reached it.
struct There(Account);

#[async_trait]
impl Warehouses for There {
    async fn services(&self, _: Option<&Connection>, _: &str) -> Result<athena_api::Services, String> {
        Ok(self.0.all_services())
    }

    async fn of_profile(&self, _: &CommandInProject<'_>, _: &str) -> Result<athena_api::Services, String> {
        Ok(self.0.all_services())
    }
}

fn environment(code: &std::path::Path) -> Environment {
    Environment::new(Code::Local { path: code.display().to_string() })
}

fn actor() -> Actor {
    Actor::person("Ada", None)
}

/// A scheduler with one environment, and a worker that is not started yet.
struct Setup {
    folder: tempfile::TempDir,
    scheduler: Scheduler,
    configurations: Arc<Fixed>,
    workers: Workers,
    end: CancellationToken,
}

impl Setup {
    async fn new(lease: Duration) -> Self {
        Self::with(lease, LeftQueries::Stop, Arc::new(Nowhere)).await
    }

    async fn with(lease: Duration, left_queries: LeftQueries, warehouses: Arc<dyn Warehouses>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let code = folder.path().join("shop");
        fs_err::create_dir(&code).expect("created");
        fs_err::write(code.join("dbt_project.yml"), "name: shop\nprofile: shop\n").expect("written");
        let owlet = folder.path().join("owlet");
        fs_err::write(&owlet, OWLET).expect("written");
        fs_err::set_permissions(&owlet, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
        let configurations = Arc::new(Fixed { code: code.clone(), variables: Mutex::default() });
        let database =
            Database::sqlite(&folder.path().join("scheduler.db"), Durability::Process).await.expect("a database");
        let server = Server { host: "here".to_owned(), pid: std::process::id(), version: "test".to_owned() };
        let options = Options { lease, ..Options::default() };
        let scheduler =
            Scheduler::open(database, Arc::new(SystemClock::new()), server, options).await.expect("a scheduler");
        let insert = "INSERT INTO environment (slug, name, definition, created_at, updated_at) VALUES ('production', 'Production', $1, 0, 0)";
        let mut change = scheduler.database().write().await.expect("a change");
        let definition = serde_json::to_string(&environment(&code)).expect("JSON");
        sqlx::query(insert).bind(definition).execute(&mut *change).await.expect("inserted");
        change.commit().await.expect("committed");
        let settings = WorkerSettings {
            directory: folder.path().join("owlet-dir"),
            supervisor: Supervisor {
                command: vec![env!("CARGO_BIN_EXE_supervisor-for-tests").into(), "exec-supervised".into()],
            },
            owlet,
            host: "here".to_owned(),
            inherited: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            lakehouse: ServedLakehouse::default(),
            artifacts: ArtifactStorage::Directory(folder.path().join("artifacts")),
            prices: Prices::default(),
            left_queries,
            grace: Duration::from_secs(10),
            git: Limits::default(),
            max_runs: 4,
        };
        let workers = Workers::new(
            scheduler.clone(),
            settings,
            Arc::clone(&configurations) as Arc<dyn Configurations>,
            warehouses,
        );
        Self { folder, scheduler, configurations, workers, end: CancellationToken::new() }
    }

    fn start(&self) -> tokio::task::JoinHandle<()> {
        let (workers, end) = (self.workers.clone(), self.end.clone());
        tokio::spawn(async move { workers.run(end).await })
    }

    async fn schedule(&self, slug: &str, commands: &[(&str, bool)], change: impl FnOnce(&mut Schedule)) {
        let commands = commands
            .iter()
            .map(|(line, goes_on)| ScheduleCommand { continue_on_error: *goes_on, ..ScheduleCommand::new(*line) })
            .collect();
        let mut schedule = Schedule::new(slug, slug, "production", commands);
        schedule.retry = Retry { attempts: 0, ..Retry::default() };
        change(&mut schedule);
        self.scheduler.create_schedule(&schedule, "api", &actor()).await.expect("created");
    }

    async fn trigger(&self, slug: &str) -> i64 {
        self.scheduler.trigger(Trigger::new(slug, actor())).await.expect("triggered").run_id
    }

    async fn texts(&self, sql: String) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(self.scheduler.database().readers()).await.expect("rows")
    }

    async fn until(&self, what: &str, sql: String, expected: &str) {
        let start = Instant::now();
        loop {
            let found = self.texts(sql.clone()).await.join(" ");
            if found == expected {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "never {what}: {found}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// State, class and reason, when the run is over.
    async fn ended(&self, run: i64) -> String {
        let over = format!("SELECT CASE WHEN ended_at IS NULL THEN 'no' ELSE 'yes' END FROM run WHERE id = {run}");
        self.until("over", over, "yes").await;
        let sql = format!(
            "SELECT state || '|' || COALESCE(error_class, '') || '|' || COALESCE(state_reason, '') FROM run WHERE id = {run}"
        );
        self.texts(sql).await.concat()
    }

    async fn commands(&self, run: i64) -> Vec<String> {
        let sql = format!(
            "SELECT kind || ' ' || text || ' -> ' || state || ' ' || COALESCE(CAST(return_code AS TEXT), '') FROM command WHERE run_id = {run} ORDER BY id"
        );
        self.texts(sql).await
    }

    async fn log(&self, run: i64, position: i64) -> String {
        let sql = format!(
            "SELECT l.text FROM log_chunk l JOIN command c ON c.id = l.command_id WHERE c.run_id = {run} AND c.position = {position} ORDER BY l.sequence"
        );
        self.texts(sql).await.concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_its_trigger_to_its_end() {
    let setup = Setup::new(Duration::from_secs(30)).await;
    setup.configurations.variables.lock().expect("unpoisoned").extend([
        Variable::new(Scope::Workspace, "TOKEN", "hush-hush-hush", true).expect("valid"),
        Variable::new(Scope::Workspace, "PLACE", "workspace", false).expect("valid"),
    ]);
    let lines = [
        ("dbt run --select a", false),
        (
            "bash -c 'echo $TOKEN; printf %s $TOKEN | base64; echo $PLACE $PARADIME_SCHEDULE_NAME $PARADIME_SCHEDULE_RUN_ID $OWLET_RUN_ATTEMPT; echo ${HOME-none}'",
            false,
        ),
        ("A=$PLACE python3 -c \"import os; print(os.environ['A'])\"", false),
        ("bash -c 'echo \"{\\\"token\\\": \\\"$TOKEN\\\"}\" > target/rendered.json'", false),
    ];
    setup
        .schedule("orders", &lines, |schedule| {
            schedule.env_overrides.insert("PLACE".to_owned(), "schedule".to_owned());
            schedule.variables.insert("day".to_owned(), "2026-01-01".into());
        })
        .await;
    let server = setup.start();
    let run = setup.trigger("orders").await;
    assert_eq!(setup.ended(run).await, "SUCCESS||");
    let commands = setup.commands(run).await;
    assert_eq!(commands[0], format!("checkout copy {} -> SUCCESS 0", setup.folder.path().join("shop").display()));
    assert_eq!(commands[1..3], ["deps dbt deps -> SUCCESS 0", "command dbt run --select a -> SUCCESS 0"]);
    assert_eq!(setup.log(run, 3).await, "owlet run --select a --vars {\"day\":\"2026-01-01\"}\n");
    assert_eq!(setup.log(run, 4).await, format!("********\n********=\nschedule orders {run} 1\nnone\n"));
    assert_eq!(setup.log(run, 5).await, "schedule\n");
    let paths = "SELECT c.position || ' ' || a.path FROM artifact a JOIN command c ON c.id = a.command_id ORDER BY 1";
    let paths = setup.texts(paths.to_owned()).await;
    assert_eq!(
        paths,
        ["2 target/manifest.json", "3 target/manifest.json", "3 target/run_results.json", "6 target/rendered.json"]
    );
    let key = setup.texts("SELECT storage_key FROM artifact WHERE path = 'target/rendered.json'".to_owned()).await;
    let storage = ArtifactStorage::Directory(setup.folder.path().join("artifacts"));
    assert_eq!(storage.get(&key[0]).await.expect("stored"), "{\"token\": \"********\"}\n");
    assert!(!setup.folder.path().join("owlet-dir/runs").join(run.to_string()).exists());
    setup.end.cancel();
    server.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_stop_the_run_unless_they_may_not_and_a_retry_goes_on() {
    let setup = Setup::new(Duration::from_secs(30)).await;
    setup.schedule("a", &[("false", true), ("dbt build", false), ("echo never", false)], |_| {}).await;
    setup.schedule("b", &[("dbt deps && dbt run", false)], |_| {}).await;
    let server = setup.start();
    let run = setup.trigger("a").await;
    assert_eq!(setup.ended(run).await, "FAILED|command|command 1 `false` exited with 1");
    assert_eq!(setup.commands(run).await[2..], ["command false -> FAILED 1", "command dbt build -> FAILED 1"]);
    let cost = "SELECT node || ' ' || state || ' ' || CAST(micro_dollars AS TEXT) FROM query_execution".to_owned();
    assert_eq!(setup.texts(cost).await, ["model.a.b SUCCEEDED 5000000"]);

    let again = setup.scheduler.retry_run(run, RetryMode::FromFailure, &actor()).await.expect("retried");
    let _ = setup.ended(again).await;
    let run = setup.trigger("b").await;
    assert_eq!(
        setup.ended(run).await,
        "FAILED|command|command 1 `dbt deps && dbt run` could not be started: '&&' needs a shell, and commands run without one\n  \
         fix: say so: bash -c '…' with the whole line inside, or quote the word"
    );
    setup.end.cancel();
    server.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn dbt_retry_finds_the_results_of_the_command_that_failed() {
    let setup = Setup::new(Duration::from_secs(30)).await;
    setup.schedule("a", &[("dbt build", false), ("echo after", false)], |_| {}).await;
    let server = setup.start();
    let run = setup.trigger("a").await;
    assert_eq!(setup.ended(run).await, "FAILED|throttling|command 1 `dbt build` exited with 1");
    let again = setup.scheduler.retry_run(run, RetryMode::FromFailure, &actor()).await.expect("retried");
    assert_eq!(setup.ended(again).await, "SUCCESS||");
    assert_eq!(setup.commands(again).await[2..], ["command dbt retry -> SUCCESS 0", "command echo after -> SUCCESS 0"]);
    setup.end.cancel();
    server.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_with_its_processes() {
    let setup = Setup::new(Duration::from_secs(12)).await;
    let script = "bash -c 'trap \"echo stopping; exit 3\" TERM; echo started; while :; do sleep 0.05; done'";
    setup.schedule("a", &[(script, true), ("echo never", false)], |_| {}).await;
    let server = setup.start();
    let run = setup.trigger("a").await;
    let log = format!(
        "SELECT l.text FROM log_chunk l JOIN command c ON c.id = l.command_id WHERE c.run_id = {run} AND c.position = 3"
    );
    // Live: while the command runs.
    setup.until("live", log, "started\n").await;
    setup.scheduler.cancel(run, "not today", &actor()).await.expect("asked");
    assert_eq!(setup.ended(run).await, "CANCELED||not today");
    let commands = setup.commands(run).await;
    assert!(commands.len() == 3 && commands[2].ends_with("-> CANCELED 130"), "{commands:?}");
    // bash says on its standard error that its sleep was ended.
    let log = setup.log(run, 3).await.replace("Terminated\n", "");
    assert_eq!(log, "started\nstopping\n");
    setup.end.cancel();
    server.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_leaves_its_runs_to_the_next_which_finishes_them_once() {
    let setup = Setup::new(Duration::from_secs(6)).await;
    setup.schedule("a", &[("bash -c 'echo started; sleep 600'", false)], |_| {}).await;
    let server = setup.start();
    let run = setup.trigger("a").await;
    let log = format!(
        "SELECT l.text FROM log_chunk l JOIN command c ON c.id = l.command_id WHERE c.run_id = {run} AND c.position = 3"
    );
    setup.until("live", log, "started\n").await;
    setup.end.cancel();
    server.await.expect("it ends");
    let state = format!("SELECT state FROM run WHERE id = {run}");
    assert_eq!(setup.texts(state).await, ["RUNNING"]);

    let end = CancellationToken::new();
    let (workers, next) = (setup.workers.clone(), end.clone());
    let server = tokio::spawn(async move { workers.run(next).await });
    let ended = setup.ended(run).await;
    assert!(ended.starts_with(&format!("ERROR|{}|", ErrorClass::Lost)), "{ended}");
    assert!(ended.contains("was stopped in `bash -c 'echo started; sleep 600'`"), "{ended}");
    assert!(setup.commands(run).await[2].contains("sleep 600' -> CANCELED 130"), "{:?}", setup.commands(run).await);
    let taken = "SELECT event_type FROM audit WHERE event_type = 'run.taken_over'".to_owned();
    assert_eq!(setup.texts(taken).await.len(), 1);
    end.cancel();
    server.await.expect("it ends");
}

/// The first attempt is left with a query that runs; the second finds the same query.
const QUERY: &str = r#"
started='{"event":"started","token":"t","query_execution_id":"q-1","node":"model.a.b","work_group":"primary","region":"eu-west-1"}'
ended='{"event":"ended","query_execution_id":"q-1","state":"SUCCEEDED","submitted_at":5,"completed_at":9,"data_scanned_in_bytes":1099511627776,"queue_ms":1,"engine_ms":2,"is_ddl":false}'
echo "$started" >> "$OWLET_QUERY_JOURNAL"
[ "$OWLET_RUN_ATTEMPT" = 1 ] && echo started && exec sleep 600
echo "$ended" >> "$OWLET_QUERY_JOURNAL"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_a_lost_run_are_stopped_waited_for_or_adopted() {
    for (how, told, ledger) in [
        (
            LeftQueries::Stop,
            "; 1 of its queries were still running and were stopped",
            ["1 CANCELLED 0", "2 SUCCEEDED 0"],
        ),
        (
            LeftQueries::Wait,
            "; 1 of its queries were still running and were waited for",
            ["1 SUCCEEDED 48", "2 SUCCEEDED 0"],
        ),
        (
            LeftQueries::Adopt,
            "; 1 of its queries go on, and the next attempt takes them over",
            ["1 SUCCEEDED 0", "2 SUCCEEDED 5000000"],
        ),
    ] {
        let warehouse = Arc::new(There(Account::with_a_running_query()));
        let setup = Setup::with(Duration::from_secs(6), how, warehouse).await;
        fs_err::write(setup.folder.path().join("shop/query.sh"), QUERY).expect("written");
        setup
            .schedule("a", &[("bash query.sh", false)], |schedule| {
                schedule.retry = Retry { attempts: 1, backoff_seconds: 1, ..Retry::default() };
            })
            .await;
        let server = setup.start();
        let run = setup.trigger("a").await;
        let running = "SELECT state FROM query_execution".to_owned();
        setup.until("noted", running, "RUNNING").await;
        setup.end.cancel();
        server.await.expect("it ends");

        let end = CancellationToken::new();
        let (workers, next) = (setup.workers.clone(), end.clone());
        let server = tokio::spawn(async move { workers.run(next).await });
        let lost = setup.ended(run).await;
        assert!(lost.starts_with("ERROR|lost|") && lost.ends_with(told), "{how:?}: {lost}");
        setup.until("done", "SELECT state FROM run WHERE attempt = 2".to_owned(), "SUCCESS").await;
        let rows = "SELECT r.attempt || ' ' || q.state || ' ' || CAST(q.micro_dollars AS TEXT) FROM query_execution q \
                    JOIN run r ON r.id = q.run_id ORDER BY r.id";
        assert_eq!(setup.texts(rows.to_owned()).await, ledger, "{how:?}");
        end.cancel();
        server.await.expect("it ends");
    }
}

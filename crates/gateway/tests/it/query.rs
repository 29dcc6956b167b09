//! Queries from start to rows.

use std::{sync::Arc, time::Duration};

use athena::{CreateWorkGroup, Lakehouse, LakehouseOptions};
use athena_api::{
    Athena, Services,
    athena::{
        QueryExecution, QueryExecutionState, QueryResults, ResultReuseByAgeConfiguration, ResultReuseConfiguration,
        Row, StartQueryExecutionRequest, WorkGroupConfiguration,
    },
    glue::{Column, DatabaseInput, SerDeInfo, StorageDescriptor, TableInput},
};
use names::S3Uri;

use crate::harness::Served;

const LONG: Duration = Duration::from_secs(60);
/// A trillion rows.
const ENDLESS: &str = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), \
                       UNNEST(sequence(1, 10000)) c(z) WHERE x * y + z = -1";

fn request(sql: &str) -> StartQueryExecutionRequest {
    StartQueryExecutionRequest { query_string: sql.to_owned(), ..StartQueryExecutionRequest::default() }
}

async fn run(athena: &dyn Athena, sql: &str) -> QueryExecution {
    let id = athena.start_query_execution(request(sql)).await.expect("started");
    let execution = athena.wait_query_execution(&id, LONG).await.expect("answered");
    assert!(execution.status.state.is_terminal(), "{execution:?}");
    execution
}

async fn succeed(athena: &dyn Athena, sql: &str) -> QueryExecution {
    let execution = run(athena, sql).await;
    assert_eq!(execution.status.state, QueryExecutionState::Succeeded, "{sql}: {:?}", execution.status);
    execution
}

fn texts(results: &QueryResults) -> Vec<Vec<Option<&str>>> {
    fn values(row: &Row) -> Vec<Option<&str>> {
        row.data.iter().map(|datum| datum.var_char_value.as_deref()).collect()
    }
    results.result_set.rows.iter().map(values).collect()
}

async fn object(services: &Services, execution: &QueryExecution, suffix: &str) -> String {
    let location = execution.result_configuration.as_ref().and_then(|it| it.output_location.as_deref());
    let location: S3Uri = format!("{}{suffix}", location.expect("a location")).parse().expect("a location");
    let bytes = services.s3.get(&location).await.unwrap_or_else(|error| panic!("{location}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_rows_and_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    let athena = client.athena.as_ref();
    let execution =
        succeed(athena, "SELECT x, nullif(x, 2) AS y, 'a\"b' AS \"Text\" FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x")
            .await;
    let id = &execution.query_execution_id;
    assert_eq!(uuid::Uuid::parse_str(id).expect("an id").get_version_num(), 4);
    let location = execution.result_configuration.as_ref().and_then(|it| it.output_location.clone());
    assert_eq!(location, Some(format!("s3://owlet/query-results/{id}.csv")));
    let statistics = &execution.statistics;
    assert!(
        statistics.total_execution_time_in_millis > Some(0) && statistics.engine_execution_time_in_millis > Some(0)
    );

    let first = athena.get_query_results(id, None, Some(3)).await.expect("a page");
    let t = Some;
    assert_eq!(texts(&first), [[t("x"), t("y"), t("Text")], [t("1"), t("1"), t("a\"b")], [t("2"), None, t("a\"b")]]);
    let token = first.next_token.clone().expect("more");
    for _ in 0..2 {
        let second = athena.get_query_results(id, Some(&token), Some(3)).await.expect("the same page again");
        assert_eq!(texts(&second), [[t("3"), t("3"), t("a\"b")]]);
        assert_eq!(second.next_token, None);
    }
    let error = athena.get_query_results(id, Some("nonsense"), None).await.expect_err("no token of ours");
    assert_eq!(error.message, "Malformed nextPageToken nonsense");
    assert_eq!(
        object(&client, &execution, "").await,
        "\"x\",\"y\",\"Text\"\n\"1\",\"1\",\"a\"\"b\"\n\"2\",,\"a\"\"b\"\n\"3\",\"3\",\"a\"\"b\"\n"
    );
    assert!(object(&client, &execution, ".metadata").await.contains("integer"));
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_are_streamed_whole_or_not_at_all() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    let athena = client.athena.as_ref();
    let many = |column: &str| {
        format!("SELECT {column} AS value FROM UNNEST(sequence(1, 10000)) a(x), (VALUES 0, 1, 2, 3, 4, 5) b(y)")
    };
    let execution = succeed(athena, &many("rpad(CAST(x * 10 + y AS varchar), 100, '.')")).await;
    let body = object(&client, &execution, "").await;
    assert!(body.len() > 6_000_000);
    let mut lines: Vec<&str> = body.lines().skip(1).collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 60_000);
    let id = &execution.query_execution_id;
    let (mut pages, mut rows, mut token) = (0, Vec::new(), None);
    loop {
        let page = athena.get_query_results(id, token.as_deref(), None).await.expect("a page");
        rows.extend(page.result_set.rows.into_iter().map(|row| row.data[0].var_char_value.clone().expect("a value")));
        pages += 1;
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((pages, rows.len()), (61, 60_001));
    assert!(body.lines().zip(&rows).all(|(line, row)| line.trim_matches('"') == row));

    let execution = run(athena, &many("rpad(CAST(1 / (9999 - x) AS varchar), 100, '.')")).await;
    assert_eq!(execution.status.state_change_reason.as_deref(), Some("DIVISION_BY_ZERO: Division by zero"));
    let location = execution.result_configuration.and_then(|it| it.output_location).expect("a location");
    let prefix: S3Uri = location.parse().expect("a location");
    assert_eq!(client.s3.list(&prefix).await.expect("listed"), []);
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_without_rows_leave_text_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    let athena = client.athena.as_ref();
    let execution = succeed(athena, "CREATE DATABASE shop").await;
    assert_eq!(object(&client, &execution, "").await, "");
    assert_eq!(execution.substatement_type.as_deref(), Some("CREATE_DATABASE"));
    let execution = succeed(athena, "SHOW DATABASES LIKE 'shop'").await;
    assert_eq!(object(&client, &execution, "").await, "shop");
    let results = athena.get_query_results(&execution.query_execution_id, None, None).await.expect("rows");
    assert_eq!(texts(&results), [[Some("shop")]]);
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    let athena = client.athena.as_ref();
    let execution = run(athena, "SELECT * FROM nosuch").await;
    assert_eq!(execution.status.state, QueryExecutionState::Failed);
    let error = execution.status.athena_error.expect("an error");
    assert_eq!((error.error_category, error.error_type, error.retryable), (2, 1301, false));
    assert_eq!(Some(error.error_message), execution.status.state_change_reason);
    let refused = athena.get_query_results(&execution.query_execution_id, None, None).await.expect_err("no rows");
    assert_eq!(refused.message, "Query did not finish successfully. Final query state: FAILED");
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_starts_one_query_only_and_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = || LakehouseOptions::new(dir.path(), Arc::new(chrono::Utc::now));
    let lakehouse = Lakehouse::open(options()).await.expect("opened");
    let athena = lakehouse.services().athena;
    let token = Some("a-token-of-at-least-32-characters!".to_owned());
    let wanted = |sql: &str| StartQueryExecutionRequest { client_request_token: token.clone(), ..request(sql) };
    let id = athena.start_query_execution(wanted("SELECT 1 AS one")).await.expect("started");
    athena.wait_query_execution(&id, LONG).await.expect("ended");
    assert_eq!(athena.start_query_execution(wanted("SELECT 1 AS one")).await.as_deref(), Ok(id.as_str()));
    let error = athena.start_query_execution(wanted("SELECT 2 AS two")).await.expect_err("another query");
    assert_eq!(error.athena_error_code.as_deref(), Some("IDEMPOTENT_PARAMETER_MISMATCH"));
    drop(athena);
    lakehouse.close().await;
    drop(lakehouse);

    let lakehouse = Lakehouse::open(options()).await.expect("opened again");
    let athena = lakehouse.services().athena;
    assert_eq!(athena.start_query_execution(wanted("SELECT 1 AS one")).await.as_deref(), Ok(id.as_str()));
    let results = athena.get_query_results(&id, None, None).await.expect("the rows of before");
    assert_eq!(texts(&results), [[Some("one")], [Some("1")]]);
    assert_eq!(lakehouse.athena().list_query_executions(None, None, 50).await.expect("a list").ids, [id]);
    lakehouse.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_query_stops_when_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    let athena = client.athena.as_ref();
    let id = athena.start_query_execution(request(ENDLESS)).await.expect("started");
    let execution = athena.wait_query_execution(&id, Duration::from_millis(200)).await.expect("answered");
    assert!(!execution.status.state.is_terminal(), "{:?}", execution.status);
    let stopping = std::time::Instant::now();
    athena.stop_query_execution(&id).await.expect("stopped");
    let execution = athena.wait_query_execution(&id, LONG).await.expect("answered");
    assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
    assert_eq!(execution.status.state, QueryExecutionState::Cancelled);
    assert_eq!(execution.status.state_change_reason.as_deref(), Some("Query cancelled by user"));
    let refused = athena.get_query_results(&id, None, None).await.expect_err("no rows");
    assert_eq!(refused.message, "Could not find results");
    athena.stop_query_execution(&id).await.expect("nothing to stop is no error");
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_beyond_the_limit_wait_their_turn() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock: athena::Clock = Arc::new(chrono::Utc::now);
    let options = LakehouseOptions { max_running_queries: 1, ..LakehouseOptions::new(dir.path(), clock) };
    let lakehouse = Lakehouse::open(options).await.expect("opened");
    let athena = lakehouse.services().athena;
    let endless = athena.start_query_execution(request(ENDLESS)).await.expect("started");
    let waiting = athena.start_query_execution(request("SELECT 1")).await.expect("started");
    let abandoned = athena.start_query_execution(request("SELECT 2")).await.expect("started");
    let state = athena.wait_query_execution(&waiting, Duration::from_millis(100)).await.expect("answered").status.state;
    assert_eq!(state, QueryExecutionState::Queued);
    let error = athena.get_query_results(&waiting, None, None).await.expect_err("no rows yet");
    assert_eq!(error.message, "Query has not yet finished. Current state: QUEUED");
    athena.stop_query_execution(&abandoned).await.expect("stopped");
    let state = athena.wait_query_execution(&abandoned, LONG).await.expect("answered").status.state;
    assert_eq!(state, QueryExecutionState::Cancelled);
    athena.stop_query_execution(&endless).await.expect("stopped");
    let execution = athena.wait_query_execution(&waiting, LONG).await.expect("answered");
    assert_eq!(execution.status.state, QueryExecutionState::Succeeded);
    assert!(execution.statistics.query_queue_time_in_millis >= Some(50), "{:?}", execution.statistics);
    lakehouse.close().await;
}

/// The runtime of who started it ends at once; the query does not.
#[tokio::test(flavor = "multi_thread")]
async fn queries_run_on_threads_of_their_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = LakehouseOptions::new(dir.path(), Arc::new(chrono::Utc::now));
    let lakehouse = Lakehouse::open(options).await.expect("opened");
    let athena = lakehouse.services().athena;
    let starting = {
        let athena = Arc::clone(&athena);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(athena.start_query_execution(request("SELECT 1")))
        })
    };
    let id = starting.join().expect("a thread").expect("started");
    let execution = athena.wait_query_execution(&id, LONG).await.expect("answered");
    assert_eq!(execution.status.state, QueryExecutionState::Succeeded, "{:?}", execution.status);
    lakehouse.close().await;
}

/// What a killed process has spilled is gone with the next start, and nothing lies in the system's temporary folder.
#[tokio::test(flavor = "multi_thread")]
async fn queries_spill_into_the_lakehouses_own_folder() {
    let dir = tempfile::tempdir().expect("a directory");
    let spill = dir.path().join("spill");
    fs_err::create_dir_all(spill.join("datafusion-old")).expect("a folder");
    fs_err::write(spill.join("datafusion-old/file"), "left").expect("written");
    let options = LakehouseOptions::new(dir.path(), Arc::new(chrono::Utc::now));
    let lakehouse = Lakehouse::open(options).await.expect("opened");
    assert!(!spill.join("datafusion-old").exists());
    assert_eq!(fs_err::read_dir(&spill).expect("listed").count(), 1, "where this process spills");
    lakehouse.close().await;
    drop(lakehouse);
    assert_eq!(fs_err::read_dir(&spill).expect("listed").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_cancels_what_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = || LakehouseOptions::new(dir.path(), Arc::new(chrono::Utc::now));
    let lakehouse = Lakehouse::open(options()).await.expect("opened");
    let id = lakehouse.services().athena.start_query_execution(request(ENDLESS)).await.expect("started");
    lakehouse.close().await;
    drop(lakehouse);
    let lakehouse = Lakehouse::open(options()).await.expect("opened again");
    let execution = lakehouse.services().athena.get_query_execution(&id).await.expect("remembered");
    assert_eq!(execution.status.state, QueryExecutionState::Cancelled);
    lakehouse.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_reused_when_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    let athena = client.athena.as_ref();
    let reuse = |enabled| ResultReuseConfiguration {
        result_reuse_by_age_configuration: Some(ResultReuseByAgeConfiguration {
            enabled,
            max_age_in_minutes: Some(10),
        }),
    };
    let wanted = |enabled| StartQueryExecutionRequest {
        result_reuse_configuration: Some(reuse(enabled)),
        ..request("SELECT now() AS moment")
    };
    let mut executions = Vec::new();
    for enabled in [true, true, false] {
        let id = athena.start_query_execution(wanted(enabled)).await.expect("started");
        executions.push(athena.wait_query_execution(&id, LONG).await.expect("ended"));
    }
    let reused = |execution: &QueryExecution| {
        execution.statistics.result_reuse_information.as_ref().expect("said").reused_previous_result
    };
    assert_eq!(executions.iter().map(reused).collect::<Vec<_>>(), [false, true, false]);
    assert_ne!(executions[0].query_execution_id, executions[1].query_execution_id);
    assert_eq!(executions[0].result_configuration, executions[1].result_configuration);
    let mut rows = Vec::new();
    for execution in &executions {
        rows.push(athena.get_query_results(&execution.query_execution_id, None, None).await.expect("rows").result_set);
    }
    assert_eq!(rows[0], rows[1]);
    assert_ne!(rows[0], rows[2]);
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_group_limits_what_is_scanned() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let client = served.client("any", "thing").await;
    let (athena, glue) = (client.athena.as_ref(), client.glue.as_ref());
    let database = DatabaseInput { name: "default".to_owned(), ..DatabaseInput::default() };
    if let Err(error) = glue.create_database(None, database).await {
        assert_eq!(error.code, "AlreadyExistsException");
    }
    let table = TableInput {
        name: "large".to_owned(),
        table_type: Some("EXTERNAL_TABLE".to_owned()),
        storage_descriptor: Some(StorageDescriptor {
            columns: vec![Column::new("text", "string")],
            location: Some("s3://owlet/large/".to_owned()),
            input_format: Some("org.apache.hadoop.mapred.TextInputFormat".to_owned()),
            output_format: Some("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat".to_owned()),
            serde_info: Some(SerDeInfo {
                serialization_library: Some("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe".to_owned()),
                ..SerDeInfo::default()
            }),
            ..StorageDescriptor::default()
        }),
        ..TableInput::default()
    };
    glue.create_table(None, "default", table).await.expect("created");
    let body = format!("{}\n", "x".repeat(99)).repeat(101_000);
    client.s3.put(&S3Uri::new("owlet", "large/data.txt"), body.into()).await.expect("stored");
    let configuration =
        WorkGroupConfiguration { bytes_scanned_cutoff_per_query: Some(10_000_000), ..Default::default() };
    let limited =
        CreateWorkGroup { name: "limited".to_owned(), configuration: Some(configuration), ..Default::default() };
    served.lakehouse.athena().create_work_group(limited).await.expect("created");
    for (work_group, state) in
        [(None, QueryExecutionState::Succeeded), (Some("limited"), QueryExecutionState::Cancelled)]
    {
        let wanted = StartQueryExecutionRequest {
            work_group: work_group.map(str::to_owned),
            ..request("SELECT count(*) FROM large WHERE text <> 'y'")
        };
        let id = athena.start_query_execution(wanted).await.expect("started");
        let execution = athena.wait_query_execution(&id, LONG).await.expect("ended");
        assert_eq!(execution.status.state, state, "{:?}", execution.status);
        assert_eq!(execution.statistics.data_scanned_in_bytes, Some(10_100_000));
        let reason = execution.status.state_change_reason.as_deref();
        assert_eq!(reason, work_group.map(|_| "Bytes scanned limit was exceeded"));
    }
    served.close().await;
}

/// Prints, asserts nothing: how long a trivial query takes from start to rows.
#[tokio::test(flavor = "multi_thread")]
async fn latency() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let over_http = served.client("any", "thing").await.athena;
    let in_process = served.lakehouse.services().athena;
    for (name, athena) in [("in process", in_process), ("over HTTP", over_http)] {
        let mut taken = Vec::new();
        for _ in 0..200 {
            let started = std::time::Instant::now();
            let id = athena.start_query_execution(request("SELECT 1 AS one")).await.expect("started");
            athena.wait_query_execution(&id, LONG).await.expect("ended");
            athena.get_query_results(&id, None, None).await.expect("rows");
            taken.push(started.elapsed());
        }
        taken.sort();
        println!("SELECT 1 {name}: median {:?}, 95% {:?}", taken[100], taken[190]);
    }
    served.close().await;
}

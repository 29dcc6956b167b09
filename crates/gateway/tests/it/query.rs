//! Queries from start to rows.

use std::{sync::Arc, time::Duration};

use athena::{Lakehouse, LakehouseOptions};
use athena_api::{
    Athena, Services,
    athena::{QueryExecution, QueryExecutionState, QueryResults, Row, StartQueryExecutionRequest},
};
use names::S3Uri;

use crate::harness::Served;

const LONG: Duration = Duration::from_secs(60);

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
    let endless = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z) \
                   WHERE x * y + z = -1";
    let id = athena.start_query_execution(request(endless)).await.expect("started");
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

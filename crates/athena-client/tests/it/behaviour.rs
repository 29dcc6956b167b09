//! Retries, polling, caching, redirects.

use std::time::Duration;

use athena_api::athena::{QueryExecutionState, StartQueryExecutionRequest};
use bytes::Bytes;
use names::S3Uri;

use crate::script::{Answer, Script};

const THROTTLED: Answer = Answer::Http(400, "", r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
const STARTED: Answer = Answer::Http(200, "", r#"{"QueryExecutionId":"id-1"}"#);
const RUNNING: Answer = Answer::Http(
    200,
    "",
    r#"{"QueryExecution":{"QueryExecutionId":"id-1","Query":"q","Status":{"State":"RUNNING","SubmissionDateTime":1.5E9}}}"#,
);
const SUCCEEDED: Answer = Answer::Http(
    200,
    "",
    r#"{"QueryExecution":{"QueryExecutionId":"id-1","Query":"q","Status":{"State":"SUCCEEDED","SubmissionDateTime":1.5E9}}}"#,
);

fn query() -> StartQueryExecutionRequest {
    StartQueryExecutionRequest { query_string: "SELECT 1".to_owned(), ..StartQueryExecutionRequest::default() }
}

#[tokio::test]
async fn a_query_is_started_once_however_often_it_is_sent() {
    let script = Script::start(vec![THROTTLED, Answer::Cut, Answer::Http(503, "", "<html>"), STARTED]).await;
    let client = script.client(5).await;
    assert_eq!(client.athena.start_query_execution(query()).await.as_deref(), Ok("id-1"));
    let asked = script.asked();
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|request| request.body == asked[0].body), "{asked:?}");
    assert!(asked[0].body.contains("\"ClientRequestToken\":\""), "{}", asked[0].body);
    let head = asked[0].head.to_lowercase();
    assert!(head.contains("x-amz-target: amazonathena.startqueryexecution"), "{head}");
    assert!(
        head.contains("/eu-west-1/athena/aws4_request") && head.contains("x-amz-security-token: hidden-token"),
        "{head}"
    );
}

#[tokio::test]
async fn retries_end() {
    let script = Script::start(vec![THROTTLED; 3]).await;
    let error = script.client(2).await.athena.start_query_execution(query()).await.expect_err("throttled");
    assert!(error.is_throttling(), "{error}");
    assert_eq!(
        error.to_string(),
        "An error occurred (ThrottlingException) when calling the StartQueryExecution operation: Rate exceeded"
    );
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn throttling_is_waited_out_beyond_the_retries_and_failures_are_not() {
    let minute = Duration::from_secs(60);
    let script = Script::start(vec![THROTTLED, THROTTLED, THROTTLED, STARTED]).await;
    let client = script.patient_client(1, minute).await;
    assert_eq!(client.athena.start_query_execution(query()).await.as_deref(), Ok("id-1"));
    let script = Script::start(vec![Answer::Http(503, "", "<html>"); 2]).await;
    script.patient_client(1, minute).await.athena.start_query_execution(query()).await.expect_err("down");
    assert_eq!(script.asked().len(), 2);
    let script = Script::start(vec![THROTTLED; 2]).await;
    let hurried = script.patient_client(1, minute).await;
    hurried.athena.lose_patience();
    hurried.athena.start_query_execution(query()).await.expect_err("not waited out");
    assert_eq!(script.asked().len(), 2);
    let script = Script::start(vec![THROTTLED]).await;
    script.patient_client(0, minute).await.athena.start_query_execution(query()).await.expect_err("no retries at all");
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let refusal =
        r#"{"__type":"AccessDeniedException","Message":"User: arn is not authorized to perform: athena:GetWorkGroup"}"#;
    let script = Script::start(vec![Answer::Http(400, "", refusal)]).await;
    let error = script.client(5).await.athena.get_work_group("wg").await.expect_err("refused");
    assert_eq!((error.code.as_str(), error.operation.as_str()), ("AccessDeniedException", "GetWorkGroup"));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn waiting_polls_until_the_end_or_the_limit() {
    let script = Script::start(vec![RUNNING, RUNNING, SUCCEEDED, RUNNING]).await;
    let athena = script.client(0).await.athena;
    let ended = athena.wait_query_execution("id-1", Duration::from_secs(30)).await.expect("answered");
    assert_eq!((ended.status.state, script.asked().len()), (QueryExecutionState::Succeeded, 3));
    let running = athena.wait_query_execution("id-1", Duration::ZERO).await.expect("answered");
    assert_eq!((running.status.state, script.asked().len()), (QueryExecutionState::Running, 4));
}

#[tokio::test]
async fn a_work_group_is_asked_for_once() {
    let answer = r#"{"WorkGroup":{"Name":"wg","Configuration":{"EnforceWorkGroupConfiguration":true}}}"#;
    let script = Script::start(vec![Answer::Http(200, "", answer)]).await;
    let athena = script.client(0).await.athena;
    let (one, other) = tokio::join!(athena.get_work_group("wg"), athena.get_work_group("wg"));
    assert_eq!(one.expect("answered"), other.expect("answered"));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_bucket_of_another_region_is_found_and_remembered() {
    let elsewhere =
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>us-west-2</Region></Error>";
    let script = Script::start(vec![
        Answer::Http(400, "", elsewhere),
        Answer::Http(200, "", "bytes"),
        Answer::Http(200, "", "bytes"),
    ])
    .await;
    let s3 = script.client(0).await.s3;
    let object = S3Uri::new("bucket", "a b/ü");
    for _ in 0..2 {
        assert_eq!(s3.get(&object).await.expect("read"), Bytes::from_static(b"bytes"));
    }
    let asked = script.asked();
    let signed_for = |region: &str, at: usize| asked[at].head.contains(&format!("/{region}/s3/aws4_request"));
    assert!(signed_for("eu-west-1", 0) && signed_for("us-west-2", 1) && signed_for("us-west-2", 2), "{asked:?}");
    assert!(asked[0].head.starts_with("GET /bucket/a%20b/%C3%BC HTTP/1.1"), "{}", asked[0].head);
}

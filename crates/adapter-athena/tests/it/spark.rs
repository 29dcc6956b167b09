//! Python models: sessions are started, used again and ended; what goes wrong is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use adapter_athena::{AthenaAdapter, AthenaProfile, InvocationOptions};
use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, S3, Services, Spark,
    s3::{ObjectSummary, PutHeaders},
    spark::{Calculation, CalculationResult, StartSessionRequest, StartedSession, Status},
};
use bytes::Bytes;
use engine::adapter::{Adapter, AdapterResponse, AdapterResult, StatementOrigin};
use names::S3Uri;
use serde_json::{Value, json};

use crate::warehouse::Warehouse;

/// A Spark that follows a script: what `StartCalculationExecution` answers, and the states of each calculation.
#[derive(Default)]
struct Script {
    calls: Vec<String>,
    sessions: usize,
    session_states: VecDeque<&'static str>,
    refusals: VecDeque<&'static str>,
    states: VecDeque<&'static str>,
}

#[derive(Clone, Default)]
struct FakeSpark(Arc<Mutex<Script>>);

impl FakeSpark {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(refusals: &[&'static str], states: &[&'static str]) -> Self {
        let fake = Self::default();
        fake.script().refusals.extend(refusals);
        fake.script().states.extend(states);
        fake
    }

    fn adapter(&self, profile: Value) -> AthenaAdapter {
        let mut all = json!({
            "type": "athena", "database": "awsdatacatalog", "schema": "shop", "region_name": "eu-west-1",
            "s3_staging_dir": "s3://results/", "poll_interval": 0.001, "spark_work_group": "spark",
        });
        all.as_object_mut().unwrap().extend(profile.as_object().unwrap().clone());
        let profile = AthenaProfile::parse(all.as_object().unwrap()).unwrap();
        let services =
            Services { spark: Arc::new(self.clone()), s3: Arc::new(self.clone()), ..Warehouse::default().services() };
        AthenaAdapter::with_options(profile, services, "invocation-1", InvocationOptions::default())
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.script().calls)
    }
}

#[async_trait]
impl Spark for FakeSpark {
    async fn start_session(&self, request: StartSessionRequest) -> ApiResult<StartedSession> {
        let mut script = self.script();
        script.sessions += 1;
        let description = request.description.unwrap();
        assert!(description.starts_with("dbt: invocation-1 - "), "{description}");
        let dpus = request.engine_configuration["MaxConcurrentDpus"].clone();
        script.calls.push(format!("start session in {} with {dpus}", request.work_group));
        Ok(StartedSession { session_id: format!("s{}", script.sessions), state: "CREATING".to_owned() })
    }

    async fn get_session_status(&self, _: &str) -> ApiResult<Status> {
        let state = self.script().session_states.pop_front().unwrap_or("IDLE");
        Ok(Status { state: state.to_owned(), state_change_reason: Some("a reason".to_owned()) })
    }

    async fn terminate_session(&self, id: &str) -> ApiResult<()> {
        self.script().calls.push(format!("end {id}"));
        Ok(())
    }

    async fn start_calculation(&self, session: &str, code: &str) -> ApiResult<String> {
        let mut script = self.script();
        if let Some(refusal) = script.refusals.pop_front() {
            script.calls.push(format!("{session} refuses"));
            return Err(ApiError::new("InvalidRequestException", refusal));
        }
        script.calls.push(format!("{session} runs {code}"));
        Ok("c1".to_owned())
    }

    async fn get_calculation(&self, id: &str) -> ApiResult<Calculation> {
        let state = self.script().states.pop_front().unwrap_or("COMPLETED");
        Ok(Calculation {
            calculation_execution_id: id.to_owned(),
            session_id: "s1".to_owned(),
            status: Status { state: state.to_owned(), state_change_reason: None },
            result: Some(CalculationResult { std_error: Some("s3://results/stderr".to_owned()), ..Default::default() }),
        })
    }

    async fn stop_calculation(&self, id: &str) -> ApiResult<()> {
        let mut script = self.script();
        script.calls.push(format!("stop {id}"));
        script.states.clear();
        script.states.push_back("CANCELED");
        Ok(())
    }
}

#[async_trait]
impl S3 for FakeSpark {
    async fn list(&self, _: &S3Uri) -> ApiResult<Vec<ObjectSummary>> {
        Ok(Vec::new())
    }
    async fn delete(&self, _: &[S3Uri]) -> ApiResult<()> {
        Ok(())
    }
    async fn get(&self, _: &S3Uri) -> ApiResult<Bytes> {
        Ok(Bytes::from("Traceback (most recent call last):\n\nNameError: name 'x' is not defined\n"))
    }
    async fn put_with(&self, _: &S3Uri, _: Bytes, _: &PutHeaders) -> ApiResult<()> {
        Ok(())
    }
}

async fn run(adapter: &AthenaAdapter, config: Value) -> AdapterResult<AdapterResponse> {
    let origin = StatementOrigin { node: None, step: String::new(), comment: None };
    adapter.run_python(&json!({ "config": config }), "\n  code", &origin).await
}

#[tokio::test]
async fn a_session_is_used_again_for_the_same_engine_and_ended_with_the_invocation() {
    let spark = FakeSpark::with(&[], &["QUEUED", "RUNNING", "COMPLETED"]);
    let adapter = spark.adapter(json!({}));
    let response = run(&adapter, json!({})).await.unwrap();
    assert_eq!((response.message.as_str(), response.query_execution_ids), ("OK", vec!["c1".to_owned()]));
    run(&adapter, json!({})).await.unwrap();
    run(&adapter, json!({"engine_config": {"MaxConcurrentDpus": 4}})).await.unwrap();
    adapter.finish().await;
    assert_eq!(
        spark.calls(),
        [
            "start session in spark with 2",
            "s1 runs code",
            "s1 runs code",
            "start session in spark with 4",
            "s2 runs code",
            "end s1",
            "end s2"
        ]
    );
    adapter.finish().await;
    assert_eq!(spark.calls(), [""; 0]);
}

#[tokio::test]
async fn a_busy_session_is_waited_for_and_a_lost_one_replaced() {
    let busy = "Session is in the BUSY state; needs to be IDLE to accept Calculations.";
    let spark = FakeSpark::with(&[busy, "Session is in the TERMINATED state"], &[]);
    run(&spark.adapter(json!({})), json!({})).await.unwrap();
    assert_eq!(
        spark.calls(),
        ["start session in spark with 2", "s1 refuses", "s1 refuses", "start session in spark with 2", "s2 runs code"]
    );
    let spark = FakeSpark::with(&["The session is DEGRADED"; 3], &[]);
    let error = run(&spark.adapter(json!({})), json!({})).await.unwrap_err().to_string();
    assert!(error.contains("DEGRADED") && spark.script().sessions == 3, "{error}");
}

#[tokio::test]
async fn failures_say_what_python_said() {
    let spark = FakeSpark::with(&[], &["FAILED"]);
    let error = run(&spark.adapter(json!({})), json!({})).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "Calculation c1 of session s1: FAILED\nTraceback (most recent call last):\nNameError: name 'x' is not defined\n\
         stderr: s3://results/stderr\n  cause: the model's Python code, or Spark while it ran it, failed\n  \
         fix:   see the last line of what Python said, and the code below target/run"
    );
    let spark = FakeSpark::with(&[], &[]);
    spark.script().session_states.extend(["CREATED", "FAILED"]);
    let error = run(&spark.adapter(json!({})), json!({})).await.unwrap_err().to_string();
    assert!(error.starts_with("Unable to create session: s1. Got status: FAILED\n  cause: a reason"), "{error}");
    assert_eq!(spark.calls(), ["start session in spark with 2", "end s1"]);
    let error = run(&spark.adapter(json!({"spark_work_group": null})), json!({})).await.unwrap_err().to_string();
    assert!(error.starts_with("Expected spark_work_group in profile"), "{error}");
    let error = run(&spark.adapter(json!({})), json!({"submission_method": "x"})).await.unwrap_err().to_string();
    assert!(error.starts_with("Submission method x is not supported"), "{error}");
}

#[tokio::test]
async fn a_calculation_that_takes_too_long_or_is_cancelled_is_stopped() {
    let spark = FakeSpark::with(&[], &["RUNNING"; 5000]);
    let error = run(&spark.adapter(json!({})), json!({"timeout": 1})).await.unwrap_err().to_string();
    assert!(error.starts_with("Execution c1 did not complete within 1 seconds."), "{error}");
    assert_eq!(spark.calls().pop().unwrap(), "stop c1");

    let spark = FakeSpark::with(&[], &["RUNNING"; 5000]);
    let adapter = Arc::new(spark.adapter(json!({})));
    let running = tokio::spawn({
        let adapter = Arc::clone(&adapter);
        async move { run(&adapter, json!({})).await }
    });
    while !spark.script().calls.iter().any(|call| call == "s1 runs code") {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let report = loop {
        // The call is answered a moment before the calculation is noted.
        let report = adapter.cancel().await;
        if !report.stopped.is_empty() {
            break report;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(report.stopped, ["c1"]);
    assert!(running.await.unwrap().unwrap_err().cancelled);
}

//! Python models: their code runs as calculations in sessions of Athena for Apache Spark.
//!
//! A session is used again by the next model that wants the same engine, and ends with the invocation: an idle one costs.

mod config;

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use athena_api::{
    ApiError, Spark,
    spark::{Calculation, StartSessionRequest},
};
use engine::adapter::{AdapterError, AdapterResponse, AdapterResult, CancelReport};
use md5::{Digest, Md5};
use names::S3Uri;
use serde_json::Value;

use crate::{
    errors,
    warehouse::{Warehouse, lock},
};
use config::SparkConfig;

/// A session that nobody ended, as after a `kill -9`, ends by itself. Source: dbt-athena.
const IDLE_TIMEOUT_MINUTES: i32 = 10;
/// So often a model asks for another session when the one it has is lost.
const SESSIONS_PER_MODEL: usize = 3;
/// So much of a failed calculation's last words is told.
const LINES_OF_ERROR: usize = 20;

/// The sessions and calculations of an invocation.
#[derive(Debug, Default)]
pub(crate) struct SparkSessions {
    known: Mutex<Vec<Session>>,
    calculations: Mutex<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Session {
    id: String,
    engine: Value,
    is_busy: bool,
}

impl SparkSessions {
    /// A session with this engine that is doing nothing; it is the caller's from now on.
    fn take(&self, engine: &Value) -> Option<String> {
        let mut known = lock(&self.known);
        let session = known.iter_mut().find(|session| !session.is_busy && session.engine == *engine)?;
        session.is_busy = true;
        Some(session.id.clone())
    }

    fn give_back(&self, id: &str) {
        if let Some(session) = lock(&self.known).iter_mut().find(|session| session.id == id) {
            session.is_busy = false;
        }
    }

    fn forget(&self, id: &str) {
        lock(&self.known).retain(|session| session.id != id);
    }

    /// Stops every calculation that is running.
    pub(crate) async fn stop(&self, spark: &dyn Spark, report: &mut CancelReport) {
        let running: Vec<String> = lock(&self.calculations).clone();
        for id in running {
            match spark.stop_calculation(&id).await {
                Ok(()) => report.stopped.push(id),
                Err(error) => report.left_running.push((id, error.to_string())),
            }
        }
    }

    /// Ends every session that this invocation has started.
    pub(crate) async fn end(&self, spark: &dyn Spark) {
        let known = std::mem::take(&mut *lock(&self.known));
        for session in known {
            if let Err(error) = spark.terminate_session(&session.id).await {
                tracing::warn!(session = session.id, %error, "a Spark session was not ended; it ends by itself when idle");
            }
        }
    }
}

impl Warehouse {
    /// Runs the code of a Python model to its end.
    pub(crate) async fn run_python(&self, model: &Value, code: &str) -> AdapterResult<AdapterResponse> {
        let submission = model["config"]["submission_method"].as_str().unwrap_or("athena_helper");
        if submission != "athena_helper" {
            return Err(errors::mistake(
                format!("Submission method {submission} is not supported for current adapter"),
                "Athena runs Python models in one way",
                "remove `submission_method` from the model's config, or write `athena_helper`",
            ));
        }
        let config = SparkConfig::parse(&model["config"], self.profile.poll_interval)?;
        let Some(work_group) = self.profile.spark_work_group.clone() else {
            return Err(errors::mistake(
                "Expected spark_work_group in profile",
                "Python models run in a workgroup whose engine is Apache Spark, and the profile names none",
                "add `spark_work_group: <name>` to the target in profiles.yml, or leave Python models out with `--exclude`",
            ));
        };
        let mut lost = None;
        for _ in 0..SESSIONS_PER_MODEL {
            let session = match self.spark.take(&config.engine) {
                Some(session) => session,
                None => self.start_session(&config, &work_group).await?,
            };
            match self.calculate(&session, code, &config).await {
                Ok(done) => {
                    self.spark.give_back(&session);
                    return done;
                }
                Err(error) => {
                    self.spark.forget(&session);
                    lost = Some(error);
                }
            }
        }
        Err(lost.unwrap_or_else(|| errors::cancelled(None)))
    }

    async fn start_session(&self, config: &SparkConfig, work_group: &str) -> AdapterResult<String> {
        if self.is_cancelled() {
            return Err(errors::cancelled(None));
        }
        let spark = &self.services.spark;
        let hash = hex::encode(Md5::digest(config.engine.to_string()));
        let request = StartSessionRequest {
            description: Some(format!("dbt: {} - {hash}", self.invocation_id())),
            work_group: work_group.to_owned(),
            engine_configuration: config.engine.clone(),
            session_idle_timeout_in_minutes: Some(IDLE_TIMEOUT_MINUTES),
            client_request_token: None,
        };
        let started = spark.start_session(request).await.map_err(|error| of_session(&error))?;
        let id = started.session_id;
        lock(&self.spark.known).push(Session { id: id.clone(), engine: config.engine.clone(), is_busy: true });
        let ready = self.until_idle(&id, started.state, config).await;
        if ready.is_err() {
            self.spark.forget(&id);
            let _ = spark.terminate_session(&id).await;
        }
        ready.map(|()| id)
    }

    async fn until_idle(&self, id: &str, mut state: String, config: &SparkConfig) -> AdapterResult<()> {
        let began = Instant::now();
        let mut reason = None;
        loop {
            match state.as_str() {
                "IDLE" => return Ok(()),
                "FAILED" | "TERMINATED" | "TERMINATING" | "DEGRADED" => {
                    return Err(errors::mistake(
                        format!("Unable to create session: {id}. Got status: {state}"),
                        reason.unwrap_or_else(|| "Athena gives no reason".to_owned()),
                        "look at the session in the Athena console; a quota of DPUs that is used up passes",
                    ));
                }
                _ if self.is_cancelled() => return Err(errors::cancelled(None)),
                _ if began.elapsed() >= config.timeout => {
                    return Err(errors::mistake(
                        format!("Session {id} did not create within {} seconds.", config.timeout.as_secs()),
                        format!("its state is {state}"),
                        "run it again, or raise `timeout` in the model's config",
                    ));
                }
                _ => tokio::time::sleep(config.polling_interval).await,
            }
            let status =
                self.services.spark.get_session_status(id).await.map_err(|error| errors::of_api(&error, None))?;
            (state, reason) = (status.state, status.state_change_reason);
        }
    }

    /// `Err`: the session is lost, and another may do better. `Ok`: what came of the calculation.
    async fn calculate(
        &self,
        session: &str,
        code: &str,
        config: &SparkConfig,
    ) -> Result<AdapterResult<AdapterResponse>, AdapterError> {
        let began = Instant::now();
        let id = loop {
            if self.is_cancelled() {
                return Ok(Err(errors::cancelled(None)));
            }
            match self.services.spark.start_calculation(session, code.trim_start()).await {
                Ok(id) => break id,
                Err(error) if is_busy(&error) && began.elapsed() < config.timeout => {
                    tokio::time::sleep(config.polling_interval).await;
                }
                Err(error) if is_lost(&error) => return Err(errors::of_api(&error, None)),
                Err(error) => return Ok(Err(errors::of_api(&error, None))),
            }
        };
        lock(&self.spark.calculations).push(id.clone());
        let ended = self.until_calculated(&id, config).await;
        lock(&self.spark.calculations).retain(|running| *running != id);
        Ok(match ended {
            Ok(calculation) if calculation.status.state == "COMPLETED" => Ok(AdapterResponse {
                message: "OK".to_owned(),
                code: "OK".to_owned(),
                rows_affected: -1,
                query_execution_ids: vec![id],
                ..AdapterResponse::default()
            }),
            Ok(_) if self.is_cancelled() => Err(errors::cancelled(None)),
            Ok(calculation) => Err(self.failed(&id, calculation).await),
            Err(error) => Err(error),
        })
    }

    async fn until_calculated(&self, id: &str, config: &SparkConfig) -> AdapterResult<Calculation> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(250).min(config.polling_interval);
        loop {
            let calculation =
                self.services.spark.get_calculation(id).await.map_err(|error| errors::of_api(&error, None))?;
            if matches!(calculation.status.state.as_str(), "COMPLETED" | "FAILED" | "CANCELED") {
                return Ok(calculation);
            }
            if began.elapsed() >= config.timeout {
                let _ = self.services.spark.stop_calculation(id).await;
                return Err(errors::mistake(
                    format!("Execution {id} did not complete within {} seconds.", config.timeout.as_secs()),
                    "the model's `timeout` is over; the calculation was stopped",
                    "raise `timeout` in the model's config, or let the model do less",
                ));
            }
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5).min(config.polling_interval);
        }
    }

    /// A calculation's failure, with the last of what Python said.
    async fn failed(&self, id: &str, calculation: Calculation) -> AdapterError {
        let status = calculation.status;
        let mut what = format!("Calculation {id} of session {}: {}", calculation.session_id, status.state);
        if let Some(reason) = status.state_change_reason.filter(|reason| !reason.is_empty()) {
            what.push_str(&format!("\n{reason}"));
        }
        let said = calculation.result.and_then(|result| result.std_error).filter(|location| !location.is_empty());
        if let Some(location) = said {
            if let Ok(uri) = location.parse::<S3Uri>()
                && let Ok(bytes) = self.services.s3.get(&uri).await
            {
                let text = String::from_utf8_lossy(&bytes);
                let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                for line in &lines[lines.len().saturating_sub(LINES_OF_ERROR)..] {
                    what.push_str(&format!("\n{line}"));
                }
            }
            what.push_str(&format!("\nstderr: {location}"));
        }
        errors::mistake(
            what,
            "the model's Python code, or Spark while it ran it, failed",
            "see the last line of what Python said, and the code below target/run",
        )
    }
}

fn of_session(error: &ApiError) -> AdapterError {
    if error.status == 501 {
        return errors::mistake(
            error.message.clone(),
            "Python models need Athena for Apache Spark",
            "run them against AWS, or leave them out with `--exclude`",
        );
    }
    errors::of_api(error, None)
}

fn is_busy(error: &ApiError) -> bool {
    error.code == "InvalidRequestException" && error.message.contains("BUSY state")
}

fn is_lost(error: &ApiError) -> bool {
    ["TERMINATED", "TERMINATING", "DEGRADED", "FAILED"].iter().any(|state| error.message.contains(state))
}

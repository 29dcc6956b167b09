//! awsJson1.1: the protocol of Athena and Glue.
//!
//! The order of the checks is the service's: dispatch, signature, body, types of the members, constraints, the operation's own checks.
//! Source: measurements in spec/athena.md §1.1.

mod shape;

use athena_api::{ApiError, ApiResult};
use bytes::Bytes;
use chrono::Utc;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use s3s::Body;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{athena_operations, glue_operations, route::Gateway, signature};

/// A view's text may take 400 KB, a batch of partitions some megabytes.
const LARGEST_BODY: usize = 64 << 20;

/// Which of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonService {
    Athena,
    Glue,
}

impl JsonService {
    /// From `AmazonAthena.GetWorkGroup`.
    fn of(target: &str) -> Option<(Self, &str)> {
        let (prefix, operation) = target.split_once('.')?;
        match prefix {
            "AmazonAthena" => Some((Self::Athena, operation)),
            "AWSGlue" => Some((Self::Glue, operation)),
            _ => None,
        }
    }

    /// The error code of a value that breaks a constraint of its member.
    fn constraint_error(self, message: String) -> ApiError {
        match self {
            Self::Athena => ApiError::invalid_request("INVALID_INPUT", message),
            Self::Glue => ApiError::new("ValidationException", message),
        }
    }
}

/// Answers a request of the JSON protocol.
pub(crate) async fn answer(gateway: &Gateway, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text(header::CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim();
    let enveloped = content_type == "application/json";
    if content_type != "application/x-amz-json-1.1" && !enveloped {
        return unknown_content_type();
    }
    let Some((service, operation)) = JsonService::of(text("x-amz-target")) else {
        return failure(&unknown_operation());
    };
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return failure(&ApiError::new("SerializationException", error.to_string())),
    };
    if let Err(refused) = signature::verify(&gateway.keys, &parts.method, &parts.headers, &body, Utc::now()) {
        return failure(&refused);
    }
    match call(gateway, service, operation, &body).await {
        Ok(output) if enveloped => success(&json!({ "Output": output, "Version": "1.0" })),
        Ok(output) => success(&output),
        Err(error) => {
            tracing::debug!(operation, %error, "refused");
            failure(&error)
        }
    }
}

async fn call(gateway: &Gateway, service: JsonService, operation: &str, body: &Bytes) -> ApiResult<Value> {
    if !shape::is_known(service, operation) {
        return Err(unknown_operation());
    }
    let members = read_body(body)?;
    shape::check(service, operation, &members)?;
    let input = Input { members };
    match service {
        JsonService::Athena => athena_operations::call(gateway.lakehouse.athena(), operation, input).await,
        JsonService::Glue => glue_operations::call(&gateway.lakehouse, operation, input).await,
    }
}

/// The members of a request, checked.
pub(crate) struct Input {
    members: Map<String, Value>,
}

impl Input {
    /// From a body.
    pub(crate) fn parse(body: &[u8]) -> ApiResult<Self> {
        read_body(body).map(|members| Self { members })
    }

    /// As the request's own type.
    pub(crate) fn read<T: DeserializeOwned>(self) -> ApiResult<T> {
        serde_json::from_value(Value::Object(self.members))
            .map_err(|error| ApiError::new("SerializationException", error.to_string()))
    }

    /// One member as a type.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> ApiResult<Option<T>> {
        let Some(value) = self.members.shift_remove(name) else { return Ok(None) };
        let read = serde_json::from_value(value);
        read.map(Some).map_err(|error| ApiError::new("SerializationException", error.to_string()))
    }

    /// A text, empty when absent; the shape says which texts must be there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.members.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A text that may be absent.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// A number that may be absent.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        let value = self.members.get(name)?;
        value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
    }

    /// A flag, false when absent.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.members.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A list of texts, empty when absent.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.members.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether the member is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }
}

/// An answer as JSON.
pub(crate) fn output(value: &impl Serialize) -> ApiResult<Value> {
    serde_json::to_value(value).map_err(|error| ApiError::internal("InternalServerException", error.to_string()))
}

/// An operation of the service that is not built.
pub(crate) fn not_implemented(operation: &str) -> ApiError {
    let message = format!("{operation} is not implemented by the embedded lakehouse");
    ApiError { status: 501, ..ApiError::new("NotImplementedException", message) }
}

fn unknown_operation() -> ApiError {
    ApiError::new("UnknownOperationException", "")
}

fn read_body(body: &[u8]) -> ApiResult<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut members)) => {
            drop_nulls(&mut members);
            Ok(members)
        }
        Ok(Value::Array(_)) => Err(ApiError::new("SerializationException", "Start of list found where not expected")),
        _ => Err(ApiError::new("SerializationException", "")),
    }
}

/// A null is the same as nothing.
fn drop_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members.values_mut().for_each(drop_nulls_in);
}

fn drop_nulls_in(value: &mut Value) {
    match value {
        Value::Object(members) => drop_nulls(members),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls_in),
        _ => {}
    }
}

fn success(output: &Value) -> Response<Body> {
    respond(200, "application/x-amz-json-1.1", output.to_string())
}

fn failure(error: &ApiError) -> Response<Body> {
    let mut body = json!({ "__type": error.code });
    if let Some(code) = &error.athena_error_code {
        body["AthenaErrorCode"] = json!(code);
        body["ErrorCode"] = json!(code);
    }
    if error.code == "TooManyRequestsException" {
        body["Reason"] = json!("CONCURRENT_QUERY_LIMIT_EXCEEDED");
    }
    if !error.message.is_empty() {
        // What the services did not model has a small `message`.
        let key = if error.code == "ThrottlingException" { "message" } else { "Message" };
        body[key] = json!(error.message);
    }
    respond(error.status, "application/x-amz-json-1.1", body.to_string())
}

fn unknown_content_type() -> Response<Body> {
    respond(404, "text/xml", "<UnknownOperationException/>\n".to_owned())
}

fn respond(status: u16, content_type: &str, body: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header("x-amzn-RequestId", uuid::Uuid::new_v4().to_string())
        .body(Body::from(body))
        .expect("a status and headers that are valid")
}

//! The GraphQL API that existing clients speak: Paradime's SDK and command line, the Airflow provider, Dagster.
//!
//! What they depend on without saying so: no key `errors` on success, 200 with errors otherwise, RUNNING for every run that has not ended, texts
//! that are never null, ids that rise in the order of execution.

mod input;
mod mutation;
mod other;
mod query;
mod types;

use async_graphql::{EmptySubscription, ErrorExtensions, Value};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::{Body, Caller},
    app::App,
    auth::{Identity, Scope},
    error::ApiError,
    routes::{Access, Operation},
};

pub type Schema = async_graphql::Schema<query::Query, mutation::Mutation, EmptySubscription>;

/// Documents deeper or larger than any that a client sends are refused.
pub fn schema() -> Schema {
    Schema::build(query::Query, mutation::Mutation, EmptySubscription).limit_depth(20).limit_complexity(2000).finish()
}

/// The schema as text.
pub fn sdl() -> String {
    schema().sdl()
}

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/api/v1/{workspace}/graphql",
            "graphql",
            "The GraphQL API of existing clients; the workspace is its uid",
            execute,
        )
        .access(Access::LoggedIn)
        .body::<Request>()
        .answers::<Answer>(),
    ]
}

/// A document and its variables.
#[derive(Debug, Deserialize, JsonSchema)]
struct Request {
    query: String,
    #[serde(default)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
}

/// `errors` is absent on success.
#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<serde_json::Value>>,
}

/// What clients say of themselves.
#[derive(Debug, Clone, Default)]
struct Client(Option<String>);

impl Client {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let version = text("x-python-sdk-version").map(|version| format!("python-sdk {version}"));
        let parts: Vec<String> = [version, text("x-paradime-runtime")].into_iter().flatten().collect();
        Self(if parts.is_empty() { None } else { Some(parts.join(", ")) })
    }
}

async fn execute(
    State(app): State<App>,
    Path(workspace): Path<String>,
    Caller(identity): Caller,
    headers: HeaderMap,
    Body(body): Body<Request>,
) -> Response {
    if workspace != app.parts.workspace.uid {
        return ApiError::not_found("workspace", &workspace)
            .fix(format!(
                "the address of this server is {}",
                app.url(&format!("/api/v1/{}/graphql", app.parts.workspace.uid))
            ))
            .into_response();
    }
    let mut request =
        async_graphql::Request::new(body.query).data(app.clone()).data(identity).data(Client::of(&headers));
    if let Some(variables) = body.variables {
        request = request.variables(async_graphql::Variables::from_json(serde_json::Value::Object(variables)));
    }
    if let Some(name) = body.operation_name {
        request = request.operation_name(name);
    }
    let response = app.schema.execute(request).await;
    let status = status(&response);
    let errors =
        response.errors.iter().map(|error| serde_json::to_value(error).unwrap_or_default()).collect::<Vec<_>>();
    let answer = if errors.is_empty() {
        Answer { data: response.data.into_json().ok(), errors: None }
    } else {
        // The first message is all that clients show.
        Answer { data: None, errors: Some(errors) }
    };
    (status, Json(answer)).into_response()
}

/// Clients tell refusals of access and a broken server by the HTTP status, all else by `errors`.
fn status(response: &async_graphql::Response) -> StatusCode {
    let code = response.errors.iter().find_map(|error| match error.extensions.as_ref()?.get("status")? {
        Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        _ => None,
    });
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    status.filter(|status| matches!(status.as_u16(), 401 | 403 | 429 | 503)).unwrap_or(StatusCode::OK)
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        let status = error.status.as_u16();
        Self::new(error.message()).extend_with(|_, extensions| extensions.set("status", status))
    }
}

/// The app and the caller of a field that needs this scope.
fn allowed<'a>(context: &'a async_graphql::Context<'_>, scope: Scope) -> Result<(&'a App, &'a Identity), ApiError> {
    let missing = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the request came without its caller");
    let app = context.data::<App>().map_err(missing)?;
    let identity = context.data::<Identity>().map_err(missing)?;
    if identity.may(scope) { Ok((app, identity)) } else { Err(ApiError::lacks(scope)) }
}

/// `slug`, or the same under its older name `scheduleName`: exactly one.
fn one_slug(slug: Option<String>, schedule_name: Option<String>) -> Result<String, ApiError> {
    let given = |value: Option<String>| value.filter(|value| !value.is_empty());
    match (given(slug), given(schedule_name)) {
        (Some(slug), None) | (None, Some(slug)) => Ok(slug),
        (None, None) => Err(ApiError::bad_request("no schedule is named").fix("give `slug`")),
        (Some(_), Some(_)) => Err(ApiError::bad_request("`slug` and `scheduleName` are both given")
            .fix("give `slug` alone; scheduleName is its older name")),
    }
}

//! Schedules as code arrive.

use axum::{Json, extract::State, http::StatusCode};
use scheduler::request::{ChangeKind, Deploy, Diff};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::extract::{Body, Caller};
use crate::{app::App, auth::Scope, error::ApiError, routes::Operation};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/api/v1/deployments",
            "deploy",
            "Make the given schedules all there are of their source; or only say what would change",
            deploy,
        )
        .needs(Scope::BoltWrite)
        .body::<DeployBody>()
        .body_limit(32 << 20)
        .answers::<DeployAnswer>(),
    ]
}

/// All schedules of a source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeployBody {
    /// As `definition` of a schedule shows them. Those of the source that are not in the list are deleted.
    schedules: Vec<Value>,
    /// `yaml` if absent.
    source: Option<String>,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// What a deployment changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeployAnswer {
    changes: Vec<Change>,
    unchanged: usize,
    dry_run: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Change {
    slug: String,
    name: String,
    /// create, update or delete.
    kind: String,
    /// For updates.
    fields: Vec<Field>,
    /// Runs that wait: of an updated schedule they do what it said when they were made, of a deleted one they end.
    waiting: Vec<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Field {
    field: String,
    before: Value,
    after: Value,
}

impl DeployAnswer {
    fn of(diff: Diff, dry_run: bool) -> Self {
        let change = |change: scheduler::request::Change| Change {
            slug: change.slug,
            name: change.name,
            kind: match change.kind {
                ChangeKind::Create => "create",
                ChangeKind::Update => "update",
                ChangeKind::Delete => "delete",
            }
            .to_owned(),
            fields: change
                .fields
                .into_iter()
                .map(|field| Field {
                    field: field.field,
                    before: field.before.unwrap_or(Value::Null),
                    after: field.after.unwrap_or(Value::Null),
                })
                .collect(),
            waiting: change.waiting,
        };
        Self { changes: diff.changes.into_iter().map(change).collect(), unchanged: diff.unchanged, dry_run }
    }
}

async fn deploy(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<DeployBody>,
) -> Result<Json<DeployAnswer>, ApiError> {
    let mut schedules = Vec::with_capacity(body.schedules.len());
    for (index, definition) in body.schedules.into_iter().enumerate() {
        let name = definition["slug"].as_str().map_or_else(|| format!("number {}", index + 1), str::to_owned);
        let schedule: schedules::Schedule = serde_json::from_value(definition).map_err(|error| {
            ApiError::new(StatusCode::BAD_REQUEST, format!("the schedule {name} cannot be read"))
                .cause(error.to_string())
                .fix("send what `owlet bolt deploy` makes of the files")
        })?;
        schedules.push(schedule);
    }
    let source = match body.source.as_deref() {
        None | Some("yaml") => "yaml",
        Some("api") => "api",
        Some(other) => {
            return Err(ApiError::bad_request(format!("'{other}' is no source of schedules")).fix("use yaml or api"));
        }
    };
    let deploy = Deploy { schedules, source: source.to_owned(), actor: caller.actor(), is_dry_run: body.dry_run };
    let diff = app.parts.scheduler.deploy(deploy).await?;
    Ok(Json(DeployAnswer::of(diff, body.dry_run)))
}

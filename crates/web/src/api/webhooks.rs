//! Deliveries of code hosts: a merge starts schedules that wait for it, a pull request starts Turbo CI.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use bytes::Bytes;
use scheduler::{
    is_repository,
    model::{Actor, ActorKind, Code, Environment},
    request::{ClosedPullRequest, Merge, PullRequest as PullRequestRequest},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::extract::Path,
    app::App,
    error::ApiError,
    routes::{Access, Operation},
    webhooks::{Action, Delivery, Event, Provider, PullRequest, Push, WebhookError, receive},
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            "/api/v1/webhooks/{provider}",
            "receiveWebhook",
            "A delivery of github, gitlab, bitbucket or azure-devops, with the webhook secret",
            deliver,
        )
        .access(Access::Public)
        .body_limit(25 << 20)
        .answers::<Received>(),
    ]
}

/// What came of a delivery.
#[derive(Debug, Serialize, JsonSchema)]
struct Received {
    /// Runs that it started, now or when it was delivered before.
    run_ids: Vec<i64>,
    /// Why it started nothing.
    ignored: Option<String>,
}

async fn deliver(
    State(app): State<App>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Received>, ApiError> {
    let provider: Provider = provider.parse().map_err(|()| {
        ApiError::not_found("code host", &provider)
            .fix("send to /api/v1/webhooks/github, gitlab, bitbucket or azure-devops")
    })?;
    let Some(secret) = &app.parts.webhook_secret else {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "this server takes no webhooks")
            .cause("it was started without a webhook secret")
            .fix("set OWLET_WEBHOOK_SECRET for `owlet up`, and the same secret in the webhook's settings"));
    };
    let delivery = receive(provider, secret, &headers, &body).map_err(|error| {
        let status = match error {
            WebhookError::NoPassword(_) | WebhookError::Unsigned(_) | WebhookError::WrongSignature(_) => {
                StatusCode::UNAUTHORIZED
            }
            _ => StatusCode::BAD_REQUEST,
        };
        ApiError::new(status, error.to_string()).fix(error.fix())
    })?;
    let run_ids = match &delivery.event {
        Event::Ignored { why } => return Ok(ignored(why)),
        Event::Push(pushes) => {
            let mut run_ids = Vec::new();
            let mut elsewhere = None;
            for push in pushes {
                match foreign(&app, &push.repository).await? {
                    Some(why) => elsewhere = Some(why),
                    None => run_ids.extend(pushed(&app, &delivery, push).await?),
                }
            }
            if let Some(why) = elsewhere {
                return Ok(ignored(&why));
            }
            run_ids
        }
        Event::PullRequest(request) => {
            if let Some(why) = foreign(&app, &request.repository).await? {
                return Ok(ignored(&why));
            }
            match request.action {
                Action::Opened | Action::Reopened | Action::Updated => proposed(&app, &delivery, request).await?,
                // A merge starts its schedules by the push that comes with it.
                Action::Merged | Action::Closed => {
                    let closed = app.parts.scheduler.pull_request_closed(ClosedPullRequest {
                        repository: request.repository.clone(),
                        number: request.number.to_string(),
                        actor: actor(&delivery, request.author.as_deref()),
                    });
                    let why = match closed.await? {
                        0 => "a pull request that is closed starts nothing, and Turbo CI built nothing for it",
                        _ => "a pull request that is closed starts nothing; its schema will be dropped",
                    };
                    return Ok(ignored(why));
                }
            }
        }
    };
    let why = run_ids.is_empty().then(|| "no schedule waits for this".to_owned());
    Ok(Json(Received { run_ids, ignored: why }))
}

fn ignored(why: &str) -> Json<Received> {
    Json(Received { run_ids: Vec::new(), ignored: Some(why.to_owned()) })
}

/// Why a repository is none of ours. Environments with code in a local directory take every delivery: a directory has no name at the host.
async fn foreign(app: &App, repository: &str) -> Result<Option<String>, ApiError> {
    let mut known = Vec::new();
    for row in app.parts.reader.environments().await? {
        let environment = serde_json::from_str::<Environment>(&row.definition);
        let named =
            environment.as_ref().ok().and_then(|environment| environment.commit_status.as_ref()?.repository.clone());
        if let Some(named) = named {
            if named.eq_ignore_ascii_case(repository) {
                return Ok(None);
            }
            known.push(named);
            continue;
        }
        match environment.map(|environment| environment.code) {
            Ok(Code::Git { url, .. }) if is_repository(&url, repository) => return Ok(None),
            Ok(Code::Git { url, .. }) => known.push(url),
            Ok(Code::Local { .. }) | Err(_) => return Ok(None),
        }
    }
    Ok(Some(format!("no environment runs the code of '{repository}'; there are {}", known.join(", "))))
}

fn actor(delivery: &Delivery, author: Option<&str>) -> Actor {
    let name = match author {
        Some(author) => format!("{}:{author}", delivery.provider.as_str()),
        None => delivery.provider.as_str().to_owned(),
    };
    Actor { kind: ActorKind::Webhook, name, email: None }
}

fn delivery_key(delivery: &Delivery) -> String {
    format!("{}:{}", delivery.provider.as_str(), delivery.id)
}

async fn pushed(app: &App, delivery: &Delivery, push: &Push) -> Result<Vec<i64>, ApiError> {
    let merge = Merge {
        repository: Some(push.repository.clone()),
        branch: push.branch.clone(),
        commit: push.commit.clone(),
        delivery: Some(delivery_key(delivery)),
        actor: actor(delivery, push.author.as_deref()),
    };
    let triggered = app.parts.scheduler.merged(merge).await?;
    Ok(triggered.into_iter().map(|triggered| triggered.run_id).collect())
}

async fn proposed(app: &App, delivery: &Delivery, request: &PullRequest) -> Result<Vec<i64>, ApiError> {
    let pull_request = PullRequestRequest {
        repository: Some(request.repository.clone()),
        number: request.number.to_string(),
        branch: request.branch.clone(),
        commit: request.commit.clone(),
        is_update: request.action == Action::Updated,
        delivery: Some(delivery_key(delivery)),
        actor: actor(delivery, request.author.as_deref()),
    };
    let triggered = app.parts.scheduler.pull_request(pull_request).await?;
    Ok(triggered.into_iter().map(|triggered| triggered.run_id).collect())
}

//! GitHub. Source: GitHub documentation, "Webhook events and payloads": `push`, `pull_request`.

use serde_json::Value as Json;

use super::{Action, Event, Fields, PullRequest, Push, WebhookError};

/// `name` is the header `X-GitHub-Event`.
pub fn event(name: &str, json: &Json) -> Result<Event, WebhookError> {
    let fields = Fields { event: name, json };
    match name {
        "push" => {
            let reference = fields.text("/ref")?;
            let Some(branch) = reference.strip_prefix("refs/heads/") else { return Ok(fields.ignored()) };
            if fields.truth("/deleted") {
                return Ok(Event::Ignored { why: format!("the branch '{branch}' was deleted") });
            }
            Ok(Event::Push(vec![Push {
                repository: fields.text("/repository/full_name")?,
                branch: branch.to_owned(),
                commit: fields.text("/after")?,
                author: fields.optional("/pusher/name"),
            }]))
        }
        "pull_request" => {
            let action = match fields.text("/action")?.as_str() {
                "opened" | "ready_for_review" => Action::Opened,
                "reopened" => Action::Reopened,
                "synchronize" => Action::Updated,
                "closed" if fields.truth("/pull_request/merged") => Action::Merged,
                "closed" => Action::Closed,
                other => {
                    return Ok(Event::Ignored { why: format!("nothing starts on a pull request that was {other}") });
                }
            };
            Ok(Event::PullRequest(PullRequest {
                repository: fields.text("/repository/full_name")?,
                number: fields.number("/pull_request/number")?,
                action,
                branch: fields.text("/pull_request/head/ref")?,
                commit: fields.text("/pull_request/head/sha")?,
                base_branch: fields.text("/pull_request/base/ref")?,
                author: fields.optional("/pull_request/user/login"),
                url: fields.optional("/pull_request/html_url"),
            }))
        }
        _ => Ok(fields.ignored()),
    }
}

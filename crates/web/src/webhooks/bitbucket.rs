//! Bitbucket Cloud. Source: Atlassian documentation, "Event payloads": `repo:push`, `pullrequest:*`.

use serde_json::Value as Json;

use super::{Action, Event, Fields, PullRequest, Push, WebhookError};

/// `name` is the header `X-Event-Key`.
pub fn event(name: &str, json: &Json) -> Result<Event, WebhookError> {
    let fields = Fields { event: name, json };
    match name {
        "repo:push" => {
            let repository = fields.text("/repository/full_name")?;
            let author = fields.optional("/actor/nickname");
            let changes = json.pointer("/push/changes").and_then(Json::as_array).into_iter().flatten();
            let pushes = changes.filter_map(|change| {
                let new = change.get("new").filter(|new| new["type"] == "branch")?;
                Some(Push {
                    repository: repository.clone(),
                    branch: new["name"].as_str()?.to_owned(),
                    commit: new.pointer("/target/hash")?.as_str()?.to_owned(),
                    author: author.clone(),
                })
            });
            let pushes: Vec<Push> = pushes.collect();
            Ok(if pushes.is_empty() {
                Event::Ignored { why: "no branch moved".to_owned() }
            } else {
                Event::Push(pushes)
            })
        }
        "pullrequest:created" | "pullrequest:updated" | "pullrequest:fulfilled" | "pullrequest:rejected" => {
            let action = match name {
                "pullrequest:created" => Action::Opened,
                // Also sent when only the title changes.
                "pullrequest:updated" => Action::Updated,
                "pullrequest:fulfilled" => Action::Merged,
                _ => Action::Closed,
            };
            Ok(Event::PullRequest(PullRequest {
                repository: fields.text("/repository/full_name")?,
                number: fields.number("/pullrequest/id")?,
                action,
                branch: fields.text("/pullrequest/source/branch/name")?,
                commit: fields.text("/pullrequest/source/commit/hash")?,
                base_branch: fields.text("/pullrequest/destination/branch/name")?,
                author: fields.optional("/pullrequest/author/nickname"),
                url: fields.optional("/pullrequest/links/html/href"),
            }))
        }
        _ => Ok(fields.ignored()),
    }
}

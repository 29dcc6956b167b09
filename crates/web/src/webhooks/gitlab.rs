//! GitLab. Source: GitLab documentation, "Webhook events": push events, merge request events.

use serde_json::Value as Json;

use super::{Action, Event, Fields, PullRequest, Push, WebhookError};

/// `name` is the header `X-Gitlab-Event`.
pub fn event(name: &str, json: &Json) -> Result<Event, WebhookError> {
    let fields = Fields { event: name, json };
    match name {
        "Push Hook" => {
            let reference = fields.text("/ref")?;
            let Some(branch) = reference.strip_prefix("refs/heads/") else { return Ok(fields.ignored()) };
            let commit = fields.text("/after")?;
            if commit.bytes().all(|byte| byte == b'0') {
                return Ok(Event::Ignored { why: format!("the branch '{branch}' was deleted") });
            }
            Ok(Event::Push(vec![Push {
                repository: fields.text("/project/path_with_namespace")?,
                branch: branch.to_owned(),
                commit,
                author: fields.optional("/user_username"),
            }]))
        }
        "Merge Request Hook" => {
            let action = match fields.text("/object_attributes/action")?.as_str() {
                "open" => Action::Opened,
                "reopen" => Action::Reopened,
                // Also sent when only the title or a label changes; new commits come with the commit before.
                "update" if fields.optional("/object_attributes/oldrev").is_some() => Action::Updated,
                "merge" => Action::Merged,
                "close" => Action::Closed,
                other => {
                    return Ok(Event::Ignored {
                        why: format!("nothing starts on the action '{other}' of a merge request"),
                    });
                }
            };
            Ok(Event::PullRequest(PullRequest {
                repository: fields.text("/project/path_with_namespace")?,
                number: fields.number("/object_attributes/iid")?,
                action,
                branch: fields.text("/object_attributes/source_branch")?,
                commit: fields.text("/object_attributes/last_commit/id")?,
                base_branch: fields.text("/object_attributes/target_branch")?,
                author: fields.optional("/user/username"),
                url: fields.optional("/object_attributes/url"),
            }))
        }
        _ => Ok(fields.ignored()),
    }
}

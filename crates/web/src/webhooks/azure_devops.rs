//! Azure DevOps. Source: Microsoft documentation, "Service hooks events": `git.push`, `git.pullrequest.*`; REST API, "Pull Requests".

use serde_json::Value as Json;

use super::{Action, Event, Fields, PullRequest, Push, WebhookError};

/// The event's name stands in the body.
pub fn event(json: &Json) -> Result<Event, WebhookError> {
    let name = json["eventType"]
        .as_str()
        .ok_or(WebhookError::Missing { event: "of a service hook".to_owned(), field: "eventType" })?;
    let fields = Fields { event: name, json };
    match name {
        "git.push" => {
            let repository = repository(&fields)?;
            let author = fields.optional("/resource/pushedBy/uniqueName");
            let moved = json.pointer("/resource/refUpdates").and_then(Json::as_array).into_iter().flatten();
            let pushes = moved.filter_map(|moved| {
                let commit = moved["newObjectId"].as_str()?;
                Some(Push {
                    repository: repository.clone(),
                    branch: moved["name"].as_str()?.strip_prefix("refs/heads/")?.to_owned(),
                    // A branch that was deleted moves to zeros.
                    commit: commit.bytes().any(|byte| byte != b'0').then(|| commit.to_owned())?,
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
        "git.pullrequest.created" | "git.pullrequest.updated" | "git.pullrequest.merged" => {
            let action = match (fields.text("/resource/status")?.as_str(), name) {
                ("completed", _) => Action::Merged,
                ("abandoned", _) => Action::Closed,
                ("active", "git.pullrequest.created") => Action::Opened,
                // Also sent for votes and titles, and when an abandoned one is active again.
                ("active", "git.pullrequest.updated") => Action::Updated,
                // A merge was tried, as is done after every change.
                (status, _) => {
                    let why = format!("nothing starts on '{name}' of a pull request that is {status}");
                    return Ok(Event::Ignored { why });
                }
            };
            let branch = |pointer: &'static str| {
                let reference = fields.text(pointer)?;
                Ok(reference.strip_prefix("refs/heads/").unwrap_or(&reference).to_owned())
            };
            let author = fields.optional("/resource/createdBy/uniqueName");
            Ok(Event::PullRequest(PullRequest {
                repository: repository(&fields)?,
                number: fields.number("/resource/pullRequestId")?,
                action,
                branch: branch("/resource/sourceRefName")?,
                commit: fields.text("/resource/lastMergeSourceCommit/commitId")?,
                base_branch: branch("/resource/targetRefName")?,
                author: author.or_else(|| fields.optional("/resource/createdBy/displayName")),
                url: fields.optional("/resource/_links/web/href"),
            }))
        }
        _ => Ok(fields.ignored()),
    }
}

/// `organisation/project/name`: the organisation is only in the repository's address.
fn repository(fields: &Fields<'_>) -> Result<String, WebhookError> {
    const ADDRESS: &str = "/resource/repository/remoteUrl";
    scheduler::repository_of(&fields.text(ADDRESS)?).ok_or_else(|| fields.missing(ADDRESS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pull_request(event: &str, status: &str) -> Json {
        json!({"id": "e1", "eventType": event, "publisherId": "tfs", "resource": {
            "repository": {"id": "4bc14d40", "name": "dbt", "project": {"name": "Shop Data"},
                           "remoteUrl": "https://acme@dev.azure.com/acme/Shop%20Data/_git/dbt"},
            "pullRequestId": 7, "status": status, "createdBy": {"displayName": "Ada", "uniqueName": "ada@acme.example"},
            "sourceRefName": "refs/heads/feature/x", "targetRefName": "refs/heads/main", "mergeStatus": "succeeded",
            "lastMergeSourceCommit": {"commitId": "53d54ac9"}, "lastMergeCommit": {"commitId": "eef717f6"}}})
    }

    #[test]
    fn the_status_says_what_became_of_a_pull_request() {
        for (event_type, status, action) in [
            ("git.pullrequest.created", "active", Some(Action::Opened)),
            ("git.pullrequest.updated", "active", Some(Action::Updated)),
            ("git.pullrequest.updated", "abandoned", Some(Action::Closed)),
            ("git.pullrequest.updated", "completed", Some(Action::Merged)),
            ("git.pullrequest.merged", "completed", Some(Action::Merged)),
            ("git.pullrequest.merged", "active", None),
        ] {
            let read = event(&pull_request(event_type, status)).expect("read");
            match (read, action) {
                (Event::PullRequest(request), Some(action)) => {
                    assert_eq!((request.action, request.number), (action, 7));
                    assert_eq!(
                        (request.repository.as_str(), request.branch.as_str()),
                        ("acme/Shop Data/dbt", "feature/x")
                    );
                    assert_eq!((request.commit.as_str(), request.base_branch.as_str()), ("53d54ac9", "main"));
                }
                (Event::Ignored { .. }, None) => {}
                (other, _) => panic!("{event_type} {status}: {other:?}"),
            }
        }
    }

    #[test]
    fn branches_that_are_deleted_start_nothing() {
        let push = |commits: &[(&str, &str)]| {
            let updates: Vec<Json> =
                commits.iter().map(|(name, to)| json!({"name": name, "oldObjectId": "a", "newObjectId": to})).collect();
            event(
                &json!({"eventType": "git.push", "resource": {"refUpdates": updates, "pushedBy": {"uniqueName": "ada"},
                "repository": {"remoteUrl": "https://dev.azure.com/acme/Shop/_git/dbt"}}}),
            )
        };
        let zeros = "0".repeat(40);
        let both = push(&[("refs/heads/gone", &zeros), ("refs/heads/main", "c0ffee"), ("refs/tags/v1", "c0ffee")]);
        let Ok(Event::Push(pushes)) = both else { panic!("{both:?}") };
        assert_eq!(pushes.len(), 1);
        assert_eq!((pushes[0].branch.as_str(), pushes[0].author.as_deref()), ("main", Some("ada")));
        assert!(matches!(push(&[("refs/heads/gone", &zeros)]), Ok(Event::Ignored { .. })));
    }

    #[test]
    fn a_hook_that_sends_no_details_is_told_what_to_set() {
        let error = event(&json!({"eventType": "git.push", "resource": {}})).expect_err("no repository");
        assert!(error.fix().contains("resource details"), "{}", error.fix());
        assert!(matches!(event(&json!({})), Err(WebhookError::Missing { field: "eventType", .. })));
        assert!(matches!(event(&json!({"eventType": "build.complete"})), Ok(Event::Ignored { .. })));
    }
}

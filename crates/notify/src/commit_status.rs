//! What came of a commit, at the host of its repository.
//!
//! Source: GitHub REST API, "Create a commit status"; GitLab REST API, "Set commit pipeline status"; Bitbucket Cloud REST API, "Create a build
//! status for a commit"; Azure DevOps REST API 7.1, "Pull Request Statuses: Create".

use chrono::Utc;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::{Failure, digest::shortened, http};

/// Who keeps the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusHost {
    GitHub,
    GitLab,
    Bitbucket,
    /// It shows statuses at the pull request, not at its commits.
    AzureDevOps,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitState {
    Waiting,
    Running,
    Passed,
    Failed,
    /// The platform could not run it.
    Broken,
    /// It was stopped, or not started.
    Stopped,
}

/// One status. `Debug` shows no token.
#[derive(Clone)]
pub struct CommitStatus {
    pub host: StatusHost,
    /// Address of the host's API; the public host's own when missing.
    pub api: Option<String>,
    pub token: String,
    /// `owner/name`; Azure's is `organisation/project/name`.
    pub repository: String,
    pub commit: String,
    /// Its number, where the commit is of one.
    pub pull_request: Option<String>,
    pub state: CommitState,
    /// Names the check: a later status of this name replaces it.
    pub context: String,
    pub description: String,
    /// Of the run's page.
    pub url: Option<String>,
}

impl std::fmt::Debug for CommitStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommitStatus")
            .field("host", &self.host)
            .field("repository", &self.repository)
            .field("commit", &self.commit)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl StatusHost {
    fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Bitbucket => "Bitbucket",
            Self::AzureDevOps => "Azure DevOps",
        }
    }

    fn public_api(self) -> &'static str {
        match self {
            Self::GitHub => "https://api.github.com",
            Self::GitLab => "https://gitlab.com/api/v4",
            Self::Bitbucket => "https://api.bitbucket.org/2.0",
            Self::AzureDevOps => "https://dev.azure.com",
        }
    }

    fn word(self, state: CommitState) -> &'static str {
        use CommitState as State;
        match (self, state) {
            (Self::GitHub, State::Waiting | State::Running) => "pending",
            (Self::GitHub, State::Passed) => "success",
            (Self::GitHub, State::Failed) => "failure",
            (Self::GitHub, State::Broken | State::Stopped) => "error",
            (Self::GitLab, State::Waiting) => "pending",
            (Self::GitLab, State::Running) => "running",
            (Self::GitLab, State::Passed) => "success",
            (Self::GitLab, State::Failed | State::Broken) => "failed",
            (Self::GitLab, State::Stopped) => "canceled",
            (Self::Bitbucket, State::Waiting | State::Running) => "INPROGRESS",
            (Self::Bitbucket, State::Passed) => "SUCCESSFUL",
            (Self::Bitbucket, State::Failed | State::Broken) => "FAILED",
            (Self::Bitbucket, State::Stopped) => "STOPPED",
            (Self::AzureDevOps, State::Waiting | State::Running) => "pending",
            (Self::AzureDevOps, State::Passed) => "succeeded",
            (Self::AzureDevOps, State::Failed) => "failed",
            (Self::AzureDevOps, State::Broken | State::Stopped) => "error",
        }
    }
}

pub(crate) async fn deliver(client: &Client, status: &CommitStatus) -> Result<(), Failure> {
    let host = status.host.name();
    if status.host == StatusHost::AzureDevOps {
        if status.pull_request.is_none() {
            return Err(Failure::never(
                "Azure DevOps shows statuses at pull requests, and this run is of none",
                "nothing is to be done",
            ));
        }
        if status.repository.split('/').count() < 3 {
            return Err(Failure::never(
                format!("Azure DevOps does not know the repository '{}'", status.repository),
                "name it for the environment as organisation/project/repository",
            ));
        }
    }
    let answer = http::send(request(client, status), host, Utc::now()).await?;
    match answer.status.as_u16() {
        // Azure answers a token that it does not know with its page for signing in.
        203 | 302 if status.host == StatusHost::AzureDevOps => Err(Failure::never(
            format!("{host} does not know the token (it answered with its page for signing in)"),
            "make a personal access token with the scope Code (status), and set its variable anew",
        )),
        200..=299 => Ok(()),
        // GitLab refuses to set what is set: this very state was taken before.
        400 if status.host == StatusHost::GitLab && answer.text.contains("Cannot transition status") => Ok(()),
        _ if answer.is_passing() => Err(answer.later(host)),
        401 | 403 => Err(answer.never(host, "give the token the right to write commit statuses, and set its variable anew")),
        404 => Err(answer.never(
            host,
            "correct the environment's repository and API address; a token that may not see the repository gets this answer, too",
        )),
        _ => Err(answer.never(host, "see the host's documentation of commit statuses for this answer")),
    }
}

fn request(client: &Client, status: &CommitStatus) -> RequestBuilder {
    let api = status.api.as_deref().unwrap_or_else(|| status.host.public_api()).trim_end_matches('/');
    let CommitStatus { repository, commit, token, .. } = status;
    if status.host == StatusHost::AzureDevOps {
        return azure(client, api, status);
    }
    let (url, request): (String, fn(RequestBuilder, &str) -> RequestBuilder) = match status.host {
        StatusHost::GitHub => (format!("{api}/repos/{repository}/statuses/{commit}"), |request, token| {
            request
                .bearer_auth(token)
                .header("accept", "application/vnd.github+json")
                .header("x-github-api-version", "2022-11-28")
        }),
        StatusHost::GitLab => {
            let project = repository.replace('/', "%2F");
            (format!("{api}/projects/{project}/statuses/{commit}"), |request, token| {
                request.header("private-token", token)
            })
        }
        StatusHost::Bitbucket | StatusHost::AzureDevOps => {
            (format!("{api}/repositories/{repository}/commit/{commit}/statuses/build"), |request, token| {
                // An app password comes with its user; an access token is a bearer's.
                match token.split_once(':') {
                    Some((user, password)) => request.basic_auth(user, Some(password)),
                    None => request.bearer_auth(token),
                }
            })
        }
    };
    request(client.post(url), token).header("content-type", "application/json").body(body(status).to_string())
}

fn azure(client: &Client, api: &str, status: &CommitStatus) -> RequestBuilder {
    let mut parts: Vec<&str> = status.repository.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    parts.extend(["_apis", "git", "repositories", name, "pullRequests"]);
    parts.extend([status.pull_request.as_deref().unwrap_or_default(), "statuses"]);
    let url = reqwest::Url::parse(api).map(|mut url| {
        // An address of a host has segments; projects may have spaces.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url.set_query(Some("api-version=7.1"));
        url.to_string()
    });
    let request = client.post(url.unwrap_or_else(|_| api.to_owned()));
    let token = status.token.as_str();
    // A personal access token is a password without a user; those of Entra ID are JWTs.
    let request = match token.split_once(':') {
        Some((user, password)) => request.basic_auth(user, Some(password)),
        None if token.starts_with("eyJ") => request.bearer_auth(token),
        None => request.basic_auth("", Some(token)),
    };
    request.header("content-type", "application/json").body(body(status).to_string())
}

fn body(status: &CommitStatus) -> Value {
    let state = status.host.word(status.state);
    let mut body = match status.host {
        StatusHost::GitHub => json!({
            "state": state, "context": status.context, "description": shortened(&status.description, 140),
        }),
        StatusHost::GitLab => json!({
            "state": state, "name": status.context, "description": shortened(&status.description, 255),
        }),
        StatusHost::Bitbucket => json!({
            "state": state, "key": shortened(&status.context, 40), "name": status.context,
            "description": shortened(&status.description, 255),
        }),
        StatusHost::AzureDevOps => {
            let (genre, name) = status.context.split_once('/').unwrap_or(("owlet", &status.context));
            json!({
                "state": state, "context": {"genre": genre, "name": name}, "description": shortened(&status.description, 255),
            })
        }
    };
    let name = match status.host {
        StatusHost::GitHub | StatusHost::GitLab => "target_url",
        StatusHost::Bitbucket => "url",
        StatusHost::AzureDevOps => "targetUrl",
    };
    if let Some(url) = &status.url {
        body[name] = url.as_str().into();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(host: StatusHost, state: CommitState) -> CommitStatus {
        CommitStatus {
            host,
            api: Some("http://127.0.0.1:1/api/".to_owned()),
            token: "hush-hush".to_owned(),
            repository: "acme/shop".to_owned(),
            commit: "abc".to_owned(),
            pull_request: Some("7".to_owned()),
            state,
            context: "owlet/ci".to_owned(),
            description: "x".repeat(300),
            url: Some("https://owlet.example/bolt/run_id/7".to_owned()),
        }
    }

    #[test]
    fn each_host_is_asked_as_it_documents() {
        let client = Client::new();
        for (host, state, url, member, word) in [
            (StatusHost::GitHub, CommitState::Failed, "/api/repos/acme/shop/statuses/abc", "state", "failure"),
            (StatusHost::GitLab, CommitState::Stopped, "/api/projects/acme%2Fshop/statuses/abc", "state", "canceled"),
            (
                StatusHost::Bitbucket,
                CommitState::Waiting,
                "/api/repositories/acme/shop/commit/abc/statuses/build",
                "state",
                "INPROGRESS",
            ),
        ] {
            let status = status(host, state);
            let request = request(&client, &status).build().expect("a request");
            assert_eq!(request.url().path(), url);
            let body: Value =
                serde_json::from_slice(request.body().and_then(|body| body.as_bytes()).expect("bytes")).expect("JSON");
            assert_eq!(body[member], word);
            assert!(body["description"].as_str().expect("text").chars().count() <= 255);
            assert!(body.to_string().contains("/bolt/run_id/7"));
            assert!(!format!("{status:?}").contains("hush"));
        }
        let mut azure = status(StatusHost::AzureDevOps, CommitState::Passed);
        azure.repository = "acme/Shop Data/dbt".to_owned();
        let request = request(&client, &azure).build().expect("a request");
        let address = "http://127.0.0.1:1/api/acme/Shop%20Data/_apis/git/repositories/dbt/pullRequests/7/statuses?api-version=7.1";
        assert_eq!(request.url().as_str(), address);
        let sent: Value =
            serde_json::from_slice(request.body().and_then(|body| body.as_bytes()).expect("bytes")).expect("JSON");
        assert_eq!((&sent["state"], &sent["context"]), (&json!("succeeded"), &json!({"genre": "owlet", "name": "ci"})));
        assert_eq!(sent["targetUrl"], "https://owlet.example/bolt/run_id/7");
        let github = body(&status(StatusHost::GitHub, CommitState::Passed));
        assert!(github["description"].as_str().expect("text").chars().count() <= 140);
    }
}

//! Environments.

use diagnostic::Diagnostic;
use scheduler::{
    model::{Actor, Code, CodeHost, CommitStatus, Environment},
    settings::{EnvironmentRow, SettingsError},
};

use super::{
    Done, View,
    form::{Fields, Form, button},
    wrong,
};
use crate::{
    app::App,
    error::ApiError,
    pages::html::{Html, encode},
};

const PART: &str = "environments";

pub async fn act(app: &App, form: &Form, actor: &Actor) -> Result<Done, Vec<Diagnostic>> {
    let settings = &app.parts.settings;
    let told = |error: SettingsError| error.diagnostics();
    let slug = form.text("slug");
    if form.get("do") == Some("remove") {
        settings.remove_environment(&slug, actor).await.map_err(told)?;
        return Ok(Done::Changed);
    }
    let environment = read(form)?;
    let name = form.given("name").unwrap_or(&slug);
    settings
        .set_environment(&slug, name, form.given("is_default").is_some(), &environment, actor)
        .await
        .map_err(told)?;
    Ok(Done::Changed)
}

fn read(form: &Form) -> Result<Environment, Vec<Diagnostic>> {
    let given = |name: &str| form.given(name).map(str::to_owned);
    let code = match (given("path"), given("url")) {
        (Some(path), None) => Code::Local { path },
        (None, Some(url)) => Code::Git { url, branch: given("branch"), credential: given("credential") },
        (None, None) => {
            return Err(wrong("The environment has no code", "give a folder, or the address of a git repository"));
        }
        (Some(_), Some(_)) => {
            return Err(wrong(
                "The environment has two places for its code",
                "give a folder or a git repository, and not both",
            ));
        }
    };
    let mut environment = Environment::new(code);
    environment.project_dir = form.text("project_dir");
    environment.connection = given("connection");
    if let Some(target) = given("target") {
        environment.target = target;
    }
    environment.schema = given("schema");
    environment.threads = match form.given("threads") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            wrong(format!("'{text}' is no number of threads"), "write a number like 8, or leave it empty")
        })?),
    };
    if form.given("engine") == Some("dbt-core") {
        environment.engine = schedules::EngineChoice::DbtCore;
    }
    for line in form.text("variables").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong(format!("'{line}' is no variable"), "write NAME=value, one per line"));
        };
        environment.variables.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    if let Some(host) = form.given("status_host") {
        environment.commit_status = Some(CommitStatus {
            host: host
                .parse::<CodeHost>()
                .map_err(|_| wrong(format!("'{host}' is no host"), "choose one of the list"))?,
            token: form.text("status_token"),
            api: given("status_api"),
            repository: given("status_repository"),
        });
    }
    Ok(environment)
}

pub async fn draw(view: &View<'_>, body: &mut Html) -> Result<(), ApiError> {
    let rows = view.app.parts.settings.environments().await?;
    let connections = view.app.parts.settings.connections().await?;
    view.head(body, PART, "Environments", "Where schedules get their code, connection and target.");
    if rows.is_empty() {
        body.raw("<p class=\"empty\">There are none yet: schedules need one.</p>");
    } else {
        body.raw("<table><thead><tr><th>Environment</th><th>Code</th><th>Connection</th><th>Target</th><th></th></tr></thead><tbody>");
        for row in &rows {
            draw_row(view, body, row);
        }
        body.raw("</tbody></table>");
    }
    if view.may_change {
        let edited = view.edited.given("environment").and_then(|slug| rows.iter().find(|row| row.slug == slug));
        let slugs: Vec<&str> = connections.iter().map(|row| row.slug.as_str()).collect();
        draw_form(view, body, edited, &slugs);
    }
    body.raw("</section>");
    Ok(())
}

fn draw_row(view: &View<'_>, body: &mut Html, row: &EnvironmentRow) {
    let environment = &row.environment;
    body.raw("<tr><td><b>").text(&row.slug).raw("</b> <span class=\"note\">").text(&row.name).raw("</span>");
    if row.is_default {
        body.raw(" <span class=\"state quiet\">default</span>");
    }
    body.raw("</td><td><code>");
    match &environment.code {
        Code::Local { path } => body.text(path),
        Code::Git { url, branch, .. } => {
            body.text(url);
            body.text(&branch.as_ref().map(|branch| format!(" @ {branch}")).unwrap_or_default())
        }
    };
    body.raw("</code>");
    if !environment.project_dir.is_empty() {
        body.raw(" <span class=\"note\">").text(&environment.project_dir).raw("</span>");
    }
    body.raw("</td><td>");
    match &environment.connection {
        Some(slug) => body.text(slug),
        None => body.raw("<span class=\"note\">the project's own profile</span>"),
    };
    body.raw("</td><td>").text(&environment.target);
    if let Some(schema) = &environment.schema {
        body.raw(" <span class=\"note\">schema ").text(schema).raw("</span>");
    }
    body.raw("</td><td class=\"actions\">");
    if view.may_change {
        body.raw("<a href=\"/settings?environment=").raw(&encode(&row.slug)).raw("#environments\">Change</a> ");
        button(body, PART, "remove", "Remove", &[("slug", &row.slug)]);
    }
    body.raw("</td></tr>");
}

fn draw_form(view: &View<'_>, body: &mut Html, edited: Option<&EnvironmentRow>, connections: &[&str]) {
    let refused = view.is_refused(PART);
    let sent = refused.then_some(&view.sent.form);
    let environment = edited.map(|row| row.environment.clone());
    let environment = environment.unwrap_or_else(|| Environment::new(Code::Local { path: String::new() }));
    let (path, url, branch, credential) = match environment.code {
        Code::Local { path } => (path, String::new(), None, None),
        Code::Git { url, branch, credential } => (String::new(), url, branch, credential),
    };
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    let title = edited.map_or_else(|| "Add an environment".to_owned(), |row| format!("Change {}", row.slug));
    let mut fields = Fields { body, sent };
    fields.begin(PART, refused || edited.is_some(), &title);
    fields.text("slug", "Slug", edited.map_or("", |row| &row.slug), "what schedules name");
    fields.text("name", "Name", edited.map_or("", |row| &row.name), "for people");
    fields.text("path", "Code: folder", &path, "on the server's machine; a git repository, or files as they are");
    fields.text("url", "Code: git repository", &url, "https://host/owner/name.git or git@host:owner/name.git");
    fields.text("branch", "Branch", &or_empty(branch), "for schedules that name none");
    fields.text(
        "credential",
        "Credential",
        &or_empty(credential),
        "name of the secret variable with the deploy key or token",
    );
    fields.text("project_dir", "Project folder", &environment.project_dir, "within the code; empty for its root");
    let mut choices = vec![("", "the project's own profile")];
    choices.extend(connections.iter().map(|slug| (*slug, *slug)));
    fields.choice("connection", "Connection", &or_empty(environment.connection), &choices, "");
    fields.text("target", "Target", &environment.target, "its name in profiles.yml");
    fields.text("schema", "Schema", &or_empty(environment.schema), "empty for the connection's own");
    let threads = environment.threads.map(|threads| threads.to_string());
    fields.text("threads", "Threads", &or_empty(threads), "empty for the connection's own");
    let engine = if environment.engine == schedules::EngineChoice::DbtCore { "dbt-core" } else { "owlet" };
    fields.choice("engine", "Engine", engine, &[("owlet", "Owlet"), ("dbt-core", "the installed dbt Core")], "");
    let variables: Vec<String> = environment.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.lines("variables", "Variables", &variables.join("\n"), "NAME=value, one per line; no secrets");
    let status = environment.commit_status;
    let host = status.as_ref().map_or("", |status| status.host.as_str());
    let hosts = [
        ("", "no reports"),
        ("github", "GitHub"),
        ("gitlab", "GitLab"),
        ("bitbucket", "Bitbucket"),
        ("azure-devops", "Azure DevOps"),
    ];
    fields.choice("status_host", "Commit statuses", host, &hosts, "what came of a pull request's commit");
    let of_status =
        |part: fn(&CommitStatus) -> Option<&String>| status.as_ref().and_then(part).cloned().unwrap_or_default();
    let (token, repository) = (of_status(|status| Some(&status.token)), of_status(|status| status.repository.as_ref()));
    fields.text("status_token", "Status token", &token, "name of the secret variable");
    fields.text("status_repository", "Repository", &repository, "owner/name, if the code's address does not say it");
    fields.text("status_api", "API of the host", &of_status(|status| status.api.as_ref()), "empty for the public host");
    fields.check("is_default", "the one that is offered first", edited.is_some_and(|row| row.is_default));
    fields.end(if edited.is_some() { "Save" } else { "Add" });
}

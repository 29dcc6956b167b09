//! What can be wrong with an environment by itself.

use std::path::{Component, Path};

use diagnostic::Diagnostic;

use crate::model::{Code, Environment};

/// Everything that is wrong with it.
pub(super) fn problems(environment: &Environment) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> =
        environment.variables.keys().filter_map(|name| vault::check_name(name).err()).collect();
    let mut problem =
        |what: String, cause: &str, fix: &str| problems.push(Diagnostic::error(what).cause(cause).fix(fix));
    match &environment.code {
        Code::Local { path } if !Path::new(path).is_absolute() => problem(
            format!("The code's folder '{path}' is no absolute path"),
            "the server reads it, from wherever it was started",
            "write it from the root: /srv/shop",
        ),
        Code::Local { path } if !Path::new(path).is_dir() => problem(
            format!("There is no folder '{path}'"),
            "runs copy their code from it, on the machine of the server",
            "correct the path, or name a git repository",
        ),
        Code::Local { .. } => {}
        Code::Git { url, .. } => {
            if let Err((what, cause, fix)) = repository(url) {
                problem(what, cause, fix);
            }
        }
    }
    let project = Path::new(&environment.project_dir);
    if project.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        problem(
            format!("The project's folder '{}' does not lie in the code", environment.project_dir),
            "it is relative to the root of the repository or folder",
            "write it like dbt or warehouse/dbt",
        );
    }
    if !is_word(&environment.target) {
        problem(
            format!("'{}' cannot be the name of a target", environment.target),
            "it stands in profiles.yml and in file names",
            "write letters, digits, _ and -, as in prod",
        );
    }
    let is_schema = |schema: &String| {
        schema.len() <= 255
            && schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if let Some(schema) = environment.schema.as_ref().filter(|schema| schema.is_empty() || !is_schema(schema)) {
        problem(
            format!("'{schema}' cannot be the name of a schema"),
            "Glue takes lower-case letters, digits and underscores for a database",
            "write it like shop_prod, or leave it out for the connection's own",
        );
    }
    if environment.threads == Some(0) {
        problem("No thread builds nothing".to_owned(), "threads is 0", "give at least 1, or leave it out");
    }
    if let Some(status) = &environment.commit_status {
        if status.api.as_ref().is_some_and(|api| !is_address(api)) {
            problem(
                format!("'{}' is no address", status.api.as_deref().unwrap_or_default()),
                "commit statuses are sent to the API of the code's host",
                "write it like https://git.example.com/api/v4, or leave it out for the public host's",
            );
        }
        let is_repository =
            |name: &String| name.split('/').count() >= 2 && name.split('/').all(|part| !part.is_empty());
        match (&status.repository, &environment.code) {
            (Some(name), _) if !is_repository(name) => problem(
                format!("'{name}' is no repository"),
                "the host knows it as owner/name",
                "write it as the host's page shows it: acme/shop",
            ),
            (None, Code::Local { .. }) => problem(
                "Nobody knows which repository commit statuses are for".to_owned(),
                "the code comes from a folder, which has no name at the host",
                "give the repository as the host's page shows it: acme/shop",
            ),
            _ => {}
        }
    }
    problems
}

fn repository(url: &str) -> Result<(), (String, &'static str, &'static str)> {
    let fix = "write https://host/owner/name.git, git@host:owner/name.git or an absolute path";
    let shown = crate::worker::checkout::shown(url);
    let parsed = url::Url::parse(url);
    if let Ok(parsed) = &parsed
        && matches!(parsed.scheme(), "https" | "http")
        && (parsed.password().is_some() || !parsed.username().is_empty())
    {
        return Err((
            format!("The address '{shown}' holds credentials"),
            "it is shown in logs and on pages",
            "set them as a secret variable and name that as the credential: owlet env set GIT_TOKEN --secret",
        ));
    }
    let is_scheme = parsed.is_ok_and(|parsed| matches!(parsed.scheme(), "https" | "http" | "ssh" | "file"));
    let is_short_ssh = url.split_once(':').is_some_and(|(host, path)| {
        !host.is_empty() && !host.contains('/') && !path.is_empty() && !path.starts_with(':') && !path.starts_with("//")
    });
    let is_odd = url.starts_with('-') || url.contains("::") || url.chars().any(|c| c.is_control() || c == ' ');
    if is_odd || !(is_scheme || is_short_ssh || Path::new(url).is_absolute()) {
        return Err((format!("'{shown}' is no address of a git repository"), "git cannot fetch from it", fix));
    }
    Ok(())
}

pub(super) fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

//! `debug`: project, profile, connection.

use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use engine::{
    adapter::StatementOrigin,
    events::{Events, Level},
};

use super::Outcome;
use crate::{
    args::DebugArgs,
    environment::Environment,
    session::{FailedCheck, Opening, Session, profile_settings},
    settings::Settings,
};

/// Checks everything and says what it found.
pub async fn run(
    args: &DebugArgs,
    opening: Opening,
    settings: Settings,
    environment: Environment,
) -> anyhow::Result<Outcome> {
    let events = opening.events.clone();
    let say = |text: String| events.line(Level::Info, text);
    if args.config_dir {
        let folder =
            profile_settings(&settings, &environment, settings.project_dir.as_deref()).directories.first().cloned();
        let open = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let folder = folder.unwrap_or_else(|| PathBuf::from("."));
        say(format!("To view your profiles.yml file, run:\n\n{open} {}", folder.display()));
        return Ok(Outcome::Success);
    }
    if args.connection {
        let session = Session::open(opening, settings, environment)?;
        return Ok(report_connection(&session, &events).await);
    }
    say(format!("owlet version: {}", env!("CARGO_PKG_VERSION")));
    say(format!("dbt version: {}", project::CLAIMED_DBT_VERSION));
    say(format!("os info: {} {}", std::env::consts::OS, std::env::consts::ARCH));
    let project_file = match settings.need_project() {
        Ok(project_dir) => project_dir.join("dbt_project.yml"),
        Err(missing) => return Ok(no_project(&settings.expected_project.file(), &missing, &events)),
    };
    // Project::open tells what is wrong with project or profile.
    let session = match Session::open(opening, settings, environment) {
        Ok(session) => session,
        Err(error) if error.is::<FailedCheck>() => {
            say(format!("Using dbt_project.yml file at {}", project_file.display()));
            return Ok(failed(&events, "Configuration"));
        }
        Err(error) => return Err(error),
    };
    match &session.profile.file {
        Some(file) => say(format!("Using profiles.yml file at {}", file.display())),
        None => say("No profiles.yml: using the embedded lakehouse of the project".to_owned()),
    }
    say(format!("Using dbt_project.yml file at {}", project_file.display()));
    say("adapter type: athena".to_owned());
    say("Configuration:".to_owned());
    say("  profiles.yml file [OK found and valid]".to_owned());
    say("  dbt_project.yml file [OK found and valid]".to_owned());
    say("Connection:".to_owned());
    for (key, value) in session.athena.connection_keys() {
        if !value.is_null() {
            say(format!("  {key}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
    Ok(report_connection(&session, &events).await)
}

/// Nothing else can be checked: the project names the profile.
fn no_project(expected: &Path, missing: &Diagnostic, events: &Events) -> Outcome {
    for line in [
        format!("Using dbt_project.yml file at {}", expected.display()),
        "Configuration:".to_owned(),
        "  dbt_project.yml file [ERROR not found]".to_owned(),
        "Connection test skipped since no profile was found".to_owned(),
        "1 check failed:".to_owned(),
        missing.to_string(),
    ] {
        events.line(Level::Info, line);
    }
    Outcome::Failure
}

async fn report_connection(session: &Session, events: &Events) -> Outcome {
    let say = |text: String| events.line(Level::Info, text);
    match try_connection(session).await {
        Ok(description) => {
            say(format!("  connected to {description}"));
            say("  Connection test: [OK connection ok]".to_owned());
            say("All checks passed!".to_owned());
            Outcome::Success
        }
        Err(error) => {
            say("  Connection test: [ERROR]".to_owned());
            events.line(Level::Error, format!("{error:#}"));
            failed(events, "Connection")
        }
    }
}

async fn try_connection(session: &Session) -> anyhow::Result<String> {
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection)?;
    let origin = StatementOrigin { node: None, step: "debug".to_owned(), comment: None };
    let answer = adapter.execute("select 1 as id", &origin, Some(None)).await;
    let description = connection.description.clone();
    connection.close().await;
    answer.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(description)
}

fn failed(events: &Events, what: &str) -> Outcome {
    events.line(Level::Error, format!("1 check failed: {what}"));
    Outcome::Failure
}

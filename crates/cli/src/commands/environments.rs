//! `environment`: where schedules get their code, connection and target.

use std::path::PathBuf;

use anyhow::{Context, bail};
use scheduler::{
    model::{Code, CommitStatus, Environment as ScheduleEnvironment},
    settings::{EnvironmentRow, SettingKind},
};

use super::{Outcome, env};
use crate::{
    args::settings::{EnvironmentArgs, EnvironmentCommand},
    environment::Environment,
    server,
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// Runs one of them.
pub async fn run(
    command: &EnvironmentCommand,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let (EnvironmentCommand::Set { server, .. }
    | EnvironmentCommand::Show { server, .. }
    | EnvironmentCommand::List { server, .. }
    | EnvironmentCommand::Rm { server, .. }) = command;
    let store = server::open_settings(server, settings, environment).await?;
    let refused = |error| server::refused(&error);
    match command {
        EnvironmentCommand::Set { name, args, .. } => {
            let rows = store.environments().await.map_err(refused)?;
            let known = rows.iter().find(|row| row.slug == *name);
            let changed = changed(known, args, name)?;
            let label = args.label.clone().or_else(|| known.map(|row| row.name.clone()));
            let label = label.unwrap_or_else(|| name.clone());
            let actor = server::actor(environment);
            store.set_environment(name, &label, args.default, &changed, &actor).await.map_err(refused)?;
            let done = if known.is_some() { "Changed" } else { "Added" };
            Stream::Stderr.write_line(&format!("{done} the environment '{name}'; runs that start from now on use it"));
            server::warn_of_names(&store, SettingKind::Environment, name).await;
        }
        EnvironmentCommand::Show { name, .. } => {
            let row = store.environment(name).await.map_err(refused)?;
            Stream::Stdout.write_line(&serde_json::to_string_pretty(&shown(&row))?);
        }
        EnvironmentCommand::List { format, .. } => {
            let rows = store.environments().await.map_err(refused)?;
            let text = |text: &Option<String>| text.clone().map_or(Cell::Null, Cell::Text);
            let rows = rows.iter().map(|row| {
                let environment = &row.environment;
                let code = match &environment.code {
                    Code::Local { path } => path.clone(),
                    Code::Git { url, branch: Some(branch), .. } => format!("{url} @ {branch}"),
                    Code::Git { url, .. } => url.clone(),
                };
                vec![
                    Cell::Text(row.slug.clone()),
                    Cell::Text(row.name.clone()),
                    Cell::Text(if row.is_default { "yes" } else { "" }.to_owned()),
                    Cell::Text(code),
                    text(&environment.connection),
                    Cell::Text(environment.target.clone()),
                    text(&environment.schema),
                ]
            });
            let columns = ["name", "label", "default", "code", "connection", "target", "schema"];
            let table = Table { columns: columns.map(str::to_owned).to_vec(), rows: rows.collect() };
            env::print(&table, *format, settings)?;
        }
        EnvironmentCommand::Rm { name, .. } => {
            store.remove_environment(name, &server::actor(environment)).await.map_err(refused)?;
            Stream::Stderr.write_line(&format!("Removed the environment '{name}'"));
        }
    }
    Ok(Outcome::Success)
}

fn shown(row: &EnvironmentRow) -> serde_json::Value {
    serde_json::json!({
        "slug": row.slug, "name": row.name, "is_default": row.is_default, "definition": row.environment,
    })
}

/// What is not given stays; an empty text takes away.
fn changed(known: Option<&EnvironmentRow>, args: &EnvironmentArgs, name: &str) -> anyhow::Result<ScheduleEnvironment> {
    let code = match (&args.path, &args.git, known) {
        (Some(path), _, _) => Some(Code::Local { path: absolute(path)? }),
        (None, Some(url), known) => {
            let before = known.map(|row| &row.environment.code);
            let (branch, credential) = match before {
                Some(Code::Git { branch, credential, .. }) => (branch.clone(), credential.clone()),
                _ => (None, None),
            };
            Some(Code::Git { url: url.clone(), branch, credential })
        }
        (None, None, Some(_)) => None,
        (None, None, None) => bail!(
            "There is no environment '{name}' yet, and it has no code\n  cause: runs copy the code of their environment\n  \
             fix:   give --path DIR or --git URL"
        ),
    };
    let mut environment = match (known, code) {
        (Some(row), None) => row.environment.clone(),
        (Some(row), Some(code)) => ScheduleEnvironment { code, ..row.environment.clone() },
        (None, code) => ScheduleEnvironment::new(code.context("the code")?),
    };
    let set = |target: &mut Option<String>, given: &Option<String>| {
        if let Some(given) = given {
            *target = Some(given.clone()).filter(|text| !text.is_empty());
        }
    };
    match &mut environment.code {
        Code::Git { branch, credential, .. } => {
            set(branch, &args.branch);
            set(credential, &args.credential);
        }
        Code::Local { .. } if args.branch.is_some() || args.credential.is_some() => bail!(
            "--branch and --credential are for code in a git repository\n  cause: the code of '{name}' is a folder\n  \
             fix:   give --git URL, or leave them out"
        ),
        Code::Local { .. } => {}
    }
    if let Some(project_dir) = &args.project {
        environment.project_dir.clone_from(project_dir);
    }
    set(&mut environment.connection, &args.connection);
    set(&mut environment.schema, &args.schema);
    if let Some(target) = &args.target_name {
        environment.target.clone_from(target);
    }
    if let Some(threads) = args.target_threads {
        environment.threads = (threads > 0).then_some(threads);
    }
    if let Some(engine) = args.engine {
        environment.engine = engine.into();
    }
    for (variable, value) in &args.var {
        if value.is_empty() {
            environment.variables.remove(variable);
        } else {
            environment.variables.insert(variable.clone(), value.clone());
        }
    }
    if args.no_status {
        environment.commit_status = None;
    }
    match (&mut environment.commit_status, args.status) {
        (status, Some(host)) => {
            let token = args.status_token.clone().or_else(|| status.as_ref().map(|status| status.token.clone()));
            let Some(token) = token else {
                bail!(
                    "--status needs --status-token\n  cause: the host takes reports from those it knows\n  \
                     fix:   set a secret and name it: owlet env set STATUS_TOKEN --secret"
                )
            };
            let before = status.take();
            let (api, repository) = before.map(|status| (status.api, status.repository)).unwrap_or_default();
            *status = Some(CommitStatus { host: host.into(), token, api, repository });
        }
        (Some(status), None) => {
            if let Some(token) = &args.status_token {
                status.token.clone_from(token);
            }
        }
        (None, None) if args.status_token.is_some() || args.status_api.is_some() || args.repository.is_some() => bail!(
            "--status-token, --status-api and --repository say how to report, but not to whom\n  \
             cause: '{name}' has no host for commit statuses\n  fix:   give --status github, gitlab, bitbucket or azure-devops"
        ),
        (None, None) => {}
    }
    if let Some(status) = &mut environment.commit_status {
        set(&mut status.api, &args.status_api);
        set(&mut status.repository, &args.repository);
    }
    Ok(environment)
}

fn absolute(path: &PathBuf) -> anyhow::Result<String> {
    let path = std::path::absolute(path).with_context(|| format!("finding {}", path.display()))?;
    let path = fs_err::canonicalize(&path).unwrap_or(path);
    path.to_str().map(str::to_owned).with_context(|| format!("'{}' is not UTF-8", path.display()))
}

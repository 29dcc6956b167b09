//! `env`: environment variables of scheduled runs. A secret goes in and is never printed.

use anyhow::bail;
use scheduler::{
    clock::readable,
    settings::{SettingKind, VariableRow},
};
use vault::{KEY_FILE, KeyRing, Scope, Variable, VariableValue};

use super::Outcome;
use crate::{
    args::ResultFormat,
    args::settings::{EnvCommand, ScopeArgs, VariableScope},
    environment::Environment,
    server::{self, Typed},
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// Runs one of them.
pub async fn run(command: &EnvCommand, settings: &Settings, environment: &Environment) -> anyhow::Result<Outcome> {
    let (EnvCommand::Set { server, .. }
    | EnvCommand::Get { server, .. }
    | EnvCommand::List { server, .. }
    | EnvCommand::Rm { server, .. }
    | EnvCommand::RotateKey { server }) = command;
    if let EnvCommand::RotateKey { .. } = command {
        if environment.get("OWLET_SECRET_KEY").is_none() {
            let dir = server::directory(server, settings);
            let rotated =
                KeyRing::rotate(&dir).map_err(|error| anyhow::anyhow!("{error}\n  fix:   {}", error.fix()))?;
            let path = dir.join(KEY_FILE);
            Stream::Stderr.write_line(&format!("New key {} in {}", rotated.newest_id(), path.display()));
        }
        let store = server::open_settings(server, settings, environment).await?;
        let sealed = store.seal_anew(&server::actor(environment)).await.map_err(|error| server::refused(&error))?;
        Stream::Stderr
            .write_line(&format!("Encrypted {sealed} secrets anew; running servers read the key when they start"));
        return Ok(Outcome::Success);
    }
    let store = server::open_settings(server, settings, environment).await?;
    let refused = |error| server::refused(&error);
    match command {
        EnvCommand::Set { name, value, secret, scope, .. } => {
            let scope = scope_of(&store, scope).await?;
            let secret = *secret || name.starts_with("DBT_ENV_SECRET");
            vault::check_name(name).map_err(|problem| server::all_of(&[problem]))?;
            let value = match value {
                Some(_) if secret => bail!(
                    "The value of {name} may not stand on the command line\n  \
                     cause: it is a secret, and other users see command lines\n  \
                     fix:   give it on standard input: owlet env set {name} < file"
                ),
                Some(value) => value.clone(),
                None => {
                    let typed = if secret { Typed::Unseen } else { Typed::Visibly };
                    server::read_values(&[name.as_str()], typed)?.concat()
                }
            };
            let variable = Variable::new(scope, name, &value, secret).map_err(|problem| server::all_of(&[problem]))?;
            store.set_variable(&variable, &server::actor(environment)).await.map_err(refused)?;
            let kind = if secret { "secret " } else { "" };
            Stream::Stderr.write_line(&format!("Set the {kind}variable {name} for {}", describe(scope)));
            server::warn_of_names(&store, SettingKind::Variable, name).await;
        }
        EnvCommand::Get { name, scope, .. } => {
            let scope = scope_of(&store, scope).await?;
            let rows = store.variables().await.map_err(refused)?;
            match rows.into_iter().find(|row| row.variable.scope == scope && row.variable.name == *name) {
                Some(VariableRow { variable: Variable { value: VariableValue::Plain(value), .. }, .. }) => {
                    Stream::Stdout.write_line(&value);
                }
                Some(_) => bail!(
                    "{name} is a secret\n  cause: secrets are given to runs and never printed\n  \
                     fix:   set it again if it is lost: owlet env set {name} --secret"
                ),
                None => bail!(
                    "There is no variable {name} for {}\n  cause: nobody has set it there\n  \
                     fix:   list what there is: owlet env list",
                    describe(scope)
                ),
            }
        }
        EnvCommand::List { format, .. } => {
            let rows = store.variables().await.map_err(refused)?;
            let slugs = store.schedule_ids().await.map_err(refused)?;
            let scope = |scope: Scope| match scope {
                Scope::Schedule(id) => {
                    let slug = slugs.iter().find(|(known, _)| *known == id).map(|(_, slug)| slug.clone());
                    format!("schedule {}", slug.unwrap_or_else(|| id.to_string()))
                }
                other => other.as_str().to_owned(),
            };
            let rows = rows.into_iter().map(|VariableRow { variable, updated_at, updated_by }| {
                let value = match variable.value {
                    VariableValue::Plain(value) => value,
                    VariableValue::Secret(_) => vault::MASK.to_owned(),
                };
                let texts = [variable.name, value, scope(variable.scope), readable(updated_at), updated_by];
                texts.into_iter().map(Cell::Text).collect()
            });
            let columns = ["name", "value", "scope", "updated", "by"].map(str::to_owned).to_vec();
            print(&Table { columns, rows: rows.collect() }, *format, settings)?;
        }
        EnvCommand::Rm { name, scope, .. } => {
            let scope = scope_of(&store, scope).await?;
            store.remove_variable(scope, name, &server::actor(environment)).await.map_err(refused)?;
            Stream::Stderr.write_line(&format!("Removed the variable {name} for {}", describe(scope)));
        }
        EnvCommand::RotateKey { .. } => {}
    }
    Ok(Outcome::Success)
}

/// Data to stdout, as it was asked for.
pub(super) fn print(table: &Table, format: ResultFormat, settings: &Settings) -> anyhow::Result<()> {
    let text = match format {
        ResultFormat::Table => table.aligned(settings.colors),
        ResultFormat::Csv => table.csv(),
        ResultFormat::Json => serde_json::to_string_pretty(&table.objects())?,
    };
    Stream::Stdout.write_line(text.trim_end_matches('\n'));
    Ok(())
}

async fn scope_of(store: &scheduler::settings::Settings, args: &ScopeArgs) -> anyhow::Result<Scope> {
    let Some(wanted) = &args.schedule else {
        return Ok(match args.scope {
            VariableScope::Workspace => Scope::Workspace,
            VariableScope::Schedules => Scope::Schedules,
            VariableScope::Development => Scope::Development,
        });
    };
    store.schedule_scope(wanted).await.map_err(|error| server::refused(&error))
}

fn describe(scope: Scope) -> &'static str {
    match scope {
        Scope::Workspace => "the workspace",
        Scope::Schedules => "all schedules",
        Scope::Development => "development",
        Scope::Schedule(_) => "the schedule",
    }
}

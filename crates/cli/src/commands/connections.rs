//! `connection`: how scheduled runs reach Athena.

use std::path::PathBuf;

use adapter_athena::Endpoint;
use anyhow::bail;
use athena_api::{ApiError, ApiResult, Services};
use scheduler::settings::{Check, CheckStatus, ConnectionScope, Connector, Identity, SettingKind, check};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use vault::{Connection, Field};

use super::{Outcome, env};
use crate::{
    args::TextOrJson,
    args::settings::{ConnectionCommand, ConnectionScopeArg},
    connection::{self, client_options},
    environment::Environment,
    server::{self, Typed},
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// Runs one of them.
pub async fn run(
    command: &ConnectionCommand,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let (ConnectionCommand::Add { server, .. }
    | ConnectionCommand::Test { server, .. }
    | ConnectionCommand::List { server, .. }
    | ConnectionCommand::Rm { server, .. }) = command;
    if let ConnectionCommand::Add { fields, .. } = command {
        refuse_secrets(fields)?;
    }
    let store = server::open_settings(server, settings, environment).await?;
    let refused = |error| server::refused(&error);
    match command {
        ConnectionCommand::Add { name, fields, secret, label, scope, replace, .. } => {
            let known = store.connections().await.map_err(refused)?;
            let known = known.into_iter().find(|row| row.slug == *name);
            if known.is_some() && !replace {
                bail!(
                    "There is a connection '{name}' already\n  cause: it may be in use, so it is not changed by mistake\n  \
                     fix:   change it with --replace, or choose another name"
                );
            }
            let changes = given(fields, secret)?;
            let parsed = match &known {
                Some(row) => row.connection.changed(&changes),
                None => Connection::parse(&changes),
            };
            let (connection, warnings) = parsed.map_err(|problems| server::all_of(&problems))?;
            server::warn(&warnings);
            let scope = match scope {
                ConnectionScopeArg::Production => ConnectionScope::Production,
                ConnectionScopeArg::Development => ConnectionScope::Development,
            };
            let label = label.clone().or_else(|| known.as_ref().map(|row| row.name.clone()));
            let label = label.unwrap_or_else(|| name.clone());
            let actor = server::actor(environment);
            store.set_connection(name, &label, scope, &connection, &actor).await.map_err(refused)?;
            let done = if known.is_some() { "Changed" } else { "Added" };
            Stream::Stderr.write_line(&format!("{done} the connection '{name}'; try it: owlet connection test {name}"));
            server::warn_of_names(&store, SettingKind::Connection, name).await;
        }
        ConnectionCommand::Test { name, format, .. } => {
            let row = store.connection(name).await.map_err(refused)?;
            let connector = CliConnector {
                server_dir: server::directory(server, settings),
                environment: environment.clone(),
                open: Mutex::default(),
            };
            let checks = check(&row.connection, &connector).await;
            connector.close().await;
            show(&checks, *format)?;
            return Ok(Outcome::of(checks.iter().all(|check| check.status != CheckStatus::Failed)));
        }
        ConnectionCommand::List { format, .. } => {
            let rows = store.connections().await.map_err(refused)?;
            let rows = rows.into_iter().map(|row| {
                let text = |name: &str| {
                    let value = row.connection.definition().get(name).and_then(Value::as_str);
                    value.map_or(Cell::Null, |value| Cell::Text(value.to_owned()))
                };
                let secrets: Vec<&str> = row.connection.secrets().map(|(name, _)| name).collect();
                let place =
                    if row.connection.is_embedded() { Cell::Text("embedded".to_owned()) } else { text("region_name") };
                vec![
                    Cell::Text(row.slug.clone()),
                    Cell::Text(row.name.clone()),
                    Cell::Text(row.scope.as_str().to_owned()),
                    place,
                    text("work_group"),
                    text("schema"),
                    Cell::Text(secrets.join(", ")),
                ]
            });
            let columns = ["name", "label", "scope", "region", "work_group", "schema", "secrets"];
            let table = Table { columns: columns.map(str::to_owned).to_vec(), rows: rows.collect() };
            env::print(&table, *format, settings)?;
        }
        ConnectionCommand::Rm { name, .. } => {
            store.remove_connection(name, &server::actor(environment)).await.map_err(refused)?;
            Stream::Stderr.write_line(&format!("Removed the connection '{name}'"));
        }
    }
    Ok(Outcome::Success)
}

fn refuse_secrets(fields: &[(String, String)]) -> anyhow::Result<()> {
    match fields.iter().find(|(name, value)| !value.is_empty() && Field::find(name).is_some_and(Field::is_secret)) {
        Some((name, _)) => bail!(
            "The value of {name} may not stand on the command line\n  \
             cause: it is a secret, and other users see command lines\n  \
             fix:   give it on standard input: --secret {name}"
        ),
        None => Ok(()),
    }
}

/// `KEY=VALUE` by the field's kind, `KEY=` as null, secrets from standard input.
fn given(fields: &[(String, String)], secrets: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut given = Map::new();
    for (name, text) in fields {
        let value = if text.is_empty() { Value::Null } else { Field::read(name, text) };
        given.insert(name.clone(), value);
    }
    if let Some(name) = secrets.iter().find(|name| !Field::find(name).is_some_and(Field::is_secret)) {
        let known: Vec<&str> = vault::FIELDS.iter().filter(|field| field.is_secret()).map(|field| field.name).collect();
        bail!(
            "'{name}' is no secret key of a connection\n  cause: --secret is for {}\n  fix:   write {name}=VALUE",
            known.join(" and ")
        );
    }
    let names: Vec<&str> = secrets.iter().map(String::as_str).collect();
    for (name, value) in names.iter().zip(server::read_values(&names, Typed::Unseen)?) {
        given.insert((*name).to_owned(), value.into());
    }
    Ok(given)
}

pub(super) fn show(checks: &[Check], format: TextOrJson) -> anyhow::Result<()> {
    if format == TextOrJson::Json {
        Stream::Stdout.write_line(&serde_json::to_string_pretty(checks)?);
        return Ok(());
    }
    for check in checks {
        let word = match check.status {
            CheckStatus::Passed => "OK     ",
            CheckStatus::Warning => "WARNING",
            CheckStatus::Failed => "FAILED ",
            CheckStatus::Skipped => "SKIPPED",
        };
        Stream::Stdout.write_line(&format!("{word}  {}: {}", check.name, check.found));
        if let Some(problem) = &check.problem {
            let text = problem.to_string();
            // Of a failure the first line was just said.
            let lines = text.lines().skip(usize::from(problem.what == check.found) * problem.what.lines().count());
            for line in lines {
                Stream::Stdout.write_line(&format!("         {}", line.trim_start()));
            }
        }
    }
    Ok(())
}

/// Over HTTP, or the lakehouse inside.
struct CliConnector {
    server_dir: PathBuf,
    environment: Environment,
    /// The lakehouse, opened once for both calls.
    open: Mutex<Option<connection::Connection>>,
}

impl CliConnector {
    async fn close(self) {
        if let Some(open) = self.open.into_inner() {
            open.close().await;
        }
    }

    async fn lakehouse(&self, connection: &Connection) -> ApiResult<Services> {
        let failed = |text: String| ApiError::internal("LakehouseError", text).of("opening the embedded lakehouse");
        let mut open = self.open.lock().await;
        if open.is_none() {
            let mut profile = connection.profile().map_err(|problems| {
                let told: Vec<_> = problems.into_iter().map(|problem| problem.what).collect();
                failed(told.join("; "))
            })?;
            if let Endpoint::Embedded { dir: dir @ None } = &mut profile.endpoint {
                *dir = Some(self.server_dir.display().to_string());
            }
            let current = PathBuf::from(".");
            let opened = connection::Connection::open(&profile, &current, &self.environment).await;
            *open = Some(opened.map_err(|error| failed(format!("{error:#}")))?);
        }
        let services = open.as_ref().map(|open| open.services.clone());
        services.ok_or_else(|| failed("it is not open".to_owned()))
    }
}

#[async_trait::async_trait]
impl Connector for CliConnector {
    async fn identity(&self, connection: &Connection) -> ApiResult<Identity> {
        match options_of(connection, &self.environment)? {
            Some(options) => {
                let found = athena_client::caller_identity(options).await?;
                Ok(Identity { account: found.account, arn: found.arn })
            }
            None => {
                let account = self.lakehouse(connection).await?.account_id;
                Ok(Identity { account, arn: "the embedded lakehouse".to_owned() })
            }
        }
    }

    async fn services(&self, connection: &Connection) -> ApiResult<Services> {
        match options_of(connection, &self.environment)? {
            Some(options) => Box::pin(athena_client::connect(options)).await,
            None => self.lakehouse(connection).await,
        }
    }
}

/// `None` for the embedded lakehouse.
pub(super) fn options_of(
    connection: &Connection,
    environment: &Environment,
) -> ApiResult<Option<athena_client::ClientOptions>> {
    let profile = connection
        .profile()
        .map_err(|problems| ApiError::new("InvalidConnection", server::all_of(&problems).to_string()))?;
    Ok(match &profile.endpoint {
        Endpoint::Embedded { .. } => None,
        Endpoint::Aws { endpoint_url } => Some(client_options(&profile, endpoint_url.as_deref(), environment)),
    })
}

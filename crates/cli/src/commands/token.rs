//! `token`: who may use the server. Works on the state itself, so it needs no server and no token.

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use scheduler::clock::{Clock, SystemClock};
use serde_json::json;
use web::{NewToken, Role, Scope, TokenError, TokenKind, TokenRow, Tokens};

use super::Outcome;
use crate::{
    args::TextOrJson,
    args::server::{StateArgs, TokenCommand},
    server,
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// What the audit log names.
const ACTOR: &str = "owlet token";

/// Runs the command.
///
/// # Errors
/// The state cannot be opened, or there is no such token.
pub async fn run(command: &TokenCommand, settings: &Settings) -> anyhow::Result<Outcome> {
    let now = SystemClock::new().now();
    match command {
        TokenCommand::Create { name, role, scope, expires, email, pair, company, format, state } => {
            let scopes = scope.iter().map(|scope| scope.parse::<Scope>()).collect::<Result<Vec<_>, _>>();
            let scopes = scopes.map_err(|error| anyhow!(error))?;
            let new = NewToken {
                name: name.clone(),
                role: role.parse::<Role>().map_err(|error| anyhow!(error))?,
                scopes: if scopes.is_empty() { None } else { Some(scopes) },
                email: email.clone(),
                expires_at: expires.map(|days| now + i64::from(days) * 86_400_000_000),
                kind: match (pair, company) {
                    (true, _) => TokenKind::Pair,
                    (_, true) => TokenKind::Company,
                    _ => TokenKind::Workspace,
                },
            };
            let tokens = open(state, settings).await?;
            let created = tokens.create(&new, ACTOR, now).await.map_err(explained)?;
            match format {
                TextOrJson::Json => {
                    let answer = json!({"name": name, "prefix": created.row.prefix, "key": created.key, "secret": created.secret});
                    Stream::Stdout.write_line(&answer.to_string());
                }
                TextOrJson::Text => {
                    if let Some(key) = &created.key {
                        Stream::Stdout.write_line(key);
                    }
                    Stream::Stdout.write_line(&created.secret);
                    Stream::Stderr.write_line(if created.key.is_some() {
                        "The first line is the key, the second the secret. The secret is not shown again."
                    } else {
                        "It is not shown again. Send it as `Authorization: Bearer …`, or set OWLET_TOKEN."
                    });
                }
            }
        }
        TokenCommand::List { format, state } => {
            let rows = open(state, settings).await?.list().await.map_err(|error| explained(error.into()))?;
            match format {
                TextOrJson::Json => {
                    let items: Vec<_> = rows.iter().map(shape).collect();
                    Stream::Stdout.write_line(&serde_json::to_string_pretty(&items)?);
                }
                TextOrJson::Text => Stream::Stdout.write_line(&table(&rows, now).aligned(settings.colors)),
            }
        }
        TokenCommand::Revoke { token, state } => {
            let revoked = open(state, settings).await?.revoke(token, ACTOR, now).await.map_err(explained)?;
            Stream::Stderr.write_line(&format!("{} ({}) is not valid any more", revoked.name, revoked.prefix));
        }
    }
    Ok(Outcome::Success)
}

async fn open(args: &StateArgs, settings: &Settings) -> anyhow::Result<Tokens> {
    let folder = server::directory(args, settings);
    Ok(Tokens::new(server::database(args, &folder).await?))
}

fn explained(error: TokenError) -> anyhow::Error {
    anyhow!("{error}\n  fix:   {}", error.fix())
}

fn day(micros: Option<i64>) -> String {
    let time = micros.and_then(DateTime::<Utc>::from_timestamp_micros);
    time.map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M").to_string())
}

fn shape(row: &TokenRow) -> serde_json::Value {
    json!({
        "name": row.name,
        "prefix": row.prefix,
        "role": row.role.as_str(),
        "scopes": row.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "email": row.email,
        "created_at": day(Some(row.created_at)),
        "expires_at": row.expires_at.map(|at| day(Some(at))),
        "revoked_at": row.revoked_at.map(|at| day(Some(at))),
        "last_used_at": row.last_used_at.map(|at| day(Some(at))),
    })
}

fn table(rows: &[TokenRow], now: i64) -> Table {
    let row = |row: &TokenRow| {
        let standing = match (row.revoked_at, row.is_valid(now)) {
            (Some(_), _) => "revoked",
            (None, false) => "expired",
            (None, true) => "",
        };
        [
            row.name.clone(),
            row.prefix.clone(),
            row.role.as_str().to_owned(),
            day(Some(row.created_at)),
            day(row.expires_at),
            day(row.last_used_at),
            standing.to_owned(),
        ]
        .map(Cell::Text)
        .to_vec()
    };
    let columns = ["name", "prefix", "role", "created", "expires", "last used", ""];
    Table { columns: columns.map(str::to_owned).to_vec(), rows: rows.iter().map(row).collect() }
}

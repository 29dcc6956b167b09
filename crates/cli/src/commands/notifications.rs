//! `notifications`: how Slack, Teams, mail, webhooks and incident tools are reached.

use std::io::{IsTerminal, Read};

use anyhow::{Context, bail};
use notify::Notifier;
use scheduler::settings::{CheckStatus, NotificationSettings};

use super::{Outcome, connections};
use crate::{
    args::settings::NotificationsCommand, environment::Environment, server, settings::Settings, terminal::Stream,
};

/// Runs one of them.
pub async fn run(
    command: &NotificationsCommand,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let (NotificationsCommand::Show { server }
    | NotificationsCommand::Set { server }
    | NotificationsCommand::Test { server, .. }) = command;
    let store = server::open_settings(server, settings, environment).await?;
    let refused = |error| server::refused(&error);
    match command {
        NotificationsCommand::Show { .. } => {
            let settings = store.notifications().await.map_err(refused)?;
            Stream::Stdout.write_line(&serde_json::to_string_pretty(&settings)?);
            for receiver in store.receivers().await.map_err(refused)? {
                if let Some(problem) = receiver.problem {
                    let named_by = receiver.named_by.join(", ");
                    Stream::Stderr.write_line(&format!("Warning: {problem}\n  named by {named_by}"));
                }
            }
        }
        NotificationsCommand::Set { .. } => {
            let new = read()?;
            store.set_notifications(new, &server::actor(environment)).await.map_err(refused)?;
            Stream::Stderr
                .write_line("Set the notification settings; try them: owlet notifications test CHANNEL TARGET");
        }
        NotificationsCommand::Test { channel, target, format, .. } => {
            let notifier = Notifier::new().context("Messages cannot be sent")?;
            let actor = server::actor(environment);
            let checks = store.test_receiver(&notifier, channel.as_str(), target, "owlet", &actor).await;
            let checks = checks.map_err(refused)?;
            connections::show(&checks, *format)?;
            return Ok(Outcome::of(checks.iter().all(|check| check.status != CheckStatus::Failed)));
        }
    }
    Ok(Outcome::Success)
}

/// All of it from standard input: secrets stand on no command line.
fn read() -> anyhow::Result<NotificationSettings> {
    if std::io::stdin().is_terminal() {
        bail!(
            "The notification settings are read from standard input, and that is a terminal\n  \
             cause: they are one JSON document, and hold secrets that may stand on no command line\n  \
             fix:   owlet notifications show > n.json, edit it, owlet notifications set < n.json"
        );
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading the settings from standard input")?;
    serde_json::from_str(&text).map_err(|error| {
        anyhow::anyhow!(
            "The notification settings cannot be read\n  cause: {error}\n  \
             fix:   docs/notifications.md has their shape; `owlet notifications show` prints what is set"
        )
    })
}

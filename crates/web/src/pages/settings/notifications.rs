//! How receivers are reached. Each form changes its own part of the settings.

use diagnostic::Diagnostic;
use notify::Security;
use scheduler::{
    model::Actor,
    settings::{NotificationSettings, Sensitive, SettingsError, SmtpSettings, WebhookSettings},
};

use super::{
    Done, View,
    form::{Fields, Form, button},
    wrong,
};
use crate::{app::App, error::ApiError, pages::html::Html};

const PART: &str = "notifications";

pub async fn act(app: &App, form: &Form, actor: &Actor) -> Result<Done, Vec<Diagnostic>> {
    let parts = &app.parts;
    let told = |error: SettingsError| error.diagnostics();
    if form.get("do") == Some("test") {
        let (channel, target) = (form.text("channel"), form.text("target"));
        let workspace = &parts.workspace.name;
        let tested = parts.settings.test_receiver(&parts.notifier, &channel, &target, workspace, actor).await;
        return Ok(Done::Tested { what: format!("{target} ({channel})"), checks: tested.map_err(told)? });
    }
    let mut settings = parts.settings.notifications().await.map_err(told)?;
    if form.get("do") == Some("remove") {
        remove(&mut settings, form);
    } else {
        change(&mut settings, form)?;
    }
    parts.settings.set_notifications(settings, actor).await.map_err(told)?;
    Ok(Done::Changed)
}

fn remove(settings: &mut NotificationSettings, form: &Form) {
    let name = form.text("name");
    match form.get("kind") {
        Some("slack_token") => settings.slack.token = None,
        Some("slack") => drop(settings.slack.webhooks.remove(&name)),
        Some("teams") => drop(settings.teams.remove(&name)),
        Some("smtp") => settings.smtp = None,
        Some("webhook") => drop(settings.webhooks.remove(&name)),
        _ => {}
    }
}

fn change(settings: &mut NotificationSettings, form: &Form) -> Result<(), Vec<Diagnostic>> {
    let secret = |field: &str, of: &str| {
        Sensitive::new(form.get(field).unwrap_or_default(), of).map_err(|problem| vec![problem])
    };
    let name = form.text("name");
    let needs_name = |what: &str| match name.is_empty() {
        true => Err(wrong(format!("The {what} has no name"), "give the name by which schedules call it")),
        false => Ok(()),
    };
    match form.get("kind") {
        Some("slack_token") => settings.slack.token = Some(secret("token", "the bot token")?),
        Some("slack") => {
            needs_name("Slack channel")?;
            settings.slack.webhooks.insert(name, secret("url", "the webhook's address")?);
        }
        Some("teams") => {
            needs_name("Teams channel")?;
            settings.teams.insert(name, secret("url", "the workflow's address")?);
        }
        Some("smtp") => settings.smtp = Some(smtp(form, settings.smtp.as_ref())?),
        Some("webhook") => {
            needs_name("webhook")?;
            let before = settings.webhooks.get(&name);
            let url = match (form.given("url"), before) {
                (None, Some(before)) => before.url.clone(),
                _ => secret("url", "the webhook's address")?,
            };
            let signing_key = match form.given("signing_key") {
                Some(_) => Some(secret("signing_key", "the signing key")?),
                None => before.and_then(|before| before.signing_key.clone()),
            };
            let webhook = WebhookSettings { url, signing_key, events: form.list("events") };
            settings.webhooks.insert(name, webhook);
        }
        Some("system") => {
            settings.public_url = form.given("public_url").map(str::to_owned);
            settings.system.emails = form.list("emails");
            settings.system.slack_channels = form.list("slack_channels");
            settings.system.microsoft_teams = form.list("microsoft_teams");
            settings.system.webhooks = form.list("webhooks");
        }
        _ => return Err(wrong("The form says not what it changes", "load the page again")),
    }
    Ok(())
}

fn smtp(form: &Form, before: Option<&SmtpSettings>) -> Result<SmtpSettings, Vec<Diagnostic>> {
    let (Some(host), Some(from)) = (form.given("host"), form.given("from")) else {
        return Err(wrong(
            "A mail server needs a host and a sender",
            "fill in both, as in smtp.example.com and Owlet <owlet@example.com>",
        ));
    };
    let port = form.given("port").map(|port| {
        port.parse().map_err(|_| wrong(format!("'{port}' is no port"), "write it like 587, or leave it empty"))
    });
    let user = form.given("user").map(str::to_owned);
    let password = match (&user, form.given("password")) {
        (None, None) => None,
        (_, Some(password)) => Some(Sensitive::new(password, "the password").map_err(|problem| vec![problem])?),
        (Some(_), None) => before.and_then(|before| before.password.clone()),
    };
    let security = match form.get("security") {
        Some("tls") => Security::Tls,
        Some("none") => Security::None,
        _ => Security::Starttls,
    };
    Ok(SmtpSettings { host: host.to_owned(), port: port.transpose()?, security, user, password, from: from.to_owned() })
}

pub async fn draw(view: &View<'_>, body: &mut Html) -> Result<(), ApiError> {
    let settings = view.app.parts.settings.notifications().await?;
    let receivers = view.app.parts.settings.receivers().await?;
    view.head(
        body,
        PART,
        "Notifications",
        "How Slack, Teams, mail and webhooks are reached; schedules say who is told about what.",
    );
    draw_ways(view, body, &settings);
    body.raw("<h3>Receivers</h3>");
    if receivers.is_empty() {
        body.raw("<p class=\"empty\">No schedule names any.</p>");
    } else {
        body.raw("<table><thead><tr><th>Receiver</th><th>Channel</th><th>Named by</th><th></th></tr></thead><tbody>");
        for receiver in &receivers {
            body.raw("<tr><td>").text(&receiver.target);
            if let Some(problem) = &receiver.problem {
                body.raw("<br><span class=\"err\">").text(&problem.what).raw("</span>");
                if let Some(fix) = &problem.fix {
                    body.raw("<br><span class=\"note\">fix</span> ").text(fix);
                }
            }
            body.raw("</td>").cell(&receiver.channel).cell(&receiver.named_by.join(", ")).raw("<td class=\"actions\">");
            if view.may_change {
                button(
                    body,
                    PART,
                    "test",
                    "Send a test",
                    &[("channel", &receiver.channel), ("target", &receiver.target)],
                );
            }
            body.raw("</td></tr>");
        }
        body.raw("</tbody></table>");
    }
    if view.may_change {
        draw_forms(view, body, &settings);
    }
    body.raw("</section>");
    Ok(())
}

/// What is set, without its secrets.
fn draw_ways(view: &View<'_>, body: &mut Html, settings: &NotificationSettings) {
    let mut ways: Vec<(&str, &str, String)> = Vec::new();
    if settings.slack.token.is_some() {
        ways.push(("slack_token", "", "Slack: a bot, for every channel".to_owned()));
    }
    ways.extend(settings.slack.webhooks.keys().map(|name| ("slack", name.as_str(), format!("Slack: {name}"))));
    ways.extend(settings.teams.keys().map(|name| ("teams", name.as_str(), format!("Teams: {name}"))));
    if let Some(smtp) = &settings.smtp {
        ways.push(("smtp", "", format!("Mail: {} as {}", smtp.host, smtp.from)));
    }
    for (name, webhook) in &settings.webhooks {
        let signed = if webhook.signing_key.is_some() { "signed" } else { "not signed" };
        ways.push(("webhook", name, format!("Webhook: {name}, {signed}, told of {}", webhook.events.join(", "))));
    }
    if ways.is_empty() {
        body.raw("<p class=\"empty\">Nobody can be told anything yet.</p>");
        return;
    }
    body.raw("<table><tbody>");
    for (kind, name, what) in ways {
        body.raw("<tr>").cell(&what).raw("<td class=\"actions\">");
        if view.may_change {
            button(body, PART, "remove", "Remove", &[("kind", kind), ("name", name)]);
        }
        body.raw("</td></tr>");
    }
    body.raw("</tbody></table>");
}

fn draw_forms(view: &View<'_>, body: &mut Html, settings: &NotificationSettings) {
    let refused = |kind: &str| view.is_refused(PART) && view.sent.form.get("kind") == Some(kind);
    let mut form = |kind: &str, title: &str, draw: &dyn Fn(&mut Fields<'_>)| {
        let is_refused = refused(kind);
        let mut fields = Fields { body, sent: is_refused.then_some(&view.sent.form) };
        fields.begin(PART, is_refused, title);
        fields.hidden("kind", kind);
        draw(&mut fields);
        fields.end("Save");
    };
    form("slack_token", "Slack: bot", &|fields| {
        fields.secret("token", "Bot token", settings.slack.token.is_some(), "xoxb-…, with the scope chat:write");
    });
    form("slack", "Slack: incoming webhook of a channel", &|fields| {
        fields.text("name", "Channel", "", "#lake-alerts");
        fields.secret("url", "Address", false, "https://hooks.slack.com/services/…");
    });
    form("teams", "Microsoft Teams: workflow of a channel", &|fields| {
        fields.text("name", "Channel", "", "as schedules call it");
        fields.secret("url", "Address", false, "of the workflow “Send webhook alerts to a channel”");
    });
    let smtp = settings.smtp.as_ref();
    form("smtp", "Mail server", &|fields| {
        fields.text("host", "Host", smtp.map_or("", |smtp| &smtp.host), "");
        let port = smtp.and_then(|smtp| smtp.port).map(|port| port.to_string());
        fields.text("port", "Port", &port.unwrap_or_default(), "empty for the usual one");
        let security = smtp.map_or("starttls", |smtp| match smtp.security {
            Security::Tls => "tls",
            Security::None => "none",
            Security::Starttls => "starttls",
        });
        fields.choice(
            "security",
            "Security",
            security,
            &[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "none")],
            "",
        );
        fields.text("user", "User", smtp.and_then(|smtp| smtp.user.as_deref()).unwrap_or_default(), "");
        fields.secret("password", "Password", smtp.is_some_and(|smtp| smtp.password.is_some()), "");
        fields.text("from", "Sender", smtp.map_or("", |smtp| &smtp.from), "Owlet <owlet@example.com>");
    });
    form("webhook", "Webhook", &|fields| {
        fields.text("name", "Name", "", "as schedules call it; a known one is changed");
        fields.secret("url", "Address", false, "");
        fields.secret("signing_key", "Signing key", false, "whsec_…, for the webhook-signature header");
        fields.text(
            "events",
            "Told of",
            "",
            "passed, failed, sla, skipped, system, bolt.run.started, bolt.run.completed",
        );
    });
    form("system", "Problems of the scheduler, and links", &|fields| {
        let system = &settings.system;
        fields.text(
            "public_url",
            "Address of these pages",
            settings.public_url.as_deref().unwrap_or_default(),
            "for links in messages",
        );
        fields.text("slack_channels", "Slack channels", &system.slack_channels.join(", "), "divided by commas");
        fields.text("microsoft_teams", "Teams channels", &system.microsoft_teams.join(", "), "");
        fields.text("emails", "Mail addresses", &system.emails.join(", "), "");
        fields.text("webhooks", "Webhooks", &system.webhooks.join(", "), "");
    });
}

//! How receivers are reached. Each form changes its own part of the settings.

use diagnostic::Diagnostic;
use notify::Security;
use scheduler::{
    model::Actor,
    settings::{
        DatadogSettings, IncidentIoSettings, NewRelicSettings, NotificationSettings, OpenLineageSettings,
        PagerDutySettings, Region, Sensitive, SettingsError, SmtpSettings, WebhookSettings,
    },
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
        Some("pagerduty") => drop(settings.pagerduty.remove(&name)),
        Some("incident_io") => drop(settings.incident_io.remove(&name)),
        Some("datadog") => drop(settings.datadog.remove(&name)),
        Some("new_relic") => drop(settings.new_relic.remove(&name)),
        Some("openlineage") => settings.openlineage = None,
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
        Some("pagerduty" | "incident_io" | "datadog" | "new_relic") => {
            needs_name("incident tool")?;
            change_tool(settings, form, name)?;
        }
        Some("openlineage") => settings.openlineage = Some(lineage(form, settings.openlineage.as_ref())?),
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

/// A tool under its name; a secret that is not given stays.
fn change_tool(settings: &mut NotificationSettings, form: &Form, name: String) -> Result<(), Vec<Diagnostic>> {
    let secret = |field: &str, of: &str, before: Option<&Sensitive>| match (form.given(field), before) {
        (None, Some(before)) => Ok(before.clone()),
        (given, _) => Sensitive::new(given.unwrap_or_default(), of).map_err(|problem| vec![problem]),
    };
    let needed = |field: &str, what: &str, example: &str| match form.given(field) {
        Some(value) => Ok(value.to_owned()),
        None => Err(wrong(format!("{what} is missing"), example)),
    };
    let events = form.list("events");
    let region = if form.get("region") == Some("eu") { Region::Eu } else { Region::Us };
    match form.get("kind") {
        Some("pagerduty") => {
            let before = settings.pagerduty.get(&name);
            let routing_key = secret("routing_key", "the integration key", before.map(|tool| &tool.routing_key))?;
            let url = before.and_then(|tool| tool.url.clone());
            settings.pagerduty.insert(name, PagerDutySettings { routing_key, region, url, events });
        }
        Some("incident_io") => {
            let before = settings.incident_io.get(&name);
            let token = secret("token", "the alert source's token", before.map(|tool| &tool.token))?;
            let source =
                needed("source", "The id of the alert source", "copy the end of the address that incident.io shows")?;
            let url = before.and_then(|tool| tool.url.clone());
            settings.incident_io.insert(name, IncidentIoSettings { source, token, url, events });
        }
        Some("datadog") => {
            let before = settings.datadog.get(&name);
            let api_key = secret("api_key", "the API key", before.map(|tool| &tool.api_key))?;
            let url = before.and_then(|tool| tool.url.clone());
            let site = form.given("site").map(str::to_owned);
            settings.datadog.insert(name, DatadogSettings { api_key, site, url, events });
        }
        _ => {
            let before = settings.new_relic.get(&name);
            let license_key = secret("license_key", "the licence key", before.map(|tool| &tool.license_key))?;
            let account =
                needed("account", "The account's number", "it stands in the address of every page of New Relic")?;
            let account = account
                .parse()
                .map_err(|_| wrong(format!("'{account}' is no number"), "write the account's number"))?;
            let url = before.and_then(|tool| tool.url.clone());
            settings.new_relic.insert(name, NewRelicSettings { account, license_key, region, url, events });
        }
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

/// An API key that is not given stays.
fn lineage(form: &Form, before: Option<&OpenLineageSettings>) -> Result<OpenLineageSettings, Vec<Diagnostic>> {
    let Some(url) = form.given("url") else {
        return Err(wrong("The lineage server has no address", "write it like https://lineage.example.com"));
    };
    let text = |field: &str| form.given(field).map(str::to_owned);
    let api_key = match (form.given("api_key"), form.given("no_api_key")) {
        (Some(key), _) => Some(Sensitive::new(key, "the API key").map_err(|problem| vec![problem])?),
        (None, Some(_)) => None,
        (None, None) => before.and_then(|before| before.api_key.clone()),
    };
    Ok(OpenLineageSettings { url: url.to_owned(), endpoint: text("endpoint"), api_key, namespace: text("namespace") })
}

pub async fn draw(view: &View<'_>, body: &mut Html) -> Result<(), ApiError> {
    let settings = view.app.parts.settings.notifications().await?;
    let receivers = view.app.parts.settings.receivers().await?;
    view.head(
        body,
        PART,
        "Notifications",
        "How Slack, Teams, mail, webhooks, incident tools and a lineage server are reached; schedules say who is told about what.",
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
    if let Some(lineage) = &settings.openlineage {
        let of = lineage.namespace.as_ref().map_or(String::new(), |namespace| format!(", jobs of {namespace}"));
        ways.push(("openlineage", "", format!("OpenLineage: {}{of}", lineage.url)));
    }
    for (kind, name, what, events) in tools(settings) {
        let told = if events.is_empty() { "schedules that name it".to_owned() } else { events.join(", ") };
        ways.push((kind, name, format!("{what}: {name}, told of {told}")));
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

/// Kind, name, what people call it, events.
fn tools(settings: &NotificationSettings) -> Vec<(&'static str, &str, &'static str, &[String])> {
    let mut tools: Vec<(&'static str, &str, &'static str, &[String])> = Vec::new();
    tools
        .extend(settings.pagerduty.iter().map(|(name, tool)| ("pagerduty", name.as_str(), "PagerDuty", &*tool.events)));
    tools.extend(
        settings.incident_io.iter().map(|(name, tool)| ("incident_io", name.as_str(), "incident.io", &*tool.events)),
    );
    tools.extend(settings.datadog.iter().map(|(name, tool)| ("datadog", name.as_str(), "Datadog", &*tool.events)));
    tools
        .extend(settings.new_relic.iter().map(|(name, tool)| ("new_relic", name.as_str(), "New Relic", &*tool.events)));
    tools
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
    let named =
        |fields: &mut Fields<'_>| fields.text("name", "Name", "", "as schedules call it; a known one is changed");
    let incidents = "failed, sla, skipped, system: of every schedule; empty: only of schedules that name it";
    let stream = "passed, failed, sla, skipped, system: of every schedule; empty: only of schedules that name it";
    let regions = [("us", "US"), ("eu", "EU")];
    form("pagerduty", "PagerDuty: service", &|fields| {
        named(fields);
        fields.secret("routing_key", "Integration key", false, "of an Events API v2 integration");
        fields.choice("region", "Region", "us", &regions, "");
        fields.text("events", "Told of", "", incidents);
    });
    form("incident_io", "incident.io: HTTP alert source", &|fields| {
        named(fields);
        fields.text("source", "Source", "", "the end of its address");
        fields.secret("token", "Token", false, "");
        fields.text("events", "Told of", "", incidents);
    });
    form("datadog", "Datadog: events", &|fields| {
        named(fields);
        fields.secret("api_key", "API key", false, "");
        fields.text("site", "Site", "", "datadoghq.com when empty");
        fields.text("events", "Told of", "", stream);
    });
    form("new_relic", "New Relic: custom events", &|fields| {
        named(fields);
        fields.text("account", "Account", "", "its number");
        fields.secret("license_key", "Licence key", false, "");
        fields.choice("region", "Region", "us", &regions, "");
        fields.text("events", "Told of", "", stream);
    });
    let lineage = settings.openlineage.as_ref();
    form("openlineage", "OpenLineage: what runs read and write", &|fields| {
        let set = |member: fn(&OpenLineageSettings) -> Option<&str>| lineage.and_then(member).unwrap_or_default();
        fields.text(
            "url",
            "Address",
            set(|set| Some(&set.url)),
            "https://lineage.example.com; OPENLINEAGE_URL of a server goes first",
        );
        fields.text("endpoint", "Endpoint", set(|set| set.endpoint.as_deref()), "api/v1/lineage when empty");
        let has_key = lineage.is_some_and(|set| set.api_key.is_some());
        fields.secret("api_key", "API key", has_key, "sent as a bearer token");
        if has_key {
            fields.check("no_api_key", "Without a key", false);
        }
        fields.text(
            "namespace",
            "Namespace",
            set(|set| set.namespace.as_deref()),
            "of the jobs; the workspace's name when empty",
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

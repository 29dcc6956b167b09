//! Connections.

use diagnostic::Diagnostic;
use scheduler::{
    model::Actor,
    settings::{ConnectionRow, ConnectionScope, SettingsError, check},
};
use serde_json::{Map, Value, json};
use vault::{FIELDS, Field};

use super::{
    Done, View,
    form::{Fields, Form, button},
};
use crate::{
    app::App,
    error::ApiError,
    pages::html::{Html, encode},
};

const PART: &str = "connections";

pub async fn act(app: &App, form: &Form, actor: &Actor) -> Result<Done, Vec<Diagnostic>> {
    let settings = &app.parts.settings;
    let told = |error: SettingsError| error.diagnostics();
    let slug = form.text("slug");
    match form.get("do") {
        Some("remove") => settings.remove_connection(&slug, actor).await.map_err(told)?,
        Some("test") => {
            let row = settings.connection(&slug).await.map_err(told)?;
            let checks = check(&row.connection, app.parts.connector.as_ref()).await;
            return Ok(Done::Tested { what: format!("the connection {slug}"), checks });
        }
        _ => {
            let known = settings.connections().await.map_err(told)?;
            let known = known.iter().find(|row| row.slug == slug);
            let given = read(form, known);
            let (connection, _) = settings.read_connection(&slug, &given).await.map_err(told)?;
            let scope = form.get("scope").unwrap_or("production").parse::<ConnectionScope>();
            let scope = scope.map_err(|problem| vec![problem])?;
            let name = form.given("name").unwrap_or(&slug);
            settings.set_connection(&slug, name, scope, &connection, actor).await.map_err(told)?;
        }
    }
    Ok(Done::Changed)
}

/// The form's fields as JSON; an empty secret keeps what is set.
fn read(form: &Form, known: Option<&ConnectionRow>) -> Map<String, Value> {
    let mut given = Map::new();
    for (name, text) in form.with_prefix("field.") {
        let is_secret = Field::find(name).is_some_and(Field::is_secret);
        if !text.is_empty() {
            given.insert(name.to_owned(), Field::read(name, text));
        } else if is_secret && known.is_some_and(|row| row.connection.secrets().any(|(set, _)| set == name)) {
            given.insert(name.to_owned(), json!({"secret": true}));
        }
    }
    // A secret without its key id is not kept: the key was taken out.
    if !given.contains_key("aws_access_key_id") {
        given.retain(|name, value| !(name.starts_with("aws_se") && value.is_object()));
    }
    given
}

pub async fn draw(view: &View<'_>, body: &mut Html) -> Result<(), ApiError> {
    let rows = view.app.parts.settings.connections().await?;
    view.head(body, PART, "Connections", "How runs reach Athena, or the lakehouse inside.");
    if rows.is_empty() {
        body.raw("<p class=\"empty\">There are none: environments use the profiles of their projects.</p>");
    } else {
        body.raw("<table><thead><tr><th>Connection</th><th>For</th><th>Where</th><th>Workgroup</th><th>Schema</th><th>Secrets</th><th></th></tr></thead><tbody>");
        for row in &rows {
            draw_row(view, body, row);
        }
        body.raw("</tbody></table>");
    }
    if view.may_change {
        let edited = view.edited.given("connection").and_then(|slug| rows.iter().find(|row| row.slug == slug));
        draw_form(view, body, edited);
    }
    body.raw("</section>");
    Ok(())
}

fn shown(row: &ConnectionRow, name: &str) -> String {
    match row.connection.definition().get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

fn draw_row(view: &View<'_>, body: &mut Html, row: &ConnectionRow) {
    let secrets: Vec<&str> = row.connection.secrets().map(|(name, _)| name).collect();
    let place = match (row.connection.is_embedded(), shown(row, "endpoint_url")) {
        (true, _) => "the lakehouse inside".to_owned(),
        (false, endpoint) if !endpoint.is_empty() => format!("{} at {endpoint}", shown(row, "region_name")),
        (false, _) => shown(row, "region_name"),
    };
    body.raw("<tr><td><b>").text(&row.slug).raw("</b> <span class=\"note\">").text(&row.name).raw("</span></td>");
    body.cell(match row.scope {
        ConnectionScope::Production => "schedules",
        ConnectionScope::Development => "scratchpad",
    });
    body.cell(&place).cell(&shown(row, "work_group")).cell(&shown(row, "schema")).cell(&secrets.join(", "));
    body.raw("<td class=\"actions\">");
    if view.may_change {
        button(body, PART, "test", "Test", &[("slug", &row.slug)]);
        body.raw(" <a href=\"/settings?connection=").raw(&encode(&row.slug)).raw("#connections\">Change</a> ");
        button(body, PART, "remove", "Remove", &[("slug", &row.slug)]);
    }
    body.raw("</td></tr>");
}

fn draw_form(view: &View<'_>, body: &mut Html, edited: Option<&ConnectionRow>) {
    let refused = view.is_refused(PART);
    let sent = refused.then_some(&view.sent.form);
    let title = edited.map_or_else(|| "Add a connection".to_owned(), |row| format!("Change {}", row.slug));
    let mut fields = Fields { body, sent };
    fields.begin(PART, refused || edited.is_some(), &title);
    fields.text("slug", "Slug", edited.map_or("", |row| &row.slug), "what environments name");
    fields.text("name", "Name", edited.map_or("", |row| &row.name), "for people");
    let scopes = [("production", "schedules"), ("development", "the scratchpad")];
    fields.choice("scope", "For", edited.map_or("production", |row| row.scope.as_str()), &scopes, "");
    for field in FIELDS {
        let name = format!("field.{}", field.name);
        let help = match field.default {
            "" => field.help.to_owned(),
            default => format!("{}; {default} when left out", field.help),
        };
        if field.is_secret() {
            let is_set = edited.is_some_and(|row| row.connection.secrets().any(|(set, _)| set == field.name));
            fields.secret(&name, field.name, is_set, &help);
        } else {
            fields.text(&name, field.name, &edited.map(|row| shown(row, field.name)).unwrap_or_default(), &help);
        }
    }
    fields.end(if edited.is_some() { "Save" } else { "Add" });
}

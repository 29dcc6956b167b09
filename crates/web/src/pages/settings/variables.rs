//! Environment variables.

use diagnostic::Diagnostic;
use scheduler::{
    model::Actor,
    settings::{SettingKind, SettingsError},
};
use vault::{MASK, Scope, Variable, VariableValue};

use super::{
    Done, View,
    form::{Fields, Form, button},
    wrong,
};
use crate::{app::App, error::ApiError, pages::html::Html, time::readable};

const PART: &str = "variables";

pub async fn act(app: &App, form: &Form, actor: &Actor) -> Result<Done, Vec<Diagnostic>> {
    let settings = &app.parts.settings;
    let told = |error: SettingsError| error.diagnostics();
    let scope = match (form.given("schedule"), form.get("scope").unwrap_or("workspace")) {
        (Some(slug), _) => settings.schedule_scope(slug).await.map_err(told)?,
        (None, "workspace") => Scope::Workspace,
        (None, "schedules") => Scope::Schedules,
        (None, "development") => Scope::Development,
        (None, other) => return Err(wrong(format!("'{other}' is no scope"), "choose one of the list")),
    };
    let name = form.text("name");
    if form.get("do") == Some("remove") {
        settings.remove_variable(scope, &name, actor).await.map_err(told)?;
        return Ok(Done::Changed);
    }
    let is_secret = form.given("secret").is_some() || name.starts_with("DBT_ENV_SECRET");
    // Browsers end lines with two characters; keys are read with one.
    let value = form.untrimmed("value").replace("\r\n", "\n");
    let variable = Variable::new(scope, &name, &value, is_secret).map_err(|problem| vec![problem])?;
    settings.set_variable(&variable, actor).await.map_err(told)?;
    Ok(Done::Changed)
}

pub async fn draw(view: &View<'_>, body: &mut Html) -> Result<(), ApiError> {
    let settings = &view.app.parts.settings;
    let (rows, schedules) = (settings.variables().await?, settings.schedule_ids().await?);
    let names = settings.names_with_secrets().await?;
    view.head(
        body,
        PART,
        "Variables",
        "Environment variables of runs. Secrets are encrypted, masked in logs and never shown.",
    );
    if rows.is_empty() {
        body.raw("<p class=\"empty\">There are none.</p>");
    } else {
        body.raw(
            "<table><thead><tr><th>Name</th><th>Value</th><th>For</th><th>Set (UTC)</th><th></th></tr></thead><tbody>",
        );
        for row in &rows {
            let variable = &row.variable;
            let slug = match variable.scope {
                Scope::Schedule(id) => schedules.iter().find(|(known, _)| *known == id).map(|(_, slug)| slug.as_str()),
                _ => None,
            };
            body.raw("<tr><td><code>").text(&variable.name).raw("</code></td><td>");
            match &variable.value {
                VariableValue::Plain(text) => body.text(text),
                VariableValue::Secret(_) => body.raw("<span class=\"note\">").raw(MASK).raw("</span>"),
            };
            for found in names.iter().filter(|found| found.concerns(SettingKind::Variable, &variable.name)) {
                body.raw("<br><span class=\"note\">").text(&found.warning.what).raw("</span>");
            }
            body.raw("</td>")
                .cell(&slug.map_or_else(|| variable.scope.as_str().to_owned(), |slug| format!("schedule {slug}")));
            body.raw("<td>").text(&readable(row.updated_at)).raw(" <span class=\"note\">").text(&row.updated_by);
            body.raw("</span></td><td class=\"actions\">");
            if view.may_change {
                let fields = [
                    ("name", variable.name.as_str()),
                    ("scope", variable.scope.as_str()),
                    ("schedule", slug.unwrap_or_default()),
                ];
                button(body, PART, "remove", "Remove", &fields);
            }
            body.raw("</td></tr>");
        }
        body.raw("</tbody></table>");
    }
    if view.may_change {
        let refused = view.is_refused(PART);
        let sent = refused.then(|| {
            // What was typed may be a secret: it is typed again.
            let kept = ["name", "scope", "schedule", "secret"];
            let pairs = kept.iter().filter_map(|name| Some((*name, view.sent.form.get(name)?)));
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            Form::parse(text.as_bytes())
        });
        let mut fields = Fields { body, sent: sent.as_ref() };
        fields.begin(PART, refused, "Set a variable");
        fields.text("name", "Name", "", "WAREHOUSE_SCHEMA");
        fields.lines("value", "Value", "", "");
        let scopes = [
            ("workspace", "all runs and the scratchpad"),
            ("schedules", "schedules"),
            ("development", "the scratchpad"),
        ];
        fields.choice("scope", "For", "workspace", &scopes, "");
        let mut choices = vec![("", "all")];
        choices.extend(schedules.iter().map(|(_, slug)| (slug.as_str(), slug.as_str())));
        fields.choice("schedule", "Only of this schedule", "", &choices, "");
        fields.check("secret", "a secret", false);
        fields.end("Set");
    }
    body.raw("</section>");
    Ok(())
}

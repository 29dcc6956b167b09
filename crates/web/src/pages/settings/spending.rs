//! Budgets and limits.

use diagnostic::Diagnostic;
use scheduler::{
    model::Actor,
    settings::{Budget, BudgetAction, BudgetPeriod, Limit, SettingsError, dollars_of, micro_dollars},
};

use super::{
    Done, View,
    form::{Fields, Form, button},
    wrong,
};
use crate::{app::App, error::ApiError, pages::html::Html};

pub async fn act_budget(app: &App, form: &Form, actor: &Actor) -> Result<Done, Vec<Diagnostic>> {
    let settings = &app.parts.settings;
    let told = |error: SettingsError| error.diagnostics();
    let period = match form.get("period") {
        Some("run") => BudgetPeriod::Run,
        Some("month") => BudgetPeriod::Month,
        _ => BudgetPeriod::Day,
    };
    let action = if form.get("action") == Some("stop") { BudgetAction::Stop } else { BudgetAction::Warn };
    let scope = form.text("scope");
    if form.get("do") == Some("remove") {
        settings.remove_budget(&scope, period, action, actor).await.map_err(told)?;
        return Ok(Done::Changed);
    }
    let text = form.text("dollars");
    let amount = text.trim_start_matches('$').parse::<f64>().ok().and_then(micro_dollars);
    let micro_dollars =
        amount.ok_or_else(|| wrong(format!("'{text}' is no amount of dollars"), "write it like 2.50"))?;
    settings.set_budget(&Budget { scope, period, action, micro_dollars }, actor).await.map_err(told)?;
    Ok(Done::Changed)
}

pub async fn draw_budgets(view: &View<'_>, body: &mut Html) -> Result<(), ApiError> {
    const PART: &str = "budgets";
    let settings = &view.app.parts.settings;
    let rows = settings.budgets().await?;
    view.head(body, PART, "Budgets", "What queries may cost: a warning to the receivers of problems, or a stop.");
    if !rows.is_empty() {
        body.raw(
            "<table><thead><tr><th>For</th><th>Per</th><th>Dollars</th><th>Then</th><th></th></tr></thead><tbody>",
        );
    }
    for row in &rows {
        body.raw("<tr>").cell(&row.scope).cell(row.period.as_str()).cell(&dollars_of(row.micro_dollars).to_string());
        body.cell(row.action.as_str()).raw("<td class=\"actions\">");
        if view.may_change {
            let fields =
                [("scope", row.scope.as_str()), ("period", row.period.as_str()), ("action", row.action.as_str())];
            button(body, PART, "remove", "Remove", &fields);
        }
        body.raw("</td></tr>");
    }
    body.raw(if rows.is_empty() { "<p class=\"empty\">There are none.</p>" } else { "</tbody></table>" });
    if view.may_change {
        let refused = view.is_refused(PART);
        let mut fields = Fields { body, sent: refused.then_some(&view.sent.form) };
        fields.begin(PART, refused, "Set a budget");
        fields.text("scope", "For", "workspace", "workspace, schedule:SLUG or connection:SLUG");
        fields.choice("period", "Per", "day", &[("run", "run"), ("day", "day"), ("month", "month")], "");
        fields.text("dollars", "Dollars", "", "2.50");
        fields.choice("action", "Then", "warn", &[("warn", "warn"), ("stop", "stop")], "");
        fields.end("Set");
    }
    body.raw("</section>");
    Ok(())
}

pub async fn act_limit(app: &App, form: &Form, actor: &Actor) -> Result<Done, Vec<Diagnostic>> {
    let settings = &app.parts.settings;
    let told = |error: SettingsError| error.diagnostics();
    let key = form.text("key");
    if form.get("do") == Some("remove") {
        settings.remove_limit(&key, actor).await.map_err(told)?;
    } else {
        let text = form.text("max_active");
        let max_active =
            text.parse().map_err(|_| wrong(format!("'{text}' is no number of runs"), "write it like 4"))?;
        settings.set_limit(&Limit { key, max_active }, actor).await.map_err(told)?;
    }
    app.parts.scheduler.nudge();
    Ok(Done::Changed)
}

pub async fn draw_limits(view: &View<'_>, body: &mut Html) -> Result<(), ApiError> {
    const PART: &str = "limits";
    let rows = view.app.parts.settings.limits().await?;
    view.head(body, PART, "Limits", "How many runs may be active at once; the others wait for their turn.");
    if !rows.is_empty() {
        body.raw("<table><thead><tr><th>For</th><th>Runs at once</th><th></th></tr></thead><tbody>");
    }
    for row in &rows {
        body.raw("<tr>").cell(&row.key).cell(&row.max_active.to_string()).raw("<td class=\"actions\">");
        if view.may_change {
            button(body, PART, "remove", "Remove", &[("key", &row.key)]);
        }
        body.raw("</td></tr>");
    }
    body.raw(if rows.is_empty() { "<p class=\"empty\">There are none.</p>" } else { "</tbody></table>" });
    if view.may_change {
        let refused = view.is_refused(PART);
        let mut fields = Fields { body, sent: refused.then_some(&view.sent.form) };
        fields.begin(PART, refused, "Set a limit");
        fields.text("key", "For", "workspace", "workspace, connection:SLUG or workgroup:REGION/NAME");
        fields.text("max_active", "Runs at once", "", "4");
        fields.end("Set");
    }
    body.raw("</section>");
    Ok(())
}

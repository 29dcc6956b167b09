//! `/settings`: what people set, each part with its table and its form. What is wrong is said above the form that was sent, which keeps what was
//! typed (but no secrets). Without the right to change, the page shows and offers nothing.

mod connections;
mod environments;
mod form;
mod notifications;
mod spending;
mod variables;

use axum::{
    extract::{Path, RawQuery, Request, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use diagnostic::Diagnostic;
use scheduler::settings::{Check, CheckStatus};

use self::form::Form;
use super::{
    failure,
    html::{Html, document},
};
use crate::{
    api::{Caller, check_status},
    app::App,
    auth::Scope,
    error::{ApiError, Problem},
};

/// What a form did.
enum Done {
    /// It is so now: the page is shown anew.
    Changed,
    /// What a test found.
    Tested { what: String, checks: Vec<Check> },
}

/// What came of the form that was sent, for its part of the page.
#[derive(Default)]
struct Sent {
    part: String,
    form: Form,
    problems: Vec<Problem>,
    tested: Option<(String, Vec<Check>)>,
}

/// What the parts are drawn from.
struct View<'a> {
    app: &'a App,
    may_change: bool,
    sent: &'a Sent,
    /// `?environment=production`: the rows whose values stand in the forms.
    edited: Form,
}

pub async fn page(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Response {
    let edited = Form::parse(query.unwrap_or_default().as_bytes());
    show(&app, &caller, &Sent::default(), edited).await
}

/// A form of the page.
pub async fn act(State(app): State<App>, caller: Caller, Path(part): Path<String>, request: Request) -> Response {
    const MOST: usize = 256 << 10;
    let Ok(body) = axum::body::to_bytes(request.into_body(), MOST).await else {
        return failure(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the form is too large"));
    };
    let form = Form::parse(&body);
    let actor = caller.actor();
    let done = match part.as_str() {
        "environments" => environments::act(&app, &form, &actor).await,
        "connections" => connections::act(&app, &form, &actor).await,
        "variables" => variables::act(&app, &form, &actor).await,
        "notifications" => notifications::act(&app, &form, &actor).await,
        "budgets" => spending::act_budget(&app, &form, &actor).await,
        "limits" => spending::act_limit(&app, &form, &actor).await,
        other => return failure(ApiError::not_found("part of the settings", other)),
    };
    let sent = match done {
        Ok(Done::Changed) => return Redirect::to(&format!("/settings#{part}")).into_response(),
        Ok(Done::Tested { what, checks }) => {
            Sent { part, form: Form::default(), problems: Vec::new(), tested: Some((what, checks)) }
        }
        Err(problems) => Sent { part, form, problems: problems.iter().map(Problem::of).collect(), tested: None },
    };
    let is_refused = !sent.problems.is_empty();
    let mut response = show(&app, &caller, &sent, Form::default()).await;
    if is_refused && response.status().is_success() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response
}

async fn show(app: &App, caller: &Caller, sent: &Sent, edited: Form) -> Response {
    let view = View { app, may_change: caller.0.may(Scope::SettingsWrite), sent, edited };
    match render(&view).await {
        Ok(body) => document("Settings", None, &body),
        Err(error) => failure(error),
    }
}

async fn render(view: &View<'_>) -> Result<Html, ApiError> {
    let mut body = Html::default();
    body.raw("<h1>Settings</h1><p class=\"parts\">");
    for (part, title) in [
        ("environments", "Environments"),
        ("connections", "Connections"),
        ("variables", "Variables"),
        ("notifications", "Notifications"),
        ("budgets", "Budgets"),
        ("limits", "Limits"),
    ] {
        body.raw(&format!("<a href=\"#{part}\">{title}</a> "));
    }
    body.raw("</p>");
    if !view.may_change {
        body.raw(
            "<p class=\"note\">You may look, and change nothing: that needs the scope <code>settings:write</code>.</p>",
        );
    }
    environments::draw(view, &mut body).await?;
    connections::draw(view, &mut body).await?;
    variables::draw(view, &mut body).await?;
    notifications::draw(view, &mut body).await?;
    spending::draw_budgets(view, &mut body).await?;
    spending::draw_limits(view, &mut body).await?;
    Ok(body)
}

impl View<'_> {
    /// The part's heading, and what came of its form.
    fn head(&self, body: &mut Html, part: &str, title: &str, note: &str) {
        body.raw(&format!("<section id=\"{part}\"><h2>{title}</h2><p class=\"note\">{note}</p>"));
        if self.sent.part != part {
            return;
        }
        if !self.sent.problems.is_empty() {
            // The browser goes to the form that was refused.
            body.raw("<div class=\"reason\" role=\"alert\" autofocus tabindex=\"-1\">");
            for problem in &self.sent.problems {
                body.raw("<p><b>").text(&problem.error).raw("</b>");
                for (label, text) in [("cause", &problem.cause), ("fix", &problem.fix)] {
                    if let Some(text) = text {
                        body.raw("<br><span class=\"note\">").raw(label).raw("</span> ").text(text);
                    }
                }
                body.raw("</p>");
            }
            body.raw("</div>");
        }
        if let Some((what, checks)) = &self.sent.tested {
            draw_checks(body, what, checks);
        }
    }

    /// Whether the part's form was sent and refused: it stays open.
    fn is_refused(&self, part: &str) -> bool {
        self.sent.part == part && !self.sent.problems.is_empty() && self.sent.form.get("do") == Some("save")
    }
}

fn draw_checks(body: &mut Html, what: &str, checks: &[Check]) {
    body.raw("<div class=\"checks\" role=\"status\"><p><b>Test of ").text(what).raw("</b></p><ul>");
    for check in checks {
        let kind = match check.status {
            CheckStatus::Passed => "good",
            CheckStatus::Warning => "live",
            CheckStatus::Failed => "bad",
            CheckStatus::Skipped => "quiet",
        };
        body.raw(&format!("<li><span class=\"state {kind}\">{}</span> <b>", check_status(check.status)));
        body.text(check.name).raw("</b> ").text(&check.found);
        if let Some(problem) = &check.problem {
            if problem.what != check.found {
                body.raw("<br>").text(&problem.what);
            }
            for (label, text) in [("cause", &problem.cause), ("fix", &problem.fix)] {
                if let Some(text) = text {
                    body.raw("<br><span class=\"note\">").raw(label).raw("</span> ").text(text);
                }
            }
        }
        body.raw("</li>");
    }
    body.raw("</ul></div>");
}

/// A refusal that no diagnostic of the settings says.
fn wrong(what: impl Into<String>, fix: &str) -> Vec<Diagnostic> {
    vec![Diagnostic::error(what).fix(fix)]
}

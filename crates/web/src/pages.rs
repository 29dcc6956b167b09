//! Plain pages: schedules and latest runs, a schedule, a run with its commands and the end of their logs, settings. They need no script; a page of something that
//! still moves loads itself again.

mod home;
mod html;
mod login;
mod run;
mod schedule;
mod settings;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    auth::Scope,
    error::ApiError,
    routes::{Access, Operation},
};

pub use html::encode;

pub fn operations() -> Vec<Operation> {
    let page = Access::Page(Scope::BoltRead);
    vec![
        Operation::get("/", "homePage", "Page: schedules and latest runs", home::page)
            .access(page)
            .answers_as("text/html"),
        Operation::get("/bolt/schedules/{slug}", "schedulePage", "Page: a schedule and its runs", schedule::page)
            .access(page)
            .answers_as("text/html"),
        Operation::get(
            "/bolt/run_id/{run_id}",
            "runPage",
            "Page: a run, its commands and the end of their logs",
            run::page,
        )
        .access(page)
        .answers_as("text/html"),
        Operation::get("/settings", "settingsPage", "Page: what people set", settings::page)
            .access(Access::Page(Scope::SettingsRead))
            .answers_as("text/html"),
        Operation::post("/settings/{part}", "settingsForm", "A form of the settings page", settings::act)
            .access(Access::Page(Scope::SettingsWrite))
            .status(StatusCode::SEE_OTHER)
            .answers_as("text/html"),
        Operation::get("/login", "loginPage", "Page: log in with a token", login::page)
            .access(Access::Public)
            .query::<login::Then>()
            .answers_as("text/html"),
        Operation::post("/login", "login", "Log in with a token: sets a cookie", login::log_in)
            .access(Access::Public)
            .status(StatusCode::SEE_OTHER)
            .answers_as("text/html"),
        Operation::post("/logout", "logout", "Forget the cookie", login::log_out)
            .access(Access::Public)
            .status(StatusCode::SEE_OTHER)
            .answers_as("text/html"),
        Operation::get("/assets/owlet.css", "style", "The pages' style", style)
            .access(Access::Public)
            .answers_as("text/css"),
    ]
}

async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")];
    (headers, include_str!("pages/owlet.css"))
}

/// A page that says what went wrong, with its status.
pub fn failure(error: ApiError) -> Response {
    let status = error.status;
    let mut body = html::Html::default();
    body.raw("<h1>").text(&error.body.error).raw("</h1>");
    for (label, part) in [("cause", &error.body.cause), ("fix", &error.body.fix)] {
        if let Some(part) = part {
            body.raw("<p><b>").text(label).raw("</b> ").text(part).raw("</p>");
        }
    }
    body.raw("<p><a href=\"/\">All schedules</a></p>");
    let mut response = html::document("Not done", None, &body);
    *response.status_mut() = status;
    response
}

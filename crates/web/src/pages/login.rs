//! People log in with a token; the browser keeps it in a cookie that scripts cannot read and other sites cannot send.

use axum::{
    extract::{Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::html::{Html, document};
use crate::{app::App, auth::COOKIE, error::ApiError, routes::peer};

/// Where to go after it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Then {
    /// A path of this server.
    then: Option<String>,
}

impl Then {
    /// Only paths of this server: no other site's address.
    fn path(&self) -> &str {
        let path = self.then.as_deref().unwrap_or("/");
        if path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') { path } else { "/" }
    }
}

pub async fn page(Query(then): Query<Then>) -> Response {
    form(&then, None)
}

fn form(then: &Then, error: Option<&ApiError>) -> Response {
    let mut body = Html::default();
    body.raw("<h1>Log in</h1>");
    if let Some(error) = error {
        body.raw("<p class=\"reason\">").text(&error.body.error).raw("</p>");
    }
    body.raw("<form class=\"login\" method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"then\" value=\"")
        .text(then.path());
    body.raw("\"><label>Token <input type=\"password\" name=\"token\" autocomplete=\"current-password\" required autofocus></label>");
    body.raw("<button>Log in</button></form><p class=\"note\"><code>owlet token create NAME --role viewer</code> on the server makes one.</p>");
    let mut response = document("Log in", None, &body);
    if let Some(error) = error {
        *response.status_mut() = error.status;
    }
    response
}

pub async fn log_in(State(app): State<App>, request: Request) -> Response {
    const MOST: usize = 16 << 10;
    let peer = peer(&request);
    let is_secure = app.parts.public_url.starts_with("https://");
    let Ok(body) = axum::body::to_bytes(request.into_body(), MOST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(&body);
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.trim().to_owned())
    };
    let then = Then { then: field("then") };
    let token = field("token").unwrap_or_default();
    match app.parts.authentication.log_in(&token, peer).await {
        Ok(_) => {
            let secure = if is_secure { "; Secure" } else { "" };
            let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}");
            with_cookie(Redirect::to(then.path()), &cookie)
        }
        Err(denied) => form(&then, Some(&denied.into())),
    }
}

pub async fn log_out() -> Response {
    with_cookie(Redirect::to("/login"), &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"))
}

fn with_cookie(redirect: Redirect, cookie: &str) -> Response {
    let mut response = redirect.into_response();
    match HeaderValue::from_str(cookie) {
        Ok(value) => {
            response.headers_mut().insert(header::SET_COOKIE, value);
            response
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

//! HTML with everything escaped that is not ours.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

/// A part of a page.
#[derive(Debug, Default)]
pub struct Html(String);

impl Html {
    /// Markup of ours.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody's.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// A link to one of our paths; its last part is escaped.
    pub fn link(&mut self, path: &str, last: &str, text: &str) -> &mut Self {
        self.raw("<a href=\"").raw(path).raw(&encode(last)).raw("\">").text(text).raw("</a>")
    }

    /// A cell of a table.
    pub fn cell(&mut self, text: &str) -> &mut Self {
        self.raw("<td>").text(text).raw("</td>")
    }

    /// The badge of a state.
    pub fn state(&mut self, state: &str) -> &mut Self {
        let kind = match state {
            "SUCCESS" => "good",
            "FAILED" | "ERROR" => "bad",
            "CANCELED" | "SKIPPED" => "quiet",
            _ => "live",
        };
        self.raw("<span class=\"state ").raw(kind).raw("\">").text(&state.to_lowercase()).raw("</span>")
    }
}

/// Escapes a part of a path or a query's value.
pub fn encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// The whole page. `refresh` is after how many seconds it loads itself again.
pub fn document(title: &str, refresh: Option<u32>, body: &Html) -> Response {
    let mut page = Html::default();
    page.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    if let Some(seconds) = refresh {
        page.raw(&format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"));
    }
    page.raw("<title>")
        .text(title)
        .raw(" · Owlet</title><link rel=\"stylesheet\" href=\"/assets/owlet.css\"></head><body>");
    page.raw("<header><a class=\"brand\" href=\"/\">Owlet</a><nav><a href=\"/\">Schedules</a> <a href=\"/settings\">Settings</a> <a href=\"/api/openapi.json\">API</a></nav></header>");
    page.raw("<main>").raw(&body.0).raw("</main></body></html>\n");
    let mut response = page.0.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

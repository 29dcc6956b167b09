//! Fields of a form, read and drawn.

use crate::pages::html::Html;

/// What was sent: names and values, in order.
#[derive(Debug, Default, Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value without white space around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// The value, where there is one.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// As it was typed: keys have line ends that count.
    pub fn untrimmed(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Values by the part of their names behind `prefix`.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.trim())))
    }

    /// Names or addresses, divided by commas or lines.
    pub fn list(&self, name: &str) -> Vec<String> {
        let parts = self.get(name).unwrap_or_default().split([',', '\n']);
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

/// Draws the fields of one form: with what was sent if it was refused, else with what is set.
pub struct Fields<'a> {
    pub body: &'a mut Html,
    /// What was sent and refused.
    pub sent: Option<&'a Form>,
}

impl Fields<'_> {
    pub fn begin(&mut self, part: &str, open: bool, title: &str) {
        let open = if open { " open" } else { "" };
        self.body.raw(&format!("<details class=\"edit\"{open}><summary>")).text(title);
        self.body.raw(&format!(
            "</summary><form method=\"post\" action=\"/settings/{part}\"><input type=\"hidden\" name=\"do\" value=\"save\">"
        ));
    }

    pub fn end(&mut self, button: &str) {
        self.body.raw("<p><button>").text(button).raw("</button></p></form></details>");
    }

    fn value(&self, name: &str, set: &str) -> String {
        self.sent.and_then(|sent| sent.get(name)).unwrap_or(set).to_owned()
    }

    pub fn hidden(&mut self, name: &str, value: &str) {
        self.body.raw("<input type=\"hidden\" name=\"").text(name).raw("\" value=\"").text(value).raw("\">");
    }

    pub fn text(&mut self, name: &str, label: &str, set: &str, help: &str) {
        let value = self.value(name, set);
        self.label(label, help);
        self.body
            .raw("<input name=\"")
            .text(name)
            .raw("\" value=\"")
            .text(&value)
            .raw("\" autocomplete=\"off\"></label>");
    }

    /// What is typed is never shown again; empty keeps what is set.
    pub fn secret(&mut self, name: &str, label: &str, is_set: bool, help: &str) {
        self.label(label, help);
        let hint = if is_set { "set; empty keeps it" } else { "" };
        self.body.raw("<input type=\"password\" name=\"").text(name).raw("\" placeholder=\"").text(hint);
        self.body.raw("\" autocomplete=\"new-password\"></label>");
    }

    pub fn lines(&mut self, name: &str, label: &str, set: &str, help: &str) {
        let value = self.value(name, set);
        self.label(label, help);
        self.body.raw("<textarea rows=\"3\" name=\"").text(name).raw("\">").text(&value).raw("</textarea></label>");
    }

    pub fn choice(&mut self, name: &str, label: &str, set: &str, choices: &[(&str, &str)], help: &str) {
        let value = self.value(name, set);
        self.label(label, help);
        self.body.raw("<select name=\"").text(name).raw("\">");
        for (choice, title) in choices {
            let selected = if *choice == value { " selected" } else { "" };
            self.body.raw("<option value=\"").text(choice).raw(&format!("\"{selected}>")).text(title).raw("</option>");
        }
        self.body.raw("</select></label>");
    }

    pub fn check(&mut self, name: &str, label: &str, set: bool) {
        let is_set = self.sent.map_or(set, |sent| sent.given(name).is_some());
        let checked = if is_set { " checked" } else { "" };
        self.body.raw("<label class=\"check\"><input type=\"checkbox\" name=\"").text(name);
        self.body.raw(&format!("\" value=\"yes\"{checked}> ")).text(label).raw("</label>");
    }

    fn label(&mut self, label: &str, help: &str) {
        self.body.raw("<label><span>").text(label);
        if !help.is_empty() {
            self.body.raw(" <small>").text(help).raw("</small>");
        }
        self.body.raw("</span>");
    }
}

/// A button that does something with one row.
pub fn button(body: &mut Html, part: &str, action: &str, title: &str, fields: &[(&str, &str)]) {
    body.raw(&format!("<form class=\"row\" method=\"post\" action=\"/settings/{part}\">"));
    body.raw("<input type=\"hidden\" name=\"do\" value=\"").text(action).raw("\">");
    for (name, value) in fields {
        body.raw("<input type=\"hidden\" name=\"").text(name).raw("\" value=\"").text(value).raw("\">");
    }
    body.raw("<button class=\"small\">").text(title).raw("</button></form>");
}

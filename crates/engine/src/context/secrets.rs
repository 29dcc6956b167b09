//! Secrets that stay out of what is written down: values of `--vars`, and of variables of the environment that YAML files name.

use serde_json::{Map, Value as Json};

use super::builtins::SECRET_PREFIX;

const STARS: &str = "*****";

/// Variables whose secrets (names that begin with `DBT_ENV_SECRET`) are stars, in whichever value they occur.
pub(crate) fn hide(vars: &Map<String, Json>) -> Map<String, Json> {
    let secrets = values(vars);
    vars.iter()
        .map(|(name, value)| {
            let hidden = match value {
                Json::String(text) => Json::String(hide_in(text, &secrets)),
                other if name.starts_with(SECRET_PREFIX) && !other.is_null() => STARS.into(),
                other => other.clone(),
            };
            (name.clone(), hidden)
        })
        .collect()
}

/// The arguments of an invocation as artifacts and logs have them: no secret in `vars` or `invocation_command`.
pub fn hide_in_arguments(arguments: &Map<String, Json>) -> Map<String, Json> {
    let mut arguments = arguments.clone();
    let Some(Json::Object(vars)) = arguments.get("vars") else { return arguments };
    let secrets = values(vars);
    let hidden = hide(vars);
    if secrets.is_empty() && hidden == *vars {
        return arguments;
    }
    if let Some(Json::String(command)) = arguments.get_mut("invocation_command") {
        *command = hide_in(command, &secrets);
    }
    arguments.insert("vars".to_owned(), Json::Object(hidden));
    arguments
}

fn values(vars: &Map<String, Json>) -> Vec<String> {
    let secrets = vars.iter().filter(|(name, _)| name.starts_with(SECRET_PREFIX));
    let texts = secrets.filter_map(|(_, value)| match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    });
    texts.filter(|text| !text.trim().is_empty()).collect()
}

fn hide_in(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, STARS))
}

const PLACEHOLDER_START: &str = "$$$DBT_SECRET_START$$$";
const PLACEHOLDER_END: &str = "$$$DBT_SECRET_END$$$";

/// What stands for a secret variable of the environment while a template is rendered, so that no template can take it apart.
pub(super) fn placeholder(name: &str) -> String {
    format!("{PLACEHOLDER_START}{name}{PLACEHOLDER_END}")
}

pub(super) fn has_placeholder(text: &str) -> bool {
    text.contains(PLACEHOLDER_START)
}

/// Each placeholder becomes what `of` says for its variable.
pub(super) fn replace_placeholders(text: &str, of: impl Fn(&str) -> String) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(PLACEHOLDER_START) {
        replaced.push_str(before);
        let Some((name, after)) = after.split_once(PLACEHOLDER_END) else { break };
        replaced.push_str(&of(name));
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// A text for the log: stars for secrets.
pub(super) fn mask_placeholders(text: &str) -> String {
    replace_placeholders(text, |_| STARS.to_owned())
}

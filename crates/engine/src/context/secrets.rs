//! Values of `--vars` that stay out of what is written down.

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

/// The arguments of an invocation as artifacts have them: no secret in `vars` or `invocation_command`.
pub(crate) fn hide_in_arguments(arguments: &Map<String, Json>) -> Map<String, Json> {
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

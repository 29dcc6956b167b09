//! The secrets of a run: hidden in what its commands print, and in what they leave.

use std::{collections::BTreeSet, sync::Arc};

use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};
use vault::{Masker, Secret};

/// A longer word is a passphrase.
const LONGEST_WORD: usize = 32;

/// Members of dbt's artifacts that name things, or hold a source file as it is: later runs compare with them and defer to them.
const NAMES: [&str; 37] = [
    "adapter_type",
    "alias",
    "attached_node",
    "build_path",
    "checksum",
    "child_map",
    "column_name",
    "compiled_path",
    "database",
    "depends_on",
    "dbt_schema_version",
    "fqn",
    "group",
    "group_map",
    "identifier",
    "id",
    "macro_sql",
    "model",
    "name",
    "namespace",
    "original_file_path",
    "package",
    "package_name",
    "parent_map",
    "patch_path",
    "path",
    "project_name",
    "raw_code",
    "refs",
    "relation_name",
    "resource_type",
    "root_path",
    "schema",
    "source_name",
    "sources",
    "unique_id",
    "unrendered_config",
];

/// Members whose own members are called by such names.
const BY_NAME: [&str; 14] = [
    "columns",
    "disabled",
    "docs",
    "exposures",
    "functions",
    "groups",
    "macros",
    "metrics",
    "nodes",
    "saved_queries",
    "selectors",
    "semantic_models",
    "sources",
    "unit_tests",
];

/// Members in which people write what they like: whatever is called `name` there is no name.
const FREE: [&str; 5] = ["args", "env", "extra", "meta", "vars"];

/// The secrets of a run.
#[derive(Debug, Clone)]
pub(super) struct RunSecrets {
    /// Of all of them.
    pub(super) masker: Masker,
    /// Of those that are no words.
    names: Masker,
    /// What people call them, and whether they are words.
    named: Arc<[(String, Secret, bool)]>,
}

/// A file without secrets.
#[derive(Debug)]
pub(super) struct Masked {
    pub(super) bytes: Vec<u8>,
    /// What people should know: secrets that are names, too.
    pub(super) remarks: BTreeSet<String>,
}

/// Where in an artifact a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Name,
    Free,
}

impl RunSecrets {
    /// Of these, by the names of their variables or keys.
    pub(super) fn new(secrets: impl IntoIterator<Item = (String, Secret)>) -> Self {
        let named: Vec<(String, Secret, bool)> = secrets
            .into_iter()
            .map(|(name, secret)| {
                let word = is_word(secret.expose());
                (name, secret, word)
            })
            .collect();
        let masker = Masker::new(named.iter().map(|(_, secret, _)| secret));
        let names = if named.iter().any(|(_, _, word)| *word) {
            Masker::new(named.iter().filter(|(_, _, word)| !word).map(|(_, secret, _)| secret))
        } else {
            masker.clone()
        };
        Self { masker, names, named: named.into() }
    }

    /// What a command left at `path`, without secrets: what it prints or renders into SQL stands there, too. JSON stays JSON, and names in dbt's
    /// artifacts stay names where the secret is a mere word, as nothing could be deferred to them otherwise.
    pub(super) fn mask_file(&self, path: &str, bytes: Vec<u8>) -> Masked {
        let mut remarks = BTreeSet::new();
        let masked = self.masker.mask_bytes(&bytes);
        if masked == bytes {
            return Masked { bytes, remarks };
        }
        let bytes = match serde_json::from_slice::<Json>(&bytes) {
            Ok(mut json) if is_artifact(&json) => {
                self.mask_artifact(path, &mut json, Place::Text, Place::Text, &mut remarks);
                json.to_string().into_bytes()
            }
            // A secret of digits may be a part of a number: then only texts are masked.
            Ok(mut json) if serde_json::from_slice::<IgnoredAny>(&masked).is_err() => {
                self.mask_artifact(path, &mut json, Place::Free, Place::Free, &mut remarks);
                json.to_string().into_bytes()
            }
            _ => masked,
        };
        Masked { bytes, remarks }
    }

    /// `keys` is where the names of the members stand, if it is an object.
    fn mask_artifact(&self, path: &str, json: &mut Json, place: Place, keys: Place, remarks: &mut BTreeSet<String>) {
        match json {
            Json::String(text) => *text = self.mask_text(path, text, place, remarks),
            Json::Array(items) => {
                items.iter_mut().for_each(|item| self.mask_artifact(path, item, place, place, remarks));
            }
            Json::Object(members) => {
                let masked = std::mem::take(members).into_iter().map(|(name, mut value)| {
                    let (inside, its_keys) = inside(place, &name, &value);
                    self.mask_artifact(path, &mut value, inside, its_keys, remarks);
                    (self.mask_text(path, &name, keys, remarks), value)
                });
                *members = masked.collect::<Map<_, _>>();
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn mask_text(&self, path: &str, text: &str, place: Place, remarks: &mut BTreeSet<String>) -> String {
        let masked = if place == Place::Name { self.names.mask(text) } else { self.masker.mask(text) };
        if place == Place::Name {
            for (name, _, word) in self.named.iter().filter(|(_, secret, _)| text.contains(secret.expose().trim())) {
                remarks.insert(if *word {
                    format!("the secret {name} is a word that names in {path} have, too: they are kept, so that later runs can defer to them. Choose a secret that is no name")
                } else {
                    format!("the secret {name} stands in names in {path}, and is hidden there: later runs cannot defer to them. Choose names without it")
                });
            }
        }
        masked
    }
}

/// Where the members of an object's member stand, and their names.
fn inside(place: Place, name: &str, value: &Json) -> (Place, Place) {
    match place {
        Place::Free => (Place::Free, Place::Free),
        _ if FREE.contains(&name) => (Place::Free, Place::Free),
        Place::Name => (Place::Name, Place::Name),
        Place::Text if value.is_object() && BY_NAME.contains(&name) => (Place::Text, Place::Name),
        Place::Text if NAMES.contains(&name) => (Place::Name, Place::Name),
        Place::Text => (Place::Text, Place::Text),
    }
}

/// What names its own schema is dbt's.
fn is_artifact(json: &Json) -> bool {
    json.pointer("/metadata/dbt_schema_version").is_some_and(Json::is_string)
}

/// Could be the name of a schema or a table: letters in one case, underscores and hyphens, a number of at most four digits at the end. No token
/// that a machine made is like that.
fn is_word(secret: &str) -> bool {
    let text = secret.trim();
    let letters = text.trim_end_matches(|last: char| last.is_ascii_digit());
    let rest = letters.get(1..).unwrap_or_default();
    let is_lower = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
    text.len() <= LONGEST_WORD
        && text.len() - letters.len() <= 4
        && !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
        && (is_lower(rest) || !letters.bytes().any(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets(texts: &[(&str, &str)]) -> RunSecrets {
        RunSecrets::new(texts.iter().map(|(name, text)| ((*name).to_owned(), Secret::new(*text, name).expect("valid"))))
    }

    #[test]
    fn files_are_masked_and_json_stays_json() {
        let secrets = secrets(&[("HUSH", "hush \"hush\""), ("PIN", "12345678")]);
        let of = |bytes: &[u8]| secrets.mask_file("target/x", bytes.to_vec()).bytes;
        assert_eq!(of(b"select 1\n"), b"select 1\n");
        assert_eq!(of(b"the token is hush \"hush\"\n"), b"the token is ********\n");
        assert_eq!(of(b"\xff12345678\xfe"), b"\xff********\xfe", "whatever is no text");
        let json = json!({"code": "select 'hush \"hush\"'", "rows": 1_123_456_789, "12345678": ["x12345678"]});
        let kept: Json = serde_json::from_slice(&of(json.to_string().as_bytes())).expect("JSON");
        assert_eq!(kept, json!({"code": "select '********'", "rows": 1_123_456_789, "********": ["x********"]}));
        let plain = json!({"code": "hush \"hush\"", "rows": 7}).to_string();
        assert_eq!(of(plain.as_bytes()), json!({"code": "********", "rows": 7}).to_string().as_bytes());
    }

    #[test]
    fn names_in_artifacts_are_kept_from_words_only() {
        let secrets = secrets(&[("DB_PASSWORD", "shop"), ("TOKEN", "ghp_4kD93jfKs0")]);
        let manifest = |schema: &str, text: &str, token: &str| {
            json!({
                "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": schema,
                             "env": {"DBT_ENV_CUSTOM_ENV_X": text}},
                "nodes": {(format!("model.{schema}.orders")): {
                    "schema": schema, "relation_name": format!("\"lake\".\"{schema}\".\"orders\""), "fqn": [schema, "orders"],
                    "compiled_code": format!("select '{text}'"), "raw_code": format!("select * from {schema}"),
                    "depends_on": {"nodes": [format!("source.{schema}.raw")]},
                    "columns": {schema: {"name": schema, "description": text, "meta": {"name": text}}},
                    "unrendered_config": {"schema": schema, "meta": {"database": text}}, "alias": token,
                }},
                "parent_map": {(format!("model.{schema}.orders")): [format!("source.{schema}.raw")]},
            })
        };
        let file = manifest("shop", "shop", "ghp_4kD93jfKs0").to_string().into_bytes();
        let masked = secrets.mask_file("target/manifest.json", file);
        let kept: Json = serde_json::from_slice(&masked.bytes).expect("JSON");
        assert_eq!(kept, manifest("shop", "********", "********"));
        assert_eq!(
            masked.remarks.into_iter().collect::<Vec<_>>(),
            [
                "the secret DB_PASSWORD is a word that names in target/manifest.json have, too: they are kept, so that later runs can defer to them. \
                 Choose a secret that is no name",
                "the secret TOKEN stands in names in target/manifest.json, and is hidden there: later runs cannot defer to them. Choose names without it",
            ]
        );
    }

    #[test]
    fn words_are_no_tokens() {
        for word in ["shop", "SHOP", "Shop", "raw_orders", "analytics-prod", "sales2024", "_tmp"] {
            assert!(is_word(word), "{word}");
        }
        for token in [
            "12345678",
            "hunter2x",
            "AKIAIOSFODNN7EXAMPLE",
            "p@ss",
            "wJalrXUtnFEMI",
            "sales20245",
            "pass word",
            "dead00beef",
        ] {
            assert!(!is_word(token), "{token}");
        }
        assert!(!is_word("correct-horse-battery-staple-and-more"));
    }
}

//! A connection to Athena: the keys of a dbt-athena target, with the secret ones apart.

use adapter_athena::AthenaProfile;
use diagnostic::Diagnostic;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::{Field, Secret};

/// Checked keys of a target. `Debug` and [`Connection::definition`] show no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    fields: Map<String, Value>,
    secrets: IndexMap<&'static str, Secret>,
}

impl Connection {
    /// Reads the keys as JSON, secrets among them, and says what is odd about them.
    ///
    /// # Errors
    /// Every mistake, not only the first.
    pub fn parse(given: &Map<String, Value>) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut connection = Self { fields: Map::new(), secrets: IndexMap::new() };
        for (name, value) in in_form_order(given) {
            if value.is_null() || name == "type" {
                continue;
            }
            problems.extend(literal(&name, &value));
            match (Field::find(&name), &value) {
                (Some(field), Value::String(text)) if field.is_secret() => match Secret::new(text, field.name) {
                    Ok(secret) => drop(connection.secrets.insert(field.name, secret)),
                    Err(problem) => problems.push(problem),
                },
                // A secret that is no text: the profile's check says so without showing it.
                _ => drop(connection.fields.insert(name, value)),
            }
        }
        if given.get("type").is_some_and(|kind| kind.as_str() != Some("athena")) {
            problems.push(
                Diagnostic::error("The connection is not of type 'athena'")
                    .cause("Owlet connects to Athena, or to its own lakehouse, and to nothing else")
                    .fix("leave 'type' out, or write `athena`"),
            );
        }
        problems.extend(connection.profile().err().unwrap_or_default());
        problems.extend(connection.half_credentials());
        if problems.is_empty() {
            let warnings = connection.warnings();
            Ok((connection, warnings))
        } else {
            Err(problems)
        }
    }

    /// Reads `name=value` texts: numbers, flags and JSON by the field's kind.
    ///
    /// # Errors
    /// As [`Connection::parse`].
    pub fn parse_texts<'a>(
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let fields = given.into_iter().map(|(name, text)| (name.to_owned(), Field::read(name, text))).collect();
        Self::parse(&fields)
    }

    /// What the database keeps and the API shows: everything that is not secret.
    pub fn definition(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// The secret fields.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        self.secrets.iter().map(|(name, secret)| (*name, secret))
    }

    /// From what the database kept; it was checked when it was set.
    pub fn from_stored(definition: Map<String, Value>, secrets: impl IntoIterator<Item = (String, Secret)>) -> Self {
        let secrets =
            secrets.into_iter().filter_map(|(name, secret)| Some((Field::find(&name)?.name, secret))).collect();
        Self { fields: definition, secrets }
    }

    /// The same connection with other values: `None` removes a field. Secrets that are not named stay.
    ///
    /// # Errors
    /// As [`Connection::parse`].
    pub fn changed(&self, changes: &Map<String, Value>) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut all = self.target();
        for (name, value) in changes {
            if value.is_null() {
                all.remove(name);
            } else {
                all.insert(name.clone(), value.clone());
            }
        }
        Self::parse(&all)
    }

    /// As the adapter reads it: what a client needs to connect.
    ///
    /// # Errors
    /// Never of a connection that was parsed by this version.
    pub fn profile(&self) -> Result<AthenaProfile, Vec<Diagnostic>> {
        AthenaProfile::parse(&self.target())
    }

    /// Runs in the lakehouse inside.
    pub fn is_embedded(&self) -> bool {
        self.fields.get("lakehouse").and_then(Value::as_str) == Some("embedded")
    }

    /// All keys, secrets included.
    pub(crate) fn target(&self) -> Map<String, Value> {
        let mut target = self.fields.clone();
        target.extend(self.secrets.iter().map(|(name, secret)| ((*name).to_owned(), secret.expose().into())));
        target
    }

    fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name) || self.secrets.contains_key(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    fn half_credentials(&self) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let (id, secret) = (self.has("aws_access_key_id"), self.has("aws_secret_access_key"));
        if id != secret {
            let (given, missing) = if id {
                ("aws_access_key_id", "aws_secret_access_key")
            } else {
                ("aws_secret_access_key", "aws_access_key_id")
            };
            problems.push(
                Diagnostic::error(format!("'{given}' is set without '{missing}'"))
                    .cause(
                        "an access key consists of both; with one of them the server's own credentials would be used",
                    )
                    .fix(format!("add '{missing}', or remove '{given}'")),
            );
        }
        let temporary = self.text("aws_access_key_id").is_some_and(|id| id.starts_with("ASIA"));
        if temporary && !self.has("aws_session_token") {
            problems.push(
                Diagnostic::error("'aws_session_token' is missing")
                    .cause("an access key that begins with ASIA is temporary and works only with its session token")
                    .fix("add 'aws_session_token', or better: a role in 'assume_role_arn', which is renewed by itself"),
            );
        }
        if self.has("aws_session_token") && !id {
            problems.push(
                Diagnostic::error("'aws_session_token' is set without an access key")
                    .cause("a session token belongs to one temporary access key")
                    .fix("add 'aws_access_key_id' and 'aws_secret_access_key', or remove the token"),
            );
        }
        if let Some(arn) = self.text("assume_role_arn").filter(|arn| !is_role_arn(arn)) {
            problems.push(
                Diagnostic::error(format!("'{arn}' is not the ARN of a role"))
                    .cause("'assume_role_arn' names the role that is taken with the other credentials")
                    .fix("write it like arn:aws:iam::123456789012:role/dbt, as IAM shows it"),
            );
        }
        problems
    }

    fn warnings(&self) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        if let Some(region) = self.text("region_name").filter(|region| !looks_like_region(region)) {
            warnings.push(
                Diagnostic::warning(format!("'{region}' does not look like an AWS region"))
                    .cause("regions are named like eu-west-1")
                    .fix("correct 'region_name' if it is a slip"),
            );
        }
        if self.has("aws_access_key_id") && self.has("aws_profile_name") {
            warnings.push(
                Diagnostic::warning("'aws_profile_name' has no effect")
                    .cause("'aws_access_key_id' is set, and keys go before a profile")
                    .fix("remove one of the two"),
            );
        }
        if self.has("aws_session_token") {
            warnings.push(
                Diagnostic::warning("The credentials will expire")
                    .cause("a session token lives for some hours; schedules that run after it fail with ExpiredToken")
                    .fix("use a role in 'assume_role_arn', or the credentials of the machine"),
            );
        }
        if self.is_embedded() && (self.has("endpoint_url") || self.has("assume_role_arn")) {
            warnings.push(
                Diagnostic::warning("'endpoint_url' and 'assume_role_arn' have no effect")
                    .cause("the connection uses the lakehouse inside")
                    .fix("remove them, or remove 'lakehouse'"),
            );
        }
        warnings
    }
}

/// Known fields as the form has them, then the unknown ones; `catalog` is another spelling of `database`.
fn in_form_order(given: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut fields: Vec<(String, Value)> = Vec::new();
    for (name, value) in given {
        let name = if name == "catalog" && !given.contains_key("database") { "database" } else { name };
        fields.push((name.to_owned(), value.clone()));
    }
    let position = |name: &str| crate::FIELDS.iter().position(|field| field.name == name).unwrap_or(usize::MAX);
    fields.sort_by_key(|(name, _)| position(name));
    fields
}

/// Values are written into profiles.yml, where dbt would render Jinja.
fn literal(name: &str, value: &Value) -> Option<Diagnostic> {
    // A secret does not go into the file.
    if Field::find(name).is_some_and(Field::is_secret) {
        return None;
    }
    if texts(value).any(|text| text.contains("{{") || text.contains("{%") || text.contains("{#")) {
        return Some(
            Diagnostic::error(format!("'{name}' contains Jinja"))
                .cause("a connection's values are taken as they are; secrets are kept apart by Owlet itself")
                .fix("write the value; where environments differ, make a connection for each"),
        );
    }
    let odd = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}');
    if texts(value).any(|text| text.contains(odd)) {
        return Some(
            Diagnostic::error(format!("'{name}' contains a line break or another control character"))
                .cause("no value of a connection has one; it is often pasted along")
                .fix("remove it"),
        );
    }
    None
}

fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(items) => Box::new(items.iter().flat_map(texts)),
        Value::Object(members) => {
            Box::new(members.iter().flat_map(|(name, value)| std::iter::once(name.as_str()).chain(texts(value))))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn is_role_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
            && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}

fn looks_like_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    parts.len() >= 3
        && parts.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
        && parts[..parts.len() - 1]
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_lowercase()) && part.len() > 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(fields: Value) -> Result<(Connection, Vec<Diagnostic>), Vec<Diagnostic>> {
        Connection::parse(fields.as_object().expect("a mapping"))
    }

    fn told(diagnostics: &[Diagnostic]) -> Vec<&str> {
        diagnostics.iter().map(|diagnostic| diagnostic.what.as_str()).collect()
    }

    #[test]
    fn secrets_are_kept_apart_and_shown_nowhere() {
        let (connection, warnings) = parse(json!({
            "type": "athena", "region_name": "eu-west-1", "catalog": "awsdatacatalog", "schema": "shop",
            "work_group": "dbt", "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hush/hush",
        }))
        .expect("valid");
        assert_eq!(warnings, []);
        let definition = serde_json::to_string(connection.definition()).expect("JSON");
        assert_eq!(
            definition,
            r#"{"region_name":"eu-west-1","database":"awsdatacatalog","schema":"shop","work_group":"dbt","aws_access_key_id":"AKIAEXAMPLE"}"#
        );
        assert!(!format!("{connection:?}").contains("hush"));
        let secrets: Vec<_> = connection.secrets().map(|(name, secret)| (name, secret.expose())).collect();
        assert_eq!(secrets, [("aws_secret_access_key", "hush/hush")]);
        let stored = Connection::from_stored(
            connection.definition().clone(),
            connection.secrets().map(|(name, secret)| (name.to_owned(), secret.clone())),
        );
        assert_eq!(stored, connection);
        let profile = stored.profile().expect("a profile");
        assert_eq!(profile.credentials.secret_access_key.as_deref(), Some("hush/hush"));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let problems = parse(json!({
            "schema": "{{ target.name }}", "work_group": "a\nb", "regoin_name": "eu-west-1", "num_retries": -1,
            "aws_access_key_id": "ASIAEXAMPLE", "aws_session_token": "abc", "assume_role_arn": "dbt",
        }))
        .expect_err("mistakes");
        assert_eq!(
            told(&problems),
            [
                "'schema' contains Jinja",
                "'work_group' contains a line break or another control character",
                "The secret value of aws_session_token is too short",
                "Additional properties are not allowed ('regoin_name' was unexpected)",
                "'region_name' is a required property",
                "'database' is a required property",
                "-1 is not of type 'integer'",
                "'aws_access_key_id' is set without 'aws_secret_access_key'",
                "'aws_session_token' is missing",
                "'dbt' is not the ARN of a role",
            ]
        );
        let secret = parse(json!({"lakehouse": "embedded", "aws_secret_access_key": 12345})).expect_err("no text");
        assert!(!format!("{secret:?}").contains("12345"), "{secret:?}");
    }

    #[test]
    fn what_is_odd_is_a_warning() {
        let (_, warnings) = parse(json!({
            "region_name": "ireland", "database": "awsdatacatalog", "schema": "shop", "work_group": "dbt",
            "aws_access_key_id": "ASIAEXAMPLE", "aws_secret_access_key": "hush-hush",
            "aws_session_token": "hush-hush", "aws_profile_name": "x",
        }))
        .expect("valid");
        assert_eq!(
            told(&warnings),
            [
                "'ireland' does not look like an AWS region",
                "'aws_profile_name' has no effect",
                "The credentials will expire",
            ]
        );
        for region in ["eu-west-1", "us-gov-west-1", "ap-southeast-2", "cn-north-1"] {
            assert!(looks_like_region(region), "{region}");
        }
    }

    #[test]
    fn texts_become_what_the_field_holds() {
        let (connection, _) = Connection::parse_texts([
            ("lakehouse", "embedded"),
            ("threads", "8"),
            ("poll_interval", "0.5"),
            ("debug_query_state", "yes"),
        ])
        .expect("valid");
        assert_eq!(
            Value::Object(connection.definition().clone()),
            json!({"lakehouse": "embedded", "threads": 8, "poll_interval": 0.5, "debug_query_state": true})
        );
        let problems =
            Connection::parse_texts([("lakehouse", "embedded"), ("threads", "many")]).expect_err("no number");
        assert_eq!(told(&problems), ["\"many\" is not of type 'integer'"]);
    }

    #[test]
    fn a_change_keeps_the_secrets_that_it_does_not_name() {
        let (connection, _) = parse(json!({
            "region_name": "eu-west-1", "database": "awsdatacatalog", "schema": "shop", "work_group": "dbt",
            "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hush-hush",
        }))
        .expect("valid");
        let changes = json!({"schema": "prod", "work_group": null, "s3_staging_dir": "s3://results/"});
        let (changed, _) = connection.changed(changes.as_object().expect("a mapping")).expect("valid");
        assert_eq!(changed.secrets().count(), 1);
        assert_eq!(changed.profile().expect("a profile").work_group, None);
        let changes = json!({"aws_secret_access_key": null});
        let problems = connection.changed(changes.as_object().expect("a mapping")).expect_err("half a key");
        assert_eq!(told(&problems), ["'aws_access_key_id' is set without 'aws_secret_access_key'"]);
    }

    #[test]
    fn the_adapter_knows_every_field_of_the_table() {
        for field in crate::FIELDS {
            let mut target = Map::new();
            target.insert("lakehouse".to_owned(), "embedded".into());
            target.insert(field.name.to_owned(), Value::Null);
            let problems = AthenaProfile::parse(&target).err().unwrap_or_default();
            assert!(!problems.iter().any(|problem| problem.what.contains("unexpected")), "{}", field.name);
        }
    }
}

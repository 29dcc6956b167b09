//! Secrets in names that everybody sees: of a schema, a database, a work group. There is nothing to hide, and hiding it makes logs unreadable.

use diagnostic::Diagnostic;
use serde_json::Value;
use vault::{Secret, VariableValue};

use super::{Settings, SettingsError};

/// Keys of a connection that are names.
const KEYS: [(&str, &str); 4] = [
    ("database", "data catalog"),
    ("schema", "schema"),
    ("work_group", "work group"),
    ("aws_profile_name", "AWS profile"),
];

/// A name with a secret in it.
#[derive(Debug, Clone)]
pub struct NameWithSecret {
    /// The variable or connection that has the secret, and the connection or environment that has the name.
    pub settings: [(SettingKind, String); 2],
    pub warning: Diagnostic,
}

/// What a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    Variable,
    Connection,
    Environment,
}

impl NameWithSecret {
    /// Whether this setting is one of the two.
    pub fn concerns(&self, kind: SettingKind, name: &str) -> bool {
        self.settings.iter().any(|(of, found)| *of == kind && found == name)
    }
}

/// A setting, what it is for people, and a text of it.
type Told<T> = (SettingKind, String, String, T);

impl Settings {
    /// All names of connections and environments that have a secret in them.
    ///
    /// # Errors
    /// The database fails, or a secret cannot be opened.
    pub async fn names_with_secrets(&self) -> Result<Vec<NameWithSecret>, SettingsError> {
        let (mut secrets, mut names): (Vec<Told<Secret>>, Vec<Told<String>>) = (Vec::new(), Vec::new());
        for row in self.variables().await? {
            if let VariableValue::Secret(secret) = row.variable.value {
                let name = row.variable.name;
                secrets.push((SettingKind::Variable, name.clone(), name, secret));
            }
        }
        for row in self.connections().await? {
            let of = |what: &str| {
                (SettingKind::Connection, row.slug.clone(), format!("{what} of the connection '{}'", row.slug))
            };
            for (field, secret) in row.connection.secrets() {
                let (kind, slug, told) = of(field);
                secrets.push((kind, slug, told, secret.clone()));
            }
            for (key, what) in KEYS {
                if let Some(Value::String(text)) = row.connection.definition().get(key) {
                    let (kind, slug, told) = of(what);
                    names.push((kind, slug, told, text.clone()));
                }
            }
        }
        for row in self.environments().await? {
            let texts = [(row.environment.schema.as_ref(), "schema"), (Some(&row.environment.target), "target")];
            for (text, what) in texts.into_iter().filter_map(|(text, what)| Some((text?, what))) {
                let told = format!("{what} of the environment '{}'", row.slug);
                names.push((SettingKind::Environment, row.slug.clone(), told, text.clone()));
            }
        }
        let mut found = Vec::new();
        for (kind, owner, of, secret) in &secrets {
            for (name_kind, name_owner, what, _) in
                names.iter().filter(|(.., text)| text.contains(secret.expose().trim()))
            {
                let warning = Diagnostic::warning(format!("The {what} has the secret value of {of} in it"))
                    .cause("it is replaced by ******** in the logs and the SQL of runs, and everybody sees it all the same")
                    .fix("choose another secret; what is none, keep as a plain variable");
                found.push(NameWithSecret {
                    settings: [(*kind, owner.clone()), (*name_kind, name_owner.clone())],
                    warning,
                });
            }
        }
        Ok(found)
    }
}

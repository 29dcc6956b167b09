//! The process's environment: the only place that reads it.

use std::collections::HashMap;

/// A copy of the environment variables, so that everything behind it can be tested.
#[derive(Debug, Clone, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// The variables of this process; those that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// The environment of a run's command, for what the server does in its stead.
    #[cfg(feature = "server")]
    pub fn of_command(variables: &std::collections::BTreeMap<String, String>) -> Self {
        Self(variables.clone().into_iter().collect())
    }

    /// From pairs.
    #[cfg(test)]
    pub fn new(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The setting `name` (`TARGET_PATH`): `OWLET_…`, then `DBT_ENGINE_…`, then `DBT_…`; an empty value is none.
    pub fn setting(&self, name: &str) -> Option<&str> {
        ["OWLET_", "DBT_ENGINE_", "DBT_"]
            .into_iter()
            .find_map(|prefix| self.get(&format!("{prefix}{name}")))
            .filter(|value| !value.is_empty())
    }

    /// All of them, for `env_var()`.
    pub fn all(&self) -> &HashMap<String, String> {
        &self.0
    }
}

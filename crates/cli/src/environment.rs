//! The process's environment: the only place that reads it.

mod engine;

use std::collections::HashMap;

/// A copy of the environment variables, so that everything behind it can be tested.
#[derive(Debug, Clone, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// The variables of this process; those that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        Self::of(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// The environment of a run's command, for what the server does in its stead.
    #[cfg(feature = "server")]
    pub fn of_command(variables: &std::collections::BTreeMap<String, String>) -> Self {
        Self::of(variables.clone().into_iter().collect())
    }

    fn of(mut variables: HashMap<String, String>) -> Self {
        engine::share(&mut variables);
        Self(variables)
    }

    /// Warnings about names of variables.
    pub fn deprecations(&self) -> Vec<diagnostic::Diagnostic> {
        engine::deprecations(&self.0)
    }

    /// From pairs.
    #[cfg(test)]
    pub fn new(pairs: &[(&str, &str)]) -> Self {
        Self::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The setting `name` (`TARGET_PATH`): `OWLET_…`, then `DBT_ENGINE_…`, then `DBT_…`; an empty value is none.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.named_setting(name).map(|(_, value)| value)
    }

    /// A setting with the name of the variable that has it.
    pub fn named_setting(&self, name: &str) -> Option<(String, &str)> {
        ["OWLET_", "DBT_ENGINE_", "DBT_"]
            .into_iter()
            .map(|prefix| format!("{prefix}{name}"))
            .find_map(|variable| self.get(&variable).map(|value| (variable, value)))
            .filter(|(_, value)| !value.is_empty())
    }

    /// All of them, for `env_var()`.
    pub fn all(&self) -> &HashMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_the_engine_has_both_names() {
        let environment =
            Environment::new(&[("DBT_QUIET", "1"), ("DBT_ENGINE_DEBUG", "1"), ("DBT_DEBUG", "0"), ("DBT_X", "1")]);
        assert_eq!(environment.get("DBT_ENGINE_QUIET"), Some("1"));
        assert_eq!(environment.get("DBT_DEBUG"), Some("1"));
        assert_eq!(environment.get("DBT_ENGINE_X"), None);
    }

    #[test]
    fn renamed_and_unknown_variables_are_told() {
        let environment =
            Environment::new(&[("DBT_NO_PRINT", "1"), ("DBT_ENGINE_MINE", "1"), ("DBT_ENGINE_THREADS", "2")]);
        let told: Vec<String> = environment.deprecations().into_iter().map(|found| found.what).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].starts_with("The environment variable `DBT_NO_PRINT` has been renamed as `DBT_ENGINE_PRINT`."),
            "{told:?}"
        );
        assert!(told[1].starts_with("Found custom environment variable `DBT_ENGINE_MINE`"), "{told:?}");
    }
}

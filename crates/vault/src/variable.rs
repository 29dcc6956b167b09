//! Environment variables of runs: where they are set, which one wins, which names are ours.
//!
//! Source: Paradime documentation, settings/environment-variables: workspace < Bolt schedules < the schedule's own; in the development
//! environment workspace < the user's.

use std::collections::BTreeMap;

use diagnostic::Diagnostic;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Where a variable is set; narrower ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everything: schedules and development.
    Workspace,
    /// All schedules.
    Schedules,
    /// What people run in the UI: scratchpad, data explorer.
    Development,
    /// One schedule, by its id.
    Schedule(i64),
}

impl Scope {
    /// As the column `variable.scope` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Schedules => "schedules",
            Self::Development => "development",
            Self::Schedule(_) => "schedule",
        }
    }

    /// As the column `variable.schedule_id` has it.
    pub fn schedule_id(self) -> i64 {
        match self {
            Self::Schedule(id) => id,
            _ => 0,
        }
    }

    /// From the two columns.
    pub fn from_columns(scope: &str, schedule_id: i64) -> Option<Self> {
        match scope {
            "workspace" => Some(Self::Workspace),
            "schedules" => Some(Self::Schedules),
            "development" => Some(Self::Development),
            "schedule" => Some(Self::Schedule(schedule_id)),
            _ => None,
        }
    }
}

/// What a variable holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableValue {
    /// May be shown to whoever may see the settings.
    Plain(String),
    /// Is never shown again.
    Secret(Secret),
}

impl VariableValue {
    /// The text, for the process that gets it.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }

    /// Whether it must be masked.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

/// A variable as it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub scope: Scope,
    pub name: String,
    pub value: VariableValue,
}

impl Variable {
    /// Checks name and value. A name that begins with `DBT_ENV_SECRET` makes the value a secret, as it is for dbt.
    ///
    /// # Errors
    /// A name that no process takes or that is ours, a value with a NUL, a secret that is too short.
    pub fn new(scope: Scope, name: &str, value: &str, secret: bool) -> Result<Self, Diagnostic> {
        check_name(name)?;
        let value = if secret || name.starts_with("DBT_ENV_SECRET") {
            VariableValue::Secret(Secret::new(value, name)?)
        } else if value.contains('\0') {
            return Err(Diagnostic::error(format!("The value of {name} contains a NUL character"))
                .cause("a process cannot be given such a value")
                .fix("encode it, for example as base64"));
        } else {
            VariableValue::Plain(value.to_owned())
        };
        Ok(Self { scope, name: name.to_owned(), value })
    }
}

/// Prefixes of names that every run gets from us.
const RESERVED: [(&str, &str); 4] = [
    ("PARADIME_", "the run's own schedule, id, trigger and commit"),
    ("OWLET_", "Owlet's own settings"),
    ("DBT_ENV_SECRET_OWLET_", "the secrets of the run's connection"),
    ("DBT_ENGINE_", "settings of the dbt engine, which a flag in the command sets visibly"),
];

/// Whether a variable may have this name.
///
/// # Errors
/// It is no name, or one that is reserved.
pub fn check_name(name: &str) -> Result<(), Diagnostic> {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !starts || !characters.all(|character| character.is_ascii_alphanumeric() || character == '_') {
        return Err(Diagnostic::error(format!("'{name}' is not the name of an environment variable"))
            .cause("names consist of letters, digits and underscores, and begin with no digit")
            .fix("choose a name like WAREHOUSE_SCHEMA"));
    }
    let upper = name.to_ascii_uppercase();
    if let Some((prefix, what)) = RESERVED.iter().find(|(prefix, _)| upper.starts_with(prefix)) {
        return Err(Diagnostic::error(format!("'{name}' is reserved"))
            .cause(format!("names that begin with {prefix} are {what}"))
            .fix("choose another name"));
    }
    Ok(())
}

/// Which setting a resolved variable came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Workspace,
    Schedules,
    Development,
    /// `variables` of the run's environment.
    Environment,
    /// `env_overrides` of the schedule's file, or `envVars` of the API.
    ScheduleFile,
    /// Set for the schedule, here.
    Schedule,
    /// Given with the run.
    Run,
}

/// Variables that are given elsewhere than in the settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides<'a> {
    /// Of the environment that the run uses.
    pub environment: Option<&'a BTreeMap<String, String>>,
    /// `env_overrides` of the schedule.
    pub file: Option<&'a BTreeMap<String, String>>,
    /// With this one run.
    pub run: Option<&'a BTreeMap<String, String>>,
}

/// All variables of a workspace.
#[derive(Debug, Clone, Default)]
pub struct Variables(Vec<Variable>);

impl Variables {
    /// From rows, in any order.
    pub fn new(variables: Vec<Variable>) -> Self {
        Self(variables)
    }

    /// The variables that are set.
    pub fn iter(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter()
    }

    /// What a run of a schedule gets: workspace < schedules < the environment's < the schedule's file < set for the schedule < given with
    /// the run.
    ///
    /// # Errors
    /// Every name or value in the overrides that is refused.
    pub fn resolve(&self, schedule_id: i64, overrides: Overrides<'_>) -> Result<Resolved, Vec<Diagnostic>> {
        let mut resolved = Resolved::default();
        let mut problems = Vec::new();
        self.overlay(&mut resolved, Scope::Workspace, Origin::Workspace);
        self.overlay(&mut resolved, Scope::Schedules, Origin::Schedules);
        resolved.overlay_given(overrides.environment, Origin::Environment, &mut problems);
        resolved.overlay_given(overrides.file, Origin::ScheduleFile, &mut problems);
        self.overlay(&mut resolved, Scope::Schedule(schedule_id), Origin::Schedule);
        resolved.overlay_given(overrides.run, Origin::Run, &mut problems);
        if problems.is_empty() { Ok(resolved) } else { Err(problems) }
    }

    /// What the scratchpad and the data explorer get: workspace < development.
    pub fn resolve_development(&self) -> Resolved {
        let mut resolved = Resolved::default();
        self.overlay(&mut resolved, Scope::Workspace, Origin::Workspace);
        self.overlay(&mut resolved, Scope::Development, Origin::Development);
        resolved
    }

    fn overlay(&self, resolved: &mut Resolved, scope: Scope, origin: Origin) {
        for variable in self.0.iter().filter(|variable| variable.scope == scope) {
            resolved.0.insert(variable.name.clone(), (variable.value.clone(), origin));
        }
    }
}

/// The variables of one run.
#[derive(Debug, Clone, Default)]
pub struct Resolved(IndexMap<String, (VariableValue, Origin)>);

impl Resolved {
    /// Names and values, for the process.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, (value, _))| (name.as_str(), value.expose()))
    }

    /// What the log must not show, by name.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().filter_map(|(name, (value, _))| match value {
            VariableValue::Secret(secret) => Some((name.as_str(), secret)),
            VariableValue::Plain(_) => None,
        })
    }

    /// Names with their origins and whether they are secret, to be kept with the run: no values.
    pub fn names(&self) -> impl Iterator<Item = (&str, Origin, bool)> {
        self.0.iter().map(|(name, (value, origin))| (name.as_str(), *origin, value.is_secret()))
    }

    /// An override keeps a name secret that was secret before it.
    fn overlay_given(
        &mut self,
        given: Option<&BTreeMap<String, String>>,
        origin: Origin,
        problems: &mut Vec<Diagnostic>,
    ) {
        for (name, value) in given.into_iter().flatten() {
            let was_secret = self.0.get(name).is_some_and(|(value, _)| value.is_secret());
            match Variable::new(Scope::Workspace, name, value, was_secret) {
                Ok(variable) => {
                    self.0.insert(name.clone(), (variable.value, origin));
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(scope: Scope, name: &str, value: &str) -> Variable {
        Variable::new(scope, name, value, false).expect("a variable")
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_narrower_scope_wins() {
        let variables = Variables::new(vec![
            plain(Scope::Schedule(7), "D", "schedule"),
            plain(Scope::Schedule(7), "C", "schedule"),
            plain(Scope::Schedule(8), "A", "another schedule"),
            plain(Scope::Development, "A", "development"),
            plain(Scope::Workspace, "A", "workspace"),
            plain(Scope::Workspace, "B", "workspace"),
            plain(Scope::Schedules, "B", "schedules"),
            plain(Scope::Schedules, "C", "schedules"),
        ]);
        let environment =
            map(&[("B", "environment"), ("C", "environment"), ("E", "environment"), ("G", "environment")]);
        let (file, run) = (map(&[("C", "file"), ("E", "file")]), map(&[("D", "run"), ("F", "run")]));
        let overrides = Overrides { environment: Some(&environment), file: Some(&file), run: Some(&run) };
        let resolved = variables.resolve(7, overrides).expect("resolved");
        let mut found: Vec<_> = resolved.environment().collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("A", "workspace"),
                ("B", "environment"),
                ("C", "schedule"),
                ("D", "run"),
                ("E", "file"),
                ("F", "run"),
                ("G", "environment")
            ]
        );
        let development = variables.resolve_development();
        let mut found: Vec<_> = development.environment().collect();
        found.sort_unstable();
        assert_eq!(found, [("A", "development"), ("B", "workspace")]);
    }

    #[test]
    fn names_are_kept_with_the_run_and_secrets_are_not() {
        let variables = Variables::new(vec![
            Variable::new(Scope::Workspace, "TOKEN", "hush-hush", true).expect("a secret"),
            Variable::new(Scope::Workspace, "DBT_ENV_SECRET_GIT", "also-hush", false).expect("a secret"),
            plain(Scope::Workspace, "SCHEMA", "prod"),
        ]);
        let run = map(&[("TOKEN", "of this run")]);
        let resolved = variables.resolve(1, Overrides { run: Some(&run), ..Overrides::default() }).expect("resolved");
        let names: Vec<_> = resolved.names().collect();
        assert_eq!(
            names,
            [
                ("TOKEN", Origin::Run, true),
                ("DBT_ENV_SECRET_GIT", Origin::Workspace, true),
                ("SCHEMA", Origin::Workspace, false)
            ]
        );
        let secrets: Vec<_> = resolved.secrets().map(|(name, secret)| (name, secret.expose())).collect();
        assert_eq!(secrets, [("TOKEN", "of this run"), ("DBT_ENV_SECRET_GIT", "also-hush")]);
        assert!(!format!("{resolved:?}").contains("hush"));
    }

    #[test]
    fn reserved_and_impossible_names_are_refused_together() {
        let file = map(&[("PARADIME_SCHEDULE_NAME", "x"), ("ok", "x"), ("1st", "x")]);
        let run = map(&[("owlet_secret_key", "x")]);
        let problems = Variables::default()
            .resolve(1, Overrides { file: Some(&file), run: Some(&run), ..Overrides::default() })
            .expect_err("three mistakes");
        let told: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(
            told,
            [
                "'1st' is not the name of an environment variable",
                "'PARADIME_SCHEDULE_NAME' is reserved",
                "'owlet_secret_key' is reserved"
            ]
        );
        for name in ["", "a-b", "a b", "ä", "A=B"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["A", "_", "dbt_x1", "PARADIME", "DBT_ENV_SECRET_X"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }
}

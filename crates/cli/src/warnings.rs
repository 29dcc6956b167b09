//! `--warn-error`, `--warn-error-options`: which warnings are errors, and which are not told.

use std::sync::{Mutex, PoisonError};

use diagnostic::Diagnostic;
use engine::events::Event;
use indexmap::IndexMap;
use serde_json::Value as Json;

/// The deprecations that an invocation met: each kind is told once, unless all are asked for.
#[derive(Debug, Default)]
pub struct Deprecations {
    show_all: bool,
    met: Mutex<IndexMap<String, usize>>,
}

impl Deprecations {
    pub fn new(show_all: bool) -> Self {
        Self { show_all, met: Mutex::default() }
    }

    /// `--show-all-deprecations`
    pub fn shows_all(&self) -> bool {
        self.show_all
    }

    /// Counts a warning if it is a deprecation; answers whether it is told.
    pub fn meets(&self, name: &str) -> bool {
        // References are about models of the project, not about dbt; keys that look like slips are each worth a line,
        // and dbt tells none of them with dbt-athena. `CollectFreshnessReturnSignature` comes from the adapter, which counts nothing.
        const OTHERS: [&str; 3] =
            ["EnvironmentVariableRenamed", "MetricAttributesRenamed", "SourceFreshnessProjectHooksNotRun"];
        let is_slip = name.starts_with("CustomKey") || name == "CustomTopLevelKeyDeprecation";
        let is_told = matches!(name, "UpcomingReferenceDeprecation" | "SpacesInResourceNameDeprecation");
        let is_one = name.ends_with("Deprecation") || OTHERS.contains(&name);
        if !is_one || is_told || is_slip {
            return true;
        }
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let count = met.entry(name.to_owned()).or_default();
        *count += 1;
        self.show_all || *count == 1
    }

    /// dbt's last words on them; `None` when there were none.
    pub fn summary(&self) -> Option<Event> {
        let met: Vec<(String, usize)> =
            self.met.lock().unwrap_or_else(PoisonError::into_inner).clone().into_iter().collect();
        (!met.is_empty()).then_some(Event::Deprecations { met, show_all: self.show_all })
    }
}

/// What becomes of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    Warn,
    Error,
    Silence,
}

/// Names of events; `all` and `Deprecations` are groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WarningRules {
    /// The project switched `require_all_warnings_handled_by_warn_error` off.
    leaves_some: bool,
    /// `--warn-error` was said, which is no option of the rules: a retry does not take it over.
    by_flag: bool,
    error_all: bool,
    error: Vec<String>,
    warn: Vec<String>,
    silence: Vec<String>,
    /// `include` and `exclude` were written.
    older: [bool; 2],
    /// Names of the dbt Fusion engine's that were left out.
    fusion: Vec<String>,
}

impl WarningRules {
    /// `--warn-error`: everything.
    pub fn all_are_errors() -> Self {
        Self { by_flag: true, error_all: true, ..Self::default() }
    }

    /// Whether it was `--warn-error`.
    pub fn is_by_flag(&self) -> bool {
        self.by_flag
    }

    /// Whether the rules are also for the warnings that dbt only told once: the project's `require_all_warnings_handled_by_warn_error`.
    #[must_use]
    pub fn handling_all(self, handles_all: bool) -> Self {
        Self { leaves_some: !handles_all, ..self }
    }

    /// Nobody asked for any.
    pub fn are_none(&self) -> bool {
        *self == Self { leaves_some: self.leaves_some, ..Self::default() }
    }

    /// Those of an earlier run, which were read before.
    ///
    /// # Errors
    /// As [`WarningRules::parse`].
    pub fn with_options(&self, options: &Json) -> Result<Self, Diagnostic> {
        Ok(Self { leaves_some: self.leaves_some, ..Self::parse(options)? })
    }

    /// Reads `{error: all | [Names], warn: [Names], silence: [Names]}`; `include` and `exclude` are older words for the first two.
    ///
    /// # Errors
    /// A key, a value or a name that is not known.
    pub fn parse(options: &Json) -> Result<Self, Diagnostic> {
        const FIX: &str =
            "write {error: all, warn: [NoNodesForSelectionCriteria], silence: [UnusedResourceConfigPath]}";
        let Some(options) = options.as_object() else {
            let what = format!("Invalid value for '--warn-error-options': {options}");
            return Err(Diagnostic::error(what).cause("it is no mapping").fix(FIX));
        };
        for key in options.keys() {
            if !["error", "warn", "silence", "include", "exclude"].contains(&key.as_str()) {
                let what = format!("Invalid value for '--warn-error-options': unknown key '{key}'");
                return Err(Diagnostic::error(what).cause("only error, warn and silence are known").fix(FIX));
            }
        }
        let either = |new: &str, old: &str| match (options.get(new), options.get(old)) {
            (Some(_), Some(_)) => {
                let what = format!("Only `{new}` or `{old}` can be specified in `warn_error_options`, not both");
                Err(Diagnostic::error(what)
                    .cause(format!("`{old}` is the older word for `{new}`"))
                    .fix(format!("remove `{old}`")))
            }
            (new, old) => Ok(new.or(old)),
        };
        let mut fusion = Vec::new();
        let mut names = |key: &str, list: Option<&Json>| names(key, list, &mut fusion);
        let error = either("error", "include")?;
        let error_all = error.and_then(Json::as_str).is_some_and(|word| matches!(word, "all" | "*"));
        let mut rules = Self {
            leaves_some: false,
            by_flag: false,
            error_all,
            error: if error_all { Vec::new() } else { names("error", error)? },
            warn: names("warn", either("warn", "exclude")?)?,
            silence: names("silence", options.get("silence"))?,
            older: ["include", "exclude"].map(|word| options.contains_key(word)),
            fusion: Vec::new(),
        };
        fusion.sort();
        fusion.dedup();
        rules.fusion = fusion;
        let deprecations = |list: &[String]| list.iter().any(|name| name == DEPRECATIONS);
        if !rules.warn.is_empty() && !error_all && !deprecations(&rules.error) && !deprecations(&rules.silence) {
            let what = "`warn` can only be specified if `error` is one of ('all', '*') or Deprecations is in `error` or silence.";
            return Err(Diagnostic::error(what).cause("`warn` takes exceptions out of `error`").fix(FIX));
        }
        Ok(rules)
    }

    /// What becomes of a warning of this name. A name counts more than a group, `silence` more than `warn`, `warn` more than `error`.
    pub fn treat(&self, name: &str) -> Treatment {
        if self.leaves_some && ONLY_TOLD.contains(&name) {
            return Treatment::Warn;
        }
        let named = |list: &[String], name: &str| list.iter().any(|item| item == name);
        let is_deprecation = name.contains("Deprecat");
        for name in [name, DEPRECATIONS].into_iter().take(if is_deprecation { 2 } else { 1 }) {
            if named(&self.silence, name) {
                return Treatment::Silence;
            }
            if named(&self.warn, name) {
                return Treatment::Warn;
            }
            if named(&self.error, name) {
                return Treatment::Error;
            }
        }
        if self.error_all && !NEVER_ERRORS.contains(&name) { Treatment::Error } else { Treatment::Warn }
    }

    /// What dbt says of the older words.
    pub fn deprecation(&self) -> Option<Diagnostic> {
        let (found, advice) = match self.older {
            [false, false] => return None,
            [true, false] => ("`include`", " Please use `error` instead of `include`."),
            [false, true] => ("`exclude`", " Please use `warn` instead of `exclude`."),
            [true, true] => (
                "`include` and `exclude`",
                " Please use `error` instead of `include`. Please use `warn` instead of `exclude`.",
            ),
        };
        let what = format!("Found {found} in `warn_error_options` specification.{advice}");
        Some(Diagnostic::warning(what).named("WEOIncludeExcludeDeprecation").fix("write {error: …, warn: …}"))
    }

    /// What dbt says of names that only the dbt Fusion engine has.
    pub fn notes(&self) -> impl Iterator<Item = String> + '_ {
        self.fusion
            .iter()
            .map(|name| format!("{name} is not being used because it's specific to the dbt Fusion engine."))
    }

    /// Whether a warning of this name ends the command.
    pub fn is_error(&self, name: &str) -> bool {
        self.treat(name) == Treatment::Error
    }

    /// As run_results.json has them.
    pub fn to_json(&self) -> Json {
        let error = if self.error_all && !self.by_flag { Json::from("all") } else { Json::from(self.error.clone()) };
        serde_json::json!({"error": error, "warn": self.warn, "silence": self.silence})
    }
}

const DEPRECATIONS: &str = "Deprecations";

/// Warnings that dbt only tells, whatever the rules say.
const NEVER_ERRORS: [&str; 4] = [
    "FreshnessConfigProblem",
    "InvalidDisabledTargetInTestNode",
    "SelectExcludeIgnoredWithSelectorWarning",
    "SpacesInResourceNameDeprecation",
];

/// Warnings that neither become errors nor are silenced with `require_all_warnings_handled_by_warn_error: false`. Source: dbt Core 1.12.0, where they are told.
const ONLY_TOLD: [&str; 3] = ["MFConverterIssue", "MicrobatchModelNoEventTimeInputs", "SemanticValidationFailure"];

fn names(key: &str, list: Option<&Json>, fusion: &mut Vec<String>) -> Result<Vec<String>, Diagnostic> {
    let items = match list {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(items)) => items,
        Some(other) => {
            let what = format!("Invalid value for '--warn-error-options': `{key}` is {other}");
            return Err(Diagnostic::error(what)
                .cause("it is no list of names")
                .fix(format!("write {key}: [Name, Name]")));
        }
    };
    let mut names = Vec::new();
    for item in items {
        let name = item.as_str().unwrap_or_default();
        if !NAMES.contains(&name) && FUSION_NAMES.lines().any(|known| known == name) {
            fusion.push(name.to_owned());
            continue;
        }
        if name != DEPRECATIONS && !NAMES.contains(&name) {
            let near = NAMES.iter().map(|known| (strsim::jaro_winkler(name, known), known));
            let near = near.filter(|(score, _)| *score >= 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
            let fix = match near {
                Some((_, near)) => format!("did you mean '{near}'?"),
                None => "use the name that `--log-format json` shows of the warning".to_owned(),
            };
            return Err(Diagnostic::error(format!("{name} is not a valid dbt error name."))
                .cause("no warning of dbt has this name")
                .fix(fix));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Names that only the dbt Fusion engine knows, which dbt Core 1.12 passes over; one a line.
const FUSION_NAMES: &str = include_str!("warnings/fusion_names.txt");

/// dbt's events that warn.
const NAMES: [&str; 94] = [
    "AdapterDeprecationWarning",
    "AdapterEventWarning",
    "AdapterRegistered",
    "ArgumentsPropertyInGenericTestDeprecation",
    "BehaviorChangeEvent",
    "CatalogGenerationError",
    "CollectFreshnessReturnSignature",
    "ConfigDataPathDeprecation",
    "ConfigLogPathDeprecation",
    "ConfigSourcePathDeprecation",
    "ConfigTargetPathDeprecation",
    "ConstraintNotEnforced",
    "ConstraintNotSupported",
    "CustomKeyInConfigDeprecation",
    "CustomKeyInObjectDeprecation",
    "CustomOutputPathInSourceFreshnessDeprecation",
    "CustomTopLevelKeyDeprecation",
    "DeprecatedModel",
    "DeprecatedReference",
    "DeprecationsSummary",
    "DepsScrubbedPackageName",
    "DepsUnpinned",
    "DuplicateNameDistinctNodeTypesDeprecation",
    "DuplicateYAMLKeysDeprecation",
    "EnvironmentVariableNamespaceDeprecation",
    "EnvironmentVariableRenamed",
    "ExposureNameDeprecation",
    "FreshnessConfigProblem",
    "GenerateSchemaNameNullValueDeprecation",
    "GenericJSONSchemaValidationDeprecation",
    "GenericSemanticLayerDeprecation",
    "GetMetaKeyWarning",
    "InternalDeprecation",
    "InvalidConcurrentBatchesConfig",
    "InvalidMacroAnnotation",
    "InvalidValueForField",
    "JinjaLogWarning",
    "LogBatchResult",
    "LogFreshnessResult",
    "LogFunctionResult",
    "LogModelResult",
    "LogNodeResult",
    "LogOverloadResult",
    "LogSeedResult",
    "LogSnapshotResult",
    "LogTestResult",
    "MFConverterIssue",
    "MFCumulativeTypeParamsDeprecation",
    "MFTimespineWithoutYamlConfigurationDeprecation",
    "MacroNotFoundForPatch",
    "MetricAttributesRenamed",
    "MicrobatchMacroOutsideOfBatchesDeprecation",
    "MicrobatchModelNoEventTimeInputs",
    "MissingArgumentsPropertyInGenericTestDeprecation",
    "MissingPlusPrefixDeprecation",
    "ModelParamUsageDeprecation",
    "ModulesItertoolsUsageDeprecation",
    "NoNodeForYamlKey",
    "NoNodesForSelectionCriteria",
    "NoNodesSelected",
    "NodeNotFoundOrDisabled",
    "NothingToDo",
    "PackageInstallPathDeprecation",
    "PackageMaterializationOverrideDeprecation",
    "PackageNodeDependsOnRootProjectNode",
    "PackageRedirectDeprecation",
    "ProjectFlagsMovedDeprecation",
    "PropertyMovedToConfigDeprecation",
    "ResourceNamesWithSpacesDeprecation",
    "RunResultWarning",
    "RunResultWarningMessage",
    "SeedExceedsLimitAndPathChanged",
    "SeedExceedsLimitChecksumChanged",
    "SeedExceedsLimitSamePath",
    "SeedIncreased",
    "SelectExcludeIgnoredWithSelectorWarning",
    "SemanticValidationFailure",
    "SnapshotTimestampWarning",
    "SourceFreshnessProjectHooksNotRun",
    "SourceOverrideDeprecation",
    "SpacesInResourceNameDeprecation",
    "TestsConfigDeprecation",
    "TimeDimensionsRequireGranularityDeprecation",
    "UnexpectedJinjaBlockDeprecation",
    "UnsupportedConstraintMaterialization",
    "UnusedResourceConfigPath",
    "UnusedTables",
    "UnversionedBreakingChange",
    "UpcomingReferenceDeprecation",
    "V2ParserEnd",
    "ValidationWarning",
    "WEOIncludeExcludeDeprecation",
    "WarnStateTargetEqual",
    "WrongResourceSchemaFile",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As dbt records them, so that a retry without the flag is one without it.
    #[test]
    fn the_flag_is_no_option() {
        let rules = WarningRules::all_are_errors();
        assert!(rules.is_by_flag() && rules.is_error("LogTestResult"));
        assert_eq!(rules.to_json(), json!({"error": [], "warn": [], "silence": []}));
        let rules = WarningRules::parse(&json!({"error": "all"})).expect("valid");
        assert!(!rules.is_by_flag() && rules.is_error("LogTestResult"));
        assert_eq!(rules.to_json(), json!({"error": "all", "warn": [], "silence": []}));
    }

    #[test]
    fn names_of_the_fusion_engine_are_passed_over() {
        let rules = WarningRules::parse(&json!({"error": ["StaticAnalysis", "NothingToDo"]})).expect("valid");
        assert_eq!(rules.to_json(), json!({"error": ["NothingToDo"], "warn": [], "silence": []}));
        let told: Vec<String> = rules.notes().collect();
        assert_eq!(told, ["StaticAnalysis is not being used because it's specific to the dbt Fusion engine."]);
        WarningRules::parse(&json!({"error": ["StatickAnalysis"]})).expect_err("no name at all");
    }

    #[test]
    fn names_count_more_than_groups() {
        let rules = WarningRules::parse(&json!({"error": "all", "warn": ["NothingToDo"], "silence": ["Deprecations"]}));
        let rules = rules.expect("valid");
        assert_eq!(rules.treat("NoNodesForSelectionCriteria"), Treatment::Error);
        assert_eq!(rules.treat("NothingToDo"), Treatment::Warn);
        assert_eq!(rules.treat("DuplicateYAMLKeysDeprecation"), Treatment::Silence);
        let rules = WarningRules::parse(&json!({"include": ["NothingToDo"]})).expect("valid");
        let told = rules.deprecation().map(|warning| warning.what).unwrap_or_default();
        assert_eq!(
            told,
            "Found `include` in `warn_error_options` specification. Please use `error` instead of `include`."
        );
        assert!(WarningRules::parse(&json!({"error": ["NothingToDo"]})).expect("valid").deprecation().is_none());
        assert_eq!((rules.treat("NothingToDo"), rules.treat("SeedIncreased")), (Treatment::Error, Treatment::Warn));
        assert_eq!(WarningRules::default().treat("NothingToDo"), Treatment::Warn);
        let rules = WarningRules::all_are_errors().handling_all(false);
        assert_eq!(rules.treat("MicrobatchModelNoEventTimeInputs"), Treatment::Warn);
        assert_eq!(rules.treat("NothingToDo"), Treatment::Error);
        assert_eq!(rules.handling_all(true).treat("MicrobatchModelNoEventTimeInputs"), Treatment::Error);
        assert_eq!(WarningRules::all_are_errors().treat("Warning"), Treatment::Error);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for wrong in [
            json!([]),
            json!({"errors": []}),
            json!({"error": ["Pizza"]}),
            json!({"error": "some"}),
            json!({"warn": ["NothingToDo"]}),
            json!({"error": [], "include": []}),
        ] {
            assert!(WarningRules::parse(&wrong).is_err(), "{wrong}");
        }
    }
}

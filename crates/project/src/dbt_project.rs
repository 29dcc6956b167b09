//! `dbt_project.yml`.

use std::path::{Path, PathBuf};

use diagnostic::{Diagnostic, Location};
use regex::Regex;
use serde_json::{Map as JsonMap, Value as Json};

use crate::aliases::refuse_both_names;
use crate::config::{ConfigKind, ConfigTree, ConfigTrees};
use crate::fields::Fields;
use crate::flags::ProjectFlags;
use crate::properties::Quoting;
use crate::properties::types;
use crate::render::{RenderYaml, Step, render_tree};
use crate::source::SourceText;
use crate::spelling::{meant, misspelt_config};
use crate::version::VersionRequirement;
use crate::yaml::{self, Map, Node, Position, Value};

/// Names that Jinja contexts use themselves.
const RESERVED_NAMES: [&str; 40] = [
    "_sql_results",
    "adapter",
    "api",
    "column",
    "config",
    "context",
    "database",
    "env",
    "env_var",
    "exceptions",
    "execute",
    "flags",
    "fromjson",
    "fromyaml",
    "graph",
    "invocation_id",
    "load_agate_table",
    "load_result",
    "log",
    "model",
    "modules",
    "post_hooks",
    "pre_hooks",
    "ref",
    "render",
    "return",
    "run_started_at",
    "schema",
    "source",
    "sql",
    "sql_now",
    "store_result",
    "store_raw_result",
    "target",
    "this",
    "tojson",
    "toyaml",
    "try_or_compiler_error",
    "var",
    "write",
];

/// An entry of `dispatch:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The package whose macros are searched for elsewhere.
    pub macro_namespace: String,
    /// The packages to search, in order.
    pub search_order: Vec<String>,
}

/// `query-comment:`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum QueryComment {
    /// Not written: dbt's own comment.
    #[default]
    Default,
    /// `null` or empty: none.
    Disabled,
    /// A template of one's own.
    Custom {
        /// The template; `None` is dbt's own.
        comment: Option<String>,
        /// After the query instead of before it.
        append: bool,
        /// As a job label, where the warehouse has such.
        job_label: bool,
    },
}

/// One `dbt_project.yml`: the root project's or a package's.
#[derive(Debug, Clone, Default)]
pub struct DbtProject {
    /// The directory it is in.
    pub root: PathBuf,
    /// `name`
    pub name: String,
    /// `version`, as text.
    pub version: Option<String>,
    /// `profile`, rendered.
    pub profile: Option<String>,
    /// `model-paths`
    pub model_paths: Vec<String>,
    /// `seed-paths`
    pub seed_paths: Vec<String>,
    /// `test-paths`
    pub test_paths: Vec<String>,
    /// `analysis-paths`
    pub analysis_paths: Vec<String>,
    /// `macro-paths`
    pub macro_paths: Vec<String>,
    /// `snapshot-paths`
    pub snapshot_paths: Vec<String>,
    /// `function-paths`
    pub function_paths: Vec<String>,
    /// `docs-paths`; by default all of the above.
    pub docs_paths: Vec<String>,
    /// `asset-paths`
    pub asset_paths: Vec<String>,
    /// `osi-paths`
    pub osi_paths: Vec<String>,
    /// `target-path`, unless a flag says otherwise.
    pub target_path: String,
    /// `log-path`, unless a flag says otherwise.
    pub log_path: String,
    /// `clean-targets`
    pub clean_targets: Vec<String>,
    /// `packages-install-path`
    pub packages_install_path: String,
    /// `quoting`
    pub quoting: Quoting,
    /// `on-run-start`, unrendered.
    pub on_run_start: Vec<String>,
    /// `on-run-end`, unrendered.
    pub on_run_end: Vec<String>,
    /// `require-dbt-version`
    pub require_dbt_version: VersionRequirement,
    /// `dispatch`
    pub dispatch: Vec<Dispatch>,
    /// `query-comment`, unrendered.
    pub query_comment: QueryComment,
    /// `restrict-access`
    pub restrict_access: bool,
    /// `vars`, unrendered.
    pub vars: Map,
    /// `models`, `seeds`, … .
    pub configs: ConfigTrees,
    /// `flags`; only the root project's count.
    pub flags: JsonMap<String, Json>,
    /// `dbt-cloud`
    pub dbt_cloud: JsonMap<String, Json>,
    /// The file as written.
    pub unrendered: Node,
    /// Its path and text, for messages.
    pub source: SourceText,
}

impl DbtProject {
    /// Reads `<root>/dbt_project.yml`. `shown` is the directory as messages name it (`""` for the root project).
    ///
    /// `None` when there is no project to go on with; what is wrong is among the diagnostics then.
    pub fn load(root: &Path, shown: &str, renderer: &dyn RenderYaml) -> (Option<Self>, Vec<Diagnostic>) {
        let path = root.join("dbt_project.yml");
        let file = if shown.is_empty() { "dbt_project.yml".to_owned() } else { format!("{shown}/dbt_project.yml") };
        match fs_err::read_to_string(&path) {
            // dbt reads the variables' file of the root project only.
            Ok(text) if shown.is_empty() => load_with_vars_file(root, SourceText::new(file, text), renderer),
            Ok(text) => Self::parse(root, SourceText::new(file, text), renderer),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (None, vec![missing_project(&path)]),
            Err(error) => (None, vec![unreadable(&file, &error)]),
        }
    }

    /// Reads the text of a `dbt_project.yml`.
    pub fn parse(root: &Path, source: SourceText, renderer: &dyn RenderYaml) -> (Option<Self>, Vec<Diagnostic>) {
        // As dbt reads it: a block at the end of the file has no line break.
        let (node, mut diagnostics) = yaml::parse_file(&source.file, source.text.trim_end());
        let Some(unrendered) = node else { return (None, diagnostics) };
        if unrendered.value.as_map().is_none() {
            let what = "Runtime Error\n  dbt_project.yml does not parse to a dictionary";
            diagnostics.push(
                source
                    .error(unrendered.position.max(yaml::Position { line: 1, column: 1 }), what)
                    .cause(format!("the file holds {} at its top", unrendered.value.kind()))
                    .fix("start with `name: my_project`"),
            );
            return (None, diagnostics);
        }
        let rendered = render_tree(&unrendered, renderer, &is_kept_raw, &source, &mut diagnostics);
        let project = Fields::new(&rendered, "dbt_project.yml", &source, &mut diagnostics)
            .and_then(|fields| read(root, &source, fields, &unrendered));
        (project, diagnostics)
    }

    /// `flags`, with dbt's defaults.
    pub fn project_flags(&self) -> ProjectFlags {
        ProjectFlags { values: self.flags.clone() }
    }

    /// Where a path of the project is.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }
}

/// `vars.yml` takes the place of `vars:`, and the texts of dbt_project.yml see its variables.
fn load_with_vars_file(
    root: &Path,
    source: SourceText,
    renderer: &dyn RenderYaml,
) -> (Option<DbtProject>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let vars = read_vars_file(root, &mut found);
    let knowing = vars.as_ref().and_then(|(_, vars)| renderer.with_variables(vars));
    let (mut project, mut diagnostics) = DbtProject::parse(root, source, knowing.as_deref().unwrap_or(renderer));
    diagnostics.extend(found);
    if let (Some(project), Some((location, vars))) = (&mut project, vars) {
        if project.vars.is_empty() {
            project.vars = vars;
        } else {
            let what = "Runtime Error\n  Variables cannot be defined in both vars.yml and dbt_project.yml";
            let fix = "move all variables into one of the two files";
            diagnostics.push(Diagnostic::error(what).at(location).fix(fix));
        }
    }
    (project, diagnostics)
}

/// What stands below `vars:` in `vars.yml`, and where; `None` when that is nothing.
fn read_vars_file(root: &Path, diagnostics: &mut Vec<Diagnostic>) -> Option<(Location, Map)> {
    let file = "vars.yml";
    let text = match fs_err::read_to_string(root.join(file)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            diagnostics.push(unreadable(file, &error));
            return None;
        }
    };
    let source = SourceText::new(file.to_owned(), text);
    let (node, more) = yaml::parse_file(&source.file, &source.text);
    diagnostics.extend(more);
    let node = node.filter(|node| !node.value.is_null())?;
    let vars = Fields::new(&node, file.to_owned(), &source, diagnostics)?.mapping("vars");
    (!vars.is_empty()).then(|| (source.location(node.position), vars))
}

pub(crate) fn missing_project(path: &Path) -> Diagnostic {
    Diagnostic::error(format!("Runtime Error\n  No dbt_project.yml found at expected path {}", path.display()))
        .cause("a dbt project is a directory with this file in it")
        .fix("go to the project's directory, or name it with --project-dir")
}

pub(crate) fn unreadable(file: &str, error: &std::io::Error) -> Diagnostic {
    let fix = if error.kind() == std::io::ErrorKind::InvalidData {
        "save the file as UTF-8"
    } else {
        "check that the file exists and may be read"
    };
    Diagnostic::error(format!("Runtime Error\n  Could not read {file}"))
        .at(Location::file(file))
        .cause(error.to_string())
        .fix(fix)
}

/// Hooks, the query comment and variables are rendered later, with more to see.
fn is_kept_raw(path: &[Step<'_>]) -> bool {
    match path.first().and_then(Step::key) {
        Some("on-run-start" | "on-run-end" | "query-comment" | "vars") => true,
        Some("models" | "seeds" | "snapshots" | "tests" | "data_tests") => {
            path.iter().skip(1).filter_map(Step::key).any(|step| {
                let key = step.trim_start_matches(['+', ' ']);
                matches!(key, "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
            })
        }
        _ => false,
    }
}

fn read(root: &Path, source: &SourceText, mut fields: Fields<'_>, unrendered: &Node) -> Option<DbtProject> {
    let name = read_name(&mut fields);
    check_config_version(&mut fields);
    check_version(&mut fields);
    types::check(&mut fields, types::PROJECT);
    let mut project = DbtProject {
        root: root.to_owned(),
        version: fields.text("version"),
        profile: fields.text("profile"),
        model_paths: searched(root, &mut fields, "model-paths", Some("source-paths"), "models"),
        seed_paths: searched(root, &mut fields, "seed-paths", Some("data-paths"), "seeds"),
        test_paths: searched(root, &mut fields, "test-paths", None, "tests"),
        analysis_paths: searched(root, &mut fields, "analysis-paths", None, "analyses"),
        macro_paths: searched(root, &mut fields, "macro-paths", None, "macros"),
        snapshot_paths: searched(root, &mut fields, "snapshot-paths", None, "snapshots"),
        function_paths: searched(root, &mut fields, "function-paths", None, "functions"),
        asset_paths: paths(&mut fields, "asset-paths", None, &[]),
        osi_paths: paths(&mut fields, "osi-paths", None, &["osi", "OSI"]),
        target_path: output_path(
            &mut fields,
            "target-path",
            "target",
            ("artifacts", "TARGET_PATH", "ConfigTargetPathDeprecation"),
        ),
        log_path: output_path(&mut fields, "log-path", "logs", ("logs", "LOG_PATH", "ConfigLogPathDeprecation")),
        packages_install_path: fields.text("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned()),
        quoting: read_quoting(&mut fields),
        on_run_start: fields.texts("on-run-start"),
        on_run_end: fields.texts("on-run-end"),
        require_dbt_version: read_requirement(&mut fields),
        dispatch: read_dispatch(&mut fields),
        query_comment: read_query_comment(&mut fields),
        restrict_access: fields.bool("restrict-access").unwrap_or(false),
        vars: fields.mapping("vars"),
        configs: read_configs(&mut fields, unrendered),
        flags: fields.json("flags"),
        dbt_cloud: fields.json("dbt-cloud"),
        unrendered: unrendered.clone(),
        source: source.clone(),
        name: name.clone().unwrap_or_default(),
        ..DbtProject::default()
    };
    project.docs_paths = docs_paths(&mut fields, &project);
    project.clean_targets = match paths(&mut fields, "clean-targets", None, &[]) {
        none if none.is_empty() => vec![project.target_path.clone()],
        written => written,
    };
    // Known to dbt, of no effect here: the legacy list of packages.
    fields.take("packages");
    fields.take("config-version");
    fields.take("project-root");
    fields.take("docs-paths");
    refuse_unknown(&mut fields);
    name.map(|_| project)
}

/// Top-level keys, in dbt's order.
const KEYS: &[&str] = &[
    "name",
    "config-version",
    "version",
    "project-root",
    "source-paths",
    "model-paths",
    "macro-paths",
    "data-paths",
    "seed-paths",
    "test-paths",
    "analysis-paths",
    "docs-paths",
    "asset-paths",
    "target-path",
    "snapshot-paths",
    "function-paths",
    "clean-targets",
    "profile",
    "log-path",
    "packages-install-path",
    "quoting",
    "on-run-start",
    "on-run-end",
    "require-dbt-version",
    "dispatch",
    "models",
    "seeds",
    "snapshots",
    "analyses",
    "sources",
    "tests",
    "data_tests",
    "unit_tests",
    "metrics",
    "semantic-models",
    "saved-queries",
    "exposures",
    "functions",
    "vars",
    "packages",
    "query-comment",
    "restrict-access",
    "dbt-cloud",
    "flags",
    "osi-paths",
];

/// dbt refuses a project file with any other key.
fn refuse_unknown(fields: &mut Fields<'_>) {
    for (key, position) in fields.rest_keys() {
        let what =
            format!("Runtime Error\n  at path []: Additional properties are not allowed ('{key}' was unexpected)");
        let fix = match meant(&key, KEYS.iter().copied()) {
            Some(meant) => format!("did you mean '{meant}'?"),
            None => "remove the key; values of your own go below `vars:`".to_owned(),
        };
        fields.report(position, what, Some("dbt_project.yml has no such key".to_owned()), &fix);
    }
}

pub(crate) fn read_name(fields: &mut Fields<'_>) -> Option<String> {
    let Some(node) = fields.take_some("name") else {
        let what = "Runtime Error\n  Required \"name\" field not present in project".to_owned();
        let position = fields.position;
        fields.report(position, what, None, "add `name: my_project`");
        return None;
    };
    let Some(name) = node.value.as_str().map(str::to_owned) else {
        fields.wrong("name", "a string", &node);
        return None;
    };
    let is_name = Regex::new(r"^[^\d\W]\w*$").is_ok_and(|pattern| pattern.is_match(&name));
    if !is_name {
        let what = format!("Runtime Error\n  at path ['name']: '{name}' does not match '^[^\\\\d\\\\W]\\\\w*$'");
        let cause = Some("a name may hold letters, digits and underscores, and may not start with a digit".to_owned());
        let mut fixed: String = name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
        if fixed.starts_with(|c: char| c.is_numeric()) {
            fixed.insert(0, '_');
        }
        fields.report(node.position, what, cause, &format!("write `name: {fixed}`"));
        return None;
    }
    if RESERVED_NAMES.contains(&name.as_str()) {
        let what = format!("Runtime Error\n  at path []: Invalid project name: {name} is a reserved word");
        let cause = Some(format!("templates use `{name}` for something else"));
        fields.report(node.position, what, cause, &format!("write `name: {name}_project`"));
        return None;
    }
    Some(name)
}

/// A folder that dbt wants to be told by a flag or a variable: what is written there, the variable, and the warning's name.
fn output_path(fields: &mut Fields<'_>, key: &str, default: &str, told: (&str, &str, &'static str)) -> String {
    let position = fields.peek(key).map(|node| node.position).unwrap_or_default();
    let Some(path) = fields.text(key) else { return default.to_owned() };
    if path != default {
        let (output, variable, name) = told;
        let what = format!(
            "The `{key}` config in `dbt_project.yml` has been deprecated, and will no longer be supported in a future version of dbt-core. If you wish to write dbt {output} to a custom directory, please use the --{key} CLI flag or DBT_{variable} env var instead."
        );
        let warning = fields.source.warning(position, what).named(name);
        fields.diagnostics.push(warning.fix(format!("remove it, and say --{key} or set DBT_{variable}")));
    }
    path
}

/// `version:` is a number with a point, or text of the form `1.0`, `1.0.0`, `1.0.0-rc1`.
fn check_version(fields: &mut Fields<'_>) {
    let Some(node) = fields.peek("version") else { return };
    let text = match &node.value {
        Value::Null | Value::Float(_) => return,
        value => value.scalar_text().unwrap_or_else(|| value.kind().to_owned()),
    };
    let (first, rest) = text.split_once('.').unwrap_or((&text, ""));
    let is_number = |part: &str| part.parse::<u64>().is_ok_and(|number| number.to_string() == part);
    if semver::Version::parse(&text).is_ok() || (is_number(first) && is_number(rest)) {
        return;
    }
    let what = format!("Runtime Error\n  at path ['version']: '{text}' is not valid under any of the given schemas");
    let position = node.position;
    fields.report(position, what, None, "write a version such as `1.0.0`, or remove the line: nothing depends on it");
}

fn check_config_version(fields: &mut Fields<'_>) {
    let Some(node) = fields.take_some("config-version") else { return };
    if node.value.as_int() == Some(2) {
        return;
    }
    let what = format!(
        "Runtime Error\n  Got an unexpected project version={}, expected 2",
        node.value.scalar_text().unwrap_or_else(|| node.value.kind().to_owned())
    );
    fields.report(node.position, what, None, "write `config-version: 2`, or remove the line");
}

/// A list of directories in which nodes or macros are looked for: dbt finds each as often as a directory is listed, and refuses what it
/// finds twice.
fn searched(root: &Path, fields: &mut Fields<'_>, key: &str, old: Option<&str>, default: &str) -> Vec<String> {
    let items = |fields: &Fields<'_>, key: &str| match fields.peek(key).map(|node| node.value.clone()) {
        Some(Value::Seq(items)) => items,
        _ => Vec::new(),
    };
    let mut written = items(fields, key);
    if let Some(old) = old.filter(|_| written.is_empty()) {
        written = items(fields, old);
    }
    let found = paths(fields, key, old, &[default]);
    let file = if key == "seed-paths" { "csv" } else { "sql" };
    let plain: Vec<&str> = found.iter().map(|path| path.strip_prefix("./").unwrap_or(path)).collect();
    for (index, path) in plain.iter().enumerate() {
        // `models/sub` is below `models`, whichever of the two comes first.
        let is_below = |other: &str| Path::new(path).starts_with(other);
        let Some(other) = plain
            .iter()
            .enumerate()
            .find(|(at, other)| *at != index && is_below(other) && (*at < index || path != *other))
        else {
            continue;
        };
        let Some(example) = first_file(&root.join(path), file) else { continue };
        let example = example.strip_prefix(root).unwrap_or(&example).display().to_string();
        let position = written.get(index).map_or(Position::default(), |item| item.position);
        let what = format!("Compilation Error\n  `{key}` lists what is below '{path}' twice.");
        let cause = format!("{example} is found below '{path}' and below '{}', and its names must be unique", other.1);
        fields.report(position, what, Some(cause), "remove one of the two");
    }
    found
}

/// Some file with an ending below a directory.
fn first_file(directory: &Path, ending: &str) -> Option<PathBuf> {
    let files = walkdir::WalkDir::new(directory).sort_by_file_name().into_iter().filter_map(Result::ok);
    let mut files = files.map(walkdir::DirEntry::into_path);
    files.find(|path| path.extension().is_some_and(|found| found == ending) && path.is_file())
}

/// A list of directories without trailing slashes. `old` is the key's deprecated name.
fn paths(fields: &mut Fields<'_>, key: &str, old: Option<&str>, default: &[&str]) -> Vec<String> {
    let mut written = fields.peek(key).is_some_and(|node| !node.value.is_null());
    let mut found = fields.texts(key);
    if let Some(old) = old
        && let Some(node) = fields.peek(old)
    {
        let position = node.position;
        if fields.was_there(key) {
            let what = format!(
                "Runtime Error\n  {old} and {key} cannot both be defined. The `{old}` config has been deprecated in favor of `{key}`. Please update your `dbt_project.yml` configuration to reflect this change."
            );
            fields.report(position, what, None, &format!("move what `{old}` says into `{key}`"));
        }
        let warning = fields
            .source
            .warning(position, format!("The `{old}` config has been renamed to `{key}`. Please update your `dbt_project.yml` configuration to reflect this change."))
            .named(if old == "data-paths" { "ConfigDataPathDeprecation" } else { "ConfigSourcePathDeprecation" })
            .with("deprecated_path", old)
            .with("exp_path", key)
            .cause(format!("`{old}` is the deprecated name of `{key}`"))
            .fix(format!("rename it to `{key}`"));
        fields.diagnostics.push(warning);
        let texts = fields.texts(old);
        if !written {
            written = true;
            found = texts;
        }
    }
    if !written {
        return default.iter().map(|path| (*path).to_owned()).collect();
    }
    found.iter().map(|path| path.trim_end_matches('/').to_owned()).collect()
}

fn docs_paths(fields: &mut Fields<'_>, project: &DbtProject) -> Vec<String> {
    let written = paths(fields, "docs-paths", None, &[]);
    if !written.is_empty() {
        return written;
    }
    let all = [
        &project.model_paths,
        &project.seed_paths,
        &project.snapshot_paths,
        &project.analysis_paths,
        &project.macro_paths,
        &project.test_paths,
        &project.function_paths,
    ];
    let mut union: Vec<String> = Vec::new();
    for path in all.into_iter().flatten() {
        if !union.contains(path) {
            union.push(path.clone());
        }
    }
    union
}

fn read_quoting(fields: &mut Fields<'_>) -> Quoting {
    let Some(node) = fields.take_some("quoting") else { return Quoting::default() };
    let Some(mut quoting) = fields.nested(&node, "quoting in dbt_project.yml") else { return Quoting::default() };
    let database = quoting.bool("database");
    let project = quoting.bool("project");
    let read = Quoting {
        database: database.or(project),
        schema: quoting.bool("schema"),
        identifier: quoting.bool("identifier"),
        column: None,
    };
    quoting.refuse_rest("quoting", &["database", "schema", "identifier", "project"]);
    read
}

fn read_requirement(fields: &mut Fields<'_>) -> VersionRequirement {
    let position = fields.peek("require-dbt-version").map(|node| node.position).unwrap_or_default();
    match VersionRequirement::parse(&fields.texts("require-dbt-version")) {
        Ok(requirement) => requirement,
        Err(part) => {
            let what = format!("Runtime Error\n  \"{part}\" is not a valid semantic version.");
            let cause = Some("`require-dbt-version` wants comparisons with full versions".to_owned());
            fields.report(position, what, cause, "write for example `require-dbt-version: [\">=1.8.0\", \"<2.0.0\"]`");
            VersionRequirement::default()
        }
    }
}

fn read_dispatch(fields: &mut Fields<'_>) -> Vec<Dispatch> {
    let nodes = fields.list("dispatch");
    let mut found = Vec::new();
    for node in &nodes {
        let Some(mut entry) = fields.nested(node, "an entry of dispatch") else { continue };
        let namespace = entry.text("macro_namespace");
        let is_list = matches!(entry.peek("search_order"), Some(Node { value: Value::Seq(_), .. }));
        let search_order = entry.texts("search_order");
        match namespace {
            // Without any package dbt searches as if nothing was said.
            Some(_) if is_list && search_order.is_empty() => {}
            Some(macro_namespace) if is_list => found.push(Dispatch { macro_namespace, search_order }),
            _ => {
                let what =
                    "Runtime Error\n  Invalid project dispatch config: macro_namespace and search_order are required";
                entry.report(
                    node.position,
                    what.to_owned(),
                    Some("`search_order` is a list of packages".to_owned()),
                    "write `- {macro_namespace: dbt_utils, search_order: [my_project, dbt_utils]}`",
                );
            }
        }
    }
    found
}

fn read_query_comment(fields: &mut Fields<'_>) -> QueryComment {
    let Some(node) = fields.take("query-comment") else { return QueryComment::Default };
    match &node.value {
        Value::Null => QueryComment::Disabled,
        Value::Str(text) if text.is_empty() => QueryComment::Disabled,
        Value::Str(text) => QueryComment::Custom { comment: Some(text.clone()), append: false, job_label: false },
        Value::Map(_) => {
            let Some(mut comment) = fields.nested(&node, "query-comment in dbt_project.yml") else {
                return QueryComment::Default;
            };
            types::check(&mut comment, types::QUERY_COMMENT);
            let written = comment.has("comment");
            let text = comment.text("comment");
            let append = comment.bool("append").unwrap_or(false);
            let job_label = comment.bool("job-label").unwrap_or(false);
            comment.refuse_rest("query-comment", &["comment", "append", "job-label"]);
            if written && text.as_deref().is_none_or(str::is_empty) {
                return QueryComment::Disabled;
            }
            QueryComment::Custom { comment: text, append, job_label }
        }
        _ => {
            fields.wrong("query-comment", "a string or a mapping", &node);
            QueryComment::Default
        }
    }
}

fn read_configs(fields: &mut Fields<'_>, unrendered: &Node) -> ConfigTrees {
    let mut trees = ConfigTrees::default();
    let empty = Map::new();
    let raw = |key: &str| -> &Map {
        unrendered.value.as_map().and_then(|map| map.get(key)).and_then(|node| node.value.as_map()).unwrap_or(&empty)
    };
    let old_position = fields.peek("tests").map(|node| node.position).unwrap_or_default();
    let old_tests = fields.mapping("tests");
    for kind in ConfigKind::ALL {
        let key = kind.key();
        let mut tree = fields.mapping(key);
        let mut raw_tree = raw(key);
        if kind == ConfigKind::DataTests && !old_tests.is_empty() {
            if tree.is_empty() {
                tree = old_tests.clone();
                raw_tree = raw("tests");
            } else {
                let what = "Runtime Error\n  at path []: Invalid project config: cannot have both 'tests' and 'data_tests' defined";
                let cause = Some("`tests` is the older name of `data_tests`; dbt reads one of them".to_owned());
                fields.report(old_position, what.to_owned(), cause, "move the configs of `tests` below `data_tests`");
            }
        }
        if !tree.is_empty() {
            check_tree(kind.key(), raw_tree, fields);
            trees.set(kind, ConfigTree::new(&tree, raw_tree));
        }
    }
    trees
}

/// Says what is wrong with the configs of a tree: keys with a `+`, and those whose value is not a folder's.
fn check_tree(path: &str, tree: &Map, fields: &mut Fields<'_>) {
    let configs = tree.entries().filter_map(|entry| {
        let key = entry.key.value.as_str()?;
        let config = key.strip_prefix('+').map(str::trim);
        let is_folder = config.is_none() && entry.value.value.as_map().is_some();
        (!is_folder).then(|| (config.unwrap_or(key), entry.key.position))
    });
    refuse_both_names(configs, fields);
    for entry in tree.entries() {
        let Value::Str(key) = &entry.key.value else { continue };
        let config = key.strip_prefix('+').map(str::trim);
        match (config, entry.value.value.as_map()) {
            (None, Some(below)) => check_tree(&format!("{path}.{key}"), below, fields),
            (config, _) => {
                let name = config.unwrap_or(key);
                let Some(meant) = misspelt_config(name) else { continue };
                let plus = if config.is_some() { "+" } else { "" };
                let what = format!(
                    "Custom key `{key}` found in `config` at path `{path}.{key}` in file `{}`. Custom config keys should move into the `config.meta`.",
                    fields.source.file
                );
                let warning = fields
                    .source
                    .warning(entry.key.position, what)
                    .named("CustomKeyInConfigDeprecation")
                    .with("key", key)
                    .with("file", &fields.source.file)
                    .with("key_path", format!("{path}.{key}"))
                    .cause("the config is kept, and nothing of dbt or Athena reads it")
                    .fix(format!("did you mean '{plus}{meant}'?"));
                fields.diagnostics.push(warning);
            }
        }
    }
}

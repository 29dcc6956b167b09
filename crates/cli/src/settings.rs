//! What an invocation goes by, resolved once: flag, then environment, then the project's `flags:`, then default.

use std::{
    cell::RefCell,
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use diagnostic::Diagnostic;
use engine::events::Level;
use project::yaml;

use crate::{
    args::{Command, GlobalArgs, LogFormat, LogLevel, tri_state},
    environment::Environment,
    project_flags::ProjectFlags,
    warnings::{Deprecations, WarningRules},
};

/// Resolved global settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Absolute. `None`: there is no project here, which only some commands need.
    pub project_dir: Option<PathBuf>,
    /// Where dbt_project.yml was looked for: as named, else in the current folder.
    pub expected_project: ExpectedProject,
    /// What is wrong with the project's `flags:`, whose defaults then hold: told with the project's other mistakes.
    pub mistakes: Vec<Diagnostic>,
    pub profiles_dir: Option<PathBuf>,
    pub profile: Option<String>,
    pub target: Option<String>,
    /// As given; relative to the project.
    pub target_path: Option<PathBuf>,
    pub log_path: Option<PathBuf>,
    /// As given; relative to the project.
    pub state: Option<PathBuf>,
    /// As given; relative to the project.
    pub defer_state: Option<PathBuf>,
    pub defer: bool,
    pub favor_state: bool,
    pub event_time_start: Option<String>,
    pub event_time_end: Option<String>,
    pub sample: Option<String>,
    /// `--vars`, parsed.
    pub vars: yaml::Map,
    /// `None`: the profile's.
    pub threads: Option<usize>,
    pub fail_fast: bool,
    /// Which warnings are errors.
    pub warnings: WarningRules,
    pub deprecations: Arc<Deprecations>,
    pub project_flags: ProjectFlags,
    pub indirect_selection: Option<String>,
    pub full_refresh: bool,
    pub store_failures: bool,
    pub empty: bool,
    pub log_format: LogFormat,
    /// `None`: nothing at all.
    pub log_level: Option<Level>,
    /// As it was asked for, whatever `--quiet` and `--debug` make of it.
    pub told_log_level: LogLevel,
    pub log_format_file: LogFormat,
    /// `None`: no log file.
    pub log_level_file: Option<Level>,
    /// 0 is no limit.
    pub log_file_max_bytes: u64,
    pub print: bool,
    pub quiet: bool,
    pub colors: bool,
    /// In the log file.
    pub colors_file: bool,
    /// `use_colors` and `use_colors_file` as templates and artifacts have them: what was asked, else dbt's default.
    pub told_colors: [bool; 2],
    pub progress: bool,
    pub printer_width: usize,
    pub write_json: bool,
    pub version_check: bool,
    /// Larger seeds are not hashed; 0 is no limit.
    pub maximum_seed_size_mib: u64,
}

/// Where a project was looked for.
#[derive(Debug, Clone)]
pub struct ExpectedProject {
    folder: PathBuf,
    /// By `--project-dir` or its variable.
    is_named: bool,
}

impl ExpectedProject {
    /// The file that makes a folder a project.
    pub fn file(&self) -> PathBuf {
        self.folder.join("dbt_project.yml")
    }
}

impl Settings {
    /// Resolves the flags. Looks for the project, and reads nothing of it but its `flags:`.
    ///
    /// # Errors
    /// What the command line or a variable says cannot be. As with dbt, it is told as such, and in no log.
    pub fn resolve(global: &GlobalArgs, environment: &Environment, current_dir: &Path) -> anyhow::Result<Self> {
        let (project_dir, expected_project) = project_dir(global, environment, current_dir)?;
        let profiles_dir =
            global.profiles_dir.clone().or_else(|| environment.setting("PROFILES_DIR").map(PathBuf::from));
        let profiles_dir = profiles_dir.map(|dir| current_dir.join(dir));
        let profiles_dirs = profiles_dirs(profiles_dir.as_deref(), environment, current_dir, project_dir.as_deref());
        let (flags, of_two_files) = ProjectFlags::read(project_dir.as_deref(), &profiles_dirs);
        let lookup =
            Lookup { environment, flags: &flags, mistakes: RefCell::default(), of_variables: RefCell::default() };

        let path = |flag: &Option<PathBuf>, name| flag.clone().or_else(|| lookup.text(name).map(PathBuf::from));
        let text = |flag: &Option<String>, name| flag.clone().or_else(|| lookup.text(name));
        let threads = match (global.single_threaded, global.threads) {
            (true, _) => Some(1),
            (_, Some(threads)) => Some(usize::from(threads)),
            _ => lookup.number("THREADS"),
        };
        let debug = lookup.flag(tri_state(global.debug, global.no_debug), "DEBUG", false);
        let quiet = lookup.flag(tri_state(global.quiet, global.no_quiet), "QUIET", false);
        let asked_format = match global.log_format {
            Some(format) => Some(format),
            None => lookup.choice("LOG_FORMAT"),
        };
        let log_format = asked_format.unwrap_or(LogFormat::Default);
        let asked_level = match global.log_level {
            Some(level) => Some(level),
            None => lookup.choice("LOG_LEVEL"),
        };
        let told_log_level = asked_level.unwrap_or(LogLevel::Info);
        let log_level = told_log_level.least().map(|level| match (quiet, debug) {
            (true, _) => Level::Error,
            (false, true) => Level::Debug,
            (false, false) => level,
        });
        let vars = text(&global.vars, "VARS").map_or_else(|| Ok(yaml::Map::default()), |vars| parse_vars(&vars))?;
        let terminal = std::io::stdout().is_terminal();
        let no_color = environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colors = |default| lookup.flag(tri_state(global.use_colors, global.no_use_colors), "USE_COLORS", default);
        let colors_file = |default| {
            lookup.flag(tri_state(global.use_colors_file, global.no_use_colors_file), "USE_COLORS_FILE", default)
        };
        let settings = Self {
            colors_file: colors_file(false),
            told_colors: [colors(true), colors_file(colors(true))],
            profiles_dir,
            profile: text(&global.profile, "PROFILE"),
            target: text(&global.target, "TARGET"),
            target_path: path(&global.target_path, "TARGET_PATH"),
            log_path: path(&global.log_path, "LOG_PATH").or_else(|| flags.log_path.clone()),
            // The older names of variables count more than the newer ones, as with dbt.
            state: global.state.clone().or_else(|| path(&None, "ARTIFACT_STATE_PATH").or_else(|| path(&None, "STATE"))),
            defer_state: path(&global.defer_state, "DEFER_STATE"),
            defer: lookup.flag(
                tri_state(global.defer, global.no_defer),
                "DEFER_TO_STATE",
                lookup.flag(None, "DEFER", false),
            ),
            favor_state: lookup.flag(
                tri_state(global.favor_state, global.no_favor_state),
                "FAVOR_STATE_MODE",
                lookup.flag(None, "FAVOR_STATE", false),
            ),
            vars,
            threads,
            fail_fast: lookup.flag(tri_state(global.fail_fast, global.no_fail_fast), "FAIL_FAST", false),
            warnings: warning_rules(global, &lookup)?
                .handling_all(!flags.is_off("require_all_warnings_handled_by_warn_error")),
            deprecations: Arc::new(Deprecations::new(lookup.flag(
                tri_state(global.show_all_deprecations, global.no_show_all_deprecations),
                "SHOW_ALL_DEPRECATIONS",
                false,
            ))),
            project_flags: flags.clone(),
            log_format_file: match global.log_format_file {
                Some(format) => format,
                // What is asked of the terminal's log holds for the file too, as with dbt.
                None => lookup.choice("LOG_FORMAT_FILE").or(asked_format).unwrap_or(LogFormat::Debug),
            },
            log_level_file: match global.log_level_file.or_else(|| lookup.choice("LOG_LEVEL_FILE")).or(asked_level) {
                Some(level) => level.least(),
                None => Some(Level::Debug),
            },
            log_file_max_bytes: match global.log_file_max_bytes {
                Some(bytes) => bytes,
                None => lookup.count("LOG_FILE_MAX_BYTES").unwrap_or(10 * 1024 * 1024),
            },
            indirect_selection: match global.indirect_selection {
                Some(mode) => Some(mode.as_str().to_owned()),
                None => lookup.text("INDIRECT_SELECTION"),
            },
            full_refresh: lookup.flag(None, "FULL_REFRESH", false),
            store_failures: lookup.flag(None, "STORE_FAILURES", false),
            empty: lookup.flag(None, "EMPTY", false),
            event_time_start: lookup.text("EVENT_TIME_START"),
            event_time_end: lookup.text("EVENT_TIME_END"),
            sample: lookup.text("SAMPLE"),
            log_format,
            log_level,
            told_log_level,
            print: match tri_state(global.print, global.no_print) {
                Some(given) => given,
                None => !lookup.flag(None, "NO_PRINT", !lookup.flag(None, "PRINT", true)),
            },
            quiet,
            colors: colors(terminal && !no_color),
            progress: std::io::stderr().is_terminal()
                && !quiet
                && matches!(log_format, LogFormat::Default | LogFormat::Text),
            printer_width: match global.printer_width {
                Some(width) => width,
                None => lookup.number("PRINTER_WIDTH").unwrap_or(80),
            },
            write_json: lookup.flag(tri_state(global.write_json, global.no_write_json), "WRITE_JSON", true),
            version_check: lookup.flag(tri_state(global.version_check, global.no_version_check), "VERSION_CHECK", true),
            maximum_seed_size_mib: match global.maximum_seed_size_mib {
                Some(size) => size,
                None => lookup.count("MAXIMUM_SEED_SIZE_MIB").unwrap_or(1),
            },
            project_dir,
            expected_project,
            mistakes: Vec::new(),
        };
        let (mistakes, of_variables) = (lookup.mistakes.into_inner(), lookup.of_variables.into_inner());
        if !of_variables.is_empty() {
            bail!(together(&of_variables));
        }
        Ok(Self { mistakes: of_two_files.into_iter().chain(mistakes).collect(), ..settings })
    }

    /// Takes over what the command's own flags say.
    pub fn with_command(mut self, command: &Command) -> Self {
        self.empty &= match command {
            Command::Build(args) => !args.no_empty,
            Command::Plan(args) => !args.build.no_empty,
            Command::Run(args) => !args.no_empty,
            Command::Seed(args) => !args.no_empty,
            Command::Snapshot(args) => !args.no_empty,
            Command::Compile(args) => !args.no_empty,
            _ => false,
        };
        let event_time = match command {
            Command::Build(args) => Some(&args.event_time),
            Command::Plan(args) => Some(&args.build.event_time),
            Command::Run(args) => Some(&args.event_time),
            _ => None,
        };
        let Some(event_time) = event_time else {
            (self.event_time_start, self.event_time_end, self.sample) = (None, None, None);
            return self;
        };
        for (setting, flag) in [
            (&mut self.event_time_start, &event_time.event_time_start),
            (&mut self.event_time_end, &event_time.event_time_end),
            (&mut self.sample, &event_time.sample),
        ] {
            if flag.is_some() {
                setting.clone_from(flag);
            }
        }
        self
    }

    /// The project's folder, or why there is none.
    pub fn need_project(&self) -> Result<&Path, Diagnostic> {
        self.project_dir.as_deref().ok_or_else(|| {
            let expected = self.expected_project.file();
            let what = format!("Runtime Error\n  No dbt_project.yml found at expected path {}", expected.display());
            let missing = Diagnostic::error(what);
            match self.expected_project.is_named {
                true => missing
                    .cause("--project-dir must be the folder that holds dbt_project.yml")
                    .fix("correct --project-dir, or leave it out inside the project"),
                false => missing
                    .cause("neither the current folder nor one above it has a dbt_project.yml")
                    .fix("go to your project, or name it: --project-dir DIR"),
            }
        })
    }

    /// That no flag is wrong, and that a project that was named is there.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.expected_project.is_named {
            self.need_project()?;
        }
        if self.mistakes.is_empty() { Ok(()) } else { bail!(together(&self.mistakes)) }
    }
}

fn together(mistakes: &[Diagnostic]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// `--warn-error`, `--warn-error-options`, their variables, or the project's flags; the command line's own word counts most.
fn warning_rules(global: &GlobalArgs, lookup: &Lookup<'_>) -> anyhow::Result<WarningRules> {
    if let Some(given) = tri_state(global.warn_error, global.no_warn_error) {
        return Ok(if given { WarningRules::all_are_errors() } else { WarningRules::default() });
    }
    if let Some(text) = global.warn_error_options.as_deref().or(lookup.environment.setting("WARN_ERROR_OPTIONS")) {
        let map = parse_mapping("--warn-error-options", text)?;
        return Ok(WarningRules::parse(&yaml::Value::Map(map).to_json())?);
    }
    let all = lookup.flag(None, "WARN_ERROR", false);
    let rules = match lookup.flags.values.get("warn_error_options").map(|options| options.value.to_json()) {
        Some(_) if all => Err(Diagnostic::error("warn_error: not allowed with warn_error_options")
            .cause("the first makes all warnings errors, the second only some")
            .fix("remove one of the two")),
        Some(options) if !options.is_null() => WarningRules::parse(&options),
        _ if all => Ok(WarningRules::all_are_errors()),
        _ => Ok(WarningRules::default()),
    };
    Ok(rules.unwrap_or_else(|mistake| {
        lookup.has("warn_error_options", mistake);
        WarningRules::default()
    }))
}

/// The flag, the variable, or the nearest parent with a dbt_project.yml; and where it should be.
fn project_dir(
    global: &GlobalArgs,
    environment: &Environment,
    current_dir: &Path,
) -> anyhow::Result<(Option<PathBuf>, ExpectedProject)> {
    let named = global.project_dir.clone().or_else(|| environment.setting("PROJECT_DIR").map(PathBuf::from));
    let Some(named) = named else {
        let found = current_dir.ancestors().find(|dir| dir.join("dbt_project.yml").is_file()).map(Path::to_path_buf);
        return Ok((found, ExpectedProject { folder: current_dir.to_path_buf(), is_named: false }));
    };
    let dir = current_dir.join(&named);
    if !dir.is_dir() {
        bail!(
            "Invalid value for '--project-dir': Path '{}' does not exist.\n  \
             cause: there is no such folder\n  \
             fix:   correct --project-dir, or leave it out inside the project",
            named.display()
        );
    }
    let found = match dir.join("dbt_project.yml").is_file() {
        true => Some(fs_err::canonicalize(&dir).context("finding the project")?),
        false => None,
    };
    Ok((found, ExpectedProject { folder: named, is_named: true }))
}

/// `--vars`: a YAML mapping.
pub fn parse_vars(text: &str) -> anyhow::Result<yaml::Map> {
    parse_mapping("--vars", text)
}

/// A flag whose value is a YAML mapping.
pub fn parse_mapping(flag: &str, text: &str) -> anyhow::Result<yaml::Map> {
    let (node, _) = yaml::parse(text).map_err(|error| {
        anyhow::anyhow!("The value of {flag} is no YAML: '{text}'\n  cause: {error}\n  fix:   write a mapping: {flag} '{{name: value}}'")
    })?;
    match node.value.as_map() {
        Some(map) => Ok(map.clone()),
        None if text.trim().is_empty() => Ok(yaml::Map::default()),
        None => bail!(
            "The {flag} argument must be a YAML dictionary, but was '{text}'\n  \
             cause: it is a list or a single value\n  \
             fix:   write a mapping: {flag} '{{name: value}}'"
        ),
    }
}

/// Where profiles.yml may be: named, or the current folder (for which the project's stands in), or `~/.dbt`.
pub fn profiles_dirs(
    named: Option<&Path>,
    environment: &Environment,
    current_dir: &Path,
    project_dir: Option<&Path>,
) -> Vec<PathBuf> {
    if let Some(dir) = named {
        return vec![dir.to_path_buf()];
    }
    let home = environment.get("HOME").map(|home| Path::new(home).join(".dbt"));
    let found = std::iter::once(current_dir.to_path_buf()).chain(project_dir.map(Path::to_path_buf));
    found.chain(home).collect()
}

/// Environment and project flags behind one question. A value that cannot be counts as none, and is noted.
struct Lookup<'a> {
    environment: &'a Environment,
    flags: &'a ProjectFlags,
    /// Of the project's flags.
    mistakes: RefCell<Vec<Diagnostic>>,
    /// Of the environment.
    of_variables: RefCell<Vec<Diagnostic>>,
}

impl Lookup<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.environment.setting(name).map(str::to_owned).or_else(|| {
            let value = &self.flags.values.get(&name.to_lowercase())?.value;
            match value {
                yaml::Value::Null => None,
                value => value.scalar_text(),
            }
        })
    }

    /// Notes a mistake in a flag of the project, once.
    fn has(&self, flag: &str, mistake: Diagnostic) {
        note(&self.mistakes, self.flags.located(flag, mistake));
    }

    /// Notes a value that the setting cannot have, and who gave it.
    fn invalid(&self, name: &str, text: &str, problem: &str, fix: &str) {
        let mistake = Diagnostic::error(format!("'{text}' is not a valid value for {name}")).fix(fix);
        match self.environment.named_setting(name) {
            Some((variable, _)) => {
                // Either of dbt's names stands for both.
                let variable = match variable.starts_with("DBT_") {
                    true => format!("DBT_{name} or DBT_ENGINE_{name}"),
                    false => variable,
                };
                note(&self.of_variables, mistake.cause(format!("the environment variable {variable} {problem}")));
            }
            None => {
                let flag = name.to_lowercase();
                self.has(&flag, mistake.cause(format!("`{flag}` of the project's flags {problem}")));
            }
        }
    }

    fn flag(&self, given: Option<bool>, name: &str, default: bool) -> bool {
        if let Some(given) = given {
            return given;
        }
        let Some(text) = self.text(name) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "t" | "y" | "on" => true,
            "false" | "0" | "no" | "f" | "n" | "off" => false,
            _ => {
                self.invalid(name, &text, "is neither true nor false", "set it to true or false");
                default
            }
        }
    }

    /// A number of something; 0 may mean none or no limit.
    fn count(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let count = text.parse().ok();
        if count.is_none() {
            self.invalid(name, &text, "is no number", "set it to a number");
        }
        count
    }

    fn number(&self, name: &str) -> Option<usize> {
        let text = self.text(name)?;
        let number = text.parse().ok().filter(|number| *number > 0);
        if number.is_none() {
            self.invalid(name, &text, "is no number above 0", "set it to a number");
        }
        number
    }

    fn choice<T: clap::ValueEnum>(&self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        let choice = T::from_str(&text, true).ok();
        if choice.is_none() {
            let valid: Vec<String> = T::value_variants()
                .iter()
                .filter_map(clap::ValueEnum::to_possible_value)
                .map(|value| value.get_name().to_owned())
                .collect();
            self.invalid(name, &text, "is none of the known words", &format!("use one of: {}", valid.join(", ")));
        }
        choice
    }
}

/// A setting may be looked up twice.
fn note(mistakes: &RefCell<Vec<Diagnostic>>, mistake: Diagnostic) {
    let mut mistakes = mistakes.borrow_mut();
    if !mistakes.contains(&mistake) {
        mistakes.push(mistake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: &str, environment: &[(&str, &str)], global: &GlobalArgs) -> anyhow::Result<Settings> {
        let dir = tempfile::tempdir().expect("a folder");
        fs_err::write(dir.path().join("dbt_project.yml"), format!("name: shop\nflags:\n  {flags}\n")).expect("written");
        Settings::resolve(global, &Environment::new(environment), dir.path())
    }

    #[test]
    fn flags_in_their_older_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs_err::write(dir.path().join(name), text).expect("written");
        let resolve = || Settings::resolve(&GlobalArgs::default(), &Environment::new(&[]), dir.path());
        write("dbt_project.yml", "name: shop\n");
        write("profiles.yml", "config: {fail_fast: true, require_unique_project_resource_names: true}\n");
        let settings = resolve().expect("settings");
        assert!(settings.fail_fast);
        assert_eq!(settings.project_flags.of_profiles().len(), 2);
        assert!(settings.project_flags.deprecation().is_some());
        write("dbt_project.yml", "name: shop\nflags: {debug: true}\n");
        let mistakes = resolve().expect("settings").mistakes;
        let both = "Runtime Error\n  Do not specify both 'config' in profiles.yml and 'flags' in dbt_project.yml";
        assert_eq!((mistakes.len(), mistakes[0].what.as_str()), (1, both));
        write("profiles.yml", "config: {}\n");
        let settings = resolve().expect("settings");
        assert!(settings.log_level == Some(Level::Debug) && settings.project_flags.deprecation().is_none());
    }

    #[test]
    fn flag_then_environment_then_project_then_default() {
        let mut global = GlobalArgs::default();
        assert!(!resolve("debug: false", &[], &global).expect("settings").fail_fast);
        assert!(resolve("fail_fast: true", &[], &global).expect("settings").fail_fast);
        assert!(!resolve("fail_fast: true", &[("DBT_FAIL_FAST", "0")], &global).expect("settings").fail_fast);
        let both = [("DBT_FAIL_FAST", "0"), ("DBT_ENGINE_FAIL_FAST", "1")];
        assert!(resolve("fail_fast: false", &both, &global).expect("settings").fail_fast);
        global.no_fail_fast = true;
        assert!(!resolve("fail_fast: true", &both, &global).expect("settings").fail_fast);
    }

    #[test]
    fn the_log_file_follows_the_terminal_unless_it_is_told_otherwise() {
        let of = |settings: Settings| (settings.log_format_file, settings.log_level_file);
        let plain = resolve("debug: false", &[], &GlobalArgs::default()).expect("settings");
        assert_eq!(of(plain), (LogFormat::Debug, Some(Level::Debug)));
        let asked = [("DBT_LOG_FORMAT", "json")];
        let global = GlobalArgs { log_level: Some(LogLevel::Warn), ..GlobalArgs::default() };
        let followed = resolve("debug: false", &asked, &global).expect("settings");
        assert_eq!(of(followed), (LogFormat::Json, Some(Level::Warn)));
        let global = GlobalArgs { log_level_file: Some(LogLevel::None), ..global };
        let own = resolve("log_format_file: text", &asked, &global).expect("settings");
        assert_eq!(of(own), (LogFormat::Text, None));
    }

    #[test]
    fn a_wrong_value_is_an_error_with_its_name() {
        let mistakes = resolve("fail_fast: maybe", &[], &GlobalArgs::default()).expect("settings").mistakes;
        assert!(
            mistakes[0]
                .to_string()
                .starts_with("'maybe' is not a valid value for FAIL_FAST\n  at dbt_project.yml:3:14")
        );
        let variables = [("DBT_QUIET", "maybe"), ("DBT_DEBUG", "loud")];
        let error =
            resolve("fail_fast: maybe", &variables, &GlobalArgs::default()).expect_err("no boolean").to_string();
        assert_eq!(error.matches("is not a valid value for").count(), 2, "{error}");
        let vars = GlobalArgs { vars: Some("[1]".to_owned()), ..GlobalArgs::default() };
        let error = resolve("debug: false", &[], &vars).expect_err("no mapping");
        assert!(error.to_string().starts_with("The --vars argument must be a YAML dictionary"), "{error}");
    }
}

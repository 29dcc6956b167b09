//! The invocation's arguments as artifacts and templates have them: dbt's names, lower case.

use engine::run::event_time::parse_time;
use project::ProjectFlags;
use serde_json::{Map, Value, json};

use crate::{
    args::{Command, DocsCommand, GlobalArgs, ResourceTypeArgs, SelectionArgs, SourceCommand},
    settings::Settings,
};

/// `args` of run_results.json, `flags` and `invocation_args_dict` of templates.
pub fn arguments(command: &Command, global: &GlobalArgs, settings: &Settings, invocation: &str) -> Map<String, Value> {
    let mut all = Map::new();
    let mut set = |name: &str, value: Value| {
        all.insert(name.to_owned(), value);
    };
    set("which", command.name().into());
    set("invocation_command", invocation.into());
    set("vars", vars(settings));
    set("threads", settings.threads.into());
    set("target", settings.target.clone().into());
    set("profile", settings.profile.clone().into());
    set("project_dir", settings.project_dir.as_ref().map(|dir| dir.display().to_string()).into());
    set("profiles_dir", settings.profiles_dir.as_ref().map(|dir| dir.display().to_string()).into());
    set("target_path", settings.target_path.as_ref().map(|dir| dir.display().to_string()).into());
    let logs = settings.log_path.clone().or_else(|| Some(settings.project_dir.as_ref()?.join("logs")));
    set("log_path", logs.map(|dir| dir.display().to_string()).into());
    let folder = |dir: &Option<std::path::PathBuf>| Value::from(dir.as_ref().map(|dir| dir.display().to_string()));
    set("state", folder(&settings.state));
    set("defer_state", folder(&settings.defer_state));
    set("defer", settings.defer.into());
    set("favor_state", settings.favor_state.into());
    set("event_time_start", moment(settings.event_time_start.as_deref()));
    set("event_time_end", moment(settings.event_time_end.as_deref()));
    set("sample", settings.sample.clone().into());
    set("fail_fast", settings.fail_fast.into());
    set("warn_error", settings.warnings.is_by_flag().into());
    set("warn_error_options", settings.warnings.to_json());
    set("log_format_file", format!("{:?}", settings.log_format_file).to_lowercase().into());
    set("log_level_file", settings.log_level_file.map_or("none", engine::events::Level::as_str).into());
    set("log_file_max_bytes", settings.log_file_max_bytes.into());
    set("log_format", format!("{:?}", settings.log_format).to_lowercase().into());
    set("log_level", settings.told_log_level.least().map_or("none", engine::events::Level::as_str).into());
    set("show_all_deprecations", settings.deprecations.shows_all().into());
    set("quiet", settings.quiet.into());
    set("debug", global.debug.into());
    set("print", settings.print.into());
    let [colors, colors_file] = settings.told_colors;
    set("use_colors", colors.into());
    set("use_colors_file", colors_file.into());
    set("printer_width", settings.printer_width.into());
    set("write_json", settings.write_json.into());
    set("version_check", settings.version_check.into());
    set("maximum_seed_size_mib", settings.maximum_seed_size_mib.into());
    set("introspect", true.into());
    set("partial_parse", false.into());
    set("static_parser", true.into());
    set("use_experimental_parser", false.into());
    set("cache_selected_only", false.into());
    set("log_cache_events", false.into());
    set("hints_enabled", true.into());
    set("send_anonymous_usage_stats", false.into());
    set("indirect_selection", settings.indirect_selection.clone().unwrap_or_else(|| "eager".to_owned()).into());
    set("full_refresh", settings.full_refresh.into());
    set("store_failures", settings.store_failures.into());
    set("select", json!([]));
    set("exclude", json!([]));
    set("empty", settings.empty.into());
    set("resource_types", json!([]));
    set("exclude_resource_types", json!([]));
    of_command(command, &mut set);
    all
}

/// `args` of run_results.json and `invocation_args_dict`: with the project's behaviour flags, without what is not set, and without what is off and
/// could only be switched on.
///
/// Source: dbt Core 1.12, `args_to_dict`.
pub fn as_written(arguments: &Map<String, Value>, flags: &ProjectFlags) -> Map<String, Value> {
    const ONLY_WHEN_ON: [&str; 7] = [
        "debug",
        "full_refresh",
        "fail_fast",
        "warn_error",
        "log_cache_events",
        "store_failures",
        "use_experimental_parser",
    ];
    let mut written = arguments.clone();
    written.extend(flags.behaviours().map(|(name, on)| (name.to_owned(), on.into())));
    let is_off = |name: &str, value: &Value| ONLY_WHEN_ON.contains(&name) && *value == Value::Bool(false);
    let which = arguments.get("which").and_then(Value::as_str).unwrap_or_default();
    written.retain(|name, value| !value.is_null() && !is_off(name, value) && is_known(which, name));
    written
}

/// Whether the command has this option, of those that few have.
fn is_known(which: &str, name: &str) -> bool {
    match name {
        "empty" => ["build", "compile", "plan", "run", "seed", "snapshot"].contains(&which),
        "resource_types" | "exclude_resource_types" => ["build", "clone", "list", "plan", "test"].contains(&which),
        _ => true,
    }
}

fn vars(settings: &Settings) -> Value {
    project::yaml::Value::Map(settings.vars.clone()).to_json()
}

fn of_command(command: &Command, set: &mut impl FnMut(&str, Value)) {
    match command {
        Command::Build(args) => {
            selection(&args.selection, set);
            types(&args.types, set);
            flags(set, args.full_refresh, args.empty, args.store_failures);
            set("show", args.show.into());
        }
        Command::Plan(args) => {
            selection(&args.build.selection, set);
            types(&args.build.types, set);
            flags(set, args.build.full_refresh, args.build.empty, args.build.store_failures);
        }
        Command::Run(args) => {
            selection(&args.selection, set);
            flags(set, args.full_refresh, args.empty, false);
        }
        Command::Seed(args) => {
            selection(&args.selection, set);
            set("show", args.show.into());
            flags(set, args.full_refresh, args.empty, false);
        }
        Command::Snapshot(args) => {
            selection(&args.selection, set);
            flags(set, false, args.empty, false);
        }
        Command::Test(args) => {
            selection(&args.selection, set);
            types(&args.types, set);
            flags(set, false, false, args.store_failures);
        }
        Command::Compile(args) => {
            selection(&args.selection, set);
            flags(set, args.full_refresh, args.empty, false);
            set("inline", args.inline.clone().into());
            set("output", format!("{:?}", args.output).to_lowercase().into());
            set("introspect", (!args.no_introspect).into());
            set("inject_ephemeral_ctes", (!args.no_inject_ephemeral_ctes).into());
        }
        Command::Show(args) => {
            selection(&args.selection, set);
            flags(set, args.full_refresh, false, false);
            set("inline", args.inline.clone().into());
            set("limit", args.limit.into());
        }
        Command::Clone(args) => {
            selection(&args.selection, set);
            types(&args.types, set);
            flags(set, args.full_refresh, false, false);
            set("defer", true.into());
        }
        Command::List(args) => {
            selection(&args.selection, set);
            types(&args.types, set);
        }
        Command::Docs(DocsCommand::Generate(args)) => {
            selection(&args.selection, set);
            set("compile", (!args.no_compile).into());
            set("empty_catalog", args.empty_catalog.into());
            set("static", args.r#static.into());
        }
        Command::Source(SourceCommand::Freshness { selection: args, .. }) => selection(args, set),
        Command::RunOperation(args) => {
            set("macro", args.name.clone().into());
            set("sql", args.sql.clone().into());
            let mapping = crate::settings::parse_mapping("--args", &args.args).map(|mapping| mapping.to_json());
            set("args", mapping.map_or_else(|_| args.args.clone().into(), Value::Object));
        }
        Command::Retry { full_refresh, .. } => flags(set, *full_refresh, false, false),
        _ => {}
    }
}

/// Flags that are off here leave what the environment or the project said.
fn flags(set: &mut impl FnMut(&str, Value), full_refresh: bool, empty: bool, store_failures: bool) {
    for (name, on) in [("full_refresh", full_refresh), ("empty", empty), ("store_failures", store_failures)] {
        if on {
            set(name, true.into());
        }
    }
}

/// dbt writes a moment with its time; what is none is told later.
fn moment(text: Option<&str>) -> Value {
    let spelled = |text: &str| match parse_time(text) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S").to_string(),
        None => text.to_owned(),
    };
    text.map(spelled).into()
}

fn selection(args: &SelectionArgs, set: &mut impl FnMut(&str, Value)) {
    // One text may have several criteria.
    let words = |given: &[String]| given.iter().flat_map(|text| text.split_whitespace()).map(Value::from).collect();
    set("select", words(&args.select));
    set("exclude", words(&args.exclude));
    set("selector", args.selector.clone().into());
}

fn types(args: &ResourceTypeArgs, set: &mut impl FnMut(&str, Value)) {
    set("resource_types", args.resource_type.clone().into());
    set("exclude_resource_types", args.exclude_resource_type.clone().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in run_results.json of dbt Core 1.12.0.
    #[test]
    fn a_moment_has_its_time() {
        assert_eq!(moment(Some("2024-01-02")), json!("2024-01-02T00:00:00"));
        assert_eq!(moment(Some("2024-01-02 03:04:05")), json!("2024-01-02T03:04:05"));
        assert_eq!((moment(Some("nope")), moment(None)), (json!("nope"), Value::Null));
    }

    #[test]
    fn what_is_not_set_is_not_written_and_behaviour_flags_are() {
        let arguments =
            json!({"which": "run", "state": null, "full_refresh": false, "empty": false, "fail_fast": true});
        let flags =
            ProjectFlags { values: json!({"validate_macro_args": false}).as_object().cloned().unwrap_or_default() };
        let written = as_written(arguments.as_object().expect("a mapping"), &flags);
        let shown = |name: &str| written.get(name).cloned();
        assert_eq!(shown("which"), Some("run".into()));
        assert_eq!((shown("state"), shown("full_refresh")), (None, None));
        assert_eq!((shown("empty"), shown("fail_fast")), (Some(false.into()), Some(true.into())));
        assert_eq!(shown("validate_macro_args"), Some(false.into()));
        assert_eq!(shown("require_nested_cumulative_type_params"), Some(true.into()));
    }
}

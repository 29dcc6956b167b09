//! The invocation's arguments as artifacts and templates have them: dbt's names, lower case.

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
    set("log_path", settings.log_path.as_ref().map(|dir| dir.display().to_string()).into());
    let folder = |dir: &Option<std::path::PathBuf>| Value::from(dir.as_ref().map(|dir| dir.display().to_string()));
    set("state", folder(&settings.state));
    set("defer_state", folder(&settings.defer_state));
    set("defer", settings.defer.into());
    set("favor_state", settings.favor_state.into());
    set("event_time_start", settings.event_time_start.clone().into());
    set("event_time_end", settings.event_time_end.clone().into());
    set("sample", settings.sample.clone().into());
    set("fail_fast", settings.fail_fast.into());
    set("warn_error", settings.warnings.is_error("Warning").into());
    set("warn_error_options", settings.warnings.to_json());
    set("log_format_file", format!("{:?}", settings.log_format_file).to_lowercase().into());
    set("log_level_file", settings.log_level_file.map_or("none", engine::events::Level::as_str).into());
    set("log_file_max_bytes", settings.log_file_max_bytes.into());
    set("quiet", settings.quiet.into());
    set("debug", global.debug.into());
    set("print", settings.print.into());
    set("use_colors", settings.colors.into());
    set("use_colors_file", settings.colors_file.into());
    set("printer_width", settings.printer_width.into());
    set("write_json", settings.write_json.into());
    set("version_check", settings.version_check.into());
    set("maximum_seed_size_mib", settings.maximum_seed_size_mib.into());
    set("introspect", true.into());
    set("partial_parse", false.into());
    set("send_anonymous_usage_stats", false.into());
    set("indirect_selection", settings.indirect_selection.clone().unwrap_or_else(|| "eager".to_owned()).into());
    set("full_refresh", settings.full_refresh.into());
    set("store_failures", settings.store_failures.into());
    set("empty", false.into());
    set("select", json!([]));
    set("exclude", json!([]));
    set("resource_types", json!([]));
    set("exclude_resource_types", json!([]));
    of_command(command, &mut set);
    all
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
            set("introspect", (!args.no_introspect).into());
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

fn selection(args: &SelectionArgs, set: &mut impl FnMut(&str, Value)) {
    set("select", args.select.clone().into());
    set("exclude", args.exclude.clone().into());
    set("selector", args.selector.clone().into());
}

fn types(args: &ResourceTypeArgs, set: &mut impl FnMut(&str, Value)) {
    set("resource_types", args.resource_type.clone().into());
    set("exclude_resource_types", args.exclude_resource_type.clone().into());
}

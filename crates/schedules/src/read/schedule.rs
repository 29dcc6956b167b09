//! One entry of `schedules`.

use std::collections::BTreeMap;

use chrono_tz::{TZ_VARIANTS, Tz};
use diagnostic::Severity;
use project::yaml::{Node, Value};

use super::keys::{Keys, Reader};
use super::{receivers, triggers};
use crate::Cron;
use crate::nearest::nearest;
use crate::schedule::{
    EngineChoice, MergeConcurrency, MisfirePolicy, OverlapPolicy, Retry, RetryOn, Schedule, ScheduleCommand,
};

/// Every key a schedule may have: the official client's first, then those it documents and refuses, then ours.
pub(super) const KEYS: [&str; 36] = [
    "name",
    "slug",
    "display_name",
    "description",
    "schedule",
    "timezone",
    "environment",
    "commands",
    "continue_on_error",
    "command_settings",
    "git_branch",
    "owner_email",
    "suspended",
    "trigger_on_merge",
    "concurrency",
    "sla_minutes",
    "schedule_trigger",
    "run_after",
    "deferred_schedule",
    "turbo_ci",
    "notifications",
    "slack_on",
    "slack_notify",
    "email_on",
    "email_notify",
    "integrations",
    "hightouch",
    "self_healing",
    "env_overrides",
    "misfire_policy",
    "catch_up_window_minutes",
    "overlap_policy",
    "retry",
    "max_runtime_minutes",
    "engine",
    "variables",
];

/// Reads an entry. What cannot be read is reported and is as if it were not written; commands keep their places. `None` when the entry is not a
/// mapping.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, workspace: Option<&str>) -> Option<Schedule> {
    let keys = &reader.mapping("", node, &KEYS)?;
    let name = reader.required_text(keys, "name", "Nightly build");
    let slug = reader.text_of(keys, "slug").filter(|slug| !slug.is_empty());
    let display_name = reader.text_of(keys, "display_name");
    if slug.is_some() && display_name.is_some() {
        let cause = "'name' is the label where 'slug' is the identifier; 'display_name' belongs to the older form without 'slug'";
        reader.error(
            keys.position_of("display_name"),
            "'display_name' stands beside 'slug'",
            cause,
            "remove 'display_name'",
        );
    }
    let environment = reader.required_text(keys, "environment", "production");
    let commands = commands(reader, keys);
    let cron = cron(reader, keys);
    let timezone = timezone(reader, keys);

    let (slug, label) = match (slug, display_name, name) {
        (Some(slug), _, Some(name)) => (slug, name),
        (None, Some(label), Some(name)) => (name, label),
        (None, None, Some(name)) => (name.clone(), name),
        _ => (String::new(), String::new()),
    };
    let mut schedule = Schedule::new(slug, label, environment.unwrap_or_default(), commands);
    schedule.cron = cron;
    schedule.timezone = timezone.unwrap_or(Tz::UTC);
    schedule.description = reader.text_of(keys, "description");
    schedule.owner_email = reader.text_of(keys, "owner_email");
    schedule.git_branch = reader.text_of(keys, "git_branch");
    schedule.suspended = reader.bool_of(keys, "suspended").unwrap_or(false);
    schedule.trigger_on_merge = reader.bool_of(keys, "trigger_on_merge").unwrap_or(false);
    let concurrency = [("parallel", MergeConcurrency::Parallel), ("queue", MergeConcurrency::Queue)];
    schedule.concurrency = reader.choice_of(keys, "concurrency", &concurrency);
    schedule.sla_minutes = reader.number_of(keys, "sla_minutes");
    schedule.run_after = triggers::run_after(reader, keys, workspace);
    schedule.deferred_schedule = triggers::deferral(reader, keys, "deferred_schedule");
    schedule.turbo_ci = triggers::deferral(reader, keys, "turbo_ci");
    schedule.notifications = receivers::notifications(reader, keys);
    schedule.integrations = receivers::integrations(reader, keys);
    schedule.self_healing = receivers::self_healing(reader, keys);
    schedule.hightouch = receivers::hightouch(reader, keys);
    schedule.env_overrides = env_overrides(reader, keys);
    ours(reader, keys, &mut schedule);
    Some(schedule)
}

/// The keys that only Owlet has.
fn ours(reader: &mut Reader<'_>, keys: &Keys<'_>, schedule: &mut Schedule) {
    let misfire = [("latest", MisfirePolicy::Latest), ("all", MisfirePolicy::All), ("none", MisfirePolicy::None)];
    schedule.misfire_policy = reader.choice_of(keys, "misfire_policy", &misfire).unwrap_or_default();
    if let Some(minutes) = reader.number_of(keys, "catch_up_window_minutes") {
        schedule.catch_up_window_minutes = minutes;
    }
    let overlap =
        [("skip", OverlapPolicy::Skip), ("queue_one", OverlapPolicy::QueueOne), ("allow", OverlapPolicy::Allow)];
    schedule.overlap_policy = match reader.choice_of(keys, "overlap_policy", &overlap) {
        Some(policy) => policy,
        None if schedule.active_turbo_ci().is_some() => OverlapPolicy::Allow,
        None => OverlapPolicy::default(),
    };
    schedule.max_runtime_minutes = reader.number_of(keys, "max_runtime_minutes");
    let engines = [("owlet", EngineChoice::Owlet), ("dbt-core", EngineChoice::DbtCore)];
    schedule.engine = reader.choice_of(keys, "engine", &engines).unwrap_or_default();
    if let Some(node) = keys.get("variables") {
        match &node.value {
            Value::Map(map) => schedule.variables = map.to_json(),
            _ => reader.wrong(
                "variables",
                "a mapping",
                node,
                "write names and values below it: `start_date: \"2027-01-01\"`",
            ),
        }
    }
    schedule.retry = retry(reader, keys);
}

fn retry(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Retry {
    let mut retry = Retry::default();
    let Some(node) = keys.get("retry") else { return retry };
    let known = ["attempts", "backoff_seconds", "max_backoff_seconds", "on"];
    let Some(keys) = &reader.mapping("retry", node, &known) else { return retry };
    retry.attempts = reader.number_of(keys, "attempts").unwrap_or(retry.attempts);
    let backoff = reader.number_of(keys, "backoff_seconds");
    retry.backoff_seconds = backoff.unwrap_or(retry.backoff_seconds);
    // A longer first wait than the default's longest one raises that.
    let longest = retry.max_backoff_seconds.max(retry.backoff_seconds);
    retry.max_backoff_seconds = reader.number_of(keys, "max_backoff_seconds").unwrap_or(longest);
    if keys.has("on") {
        let classes = [
            ("infrastructure", RetryOn::Infrastructure),
            ("throttling", RetryOn::Throttling),
            ("timeout", RetryOn::Timeout),
            ("any", RetryOn::Any),
        ];
        let items = reader.list_of(keys, "on", "[infrastructure, throttling]");
        retry.on = items.iter().filter_map(|item| reader.choice("retry.on", item, &classes)).collect();
    }
    retry
}

fn commands(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Vec<ScheduleCommand> {
    let default = reader.bool_of(keys, "continue_on_error").unwrap_or(false);
    if !keys.has("commands") {
        reader.missing(keys, "commands", "[dbt build]");
        return Vec::new();
    }
    let items = reader.list_of(keys, "commands", "`- dbt build`");
    let settings = settings(reader, keys, items);
    let mut commands = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = format!("commands[{index}]");
        let setting = settings.get(index).copied().flatten();
        commands.push(command(reader, &name, item, setting.unwrap_or(default)));
    }
    commands
}

/// A line, or a mapping of the line and its setting. What is neither is reported and keeps its place as a command without words.
fn command(reader: &mut Reader<'_>, name: &str, item: &Node, continue_on_error: bool) -> ScheduleCommand {
    let Value::Map(map) = &item.value else {
        return ScheduleCommand { command: reader.text(name, item).unwrap_or_default(), continue_on_error };
    };
    if map.len() == 1 && !map.contains_key("command") && !map.contains_key("continue_on_error") {
        let cause = "a colon and a space make a key of what stands before them";
        let fix = "put quotes around the whole line, or write it below `- >-`";
        reader.error(item.position, format!("'{name}' is a line that YAML reads as a mapping"), cause, fix);
        return ScheduleCommand { command: String::new(), continue_on_error };
    }
    let Some(keys) = &reader.mapping(name, item, &["command", "continue_on_error"]) else {
        return ScheduleCommand { command: String::new(), continue_on_error };
    };
    let own = reader.bool_of(keys, "continue_on_error");
    let command = reader.required_text(keys, "command", "dbt build").unwrap_or_default();
    ScheduleCommand { command, continue_on_error: own.unwrap_or(continue_on_error) }
}

/// `command_settings`: what the commands with the same index say about errors.
fn settings(reader: &mut Reader<'_>, keys: &Keys<'_>, commands: &[Node]) -> Vec<Option<bool>> {
    if !keys.has("command_settings") {
        return Vec::new();
    }
    let at = keys.position_of("command_settings");
    let items = reader.list_of(keys, "command_settings", "`- continue_on_error: true`");
    if commands.iter().any(|command| command.value.as_map().is_some()) {
        let cause = "a command in the form `command: …` carries its own setting";
        let fix = "move `continue_on_error` into the commands and remove 'command_settings'";
        reader.error(at, "'command_settings' stands beside commands with settings of their own", cause, fix);
    } else if items.len() != commands.len() {
        let cause =
            format!("it has {} entries for {} commands; they belong together by position", items.len(), commands.len());
        let fix = "write `command: …` and `continue_on_error: …` together in 'commands', and remove 'command_settings'";
        reader.error(at, "'command_settings' does not fit 'commands'", cause, fix);
    }
    let mut settings = Vec::new();
    for item in items {
        let keys = reader.mapping("command_settings", item, &["continue_on_error"]);
        settings.push(keys.and_then(|keys| reader.bool_of(&keys, "continue_on_error")));
    }
    settings
}

fn cron(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Option<Cron> {
    let Some(node) = keys.get("schedule") else {
        reader.missing(keys, "schedule", "\"15 4 * * *\"");
        return None;
    };
    match &node.value {
        Value::Str(text) if text.trim().eq_ignore_ascii_case("off") => None,
        Value::Bool(false) => {
            let cause = "YAML reads OFF without quotes as false, which the official client refuses";
            let what = "'schedule' is OFF without quotes";
            reader.report(Severity::Warning, node.position, what, cause, "write \"OFF\"");
            None
        }
        Value::Str(text) => match text.parse() {
            Ok(cron) => Some(cron),
            Err(error) => {
                let what = format!("'schedule' is not a cron expression: '{text}'");
                reader.error(node.position, what, error.to_string(), error.fix());
                None
            }
        },
        _ => {
            reader.wrong("schedule", "a cron expression or \"OFF\"", node, "put quotes around it: \"15 4 * * *\"");
            None
        }
    }
}

fn timezone(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Option<Tz> {
    let name = reader.text_of(keys, "timezone")?;
    let zone = name.parse().ok();
    if zone.is_none() {
        let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
        // `Berlin`, `europe/berlin`, `Europe/Berln`
        let same = names().find(|known| known.eq_ignore_ascii_case(&name));
        let city = names().find(|known| known.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&name)));
        let fix = match same.or(city).or_else(|| nearest(&name, names())) {
            Some(known) => format!("did you mean '{known}'?"),
            None => "write a name as in 'Europe/Lisbon', 'America/New_York' or 'UTC'".to_owned(),
        };
        let at = keys.get("timezone").map_or(keys.position, |node| node.position);
        let cause = "the IANA time zone database has no such name (upper and lower case count)";
        reader.error(at, format!("'timezone' is not a time zone: '{name}'"), cause, fix);
    }
    zone
}

/// A mapping, or a list of `key` and `value`.
fn env_overrides(reader: &mut Reader<'_>, keys: &Keys<'_>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let Some(node) = keys.get("env_overrides") else { return variables };
    match &node.value {
        Value::Map(map) => {
            for (name, value) in map.iter() {
                if let Some(text) = variable(reader, name, value) {
                    variables.insert(name.to_owned(), text);
                }
            }
        }
        Value::Seq(items) => {
            for item in items {
                let Some(keys) = &reader.mapping("env_overrides", item, &["key", "value"]) else { continue };
                let name = reader.required_text(keys, "key", "DBT_SCHEMA");
                match (name, keys.get("value")) {
                    (Some(name), Some(value)) => {
                        if let Some(text) = variable(reader, &name, value) {
                            variables.insert(name, text);
                        }
                    }
                    (Some(_), None) => reader.missing(keys, "value", "\"…\""),
                    _ => {}
                }
            }
        }
        _ => reader.wrong("env_overrides", "a mapping", node, "write names and values below it: `DBT_SCHEMA: reports`"),
    }
    variables
}

/// The value of an environment variable. Whole numbers are their digits; what has several spellings needs quotes.
fn variable(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<String> {
    match &node.value {
        Value::Str(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => {
            let key = format!("env_overrides.{name}");
            reader.wrong(&key, "a text", node, "put quotes around it: it reaches the command as you write it");
            None
        }
    }
}

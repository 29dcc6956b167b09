//! The client's model of a file, and what its later checks need of it.

use project::yaml::{Map, Node, Position, Value};

use super::model::{Checker, EVENTS, EVENTS_SHOWN, Extra, Field, Mistake, Model, Type, bare_on, text, truth};

/// The mistakes of one file's shape, as the client lists them.
pub(super) fn mistakes(tree: &Node) -> Vec<Mistake> {
    let root = |message: &str| {
        vec![Mistake { path: vec!["__root__".to_owned()], message: message.to_owned(), position: tree.position }]
    };
    let Value::Map(map) = &tree.value else {
        return root(&format!("ParadimeSchedules expected dict not {}", python_type(&tree.value)));
    };
    if map.entries().any(|entry| entry.key.value.as_str().is_none()) {
        return vec![Mistake { path: Vec::new(), message: "TypeError".to_owned(), position: tree.position }];
    }
    if let Some(Value::Seq(items)) = map.get("schedules").map(|node| &node.value) {
        // A slug without a name is what the client did not foresee.
        let slug_alone = |item: &&Node| {
            let map = item.value.as_map();
            map.is_some_and(|map| {
                truthy(map, "slug") && map.get("name").and_then(text).is_none() && only_text_keys(map)
            })
        };
        if let Some(item) = items.iter().find(slug_alone) {
            return vec![Mistake { path: Vec::new(), message: "KeyError".to_owned(), position: item.position }];
        }
    }
    let mut checker = Checker::default();
    checker.model(&FILE, map, tree.position);
    checker.mistakes
}

fn only_text_keys(map: &Map) -> bool {
    map.entries().all(|entry| entry.key.value.as_str().is_some())
}

fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Undefined => "Undefined",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::BigInt(_) => "int",
        Value::Float(_) => "float",
        Value::Str(_) => "str",
        Value::Date(_) => "date",
        Value::DateTime(_) => "datetime",
        Value::Seq(_) => "list",
        Value::Map(_) => "dict",
    }
}

static FILE: Model = Model {
    fields: &[
        Field::defaulted("version", Type::Int),
        Field::required("schedules", Type::ListOf(&Type::Model(&SCHEDULE))),
    ],
    extra: Extra::Forbidden,
    bare_on: false,
    before: None,
    after: None,
};

/// The keys of a schedule that the client knows.
pub(super) const SCHEDULE_KEYS: [&str; 27] = [
    "name",
    "slug",
    "display_name",
    "schedule",
    "timezone",
    "environment",
    "commands",
    "continue_on_error",
    "command_settings",
    "git_branch",
    "owner_email",
    "description",
    "slack_notify",
    "slack_on",
    "email_notify",
    "email_on",
    "notifications",
    "integrations",
    "sla_minutes",
    "turbo_ci",
    "deferred_schedule",
    "hightouch",
    "schedule_trigger",
    "run_after",
    "trigger_on_merge",
    "concurrency",
    "suspended",
];

const TEXTS: Type = Type::ListOf(&Type::Text);

static SCHEDULE: Model = Model {
    fields: &[
        Field::required("name", Type::Text),
        Field::optional("slug", Type::Text),
        Field::optional("display_name", Type::Text).check(one_line),
        Field::required("schedule", Type::Text),
        Field::optional("timezone", Type::Text),
        Field::required("environment", Type::Text),
        Field::required("commands", Type::ListOf(&Type::Command)),
        Field::optional("continue_on_error", Type::Bool),
        Field::optional("command_settings", Type::ListOf(&Type::Model(&COMMAND_SETTING))),
        Field::optional("git_branch", Type::Text),
        Field::optional("owner_email", Type::Text),
        Field::optional("description", Type::Text),
        Field::defaulted("slack_notify", Type::TextOrTexts),
        Field::defaulted("slack_on", TEXTS),
        Field::defaulted("email_notify", Type::TextOrTexts),
        Field::defaulted("email_on", TEXTS),
        Field::optional("notifications", Type::Model(&NOTIFICATIONS)),
        Field::optional("integrations", Type::Model(&INTEGRATIONS)),
        Field::optional("sla_minutes", Type::Int),
        Field::optional("turbo_ci", Type::Model(&DEFERRAL)),
        Field::optional("deferred_schedule", Type::Model(&DEFERRAL)),
        Field::optional("hightouch", Type::Model(&HIGHTOUCH)),
        Field::optional("schedule_trigger", Type::Model(&TRIGGER)),
        Field::optional("run_after", Type::Model(&RUN_AFTER)),
        Field::optional("trigger_on_merge", Type::Bool),
        Field::optional("concurrency", Type::OneOf(&["parallel", "queue"])),
        Field::optional("suspended", Type::Bool),
    ],
    extra: Extra::Forbidden,
    bare_on: false,
    before: Some(before_schedule),
    after: Some(after_schedule),
};

const fn model(fields: &'static [Field], extra: Extra) -> Model {
    Model { fields, extra, bare_on: false, before: None, after: None }
}

static COMMAND_SETTING: Model = model(&[Field::optional("continue_on_error", Type::Bool)], Extra::Forbidden);

static DEFERRAL: Model = Model {
    fields: &[
        Field::required("enabled", Type::Bool),
        Field::optional("deferred_schedule_name", Type::Text),
        Field::optional("deferred_manifest_schedule", Type::Text),
        Field::optional("deferred_schedule_slug", Type::Text),
        Field::optional("defer_environment_slug", Type::Text),
        Field::optional("successful_runs_only", Type::Bool),
        Field::optional("successful_run_only", Type::Bool),
    ],
    after: Some(|map, wrong| {
        let given = |keys: &[&str]| keys.iter().any(|key| truthy(map, key) && !wrong.iter().any(|wrong| wrong == key));
        match (given(&DEFERRED), given(&["defer_environment_slug"])) {
            (true, true) => vec!["Set either a deferred schedule or defer_environment_slug, not both".to_owned()],
            (false, false) => vec!["Missing deferred_schedule_name or defer_environment_slug".to_owned()],
            _ => Vec::new(),
        }
    }),
    ..model(&[], Extra::Forbidden)
};

/// In the order in which they count.
const DEFERRED: [&str; 3] = ["deferred_schedule_slug", "deferred_schedule_name", "deferred_manifest_schedule"];

static TRIGGER: Model = Model {
    fields: &[
        Field::required("enabled", Type::Bool),
        Field::optional("schedule_name", Type::Text),
        Field::optional("schedule_slug", Type::Text),
        Field::required("workspace_name", Type::Text),
        Field::required("trigger_on", TEXTS).check(events),
    ],
    after: Some(|map, wrong| {
        let given = |key: &str| truthy(map, key) && !wrong.iter().any(|wrong| wrong == key);
        let missing = !given("schedule_slug") && !given("schedule_name");
        missing.then(|| "Missing schedule_name or schedule_slug".to_owned()).into_iter().collect()
    }),
    ..model(&[], Extra::Forbidden)
};

static RUN_AFTER: Model = Model {
    fields: &[
        Field::required("schedule", Type::Text),
        Field::optional("schedule_slug", Type::Text),
        Field::defaulted("on", TEXTS).check(some_events),
        Field::optional("workspace", Type::Text),
    ],
    bare_on: true,
    ..model(&[], Extra::Forbidden)
};

static HIGHTOUCH: Model = model(
    &[Field::required("enabled", Type::Bool), Field::required("sync_on", TEXTS), Field::required("slugs", TEXTS)],
    Extra::Forbidden,
);

static RECEIVER: Model = Model {
    fields: &[
        Field::optional("channel", Type::Text),
        Field::optional("address", Type::Text),
        Field::required("events", TEXTS).check(events_of_any_case),
    ],
    after: Some(|map, wrong| {
        let given = |key: &str| truthy(map, key) && !wrong.iter().any(|wrong| wrong == key);
        let missing = !given("channel") && !given("address");
        missing.then(|| "Missing 'channel' or 'address'".to_owned()).into_iter().collect()
    }),
    ..model(&[], Extra::Ignored)
};

const RECEIVERS: Type = Type::ListOf(&Type::Model(&RECEIVER));

static NOTIFICATIONS: Model = model(
    &[
        Field::optional("emails", RECEIVERS),
        Field::optional("slack_channels", RECEIVERS),
        Field::optional("microsoft_teams", RECEIVERS),
    ],
    Extra::Ignored,
);

static INTEGRATIONS: Model = model(
    &[
        Field::optional("incident_io", Type::ListOf(&Type::Model(&INCIDENT_IO))),
        Field::optional("pagerduty", Type::ListOf(&Type::Model(&PAGERDUTY))),
        Field::optional("datadog", Type::ListOf(&Type::Model(&DATADOG))),
        Field::optional("new_relic", Type::ListOf(&Type::Model(&NEW_RELIC))),
    ],
    Extra::Ignored,
);

static INCIDENT_IO: Model = model(
    &[
        Field::optional("status_id", Type::Text),
        Field::optional("status", Type::Text),
        Field::optional("type_id", Type::Text),
        Field::optional("type", Type::Text),
        Field::optional("mode", Type::Text),
        Field::optional("severity_id", Type::Text),
        Field::optional("severity", Type::Text),
        Field::optional("visibility", Type::Text),
    ],
    Extra::Ignored,
);

static PAGERDUTY: Model = model(
    &[
        Field::optional("from_email", Type::Text),
        Field::optional("service_id", Type::Text),
        Field::optional("service_name", Type::Text),
        Field::optional("priority_id", Type::Text),
        Field::optional("priority_name", Type::Text),
        Field::optional("urgency", Type::Text),
        Field::optional("incident_type_name", Type::Text),
        Field::optional("incident_type_display_name", Type::Text),
        Field::optional("escalation_policy_id", Type::Text),
        Field::optional("escalation_policy_name", Type::Text),
        Field::optional("assignee_ids", TEXTS),
        Field::optional("assignee_names", TEXTS),
    ],
    Extra::Ignored,
);

static DATADOG: Model = model(
    &[
        Field::optional("severity", Type::Text),
        Field::optional("severity_name", Type::Text),
        Field::optional("state", Type::Text),
        Field::optional("state_name", Type::Text),
        Field::optional("customer_impacted", Type::Bool),
        Field::optional("commander_user_id", Type::Text),
        Field::optional("commander_user_name", Type::Text),
        Field::optional("notification_handles", TEXTS),
    ],
    Extra::Ignored,
);

static NEW_RELIC: Model = model(&[Field::optional("environment", Type::Text)], Extra::Ignored);

fn one_line(node: &Node) -> Option<String> {
    let text = text(node)?;
    if text.contains(['\n', '\r']) {
        return Some("display_name must not contain newlines".to_owned());
    }
    (text.chars().count() > 128).then(|| "display_name must be 128 characters or fewer".to_owned())
}

fn events(node: &Node) -> Option<String> {
    invalid_event(node, |event| EVENTS.contains(&event))
}

fn events_of_any_case(node: &Node) -> Option<String> {
    invalid_event(node, |event| EVENTS.contains(&event.to_lowercase().as_str()))
}

fn some_events(node: &Node) -> Option<String> {
    if node.value.as_seq().is_some_and(<[Node]>::is_empty) {
        return Some(format!("'on' needs at least one event ({EVENTS_SHOWN})"));
    }
    events(node)
}

fn invalid_event(node: &Node, valid: impl Fn(&str) -> bool) -> Option<String> {
    let events = node.value.as_seq()?.iter().filter_map(text);
    let wrong = events.into_iter().find(|event| !valid(event))?;
    Some(format!("'{wrong}' not a valid event ({EVENTS_SHOWN})"))
}

/// Whether a key has a value that Python takes for true.
fn truthy(map: &Map, key: &str) -> bool {
    map.get(key).and_then(text).is_some_and(|text| !text.is_empty())
}

fn before_schedule(map: &Map) -> Option<String> {
    let run_after = map.get("run_after").and_then(|node| node.value.as_map());
    if run_after.is_some_and(|map| map.contains_key("on") && bare_on(map).is_some()) {
        return Some("run_after has both a bare `on` and a quoted \"on\"; use one".to_owned());
    }
    let commands = map.get("commands")?.value.as_seq()?;
    let objects: Vec<&Node> = commands.iter().filter(|command| command.value.as_map().is_some()).collect();
    if objects.is_empty() {
        return None;
    }
    if map.get("command_settings").is_some_and(|node| !node.value.is_null()) {
        return Some("Use either object-form command entries or 'command_settings', not both".to_owned());
    }
    let invalid = |node: &&&Node| {
        let map = node.value.as_map();
        let known = |key: &Value| matches!(key.as_str(), Some("command" | "continue_on_error"));
        map.is_some_and(|map| !map.contains_key("command") || map.entries().any(|entry| !known(&entry.key.value)))
    };
    let node = objects.iter().find(invalid)?;
    let shown = python_repr(&node.value);
    let rule = "a command must be a string or an object with a 'command' key and an optional 'continue_on_error' key";
    Some(format!("Invalid command entry {shown}: {rule}"))
}

fn after_schedule(map: &Map, wrong: &[String]) -> Vec<String> {
    let mut messages = Vec::new();
    let is_wrong = |key: &str| wrong.iter().any(|wrong| wrong == key);
    let given = |key: &str| map.get(key).filter(|node| !node.value.is_null() && !is_wrong(key));
    if wrong.is_empty() && given("run_after").is_some() && given("schedule_trigger").is_some() {
        messages.push("Use either run_after or schedule_trigger, not both".to_owned());
    }
    let length = |key: &str| given(key).and_then(|node| node.value.as_seq()).map(<[Node]>::len);
    if let (Some(settings), Some(commands)) = (length("command_settings"), length("commands"))
        && settings != commands
    {
        messages.push(format!("'command_settings' length ({settings}) must match 'commands' length ({commands})"));
    }
    let merges = given("trigger_on_merge").and_then(|node| truth(&node.value)).unwrap_or(false);
    if given("concurrency").is_some_and(|node| node.value.as_str() == Some("queue")) && !merges {
        messages.push("concurrency: queue only applies to on-merge schedules (trigger_on_merge: true)".to_owned());
    }
    if truthy(map, "slug") && !is_wrong("slug") {
        messages.extend(given("name").and_then(one_line));
    }
    messages
}

/// Python's `repr()` of a tree.
fn python_repr(value: &Value) -> String {
    let all = |items: Vec<String>| items.join(", ");
    match value {
        Value::Str(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut shown = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
            if quote == '\'' {
                shown = shown.replace('\'', "\\'");
            }
            format!("{quote}{shown}{quote}")
        }
        Value::Seq(items) => format!("[{}]", all(items.iter().map(|item| python_repr(&item.value)).collect())),
        Value::Map(map) => {
            let entry = |entry: &project::yaml::Entry| {
                format!("{}: {}", python_repr(&entry.key.value), python_repr(&entry.value.value))
            };
            format!("{{{}}}", all(map.entries().map(entry).collect()))
        }
        scalar => scalar.scalar_text().unwrap_or_default(),
    }
}

/// What the later checks need of a schedule whose shape is right.
pub(super) struct Read {
    map: Map,
    pub position: Position,
    /// The identifier.
    pub name: String,
    pub schedule: String,
    pub timezone: Option<String>,
    pub environment: String,
    /// How many.
    pub commands: usize,
    pub slack_on: Vec<String>,
    pub email_on: Vec<String>,
    pub turbo_ci: Option<Deferral>,
    pub deferred_schedule: Option<Deferral>,
    /// If it is switched on.
    pub trigger: Option<Trigger>,
}

pub(super) struct Deferral {
    pub enabled: bool,
    pub schedule: Option<String>,
    pub environment: Option<String>,
    pub position: Position,
}

pub(super) struct Trigger {
    pub workspace: String,
    pub schedule: String,
    pub position: Position,
}

impl Read {
    /// Where the value of a key stands.
    pub fn place(&self, key: &str) -> Position {
        self.map.get(key).map_or(self.position, |node| node.position)
    }
}

/// The schedules of a file whose shape is right.
pub(super) fn read(tree: &Node) -> Vec<Read> {
    let items = tree.value.as_map().and_then(|map| map.get("schedules")?.value.as_seq()).unwrap_or_default();
    items.iter().filter_map(|item| Some(read_one(item.value.as_map()?, item.position))).collect()
}

fn read_one(map: &Map, position: Position) -> Read {
    let text_of = |key: &str| map.get(key).and_then(text);
    let texts_of = |key: &str| -> Vec<String> {
        let items = map.get(key).and_then(|node| node.value.as_seq()).unwrap_or_default();
        items.iter().filter_map(text).collect()
    };
    Read {
        map: map.clone(),
        position,
        name: first(map, &["slug", "name"]).unwrap_or_default(),
        schedule: text_of("schedule").unwrap_or_default(),
        timezone: text_of("timezone"),
        environment: text_of("environment").unwrap_or_default(),
        commands: map.get("commands").and_then(|node| node.value.as_seq()).map_or(0, <[Node]>::len),
        slack_on: texts_of("slack_on"),
        email_on: texts_of("email_on"),
        turbo_ci: deferral(map, "turbo_ci"),
        deferred_schedule: deferral(map, "deferred_schedule"),
        trigger: trigger(map),
    }
}

/// The first of several keys that has a value.
fn first(map: &Map, keys: &[&str]) -> Option<String> {
    keys.iter().filter(|key| truthy(map, key)).find_map(|key| map.get(key).and_then(text))
}

fn switched_on(map: &Map) -> bool {
    map.get("enabled").and_then(|node| truth(&node.value)).unwrap_or(false)
}

fn deferral(map: &Map, key: &str) -> Option<Deferral> {
    let node = map.get(key)?;
    let map = node.value.as_map()?;
    let environment = first(map, &["defer_environment_slug"]);
    Some(Deferral { enabled: switched_on(map), schedule: first(map, &DEFERRED), environment, position: node.position })
}

fn trigger(map: &Map) -> Option<Trigger> {
    let keys = |key: &str| map.get(key).and_then(|node| Some((node.position, node.value.as_map()?)));
    if let Some((position, map)) = keys("run_after") {
        let workspace = first(map, &["workspace"]).unwrap_or_default();
        return Some(Trigger { workspace, schedule: first(map, &["schedule_slug", "schedule"])?, position });
    }
    let (position, map) = keys("schedule_trigger").filter(|(_, map)| switched_on(map))?;
    let workspace = first(map, &["workspace_name"]).unwrap_or_default();
    Some(Trigger { workspace, schedule: first(map, &["schedule_slug", "schedule_name"])?, position })
}

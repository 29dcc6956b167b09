//! What starts a schedule besides the clock, and whose state it takes.

use project::yaml::Node;

use super::keys::{Keys, Reader};
use crate::schedule::{Deferral, DeferralTarget, Event, RunAfter};

/// The outcomes another schedule can wait for.
pub(super) const OUTCOMES: [(&str, Event); 3] =
    [("passed", Event::Passed), ("failed", Event::Failed), ("sla", Event::Sla)];

/// `run_after`, or its older spelling `schedule_trigger`.
pub(super) fn run_after(reader: &mut Reader<'_>, keys: &Keys<'_>, workspace: Option<&str>) -> Option<RunAfter> {
    match (keys.get("run_after"), keys.get("schedule_trigger")) {
        (Some(_), Some(_)) => {
            let cause = "both say after which schedule this one runs";
            let fix = "keep 'run_after' and remove 'schedule_trigger'";
            reader.error(
                keys.position_of("schedule_trigger"),
                "'run_after' and 'schedule_trigger' stand side by side",
                cause,
                fix,
            );
            None
        }
        (Some(node), None) => short(reader, node, workspace),
        (None, Some(node)) => long(reader, node, workspace),
        (None, None) => None,
    }
}

fn short(reader: &mut Reader<'_>, node: &Node, workspace: Option<&str>) -> Option<RunAfter> {
    let keys = &reader.mapping("run_after", node, &["schedule", "schedule_slug", "on", "workspace"])?;
    let name = reader.required_text(keys, "schedule", "orders-lake-refresh");
    let slug = reader.text_of(keys, "schedule_slug");
    let on = if keys.has("on") { outcomes(reader, keys, "on") } else { vec![Event::Passed] };
    if on.is_empty() && reader.list_of(keys, "on", "[passed]").is_empty() {
        let cause = "no outcome would ever start this schedule";
        reader.error(
            keys.position_of("on"),
            "'on' in 'run_after' is empty",
            cause,
            "write `on: [passed]`, or remove 'run_after'",
        );
    }
    let named = reader.text_of(keys, "workspace");
    Some(RunAfter { enabled: true, schedule: slug.or(name)?, workspace: elsewhere(named, workspace), on })
}

fn long(reader: &mut Reader<'_>, node: &Node, workspace: Option<&str>) -> Option<RunAfter> {
    let known = ["enabled", "schedule_slug", "schedule_name", "workspace_name", "trigger_on"];
    let keys = &reader.mapping("schedule_trigger", node, &known)?;
    let enabled = enabled(reader, keys);
    let named = reader.required_text(keys, "workspace_name", "Analytics");
    if !keys.has("trigger_on") {
        reader.missing(keys, "trigger_on", "[passed]");
    }
    let on = outcomes(reader, keys, "trigger_on");
    let schedule = match keys.first(&["schedule_slug", "schedule_name"]) {
        Some((key, node)) => reader.text(key, node),
        None => {
            reader.missing(keys, "schedule_slug", "orders-lake-refresh");
            None
        }
    };
    Some(RunAfter { enabled: enabled?, schedule: schedule?, workspace: elsewhere(named, workspace), on })
}

/// The workspace, if it is not this one.
fn elsewhere(named: Option<String>, workspace: Option<&str>) -> Option<String> {
    named.filter(|named| !named.is_empty() && Some(named.as_str()) != workspace)
}

fn outcomes(reader: &mut Reader<'_>, keys: &Keys<'_>, key: &'static str) -> Vec<Event> {
    let items = reader.list_of(keys, key, "[passed]");
    items.iter().filter_map(|item| reader.choice(key, item, &OUTCOMES)).collect()
}

fn enabled(reader: &mut Reader<'_>, keys: &Keys<'_>) -> Option<bool> {
    if !keys.has("enabled") {
        reader.missing(keys, "enabled", "true");
    }
    reader.bool_of(keys, "enabled")
}

/// `deferred_schedule` or `turbo_ci`.
pub(super) fn deferral(reader: &mut Reader<'_>, keys: &Keys<'_>, key: &'static str) -> Option<Deferral> {
    const SCHEDULE: [&str; 3] = ["deferred_schedule_slug", "deferred_schedule_name", "deferred_manifest_schedule"];
    let known = [
        "enabled",
        SCHEDULE[0],
        SCHEDULE[1],
        SCHEDULE[2],
        "defer_environment_slug",
        "successful_runs_only",
        "successful_run_only",
    ];
    let keys = &reader.mapping(key, keys.get(key)?, &known)?;
    let enabled = enabled(reader, keys);
    let schedule = keys.first(&SCHEDULE);
    let target = match (schedule, keys.get("defer_environment_slug")) {
        (Some(_), Some(node)) => {
            let cause = "the state comes from one schedule, or from the latest run in an environment";
            let what = format!("'{key}' names a schedule and an environment");
            reader.error(node.position, what, cause, "remove one of them");
            None
        }
        (Some((name, node)), None) => reader.text(name, node).map(DeferralTarget::Schedule),
        (None, Some(node)) => reader.text("defer_environment_slug", node).map(DeferralTarget::Environment),
        (None, None) => {
            reader.missing(keys, "deferred_schedule_slug", "orders-lake-refresh");
            None
        }
    };
    let plural = reader.bool_of(keys, "successful_runs_only");
    let singular = reader.bool_of(keys, "successful_run_only");
    Some(Deferral { enabled: enabled?, target: target?, successful_runs_only: plural.or(singular).unwrap_or(true) })
}

//! Where in a file the thing stands that a check found wrong.

use project::yaml::{Node, Position, Value};

use super::keys::entry;

/// The place of `key` (`commands[1]`, `retry.backoff_seconds`) in a schedule's entry, or of the nearest thing around it that was written.
/// Keys are those of today; files may have older ones.
pub(crate) fn place(schedule: &Node, key: &str) -> Position {
    let mut at = schedule;
    let mut position = schedule.position;
    for part in key.split('.') {
        let (name, indexes) = part.split_once('[').unwrap_or((part, ""));
        let Value::Map(map) = &at.value else { break };
        let older = OLDER.iter().filter(|(today, _)| *today == name).flat_map(|(_, older)| older.iter().copied());
        let Some(found) = std::iter::once(name).chain(older).find_map(|name| entry(map, name)) else { break };
        (at, position) = (&found.value, found.key.position);
        let index = indexes.trim_end_matches(']').parse().ok();
        if let (Some(index), Value::Seq(items)) = (index, &at.value) {
            let index: usize = index;
            let Some(item) = items.get(index) else { break };
            (at, position) = (item, item.position);
        } else if !matches!(at.value, Value::Map(_)) {
            position = at.position;
        }
    }
    position
}

const OLDER: [(&str, &[&str]); 6] = [
    ("slug", &["name"]),
    ("run_after", &["schedule_trigger"]),
    ("schedule", &["schedule_slug", "schedule_name"]),
    ("on", &["trigger_on"]),
    (
        "target",
        &["deferred_schedule_slug", "deferred_schedule_name", "deferred_manifest_schedule", "defer_environment_slug"],
    ),
    ("workspace", &["workspace_name"]),
];

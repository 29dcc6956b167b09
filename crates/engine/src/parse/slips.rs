//! Misspelt keys of `config(…)`, and whose misspellings are told.

use artifacts::manifest::Node;
use diagnostic::Diagnostic;
use jinja::Template;

use super::nodes::location;

/// Warns of every config of the node's code that is a letter away from one that dbt or Athena reads.
pub(super) fn of_config_calls(node: &Node, template: &Template, lines_before: usize) -> Vec<Diagnostic> {
    let calls = template.calls().iter().filter(|call| call.name == "config");
    let keys = calls.flat_map(|call| call.keyword.iter().map(|(key, _)| (key, call.line as usize)));
    keys.filter_map(|(key, first)| {
        let meant = project::misspelt_config(key)?;
        // The call may go over several lines.
        let lines = node.raw_code.lines().enumerate().skip(first.saturating_sub(1));
        let (line, column) = lines
            .filter_map(|(index, text)| Some((index + 1, text[..text.find(key.as_str())?].chars().count() + 1)))
            .next()
            .map_or((first, None), |(line, column)| (line, Some(column)));
        let mut place = location(node, Some(line), lines_before);
        place.column = column;
        let what = format!(
            "Custom key `{key}` found in `config` in file `{}`. Custom config keys should move into the `config.meta`.",
            node.original_file_path
        );
        Some(
            Diagnostic::warning(what)
                .named("CustomKeyInConfigDeprecation")
                .at(place)
                .cause("the config is kept, and nothing of dbt or Athena reads it")
                .fix(format!("did you mean '{meant}'?")),
        )
    })
    .collect()
}

/// Whether a warning is about a misspelt key: what a package misspells is for its authors to hear.
pub(super) fn is_slip(diagnostic: &Diagnostic) -> bool {
    matches!(
        diagnostic.name,
        Some("CustomKeyInObjectDeprecation" | "CustomKeyInConfigDeprecation" | "CustomTopLevelKeyDeprecation")
    )
}

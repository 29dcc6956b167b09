//! Whether a model still keeps the promise of its contract, and which changes break those who rely on it.

use artifacts::manifest::Node;
use chrono::{DateTime, NaiveDate, Utc};
use diagnostic::{Diagnostic, Location};

/// A contract that changed.
pub(super) enum ContractChange {
    /// Columns were added, or the contract is new.
    Harmless,
    /// Readers may fail; each change as dbt words it.
    Breaking(Vec<String>),
}

/// What changed in the contract since; `None` when nothing did.
///
/// Constraints never count: Athena enforces none of them, and dbt counts only those that the adapter enforces.
pub(super) fn change(new: &Node, old: &Node) -> Option<ContractChange> {
    match (old.contract.enforced, new.contract.enforced) {
        (false, false) => return None,
        (false, true) => return Some(ContractChange::Harmless),
        (true, true) if same_promise(new, old) => return None,
        _ => {}
    }
    let mut breaking = Vec::new();
    if !new.contract.enforced {
        breaking.push(
            "Contract enforcement was removed: Previously, this model had an enforced contract. It is no longer configured to enforce its contract, and this is a breaking change."
                .to_owned(),
        );
    }
    let mut columns: Vec<_> = old.columns.iter().collect();
    columns.sort_by_key(|(name, _)| *name);
    let (mut removed, mut retyped) = (Vec::new(), Vec::new());
    for (key, column) in &columns {
        let Some(now) = new.columns.get(*key) else {
            removed.push(column.name.clone());
            continue;
        };
        if base_type(column.data_type.as_deref()) != base_type(now.data_type.as_deref()) {
            let spelled = |data_type: &Option<String>| data_type.clone().unwrap_or_else(|| "None".to_owned());
            retyped.push(format!("{} ({} -> {})", column.name, spelled(&column.data_type), spelled(&now.data_type)));
        }
    }
    let mut listed = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            breaking.push(format!("{title}: \n    - {}", items.join("\n    - ")));
        }
    };
    listed("Columns were removed", removed);
    listed("Columns with data_type changes", retyped);
    let constrained = !old.constraints.is_empty() || columns.iter().any(|(_, column)| !column.constraints.is_empty());
    if enforces_constraints(old) && !enforces_constraints(new) && constrained {
        let change = format!("{} -> {}", old.materialized(), new.materialized());
        listed("Materialization changed with enforced constraints", vec![change]);
    }
    Some(match breaking.is_empty() {
        true => ContractChange::Harmless,
        false => ContractChange::Breaking(breaking),
    })
}

/// The change that a model with a contract is gone; `None` when it promised nothing any more.
pub(super) fn removal(removed: &Node, now: DateTime<Utc>) -> Option<String> {
    if !removed.contract.enforced || is_past_deprecation(removed, now) {
        return None;
    }
    let id = &removed.unique_id;
    Some(match removed.config_bool("enabled") {
        Some(false) => format!("Contracted model '{id}' was disabled."),
        _ => format!("Contracted model '{id}' was deleted or renamed."),
    })
}

/// What is said of breaking changes: unversioned models warn, versioned ones stop.
pub(super) fn told(node: &Node, changes: &[String]) -> Diagnostic {
    let reasons = changes.join("\n  - ");
    let (name, path) = (&node.name, &node.original_file_path);
    if node.version.is_none() {
        return Diagnostic::warning(format!(
            "Breaking change to contracted, unversioned model {name} ({path})\nWhile comparing to previous project state, dbt detected a breaking change to an unversioned model.\n  - {reasons}"
        ))
        .named("UnversionedBreakingChange")
        .fix("make an additive change instead, or give the model versions");
    }
    let message = format!(
        "While comparing to previous project state, dbt detected a breaking change to an enforced contract.\n  - {reasons}\nConsider making an additive (non-breaking) change instead, if possible.\nOtherwise, create a new model version: https://docs.getdbt.com/docs/collaborate/govern/model-versions"
    );
    let message = message.replace('\n', "\n  ");
    Diagnostic::error(format!("Breaking change to contract Error in model {name} ({path})\n  {message}"))
        .at(Location::file(path))
        .cause("others may rely on this version of the model as it was")
        .fix("add a new version below `versions:` and leave this one as it was")
}

/// dbt compares a checksum over the same members.
fn same_promise(new: &Node, old: &Node) -> bool {
    let promise = |node: &Node| {
        let mut columns: Vec<_> = node
            .columns
            .values()
            .map(|column| (column.name.clone(), column.data_type.clone(), column.constraints.clone()))
            .collect();
        columns.sort_by(|a, b| a.0.cmp(&b.0));
        let enforced = enforces_constraints(node).then(|| (node.materialized().to_owned(), node.constraints.clone()));
        (columns, enforced)
    };
    new.contract.checksum == old.contract.checksum || promise(new) == promise(old)
}

fn enforces_constraints(node: &Node) -> bool {
    matches!(node.materialized(), "table" | "incremental")
}

/// `VARCHAR(10)` → `varchar`: size, precision and scale may change.
fn base_type(data_type: Option<&str>) -> Option<String> {
    let text = data_type.filter(|text| !text.is_empty())?;
    Some(text.split('(').next().unwrap_or(text).trim().to_lowercase())
}

fn is_past_deprecation(node: &Node, now: DateTime<Utc>) -> bool {
    let Some(text) = &node.deprecation_date else { return false };
    let date = DateTime::parse_from_rfc3339(text).map(|date| date.with_timezone(&Utc)).ok();
    let day = || {
        let day = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc())
    };
    date.or_else(day).is_some_and(|date| date < now)
}

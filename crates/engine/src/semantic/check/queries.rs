//! Saved queries: what they ask for is there, and they are ordered by what they ask for.

use std::collections::HashSet;

use artifacts::{SemanticManifest, semantic_manifest::SavedQuery};

use super::{
    Granularities, Issues, Kind,
    filters::{Context, Item, items},
};

const FIX: &str = "write Dimension('entity__dimension'), TimeDimension('metric_time', 'day') or Entity('…')";

pub(super) fn check(manifest: &SemanticManifest, known: &Granularities, issues: &mut Issues<'_, '_>) {
    let mut elements: HashSet<&str> = manifest.metrics.iter().map(|metric| metric.name.as_str()).collect();
    elements.insert("metric_time");
    for model in &manifest.semantic_models {
        elements.extend(model.dimensions.iter().map(|dimension| dimension.name.as_str()));
        elements.extend(model.entities.iter().map(|entity| entity.name.as_str()));
    }
    for query in &manifest.saved_queries {
        let groups_are_right = group_by(query, &elements, known, issues);
        if groups_are_right {
            order_by(query, issues);
        }
        if let Some(limit) = query.query_params.limit.filter(|limit| *limit < 0) {
            let what = format!("Saved query '{}' has the limit {limit}", query.name);
            issues.error((Kind::Query, &query.name), &what, "a limit is a number of rows", "write 0 or more");
        }
    }
}

/// The one item of an expression.
fn item(expression: &str, context: Context) -> Result<Item, String> {
    let mut found = items(&format!("{{{{ {expression} }}}}"), context)?;
    match (found.pop(), found.is_empty()) {
        (Some(item), true) => Ok(item),
        _ => Err("it is not exactly one item".to_owned()),
    }
}

fn group_by(query: &SavedQuery, elements: &HashSet<&str>, known: &Granularities, issues: &mut Issues<'_, '_>) -> bool {
    let of = (Kind::Query, query.name.as_str());
    let mut all_right = true;
    for written in &query.query_params.group_by {
        let named = item(written, Context::Filter).and_then(|item| item.resolve(known, Context::Filter));
        let cause = match named {
            Ok(named) if elements.contains(named.element.as_str()) => continue,
            Ok(named) => format!("there is no dimension, entity or metric '{}'", named.element),
            Err(cause) => cause,
        };
        let what = format!("`{written}` is no group-by of saved query '{}'", query.name);
        issues.error(of, &what, &cause, FIX);
        all_right = false;
    }
    all_right
}

fn order_by(query: &SavedQuery, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Query, query.name.as_str());
    let params = &query.query_params;
    let metrics = params.metrics.iter().map(|name| format!("Metric('{name}')"));
    let asked = metrics.chain(params.group_by.iter().cloned());
    let asked: Vec<Item> = asked.filter_map(|written| item(&written, Context::Filter).ok()).collect();
    for written in &params.order_by {
        let cause = match item(written, Context::OrderBy) {
            Ok(item) if asked.contains(&item.clone().unordered()) => continue,
            Ok(_) => "it is neither one of the query's metrics nor one of its group-bys".to_owned(),
            Err(cause) => cause,
        };
        let what = format!("`{written}` is no order of saved query '{}'", query.name);
        issues.error(
            of,
            &what,
            &cause,
            "write Metric('…') or a group-by of the query, with `.descending(True)` at the end",
        );
    }
}

//! Cumulative and derived metrics.

use artifacts::{
    SemanticManifest,
    semantic_manifest::{Metric, TimeWindow},
};

use super::{Granularities, Issues, Kind, Of, is_standard, names};

/// `nested_only`: that windows beside `cumulative_type_params` are refused.
pub(super) fn check(
    manifest: &SemanticManifest,
    known: &Granularities,
    nested_only: bool,
    issues: &mut Issues<'_, '_>,
) {
    let mut first_old = true;
    for metric in &manifest.metrics {
        let of = (Kind::Metric, metric.name.as_str());
        if metric.type_params.window.is_some() || metric.type_params.grain_to_date.is_some() {
            let fix = match metric.type_params.measure.is_none() && metric.kind != "derived" {
                true => {
                    "leave `window` out, or set that flag to false in dbt_project.yml: dbt 1.12 keeps the windows of the newer form in both places"
                }
                false => "move it below `cumulative_type_params`",
            };
            old_place(of, fix, nested_only, &mut first_old, issues);
        }
        if metric.kind == "cumulative" {
            cumulative(metric, known, issues);
        }
        let aggregation = metric.type_params.metric_aggregation_params.as_ref();
        if aggregation.is_some_and(|aggregation| aggregation.agg == "count") && metric.type_params.expr.is_none() {
            let what =
                format!("Metric '{}' uses a COUNT aggregation, which requires an expr to be provided.", metric.name);
            issues.error(of, &what, "COUNT needs to know what is counted", "add `expr: 1` to count all rows");
        }
        offsets(metric, known, issues);
        if metric.kind == "derived" {
            derived(metric, issues);
        }
    }
}

fn old_place(of: Of<'_>, fix: &str, nested_only: bool, first: &mut bool, issues: &mut Issues<'_, '_>) {
    let what = format!("Metric '{}' has `window` or `grain_to_date` in `type_params`", of.1);
    if nested_only {
        let cause =
            "it belongs to `cumulative_type_params`; the flag require_nested_cumulative_type_params demands that";
        issues.error(of, &what, cause, fix);
    } else if std::mem::take(first) {
        issues.deprecation("MFCumulativeTypeParamsDeprecation", of, &what, fix);
    }
}

fn cumulative(metric: &Metric, known: &Granularities, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Metric, metric.name.as_str());
    let params = &metric.type_params;
    let nested = params.cumulative_type_params.as_ref();
    let nested_window = nested.and_then(|nested| nested.window.as_ref());
    if let (Some(old), Some(new)) = (&params.window, nested_window)
        && old != new
    {
        let what = format!("Cumulative metric '{}' has two windows", metric.name);
        let cause = "`type_params.window` is not `type_params.cumulative_type_params.window`";
        issues.error(of, &what, cause, "remove `type_params.window`");
    }
    let window = nested_window.or(params.window.as_ref());
    let grain = nested.and_then(|nested| nested.grain_to_date.as_deref()).or(params.grain_to_date.as_deref());
    if let Some(grain) = grain.filter(|grain| !is_standard(grain)) {
        let what = format!("Cumulative metric '{}' has the unknown `grain_to_date` '{grain}'", metric.name);
        let cause = "granularities of the project's own are not supported here";
        issues.error(of, &what, cause, "write `month`, `year`, …");
    }
    if window.is_some() && grain.is_some() {
        let what = format!("Cumulative metric '{}' has a window and a `grain_to_date`", metric.name);
        issues.error(of, &what, "each says from when on rows count", "remove one of them");
    }
    if let Some(window) = window {
        granularity_of(window, of, known, false, issues);
    }
}

/// Whether a window counts something that is known; `own`: whether granularities of the project are.
pub(super) fn granularity_of(
    window: &TimeWindow,
    of: Of<'_>,
    known: &Granularities,
    own: bool,
    issues: &mut Issues<'_, '_>,
) {
    let singular = window.granularity.strip_suffix('s').filter(|word| known.is_known(word));
    let granularity = singular.unwrap_or(&window.granularity);
    let what = format!("Invalid time granularity '{granularity}' in window: '{} {}'", window.count, window.granularity);
    if !known.is_known(granularity) {
        let cause = format!("known are {}", known.listed());
        issues.error(of, &what, &cause, "write one of them, as in `28 days`");
    } else if !own && !is_standard(granularity) {
        let cause = "granularities of the project's own are not supported here";
        issues.error(of, &what, cause, "write days, weeks, months, …");
    }
}

fn offsets(metric: &Metric, known: &Granularities, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Metric, metric.name.as_str());
    for input in metric.type_params.metrics.iter().flatten() {
        let what = |problem: &str| format!("Input '{}' of metric '{}' {problem}", input.name, metric.name);
        if let Some(window) = &input.offset_window {
            granularity_of(window, of, known, true, issues);
        }
        if let Some(grain) = input.offset_to_grain.as_deref().filter(|grain| !is_standard(grain)) {
            let what = what(&format!("has the unknown `offset_to_grain` '{grain}'"));
            issues.error(
                of,
                &what,
                "granularities of the project's own are not supported here",
                "write `month`, `year`, …",
            );
        }
        if input.offset_window.is_some() && input.offset_to_grain.is_some() {
            let what = what("has `offset_window` and `offset_to_grain`");
            issues.error(of, &what, "each says how far back the input is", "remove one of them");
        }
    }
}

fn derived(metric: &Metric, issues: &mut Issues<'_, '_>) {
    let of = (Kind::Metric, metric.name.as_str());
    let inputs: Vec<_> = metric.type_params.metrics.iter().flatten().collect();
    if inputs.is_empty() {
        let what = format!("No input metrics found for derived metric '{}'", metric.name);
        issues.error(of, &what, "a derived metric is computed from others", "add `type_params: {metrics: […]}`");
    }
    for input in &inputs {
        let Some(alias) = input.alias.as_deref().filter(|alias| !alias.is_empty()) else { continue };
        names::valid(alias, of, issues);
        if inputs.iter().any(|other| other.name == alias) {
            let what = format!(
                "The alias '{alias}' of input '{}' of metric '{}' is the name of an input",
                input.name, metric.name
            );
            issues.error(of, &what, "`expr` could mean either", "choose another alias");
        }
    }
    let Some(expr) = metric.type_params.expr.as_deref().filter(|expr| !expr.is_empty()) else {
        let what = format!("No `expr` set for derived metric {}", metric.name);
        issues.warning(of, &what, "add an `expr` of its inputs");
        return;
    };
    for input in inputs {
        let name = input.alias.as_deref().filter(|alias| !alias.is_empty()).unwrap_or(&input.name);
        if !expr.contains(name) {
            let what =
                format!("Input metric '{name}' is not used in `expr`: '{expr}' of derived metric '{}'", metric.name);
            issues.warning(of, &what, "use it in `expr`, or remove it");
        }
    }
}

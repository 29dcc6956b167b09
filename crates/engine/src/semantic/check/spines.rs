//! Time spines: that there is one, and that it is fine enough.

use artifacts::SemanticManifest;

use super::{Issues, Kind, coarseness};

const WHERE: &str = "give a model `time_spine: {standard_granularity_column: …}` and that column `granularity: day`, or name a model of days 'metricflow_time_spine'";

/// Semantic models need a time spine of days or finer.
pub(super) fn required(manifest: &SemanticManifest, has_legacy: bool, issues: &mut Issues<'_, '_>) {
    let Some(first) = manifest.semantic_models.first() else { return };
    let spines = &manifest.project_configuration.time_spines;
    let fine = spines.iter().any(|spine| coarseness(&spine.primary_column.time_granularity) <= coarseness("day"));
    if !fine && !has_legacy {
        let what = "The semantic layer requires a time spine model with granularity DAY or smaller in the project, but none was found.";
        let cause = match spines.len() {
            0 => "no model has `time_spine`, and none is called 'metricflow_time_spine'",
            _ => "every time spine of the project is coarser than a day",
        };
        issues.error((Kind::Model, &first.name), what, cause, WHERE);
    }
}

/// How time spines go with each other and with the dimensions. `new_form_only`: that the older form is no deprecation any more.
pub(super) fn check(manifest: &SemanticManifest, new_form_only: bool, issues: &mut Issues<'_, '_>) {
    let configuration = &manifest.project_configuration;
    let spines = &configuration.time_spines;
    let of_days = spines.iter().any(|spine| spine.primary_column.time_granularity == "day");
    let Some(model) = manifest.semantic_models.first() else { return };
    let project = (Kind::Model, model.name.as_str());
    if !new_form_only && !configuration.time_spine_table_configurations.is_empty() && !of_days {
        let what = "Time spines without YAML configuration are in the process of deprecation.";
        issues.deprecation("MFTimespineWithoutYamlConfigurationDeprecation", project, what, WHERE);
    }
    if spines.is_empty() {
        return;
    }
    let granularity = |index: usize| spines[index].primary_column.time_granularity.as_str();
    let again = (0..spines.len()).find(|index| (0..*index).any(|other| granularity(other) == granularity(*index)));
    if let Some(index) = again {
        let names: Vec<&str> = spines
            .iter()
            .filter(|spine| spine.primary_column.time_granularity == granularity(index))
            .filter_map(|spine| spine.node_relation.relation_name.as_deref())
            .collect();
        let what = format!(
            "Only one time spine is supported per granularity; of {} there are {}",
            granularity(index),
            names.join(", ")
        );
        issues.warning(project, &what, "remove `time_spine` from all but one");
    }
    let dimensions = manifest.semantic_models.iter().flat_map(|model| &model.dimensions);
    let finest = dimensions.filter_map(|dimension| dimension.granularity()).min_by_key(|name| coarseness(name));
    let spine = (0..spines.len()).map(granularity).min_by_key(|name| coarseness(name));
    match (finest, spine) {
        (None, _) => {
            let what = "No time dimensions are configured; a time spine should be as fine as the finest of them";
            issues.warning(project, what, "add a dimension of `type: time`");
        }
        (Some(finest), Some(spine)) if coarseness(finest) < coarseness(spine) => {
            let what =
                format!("A time dimension has the granularity {finest}, and the finest time spine is of {spine}s");
            issues.warning(project, &what, &format!("add a time spine of {finest}s"));
        }
        _ => {}
    }
}

//! `catalogs.yml`: the catalogs that a node names with `catalog_name`, in both versions of the file that dbt knows.
//!
//! Version 1 lists write integrations, one of which is active; version 2, behind the flag `use_catalogs_v2`, describes a catalog once and
//! has a block of settings per adapter. Both come out as [`CatalogIntegration`].

use diagnostic::Diagnostic;

use crate::{
    dbt_project::{DbtProject, unreadable},
    fields::Fields,
    render::{RenderYaml, render_tree},
    source::SourceText,
    yaml::{self, Node},
};

const FILE: &str = "catalogs.yml";

/// A catalog as a node's `catalog_name` means it. Its type is for the adapter to understand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogIntegration {
    /// What `catalog_name` says.
    pub name: String,
    /// `glue`, `s3_tables`, …
    pub catalog_type: String,
    /// The warehouse's name for it: in version 1 the active integration's.
    pub catalog_name: String,
    /// `iceberg`, `hive`; the type's own where it is not said.
    pub table_format: Option<String>,
    pub file_format: Option<String>,
    /// Where tables are kept: on Athena a folder on S3.
    pub external_volume: Option<String>,
    /// The database of the nodes that name the catalog, instead of the target's.
    pub catalog_database: Option<String>,
}

/// What `catalogs.yml` says; `None` when there is no such file.
///
/// `version_2` is the flag `use_catalogs_v2`; `adapter` chooses the block of settings there.
pub fn read_catalogs_file(
    project: &DbtProject,
    version_2: bool,
    adapter: &str,
    renderer: &dyn RenderYaml,
) -> (Option<Vec<CatalogIntegration>>, Vec<Diagnostic>) {
    let text = match fs_err::read_to_string(project.path(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (None, Vec::new()),
        Err(error) => return (None, vec![unreadable(FILE, &error)]),
    };
    let source = SourceText::new(FILE, text);
    let (node, mut diagnostics) = yaml::parse_file(&source.file, &source.text);
    if !diagnostics.is_empty() {
        return (None, diagnostics);
    }
    let Some(node) = node.filter(|node| !node.value.is_null()) else {
        let empty = Diagnostic::error(format!("Runtime Error\n  The file at {FILE} is empty"))
            .at(diagnostic::Location::file(FILE))
            .fix("list catalogs below `catalogs:`, or delete the file");
        return (None, vec![empty]);
    };
    let node = render_tree(&node, renderer, &|_| false, &source, &mut diagnostics);
    let Some(mut file) = Fields::new(&node, FILE, &source, &mut diagnostics) else { return (None, diagnostics) };
    let entries = file.list("catalogs");
    if version_2 {
        for (key, position) in file.rest_keys() {
            let what =
                format!("Validation Error\n  Unknown top-level key in {FILE}: '{key}'. Only 'catalogs' is allowed");
            file.report(position, what, None, "list the catalogs below `catalogs:`");
        }
    }
    let mut catalogs: Vec<CatalogIntegration> = Vec::new();
    for entry in &entries {
        let Some(mut fields) = file.nested(entry, format!("an entry of `catalogs:` in {FILE}")) else { continue };
        let read = if version_2 { described(&mut fields, adapter) } else { active_integration(&mut fields) };
        let Some(catalog) = read else { continue };
        if catalogs.iter().any(|known| known.name == catalog.name) {
            let what = format!("Validation Error\n  Duplicate catalog name '{}' in {FILE}", catalog.name);
            let cause = Some("nodes find a catalog by its name".to_owned());
            file.report(entry.position, what, cause, "give each catalog a name of its own");
        } else {
            catalogs.push(catalog);
        }
    }
    (Some(catalogs), diagnostics)
}

/// An entry of version 2: `name`, `type`, `table_format`, and `config` by adapter.
fn described(fields: &mut Fields<'_>, adapter: &str) -> Option<CatalogIntegration> {
    const KEYS: [&str; 4] = ["name", "type", "table_format", "config"];
    let place = fields.position;
    if fields.has("write_integrations") {
        let what = "Validation Error\n  Unknown key in catalog entry: 'write_integrations'".to_owned();
        let cause = Some("this is version 1 of the file, and the project's flag `use_catalogs_v2` is on".to_owned());
        fields.report(place, what, cause, "write name, type, table_format and config, or take the flag away");
        return None;
    }
    let missing: Vec<&str> = KEYS.into_iter().filter(|key| !fields.has(key)).collect();
    if !missing.is_empty() {
        let what = format!("Validation Error\n  Missing required keys in catalog entry: {}", python_list(&missing));
        fields.report(place, what, None, "every catalog has a name, a type, a table_format and a config");
        return None;
    }
    let name = fields.text("name").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let catalog_type = fields.text("type").map(|text| text.to_lowercase());
    let format = fields.take("table_format").unwrap_or_default();
    let config = fields.take("config").unwrap_or_default();
    for (key, position) in fields.rest_keys() {
        let what = format!("Validation Error\n  Unknown key in catalog entry: '{key}'");
        fields.report(position, what, Some(format!("known are {}", KEYS.join(", "))), "remove the key, or correct it");
    }
    let Some(name) = name else {
        let what = "Validation Error\n  catalogs[].name must be a non-empty string".to_owned();
        fields.report(place, what, None, "give the catalog a name");
        return None;
    };
    let table_format = match format.value.scalar_text().map(|text| text.to_lowercase()).as_deref() {
        Some("iceberg") => "iceberg",
        // Not Iceberg: what Athena calls Hive.
        Some("default") => "hive",
        _ => {
            let given = format.value.scalar_text().unwrap_or_else(|| format.value.kind().to_owned());
            let what =
                format!("Validation Error\n  Invalid table_format '{given}'. Must be one of ['default', 'iceberg']");
            fields.report(format.position, what, None, "write `table_format: iceberg`, or `default` for Hive tables");
            return None;
        }
    };
    let mut catalog = CatalogIntegration {
        catalog_name: name.clone(),
        name,
        catalog_type: catalog_type?,
        table_format: Some(table_format.to_owned()),
        ..CatalogIntegration::default()
    };
    let of = format!("`config` of catalog '{}'", catalog.name);
    let mut blocks = fields.nested(&config, &of)?;
    let Some(block) = blocks.take_some(adapter) else { return Some(catalog) };
    let mut block = blocks.nested(&block, format!("`{adapter}` in the {of}"))?;
    catalog.file_format = block.text("file_format");
    catalog.external_volume = block.text("external_volume");
    catalog.catalog_database = block.text("catalog_database");
    for (key, position) in block.rest_keys() {
        let what = format!("'{key}' in the {of} has no effect on {adapter}");
        let warning = block.source.warning(position, what).named("UnusedCatalogProperty");
        block.diagnostics.push(warning.fix("known are file_format, external_volume and catalog_database"));
    }
    Some(catalog)
}

/// An entry of version 1: `write_integrations`, of which one is active.
fn active_integration(fields: &mut Fields<'_>) -> Option<CatalogIntegration> {
    let place = fields.position;
    if fields.has("type") && !fields.has("write_integrations") {
        let what = "Validation Error\n  Unknown key in catalog entry: 'type'".to_owned();
        let cause = Some("this is version 2 of the file, which dbt reads when the project asks for it".to_owned());
        fields.report(place, what, cause, "set `flags: {use_catalogs_v2: true}` in dbt_project.yml");
        return None;
    }
    let name = fields.name("catalogs")?;
    let active = fields.text("active_write_integration");
    let nodes = fields.list("write_integrations");
    fields.refuse_rest("catalog", &["name", "active_write_integration", "write_integrations"]);
    let integrations: Vec<CatalogIntegration> =
        nodes.iter().filter_map(|node| integration(fields, node, &name)).collect();
    if integrations.len() < nodes.len() {
        return None;
    }
    let names: Vec<&str> = integrations.iter().map(|integration| integration.catalog_name.as_str()).collect();
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| name) {
        let what = format!(
            "Validation Error\n  Catalog '{name}' cannot have multiple 'write_integrations' with the same name: '{twice}'."
        );
        fields.report(place, what, None, "give each of them a name of its own");
        return None;
    }
    let what = match &active {
        None if integrations.len() == 1 => return integrations.into_iter().next(),
        None => format!(
            "Validation Error\n  Catalog '{name}' must specify an 'active_write_integration' when multiple 'write_integrations' are provided."
        ),
        Some(active) => match integrations.iter().find(|integration| integration.catalog_name == *active) {
            Some(found) => return Some(found.clone()),
            None => format!(
                "Validation Error\n  Catalog '{name}' must specify an 'active_write_integration' from its set of defined 'write_integrations': {}. Got: '{active}'.",
                python_list(&names)
            ),
        },
    };
    fields.report(place, what, None, "name one of the write_integrations in `active_write_integration`");
    None
}

/// One of the `write_integrations` of the catalog `name`.
fn integration(fields: &mut Fields<'_>, node: &Node, name: &str) -> Option<CatalogIntegration> {
    let mut fields = fields.nested(node, format!("a write integration of catalog '{name}'"))?;
    let own_name = fields.name("write_integrations");
    let catalog_type = fields.text("catalog_type");
    if catalog_type.is_none() {
        let place = fields.position;
        let what = format!("Validation Error\n  A write integration of catalog '{name}' has no 'catalog_type'");
        fields.report(place, what, None, "add `catalog_type: glue`");
    }
    let table_format = fields.text("table_format");
    let file_format = fields.text("file_format");
    let external_volume = fields.text("external_volume");
    let catalog_database = fields.text("catalog_database");
    // Of other adapters; dbt-athena has none.
    fields.mapping("adapter_properties");
    let known = ["name", "catalog_type", "external_volume", "table_format", "file_format", "catalog_database"];
    fields.refuse_rest("write integration", &known);
    Some(CatalogIntegration {
        name: name.to_owned(),
        catalog_type: catalog_type?,
        catalog_name: own_name?,
        table_format,
        file_format,
        external_volume,
        catalog_database,
    })
}

/// `['a', 'b']`
fn python_list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("[{}]", quoted.join(", "))
}

impl CatalogIntegration {
    /// An integration that needs no file: `info_schema` and `glue` of dbt-athena.
    pub fn built_in(name: &str, table_format: &str) -> Self {
        Self {
            name: name.to_owned(),
            catalog_type: name.to_owned(),
            catalog_name: name.to_owned(),
            table_format: Some(table_format.to_owned()),
            file_format: Some("parquet".to_owned()),
            ..Self::default()
        }
    }
}

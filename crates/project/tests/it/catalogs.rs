//! `catalogs.yml`, in both versions.

use project::{CatalogIntegration, DbtProject, Verbatim};

/// What a file says, or what is wrong with it: the first lines of the messages.
fn read(version_2: bool, text: &str) -> Result<Vec<CatalogIntegration>, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("dbt_project.yml"), "name: shop\n").unwrap();
    fs_err::write(directory.path().join("catalogs.yml"), text).unwrap();
    let project = DbtProject::load(directory.path(), "", &Verbatim).0.unwrap();
    let (catalogs, diagnostics) = project::read_catalogs_file(&project, version_2, "athena", &Verbatim);
    if diagnostics.is_empty() {
        return Ok(catalogs.unwrap());
    }
    Err(diagnostics.into_iter().map(|diagnostic| diagnostic.what.replace("\n  ", ": ")).collect())
}

fn mistakes(version_2: bool, text: &str) -> Vec<String> {
    read(version_2, text).expect_err("a mistake")
}

#[test]
fn a_project_needs_no_catalogs() {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("dbt_project.yml"), "name: shop\n").unwrap();
    let project = DbtProject::load(directory.path(), "", &Verbatim).0.unwrap();
    let (catalogs, diagnostics) = project::read_catalogs_file(&project, false, "athena", &Verbatim);
    assert!(catalogs.is_none() && diagnostics.is_empty());
    assert_eq!(mistakes(false, "# nothing\n"), ["Runtime Error: The file at catalogs.yml is empty"]);
}

#[test]
fn version_1_has_an_active_integration() {
    let one = "{name: one, catalog_type: glue, table_format: iceberg, external_volume: s3://lake/one}";
    let two = "{name: two, catalog_type: glue, file_format: orc}";
    let catalogs = read(
        false,
        &format!("catalogs: [{{name: lake, active_write_integration: two, write_integrations: [{one}, {two}]}}, {{name: own, write_integrations: [{one}]}}]"),
    )
    .unwrap();
    assert_eq!(catalogs[0].name, "lake");
    assert_eq!(catalogs[0].catalog_name, "two");
    assert_eq!(catalogs[0].file_format.as_deref(), Some("orc"));
    assert_eq!(catalogs[0].table_format, None);
    assert_eq!(catalogs[1].external_volume.as_deref(), Some("s3://lake/one"));

    let of = |rest: &str| mistakes(false, &format!("catalogs: [{{name: lake, {rest}}}]"));
    assert_eq!(
        of(&format!("write_integrations: [{one}, {two}]")),
        [
            "Validation Error: Catalog 'lake' must specify an 'active_write_integration' when multiple 'write_integrations' are provided."
        ]
    );
    assert_eq!(
        of(&format!("active_write_integration: three, write_integrations: [{one}, {two}]")),
        [
            "Validation Error: Catalog 'lake' must specify an 'active_write_integration' from its set of defined 'write_integrations': ['one', 'two']. Got: 'three'."
        ]
    );
    assert_eq!(
        of(&format!("active_write_integration: one, write_integrations: [{one}, {one}]")),
        ["Validation Error: Catalog 'lake' cannot have multiple 'write_integrations' with the same name: 'one'."]
    );
    assert_eq!(
        of("write_integrations: [{name: one, catalog_typ: glue}]"),
        [
            "Validation Error: A write integration of catalog 'lake' has no 'catalog_type'",
            "Parsing Error: Invalid write integration config given in catalogs.yml: a write integration of catalog 'lake' has a key that is not allowed ('catalog_typ' was unexpected)",
        ]
    );
    assert_eq!(of("type: glue"), ["Validation Error: Unknown key in catalog entry: 'type'"]);
}

#[test]
fn version_2_has_a_block_for_each_adapter() {
    let catalogs = read(
        true,
        "catalogs:\n\
         - {name: lake, type: GLUE, table_format: Iceberg, config: {snowflake: {x: 1}, athena: {file_format: orc, external_volume: s3://l/v}}}\n\
         - {name: plain, type: glue, table_format: default, config: {athena: }}\n\
         - {name: buckets, type: s3_tables, table_format: iceberg, config: {athena: {catalog_database: s3tablescatalog/b}}}\n",
    )
    .unwrap();
    assert_eq!(catalogs[0].catalog_type, "glue");
    assert_eq!(catalogs[0].table_format.as_deref(), Some("iceberg"));
    assert_eq!(catalogs[0].file_format.as_deref(), Some("orc"));
    assert_eq!(catalogs[0].external_volume.as_deref(), Some("s3://l/v"));
    assert_eq!(catalogs[1].table_format.as_deref(), Some("hive"));
    assert_eq!(catalogs[2].catalog_database.as_deref(), Some("s3tablescatalog/b"));

    assert_eq!(
        mistakes(
            true,
            "iceberg_catalogs: []\n\
             catalogs:\n\
             - {name: a, type: glue, table_format: parquet, config: {}}\n\
             - {name: b, type: glue, table_format: iceberg}\n\
             - {name: '', type: glue, table_format: iceberg, config: {}}\n\
             - {name: c, type: glue, table_format: iceberg, config: {athena: 1}}\n\
             - {name: d, type: glue, table_format: iceberg, config: {}, external_volume: s3://x/y}\n\
             - {name: d, type: glue, table_format: iceberg, config: {}}\n\
             - {name: e, write_integrations: []}\n\
             - text\n"
        ),
        [
            "Validation Error: Unknown top-level key in catalogs.yml: 'iceberg_catalogs'. Only 'catalogs' is allowed",
            "Validation Error: Invalid table_format 'parquet'. Must be one of ['default', 'iceberg']",
            "Validation Error: Missing required keys in catalog entry: ['config']",
            "Validation Error: catalogs[].name must be a non-empty string",
            "Parsing Error: `athena` in the `config` of catalog 'c' must be a mapping, not an integer",
            "Validation Error: Unknown key in catalog entry: 'external_volume'",
            "Validation Error: Duplicate catalog name 'd' in catalogs.yml",
            "Validation Error: Unknown key in catalog entry: 'write_integrations'",
            "Parsing Error: an entry of `catalogs:` in catalogs.yml must be a mapping, not a string",
        ]
    );
    assert_eq!(
        mistakes(
            true,
            "catalogs: [{name: a, type: glue, table_format: iceberg, config: {athena: {file_fromat: orc}}}]"
        ),
        ["'file_fromat' in the `config` of catalog 'a' has no effect on athena"]
    );
}

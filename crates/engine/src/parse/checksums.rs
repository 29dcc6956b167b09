//! Checksums over Python's texts of dbt's own classes: of contracts and of unit tests, for `state:modified`.
//!
//! Source: dbt Core, `build_contract_checksum` and `build_unit_test_checksum`.

use artifacts::manifest::{Constraint, Node};
use jinja::Value;
use project::properties::{UnitTestProperties, VersionFilter};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::context::from_yaml;

/// Over the columns' names, types and constraints, and the model's constraints where its materialization enforces them.
pub(super) fn contract(node: &Node) -> String {
    let mut columns: Vec<_> = node.columns.values().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = String::new();
    for column in columns {
        let kind = column.data_type.as_deref().unwrap_or("None");
        text.push_str(&format!("|{}{kind}{}", column.name, constraints(&column.constraints)));
    }
    if matches!(node.materialized(), "table" | "incremental") {
        text.push_str(node.materialized());
        text.push_str(&constraints(&node.constraints));
    }
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn constraints(constraints: &[Constraint]) -> String {
    let items: Vec<String> = constraints.iter().map(constraint).collect();
    format!("[{}]", items.join(", "))
}

fn constraint(constraint: &Constraint) -> String {
    let flag = |flag: bool| if flag { "True" } else { "False" };
    let class = if constraint.columns.is_some() { "ModelLevelConstraint" } else { "ColumnLevelConstraint" };
    let columns = constraint.columns.as_ref().map(|columns| format!(", columns={}", list(columns))).unwrap_or_default();
    format!(
        "{class}(type=<ConstraintType.{kind}: '{kind}'>, name={}, expression={}, warn_unenforced={}, warn_unsupported={}, to={}, to_columns={}{columns})",
        optional(constraint.name.as_deref()),
        optional(constraint.expression.as_deref()),
        flag(constraint.warn_unenforced),
        flag(constraint.warn_unsupported),
        optional(constraint.to.as_deref()),
        list(&constraint.to_columns),
        kind = constraint.kind,
    )
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "None".to_owned(), |text| Value::str(text).repr())
}

fn list(texts: &[String]) -> String {
    Value::list(texts.iter().map(|text| Value::str(text.as_str())).collect()).repr()
}

/// One side of a unit test as the manifest has it.
pub(super) struct Side<'a> {
    pub rows: &'a Json,
    pub format: &'a str,
    pub fixture: Option<&'a str>,
}

impl Side<'_> {
    /// The members that inputs and the expected output share.
    fn members(&self) -> String {
        let format = match self.format {
            "csv" => "<UnitTestFormat.CSV: 'csv'>",
            "sql" => "<UnitTestFormat.SQL: 'sql'>",
            _ => "<UnitTestFormat.Dict: 'dict'>",
        };
        format!("rows={}, format={format}, fixture={}", Value::from(self.rows).repr(), optional(self.fixture))
    }
}

/// Over all of a unit test but its description.
pub(super) fn unit_test(test: &UnitTestProperties, given: &[(&str, Side<'_>)], expect: &Side<'_>) -> String {
    let versions = test.versions.as_ref().map_or_else(
        || "None".to_owned(),
        |filter| {
            let (include, exclude) = match filter {
                VersionFilter::Include(versions) => (Some(versions), None),
                VersionFilter::Exclude(versions) => (None, Some(versions)),
                VersionFilter::All => (None, None),
            };
            let numbers = |versions: Option<&Vec<project::properties::VersionNumber>>| {
                versions.map_or_else(
                    || "None".to_owned(),
                    |versions| Value::list(versions.iter().map(|v| Value::from(v.to_json())).collect()).repr(),
                )
            };
            format!("UnitTestNodeVersions(include={}, exclude={})", numbers(include), numbers(exclude))
        },
    );
    let inputs: Vec<String> = given
        .iter()
        .map(|(input, side)| format!("UnitTestInputFixture(input={}, {})", Value::str(*input).repr(), side.members()))
        .collect();
    let overrides = test.overrides.as_ref().map_or_else(
        || "None".to_owned(),
        |overrides| {
            let [macros, vars, env_vars] = [&overrides.macros, &overrides.vars, &overrides.env_vars]
                .map(|map| from_yaml(&project::yaml::Value::Map(map.clone())).repr());
            format!("UnitTestOverrides(macros={macros}, vars={vars}, env_vars={env_vars})")
        },
    );
    let mut text = format!(
        "{}-{versions}-[{}]-UnitTestOutputFixture({})-{overrides}",
        test.model,
        inputs.join(", "),
        expect.members()
    );
    for (_, side) in given.iter().filter(|(_, side)| side.fixture.is_some()) {
        text.push_str(&format!("-{}", Value::from(side.rows)));
    }
    hex::encode(Sha256::digest(text.as_bytes()))
}

//! `contract: {enforced: true}`: the query's columns must be those of the YAML.

use engine::adapter::{AdapterResult, ColumnSpec};
use names::RelationName;

use super::Build;
use crate::{errors, types::quoted, warehouse::RawResult};

/// Compared before anything is built.
#[derive(Debug, Clone)]
pub(crate) struct CheckContract {
    pub(crate) relation: RelationName,
    pub(crate) sql: String,
    pub(crate) columns: Vec<ColumnSpec>,
    /// `string` and `text` are other words for `varchar`.
    pub(crate) alias_types: bool,
}

impl CheckContract {
    /// A query that answers the columns and no row.
    pub(super) fn probe(&self) -> String {
        empty(&self.sql)
    }

    fn contract(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let name = if column.quote { quoted(&column.name) } else { column.name.clone() };
                let written = column.data_type.as_deref().unwrap_or("varchar");
                let is_alias = ["string", "text"].iter().any(|alias| written.eq_ignore_ascii_case(alias));
                let data_type = if self.alias_types && is_alias { "varchar" } else { written };
                format!("cast(null as {data_type}) as {name}")
            })
            .collect();
        empty(&format!("select {}", columns.join(", ")))
    }

    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        if self.columns.is_empty() {
            return Err(errors::mistake(
                "This model has an enforced contract, and its 'columns' specification is missing",
                "no property file lists the model's columns",
                "add `columns:` with a `data_type` each to the model's entry in a property file; nothing was built",
            ));
        }
        let untyped: Vec<String> = self
            .columns
            .iter()
            .filter(|column| column.data_type.is_none())
            .map(|column| format!("'{}'", column.name))
            .collect();
        if !untyped.is_empty() {
            return Err(errors::mistake(
                format!(
                    "Compilation Error: Contracted models require data_type to be defined for each column. Please ensure that the column name and data_type are defined within the YAML configuration for the [{}] column(s).",
                    untyped.join(", ")
                ),
                "a contract says the type of every column",
                "add `data_type:` to these columns",
            ));
        }
        let defined = build.rows(&self.probe(), &self.relation).await?;
        let wanted = build.rows(&self.contract(), &self.relation).await?;
        let mismatches = mismatches(&defined, &wanted);
        if mismatches.is_empty() {
            return Ok(());
        }
        let mut what = "Compilation Error: This model has an enforced contract that failed.\nPlease ensure the name, data_type, and number of columns in your contract match the columns in your model's definition.\n\n| column_name | definition_type | contract_type | mismatch_reason |".to_owned();
        for row in &mismatches {
            what.push_str(&format!("\n| {} |", row.join(" | ")));
        }
        Err(errors::mistake(
            what,
            "the query's columns differ from those of the model's YAML",
            "change the select list (cast, alias) or the columns in the YAML; nothing was built",
        ))
    }
}

fn empty(sql: &str) -> String {
    format!("select * from (\n    {}\n) as __dbt_sbq\nwhere false\nlimit 0", sql.trim())
}

fn columns(result: &RawResult) -> Vec<(String, String)> {
    result.columns.iter().map(|column| (column.name.to_lowercase(), column.r#type.to_uppercase())).collect()
}

/// Only names and bare types are compared, as dbt does: neither lengths nor nested fields.
fn mismatches(defined: &RawResult, wanted: &RawResult) -> Vec<[String; 4]> {
    let (defined, wanted) = (columns(defined), columns(wanted));
    let mut rows = Vec::new();
    for (name, kind) in &wanted {
        match defined.iter().find(|(known, _)| known == name) {
            None => rows.push([name.clone(), String::new(), kind.clone(), "missing in definition".to_owned()]),
            Some((_, own)) if own != kind => {
                rows.push([name.clone(), own.clone(), kind.clone(), "data type mismatch".to_owned()]);
            }
            Some(_) => {}
        }
    }
    for (name, kind) in defined.iter().filter(|(name, _)| !wanted.iter().any(|(known, _)| known == name)) {
        rows.push([name.clone(), kind.clone(), String::new(), "missing in contract".to_owned()]);
    }
    rows.sort();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_and_text_are_varchar_unless_the_contract_says_otherwise() {
        let column = |name: &str, data_type: &str| ColumnSpec {
            name: name.to_owned(),
            data_type: Some(data_type.to_owned()),
            ..ColumnSpec::default()
        };
        let mut check = CheckContract {
            relation: RelationName::new("awsdatacatalog", "dev", "m"),
            sql: "select 1".to_owned(),
            columns: vec![column("a", "string"), column("b", "Text"), column("c", "bigint")],
            alias_types: true,
        };
        let names = "cast(null as varchar) as a, cast(null as varchar) as b, cast(null as bigint) as c";
        assert!(check.contract().contains(names), "{}", check.contract());
        check.alias_types = false;
        assert!(check.contract().contains("cast(null as string) as a"), "{}", check.contract());
    }
}

//! MERGE INTO, whole or in batches.

use engine::adapter::{AdapterResult, Column};
use names::RelationName;

use super::{Batching, Build, ctas::LIMIT, insert::batch_conditions};
use crate::{
    errors,
    types::{DataType, quoted, quoted_list},
};

/// How an existing row's column changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MergeRule {
    Replace,
    Coalesce,
    Sum,
    Append,
    AppendDistinct,
    /// Text in which `_new_` and `_old_` stand for the two values.
    Expression(String),
}

impl MergeRule {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "replace" => Self::Replace,
            "coalesce" => Self::Coalesce,
            "sum" => Self::Sum,
            "append" => Self::Append,
            "append_distinct" => Self::AppendDistinct,
            other => Self::Expression(other.to_owned()),
        }
    }

    fn text(&self, column: &str, is_map: bool) -> String {
        let (new, old) = (format!("src.{}", quoted(column)), format!("target.{}", quoted(column)));
        match self {
            Self::Replace => new,
            Self::Coalesce => format!("coalesce({new}, {old})"),
            Self::Sum if is_map => format!(
                "map_zip_with(coalesce({new}, map()), coalesce({old}, map()), (k, v1, v2) -> coalesce(v1, 0) + coalesce(v2, 0))"
            ),
            Self::Sum => format!("{new} + {old}"),
            Self::Append => format!("{new} || {old}"),
            Self::AppendDistinct => format!("array_distinct({new} || {old})"),
            Self::Expression(text) => text.replace("_new_", &new).replace("_old_", &old),
        }
    }
}

/// Rows of one table merged into an Iceberg table.
#[derive(Debug, Clone)]
pub(crate) struct Merge {
    pub(crate) target: RelationName,
    pub(crate) source: RelationName,
    /// The target's columns, unless a step before finds out others.
    pub(crate) columns: Vec<Column>,
    /// As the author wrote them; not quoted, so that an expression stays one.
    pub(crate) unique_key: Vec<String>,
    pub(crate) predicates: Vec<String>,
    pub(crate) delete_condition: Option<String>,
    pub(crate) update_condition: Option<String>,
    pub(crate) insert_condition: Option<String>,
    pub(crate) only_columns: Option<Vec<String>>,
    pub(crate) except_columns: Option<Vec<String>>,
    pub(crate) default_rule: MergeRule,
    pub(crate) rules: Vec<(String, MergeRule)>,
    pub(crate) partitioned_by: Vec<String>,
    pub(crate) partitions_limit: usize,
    pub(crate) batching: Batching,
}

impl Merge {
    pub(super) fn action(&self) -> &'static str {
        let forced = self.batching == Batching::Always && !self.partitioned_by.is_empty();
        if forced { "merge_in_batches" } else { "merge" }
    }

    /// dbt-athena's MERGE; with a condition, of the source rows that it selects.
    pub(super) fn text(&self, columns: Option<&[String]>, condition: Option<&str>) -> String {
        let names: Vec<String> = match columns {
            Some(columns) => columns.to_vec(),
            None => self.columns.iter().map(|column| column.name.clone()).collect(),
        };
        let source = match condition {
            Some(condition) => format!("(select {} from {} where {condition})", quoted_list(&names), self.source),
            None => self.source.to_string(),
        };
        let mut on: Vec<String> = self.unique_key.iter().map(|key| format!("target.{key} = src.{key}")).collect();
        if !self.predicates.is_empty() {
            on.push(format!("( {} )", self.predicates.join(" and ")));
        }
        let mut text = format!("merge into {} as target using {source} as src\non ({})", self.target, on.join(" and "));
        if let Some(condition) = &self.delete_condition {
            text.push_str(&format!("\nwhen matched and ({condition}) then delete"));
        }
        let updates = self.updates(&names);
        if !updates.is_empty() {
            let and = self.update_condition.as_ref().map(|condition| format!(" and {condition}")).unwrap_or_default();
            text.push_str(&format!("\nwhen matched{and} then update set {}", updates.join(", ")));
        }
        let and = self.insert_condition.as_ref().map(|condition| format!(" and {condition}")).unwrap_or_default();
        let values: Vec<String> = names.iter().map(|name| format!("src.{}", quoted(name))).collect();
        text.push_str(&format!(
            "\nwhen not matched{and} then insert ({}) values ({})",
            quoted_list(&names),
            values.join(", ")
        ));
        text
    }

    fn updates(&self, names: &[String]) -> Vec<String> {
        let among =
            |list: &[String], name: &str| list.iter().any(|item| item.trim_matches('"').eq_ignore_ascii_case(name));
        names
            .iter()
            .filter(|name| !among(&self.unique_key, name))
            .filter(|name| self.only_columns.as_ref().is_none_or(|only| among(only, name)))
            .filter(|name| !self.except_columns.as_ref().is_some_and(|except| among(except, name)))
            .map(|name| {
                let own = self.rules.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)).map(|(_, rule)| rule);
                let column = self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
                let is_map = column.is_some_and(|column| DataType::parse(&column.raw_type).is_map());
                format!("{} = {}", quoted(name), own.unwrap_or(&self.default_rule).text(name, is_map))
            })
            .collect()
    }

    pub(super) async fn execute(&self, build: &mut Build<'_>) -> AdapterResult<()> {
        let columns = build.columns.clone();
        let columns = columns.as_deref();
        let is_partitioned = !self.partitioned_by.is_empty();
        if !is_partitioned || self.batching == Batching::OnLimit {
            match build.sql(&self.text(columns, None), &self.target).await {
                Ok(outcome) => {
                    build.wrote(outcome.rows.unwrap_or(-1));
                    return Ok(());
                }
                Err(error) if is_partitioned && errors::mentions(&error, LIMIT) => {}
                Err(error) => return Err(error),
            }
        }
        let conditions = batch_conditions(build, &self.source, &self.partitioned_by, self.partitions_limit).await?;
        let mut rows = 0;
        for condition in conditions {
            rows += build.sql(&self.text(columns, Some(&condition)), &self.target).await?.rows.unwrap_or(0);
        }
        build.wrote(rows);
        Ok(())
    }
}

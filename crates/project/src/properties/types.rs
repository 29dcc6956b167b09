//! Which type of value a key of an entry has: dbt refuses any other, and null where it is not among them.
//!
//! Source: dbt Core 1.12, the JSON schemas of `contracts/graph/unparsed.py`. Keys with members of their own are read where they are taken.

use crate::fields::Fields;
use crate::yaml::{Node, Value};

/// A type; those with `OrNull` may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    TextOrNull,
    BoolOrNull,
    Bool,
    Mapping,
    MappingOrNull,
    Texts,
    TextsOrNull,
    TextsOrText,
    TextsOrTextOrNull,
    Mappings,
    /// Tests, of which more is said where they are read.
    Tests,
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        let all =
            |fits: fn(&Value) -> bool| value.as_seq().is_some_and(|items| items.iter().all(|item| fits(&item.value)));
        let is_text = |value: &Value| matches!(value, Value::Str(_));
        let is_map = |value: &Value| matches!(value, Value::Map(_));
        match self {
            Self::TextOrNull | Self::BoolOrNull | Self::MappingOrNull | Self::TextsOrNull | Self::TextsOrTextOrNull
                if value.is_null() =>
            {
                true
            }
            Self::Text | Self::TextOrNull => is_text(value),
            Self::Bool | Self::BoolOrNull => matches!(value, Value::Bool(_)),
            Self::Mapping | Self::MappingOrNull => is_map(value),
            Self::Texts | Self::TextsOrNull => all(is_text),
            Self::TextsOrText | Self::TextsOrTextOrNull => is_text(value) || all(is_text),
            Self::Mappings => all(is_map),
            Self::Tests => !value.is_null(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text | Self::TextOrNull => "a string",
            Self::Bool | Self::BoolOrNull => "true or false",
            Self::Mapping | Self::MappingOrNull => "a mapping",
            Self::Texts | Self::TextsOrNull => "a list of strings",
            Self::TextsOrText | Self::TextsOrTextOrNull => "a string or a list of strings",
            Self::Mappings => "a list of mappings",
            Self::Tests => "a list of tests",
        }
    }
}

pub(crate) type Types = &'static [(&'static str, Type)];

pub(crate) const NODE: Types = &[
    ("description", Type::Text),
    ("meta", Type::Mapping),
    ("data_type", Type::TextOrNull),
    ("constraints", Type::Mappings),
    ("docs", Type::Mapping),
    ("config", Type::Mapping),
    ("data_tests", Type::Tests),
    ("tests", Type::Tests),
    ("columns", Type::Mappings),
    ("quote_columns", Type::BoolOrNull),
    ("access", Type::TextOrNull),
];

/// Analyses and singular tests have no tests: what stands there is as good as an unknown key.
pub(crate) const UNTESTED_NODE: Types = &[
    ("description", Type::Text),
    ("meta", Type::Mapping),
    ("docs", Type::Mapping),
    ("config", Type::Mapping),
    ("columns", Type::Mappings),
];

pub(crate) const COLUMN: Types = &[
    ("description", Type::Text),
    ("meta", Type::Mapping),
    ("data_type", Type::TextOrNull),
    ("constraints", Type::Mappings),
    ("docs", Type::Mapping),
    ("config", Type::Mapping),
    ("data_tests", Type::Tests),
    ("tests", Type::Tests),
    ("quote", Type::BoolOrNull),
    ("tags", Type::Texts),
];

pub(crate) const VERSION: Types = &[
    ("defined_in", Type::TextOrNull),
    ("description", Type::Text),
    ("access", Type::TextOrNull),
    ("config", Type::Mapping),
    ("constraints", Type::Mappings),
    ("docs", Type::Mapping),
    ("columns", Type::Mappings),
];

pub(crate) const DOCS: Types = &[("show", Type::Bool), ("node_color", Type::TextOrNull)];

pub(crate) const MACRO: Types = &[
    ("description", Type::Text),
    ("meta", Type::Mapping),
    ("docs", Type::Mapping),
    ("config", Type::Mapping),
    ("arguments", Type::Mappings),
];

pub(crate) const MACRO_ARGUMENT: Types = &[("type", Type::TextOrNull), ("description", Type::Text)];

pub(crate) const SOURCE: Types = &[
    ("description", Type::Text),
    ("meta", Type::Mapping),
    ("database", Type::TextOrNull),
    ("schema", Type::TextOrNull),
    ("loader", Type::Text),
    ("quoting", Type::Mapping),
    ("freshness", Type::MappingOrNull),
    ("loaded_at_field", Type::TextOrNull),
    ("loaded_at_query", Type::TextOrNull),
    ("overrides", Type::Text),
    ("tables", Type::Mappings),
    ("tags", Type::Texts),
    ("config", Type::Mapping),
];

pub(crate) const TABLE: Types = &[
    ("description", Type::Text),
    ("meta", Type::Mapping),
    ("docs", Type::Mapping),
    ("config", Type::Mapping),
    ("data_type", Type::TextOrNull),
    ("constraints", Type::Mappings),
    ("data_tests", Type::Tests),
    ("tests", Type::Tests),
    ("columns", Type::Mappings),
    ("identifier", Type::TextOrNull),
    ("quoting", Type::Mapping),
    ("freshness", Type::MappingOrNull),
    ("loaded_at_field", Type::TextOrNull),
    ("loaded_at_query", Type::TextOrNull),
    ("external", Type::MappingOrNull),
    ("tags", Type::Texts),
];

pub(crate) const QUOTING: Types = &[
    ("database", Type::BoolOrNull),
    ("schema", Type::BoolOrNull),
    ("identifier", Type::BoolOrNull),
    ("column", Type::BoolOrNull),
];

pub(crate) const EXPOSURE: Types = &[
    ("owner", Type::Mapping),
    ("description", Type::Text),
    ("label", Type::TextOrNull),
    ("maturity", Type::TextOrNull),
    ("meta", Type::Mapping),
    ("tags", Type::Texts),
    ("url", Type::TextOrNull),
    ("depends_on", Type::Texts),
    ("config", Type::Mapping),
];

pub(crate) const GROUP: Types =
    &[("owner", Type::Mapping), ("description", Type::TextOrNull), ("config", Type::Mapping)];

pub(crate) const OWNER: Types = &[("email", Type::TextsOrText), ("name", Type::TextOrNull)];

pub(crate) const UNIT_TEST: Types = &[
    ("model", Type::Text),
    ("given", Type::Mappings),
    ("expect", Type::Mapping),
    ("description", Type::Text),
    ("overrides", Type::MappingOrNull),
    ("config", Type::Mapping),
    ("versions", Type::MappingOrNull),
];

pub(crate) const UNIT_TEST_INPUT: Types =
    &[("input", Type::Text), ("format", Type::Text), ("fixture", Type::TextOrNull)];

pub(crate) const OVERRIDES: Types = &[("macros", Type::Mapping), ("vars", Type::Mapping), ("env_vars", Type::Mapping)];

/// An entry of `functions:`.
pub(crate) const FUNCTION: Types = &[("arguments", Type::Mappings), ("overloads", Type::Mappings)];

/// dbt_project.yml.
pub(crate) const PROJECT: Types = &[
    ("profile", Type::TextOrNull),
    ("source-paths", Type::TextsOrNull),
    ("model-paths", Type::TextsOrNull),
    ("data-paths", Type::TextsOrNull),
    ("seed-paths", Type::TextsOrNull),
    ("test-paths", Type::TextsOrNull),
    ("analysis-paths", Type::TextsOrNull),
    ("macro-paths", Type::TextsOrNull),
    ("snapshot-paths", Type::TextsOrNull),
    ("function-paths", Type::TextsOrNull),
    ("docs-paths", Type::TextsOrNull),
    ("asset-paths", Type::TextsOrNull),
    ("osi-paths", Type::TextsOrNull),
    ("clean-targets", Type::TextsOrNull),
    ("target-path", Type::TextOrNull),
    ("log-path", Type::TextOrNull),
    ("packages-install-path", Type::TextOrNull),
    ("quoting", Type::MappingOrNull),
    ("on-run-start", Type::TextsOrTextOrNull),
    ("on-run-end", Type::TextsOrTextOrNull),
    ("require-dbt-version", Type::TextsOrTextOrNull),
    ("restrict-access", Type::Bool),
    ("dbt-cloud", Type::MappingOrNull),
    ("vars", Type::MappingOrNull),
    ("flags", Type::Mapping),
    ("dispatch", Type::Mappings),
    // Of trees dbt takes null for these three alone.
    ("models", Type::MappingOrNull),
    ("seeds", Type::MappingOrNull),
    ("snapshots", Type::MappingOrNull),
    ("data_tests", Type::Mapping),
    ("tests", Type::Mapping),
    ("unit_tests", Type::Mapping),
    ("sources", Type::Mapping),
    ("metrics", Type::Mapping),
    ("semantic-models", Type::Mapping),
    ("saved-queries", Type::Mapping),
    ("exposures", Type::Mapping),
    ("functions", Type::Mapping),
    ("analyses", Type::Mapping),
];

pub(crate) const QUERY_COMMENT: Types =
    &[("comment", Type::TextOrNull), ("append", Type::Bool), ("job-label", Type::Bool)];

/// Reports every key whose value has another type, and takes it: nothing else is said of it.
pub(crate) fn check(fields: &mut Fields<'_>, types: Types) {
    for (key, wanted) in types {
        if fields.peek(key).is_none_or(|node| wanted.fits(&node.value)) {
            continue;
        }
        let Some(mut node) = fields.take(key) else { continue };
        // One item of a list is the one that is wrong.
        if let Value::Seq(items) = &node.value {
            let alone = |item: &&Node| !wanted.fits(&Value::Seq(vec![(*item).clone()]));
            node.position = items.iter().find(alone).map_or(node.position, |item| item.position);
        }
        fields.wrong(key, wanted.name(), &node);
    }
}

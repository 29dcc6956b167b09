//! A node's configuration as the adapter reads it, checked before anything is done.

use engine::adapter::{AdapterResult, CatalogIntegration, NodeConfig};
use names::S3Uri;
use serde_json::Value;

use crate::{
    catalog_integrations::{Catalogs, S3_TABLES},
    errors,
    profile::{DataNaming, with_nearest},
};

/// The two table formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableType {
    Hive,
    Iceberg,
}

/// How a table is laid out: what CREATE TABLE AS says in its WITH list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) table_type: TableType,
    pub(crate) format: String,
    pub(crate) write_compression: Option<String>,
    pub(crate) field_delimiter: Option<String>,
    /// Columns (Hive), or columns and transforms (Iceberg).
    pub(crate) partitioned_by: Vec<String>,
    pub(crate) bucketed_by: Vec<String>,
    pub(crate) bucket_count: Option<String>,
    /// Written as they are: strings carry their own quotes.
    pub(crate) table_properties: Vec<(String, String)>,
    pub(crate) external_location: Option<S3Uri>,
    pub(crate) s3_data_dir: Option<S3Uri>,
    pub(crate) s3_data_naming: Option<DataNaming>,
    pub(crate) s3_tmp_table_dir: Option<S3Uri>,
    /// The node's catalog is a bucket of S3 Tables.
    pub(crate) in_s3_tables: bool,
    /// Build through a table without partitions, in batches.
    pub(crate) force_batch: bool,
    /// Partitions per batch, at least 1.
    pub(crate) partitions_limit: usize,
}

impl Layout {
    /// # Errors
    /// A key with a value that cannot be.
    pub(crate) fn parse(config: &NodeConfig, catalogs: &Catalogs) -> AdapterResult<Self> {
        let keys = Keys(config);
        let catalog = of_catalog(&keys, catalogs)?;
        let of_catalog =
            |key: fn(&CatalogIntegration) -> &Option<String>| catalog.and_then(|catalog| key(catalog).clone());
        let table_type = keys.text("table_type")?.or_else(|| of_catalog(|catalog| &catalog.table_format));
        let table_type = match table_type.map(|text| text.to_lowercase()).as_deref() {
            None => TableType::Hive,
            Some("hive") => TableType::Hive,
            Some("iceberg") => TableType::Iceberg,
            Some(other) => {
                return Err(errors::mistake(
                    format!("'{other}' is not a valid table_type"),
                    "Athena creates Hive and Iceberg tables",
                    with_nearest(other, &["hive", "iceberg"]),
                ));
            }
        };
        let is_iceberg = table_type == TableType::Iceberg;
        let naming = match keys.text("s3_data_naming")? {
            Some(text) => Some(text.parse().map_err(engine::adapter::AdapterError::new)?),
            None => None,
        };
        Ok(Self {
            table_type,
            format: keys
                .text("format")?
                .or_else(|| of_catalog(|catalog| &catalog.file_format))
                .unwrap_or_else(|| "parquet".to_owned()),
            write_compression: keys.text("write_compression")?,
            field_delimiter: keys.text("field_delimiter")?,
            partitioned_by: keys.list("partitioned_by")?,
            bucketed_by: if is_iceberg { Vec::new() } else { keys.list("bucketed_by")? },
            bucket_count: keys.scalar("bucket_count").filter(|_| !is_iceberg),
            table_properties: keys.properties("table_properties")?,
            external_location: keys.location("external_location")?,
            s3_data_dir: match (keys.location("s3_data_dir")?, of_catalog(|catalog| &catalog.external_volume)) {
                (None, Some(volume)) => Some(location("external_volume", &volume)?),
                (own, _) => own,
            },
            in_s3_tables: catalog.is_some_and(|catalog| catalog.catalog_type == S3_TABLES),
            s3_data_naming: naming,
            s3_tmp_table_dir: keys.location("s3_tmp_table_dir")?,
            force_batch: keys.flag("force_batch"),
            partitions_limit: keys.count("partitions_limit")?.unwrap_or(100).max(1),
        })
    }

    /// The same without partitions, for tables that only pass data on.
    pub(crate) fn unpartitioned(&self) -> Self {
        Self { partitioned_by: Vec::new(), external_location: None, ..self.clone() }
    }

    pub(crate) fn is_iceberg(&self) -> bool {
        self.table_type == TableType::Iceberg
    }

    /// What dbt calls the table type.
    pub(crate) fn type_name(&self) -> &'static str {
        if self.is_iceberg() { "iceberg" } else { "hive" }
    }
}

/// What `catalog_name` means (`catalog` is its older name).
fn of_catalog<'a>(keys: &Keys<'_>, catalogs: &'a Catalogs) -> AdapterResult<Option<&'a CatalogIntegration>> {
    let name = keys.text("catalog_name")?.or(keys.text("catalog")?);
    name.map(|name| catalogs.get(&name)).transpose()
}

/// Typed reads of a node's configuration. A null is an absent key.
pub(crate) struct Keys<'a>(pub(crate) &'a NodeConfig);

impl<'a> Keys<'a> {
    pub(crate) fn given(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, expected: &str) -> engine::adapter::AdapterError {
        let given = self.given(key).map(Value::to_string).unwrap_or_default();
        errors::mistake(
            format!("Compilation Error: config '{key}' is {given}"),
            format!("'{key}' must be {expected}"),
            format!("correct '{key}' in the node's config"),
        )
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.given(key).is_some()
    }

    pub(crate) fn text(&self, key: &str) -> AdapterResult<Option<String>> {
        match self.given(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    /// A string or number as it is to be written.
    pub(crate) fn scalar(&self, key: &str) -> Option<String> {
        self.given(key).map(plain)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        match self.given(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            _ => false,
        }
    }

    pub(crate) fn count(&self, key: &str) -> AdapterResult<Option<usize>> {
        match self.given(key) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
                let number = number.ok_or_else(|| self.wrong(key, "a whole number"))?;
                Ok(Some(usize::try_from(number).unwrap_or(0)))
            }
        }
    }

    /// A list of strings; one string is a list of one.
    pub(crate) fn list(&self, key: &str) -> AdapterResult<Vec<String>> {
        match self.given(key) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| self.wrong(key, "a list of strings")))
                .collect(),
            Some(_) => Err(self.wrong(key, "a list of strings")),
        }
    }

    /// `None` when the key is absent, so that an absent and an empty list differ.
    pub(crate) fn maybe_list(&self, key: &str) -> AdapterResult<Option<Vec<String>>> {
        if self.has(key) { self.list(key).map(Some) } else { Ok(None) }
    }

    pub(crate) fn properties(&self, key: &str) -> AdapterResult<Vec<(String, String)>> {
        match self.given(key) {
            None => Ok(Vec::new()),
            Some(Value::Object(entries)) => {
                Ok(entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect())
            }
            Some(_) => Err(self.wrong(key, "a mapping")),
        }
    }

    pub(crate) fn location(&self, key: &str) -> AdapterResult<Option<S3Uri>> {
        self.text(key)?.map(|text| location(key, &text)).transpose()
    }
}

fn location(key: &str, text: &str) -> AdapterResult<S3Uri> {
    text.parse::<S3Uri>().map_err(|error| {
        let cause = format!("config '{key}' must be a folder on S3");
        errors::mistake(error.to_string(), cause, format!("write `{key}: s3://your-bucket/prefix/`"))
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

//! Where a table or view is: data catalog, database, table. dbt calls them database, schema, identifier.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `"database"."schema"."identifier"` in dbt's words; data catalog, Glue database and Glue table in Athena's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelationName {
    /// dbt's database: Athena's data catalog, `awsdatacatalog` unless said otherwise.
    pub database: String,
    /// dbt's schema: the Glue database.
    pub schema: String,
    /// dbt's identifier: the Glue table.
    pub identifier: String,
}

impl RelationName {
    /// From the three parts.
    pub fn new(database: impl Into<String>, schema: impl Into<String>, identifier: impl Into<String>) -> Self {
        Self { database: database.into(), schema: schema.into(), identifier: identifier.into() }
    }

    /// Another table of the same schema.
    #[must_use]
    pub fn with_identifier(&self, identifier: impl Into<String>) -> Self {
        Self { identifier: identifier.into(), ..self.clone() }
    }

    /// Hive DDL's spelling: `` `schema`.`identifier` ``; it has no place for a catalog.
    pub fn hive(&self) -> String {
        format!("{}.{}", hive_quoted(&self.schema), hive_quoted(&self.identifier))
    }
}

fn hive_quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Trino's spelling: `"database"."schema"."identifier"`.
impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted =
            [&self.database, &self.schema, &self.identifier].map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        f.write_str(&quoted.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_for_trino_and_for_hive() {
        let name = RelationName::new("awsdatacatalog", "dev", "a\"b`c");
        assert_eq!(name.to_string(), r#""awsdatacatalog"."dev"."a""b`c""#);
        assert_eq!(name.hive(), "`dev`.`a\"b``c`");
    }
}

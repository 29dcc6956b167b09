//! The catalogs that a node's `catalog_name` can mean: dbt-athena's own two, and those of the project's `catalogs.yml`.

use diagnostic::Diagnostic;
use engine::adapter::{AdapterResult, CatalogIntegration};

use crate::{errors, profile::with_nearest};

/// `catalog_type` of a bucket of S3 Tables.
pub(crate) const S3_TABLES: &str = "s3_tables";

/// The types that dbt-athena knows, with the table format of each.
const TYPES: [(&str, &str); 3] = [("glue", "iceberg"), (S3_TABLES, "iceberg"), ("info_schema", "hive")];

/// Catalogs by name.
#[derive(Debug, Clone)]
pub struct Catalogs(Vec<CatalogIntegration>);

impl Default for Catalogs {
    fn default() -> Self {
        Self(
            ["info_schema", "glue"]
                .map(|name| CatalogIntegration::built_in(name, format_of(name).unwrap_or_default()))
                .into(),
        )
    }
}

impl Catalogs {
    /// The own ones and those of a project.
    ///
    /// # Errors
    /// A type that Athena does not have, or a name that is taken.
    pub fn new(of_project: Vec<CatalogIntegration>) -> Result<Self, Vec<Diagnostic>> {
        let mut known = Self::default();
        let mut problems = Vec::new();
        for mut catalog in of_project {
            catalog.catalog_type = catalog.catalog_type.to_lowercase();
            let Some(format) = format_of(&catalog.catalog_type) else {
                let types: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
                problems.push(
                    Diagnostic::error(format!(
                        "Catalog type is not supported.\nReceived: {}\nExpected one of: {}",
                        catalog.catalog_type,
                        types.join(", ")
                    ))
                    .cause(format!("catalog '{}' of catalogs.yml has a type that Athena does not have", catalog.name))
                    .fix(with_nearest(&catalog.catalog_type, &types)),
                );
                continue;
            };
            if known.0.iter().any(|other| other.name == catalog.name) {
                problems.push(
                    Diagnostic::error(format!("Catalog already exists: {}.", catalog.name))
                        .cause("'glue' and 'info_schema' are there without catalogs.yml")
                        .fix("give the catalog in catalogs.yml another name"),
                );
                continue;
            }
            catalog.table_format.get_or_insert_with(|| format.to_owned());
            known.0.push(catalog);
        }
        if problems.is_empty() { Ok(known) } else { Err(problems) }
    }

    pub(crate) fn get(&self, name: &str) -> AdapterResult<&CatalogIntegration> {
        self.0.iter().find(|catalog| catalog.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.0.iter().map(|catalog| catalog.name.as_str()).collect();
            errors::mistake(
                format!("Catalog not found. Received: {name}. Expected one of: {}?", names.join(", ")),
                "`catalog_name` names a catalog of the project's catalogs.yml, or 'glue' (Iceberg) or 'info_schema' (Hive)",
                with_nearest(name, &names),
            )
        })
    }
}

fn format_of(catalog_type: &str) -> Option<&'static str> {
    TYPES.iter().find(|(name, _)| *name == catalog_type).map(|(_, format)| *format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(name: &str, catalog_type: &str) -> CatalogIntegration {
        CatalogIntegration {
            name: name.to_owned(),
            catalog_type: catalog_type.to_owned(),
            ..CatalogIntegration::default()
        }
    }

    #[test]
    fn names_and_types_are_checked() {
        let problems =
            Catalogs::new(vec![catalog("glue", "glue"), catalog("lake", "unity")]).expect_err("two mistakes");
        assert_eq!(problems[0].what, "Catalog already exists: glue.");
        assert!(problems[1].what.contains("Received: unity"), "{}", problems[1].what);
        let known = Catalogs::new(vec![catalog("lake", "GLUE")]).expect("valid");
        assert_eq!(known.get("lake").expect("known").table_format.as_deref(), Some("iceberg"));
        assert_eq!(known.get("info_schema").expect("known").table_format.as_deref(), Some("hive"));
        let missing = known.get("lakes").expect_err("unknown");
        assert!(missing.diagnostic.to_string().contains("did you mean 'lake'?"), "{}", missing.diagnostic);
    }
}

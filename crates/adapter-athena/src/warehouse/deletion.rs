//! Deleting files: only a table's own, never a bucket, never what another table reads.

use athena_api::glue::Table;
use engine::adapter::AdapterResult;
use names::{RelationName, S3Uri};

use super::Warehouse;
use crate::errors;

/// A location that a Glue table reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Occupied {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) location: S3Uri,
}

/// Suffixes of the tables that a build makes for itself.
const OF_A_BUILD: [&str; 5] = ["__ha", "__bkp", "__dbt_tmp", "__dbt_stage", "__tmp_not_partitioned"];

/// Whether `other` is `target` or a table that a build of `target` makes for itself.
fn is_of_one_build(target: &str, other: &str) -> bool {
    let rest = other.strip_prefix(target);
    rest.is_some_and(|rest| rest.is_empty() || OF_A_BUILD.iter().any(|suffix| rest.starts_with(suffix)))
}

/// The table that a build's own table was made for.
pub(crate) fn target_of_build(name: &RelationName) -> Option<RelationName> {
    let at = OF_A_BUILD.iter().filter_map(|suffix| name.identifier.find(suffix)).filter(|at| *at > 0).min()?;
    Some(name.with_identifier(&name.identifier[..at]))
}

impl Warehouse {
    /// Refuses a location whose deletion would hurt anything else than `owner`.
    pub(crate) async fn guard_deletion(&self, owner: &RelationName, location: &S3Uri) -> AdapterResult<()> {
        if location.prefix().is_empty() {
            return Err(errors::mistake(
                format!("Refusing to delete the whole bucket '{}'", location.bucket),
                format!("{owner} is located at the root of the bucket"),
                "move the table below a folder of its own, or empty and drop it by hand",
            ));
        }
        let sharing: Vec<String> = self
            .occupied()
            .await?
            .into_iter()
            .filter(|other| !(other.schema == owner.schema && is_of_one_build(&owner.identifier, &other.table)))
            .filter(|other| location.contains(&other.location) || other.location.contains(location))
            .map(|other| format!("{}.{} at {}", other.schema, other.table, other.location))
            .collect();
        if sharing.is_empty() {
            return Ok(());
        }
        Err(errors::mistake(
            format!("Refusing to delete the files of {owner} at {location}"),
            format!("other Glue tables read the same files:\n{}", sharing.join("\n")),
            "give each table a location of its own (`s3_data_naming: schema_table_unique`, another `external_location`), or drop the other tables in Glue",
        ))
    }

    /// Deletes a table's files under `location`, except those under `keep`.
    pub(crate) async fn delete_files(
        &self,
        owner: &RelationName,
        location: &S3Uri,
        keep: Option<&S3Uri>,
    ) -> AdapterResult<()> {
        self.guard_deletion(owner, location).await?;
        self.delete_unguarded(location, keep).await
    }

    /// After [`Warehouse::guard_deletion`].
    pub(crate) async fn delete_unguarded(&self, location: &S3Uri, keep: Option<&S3Uri>) -> AdapterResult<()> {
        let listed =
            self.services.s3.list(&location.as_directory()).await.map_err(|error| errors::of_api(&error, None))?;
        let doomed: Vec<S3Uri> = listed
            .into_iter()
            .map(|object| object.uri)
            .filter(|uri| keep.is_none_or(|keep| !(keep.bucket == uri.bucket && uri.key.starts_with(&keep.prefix()))))
            .collect();
        if doomed.is_empty() {
            return Ok(());
        }
        self.services.s3.delete(&doomed).await.map_err(|error| errors::of_api(&error, None))
    }

    /// Whether nothing lies under a location.
    pub(crate) async fn is_empty(&self, location: &S3Uri) -> AdapterResult<bool> {
        let listed = self.services.s3.list(&location.as_directory()).await;
        Ok(listed.map_err(|error| errors::of_api(&error, None))?.is_empty())
    }

    /// All locations that Glue tables of this account read. Databases that are not the project's are read once per invocation, since a
    /// deletion is rare and their tables are many; the project's own are read each time.
    async fn occupied(&self) -> AdapterResult<Vec<Occupied>> {
        let own: Vec<(String, String)> = self.known_schemas();
        let foreign = self
            .locations
            .get_or_try_init(|| async {
                let mut all = Vec::new();
                for schema in self.databases(&self.profile.database).await? {
                    if own.iter().any(|(_, known)| *known == schema.to_lowercase()) {
                        continue;
                    }
                    // A database that we may not look into is somebody else's; its absence must not stop the build.
                    if let Ok(tables) = self.tables(&self.profile.database, &schema).await {
                        all.extend(tables.iter().filter_map(occupied_by));
                    }
                }
                Ok::<_, engine::adapter::AdapterError>(all)
            })
            .await?;
        let mut all = foreign.clone();
        for (database, schema) in &own {
            if !super::is_s3_tables(database) {
                all.extend(self.tables(database, schema).await?.iter().filter_map(occupied_by));
            }
        }
        Ok(all)
    }
}

fn occupied_by(table: &Table) -> Option<Occupied> {
    if table.is_view() {
        return None;
    }
    let location = table.location()?.parse().ok()?;
    Some(Occupied { schema: table.database_name.to_lowercase(), table: table.name().to_lowercase(), location })
}

//! Where a table's files go.

use engine::adapter::AdapterResult;
use names::{RelationName, S3Uri};
use uuid::Uuid;

use crate::{
    config::Layout,
    errors,
    profile::{AthenaProfile, DataNaming},
};

/// Whose location it is, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// A node's own table.
    Kept,
    /// Gone at the end of the build.
    Temporary,
}

/// The location that the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedLocation {
    /// Without trailing slash, as dbt writes it.
    pub(crate) uri: S3Uri,
    /// No other build can have files there.
    pub(crate) is_unique: bool,
}

/// dbt-athena's rule; `part` is the folder's name of the table, which a replacement shares with its target.
pub(crate) fn wanted(
    profile: &AthenaProfile,
    layout: &Layout,
    relation: &RelationName,
    part: &str,
    lifetime: Lifetime,
    unique: Uuid,
) -> AdapterResult<WantedLocation> {
    if lifetime == Lifetime::Kept
        && let Some(external) = &layout.external_location
    {
        return Ok(WantedLocation { uri: without_slash(external), is_unique: false });
    }
    let root = root(profile, layout, lifetime)?;
    let naming = layout.s3_data_naming.unwrap_or(profile.s3_data_naming);
    let unique_part = unique.to_string();
    let uri = match naming {
        DataNaming::Unique => root.join(&unique_part),
        DataNaming::Table => root.join(part),
        DataNaming::TableUnique => root.join(part).join(&unique_part),
        DataNaming::SchemaTable => root.join(&relation.schema).join(part),
        DataNaming::SchemaTableUnique => root.join(&relation.schema).join(part).join(&unique_part),
    };
    let wanted = WantedLocation { uri, is_unique: naming.is_unique() };
    // A temporary table is nobody's address: its own leaf keeps two runs from meeting.
    match (lifetime, wanted.is_unique) {
        (Lifetime::Temporary, false) => Ok(WantedLocation { uri: wanted.uri.join(&unique_part), is_unique: true }),
        _ => Ok(wanted),
    }
}

fn root(profile: &AthenaProfile, layout: &Layout, lifetime: Lifetime) -> AdapterResult<S3Uri> {
    let temporary = layout.s3_tmp_table_dir.as_ref().or(profile.s3_tmp_table_dir.as_ref());
    if lifetime == Lifetime::Temporary
        && let Some(root) = temporary
    {
        return Ok(root.clone());
    }
    if let Some(root) = layout.s3_data_dir.as_ref().or(profile.s3_data_dir.as_ref()) {
        return Ok(root.clone());
    }
    let staging = profile.s3_staging_dir.as_ref().map(|staging| staging.join("tables"));
    staging.ok_or_else(|| {
        errors::mistake(
            "there is no S3 location for tables",
            "neither 's3_data_dir' nor 's3_staging_dir' is set",
            "set `s3_data_dir: s3://your-bucket/tables/` in the profile or the node's config",
        )
    })
}

/// `s3://b/x/` as `s3://b/x`.
pub(crate) fn without_slash(uri: &S3Uri) -> S3Uri {
    S3Uri::new(uri.bucket.clone(), uri.key.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Catalogs;

    fn location(naming: &str, lifetime: Lifetime, external: Option<&str>) -> String {
        let profile = AthenaProfile::parse(
            json!({"type": "athena", "lakehouse": "embedded", "s3_data_dir": "s3://lake/data", "s3_tmp_table_dir": "s3://lake/tmp"})
                .as_object()
                .expect("mapping"),
        )
        .expect("valid");
        let config = [("s3_data_naming", json!(naming)), ("external_location", json!(external))];
        let layout = Layout::parse(
            &config.map(|(key, value)| (key.to_owned(), value)).into_iter().collect(),
            &Catalogs::default(),
        )
        .expect("valid");
        let relation = RelationName::new("awsdatacatalog", "shop", "orders__ha");
        wanted(&profile, &layout, &relation, "orders", lifetime, Uuid::nil()).expect("a location").uri.to_string()
    }

    #[test]
    fn each_naming_has_its_place() {
        let u = Uuid::nil();
        assert_eq!(location("unique", Lifetime::Kept, None), format!("s3://lake/data/{u}"));
        assert_eq!(location("table", Lifetime::Kept, None), "s3://lake/data/orders");
        assert_eq!(location("table_unique", Lifetime::Kept, None), format!("s3://lake/data/orders/{u}"));
        assert_eq!(location("schema_table", Lifetime::Kept, None), "s3://lake/data/shop/orders");
        assert_eq!(location("schema_table_unique", Lifetime::Kept, None), format!("s3://lake/data/shop/orders/{u}"));
        assert_eq!(location("table", Lifetime::Kept, Some("s3://x/y/")), "s3://x/y");
        assert_eq!(location("table", Lifetime::Temporary, Some("s3://x/y/")), format!("s3://lake/tmp/orders/{u}"));
    }
}

//! The macros of package `dbt_athena`, written for this adapter under the names that projects and packages call.

/// Path in the package, and text.
pub(crate) const ALL: &[(&str, &str)] = &[
    ("macros/utils/arrays.sql", include_str!("../macros/utils/arrays.sql")),
    ("macros/utils/casts.sql", include_str!("../macros/utils/casts.sql")),
    ("macros/utils/dates.sql", include_str!("../macros/utils/dates.sql")),
    ("macros/utils/strings.sql", include_str!("../macros/utils/strings.sql")),
    ("macros/utils/types.sql", include_str!("../macros/utils/types.sql")),
    ("macros/adapters/relation.sql", include_str!("../macros/adapters/relation.sql")),
    ("macros/adapters/schema.sql", include_str!("../macros/adapters/schema.sql")),
    ("macros/adapters/metadata.sql", include_str!("../macros/adapters/metadata.sql")),
    ("macros/adapters/columns.sql", include_str!("../macros/adapters/columns.sql")),
    ("macros/materializations/create_table_as.sql", include_str!("../macros/materializations/create_table_as.sql")),
    ("macros/materializations/python_model.sql", include_str!("../macros/materializations/python_model.sql")),
    ("macros/materializations/table.sql", include_str!("../macros/materializations/table.sql")),
    ("macros/materializations/view.sql", include_str!("../macros/materializations/view.sql")),
    ("macros/materializations/incremental.sql", include_str!("../macros/materializations/incremental.sql")),
    ("macros/materializations/merge.sql", include_str!("../macros/materializations/merge.sql")),
    ("macros/materializations/partitions.sql", include_str!("../macros/materializations/partitions.sql")),
    ("macros/materializations/schema_changes.sql", include_str!("../macros/materializations/schema_changes.sql")),
    ("macros/materializations/seed.sql", include_str!("../macros/materializations/seed.sql")),
    ("macros/materializations/snapshot.sql", include_str!("../macros/materializations/snapshot.sql")),
];

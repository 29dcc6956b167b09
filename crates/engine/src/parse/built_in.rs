//! dbt's own macros, package `dbt`: `(path, text)`.

pub(super) static BUILT_IN: &[(&str, &str)] = &[
    ("macros/clones.sql", include_str!("../../macros/clones.sql")),
    ("macros/columns.sql", include_str!("../../macros/columns.sql")),
    ("macros/config.sql", include_str!("../../macros/config.sql")),
    ("macros/dates.sql", include_str!("../../macros/dates.sql")),
    ("macros/defaults.sql", include_str!("../../macros/defaults.sql")),
    ("macros/expressions.sql", include_str!("../../macros/expressions.sql")),
    ("macros/hooks.sql", include_str!("../../macros/hooks.sql")),
    ("macros/incremental.sql", include_str!("../../macros/incremental.sql")),
    ("macros/metadata.sql", include_str!("../../macros/metadata.sql")),
    ("macros/names.sql", include_str!("../../macros/names.sql")),
    ("macros/python_model.sql", include_str!("../../macros/python_model.sql")),
    ("macros/relations.sql", include_str!("../../macros/relations.sql")),
    ("macros/seeds.sql", include_str!("../../macros/seeds.sql")),
    ("macros/snapshots.sql", include_str!("../../macros/snapshots.sql")),
    ("macros/statement.sql", include_str!("../../macros/statement.sql")),
    ("macros/tests.sql", include_str!("../../macros/tests.sql")),
    ("macros/types.sql", include_str!("../../macros/types.sql")),
    ("macros/unit_tests.sql", include_str!("../../macros/unit_tests.sql")),
];

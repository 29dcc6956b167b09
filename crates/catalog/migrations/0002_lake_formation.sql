-- Lake Formation: LF-tags, filters of data cells, permissions. They end with the database or table that they are about.
CREATE TABLE lf_database_tag (
    database    TEXT NOT NULL REFERENCES glue_database (name) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (database, key)
) STRICT, WITHOUT ROWID;

-- "column" is empty for the table itself.
CREATE TABLE lf_table_tag (
    table_id    INTEGER NOT NULL REFERENCES glue_table (id) ON DELETE CASCADE,
    "column"    TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (table_id, "column", key)
) STRICT, WITHOUT ROWID;

CREATE TABLE lf_filter (
    table_id    INTEGER NOT NULL REFERENCES glue_table (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (table_id, name)
) STRICT, WITHOUT ROWID;

-- "filter" is empty for the table itself. "permissions" is a JSON array.
CREATE TABLE lf_table_permission (
    table_id    INTEGER NOT NULL REFERENCES glue_table (id) ON DELETE CASCADE,
    filter      TEXT NOT NULL,
    principal   TEXT NOT NULL,
    permissions TEXT NOT NULL,
    PRIMARY KEY (table_id, filter, principal)
) STRICT, WITHOUT ROWID;

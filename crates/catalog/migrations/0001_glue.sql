-- The Glue Data Catalog. A document is the caller's input as JSON; the columns beside it are what the catalog itself decides.
CREATE TABLE glue_database (
    name        TEXT PRIMARY KEY,
    document    TEXT NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE glue_table (
    id          INTEGER PRIMARY KEY,
    database    TEXT NOT NULL REFERENCES glue_database (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    document    TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    UNIQUE (database, name)
) STRICT;

-- Versions before the current one.
CREATE TABLE glue_table_version (
    table_id    INTEGER NOT NULL REFERENCES glue_table (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    document    TEXT NOT NULL,
    updated_ms  INTEGER NOT NULL,
    PRIMARY KEY (table_id, version)
) STRICT, WITHOUT ROWID;

-- "key" is the JSON array of the values.
CREATE TABLE glue_partition (
    table_id    INTEGER NOT NULL REFERENCES glue_table (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    document    TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (table_id, key)
) STRICT, WITHOUT ROWID;

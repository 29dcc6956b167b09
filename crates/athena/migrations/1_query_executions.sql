-- Query executions and what was registered beside them: workgroups, named queries, prepared statements, data catalogs, tags.
CREATE TABLE query_execution (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,   -- list order: newest last
    id TEXT NOT NULL UNIQUE,
    work_group TEXT NOT NULL,
    ended INTEGER NOT NULL,                       -- 0: to be failed when found at start
    client_request_token TEXT UNIQUE,
    token_fingerprint TEXT,                       -- what must be the same when the token comes again
    submitted_at INTEGER NOT NULL,                -- epoch milliseconds
    execution TEXT NOT NULL,                      -- JSON: athena_api::athena::QueryExecution
    result TEXT                                   -- JSON: how its stored result is read
) STRICT;

CREATE INDEX query_execution_by_work_group ON query_execution (work_group, sequence);
CREATE INDEX query_execution_running ON query_execution (id) WHERE ended = 0;

CREATE TABLE registered (
    kind TEXT NOT NULL,                           -- work_group, named_query, …
    scope TEXT NOT NULL,                          -- what the name is unique in: a workgroup, an ARN, or empty
    name TEXT NOT NULL,
    body TEXT NOT NULL,                           -- JSON
    PRIMARY KEY (kind, scope, name)
) STRICT, WITHOUT ROWID;

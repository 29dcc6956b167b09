-- Which repository's pull request builds into a schema of a connection: the first that asked for the name keeps it, also when it is closed, since a
-- repository never gives a number twice.
CREATE TABLE pull_request_schema (
    connection TEXT NOT NULL,
    name TEXT NOT NULL,
    repository TEXT NOT NULL,
    PRIMARY KEY (connection, name)
);

-- A pull request that Turbo CI built for: its schema is dropped when it is closed and nothing of it runs any more. `repository` is as the host
-- writes it, empty where only a number was given. `next_attempt_at`: a server drops the schema until then, or waits after a failure.
CREATE TABLE pull_request (
    id IDENTITY,
    schedule_id BIGINT NOT NULL REFERENCES schedule (id),
    repository TEXT NOT NULL,
    number TEXT NOT NULL,
    last_run_id BIGINT NOT NULL,
    closed_at BIGINT,
    dropped_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    UNIQUE (schedule_id, repository, number)
);
CREATE INDEX pull_request_closed ON pull_request (closed_at, dropped_at);

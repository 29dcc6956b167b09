-- The scheduler's truth. One text for SQLite and Postgres: `IDENTITY` becomes each one's own generated key.
-- Times are microseconds since the epoch, UTC. Truth values are 0 and 1. JSON is text. Ids stay below 2^31: the wire has 32-bit integers.

-- Processes that share this database. `heartbeat` only counts up: others watch it with their own monotonic clock, so that a clock that is
-- stepped, here or there, never makes a living server look dead.
CREATE TABLE server (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    version TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    heartbeat BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    stopped_at BIGINT
);

-- Where runs get their code, their connection and their target: `definition` is the JSON of `environment::Environment`.
CREATE TABLE environment (
    id IDENTITY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    is_default BIGINT NOT NULL DEFAULT 0,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- A warehouse: `definition` is the JSON of `vault::Connection` without its secrets, which are sealed in `secrets`.
CREATE TABLE connection (
    id IDENTITY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    definition TEXT NOT NULL,
    secrets TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Environment variables of runs. scope: workspace, schedules, development, schedule (then `schedule_id`; 0 elsewhere). A secret's value is sealed.
CREATE TABLE variable (
    id IDENTITY,
    scope TEXT NOT NULL,
    schedule_id BIGINT NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    is_secret BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    UNIQUE (scope, schedule_id, name)
);

-- What people decide about a schedule: `definition` is the JSON of `schedules::Schedule`. Never locked by the clock, which has its own table.
CREATE TABLE schedule (
    id IDENTITY,
    uuid TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    definition TEXT NOT NULL,
    suspended BIGINT NOT NULL DEFAULT 0,
    suspended_reason TEXT,
    -- Taken from the definition, to be found by: the schedule whose end starts it, the branch whose merges do, whether pull requests do.
    run_after TEXT,
    merge_branch TEXT,
    turbo_ci BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX schedule_after ON schedule (run_after);
CREATE INDEX schedule_merge ON schedule (merge_branch);

-- What the clock knows of a schedule: every slot up to and including `decided_until` has been decided.
CREATE TABLE schedule_clock (
    schedule_id BIGINT PRIMARY KEY REFERENCES schedule (id),
    decided_until BIGINT NOT NULL,
    next_slot_at BIGINT
);
CREATE INDEX schedule_clock_next ON schedule_clock (next_slot_at);

-- One row per planned instant, whatever came of it: started, queued, skipped, missed. The unique key is promise 1: one run per slot.
CREATE TABLE slot (
    id IDENTITY,
    schedule_id BIGINT NOT NULL REFERENCES schedule (id),
    planned_at BIGINT NOT NULL,
    backfill_id BIGINT NOT NULL DEFAULT 0,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    run_id BIGINT,
    decided_at BIGINT NOT NULL,
    decided_by TEXT NOT NULL,
    UNIQUE (schedule_id, planned_at, backfill_id)
);
CREATE INDEX slot_decision ON slot (decision, decided_at);

CREATE TABLE backfill (
    id IDENTITY,
    schedule_id BIGINT NOT NULL REFERENCES schedule (id),
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    newest_first BIGINT NOT NULL DEFAULT 0,
    parallelism BIGINT NOT NULL DEFAULT 1,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);

-- One attempt. Attempts of one piece of work share `family_id`, the id of the first. `spec` is the JSON of `run::RunSpec`: everything that
-- was resolved when the run was made. States: QUEUED, STARTING, RUNNING, CANCELING, then SUCCESS, FAILED, ERROR, CANCELED or SKIPPED.
CREATE TABLE run (
    id IDENTITY,
    uuid TEXT NOT NULL UNIQUE,
    schedule_id BIGINT NOT NULL REFERENCES schedule (id),
    family_id BIGINT,
    attempt BIGINT NOT NULL DEFAULT 1,
    slot_id BIGINT,
    cause TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_email TEXT,
    reason TEXT,
    parent_run_id BIGINT,
    retry_of_run_id BIGINT,
    branch TEXT,
    commit_hash TEXT,
    pull_request TEXT,
    spec TEXT NOT NULL,
    -- Slug of the connection it uses, for what it costs.
    connection TEXT,
    state TEXT NOT NULL,
    state_reason TEXT,
    error_class TEXT,
    created_at BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    sla_at BIGINT,
    sla_missed BIGINT NOT NULL DEFAULT 0,
    cancel_requested_at BIGINT,
    -- cancel, max_runtime or budget.
    cancel_cause TEXT,
    cancel_reason TEXT,
    -- The lease: who runs it, under which number (every write of the owner names it), and a count that rises while the owner lives.
    lease_server TEXT,
    lease_fence BIGINT NOT NULL DEFAULT 0,
    lease_heartbeat BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX run_of_schedule ON run (schedule_id, id);
CREATE INDEX run_in_state ON run (state, not_before);
-- Lists of one state, newest first, however rare it is.
CREATE INDEX run_of_state ON run (state, id);
CREATE INDEX run_family ON run (family_id);
CREATE INDEX run_created ON run (created_at);
CREATE INDEX run_parent ON run (parent_run_id);
CREATE INDEX run_sla ON run (sla_at) WHERE sla_missed = 0 AND ended_at IS NULL;

-- How many runs may be active under a key: workspace, connection:<slug>, workgroup:<region>/<name>, schedule:<slug>. The row is what a claim locks.
CREATE TABLE concurrency_limit (
    key TEXT PRIMARY KEY,
    max_active BIGINT NOT NULL
);
-- The keys an unfinished run counts under; gone when it ends.
CREATE TABLE run_limit (
    run_id BIGINT NOT NULL REFERENCES run (id),
    key TEXT NOT NULL,
    is_active BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, key)
);
CREATE INDEX run_limit_key ON run_limit (key, is_active);

-- What must cause one run only: a webhook delivery, a finished parent, an identical call of the API within its window.
CREATE TABLE trigger_key (
    key TEXT PRIMARY KEY,
    run_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);

-- Steps of a run in the order of their ids: checkout, deps, then the schedule's commands.
CREATE TABLE command (
    id IDENTITY,
    run_id BIGINT NOT NULL REFERENCES run (id),
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    continue_on_error BIGINT NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    return_code BIGINT,
    -- The process that runs it, for the server that finds it again after a crash.
    host TEXT,
    process_id BIGINT,
    working_directory TEXT,
    UNIQUE (run_id, position)
);

-- What a command printed, secrets masked. `sequence` rises over both streams; `text` holds whole lines while the command runs.
CREATE TABLE log_chunk (
    command_id BIGINT NOT NULL REFERENCES command (id),
    sequence BIGINT NOT NULL,
    stream TEXT NOT NULL,
    text TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (command_id, sequence)
);

-- A file that a command left, relative to the dbt project; the bytes lie in the artifact storage under `storage_key`.
CREATE TABLE artifact (
    id IDENTITY,
    run_id BIGINT NOT NULL REFERENCES run (id),
    command_id BIGINT NOT NULL REFERENCES command (id),
    path TEXT NOT NULL,
    size_in_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    storage_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (command_id, path)
);
CREATE INDEX artifact_run ON artifact (run_id, path);

-- Athena queries that a run started: what a crashed run may have left behind, and what it cost.
CREATE TABLE query_execution (
    run_id BIGINT NOT NULL REFERENCES run (id),
    query_execution_id TEXT NOT NULL,
    command_id BIGINT NOT NULL,
    node TEXT,
    work_group TEXT NOT NULL,
    region TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    data_scanned_in_bytes BIGINT,
    queue_ms BIGINT,
    engine_ms BIGINT,
    micro_dollars BIGINT,
    PRIMARY KEY (run_id, query_execution_id)
);
CREATE INDEX query_execution_started ON query_execution (started_at);

-- What must be told to the outside, written in the transaction that made it true. `dedupe_key` is promise: one message per run, event and target.
CREATE TABLE outbox (
    id IDENTITY,
    dedupe_key TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    event TEXT NOT NULL,
    run_id BIGINT,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT NOT NULL,
    lease_server TEXT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT
);
CREATE INDEX outbox_due ON outbox (state, next_attempt_at);

-- Every decision, human or ours.
CREATE TABLE audit (
    id IDENTITY,
    at BIGINT NOT NULL,
    actor_type TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_email TEXT,
    event_type TEXT NOT NULL,
    source TEXT NOT NULL,
    source_id BIGINT,
    metadata TEXT
);
CREATE INDEX audit_source ON audit (source, source_id);

-- API tokens; only a hash is kept. `scopes` is a JSON list.
CREATE TABLE token (
    id IDENTITY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    role TEXT NOT NULL,
    scopes TEXT NOT NULL,
    email TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);

CREATE TABLE member (
    id IDENTITY,
    uid TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    account_type TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Money that may be spent: scope workspace, schedule:<slug> or connection:<slug>; period run, day or month; action warn or stop.
CREATE TABLE budget (
    id IDENTITY,
    scope TEXT NOT NULL,
    period TEXT NOT NULL,
    action TEXT NOT NULL,
    micro_dollars BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (scope, period, action)
);

-- The workspace's own settings: name, uid, deployment branch, retention, price of a terabyte.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

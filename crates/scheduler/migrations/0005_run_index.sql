-- A schedule's runs of one state, newest first: Postgres looked at a thousand others for a page of them.
CREATE INDEX run_of_schedule_in_state ON run (schedule_id, state, id);

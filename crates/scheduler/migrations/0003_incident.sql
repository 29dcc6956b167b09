-- What a message is about, where the order of messages matters: of one subject, channel and target, a row waits until those before it are over.
-- For announcements it is the schedule's slug, for incident tools the incident's key.
ALTER TABLE outbox ADD COLUMN subject TEXT;
CREATE INDEX outbox_subject ON outbox (subject, channel, target, state);

-- An incident that a tool was told of and that is not over: the next success tells its end, once.
CREATE TABLE incident (
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    subject TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    PRIMARY KEY (channel, target, subject)
);

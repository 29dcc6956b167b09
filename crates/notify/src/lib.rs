//! Tells people and programs what happened: Slack, Microsoft Teams, e-mail, signed webhooks. One message, one delivery attempt; when to try
//! again is the outbox's business in `scheduler`.

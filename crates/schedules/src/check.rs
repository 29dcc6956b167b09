//! What the values of one schedule must be. The same rules hold for files and for the API.

use chrono::{DateTime, TimeDelta, Utc};
use diagnostic::Severity;

use crate::nearest::listed;
use crate::schedule::{Event, Retry, RetryOn, Schedule};
use crate::slug::{self, is_slug};

/// Something wrong with a schedule's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the schedule cannot be used, or only looks wrong.
    pub severity: Severity,
    /// The key, as in files: `commands[1]`, `retry.backoff_seconds`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// Why that is wrong.
    pub cause: String,
    /// What to write instead.
    pub fix: String,
}

/// Names that the official service allows for labels, in characters.
const LONGEST_NAME: usize = 128;

impl Schedule {
    /// Everything that is wrong with the values, but for references to other schedules and environments. With `now`, also what the next
    /// change of clocks does to it.
    pub fn problems(&self, now: Option<DateTime<Utc>>) -> Vec<Problem> {
        let mut found = Problems::default();
        self.check_names(&mut found);
        self.check_commands(&mut found);
        self.check_clock(&mut found, now);
        self.check_triggers(&mut found);
        self.check_limits(&mut found);
        self.check_receivers(&mut found);
        self.check_variables(&mut found);
        found.0
    }

    fn check_names(&self, found: &mut Problems) {
        if self.slug.trim().is_empty() {
            found.error("slug", "the identifier is empty", "every schedule is called by it", "write a name");
        } else if !is_slug(&self.slug) && self.slug != self.name {
            let cause = format!(
                "'{}' must be lower-case letters, digits and single hyphens, at most {} characters",
                self.slug,
                slug::LONGEST
            );
            let proposal = slug::normalised(&self.slug);
            let fix = if proposal.is_empty() { "write such a name".to_owned() } else { format!("write '{proposal}'") };
            found.error("slug", "'slug' is not an identifier", cause, fix);
        } else if self.slug.chars().count() > LONGEST_NAME || self.slug.contains(['\n', '\r']) {
            let cause = format!("it must be one line of at most {LONGEST_NAME} characters");
            found.error("name", "'name' is too long", cause, "shorten it, and put the rest into 'description'");
        }
        if self.slug != self.name {
            if self.name.trim().is_empty() {
                found.error("name", "'name' is empty", "people find the schedule by it", "write a name");
            } else if self.name.contains(['\n', '\r']) {
                found.error(
                    "name",
                    "'name' has more than one line",
                    "it is shown in lists",
                    "move the rest to 'description'",
                );
            } else if self.name.chars().count() > LONGEST_NAME {
                let cause = format!("it has {} characters; {LONGEST_NAME} are allowed", self.name.chars().count());
                found.error("name", "'name' is too long", cause, "shorten it, and put the rest into 'description'");
            }
        }
        if self.environment.trim().is_empty() {
            let cause = "runs get their code and their connection from it";
            found.error("environment", "'environment' is empty", cause, "write the slug of an environment: production");
        }
        if let Some(email) = self.owner_email.as_deref().filter(|email| !looks_like_address(email)) {
            let cause = format!("'{email}' is not a mail address");
            found.warning(
                "owner_email",
                "nobody can be reached as the owner",
                cause,
                "write an address: data@example.com",
            );
        }
    }

    fn check_commands(&self, found: &mut Problems) {
        if self.commands.is_empty() {
            found.error(
                "commands",
                "'commands' is empty",
                "a schedule without commands does nothing",
                "add `- dbt build`",
            );
        }
        for (index, command) in self.commands.iter().enumerate() {
            let (key, line) = (format!("commands[{index}]"), command.command.as_str());
            let Some(words) = shlex::split(line) else {
                let cause = "a quotation mark is not closed, or a backslash ends the line";
                found.error(&key, "the command cannot be split into words", cause, "close the quotation marks");
                continue;
            };
            let Some(program) = words.first() else {
                found.error(
                    &key,
                    "the command is empty",
                    "there is no program to run",
                    "remove it, or write a command",
                );
                continue;
            };
            if line.trim_end().contains('\n') && !is_shell(program) {
                let cause = "commands are not run by a shell: the lines would be the words of one command";
                let fix = "write each command as an entry of its own, or fold one long command with `>-`";
                found.warning(&key, "the command has several lines", cause, fix);
            }
            // Quoted operators are parts of longer words.
            let operator = |word: &&String| OPERATORS.contains(&word.as_str()) || word.ends_with(';');
            if let Some(operator) = words.iter().find(operator).filter(|_| !is_shell(program)) {
                let cause =
                    format!("commands are not run by a shell: '{operator}' would be an argument of '{program}'");
                let fix = match operator.as_str() {
                    "&&" => "write each command as an entry of its own".to_owned(),
                    word if word.ends_with(';') => "write each command as an entry of its own".to_owned(),
                    _ => format!("write `bash -c {}`", shlex::try_quote(line.trim()).unwrap_or_default()),
                };
                found.warning(&key, "the command is written for a shell", cause, fix);
            }
        }
    }

    fn check_clock(&self, found: &mut Problems, now: Option<DateTime<Utc>>) {
        let Some(cron) = &self.cron else {
            let started =
                self.trigger_on_merge || self.active_run_after().is_some() || self.active_turbo_ci().is_some();
            if !started {
                let cause = "'schedule' is OFF, and no merge, pull request or other schedule starts it either";
                let fix = "this is fine for runs by hand and by the API; else write a cron expression";
                found.warning("schedule", "nothing starts this schedule", cause, fix);
            }
            return;
        };
        if cron.never_fires() {
            let cause = format!("'{cron}' is {}", cron.describe());
            found.warning(
                "schedule",
                "the clock never starts this schedule",
                cause,
                "write a date that exists, or \"OFF\"",
            );
        }
        if cron.matches_either_day() {
            let cause =
                format!("cron runs when either the day of month or the day of week matches: {}", cron.describe());
            found.warning(
                "schedule",
                "both day fields are restricted",
                cause,
                "write * for one of them if both were meant to match",
            );
        }
        if let Some(now) = now
            && let Some(gap) = cron.next_gap(now, now + TimeDelta::days(366), self.timezone)
        {
            let zone = self.timezone.name();
            let shown = gap.runs_at.with_timezone(&self.timezone).format("%H:%M");
            let cause = format!(
                "{zone} has no {} (clocks go forward); the run starts at {shown} then",
                gap.local.format("%H:%M on %Y-%m-%d")
            );
            found.warning(
                "schedule",
                "a run falls into the hour that clocks skip",
                cause,
                "choose another time if that is too late",
            );
        }
    }

    fn check_triggers(&self, found: &mut Problems) {
        if self.trigger_on_merge && self.git_branch.is_none() {
            let cause = "'trigger_on_merge' runs when a merge lands on 'git_branch', which is missing";
            found.error("trigger_on_merge", "no branch to watch for merges", cause, "add `git_branch: main`");
        }
        if self.concurrency.is_some() && !self.trigger_on_merge {
            let cause = "it says what a merge does while the run of the merge before is in progress";
            let fix = "add `trigger_on_merge: true`, or write 'overlap_policy' for all triggers";
            found.error("concurrency", "'concurrency' without 'trigger_on_merge'", cause, fix);
        }
        if let Some(trigger) = self.active_run_after().filter(|trigger| trigger.on.is_empty()) {
            let cause = format!("no outcome of '{}' starts this schedule", trigger.schedule);
            found.warning("run_after.on", "the list of outcomes is empty", cause, "write [passed]");
        }
    }

    fn check_limits(&self, found: &mut Problems) {
        let zero = |minutes: Option<u32>| minutes == Some(0);
        if zero(self.sla_minutes) {
            found.error(
                "sla_minutes",
                "'sla_minutes' is 0",
                "every run would be late",
                "write 1 or more, or remove it",
            );
        }
        if zero(self.max_runtime_minutes) {
            let cause = "every run would be stopped at once";
            found.error("max_runtime_minutes", "'max_runtime_minutes' is 0", cause, "write 1 or more, or remove it");
        }
        if let (Some(sla), Some(longest)) = (self.sla_minutes, self.max_runtime_minutes)
            && longest > 0
            && sla >= longest
        {
            let cause = format!("a run is stopped after {longest} minutes and cannot be late after {sla}");
            found.warning(
                "sla_minutes",
                "'sla_minutes' is never reached",
                cause,
                "make it less than 'max_runtime_minutes'",
            );
        }
        let Retry { attempts, backoff_seconds, max_backoff_seconds, on } = &self.retry;
        if max_backoff_seconds < backoff_seconds {
            let cause =
                format!("the longest wait ({max_backoff_seconds} s) is shorter than the first ({backoff_seconds} s)");
            found.error(
                "retry.max_backoff_seconds",
                "'max_backoff_seconds' is too small",
                cause,
                "make it at least 'backoff_seconds'",
            );
        }
        if *attempts > 20 {
            let cause = format!("{attempts} attempts follow the first one, each of which may scan and cost as much");
            found.error("retry.attempts", "'attempts' is too large", cause, "write 20 or less");
        }
        if *attempts > 0 && on.is_empty() {
            let cause = "no class of failures is tried again";
            found.warning(
                "retry.on",
                "'retry' has no effect",
                cause,
                "write `on: [infrastructure, throttling]`, or `attempts: 0`",
            );
        }
        if on.contains(&RetryOn::Any) && on.len() > 1 {
            found.warning(
                "retry.on",
                "'any' makes the other classes superfluous",
                "it covers them",
                "write `on: [any]`",
            );
        }
    }

    fn check_receivers(&self, found: &mut Problems) {
        for (index, receiver) in self.notifications.emails.iter().enumerate() {
            if !looks_like_address(&receiver.channel) {
                let cause = format!("'{}' is not a mail address", receiver.channel);
                let key = format!("notifications.emails[{index}]");
                found.error(&key, "mail cannot be sent", cause, "write an address: data@example.com");
            }
        }
        for (index, receiver) in self.notifications.webhooks.iter().enumerate() {
            if receiver.channel.contains("://") && !receiver.channel.starts_with("https://") {
                let cause = format!("'{}' is not an https address", receiver.channel);
                let key = format!("notifications.webhooks[{index}]");
                found.warning(
                    &key,
                    "the webhook's messages travel in the open",
                    cause,
                    "write https://…, or the webhook's name",
                );
            }
        }
        let lists = [
            ("emails", &self.notifications.emails),
            ("slack_channels", &self.notifications.slack_channels),
            ("microsoft_teams", &self.notifications.microsoft_teams),
            ("webhooks", &self.notifications.webhooks),
        ];
        for (list, receivers) in lists {
            for (index, receiver) in receivers.iter().enumerate() {
                let key = format!("notifications.{list}[{index}]");
                if receiver.channel.trim().is_empty() {
                    found.error(&key, "the receiver has no name", "it is empty", "write a channel or an address");
                } else if receiver.events.is_empty() {
                    let cause = format!("'{}' is told about nothing", receiver.channel);
                    found.warning(
                        &key,
                        "the list of events is empty",
                        cause,
                        "write `events: [failed]`, or remove the receiver",
                    );
                }
                if receiver.events.contains(&Event::Sla) && self.sla_minutes.is_none() {
                    let cause = "a run is late after 'sla_minutes', which is missing";
                    found.warning(
                        &key,
                        "the event 'sla' never comes",
                        cause,
                        "add `sla_minutes: 60`, or remove the event",
                    );
                }
            }
        }
        if let Some(agent) = self.self_healing.as_ref().filter(|agent| agent.enabled) {
            let known: Vec<&str> =
                self.notifications.slack_channels.iter().map(|receiver| receiver.channel.as_str()).collect();
            if let Some(channel) = agent.slack_channel.as_deref().filter(|channel| !known.contains(channel)) {
                let cause = format!("'{channel}' is not among 'notifications.slack_channels' ({})", listed(known));
                found.error(
                    "self_healing.slack_channel",
                    "the agent may not report there",
                    cause,
                    "add the channel there too",
                );
            }
            let cause = "Owlet keeps the setting and has no such agent";
            found.warning(
                "self_healing",
                "'self_healing' has no effect",
                cause,
                "use 'retry' for failures that are not yours",
            );
        }
        if self.hightouch.as_ref().is_some_and(|syncs| syncs.enabled) {
            let cause = "Owlet keeps the setting and does not call Hightouch";
            found.warning(
                "hightouch",
                "'hightouch' has no effect",
                cause,
                "start the syncs in a command or by a webhook",
            );
        }
    }

    fn check_variables(&self, found: &mut Problems) {
        for name in self.env_overrides.keys() {
            let key = format!("env_overrides.{name}");
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !plain || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                let cause = format!("'{name}' must be letters, digits and underscores");
                found.error(
                    &key,
                    "an environment variable cannot have this name",
                    cause,
                    "write a name as in DBT_SCHEMA",
                );
            } else if let Some(prefix) = RESERVED.iter().find(|prefix| name.starts_with(**prefix)) {
                let cause = format!("the scheduler sets the variables that begin with {prefix} for each run");
                found.error(&key, format!("'{name}' cannot be overridden"), cause, "choose another name");
            }
        }
    }
}

/// Variables that tell a command about its run.
const RESERVED: [&str; 2] = ["PARADIME_", "OWLET_"];

/// Words that a shell would not pass on.
const OPERATORS: [&str; 8] = ["&&", "||", "|", "&", ">", ">>", "<", "2>&1"];

fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("bash" | "sh" | "zsh"))
}

fn looks_like_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    matches!(parts.as_slice(), [local, domain] if !local.is_empty() && !domain.is_empty())
        && !text.contains(char::is_whitespace)
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn error(&mut self, key: &str, what: impl Into<String>, cause: impl Into<String>, fix: impl Into<String>) {
        self.push(Severity::Error, key, what, cause, fix);
    }

    fn warning(&mut self, key: &str, what: impl Into<String>, cause: impl Into<String>, fix: impl Into<String>) {
        self.push(Severity::Warning, key, what, cause, fix);
    }

    fn push(
        &mut self,
        severity: Severity,
        key: &str,
        what: impl Into<String>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let (key, what, cause, fix) = (key.to_owned(), what.into(), cause.into(), fix.into());
        self.0.push(Problem { severity, key, what, cause, fix });
    }
}

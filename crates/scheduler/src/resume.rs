//! Which commands are left of a run that failed, and how a dbt command goes on where it stopped.

use crate::model::RunCommand;

/// What is known of a command that ran.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub id: i64,
    pub succeeded: bool,
    /// dbt's exit code 1: it ran, and some node failed.
    pub failed_by_itself: bool,
    /// Its `target/run_results.json` was kept.
    pub has_results: bool,
}

/// The commands from the first that did not succeed; `steps` are those that began, in order. A dbt command that left results is replaced by
/// `dbt retry`, which builds what failed and what was skipped because of it.
pub(crate) fn remaining(commands: &[RunCommand], steps: &[Step]) -> Vec<RunCommand> {
    let done = steps.iter().take_while(|step| step.succeeded).count().min(commands.len());
    let mut left = commands.get(done..).unwrap_or_default().to_vec();
    if let (Some(first), Some(step)) = (left.first_mut(), steps.get(done))
        && step.failed_by_itself
        && step.has_results
        && let Some(text) = as_retry(&first.text)
    {
        first.text = text;
        first.retry_of = Some(step.id);
    }
    left
}

/// `dbt retry` with what the command says about where and as whom it runs; what it selects is in its results.
///
/// Source: dbt, "About dbt retry command": build, compile, clone, docs generate, seed, snapshot, test, run and run-operation can go on.
fn as_retry(text: &str) -> Option<String> {
    let words = shlex::split(text)?;
    if words.first().map(String::as_str) != Some("dbt") {
        return None;
    }
    let kept =
        ["--project-dir", "--profiles-dir", "--profile", "--target", "-t", "--threads", "--vars", "--target-path"];
    let mut retry = vec!["dbt".to_owned(), "retry".to_owned()];
    let mut can_go_on = false;
    let mut words = words.into_iter().skip(1).peekable();
    while let Some(word) = words.next() {
        let option = word.split('=').next().unwrap_or_default();
        if kept.contains(&option) {
            let has_value = word.contains('=');
            retry.push(word);
            retry.extend((!has_value).then(|| words.next()).flatten());
        } else if !word.starts_with('-') && !can_go_on {
            let is_docs = word == "docs" && words.peek().is_some_and(|next| next == "generate");
            let all = ["build", "compile", "clone", "seed", "snapshot", "test", "run", "run-operation", "retry"];
            if !is_docs && !all.contains(&word.as_str()) {
                return None;
            }
            can_go_on = true;
        }
    }
    can_go_on.then(|| shlex::try_join(retry.iter().map(String::as_str)).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(succeeded: bool, failed_by_itself: bool, has_results: bool) -> Step {
        Step { id: 70, succeeded, failed_by_itself, has_results }
    }

    #[test]
    fn a_dbt_command_goes_on_where_it_stopped() {
        let commands: Vec<_> =
            ["dbt seed", "dbt build -s tag:a --target prod --vars '{a: 1}'", "python x.py"].map(RunCommand::new).into();
        let left = remaining(&commands, &[step(true, false, true), step(false, true, true)]);
        let texts: Vec<_> = left.iter().map(|command| (command.text.as_str(), command.retry_of)).collect();
        assert_eq!(texts, [("dbt retry --target prod --vars '{a: 1}'", Some(70)), ("python x.py", None)]);
        // Killed, or without results: from its beginning.
        for killed in [step(false, false, true), step(false, true, false)] {
            assert_eq!(remaining(&commands, &[step(true, false, true), killed]), commands[1..]);
        }
        // It never came to its commands.
        assert_eq!(remaining(&commands, &[]), commands);
        assert_eq!(remaining(&commands, &[step(true, false, true); 3]), []);
    }

    #[test]
    fn what_cannot_go_on_is_done_again() {
        for text in
            ["dbt source freshness", "dbt parse", "dbt deps", "owlet doctor", "python build.py", "dbt", "dbt 'unclosed"]
        {
            assert_eq!(as_retry(text), None, "{text}");
        }
        assert_eq!(as_retry("dbt --no-use-colors run").as_deref(), Some("dbt retry"));
        assert_eq!(as_retry("dbt docs generate --target=x").as_deref(), Some("dbt retry '--target=x'"));
        assert_eq!(as_retry("dbt retry -t x").as_deref(), Some("dbt retry -t x"));
    }
}

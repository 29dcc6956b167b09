//! What kind of failure a command's was: by how it ended, what its nodes say in run_results.json, and its last lines.

use serde_json::Value as Json;

use super::supervise::Why;
use crate::model::ErrorClass;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failed<'a> {
    pub(crate) why: &'a Why,
    /// `target/run_results.json`, if this command wrote it.
    pub(crate) run_results: Option<&'a Json>,
    /// The end of its output.
    pub(crate) last_lines: &'a str,
}

/// Messages of AWS and of clients that ask for a slower pace, and commit conflicts, which pass in the same way.
///
/// Source: Athena "Error reference" and "Service Quotas", S3 "Error responses", Iceberg in Athena "ICEBERG_COMMIT_ERROR".
const THROTTLING: [&str; 12] = [
    "throttlingexception",
    "toomanyrequestsexception",
    "rate exceeded",
    "slow down",
    "slowdown",
    "requestlimitexceeded",
    "too many requests",
    "query exhausted resources at this scale factor",
    "exceeded the limit of concurrent queries",
    "iceberg_commit_error",
    "commitfailedexception",
    "concurrentmodificationexception",
];

const TIMEOUT: [&str; 4] =
    ["query timeout", "exceeded the time limit", "query exceeded the maximum run time", "exceeded_time_limit"];

/// What is nobody's fault here and may be gone in a minute.
const INFRASTRUCTURE: [&str; 24] = [
    "internalserverexception",
    "internalfailure",
    "internal_error",
    "generic_internal_error",
    "internalerror",
    "serviceunavailable",
    "service unavailable",
    "bad gateway",
    "gateway timeout",
    "connection refused",
    "connection reset",
    "connection timed out",
    "connection closed before",
    "could not resolve host",
    "temporary failure in name resolution",
    "dns error",
    "network is unreachable",
    "endpointconnectionerror",
    "connecttimeouterror",
    "readtimeouterror",
    "error sending request",
    "no space left on device",
    "expiredtoken",
    "the security token included in the request is expired",
];

/// The class of a failure.
///
/// Of several failed nodes the class is theirs only when it is the same for all: one model with wrong SQL is wrong after the next attempt too.
pub(crate) fn class_of(failed: &Failed<'_>) -> ErrorClass {
    match failed.why {
        // Killed by nobody of ours: most often the kernel, for lack of memory.
        Why::Signaled(9) | Why::Lost => return ErrorClass::Infrastructure,
        Why::NotStarted(_) => return ErrorClass::Command,
        Why::Exited(_) | Why::Signaled(_) => {}
    }
    let messages = failed.run_results.map(failed_messages).unwrap_or_default();
    if messages.is_empty() {
        return class_of_text(failed.last_lines);
    }
    let mut classes = messages.iter().map(|message| class_of_text(message));
    let first = classes.next().unwrap_or(ErrorClass::Command);
    // Different ones that would pass by themselves are still worth another attempt.
    classes.fold(first, |all, class| match (all, class) {
        (all, class) if all == class => all,
        (ErrorClass::Command, _) | (_, ErrorClass::Command) => ErrorClass::Command,
        _ => ErrorClass::Infrastructure,
    })
}

/// The class that a message speaks of; [`ErrorClass::Command`] when none.
fn class_of_text(text: &str) -> ErrorClass {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&THROTTLING) {
        ErrorClass::Throttling
    } else if has(&TIMEOUT) {
        ErrorClass::Timeout
    } else if has(&INFRASTRUCTURE) {
        ErrorClass::Infrastructure
    } else {
        ErrorClass::Command
    }
}

/// What failed nodes say; tests that found rows have failed by themselves.
fn failed_messages(run_results: &Json) -> Vec<String> {
    let results = run_results.get("results").and_then(Json::as_array);
    let failed = results.into_iter().flatten().filter(|result| {
        matches!(
            result.get("status").and_then(Json::as_str),
            Some("error" | "fail" | "runtime error" | "partial success")
        )
    });
    failed
        .map(|result| match result.get("status").and_then(Json::as_str) {
            Some("fail") => String::new(),
            _ => result.get("message").and_then(Json::as_str).unwrap_or_default().to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(results: &[(&str, &str)], last_lines: &str, why: Why) -> ErrorClass {
        let results: Vec<Json> =
            results.iter().map(|(status, message)| json!({"status": status, "message": message})).collect();
        let json = json!({ "results": results });
        class_of(&Failed { why: &why, run_results: (!results.is_empty()).then_some(&json), last_lines })
    }

    #[test]
    fn nodes_speak_for_their_command() {
        let exited = || Why::Exited(1);
        let throttled =
            ("error", "An error occurred (ThrottlingException) when calling StartQueryExecution: Rate exceeded");
        let broken = ("error", "INTERNAL_ERROR: Query failed for an unknown reason");
        let wrong = ("error", "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved");
        for (results, expected) in [
            (&[throttled][..], ErrorClass::Throttling),
            (&[("success", "OK"), throttled, throttled], ErrorClass::Throttling),
            (&[throttled, broken], ErrorClass::Infrastructure),
            (&[throttled, wrong], ErrorClass::Command),
            (&[("fail", "Got 3 results, configured to fail if != 0")], ErrorClass::Command),
            (&[("error", "ICEBERG_COMMIT_ERROR: Failed to commit")], ErrorClass::Throttling),
            (&[("error", "Query timeout")], ErrorClass::Timeout),
            (&[("skipped", ""), broken], ErrorClass::Infrastructure),
        ] {
            // The log says a lot; the nodes are more exact.
            assert_eq!(class(results, "connection refused", exited()), expected, "{results:?}");
        }
    }

    #[test]
    fn without_nodes_the_output_and_the_end_speak() {
        assert_eq!(
            class(&[], "requests.exceptions.ConnectionError: Connection refused", Why::Exited(1)),
            ErrorClass::Infrastructure
        );
        assert_eq!(class(&[], "KeyError: 'x'", Why::Exited(1)), ErrorClass::Command);
        assert_eq!(class(&[], "", Why::Signaled(9)), ErrorClass::Infrastructure);
        assert_eq!(class(&[], "", Why::Signaled(11)), ErrorClass::Command);
        assert_eq!(class(&[], "", Why::NotStarted("x: command not found".to_owned())), ErrorClass::Command);
    }
}

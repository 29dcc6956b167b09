//! Athena's failures with their usual cause and a fix.

use athena_api::{ApiError, athena::QueryExecution};
use diagnostic::Diagnostic;
use engine::adapter::AdapterError;

/// A known failure: a word of the message, the usual cause, what to do.
struct Known {
    word: &'static str,
    cause: &'static str,
    fix: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        word: "TABLE_NOT_FOUND",
        cause: "the statement names a table or view that the Glue catalog does not have",
        fix: "build it first (`--select +this_node`), name it through ref() or source(), or correct the source's schema and identifier",
    },
    Known {
        word: "SCHEMA_NOT_FOUND",
        cause: "the statement names a Glue database that does not exist",
        fix: "correct the schema, or create the database; dbt only creates the schemas of the nodes it builds",
    },
    Known {
        word: "COLUMN_NOT_FOUND",
        cause: "the query uses a column that its tables do not have",
        fix: "compare the name with the tables' columns; after renaming a column upstream, rebuild the tables between with --full-refresh",
    },
    Known {
        word: "TYPE_MISMATCH",
        cause: "two values meet whose types do not fit; Athena converts almost nothing by itself",
        fix: "cast one side; for an incremental model whose query changed its types, run it with --full-refresh",
    },
    Known {
        word: "FUNCTION_NOT_FOUND",
        cause: "Athena has no function of this name with these arguments; the names of other warehouses differ",
        fix: "use Trino's name of it, for example coalesce for ifnull and nvl, date_add for dateadd, if for iff",
    },
    Known {
        word: "EXPRESSION_NOT_AGGREGATE",
        cause: "the query groups rows, and this column may differ within a group",
        fix: "add it to GROUP BY, or take one value of the group, for example with max() or arbitrary()",
    },
    Known {
        word: "INVALID_CAST_ARGUMENT",
        cause: "a value does not read like the type that it is cast to",
        fix: "filter or clean such values, or write try_cast, which makes them null",
    },
    Known {
        word: "DIVISION_BY_ZERO",
        cause: "a row divides by zero",
        fix: "divide by `nullif(divisor, 0)`, which makes the result null",
    },
    // The parser's words, which have no code.
    Known {
        word: "mismatched input",
        cause: "Athena's parser cannot go on at this place",
        fix: "look at what stands just before it, often a comma, bracket or word too many or too few",
    },
    Known {
        word: "SYNTAX_ERROR",
        cause: "Athena could not understand the statement",
        fix: "see the compiled SQL at the line that the message names",
    },
    Known {
        word: "TOO_MANY_OPEN_PARTITIONS",
        cause: "one statement writes to at most 100 partitions (times buckets)",
        fix: "partition by something coarser; a model is built in batches with `force_batch: true`",
    },
    Known {
        word: "HIVE_PATH_ALREADY_EXISTS",
        cause: "the table's location already has files; Athena deletes none",
        fix: "use a unique s3_data_naming such as `schema_table_unique`, or remove the files after making sure that nobody needs them",
    },
    Known {
        word: "HIVE_BAD_DATA",
        cause: "a file holds something else than the table's column says",
        fix: "compare the column's type in Glue with the file's; cast in the staging model or correct the table's columns",
    },
    Known {
        word: "HIVE_PARTITION_SCHEMA_MISMATCH",
        cause: "a partition in Glue declares another type for a column than the table does",
        fix: "recreate the partition with the table's columns, or rebuild the table with --full-refresh",
    },
    Known {
        word: "HIVE_CURSOR_ERROR",
        cause: "a file could not be read: it is damaged, or was deleted or replaced while the query ran",
        fix: "run it again; if it fails again, check the file that the message names",
    },
    Known {
        word: "ICEBERG_COMMIT_ERROR",
        cause: "another writer changed the table at the same time, also after all retries",
        fix: "raise `num_iceberg_retries` in the profile, or keep two writers from the same table",
    },
    Known {
        word: "ICEBERG_MISSING_METADATA",
        cause: "the table's Iceberg metadata file is gone from S3",
        fix: "restore the file from the bucket's versions, or drop the table in Glue and build it again",
    },
    Known {
        word: "EXCEEDED_MEMORY_LIMIT",
        cause: "the query needed more memory than Athena gives to one query",
        fix: "join the larger table first, aggregate earlier, or build the model in smaller steps",
    },
    Known {
        word: "exhausted resources at this scale factor",
        cause: "the query was too large for Athena's shared capacity",
        fix: "filter and aggregate earlier, build the model in smaller steps, or use provisioned capacity",
    },
    Known {
        word: "ThrottlingException",
        cause: "the account asked AWS too often, also after two minutes of waiting: everything in it and in the region shares one quota",
        fix: "lower `threads`, let schedules start at different minutes, or have the quota of the operation raised (Service Quotas, Amazon Athena or AWS Glue)",
    },
    Known {
        word: "TooManyRequestsException",
        cause: "the account has as many queries running or waiting as it may, also after two minutes of waiting",
        fix: "lower `threads`, let schedules start at different minutes, or have the quota of active queries raised (Service Quotas, Amazon Athena)",
    },
    Known {
        word: "No output location provided",
        cause: "neither the profile nor the workgroup says where results go",
        fix: "set `s3_staging_dir` in the profile, or an output location in the workgroup",
    },
    Known {
        word: "enforces a centralized output location",
        cause: "the workgroup forces its own result location, so a table may not name one",
        fix: "leave out `skip_workgroup_check` so that the location is left to the workgroup, or switch off the enforcement",
    },
    Known {
        word: "Unable to verify/create output bucket",
        cause: "the bucket of `s3_staging_dir` does not exist, is in another region, or is not allowed",
        fix: "check the bucket's name and region, and the role's s3:GetBucketLocation on it",
    },
    Known {
        word: "PermanentRedirect",
        cause: "the bucket is in another region than the one that was asked",
        fix: "set `region_name` to the bucket's region, or use a bucket of this region",
    },
    Known {
        word: "WorkGroup is not found",
        cause: "the profile's `work_group` does not exist in this account and region",
        fix: "correct `work_group` or `region_name`",
    },
    Known {
        word: "Insufficient permissions to execute the query",
        cause: "Lake Formation lets this principal not do it",
        fix: "grant the role the table or database in Lake Formation",
    },
    Known {
        word: "is a read-only mount",
        cause: "`lakehouse.mounts` in owlet.yml shows a folder of this machine as this bucket, to be read only",
        fix: "write to another bucket, for example by another `external_location`, or remove the mount",
    },
    Known {
        word: "bucket does not exist",
        cause: "the location of a table, or of its results, names a bucket that is not there",
        fix: "correct the LOCATION of the table that the statement reads or writes, or create the bucket",
    },
    Known {
        word: "PERMISSION_DENIED",
        cause: "the role may not read or write what the statement needs",
        fix: "grant the action that the message names, in IAM or Lake Formation",
    },
    Known {
        word: "AccessDenied",
        cause: "the role's policies do not allow this action",
        fix: "allow the action that the message names for this role, and check the bucket's policy and KMS key",
    },
    Known {
        word: "ExpiredToken",
        cause: "the credentials ran out",
        fix: "sign in again, or let the adapter renew them with `assume_role_arn`",
    },
    Known {
        word: "UnrecognizedClientException",
        cause: "AWS does not know these credentials",
        fix: "check `aws_profile_name` or the access key in the profile and the environment",
    },
    Known {
        word: "Unsupported Hive type",
        cause: "a Hive table cannot hold this type",
        fix: "cast the column, for example `cast(x as timestamp)` or `cast(x as varchar)`",
    },
    Known {
        word: "Timestamp precision (3) not supported for Iceberg",
        cause: "Iceberg tables hold timestamps with 6 digits, and `timestamp` has 3",
        fix: "write `cast(x as timestamp(6))`",
    },
];

fn explain(diagnostic: Diagnostic, message: &str) -> Diagnostic {
    match KNOWN.iter().find(|known| message.contains(known.word)) {
        Some(known) => diagnostic.cause(known.cause).fix(known.fix),
        None => diagnostic,
    }
}

/// The code at the front of a message: `TABLE_NOT_FOUND: line 1:15: …`.
fn leading_code(message: &str) -> Option<String> {
    let message = message.strip_prefix("FAILED: ").unwrap_or(message);
    let (word, _) = message.split_once(':')?;
    let is_code = word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
    is_code.then(|| word.to_owned())
}

/// A refused call.
pub(crate) fn of_api(error: &ApiError, sql: Option<&str>) -> AdapterError {
    let diagnostic = explain(Diagnostic::error(error.to_string()), &format!("{}: {}", error.code, error.message));
    AdapterError {
        diagnostic: Box::new(diagnostic),
        code: Some(error.code.clone()),
        sql: sql.map(Into::into),
        cancelled: false,
    }
}

/// A query that ended FAILED or CANCELLED.
pub(crate) fn of_query(execution: &QueryExecution, sql: &str, cancelled: bool) -> AdapterError {
    let status = &execution.status;
    let own = status.athena_error.as_ref().map(|error| error.error_message.clone()).filter(|text| !text.is_empty());
    let message = own.or_else(|| status.state_change_reason.clone()).unwrap_or_else(|| "Query failed".to_owned());
    let mut what = message.clone();
    what.push_str("\nquery execution: ");
    what.push_str(&execution.query_execution_id);
    AdapterError {
        diagnostic: Box::new(explain(Diagnostic::error(what), &message)),
        code: leading_code(&message),
        sql: Some(sql.into()),
        cancelled,
    }
}

/// What a statement answers after the run was cancelled.
pub(crate) fn cancelled(sql: Option<&str>) -> AdapterError {
    AdapterError {
        diagnostic: Box::new(Diagnostic::error("The run was cancelled").cause("this was not started any more")),
        code: Some("CANCELLED".to_owned()),
        sql: sql.map(Into::into),
        cancelled: true,
    }
}

/// A mistake in the project or the warehouse that we found ourselves.
pub(crate) fn mistake(what: impl Into<String>, cause: impl Into<String>, fix: impl Into<String>) -> AdapterError {
    AdapterError::new(Diagnostic::error(what).cause(cause).fix(fix))
}

/// The failure's own sentence and code contain the word.
pub(crate) fn mentions(error: &AdapterError, word: &str) -> bool {
    error.diagnostic.what.contains(word) || error.code.as_deref().is_some_and(|code| code.contains(word))
}

/// The failure is a query's own: it has ended and writes nothing more. After a lost connection it may still be running.
pub(crate) fn has_ended(error: &AdapterError) -> bool {
    error.diagnostic.what.contains("\nquery execution: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_off_the_message() {
        assert_eq!(leading_code("TABLE_NOT_FOUND: line 1:15: x").as_deref(), Some("TABLE_NOT_FOUND"));
        assert_eq!(leading_code("Query was cancelled: why"), None);
    }

    #[test]
    fn a_known_error_has_cause_and_fix_and_starts_with_athenas_sentence() {
        let error = of_api(&ApiError::new("AccessDeniedException", "no s3:GetObject").of("GetTable"), None);
        let text = error.to_string();
        assert!(
            text.starts_with("An error occurred (AccessDeniedException) when calling the GetTable operation"),
            "{text}"
        );
        assert!(error.diagnostic.fix.is_some());
    }
}

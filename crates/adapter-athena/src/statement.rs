//! A statement's text on its way to Athena: query comment, quotes, blanks.

use engine::adapter::{AdapterResponse, QueryComment};
use serde::Deserialize;

/// Statements that Athena's Hive grammar refuses with a comment before them.
const WITHOUT_COMMENT: [&str; 5] = ["alter", "drop", "optimize", "vacuum", "msck"];

/// The text that is sent: with its query comment, without surrounding blanks.
///
/// OPTIMIZE and VACUUM know no quoted names, so their double quotes go.
pub(crate) fn prepare(sql: &str, comment: Option<&QueryComment>) -> String {
    let sql = sql.trim();
    if starts_with_word(sql, "vacuum") || starts_with_word(sql, "optimize") {
        return sql.replace('"', "");
    }
    let Some(comment) = comment.filter(|comment| !comment.text.trim().is_empty()) else { return sql.to_owned() };
    if WITHOUT_COMMENT.iter().any(|word| starts_with_word(sql, word)) {
        return sql.to_owned();
    }
    let text = comment.text.trim().replace('\n', " ");
    match (comment.append, sql.strip_suffix(';')) {
        (false, _) => format!("-- /* {text} */\n{sql}"),
        (true, Some(body)) => format!("{body}\n-- /* {text} */;"),
        (true, None) => format!("{sql}\n-- /* {text} */"),
    }
}

fn starts_with_word(sql: &str, word: &str) -> bool {
    sql.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Whether a hook's statement has to be sent again until it has nothing left to do, and the error that says "more".
pub(crate) fn runs_until_done(sql: &str) -> Option<&'static str> {
    let sql = sql.trim();
    if starts_with_word(sql, "optimize") && sql.to_lowercase().contains("rewrite data using bin_pack") {
        Some("ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED")
    } else if starts_with_word(sql, "vacuum") {
        Some("ICEBERG_VACUUM_MORE_RUNS_NEEDED")
    } else {
        None
    }
}

/// What `select '{"rowcount":7,"data_scanned_in_bytes":0}'` would say: a materialization's last statement, which only repeats what an
/// earlier one has answered. It needs no query.
pub(crate) fn told_before(sql: &str) -> Option<AdapterResponse> {
    let text = sql.trim().trim_end_matches(';').trim_end();
    let quoted = starts_with_word(text, "select").then(|| text["select".len()..].trim_start())?;
    let told: Told = serde_json::from_str(quoted.strip_prefix('\'')?.strip_suffix('\'')?).ok()?;
    Some(AdapterResponse {
        message: format!("OK {}", told.rowcount),
        code: "OK".to_owned(),
        rows_affected: told.rowcount,
        data_scanned_in_bytes: told.data_scanned_in_bytes,
        query_execution_ids: Vec::new(),
    })
}

#[derive(Deserialize)]
struct Told {
    rowcount: i64,
    data_scanned_in_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(append: bool) -> QueryComment {
        QueryComment { text: "{\"app\":\n\"dbt\"}".to_owned(), append }
    }

    #[test]
    fn the_comment_is_one_line_before_or_behind() {
        assert_eq!(prepare(" select 1 ", Some(&comment(false))), "-- /* {\"app\": \"dbt\"} */\nselect 1");
        assert_eq!(prepare("select 1;", Some(&comment(true))), "select 1\n-- /* {\"app\": \"dbt\"} */;");
    }

    #[test]
    fn what_was_told_before_is_not_asked_again() {
        let told = told_before("\n SELECT '{\"rowcount\":7,\"data_scanned_in_bytes\":12}';").expect("an answer");
        assert_eq!((told.message.as_str(), told.data_scanned_in_bytes), ("OK 7", 12));
        assert!(told_before("select 'many partitions created'").is_none());
        assert!(told_before("select '{\"rowcount\":7}' as x").is_none());
    }

    #[test]
    fn hive_ddl_gets_no_comment_and_maintenance_no_quotes() {
        assert_eq!(prepare("ALTER table `a`.`b` …", Some(&comment(false))), "ALTER table `a`.`b` …");
        assert_eq!(prepare("vacuum \"c\".\"s\".\"t\"", Some(&comment(false))), "vacuum c.s.t");
    }
}

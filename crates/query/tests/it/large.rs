//! Statements that are large in one way: an answer or a sentence, never a crash.

use crate::Lakehouse;

fn times(count: usize, text: &str) -> String {
    text.repeat(count)
}

fn list(count: usize, separator: &str, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(separator)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_statements() {
    let mut lakehouse = Lakehouse::open().await;
    lakehouse.run("CREATE DATABASE db").await.expect("the test can run");
    let brackets = |count| format!("SELECT {}1{}", times(count, "("), times(count, ")"));
    let too_large = "statement is too large";
    // The statement, and its first row or a part of the error.
    let cases = [
        ("50 brackets", brackets(50), "1"),
        ("10,000 brackets", brackets(10_000), too_large),
        ("10,000 open brackets", format!("SELECT {}", times(10_000, "(")), too_large),
        ("10,000 signs", format!("SELECT {}1", times(10_000, "- ")), too_large),
        ("10,000 NOTs", format!("SELECT {}true", times(10_000, "NOT ")), too_large),
        ("10,000 calls", format!("SELECT {}1{}", times(10_000, "abs("), times(10_000, ")")), too_large),
        ("10,000 arrays", format!("SELECT {}1{}", times(10_000, "ARRAY["), times(10_000, "]")), too_large),
        ("10,000 subqueries", format!("{}SELECT 1{}", times(10_000, "SELECT * FROM ("), times(10_000, ")")), too_large),
        (
            "10,000 types",
            format!("SELECT CAST(NULL AS {}integer{})", times(10_000, "array("), times(10_000, ")")),
            too_large,
        ),
        ("5,000 values in a list", format!("SELECT 4999 IN ({})", list(5_000, ", ", |n| n.to_string())), "true"),
        (
            "5,000 texts in a list",
            format!("SELECT x FROM (VALUES 't7') AS t (x) WHERE x IN ({})", list(5_000, ", ", |n| format!("'t{n}'"))),
            "t7",
        ),
        ("2,000 columns", format!("SELECT {}", list(2_000, ", ", |n| format!("{n} AS c{n}"))), "0\t1\t2\t"),
        (
            "2,000 rows",
            format!("SELECT count(*) FROM (VALUES {}) AS t (x)", list(2_000, ", ", |n| format!("({n})"))),
            "2000",
        ),
        (
            "100 tables",
            format!(
                "SELECT count(*) FROM {}",
                list(100, " UNION ALL ", |_| "(SELECT 1)".to_owned()).replacen("(SELECT 1)", "((SELECT 1)", 1) + ")"
            ),
            "100",
        ),
        (
            "10¹² rows, of which three are read",
            format!(
                "SELECT count(*) FROM (SELECT a FROM {} LIMIT 3)",
                list(3, ", ", |n| format!("UNNEST(sequence(1, 10000)) AS t{n} ({})", ["a", "b", "c"][n]))
            ),
            "3",
        ),
        (
            "arrays of different lengths",
            "SELECT count(*), sum(y) FROM UNNEST(sequence(0, 300)) AS t (x), UNNEST(sequence(0, x * (x % 7))) AS u (y)"
                .to_owned(),
            "136955\t59946558",
        ),
        (
            "30 WITH",
            format!(
                "WITH a0 AS (SELECT 1 AS x), {} SELECT x FROM a29",
                list(29, ", ", |n| format!("a{} AS (SELECT x FROM a{n})", n + 1))
            ),
            "1",
        ),
        ("1,000 WHENs", format!("SELECT CASE 999 {} END", list(1_000, " ", |n| format!("WHEN {n} THEN {n}"))), "999"),
        ("100 sums", format!("SELECT {}", list(100, " + ", |_| "1".to_owned())), "100"),
        (
            "300 ORs",
            format!("SELECT x FROM (VALUES 299) AS t (x) WHERE {}", list(300, " OR ", |n| format!("x = {n}"))),
            "299",
        ),
        ("100 texts", format!("SELECT length({})", list(100, " || ", |_| "'ab'".to_owned())), "200"),
        ("100,000 sums", format!("SELECT {}", list(100_000, "+", |_| "1".to_owned())), too_large),
        ("20,000 ANDs", format!("SELECT {}", list(20_000, " AND ", |_| "true".to_owned())), too_large),
        ("20,000 texts", format!("SELECT {}", list(20_000, "||", |_| "'a'".to_owned())), too_large),
        ("20,000 subscripts", format!("SELECT a{}", times(20_000, "[1]")), too_large),
        ("20,000 UNIONs", list(20_000, " UNION ", |_| "SELECT 1".to_owned()), too_large),
        ("20,000 joins", format!("SELECT * FROM a{}", times(20_000, " CROSS JOIN a")), too_large),
    ];
    let mut failures = String::new();
    for (title, sql, expected) in cases {
        let answer = match lakehouse.run(&sql).await {
            Ok((rows, _)) => rows.first().cloned().unwrap_or_default(),
            Err(error) => error,
        };
        let holds = if expected.ends_with('\t') { answer.starts_with(expected) } else { answer.contains(expected) };
        if !holds {
            failures.extend([title, ": ", &answer.chars().take(200).collect::<String>(), "\n"]);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

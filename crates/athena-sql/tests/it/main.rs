//! Reads `tests/cases/*.case` and compares how each text is read with what stands below it.
//!
//! A case is `== title`, the statement, `----`, and what it says: `DML SELECT`, or `error: …`. With `ast` behind the
//! dashes the whole tree is compared. `UPDATE_CASES=1` rewrites the expected part.

use std::fmt::Write as _;

fn check(sql: &str, tree: bool) -> String {
    match athena_sql::parse(sql) {
        Ok(statement) if tree => format!("{statement:#?}"),
        Ok(statement) => {
            let kind = statement.kind();
            format!("{} {}", kind.statement_type.as_str(), kind.substatement_type)
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn cases() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    let update = std::env::var("UPDATE_CASES").is_ok();
    let mut failures = String::new();
    let mut count = 0;
    for entry in fs_err::read_dir(folder).expect("the test can run") {
        let path = entry.expect("the test can run").path();
        let text = fs_err::read_to_string(&path).expect("the test can run");
        let mut rewritten = String::new();
        for case in
            text.split("\n== ").map(|case| case.trim_start_matches("== ")).filter(|case| !case.trim().is_empty())
        {
            let (title, rest) = case.split_once('\n').expect("the test can run");
            let (sql, expected) = rest.split_once("\n----").unwrap_or_else(|| panic!("{title}: no ----"));
            let (mode, expected) = expected.split_once('\n').unwrap_or((expected, ""));
            let actual = check(sql, mode.trim() == "ast");
            count += 1;
            if actual.trim() != expected.trim() {
                let _ = writeln!(failures, "{title}\n{sql}\n  expected: {}\n  actual:   {actual}", expected.trim());
            }
            let _ = write!(rewritten, "== {title}\n{sql}\n----{mode}\n{}\n\n", actual.trim());
        }
        if update {
            fs_err::write(&path, format!("{}\n", rewritten.trim_end())).expect("the test can run");
        }
    }
    assert!(count > 50, "only {count} cases were found");
    assert!(update || failures.is_empty(), "{failures}");
}

#[test]
fn hive_types_print_as_glue_keeps_them() {
    for (text, printed) in [
        ("struct<a:int, b:array<map<string,decimal(10, 2)>>>", "struct<a:int,b:array<map<string,decimal(10,2)>>>"),
        ("VARCHAR(3)", "varchar(3)"),
        ("timestamp with local time zone", "timestamp with local time zone"),
    ] {
        assert_eq!(text.parse::<athena_sql::HiveType>().expect("the test can run").to_string(), printed);
    }
    assert!("array<int".parse::<athena_sql::HiveType>().is_err());
}

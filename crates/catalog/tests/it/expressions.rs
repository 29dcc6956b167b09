//! GetPartitions' expressions, from a text file: an expression and what it answers.

use athena_api::Glue;
use athena_api::glue::{PageRequest, PartitionFilter};

use crate::{fixture, partition, table};

#[tokio::test]
async fn expressions_answer_as_glue_does() {
    let shop = fixture().await;
    let keys =
        [("name", "varchar(10)"), ("n", "int"), ("amount", "decimal(10,2)"), ("day", "date"), ("at", "timestamp")];
    shop.catalog.create_table(None, "shop", table("t", &keys)).await.unwrap();
    shop.catalog.create_table(None, "shop", table("odd", &[("b", "boolean")])).await.unwrap();
    shop.catalog.create_table(None, "shop", table("flat", &[])).await.unwrap();
    let rows = [
        ["a", "1", "1.50", "2024-01-01", "2024-01-01 00:00:00"],
        ["b'c", "2", "2.5", "2024-01-02", "2024-01-01 12:00:00.5"],
        ["ab", "10", "-3", "2024-02-01", "2024-02-01 00:00:00"],
        ["__HIVE_DEFAULT_PARTITION__", "11", "100", "2025-01-01", "2025-01-01 00:00:00"],
    ];
    let inputs = rows.iter().map(|row| partition(row)).collect();
    assert_eq!(shop.catalog.batch_create_partition(None, "shop", "t", inputs).await.unwrap(), []);
    let mut failures = Vec::new();
    for case in include_str!("cases/expressions.txt").split("\n\n") {
        let lines: Vec<&str> = case.lines().filter(|line| !line.starts_with('#')).collect();
        let [expression, expected] = lines[..] else { panic!("a case is two lines: {case}") };
        let (name, expression) = expression.split_once(": ").unwrap();
        let filter = PartitionFilter { expression: Some(expression.to_owned()), ..Default::default() };
        let actual = match shop.catalog.get_partitions(None, "shop", name, filter, PageRequest::default()).await {
            Ok(page) => {
                let mut numbers: Vec<i64> =
                    page.items.iter().map(|item| item.input.values[1].parse().unwrap()).collect();
                numbers.sort_unstable();
                format!("{numbers:?}")
            }
            Err(error) => format!("{} {}", error.code, error.message),
        };
        if actual != expected {
            failures.push(format!("{expression}\n  expected {expected}\n  actual   {actual}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

//! Data tests: the query that counts failures, and what its answer means.

use std::sync::Arc;

use artifacts::manifest::Node;
use jinja::{Decimal, Value};
use names::RelationName;

use super::{MaterializationSource, NodeStatus, RunContext, build, errors, job::Outcome, results::NodeFailure};
use crate::{
    Compiled,
    adapter::{AdapterResponse, Materialization, ResultTable, StatementOrigin},
};

/// Runs a data test: stores its rows when it is asked to, counts them, and judges.
pub(super) async fn run(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    compiled: &Arc<Compiled>,
) -> Result<Outcome, NodeFailure> {
    let config = node.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let config = TestConfig::new(&config, context.options.store_failures);
    let failed = |error| errors::of_adapter(node, &error, Some(compiled));
    if config.store_failures.is_some() {
        if let Some(message) = wrong_kind(node) {
            return Err(NodeFailure { message, cancelled: false });
        }
        let relation = node.relation();
        context.adapter.create_schema(&relation.database, &relation.schema).await.map_err(failed)?;
    }
    if let Some(outcome) = build::by_macro(context, node).await? {
        build::write_run_sql(context, node, &outcome.run_sql)?;
        let stored = outcome.relations.first().map(ToString::to_string);
        return judge(context, node, &config, (outcome.response, outcome.rows), stored);
    }
    let mut main_sql = config.limited(compiled.sql.trim());
    let mut stored = None;
    // The request also renders the query comment, which the counting query carries as well.
    let mut request = build::request_for_test(context, node, MaterializationSource::Sql(Arc::clone(compiled))).await?;
    let comment = request.comment.clone();
    if let Some(kind) = config.store_failures {
        let relation = node.relation();
        request.materialization = match kind {
            StoreFailures::Table => Materialization::Table { sql: main_sql },
            StoreFailures::View => Materialization::View { sql: main_sql },
        };
        let plan = context.adapter.plan(request).await.map_err(failed)?;
        plan.execute().await.map_err(failed)?;
        main_sql = format!("select * from {}", in_dml(&relation));
        stored = Some(in_dml(&relation));
    }
    let sql = config.counting_sql(&main_sql);
    build::write_run_sql(context, node, &sql)?;
    let origin = StatementOrigin { node: Some(node.unique_id.clone()), step: "main".to_owned(), comment };
    let (response, table) = context.adapter.execute(&sql, &origin, Some(None)).await.map_err(failed)?;
    judge(context, node, &config, (response, table), stored)
}

/// dbt's sentence where `store_failures_as` is none of its words; a test that stores nothing does not mind.
fn wrong_kind(test: &Node) -> Option<String> {
    let kind = test.config.get("store_failures_as")?.as_str()?;
    (!["table", "view"].contains(&kind)).then(|| {
        format!(
            "Compilation Error in test {} ({})\n  '{kind}' is not a valid value for `store_failures_as`. Accepted values are: \
             ['ephemeral', 'table', 'view']",
            test.name, test.original_file_path
        )
    })
}

/// What the answer of the counting query means.
fn judge(
    context: &RunContext,
    node: &Node,
    config: &TestConfig,
    (response, table): (AdapterResponse, ResultTable),
    stored: Option<String>,
) -> Result<Outcome, NodeFailure> {
    let counted = Counted::read(&table, node).map_err(|message| NodeFailure { message, cancelled: false })?;
    let (mut status, mut message) = config.verdict(&counted);
    if status == NodeStatus::Warn && context.options.warn_error {
        status = NodeStatus::Fail;
        message = Some(counted.configured_to("fail", &config.warn_if));
    }
    let failures = if status == NodeStatus::Pass { 0 } else { counted.failures };
    Ok(Outcome {
        status: Some(status),
        message,
        failures: Some(failures),
        response: Some(response),
        relation_name: stored,
        freshness: None,
        batch_results: None,
    })
}

/// The relation as a query names it.
fn in_dml(relation: &RelationName) -> String {
    relation.to_string()
}

/// A test's configuration, with dbt's defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestConfig {
    /// `severity: warn` never fails.
    pub severity: Severity,
    pub fail_calc: String,
    pub warn_if: String,
    pub error_if: String,
    pub limit: Option<i64>,
    pub store_failures: Option<StoreFailures>,
}

/// `severity`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Warn,
    Error,
}

/// Where failing rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFailures {
    Table,
    View,
}

impl TestConfig {
    /// From the node's resolved configuration; `flag` is `--store-failures`, which holds where the test itself says nothing.
    pub fn new(config: &crate::adapter::NodeConfig, flag: bool) -> Self {
        let text = |key: &str, default: &str| match config.get(key) {
            Some(serde_json::Value::String(text)) => text.clone(),
            _ => default.to_owned(),
        };
        let severity = match text("severity", "ERROR").to_ascii_lowercase().as_str() {
            "warn" => Severity::Warn,
            _ => Severity::Error,
        };
        let said = config.get("store_failures").and_then(serde_json::Value::as_bool);
        let store_failures = match config.get("store_failures_as").and_then(serde_json::Value::as_str) {
            Some("view") => Some(StoreFailures::View),
            Some("table") => Some(StoreFailures::Table),
            Some("ephemeral") => None,
            _ => said.unwrap_or(flag).then_some(StoreFailures::Table),
        };
        Self {
            severity,
            fail_calc: text("fail_calc", "count(*)"),
            warn_if: text("warn_if", "!= 0"),
            error_if: text("error_if", "!= 0"),
            limit: config.get("limit").and_then(serde_json::Value::as_i64),
            store_failures,
        }
    }

    /// The test's own query with its limit.
    pub fn limited(&self, sql: &str) -> String {
        match self.limit {
            Some(limit) => format!("{sql}\nlimit {limit}"),
            None => sql.to_owned(),
        }
    }

    /// The query that is run: one row of failures, should_warn, should_error.
    pub fn counting_sql(&self, main_sql: &str) -> String {
        let Self { fail_calc, warn_if, error_if, .. } = self;
        format!(
            "select\n  {fail_calc} as failures,\n  {fail_calc} {warn_if} as should_warn,\n  {fail_calc} {error_if} as should_error\n\
             from (\n{main_sql}\n) dbt_internal_test"
        )
    }

    /// The verdict, and the message of a test that did not pass.
    pub fn verdict(&self, counted: &Counted) -> (NodeStatus, Option<String>) {
        if self.severity == Severity::Error && counted.should_error {
            (NodeStatus::Fail, Some(counted.configured_to("fail", &self.error_if)))
        } else if counted.should_warn {
            (NodeStatus::Warn, Some(counted.configured_to("warn", &self.warn_if)))
        } else {
            (NodeStatus::Pass, None)
        }
    }
}

/// The counting query's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub failures: i64,
    pub should_warn: bool,
    pub should_error: bool,
}

impl Counted {
    fn configured_to(self, verb: &str, condition: &str) -> String {
        let plural = if self.failures == 1 { "" } else { "s" };
        format!("Got {} result{plural}, configured to {verb} if {condition}", self.failures)
    }

    /// From the rows of the counting query.
    ///
    /// # Errors
    /// dbt's sentence, when it is not one row of three columns, the count is no whole number, or a verdict is no boolean.
    pub fn read(table: &crate::adapter::ResultTable, test: &Node) -> Result<Self, String> {
        let not_one = |count: usize, what: &str, expected: &str, fix: &str| {
            format!(
                "Internal Error\n  dbt internally failed to execute {}: Returned {count} {what}, but expected {expected}\n  \
                 cause: the query that counts the test's failures is made of its `fail_calc`, `warn_if` and `error_if`\n  fix:   {fix}",
                test.unique_id
            )
        };
        let [row] = table.rows.as_slice() else {
            let fix = "make `fail_calc` an aggregate, as in `sum(n_records)`";
            return Err(not_one(table.rows.len(), "rows", "1 row", fix));
        };
        let [failures, should_warn, should_error] = row.as_slice() else {
            return Err(not_one(row.len(), "columns", "3 columns", "make `fail_calc` one expression"));
        };
        let truth = |value: &Value| {
            truth(value).ok_or_else(|| {
                format!(
                    "Compilation Error in test {} ({})\n  Macro 'get_test_sql' returns '{value}'.  It is not type 'bool' and cannot not \
                     be converted reliably to a bool.\n  cause: it is what `warn_if` or `error_if` gives behind `fail_calc`\n  \
                     fix:   make it a comparison, as in `> 10`",
                    test.name, test.original_file_path
                )
            })
        };
        let (should_warn, should_error) = (truth(should_warn)?, truth(should_error)?);
        // A decimal is a text in Athena's answers, which dbt does not take for a number.
        let is_decimal = table.columns.first().is_some_and(|column| column.data_type.starts_with("decimal"));
        let number = failures.as_str().filter(|_| is_decimal).and_then(|text| text.parse::<Decimal>().ok());
        let failures = whole_number(&number.map_or_else(|| failures.clone(), Value::from)).ok_or_else(|| {
            format!(
                "{} is not of type 'integer'\n  cause: `fail_calc` of the test must give a whole number\n  \
                 fix:   wrap it, as in `coalesce(sum(n_records), 0)`",
                failures.repr()
            )
        })?;
        Ok(Self { failures, should_warn, should_error })
    }
}

fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Float(number) => (number.fract() == 0.0).then_some(*number as i64),
        Value::Decimal(_) => {
            let text = jinja_text(value);
            let number = text.parse::<f64>().ok()?;
            text.parse().ok().or_else(|| (number.fract() == 0.0).then_some(number as i64))
        }
        Value::Str(_) | Value::None => None,
        other => other.as_i64(),
    }
}

/// Booleans may come as numbers, or as one of the words that Python's `strtobool` knows.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Str(text) => match text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
            "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
            _ => None,
        },
        other => Some(other.is_true()),
    }
}

/// Python's `str()` of a value.
pub(super) fn jinja_text(value: &Value) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(entries: &[(&str, serde_json::Value)]) -> TestConfig {
        let config = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        TestConfig::new(&config, false)
    }

    #[test]
    fn severity_warn_never_fails() {
        let counted = Counted { failures: 2, should_warn: true, should_error: true };
        let (status, message) = config(&[]).verdict(&counted);
        assert_eq!((status, message.as_deref()), (NodeStatus::Fail, Some("Got 2 results, configured to fail if != 0")));
        let (status, message) = config(&[("severity", json!("WARN")), ("warn_if", json!("> 1"))]).verdict(&counted);
        assert_eq!((status, message.as_deref()), (NodeStatus::Warn, Some("Got 2 results, configured to warn if > 1")));
        let none = Counted { failures: 0, should_warn: false, should_error: false };
        assert_eq!(config(&[]).verdict(&none), (NodeStatus::Pass, None));
    }

    #[test]
    fn the_tests_own_word_on_stored_failures_wins_over_the_flag() {
        let stored = |entries: &[(&str, serde_json::Value)], flag| {
            let config = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            TestConfig::new(&config, flag).store_failures
        };
        assert_eq!(stored(&[], true), Some(StoreFailures::Table));
        assert_eq!(stored(&[("store_failures", json!(false))], true), None);
        assert_eq!(stored(&[("store_failures_as", json!("view"))], false), Some(StoreFailures::View));
        assert_eq!(stored(&[("store_failures_as", json!("ephemeral"))], true), None);
    }

    #[test]
    fn the_counting_query_must_answer_one_row_of_a_whole_number_and_two_booleans() {
        let test = Node { unique_id: "test.shop.t".into(), name: "t".to_owned(), ..Node::default() };
        let read = |row: Vec<Value>| {
            let table = crate::adapter::ResultTable { columns: Vec::new(), rows: vec![row] };
            Counted::read(&table, &test).map_err(|message| message.lines().take(2).collect::<Vec<_>>().join("|"))
        };
        let counted = Counted { failures: 3, should_warn: true, should_error: false };
        assert_eq!(read(vec![Value::Int(3), Value::str("true"), Value::Int(0)]), Ok(counted));
        assert_eq!(read(vec![Value::Float(3.0), Value::str("on"), Value::None]), Ok(counted));
        let failed = |row| read(row).expect_err("no such row");
        assert_eq!(
            failed(vec![Value::Int(3)]),
            "Internal Error|  dbt internally failed to execute test.shop.t: Returned 1 columns, but expected 3 columns"
        );
        let no_number = failed(vec![Value::str("3"), Value::Bool(true), Value::Bool(true)]);
        assert!(no_number.starts_with("'3' is not of type 'integer'"), "{no_number}");
        let no_number = failed(vec![Value::None, Value::Bool(true), Value::Bool(true)]);
        assert!(no_number.starts_with("None is not of type 'integer'"), "{no_number}");
        assert_eq!(
            failed(vec![Value::Int(1), Value::str("1maybe"), Value::Bool(true)]),
            "Compilation Error in test t ()|  Macro 'get_test_sql' returns '1maybe'.  It is not type 'bool' and cannot not be converted reliably to a bool."
        );
        let none = Counted::read(&crate::adapter::ResultTable::default(), &test).expect_err("no row");
        assert!(none.contains("Returned 0 rows, but expected 1 row"), "{none}");
    }
}

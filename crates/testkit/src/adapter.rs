//! A warehouse that is a list of answers and a record of questions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use diagnostic::Diagnostic;
use engine::adapter::{
    Adapter, AdapterError, AdapterResponse, AdapterResult, CancelReport, CatalogIntegration, CatalogTable, Column,
    Materialization, MaterializationRequest, Plan, Relation, RelationKind, ResultColumn, ResultTable,
    SnapshotStrategyKind, StatementOrigin, StepSummary, TableType,
};
use jinja::{CallArgs, Value};
use names::RelationName;

/// Everything that changes.
#[derive(Debug, Default)]
struct State {
    statements: Vec<String>,
    /// Statement (trimmed) → table.
    answers: HashMap<String, ResultTable>,
    /// A part of a statement → the error it fails with.
    failures: Vec<(String, String)>,
    relations: Vec<Relation>,
    columns: HashMap<RelationName, Vec<Column>>,
    schemas: Vec<(String, String)>,
    /// The columns of what has no answer of its own.
    usual_columns: Vec<ResultColumn>,
}

/// A warehouse without data: it keeps every statement, and answers with what a test has put in.
#[derive(Debug, Clone)]
pub struct FakeAdapter {
    database: String,
    schema: String,
    state: Arc<Mutex<State>>,
}

impl Default for FakeAdapter {
    fn default() -> Self {
        Self::new("awsdatacatalog", "dev")
    }
}

impl FakeAdapter {
    /// A warehouse whose target is this database and schema.
    pub fn new(database: &str, schema: &str) -> Self {
        Self { database: database.to_owned(), schema: schema.to_owned(), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was sent so far, in order.
    pub fn statements(&self) -> Vec<String> {
        self.state().statements.clone()
    }

    /// Forgets what was sent.
    pub fn forget(&self) {
        self.state().statements.clear();
    }

    /// The answer to one statement.
    pub fn answer(&self, sql: &str, columns: &[(&str, &str)], rows: Vec<Vec<Value>>) {
        let columns = columns
            .iter()
            .map(|(name, data_type)| ResultColumn { name: (*name).to_owned(), data_type: (*data_type).to_owned() })
            .collect();
        self.state().answers.insert(sql.trim().to_owned(), ResultTable { columns, rows });
    }

    /// The columns of every statement without an answer of its own.
    pub fn usual_columns(&self, columns: &[(&str, &str)]) {
        self.state().usual_columns = columns
            .iter()
            .map(|(name, data_type)| ResultColumn { name: (*name).to_owned(), data_type: (*data_type).to_owned() })
            .collect();
    }

    /// Every statement that has `part` in it fails with this message.
    pub fn fail(&self, part: &str, message: &str) {
        self.state().failures.push((part.to_owned(), message.to_owned()));
    }

    /// A relation that exists, with its columns.
    pub fn add_relation(&self, name: RelationName, kind: RelationKind, columns: &[(&str, &str)]) {
        let columns = columns
            .iter()
            .map(|(name, data_type)| Column {
                name: (*name).to_owned(),
                data_type: (*data_type).to_owned(),
                raw_type: (*data_type).to_owned(),
                is_partition: false,
                table_type: if kind == RelationKind::View { TableType::View } else { TableType::Table },
                comment: None,
            })
            .collect();
        let mut state = self.state();
        state.columns.insert(name.clone(), columns);
        state.relations.retain(|relation| relation.name != name);
        state.relations.push(Relation { name, kind, detail: String::new() });
    }

    /// What exists.
    pub fn relations(&self) -> Vec<Relation> {
        self.state().relations.clone()
    }
}

/// What a fake build would do: one statement.
#[derive(Debug)]
pub struct FakePlan {
    adapter: FakeAdapter,
    relation: RelationName,
    kind: RelationKind,
    sql: String,
}

#[async_trait]
impl Plan for FakePlan {
    fn steps(&self) -> Vec<StepSummary> {
        vec![StepSummary { action: "query".to_owned(), target: self.relation.to_string(), sql: Some(self.sql.clone()) }]
    }

    fn run_sql(&self) -> String {
        self.sql.clone()
    }

    async fn execute(&self) -> AdapterResult<AdapterResponse> {
        let response = self.adapter.run(&self.sql)?.0;
        self.adapter.add_relation(self.relation.clone(), self.kind, &[]);
        Ok(response)
    }
}

impl FakeAdapter {
    fn run(&self, sql: &str) -> AdapterResult<(AdapterResponse, ResultTable)> {
        let mut state = self.state();
        state.statements.push(sql.to_owned());
        if let Some((_, message)) = state.failures.iter().find(|(part, _)| sql.contains(part)) {
            let mut error = AdapterError::new(Diagnostic::error(message.clone()));
            error.sql = Some(Arc::from(sql));
            return Err(error);
        }
        let table = state
            .answers
            .get(sql.trim())
            .cloned()
            .unwrap_or_else(|| ResultTable { columns: state.usual_columns.clone(), rows: Vec::new() });
        let rows = i64::try_from(table.rows.len()).unwrap_or(-1);
        let response = AdapterResponse {
            message: format!("OK {rows}"),
            code: "OK".to_owned(),
            rows_affected: rows,
            ..AdapterResponse::default()
        };
        Ok((response, table))
    }
}

#[async_trait]
impl Adapter for FakeAdapter {
    fn type_name(&self) -> &str {
        "athena"
    }

    fn database(&self) -> &str {
        &self.database
    }

    fn schema(&self) -> &str {
        &self.schema
    }

    fn connection_keys(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::Map::new()
    }

    fn macros(&self) -> Vec<(&'static str, &'static str)> {
        vec![(
            "macros/fake.sql",
            "{% macro athena__current_timestamp() %}{{ return('cast(now() as timestamp)') }}{% endmacro %}\n\
             {% macro athena__dateadd(datepart, interval, from_date_or_timestamp) -%}\n\
             date_add('{{ datepart }}', {{ interval }}, {{ from_date_or_timestamp }})\n{%- endmacro %}",
        )]
    }

    /// `glue`, and `buckets`, whose nodes are in a database of its own.
    fn catalog_integration(&self, name: &str) -> AdapterResult<CatalogIntegration> {
        let glue = CatalogIntegration::built_in("glue", "iceberg");
        match name {
            "glue" => Ok(glue),
            "buckets" => {
                let database = Some("s3tablescatalog/lake".to_owned());
                Ok(CatalogIntegration { name: name.to_owned(), catalog_database: database, ..glue })
            }
            other => Err(AdapterError::new(Diagnostic::error(format!("Catalog not found. Received: {other}.")))),
        }
    }

    async fn prepare(&self, schemas: &[(String, String)]) -> AdapterResult<()> {
        self.state().schemas.extend(schemas.iter().cloned());
        Ok(())
    }

    async fn plan(&self, request: MaterializationRequest) -> AdapterResult<Box<dyn Plan>> {
        let name = &request.relation;
        let (kind, sql) = match &request.materialization {
            Materialization::View { sql } => (RelationKind::View, format!("create or replace view {name} as\n{sql}")),
            Materialization::Table { sql } => (RelationKind::Table, format!("create table {name} as\n{sql}")),
            Materialization::Incremental { sql } => {
                let existing = self.get_relation(name).await?;
                let verb = if existing.is_some() && !request.full_refresh { "insert into" } else { "create table" };
                (RelationKind::Table, format!("{verb} {name} as\n{sql}"))
            }
            Materialization::Seed { table } => {
                let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
                (RelationKind::Table, format!("load {} rows ({}) into {name}", table.rows.len(), columns.join(", ")))
            }
            Materialization::Snapshot { sql, strategy } => {
                let how = match &strategy.kind {
                    SnapshotStrategyKind::Custom { updated_at, row_changed, scd_id } => format!(
                        " by {} when {row_changed} at {updated_at} as {scd_id}, {:?}",
                        strategy.unique_key.join(", "),
                        strategy.hard_deletes
                    ),
                    _ => String::new(),
                };
                (RelationKind::Table, format!("snapshot {name}{how} of\n{sql}"))
            }
        };
        Ok(Box::new(FakePlan { adapter: self.clone(), relation: name.clone(), kind, sql }))
    }

    async fn is_incremental(&self, relation: &RelationName, full_refresh: bool) -> AdapterResult<bool> {
        let existing = self.get_relation(relation).await?;
        Ok(!full_refresh && existing.is_some_and(|existing| existing.kind == RelationKind::Table))
    }

    async fn execute(
        &self,
        sql: &str,
        _: &StatementOrigin,
        _: Option<Option<usize>>,
    ) -> AdapterResult<(AdapterResponse, ResultTable)> {
        self.run(sql)
    }

    /// The code is kept as a statement; what it would create exists from now on.
    async fn run_python(
        &self,
        _: &serde_json::Value,
        code: &str,
        _: &StatementOrigin,
    ) -> AdapterResult<AdapterResponse> {
        self.state().statements.push(format!("python:\n{code}"));
        Ok(AdapterResponse { message: "OK".to_owned(), code: "OK".to_owned(), ..AdapterResponse::default() })
    }

    async fn list_schemas(&self, _: &str) -> AdapterResult<Vec<String>> {
        Ok(self.state().schemas.iter().map(|(_, schema)| schema.clone()).collect())
    }

    async fn create_schema(&self, database: &str, schema: &str) -> AdapterResult<()> {
        let mut state = self.state();
        state.statements.push(format!("create schema {schema}"));
        state.schemas.push((database.to_owned(), schema.to_owned()));
        Ok(())
    }

    async fn drop_schema(&self, database: &str, schema: &str) -> AdapterResult<()> {
        let mut state = self.state();
        state.statements.push(format!("drop schema {schema}"));
        state.schemas.retain(|known| known != &(database.to_owned(), schema.to_owned()));
        Ok(())
    }

    async fn list_relations(&self, database: &str, schema: &str) -> AdapterResult<Vec<Relation>> {
        let in_schema = |name: &RelationName| name.database == database && name.schema == schema;
        Ok(self.state().relations.iter().filter(|relation| in_schema(&relation.name)).cloned().collect())
    }

    async fn get_relation(&self, relation: &RelationName) -> AdapterResult<Option<Relation>> {
        Ok(self.state().relations.iter().find(|known| known.name == *relation).cloned())
    }

    async fn columns(&self, relation: &RelationName) -> AdapterResult<Vec<Column>> {
        Ok(self.state().columns.get(relation).cloned().unwrap_or_default())
    }

    async fn drop_relation(&self, relation: &RelationName) -> AdapterResult<()> {
        let mut state = self.state();
        state.statements.push(format!("drop {relation}"));
        state.relations.retain(|known| known.name != *relation);
        Ok(())
    }

    async fn rename_relation(&self, from: &RelationName, to: &RelationName) -> AdapterResult<()> {
        let mut state = self.state();
        state.statements.push(format!("rename {from} to {to}"));
        for relation in state.relations.iter_mut().filter(|relation| relation.name == *from) {
            relation.name = to.clone();
        }
        Ok(())
    }

    async fn look_again(&self, _: &RelationName) -> AdapterResult<()> {
        Ok(())
    }

    async fn catalog(&self, _: &[(String, String)]) -> AdapterResult<Vec<CatalogTable>> {
        Ok(Vec::new())
    }

    async fn call(&self, _: &str, _: CallArgs) -> Option<AdapterResult<Value>> {
        None
    }

    async fn cancel(&self) -> CancelReport {
        CancelReport::default()
    }

    fn resume(&self) {}
}

//! [`AthenaAdapter`]: the engine's questions, answered.

use std::sync::Arc;

use async_trait::async_trait;
use athena_api::Services;
use chrono::{DateTime, Utc};
use engine::{
    adapter::{
        Adapter, AdapterResponse, AdapterResult, CancelReport, CatalogIntegration, CatalogTable, Column,
        MaterializationRequest, Plan, Relation, ResultTable, StatementOrigin,
    },
    events::Events,
};
use names::RelationName;

use crate::{
    Catalogs, catalog, errors, jinja_methods, journal::Journal, macros, plan, profile::AthenaProfile, statement, step,
    values, warehouse::Warehouse,
};

/// dbt's Athena adapter over any implementation of the services: AWS's or the embedded one.
#[derive(Debug, Clone)]
pub struct AthenaAdapter {
    warehouse: Arc<Warehouse>,
}

impl AthenaAdapter {
    /// For one invocation. Tokens of statements and names of locations are derived from its id: a run that is started again with the
    /// same id finds the queries of the first and pays nothing twice.
    pub fn new(profile: AthenaProfile, services: Services, invocation_id: impl Into<String>) -> Self {
        Self::with_options(profile, services, invocation_id, InvocationOptions::default())
    }

    /// As [`AthenaAdapter::new`], for a run that is watched from outside.
    pub fn with_options(
        profile: AthenaProfile,
        services: Services,
        invocation_id: impl Into<String>,
        options: InvocationOptions,
    ) -> Self {
        Self { warehouse: Arc::new(Warehouse::new(profile, services, invocation_id.into(), options)) }
    }
}

/// What an invocation has to do with others.
#[derive(Debug, Default)]
pub struct InvocationOptions {
    /// Where queries are noted.
    pub journal: Option<Journal>,
    /// The id may have been used by an earlier attempt, and this one began then: what was submitted before it and failed, or left nothing, is run
    /// again instead of being believed.
    pub resumed_at: Option<DateTime<Utc>>,
    /// Hears of every statement.
    pub events: Events,
    /// What `catalog_name` can be.
    pub catalogs: Catalogs,
}

#[async_trait]
impl Adapter for AthenaAdapter {
    fn type_name(&self) -> &str {
        "athena"
    }

    /// dbt-athena's: event times may be dates or texts, and Trino compares no text with a time.
    fn event_time_condition(&self, field: &str, start: &str, end: &str) -> String {
        format!("cast({field} as timestamp) >= timestamp '{start}' and cast({field} as timestamp) < timestamp '{end}'")
    }

    fn database(&self) -> &str {
        &self.warehouse.profile.database
    }

    fn schema(&self) -> &str {
        &self.warehouse.profile.schema
    }

    fn connection_keys(&self) -> serde_json::Map<String, serde_json::Value> {
        self.warehouse.profile.connection_keys()
    }

    fn macros(&self) -> Vec<(&'static str, &'static str)> {
        macros::ALL.to_vec()
    }

    fn catalog_integration(&self, name: &str) -> AdapterResult<CatalogIntegration> {
        self.warehouse.catalogs().get(name).cloned()
    }

    async fn prepare(&self, schemas: &[(String, String)]) -> AdapterResult<()> {
        let mut existing: Vec<(String, Vec<String>)> = Vec::new();
        for (database, schema) in schemas {
            if !existing.iter().any(|(known, _)| known == database) {
                let names = self.list_schemas(database).await?;
                existing.push((database.clone(), names.iter().map(|name| name.to_lowercase()).collect()));
            }
            let known = existing.iter().find(|(known, _)| known == database);
            if known.is_none_or(|(_, names)| !names.contains(&schema.to_lowercase())) {
                self.create_schema(database, schema).await?;
            }
            self.warehouse.refresh(database, schema).await?;
        }
        Ok(())
    }

    async fn plan(&self, request: MaterializationRequest) -> AdapterResult<Box<dyn Plan>> {
        plan::plan(&self.warehouse, request).await
    }

    async fn is_incremental(&self, relation: &RelationName, full_refresh: bool) -> AdapterResult<bool> {
        if full_refresh {
            return Ok(false);
        }
        plan::exists_as_table(&self.warehouse, relation).await
    }

    async fn execute(
        &self,
        sql: &str,
        origin: &StatementOrigin,
        fetch: Option<Option<usize>>,
    ) -> AdapterResult<(AdapterResponse, ResultTable)> {
        if let Some(response) = statement::told_before(sql) {
            return Ok((response, ResultTable::default()));
        }
        if let Some(more) = statement::runs_until_done(sql) {
            let response = self.warehouse.run_until_done(sql, origin, more).await?;
            return Ok((response, ResultTable::default()));
        }
        let mut outcome = self.warehouse.run(sql, origin, None).await?;
        let table = match fetch {
            Some(limit) => {
                let results = self.warehouse.fetch(&outcome, limit).await?;
                outcome.rows = outcome.rows.or(results.update_count);
                values::to_table(results)?
            }
            None => ResultTable::default(),
        };
        Ok((outcome.response(), table))
    }

    async fn run_python(
        &self,
        model: &serde_json::Value,
        code: &str,
        _: &StatementOrigin,
    ) -> AdapterResult<AdapterResponse> {
        self.warehouse.run_python(model, code).await
    }

    async fn list_schemas(&self, database: &str) -> AdapterResult<Vec<String>> {
        self.warehouse.databases(database).await
    }

    async fn create_schema(&self, database: &str, schema: &str) -> AdapterResult<()> {
        step::create_schema(&self.warehouse, database, schema).await
    }

    async fn drop_schema(&self, database: &str, schema: &str) -> AdapterResult<()> {
        let schema = schema.to_lowercase();
        for relation in self.warehouse.refresh(database, &schema).await? {
            step::drop_relation(&self.warehouse, &relation.name).await?;
        }
        let catalog = self.warehouse.catalog_id(database).await?;
        let dropped = self.warehouse.services.glue.delete_database(catalog.as_deref(), &schema).await;
        self.warehouse.forget_schema(database, &schema);
        match dropped {
            Err(error) if !error.is_not_found() => Err(errors::of_api(&error, None)),
            _ => Ok(()),
        }
    }

    async fn list_relations(&self, database: &str, schema: &str) -> AdapterResult<Vec<Relation>> {
        self.warehouse.relations(database, schema).await
    }

    async fn get_relation(&self, relation: &RelationName) -> AdapterResult<Option<Relation>> {
        self.warehouse.relation(relation).await
    }

    async fn columns(&self, relation: &RelationName) -> AdapterResult<Vec<Column>> {
        self.warehouse.columns(relation).await
    }

    async fn drop_relation(&self, relation: &RelationName) -> AdapterResult<()> {
        step::drop_relation(&self.warehouse, relation).await
    }

    async fn rename_relation(&self, from: &RelationName, to: &RelationName) -> AdapterResult<()> {
        step::rename_relation(&self.warehouse, from, to).await
    }

    async fn look_again(&self, relation: &RelationName) -> AdapterResult<()> {
        self.warehouse.look_again(relation).await
    }

    async fn catalog(&self, schemas: &[(String, String)]) -> AdapterResult<Vec<CatalogTable>> {
        catalog::catalog(&self.warehouse, schemas).await
    }

    async fn call(&self, method: &str, arguments: jinja::CallArgs) -> Option<AdapterResult<jinja::Value>> {
        jinja_methods::call(&self.warehouse, method, arguments).await
    }

    async fn cancel(&self) -> CancelReport {
        self.warehouse.cancel().await
    }

    fn resume(&self) {
        self.warehouse.resume();
    }

    async fn finish(&self) {
        self.warehouse.spark.end(&*self.warehouse.services.spark).await;
    }
}

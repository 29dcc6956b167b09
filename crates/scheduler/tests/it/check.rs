//! The test of a connection, against services that have one thing wrong with them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, Athena, Glue, S3, Services, Timestamp,
    athena::{
        DataCatalog, Datum, QueryExecution, QueryExecutionContext, QueryExecutionState, QueryExecutionStatistics,
        QueryExecutionStatus, QueryResults, ResultConfiguration, ResultSet, Row, StartQueryExecutionRequest, WorkGroup,
        WorkGroupConfiguration,
    },
    glue::{
        Database, DatabaseInput, ItemError, Page, PageRequest, Partition, PartitionFilter, PartitionInput, Table,
        TableInput, TableVersion, UpdateOptions,
    },
    s3::ObjectSummary,
};
use bytes::Bytes;
use names::S3Uri;
use scheduler::settings::{Check, CheckStatus, Connector, Identity, check};
use serde_json::{Value, json};
use vault::Connection;

/// An account that works, but for what `wrong` says.
#[derive(Clone, Default)]
pub struct Account {
    /// Operation to error.
    wrong: BTreeMap<&'static str, ApiError>,
    work_group: WorkGroup,
    /// Why the query fails.
    query_fails: Option<&'static str>,
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    /// What was asked of Athena.
    started: Arc<Mutex<Vec<StartQueryExecutionRequest>>>,
    /// A query that goes on until it is waited for or stopped.
    left: Option<Arc<Mutex<QueryExecutionState>>>,
}

impl Account {
    fn new() -> Self {
        let mut account = Self::default();
        account.work_group.name = "dbt".to_owned();
        account.work_group.state = Some("ENABLED".to_owned());
        account
    }

    fn with(mut self, operation: &'static str, code: &str, message: &str) -> Self {
        self.wrong.insert(operation, ApiError::new(code, message).of(operation));
        self
    }

    fn enforcing(mut self, location: &str) -> Self {
        self.work_group.configuration = Some(WorkGroupConfiguration {
            enforce_work_group_configuration: Some(true),
            result_configuration: Some(ResultConfiguration {
                output_location: Some(location.to_owned()),
                ..ResultConfiguration::default()
            }),
            ..WorkGroupConfiguration::default()
        });
        self
    }

    /// With a query that runs.
    pub fn with_a_running_query() -> Self {
        Self { left: Some(Arc::new(Mutex::new(QueryExecutionState::Running))), ..Self::new() }
    }

    pub fn all_services(&self) -> Services {
        let service = Arc::new(self.clone());
        Services {
            athena: Arc::clone(&service) as Arc<dyn Athena>,
            glue: Arc::clone(&service) as Arc<dyn Glue>,
            spark: Arc::new(athena_api::spark::Unavailable(ApiError::new("Untouched", ""))),
            lake_formation: Arc::new(athena_api::lake_formation::Unavailable(ApiError::new("Untouched", ""))),
            s3: service,
            account_id: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn ends(&self, how: QueryExecutionState) {
        if let Some(left) = &self.left {
            let mut state = left.lock().unwrap();
            if *state == QueryExecutionState::Running {
                *state = how;
            }
        }
    }

    fn answer<T>(&self, operation: &'static str, answer: T) -> ApiResult<T> {
        self.wrong.get(operation).map_or(Ok(answer), |error| Err(error.clone()))
    }
}

#[async_trait]
impl Connector for Account {
    async fn identity(&self, _: &Connection) -> ApiResult<Identity> {
        let arn = "arn:aws:iam::123456789012:user/dbt".to_owned();
        self.answer("GetCallerIdentity", Identity { account: "123456789012".to_owned(), arn })
    }

    async fn services(&self, _: &Connection) -> ApiResult<Services> {
        Ok(self.all_services())
    }
}

#[async_trait]
impl Athena for Account {
    async fn start_query_execution(&self, request: StartQueryExecutionRequest) -> ApiResult<String> {
        self.started.lock().unwrap().push(request);
        self.answer("StartQueryExecution", "q-1".to_owned())
    }
    async fn get_query_execution(&self, id: &str) -> ApiResult<QueryExecution> {
        let state = match &self.left {
            Some(left) => *left.lock().unwrap(),
            None if self.query_fails.is_some() => QueryExecutionState::Failed,
            None => QueryExecutionState::Succeeded,
        };
        Ok(QueryExecution {
            query_execution_id: id.to_owned(),
            query: String::new(),
            statement_type: None,
            substatement_type: None,
            result_configuration: None,
            result_reuse_configuration: None,
            query_execution_context: QueryExecutionContext::default(),
            status: QueryExecutionStatus {
                state,
                state_change_reason: self.query_fails.map(str::to_owned),
                submission_date_time: serde_json::from_value::<Timestamp>(json!(1_767_241_800.0)).unwrap(),
                completion_date_time: None,
                athena_error: None,
            },
            statistics: QueryExecutionStatistics::default(),
            work_group: None,
            engine_version: None,
            execution_parameters: None,
        })
    }
    async fn wait_query_execution(&self, id: &str, _: Duration) -> ApiResult<QueryExecution> {
        self.ends(QueryExecutionState::Succeeded);
        self.get_query_execution(id).await
    }
    async fn get_query_results(&self, _: &str, _: Option<&str>, _: Option<i32>) -> ApiResult<QueryResults> {
        let row = |text: &str| Row { data: vec![Datum { var_char_value: Some(text.to_owned()) }] };
        let result_set = ResultSet { rows: vec![row("_col0"), row("1")], result_set_metadata: None };
        Ok(QueryResults { result_set, ..QueryResults::default() })
    }
    async fn stop_query_execution(&self, _: &str) -> ApiResult<()> {
        self.ends(QueryExecutionState::Cancelled);
        Ok(())
    }
    async fn get_work_group(&self, _: &str) -> ApiResult<WorkGroup> {
        self.answer("GetWorkGroup", self.work_group.clone())
    }
    async fn get_data_catalog(&self, name: &str) -> ApiResult<DataCatalog> {
        Ok(DataCatalog { name: name.to_owned(), r#type: "LAMBDA".to_owned(), ..DataCatalog::default() })
    }
}

#[async_trait]
impl S3 for Account {
    async fn list(&self, _: &S3Uri) -> ApiResult<Vec<ObjectSummary>> {
        Ok(Vec::new())
    }
    async fn delete(&self, objects: &[S3Uri]) -> ApiResult<()> {
        for object in objects {
            self.objects.lock().unwrap().remove(&object.to_string());
        }
        self.answer("DeleteObject", ())
    }
    async fn get(&self, object: &S3Uri) -> ApiResult<Bytes> {
        let found = self.objects.lock().unwrap().get(&object.to_string()).cloned();
        self.answer("GetObject", found.unwrap_or_default())
    }
    async fn put_with(&self, object: &S3Uri, body: Bytes, _: &athena_api::s3::PutHeaders) -> ApiResult<()> {
        self.answer("PutObject", ())?;
        self.objects.lock().unwrap().insert(object.to_string(), body);
        Ok(())
    }
}

/// The rest of Glue, which a test of a connection must not touch.
fn untouched<T>() -> ApiResult<T> {
    panic!("a test of a connection changes nothing")
}

#[async_trait]
impl Glue for Account {
    async fn get_database(&self, _: Option<&str>, name: &str) -> ApiResult<Database> {
        self.answer("GetDatabase", serde_json::from_value(json!({"Name": name})).unwrap())
    }
    async fn create_database(&self, _: Option<&str>, _: DatabaseInput) -> ApiResult<()> {
        untouched()
    }
    async fn get_databases(&self, _: Option<&str>, _: PageRequest) -> ApiResult<Page<Database>> {
        untouched()
    }
    async fn update_database(&self, _: Option<&str>, _: &str, _: DatabaseInput) -> ApiResult<()> {
        untouched()
    }
    async fn delete_database(&self, _: Option<&str>, _: &str) -> ApiResult<()> {
        untouched()
    }
    async fn create_table(&self, _: Option<&str>, _: &str, _: TableInput) -> ApiResult<()> {
        untouched()
    }
    async fn get_table(&self, _: Option<&str>, _: &str, _: &str) -> ApiResult<Table> {
        untouched()
    }
    async fn get_tables(&self, _: Option<&str>, _: &str, _: Option<&str>, _: PageRequest) -> ApiResult<Page<Table>> {
        untouched()
    }
    async fn update_table(&self, _: Option<&str>, _: &str, _: TableInput, _: UpdateOptions) -> ApiResult<()> {
        untouched()
    }
    async fn delete_table(&self, _: Option<&str>, _: &str, _: &str) -> ApiResult<()> {
        untouched()
    }
    async fn batch_delete_table(&self, _: Option<&str>, _: &str, _: &[String]) -> ApiResult<Vec<ItemError<String>>> {
        untouched()
    }
    async fn get_table_versions(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: PageRequest,
    ) -> ApiResult<Page<TableVersion>> {
        untouched()
    }
    async fn delete_table_version(&self, _: Option<&str>, _: &str, _: &str, _: &str) -> ApiResult<()> {
        untouched()
    }
    async fn get_partition(&self, _: Option<&str>, _: &str, _: &str, _: &[String]) -> ApiResult<Partition> {
        untouched()
    }
    async fn get_partitions(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: PartitionFilter,
        _: PageRequest,
    ) -> ApiResult<Page<Partition>> {
        untouched()
    }
    async fn batch_get_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: &[Vec<String>],
    ) -> ApiResult<Vec<Partition>> {
        untouched()
    }
    async fn batch_create_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: Vec<PartitionInput>,
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        untouched()
    }
    async fn update_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: &[String],
        _: PartitionInput,
    ) -> ApiResult<()> {
        untouched()
    }
    async fn batch_delete_partition(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: &[Vec<String>],
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        untouched()
    }
}

fn connection(more: &Value) -> Connection {
    let mut fields =
        json!({"region_name": "eu-west-1", "database": "awsdatacatalog", "schema": "shop", "work_group": "dbt"});
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Connection::parse(fields.as_object().unwrap()).unwrap().0
}

async fn told(account: &Account, more: Value) -> Vec<String> {
    let checks: Vec<Check> = check(&connection(&more), account).await;
    checks
        .into_iter()
        .map(|check| {
            let status = match check.status {
                CheckStatus::Passed => "ok",
                CheckStatus::Warning => "warning",
                CheckStatus::Failed => "failed",
                CheckStatus::Skipped => "skipped",
            };
            let fix = check.problem.and_then(|problem| problem.fix).map(|fix| format!(" | {fix}")).unwrap_or_default();
            format!("{status} {}: {}{fix}", check.name, check.found)
        })
        .collect()
}

#[tokio::test]
async fn a_connection_that_works() {
    let account = Account::new();
    let staging = json!({"s3_staging_dir": "s3://results/dbt", "s3_data_dir": "s3://lake/"});
    assert_eq!(
        told(&account, staging).await,
        [
            "ok credentials: arn:aws:iam::123456789012:user/dbt in account 123456789012",
            "ok workgroup: 'dbt' is enabled",
            "ok result location: s3://results/dbt/ is writable",
            "ok data location: s3://lake/ is writable",
            "ok database: 'shop' exists",
            "ok query: SELECT 1 answered 1",
        ]
    );
    assert!(account.objects.lock().unwrap().is_empty(), "nothing is left behind");
    let location = account.started.lock().unwrap()[0].result_configuration.clone().unwrap().output_location;
    assert_eq!(location.as_deref(), Some("s3://results/dbt/"));
}

#[tokio::test]
async fn a_workgroup_that_enforces_its_location() {
    let account = Account::new().enforcing("s3://enforced/x");
    let told = told(&account, json!({"s3_staging_dir": "s3://results/dbt/"})).await;
    assert!(
        told[1]
            .starts_with("warning workgroup: 'dbt' is enabled and enforces its own settings | remove 's3_staging_dir'"),
        "{told:?}"
    );
    assert_eq!(told[2], "ok result location: s3://enforced/x/ is writable");
    assert_eq!(account.started.lock().unwrap()[0].result_configuration, None, "it would be refused");
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_fix() {
    let staging = || json!({"s3_staging_dir": "s3://results/"});
    let credentials = Account::new().with("GetCallerIdentity", "ExpiredToken", "The security token is expired");
    let checks = told(&credentials, staging()).await;
    assert!(checks[0].starts_with("failed credentials: An error occurred (ExpiredToken)"), "{checks:?}");
    assert!(checks[0].ends_with("a role in 'assume_role_arn', which is renewed by itself"), "{checks:?}");
    assert!(checks[1..].iter().all(|check| check.starts_with("skipped")) && checks.len() == 5, "{checks:?}");

    let mut disabled = Account::new();
    disabled.work_group.state = Some("DISABLED".to_owned());
    let checks = told(&disabled, staging()).await;
    assert!(checks[1].starts_with("failed workgroup: The workgroup 'dbt' is disabled | enable it"), "{checks:?}");
    assert!(checks[4].starts_with("skipped query"), "{checks:?}");

    let missing = Account::new().with("GetWorkGroup", "InvalidRequestException", "WorkGroup dbt is not found.");
    assert!(
        told(&missing, staging()).await[1].ends_with("correct 'work_group' or 'region_name', or create the workgroup")
    );

    let nowhere = told(&Account::new(), json!({})).await;
    assert!(
        nowhere[2].starts_with("failed result location: No output location provided | set `s3_staging_dir"),
        "{nowhere:?}"
    );

    let bucket = Account::new().with("PutObject", "NoSuchBucket", "The specified bucket does not exist");
    assert!(
        told(&bucket, staging()).await[2].ends_with("create it in the workgroup's region, or correct 's3_staging_dir'")
    );
    let denied = Account::new().with("GetObject", "AccessDenied", "Access Denied");
    assert!(told(&denied, staging()).await[2].contains("allow s3:PutObject, s3:GetObject and s3:DeleteObject"));
    assert!(denied.objects.lock().unwrap().is_empty(), "deleted all the same");

    let glue =
        Account::new().with("GetDatabase", "AccessDeniedException", "not authorized to perform: glue:GetDatabase");
    assert!(told(&glue, staging()).await[3].ends_with("allow glue:GetDatabase"));
    let absent = Account::new().with("GetDatabase", "EntityNotFoundException", "Database shop not found.");
    let checks = told(&absent, staging()).await;
    assert!(checks[3].starts_with("warning database: 'shop' does not exist yet"), "{checks:?}");
    assert_eq!(checks[4], "ok query: SELECT 1 answered 1");
    let context = absent.started.lock().unwrap()[0].query_execution_context.clone().unwrap();
    assert_eq!(context.database, None, "a query in a database that is not there fails");

    let fails = Account { query_fails: Some("Insufficient Lake Formation permission"), ..Account::new() };
    let checks = told(&fails, staging()).await;
    assert!(checks[4].contains("Insufficient Lake Formation permission"), "{checks:?}");
}

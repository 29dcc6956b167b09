//! Tests a connection: what works, what does not, why, and what to do.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, Athena, Services,
    athena::{QueryExecutionContext, QueryExecutionState, ResultConfiguration, StartQueryExecutionRequest, WorkGroup},
};
use diagnostic::Diagnostic;
use serde::Serialize;
use vault::Connection;

/// Reaches the services of a connection. The command line has one over HTTP; tests have their own.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Who the credentials belong to. Source: STS GetCallerIdentity.
    async fn identity(&self, connection: &Connection) -> ApiResult<Identity>;
    async fn services(&self, connection: &Connection) -> ApiResult<Services>;
}

/// Whom the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: String,
    pub arn: String,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    Passed,
    /// It works; somebody should know something.
    Warning,
    Failed,
    /// Not tried, as something before it failed or it does not apply.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `credentials`, `workgroup`, `result location`, `data location`, `database`, `query`.
    pub name: &'static str,
    pub status: CheckStatus,
    /// What was found.
    pub found: String,
    /// Of a failure or a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Diagnostic>,
}

impl Check {
    pub(super) fn passed(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Passed, found: found.into(), problem: None }
    }

    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Skipped, found: why.into(), problem: None }
    }

    fn warning(name: &'static str, found: impl Into<String>, problem: Diagnostic) -> Self {
        Self { name, status: CheckStatus::Warning, found: found.into(), problem: Some(problem) }
    }

    pub(super) fn failed(name: &'static str, problem: Diagnostic) -> Self {
        Self { name, status: CheckStatus::Failed, found: problem.what.clone(), problem: Some(problem) }
    }
}

/// The longest that one call, or the query, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks a connection, each thing as far as the ones before it allow. Writes and deletes one small object, runs `SELECT 1`, changes nothing.
pub async fn check(connection: &Connection, connector: &dyn Connector) -> Vec<Check> {
    let settings = match Wanted::of(connection) {
        Ok(settings) => settings,
        Err(problems) => return problems.into_iter().map(|problem| Check::failed("fields", problem)).collect(),
    };
    let mut checks = Vec::new();
    let rest = ["workgroup", "result location", "database", "query"];
    let identity = in_time("GetCallerIdentity", connector.identity(connection)).await;
    let services = match &identity {
        Ok(identity) => {
            checks.push(Check::passed("credentials", format!("{} in account {}", identity.arn, identity.account)));
            in_time("connecting", connector.services(connection)).await
        }
        Err(error) => Err(error.clone()),
    };
    let services = match services {
        Ok(services) => services,
        Err(error) => {
            checks.retain(|check| check.name != "credentials");
            checks.push(Check::failed("credentials", explain_credentials(&error, &settings)));
            checks.extend(rest.map(|name| Check::skipped(name, "without credentials nothing else can be tried")));
            return checks;
        }
    };
    let (check, work_group) = check_work_group(&services, &settings).await;
    checks.push(check);
    checks.push(check_result_location(&services, &settings, work_group.as_ref()).await);
    if let Some(location) = &settings.data_dir {
        checks.push(match write(&services, location).await {
            Ok(()) => Check::passed("data location", format!("{location} is writable")),
            Err(error) => Check::failed("data location", explain_location(&error, location, "s3_data_dir")),
        });
    }
    let (check, database_exists) = check_database(&services, &settings).await;
    checks.push(check);
    let can_query = checks.iter().all(|check| check.status != CheckStatus::Failed);
    checks.push(if can_query {
        check_query(&services, &settings, work_group.as_ref(), database_exists).await
    } else {
        Check::skipped("query", "what failed above would make it fail, too")
    });
    checks
}

/// What the connection asks for.
struct Wanted {
    region: String,
    role: Option<String>,
    has_keys: bool,
    work_group: String,
    staging_dir: Option<String>,
    data_dir: Option<String>,
    catalog: String,
    database: String,
}

impl Wanted {
    fn of(connection: &Connection) -> Result<Self, Vec<Diagnostic>> {
        let profile = connection.profile()?;
        Ok(Self {
            region: profile.region_name,
            role: profile.credentials.assume_role.map(|role| role.arn),
            has_keys: profile.credentials.access_key_id.is_some(),
            work_group: profile.work_group.unwrap_or_else(|| "primary".to_owned()),
            staging_dir: profile.s3_staging_dir.map(|uri| uri.to_string()),
            data_dir: profile.s3_data_dir.map(|uri| uri.to_string()),
            catalog: profile.database,
            database: profile.schema,
        })
    }
}

async fn in_time<T>(operation: &str, call: impl Future<Output = ApiResult<T>>) -> ApiResult<T> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => answer,
        Err(_) => {
            Err(ApiError::internal("Timeout", format!("no answer within {} seconds", PATIENCE.as_secs())).of(operation))
        }
    }
}

async fn check_work_group(services: &Services, wanted: &Wanted) -> (Check, Option<WorkGroup>) {
    let name = &wanted.work_group;
    let work_group = match in_time("GetWorkGroup", services.athena.get_work_group(name)).await {
        Ok(work_group) => work_group,
        Err(error) => return (Check::failed("workgroup", explain_work_group(&error, wanted)), None),
    };
    if work_group.state.as_deref() == Some("DISABLED") {
        let problem = Diagnostic::error(format!("The workgroup '{name}' is disabled"))
            .cause("Athena starts no queries in it")
            .fix("enable it in the Athena console, or name another one in 'work_group'");
        return (Check::failed("workgroup", problem), Some(work_group));
    }
    let enforced = enforced_location(&work_group);
    let check = match (&enforced, &wanted.staging_dir) {
        (Some(location), Some(staging)) if location != staging => Check::warning(
            "workgroup",
            format!("'{name}' is enabled and enforces its own settings"),
            Diagnostic::warning(format!("Results go to {location}, not to 's3_staging_dir'"))
                .cause(format!("the workgroup '{name}' overrides what clients ask for"))
                .fix(format!("remove 's3_staging_dir' ({staging}), or switch off 'Override client-side settings' in the workgroup")),
        ),
        (Some(location), _) => Check::passed("workgroup", format!("'{name}' is enabled; results go to {location}")),
        (None, _) => Check::passed("workgroup", format!("'{name}' is enabled")),
    };
    (check, Some(work_group))
}

/// Where the workgroup itself sends results, if it overrides clients.
fn enforced_location(work_group: &WorkGroup) -> Option<String> {
    let configuration = work_group.configuration.as_ref()?;
    if configuration.enforce_work_group_configuration != Some(true) {
        return None;
    }
    location_of(work_group)
}

fn location_of(work_group: &WorkGroup) -> Option<String> {
    let location = work_group.configuration.as_ref()?.result_configuration.as_ref()?.output_location.clone()?;
    Some(if location.ends_with('/') { location } else { format!("{location}/") })
}

/// Athena keeps the results itself.
fn has_managed_results(work_group: &WorkGroup) -> bool {
    let configuration = work_group.configuration.as_ref();
    configuration
        .and_then(|configuration| configuration.other.get("ManagedQueryResultsConfiguration")?["Enabled"].as_bool())
        == Some(true)
}

async fn check_result_location(services: &Services, wanted: &Wanted, work_group: Option<&WorkGroup>) -> Check {
    const NAME: &str = "result location";
    if work_group.is_some_and(has_managed_results) {
        return Check::passed(NAME, "the workgroup keeps results in Athena's own storage");
    }
    let location = work_group
        .and_then(enforced_location)
        .or_else(|| wanted.staging_dir.clone())
        .or_else(|| work_group.and_then(location_of));
    let Some(location) = location else {
        if work_group.is_none() {
            return Check::skipped(NAME, "only the workgroup could say where it is");
        }
        let problem = Diagnostic::error("No output location provided")
            .cause(format!("neither 's3_staging_dir' nor the workgroup '{}' says where results go", wanted.work_group))
            .fix("set `s3_staging_dir: s3://your-bucket/athena-results/`, or a result location in the workgroup");
        return Check::failed(NAME, problem);
    };
    match write(services, &location).await {
        Ok(()) => Check::passed(NAME, format!("{location} is writable")),
        Err(error) => Check::failed(NAME, explain_location(&error, &location, "s3_staging_dir")),
    }
}

/// Writes, reads and deletes one small object.
async fn write(services: &Services, location: &str) -> ApiResult<()> {
    let name = format!("{location}owlet-connection-test-{}", uuid::Uuid::new_v4().simple());
    let object = name.parse().map_err(|error| ApiError::new("InvalidLocation", format!("{location}: {error}")))?;
    in_time("PutObject", services.s3.put(&object, bytes::Bytes::from_static(b"owlet connection test\n"))).await?;
    let read = in_time("GetObject", services.s3.get(&object)).await;
    // Deleted even if it cannot be read.
    let deleted = in_time("DeleteObject", services.s3.delete(std::slice::from_ref(&object))).await;
    read.and(deleted)
}

async fn check_database(services: &Services, wanted: &Wanted) -> (Check, bool) {
    const NAME: &str = "database";
    let (catalog, database) = (&wanted.catalog, &wanted.database);
    let catalog_id = if catalog == "awsdatacatalog" {
        None
    } else {
        match in_time("GetDataCatalog", services.athena.get_data_catalog(catalog)).await {
            Ok(found) if found.r#type == "GLUE" => {
                found.parameters.and_then(|parameters| parameters.get("catalog-id").cloned())
            }
            Ok(found) => {
                return (
                    Check::skipped(NAME, format!("the catalog '{catalog}' is of type {}, not Glue's", found.r#type)),
                    true,
                );
            }
            Err(error) => {
                let problem = denied(&error, "athena:GetDataCatalog").unwrap_or_else(|| {
                    said(&error)
                        .cause(format!("Athena has no data catalog '{catalog}' in {}", wanted.region))
                        .fix("correct 'database': `awsdatacatalog` is the one that every account has")
                });
                return (Check::failed(NAME, problem), false);
            }
        }
    };
    match in_time("GetDatabase", services.glue.get_database(catalog_id.as_deref(), database)).await {
        Ok(_) => (Check::passed(NAME, format!("'{database}' exists")), true),
        Err(error) if error.is_not_found() => {
            let problem = Diagnostic::warning(format!("The Glue database '{database}' does not exist"))
                .cause("dbt creates it with the first model, if the credentials may do that")
                .fix("let the role do glue:CreateDatabase, or create the database; correct 'schema' if it is a slip");
            (Check::warning(NAME, format!("'{database}' does not exist yet"), problem), false)
        }
        Err(error) => {
            let problem = denied(&error, "glue:GetDatabase").unwrap_or_else(|| unexplained(&error));
            (Check::failed(NAME, problem), false)
        }
    }
}

async fn check_query(
    services: &Services,
    wanted: &Wanted,
    work_group: Option<&WorkGroup>,
    database_exists: bool,
) -> Check {
    const NAME: &str = "query";
    let clients_location =
        work_group.is_none_or(|group| enforced_location(group).is_none() && !has_managed_results(group));
    let request =
        StartQueryExecutionRequest {
            query_string: "SELECT 1".to_owned(),
            client_request_token: Some(format!("owlet-connection-test-{}", uuid::Uuid::new_v4())),
            query_execution_context: Some(QueryExecutionContext {
                catalog: Some(wanted.catalog.clone()),
                database: database_exists.then(|| wanted.database.clone()),
            }),
            result_configuration: wanted.staging_dir.clone().filter(|_| clients_location).map(|location| {
                ResultConfiguration { output_location: Some(location), ..ResultConfiguration::default() }
            }),
            work_group: Some(wanted.work_group.clone()),
            ..StartQueryExecutionRequest::default()
        };
    match run(&services.athena, request).await {
        Ok(()) => Check::passed(NAME, "SELECT 1 answered 1"),
        Err(error) => Check::failed(
            NAME,
            denied(&error, "athena:StartQueryExecution, athena:GetQueryExecution and athena:GetQueryResults")
                .unwrap_or_else(|| unexplained(&error)),
        ),
    }
}

async fn run(athena: &Arc<dyn Athena>, request: StartQueryExecutionRequest) -> ApiResult<()> {
    let id = in_time("StartQueryExecution", athena.start_query_execution(request)).await?;
    let execution = in_time("GetQueryExecution", async {
        loop {
            let execution = athena.wait_query_execution(&id, PATIENCE).await?;
            if execution.status.state.is_terminal() {
                return Ok(execution);
            }
        }
    })
    .await;
    let execution = match execution {
        Ok(execution) => execution,
        Err(error) => {
            // It shall not go on and cost when nobody waits for it.
            drop(in_time("StopQueryExecution", athena.stop_query_execution(&id)).await);
            return Err(error);
        }
    };
    if execution.status.state != QueryExecutionState::Succeeded {
        let reason = execution.status.state_change_reason.unwrap_or_else(|| "no reason given".to_owned());
        return Err(ApiError::new("QueryFailed", reason).of("StartQueryExecution"));
    }
    let results = in_time("GetQueryResults", athena.get_query_results(&id, None, None)).await?;
    let value = results.result_set.rows.last().and_then(|row| row.data.first()?.var_char_value.clone());
    if value.as_deref() == Some("1") {
        return Ok(());
    }
    Err(ApiError::internal("UnexpectedResult", format!("SELECT 1 answered {value:?}")).of("GetQueryResults"))
}

fn explain_credentials(error: &ApiError, wanted: &Wanted) -> Diagnostic {
    let whose = if wanted.has_keys { "the connection's access key" } else { "the server's own credentials" };
    let (cause, fix) = match error.code.as_str() {
        "NoCredentials" => (
            "the connection names no credentials and the server's machine has none".to_owned(),
            "set 'aws_access_key_id' and 'aws_secret_access_key', or give the server's machine a role".to_owned(),
        ),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => (
            format!("{whose} is temporary, and its time is over; or this machine's clock is wrong"),
            "set new keys, or better a role in 'assume_role_arn', which is renewed by itself".to_owned(),
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => (
            "AWS does not know the access key: it was deleted, mistyped, or belongs to another partition".to_owned(),
            "correct 'aws_access_key_id', or make a new key in IAM".to_owned(),
        ),
        "SignatureDoesNotMatch" => (
            "the secret does not belong to the access key".to_owned(),
            "set 'aws_secret_access_key' again: owlet connection add NAME --secret aws_secret_access_key".to_owned(),
        ),
        "AccessDenied" | "AccessDeniedException" if wanted.role.is_some() => (
            format!("{whose} may not take the role {}", wanted.role.clone().unwrap_or_default()),
            "let the role's trust policy name this identity (and the external id, if it asks for one), and allow sts:AssumeRole"
                .to_owned(),
        ),
        "ConnectionError" | "EndpointConnectionError" | "Timeout" => (
            "the machine does not reach the endpoint: no network, a proxy, or a wrong region or endpoint_url".to_owned(),
            format!("check 'region_name' ({}), 'endpoint_url' and the machine's way to the internet", wanted.region),
        ),
        _ => (
            format!("STS or the credential chain refused {whose}"),
            "try the same on the server's machine: aws sts get-caller-identity".to_owned(),
        ),
    };
    said(error).cause(cause).fix(fix)
}

fn explain_work_group(error: &ApiError, wanted: &Wanted) -> Diagnostic {
    let name = &wanted.work_group;
    if let Some(problem) = denied(error, "athena:GetWorkGroup") {
        return problem;
    }
    if error.message.to_lowercase().contains("not found") {
        return said(error)
            .cause(format!("the account has no workgroup '{name}' in {}", wanted.region))
            .fix("correct 'work_group' or 'region_name', or create the workgroup");
    }
    unexplained(error)
}

fn explain_location(error: &ApiError, location: &str, field: &str) -> Diagnostic {
    let (cause, fix) = match error.code.as_str() {
        "NoSuchBucket" => (
            format!("the bucket of {location} does not exist"),
            format!("create it in the workgroup's region, or correct '{field}'"),
        ),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => (
            format!("the bucket of {location} is in another region"),
            "use a bucket in the workgroup's region".to_owned(),
        ),
        code if code.starts_with("KMS") => (
            "the bucket's encryption key may not be used".to_owned(),
            "allow kms:GenerateDataKey and kms:Decrypt on the bucket's key".to_owned(),
        ),
        "AccessDenied" | "AllAccessDisabled" | "Forbidden" | "403" => (
            format!("the credentials may not write, read and delete in {location}"),
            "allow s3:PutObject, s3:GetObject and s3:DeleteObject there, and s3:GetBucketLocation and s3:ListBucket on the bucket"
                .to_owned(),
        ),
        _ => return unexplained(error),
    };
    said(error).cause(cause).fix(fix)
}

fn denied(error: &ApiError, actions: &str) -> Option<Diagnostic> {
    let is_denied = matches!(error.code.as_str(), "AccessDeniedException" | "AccessDenied" | "UnauthorizedException")
        || error.message.contains("not authorized to perform");
    is_denied.then(|| {
        said(error)
            .cause("the credentials' policies do not allow it; with Lake Formation, its grants count too")
            .fix(format!("allow {actions}"))
    })
}

fn unexplained(error: &ApiError) -> Diagnostic {
    said(error).cause("AWS refused the call").fix("see the message; the AWS documentation explains its code")
}

/// AWS' own sentence: people search for it.
fn said(error: &ApiError) -> Diagnostic {
    Diagnostic::error(error.to_string())
}

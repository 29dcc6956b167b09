//! A warehouse in memory: Glue with versions and partitions, S3 as a set of keys, and an Athena that knows the adapter's statements by
//! their shape. It records what changes something, and fails on demand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use athena_api::{
    ApiError, ApiResult, Athena, Glue, S3, Services,
    athena::{
        AthenaError, ColumnInfo, DataCatalog, Datum, QueryExecution, QueryExecutionState, QueryExecutionStatus,
        QueryResults, ResultSet, ResultSetMetadata, Row, StartQueryExecutionRequest, StatementType, WorkGroup,
    },
    glue::{
        Column, Database, DatabaseInput, ItemError, Page, PageRequest, Parameters, Partition, PartitionFilter,
        PartitionInput, StorageDescriptor, Table, TableInput, TableVersion, UpdateOptions,
    },
    lake_formation::DataCellsFilter,
    s3::{ObjectSummary, PutHeaders},
};
use bytes::Bytes;
use names::S3Uri;
use regex::Regex;

type TableKey = (String, String);
/// Rows written, or the types and rows of a query; or Athena's sentence.
type Answer = Result<(Option<i64>, Vec<String>, Vec<Vec<String>>), String>;

/// A pattern, compiled once.
fn pattern(text: &'static str) -> &'static Regex {
    static KNOWN: Mutex<BTreeMap<&'static str, &'static Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(text).or_insert_with(|| Box::leak(Box::new(Regex::new(text).unwrap())))
}

/// What can be set up and looked at.
#[derive(Default)]
pub struct World {
    pub databases: BTreeSet<String>,
    pub tables: BTreeMap<TableKey, Table>,
    pub partitions: BTreeMap<TableKey, BTreeMap<Vec<String>, PartitionInput>>,
    versions: BTreeMap<TableKey, Vec<TableVersion>>,
    pub files: BTreeSet<String>,
    /// Calls that changed something, in order.
    pub calls: Vec<String>,
    /// Every statement's token, to see that none comes twice.
    pub tokens: Vec<String>,
    executions: Vec<(QueryExecution, QueryResults)>,
    /// The number of the changing call that fails, from 0.
    pub fail_at: Option<usize>,
    /// The columns of every query; the last ones are the partition keys where there are any.
    pub columns: Vec<(String, String)>,
    /// The partitions that every query has rows of.
    pub partition_values: Vec<String>,
    pub work_group: Option<WorkGroup>,
    /// Place and tag, value.
    pub lf_tags: BTreeMap<(String, String), String>,
    /// Table and name.
    pub lf_filters: BTreeMap<(String, String), DataCellsFilter>,
    /// Table and filter, principal.
    pub lf_readers: BTreeSet<(String, String)>,
    /// Iceberg commit conflicts still to come.
    pub conflicts: usize,
}

#[derive(Clone, Default)]
pub struct Warehouse(Arc<Mutex<World>>);

impl Warehouse {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn services(&self) -> Services {
        Services {
            athena: Arc::new(self.clone()),
            glue: Arc::new(self.clone()),
            spark: Arc::new(athena_api::spark::Unavailable(ApiError::new("Untouched", ""))),
            lake_formation: Arc::new(self.clone()),
            s3: Arc::new(self.clone()),
            account_id: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }
}

fn not_found(what: &str) -> ApiError {
    ApiError::entity_not_found(format!("Entity Not Found: {what}"))
}

impl World {
    /// Records a change, or fails it.
    pub fn change(&mut self, call: impl Into<String>) -> ApiResult<()> {
        let call = call.into();
        let fails = self.fail_at == Some(self.calls.len());
        self.calls.push(call);
        if fails { Err(ApiError::new("InjectedException", "this call was made to fail")) } else { Ok(()) }
    }

    fn put_table(&mut self, database: &str, input: TableInput, version: u64) {
        let key = (database.to_owned(), input.name.clone());
        let table = Table {
            database_name: database.to_owned(),
            input,
            version_id: Some(version.to_string()),
            ..Table::default()
        };
        self.tables.insert(key, table);
    }

    /// A table with its files, as an earlier run would have left it.
    pub fn given_table(&mut self, name: &str, kind: &str, location: &str, partitions: &[&str]) {
        let (database, name) = name.split_once('.').unwrap();
        self.databases.insert(database.to_owned());
        let keys = if partitions.is_empty() { Vec::new() } else { vec!["dt".to_owned()] };
        let columns = self.columns.clone();
        self.create(database, name, kind == "iceberg", location, &keys, &columns);
        let values: Vec<String> = partitions.iter().map(|value| (*value).to_owned()).collect();
        self.write(database, name, &values, "old");
    }

    fn create(
        &mut self,
        database: &str,
        name: &str,
        iceberg: bool,
        location: &str,
        keys: &[String],
        columns: &[(String, String)],
    ) {
        let (partition_keys, plain): (Vec<_>, Vec<_>) =
            columns.iter().map(|(name, kind)| Column::new(name, kind)).partition(|column| keys.contains(&column.name));
        let mut parameters = Parameters::new();
        parameters.insert("EXTERNAL".into(), "TRUE".into());
        if iceberg {
            parameters.insert("table_type".into(), "ICEBERG".into());
        }
        let input = TableInput {
            name: name.to_owned(),
            table_type: Some("EXTERNAL_TABLE".into()),
            parameters: Some(parameters),
            partition_keys: Some(if iceberg { Vec::new() } else { partition_keys.clone() }),
            storage_descriptor: Some(StorageDescriptor {
                columns: if iceberg { plain.into_iter().chain(partition_keys).collect() } else { plain },
                location: Some(location.to_owned()),
                ..StorageDescriptor::default()
            }),
            ..TableInput::default()
        };
        self.put_table(database, input, 0);
    }

    /// Puts a file into each of the partitions, or one into the table.
    fn write(&mut self, database: &str, name: &str, values: &[String], file: &str) {
        let key = (database.to_owned(), name.to_owned());
        let table = self.tables[&key].clone();
        let location = table.location().unwrap().trim_end_matches('/').to_owned();
        let number = self.executions.len();
        if table.partition_keys().is_empty() {
            self.files.insert(format!("{location}/{file}-{number}"));
            return;
        }
        for value in values {
            let known = self.partitions.entry(key.clone()).or_default();
            let folder = format!("{location}/dt={value}");
            let partition = known.entry(vec![value.clone()]).or_insert_with(|| PartitionInput {
                values: vec![value.clone()],
                storage_descriptor: Some(StorageDescriptor { location: Some(folder), ..StorageDescriptor::default() }),
                ..PartitionInput::default()
            });
            let folder = partition.storage_descriptor.as_ref().unwrap().location.clone().unwrap();
            self.files.insert(format!("{folder}/{file}-{number}"));
        }
    }

    fn has_files(&self, location: &str) -> bool {
        let prefix = format!("{}/", location.trim_end_matches('/'));
        self.files.iter().any(|file| file.starts_with(&prefix))
    }

    /// Every table with the files that its readers see, then what Lake Formation knows.
    pub fn state(&self) -> String {
        let mut text = String::new();
        for ((database, name), table) in &self.tables {
            let kind = if table.is_view() {
                "view"
            } else if table.is_iceberg() {
                "iceberg"
            } else {
                "hive"
            };
            text.push_str(&format!("{kind} {database}.{name}\n"));
            for location in self.locations(&(database.clone(), name.clone())) {
                let files = self.under(&location);
                text.push_str(&format!(
                    "  {location}: {}\n",
                    if files.is_empty() { "no files".to_owned() } else { files.join(" ") }
                ));
            }
        }
        let orphans: Vec<&String> = self.files.iter().filter(|file| !self.is_read(file)).collect();
        for orphan in orphans {
            text.push_str(&format!("unread {orphan}\n"));
        }
        text.push_str(&self.lake_formation());
        text
    }

    fn under(&self, location: &str) -> Vec<String> {
        let prefix = format!("{}/", location.trim_end_matches('/'));
        self.files.iter().filter_map(|file| file.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    fn locations(&self, key: &TableKey) -> Vec<String> {
        let table = &self.tables[key];
        if table.is_view() {
            return Vec::new();
        }
        if table.partition_keys().is_empty() {
            return table.location().map(|location| location.trim_end_matches('/').to_owned()).into_iter().collect();
        }
        let partitions = self.partitions.get(key).into_iter().flat_map(BTreeMap::values);
        partitions.filter_map(|partition| partition.storage_descriptor.as_ref()?.location.clone()).collect()
    }

    fn is_read(&self, file: &str) -> bool {
        self.tables
            .keys()
            .any(|key| self.locations(key).iter().any(|location| file.starts_with(&format!("{location}/"))))
    }

    /// Whether everything that a table points at is there.
    pub fn is_readable(&self, name: &str) -> bool {
        let (database, name) = name.split_once('.').unwrap();
        let key = (database.to_owned(), name.to_owned());
        let Some(table) = self.tables.get(&key) else { return false };
        table.is_view() || {
            let locations = self.locations(&key);
            !locations.is_empty() && locations.iter().all(|location| self.has_files(location))
        }
    }

    fn run(&mut self, sql: &str) -> Answer {
        let body: Vec<&str> = sql.lines().filter(|line| !line.starts_with("-- ")).collect();
        let body = body.join("\n");
        let squeezed = pattern(r"\s+").replace_all(body.trim(), " ").into_owned();
        let capture = |text: &'static str| {
            pattern(text).captures(&squeezed).map(|found| {
                found
                    .iter()
                    .skip(1)
                    .map(|group| group.map_or(String::new(), |group| group.as_str().to_owned()))
                    .collect::<Vec<_>>()
            })
        };
        if let Some(found) = capture(r#"^create table "\w+"\."(\w+)"\."(\w+)" with \( (.*?) \) as "#) {
            return self.ctas(&found[0], &found[1], &found[2], &squeezed);
        }
        if let Some(found) = capture(r#"^create or replace view "\w+"\."(\w+)"\."(\w+)""#) {
            let key = (found[0].clone(), found[1].clone());
            if self.tables.get(&key).is_some_and(|table| !table.is_view()) {
                return Err("TABLE_ALREADY_EXISTS: line 1:1: Destination table already exists".into());
            }
            let input =
                TableInput { name: found[1].clone(), table_type: Some("VIRTUAL_VIEW".into()), ..TableInput::default() };
            self.put_table(&found[0], input, 0);
            return Ok((None, Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r"^create external table `(\w+)`\.`(\w+)` \((.*?)\) .*location '([^']+)'") {
            let columns: Vec<(String, String)> = found[2]
                .split(", ")
                .map(|column| (column.split('`').nth(1).unwrap().to_owned(), "string".to_owned()))
                .collect();
            self.create(&found[0], &found[1], false, &found[3], &[], &columns);
            return Ok((None, Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r#"^insert into "\w+"\."(\w+)"\."(\w+)""#) {
            let values = self.values_of(&squeezed);
            self.write(&found[0], &found[1], &values, "new");
            return Ok((Some(3), Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r#"^merge into "\w+"\."(\w+)"\."(\w+)""#) {
            if self.conflicts > 0 {
                self.conflicts -= 1;
                return Err("ICEBERG_COMMIT_ERROR: Failed to commit".into());
            }
            self.write(&found[0], &found[1], &[], "merged");
            return Ok((Some(3), Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r"^alter table `(\w+)`\.`(\w+)` rename to `(\w+)`\.`(\w+)`") {
            let key = (found[0].clone(), found[1].clone());
            let mut table = self.tables.remove(&key).ok_or("TABLE_NOT_FOUND: no such table")?;
            self.forget_lake_formation(&key.0, &key.1);
            table.input.name.clone_from(&found[3]);
            self.tables.insert((found[2].clone(), found[3].clone()), table);
            return Ok((None, Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r"^alter table `(\w+)`\.`(\w+)` add columns \((.*)\)") {
            let key = (found[0].clone(), found[1].clone());
            let table = self.tables.get_mut(&key).ok_or("TABLE_NOT_FOUND: no such table")?;
            for column in found[2].split(", ") {
                let (name, kind) = column.trim_start_matches('`').split_once("` ").unwrap();
                table.input.storage_descriptor.as_mut().unwrap().columns.push(Column::new(name, kind));
            }
            return Ok((None, Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r"^alter table `(\w+)`\.`(\w+)` drop column `(\w+)`") {
            self.plain_columns(&found[0], &found[1])?.retain(|column| column.name != found[2]);
            return Ok((None, Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r"^alter table `(\w+)`\.`(\w+)` change column `(\w+)` `(\w+)` (.+)") {
            for column in self.plain_columns(&found[0], &found[1])?.iter_mut().filter(|column| column.name == found[2])
            {
                *column = Column::new(&found[3], &found[4]);
            }
            return Ok((None, Vec::new(), Vec::new()));
        }
        if let Some(found) = capture(r"^alter table `(\w+)`\.`(\w+)` replace columns \((.*)\)") {
            let columns = found[2].split(", ").map(|column| column.trim_start_matches('`').split_once("` ").unwrap());
            *self.plain_columns(&found[0], &found[1])? = columns.map(|(name, kind)| Column::new(name, kind)).collect();
            return Ok((None, Vec::new(), Vec::new()));
        }
        if squeezed.starts_with("update ") {
            return Ok((Some(3), Vec::new(), Vec::new()));
        }
        if squeezed.starts_with("select distinct") {
            let rows = self.partition_values.iter().map(|value| vec![value.clone()]).collect();
            return Ok((None, vec!["varchar".into()], rows));
        }
        if squeezed.starts_with("select") {
            return Ok((None, self.columns.iter().map(|(_, kind)| kind.clone()).collect(), Vec::new()));
        }
        Err(format!("SYNTAX_ERROR: this warehouse does not know: {squeezed}"))
    }

    /// As many values as keys, or Glue refuses.
    fn check_values(&self, database: &str, table: &str, values: &[String]) -> ApiResult<()> {
        let keys = self.tables[&(database.to_owned(), table.to_owned())].partition_keys().len();
        let sentence = "The number of partition keys do not match the number of partition values";
        if keys == values.len() { Ok(()) } else { Err(ApiError::new("InvalidInputException", sentence)) }
    }

    fn plain_columns(&mut self, database: &str, name: &str) -> Result<&mut Vec<Column>, String> {
        let table =
            self.tables.get_mut(&(database.to_owned(), name.to_owned())).ok_or("TABLE_NOT_FOUND: no such table")?;
        Ok(&mut table.input.storage_descriptor.as_mut().unwrap().columns)
    }

    fn values_of(&self, sql: &str) -> Vec<String> {
        let Some((_, condition)) = sql.rsplit_once(" where ") else { return self.partition_values.clone() };
        self.partition_values.iter().filter(|value| condition.contains(&format!("'{value}'"))).cloned().collect()
    }

    fn ctas(&mut self, database: &str, name: &str, with: &str, sql: &str) -> Answer {
        let find = |text: &'static str| pattern(text).captures(with).map(|found| found[1].to_owned());
        let key = (database.to_owned(), name.to_owned());
        if self.tables.contains_key(&key) {
            return Err("TABLE_ALREADY_EXISTS: line 1:1: Destination table already exists".into());
        }
        let location =
            find(r"location='([^']+)'").unwrap_or_else(|| format!("s3://results/tables/{}", self.executions.len()));
        if self.has_files(&location) {
            return Err(format!("HIVE_PATH_ALREADY_EXISTS: Target directory already exists: {location}"));
        }
        let keys: Vec<String> = find(r"partition(?:ed_by|ing)=ARRAY\[([^\]]*)\]")
            .map(|keys| keys.split(", ").map(|key| key.trim_matches('\'').to_owned()).collect())
            .unwrap_or_default();
        let values = self.values_of(sql);
        if !keys.is_empty() && values.len() > 100 {
            self.files.insert(format!("{location}/garbage"));
            return Err(
                "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets".into()
            );
        }
        let columns = self.columns.clone();
        self.create(database, name, with.contains("table_type='iceberg'"), &location, &keys, &columns);
        self.write(database, name, &values, "new");
        Ok((Some(3), Vec::new(), Vec::new()))
    }
}

#[async_trait]
impl Athena for Warehouse {
    async fn start_query_execution(&self, request: StartQueryExecutionRequest) -> ApiResult<String> {
        let mut world = self.world();
        let token = request.client_request_token.unwrap();
        assert!((32..=128).contains(&token.len()), "a token has 32 to 128 characters");
        world.tokens.push(token);
        let sql = request.query_string;
        let context = request.query_execution_context.unwrap();
        assert!(context.database.is_some() && context.catalog.is_some());
        let changes = !sql.starts_with("select");
        if changes {
            world.calls.push(sql.clone());
        }
        let fails = changes && world.fail_at == Some(world.calls.len() - 1);
        let outcome =
            if fails { Err("GENERIC_INTERNAL_ERROR: this query was made to fail".into()) } else { world.run(&sql) };
        let id = format!("query-{}", world.executions.len());
        let (state, error, results) = match outcome {
            Ok((update_count, types, rows)) => {
                let names: Vec<String> = match types.len() {
                    1 => vec!["dt".into()],
                    _ => world.columns.iter().map(|(name, _)| name.clone()).collect(),
                };
                (QueryExecutionState::Succeeded, None, results(update_count, &names, &types, rows))
            }
            Err(message) => (QueryExecutionState::Failed, Some(message), QueryResults::default()),
        };
        let is_dml = ["select", "insert", "merge", "create table"]
            .iter()
            .any(|word| sql.lines().any(|line| line.starts_with(word)));
        let execution = QueryExecution {
            query_execution_id: id.clone(),
            statement_type: Some(if is_dml { StatementType::Dml } else { StatementType::Ddl }),
            substatement_type: Some(sql.split_whitespace().next().unwrap().to_uppercase()),
            query: sql,
            result_configuration: None,
            result_reuse_configuration: None,
            query_execution_context: context,
            status: QueryExecutionStatus {
                state,
                state_change_reason: error.clone(),
                submission_date_time: chrono::DateTime::UNIX_EPOCH.into(),
                completion_date_time: None,
                athena_error: error.map(|error_message| AthenaError {
                    error_category: 2,
                    error_type: if error_message.contains("ICEBERG") { 233 } else { 1301 },
                    retryable: false,
                    error_message,
                }),
            },
            statistics: athena_api::athena::QueryExecutionStatistics {
                data_scanned_in_bytes: Some(10),
                ..Default::default()
            },
            work_group: None,
            engine_version: None,
            execution_parameters: None,
        };
        world.executions.push((execution, results));
        Ok(id)
    }

    async fn get_query_execution(&self, id: &str) -> ApiResult<QueryExecution> {
        self.wait_query_execution(id, Duration::ZERO).await
    }

    async fn wait_query_execution(&self, id: &str, _at_most: Duration) -> ApiResult<QueryExecution> {
        let world = self.world();
        let found = world.executions.iter().find(|(execution, _)| execution.query_execution_id == id);
        Ok(found.unwrap().0.clone())
    }

    async fn get_query_results(&self, id: &str, _next: Option<&str>, _max: Option<i32>) -> ApiResult<QueryResults> {
        let world = self.world();
        let found = world.executions.iter().find(|(execution, _)| execution.query_execution_id == id);
        Ok(found.unwrap().1.clone())
    }

    async fn stop_query_execution(&self, _id: &str) -> ApiResult<()> {
        Ok(())
    }

    async fn get_work_group(&self, name: &str) -> ApiResult<WorkGroup> {
        let group = self.world().work_group.clone();
        group.ok_or_else(|| ApiError::invalid_request("INVALID_INPUT", format!("WorkGroup is not found: {name}")))
    }

    async fn get_data_catalog(&self, name: &str) -> ApiResult<DataCatalog> {
        Ok(DataCatalog { name: name.to_owned(), r#type: "LAMBDA".into(), description: None, parameters: None })
    }
}

fn results(update_count: Option<i64>, names: &[String], types: &[String], rows: Vec<Vec<String>>) -> QueryResults {
    let row = |values: Vec<String>| Row {
        data: values.into_iter().map(|value| Datum { var_char_value: Some(value) }).collect(),
    };
    let info = |(name, kind): (&String, &String)| ColumnInfo {
        catalog_name: "hive".into(),
        schema_name: String::new(),
        table_name: String::new(),
        name: name.clone(),
        label: name.clone(),
        r#type: if kind == "string" { "varchar".into() } else { kind.clone() },
        precision: 0,
        scale: 0,
        nullable: "UNKNOWN".into(),
        case_sensitive: false,
    };
    let mut all = Vec::new();
    if update_count.is_none() && !types.is_empty() {
        all.push(row(names.to_vec()));
    }
    all.extend(rows.into_iter().map(row));
    let metadata = ResultSetMetadata { column_info: names.iter().zip(types).map(info).collect() };
    QueryResults {
        update_count,
        result_set: ResultSet { rows: all, result_set_metadata: Some(metadata) },
        next_token: None,
    }
}

fn page<T>(items: Vec<T>) -> Page<T> {
    Page { items, next_token: None }
}

#[async_trait]
impl Glue for Warehouse {
    async fn create_database(&self, _catalog: Option<&str>, input: DatabaseInput) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("CreateDatabase {}", input.name))?;
        world.databases.insert(input.name);
        Ok(())
    }

    async fn get_database(&self, _catalog: Option<&str>, name: &str) -> ApiResult<Database> {
        let known = self.world().databases.contains(name);
        if known { Ok(Database { name: name.to_owned(), ..Database::default() }) } else { Err(not_found(name)) }
    }

    async fn get_databases(&self, _catalog: Option<&str>, _page: PageRequest) -> ApiResult<Page<Database>> {
        let names = self.world().databases.clone();
        Ok(page(names.into_iter().map(|name| Database { name, ..Database::default() }).collect()))
    }

    async fn update_database(&self, _catalog: Option<&str>, name: &str, _input: DatabaseInput) -> ApiResult<()> {
        self.world().change(format!("UpdateDatabase {name}"))
    }

    async fn delete_database(&self, _catalog: Option<&str>, name: &str) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("DeleteDatabase {name}"))?;
        world.databases.remove(name);
        Ok(())
    }

    async fn create_table(&self, _catalog: Option<&str>, database: &str, input: TableInput) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("CreateTable {database}.{}", input.name))?;
        if world.tables.contains_key(&(database.to_owned(), input.name.clone())) {
            return Err(ApiError::new("AlreadyExistsException", "Table already exists."));
        }
        world.put_table(database, input, 0);
        Ok(())
    }

    async fn get_table(&self, _catalog: Option<&str>, database: &str, name: &str) -> ApiResult<Table> {
        let world = self.world();
        world.tables.get(&(database.to_owned(), name.to_owned())).cloned().ok_or_else(|| not_found(name))
    }

    async fn get_tables(
        &self,
        _catalog: Option<&str>,
        database: &str,
        _expression: Option<&str>,
        _page: PageRequest,
    ) -> ApiResult<Page<Table>> {
        let world = self.world();
        if !world.databases.contains(database) {
            return Err(not_found(database));
        }
        Ok(page(world.tables.values().filter(|table| table.database_name == database).cloned().collect()))
    }

    async fn update_table(
        &self,
        _catalog: Option<&str>,
        database: &str,
        input: TableInput,
        options: UpdateOptions,
    ) -> ApiResult<()> {
        let mut world = self.world();
        let key = (database.to_owned(), input.name.clone());
        let parameters = input.parameters.clone().unwrap_or_default();
        let told = ["classification", "comment", "owner"]
            .into_iter()
            .filter_map(|name| Some(format!(" {name}={:?}", parameters.get(name)?)));
        let columns = input.storage_descriptor.iter().flat_map(|storage| &storage.columns);
        let comments = columns.filter_map(|column| Some(format!(" {}={:?}", column.name, column.comment.as_ref()?)));
        let told: String = told.chain(comments).collect();
        let at = input.storage_descriptor.as_ref().and_then(|storage| storage.location.clone()).unwrap_or_default();
        world.change(format!("UpdateTable {database}.{} at {at}{told}", input.name))?;
        let Some(old) = world.tables.get(&key).cloned() else { return Err(not_found(&input.name)) };
        assert_eq!(options.expected_version, old.version_id, "every update says which version it read");
        let version: u64 = old.version_id.as_ref().unwrap().parse().unwrap();
        if !options.skip_archive {
            let archived = TableVersion { version_id: version.to_string(), table: old };
            world.versions.entry(key).or_default().push(archived);
        }
        world.put_table(database, input, version + 1);
        Ok(())
    }

    async fn delete_table(&self, _catalog: Option<&str>, database: &str, name: &str) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("DeleteTable {database}.{name}"))?;
        let key = (database.to_owned(), name.to_owned());
        world.partitions.remove(&key);
        world.forget_lake_formation(database, name);
        world.tables.remove(&key).map(drop).ok_or_else(|| not_found(name))
    }

    async fn batch_delete_table(
        &self,
        _catalog: Option<&str>,
        _database: &str,
        _names: &[String],
    ) -> ApiResult<Vec<ItemError<String>>> {
        Ok(Vec::new())
    }

    async fn get_table_versions(
        &self,
        _catalog: Option<&str>,
        database: &str,
        name: &str,
        _page: PageRequest,
    ) -> ApiResult<Page<TableVersion>> {
        let world = self.world();
        let key = (database.to_owned(), name.to_owned());
        let Some(current) = world.tables.get(&key) else { return Err(not_found(name)) };
        let mut all = vec![TableVersion { version_id: current.version_id.clone().unwrap(), table: current.clone() }];
        all.extend(world.versions.get(&key).into_iter().flatten().rev().cloned());
        Ok(page(all))
    }

    async fn delete_table_version(
        &self,
        _catalog: Option<&str>,
        database: &str,
        name: &str,
        version: &str,
    ) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("DeleteTableVersion {database}.{name} {version}"))?;
        if let Some(versions) = world.versions.get_mut(&(database.to_owned(), name.to_owned())) {
            versions.retain(|known| known.version_id != version);
        }
        Ok(())
    }

    async fn get_partition(
        &self,
        _catalog: Option<&str>,
        _database: &str,
        _table: &str,
        _values: &[String],
    ) -> ApiResult<Partition> {
        Err(not_found("partition"))
    }

    async fn get_partitions(
        &self,
        _catalog: Option<&str>,
        database: &str,
        table: &str,
        _filter: PartitionFilter,
        _page: PageRequest,
    ) -> ApiResult<Page<Partition>> {
        let world = self.world();
        let key = (database.to_owned(), table.to_owned());
        let inputs = world.partitions.get(&key).into_iter().flat_map(BTreeMap::values);
        Ok(page(
            inputs
                .map(|input| Partition {
                    database_name: database.to_owned(),
                    table_name: table.to_owned(),
                    input: input.clone(),
                    ..Partition::default()
                })
                .collect(),
        ))
    }

    async fn batch_get_partition(
        &self,
        _catalog: Option<&str>,
        _database: &str,
        _table: &str,
        _values: &[Vec<String>],
    ) -> ApiResult<Vec<Partition>> {
        Ok(Vec::new())
    }

    async fn batch_create_partition(
        &self,
        _catalog: Option<&str>,
        database: &str,
        table: &str,
        inputs: Vec<PartitionInput>,
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        assert!(inputs.len() <= 100);
        let mut world = self.world();
        let values: Vec<String> = inputs.iter().map(|input| input.values.join("/")).collect();
        world.change(format!("BatchCreatePartition {database}.{table} {}", values.join(" ")))?;
        for input in &inputs {
            world.check_values(database, table, &input.values)?;
        }
        let known = world.partitions.entry((database.to_owned(), table.to_owned())).or_default();
        for input in inputs {
            assert!(known.insert(input.values.clone(), input).is_none(), "a partition is created once");
        }
        Ok(Vec::new())
    }

    async fn update_partition(
        &self,
        _catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[String],
        input: PartitionInput,
    ) -> ApiResult<()> {
        let mut world = self.world();
        world.change(format!("UpdatePartition {database}.{table} {}", values.join("/")))?;
        world.check_values(database, table, values)?;
        let known = world.partitions.entry((database.to_owned(), table.to_owned())).or_default();
        assert!(known.insert(values.to_vec(), input).is_some(), "an updated partition exists");
        Ok(())
    }

    async fn batch_delete_partition(
        &self,
        _catalog: Option<&str>,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> ApiResult<Vec<ItemError<Vec<String>>>> {
        assert!(values.len() <= 25);
        let mut world = self.world();
        let text: Vec<String> = values.iter().map(|value| value.join("/")).collect();
        world.change(format!("BatchDeletePartition {database}.{table} {}", text.join(" ")))?;
        for value in values {
            world.check_values(database, table, value)?;
        }
        if let Some(known) = world.partitions.get_mut(&(database.to_owned(), table.to_owned())) {
            known.retain(|key, _| !values.contains(key));
        }
        Ok(Vec::new())
    }
}

#[async_trait]
impl S3 for Warehouse {
    async fn list(&self, prefix: &S3Uri) -> ApiResult<Vec<ObjectSummary>> {
        let prefix = prefix.to_string();
        let world = self.world();
        let found = world.files.iter().filter(|file| file.starts_with(&prefix));
        Ok(found.map(|file| ObjectSummary { uri: file.parse().unwrap(), size: 1 }).collect())
    }

    async fn delete(&self, objects: &[S3Uri]) -> ApiResult<()> {
        let mut world = self.world();
        let names: Vec<String> = objects.iter().map(S3Uri::to_string).collect();
        world.change(format!("DeleteObjects {}", names.join(" ")))?;
        world.files.retain(|file| !names.contains(file));
        Ok(())
    }

    async fn get(&self, object: &S3Uri) -> ApiResult<Bytes> {
        Err(ApiError::new("NoSuchKey", object.to_string()))
    }

    async fn put_with(&self, object: &S3Uri, body: Bytes, headers: &PutHeaders) -> ApiResult<()> {
        let mut world = self.world();
        let headers: String = headers.iter().map(|(name, value)| format!(" {name}: {value}")).collect();
        world.change(format!("PutObject {object}{headers}\n{}", String::from_utf8_lossy(&body)))?;
        world.files.insert(object.to_string());
        Ok(())
    }
}

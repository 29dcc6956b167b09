//! The connection's keys of an `athena` profile.

use std::{str::FromStr, time::Duration};

use diagnostic::Diagnostic;
use indexmap::IndexMap;
use names::S3Uri;
use serde_json::{Map, Value};

use crate::upload_args;

/// How the location of a table is made of its names.
///
/// Source: dbt-athena, `s3_data_naming`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataNaming {
    Unique,
    Table,
    TableUnique,
    SchemaTable,
    SchemaTableUnique,
}

impl DataNaming {
    const ALL: [(&'static str, Self); 5] = [
        ("unique", Self::Unique),
        ("table", Self::Table),
        ("table_unique", Self::TableUnique),
        ("schema_table", Self::SchemaTable),
        ("schema_table_unique", Self::SchemaTableUnique),
    ];

    /// As it is written in a profile.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, naming)| *naming == self).map_or("schema_table_unique", |(name, _)| name)
    }

    /// The location ends with a part that no other build has.
    pub fn is_unique(self) -> bool {
        matches!(self, Self::Unique | Self::TableUnique | Self::SchemaTableUnique)
    }
}

impl FromStr for DataNaming {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, naming)| *naming);
        known.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            Diagnostic::error(format!("'{text}' is not a valid s3_data_naming"))
                .cause("s3_data_naming says how a table's location is made of its names")
                .fix(with_nearest(text, &names))
        })
    }
}

/// Who runs the warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The embedded lakehouse, in `lakehouse_dir` or the project's own directory.
    Embedded { dir: Option<String> },
    /// AWS, or what speaks its protocol at `endpoint_url`.
    Aws { endpoint_url: Option<String> },
}

/// Where credentials come from; what is absent falls through to the SDK's chain.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub profile_name: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    pub session_token: Option<String>,
    pub assume_role: Option<AssumeRole>,
}

/// Shows that secrets are set, never what they are.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("profile_name", &self.profile_name)
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &self.secret_access_key.as_ref().map(|_| "…"))
            .field("session_token", &self.session_token.as_ref().map(|_| "…"))
            .field("assume_role", &self.assume_role)
            .finish()
    }
}

/// A role that is assumed on top of the base credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: String,
    /// 900 to 43,200 seconds.
    pub duration: Duration,
}

/// A profile's target of type `athena`, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct AthenaProfile {
    pub endpoint: Endpoint,
    pub region_name: String,
    /// The default data catalog.
    pub database: String,
    /// The default Glue database.
    pub schema: String,
    pub s3_staging_dir: Option<S3Uri>,
    pub s3_data_dir: Option<S3Uri>,
    pub s3_data_naming: DataNaming,
    pub s3_tmp_table_dir: Option<S3Uri>,
    pub work_group: Option<String>,
    pub skip_workgroup_check: bool,
    pub spark_work_group: Option<String>,
    pub credentials: Credentials,
    pub poll_interval: Duration,
    pub debug_query_state: bool,
    /// Throttling retries of StartQueryExecution.
    pub num_retries: u32,
    /// Retries of every other call; `None` is `num_retries`, 0 is 0.
    pub num_boto3_retries: Option<u32>,
    /// Whole-query retries on Iceberg commit conflicts.
    pub num_iceberg_retries: u32,
    pub seed_s3_upload_args: Option<Value>,
    pub lf_tags_database: Option<IndexMap<String, String>>,
    pub connection_manager: String,
    pub threads: u32,
}

/// What dbt-core itself reads of a target.
const CORE_FIELDS: [&str; 4] = ["type", "threads", "database", "schema"];
const FIELDS: [&str; 32] = [
    "type",
    "threads",
    "database",
    "catalog",
    "schema",
    "region_name",
    "s3_staging_dir",
    "s3_data_dir",
    "s3_data_naming",
    "s3_tmp_table_dir",
    "work_group",
    "skip_workgroup_check",
    "endpoint_url",
    "aws_profile_name",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "assume_role_arn",
    "assume_role_external_id",
    "assume_role_session_name",
    "assume_role_duration_seconds",
    "poll_interval",
    "debug_query_state",
    "num_retries",
    "num_boto3_retries",
    "num_iceberg_retries",
    "spark_work_group",
    "seed_s3_upload_args",
    "lf_tags_database",
    "connection_manager",
    "lakehouse",
    "lakehouse_dir",
];

impl AthenaProfile {
    /// Reads a target's keys, rendered.
    ///
    /// # Errors
    /// Every mistake, not only the first.
    pub fn parse(target: &Map<String, Value>) -> Result<Self, Vec<Diagnostic>> {
        let mut fields = Fields { target, problems: Vec::new() };
        fields.refuse_unknown();
        let embedded = fields.embedded();
        let database = match (fields.text("database"), fields.text("catalog")) {
            (Some(_), Some(_)) => {
                fields.problem(
                    "Got duplicate keys: (catalog) all map to \"database\"",
                    "'catalog' is another spelling of 'database'",
                    "keep one of the two",
                );
                None
            }
            (one, other) => one.or(other),
        };
        let profile = Self {
            region_name: fields.required("region_name", "us-east-1", embedded),
            database: fields.or_required(database, "database", "awsdatacatalog", embedded).to_lowercase(),
            schema: fields.required("schema", "dev", embedded).to_lowercase(),
            s3_staging_dir: fields.location("s3_staging_dir", embedded.then_some("s3://owlet/query-results/")),
            s3_data_dir: fields.location("s3_data_dir", embedded.then_some("s3://owlet/data/")),
            s3_data_naming: fields.naming(),
            s3_tmp_table_dir: fields.location("s3_tmp_table_dir", None),
            work_group: fields.text("work_group").filter(|name| !name.is_empty()),
            skip_workgroup_check: fields.flag("skip_workgroup_check"),
            spark_work_group: fields.text("spark_work_group"),
            credentials: fields.credentials(),
            poll_interval: fields.poll_interval(),
            debug_query_state: fields.flag("debug_query_state"),
            num_retries: fields.count("num_retries").unwrap_or(5),
            num_boto3_retries: fields.count("num_boto3_retries"),
            num_iceberg_retries: fields.count("num_iceberg_retries").unwrap_or(3),
            seed_s3_upload_args: fields.upload_args(),
            lf_tags_database: fields.texts("lf_tags_database"),
            connection_manager: fields.text("connection_manager").unwrap_or_else(|| "api".to_owned()),
            threads: fields.count("threads").unwrap_or(1).max(1),
            endpoint: match (embedded, fields.text("endpoint_url")) {
                (true, _) => Endpoint::Embedded { dir: fields.text("lakehouse_dir") },
                (false, endpoint_url) => Endpoint::Aws { endpoint_url },
            },
        };
        if profile.s3_staging_dir.is_none() && profile.work_group.is_none() && !fields.has("s3_staging_dir") {
            fields.problem(
                "'s3_staging_dir' is a required property",
                "Athena writes the results of every query to S3 and was told no place: neither 's3_staging_dir' nor 'work_group' is set",
                "add `s3_staging_dir: s3://your-bucket/athena-results/` to the target, or `work_group:` with one that has an output location",
            );
        }
        if fields.problems.is_empty() { Ok(profile) } else { Err(fields.problems) }
    }

    /// The keys that Jinja's `target` shows; absent ones are null, secrets are left out.
    pub fn connection_keys(&self) -> Map<String, Value> {
        let location = |uri: &Option<S3Uri>| uri.as_ref().map_or(Value::Null, |uri| Value::String(uri.to_string()));
        let text = |text: &Option<String>| text.as_ref().map_or(Value::Null, |text| Value::String(text.clone()));
        let role = self.credentials.assume_role.as_ref();
        let mut keys = Map::new();
        let mut set = |key: &str, value: Value| {
            keys.insert(key.to_owned(), value);
        };
        set("assume_role_arn", role.map_or(Value::Null, |role| role.arn.clone().into()));
        set("assume_role_duration_seconds", role.map_or(3600, |role| role.duration.as_secs()).into());
        set("assume_role_external_id", role.map_or(Value::Null, |role| text(&role.external_id)));
        set("assume_role_session_name", role.map_or("dbt-athena", |role| &role.session_name).into());
        set("aws_access_key_id", text(&self.credentials.access_key_id));
        set("aws_profile_name", text(&self.credentials.profile_name));
        set("connection_manager", self.connection_manager.clone().into());
        set("database", self.database.clone().into());
        set("debug_query_state", self.debug_query_state.into());
        let endpoint_url = match &self.endpoint {
            Endpoint::Aws { endpoint_url } => text(endpoint_url),
            Endpoint::Embedded { .. } => Value::Null,
        };
        set("endpoint_url", endpoint_url);
        set("lf_tags_database", serde_json::to_value(&self.lf_tags_database).unwrap_or_default());
        set("num_boto3_retries", self.num_boto3_retries.map_or(Value::Null, Value::from));
        set("num_iceberg_retries", self.num_iceberg_retries.into());
        set("num_retries", self.num_retries.into());
        set("poll_interval", self.poll_interval.as_secs_f64().into());
        set("region_name", self.region_name.clone().into());
        set("s3_data_dir", location(&self.s3_data_dir));
        set("s3_data_naming", self.s3_data_naming.as_str().into());
        set("s3_staging_dir", location(&self.s3_staging_dir));
        set("s3_tmp_table_dir", location(&self.s3_tmp_table_dir));
        set("schema", self.schema.clone().into());
        set("seed_s3_upload_args", self.seed_s3_upload_args.clone().unwrap_or_default());
        set("skip_workgroup_check", self.skip_workgroup_check.into());
        set("spark_work_group", text(&self.spark_work_group));
        set("work_group", text(&self.work_group));
        keys
    }
}

/// The keys as they are read, and what is wrong with them.
struct Fields<'a> {
    target: &'a Map<String, Value>,
    problems: Vec<Diagnostic>,
}

impl Fields<'_> {
    fn has(&self, name: &str) -> bool {
        self.target.get(name).is_some_and(|value| !value.is_null())
    }

    fn problem(&mut self, what: impl Into<String>, cause: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(Diagnostic::error(what).cause(cause).fix(fix));
    }

    fn refuse_unknown(&mut self) {
        for name in self.target.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            self.problems.push(
                Diagnostic::error(format!("Additional properties are not allowed ('{name}' was unexpected)"))
                    .cause(format!("the athena adapter has no profile key '{name}'"))
                    .fix(with_nearest(name, &FIELDS)),
            );
        }
    }

    fn embedded(&mut self) -> bool {
        match self.text("lakehouse").as_deref() {
            None => false,
            Some("embedded") => true,
            Some(other) => {
                self.problem(
                    format!("'{other}' is not a valid lakehouse"),
                    "the only lakehouse that runs inside the program is 'embedded'",
                    "write `lakehouse: embedded`, or leave the key out to use AWS",
                );
                true
            }
        }
    }

    fn required(&mut self, name: &str, default: &str, embedded: bool) -> String {
        let value = self.text(name);
        self.or_required(value, name, default, embedded)
    }

    fn or_required(&mut self, value: Option<String>, name: &str, default: &str, embedded: bool) -> String {
        if value.is_none() && !embedded && !self.has(name) {
            let fix = match name {
                "region_name" => {
                    "add the region of your Athena workgroup and buckets, for example `region_name: eu-west-1`"
                }
                "database" => "add `database: awsdatacatalog`, the data catalog that every account has",
                _ => "add `schema:` with the Glue database to build in",
            };
            self.problem(
                format!("'{name}' is a required property"),
                format!("the target does not say its '{name}'"),
                fix,
            );
        }
        value.unwrap_or_else(|| default.to_owned())
    }

    fn wrong_type(&mut self, name: &str, expected: &str) {
        let given = self.target.get(name).map(Value::to_string).unwrap_or_default();
        let given = if CORE_FIELDS.contains(&name) || !name.starts_with("aws_") { given } else { "…".to_owned() };
        self.problem(
            format!("{given} is not of type '{expected}'"),
            format!("'{name}' must be of type {expected}"),
            match expected {
                "string" => format!("quote the value: `{name}: \"…\"`"),
                _ => format!("give '{name}' a value of type {expected}, or leave it out"),
            },
        );
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.target.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            _ => {
                self.wrong_type(name, "string");
                None
            }
        }
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.target.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.wrong_type(name, "boolean");
                false
            }
        }
    }

    fn count(&mut self, name: &str) -> Option<u32> {
        match self.target.get(name)? {
            Value::Null => None,
            Value::Number(number) if number.as_u64().is_some_and(|number| number <= u64::from(u32::MAX)) => {
                number.as_u64().and_then(|number| u32::try_from(number).ok())
            }
            _ => {
                self.wrong_type(name, "integer");
                None
            }
        }
    }

    fn mapping(&mut self, name: &str) -> Option<Value> {
        match self.target.get(name)? {
            Value::Null => None,
            mapping @ Value::Object(_) => Some(mapping.clone()),
            _ => {
                self.wrong_type(name, "object");
                None
            }
        }
    }

    fn texts(&mut self, name: &str) -> Option<IndexMap<String, String>> {
        let mapping = self.mapping(name)?;
        let read = serde_json::from_value(mapping).ok();
        if read.is_none() {
            self.problem(
                format!("'{name}' has a value that is not a text"),
                format!("'{name}' is a mapping of texts"),
                format!("write its values in quotes: `{name}: {{team: \"1\"}}`"),
            );
        }
        read
    }

    /// As they are written; what they mean is looked at here for its mistakes, and again when a seed is uploaded.
    fn upload_args(&mut self) -> Option<Value> {
        let arguments = self.mapping("seed_s3_upload_args")?;
        if let Err(mistake) = upload_args::headers(&arguments) {
            self.problems.push(*mistake);
        }
        Some(arguments)
    }

    fn location(&mut self, name: &str, default: Option<&str>) -> Option<S3Uri> {
        let text = self.text(name).or_else(|| default.map(str::to_owned))?;
        match text.parse::<S3Uri>() {
            Ok(uri) => Some(uri.as_directory()),
            Err(error) => {
                self.problem(
                    error.to_string(),
                    format!("'{name}' must be a folder on S3"),
                    format!("write `{name}: s3://your-bucket/prefix/`"),
                );
                None
            }
        }
    }

    fn naming(&mut self) -> DataNaming {
        let Some(text) = self.text("s3_data_naming") else { return DataNaming::SchemaTableUnique };
        text.parse().unwrap_or_else(|problem| {
            self.problems.push(problem);
            DataNaming::SchemaTableUnique
        })
    }

    fn poll_interval(&mut self) -> Duration {
        match self.target.get("poll_interval") {
            None | Some(Value::Null) => Duration::from_secs(1),
            Some(Value::Number(number)) if number.as_f64().is_some_and(|seconds| (0.0..1e6).contains(&seconds)) => {
                Duration::from_secs_f64(number.as_f64().unwrap_or(1.0))
            }
            Some(_) => {
                self.wrong_type("poll_interval", "number");
                Duration::from_secs(1)
            }
        }
    }

    fn credentials(&mut self) -> Credentials {
        let external_id = self.text("assume_role_external_id").filter(|id| !id.is_empty());
        let session_name = self.text("assume_role_session_name").unwrap_or_else(|| "dbt-athena".to_owned());
        let seconds = self.count("assume_role_duration_seconds").unwrap_or(3600);
        let assume_role = self.text("assume_role_arn").map(|arn| AssumeRole {
            arn,
            external_id,
            session_name,
            duration: Duration::from_secs(u64::from(seconds)),
        });
        if assume_role.is_some() && !(900..=43_200).contains(&seconds) {
            self.problem(
                format!("assume_role_duration_seconds must be between 900 and 43200 seconds, got {seconds}"),
                "STS gives no shorter or longer session",
                "choose a value between 900 and 43200",
            );
        }
        Credentials {
            profile_name: self.text("aws_profile_name"),
            access_key_id: self.text("aws_access_key_id"),
            secret_access_key: self.text("aws_secret_access_key"),
            session_token: self.text("aws_session_token"),
            assume_role,
        }
    }
}

/// `did you mean 'x'?`, or all there are.
pub(crate) fn with_nearest(given: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::damerau_levenshtein(given, name), *name)).min();
    match nearest {
        Some((distance, name)) if distance <= 1 + given.len() / 4 => format!("did you mean '{name}'?"),
        _ => format!("known are: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(target: Value) -> Result<AthenaProfile, Vec<Diagnostic>> {
        AthenaProfile::parse(target.as_object().expect("a mapping"))
    }

    #[test]
    fn embedded_needs_nothing_but_the_word() {
        let profile = parse(json!({"type": "athena", "lakehouse": "embedded"})).expect("valid");
        assert_eq!((profile.database.as_str(), profile.schema.as_str()), ("awsdatacatalog", "dev"));
        assert_eq!(profile.s3_data_dir.expect("set").to_string(), "s3://owlet/data/");
    }

    #[test]
    fn a_location_may_lack_its_slash_and_catalog_is_database() {
        let profile = parse(json!({
            "type": "athena", "catalog": "AwsDataCatalog", "schema": "Shop", "region_name": "eu-west-1",
            "s3_staging_dir": "s3://results/athena",
        }))
        .expect("valid");
        assert_eq!(profile.s3_staging_dir.expect("set").to_string(), "s3://results/athena/");
        assert_eq!((profile.database.as_str(), profile.schema.as_str()), ("awsdatacatalog", "shop"));
    }

    #[test]
    fn arguments_of_uploads_and_tags_of_databases_are_looked_at() {
        let problems = parse(json!({
            "type": "athena", "lakehouse": "embedded", "lf_tags_database": {"team": 1},
            "seed_s3_upload_args": {"ServerSideEncrypt": "aws:kms"},
        }))
        .expect_err("two mistakes");
        let told: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(
            told,
            [
                "seed_s3_upload_args: 'ServerSideEncrypt' is no argument of an upload",
                "'lf_tags_database' has a value that is not a text"
            ]
        );
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let problems = parse(json!({
            "type": "athena", "schema": "shop", "database": "awsdatacatalog", "regoin_name": "eu-west-1",
            "s3_data_naming": "schema_tabel", "num_retries": "5",
        }))
        .expect_err("many mistakes");
        let told: Vec<String> = problems
            .iter()
            .map(|problem| format!("{} | {}", problem.what, problem.fix.clone().unwrap_or_default()))
            .collect();
        assert_eq!(
            told,
            [
                "Additional properties are not allowed ('regoin_name' was unexpected) | did you mean 'region_name'?",
                "'region_name' is a required property | add the region of your Athena workgroup and buckets, for example `region_name: eu-west-1`",
                "'schema_tabel' is not a valid s3_data_naming | did you mean 'schema_table'?",
                "\"5\" is not of type 'integer' | give 'num_retries' a value of type integer, or leave it out",
                "'s3_staging_dir' is a required property | add `s3_staging_dir: s3://your-bucket/athena-results/` to the target, or `work_group:` with one that has an output location",
            ]
        );
    }

    #[test]
    fn secrets_stay_out_of_target_and_debug() {
        let profile = parse(json!({
            "type": "athena", "lakehouse": "embedded", "aws_secret_access_key": "hush", "aws_session_token": "hush",
        }))
        .expect("valid");
        assert!(!format!("{profile:?}").contains("hush"));
        assert!(!serde_json::to_string(&profile.connection_keys()).expect("JSON").contains("hush"));
    }
}

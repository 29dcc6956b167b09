//! The fields of an Athena connection: one table for the form, the command line, the checks and the profile.
//!
//! Source: dbt-athena's credentials; `lakehouse` and `lakehouse_dir` are ours.

use serde::Serialize;
use serde_json::Value;

/// Where a form shows a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Target,
    S3,
    Credentials,
    Behaviour,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Text,
    /// A text that is sealed and never shown again.
    Secret,
    /// `s3://bucket/prefix/`
    Location,
    /// At least 0.
    Integer,
    /// Seconds, may have a fraction.
    Number,
    Flag,
    /// A JSON object.
    Json,
}

/// One field.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Field {
    /// As in profiles.yml.
    pub name: &'static str,
    pub group: Group,
    pub kind: Kind,
    /// What holds when it is left out, as text; empty when nothing does.
    pub default: &'static str,
    /// One sentence for people.
    pub help: &'static str,
}

impl Field {
    /// The field of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// A text as the field of this name holds it. What is no number, flag or JSON stays a text, which the profile's check then refuses in its
    /// words.
    pub fn read(name: &str, text: &str) -> Value {
        let as_text = || Value::String(text.to_owned());
        match Self::find(name).map(|field| field.kind) {
            Some(Kind::Integer) => text.parse::<u64>().map_or_else(|_| as_text(), Value::from),
            Some(Kind::Number) => text.parse::<f64>().map_or_else(|_| as_text(), Value::from),
            Some(Kind::Flag) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Value::Bool(true),
                "false" | "no" | "off" | "0" => Value::Bool(false),
                _ => as_text(),
            },
            Some(Kind::Json) => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
            _ => as_text(),
        }
    }

    /// Whether it is sealed.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }
}

const fn field(name: &'static str, group: Group, kind: Kind, default: &'static str, help: &'static str) -> Field {
    Field { name, group, kind, default, help }
}

/// All of them, in the order of a form.
pub const FIELDS: &[Field] = &[
    field("lakehouse", Group::Target, Kind::Text, "", "'embedded' for the lakehouse inside Owlet instead of AWS"),
    field(
        "lakehouse_dir",
        Group::Target,
        Kind::Text,
        "",
        "Folder of the embedded lakehouse; the server's own when left out",
    ),
    field("region_name", Group::Target, Kind::Text, "", "AWS region of the workgroup and the buckets, eu-west-1"),
    field("database", Group::Target, Kind::Text, "awsdatacatalog", "Data catalog"),
    field("schema", Group::Target, Kind::Text, "", "Glue database that models are built in"),
    field("work_group", Group::Target, Kind::Text, "", "Athena workgroup"),
    field(
        "skip_workgroup_check",
        Group::Target,
        Kind::Flag,
        "false",
        "Name result locations even where the workgroup may enforce its own",
    ),
    field("spark_work_group", Group::Target, Kind::Text, "", "Workgroup of Python models"),
    field("endpoint_url", Group::Target, Kind::Text, "", "Endpoint that speaks like AWS, instead of AWS"),
    field(
        "s3_staging_dir",
        Group::S3,
        Kind::Location,
        "",
        "Where query results go; the workgroup's location when left out",
    ),
    field(
        "s3_data_dir",
        Group::S3,
        Kind::Location,
        "",
        "Where tables are kept; below the staging location when left out",
    ),
    field(
        "s3_data_naming",
        Group::S3,
        Kind::Text,
        "schema_table_unique",
        "How a table's location is made of its names",
    ),
    field("s3_tmp_table_dir", Group::S3, Kind::Location, "", "Where temporary tables are kept"),
    field(
        "seed_s3_upload_args",
        Group::S3,
        Kind::Json,
        "",
        "Extra arguments of seed uploads, as boto3 names them: `{\"ServerSideEncryption\": \"aws:kms\"}`",
    ),
    field("aws_profile_name", Group::Credentials, Kind::Text, "", "Profile of the shared AWS files on the server"),
    field("aws_access_key_id", Group::Credentials, Kind::Text, "", "Access key"),
    field("aws_secret_access_key", Group::Credentials, Kind::Secret, "", "Its secret"),
    field("aws_session_token", Group::Credentials, Kind::Secret, "", "Its session token; temporary keys expire"),
    field("assume_role_arn", Group::Credentials, Kind::Text, "", "Role to take with these credentials"),
    field("assume_role_external_id", Group::Credentials, Kind::Text, "", "External id that the role asks for"),
    field("assume_role_session_name", Group::Credentials, Kind::Text, "dbt-athena", "Session name, seen in CloudTrail"),
    field(
        "assume_role_duration_seconds",
        Group::Credentials,
        Kind::Integer,
        "3600",
        "Length of the session, 900 to 43200",
    ),
    field("threads", Group::Behaviour, Kind::Integer, "1", "Nodes built at once"),
    field(
        "poll_interval",
        Group::Behaviour,
        Kind::Number,
        "1.0",
        "Seconds between two looks at a running query, at most",
    ),
    field("num_retries", Group::Behaviour, Kind::Integer, "5", "Tries after throttling"),
    field("num_boto3_retries", Group::Behaviour, Kind::Integer, "", "Tries of other calls; num_retries when left out"),
    field("num_iceberg_retries", Group::Behaviour, Kind::Integer, "3", "Tries after an Iceberg commit conflict"),
    field("debug_query_state", Group::Behaviour, Kind::Flag, "false", "Log each look at a running query"),
    field("connection_manager", Group::Behaviour, Kind::Text, "api", "How dbt-athena connects; Owlet knows one way"),
    field("lf_tags_database", Group::Behaviour, Kind::Json, "", "Lake Formation tags of new databases"),
];

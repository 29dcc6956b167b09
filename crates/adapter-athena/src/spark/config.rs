//! What a Python model says of its session: `engine_config`, `timeout` and their like.
//!
//! Source: dbt-athena, the configuration of Python models; AWS, "Amazon Athena for Apache Spark", table formats and encryption.

use std::time::Duration;

use engine::adapter::AdapterResult;
use serde_json::{Map, Value, json};

use crate::{errors, profile::with_nearest};

const ENGINE_KEYS: [&str; 5] =
    ["CoordinatorDpuSize", "MaxConcurrentDpus", "DefaultExecutorDpuSize", "SparkProperties", "AdditionalConfigs"];

const ICEBERG: [(&str, &str); 4] = [
    ("spark.sql.catalog.spark_catalog", "org.apache.iceberg.spark.SparkSessionCatalog"),
    ("spark.sql.catalog.spark_catalog.catalog-impl", "org.apache.iceberg.aws.glue.GlueCatalog"),
    ("spark.sql.catalog.spark_catalog.io-impl", "org.apache.iceberg.aws.s3.S3FileIO"),
    ("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"),
];
const HUDI: [(&str, &str); 3] = [
    ("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.hudi.catalog.HoodieCatalog"),
    ("spark.serializer", "org.apache.spark.serializer.KryoSerializer"),
    ("spark.sql.extensions", "org.apache.spark.sql.hudi.HoodieSparkSessionExtension"),
];
const DELTA_LAKE: [(&str, &str); 2] = [
    ("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"),
    ("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension"),
];
const ENCRYPTION: [(&str, &str); 3] =
    [("spark.authenticate", "true"), ("spark.io.encryption.enabled", "true"), ("spark.network.crypto.enabled", "true")];
const CROSS_ACCOUNT: [(&str, &str); 1] = [("spark.hadoop.aws.glue.catalog.separator", "/")];
const REQUESTER_PAYS: [(&str, &str); 1] = [("spark.hadoop.fs.s3.useRequesterPaysHeader", "true")];

/// How a Python model is run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SparkConfig {
    pub(super) timeout: Duration,
    pub(super) polling_interval: Duration,
    /// `EngineConfiguration` of StartSession.
    pub(super) engine: Value,
}

impl SparkConfig {
    /// Of a node's configuration.
    pub(super) fn parse(config: &Value, poll_interval: Duration) -> AdapterResult<Self> {
        let given = |key: &str| config.get(key).filter(|value| !value.is_null());
        let wrong = |key: &str, expected: &str| {
            errors::mistake(
                format!("Compilation Error: config '{key}' is {}", given(key).unwrap_or(&Value::Null)),
                format!("'{key}' must be {expected}"),
                format!("correct '{key}' in the model's config"),
            )
        };
        let timeout = match given("timeout") {
            None => 43_200,
            Some(value) => value
                .as_u64()
                .filter(|seconds| *seconds > 0)
                .ok_or_else(|| wrong("timeout", "a whole number of seconds above 0"))?,
        };
        let polling_interval = match given("polling_interval") {
            None => poll_interval,
            Some(value) => value
                .as_f64()
                .filter(|seconds| *seconds > 0.0)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .ok_or_else(|| wrong("polling_interval", "a number of seconds above 0"))?,
        };
        let mut properties = Map::new();
        let mut preset = |preset: &[(&str, &str)]| {
            properties.extend(preset.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))));
        };
        match given("table_type").and_then(Value::as_str).map(str::to_lowercase).as_deref() {
            Some("iceberg") => preset(&ICEBERG),
            Some("hudi") => preset(&HUDI),
            Some("delta_lake") => preset(&DELTA_LAKE),
            _ => {}
        }
        let is_on = |key: &str| given(key).is_some_and(|value| value.as_bool() == Some(true));
        for (key, values) in [
            ("spark_encryption", ENCRYPTION.as_slice()),
            ("spark_cross_account_catalog", &CROSS_ACCOUNT),
            ("spark_requester_pays", &REQUESTER_PAYS),
        ] {
            if is_on(key) {
                preset(values);
            }
        }
        let mut engine = Map::from_iter([
            ("CoordinatorDpuSize".to_owned(), json!(1)),
            ("MaxConcurrentDpus".to_owned(), json!(2)),
            ("DefaultExecutorDpuSize".to_owned(), json!(1)),
        ]);
        let own = match given("engine_config") {
            None => Map::new(),
            Some(Value::Object(own)) => own.clone(),
            Some(_) => return Err(wrong("engine_config", "a mapping")),
        };
        for (key, value) in own {
            match (key.as_str(), value) {
                ("SparkProperties", Value::Object(own)) => properties.extend(own),
                ("SparkProperties" | "AdditionalConfigs", Value::Null) => {}
                ("SparkProperties", _) => {
                    return Err(wrong("engine_config", "a mapping whose SparkProperties are one"));
                }
                (known, value) if ENGINE_KEYS.contains(&known) => {
                    engine.insert(key, value);
                }
                (unknown, _) => {
                    return Err(errors::mistake(
                        format!("Compilation Error: config 'engine_config' has the key '{unknown}'"),
                        "StartSession has no such setting of the engine",
                        with_nearest(unknown, &ENGINE_KEYS),
                    ));
                }
            }
        }
        if engine.get("MaxConcurrentDpus") == Some(&json!(1)) {
            return Err(errors::mistake(
                "Compilation Error: config 'engine_config' has MaxConcurrentDpus 1",
                "a session needs one for its driver and one at least for its executors",
                "write MaxConcurrentDpus: 2 or more",
            ));
        }
        engine.insert("SparkProperties".to_owned(), Value::Object(properties));
        Ok(Self { timeout: Duration::from_secs(timeout), polling_interval, engine: Value::Object(engine) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(config: Value) -> AdapterResult<SparkConfig> {
        SparkConfig::parse(&config, Duration::from_secs(1))
    }

    #[test]
    fn defaults_presets_and_own_settings_are_merged() {
        let usual = parse(json!({"materialized": "table", "timeout": null})).expect("valid");
        assert_eq!((usual.timeout.as_secs(), usual.polling_interval.as_secs()), (43_200, 1));
        assert_eq!(
            usual.engine,
            json!({"CoordinatorDpuSize": 1, "MaxConcurrentDpus": 2, "DefaultExecutorDpuSize": 1, "SparkProperties": {}})
        );
        let own = parse(json!({
            "table_type": "iceberg", "spark_requester_pays": true, "timeout": 60, "polling_interval": 0.5,
            "engine_config": {"MaxConcurrentDpus": 4, "SparkProperties": {"spark.sql.extensions": "mine"}},
        }))
        .expect("valid");
        assert_eq!((own.timeout.as_secs(), own.polling_interval.as_millis()), (60, 500));
        assert_eq!(own.engine["MaxConcurrentDpus"], 4);
        let properties = own.engine["SparkProperties"].as_object().expect("a mapping");
        assert_eq!((properties.len(), &properties["spark.sql.extensions"]), (5, &json!("mine")));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let told = |config: Value| parse(config).expect_err("a mistake").to_string();
        for (config, what) in [
            (json!({"timeout": 0}), "config 'timeout' is 0"),
            (json!({"timeout": "1h"}), "config 'timeout' is \"1h\""),
            (json!({"polling_interval": -1}), "config 'polling_interval' is -1"),
            (json!({"engine_config": []}), "config 'engine_config' is []"),
            (json!({"engine_config": {"MaxConcurrentDpus": 1}}), "has MaxConcurrentDpus 1"),
            (json!({"engine_config": {"MaxConcurentDpus": 4}}), "did you mean 'MaxConcurrentDpus'?"),
        ] {
            let error = told(config);
            assert!(error.contains(what), "{error}");
        }
    }
}

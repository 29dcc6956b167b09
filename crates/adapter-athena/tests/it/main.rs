//! Cases: a warehouse, a node, and what building it plans, calls and leaves behind.
//!
//! A case is a text file of blocks `== name`. `given`, `world` and `node` are read; `plan`, `calls` and `state` are compared, and
//! rewritten with `UPDATE_CASES=1`. Beside that each case is built again with each of its calls failing: what was readable must still be,
//! and the next run must succeed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod adapter;
mod lake_formation;
mod macros;
mod spark;
mod warehouse;

use std::{fmt::Write as _, path::Path};

use adapter_athena::{AthenaAdapter, AthenaProfile, Catalogs, InvocationOptions};
use engine::adapter::{
    Adapter, AdapterResponse, AdapterResult, CatalogIntegration, ColumnSpec, HardDeletes, Materialization,
    MaterializationRequest, QueryComment, SeedColumn, SeedTable, SeedType, SnapshotStrategy, SnapshotStrategyKind,
};
use names::RelationName;
use serde_json::{Value, json};
use warehouse::Warehouse;

struct Case {
    blocks: Vec<(String, String)>,
}

impl Case {
    fn read(text: &str) -> Self {
        let mut blocks: Vec<(String, String)> = vec![(String::new(), String::new())];
        for line in text.lines() {
            match line.strip_prefix("== ") {
                Some(name) => blocks.push((name.to_owned(), String::new())),
                None => {
                    let (_, block) = blocks.last_mut().unwrap();
                    block.push_str(line);
                    block.push('\n');
                }
            }
        }
        Self { blocks }
    }

    fn get(&self, name: &str) -> &str {
        self.blocks.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text.trim())
    }

    fn json(&self, name: &str) -> Value {
        let text = self.get(name);
        if text.is_empty() {
            json!({})
        } else {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"))
        }
    }

    /// A fresh warehouse as the case describes it.
    fn warehouse(&self) -> Warehouse {
        let warehouse = Warehouse::default();
        let settings = self.json("world");
        let mut world = warehouse.world();
        let columns =
            settings.get("columns").cloned().unwrap_or_else(|| json!({"id": "int", "name": "string", "dt": "string"}));
        world.columns = pairs(&columns);
        world.partition_values = match settings.get("partitions") {
            Some(Value::Number(count)) => (0..count.as_u64().unwrap()).map(|number| format!("d{number:03}")).collect(),
            Some(Value::Array(values)) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
            _ => vec!["d2".to_owned(), "d3".to_owned()],
        };
        for (place, tags) in settings.get("lf_tags").and_then(Value::as_object).into_iter().flatten() {
            let tags = pairs(tags).into_iter();
            world.lf_tags.extend(tags.map(|(key, value)| ((place.clone(), key), value)));
        }
        world.conflicts = settings.get("conflicts").and_then(Value::as_u64).unwrap_or(0) as usize;
        world.databases.insert("shop".to_owned());
        if settings.get("enforced").is_some() {
            world.work_group = Some(
                serde_json::from_value(json!({"Name": "w", "Configuration": {
                "EnforceWorkGroupConfiguration": true, "ResultConfiguration": {"OutputLocation": "s3://results/"}}}))
                .unwrap(),
            );
        }
        let own = world.columns.clone();
        if let Some(columns) = settings.get("given_columns") {
            world.columns = pairs(columns);
        }
        for line in self.get("given").lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["view", name] => {
                    let (database, name) = name.split_once('.').unwrap();
                    let input = athena_api::glue::TableInput {
                        name: name.to_owned(),
                        table_type: Some("VIRTUAL_VIEW".into()),
                        ..Default::default()
                    };
                    world.tables.insert(
                        (database.to_owned(), name.to_owned()),
                        athena_api::glue::Table {
                            database_name: database.to_owned(),
                            input,
                            version_id: Some("0".into()),
                            ..Default::default()
                        },
                    );
                }
                [kind, name, location, partitions @ ..] => world.given_table(name, kind, location, partitions),
                _ => panic!("not understood: {line}"),
            }
        }
        world.columns = own;
        drop(world);
        warehouse
    }

    fn adapter(&self, warehouse: &Warehouse, invocation: &str) -> AthenaAdapter {
        let mut profile = json!({
            "type": "athena", "database": "awsdatacatalog", "schema": "shop", "region_name": "us-east-1",
            "s3_staging_dir": "s3://results/", "s3_data_dir": "s3://lake/", "poll_interval": 0,
        });
        let own = self.json("world").get("profile").cloned().unwrap_or(json!({}));
        profile.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let profile = AthenaProfile::parse(profile.as_object().unwrap()).unwrap();
        let catalogs = self.json("world").get("catalogs").cloned().unwrap_or(json!([]));
        let catalogs = catalogs.as_array().unwrap().iter().map(catalog).collect();
        let options = InvocationOptions { catalogs: Catalogs::new(catalogs).unwrap(), ..InvocationOptions::default() };
        AthenaAdapter::with_options(profile, warehouse.services(), invocation, options)
    }

    fn request(&self) -> MaterializationRequest {
        let node = self.json("node");
        let text = |key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
        let sql = text("sql").unwrap_or_else(|| "select * from src".to_owned());
        let materialization = match text("materialized").as_deref().unwrap_or("table") {
            "table" => Materialization::Table { sql },
            "view" => Materialization::View { sql },
            "incremental" => Materialization::Incremental { sql },
            "seed" => Materialization::Seed { table: seed(&node["seed"]) },
            "snapshot" => Materialization::Snapshot { sql, strategy: strategy(&node["snapshot"]) },
            other => panic!("{other}"),
        };
        let config = node.get("config").cloned().unwrap_or(json!({}));
        MaterializationRequest {
            node: "model.shop.orders".into(),
            relation: RelationName::new("awsdatacatalog", "shop", text("name").unwrap_or_else(|| "orders".to_owned())),
            materialization,
            config: config.as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            full_refresh: node.get("full_refresh") == Some(&json!(true)),
            description: text("description").unwrap_or_default(),
            columns: pairs(&node["columns"])
                .into_iter()
                .map(|(name, description)| ColumnSpec { name, description, ..Default::default() })
                .collect(),
            comment: text("comment").map(|text| QueryComment { text, append: false }),
            provenance: Default::default(),
        }
    }
}

/// The entries of a mapping of texts; none when it is absent.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned())).collect()
}

fn seed(value: &Value) -> SeedTable {
    let columns = value["columns"].as_object().unwrap().iter().map(|(name, kind)| SeedColumn {
        name: name.clone(),
        inferred: match kind.as_str().unwrap() {
            "integer" => SeedType::Integer,
            "number" => SeedType::Number,
            "datetime" => SeedType::DateTime,
            _ => SeedType::Text,
        },
    });
    let rows = value["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().map(|cell| cell.as_str().map(str::to_owned)).collect());
    SeedTable { columns: columns.collect(), rows: rows.collect() }
}

fn catalog(value: &Value) -> CatalogIntegration {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    CatalogIntegration {
        name: text("name").unwrap(),
        catalog_name: text("name").unwrap(),
        catalog_type: text("catalog_type").unwrap(),
        table_format: text("table_format"),
        file_format: text("file_format"),
        external_volume: text("external_volume"),
        catalog_database: text("catalog_database"),
    }
}

fn strategy(value: &Value) -> SnapshotStrategy {
    let list =
        |key: &str| value[key].as_array().map(|all| all.iter().map(|item| item.as_str().unwrap().to_owned()).collect());
    let updated_at = value["updated_at"].as_str().map(str::to_owned);
    SnapshotStrategy {
        unique_key: list("unique_key").unwrap(),
        kind: match value["strategy"].as_str().unwrap() {
            "timestamp" => SnapshotStrategyKind::Timestamp { updated_at: updated_at.unwrap() },
            _ => SnapshotStrategyKind::Check { columns: list("check_cols"), updated_at },
        },
        hard_deletes: match value["hard_deletes"].as_str() {
            Some("invalidate") => HardDeletes::Invalidate,
            Some("new_record") => HardDeletes::NewRecord,
            _ => HardDeletes::Ignore,
        },
        valid_to_current: value["valid_to_current"].as_str().map(str::to_owned),
        meta_column_names: Default::default(),
    }
}

async fn build(adapter: &AthenaAdapter, case: &Case) -> AdapterResult<AdapterResponse> {
    adapter.prepare(&[("awsdatacatalog".to_owned(), "shop".to_owned())]).await?;
    adapter.plan(case.request()).await?.execute().await
}

/// Ids in the order in which they appear, so that a case can be read.
fn with_short_ids(text: &str) -> String {
    let pattern =
        regex::Regex::new("[0-9a-f]{8}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{12}").unwrap();
    let mut seen: Vec<String> = Vec::new();
    pattern
        .replace_all(text, |found: &regex::Captures<'_>| {
            let id = found[0].to_owned();
            let at = seen.iter().position(|known| *known == id).unwrap_or_else(|| {
                seen.push(id);
                seen.len() - 1
            });
            format!("<id{at}>")
        })
        .into_owned()
}

async fn check(path: &Path) {
    let text = fs_err::read_to_string(path).unwrap();
    let case = Case::read(&text);
    let warehouse = case.warehouse();
    let adapter = case.adapter(&warehouse, "invocation-1");
    adapter.prepare(&[("awsdatacatalog".to_owned(), "shop".to_owned())]).await.unwrap();

    let mut plan_text = String::new();
    let mut changes = 0;
    let outcome = match adapter.plan(case.request()).await {
        Ok(plan) => {
            assert!(warehouse.world().calls.is_empty(), "{}: a plan changes nothing", path.display());
            for step in plan.steps() {
                writeln!(plan_text, "{} {}", step.action, step.target).unwrap();
                for line in step.sql.iter().flat_map(|sql| sql.lines()) {
                    writeln!(plan_text, "    {line}").unwrap();
                }
            }
            let outcome = plan.execute().await;
            changes = warehouse.world().calls.len();
            outcome
        }
        Err(error) => Err(error),
    };
    let outcome = match outcome {
        Ok(response) => format!("{} {} bytes", response.message, response.data_scanned_in_bytes),
        Err(error) => format!("error: {error}"),
    };
    let (calls, state) = {
        let world = warehouse.world();
        let tokens: std::collections::BTreeSet<_> = world.tokens.iter().collect();
        assert_eq!(tokens.len(), world.tokens.len(), "{}: every statement has its own token", path.display());
        (world.calls.join("\n"), world.state())
    };
    let all = with_short_ids(&format!("== plan\n{plan_text}== calls\n{calls}\n{outcome}\n== state\n{state}"));

    let inputs: String = case
        .blocks
        .iter()
        .filter(|(name, _)| !["plan", "calls", "state"].contains(&name.as_str()))
        .map(|(name, text)| if name.is_empty() { text.clone() } else { format!("== {name}\n{text}") })
        .collect();
    let expected = format!("{inputs}{all}");
    if std::env::vars().any(|(key, _)| key == "UPDATE_CASES") {
        fs_err::write(path, &expected).unwrap();
    } else {
        assert_eq!(text, expected, "{}", path.display());
    }
    if !outcome.starts_with("error") {
        let granted = warehouse.world().lake_formation();
        check_failures(path, &case, changes, &granted).await;
    }
}

/// Each changing call fails once: what was readable stays so, and the next run builds the node.
async fn check_failures(path: &Path, case: &Case, changes: usize, granted: &str) {
    let target = format!("shop.{}", case.request().relation.identifier);
    for fail_at in 0..changes {
        let warehouse = case.warehouse();
        let existed = warehouse.world().tables.contains_key(&("shop".to_owned(), target[5..].to_owned()));
        let others: Vec<String> = {
            let world = warehouse.world();
            let all = world.tables.keys().map(|(database, name)| format!("{database}.{name}"));
            all.filter(|name| !name.starts_with(&target) && world.is_readable(name)).collect()
        };
        warehouse.world().fail_at = Some(fail_at);
        let first = build(&case.adapter(&warehouse, "invocation-1"), case).await;
        let what = {
            let world = warehouse.world();
            format!("{}: call {fail_at} failed: {}\n{}", path.display(), world.calls[fail_at], world.state())
        };
        {
            let world = warehouse.world();
            assert!(first.is_err() || world.is_readable(&target), "success means that the table is there\n{what}");
            if existed {
                assert!(world.is_readable(&target), "a failure leaves the old table readable\n{what}");
            }
            assert!(others.iter().all(|name| world.is_readable(name)), "other tables are not touched\n{what}");
        }
        warehouse.world().fail_at = None;
        let second = build(&case.adapter(&warehouse, "invocation-2"), case).await;
        if let Err(error) = second {
            panic!("the next run succeeds: {error}\n{what}\n{}", warehouse.world().state());
        }
        let world = warehouse.world();
        assert!(world.is_readable(&target), "{what}\nthen\n{}", world.state());
        assert_eq!(world.lake_formation(), granted, "{what}");
        let temporary = world.tables.keys().find(|(_, name)| name.starts_with(&format!("{}__", &target[5..])));
        // A name that no other run has is not found again either; that is the price of the setting.
        let is_unique = case.json("node")["config"].get("unique_tmp_table_suffix").is_some();
        assert!(is_unique || temporary.is_none(), "no temporary table is left: {temporary:?}\n{what}");
    }
}

#[tokio::test]
async fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 15, "the cases are there");
    for path in paths {
        check(&path).await;
    }
}

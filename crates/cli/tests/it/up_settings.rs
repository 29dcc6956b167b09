//! From a connection to a whole run: set by command, tried, attached to an environment, and the warehouse has what the run built; artifacts in S3.

use std::{
    io::{BufReader, Read},
    path::Path,
    process::Child,
};

use super::{
    owlet, owlet_with,
    processes::{interrupt, spawn, spawn_with, wait_for},
    server_settings::owlet_fed,
    up::write,
};

/// A lakehouse of its own folder: what Athena is to a team.
pub struct Warehouse {
    pub folder: tempfile::TempDir,
    pub endpoint: String,
    process: Child,
}

impl Warehouse {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = spawn(folder.path(), &["lake", "serve", "--listen", "127.0.0.1:0"]);
        let mut lines = BufReader::new(process.stderr.take().expect("piped"));
        let line = wait_for(&mut lines, "Serving Athena, Glue, Lake Formation, S3 and STS");
        let endpoint = line.trim().rsplit(' ').next().expect("an endpoint").to_owned();
        // Its output is read on, so that it never waits for a reader.
        std::thread::spawn(move || lines.read_to_string(&mut String::new()));
        let warehouse = Self { folder, endpoint, process };
        warehouse.sql("create schema if not exists dev");
        warehouse
    }

    /// Rows as CSV, or why there are none.
    pub fn sql(&self, query: &str) -> String {
        let done = owlet(self.folder.path(), &["sql", "--format", "csv", query]);
        if done.code == Some(0) { done.stdout } else { done.stderr }
    }

    pub fn bucket(&self, name: &str) {
        let url = format!("{}/{name}", self.endpoint);
        let made = std::process::Command::new("curl")
            .args([
                "--silent",
                "--fail",
                "--request",
                "PUT",
                "--user",
                "any:any",
                "--aws-sigv4",
                "aws:amz:us-east-1:s3",
                &url,
            ])
            .status()
            .expect("curl runs");
        assert!(made.success(), "the bucket {name}");
    }

    /// Puts an object of four bytes.
    pub fn put(&self, bucket: &str, key: &str) {
        let url = format!("{}/{bucket}/{key}", self.endpoint);
        let put = std::process::Command::new("curl")
            .args(["--silent", "--fail", "--user", "any:any", "--aws-sigv4", "aws:amz:us-east-1:s3"])
            .args(["--request", "PUT", "--data", "kept", &url])
            .status();
        assert!(put.expect("curl runs").success());
    }

    /// The keys of a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let url = format!("{}/{bucket}?list-type=2", self.endpoint);
        let listed = std::process::Command::new("curl")
            .args(["--silent", "--fail", "--user", "any:any", "--aws-sigv4", "aws:amz:us-east-1:s3", &url])
            .output()
            .expect("curl runs");
        let text = String::from_utf8(listed.stdout).expect("UTF-8");
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        keys.map(str::to_owned).collect()
    }

    /// The `KEY=VALUE`s of a connection to it.
    pub fn fields(&self) -> Vec<String> {
        let endpoint = format!("endpoint_url={}", self.endpoint);
        let mut fields = vec![endpoint];
        fields.extend(
            [
                "region_name=us-east-1",
                "database=awsdatacatalog",
                "schema=dev",
                "work_group=primary",
                "s3_staging_dir=s3://lake/results/",
                "s3_data_dir=s3://lake/tables/",
                "aws_access_key_id=AKIAEXAMPLE",
            ]
            .map(str::to_owned),
        );
        fields
    }
}

impl Drop for Warehouse {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const SCHEDULES: &str = "version: 1
schedules:
  - name: Nightly
    slug: nightly
    environment: production
    schedule: 'OFF'
    commands:
      - dbt build
      - bash -c 'cat \"$DBT_PROFILES_DIR/profiles.yml\"; echo \"region is $SHOP_REGION\"'
";

#[test]
fn a_connection_becomes_the_profile_of_whole_runs() {
    let warehouse = Warehouse::start();
    warehouse.bucket("lake");
    warehouse.bucket("artifacts");
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    write(dir, "dbt_project.yml", "name: shop\nprofile: shop\nmodels:\n  +materialized: table\n");
    write(dir, "models/numbers.sql", "select 1 as x union all select 2\n");
    write(dir, "paradime_schedules.yml", SCHEDULES);

    let fields = warehouse.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let add = [&["connection", "add", "warehouse"][..], &fields, &["--secret", "aws_secret_access_key"]].concat();
    let (code, told) = owlet_fed(dir, &add, "hush-hush-key\n");
    assert_eq!(code, Some(0), "{told}");
    let tested = owlet(dir, &["connection", "test", "warehouse"]);
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    let refused = owlet(dir, &["environment", "set", "production", "--path", ".", "--connection", "warehous"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("did you mean 'warehouse'?"), "{}", refused.stderr);
    let arguments = [
        "environment",
        "set",
        "production",
        "--path",
        ".",
        "--connection",
        "warehouse",
        "--target-name",
        "live",
        "--schema",
        "shop_live",
        "--target-threads",
        "2",
        "--var",
        "SHOP_REGION=eu",
    ];
    let set = owlet(dir, &arguments);
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    let shown = owlet(dir, &["environment", "show", "production"]).stdout;
    assert!(shown.contains("\"connection\": \"warehouse\"") && shown.contains("\"target\": \"live\""), "{shown}");

    let aws = [
        ("AWS_ENDPOINT_URL_S3", warehouse.endpoint.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "any"),
        ("AWS_SECRET_ACCESS_KEY", "anysecret"),
    ];
    let up = ["up", "--listen", "127.0.0.1:0", "--lake-listen", "127.0.0.1:0"];
    let nowhere = owlet_with(dir, &[&up[..], &["--artifacts", "s3://nowhere/x/"]].concat(), &aws);
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.stderr);
    assert!(nowhere.stderr.contains("Artifacts cannot be kept in 's3://nowhere/x/'"), "{}", nowhere.stderr);

    let mut server = spawn_with(dir, &[&up[..], &["--artifacts", "s3://artifacts/runs/"]].concat(), &aws);
    let mut lines = BufReader::new(server.stderr.take().expect("piped"));
    let endpoint = wait_for(&mut lines, "Owlet serves").trim().rsplit(' ').next().expect("an endpoint").to_owned();
    wait_for(&mut lines, "Schedules: 1 changed");
    let bolt = |arguments: &[&str]| owlet(dir, &[&["bolt"], arguments, &["--endpoint", &endpoint]].concat());
    let run = bolt(&["run", "nightly", "--wait"]);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, Some(0), "{said}");
    assert!(
        said.contains("OK created sql table model shop_live.numbers") && said.contains("(target='live')"),
        "{said}"
    );
    assert!(said.contains(&format!("\"endpoint_url\": \"{}\"", warehouse.endpoint)), "{said}");
    assert!(said.contains("\"threads\": 2") && said.contains("env_var('DBT_ENV_SECRET_OWLET_"), "{said}");
    assert!(said.contains("region is eu") && !said.contains("hush"), "{said}");
    assert_eq!(warehouse.sql("select count(*) as n from shop_live.numbers"), "n\n2\n");

    let results = bolt(&["artifacts", "1", "--fetch", "target/run_results.json"]);
    let results: serde_json::Value = serde_json::from_str(&results.stdout).expect("JSON");
    assert_eq!(results["results"][0]["relation_name"], "\"awsdatacatalog\".\"shop_live\".\"numbers\"");
    let keys = warehouse.keys("artifacts");
    assert!(keys.len() >= 4 && keys.iter().all(|key| key.starts_with("runs/") && key.ends_with(".zst")), "{keys:?}");

    interrupt(&server);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(server.wait().expect("it ends").code(), Some(0), "{rest}");

    // The run grows old, and newer ones come: its objects go, and nothing else in the bucket.
    warehouse.put("artifacts", "runs/notes.txt");
    age_the_first_run(dir);
    let mut server = spawn_with(dir, &[&up[..], &["--artifacts", "s3://artifacts/runs/"]].concat(), &aws);
    let mut lines = BufReader::new(server.stderr.take().expect("piped"));
    wait_for(&mut lines, "Owlet serves");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while warehouse.keys("artifacts") != ["runs/notes.txt"] {
        assert!(std::time::Instant::now() < deadline, "{:?}", warehouse.keys("artifacts"));
    }
    interrupt(&server);
    lines.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(server.wait().expect("it ends").code(), Some(0), "{rest}");
}

/// A hundred days pass, in which the schedule runs as often as retention keeps.
fn age_the_first_run(dir: &Path) {
    let columns = "schedule_id, attempt, cause, actor, spec, state, created_at, not_before, started_at, ended_at";
    let newer = format!(
        "INSERT INTO run (uuid, {columns}) SELECT r.uuid || '-' || n.value, {columns} FROM run r \
         JOIN json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]') n WHERE r.id = 1"
    );
    let past = "100 * 86400 * 1000000";
    let older = format!("UPDATE run SET created_at = created_at - {past}, ended_at = ended_at - {past} WHERE id = 1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let file = dir.join(".owlet").join("scheduler.db");
        let database = store::Database::sqlite(&file, store::Durability::Process).await.expect("opened");
        let mut change = database.write().await.expect("a change");
        for sql in [newer, "UPDATE run SET family_id = id WHERE family_id IS NULL".to_owned(), older] {
            store::sqlx::query(store::sqlx::AssertSqlSafe(sql)).execute(&mut *change).await.expect("changed");
        }
        change.commit().await.expect("committed");
    });
}

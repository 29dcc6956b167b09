//! `env` and `connection`: settings of a server, from beside it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::{owlet, settings};

/// Runs `owlet` with something on its standard input.
pub fn owlet_fed(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_owlet"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("USER", "ann")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("owlet runs");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    (output.status.code(), texts.concat())
}

#[test]
fn variables_are_set_listed_and_removed_and_secrets_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    assert_eq!(owlet(dir, &["env", "set", "REGION", "eu"]).code, Some(0));
    assert_eq!(owlet(dir, &["env", "set", "REGION", "us", "--scope", "schedules"]).code, Some(0));
    let (code, told) = owlet_fed(dir, &["env", "set", "TOKEN", "--secret"], "hush-hush\n");
    assert_eq!((code, told.as_str()), (Some(0), "Set the secret variable TOKEN for the workspace\n"));
    assert_eq!(owlet(dir, &["env", "get", "REGION"]).stdout, "eu\n");
    let listed = owlet(dir, &["env", "list", "--format", "json"]).stdout;
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
    let rows: Vec<_> = listed.iter().map(|row| format!("{} {} {}", row["name"], row["value"], row["scope"])).collect();
    assert_eq!(
        rows,
        [r#""REGION" "us" "schedules""#, r#""REGION" "eu" "workspace""#, r#""TOKEN" "********" "workspace""#]
    );
    settings().bind(|| {
        insta::assert_snapshot!("env_get_secret", owlet(dir, &["env", "get", "TOKEN"]).shown(dir));
        insta::assert_snapshot!(
            "env_set_secret_argv",
            owlet(dir, &["env", "set", "DBT_ENV_SECRET_X", "hush"]).shown(dir)
        );
        insta::assert_snapshot!("env_set_reserved", owlet(dir, &["env", "set", "PARADIME_X", "1"]).shown(dir));
        insta::assert_snapshot!("env_rm_slip", owlet(dir, &["env", "rm", "REGOIN"]).shown(dir));
    });
    let (_, told) = owlet_fed(dir, &["env", "set", "PIN", "--secret"], "123");
    assert!(told.contains("is too short"), "{told}");
    assert_eq!(owlet(dir, &["env", "rm", "REGION"]).code, Some(0));
    assert_eq!(owlet(dir, &["env", "get", "REGION"]).code, Some(2));

    let rotated = owlet(dir, &["env", "rotate-key"]);
    assert_eq!(rotated.code, Some(0), "{}", rotated.stderr);
    assert!(rotated.stderr.contains("Encrypted 1 secrets anew"), "{}", rotated.stderr);
    assert_eq!(owlet(dir, &["env", "list"]).code, Some(0));
    let database = fs_err::read(dir.join(".owlet/scheduler.db")).expect("the database");
    let log = fs_err::read(dir.join(".owlet/scheduler.db-wal")).unwrap_or_default();
    assert!(![database, log].concat().windows(9).any(|window| window == b"hush-hush"));
}

#[test]
fn connections_are_added_changed_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let fields = [
        "region_name=eu-west-1",
        "database=awsdatacatalog",
        "schema=shop",
        "work_group=dbt",
        "aws_access_key_id=AKIAX",
    ];
    let add = [&["connection", "add", "prod"][..], &fields, &["--secret", "aws_secret_access_key"]].concat();
    let (code, told) = owlet_fed(dir, &add, "hush/hush\n");
    assert_eq!((code, told.as_str()), (Some(0), "Added the connection 'prod'; try it: owlet connection test prod\n"));
    settings().bind(|| {
        insta::assert_snapshot!("connection_list", owlet(dir, &["connection", "list"]).shown(dir));
        let argv = ["connection", "add", "x", "aws_secret_access_key=hush"];
        insta::assert_snapshot!("connection_secret_argv", owlet(dir, &argv).shown(dir));
        let wrong = ["connection", "add", "x", "regoin_name=eu-west-1", "lakehouse=embedded", "threads=many"];
        insta::assert_snapshot!("connection_mistakes", owlet(dir, &wrong).shown(dir));
        insta::assert_snapshot!("connection_again", owlet(dir, &["connection", "add", "prod", "schema=x"]).shown(dir));
    });
    let changed =
        owlet(dir, &["connection", "add", "prod", "--replace", "schema=prod", "work_group=", "s3_staging_dir=s3://r/"]);
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    let listed = owlet(dir, &["connection", "list", "--format", "csv"]).stdout;
    assert_eq!(
        listed,
        "name,label,scope,region,work_group,schema,secrets\nprod,prod,production,eu-west-1,,prod,aws_secret_access_key\n"
    );
    assert_eq!(owlet(dir, &["connection", "rm", "prod"]).code, Some(0));
    assert_eq!(owlet(dir, &["connection", "test", "prod"]).code, Some(2));
}

//! Interrupts, and two processes on one lakehouse.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::owlet;

pub fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    spawn_with(folder, arguments, &[])
}

pub fn spawn_with(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_owlet"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("owlet runs")
}

pub fn interrupt(child: &Child) {
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(done.success());
}

/// Reads lines until one has `part` in it.
pub fn wait_for(lines: &mut impl BufRead, part: &str) -> String {
    let mut line = String::new();
    while lines.read_line(&mut line).expect("readable") > 0 {
        if line.contains(part) {
            return line;
        }
        line.clear();
    }
    panic!("the output ended before '{part}'");
}

#[test]
fn an_interrupt_stops_queries_and_still_writes_the_results() {
    let folder = tempfile::tempdir().expect("a folder");
    let slow = "select x from unnest(sequence(1, 10000)) a(x) cross join unnest(sequence(1, 10000)) b(y)\n\
                cross join unnest(sequence(1, 10000)) c(z) where x * y * z < 0\n";
    fs_err::create_dir(folder.path().join("tests")).expect("created");
    fs_err::write(folder.path().join("dbt_project.yml"), "name: shop\n").expect("written");
    fs_err::write(folder.path().join("tests/slow.sql"), slow).expect("written");
    fs_err::write(folder.path().join("tests/then.sql"), "select 1 as x where false\n").expect("written");

    let mut child = spawn(folder.path(), &["test", "--threads", "1"]);
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    wait_for(&mut lines, "START test slow");
    interrupt(&child);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(rest.contains("Exited because of keyboard interrupt"), "{rest}");

    let text = fs_err::read_to_string(folder.path().join("target/run_results.json")).expect("written");
    let results: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let told: Vec<(&str, &str)> = results["results"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|result| Some((result["status"].as_str()?, result["message"].as_str()?)))
        .collect();
    assert_eq!(
        told,
        [
            ("error", "Cancelled: the run was stopped while this node was running"),
            ("skipped", "Skipping due to keyboard interrupt"),
        ]
    );
}

#[test]
fn a_served_lakehouse_is_used_through_its_endpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::write(folder.path().join("dbt_project.yml"), "name: shop\n").expect("written");
    let mut server = spawn(folder.path(), &["lake", "serve", "--listen", "127.0.0.1:0"]);
    let mut lines = BufReader::new(server.stderr.take().expect("piped"));
    let line = wait_for(&mut lines, "Serving Athena, Glue, Lake Formation, S3 and STS");
    let endpoint = line.trim().rsplit(' ').next().expect("an endpoint").to_owned();

    let done = owlet(folder.path(), &["debug"]);
    assert!(
        done.stdout.contains(&format!("connected to the lakehouse at {endpoint}")),
        "{}{}",
        done.stdout,
        done.stderr
    );
    let done = owlet(
        folder.path(),
        &["sql", "--format", "json", "create schema if not exists a; select 'x' as c, cast(1.5 as decimal(5, 2)) as d"],
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout.split_whitespace().collect::<String>(), r#"[{"c":"x","d":"1.50"}]"#);

    interrupt(&server);
    assert_eq!(server.wait().expect("it ends").code(), Some(0));
    // Now the directory is free again.
    let done = owlet(folder.path(), &["sql", "--format", "csv", "show databases"]);
    assert!(done.stdout.lines().any(|line| line == "a"), "{}{}", done.stdout, done.stderr);
}

//! `owlet up` as a team has it: the schedules of a folder, runs through the API, and an end in order.

use std::{
    io::{BufReader, Read},
    path::Path,
};

use super::{
    owlet,
    processes::{interrupt, spawn, wait_for},
};

const SCHEDULES: &str = "version: 1
schedules:
  - name: Good
    slug: good
    environment: production
    schedule: 'OFF'
    commands: [dbt build -s numbers]
  - name: Broken
    slug: broken
    environment: production
    schedule: 'OFF'
    commands:
      - command: dbt build -s broken
        continue_on_error: true
      - dbt ls -s numbers
  - name: After good
    slug: after-good
    environment: production
    schedule: 'OFF'
    commands: [dbt show -s numbers]
    run_after: {schedule: good, 'on': [passed]}
";

#[test]
fn a_folders_schedules_run_and_their_ends_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "dbt_project.yml", "name: shop\n");
    write(folder.path(), "models/numbers.sql", "select 1 as x\n");
    write(folder.path(), "models/broken.sql", "select * from nowhere\n");
    write(folder.path(), "paradime_schedules.yml", SCHEDULES);

    let mut server = spawn(folder.path(), &["up", "--listen", "127.0.0.1:0", "--lake-listen", "127.0.0.1:0"]);
    let mut lines = BufReader::new(server.stderr.take().expect("piped"));
    let line = wait_for(&mut lines, "Owlet serves");
    let endpoint = line.trim().rsplit(' ').next().expect("an endpoint").to_owned();
    wait_for(&mut lines, "Schedules: 3 changed");

    let bolt = |arguments: &[&str]| {
        let all: Vec<&str> = [&["bolt"], arguments, &["--endpoint", &endpoint]].concat();
        owlet(folder.path(), &all)
    };
    let good = bolt(&["run", "good", "--wait"]);
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    assert!(good.stdout.contains("OK created sql view model dev.numbers"), "{}{}", good.stdout, good.stderr);

    // The second command runs all the same, and the run has failed.
    let broken = bolt(&["run", "broken", "--wait"]);
    assert_eq!(broken.code, Some(1), "{}{}", broken.stdout, broken.stderr);
    assert!(broken.stdout.contains("TABLE_NOT_FOUND"), "{}{}", broken.stdout, broken.stderr);
    assert!(broken.stdout.contains("shop.numbers"), "{}{}", broken.stdout, broken.stderr);

    let unknown = bolt(&["run", "gud"]);
    assert_eq!(unknown.code, Some(2), "{}{}", unknown.stdout, unknown.stderr);

    // The chained one was made in the transaction that ended its parent.
    let runs = bolt(&["runs"]).stdout;
    let states = |slug: &str| runs.lines().filter(|line| line.contains(slug)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(states("after-good").len(), 1, "{runs}");
    assert!(states(" broken ")[0].contains("FAILED"), "{runs}");

    // One process has the folder.
    let second = owlet(folder.path(), &["up", "--listen", "127.0.0.1:0", "--lake-listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(2));
    assert!(second.stderr.contains("is in use by process"), "{}", second.stderr);

    interrupt(&server);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(server.wait().expect("it ends").code(), Some(0), "{rest}");
    assert!(rest.trim_end().ends_with("Stopped"), "{rest}");
}

#[test]
fn an_address_in_use_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let done = owlet(folder.path(), &["up", "--listen", &address]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains(&address) && done.stderr.contains("fix:"), "{}", done.stderr);
    assert!(!folder.path().join(".owlet").exists(), "nothing was made");
}

pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs_err::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs_err::write(path, text).expect("written");
}

//! From nothing to documentation: `init`, `build`, `docs generate`, `docs serve`, and `deps` on the way.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    path::Path,
};

use super::{
    owlet, owlet_with,
    processes::{interrupt, spawn, wait_for},
};

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs_err::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs_err::write(path, text).expect("written");
}

fn read(folder: &Path, path: &str) -> String {
    fs_err::read_to_string(folder.join(path)).expect("readable")
}

/// Status line and body of an answer.
fn get(port: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("connected");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[test]
fn a_new_project_builds_and_is_documented() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = owlet(folder.path(), &["init", "shop"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let shop = folder.path().join("shop");
    assert!(!shop.join("profiles.yml").exists());
    write(&shop, "tools/dbt_project.yml", "name: tools\n");
    write(&shop, "tools/macros/twice.sql", "{% macro twice(x) %}{{ x }} * 2{% endmacro %}\n");
    let added = owlet(&shop, &["deps", "--add-package", "tools", "--source", "local"]);
    assert_eq!(added.code, Some(0), "{}{}", added.stdout, added.stderr);
    assert!(added.stdout.contains("Installed from <local @ tools>"), "{}", added.stdout);
    assert!(shop.join("dbt_packages/tools/macros/twice.sql").is_file());
    let built = owlet(&shop, &["build"]);
    assert_eq!(built.code, Some(0), "{}{}", built.stdout, built.stderr);
    assert!(built.stdout.contains("ERROR=0"), "{}", built.stdout);
    let documented = owlet(&shop, &["docs", "generate", "--static"]);
    assert_eq!(documented.code, Some(0), "{}{}", documented.stdout, documented.stderr);
    assert!(read(&shop, "target/index.html").contains("readProject"));
    let page = read(&shop, "target/static_index.html");
    assert!(page.contains("id=\"data-manifest\"") && page.contains("model.shop.customer_orders"));

    let mut child = spawn(&shop, &["docs", "serve", "--port", "0", "--no-browser"]);
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let address = wait_for(&mut lines, "navigate to: ");
    let port = address.trim().rsplit(':').next().expect("a port").to_owned();
    let (status, body) = get(&port, "/");
    assert!(status.contains("200") && body.contains("<title>Documentation</title>"), "{status}");
    for (path, part) in [("/manifest.json", "model.shop.customer_orders"), ("/catalog.json?x=1", "last_ordered_on")] {
        let (status, body) = get(&port, path);
        assert!(status.contains("200") && body.contains(part), "{path}: {status}");
    }
    for path in ["/../dbt_project.yml", "/%2e%2e/dbt_project.yml", "/nothing.json", "/run", "//etc/passwd", "/%zz"] {
        let (status, _) = get(&port, path);
        assert!(status.contains("404"), "{path}: {status}");
    }
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn init_says_what_it_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    let nameless = owlet(folder.path(), &["init"]);
    assert_eq!(nameless.code, Some(2));
    assert!(
        nameless.stderr.starts_with("The project needs a name\n  cause: standard input is no terminal"),
        "{}",
        nameless.stderr
    );
    let wrong = owlet(folder.path(), &["init", "my-shop"]);
    assert!(wrong.stderr.starts_with("my-shop is not a valid project name.\n"), "{}", wrong.stderr);
    let unknown = owlet(folder.path(), &["init", "shop", "--profile", "nobody"]);
    assert!(unknown.stderr.starts_with("Could not find profile named 'nobody'\n"), "{}", unknown.stderr);
    assert!(!folder.path().join("shop").exists());

    // Beside a profiles.yml that knows the project not, it brings its own.
    write(
        folder.path(),
        ".dbt/profiles.yml",
        "other:\n  outputs:\n    dev: {type: athena, lakehouse: embedded, database: awsdatacatalog, schema: dev}\n  target: dev\n",
    );
    assert_eq!(owlet(folder.path(), &["init", "shop"]).code, Some(0));
    assert!(read(folder.path(), "shop/profiles.yml").starts_with("shop:\n  target: dev\n"));
    let twice = owlet(folder.path(), &["init", "shop"]);
    assert!(twice.stderr.starts_with("A project called shop already exists here.\n"), "{}", twice.stderr);
    let with_profile = owlet_with(folder.path(), &["init", "market", "--profile", "other"], &[]);
    assert_eq!(with_profile.code, Some(0), "{}", with_profile.stderr);
    assert!(read(folder.path(), "market/dbt_project.yml").contains("profile: other\n"));
    assert_eq!(owlet(&folder.path().join("market"), &["parse"]).code, Some(0));
}

#[test]
fn a_wrong_catalogs_file_stops_what_reads_nodes_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = owlet(folder.path(), &["init", "shop"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let shop = folder.path().join("shop");
    write(&shop, "catalogs.yml", "catalogs: [{name: lake}]\n");
    let parsed = owlet(&shop, &["parse"]);
    assert_eq!(parsed.code, Some(2), "{}", parsed.stdout);
    assert!(parsed.stdout.contains("at catalogs.yml:1:12"), "{}", parsed.stdout);
    let cleaned = owlet(&shop, &["clean"]);
    assert_eq!(cleaned.code, Some(0), "{}{}", cleaned.stdout, cleaned.stderr);
}

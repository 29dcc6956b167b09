//! Turbo CI from the webhook to the dropped schema: a code host that serves git over HTTP and takes commit statuses, and a warehouse.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    owlet,
    processes::{interrupt, spawn_with, wait_for},
    server_settings::owlet_fed,
    up::write,
    up_settings::Warehouse,
};

const SCHEDULES: &str = "version: 1
schedules:
  - name: Nightly
    slug: nightly
    environment: production
    schedule: 'OFF'
    commands: [dbt build]
  - name: Pull requests
    slug: pull-requests
    environment: production
    schedule: 'OFF'
    commands: [dbt build --select state:modified+ --target ci]
    turbo_ci: {enabled: true, deferred_schedule_slug: nightly}
  - name: Of another repository
    slug: elsewhere
    environment: other
    schedule: 'OFF'
    commands: [dbt build]
    turbo_ci: {enabled: true, deferred_schedule_slug: nightly}
";

/// Serves the files below a folder (git's dumb protocol) and notes what is posted.
struct CodeHost {
    address: String,
    posts: Receiver<Post>,
}

#[derive(Debug)]
struct Post {
    path: String,
    authorization: String,
    body: Value,
}

impl CodeHost {
    fn start(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let (sender, posts) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (root, sender) = (root.clone(), sender.clone());
                std::thread::spawn(move || answer(stream, &root, &sender));
            }
        });
        Self { address, posts }
    }

    /// The next commit status: state, the commit's path, and its text.
    fn status(&self) -> (String, Post) {
        let post = self.posts.recv_timeout(Duration::from_secs(60)).expect("a commit status");
        (post.body["state"].as_str().expect("a state").to_owned(), post)
    }
}

fn answer(mut stream: TcpStream, root: &Path, posts: &Sender<Post>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut request, mut length, mut authorization) = (String::new(), 0, String::new());
    reader.read_line(&mut request).expect("a request");
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, content) = if method == "POST" {
        let body = serde_json::from_slice(&body).expect("JSON");
        posts.send(Post { path: path.to_owned(), authorization, body }).expect("the test listens");
        ("201 Created", b"{}".to_vec())
    } else {
        let file = path.split('?').next().unwrap_or_default().trim_start_matches('/').replace("%20", " ");
        fs_err::read(root.join(file)).map_or(("404 Not Found", Vec::new()), |content| ("200 OK", content))
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&content);
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").args(identity).args(arguments).current_dir(folder).output().expect("git runs");
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8").trim().to_owned()
}

/// Commits everything and publishes it under a name; answers the commit.
fn publish(work: &Path, name: &str) -> String {
    git(work, &["add", "--all"]);
    git(work, &["commit", "--quiet", "--message", "a change"]);
    git(work, &["push", "--quiet", "--force", "host", &format!("HEAD:{name}")]);
    let host = git(work, &["remote", "get-url", "host"]);
    git(Path::new(&host), &["update-server-info"]);
    git(work, &["rev-parse", "HEAD"])
}

/// What GitHub delivers about pull request 7.
fn pull_request(action: &str, repository: &str, commit: &str) -> Value {
    json!({
        "action": action,
        "repository": {"full_name": repository},
        "pull_request": {
            "number": 7, "merged": false, "user": {"login": "ada"}, "html_url": "https://example.com/7",
            "head": {"ref": "feature", "sha": commit}, "base": {"ref": "main"},
        },
    })
}

/// Delivers it; answers the status and the body.
fn deliver(endpoint: &str, secret: &str, delivery: &str, body: &Value) -> (String, Value) {
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [
        "content-type: application/json".to_owned(),
        "x-github-event: pull_request".to_owned(),
        format!("x-github-delivery: {delivery}"),
        format!("x-hub-signature-256: sha256={signature}"),
    ];
    posted(&format!("{endpoint}/api/v1/webhooks/github"), &headers, &body)
}

fn posted(address: &str, headers: &[String], body: &str) -> (String, Value) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--write-out", "\n%{http_code}", "--data-binary", body]);
    curl.args(headers.iter().flat_map(|header| ["--header", header.as_str()]));
    let output = curl.arg(address).output().expect("curl runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.to_owned(), serde_json::from_str(body).expect("JSON"))
}

#[test]
fn a_pull_request_is_built_reported_and_cleaned_up() {
    let warehouse = Warehouse::start();
    warehouse.bucket("lake");
    let folder = tempfile::tempdir().expect("a folder");
    let (work, host) = (folder.path().join("work"), folder.path().join("host"));
    fs_err::create_dir_all(host.join("acme")).expect("created");
    git(&host, &["init", "--quiet", "--bare", "acme/shop.git"]);
    write(&work, "dbt_project.yml", "name: shop\nprofile: shop\nmodels:\n  +materialized: table\n");
    write(&work, "models/orders.sql", "select 1 as id union all select 2\n");
    write(
        &work,
        "models/marts/totals.sql",
        "{{ config(schema='marts') }} select count(*) as n from {{ ref('orders') }}\n",
    );
    write(&work, "paradime_schedules.yml", SCHEDULES);
    write(&work, ".gitignore", ".owlet\ntarget\nlogs\n");
    git(&work, &["init", "--quiet"]);
    git(&work, &["remote", "add", "host", &host.join("acme/shop.git").display().to_string()]);
    publish(&work, "refs/heads/main");
    let code = CodeHost::start(host);

    let fields = warehouse.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let add = [&["connection", "add", "warehouse"][..], &fields, &["--secret", "aws_secret_access_key"]].concat();
    assert_eq!(owlet_fed(&work, &add, "hush-hush-key\n").0, Some(0));
    assert_eq!(owlet_fed(&work, &["env", "set", "STATUS_TOKEN", "--secret"], "hush-hush-token\n").0, Some(0));
    let url = format!("{}/acme/shop.git", code.address);
    let api = format!("{}/api", code.address);
    for (name, url) in [("production", url.as_str()), ("other", "https://git.example/acme/other.git")] {
        let arguments = [
            "environment",
            "set",
            name,
            "--git",
            url,
            "--branch",
            "main",
            "--connection",
            "warehouse",
            "--schema",
            "shop_live",
            "--status",
            "github",
            "--status-token",
            "STATUS_TOKEN",
            "--status-api",
            &api,
        ];
        let set = owlet(&work, &arguments);
        assert_eq!(set.code, Some(0), "{}", set.stderr);
    }
    let up = ["up", "--listen", "127.0.0.1:0", "--lake-listen", "127.0.0.1:0"];
    let mut server = spawn_with(&work, &up, &[("OWLET_WEBHOOK_SECRET", "hook")]);
    let mut lines = BufReader::new(server.stderr.take().expect("piped"));
    let endpoint = wait_for(&mut lines, "Owlet serves").trim().rsplit(' ').next().expect("an endpoint").to_owned();
    wait_for(&mut lines, "Schedules: 3 changed");
    let bolt = |arguments: &[&str]| owlet(&work, &[&["bolt"], arguments, &["--endpoint", &endpoint]].concat());
    let nightly = bolt(&["run", "nightly", "--wait"]);
    assert_eq!(nightly.code, Some(0), "{}{}", nightly.stdout, nightly.stderr);

    // Who does not know the secret, and whose code is not ours, starts nothing.
    git(&work, &["checkout", "--quiet", "-b", "feature"]);
    write(
        &work,
        "models/marts/totals.sql",
        "{{ config(schema='marts') }} select sum(id) as n from {{ ref('orders') }}\n",
    );
    // As of a fork: no branch of the repository has it.
    let commit = publish(&work, "refs/pull/7/head");
    let opened = pull_request("opened", "acme/shop", &commit);
    assert_eq!(deliver(&endpoint, "guess", "d1", &opened).0, "401");
    let (_, foreign) = deliver(&endpoint, "hook", "d2", &pull_request("opened", "else/where", &commit));
    assert_eq!(foreign["run_ids"], json!([]), "{foreign}");

    let (_, first) = deliver(&endpoint, "hook", "d3", &opened);
    assert_eq!(first["run_ids"].as_array().map(Vec::len), Some(1), "{first}");
    let (_, again) = deliver(&endpoint, "hook", "d3", &opened);
    assert_eq!(again["run_ids"], first["run_ids"], "delivered twice");
    let run = first["run_ids"][0].to_string();
    let logs = bolt(&["logs", &run, "--follow"]);
    let said = format!("{}{}", logs.stdout, logs.stderr);
    assert!(said.contains("OK created sql table model paradime_turbo_ci_pr_7_marts.totals"), "{said}");
    assert!(!said.contains("model paradime_turbo_ci_pr_7.orders"), "only what changed is built: {said}");
    // Read from production: 1 + 2.
    assert_eq!(warehouse.sql("select n from paradime_turbo_ci_pr_7_marts.totals"), "n\n3\n");
    assert_eq!(warehouse.sql("select n from shop_live_marts.totals"), "n\n2\n");
    let (mut state, mut post) = code.status();
    if state == "pending" {
        assert_eq!(post.path, format!("/api/repos/acme/shop/statuses/{commit}"));
        assert_eq!(
            (post.authorization.as_str(), &post.body["context"]),
            ("Bearer hush-hush-token", &json!("owlet/pull-requests"))
        );
        assert!(
            post.body["target_url"].as_str().expect("a page").ends_with(&format!("/bolt/run_id/{run}")),
            "{post:?}"
        );
        (state, post) = code.status();
    }
    assert_eq!(state, "success", "{post:?}");

    // A new commit that fails.
    write(&work, "models/marts/totals.sql", "{{ config(schema='marts') }} select nothing from {{ ref('orders') }}\n");
    let broken = publish(&work, "refs/pull/7/head");
    let (_, second) = deliver(&endpoint, "hook", "d4", &pull_request("synchronize", "acme/shop", &broken));
    let run = second["run_ids"][0].to_string();
    bolt(&["logs", &run, "--follow"]);
    while state != "failure" {
        (state, post) = code.status();
        assert!(["pending", "success", "failure"].contains(&state.as_str()), "{post:?}");
    }
    assert!(
        post.path.ends_with(&broken) && post.body["description"].as_str().expect("text").contains("exited with 1"),
        "{post:?}"
    );

    let tables = |keys: Vec<String>| keys.into_iter().filter(|key| key.contains("paradime_turbo_ci_pr_7")).count();
    assert!(tables(warehouse.keys("lake")) > 0);
    let (_, closed) = deliver(&endpoint, "hook", "d5", &pull_request("closed", "acme/shop", &broken));
    assert!(closed["ignored"].as_str().expect("why").contains("will be dropped"), "{closed}");
    let dropped = wait_for(&mut lines, "Dropped the schemas");
    assert!(dropped.contains("paradime_turbo_ci_pr_7_marts"), "{dropped}");
    let left = warehouse.sql("show databases");
    assert!(!left.contains("paradime_turbo_ci") && left.contains("shop_live"), "{left}");
    assert_eq!(tables(warehouse.keys("lake")), 0, "its files are gone, too");

    interrupt(&server);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(server.wait().expect("it ends").code(), Some(0), "{rest}");
}

/// What Azure DevOps delivers about pull request 7.
fn azure_pull_request(code: &CodeHost, id: &str, event: &str, status: &str, commit: &str) -> String {
    json!({"id": id, "eventType": event, "resource": {
        "repository": {"name": "dbt", "remoteUrl": format!("{}/acme/Shop%20Data/_git/dbt", code.address)},
        "pullRequestId": 7, "status": status, "createdBy": {"uniqueName": "ada@acme.example"},
        "sourceRefName": "refs/heads/feature", "targetRefName": "refs/heads/main",
        "lastMergeSourceCommit": {"commitId": commit}}})
    .to_string()
}

#[test]
fn a_pull_request_of_azure_devops_is_built_reported_and_cleaned_up() {
    let warehouse = Warehouse::start();
    warehouse.bucket("lake");
    let folder = tempfile::tempdir().expect("a folder");
    let (work, host) = (folder.path().join("work"), folder.path().join("host"));
    let repository = host.join("acme/Shop Data/_git/dbt");
    fs_err::create_dir_all(&repository).expect("created");
    git(&repository, &["init", "--quiet", "--bare", "."]);
    write(&work, "dbt_project.yml", "name: shop\nprofile: shop\nmodels:\n  +materialized: table\n");
    write(&work, "models/orders.sql", "select 1 as id\n");
    let schedules = SCHEDULES.replace("[dbt build]", "[dbt parse]").replace("--select state:modified+ ", "");
    let (schedules, _) = schedules.split_once("  - name: Of another").expect("the third schedule");
    write(&work, "paradime_schedules.yml", schedules);
    write(&work, ".gitignore", ".owlet\ntarget\nlogs\n");
    git(&work, &["init", "--quiet"]);
    git(&work, &["remote", "add", "host", &repository.display().to_string()]);
    publish(&work, "refs/heads/main");
    let code = CodeHost::start(host);

    let fields = warehouse.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let add = [&["connection", "add", "warehouse"][..], &fields, &["--secret", "aws_secret_access_key"]].concat();
    assert_eq!(owlet_fed(&work, &add, "hush-hush-key\n").0, Some(0));
    assert_eq!(owlet_fed(&work, &["env", "set", "STATUS_TOKEN", "--secret"], "hush-hush-token\n").0, Some(0));
    let url = format!("{}/acme/Shop%20Data/_git/dbt", code.address);
    let place = ["environment", "set", "production", "--git", &url, "--branch", "main", "--connection", "warehouse"];
    let status = ["--status", "azure-devops", "--status-token", "STATUS_TOKEN", "--status-api", &code.address];
    let set = owlet(&work, &[&place[..], &status].concat());
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    let up = ["up", "--listen", "127.0.0.1:0", "--lake-listen", "127.0.0.1:0"];
    let mut server = spawn_with(&work, &up, &[("OWLET_WEBHOOK_SECRET", "hook")]);
    let mut lines = BufReader::new(server.stderr.take().expect("piped"));
    let endpoint = wait_for(&mut lines, "Owlet serves").trim().rsplit(' ').next().expect("an endpoint").to_owned();
    wait_for(&mut lines, "Schedules: 2 changed");
    let bolt = |arguments: &[&str]| owlet(&work, &[&["bolt"], arguments, &["--endpoint", &endpoint]].concat());
    let nightly = bolt(&["run", "nightly", "--wait"]);
    assert_eq!(nightly.code, Some(0), "{}{}", nightly.stdout, nightly.stderr);

    // Of a fork: its commit is only in what a merge would give.
    git(&work, &["checkout", "--quiet", "-b", "feature"]);
    write(&work, "models/orders.sql", "select 2 as id\n");
    git(&work, &["commit", "--quiet", "--all", "--message", "a change"]);
    let commit = git(&work, &["rev-parse", "HEAD"]);
    git(&work, &["checkout", "--quiet", "-b", "merge", "HEAD~1"]);
    git(&work, &["merge", "--quiet", "--no-ff", "--message", "what a merge would give", "feature"]);
    write(&work, "models/newer.sql", "select 3 as id\n");
    publish(&work, "refs/pull/7/merge");
    let deliver = |id: &str, event: &str, status: &str| {
        let headers = ["content-type: application/json".to_owned(), "authorization: Basic YWRhOmhvb2s=".to_owned()];
        let body = azure_pull_request(&code, id, event, status, &commit);
        posted(&format!("{endpoint}/api/v1/webhooks/azure-devops"), &headers, &body).1
    };
    let opened = deliver("e1", "git.pullrequest.created", "active");
    assert_eq!(opened["run_ids"].as_array().map(Vec::len), Some(1), "{opened}");
    let run = opened["run_ids"][0].to_string();
    let logs = bolt(&["logs", &run, "--follow"]);
    let said = format!("{}{}", logs.stdout, logs.stderr);
    assert!(said.contains("model paradime_turbo_ci_pr_7.orders") && !said.contains("newer"), "{said}");
    assert_eq!(warehouse.sql("select id from paradime_turbo_ci_pr_7.orders"), "id\n2\n");
    let voted = deliver("e2", "git.pullrequest.updated", "active");
    assert_eq!(voted["run_ids"], opened["run_ids"], "a vote builds nothing");
    let (mut state, mut post) = code.status();
    while state == "pending" {
        (state, post) = code.status();
    }
    assert_eq!(state, "succeeded", "{post:?}");
    assert_eq!(post.path, "/acme/Shop%20Data/_apis/git/repositories/dbt/pullRequests/7/statuses?api-version=7.1");
    // The token is a password without a user: `:hush-hush-token`.
    assert_eq!(post.authorization, "Basic Omh1c2gtaHVzaC10b2tlbg==");
    assert_eq!(post.body["context"], json!({"genre": "owlet", "name": "pull-requests"}));

    let closed = deliver("e3", "git.pullrequest.updated", "abandoned");
    assert!(closed["ignored"].as_str().expect("why").contains("will be dropped"), "{closed}");
    let dropped = wait_for(&mut lines, "Dropped the schemas");
    assert!(dropped.contains("paradime_turbo_ci_pr_7"), "{dropped}");
    interrupt(&server);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("UTF-8");
    assert_eq!(server.wait().expect("it ends").code(), Some(0), "{rest}");
}

//! Working copies, with the real git.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Duration,
};

use scheduler::worker::checkout::{
    CheckoutError, Checkouts, Credentials, Fault, Limits, Reference, Source, WorkingCopy,
};
use tokio_util::sync::CancellationToken;

/// A folder for mirrors and copies, and a repository with two branches, a tag and a pull request.
struct Setup {
    folder: tempfile::TempDir,
    checkouts: Checkouts,
    said: Mutex<Vec<String>>,
}

fn environment() -> Vec<(String, String)> {
    [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/nonexistent")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .into()
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .envs(environment())
        .env("GIT_AUTHOR_DATE", "2024-01-02T03:04:05Z")
        .env("GIT_COMMITTER_DATE", "2024-01-02T03:04:05Z")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = folder.path().join("shop");
        fs_err::create_dir(&repository).expect("created");
        git(&repository, &["init", "--quiet"]);
        let checkouts = Checkouts::new(folder.path().join("mirrors"), environment(), Limits::default());
        let setup = Self { folder, checkouts, said: Mutex::default() };
        setup.commit("one");
        git(&repository, &["tag", "-a", "v1", "-m", "first"]);
        git(&repository, &["checkout", "--quiet", "-b", "feature/x"]);
        setup.commit("two");
        git(&repository, &["update-ref", "refs/pull/7/head", "HEAD"]);
        git(&repository, &["update-ref", "refs/merge-requests/8/head", "HEAD"]);
        git(&repository, &["checkout", "--quiet", "main"]);
        setup
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    fn commit(&self, text: &str) -> String {
        fs_err::write(self.repository().join("model.sql"), text).expect("written");
        git(&self.repository(), &["add", "."]);
        git(&self.repository(), &["commit", "--quiet", "-m", text]);
        git(&self.repository(), &["rev-parse", "HEAD"])
    }

    async fn check_out_of(&self, source: &Source, reference: &Reference) -> Result<WorkingCopy, CheckoutError> {
        let to = self.folder.path().join("copy");
        let say = |line: String| self.said.lock().expect("unpoisoned").push(line);
        self.checkouts.check_out(source, reference, &to, &say, &CancellationToken::new()).await
    }

    async fn check_out(&self, reference: &Reference) -> Result<WorkingCopy, CheckoutError> {
        let url = self.repository().display().to_string();
        self.check_out_of(&Source::Repository { url, credentials: Credentials::Host }, reference).await
    }

    fn copied(&self) -> String {
        fs_err::read_to_string(self.folder.path().join("copy/model.sql")).expect("checked out")
    }
}

fn named(name: &str) -> Reference {
    Reference { name: Some(name.to_owned()), ..Reference::default() }
}

#[tokio::test]
async fn branches_tags_commits_and_pull_requests_are_found() {
    let setup = Setup::new();
    let [main, feature] = ["main", "feature/x"].map(|name| git(&setup.repository(), &["rev-parse", name]));
    let pull = |number| Reference { pull_request: Some(number), ..Reference::default() };
    for (reference, text, commit, branch) in [
        (Reference::default(), "one", &main, Some("main")),
        (named("feature/x"), "two", &feature, Some("feature/x")),
        (named("v1"), "one", &main, None),
        (named(&feature), "two", &feature, None),
        (named(&feature[..9]), "two", &feature, None),
        (pull(7), "two", &feature, None),
        (pull(8), "two", &feature, None),
    ] {
        let copy = setup.check_out(&reference).await.unwrap_or_else(|error| panic!("{reference:?}: {error}"));
        assert_eq!(
            (setup.copied().as_str(), copy.commit.as_ref(), copy.branch.as_deref()),
            (text, Some(commit), branch)
        );
        let folder = copy.directory;
        assert_eq!(&git(&folder, &["rev-parse", "HEAD"]), commit);
        assert_eq!(git(&folder, &["remote", "get-url", "origin"]), setup.repository().display().to_string());
        assert_eq!(git(&folder, &["status", "--porcelain"]), "");
    }
    let said = setup.said.lock().expect("unpoisoned").join("\n");
    assert!(said.contains(&format!("HEAD is now at {} two (Ada, 2024-01-02T03:04:05", &feature[..7])), "{said}");
}

#[tokio::test]
async fn a_branch_moves_on_and_a_pinned_commit_stays_even_when_the_host_is_gone() {
    let setup = Setup::new();
    let first = setup.check_out(&named("main")).await.expect("checked out").commit;
    // Rewritten history too.
    git(&setup.repository(), &["commit", "--quiet", "--amend", "-m", "changed"]);
    let second = setup.commit("three");
    assert_eq!(setup.check_out(&named("main")).await.expect("checked out").commit, Some(second));
    assert_eq!(setup.copied(), "three");

    fs_err::rename(setup.repository(), setup.folder.path().join("moved")).expect("moved");
    let pinned = Reference { commit: first.clone(), ..named("main") };
    assert_eq!(setup.check_out(&pinned).await.expect("the mirror has it").commit, first);
    assert_eq!(setup.copied(), "one");
    let error = setup.check_out(&named("main")).await.expect_err("it is gone");
    assert!(matches!(error, CheckoutError::NoRepository { .. }), "{error:?}");
}

#[tokio::test]
async fn what_does_not_exist_is_said_with_the_nearest_name() {
    let setup = Setup::new();
    let error = setup.check_out(&named("feature/y")).await.expect_err("there is none");
    assert_eq!(
        (error.to_string(), error.fix()),
        (
            format!("{} has no branch, tag or commit 'feature/y'", setup.repository().display()),
            "did you mean 'feature/x'?".to_owned()
        )
    );
    assert_eq!(error.fault(), Fault::Configuration);
    let missing = Reference { commit: Some("0".repeat(40)), ..Reference::default() };
    let error = setup.check_out(&missing).await.expect_err("there is none");
    assert!(matches!(error, CheckoutError::UnknownReference { .. }), "{error:?}");
    for url in ["--upload-pack=touch /tmp/owned", "ext::sh -c true", ""] {
        let source = Source::Repository { url: url.to_owned(), credentials: Credentials::Host };
        let error = setup.check_out_of(&source, &named("main")).await.expect_err("no address");
        assert!(matches!(error, CheckoutError::Url { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn submodules_are_refused() {
    let setup = Setup::new();
    fs_err::write(setup.repository().join(".gitmodules"), "[submodule \"a\"]\n\tpath = a\n\turl = ../a\n")
        .expect("written");
    setup.commit("with submodules");
    let error = setup.check_out(&named("main")).await.expect_err("not supported");
    assert!(matches!(&error, CheckoutError::Submodules { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::Configuration);
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_infrastructure_and_the_token_stays_secret() {
    let mut setup = Setup::new();
    // Takes the connection and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("http://me:hush-hush@127.0.0.1:{port}/shop.git");
    let source = Source::Repository { url, credentials: Credentials::Host };
    let limits = Limits { network: Duration::from_millis(500), local: Duration::from_secs(60) };
    setup.checkouts = Checkouts::new(setup.folder.path().join("mirrors"), environment(), limits);
    let error = setup.check_out_of(&source, &named("main")).await.expect_err("no answer");
    assert!(matches!(error, CheckoutError::Timeout { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::Infrastructure);
    drop(listener);
    let error = setup.check_out_of(&source, &named("main")).await.expect_err("refused");
    assert!(matches!(error, CheckoutError::Network { .. }), "{error:?}");
    let told = format!("{error}{error:?}{:?}", setup.said.lock().expect("unpoisoned"));
    assert!(!told.contains("hush"), "{told}");
    assert_nowhere(&setup.folder.path().join("mirrors"), "hush");
}

/// A git host that wants a token: answers 401 without it, and repositories by git's dumb protocol with it.
async fn token_host(root: PathBuf, authorization: &'static str) -> u16 {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let root = root.clone();
            tokio::spawn(async move {
                let (reader, mut writer) = stream.split();
                let mut lines = BufReader::new(reader).lines();
                let (mut path, mut allowed) = (String::new(), false);
                while let Ok(Some(line)) = lines.next_line().await {
                    if path.is_empty() {
                        path =
                            line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
                    }
                    allowed |= line.eq_ignore_ascii_case(&format!("Authorization: {authorization}"));
                    if line.is_empty() {
                        break;
                    }
                }
                let body = fs_err::read(root.join(path.trim_start_matches('/')));
                let head = match (allowed, &body) {
                    (false, _) => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"",
                    (true, Ok(_)) => "200 OK",
                    (true, Err(_)) => "404 Not Found",
                };
                let body = if allowed { body.unwrap_or_default() } else { Vec::new() };
                let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = writer.write_all(head.as_bytes()).await;
                let _ = writer.write_all(&body).await;
            });
        }
    });
    port
}

fn assert_nowhere(folder: &Path, secret: &str) {
    let found = Command::new("grep").args(["-r", "-l", "--", secret]).arg(folder).output().expect("grep runs");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[tokio::test]
async fn a_token_opens_a_host_and_lies_in_no_file() {
    let setup = Setup::new();
    git(setup.folder.path(), &["clone", "--quiet", "--bare", "shop", "shop.git"]);
    git(&setup.folder.path().join("shop.git"), &["update-server-info"]);
    // base64 of `x-token:hush-hush`
    let port = token_host(setup.folder.path().to_owned(), "Basic eC10b2tlbjpodXNoLWh1c2g=").await;
    let url = format!("http://127.0.0.1:{port}/shop.git");
    let with = |token: &str| Source::Repository {
        url: url.clone(),
        credentials: Credentials::Token { username: "x-token".to_owned(), token: token.to_owned() },
    };
    let error = setup.check_out_of(&with("wrong"), &named("main")).await.expect_err("refused");
    assert!(matches!(error, CheckoutError::Authentication { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::Configuration);
    setup.check_out_of(&with("hush-hush"), &named("main")).await.expect("checked out");
    assert_eq!(setup.copied(), "one");
    assert_nowhere(setup.folder.path(), "hush-hush");
}

#[tokio::test]
async fn a_deploy_key_is_a_private_file_for_ssh_alone() {
    let setup = Setup::new();
    // Stands in for ssh: notes what it was called with and what the key file looks like, then serves the repository.
    let bin = setup.folder.path().join("bin");
    fs_err::create_dir(&bin).expect("created");
    let note = setup.folder.path().join("note");
    let script = format!(
        "#!/bin/bash\nkey=$(printf '%s\\n' \"$@\" | grep -A1 '^-i$' | tail -1)\n\
         {{ printf '%s\\n' \"$*\"; stat -c %a \"$key\"; cat \"$key\"; }} > {}\nexec sh -c \"${{@: -1}}\"\n",
        note.display()
    );
    fs_err::write(bin.join("ssh"), script).expect("written");
    Command::new("chmod").args(["+x", "ssh"]).current_dir(&bin).status().expect("chmod runs");
    let mut environment = environment();
    environment[0].1 = format!("{}:{}", bin.display(), environment[0].1);
    let checkouts = Checkouts::new(setup.folder.path().join("mirrors"), environment, Limits::default());
    let setup = Setup { checkouts, ..setup };
    let source = Source::Repository {
        url: format!("git@git.example:{}", setup.repository().display()),
        credentials: Credentials::DeployKey {
            private_key: "-----BEGIN hush-hush-----".to_owned(),
            known_hosts: Some("git.example ssh-ed25519 AAAA".to_owned()),
        },
    };
    setup.check_out_of(&source, &named("main")).await.expect("checked out");
    let note = fs_err::read_to_string(note).expect("ssh was called");
    let (arguments, rest) = note.split_once('\n').expect("lines");
    assert_eq!(rest, "600\n-----BEGIN hush-hush-----\n");
    for expected in ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "git@git.example"] {
        assert!(arguments.contains(expected), "{arguments}");
    }
    assert_nowhere(&setup.folder.path().join("mirrors"), "hush-hush");
}

#[tokio::test]
async fn a_folder_is_copied_as_it_is_and_its_lakehouse_is_linked() {
    let setup = Setup::new();
    let shop = setup.repository();
    fs_err::write(shop.join("model.sql"), "uncommitted").expect("written");
    for folder in ["target", "models/target", ".owlet"] {
        fs_err::create_dir_all(shop.join(folder)).expect("created");
        fs_err::write(shop.join(folder).join("x"), "x").expect("written");
    }
    fs_err::os::unix::fs::symlink("model.sql", shop.join("link.sql")).expect("linked");
    let copy = setup.check_out_of(&Source::Folder(shop.clone()), &Reference::default()).await.expect("copied");
    assert_eq!((setup.copied().as_str(), copy.commit), ("uncommitted", None));
    let to = copy.directory;
    assert_eq!(fs_err::read_link(to.join("link.sql")).expect("a link"), Path::new("model.sql"));
    assert_eq!(
        fs_err::read_link(to.join(".owlet")).expect("a link"),
        fs_err::canonicalize(&shop).expect("there").join(".owlet")
    );
    assert!(to.join("models/target/x").is_file() && !to.join("target").exists() && !to.join(".git").exists());

    let error = setup.check_out_of(&Source::Folder(shop.join("gone")), &Reference::default()).await.expect_err("none");
    assert!(matches!(error, CheckoutError::NoFolder { .. }), "{error:?}");
}

#[tokio::test]
async fn two_runs_at_once_get_their_own_copies() {
    let setup = Setup::new();
    let url = setup.repository().display().to_string();
    let source = Source::Repository { url, credentials: Credentials::Host };
    let cancel = CancellationToken::new();
    let say = |_| {};
    let (main, feature) = (named("main"), named("feature/x"));
    let [a, b] = ["a", "b"].map(|name| setup.folder.path().join(name));
    let (first, second) = tokio::join!(
        setup.checkouts.check_out(&source, &main, &a, &say, &cancel),
        setup.checkouts.check_out(&source, &feature, &b, &say, &cancel)
    );
    first.expect("checked out");
    second.expect("checked out");
    assert_eq!(fs_err::read_to_string(a.join("model.sql")).expect("there"), "one");
    assert_eq!(fs_err::read_to_string(b.join("model.sql")).expect("there"), "two");
    cancel.cancel();
    let error = setup.checkouts.check_out(&source, &main, &a, &say, &cancel).await.expect_err("cancelled");
    assert_eq!(error.fault(), Fault::Cancelled);
}

#[tokio::test]
async fn who_waits_for_a_mirror_says_so_and_can_be_cancelled() {
    let setup = Setup::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://127.0.0.1:{}/shop.git", listener.local_addr().expect("an address").port());
    let source = Source::Repository { url, credentials: Credentials::Host };
    let mirrors = setup.folder.path().join("mirrors");
    // The third is as another server of this machine, with the same directory.
    let other = Checkouts::new(mirrors.clone(), environment(), Limits::default());
    let [hanging, second, third] = [(); 3].map(|()| CancellationToken::new());
    let (main, quiet) = (named("main"), |_| {});
    let [a, b, c] = ["a", "b", "c"].map(|name| setup.folder.path().join(name));
    let (heard, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let hear = |line: String| heard.send(line).expect("heard");
    let first = setup.checkouts.check_out(&source, &main, &a, &quiet, &hanging);
    let waiting = async {
        // The host never answers the first one.
        let (connection, _) = listener.accept().await.expect("git asks");
        tokio::join!(
            async {
                let error = setup.checkouts.check_out(&source, &main, &b, &hear, &second).await.expect_err("cancelled");
                assert_eq!(error.fault(), Fault::Cancelled);
            },
            async {
                assert!(
                    lines.recv().await.expect("said").starts_with("Waiting for another run that looks at http://127")
                );
                second.cancel();
            },
        );
        tokio::join!(
            async {
                let error = other.check_out(&source, &main, &c, &hear, &third).await.expect_err("cancelled");
                assert_eq!(error.fault(), Fault::Cancelled);
            },
            async {
                assert!(lines.recv().await.expect("said").starts_with("Waiting for another server of this machine"));
                third.cancel();
            },
        );
        hanging.cancel();
        drop(connection);
    };
    let (first, ()) = tokio::join!(first, waiting);
    assert_eq!(first.expect_err("cancelled").fault(), Fault::Cancelled);
}

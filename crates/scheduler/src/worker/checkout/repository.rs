//! From a repository to a working copy: find the commit, bring it into the mirror, clone the mirror.

use std::{collections::BTreeMap, fs::TryLockError, path::Path, time::Duration};

use super::{
    CheckoutError, Reference, Say, WorkingCopy,
    git::{Reach, Session},
};

/// Where hosts keep the head of a pull request.
///
/// The last is Azure's only one: what a merge would give, whose second parent is the head.
///
/// Source: GitHub "Checking out pull requests locally", GitLab "Merge request workflow", Bitbucket Data Center "Pull request refs", Azure
/// Pipelines "Build Azure Repos Git", pull request validation.
const PULL_REQUEST: [(&str, &str); 4] = [
    ("refs/pull/", "/head"),
    ("refs/merge-requests/", "/head"),
    ("refs/pull-requests/", "/from"),
    ("refs/pull/", "/merge"),
];

/// Between two looks whether another process has left the mirror.
const LOCK_LOOK: Duration = Duration::from_millis(200);

/// The commit, and how to get it.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    commit: String,
    /// The remote's name for it; a bare commit has none.
    remote: Option<String>,
    branch: Option<String>,
}

pub(super) async fn check_out(
    session: &Session<'_>,
    reference: &Reference,
    to: &Path,
    say: Say<'_>,
) -> Result<WorkingCopy, CheckoutError> {
    let lock = session.checkouts.lock_of(&session.mirror);
    let _one_at_a_time = match lock.try_lock() {
        Ok(locked) => locked,
        Err(_) => {
            say(format!("Waiting for another run that looks at {}", session.shown));
            session.unless_cancelled(lock.lock()).await?
        }
    };
    let _file = lock_file(session, say).await?;
    make_mirror(session).await?;

    let found = match &reference.commit {
        Some(commit) if session.has(commit).await => {
            Found { commit: commit.clone(), remote: None, branch: reference.name.clone() }
        }
        _ => {
            say(format!("Looking up {} of {}", described(reference), session.shown));
            let remotes = remotes(session, reference).await?;
            let found = find(&remotes, reference, &session.shown)?;
            fetch(session, &found, say).await?;
            found
        }
    };
    let commit = whole_hash(session, &found.commit).await?;
    if session.in_mirror(Reach::Local, &["cat-file", "-e", &format!("{commit}:.gitmodules")]).await.is_ok() {
        return Err(CheckoutError::Submodules { url: session.shown.clone(), commit: commit[..10].to_owned() });
    }
    let branch = found.branch.filter(|name| *name != commit && !is_hash(name));
    clone(session, &commit, branch.as_deref(), to).await?;
    let format = "--format=%h %s (%an, %aI)";
    let line = session.in_mirror(Reach::Local, &["log", "-1", format, &commit]).await?;
    say(format!("HEAD is now at {}", line.trim_end()));
    Ok(WorkingCopy { directory: to.to_owned(), commit: Some(commit), branch })
}

/// Another process of this host may use the same mirrors.
async fn lock_file(session: &Session<'_>, say: Say<'_>) -> Result<fs_err::File, CheckoutError> {
    let path = session.mirror.with_extension("lock");
    let failed = |source| CheckoutError::io("locking", &path, source);
    fs_err::create_dir_all(&session.checkouts.directory).map_err(failed)?;
    let file = fs_err::OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
    let mut is_told = false;
    // Never waited for inside of the system: there the end of the run or of the server would not be heard.
    loop {
        match file.file().try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => {}
        }
        if !std::mem::replace(&mut is_told, true) {
            say(format!("Waiting for another server of this machine that looks at {}", session.shown));
        }
        session.unless_cancelled(tokio::time::sleep(LOCK_LOOK)).await?;
    }
}

async fn make_mirror(session: &Session<'_>) -> Result<(), CheckoutError> {
    if session.mirror.join("HEAD").is_file() {
        return Ok(());
    }
    let path = session.mirror.display().to_string();
    session.git(Reach::Local, &["init", "--quiet", "--bare", "--", &path]).await.map(|_| ())
}

/// What the repository has, as far as it concerns the reference: name → commit.
async fn remotes(session: &Session<'_>, reference: &Reference) -> Result<BTreeMap<String, String>, CheckoutError> {
    let mut arguments = vec!["ls-remote".to_owned(), "--symref".to_owned(), "--".to_owned(), session.url.clone()];
    match reference.pull_request {
        Some(number) => arguments.extend(PULL_REQUEST.map(|(before, after)| format!("{before}{number}{after}"))),
        None => arguments.extend(["HEAD", "refs/heads/*", "refs/tags/*"].map(str::to_owned)),
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = session.git(Reach::Network, &arguments).await?;
    let mut found = BTreeMap::new();
    for line in answer.lines() {
        let Some((value, name)) = line.split_once('\t') else { continue };
        match value.strip_prefix("ref: ") {
            Some(default) => found.insert("default".to_owned(), default.to_owned()),
            None => found.insert(name.to_owned(), value.to_owned()),
        };
    }
    Ok(found)
}

fn find(remotes: &BTreeMap<String, String>, reference: &Reference, url: &str) -> Result<Found, CheckoutError> {
    let unknown =
        |nearest| CheckoutError::UnknownReference { url: url.to_owned(), wanted: described(reference), nearest };
    if let Some(commit) = &reference.commit {
        let name = reference.name.clone();
        let branch = name.as_ref().map(|name| format!("refs/heads/{name}")).filter(|name| remotes.contains_key(name));
        // The commit of a fork is in no branch of this repository, but in what the host keeps of the pull request.
        let of_pull_request = reference.pull_request.and_then(|number| {
            let mut names = PULL_REQUEST.map(|(before, after)| format!("{before}{number}{after}")).into_iter();
            names.find(|name| remotes.contains_key(name))
        });
        let remote = branch.or(of_pull_request);
        return Ok(Found { commit: commit.clone(), remote, branch: name });
    }
    if let Some(number) = reference.pull_request {
        let names = PULL_REQUEST.map(|(before, after)| format!("{before}{number}{after}"));
        let name = names.into_iter().find(|name| remotes.contains_key(name)).ok_or_else(|| unknown(None))?;
        return Ok(Found { commit: remotes[&name].clone(), remote: Some(name), branch: reference.name.clone() });
    }
    let Some(name) = &reference.name else {
        let default = remotes.get("default").filter(|name| remotes.contains_key(*name));
        let commit = remotes.get("HEAD").ok_or_else(|| unknown(None))?;
        return Ok(Found {
            commit: commit.clone(),
            remote: Some(default.cloned().unwrap_or_else(|| "HEAD".to_owned())),
            branch: default.and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned),
        });
    };
    let branch = format!("refs/heads/{name}");
    if let Some(commit) = remotes.get(&branch) {
        return Ok(Found { commit: commit.clone(), remote: Some(branch), branch: Some(name.clone()) });
    }
    let tag = format!("refs/tags/{name}");
    // An annotated tag names an object of its own; its commit has the name with `^{}`.
    if let Some(commit) = remotes.get(&format!("{tag}^{{}}")).or_else(|| remotes.get(&tag)) {
        return Ok(Found { commit: commit.clone(), remote: Some(tag), branch: None });
    }
    if is_hash(name) {
        return Ok(Found { commit: name.clone(), remote: None, branch: None });
    }
    let known =
        remotes.keys().filter_map(|key| key.strip_prefix("refs/heads/").or_else(|| key.strip_prefix("refs/tags/")));
    Err(unknown(nearest(name, known)))
}

/// Brings the commit into the mirror.
async fn fetch(session: &Session<'_>, found: &Found, say: Say<'_>) -> Result<(), CheckoutError> {
    if session.has(&found.commit).await {
        return Ok(());
    }
    let fetch = ["fetch", "--quiet", "--no-tags", "--force", "--no-write-fetch-head", "--", &session.url];
    if let Some(remote) = &found.remote {
        say(format!("Fetching {remote}"));
        let specification = format!("+{remote}:refs/mirror/{}", remote.trim_start_matches("refs/"));
        session.in_mirror(Reach::Network, &[&fetch[..], &[&specification]].concat()).await?;
        if session.has(&found.commit).await {
            return Ok(());
        }
    }
    // Most hosts hand out a commit by its whole hash; the others want to be asked for all of their branches.
    say(format!("Fetching commit {}", found.commit));
    if found.commit.len() == 40 {
        let specification = format!("+{0}:refs/mirror/commits/{0}", found.commit);
        let _ = session.in_mirror(Reach::Network, &[&fetch[..], &[&specification]].concat()).await;
        if session.has(&found.commit).await {
            return Ok(());
        }
    }
    let all = ["+refs/heads/*:refs/mirror/heads/*", "+refs/tags/*:refs/mirror/tags/*"];
    session.in_mirror(Reach::Network, &[&fetch[..], &all[..]].concat()).await?;
    if session.has(&found.commit).await {
        return Ok(());
    }
    Err(CheckoutError::UnknownReference {
        url: session.shown.clone(),
        wanted: format!("commit {}", found.commit),
        nearest: None,
    })
}

async fn whole_hash(session: &Session<'_>, commit: &str) -> Result<String, CheckoutError> {
    let specification = format!("{commit}^{{commit}}");
    let hash = session
        .in_mirror(Reach::Local, &["rev-parse", "--verify", "--quiet", "--end-of-options", &specification])
        .await?;
    // `--end-of-options` itself is repeated by some versions.
    Ok(hash.lines().last().unwrap_or_default().trim().to_owned())
}

/// A clone that borrows the mirror's objects and knows the real address.
async fn clone(session: &Session<'_>, commit: &str, branch: Option<&str>, to: &Path) -> Result<(), CheckoutError> {
    let (mirror, to) = (session.mirror.display().to_string(), to.display().to_string());
    session
        .git(Reach::Local, &["clone", "--quiet", "--shared", "--no-checkout", "--no-tags", "--", &mirror, &to])
        .await?;
    session.git(Reach::Local, &["-C", &to, "remote", "set-url", "origin", "--", &session.shown]).await?;
    let checkout: &[&str] = match branch {
        Some(branch) => &["-C", &to, "checkout", "--quiet", "--force", "-B", branch, commit],
        None => &["-C", &to, "checkout", "--quiet", "--force", "--detach", commit],
    };
    session.git(Reach::Local, checkout).await.map(|_| ())
}

fn described(reference: &Reference) -> String {
    match (&reference.commit, reference.pull_request, &reference.name) {
        (Some(commit), _, _) => format!("commit {commit}"),
        (_, Some(number), _) => format!("pull request {number}"),
        (_, _, Some(name)) => format!("branch, tag or commit '{name}'"),
        (None, None, None) => "default branch".to_owned(),
    }
}

fn is_hash(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name that differs least, if it is close.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|known| (strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, known)| known.to_owned())
}

//! Exact answers on the wire: `wire/*.case`. A case is a request line `> Target {members}` and the answer under it, `status body`.
//! `UPDATE_CASES=1` rewrites the answers, which are then reviewed like code.

use std::path::{Path, PathBuf};

use crate::harness::Served;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a test has no Settings")]
async fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/wire");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("the cases").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        let answered = answer(&text).await;
        if std::env::var("UPDATE_CASES").is_ok() {
            std::fs::write(&file, answered).expect("writable");
        } else if answered != text {
            let lines = text.lines().zip(answered.lines()).filter(|(expected, found)| expected != found);
            wrong.extend(lines.map(|(expected, found)| format!("{}\n- {expected}\n+ {found}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The file with the answers that the gateway gives now; a lakehouse for each file.
async fn answer(text: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), Vec::new()).await;
    let http = reqwest::Client::new();
    let mut lines = text.lines().peekable();
    let mut answered = String::new();
    while let Some(line) = lines.next() {
        answered.push_str(line);
        answered.push('\n');
        let Some(request) = line.strip_prefix("> ") else { continue };
        let (head, body) = request.split_once(' ').unwrap_or((request, ""));
        let (target, content_type) = head.split_once('|').unwrap_or((head, "application/x-amz-json-1.1"));
        let response = http
            .post(&served.endpoint)
            .header("content-type", content_type)
            .header("x-amz-target", target)
            .body(body.to_owned())
            .send()
            .await
            .expect("an answer");
        assert!(response.headers().contains_key("x-amzn-requestid"));
        let status = response.status().as_u16();
        let body = response.text().await.expect("a body");
        answered.push_str(&format!("{status} {}\n", without_chance(body.trim_end())));
        // The answer that stood there.
        lines.next_if(|line| !line.starts_with(['>', '#']) && !line.is_empty());
    }
    served.close().await;
    answered
}

/// Times and random ids differ from run to run.
fn without_chance(text: &str) -> String {
    let ids = regex::Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").expect("a pattern");
    let times = regex::Regex::new(r#""(\w*Time)":[0-9.]+"#).expect("a pattern");
    times.replace_all(&ids.replace_all(text, "<id>"), "\"$1\":<time>").into_owned()
}

//! A package hub in the test's own process.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use flate2::{Compression, write::GzEncoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers by path; an answer may fail a number of times first.
#[derive(Clone, Default)]
pub struct Hub {
    answers: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    failures: Arc<Mutex<HashMap<String, usize>>>,
    pub requests: Arc<Mutex<Vec<String>>>,
    pub url: String,
}

impl Hub {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = Self { url: format!("http://{}/", listener.local_addr().unwrap()), ..Self::default() };
        let server = hub.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let server = server.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let mut byte = [0];
                        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                            return;
                        }
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8(head).unwrap();
                    let path = head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
                    let answer = server.answer(&path);
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        hub
    }

    fn answer(&self, path: &str) -> Vec<u8> {
        self.requests.lock().unwrap().push(path.to_owned());
        if let Some(left) = self.failures.lock().unwrap().get_mut(path).filter(|left| **left > 0) {
            *left -= 1;
            return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        }
        match self.answers.lock().unwrap().get(path) {
            None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
            Some(body) => {
                let mut answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())
                        .into_bytes();
                answer.extend_from_slice(body);
                answer
            }
        }
    }

    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.answers.lock().unwrap().insert(path.to_owned(), body.into());
    }

    /// The next answers for this path are 503.
    pub fn fail(&self, path: &str, times: usize) {
        self.failures.lock().unwrap().insert(path.to_owned(), times);
    }

    /// Publishes versions of `acme/<name>`, with what they ask for.
    pub fn publish(&self, name: &str, versions: &[(&str, &str)]) {
        let versions: Vec<String> = versions
            .iter()
            .map(|(version, packages)| {
                let path = format!("tar/{name}-{version}.tar.gz");
                self.put(&path, archive(&[(&format!("{name}-{version}/dbt_project.yml"), &format!("name: {name}\nversion: {version}\n"))]));
                format!(r#""{version}": {{"name": "{name}", "packages": {packages}, "downloads": {{"tarball": "{}{path}"}}}}"#, self.url)
            })
            .collect();
        self.put(
            &format!("api/v1/acme/{name}.json"),
            format!(r#"{{"name": "{name}", "versions": {{{}}}}}"#, versions.join(", ")),
        );
    }

    pub fn index(&self, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| format!("\"acme/{name}\"")).collect();
        self.put("api/v1/index.json", format!("[{}]", names.join(", ")));
    }
}

/// A .tar.gz of files. Names are written as they are, so that wrong ones can be made.
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    for (name, text) in files {
        gz.write_all(&header(name, b'0', "", text.len())).unwrap();
        gz.write_all(text.as_bytes()).unwrap();
        gz.write_all(&vec![0; text.len().next_multiple_of(512) - text.len()]).unwrap();
    }
    gz.write_all(&[0; 1024]).unwrap();
    gz.finish().unwrap()
}

/// A .tar.gz of one link and one file.
pub fn archive_with_link(link: &str, target: &str, file: &str) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&header("p/dbt_project.yml", b'0', "", 8)).unwrap();
    gz.write_all(b"name: p\n").unwrap();
    gz.write_all(&[0; 504]).unwrap();
    gz.write_all(&header(link, b'2', target, 0)).unwrap();
    gz.write_all(&header(file, b'0', "", 0)).unwrap();
    gz.write_all(&[0; 1024]).unwrap();
    gz.finish().unwrap()
}

fn header(name: &str, kind: u8, target: &str, length: usize) -> [u8; 512] {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..135].copy_from_slice(format!("{length:011o}").as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

//! Small answers and large files over HTTP, with dbt's patience: a request that fails is made again, five times.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use tokio::io::AsyncWriteExt;

use crate::error::{PackageError, files};

/// How often a request is made again.
const RETRIES: usize = 5;
/// The largest answer that is kept in memory, in bytes; the index of the public hub has some 20 KB.
const LARGEST_ANSWER: usize = 64 << 20;
/// The largest archive, in bytes.
const LARGEST_FILE: u64 = 2 << 30;

/// A client with time limits.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    pause: Duration,
}

/// Why one try failed, and whether another one may help.
struct Failure {
    why: String,
    retry: bool,
}

impl Http {
    /// `pause` lies between two tries.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(pause: Duration) -> Result<Self, PackageError> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
            .user_agent(concat!("owlet/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| PackageError::Connection { url: "https".to_owned(), why: chain(&error) })?;
        Ok(Self { client, pause })
    }

    /// The body of an answer, as `read` understands it; a body that it refuses is asked for again.
    pub async fn get<T>(&self, url: &str, read: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, PackageError> {
        let once = async || {
            let body = body(self.answer(url).await?).await?;
            read(&body).map_err(|why| Failure { why, retry: true })
        };
        self.patiently(url, once).await
    }

    /// Writes the body of an answer to a file.
    pub async fn download(&self, url: &str, path: &Path) -> Result<(), PackageError> {
        let once = async || {
            let mut answer = self.answer(url).await?;
            let fail = |error: std::io::Error| Failure { why: error.to_string(), retry: false };
            let mut file = tokio::fs::File::create(path).await.map_err(fail)?;
            let mut length = 0_u64;
            while let Some(chunk) = answer.chunk().await.map_err(|error| transport(&error))? {
                length += chunk.len() as u64;
                if length > LARGEST_FILE {
                    return Err(Failure { why: format!("the file is larger than {LARGEST_FILE} bytes"), retry: false });
                }
                file.write_all(&chunk).await.map_err(fail)?;
            }
            file.flush().await.map_err(fail)
        };
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent).map_err(files("make", parent))?;
        }
        self.patiently(url, once).await
    }

    async fn patiently<T>(&self, url: &str, once: impl AsyncFn() -> Result<T, Failure>) -> Result<T, PackageError> {
        let mut tries = 0;
        loop {
            match once().await {
                Ok(done) => return Ok(done),
                Err(failure) if failure.retry && tries < RETRIES => {
                    tries += 1;
                    tokio::time::sleep(self.pause).await;
                }
                Err(failure) => return Err(PackageError::Connection { url: url.to_owned(), why: failure.why }),
            }
        }
    }

    async fn answer(&self, url: &str) -> Result<Response, Failure> {
        let answer = self.client.get(url).send().await.map_err(|error| transport(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        Err(Failure { why: format!("the server answered {status}"), retry })
    }
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| transport(&error))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Failure { why: "the answer is too large".to_owned(), retry: false });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn transport(error: &reqwest::Error) -> Failure {
    // An address that cannot be one stays so.
    Failure { why: chain(error), retry: !error.is_builder() }
}

/// The error with what lies below it, without the address, which may hold a password.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut source = Some(error);
    while let Some(error) = source {
        let line = error.to_string();
        let line = line.split(" for url (").next().unwrap_or_default();
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(line);
        source = error.source();
    }
    text
}

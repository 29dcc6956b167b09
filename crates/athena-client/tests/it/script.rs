//! An HTTP server that gives prepared answers, one after the other, and remembers what it was asked.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use athena_api::Services;
use athena_client::{ClientOptions, CredentialSource, Endpoints};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A prepared answer.
#[derive(Clone)]
pub enum Answer {
    /// Status, headers, body.
    Http(u16, &'static str, &'static str),
    /// The connection is cut.
    Cut,
}

/// What the server was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub head: String,
    pub body: String,
}

pub struct Script {
    pub endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    pub async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                let Some(answer) = answers.next() else { return };
                serve(stream, answer, &remembered).await;
            }
        });
        Self { endpoint, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }

    /// Without patience: a call is repeated `retries` times, and no more.
    pub async fn client(&self, retries: u32) -> Services {
        self.patient_client(retries, Duration::ZERO).await
    }

    pub async fn patient_client(&self, retries: u32, patience: Duration) -> Services {
        let options = ClientOptions {
            region: Some("eu-west-1".to_owned()),
            credentials: CredentialSource::Keys {
                access_key_id: "AKID".to_owned(),
                secret_access_key: "hidden-secret".to_owned(),
                session_token: Some("hidden-token".to_owned()),
            },
            endpoints: Endpoints { all: Some(self.endpoint.clone()), ..Endpoints::default() },
            retries,
            patience,
            account_id: Some("123456789012".to_owned()),
            ..ClientOptions::default()
        };
        assert!(!format!("{options:?}").contains("hidden"), "a secret is shown: {options:?}");
        athena_client::connect(options).await.expect("connected")
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, remembered: &Mutex<Vec<Asked>>) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.expect("readable");
        assert!(read > 0, "the request ended early");
        bytes.extend_from_slice(&part[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
            bytes.drain(..end + 4);
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            break (head, length.unwrap_or(0));
        }
    };
    while bytes.len() < length {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.expect("readable");
        assert!(read > 0, "the body ended early");
        bytes.extend_from_slice(&part[..read]);
    }
    let body = String::from_utf8_lossy(&bytes).into_owned();
    remembered.lock().expect("not poisoned").push(Asked { head, body });
    if let Answer::Http(status, headers, body) = answer {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.expect("writable");
    }
}

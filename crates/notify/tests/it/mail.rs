//! E-mail to a server that keeps what it gets.

use std::sync::{Arc, Mutex};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::DateTime;
use notify::{Body, Channel, Delivery, Failure, Notifier, Security, Smtp};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the server says to some commands instead of yes.
#[derive(Clone, Copy, Default)]
struct Manners {
    auth: Option<&'static str>,
    recipient: Option<&'static str>,
}

#[derive(Clone, Default)]
struct Sink {
    mails: Arc<Mutex<Vec<String>>>,
    logins: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    async fn start(manners: Manners) -> (Self, u16) {
        let sink = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let kept = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                kept.clone().serve(stream, manners).await;
            }
        });
        (sink, port)
    }

    /// RFC 5321, as far as one client needs it.
    async fn serve(self, stream: TcpStream, manners: Manners) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut say = async |text: &str| write.write_all(format!("{text}\r\n").as_bytes()).await.expect("written");
        say("220 sink ready").await;
        while let Ok(Some(line)) = lines.next_line().await {
            match line.split(' ').next().unwrap_or_default().to_uppercase().as_str() {
                "EHLO" => say("250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN").await,
                "AUTH" => {
                    self.logins.lock().expect("logins").push(line);
                    say(manners.auth.unwrap_or("235 welcome")).await;
                }
                "RCPT" => say(manners.recipient.unwrap_or("250 known")).await,
                "DATA" => {
                    say("354 go on").await;
                    let mut mail = String::new();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if line == "." {
                            break;
                        }
                        mail.push_str(&line);
                        mail.push('\n');
                    }
                    self.mails.lock().expect("mails").push(mail);
                    say("250 kept").await;
                }
                "QUIT" => return say("221 bye").await,
                _ => say("250 yes").await,
            }
        }
    }
}

fn smtp(port: u16) -> Smtp {
    Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        credentials: Some(("owlet".to_owned(), "hush-hush".to_owned())),
        from: "Owlet <owlet@acme.example>".to_owned(),
    }
}

async fn deliver(smtp: Smtp, to: &str) -> Result<(), Failure> {
    let body = Body::Message(super::message());
    let sent_at = DateTime::from_timestamp(1_767_242_558, 0).expect("a time");
    let notifier = Notifier::new().expect("a client");
    let channel = Channel::Email { smtp, to: to.to_owned() };
    assert!(!format!("{channel:?}").contains("hush"));
    notifier.deliver(&channel, Delivery { id: "msg_1", body: &body, sent_at }).await
}

#[tokio::test]
async fn a_mail_arrives_with_the_same_id_each_time() {
    let (sink, port) = Sink::start(Manners::default()).await;
    deliver(smtp(port), "Data Team <data@acme.example>").await.expect("taken");
    deliver(smtp(port), "data@acme.example").await.expect("taken");
    let mails = sink.mails.lock().expect("mails");
    let header = |mail: &str, name: &str| {
        let line = mail.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap_or_default();
        line.to_owned()
    };
    assert_eq!(header(&mails[0], "Subject"), "Subject: [failed] Orders failed");
    assert_eq!(header(&mails[0], "From"), "From: Owlet <owlet@acme.example>");
    assert_eq!(header(&mails[0], "Date"), "Date: Thu, 01 Jan 2026 04:42:38 +0000");
    assert_eq!(header(&mails[0], "Message-ID"), header(&mails[1], "Message-ID"));
    assert!(header(&mails[0], "Message-ID").ends_with("@acme.example>"));
    assert!(mails[0].contains("Cause: a test failed"), "{}", mails[0]);
    assert!(mails[0].contains("text/html"));
    let login = BASE64_STANDARD.encode("\0owlet\0hush-hush");
    assert_eq!(sink.logins.lock().expect("logins")[0], format!("AUTH PLAIN {login}"));
}

#[tokio::test]
async fn refusals_are_sorted() {
    let (_, port) = Sink::start(Manners { auth: Some("535 5.7.8 no"), ..Manners::default() }).await;
    let Err(Failure::Never { reason, fix }) = deliver(smtp(port), "data@acme.example").await else { panic!("never") };
    assert_eq!(fix, "correct user and password of the mail server");
    assert!(!reason.contains("hush"), "{reason}");

    let (_, port) = Sink::start(Manners { recipient: Some("550 5.1.1 unknown"), ..Manners::default() }).await;
    let Err(Failure::Never { fix, .. }) = deliver(smtp(port), "data@acme.example").await else { panic!("never") };
    assert!(fix.starts_with("correct the receiver's address"), "{fix}");

    let (_, port) = Sink::start(Manners { recipient: Some("451 4.7.1 greylisted"), ..Manners::default() }).await;
    let Err(Failure::Later { reason, .. }) = deliver(smtp(port), "data@acme.example").await else { panic!("later") };
    assert!(reason.contains("greylisted"), "{reason}");
}

#[tokio::test]
async fn security_is_never_less_than_asked_for() {
    let (sink, port) = Sink::start(Manners::default()).await;
    let Err(failure) = deliver(Smtp { security: Security::Starttls, ..smtp(port) }, "data@acme.example").await else {
        panic!("the server offers no STARTTLS")
    };
    assert!(matches!(failure, Failure::Never { .. }), "{failure}");
    let remote = Smtp { host: "mail.acme.example".to_owned(), ..smtp(port) };
    let Err(Failure::Never { reason, .. }) = deliver(remote, "data@acme.example").await else { panic!("never") };
    assert_eq!(reason, "The password for mail.acme.example would be sent in the clear");
    let Err(Failure::Never { reason, .. }) = deliver(smtp(port), "data at acme").await else { panic!("never") };
    assert!(reason.starts_with("'data at acme' is no mail address"), "{reason}");
    assert!(sink.logins.lock().expect("logins").is_empty());
}

#[tokio::test]
async fn no_server_is_a_passing_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let Err(Failure::Later { .. }) = deliver(smtp(port), "data@acme.example").await else { panic!("later") };
}

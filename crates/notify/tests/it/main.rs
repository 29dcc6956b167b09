//! Deliveries to servers that answer as the real ones do.

mod http;
mod mail;

use notify::{Event, Message};

fn message() -> Message {
    Message {
        event: Event::Failed,
        workspace: "Acme".to_owned(),
        headline: Some("Orders failed".to_owned()),
        schedule: None,
        run: None,
        url: None,
        cause: Some("a test failed".to_owned()),
        fix: None,
        failing_nodes: Vec::new(),
        failing_count: 0,
        incident: None,
        details: serde_json::Map::new(),
    }
}

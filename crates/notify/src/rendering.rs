//! How messages look.

use chrono::DateTime;

use super::*;

fn failed() -> Message {
    Message {
        event: Event::Failed,
        workspace: "Acme <data>".to_owned(),
        headline: None,
        schedule: Some(Schedule {
            slug: "orders-4f9a1c".to_owned(),
            name: "Orders *lake* refresh".to_owned(),
            owner: Some("data@acme.example".to_owned()),
            sla_minutes: Some(45),
        }),
        run: Some(Run {
            id: 42,
            url: Some("https://owlet.acme.example/bolt/run_id/42?a=1&b=2".to_owned()),
            attempt: 3,
            trigger: Some("slot".to_owned()),
            branch: Some("main".to_owned()),
            commit: Some("0123456789abcdef".to_owned()),
            planned_at: DateTime::from_timestamp(1_767_241_800, 0),
            started_at: DateTime::from_timestamp(1_767_241_803, 0),
            duration_seconds: Some(754.2),
            data_scanned_in_bytes: Some(52_428_800_000),
            micro_dollars: Some(262_144),
        }),
        url: None,
        cause: Some("2 of 14 nodes failed & the rest was skipped".to_owned()),
        fix: None,
        failing_nodes: vec![
            FailingNode {
                name: "model.shop.stg_orders".to_owned(),
                message: Some("COLUMN_NOT_FOUND: line 3:5: Column 'a_b' cannot be resolved\nmore".to_owned()),
                duration_seconds: Some(3.25),
                data_scanned_in_bytes: Some(12_300_000),
            },
            FailingNode {
                name: "test.shop.not_null_orders_id".to_owned(),
                message: None,
                duration_seconds: None,
                data_scanned_in_bytes: None,
            },
        ],
        failing_count: 4,
        incident: None,
        details: serde_json::Map::new(),
    }
}

fn system() -> Message {
    Message {
        headline: Some("The schedules of branch main could not be read".to_owned()),
        cause: Some("paradime_schedules.yml, line 3: unknown key 'comands'".to_owned()),
        fix: Some("did you mean 'commands'?".to_owned()),
        url: Some("https://owlet.acme.example/system".to_owned()),
        ..Message {
            event: Event::System,
            schedule: None,
            run: None,
            failing_nodes: Vec::new(),
            failing_count: 0,
            ..failed()
        }
    }
}

fn bolt() -> Body {
    Body::Bolt(BoltEvent {
        r#type: "bolt.run.completed".to_owned(),
        timestamp: DateTime::from_timestamp(1_767_242_557, 0).expect("a time"),
        api_url: "https://owlet.acme.example/api/v1/acme/graphql".to_owned(),
        workspace: "Acme".to_owned(),
        schedule: failed().schedule.expect("a schedule"),
        run: failed().run.expect("a run"),
        state: "FAILED".to_owned(),
        commands: vec![BoltCommand {
            id: 7,
            command: "dbt build".to_owned(),
            status: "failed".to_owned(),
            return_code: Some(1),
            start_dttm: "2026-01-01 04:30:03.000000".to_owned(),
            end_dttm: "2026-01-01 04:42:37.200000".to_owned(),
            resources: vec![(9, "target/run_results.json".to_owned())],
        }],
    })
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

#[test]
fn slack_failed() {
    insta::assert_snapshot!(pretty(&slack::body(&failed())));
}

#[test]
fn teams_failed() {
    insta::assert_snapshot!(pretty(&teams::body(&failed())));
}

#[test]
fn mail_failed() {
    let digest = digest::Digest::of(&failed());
    insta::assert_snapshot!(format!("{}\n---\n{}", email::plain(&digest), email::html(&digest)));
}

#[test]
fn plain_text_of_the_other_events() {
    let all = [
        Message { event: Event::Passed, failing_nodes: Vec::new(), failing_count: 0, cause: None, ..failed() },
        Message { event: Event::Sla, failing_nodes: Vec::new(), failing_count: 0, cause: None, ..failed() },
        Message {
            event: Event::Skipped,
            run: Some(Run { planned_at: DateTime::from_timestamp(1_767_241_800, 0), ..Run::default() }),
            cause: Some("run 41 was not finished".to_owned()),
            failing_nodes: Vec::new(),
            failing_count: 0,
            ..failed()
        },
        system(),
    ];
    let texts: Vec<String> = all.iter().map(|message| email::plain(&digest::Digest::of(message))).collect();
    insta::assert_snapshot!(texts.join("\n===\n"));
}

#[test]
fn webhooks() {
    let sent_at = DateTime::from_timestamp(1_767_242_558, 0).expect("a time");
    let payload = |body: &Body| pretty(&webhook::payload(Delivery { id: "msg_1", body, sent_at }));
    insta::assert_snapshot!(format!("{}\n{}", payload(&bolt()), payload(&Body::Message(system()))));
}

#[test]
fn a_run_that_did_not_take_place_has_no_number() {
    let run = Run { planned_at: DateTime::from_timestamp(1_767_241_800, 0), ..Run::default() };
    let expected = serde_json::json!({"planned_at": "2026-01-01T04:30:00Z"});
    assert_eq!(serde_json::to_value(&run).expect("JSON"), expected);
    assert_eq!(serde_json::from_value::<Run>(expected).expect("a run"), run);
}

/// Block Kit takes 3,000 characters per section, a Teams card 28 KB.
#[test]
fn the_largest_message_is_still_taken() {
    let long = "<&>\"_*`".repeat(2_000);
    let message = Message {
        headline: Some(long.clone()),
        cause: Some(long.clone()),
        fix: Some(long.clone()),
        failing_nodes: vec![
            FailingNode {
                name: long.clone(),
                message: Some(long),
                duration_seconds: None,
                data_scanned_in_bytes: None
            };
            50
        ],
        failing_count: 5_000,
        ..failed()
    };
    for block in slack::body(&message)["blocks"].as_array().expect("blocks") {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        assert!(text.chars().count() <= 3_000);
    }
    let card = teams::body(&message).to_string();
    assert!(card.len() < 28_000, "{}", card.len());
    assert!(card.contains("and 4990 more"));
}

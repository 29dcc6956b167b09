//! JSON as Python's `json.dumps(…, sort_keys=True)` writes it: hashes are made over its very text.

use serde_json::Value as Json;

/// The text.
pub fn dumps(json: &Json) -> String {
    match json {
        Json::Object(object) => {
            let mut entries: Vec<(&String, &Json)> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries = entries.into_iter().map(|(key, value)| format!("{}: {}", string(key), dumps(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(dumps).collect::<Vec<_>>().join(", ")),
        Json::String(text) => string(text),
        scalar => scalar.to_string(),
    }
}

fn string(text: &str) -> String {
    let mut escaped = String::new();
    for c in Json::from(text).to_string().chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

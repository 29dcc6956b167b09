//! The XML of S3 and STS.

use athena_api::ApiError;
use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

use crate::transport::ErrorAnswer;

/// The text of the first element with this name, wherever it stands.
pub(crate) fn first_text(document: &[u8], name: &str) -> Option<String> {
    let mut found = None;
    walk(document, |path, text| {
        if found.is_none() && path.last().is_some_and(|last| last == name) {
            found = Some(text.to_owned());
        }
    });
    found
}

/// Calls `leaf` with the path and the text of each element that holds no other.
pub(crate) fn walk(document: &[u8], mut leaf: impl FnMut(&[String], &str)) {
    let mut reader = Reader::from_reader(document);
    let mut path: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut is_leaf = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
                is_leaf = true;
            }
            Ok(Event::Empty(start)) => {
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                leaf(&path, "");
                path.pop();
                is_leaf = false;
            }
            Ok(Event::Text(part)) => text.push_str(&String::from_utf8_lossy(part.as_ref())),
            Ok(Event::CData(part)) => text.push_str(&String::from_utf8_lossy(part.as_ref())),
            Ok(Event::GeneralRef(reference)) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    text.push(character);
                } else if let Some(known) = reference.decode().ok().as_deref().and_then(resolve_predefined_entity) {
                    text.push_str(known);
                }
            }
            Ok(Event::End(_)) => {
                if is_leaf {
                    leaf(&path, &text);
                }
                path.pop();
                is_leaf = false;
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The error in `<Error><Code>…</Code><Message>…</Message></Error>`, also inside `<ErrorResponse>`.
pub(crate) fn read_error(answer: ErrorAnswer<'_>) -> ApiError {
    let status = answer.status.as_u16();
    // HEAD requests and some proxies answer without body.
    let code = first_text(answer.body, "Code").unwrap_or_else(|| match status {
        404 => "NoSuchKey".to_owned(),
        403 => "AccessDenied".to_owned(),
        _ => format!("Http{status}"),
    });
    let message = first_text(answer.body, "Message").unwrap_or_default();
    ApiError { status, ..ApiError::new(code, message) }
}

/// Text inside an element.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_found_with_their_path_and_references_resolved() {
        let mut leaves = Vec::new();
        let document = b"<?xml version='1.0'?><a xmlns='x'><b><Key>a&amp;b&#33;</Key><e/></b>\n<c></c></a>";
        walk(document, |path, text| leaves.push(format!("{}={text}", path.join("/"))));
        assert_eq!(leaves, ["a/b/Key=a&b!", "a/b/e=", "a/c="]);
        assert_eq!(first_text(document, "Key").as_deref(), Some("a&b!"));
        assert_eq!(first_text(document, "none"), None);
    }
}

//! Spans as a request of OTLP over HTTP, in both of its encodings.
//!
//! Source: OpenTelemetry protocol 1.x, `opentelemetry/proto/trace/v1/trace.proto` and its neighbours for the numbers of fields; "JSON Protobuf
//! encoding": ids in hexadecimal, times in ns as texts, enumerations as numbers. Written by hand, as it is eight messages of few fields.

use serde_json::{Value, json};

/// How requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TraceEncoding {
    /// What the standard has exporters do unless told otherwise.
    #[default]
    Protobuf,
    Json,
}

/// What something did, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub parent_id: Option<[u8; 8]>,
    pub name: String,
    pub kind: SpanKind,
    /// µs since 1970, UTC.
    pub started_at: i64,
    pub ended_at: i64,
    pub attributes: Vec<(&'static str, Attribute)>,
    pub outcome: SpanOutcome,
}

/// The numbers are the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    Internal = 1,
    /// Answers a request.
    Server = 2,
}

/// Whether it went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanOutcome {
    /// Nobody judged it.
    Unset,
    Passed,
    /// Why not.
    Failed(String),
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    Text(String),
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

const SCOPE: &str = "owlet";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The body of a request, and its content type. `resource` has `service.name` and more.
pub(crate) fn request(
    encoding: TraceEncoding,
    resource: &[(String, String)],
    spans: &[Span],
) -> (&'static str, Vec<u8>) {
    match encoding {
        TraceEncoding::Protobuf => ("application/x-protobuf", protobuf(VERSION, resource, spans)),
        TraceEncoding::Json => ("application/json", json(resource, spans).to_string().into_bytes()),
    }
}

fn json(resource: &[(String, String)], spans: &[Span]) -> Value {
    let attribute = |key: &str, value: &Attribute| match value {
        Attribute::Text(text) => json!({"key": key, "value": {"stringValue": text}}),
        Attribute::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
    };
    let of_resource: Vec<Value> =
        resource.iter().map(|(key, value)| attribute(key, &Attribute::Text(value.clone()))).collect();
    let spans: Vec<Value> = spans
        .iter()
        .map(|span| {
            let attributes: Vec<Value> = span.attributes.iter().map(|(key, value)| attribute(key, value)).collect();
            let mut json = json!({
                "traceId": hex(&span.trace_id),
                "spanId": hex(&span.span_id),
                "name": span.name,
                "kind": span.kind as i32,
                "startTimeUnixNano": nanos(span.started_at).to_string(),
                "endTimeUnixNano": nanos(span.ended_at).to_string(),
                "attributes": attributes,
                "status": match &span.outcome {
                    SpanOutcome::Unset => json!({}),
                    SpanOutcome::Passed => json!({"code": 1}),
                    SpanOutcome::Failed(message) => json!({"code": 2, "message": message}),
                },
            });
            if let Some(parent) = &span.parent_id {
                json["parentSpanId"] = hex(parent).into();
            }
            json
        })
        .collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": of_resource},
        "scopeSpans": [{"scope": {"name": SCOPE, "version": VERSION}, "spans": spans}],
    }]})
}

fn protobuf(version: &str, resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    let mut request = Fields::default();
    request.message(1, |resource_spans| {
        resource_spans.message(1, |message| {
            for (key, value) in resource {
                message.message(1, |pair| key_value(pair, key, &Attribute::Text(value.clone())));
            }
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| {
                scope.bytes(1, SCOPE.as_bytes());
                scope.bytes(2, version.as_bytes());
            });
            for span in spans {
                scope_spans.message(2, |message| write_span(message, span));
            }
        });
    });
    request.0
}

fn write_span(message: &mut Fields, span: &Span) {
    message.bytes(1, &span.trace_id);
    message.bytes(2, &span.span_id);
    if let Some(parent) = &span.parent_id {
        message.bytes(4, parent);
    }
    message.bytes(5, span.name.as_bytes());
    message.number(6, span.kind as u64);
    message.fixed(7, nanos(span.started_at));
    message.fixed(8, nanos(span.ended_at));
    for (key, value) in &span.attributes {
        message.message(9, |pair| key_value(pair, key, value));
    }
    match &span.outcome {
        SpanOutcome::Unset => {}
        SpanOutcome::Passed => message.message(15, |status| status.number(3, 1)),
        SpanOutcome::Failed(why) => message.message(15, |status| {
            status.bytes(2, why.as_bytes());
            status.number(3, 2);
        }),
    }
}

fn key_value(pair: &mut Fields, key: &str, value: &Attribute) {
    pair.bytes(1, key.as_bytes());
    pair.message(2, |any| match value {
        Attribute::Text(text) => any.bytes(1, text.as_bytes()),
        Attribute::Number(number) => any.number(3, number.cast_unsigned()),
    });
}

fn nanos(at: i64) -> u64 {
    u64::try_from(i128::from(at) * 1_000).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fields of a message of Protocol Buffers.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn fixed(&mut self, field: u64, value: u64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span {
        Span {
            trace_id: [0xab; 16],
            span_id: [1; 8],
            parent_id: Some([2; 8]),
            name: "GET /x".to_owned(),
            kind: SpanKind::Server,
            started_at: 1_772_452_801_000_000,
            ended_at: 1_772_452_801_000_001,
            attributes: vec![("a", "ü".into()), ("n", (-1).into())],
            outcome: SpanOutcome::Failed("no".to_owned()),
        }
    }

    /// The bytes are those that Google's library for Python writes of the same message; conformance/openlineage reads whole runs with it.
    #[test]
    fn protobuf_is_what_its_own_library_writes() {
        let bytes = protobuf("0.1.0", &[("service.name".to_owned(), "owlet".to_owned())], &[span()]);
        assert_eq!(hex(&bytes), PYTHON.concat());
    }

    const PYTHON: [&str; 4] = [
        "0a96010a190a170a0c736572766963652e6e616d6512070a056f776c657412790a0e0a056f776c65741205302e312e301267",
        "0a10abababababababababababababababab12080101010101010101220802020202020202022a06474554202f7830023900",
        "4ac0806e04991841e84dc0806e0499184a090a016112040a02c3bc4a100a016e120b18ffffffffffffffffff017a0612026e",
        "6f1802",
    ];

    #[test]
    fn json_has_hexadecimal_ids_and_numbers_as_texts() {
        let json = json(&[], &[span()]);
        let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!((&span["traceId"], &span["parentSpanId"]), (&json!("ab".repeat(16)), &json!("02".repeat(8))));
        assert_eq!(span["startTimeUnixNano"], "1772452801000000000");
        assert_eq!(span["attributes"][1], json!({"key": "n", "value": {"intValue": "-1"}}));
        assert_eq!(span["status"], json!({"code": 2, "message": "no"}));
    }
}

//! Calls whose input and output are JSON: the AWS JSON protocol 1.1, and Lake Formation's REST, which has a path per operation.

use athena_api::{ApiError, ApiResult};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    sign::{Headers, Request},
    transport::{ErrorAnswer, Service, Transport},
};

/// Calls an operation of a JSON service.
pub(crate) async fn call<T: DeserializeOwned>(
    transport: &Transport,
    service: Service,
    operation: &'static str,
    input: &impl Serialize,
) -> ApiResult<T> {
    let (path, headers) = match service {
        Service::LakeFormation => (operation, vec![("content-type".into(), "application/json".to_owned())]),
        Service::Athena => ("", targeted("AmazonAthena", operation)),
        _ => ("", targeted("AWSGlue", operation)),
    };
    let body = serde_json::to_vec(input)
        .map_err(|error| ApiError::new("SerializationException", error.to_string()).of(operation))?;
    let request = Request {
        method: reqwest::Method::POST,
        url: format!("{}/{path}", transport.endpoint(service)),
        headers,
        body: Bytes::from(body),
    };
    let answer = transport.call(service, operation, &request, read_error).await?;
    // Operations without output answer an empty body or `{}`.
    let body = if answer.body.is_empty() { b"{}".as_slice() } else { answer.body.as_ref() };
    serde_json::from_slice(body).map_err(|error| {
        ApiError::internal("UnreadableAnswer", format!("the answer could not be read: {error}")).of(operation)
    })
}

fn targeted(service: &str, operation: &str) -> Headers {
    vec![
        ("content-type".into(), "application/x-amz-json-1.1".to_owned()),
        ("x-amz-target".into(), format!("{service}.{operation}")),
    ]
}

/// The error in a body like `{"__type": "ns#Code", "Message": "…", "AthenaErrorCode": "…"}`.
fn read_error(answer: ErrorAnswer<'_>) -> ApiError {
    let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let code = text("__type").or(header).or_else(|| text("code"));
    let code = match &code {
        Some(code) => code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code).to_owned(),
        None => format!("Http{}", answer.status.as_u16()),
    };
    let message = text("Message").or_else(|| text("message")).unwrap_or_else(|| match body {
        // Not the service's: a proxy, or something else behind this address.
        Value::Null => String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned(),
        _ => String::new(),
    });
    ApiError {
        code,
        athena_error_code: text("AthenaErrorCode"),
        message,
        operation: String::new(),
        status: answer.status.as_u16(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};

    use super::*;

    fn error(body: &str) -> ApiError {
        read_error(ErrorAnswer { status: StatusCode::BAD_REQUEST, headers: &HeaderMap::new(), body: body.as_bytes() })
    }

    #[test]
    fn codes_lose_their_namespace() {
        let read = error(
            r#"{"__type":"com.amazonaws.athena#InvalidRequestException","Message":"m","AthenaErrorCode":"INVALID_INPUT"}"#,
        );
        assert_eq!((read.code.as_str(), read.message.as_str()), ("InvalidRequestException", "m"));
        assert_eq!(read.athena_error_code.as_deref(), Some("INVALID_INPUT"));
        assert_eq!(error(r#"{"__type":"EntityNotFoundException","message":"gone"}"#).message, "gone");
        assert_eq!(error("<html>proxy</html>").code, "Http400");
    }
}

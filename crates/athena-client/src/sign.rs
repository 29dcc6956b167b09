//! Signature version 4.

use std::{borrow::Cow, time::SystemTime};

use athena_api::{ApiError, ApiResult};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign as sign_request,
    },
    sign::v4,
};
use bytes::Bytes;
use chrono::Utc;

use crate::transport::Service;

/// Names in lower case, and values.
pub(crate) type Headers = Vec<(Cow<'static, str>, String)>;

/// A request before it is signed; once for each try, since a signature holds for minutes only.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: reqwest::Method,
    pub(crate) url: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

/// The headers that make the request acceptable, `host` left to the HTTP client.
pub(crate) fn sign(
    request: &Request,
    service: Service,
    region: &str,
    credentials: Credentials,
) -> ApiResult<Vec<(String, String)>> {
    let mut settings = SigningSettings::default();
    if service == Service::S3 {
        // S3 takes the path as it is sent and wants the hash of the body in a header.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service.signing_name())
        .time(SystemTime::from(Utc::now()))
        .settings(settings)
        .build()
        .map_err(cannot_sign)?
        .into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
    let signable = SignableRequest::new(
        request.method.as_str(),
        request.url.as_str(),
        headers,
        SignableBody::Bytes(&request.body),
    )
    .map_err(cannot_sign)?;
    let (instructions, _) = sign_request(signable, &parameters).map_err(cannot_sign)?.into_parts();
    let (headers, _) = instructions.into_parts();
    Ok(headers.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
}

fn cannot_sign(error: impl std::fmt::Display) -> ApiError {
    ApiError::new("CannotSign", format!("the request could not be signed: {error}"))
}

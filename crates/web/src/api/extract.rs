//! Parts of requests.

use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::PathRejection},
    http::{StatusCode, header, request::Parts},
};
use scheduler::model::{Actor, ActorKind};
use serde::de::DeserializeOwned;

use crate::{auth::Identity, error::ApiError, time};

/// Who asks; the guard of the route found out.
pub struct Caller(pub Identity);

impl Caller {
    /// As the audit log names them.
    pub fn actor(&self) -> Actor {
        actor(&self.0)
    }
}

/// As the audit log names them.
pub fn actor(identity: &Identity) -> Actor {
    let kind = if identity.token_id.is_some() { ActorKind::Token } else { ActorKind::Person };
    Actor { kind, name: identity.name.clone(), email: identity.email.clone() }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let identity = parts.extensions.get::<Identity>().cloned();
        identity.map(Self).ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, "a token is needed"))
    }
}

/// A JSON body. An empty one is `{}`.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        // A form of another site's page cannot send this type without asking first.
        let is_json =
            content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        let is_empty = request.headers().get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
        let is_left_out = is_empty && content_type.is_empty();
        if !is_json && !is_left_out {
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be JSON")
                .fix("send the header `Content-Type: application/json`"));
        }
        let bytes = bytes::Bytes::from_request(request, state)
            .await
            .map_err(|error| ApiError::new(error.status(), error.body_text()))?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        match serde_json::from_slice(bytes) {
            Ok(body) => Ok(Self(body)),
            Err(error) => Err(ApiError::bad_request("the body cannot be read")
                .cause(error.to_string())
                .fix("/api/openapi.json has the body's shape")),
        }
    }
}

/// Parameters after the question mark.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(error) => Err(ApiError::bad_request("a parameter cannot be read")
                .cause(error.body_text())
                .fix("/api/openapi.json has the parameters")),
        }
    }
}

/// Parts of the path. One that is no id names nothing.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(part)) => Ok(Self(part)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(ApiError::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", parts.uri.path()))
                    .cause(error.body_text())
                    .fix("ids are whole numbers; the lists have them"))
            }
            Err(error) => Err(ApiError::new(error.status(), error.body_text())),
        }
    }
}

/// How many rows a page has.
pub fn limit(given: Option<i64>, default: i64, most: i64) -> Result<i64, ApiError> {
    match given {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            Err(ApiError::bad_request(format!("limit is {limit}")).fix(format!("give a number from 1 to {most}")))
        }
    }
}

/// A time parameter.
pub fn instant(name: &str, given: Option<&str>) -> Result<Option<i64>, ApiError> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return Ok(None) };
    time::parse(text).map(Some).ok_or_else(|| {
        ApiError::bad_request(format!("{name} is '{text}', which is no time"))
            .fix("write it as 2026-11-28T09:00:00Z or 2026-11-28")
    })
}

/// A cursor parameter: what another page called `next`.
pub fn after<T: std::str::FromStr>(given: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        ApiError::bad_request(format!("after is '{text}', which is no place in this list"))
            .fix("give the `next` of the page before")
    })
}

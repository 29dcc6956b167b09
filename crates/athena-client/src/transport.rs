//! One call: wait for its turn, sign, send, read the answer; again where that may help.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use athena_api::{ApiError, ApiResult};
use bytes::Bytes;
use reqwest::{StatusCode, header::HeaderMap, redirect};

use crate::{
    ClientOptions, Endpoints,
    credentials::CachedCredentials,
    pace::Pace,
    retry::{self, CONNECTION_ERROR, Trouble},
    sign::{Request, sign},
};

/// Which service a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Athena,
    Glue,
    LakeFormation,
    S3,
    Sts,
}

impl Service {
    /// The service's name in signatures, and in AWS's host names.
    pub(crate) fn signing_name(self) -> &'static str {
        match self {
            Self::Athena => "athena",
            Self::Glue => "glue",
            Self::LakeFormation => "lakeformation",
            Self::S3 => "s3",
            Self::Sts => "sts",
        }
    }
}

/// An answer with a status below 300.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
}

/// An answer that is an error, for the service's own words.
pub(crate) struct ErrorAnswer<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Everything that the calls of a connection share.
pub(crate) struct Transport {
    http: reqwest::Client,
    credentials: CachedCredentials,
    region: String,
    endpoints: Endpoints,
    pace: Pace,
    retries: u32,
    patience: Duration,
    patience_is_lost: AtomicBool,
}

impl Transport {
    pub(crate) fn new(credentials: CachedCredentials, region: String, options: &ClientOptions) -> ApiResult<Self> {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .pool_idle_timeout(Duration::from_secs(20))
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ApiError::new("NoHttpClient", format!("the HTTP client could not be made: {error}")))?;
        let endpoints = options.endpoints.clone();
        let unlimited = endpoints.all.is_some() || endpoints.athena.is_some();
        Ok(Self {
            http,
            credentials,
            region,
            endpoints,
            pace: Pace::new(unlimited),
            retries: options.retries,
            patience: options.patience,
            patience_is_lost: AtomicBool::new(false),
        })
    }

    /// The region of the connection.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The endpoint that replaces AWS's for this service, without slash at its end.
    pub(crate) fn custom_endpoint(&self, service: Service) -> Option<&str> {
        let own = match service {
            Service::Athena => &self.endpoints.athena,
            Service::Glue => &self.endpoints.glue,
            Service::LakeFormation => &self.endpoints.lake_formation,
            Service::S3 => &self.endpoints.s3,
            Service::Sts => &self.endpoints.sts,
        };
        own.as_deref().or(self.endpoints.all.as_deref()).map(|url| url.trim_end_matches('/'))
    }

    /// Where the service is reached.
    pub(crate) fn endpoint(&self, service: Service) -> String {
        match self.custom_endpoint(service) {
            Some(url) => url.to_owned(),
            None => format!("https://{}.{}.{}", service.signing_name(), self.region, domain(&self.region)),
        }
    }

    /// Calls an operation. `read_error` puts the service's words into an error.
    pub(crate) async fn call(
        &self,
        service: Service,
        operation: &'static str,
        request: &Request,
        read_error: impl Fn(ErrorAnswer<'_>) -> ApiError,
    ) -> ApiResult<Answer> {
        self.call_in(&self.region, service, operation, request, read_error).await
    }

    /// The same, signed for another region: buckets have their own.
    pub(crate) async fn call_in(
        &self,
        region: &str,
        service: Service,
        operation: &'static str,
        request: &Request,
        read_error: impl Fn(ErrorAnswer<'_>) -> ApiError,
    ) -> ApiResult<Answer> {
        let (began, mut attempt) = (Instant::now(), 0);
        loop {
            self.pace.wait(operation).await;
            let error = match self.try_once(region, service, request, &read_error).await {
                Ok(answer) => {
                    self.pace.succeeded(operation);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let is_patient = self.is_patient() && began.elapsed() < self.patience;
            let again = |trouble: &Trouble| attempt < self.retries || trouble.is_of_quota() && is_patient;
            let Some(trouble) = retry::trouble(service, &error).filter(again) else {
                return Err(error.of(operation));
            };
            match trouble {
                Trouble::Throttled => self.pace.throttled(operation),
                Trouble::Expired => self.credentials.forget().await,
                Trouble::QuotaUsedUp | Trouble::Failed => {}
            }
            tracing::debug!(operation, attempt, code = %error.code, "trying again");
            tokio::time::sleep(retry::delay(trouble, attempt, retry::chance())).await;
            attempt += 1;
        }
    }

    /// From now on only `retries` count. A call that sleeps before its next try sleeps on, twenty seconds at most.
    pub(crate) fn lose_patience(&self) {
        self.patience_is_lost.store(true, Ordering::Release);
    }

    fn is_patient(&self) -> bool {
        self.retries > 0 && !self.patience_is_lost.load(Ordering::Acquire)
    }

    async fn try_once(
        &self,
        region: &str,
        service: Service,
        request: &Request,
        read_error: &impl Fn(ErrorAnswer<'_>) -> ApiError,
    ) -> ApiResult<Answer> {
        let credentials = self.credentials.get().await?;
        let signature = sign(request, service, region, credentials)?;
        let mut builder = self.http.request(request.method.clone(), &request.url).body(request.body.clone());
        for (name, value) in &request.headers {
            builder = builder.header(name.as_ref(), value);
        }
        for (name, value) in signature {
            builder = builder.header(name, value);
        }
        let response = builder.send().await.map_err(|error| connection_error(&request.url, &error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| connection_error(&request.url, &error))?;
        if status.is_success() {
            return Ok(Answer { body });
        }
        Err(read_error(ErrorAnswer { status, headers: &headers, body: &body }))
    }
}

/// The domain of the partition that the region is in.
pub(crate) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn connection_error(url: &str, error: &reqwest::Error) -> ApiError {
    let host = url.split('?').next().unwrap_or(url);
    // The first cause is "error sending request", the last one says why.
    let cause = std::iter::successors(std::error::Error::source(error), |error| error.source())
        .last()
        .map_or_else(|| "no answer".to_owned(), ToString::to_string);
    ApiError {
        status: 0,
        ..ApiError::new(CONNECTION_ERROR, format!("Could not connect to the endpoint URL \"{host}\": {cause}"))
    }
}

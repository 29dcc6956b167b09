//! Everything that can be asked for: the table from which the router, the access checks and the OpenAPI document are made.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    handler::Handler,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{
    api,
    app::App,
    auth::{Identity, Scope},
    error::ApiError,
    graphql, metrics, openapi, pages,
    request_traces::{Answered, Parent},
};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody: health, the document itself, what checks a signature of its own.
    Public,
    /// Whoever has logged in; what they may do is checked field by field.
    LoggedIn,
    /// Whoever has this scope.
    Needs(Scope),
    /// As [`Access::Needs`], for people: without a login they are led to the login page.
    Page(Scope),
}

/// What comes back.
#[derive(Clone, Copy)]
pub enum Answer {
    Json(SchemaOf),
    /// Another content type.
    Other(&'static str),
}

/// Writes a type's schema.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One line of the table.
pub struct Operation {
    pub method: Method,
    /// With `{name}` for parameters.
    pub path: &'static str,
    pub id: &'static str,
    pub summary: &'static str,
    pub access: Access,
    pub query: Option<SchemaOf>,
    pub body: Option<SchemaOf>,
    pub status: StatusCode,
    pub answer: Answer,
    handler: MethodRouter<App>,
    body_limit: usize,
}

impl Operation {
    fn new<H, T>(method: Method, path: &'static str, id: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = match method {
            Method::POST => axum::routing::MethodFilter::POST,
            Method::DELETE => axum::routing::MethodFilter::DELETE,
            Method::PUT => axum::routing::MethodFilter::PUT,
            _ => axum::routing::MethodFilter::GET,
        };
        Self {
            method,
            path,
            id,
            summary,
            access: Access::LoggedIn,
            query: None,
            body: None,
            status: StatusCode::OK,
            answer: Answer::Other("text/plain"),
            handler: on(filter, handler),
            body_limit: 2 << 20,
        }
    }

    /// Reads.
    pub fn get<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::GET, path, id, summary, handler)
    }

    /// Changes.
    pub fn post<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::POST, path, id, summary, handler)
    }

    /// Sets.
    pub fn put<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::PUT, path, id, summary, handler)
    }

    /// Takes away.
    pub fn delete<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::DELETE, path, id, summary, handler)
    }

    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    pub fn needs(self, scope: Scope) -> Self {
        self.access(Access::Needs(scope))
    }

    pub fn query<Q: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| generator.root_schema_for::<Q>());
        self
    }

    pub fn body<B: JsonSchema>(mut self) -> Self {
        self.body = Some(|generator| generator.subschema_for::<B>());
        self
    }

    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    pub fn answers<A: JsonSchema>(mut self) -> Self {
        self.answer = Answer::Json(|generator| generator.subschema_for::<A>());
        self
    }

    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub fn answers_as(mut self, content_type: &'static str) -> Self {
        self.answer = Answer::Other(content_type);
        self
    }
}

/// The whole table.
pub fn operations() -> Vec<Operation> {
    let mut all = api::operations();
    all.extend(graphql::operations());
    all.extend(metrics::operations());
    all.extend(openapi::operations());
    all.extend(pages::operations());
    all
}

/// The router of the table.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for operation in operations() {
        let guarded = operation
            .handler
            .layer(DefaultBodyLimit::max(operation.body_limit))
            .layer(middleware::from_fn_with_state((app.clone(), operation.access), guard))
            .layer(middleware::from_fn_with_state((app.clone(), operation.path), count));
        router = router.route(operation.path, guarded);
    }
    router
        .fallback(|request: Request| async move {
            ApiError::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", request.uri().path()))
                .fix("/api/openapi.json lists what there is")
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let what = format!("{} cannot be asked with {}", request.uri().path(), request.method());
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, what).fix("/api/openapi.json lists what there is")
        })
        .with_state(app)
}

/// The address that a request comes from; nobody's when the listener does not say.
pub fn peer(request: &Request) -> IpAddr {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip().to_canonical())
}

async fn guard(State((app, access)): State<(App, Access)>, mut request: Request, next: Next) -> Response {
    let scope = match access {
        Access::Public => return next.run(request).await,
        Access::LoggedIn => None,
        Access::Needs(scope) | Access::Page(scope) => Some(scope),
    };
    let identity =
        app.parts.authentication.identify(request.method(), request.uri(), request.headers(), peer(&request)).await;
    let identity = match identity {
        Ok(identity) => identity,
        Err(denied) => {
            let error = ApiError::from(denied);
            let is_page = matches!(access, Access::Page(_)) && error.status == StatusCode::UNAUTHORIZED;
            return if is_page { to_login(&request).into_response() } else { error.into_response() };
        }
    };
    if let Some(scope) = scope
        && !identity.may(scope)
    {
        let error = ApiError::lacks(scope);
        return if matches!(access, Access::Page(_)) { pages::failure(error) } else { error.into_response() };
    }
    request.extensions_mut().insert::<Identity>(identity);
    next.run(request).await
}

fn to_login(request: &Request) -> Redirect {
    Redirect::to(&format!("/login?then={}", pages::encode(request.uri().path())))
}

async fn count(State((app, path)): State<(App, &'static str)>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let traced = app.request_traces.as_ref().map(|traces| (traces, Parent::of(request.headers())));
    let (started_at, started) = (app.parts.clock.now(), app.parts.clock.monotonic());
    let mut response = next.run(request).await;
    let (status, took) = (response.status(), app.parts.clock.monotonic().saturating_sub(started));
    app.http.count(&method, path, status, took);
    if let Some((traces, parent)) = traced {
        traces.note(&Answered { method: &method, route: path, path: uri.path(), status, started_at, took, parent });
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

//! The wire of `owlet up`: the GraphQL API that existing clients speak, our own JSON API with its OpenAPI document, webhooks, live logs, metrics,
//! and plain pages.
//!
//! Reading order: `routes` is the table of everything that can be asked for and what it takes to be allowed; `api`, `graphql`, `pages` and
//! `webhooks` answer. What is true is read from the state through `scheduler::read`; what changes, changes through `scheduler::Scheduler`.

mod api;
mod app;
mod artifact_url;
mod auth;
mod error;
mod graphql;
mod metrics;
mod openapi;
mod pages;
mod request_traces;
mod routes;
mod server;
mod time;
mod tls;
mod webhooks;
mod workspace;

pub use app::{App, AppOptions, ArtifactFiles};
pub use auth::{Created, NewToken, Role, Scope, TokenError, TokenKind, TokenRow, Tokens};
pub use graphql::sdl;
pub use openapi::document as openapi_document;
pub use request_traces::{RequestTraceExport, RequestTraces, request_traces};
pub use routes::router;
pub use server::{Bound, ServeError, bind, serve};
pub use tls::TlsFiles;
pub use workspace::Workspace;

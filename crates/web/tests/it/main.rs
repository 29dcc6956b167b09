//! The router in process: no socket, a stepped clock, a database of its own.

mod access;
mod graphql;
mod json;
mod server;
mod settings;
mod traces;
mod webhooks;

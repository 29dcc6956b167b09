//! The wire: Athena, Glue, Lake Formation, STS and S3 of a lakehouse behind one HTTP port.
//!
//! [`serve`] is all there is to call. What a request means is decided in one place (`route`) by its headers: `X-Amz-Target` names an
//! operation of Athena or Glue (`json`, awsJson1.1), a form with `Action` is STS (`sts`, query protocol), a path that no bucket can have is
//! Lake Formation (`lake_formation`), everything else is S3 (`s3`).
//! Every signature is accepted unless access keys are configured (`signature`).

mod athena_operations;
mod glue_operations;
mod json;
mod keys;
mod lake_formation;
mod route;
mod s3;
mod server;
mod signature;
mod sts;

pub use keys::AccessKey;
pub use server::{GatewayError, GatewayOptions, serve};

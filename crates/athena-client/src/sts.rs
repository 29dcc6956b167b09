//! Who am I: the account id is the default Glue catalog.

use athena_api::{ApiError, ApiResult};
use bytes::Bytes;

use crate::{
    CallerIdentity,
    sign::Request,
    transport::{Service, Transport},
    xml,
};

/// STS GetCallerIdentity (query protocol, XML answer).
pub(crate) async fn get_caller_identity(transport: &Transport) -> ApiResult<CallerIdentity> {
    let request = Request {
        method: reqwest::Method::POST,
        url: format!("{}/", transport.endpoint(Service::Sts)),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())],
        body: Bytes::from_static(b"Action=GetCallerIdentity&Version=2011-06-15"),
    };
    let answer = transport.call(Service::Sts, "GetCallerIdentity", &request, xml::read_error).await?;
    let text = |name: &str| {
        xml::first_text(&answer.body, name).ok_or_else(|| {
            ApiError::internal("UnreadableAnswer", format!("the answer has no {name}")).of("GetCallerIdentity")
        })
    };
    Ok(CallerIdentity { account: text("Account")?, arn: text("Arn")?, user_id: text("UserId")? })
}

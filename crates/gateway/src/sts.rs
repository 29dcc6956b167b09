//! STS: who am I, and temporary keys. Query protocol: a form in, XML out.

use chrono::{SecondsFormat, TimeDelta, Utc};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::Body;

use crate::{route::Gateway, signature};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers an STS request.
pub(crate) async fn answer(gateway: &Gateway, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return error(400, "IncompleteBody", "the body ended early");
    };
    let body = body.to_bytes();
    if let Err(refused) = signature::verify(&gateway.keys, &parts.method, &parts.headers, &body, Utc::now()) {
        let code = refused.code.strip_suffix("Exception").unwrap_or(&refused.code);
        return error(refused.status, code, &refused.message);
    }
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let account = gateway.lakehouse.account_id();
    match field("Action") {
        Some("GetCallerIdentity") => success(
            "GetCallerIdentity",
            &format!("<Arn>arn:aws:iam::{account}:root</Arn><UserId>{account}</UserId><Account>{account}</Account>"),
        ),
        Some(action @ ("AssumeRole" | "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML")) => {
            let Some(role) = field("RoleArn") else {
                return error(
                    400,
                    "ValidationError",
                    "Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
                );
            };
            let session = field("RoleSessionName").unwrap_or("session");
            let name = role.rsplit('/').next().unwrap_or(role);
            let user = format!(
                "<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/{}/{}</Arn><AssumedRoleId>AROA000000000000000000:{}</AssumedRoleId></AssumedRoleUser>",
                escape(name),
                escape(session),
                escape(session)
            );
            success(action, &format!("{}{user}", credentials(gateway, field("DurationSeconds"))))
        }
        Some("GetSessionToken") => success("GetSessionToken", &credentials(gateway, field("DurationSeconds"))),
        Some(action) => error(400, "InvalidAction", &format!("Could not find operation {action}")),
        None => error(400, "MissingAction", "Missing Action"),
    }
}

/// Keys that the other services accept from now on.
fn credentials(gateway: &Gateway, duration: Option<&str>) -> String {
    let seconds = duration.and_then(|text| text.parse().ok()).unwrap_or(3600);
    let expiration = Utc::now() + TimeDelta::seconds(seconds);
    let key = gateway.keys.issue();
    format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>\
         <Expiration>{}</Expiration></Credentials>",
        key.access_key_id,
        key.secret_access_key,
        uuid::Uuid::new_v4().simple(),
        expiration.to_rfc3339_opts(SecondsFormat::Secs, true)
    )
}

fn success(action: &str, result: &str) -> Response<Body> {
    let request = uuid::Uuid::new_v4();
    xml(
        200,
        format!(
            "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>{request}\
             </RequestId></ResponseMetadata></{action}Response>"
        ),
    )
}

fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    let request = uuid::Uuid::new_v4();
    xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>{request}</RequestId></ErrorResponse>",
            escape(code),
            escape(message)
        ),
    )
}

fn xml(status: u16, body: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "text/xml")
        .header("x-amzn-requestid", uuid::Uuid::new_v4().to_string())
        .body(Body::from(body))
        .expect("a status and headers that are valid")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

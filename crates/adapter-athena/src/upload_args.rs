//! `seed_s3_upload_args`: boto3's ExtraArgs of an upload as headers of PutObject.

use athena_api::s3::PutHeaders;
use diagnostic::Diagnostic;
use serde_json::Value;

use crate::profile::with_nearest;

/// boto3's names and the headers that they become. Source: botocore's model of S3, PutObject; boto3's list of allowed upload arguments.
const HEADERS: [(&str, &str); 19] = [
    ("ACL", "x-amz-acl"),
    ("CacheControl", "cache-control"),
    ("ContentDisposition", "content-disposition"),
    ("ContentEncoding", "content-encoding"),
    ("ContentLanguage", "content-language"),
    ("ContentType", "content-type"),
    ("ExpectedBucketOwner", "x-amz-expected-bucket-owner"),
    ("GrantFullControl", "x-amz-grant-full-control"),
    ("GrantRead", "x-amz-grant-read"),
    ("GrantReadACP", "x-amz-grant-read-acp"),
    ("GrantWriteACP", "x-amz-grant-write-acp"),
    ("RequestPayer", "x-amz-request-payer"),
    ("ServerSideEncryption", "x-amz-server-side-encryption"),
    ("SSEKMSKeyId", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("SSEKMSEncryptionContext", "x-amz-server-side-encryption-context"),
    ("BucketKeyEnabled", "x-amz-server-side-encryption-bucket-key-enabled"),
    ("StorageClass", "x-amz-storage-class"),
    ("Tagging", "x-amz-tagging"),
    ("WebsiteRedirectLocation", "x-amz-website-redirect-location"),
];

/// What boto3 takes beyond these, and why it makes no sense here.
const REFUSED: [(&str, &str); 8] = [
    ("SSECustomerAlgorithm", "Athena cannot read an object that is encrypted with a key of the caller"),
    ("SSECustomerKey", "Athena cannot read an object that is encrypted with a key of the caller"),
    ("SSECustomerKeyMD5", "Athena cannot read an object that is encrypted with a key of the caller"),
    ("ObjectLockMode", "the file of a seed is deleted when its table is replaced"),
    ("ObjectLockRetainUntilDate", "the file of a seed is deleted when its table is replaced"),
    ("ObjectLockLegalHoldStatus", "the file of a seed is deleted when its table is replaced"),
    ("Expires", "the file of a seed is no page that a browser keeps"),
    ("ChecksumAlgorithm", "S3 makes its own checksum of the file"),
];

/// The headers, or the first mistake.
pub(crate) fn headers(arguments: &Value) -> Result<PutHeaders, Box<Diagnostic>> {
    let mistake = |what: String, cause: String, fix: String| {
        Err(Box::new(Diagnostic::error(format!("seed_s3_upload_args: {what}")).cause(cause).fix(fix)))
    };
    let Value::Object(arguments) = arguments else {
        return mistake(
            format!("a mapping was expected, not {arguments}"),
            "they are the extra arguments of an upload, by name".to_owned(),
            "write `seed_s3_upload_args: {ServerSideEncryption: aws:kms}`".to_owned(),
        );
    };
    let mut headers = PutHeaders::new();
    for (name, value) in arguments {
        if let ("Metadata", Value::Object(entries)) = (name.as_str(), value) {
            for (key, value) in entries {
                let Value::String(text) = value else {
                    return mistake(
                        format!("Metadata.{key} is {value}"),
                        "the values of an object's metadata are texts".to_owned(),
                        format!("write it in quotes: `{key}: \"{value}\"`"),
                    );
                };
                headers.push((format!("x-amz-meta-{}", key.to_lowercase()), text.clone()));
            }
            continue;
        }
        if let Some((_, cause)) = REFUSED.iter().find(|(refused, _)| refused == name) {
            return mistake(format!("{name} is not supported"), (*cause).to_owned(), format!("remove {name}"));
        }
        let Some((_, header)) = HEADERS.iter().find(|(known, _)| known == name) else {
            let mut known: Vec<&str> = HEADERS.iter().map(|(name, _)| *name).collect();
            known.push("Metadata");
            return mistake(
                format!("'{name}' is no argument of an upload"),
                "boto3 has none of this name".to_owned(),
                with_nearest(name, &known),
            );
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null => continue,
            _ => {
                return mistake(
                    format!("{name} is {value}"),
                    "it must be a text".to_owned(),
                    format!("write it in quotes: `{name}: \"{value}\"`"),
                );
            }
        };
        headers.push(((*header).to_owned(), text));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_headers() {
        let arguments = json!({
            "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/lake", "Metadata": {"Team": "data"}, "ACL": null,
        });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            headers(&arguments).expect("valid"),
            [
                pair("x-amz-server-side-encryption", "aws:kms"),
                pair("x-amz-server-side-encryption-aws-kms-key-id", "alias/lake"),
                pair("x-amz-meta-team", "data"),
            ]
        );
    }

    #[test]
    fn mistakes_are_told() {
        let told = |arguments: Value| headers(&arguments).expect_err("a mistake").what;
        assert_eq!(
            told(json!({"ServerSideEncrypt": "x"})),
            "seed_s3_upload_args: 'ServerSideEncrypt' is no argument of an upload"
        );
        assert_eq!(told(json!({"SSECustomerKey": "x"})), "seed_s3_upload_args: SSECustomerKey is not supported");
        assert_eq!(told(json!({"Metadata": {"a": 1}})), "seed_s3_upload_args: Metadata.a is 1");
        assert_eq!(told(json!([])), "seed_s3_upload_args: a mapping was expected, not []");
    }
}

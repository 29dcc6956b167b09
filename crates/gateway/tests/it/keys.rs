//! With access keys configured, signatures count.

use athena_client::AssumeRole;
use bytes::Bytes;
use gateway::AccessKey;
use names::S3Uri;

use crate::harness::Served;

fn known() -> Vec<AccessKey> {
    vec![AccessKey { access_key_id: "AKIDOWLET".to_owned(), secret_access_key: "right".to_owned() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_key_may_do_all() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), known()).await;
    let client = served.client("AKIDOWLET", "right").await;
    client.athena.get_work_group("primary").await.expect("allowed");
    let object = S3Uri::new("owlet", "a b/ü=1");
    client.s3.put(&object, Bytes::from_static(b"x")).await.expect("allowed");
    assert_eq!(client.s3.list(&S3Uri::new("owlet", "a b/")).await.expect("allowed").len(), 1);
    client.s3.delete(std::slice::from_ref(&object)).await.expect("allowed");
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), known()).await;
    for (key, secret, json_code, s3_code) in [
        ("AKIDOWLET", "wrong", "InvalidSignatureException", "SignatureDoesNotMatch"),
        ("AKIDOTHER", "right", "UnrecognizedClientException", "InvalidAccessKeyId"),
    ] {
        let mut options = served.options(key, secret);
        let refused = athena_client::caller_identity(options.clone()).await.expect_err("refused");
        assert_eq!(refused.status, 403);
        options.account_id = Some("000000000000".to_owned());
        let client = athena_client::connect(options).await.expect("nothing was asked yet");
        let refused = client.athena.get_work_group("primary").await.expect_err("refused");
        assert_eq!((refused.code.as_str(), refused.status), (json_code, 403));
        let refused = client.s3.get(&S3Uri::new("owlet", "k")).await.expect_err("refused");
        assert_eq!((refused.code.as_str(), refused.status), (s3_code, 403));
    }
    let unsigned = reqwest::get(format!("{}/owlet/k", served.endpoint)).await.expect("an answer");
    assert_eq!(unsigned.status(), 403);
    served.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_gives_keys_that_are_accepted() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path(), known()).await;
    let role = AssumeRole { role_arn: "arn:aws:iam::000000000000:role/etl".to_owned(), ..AssumeRole::default() };
    let mut options = served.options("AKIDOWLET", "right");
    options.assume_role = Some(role.clone());
    let client = athena_client::connect(options).await.expect("connected");
    client.athena.get_work_group("primary").await.expect("allowed");
    client.s3.list(&S3Uri::new("owlet", "")).await.expect("allowed");

    let mut options = served.options("AKIDOWLET", "wrong");
    options.assume_role = Some(role);
    let error = athena_client::caller_identity(options).await.expect_err("refused");
    assert_eq!(error.code, "NoCredentials");
    assert!(!error.message.contains("wrong"), "{error}");
    served.close().await;
}

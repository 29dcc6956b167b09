//! Objects as S3 shows them.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use lake::storage::{ByteRange, Condition, Durability, ListRequest, Metadata};
use lake::{ObjectStorage, ScanMeter, StorageError};
use object_store::ObjectStoreExt;

async fn storage(directory: &tempfile::TempDir) -> ObjectStorage {
    let storage = ObjectStorage::open(directory.path(), Durability::Process).unwrap();
    if storage.head_bucket("lake").await.is_err() {
        storage.create_bucket("lake").await.unwrap();
    }
    storage
}

fn body(text: &'static str) -> lake::storage::ByteStream {
    futures::stream::iter([Ok(Bytes::from_static(text.as_bytes()))]).boxed()
}

async fn put(storage: &ObjectStorage, key: &str) {
    storage.put_bytes("lake", key, Bytes::from(key.to_owned())).await.unwrap();
}

async fn keys(storage: &ObjectStorage, prefix: &str) -> Vec<String> {
    storage.list_all("lake", prefix).await.unwrap().into_iter().map(|info| info.key).collect()
}

const ODD: [&str; 16] = [
    "a",
    "a/b",
    "a-b",
    "a/b/c",
    "a//b",
    "a/",
    "b c/x=1/é %2F",
    "../../escape",
    "dir/./x",
    "%o",
    "a%o",
    "z/\u{7f}",
    "/lead",
    "ab",
    "a/b%o",
    "0",
];

#[tokio::test]
async fn odd_keys_are_kept_apart_and_listed_in_byte_order() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    let long = format!("long/{}/x", "y".repeat(700));
    let mut all: Vec<&str> = ODD.iter().copied().chain([long.as_str()]).collect();
    for key in &all {
        put(&storage, key).await;
    }
    for key in &all {
        assert_eq!(storage.get_bytes("lake", key).await.unwrap(), key.as_bytes(), "{key}");
    }
    all.sort_unstable();
    assert_eq!(keys(&storage, "").await, all);
    assert_eq!(keys(&storage, "a/").await, ["a/", "a//b", "a/b", "a/b%o", "a/b/c"]);
    for key in &all {
        storage.delete("lake", key).await.unwrap();
        assert!(storage.head("lake", key).await.is_err(), "{key}");
    }
    assert_eq!(keys(&storage, "").await, Vec::<String>::new());
    // Nothing escaped and nothing is left: the bucket can go.
    assert!(!directory.path().join("escape").exists());
    storage.delete_bucket("lake").await.unwrap();
}

#[tokio::test]
async fn an_object_stays_when_its_key_becomes_a_directory_and_again_none() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    put(&storage, "a/b/c").await;
    put(&storage, "a/b").await;
    put(&storage, "a").await;
    assert_eq!(keys(&storage, "").await, ["a", "a/b", "a/b/c"]);
    storage.delete("lake", "a/b/c").await.unwrap();
    storage.put_bytes("lake", "a/b", Bytes::from_static(b"new")).await.unwrap();
    storage.delete("lake", "a").await.unwrap();
    assert_eq!(storage.get_bytes("lake", "a/b").await.unwrap(), "new");
    assert_eq!(keys(&storage, "").await, ["a/b"]);
}

/// Pages of every size, with and without delimiter, against a list made by the definition.
#[tokio::test]
async fn pages_are_what_the_definition_says() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    for key in ODD {
        put(&storage, key).await;
    }
    let mut sorted = ODD;
    sorted.sort_unstable();
    for prefix in ["", "a", "a/", "a/b", "b c/", "nothing/"] {
        for delimiter in [None, Some("/"), Some("b")] {
            let mut expected: Vec<String> = Vec::new();
            for key in sorted.iter().filter(|key| key.starts_with(prefix)) {
                let rest = &key[prefix.len()..];
                let common = delimiter.and_then(|text| rest.find(text).map(|at| at + text.len()));
                let item = common.map_or((*key).to_owned(), |end| format!("{}…", &key[..prefix.len() + end]));
                if expected.last() != Some(&item) {
                    expected.push(item);
                }
            }
            for page_size in [1, 2, 1000] {
                let mut actual = Vec::new();
                let mut start_after = None;
                loop {
                    let request = ListRequest {
                        prefix: prefix.to_owned(),
                        delimiter: delimiter.map(str::to_owned),
                        start_after: start_after.clone(),
                        max_keys: Some(page_size),
                    };
                    let page = storage.list("lake", &request).await.unwrap();
                    let objects = page.objects.into_iter().map(|info| info.key);
                    let mut items: Vec<String> =
                        objects.chain(page.common_prefixes.into_iter().map(|text| format!("{text}…"))).collect();
                    items.sort_by(|left, right| left.trim_end_matches('…').cmp(right.trim_end_matches('…')));
                    assert!(items.len() <= page_size);
                    actual.extend(items);
                    start_after = page.next_start_after;
                    if start_after.is_none() {
                        break;
                    }
                }
                assert_eq!(actual, expected, "prefix {prefix:?} delimiter {delimiter:?} page {page_size}");
            }
        }
    }
}

#[tokio::test]
async fn metadata_and_md5_belong_to_the_version_they_came_with() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    let mut metadata = Metadata { content_type: Some("text/csv".to_owned()), ..Metadata::default() };
    metadata.user.insert("origin".to_owned(), "test".to_owned());
    storage.put("lake", "k", body("hello"), metadata.clone(), Condition::Always).await.unwrap();
    let info = storage.head("lake", "k").await.unwrap();
    assert_eq!((info.etag.as_str(), info.size), ("5d41402abc4b2a76b9719d911017c592", 5));
    assert_eq!(info.metadata, metadata);
    storage.copy(("lake", "k"), ("lake", "dir/copy"), None).await.unwrap();
    put(&storage, "k").await;
    let replaced = storage.head("lake", "k").await.unwrap();
    assert_eq!(replaced.metadata, Metadata::default());
    assert_ne!(replaced.etag, info.etag);
    assert_eq!(storage.list_all("lake", "dir").await.unwrap()[0].metadata, metadata);
    storage.set_tags("lake", "k", [("a".to_owned(), "b".to_owned())].into_iter().collect()).await.unwrap();
    let tagged = storage.head("lake", "k").await.unwrap();
    assert_eq!((tagged.metadata.tags["a"].as_str(), tagged.etag), ("b", replaced.etag));
}

#[tokio::test]
async fn conditions_hold() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    let put = |text, condition| storage.put("lake", "k", body(text), Metadata::default(), condition);
    let first = put("1", Condition::IfAbsent).await.unwrap();
    assert_eq!(put("2", Condition::IfAbsent).await.unwrap_err().code(), "PreconditionFailed");
    put("3", Condition::IfMatch(first.etag.clone())).await.unwrap();
    assert_eq!(put("4", Condition::IfMatch(first.etag)).await.unwrap_err().status(), 412);
    assert_eq!(storage.get_bytes("lake", "k").await.unwrap(), "3");
}

#[tokio::test]
async fn ranges_are_as_in_http() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    storage.put_bytes("lake", "k", Bytes::from_static(b"0123456789")).await.unwrap();
    let get = async |range| -> Result<String, StorageError> {
        let (_, _, body) = storage.get("lake", "k", Some(range)).await?;
        let pieces: Vec<Bytes> = body.try_collect().await.unwrap();
        Ok(String::from_utf8(pieces.concat()).unwrap())
    };
    assert_eq!(get(ByteRange::Bounded { first: 2, last: 4 }).await.unwrap(), "234");
    assert_eq!(get(ByteRange::Bounded { first: 8, last: 99 }).await.unwrap(), "89");
    assert_eq!(get(ByteRange::From { first: 7 }).await.unwrap(), "789");
    assert_eq!(get(ByteRange::Suffix { length: 3 }).await.unwrap(), "789");
    assert_eq!(get(ByteRange::Suffix { length: 99 }).await.unwrap(), "0123456789");
    assert_eq!(get(ByteRange::From { first: 10 }).await.unwrap_err().code(), "InvalidRange");
}

#[tokio::test]
async fn a_reader_keeps_the_version_it_began_with() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    put(&storage, "k").await;
    let (_, _, old) = storage.get("lake", "k", None).await.unwrap();
    storage.put_bytes("lake", "k", Bytes::from_static(b"new")).await.unwrap();
    let pieces: Vec<Bytes> = old.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"k");
}

#[tokio::test]
async fn what_was_not_finished_when_the_process_died_is_never_seen() {
    let directory = tempfile::tempdir().unwrap();
    let first = storage(&directory).await;
    put(&first, "k").await;
    let mut writer = first.create("lake", "k").unwrap();
    writer.append(b"half").unwrap();
    let mut other = first.create("lake", "new").unwrap();
    other.append(b"half").unwrap();
    // A killed process runs no destructors.
    std::mem::forget((writer, other));
    let second = storage(&directory).await;
    assert_eq!(keys(&second, "").await, ["k"]);
    assert_eq!(second.get_bytes("lake", "k").await.unwrap(), "k");
    assert_eq!(fs_err::read_dir(directory.path().join("s3.tmp")).unwrap().count(), 0);
    // A body that breaks off is no object either.
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"x")), Err(std::io::ErrorKind::ConnectionReset.into())]);
    let error = second.put("lake", "k2", broken.boxed(), Metadata::default(), Condition::Always).await.unwrap_err();
    assert_eq!(error.code(), "IncompleteBody");
    assert_eq!(keys(&second, "").await, ["k"]);
}

#[tokio::test]
async fn a_mounted_folder_is_read_as_it_is_and_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(folder.path().join("raw/x%2F")).unwrap();
    fs_err::write(folder.path().join("raw/x%2F/a.csv"), "1,2").unwrap();
    let storage = storage(&directory).await;
    storage.mount("shared", folder.path()).unwrap();
    assert_eq!(storage.get_bytes("shared", "raw/x%2F/a.csv").await.unwrap(), "1,2");
    assert_eq!(storage.list_all("shared", "raw/").await.unwrap()[0].key, "raw/x%2F/a.csv");
    assert!(storage.head("shared", "raw/../raw/x%2F/a.csv").await.is_err());
    let error = storage.put_bytes("shared", "k", Bytes::new()).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("AccessDenied", 403));
    assert!(error.to_string().contains("read-only mount"));
    assert_eq!(storage.delete("shared", "raw/x%2F/a.csv").await.unwrap_err().code(), "AccessDenied");
    assert_eq!(storage.list_buckets().await.unwrap().len(), 2);
}

#[tokio::test]
async fn buckets_have_s3s_rules() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    assert_eq!(storage.create_bucket("lake").await.unwrap_err().code(), "BucketAlreadyOwnedByYou");
    for name in ["..", "ab", "Upper", "a/b", "-ab", "a..b"] {
        assert_eq!(storage.create_bucket(name).await.unwrap_err().code(), "InvalidBucketName", "{name}");
    }
    put(&storage, "x/y").await;
    assert_eq!(storage.delete_bucket("lake").await.unwrap_err().code(), "BucketNotEmpty");
    assert_eq!(storage.head("none", "k").await.unwrap_err().code(), "NoSuchBucket");
    assert_eq!(storage.put_bytes("none", "k", Bytes::new()).await.unwrap_err().code(), "NoSuchBucket");
}

#[tokio::test]
async fn parts_become_one_object() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    let metadata = Metadata { content_type: Some("x/y".to_owned()), ..Metadata::default() };
    let id = storage.create_upload("lake", "big", metadata.clone()).await.unwrap();
    let large = Bytes::from(vec![7; 5 << 20]);
    let part = |number, bytes: Bytes| {
        storage.upload_part("lake", "big", &id, number, futures::stream::iter([Ok(bytes)]).boxed())
    };
    let one = part(1, large.clone()).await.unwrap();
    part(2, Bytes::from_static(b"wrong")).await.unwrap();
    let two = part(2, Bytes::from_static(b"end")).await.unwrap();
    assert_eq!(storage.list_parts("lake", "big", &id).await.unwrap().len(), 2);
    assert_eq!(storage.list_uploads("lake", "").await.unwrap()[0].upload_id, id);
    assert_eq!(keys(&storage, "").await, Vec::<String>::new());
    let complete = |parts: Vec<(u32, String)>| {
        let (storage, id) = (storage.clone(), id.clone());
        async move { storage.complete_upload("lake", "big", &id, &parts, Condition::Always).await }
    };
    let error = complete(vec![(1, one.etag.clone()), (2, one.etag.clone())]).await.unwrap_err();
    assert_eq!(error.code(), "InvalidPart");
    let error = complete(vec![(2, two.etag.clone()), (1, one.etag.clone())]).await.unwrap_err();
    assert_eq!(error.code(), "InvalidPartOrder");
    let info = complete(vec![(1, one.etag), (2, two.etag)]).await.unwrap();
    assert_eq!(info.size, (5 << 20) + 3);
    assert!(info.etag.ends_with("-2"));
    assert_eq!(storage.head("lake", "big").await.unwrap().metadata, metadata);
    assert_eq!(complete(vec![]).await.unwrap_err().code(), "NoSuchUpload");
}

#[tokio::test]
async fn the_meter_counts_what_is_read_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    storage.put_bytes("lake", "t/k", Bytes::from_static(b"0123456789")).await.unwrap();
    let meter = ScanMeter::new();
    let store = storage.object_store("lake", &meter);
    let path = object_store::path::Path::parse("t/k").unwrap();
    assert_eq!(store.head(&path).await.unwrap().size, 10);
    assert_eq!(meter.bytes(), 0);
    assert_eq!(store.get_range(&path, 2..5).await.unwrap(), "234");
    assert_eq!(store.get_ranges(&path, &[0..1, 8..10]).await.unwrap()[1], "89");
    assert_eq!(meter.bytes(), 6);
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap().len(), 10);
    assert_eq!(meter.bytes(), 16);
    store.put(&object_store::path::Path::parse("t/new").unwrap(), Bytes::from_static(b"x").into()).await.unwrap();
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!((listed.len(), meter.bytes()), (2, 16));
}

#[tokio::test]
async fn writers_of_one_key_leave_one_whole_object() {
    let directory = tempfile::tempdir().unwrap();
    let storage = storage(&directory).await;
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let storage = storage.clone();
            tokio::spawn(async move {
                let key = if number % 2 == 0 { "k".to_owned() } else { format!("k/{number}") };
                storage.put_bytes("lake", &key, Bytes::from(vec![b'a' + number; 1000])).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let bytes = storage.get_bytes("lake", "k").await.unwrap();
    assert!(bytes.len() == 1000 && bytes.iter().all(|byte| *byte == bytes[0]));
    assert_eq!(keys(&storage, "").await.len(), 21);
}

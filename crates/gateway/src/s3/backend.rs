//! S3's operations over the storage.

use base64::{Engine, prelude::BASE64_STANDARD};
use indexmap::IndexMap;
use lake::{
    ObjectStorage, StorageError,
    storage::{ByteRange, ListRequest, Metadata, ObjectInfo},
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, dto::*, s3_error};

use super::{
    body::{Expected, blob, checked},
    convert::{Names, ReadConditions, byte_range, etag, failed, tag_set, tags_of_header, timestamp, write_condition},
    unsigned::Trailers,
};

/// The most keys of a page. Source: Amazon S3 API.
const MOST_KEYS: i32 = 1000;

/// The buckets of a lakehouse as S3 shows them.
pub(super) struct Backend {
    storage: ObjectStorage,
    account_id: String,
    region: String,
}

type Answer<T> = S3Result<S3Response<T>>;

fn answer<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

/// What the header members of an upload say of its body; the types of PutObject and UploadPart share no trait.
macro_rules! expected {
    ($request:expr) => {{
        let input = &$request.input;
        let checksum = Checksum {
            checksum_crc32: input.checksum_crc32.clone(),
            checksum_crc32c: input.checksum_crc32c.clone(),
            checksum_crc64nvme: input.checksum_crc64nvme.clone(),
            checksum_sha1: input.checksum_sha1.clone(),
            checksum_sha256: input.checksum_sha256.clone(),
            ..Checksum::default()
        };
        Expected {
            md5: input.content_md5.clone(),
            checksums: super::body::named(&checksum),
            trailer: $request
                .headers
                .get("x-amz-trailer")
                .and_then(|value| value.to_str().ok())
                .map(|value| value.trim().to_lowercase()),
            trailers: $request.extensions.get::<Trailers>().cloned(),
            verified_trailers: $request.trailing_headers.clone(),
        }
    }};
}

/// The metadata members that PutObject, CopyObject and CreateMultipartUpload share.
macro_rules! metadata {
    ($input:expr, $checksums:expr) => {
        Metadata {
            content_type: $input.content_type.clone(),
            content_encoding: $input.content_encoding.clone(),
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_language: $input.content_language.clone(),
            checksums: $checksums,
            user: $input.metadata.iter().flatten().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
            tags: tags_of_header($input.tagging.as_deref()),
        }
    };
}

/// The header members that GetObject and HeadObject share.
macro_rules! object_headers {
    ($output:expr, $info:expr, $with_checksums:expr) => {
        let metadata = &$info.metadata;
        $output.accept_ranges = Some("bytes".to_owned());
        $output.e_tag = Some(etag(&$info));
        $output.last_modified = Some(timestamp($info.last_modified));
        $output.content_type = Some(metadata.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()));
        $output.content_encoding = metadata.content_encoding.clone();
        $output.cache_control = metadata.cache_control.clone();
        $output.content_disposition = metadata.content_disposition.clone();
        $output.content_language = metadata.content_language.clone();
        $output.metadata = (!metadata.user.is_empty())
            .then(|| metadata.user.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
        if $with_checksums {
            let checksum = |name: &str| metadata.checksums.get(name).cloned();
            $output.checksum_crc32 = checksum("x-amz-checksum-crc32");
            $output.checksum_crc32c = checksum("x-amz-checksum-crc32c");
            $output.checksum_crc64nvme = checksum("x-amz-checksum-crc64nvme");
            $output.checksum_sha1 = checksum("x-amz-checksum-sha1");
            $output.checksum_sha256 = checksum("x-amz-checksum-sha256");
        }
    };
}

impl Backend {
    pub(super) fn new(storage: ObjectStorage, account_id: &str, region: &str) -> Self {
        Self { storage, account_id: account_id.to_owned(), region: region.to_owned() }
    }

    fn check_owner(&self, expected: Option<&String>) -> S3Result<()> {
        match expected {
            Some(expected) if *expected != self.account_id => Err(s3_error!(AccessDenied, "Access Denied")),
            _ => Ok(()),
        }
    }

    fn owner(&self) -> Owner {
        Owner { display_name: None, id: Some(self.account_id.clone()) }
    }

    fn full_control(&self) -> Grant {
        Grant {
            grantee: Some(Grantee {
                display_name: None,
                email_address: None,
                id: Some(self.account_id.clone()),
                type_: Type::from_static(Type::CANONICAL_USER),
                uri: None,
            }),
            permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
        }
    }

    /// The refusal for a setting that no bucket has; of a bucket that is not there, that it is not.
    async fn not_configured(&self, bucket: &str, code: &'static str, message: &'static str) -> S3Error {
        if let Err(error) = self.storage.head_bucket(bucket).await {
            return failed(error);
        }
        let mut error = S3Error::with_message(
            S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError),
            message,
        );
        error.set_status_code(http::StatusCode::NOT_FOUND);
        error
    }

    /// The source of a copy, as it is now.
    async fn source(&self, source: &CopySource) -> S3Result<(String, String, ObjectInfo)> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented, "copying from access points is not supported"));
        };
        let info = self.storage.head(bucket, key).await.map_err(failed)?;
        Ok((bucket.to_string(), key.to_string(), info))
    }
}

#[async_trait::async_trait]
impl S3 for Backend {
    // Buckets.

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let buckets = self.storage.list_buckets().await.map_err(failed)?;
        let bucket = |bucket: lake::storage::Bucket| Bucket {
            name: Some(bucket.name),
            creation_date: Some(timestamp(bucket.created)),
            bucket_region: None,
        };
        answer(ListBucketsOutput {
            buckets: Some(buckets.into_iter().map(bucket).collect()),
            owner: Some(self.owner()),
            ..ListBucketsOutput::default()
        })
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        let bucket = request.input.bucket;
        match self.storage.create_bucket(&bucket).await {
            // In us-east-1 the owner may create a bucket again.
            Err(StorageError::BucketAlreadyOwnedByYou { .. }) if self.region == "us-east-1" => {}
            created => created.map_err(failed)?,
        }
        answer(CreateBucketOutput { location: Some(format!("/{bucket}")) })
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        self.storage.delete_bucket(&request.input.bucket).await.map_err(failed)?;
        answer(DeleteBucketOutput {})
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.check_owner(request.input.expected_bucket_owner.as_ref())?;
        self.storage.head_bucket(&request.input.bucket).await.map_err(failed)?;
        answer(HeadBucketOutput { bucket_region: Some(self.region.clone()), ..HeadBucketOutput::default() })
    }

    async fn get_bucket_location(&self, request: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        self.storage.head_bucket(&request.input.bucket).await.map_err(failed)?;
        let region = Some(self.region.clone()).filter(|region| region != "us-east-1");
        answer(GetBucketLocationOutput { location_constraint: region.map(BucketLocationConstraint::from) })
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        self.storage.head_bucket(&request.input.bucket).await.map_err(failed)?;
        answer(GetBucketVersioningOutput::default())
    }

    // What is not configured, as S3 says that it is not.

    async fn get_bucket_policy(&self, request: S3Request<GetBucketPolicyInput>) -> Answer<GetBucketPolicyOutput> {
        Err(self.not_configured(&request.input.bucket, "NoSuchBucketPolicy", "The bucket policy does not exist").await)
    }

    async fn get_bucket_tagging(&self, request: S3Request<GetBucketTaggingInput>) -> Answer<GetBucketTaggingOutput> {
        Err(self.not_configured(&request.input.bucket, "NoSuchTagSet", "The TagSet does not exist").await)
    }

    async fn get_bucket_cors(&self, request: S3Request<GetBucketCorsInput>) -> Answer<GetBucketCorsOutput> {
        Err(self
            .not_configured(&request.input.bucket, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
            .await)
    }

    async fn get_bucket_encryption(
        &self,
        request: S3Request<GetBucketEncryptionInput>,
    ) -> Answer<GetBucketEncryptionOutput> {
        Err(self
            .not_configured(
                &request.input.bucket,
                "ServerSideEncryptionConfigurationNotFoundError",
                "The server side encryption configuration was not found",
            )
            .await)
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        request: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> Answer<GetBucketLifecycleConfigurationOutput> {
        Err(self
            .not_configured(
                &request.input.bucket,
                "NoSuchLifecycleConfiguration",
                "The lifecycle configuration does not exist",
            )
            .await)
    }

    async fn get_public_access_block(
        &self,
        request: S3Request<GetPublicAccessBlockInput>,
    ) -> Answer<GetPublicAccessBlockOutput> {
        Err(self
            .not_configured(
                &request.input.bucket,
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
            )
            .await)
    }

    async fn get_bucket_acl(&self, request: S3Request<GetBucketAclInput>) -> Answer<GetBucketAclOutput> {
        self.storage.head_bucket(&request.input.bucket).await.map_err(failed)?;
        answer(GetBucketAclOutput { owner: Some(self.owner()), grants: Some(vec![self.full_control()]) })
    }

    async fn get_object_acl(&self, request: S3Request<GetObjectAclInput>) -> Answer<GetObjectAclOutput> {
        self.storage.head(&request.input.bucket, &request.input.key).await.map_err(failed)?;
        answer(GetObjectAclOutput {
            owner: Some(self.owner()),
            grants: Some(vec![self.full_control()]),
            ..GetObjectAclOutput::default()
        })
    }

    // Objects.

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = request.input;
        self.check_owner(input.expected_bucket_owner.as_ref())?;
        let info = self.storage.head(&input.bucket, &input.key).await.map_err(failed)?;
        ReadConditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        }
        .check(&info)?;
        let mut output = HeadObjectOutput::default();
        object_headers!(output, info, input.checksum_mode.is_some());
        output.content_length = Some(i64::try_from(info.size).unwrap_or(i64::MAX));
        answer(output)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = request.input;
        self.check_owner(input.expected_bucket_owner.as_ref())?;
        let range = input.range.map(byte_range);
        let (info, found, stream) = self.storage.get(&input.bucket, &input.key, range).await.map_err(failed)?;
        ReadConditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        }
        .check(&info)?;
        let mut output = GetObjectOutput::default();
        // A checksum of the whole says nothing of a part.
        object_headers!(output, info, input.checksum_mode.is_some() && range.is_none());
        output.content_length = Some(i64::try_from(found.end - found.start).unwrap_or(i64::MAX));
        if range.is_some() {
            output.content_range = Some(format!("bytes {}-{}/{}", found.start, found.end.saturating_sub(1), info.size));
        }
        output.content_type = input.response_content_type.or(output.content_type);
        output.content_disposition = input.response_content_disposition.or(output.content_disposition);
        output.content_encoding = input.response_content_encoding.or(output.content_encoding);
        output.content_language = input.response_content_language.or(output.content_language);
        output.cache_control = input.response_cache_control.or(output.cache_control);
        output.tag_count = Some(info.metadata.tags.len()).filter(|count| *count > 0).map(|count| count as i32);
        output.body = Some(blob(stream));
        answer(output)
    }

    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        self.check_owner(request.input.expected_bucket_owner.as_ref())?;
        let expected = expected!(request);
        let body = request.input.body.take();
        let input = request.input;
        let metadata = metadata!(input, expected.checksums.clone());
        let condition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let body = checked(body, expected);
        let info = self.storage.put(&input.bucket, &input.key, body, metadata, condition).await.map_err(failed)?;
        answer(PutObjectOutput {
            e_tag: Some(etag(&info)),
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..PutObjectOutput::default()
        })
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let input = request.input;
        let (bucket, key, info) = self.source(&input.copy_source).await?;
        ReadConditions {
            if_match: input.copy_source_if_match.as_ref(),
            if_none_match: input.copy_source_if_none_match.as_ref(),
            if_modified_since: input.copy_source_if_modified_since.as_ref(),
            if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        }
        .check(&info)
        .map_err(|_| s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold"))?;
        let replaces = input.metadata_directive.as_ref().is_some_and(|it| it.as_str() == MetadataDirective::REPLACE);
        if !replaces && bucket == input.bucket && key == input.key {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, \
                 storage class, website redirect location or encryption attributes."
            ));
        }
        let metadata = replaces.then(|| metadata!(input, info.metadata.checksums.clone()));
        let copied = self.storage.copy((&bucket, &key), (&input.bucket, &input.key), metadata).await;
        let copied = copied.map_err(failed)?;
        answer(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(etag(&copied)),
                last_modified: Some(timestamp(copied.last_modified)),
                ..CopyObjectResult::default()
            }),
            ..CopyObjectOutput::default()
        })
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let input = request.input;
        self.check_owner(input.expected_bucket_owner.as_ref())?;
        self.storage.delete(&input.bucket, &input.key).await.map_err(failed)?;
        answer(DeleteObjectOutput::default())
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        let input = request.input;
        let keys: Vec<String> = input.delete.objects.into_iter().map(|object| object.key).collect();
        if keys.len() > MOST_KEYS as usize {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our published schema"
            ));
        }
        let failures = self.storage.delete_many(&input.bucket, &keys).await.map_err(failed)?;
        let deleted = keys.iter().filter(|key| !failures.iter().any(|(failure, _)| failure == *key));
        let deleted: Vec<_> =
            deleted.map(|key| DeletedObject { key: Some(key.clone()), ..DeletedObject::default() }).collect();
        let errors: Vec<_> = failures
            .iter()
            .map(|(key, error)| Error {
                key: Some(key.clone()),
                code: Some(error.code().to_owned()),
                message: Some(error.to_string()),
                version_id: None,
            })
            .collect();
        answer(DeleteObjectsOutput {
            deleted: (input.delete.quiet != Some(true)).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            ..DeleteObjectsOutput::default()
        })
    }

    async fn get_object_attributes(
        &self,
        request: S3Request<GetObjectAttributesInput>,
    ) -> Answer<GetObjectAttributesOutput> {
        let input = request.input;
        let info = self.storage.head(&input.bucket, &input.key).await.map_err(failed)?;
        answer(GetObjectAttributesOutput {
            e_tag: Some(etag(&info)),
            last_modified: Some(timestamp(info.last_modified)),
            object_size: Some(i64::try_from(info.size).unwrap_or(i64::MAX)),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..GetObjectAttributesOutput::default()
        })
    }

    async fn get_object_tagging(&self, request: S3Request<GetObjectTaggingInput>) -> Answer<GetObjectTaggingOutput> {
        let info = self.storage.head(&request.input.bucket, &request.input.key).await.map_err(failed)?;
        answer(GetObjectTaggingOutput { tag_set: tag_set(&info.metadata.tags), version_id: None })
    }

    async fn put_object_tagging(&self, request: S3Request<PutObjectTaggingInput>) -> Answer<PutObjectTaggingOutput> {
        let input = request.input;
        let tags: IndexMap<String, String> = input
            .tagging
            .tag_set
            .into_iter()
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect();
        self.storage.set_tags(&input.bucket, &input.key, tags).await.map_err(failed)?;
        answer(PutObjectTaggingOutput::default())
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> Answer<DeleteObjectTaggingOutput> {
        let input = request.input;
        self.storage.set_tags(&input.bucket, &input.key, IndexMap::new()).await.map_err(failed)?;
        answer(DeleteObjectTaggingOutput::default())
    }

    // Listings.

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        self.check_owner(input.expected_bucket_owner.as_ref())?;
        let names = Names { url_encoded: input.encoding_type.is_some() };
        let start_after = match &input.continuation_token {
            None => input.start_after.clone(),
            Some(token) => Some(
                BASE64_STANDARD
                    .decode(token)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))?,
            ),
        };
        let max_keys = input.max_keys.unwrap_or(MOST_KEYS).clamp(0, MOST_KEYS);
        let listing =
            self.list(&input.bucket, input.prefix.as_ref(), input.delimiter.as_ref(), start_after, max_keys).await?;
        let mut contents: Vec<Object> = listing.objects.iter().map(|info| names.object(info)).collect();
        if input.fetch_owner == Some(true) {
            contents.iter_mut().for_each(|object| object.owner = Some(self.owner()));
        }
        answer(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
            max_keys: Some(max_keys),
            key_count: Some((contents.len() + listing.common_prefixes.len()) as i32),
            continuation_token: input.continuation_token,
            is_truncated: Some(listing.next_start_after.is_some()),
            next_continuation_token: listing.next_start_after.map(|after| BASE64_STANDARD.encode(after)),
            contents: Some(contents),
            common_prefixes: names.prefixes(&listing.common_prefixes),
            delimiter: input.delimiter.map(|delimiter| names.write(&delimiter)),
            start_after: input.start_after.map(|after| names.write(&after)),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let input = request.input;
        let names = Names { url_encoded: input.encoding_type.is_some() };
        let max_keys = input.max_keys.unwrap_or(MOST_KEYS).clamp(0, MOST_KEYS);
        let marker = input.marker.clone().filter(|marker| !marker.is_empty());
        let listing =
            self.list(&input.bucket, input.prefix.as_ref(), input.delimiter.as_ref(), marker, max_keys).await?;
        let mut contents: Vec<Object> = listing.objects.iter().map(|info| names.object(info)).collect();
        contents.iter_mut().for_each(|object| object.owner = Some(self.owner()));
        answer(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
            marker: Some(names.write(input.marker.as_deref().unwrap_or_default())),
            max_keys: Some(max_keys),
            is_truncated: Some(listing.next_start_after.is_some()),
            next_marker: listing.next_start_after.map(|after| names.write(&after)),
            contents: Some(contents),
            common_prefixes: names.prefixes(&listing.common_prefixes),
            delimiter: input.delimiter.map(|delimiter| names.write(&delimiter)),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    /// Buckets have no versions: each object is its only one.
    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        let input = request.input;
        let names = Names { url_encoded: input.encoding_type.is_some() };
        let max_keys = input.max_keys.unwrap_or(MOST_KEYS).clamp(0, MOST_KEYS);
        let marker = input.key_marker.clone().filter(|marker| !marker.is_empty());
        let listing =
            self.list(&input.bucket, input.prefix.as_ref(), input.delimiter.as_ref(), marker, max_keys).await?;
        let version = |info: &ObjectInfo| ObjectVersion {
            key: Some(names.write(&info.key)),
            version_id: Some("null".to_owned()),
            is_latest: Some(true),
            size: Some(i64::try_from(info.size).unwrap_or(i64::MAX)),
            e_tag: Some(etag(info)),
            last_modified: Some(timestamp(info.last_modified)),
            owner: Some(self.owner()),
            ..ObjectVersion::default()
        };
        answer(ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
            max_keys: Some(max_keys),
            is_truncated: Some(listing.next_start_after.is_some()),
            next_key_marker: listing.next_start_after.map(|after| names.write(&after)),
            versions: Some(listing.objects.iter().map(version).collect()),
            common_prefixes: names.prefixes(&listing.common_prefixes),
            encoding_type: input.encoding_type,
            ..ListObjectVersionsOutput::default()
        })
    }

    // Multipart uploads.

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let input = request.input;
        let metadata = metadata!(input, IndexMap::new());
        let upload = self.storage.create_upload(&input.bucket, &input.key, metadata).await.map_err(failed)?;
        answer(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload),
            checksum_algorithm: input.checksum_algorithm,
            ..CreateMultipartUploadOutput::default()
        })
    }

    async fn upload_part(&self, mut request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let expected = expected!(request);
        let body = checked(request.input.body.take(), expected);
        let input = request.input;
        let number = part_number(input.part_number)?;
        let part = self.storage.upload_part(&input.bucket, &input.key, &input.upload_id, number, body).await;
        let part = part.map_err(failed)?;
        answer(UploadPartOutput {
            e_tag: Some(ETag::Strong(part.etag)),
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..UploadPartOutput::default()
        })
    }

    async fn upload_part_copy(&self, request: S3Request<UploadPartCopyInput>) -> Answer<UploadPartCopyOutput> {
        let input = request.input;
        let (bucket, key, _) = self.source(&input.copy_source).await?;
        let range = input.copy_source_range.as_deref().map(|range| {
            Range::parse(range).map(byte_range).map_err(|_| {
                s3_error!(InvalidArgument, "The x-amz-copy-source-range value must be of the form bytes=first-last")
            })
        });
        let range: Option<ByteRange> = range.transpose()?;
        let (_, _, body) = self.storage.get(&bucket, &key, range).await.map_err(failed)?;
        let number = part_number(input.part_number)?;
        let part = self.storage.upload_part(&input.bucket, &input.key, &input.upload_id, number, body).await;
        let part = part.map_err(failed)?;
        answer(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(ETag::Strong(part.etag)),
                last_modified: Some(timestamp(part.last_modified)),
                ..CopyPartResult::default()
            }),
            ..UploadPartCopyOutput::default()
        })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let input = request.input;
        let parts: Vec<(u32, String)> = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(|part| {
                let number = part_number(part.part_number.unwrap_or(0))?;
                Ok((number, part.e_tag.map(|etag| etag.into_value()).unwrap_or_default()))
            })
            .collect::<S3Result<_>>()?;
        if parts.is_empty() {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        }
        let condition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let completed =
            self.storage.complete_upload(&input.bucket, &input.key, &input.upload_id, &parts, condition).await;
        let info = completed.map_err(failed)?;
        answer(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(etag(&info)),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let input = request.input;
        self.storage.abort_upload(&input.bucket, &input.key, &input.upload_id).await.map_err(failed)?;
        answer(AbortMultipartUploadOutput::default())
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let input = request.input;
        let parts = self.storage.list_parts(&input.bucket, &input.key, &input.upload_id).await.map_err(failed)?;
        let after = u32::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(0);
        let most = usize::try_from(input.max_parts.unwrap_or(MOST_KEYS).clamp(0, MOST_KEYS)).unwrap_or(0);
        let rest: Vec<_> = parts.iter().filter(|part| part.number > after).collect();
        let page = &rest[..rest.len().min(most)];
        let part = |part: &&lake::storage::Part| Part {
            part_number: Some(part.number as i32),
            size: Some(i64::try_from(part.size).unwrap_or(i64::MAX)),
            e_tag: Some(ETag::Strong(part.etag.clone())),
            last_modified: Some(timestamp(part.last_modified)),
            ..Part::default()
        };
        let more = rest.len() > page.len();
        answer(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(more),
            max_parts: Some(most as i32),
            part_number_marker: input.part_number_marker,
            next_part_number_marker: page.last().filter(|_| more).map(|part| part.number as i32),
            parts: Some(page.iter().map(part).collect()),
            owner: Some(self.owner()),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..ListPartsOutput::default()
        })
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.storage.list_uploads(&input.bucket, &prefix).await.map_err(failed)?;
        let upload = |upload: lake::storage::Upload| MultipartUpload {
            key: Some(upload.key),
            upload_id: Some(upload.upload_id),
            initiated: Some(timestamp(upload.initiated)),
            ..MultipartUpload::default()
        };
        answer(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            uploads: Some(uploads.into_iter().map(upload).collect()),
            ..ListMultipartUploadsOutput::default()
        })
    }
}

impl Backend {
    async fn list(
        &self,
        bucket: &str,
        prefix: Option<&String>,
        delimiter: Option<&String>,
        start_after: Option<String>,
        max_keys: i32,
    ) -> S3Result<lake::storage::Listing> {
        if max_keys == 0 {
            self.storage.head_bucket(bucket).await.map_err(failed)?;
            return Ok(lake::storage::Listing::default());
        }
        let request = ListRequest {
            prefix: prefix.cloned().unwrap_or_default(),
            delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()).cloned(),
            start_after,
            max_keys: usize::try_from(max_keys).ok(),
        };
        self.storage.list(bucket, &request).await.map_err(failed)
    }
}

fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

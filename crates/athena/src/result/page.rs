//! Pages of a stored result. A token is the byte where the next row starts, so it stays good as long as the object does.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use athena_api::{
    ApiError, ApiResult,
    athena::{QueryResults, ResultSet, ResultSetMetadata},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use lake::ObjectStorage;
use names::S3Uri;

use super::body::row_at;
use crate::{
    error::invalid,
    history::{ResultFormat, StoredResult},
};

/// Bodies of results that were written or read lately, up to this many bytes together.
const KEPT: usize = 64 << 20;

/// Which page of which result.
pub(crate) struct PageRequest<'a> {
    pub(crate) id: &'a str,
    pub(crate) location: &'a S3Uri,
    pub(crate) result: &'a StoredResult,
    pub(crate) next_token: Option<&'a str>,
    /// Rows, header included.
    pub(crate) limit: usize,
}

/// Bodies kept in memory, the latest last.
#[derive(Default)]
pub(crate) struct BodyCache {
    bodies: Mutex<VecDeque<(String, Bytes)>>,
}

impl BodyCache {
    pub(crate) fn put(&self, id: &str, body: Bytes) {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.retain(|(kept, _)| kept != id);
        bodies.push_back((id.to_owned(), body));
        let mut size: usize = bodies.iter().map(|(_, body)| body.len()).sum();
        while size > KEPT && bodies.len() > 1 {
            size -= bodies.pop_front().map_or(0, |(_, body)| body.len());
        }
    }

    fn get(&self, id: &str) -> Option<Bytes> {
        let bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.iter().find(|(kept, _)| kept == id).map(|(_, body)| body.clone())
    }
}

/// Reads a page.
pub(crate) async fn read_page(
    storage: &ObjectStorage,
    cache: &BodyCache,
    request: &PageRequest<'_>,
) -> ApiResult<QueryResults> {
    let result = request.result;
    let position = match request.next_token {
        None => Position { offset: 0, row: 0 },
        Some(token) => {
            Position::decode(token, request.id).ok_or_else(|| invalid(format!("Malformed nextPageToken {token}")))?
        }
    };
    let metadata = ResultSetMetadata { column_info: result.columns.clone() };
    let mut page = QueryResults {
        update_count: result.update_count,
        result_set: ResultSet { rows: Vec::new(), result_set_metadata: Some(metadata) },
        next_token: None,
    };
    if result.format == ResultFormat::Nothing || result.rows == 0 {
        return Ok(page);
    }
    let body = match cache.get(request.id) {
        Some(body) => body,
        None => {
            let location = request.location;
            let read = storage.get_bytes(&location.bucket, &location.key).await;
            let body = read.map_err(|error| match error.is_not_found() {
                true => ApiError::invalid_request("RESULT_NOT_FOUND", "Could not find results"),
                false => ApiError::from(error),
            })?;
            cache.put(request.id, body.clone());
            body
        }
    };
    if position.offset > body.len() || position.row > result.rows {
        return Err(invalid(format!("Malformed nextPageToken {}", request.next_token.unwrap_or_default())));
    }
    let end = result.rows.min(position.row + request.limit as u64);
    let mut next = position;
    while next.row < end {
        let (row, offset) = row_at(&body, next.offset, result.format);
        page.result_set.rows.push(row);
        next = Position { offset, row: next.row + 1 };
    }
    page.next_token = (end < result.rows).then(|| next.encode(request.id));
    Ok(page)
}

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    offset: usize,
    row: u64,
}

impl Position {
    fn encode(self, id: &str) -> String {
        BASE64_STANDARD.encode(format!("{id}:{}:{}", self.offset, self.row))
    }

    /// `None`: not a token of this result.
    fn decode(token: &str, id: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()?;
        let (offset, row) = text.strip_prefix(id)?.strip_prefix(':')?.split_once(':')?;
        Some(Self { offset: offset.parse().ok()?, row: row.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_result() {
        let position = Position { offset: 17, row: 3 };
        let token = position.encode("id-1");
        assert_eq!(Position::decode(&token, "id-1"), Some(position));
        assert_eq!(Position::decode(&token, "id-2"), None);
        assert_eq!(Position::decode("garbage", "id-1"), None);
    }

    #[test]
    fn the_cache_forgets_the_oldest() {
        let cache = BodyCache::default();
        cache.put("a", Bytes::from(vec![0; KEPT]));
        cache.put("b", Bytes::from_static(b"x"));
        assert!(cache.get("a").is_none());
        assert_eq!(cache.get("b").as_deref(), Some(b"x".as_slice()));
    }
}

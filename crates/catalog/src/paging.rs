//! Pages of lists: a token is the last key of the page before, dressed so that nobody relies on it.

use athena_api::glue::{Page, PageRequest};
use athena_api::{ApiError, ApiResult};

/// How many at most, and after which key.
pub(crate) struct Cursor {
    pub limit: usize,
    pub after: Option<String>,
}

impl Cursor {
    /// `maximum` is both the default and the most that may be asked for.
    pub fn of(page: &PageRequest, maximum: usize) -> ApiResult<Self> {
        let limit = page.max_results.unwrap_or(maximum);
        if limit == 0 || limit > maximum {
            let constraint = if limit == 0 { "greater than or equal to 1" } else { "less than or equal to" };
            let bound = if limit == 0 { String::new() } else { format!(" {maximum}") };
            return Err(ApiError::new(
                "ValidationException",
                format!(
                    "1 validation error detected: Value '{limit}' at 'maxResults' failed to satisfy constraint: \
                     Member must have value {constraint}{bound}"
                ),
            ));
        }
        let after = page.next_token.as_deref().filter(|token| !token.is_empty()).map(decode).transpose()?;
        Ok(Self { limit, after })
    }

    /// A page of rows read with one more than the limit, which tells whether there is another page.
    pub fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> &str) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next_token = if more { items.last().map(|item| encode(key(item))) } else { None };
        Page { items, next_token }
    }

    /// One more than wanted.
    pub fn probe(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX - 1) + 1
    }
}

pub(crate) fn encode(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(token: &str) -> ApiResult<String> {
    let invalid = || ApiError::new("InvalidInputException", "Invalid token");
    let bytes =
        (0..token.len()).step_by(2).map(|at| token.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)
}

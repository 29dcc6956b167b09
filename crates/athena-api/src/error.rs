//! The error answers of the AWS JSON protocol.

/// What every call of the traits answers.
pub type ApiResult<T> = Result<T, ApiError>;

/// An error answer: the code that clients switch on, and the message that people read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("An error occurred ({code}) when calling the {operation} operation: {message}")]
pub struct ApiError {
    /// `EntityNotFoundException`, `InvalidRequestException`, …: the wire's `__type`.
    pub code: String,
    /// Athena's second code, such as `INVALID_INPUT` or `MALFORMED_QUERY`.
    pub athena_error_code: Option<String>,
    /// The sentence.
    pub message: String,
    /// The operation that was called, `GetTable`.
    pub operation: String,
    /// HTTP status: 400 unless the service failed (500) or refused (403).
    pub status: u16,
}

impl ApiError {
    /// An error with HTTP status 400 of an operation that is filled in by [`ApiError::of`].
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            athena_error_code: None,
            message: message.into(),
            operation: String::new(),
            status: 400,
        }
    }

    /// Athena's `InvalidRequestException` with its second code.
    pub fn invalid_request(athena_error_code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { athena_error_code: Some(athena_error_code.into()), ..Self::new("InvalidRequestException", message) }
    }

    /// Glue's "there is no such thing".
    pub fn entity_not_found(message: impl Into<String>) -> Self {
        Self::new("EntityNotFoundException", message)
    }

    /// A failure of the service itself.
    pub fn internal(code: &str, message: impl Into<String>) -> Self {
        Self { status: 500, ..Self::new(code, message) }
    }

    /// Says which operation failed.
    #[must_use]
    pub fn of(mut self, operation: &str) -> Self {
        operation.clone_into(&mut self.operation);
        self
    }

    /// Glue answered that the database, table or partition does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code == "EntityNotFoundException"
    }

    /// The service asks for a slower pace; trying again later is right.
    pub fn is_throttling(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ThrottlingException" | "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown"
        )
    }
}

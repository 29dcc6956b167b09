//! Which failures are worth another try, and how long to wait before it.

use std::time::Duration;

use athena_api::ApiError;

use crate::transport::Service;

/// The connection failed before or while the answer came.
pub(crate) const CONNECTION_ERROR: &str = "EndpointConnectionError";

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(20);

/// What another try could help against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Too fast.
    Throttled,
    /// The account's quota of active queries is used up, which takes queries to end.
    QuotaUsedUp,
    /// The service or the connection failed.
    Failed,
    /// The credentials have expired; fresh ones may be there.
    Expired,
}

impl Trouble {
    /// The service is well, and will take the call when others ask less.
    pub(crate) fn is_of_quota(self) -> bool {
        matches!(self, Self::Throttled | Self::QuotaUsedUp)
    }
}

/// `None`: trying again would answer the same.
pub(crate) fn trouble(service: Service, error: &ApiError) -> Option<Trouble> {
    if error.code == "TooManyRequestsException" {
        return Some(Trouble::QuotaUsedUp);
    }
    if error.is_throttling() || matches!(error.code.as_str(), "Throttling" | "ThrottledException") {
        return Some(Trouble::Throttled);
    }
    if matches!(error.code.as_str(), "ExpiredTokenException" | "ExpiredToken" | "RequestExpired") {
        return Some(Trouble::Expired);
    }
    // Lake Formation's: another change of the same tags or grants was under way. In Glue it is an answer: a lost compare-and-swap.
    if service == Service::LakeFormation && error.code == "ConcurrentModificationException" {
        return Some(Trouble::Failed);
    }
    // 501 is "not implemented": it stays so.
    let service_failed = error.status >= 500 && error.status != 501;
    (service_failed || error.code == CONNECTION_ERROR).then_some(Trouble::Failed)
}

/// Full jitter: anything up to a ceiling that doubles with each try. `chance` is 0 to 1.
pub(crate) fn delay(trouble: Trouble, attempt: u32, chance: f64) -> Duration {
    let base = match trouble {
        Trouble::Failed => Duration::from_millis(100),
        Trouble::Throttled => Duration::from_millis(500),
        Trouble::QuotaUsedUp => Duration::from_secs(2),
        Trouble::Expired => Duration::ZERO,
    };
    base.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST).mul_f64(chance)
}

/// A number between 0 and 1.
pub(crate) fn chance() -> f64 {
    let random = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(
            trouble(Service::Glue, &ApiError::new("ThrottlingException", "Rate exceeded")),
            Some(Trouble::Throttled)
        );
        assert_eq!(trouble(Service::Glue, &ApiError::new("TooManyRequestsException", "")), Some(Trouble::QuotaUsedUp));
        assert_eq!(trouble(Service::Glue, &ApiError::internal("InternalServerException", "")), Some(Trouble::Failed));
        assert_eq!(trouble(Service::Glue, &ApiError { status: 501, ..ApiError::new("NotImplemented", "") }), None);
        assert_eq!(trouble(Service::Glue, &ApiError::entity_not_found("")), None);
        let concurrent = ApiError::new("ConcurrentModificationException", "");
        assert_eq!(trouble(Service::Glue, &concurrent), None);
        assert_eq!(trouble(Service::LakeFormation, &concurrent), Some(Trouble::Failed));
        assert_eq!(
            trouble(Service::Glue, &ApiError { status: 403, ..ApiError::new("AccessDeniedException", "") }),
            None
        );
    }

    #[test]
    fn the_ceiling_doubles_and_ends() {
        assert_eq!(delay(Trouble::Throttled, 0, 1.0), Duration::from_millis(500));
        assert_eq!(delay(Trouble::Throttled, 3, 0.5), Duration::from_secs(2));
        assert_eq!(delay(Trouble::Throttled, 40, 1.0), LONGEST);
        assert_eq!(delay(Trouble::Failed, 2, 0.0), Duration::ZERO);
    }
}

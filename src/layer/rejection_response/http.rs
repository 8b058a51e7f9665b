//! Responses over plain HTTP.

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::NO_STORE;
use crate::{
    challenge::Challenge,
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

/// The value of `Retry-After` if the rejection has none, in seconds.
const DEFAULT_RETRY_AFTER: u64 = 1;

/// Renders the response. A 401 carries every challenge; another status carries
/// only the challenges that have a parameter for the error.
pub(super) fn render(
    challenges: &[Challenge],
    kind: RejectionKind,
    required: Option<&ScopeRule>,
) -> Response<()> {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CACHE_CONTROL, NO_STORE);
    if may_be_retried(kind) {
        headers.insert(RETRY_AFTER, retry_after(&kind.into()));
    }
    for challenge in challenges {
        let has_error = challenge.is_bearer() && kind.error_code().is_some();
        if kind.status() == StatusCode::UNAUTHORIZED || has_error {
            let line = challenge.render(kind.error_code(), required);
            headers.append(WWW_AUTHENTICATE, line);
        }
    }
    // The first clone of a value allocates: do it now, not for each request.
    headers.values().cloned().for_each(drop);
    let mut response = Response::new(());
    *response.status_mut() = kind.status();
    *response.headers_mut() = headers;
    response
}

pub(super) fn may_be_retried(kind: RejectionKind) -> bool {
    matches!(
        kind,
        RejectionKind::RateLimited | RejectionKind::Unavailable
    )
}

/// Returns whole seconds, rounded up, at least one.
pub(super) fn retry_after(rejection: &Rejection) -> HeaderValue {
    let seconds = rejection
        .retry_after()
        .map_or(DEFAULT_RETRY_AFTER, |after| {
            let partial = u64::from(after.subsec_nanos() > 0);
            after.as_secs().saturating_add(partial)
        });
    HeaderValue::from(seconds.max(1))
}

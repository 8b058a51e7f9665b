//! The kinds of rejection, and the only mapping of them to HTTP and gRPC.

use std::fmt;

use http::StatusCode;

/// The kind of a [`Rejection`](crate::Rejection), which decides the response.
///
/// | kind | HTTP | `WWW-Authenticate` | gRPC |
/// |---|---|---|---|
/// | `Missing` | 401 | each challenge, no `error` | 16 `UNAUTHENTICATED` |
/// | `Malformed`, `Invalid`, `Expired`, `Revoked` | 401, the same bytes | `error="invalid_token"` | 16, the same message |
/// | `Ambiguous` | 400 | `error="invalid_request"` | 16 |
/// | `Denied` | 403 | none | 7 `PERMISSION_DENIED` |
/// | `Forbidden` | 403 | `error="insufficient_scope"`, and the scopes | 7 `PERMISSION_DENIED` |
/// | `NotFound` | 404 | none | 12 `UNIMPLEMENTED` |
/// | `RateLimited` | 429, `Retry-After` | none | 8 `RESOURCE_EXHAUSTED` |
/// | `Unavailable` | 503, `Retry-After` | none | 14 `UNAVAILABLE` |
///
/// The values of `error` are those of
/// [RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The request has more than one credential.
    Ambiguous,
    /// The credential is good, but the policy denies every caller: see
    /// [`Access::Denied`](crate::Access::Denied). No scope helps, so the response
    /// names none.
    Denied,
    /// The credential has expired, or is not valid yet.
    Expired,
    /// The credential is good, but lacks rights.
    Forbidden,
    /// The credential is unknown.
    Invalid,
    /// The value in place of a credential is not one.
    Malformed,
    /// The request has no credential.
    Missing,
    /// The credential is good, but the policy has no entry for the request: see
    /// [`Access::NotFound`](crate::Access::NotFound).
    NotFound,
    /// The caller made too many attempts.
    RateLimited,
    /// The credential was revoked or suspended, or its key was retired.
    Revoked,
    /// The credential cannot be verified now.
    Unavailable,
}

impl RejectionKind {
    /// Returns the name of the kind, for logs and metrics: `invalid`,
    /// `rate_limited`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Revoked => "revoked",
            Self::Unavailable => "unavailable",
        }
    }

    /// Returns the status of the HTTP response.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.wire().status
    }

    /// Returns the code of the gRPC status.
    #[must_use]
    pub fn grpc_code(self) -> i32 {
        self.wire().grpc_code
    }

    /// Returns the message for the client: a fixed text, the same for all kinds that
    /// the client must not distinguish.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.wire().message
    }

    /// Returns the `error` of the Bearer challenge.
    #[must_use]
    pub fn error_code(self) -> Option<&'static str> {
        self.wire().error
    }

    /// Returns the kind as the client sees it: the same for all kinds that the
    /// client must not distinguish.
    pub(crate) fn public(self) -> Self {
        match self {
            Self::Expired | Self::Malformed | Self::Revoked => Self::Invalid,
            kind => kind,
        }
    }

    pub(crate) fn wire(self) -> &'static WireForm {
        match self {
            Self::Ambiguous => &AMBIGUOUS,
            Self::Denied => &DENIED,
            Self::Expired | Self::Invalid | Self::Malformed | Self::Revoked => &INVALID,
            Self::Forbidden => &FORBIDDEN,
            Self::Missing => &MISSING,
            Self::NotFound => &NOT_FOUND,
            Self::RateLimited => &RATE_LIMITED,
            Self::Unavailable => &UNAVAILABLE,
        }
    }
}

impl fmt::Display for RejectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A row of the table of [`RejectionKind`].
pub(crate) struct WireForm {
    pub(crate) status: StatusCode,
    pub(crate) error: Option<&'static str>,
    pub(crate) grpc_code: i32,
    /// The code as the value of a header.
    pub(crate) grpc_status: &'static str,
    /// Printable ASCII without `%`, so that it is its own percent-encoding.
    pub(crate) message: &'static str,
}

const MISSING: WireForm = WireForm {
    status: StatusCode::UNAUTHORIZED,
    error: None,
    grpc_code: 16,
    grpc_status: "16",
    message: "a credential is required",
};
const INVALID: WireForm = WireForm {
    status: StatusCode::UNAUTHORIZED,
    error: Some("invalid_token"),
    grpc_code: 16,
    grpc_status: "16",
    message: "the credential is not valid",
};
const AMBIGUOUS: WireForm = WireForm {
    status: StatusCode::BAD_REQUEST,
    error: Some("invalid_request"),
    grpc_code: 16,
    grpc_status: "16",
    message: "more than one credential was sent",
};
const DENIED: WireForm = WireForm {
    status: StatusCode::FORBIDDEN,
    error: None,
    grpc_code: 7,
    grpc_status: "7",
    message: "access is denied",
};
const FORBIDDEN: WireForm = WireForm {
    status: StatusCode::FORBIDDEN,
    error: Some("insufficient_scope"),
    grpc_code: 7,
    grpc_status: "7",
    message: "insufficient permissions",
};
const NOT_FOUND: WireForm = WireForm {
    status: StatusCode::NOT_FOUND,
    error: None,
    grpc_code: 12,
    grpc_status: "12",
    message: "there is nothing here",
};
const RATE_LIMITED: WireForm = WireForm {
    status: StatusCode::TOO_MANY_REQUESTS,
    error: None,
    grpc_code: 8,
    grpc_status: "8",
    message: "too many attempts",
};
const UNAVAILABLE: WireForm = WireForm {
    status: StatusCode::SERVICE_UNAVAILABLE,
    error: None,
    grpc_code: 14,
    grpc_status: "14",
    message: "the credential could not be verified",
};

#[cfg(test)]
mod tests {
    use super::*;

    impl RejectionKind {
        pub(crate) const ALL: [Self; 11] = [
            Self::Ambiguous,
            Self::Denied,
            Self::Expired,
            Self::Forbidden,
            Self::Invalid,
            Self::Malformed,
            Self::Missing,
            Self::NotFound,
            Self::RateLimited,
            Self::Revoked,
            Self::Unavailable,
        ];
    }

    #[test]
    fn messages_are_their_own_percent_encoding() {
        for kind in RejectionKind::ALL {
            let wire = kind.wire();
            let plain = |b: u8| matches!(b, b' '..=b'~') && b != b'%';
            assert!(wire.message.bytes().all(plain), "{kind:?}");
            assert_eq!(wire.grpc_status, wire.grpc_code.to_string());
        }
    }

    #[test]
    fn a_kind_is_named_as_its_variant_in_snake_case() {
        for kind in RejectionKind::ALL {
            let mut expected = String::new();
            for letter in format!("{kind:?}").chars() {
                if letter.is_uppercase() && !expected.is_empty() {
                    expected.push('_');
                }
                expected.push(letter.to_ascii_lowercase());
            }
            assert_eq!(kind.as_str(), expected);
            assert_eq!(format!("{kind:>14}"), format!("{expected:>14}"));
        }
    }
}

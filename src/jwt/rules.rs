//! The checks of a token after that of its signature.

use std::time::SystemTime;

use super::{
    claims::numeric_date,
    compact::JoseHeader,
    issuer::IssuerRules,
    json::{Json, Members},
};
use crate::rejection::Rejection;

/// The types of a token, unless the issuer names others.
const DEFAULT_TYPES: [&str; 2] = ["JWT", "at+jwt"];

impl IssuerRules {
    /// Checks the type, the issuer, the audience and the times, and returns the time from
    /// which the token is refused.
    ///
    /// # Errors
    ///
    /// Returns [`Expired`](crate::RejectionKind::Expired) if only the times are wrong,
    /// and [`Invalid`](crate::RejectionKind::Invalid) otherwise.
    pub(super) fn check(
        &self,
        header: &JoseHeader<'_>,
        claims: &Members<'_>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, Rejection> {
        let is_allowed = match header.media_type() {
            None => self.token_types.is_empty(),
            Some(typ) if self.token_types.is_empty() => DEFAULT_TYPES
                .iter()
                .any(|known| typ.eq_ignore_ascii_case(known)),
            Some(typ) => self
                .token_types
                .iter()
                .any(|known| typ.eq_ignore_ascii_case(known)),
        };
        if !is_allowed {
            return Err(invalid("the token has another type (`typ`)"));
        }
        if claims.get("iss").and_then(Json::as_str) != Some(&self.issuer) {
            return Err(invalid("the token has another issuer (`iss`)"));
        }
        let is_audience = |value: &Json<'_>| {
            let text = value.as_str();
            text.is_some_and(|text| self.audiences.iter().any(|known| known == text))
        };
        let is_for_us = match claims.get("aud") {
            Some(Json::Array(items)) => {
                items.iter().all(|item| item.as_str().is_some()) && items.iter().any(is_audience)
            }
            Some(one) => is_audience(one),
            None => false,
        };
        if !is_for_us {
            return Err(invalid("the token has another audience (`aud`)"));
        }
        self.check_times(claims, now)
    }

    /// Checks `exp`, `nbf` and `iat` (RFC 7519 §4.1.4 to §4.1.6).
    fn check_times(
        &self,
        claims: &Members<'_>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, Rejection> {
        let time = |name| claims.get(name).map(|value| numeric_date(value).ok_or(()));
        let times = |name| time(name).transpose();
        let (Ok(exp), Ok(nbf), Ok(iat)) = (times("exp"), times("nbf"), times("iat")) else {
            return Err(invalid("`exp`, `nbf` or `iat` is not a time in seconds"));
        };
        if exp.is_none() && self.requires_expiry {
            return Err(invalid("the token has no `exp`"));
        }
        let expires_at = exp.and_then(|exp| exp.checked_add(self.leeway));
        let earliest_now = now.checked_add(self.leeway).unwrap_or(now);
        if expires_at.is_some_and(|end| now >= end) {
            return Err(Rejection::expired().with_reason("the token has expired (`exp`)"));
        }
        if nbf.is_some_and(|nbf| nbf > earliest_now) {
            return Err(Rejection::expired().with_reason("the token is not valid yet (`nbf`)"));
        }
        if iat.is_some_and(|iat| iat > earliest_now) {
            let reason = "the token was issued in the future (`iat`)";
            return Err(Rejection::expired().with_reason(reason));
        }
        Ok(expires_at)
    }
}

pub(super) fn invalid(reason: &'static str) -> Rejection {
    Rejection::invalid().with_reason(reason)
}

//! The claims of a verified token.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;

use super::{
    issuer::ClaimNames,
    json::{Json, Members},
};
use crate::{
    principal::Principal,
    rejection::Rejection,
    scope::{Scope, parse_list},
    target::Target,
};

/// The claims of a token, after every check.
///
/// The name of a claim is its exact name, or, if it begins with `/`, a JSON Pointer
/// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) without escapes:
/// `/realm_access/roles`.
///
/// # Example
///
/// ```
/// use tower_authn::{Principal, Rejection, jwt::Claims};
///
/// /// For [`JwtVerifier::with_principal`](tower_authn::jwt::JwtVerifier::with_principal).
/// fn principal(claims: &Claims<'_>) -> Result<Principal, Rejection> {
///     let is_admin = claims.strings("groups").any(|group| group == "admins");
///     let caller = claims.principal()?;
///     Ok(if is_admin { caller.with_scope_list("resources deployment") } else { caller })
/// }
/// ```
pub struct Claims<'a> {
    json: &'a str,
    members: Members<'a>,
    names: &'a ClaimNames,
    expires_at: Option<SystemTime>,
}

impl<'a> Claims<'a> {
    pub(super) fn new(
        json: &'a str,
        members: Members<'a>,
        names: &'a ClaimNames,
        expires_at: Option<SystemTime>,
    ) -> Self {
        Self {
            json,
            members,
            names,
            expires_at,
        }
    }

    /// Returns all claims as JSON. No name is repeated in an object.
    #[must_use]
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// Returns the issuer, `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.str("iss").unwrap_or_default()
    }

    /// Returns the time from which the verifier refuses the token: `exp`, and the leeway.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns a claim that is a string.
    #[must_use]
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Returns the strings of a claim that is a string or an array. Other values are
    /// skipped.
    pub fn strings(&self, name: &str) -> impl Iterator<Item = &str> {
        let items = match self.get(name) {
            Some(Json::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        items.iter().filter_map(Json::as_str)
    }

    /// Deserializes the claims.
    ///
    /// # Errors
    ///
    /// Returns [`Invalid`](crate::RejectionKind::Invalid) if they are not what `T`
    /// expects.
    pub fn deserialize<T: Deserialize<'a>>(&self) -> Result<T, Rejection> {
        serde_json::from_str(self.json).map_err(|error| {
            let rejection = Rejection::invalid().with_source(error);
            rejection.with_reason("the claims can't be deserialized")
        })
    }

    /// Returns the principal that the claims describe: its subject, scopes, organization
    /// and targets from the claims that the [`JwtIssuer`](super::JwtIssuer) names, its
    /// issuer from `iss`, its id from `jti`, its expiry from [`expires_at`](Self::expires_at), and all claims as
    /// its metadata.
    ///
    /// # Errors
    ///
    /// Returns [`Invalid`](crate::RejectionKind::Invalid) if the claim of the subject is
    /// missing, empty, or not a string.
    pub fn principal(&self) -> Result<Principal, Rejection> {
        let reason = "the claim of the subject is missing or not a string";
        let subject = self
            .str(&self.names.subject)
            .filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| Rejection::invalid().with_reason(reason))?;
        let scopes = self.names.scopes.iter().flat_map(|name| self.scopes(name));
        let mut principal = Principal::new(subject)
            .with_issuer(self.issuer())
            .with_parsed_scopes(scopes.collect())
            .with_metadata(self.json);
        if let Some(id) = self.str("jti") {
            principal = principal.with_token_id(id);
        }
        if let Some(at) = self.expires_at {
            principal = principal.with_expires_at(at);
        }
        let organization = self.names.organization.as_deref();
        if let Some(organization) = organization.and_then(|name| self.str(name)) {
            principal = principal.with_organization(organization);
        }
        if let Some(name) = &self.names.targets {
            // Without the claim, the list is empty: the principal has no target.
            let targets = self.strings(name).flat_map(|text| text.split(' '));
            let targets = targets.filter_map(|target| target.parse::<Target>().ok());
            principal = principal.with_parsed_targets(targets.collect());
        }
        Ok(principal)
    }

    /// Returns the scopes of a claim: a space-separated list, or an array with one scope
    /// in each item. What is not a scope grants nothing.
    fn scopes(&self, name: &str) -> Vec<Scope> {
        match self.get(name) {
            Some(Json::String(list)) => parse_list(list).collect(),
            Some(Json::Array(items)) => {
                let items = items.iter().filter_map(Json::as_str);
                items.filter_map(|item| item.parse().ok()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn get(&self, name: &str) -> Option<&Json<'a>> {
        let Some(pointer) = name.strip_prefix('/') else {
            return self.members.get(name);
        };
        let mut path = pointer.split('/');
        let mut value = self.members.get(path.next()?)?;
        for name in path {
            let Json::Object(members) = value else {
                return None;
            };
            value = members.get(name)?;
        }
        Some(value)
    }
}

/// Shows the issuer. The other claims are personal.
impl fmt::Debug for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer())
            .finish_non_exhaustive()
    }
}

/// Reads a NumericDate ([RFC 7519 §2](https://www.rfc-editor.org/rfc/rfc7519#section-2)):
/// a number of seconds, with a fraction or without.
///
/// Returns `None` for anything but a number from 0 to the end of the year 9999. A time in
/// milliseconds is therefore refused, and not read as one that never comes.
pub(super) fn numeric_date(value: &Json<'_>) -> Option<SystemTime> {
    const END_OF_9999: f64 = 253_402_300_799.0;
    let Json::Number(text) = value else {
        return None;
    };
    let seconds: f64 = text.parse().ok()?;
    let since = (0.0..=END_OF_9999).contains(&seconds).then_some(seconds)?;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(since).ok()?)
}

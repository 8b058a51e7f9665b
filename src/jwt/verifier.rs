//! The verifier of tokens.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use super::{
    claims::Claims,
    issuer::{IssuerRules, JwtIssuer},
    verification::{Clock, Convert, MissingKey, Refused, Shared},
};
use crate::{
    credential::Credential,
    error::ConfigError,
    principal::Principal,
    rejection::{Rejection, RejectionKind},
    verifier::Verifier,
};

/// A verifier of JWTs.
///
/// It decides without waiting if the key is known. It waits only for a
/// [`KeySource`](super::KeySource) that may have the key that a token names.
///
/// The principal is the crate's [`Principal`], a type that is deserialized from the claims
/// ([`with_claims`](Self::with_claims)), or what a closure makes of them
/// ([`with_principal`](Self::with_principal)). A clone is cheap.
///
/// # Example
///
/// ```
/// use tower_authn::AuthnLayer;
/// use tower_authn::jwt::{Algorithm, JwtIssuer, JwtKey, JwtVerifier};
///
/// let issuer = JwtIssuer::new("https://issuer.example.com")
///     .audience("models")
///     .algorithms([Algorithm::HS256])
///     .key(JwtKey::from_secret("0123456789abcdef0123456789abcdef")?);
/// let layer = AuthnLayer::new(JwtVerifier::new(issuer)?);
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// # Errors
///
/// A token is refused as [`Invalid`](crate::RejectionKind::Invalid), so that
/// [`or`](Verifier::or) asks the next verifier. A token with a good signature, issuer and
/// audience that has expired or is not valid yet is
/// [`Expired`](crate::RejectionKind::Expired). If a key source has no keys, a token is
/// [`Unavailable`](crate::RejectionKind::Unavailable).
pub struct JwtVerifier<P = Principal> {
    shared: Arc<Shared>,
    convert: Arc<Convert<P>>,
}

impl JwtVerifier {
    /// Creates a verifier of the tokens of one issuer.
    ///
    /// # Errors
    ///
    /// Returns an error if the issuer or an audience is missing, empty, or has a control
    /// character, if there is no algorithm, if HMAC is mixed with other algorithms, if
    /// there is no key or a key fits none of the algorithms, if there are both keys and a
    /// source of keys, or if the leeway is longer than 5 min. The error names the field.
    pub fn new(issuer: JwtIssuer) -> Result<Self, ConfigError> {
        Self::from_issuers([issuer])
    }

    /// Creates a verifier of the tokens of several issuers. The claim `iss` of a token
    /// chooses the issuer before a key is tried, and every other claim is checked by the
    /// rules of that issuer.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no issuer, if one is repeated, and for each reason of
    /// [`new`](Self::new).
    pub fn from_issuers(issuers: impl IntoIterator<Item = JwtIssuer>) -> Result<Self, ConfigError> {
        Self::from_issuers_and_clock(issuers, None)
    }

    /// Creates the same verifier with a clock, for tests.
    ///
    /// # Errors
    ///
    /// Returns an error for each reason of [`from_issuers`](Self::from_issuers).
    pub fn with_clock<F>(
        issuers: impl IntoIterator<Item = JwtIssuer>,
        clock: F,
    ) -> Result<Self, ConfigError>
    where
        F: Fn() -> SystemTime + Send + Sync + 'static,
    {
        Self::from_issuers_and_clock(issuers, Some(Box::new(clock)))
    }

    fn from_issuers_and_clock(
        issuers: impl IntoIterator<Item = JwtIssuer>,
        clock: Option<Box<Clock>>,
    ) -> Result<Self, ConfigError> {
        let mut checked: Vec<IssuerRules> = Vec::new();
        for issuer in issuers {
            let issuer = issuer.check()?;
            if checked.iter().any(|other| other.issuer == issuer.issuer) {
                let name = issuer.issuer;
                return Err(ConfigError::new(format!("issuer {name:?}: it is repeated")));
            }
            checked.push(issuer);
        }
        if checked.is_empty() {
            return Err(ConfigError::new("issuers: there is none"));
        }
        let issuers = checked.into();
        Ok(Self {
            shared: Arc::new(Shared { issuers, clock }),
            convert: Arc::new(|claims| claims.principal()),
        })
    }
}

impl<P> JwtVerifier<P> {
    /// Returns a verifier of the same tokens with principals that are deserialized from
    /// the claims.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use tower_authn::{ConfigError, jwt::{JwtIssuer, JwtVerifier}};
    ///
    /// #[derive(Clone, Deserialize)]
    /// struct User {
    ///     sub: String,
    ///     email: String,
    /// }
    ///
    /// fn verifier(issuer: JwtIssuer) -> Result<JwtVerifier<User>, ConfigError> {
    ///     Ok(JwtVerifier::new(issuer)?.with_claims())
    /// }
    /// ```
    #[must_use]
    pub fn with_claims<T: DeserializeOwned>(self) -> JwtVerifier<T> {
        self.with_principal(|claims| claims.deserialize())
    }

    /// Returns a verifier of the same tokens with principals that a closure makes of the
    /// claims, or refuses.
    #[must_use]
    pub fn with_principal<T, F>(self, f: F) -> JwtVerifier<T>
    where
        F: Fn(&Claims<'_>) -> Result<T, Rejection> + Send + Sync + 'static,
    {
        JwtVerifier {
            shared: self.shared,
            convert: Arc::new(f),
        }
    }

    /// Returns a verifier that never waits, for a tonic interceptor.
    ///
    /// It refuses a token as [`Unavailable`](crate::RejectionKind::Unavailable) if only a
    /// wait could find its key. Something else must then refresh the
    /// [`KeySource`](super::KeySource).
    #[must_use]
    pub fn immediate(self) -> ImmediateJwtVerifier<P> {
        ImmediateJwtVerifier(self)
    }

    fn decide(&self, token: &[u8]) -> Decision<'_, P> {
        match self.shared.verify(token, &*self.convert) {
            Ok(principal) => Decision::Final(Ok(principal)),
            Err(Refused::Rejected(rejection)) => Decision::Final(Err(rejection)),
            Err(Refused::NeedsKey(missing)) => Decision::Refresh(missing),
        }
    }
}

/// What a token has come to.
enum Decision<'a, P> {
    Final(Result<P, Rejection>),
    Refresh(MissingKey<'a>),
}

impl<P: Clone + Send + Sync + 'static> Verifier for JwtVerifier<P> {
    type Principal = P;

    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        match self.decide(credential.token_bytes()) {
            Decision::Final(result) => result,
            Decision::Refresh(missing) => {
                missing.source.refresh(missing.id.as_deref()).await?;
                match self.decide(credential.token_bytes()) {
                    Decision::Final(result) => result,
                    Decision::Refresh(missing) => Err(missing.rejection),
                }
            }
        }
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<P, Rejection>> {
        match self.decide(credential.token_bytes()) {
            Decision::Final(result) => Some(result),
            Decision::Refresh(_) => None,
        }
    }
}

/// A verifier of JWTs that never waits. Created by [`JwtVerifier::immediate`].
pub struct ImmediateJwtVerifier<P = Principal>(JwtVerifier<P>);

impl<P: Clone + Send + Sync + 'static> Verifier for ImmediateJwtVerifier<P> {
    type Principal = P;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        match self.0.decide(credential.token_bytes()) {
            Decision::Final(result) => result,
            Decision::Refresh(_) => {
                let reason = "the key (`kid`) is unknown, and this verifier can't wait for it";
                Err(Rejection::from(RejectionKind::Unavailable).with_reason(reason))
            }
        }
    }
}

impl<P> Clone for JwtVerifier<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            convert: Arc::clone(&self.convert),
        }
    }
}

impl<P> Clone for ImmediateJwtVerifier<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P> fmt::Debug for JwtVerifier<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier").finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for ImmediateJwtVerifier<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImmediateJwtVerifier")
            .finish_non_exhaustive()
    }
}

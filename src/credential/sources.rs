//! The headers that may hold a credential, and the challenges of a refusal.

use http::{
    HeaderName,
    header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION, SET_COOKIE},
};

use crate::{
    challenge::Challenge,
    error::ConfigError,
    scheme::{Scheme, Schemes},
};

/// The default limit on the value of a credential's header, in bytes.
pub(super) const MAX_LEN: usize = 8 * 1024;

/// The headers that may hold a credential, and the challenges of a refusal.
///
/// The default is `Authorization` with Bearer and Basic. A refusal challenges
/// for those schemes that [the verifier accepts](crate::Verifier::schemes):
/// `Bearer realm="api"` for tokens, `Basic realm="api", charset="UTF-8"` for
/// users with passwords, or both. [`Sources::new`] has no source.
///
/// # Example
///
/// Accepts a Bearer token, or a key in a header of its own:
///
/// ```
/// use tower_authn::{AuthnLayer, Sources, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", "ci")])?;
/// let sources = Sources::new().bearer().header("x-api-key")?.realm("models")?;
/// let layer = AuthnLayer::new(tokens).sources(sources);
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// # Security
///
/// A header that is present but unreadable never counts as a missing one. Another
/// scheme, a scheme without a token, an empty value, or anything but one token68
/// ([RFC 9110 §11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2)) is
/// [`Malformed`](crate::RejectionKind::Malformed). Two credentials are
/// [`Ambiguous`](crate::RejectionKind::Ambiguous), even if they are equal or are in
/// different headers. Scheme names are compared without regard to case, one or more
/// spaces may follow them, and white space around the value is ignored.
#[derive(Clone, Debug)]
pub struct Sources {
    pub(super) basic: bool,
    pub(super) bearer: bool,
    pub(super) headers: Vec<HeaderName>,
    pub(super) max_len: usize,
    realm: String,
    challenges: Vec<Challenge>,
}

impl Sources {
    /// Creates sources without any header: every credential counts as missing until
    /// one is added.
    #[must_use]
    pub fn new() -> Self {
        Self {
            basic: false,
            bearer: false,
            headers: Vec::new(),
            max_len: MAX_LEN,
            realm: "api".to_owned(),
            challenges: Vec::new(),
        }
    }

    /// Adds `Authorization: Basic …`, with a user and a password, or a token.
    #[must_use]
    pub fn basic(mut self) -> Self {
        self.basic = true;
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.bearer = true;
        self
    }

    /// Adds a header that holds only a token: visible ASCII, with white space around
    /// it trimmed.
    ///
    /// # Security
    ///
    /// Shared caches store no response to a request with `Authorization`, but know
    /// no other header of credentials
    /// ([RFC 9111 §3.5](https://www.rfc-editor.org/rfc/rfc9111#section-3.5)). Responses
    /// to requests with this header must set `Cache-Control: private` or `no-store`.
    ///
    /// # Errors
    ///
    /// Returns an error if `name` is not a header name, or is a header that can't
    /// hold a token for this server: `Authorization` (see [`bearer`](Self::bearer)
    /// and [`basic`](Self::basic)), `Proxy-Authorization`, `Cookie`, `Set-Cookie`,
    /// `Host`.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        let name: HeaderName = name
            .parse()
            .map_err(|_| ConfigError::new(format!("{name:?} is not a header name")))?;
        if [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION, SET_COOKIE].contains(&name) {
            let message = format!("{name} can't be a header that holds only a token");
            return Err(ConfigError::new(message));
        }
        if !self.headers.contains(&name) {
            self.headers.push(name);
        }
        Ok(self)
    }

    /// Sets the longest value that is read, in bytes. A longer one is malformed. The
    /// default is 8 KiB.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    /// Sets the realm of the default challenges, which is `api` by default. It has no
    /// effect on a [`challenge`](Self::challenge) that is added.
    ///
    /// # Errors
    ///
    /// Returns an error if the realm is not printable ASCII.
    pub fn realm(mut self, realm: &str) -> Result<Self, ConfigError> {
        Challenge::basic(realm)?;
        self.realm = realm.to_owned();
        Ok(self)
    }

    /// Adds a challenge. The first one replaces the default challenges. Each becomes a
    /// header line of its own, in the order in which they are added.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// Replaces the challenges by themselves with a link to the metadata of a protected
    /// resource, in each that is a Bearer challenge.
    ///
    /// # Errors
    ///
    /// Returns an error if no Bearer token is read from `Authorization` and challenged
    /// for, as the metadata promise.
    pub(crate) fn link_metadata(
        &mut self,
        url: &str,
        accepted: Schemes,
    ) -> Result<(), ConfigError> {
        let challenges = self.challenges(accepted).into_iter();
        let challenges: Result<Vec<_>, _> = challenges.map(|c| c.resource_metadata(url)).collect();
        self.challenges = challenges?;
        if self.bearer && self.challenges.iter().any(Challenge::is_bearer) {
            return Ok(());
        }
        Err(ConfigError::new(
            "sources: no Bearer tokens; expected `Sources::bearer` and a verifier of tokens",
        ))
    }

    /// Returns the schemes that are read from `Authorization`.
    #[cfg(feature = "manage")]
    pub(crate) fn schemes(&self) -> impl Iterator<Item = Scheme> {
        let basic = self.basic.then_some(Scheme::Basic);
        basic
            .into_iter()
            .chain(self.bearer.then_some(Scheme::Bearer))
    }

    /// Returns the headers that hold only a token.
    #[cfg(feature = "manage")]
    pub(crate) fn headers(&self) -> &[HeaderName] {
        &self.headers
    }

    /// Returns the challenges of a refusal, at least one: those that were added, or
    /// one for each scheme that is a source and that the verifier accepts.
    pub(crate) fn challenges(&self, accepted: Schemes) -> Vec<Challenge> {
        if !self.challenges.is_empty() {
            return self.challenges.clone();
        }
        let basic = self.basic && accepted.contains(Scheme::Basic);
        let bearer = self.bearer && accepted.contains(Scheme::Bearer);
        let basic_only = self.basic && !self.bearer && self.headers.is_empty();
        // The realm was checked when it was set.
        let with_realm = |challenge: Challenge| {
            let plain = challenge.clone();
            challenge.realm(&self.realm).unwrap_or(plain)
        };
        let mut challenges = Vec::with_capacity(2);
        // Bearer comes first, because some clients answer the first challenge that they
        // support.
        if bearer || !(basic || basic_only) {
            challenges.push(with_realm(Challenge::bearer()));
        }
        if basic || basic_only {
            let basic = Challenge::new(Scheme::Basic).charset_utf8();
            challenges.push(with_realm(basic));
        }
        challenges
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self::new().bearer().basic()
    }
}

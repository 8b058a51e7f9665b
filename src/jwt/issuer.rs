//! What a verifier requires of the tokens of one issuer.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    algorithm::{Algorithm, Algorithms},
    compact::media_subtype,
    key::JwtKey,
    key_set::KeySet,
    source::{DynKeySource, Fixed, KeySource},
};
use crate::error::ConfigError;

/// The longest leeway.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// An issuer of tokens: its keys, and what its tokens must say.
///
/// Name at least one audience, one algorithm, and the keys.
/// [`JwtVerifier::new`](super::JwtVerifier::new) checks the whole.
///
/// # Example
///
/// ```
/// use tower_authn::jwt::{Algorithm, JwtIssuer, JwtKey};
///
/// let issuer = JwtIssuer::new("https://issuer.example.com")
///     .audience("https://api.example.com")
///     .algorithms([Algorithm::HS256])
///     .key(JwtKey::from_secret("0123456789abcdef0123456789abcdef")?)
///     .token_type("at+jwt")
///     .scope_claims(["scope", "permissions"])
///     .organization_claim("org_id");
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct JwtIssuer {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    keys: Vec<JwtKey>,
    source: Option<Arc<dyn DynKeySource>>,
    token_types: Vec<String>,
    leeway: Duration,
    requires_expiry: bool,
    names: ClaimNames,
}

/// The names of the claims that make a principal.
#[derive(Clone)]
pub(super) struct ClaimNames {
    pub(super) subject: String,
    pub(super) scopes: Vec<String>,
    pub(super) organization: Option<String>,
    pub(super) targets: Option<String>,
}

impl JwtIssuer {
    /// Creates an issuer without audiences, algorithms and keys. `issuer` is compared
    /// with the claim `iss`, byte by byte.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: Vec::new(),
            algorithms: Vec::new(),
            keys: Vec::new(),
            source: None,
            token_types: Vec::new(),
            leeway: Duration::from_secs(60),
            requires_expiry: true,
            names: ClaimNames {
                subject: "sub".to_owned(),
                scopes: vec!["scope".to_owned(), "scp".to_owned()],
                organization: None,
                targets: None,
            },
        }
    }

    /// Adds an audience. The claim `aud`, a string or an array, must contain one of the
    /// audiences.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the algorithms that the issuer signs with. HMAC can't be mixed with others.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Adds a key that never changes.
    pub fn key(mut self, key: JwtKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds the keys of a set that never changes.
    pub fn key_set(mut self, keys: &KeySet) -> Self {
        self.keys.extend_from_slice(keys.keys());
        self
    }

    /// Sets a source of keys, which may change.
    pub fn key_source(mut self, source: impl KeySource) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Adds a type that the header `typ` may have, such as `at+jwt` for access tokens
    /// ([RFC 9068 §2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)). It is
    /// compared without regard to case, and the prefix `application/` may be missing.
    ///
    /// By default `typ` is `JWT`, `at+jwt` or missing, so that tokens for other purposes,
    /// such as `logout+jwt`, are refused. If a type is added, `typ` must be there.
    pub fn token_type(mut self, media_type: impl Into<String>) -> Self {
        self.token_types.push(media_type.into());
        self
    }

    /// Sets how far the clocks of the issuer and of this process may differ; 60 s by
    /// default, 5 min at most. It extends `exp`, and is granted for `nbf` and `iat`.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts tokens without `exp`, which are valid until their key is removed.
    pub fn insecure_allow_missing_exp(mut self) -> Self {
        self.requires_expiry = false;
        self
    }

    /// Sets the claim with the subject of the principal; `sub` by default.
    ///
    /// For this and the following methods, a name that begins with `/` is a path, see
    /// [`Claims`](super::Claims).
    pub fn subject_claim(mut self, name: impl Into<String>) -> Self {
        self.names.subject = name.into();
        self
    }

    /// Sets the claims with the scopes of the principal, which has the scopes of all of
    /// them; `scope` and `scp` by default.
    ///
    /// A claim is a space-separated list or an array, such as `roles`, `permissions` or
    /// `/realm_access/roles`.
    ///
    /// # Security
    ///
    /// Name only claims that limit what this token may do. `roles` may describe the
    /// user, who gave the caller no more than the rights in `scope`.
    pub fn scope_claims<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.names.scopes = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the claim with the organization of the principal.
    pub fn organization_claim(mut self, name: impl Into<String>) -> Self {
        self.names.organization = Some(name.into());
        self
    }

    /// Sets the claim with the targets that the principal is restricted to. A token
    /// without this claim has no target.
    pub fn targets_claim(mut self, name: impl Into<String>) -> Self {
        self.names.targets = Some(name.into());
        self
    }

    /// Checks the whole.
    ///
    /// # Errors
    ///
    /// Returns an error that names the field.
    pub(super) fn check(self) -> Result<IssuerRules, ConfigError> {
        let issuer = self.issuer;
        let error = |text: &str| Err(ConfigError::new(format!("issuer {issuer:?}: {text}")));
        let is_plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        if !is_plain(&issuer) {
            return error("the issuer is empty or has a control character");
        }
        if self.audiences.is_empty() {
            return error("audience: there is none; expected the name of this service");
        }
        if !self.audiences.iter().all(|audience| is_plain(audience)) {
            return error("audience: one is empty or has a control character");
        }
        if self.leeway > MAX_LEEWAY {
            return error("leeway: it is longer than 300 s");
        }
        if self.token_types.iter().any(String::is_empty) {
            return error("token_type: one is empty");
        }
        let algorithms = Algorithms::from_slice(&self.algorithms);
        if algorithms.is_empty() {
            return error("algorithms: there is none");
        }
        let secret = algorithms.and(Algorithms::HMAC);
        if !secret.is_empty() && secret != algorithms {
            return error("algorithms: HMAC is mixed with others; expected one issuer for each");
        }
        for (number, key) in (1..).zip(&self.keys) {
            let fits = key.algorithms();
            if fits.and(algorithms).is_empty() {
                return error(&format!(
                    "key {number}: it verifies {fits}; expected one of {algorithms}"
                ));
            }
        }
        let source = match (self.source, self.keys.is_empty()) {
            (Some(source), true) => source,
            (None, false) => match KeySet::new(self.keys) {
                Ok(keys) => Arc::new(Fixed(Arc::new(keys))),
                Err(reason) => return error(&reason.to_string()),
            },
            (None, true) => return error("key: there is none, and no source of keys"),
            (Some(_), false) => return error("key: there is a source of keys too; expected one"),
        };
        Ok(IssuerRules {
            audiences: self.audiences,
            algorithms,
            source,
            token_types: self
                .token_types
                .iter()
                .map(|t| media_subtype(t).to_owned())
                .collect(),
            leeway: self.leeway,
            requires_expiry: self.requires_expiry,
            names: self.names,
            issuer,
        })
    }
}

/// An issuer that was checked.
pub(super) struct IssuerRules {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Algorithms,
    pub(super) source: Arc<dyn DynKeySource>,
    /// Without the prefix `application/`. Empty for the default.
    pub(super) token_types: Vec<String>,
    pub(super) leeway: Duration,
    pub(super) requires_expiry: bool,
    pub(super) names: ClaimNames,
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtIssuer")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

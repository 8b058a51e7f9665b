//! Where a credential may stand, and what a refusal challenges with.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION, SET_COOKIE},
};

use super::{Found, Scheme, Schemes, parse};
use crate::{challenge::Challenge, error::ConfigError, rejection::RejectionKind};

/// The longest value of a credential's header, unless told otherwise, in bytes.
const MAX_LEN: usize = 8 * 1024;

/// Where a credential may stand, and what a refusal then challenges with.
///
/// The default is `Authorization` with Bearer and Basic. A refusal challenges
/// for the schemes of these that [the verifier accepts](crate::Verifier::schemes):
/// `Bearer realm="api"` for tokens, `Basic realm="api", charset="UTF-8"` for
/// users with passwords, both for both. [`Sources::new`] begins with no source
/// at all.
///
/// # Example
///
/// Bearer, or a key in a header of its own:
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
/// A field that is there is never taken for a missing one: another scheme, a
/// scheme alone, an empty value, anything but one token68
/// ([RFC 9110 §11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2)) is
/// [`Malformed`](RejectionKind::Malformed). Two fields, also where they are
/// equal or stand in two sources, are [`Ambiguous`](RejectionKind::Ambiguous).
/// Names of schemes are compared without regard to case, one or more spaces
/// may follow them, and white space around the value is not part of it.
#[derive(Clone, Debug)]
pub struct Sources {
    basic: bool,
    bearer: bool,
    headers: Vec<HeaderName>,
    max_len: usize,
    realm: String,
    challenges: Vec<Challenge>,
}

impl Sources {
    /// No source: nobody gets in until one is added.
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

    /// Adds `Authorization: Basic …`, with user and password or a token as it is.
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

    /// Adds a header whose whole value is the token: visible ASCII, white space
    /// around it trimmed.
    ///
    /// # Security
    ///
    /// Shared caches hold answers back for `Authorization` alone
    /// ([RFC 9111 §3.5](https://www.rfc-editor.org/rfc/rfc9111#section-3.5)): what
    /// this header opens must say `Cache-Control: private` or `no-store` itself.
    ///
    /// # Errors
    ///
    /// Where it is not the name of a header, or the name of one that can't be
    /// the origin's credential: `Authorization` (see [`bearer`](Self::bearer)
    /// and [`basic`](Self::basic)), `Proxy-Authorization`, `Cookie`,
    /// `Set-Cookie`, `Host`.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        let name: HeaderName = name
            .parse()
            .map_err(|_| ConfigError::new(format!("{name:?} is not the name of a header")))?;
        if [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION, SET_COOKIE].contains(&name) {
            let message = format!("{name} can't be a header that holds nothing but a token");
            return Err(ConfigError::new(message));
        }
        if !self.headers.contains(&name) {
            self.headers.push(name);
        }
        Ok(self)
    }

    /// The longest value that is read at all, in bytes; 8 KiB unless set.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    /// Sets the realm of the default challenges, `api` unless set. It has no
    /// effect on a [`challenge`](Self::challenge) that is added.
    ///
    /// # Errors
    ///
    /// Where it is not printable ASCII.
    pub fn realm(mut self, realm: &str) -> Result<Self, ConfigError> {
        Challenge::basic(realm)?;
        self.realm = realm.to_owned();
        Ok(self)
    }

    /// Adds a challenge. The first replaces the default ones; each is a header
    /// line of its own, in the order in which they were added.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// The schemes that may stand in `Authorization`.
    #[cfg(feature = "manage")]
    pub(crate) fn schemes(&self) -> impl Iterator<Item = Scheme> {
        let basic = self.basic.then_some(Scheme::Basic);
        basic
            .into_iter()
            .chain(self.bearer.then_some(Scheme::Bearer))
    }

    /// The headers that hold nothing but a token.
    #[cfg(feature = "manage")]
    pub(crate) fn headers(&self) -> &[HeaderName] {
        &self.headers
    }

    /// The challenges of a refusal, at least one: those that were added, or one
    /// for each scheme that is read here and accepted by the verifier.
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
        // Bearer comes first: a client that knows both takes the first it knows,
        // or the stronger one.
        if bearer || !(basic || basic_only) {
            challenges.push(with_realm(Challenge::bearer()));
        }
        if basic || basic_only {
            let basic = Challenge::new(Scheme::Basic).charset_utf8();
            challenges.push(with_realm(basic));
        }
        challenges
    }

    /// Marks every header that may hold a credential as sensitive, so that
    /// neither logs nor compression tables keep it.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        if is_repeated(headers) {
            let ours = headers.iter_mut().filter(|(name, _)| self.reads(name));
            return ours.for_each(|(_, value)| value.set_sensitive(true));
        }
        let authorization = self.reads_authorization().then_some(&AUTHORIZATION);
        for name in authorization.into_iter().chain(&self.headers) {
            if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
    }

    /// The one credential of a request, if there is one.
    pub(crate) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<Found<'a>>, RejectionKind> {
        if is_repeated(headers) && self.count(headers) > 1 {
            return Err(RejectionKind::Ambiguous);
        }
        let mut found = match headers.get(AUTHORIZATION) {
            Some(value) if self.reads_authorization() => Some(self.authorization(value)),
            _ => None,
        };
        for name in &self.headers {
            if let Some(value) = headers.get(name) {
                if found.is_some() {
                    return Err(RejectionKind::Ambiguous);
                }
                found = Some(self.bytes(value).and_then(parse::named));
            }
        }
        match found {
            Some(Some(found)) => Ok(Some(found)),
            Some(None) => Err(RejectionKind::Malformed),
            None => Ok(None),
        }
    }

    /// Does [`mark`](Self::mark) and [`find`](Self::find) in one look-up. The
    /// credential then borrows the headers exclusively.
    #[inline]
    pub(crate) fn mark_and_find<'a>(
        &self,
        headers: &'a mut HeaderMap,
    ) -> Result<Option<Found<'a>>, RejectionKind> {
        if !self.headers.is_empty() || is_repeated(headers) {
            self.mark(headers);
            return self.find(headers);
        }
        match headers.get_mut(AUTHORIZATION) {
            Some(value) if self.reads_authorization() => {
                value.set_sensitive(true);
                let found = self.authorization(value);
                found.map(Some).ok_or(RejectionKind::Malformed)
            }
            _ => Ok(None),
        }
    }

    #[inline]
    fn authorization<'a>(&self, value: &'a HeaderValue) -> Option<Found<'a>> {
        parse::authorization(self.bytes(value)?).filter(|found| match found.scheme {
            Some(Scheme::Basic) => self.basic,
            Some(Scheme::Bearer) | None => self.bearer,
        })
    }

    /// The bytes of a value, unless there are too many.
    fn bytes<'a>(&self, value: &'a HeaderValue) -> Option<&'a [u8]> {
        let bytes = value.as_bytes();
        (bytes.len() <= self.max_len).then_some(bytes)
    }

    /// Removes every header that may hold a credential.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        if self.reads_authorization() {
            headers.remove(AUTHORIZATION);
        }
        for name in &self.headers {
            headers.remove(name);
        }
    }

    fn count(&self, headers: &HeaderMap) -> usize {
        headers.iter().filter(|(name, _)| self.reads(name)).count()
    }

    fn reads(&self, name: &HeaderName) -> bool {
        (self.reads_authorization() && name == AUTHORIZATION) || self.headers.contains(name)
    }

    fn reads_authorization(&self) -> bool {
        self.basic || self.bearer
    }
}

/// Whether any field is there more than once. A look-up finds the first alone.
fn is_repeated(headers: &HeaderMap) -> bool {
    headers.len() != headers.keys_len()
}

impl Default for Sources {
    fn default() -> Self {
        Self::new().bearer().basic()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    type Outcome = Result<Option<(Option<Scheme>, Vec<u8>)>, RejectionKind>;

    fn outcome(found: Result<Option<Found<'_>>, RejectionKind>) -> Outcome {
        found.map(|found| found.map(|found| (found.scheme, found.token.to_vec())))
    }

    fn sensitive(headers: &HeaderMap) -> Vec<bool> {
        let values = headers.iter().map(|(_, value)| value);
        values.map(HeaderValue::is_sensitive).collect()
    }

    /// Every field counted, and every value read alone.
    fn by_the_letter(sources: &Sources, headers: &HeaderMap) -> Outcome {
        let authorization = sources.basic || sources.bearer;
        let ours = headers.iter().filter(|(name, _)| {
            (*name == AUTHORIZATION && authorization) || sources.headers.contains(name)
        });
        let ours: Vec<_> = ours.collect();
        let (name, value) = match ours.as_slice() {
            [] => return Ok(None),
            [one] => *one,
            _ => return Err(RejectionKind::Ambiguous),
        };
        let value = value.as_bytes();
        let found = match name == AUTHORIZATION {
            true => parse::authorization(value),
            false => parse::named(value),
        };
        let allowed = |found: &Found<'_>| match found.scheme {
            Some(Scheme::Basic) => sources.basic,
            Some(Scheme::Bearer) => sources.bearer,
            None => true,
        };
        match found.filter(allowed) {
            Some(found) if value.len() <= sources.max_len => {
                Ok(Some((found.scheme, found.token.to_vec())))
            }
            _ => Err(RejectionKind::Malformed),
        }
    }

    fn name() -> impl Strategy<Value = String> {
        let ours = "authorization|x-api-key|x-token";
        let others = "cookie|accept|proxy-authorization|x-api-keys";
        prop_oneof![2 => ours, 2 => others, 1 => "x-[a-z]{1,8}"]
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "(Basic|bearer|Digest)[ ]{1,2}[A-Za-z0-9._~+/-]{1,24}={0,2}",
            2 => "[ -~]{0,24}",
            1 => "Bearer a{16}a{0,8}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4_096,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn whichever_way_a_credential_is_looked_for_it_is_read_and_marked_the_same(
            fields in proptest::collection::vec((name(), value()), 0..12),
            basic: bool,
            bearer: bool,
            keys in 0..4_usize,
            max_len in prop_oneof![Just(MAX_LEN), 20..32_usize],
        ) {
            let mut sources = Sources::new().max_len(max_len);
            (sources.basic, sources.bearer) = (basic, bearer);
            for key in ["x-api-key", "x-token", "x-api-key"].iter().take(keys) {
                sources = sources.header(key).unwrap();
            }
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, value.parse().unwrap());
            }
            let expected = by_the_letter(&sources, &headers);
            let ours: Vec<bool> = headers.iter().map(|(name, _)| sources.reads(name)).collect();
            let mut taken = headers.clone();
            prop_assert_eq!(&outcome(sources.mark_and_find(&mut taken)), &expected);
            prop_assert_eq!(&sensitive(&taken), &ours);
            let mut marked = headers.clone();
            sources.mark(&mut marked);
            prop_assert_eq!(&outcome(sources.find(&marked)), &expected);
            prop_assert_eq!(&sensitive(&marked), &ours);
            sources.strip(&mut marked);
            let left: HashSet<_> = marked.keys().collect();
            prop_assert!(left.iter().all(|name| !sources.reads(name)));
        }
    }
}

//! The challenges of a refusal, in `WWW-Authenticate`.

use std::fmt;

use http::{HeaderValue, Uri};

use crate::{error::ConfigError, scheme::Scheme, scope::ScopeRule};

/// One line of `WWW-Authenticate`
/// ([RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)).
///
/// A Bearer challenge has the parameters of RFC 6750 §3 and RFC 9728 §5.1, and a
/// Basic challenge those of RFC 7617 §2. You can't set `error`: the layer adds it to
/// Bearer challenges when it refuses a credential that was sent.
///
/// A Basic challenge makes browsers open their login dialog, even for `fetch`. By
/// default, a refusal therefore has only a Bearer challenge unless the verifier
/// accepts users with passwords ([`Verifier::schemes`](crate::Verifier::schemes)). An
/// API with such users that is called by web pages should add a Bearer challenge,
/// which replaces the default ones.
///
/// # Example
///
/// ```
/// use tower_authn::{Challenge, Sources};
///
/// let sources = Sources::default()
///     .challenge(Challenge::bearer().realm("models")?)
///     .challenge(Challenge::basic("models")?.charset_utf8());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: Scheme,
    realm: Option<String>,
    charset_utf8: bool,
    scope: Option<ScopeRule>,
    error_description: Option<String>,
    error_uri: Option<String>,
    resource_metadata: Option<String>,
}

impl Challenge {
    /// Creates a Basic challenge. Its realm is required
    /// ([RFC 7617 §2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
    ///
    /// # Errors
    ///
    /// Returns an error if the realm is not printable ASCII.
    pub fn basic(realm: &str) -> Result<Self, ConfigError> {
        Self::new(Scheme::Basic).realm(realm)
    }

    /// Creates a Bearer challenge without parameters.
    #[must_use]
    pub fn bearer() -> Self {
        Self::new(Scheme::Bearer)
    }

    pub(crate) fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            realm: None,
            charset_utf8: false,
            scope: None,
            error_description: None,
            error_uri: None,
            resource_metadata: None,
        }
    }

    /// Sets the realm.
    ///
    /// # Errors
    ///
    /// Returns an error if the realm is not printable ASCII: header values are ASCII,
    /// and a control character could end the line.
    pub fn realm(mut self, realm: &str) -> Result<Self, ConfigError> {
        if !realm.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(ConfigError::new(
                "realm: has characters that are not allowed; expected printable ASCII",
            ));
        }
        self.realm = Some(realm.to_owned());
        Ok(self)
    }

    /// Announces that user and password are read as UTF-8
    /// ([RFC 7617 §2.1](https://www.rfc-editor.org/rfc/rfc7617#section-2.1)). It has no
    /// effect on a Bearer challenge.
    #[must_use]
    pub fn charset_utf8(mut self) -> Self {
        self.charset_utf8 = self.scheme == Scheme::Basic;
        self
    }

    /// Names the scopes that a token needs: all of the rule, or the first if any would
    /// do, because a client asks for all that it reads. `offline_access` is left out.
    /// It has no effect on a Basic challenge.
    #[must_use]
    pub fn scope(mut self, scope: ScopeRule) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Explains to a developer why a credential was refused. It has no effect on a
    /// Basic challenge.
    ///
    /// # Errors
    ///
    /// Returns an error if the text has a character that RFC 6750 §3 does not allow:
    /// it must be printable ASCII without `"` and `\`.
    pub fn error_description(mut self, text: &str) -> Result<Self, ConfigError> {
        let allowed = |b: u8| matches!(b, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
        if !text.bytes().all(allowed) {
            return Err(ConfigError::new(
                "error_description: has characters that are not allowed; expected printable \
                 ASCII without '\"' and '\\'",
            ));
        }
        self.error_description = Some(text.to_owned());
        Ok(self)
    }

    /// Links a page that explains why a credential was refused. It has no effect on a
    /// Basic challenge.
    ///
    /// # Errors
    ///
    /// Returns an error if `uri` is not a URI.
    pub fn error_uri(mut self, uri: &str) -> Result<Self, ConfigError> {
        self.error_uri = Some(checked_uri("error_uri", uri)?);
        Ok(self)
    }

    /// Links the metadata of this protected resource
    /// ([RFC 9728 §5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)). It has no
    /// effect on a Basic challenge.
    ///
    /// # Errors
    ///
    /// Returns an error if `uri` is not a URI.
    pub fn resource_metadata(mut self, uri: &str) -> Result<Self, ConfigError> {
        self.resource_metadata = Some(checked_uri("resource_metadata", uri)?);
        Ok(self)
    }

    pub(crate) fn is_bearer(&self) -> bool {
        self.scheme == Scheme::Bearer
    }

    /// Returns the header's value. Only a Bearer challenge has `error` and the
    /// parameters that explain it. `required` replaces the scopes of the challenge.
    pub(crate) fn render(&self, error: Option<&str>, required: Option<&ScopeRule>) -> HeaderValue {
        let scope = required.or(self.scope.as_ref());
        let scope = scope.and_then(ScopeRule::challenge_scopes);
        let with_error = |text: &Option<String>| text.clone().filter(|_| error.is_some());
        let bearer = [
            ("error", error.map(str::to_owned)),
            ("error_description", with_error(&self.error_description)),
            ("error_uri", with_error(&self.error_uri)),
            ("scope", scope),
            ("resource_metadata", self.resource_metadata.clone()),
        ];
        let basic = [("charset", self.charset_utf8.then(|| "UTF-8".to_owned()))];
        let parameters: &[_] = if self.is_bearer() { &bearer } else { &basic };

        let mut line = self.scheme.as_str().to_owned();
        let mut separator = " ";
        for (name, value) in [("realm", self.realm.clone())].iter().chain(parameters) {
            if let Some(value) = value {
                line.extend([separator, name, "=\""]);
                push_escaped(&mut line, value);
                line.push('"');
                separator = ", ";
            }
        }
        // Every part was checked to be printable ASCII when it was set.
        HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.render(None, None);
        f.write_str(line.to_str().unwrap_or_default())
    }
}

/// Appends the content of a quoted-string
/// ([RFC 9110 §5.6.4](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4)).
fn push_escaped(line: &mut String, value: &str) {
    for char in value.chars() {
        if matches!(char, '"' | '\\') {
            line.push('\\');
        }
        line.push(char);
    }
}

fn checked_uri(name: &str, uri: &str) -> Result<String, ConfigError> {
    // `Uri` accepts some characters that a quoted-string may not contain.
    let allowed = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
    if !uri.bytes().all(allowed) || uri.parse::<Uri>().is_err() {
        return Err(ConfigError::new(format!("{name}: not a URI")));
    }
    Ok(uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_quoted_and_separated_by_commas() {
        let challenge = Challenge::bearer()
            .realm(r#"a "b" \c"#)
            .and_then(|c| c.error_description("too old"))
            .and_then(|c| c.error_uri("https://docs.example/tokens"))
            .and_then(|c| c.resource_metadata("https://api.example/.well-known/x"))
            .map(|c| c.scope(ScopeRule::all_of(["a", "b"]).unwrap()))
            .unwrap();
        assert_eq!(
            challenge.render(Some("invalid_token"), None),
            r#"Bearer realm="a \"b\" \\c", error="invalid_token", error_description="too old", error_uri="https://docs.example/tokens", scope="a b", resource_metadata="https://api.example/.well-known/x""#,
        );
        assert_eq!(
            challenge.to_string(),
            r#"Bearer realm="a \"b\" \\c", scope="a b", resource_metadata="https://api.example/.well-known/x""#,
        );
    }

    #[test]
    fn only_bearer_challenges_have_errors() {
        let basic = Challenge::basic("r").unwrap().charset_utf8();
        assert_eq!(
            basic.render(Some("invalid_token"), None),
            r#"Basic realm="r", charset="UTF-8""#
        );
        assert_eq!(Challenge::bearer().to_string(), "Bearer");
    }

    #[test]
    fn characters_that_would_break_the_header_are_refused() {
        for realm in ["a\r\nb", "a\0", "\u{7f}", "测试", "é", "\t"] {
            assert!(Challenge::basic(realm).is_err(), "{realm:?}");
            assert!(Challenge::bearer().realm(realm).is_err(), "{realm:?}");
        }
        for text in ["\"", "\\", "é", "\n"] {
            assert!(Challenge::bearer().error_description(text).is_err());
            assert!(Challenge::bearer().error_uri(text).is_err());
            assert!(Challenge::bearer().resource_metadata(text).is_err());
        }
    }
}

//! The challenge of a refusal: what `WWW-Authenticate` says.

use std::fmt;

use http::{HeaderValue, Uri};

use crate::{credential::Scheme, error::ConfigError, scope::ScopeRule};

/// One line of `WWW-Authenticate`
/// ([RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)).
///
/// Bearer parameters are those of RFC 6750 §3 and RFC 9728 §5.1, Basic ones
/// those of RFC 7617 §2. `error` is not among them: the layer adds it, to
/// Bearer alone, where a credential came and was refused.
///
/// A Basic challenge makes browsers open their dialog, for `fetch` too, so a
/// refusal challenges with Bearer alone unless the verifier accepts users with
/// passwords ([`Verifier::schemes`](crate::Verifier::schemes)). An API for pages
/// that has such users should add a Bearer challenge, which then is the only one.
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
    /// A Basic challenge. Its realm is required
    /// ([RFC 7617 §2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
    ///
    /// # Errors
    ///
    /// Where the realm is not printable ASCII.
    pub fn basic(realm: &str) -> Result<Self, ConfigError> {
        Self::new(Scheme::Basic).realm(realm)
    }

    /// A Bearer challenge without parameters.
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
    /// Where it is not printable ASCII: header values are ASCII, and a control
    /// character would end the line.
    pub fn realm(mut self, realm: &str) -> Result<Self, ConfigError> {
        if !realm.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(ConfigError::new("a realm must be printable ASCII"));
        }
        self.realm = Some(realm.to_owned());
        Ok(self)
    }

    /// Says that user and password are read as UTF-8
    /// ([RFC 7617 §2.1](https://www.rfc-editor.org/rfc/rfc7617#section-2.1)). Basic only.
    #[must_use]
    pub fn charset_utf8(mut self) -> Self {
        self.charset_utf8 = self.scheme == Scheme::Basic;
        self
    }

    /// Names the scopes that a token needs here. Bearer only.
    #[must_use]
    pub fn scope(mut self, scope: ScopeRule) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Explains a refused credential to a developer. Bearer only.
    ///
    /// # Errors
    ///
    /// Where it holds a character that RFC 6750 §3 does not allow: it must be
    /// printable ASCII without `"` and `\`.
    pub fn error_description(mut self, text: &str) -> Result<Self, ConfigError> {
        let allowed = |b: u8| matches!(b, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
        if !text.bytes().all(allowed) {
            return Err(ConfigError::new(
                "an error description must be printable ASCII without '\"' and '\\'",
            ));
        }
        self.error_description = Some(text.to_owned());
        Ok(self)
    }

    /// A page that explains a refused credential. Bearer only.
    ///
    /// # Errors
    ///
    /// Where it is not a URI.
    pub fn error_uri(mut self, uri: &str) -> Result<Self, ConfigError> {
        self.error_uri = Some(checked_uri("error_uri", uri)?);
        Ok(self)
    }

    /// Where the metadata of this protected resource stands
    /// ([RFC 9728 §5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)). Bearer only.
    ///
    /// # Errors
    ///
    /// Where it is not a URI.
    pub fn resource_metadata(mut self, uri: &str) -> Result<Self, ConfigError> {
        self.resource_metadata = Some(checked_uri("resource_metadata", uri)?);
        Ok(self)
    }

    pub(crate) fn is_bearer(&self) -> bool {
        self.scheme == Scheme::Bearer
    }

    /// The header's value. `error` and what goes with it stand on Bearer
    /// alone; `lacking` takes the place of the challenge's own scopes.
    pub(crate) fn render(&self, error: Option<&str>, lacking: Option<&ScopeRule>) -> HeaderValue {
        let scope = lacking.or(self.scope.as_ref()).map(ToString::to_string);
        let explained = |text: &Option<String>| text.clone().filter(|_| error.is_some());
        let bearer = [
            ("error", error.map(str::to_owned)),
            ("error_description", explained(&self.error_description)),
            ("error_uri", explained(&self.error_uri)),
            ("scope", scope),
            ("resource_metadata", self.resource_metadata.clone()),
        ];
        let basic = [("charset", self.charset_utf8.then(|| "UTF-8".to_owned()))];
        let own: &[_] = if self.is_bearer() { &bearer } else { &basic };

        let mut line = self.scheme.as_str().to_owned();
        let mut separator = " ";
        for (name, value) in [("realm", self.realm.clone())].iter().chain(own) {
            if let Some(value) = value {
                line.extend([separator, name, "=\""]);
                push_escaped(&mut line, value);
                line.push('"');
                separator = ", ";
            }
        }
        // Every part was held to printable ASCII when it was set.
        HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.render(None, None);
        f.write_str(line.to_str().unwrap_or_default())
    }
}

/// A quoted-string's inside
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
    // `Uri` lets some characters through that must not stand in a header's value.
    let allowed = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
    if !uri.bytes().all(allowed) || uri.parse::<Uri>().is_err() {
        return Err(ConfigError::new(format!("{name} is not a URI")));
    }
    Ok(uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_quoted_and_parted_by_commas() {
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
    fn errors_stand_on_bearer_alone() {
        let basic = Challenge::basic("r").unwrap().charset_utf8();
        assert_eq!(
            basic.render(Some("invalid_token"), None),
            r#"Basic realm="r", charset="UTF-8""#
        );
        assert_eq!(Challenge::bearer().to_string(), "Bearer");
    }

    #[test]
    fn what_would_break_the_line_is_refused() {
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

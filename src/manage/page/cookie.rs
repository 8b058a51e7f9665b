//! The session cookie.

use std::{borrow::Cow, net::IpAddr};

use http::{
    HeaderMap, HeaderValue, Uri,
    header::{COOKIE, HOST, ORIGIN},
};

/// The cookies of one page.
pub(super) struct SessionCookies<'a> {
    /// The name of the cookies, without a prefix.
    pub(super) name: Cow<'a, str>,
}

/// The kind of a session cookie.
///
/// The `Origin` header of a sign-in, which no page can forge, decides the kind. Only
/// plaintext from a loopback host lacks `Secure`, because not every browser keeps
/// such a cookie there. `Host` would be unsafe for this: a proxy that terminates TLS
/// may call this server by a loopback name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CookieKind {
    /// Over TLS, for this host only.
    Secure,
    /// Plaintext on a loopback host.
    Loopback,
}

impl CookieKind {
    /// Returns the kind of cookie for a sign-in with these headers.
    pub(super) fn from_sign_in(headers: &HeaderMap) -> Self {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let parts = origin.and_then(|origin| origin.split_once("://"));
        match parts {
            Some((scheme, host)) if scheme.eq_ignore_ascii_case("http") && is_loopback(host) => {
                Self::Loopback
            }
            _ => Self::Secure,
        }
    }
}

impl SessionCookies<'_> {
    /// Returns the session secrets in a request. The cookie without `Secure` counts
    /// only on a loopback host: elsewhere, an attacker on the network could have set
    /// it.
    pub(super) fn secrets<'h>(
        &self,
        uri: &Uri,
        headers: &'h HeaderMap,
    ) -> Vec<(CookieKind, &'h [u8])> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(|authority| authority.as_str()).or(host);
        let loopback = host
            .is_some_and(is_loopback)
            .then_some(CookieKind::Loopback);
        [Some(CookieKind::Secure), loopback]
            .into_iter()
            .flatten()
            .filter_map(|kind| Some((kind, self.secret(kind, headers)?)))
            .collect()
    }

    /// Returns the `Set-Cookie` value of a session, with its maximum age in seconds.
    pub(super) fn set(&self, kind: CookieKind, secret: &str, max_age: u64) -> HeaderValue {
        let name = self.full_name(kind);
        let secure = match kind {
            CookieKind::Secure => "; Secure",
            CookieKind::Loopback => "",
        };
        let set = format!(
            "{name}={secret}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
        );
        // All parts are visible ASCII.
        let value = HeaderValue::try_from(set);
        let mut value = value.unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    fn full_name(&self, kind: CookieKind) -> Cow<'_, str> {
        match kind {
            CookieKind::Secure => format!("__Host-{}", self.name).into(),
            CookieKind::Loopback => self.name.as_ref().into(),
        }
    }

    /// Returns the secret in the cookie of this kind, or `None` if there are two such
    /// cookies: one of them was planted.
    fn secret<'h>(&self, kind: CookieKind, headers: &'h HeaderMap) -> Option<&'h [u8]> {
        let name = self.full_name(kind);
        let lines = headers.get_all(COOKIE).iter();
        // Compares bytes: other cookies may contain any. A non-ASCII space is part of a
        // name, and the browser did not see the prefix of such a name.
        let pairs = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
        let mut values = pairs.filter_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        });
        let secret = values.next()?;
        values.next().is_none().then_some(secret)
    }
}

/// Returns whether a host, without regard to its port, is a loopback host.
fn is_loopback(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) => bare,
        _ => host,
    };
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIES: SessionCookies<'static> = SessionCookies {
        name: Cow::Borrowed("tower-authn"),
    };

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn loopback_hosts_are_recognized() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "demo.localhost:80",
            "127.0.0.1",
            "127.8.0.1:3000",
            "[::1]:3000",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com:80",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "",
            "[::2]:1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn only_plaintext_on_loopback_lacks_secure() {
        let loopback = [
            "http://127.0.0.1:3000",
            "http://localhost",
            "http://[::1]:80",
            "HTTP://LOCALHOST:3000",
        ];
        for origin in loopback {
            let kind = CookieKind::from_sign_in(&headers(&[("origin", origin)]));
            assert_eq!(kind, CookieKind::Loopback, "{origin}");
        }
        let others = [
            "https://127.0.0.1:3000",
            "https://example.com",
            "http://example.com",
            "http://127.0.0.1.example.com",
            "null",
            "127.0.0.1",
            "",
        ];
        for origin in others {
            // A proxy may use its own name for this server.
            let request = headers(&[("origin", origin), ("host", "127.0.0.1:3000")]);
            assert_eq!(
                CookieKind::from_sign_in(&request),
                CookieKind::Secure,
                "{origin}"
            );
        }
        assert_eq!(
            CookieKind::from_sign_in(&HeaderMap::new()),
            CookieKind::Secure
        );

        let strict = "__Host-tower-authn=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(COOKIES.set(CookieKind::Secure, "s", 60), strict);
        let plain = "tower-authn=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
        assert_eq!(COOKIES.set(CookieKind::Loopback, "s", 60), plain);
    }

    #[test]
    fn a_request_has_at_most_one_session_of_each_kind() {
        use CookieKind::{Loopback, Secure};

        let (host, loopback) = ("__Host-tower-authn=a", "tower-authn=b");
        let secret = |kind| if kind == Secure { "a" } else { "b" };
        let twice = "__Host-tower-authn=a; __Host-tower-authn=c";
        let rows: [(&str, &[&str], &[CookieKind]); 14] = [
            ("example.com", &[], &[]),
            ("example.com", &["x=1; __Host-tower-authn=a; y"], &[Secure]),
            ("example.com", &["x=1", host], &[Secure]),
            ("example.com", &[host, host], &[]),
            ("example.com", &[twice], &[]),
            ("example.com", &[loopback], &[]),
            ("example.com", &["__host-tower-authn=a"], &[]),
            // Other cookies may contain any bytes.
            (
                "example.com",
                &["x=\u{e9}; __Host-tower-authn=a"],
                &[Secure],
            ),
            (
                "example.com",
                &["\u{e9}; __Host-tower-authn=a; \u{1f36a}=\u{e9}"],
                &[Secure],
            ),
            // Browsers do not trim this space, so the name lacks the prefix.
            ("example.com", &["\u{2000}__Host-tower-authn=a"], &[]),
            ("localhost:3000", &[loopback], &[Loopback]),
            ("localhost:3000", &[loopback, loopback], &[]),
            ("localhost:3000", &[host, loopback], &[Secure, Loopback]),
            ("localhost:3000", &[host, host, loopback], &[Loopback]),
        ];
        for (host, lines, kinds) in rows {
            let mut request = headers(&[("host", host)]);
            for line in lines {
                let line = HeaderValue::from_bytes(line.as_bytes());
                request.append(COOKIE, line.unwrap());
            }
            let bytes = |kind| secret(kind).as_bytes();
            let expected: Vec<_> = kinds.iter().map(|kind| (*kind, bytes(*kind))).collect();
            let found = COOKIES.secrets(&Uri::from_static("/"), &request);
            assert_eq!(found, expected, "{host} {lines:?}");
            // HTTP/2 has the host in the URI.
            let uri = format!("http://{host}/").parse().unwrap();
            request.remove(HOST);
            let found = COOKIES.secrets(&uri, &request);
            assert_eq!(found, expected, "{host} {lines:?}, HTTP/2");
        }
    }
}

//! The cookie that names a session.

use std::{borrow::Cow, net::IpAddr};

use http::{
    HeaderMap, HeaderValue, Uri,
    header::{COOKIE, HOST, ORIGIN},
};

/// The cookies of one page, by the name that they have in common.
pub(super) struct Cookies<'a>(pub(super) Cow<'a, str>);

/// The form of a session's cookie.
///
/// A browser that signs in says itself where its page came from, in `Origin`,
/// which no page can make it lie about. Only where that is plaintext from a
/// loopback host may `Secure` be missing: not every browser keeps such a cookie
/// there. It is told from `Origin`, not from `Host`, since a proxy that ends TLS
/// may call this server by a loopback name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Over TLS, for this host alone.
    Host,
    /// Plaintext on loopback.
    Loopback,
}

impl Form {
    /// The form for the person who signs in with these headers.
    pub(super) fn of_sign_in(headers: &HeaderMap) -> Self {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let plain = origin.and_then(|origin| origin.split_once("://"));
        match plain {
            Some((scheme, host)) if scheme.eq_ignore_ascii_case("http") && is_loopback(host) => {
                Self::Loopback
            }
            _ => Self::Host,
        }
    }
}

impl Cookies<'_> {
    /// The secrets of the sessions that a request names. One of plaintext is named
    /// to a loopback host alone: elsewhere anybody on the way could have put it
    /// there.
    pub(super) fn presented<'h>(&self, uri: &Uri, headers: &'h HeaderMap) -> Vec<(Form, &'h [u8])> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(|authority| authority.as_str()).or(host);
        let loopback = host.is_some_and(is_loopback).then_some(Form::Loopback);
        [Some(Form::Host), loopback]
            .into_iter()
            .flatten()
            .filter_map(|form| Some((form, self.secret(form, headers)?)))
            .collect()
    }

    /// The header that sets it, for so many seconds.
    pub(super) fn set(&self, form: Form, secret: &str, seconds: u64) -> HeaderValue {
        let name = self.name(form);
        let secure = match form {
            Form::Host => "; Secure",
            Form::Loopback => "",
        };
        let set = format!(
            "{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        );
        // All of it is ASCII of ours.
        let value = HeaderValue::try_from(set);
        let mut value = value.unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    fn name(&self, form: Form) -> Cow<'_, str> {
        match form {
            Form::Host => format!("__Host-{}", self.0).into(),
            Form::Loopback => self.0.as_ref().into(),
        }
    }

    /// The secret in the cookie of this form. Two cookies of one name name none:
    /// one of them was put there by somebody else.
    fn secret<'h>(&self, form: Form, headers: &'h HeaderMap) -> Option<&'h [u8]> {
        let name = self.name(form);
        let lines = headers.get_all(COOKIE).iter();
        // By bytes: another cookie may hold any, and a space beyond ASCII is a part
        // of a name, whose prefix the browser then did not see.
        let pairs = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
        let mut named = pairs.filter_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        });
        let secret = named.next()?;
        named.next().is_none().then_some(secret)
    }
}

/// Whether a host is this machine, its port aside.
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

    const COOKIES: Cookies<'static> = Cookies(Cow::Borrowed("tower-authn"));

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_loopback_host_is_told_from_others() {
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
    fn only_plaintext_on_loopback_does_without_secure() {
        let loopback = [
            "http://127.0.0.1:3000",
            "http://localhost",
            "http://[::1]:80",
            "HTTP://LOCALHOST:3000",
        ];
        for origin in loopback {
            let form = Form::of_sign_in(&headers(&[("origin", origin)]));
            assert_eq!(form, Form::Loopback, "{origin}");
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
            // A proxy calls this server by a name of its own.
            let request = headers(&[("origin", origin), ("host", "127.0.0.1:3000")]);
            assert_eq!(Form::of_sign_in(&request), Form::Host, "{origin}");
        }
        assert_eq!(Form::of_sign_in(&HeaderMap::new()), Form::Host);

        let strict = "__Host-tower-authn=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(COOKIES.set(Form::Host, "s", 60), strict);
        let plain = "tower-authn=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
        assert_eq!(COOKIES.set(Form::Loopback, "s", 60), plain);
    }

    #[test]
    fn a_request_names_at_most_one_session_of_each_form() {
        use Form::{Host, Loopback};

        let (host, loopback) = ("__Host-tower-authn=a", "tower-authn=b");
        let secret = |form| if form == Host { "a" } else { "b" };
        let twice = "__Host-tower-authn=a; __Host-tower-authn=c";
        let rows: [(&str, &[&str], &[Form]); 14] = [
            ("example.com", &[], &[]),
            ("example.com", &["x=1; __Host-tower-authn=a; y"], &[Host]),
            ("example.com", &["x=1", host], &[Host]),
            ("example.com", &[host, host], &[]),
            ("example.com", &[twice], &[]),
            ("example.com", &[loopback], &[]),
            ("example.com", &["__host-tower-authn=a"], &[]),
            // Another one's cookie may hold anything.
            ("example.com", &["x=\u{e9}; __Host-tower-authn=a"], &[Host]),
            (
                "example.com",
                &["\u{e9}; __Host-tower-authn=a; \u{1f36a}=\u{e9}"],
                &[Host],
            ),
            // Blanks that no browser trims make another name, without its prefix.
            ("example.com", &["\u{2000}__Host-tower-authn=a"], &[]),
            ("localhost:3000", &[loopback], &[Loopback]),
            ("localhost:3000", &[loopback, loopback], &[]),
            ("localhost:3000", &[host, loopback], &[Host, Loopback]),
            ("localhost:3000", &[host, host, loopback], &[Loopback]),
        ];
        for (host, lines, forms) in rows {
            let mut request = headers(&[("host", host)]);
            for line in lines {
                let line = HeaderValue::from_bytes(line.as_bytes());
                request.append(COOKIE, line.unwrap());
            }
            let key = |form| secret(form).as_bytes();
            let expected: Vec<_> = forms.iter().map(|form| (*form, key(*form))).collect();
            let named = COOKIES.presented(&Uri::from_static("/"), &request);
            assert_eq!(named, expected, "{host} {lines:?}");
            // HTTP/2 has the host in the URI.
            let uri = format!("http://{host}/").parse().unwrap();
            request.remove(HOST);
            let named = COOKIES.presented(&uri, &request);
            assert_eq!(named, expected, "{host} {lines:?}, HTTP/2");
        }
    }
}

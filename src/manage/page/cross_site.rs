//! Protection against cross-site request forgery.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{HOST, ORIGIN},
};

use crate::manage::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns an error, the response, if a request that may change something comes
/// from a page of another origin.
///
/// Browsers of today send `Sec-Fetch-Site`, which no page can set, and it alone
/// decides where it is present. Older browsers send `Origin`, which must be the
/// origin that the request was sent to. A request with neither header comes from
/// no browser: no cookie was added to it against its sender's will.
///
/// A proxy may end TLS in front of this server, so that the scheme of the request
/// is unknown here. The host and port are compared under the scheme of `Origin`,
/// with its default port ([RFC 6454 §4](https://www.rfc-editor.org/rfc/rfc6454#section-4)).
#[expect(clippy::result_large_err, reason = "a response, as axum has it")]
pub(super) fn refuse(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Response> {
    // `Method::is_safe` counts TRACE in, which no browser sends.
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_same_origin(uri, headers) {
        return Ok(());
    }
    let detail = "asked for by a page of another site";
    Err(Problem::new(StatusCode::FORBIDDEN, detail).into_response())
}

fn is_same_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
    if sites.peek().is_some_and(|site| !site.is_empty()) {
        return sites.all(|site| site == "same-origin" || site == "none");
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) if origin.is_empty() => true,
        (Some(origin), None) => is_origin_of(origin, uri, headers).unwrap_or(false),
        (Some(_), Some(_)) => false,
    }
}

/// Whether an origin is the one that a request was sent to; `None` if either
/// can't be read.
fn is_origin_of(origin: &HeaderValue, uri: &Uri, headers: &HeaderMap) -> Option<bool> {
    let (scheme, authority) = origin.to_str().ok()?.split_once("://")?;
    let default_port = match () {
        () if scheme.eq_ignore_ascii_case("https") => 443,
        () if scheme.eq_ignore_ascii_case("http") => 80,
        () => return None,
    };
    // HTTP/2 has the host in the URI, and there it counts in HTTP/1.1 too.
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(HOST)?.to_str().ok()?,
    };
    let (own_host, own_port) = host_and_port(host, default_port)?;
    let (host, port) = host_and_port(authority, default_port)?;
    Some(host.eq_ignore_ascii_case(own_host) && port == own_port)
}

/// The two parts of `HOST` or `HOST:PORT`.
fn host_and_port(text: &str, default_port: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let port = match port {
        "" => default_port,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    let part_of_host = |b: u8| b.is_ascii_graphic() && !b"/?#@,\\".contains(&b);
    (!host.is_empty() && host.bytes().all(part_of_host)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(method: &Method, uri: &str, lines: &[(&str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let refused = refuse(method, &uri.parse().unwrap(), &headers);
        refused.is_err_and(|response| response.status() == StatusCode::FORBIDDEN)
    }

    #[test]
    fn s15_an_origin_equals_the_host_by_rfc_6454() {
        let rows = [
            ("https://example.com", "example.com", true),
            ("https://example.com", "example.com:443", true),
            ("https://example.com:443", "example.com", true),
            ("http://example.com", "example.com:80", true),
            ("http://example.com:80", "example.com", true),
            ("http://example.com:", "example.com", true),
            ("HTTPS://example.com", "example.com", true),
            ("https://EXAMPLE.com", "example.COM", true),
            ("https://example.com:8443", "Example.com:8443", true),
            ("http://[::1]:3000", "[::1]:3000", true),
            ("http://[::1]", "[::1]:80", true),
            ("http://[2001:DB8::1]", "[2001:db8::1]", true),
            ("http://127.0.0.1:3000", "127.0.0.1:3000", true),
            // The default port is that of the scheme.
            ("https://example.com", "example.com:80", false),
            ("http://example.com", "example.com:443", false),
            ("https://example.com:80", "example.com", false),
            ("http://example.com:3000", "example.com:3001", false),
            ("http://example.com:3000", "example.com", false),
            ("http://[::1]:3000", "[::1]:3001", false),
            ("https://example.com.", "example.com", false),
            ("https://sub.example.com", "example.com", false),
            ("https://example.com.evil.test", "example.com", false),
            ("https://evil.test", "example.com", false),
            ("https://user@example.com", "example.com", false),
            (
                "https://evil.test@example.com",
                "evil.test@example.com",
                false,
            ),
            ("https://example.com/", "example.com", false),
            ("https://example.com:x", "example.com:x", false),
            ("https://example.com:99999", "example.com:99999", false),
            ("https://example.com:+443", "example.com", false),
            (
                "https://example.com https://evil.test",
                "example.com",
                false,
            ),
            ("https://", "", false),
            ("ftp://example.com", "example.com", false),
            ("example.com", "example.com", false),
            ("null", "null", false),
        ];
        for (origin, host, same) in rows {
            let headers = [("origin", origin), ("host", host)];
            let refused = is_refused(&Method::POST, "/session", &headers);
            assert_eq!(refused, !same, "{origin} to {host}");
            // HTTP/2 has the host in the URI, and it counts before the header.
            if let Ok(uri) = format!("http://{host}/session").parse::<Uri>() {
                let headers = [("origin", origin), ("host", "other.test")];
                let refused = is_refused(&Method::POST, &uri.to_string(), &headers);
                assert_eq!(refused, !same, "{origin} to {uri}");
            }
        }
        assert!(is_refused(
            &Method::POST,
            "/",
            &[("origin", "https://example.com")]
        ));
    }

    #[test]
    fn what_a_browser_says_of_the_page_decides_before_its_origin() {
        const SITE: &str = "sec-fetch-site";
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);
        let own = [("host", "a.test"), ("origin", "https://a.test")];
        let other = [("host", "a.test"), ("origin", "https://b.test")];
        let rows: [Row<'_>; 10] = [
            ("no browser", &[("host", "a.test")], false),
            (
                "an empty origin",
                &[("host", "a.test"), ("origin", "")],
                false,
            ),
            (
                "the same origin",
                &[(SITE, "same-origin"), other[0], other[1]],
                false,
            ),
            ("typed by the user", &[(SITE, "none")], false),
            (
                "the same site",
                &[(SITE, "same-site"), own[0], own[1]],
                true,
            ),
            (
                "another site",
                &[(SITE, "cross-site"), own[0], own[1]],
                true,
            ),
            ("unknown", &[(SITE, "Same-Origin")], true),
            (
                "two values",
                &[(SITE, "same-origin"), (SITE, "cross-site")],
                true,
            ),
            ("an empty value", &[(SITE, ""), other[0], other[1]], true),
            ("two origins", &[own[0], own[1], own[1]], true),
        ];
        for (name, headers, refused) in rows {
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::TRACE] {
                assert_eq!(is_refused(&method, "/", headers), refused, "{name}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                assert!(!is_refused(&method, "/", headers), "{name}");
            }
        }
    }
}

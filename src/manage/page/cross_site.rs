//! Protection against cross-site request forgery.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{HOST, ORIGIN},
};

use crate::manage::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks that a request that may change something comes from the same origin.
///
/// If `Sec-Fetch-Site` is present, it alone decides: current browsers send it, and no
/// page can set it. Older browsers send `Origin`, which must equal the origin of the
/// request. A request with neither header does not come from a browser, so no cookie
/// was added against the sender's will.
///
/// A proxy may terminate TLS, so the request's own scheme is unknown. Host and port
/// are compared under the scheme of `Origin`, with its default port
/// ([RFC 6454 §4](https://www.rfc-editor.org/rfc/rfc6454#section-4)).
///
/// # Errors
///
/// Returns an error, which is the response, if the request comes from another origin.
#[expect(clippy::result_large_err, reason = "a response, as in axum")]
pub(super) fn check(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Response> {
    // `Method::is_safe` includes TRACE, which no browser sends.
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_same_origin(uri, headers) {
        return Ok(());
    }
    let detail = "the request comes from a page of another site";
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
        (Some(origin), None) => is_own_origin(origin, uri, headers).unwrap_or(false),
        (Some(_), Some(_)) => false,
    }
}

/// Returns whether an origin is the one that a request was sent to, or `None` if
/// either can't be parsed.
fn is_own_origin(origin: &HeaderValue, uri: &Uri, headers: &HeaderMap) -> Option<bool> {
    let (scheme, authority) = origin.to_str().ok()?.split_once("://")?;
    let default_port = match () {
        () if scheme.eq_ignore_ascii_case("https") => 443,
        () if scheme.eq_ignore_ascii_case("http") => 80,
        () => return None,
    };
    // HTTP/2 has the host in the URI; an absolute URI takes precedence in HTTP/1.1 too.
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(HOST)?.to_str().ok()?,
    };
    let (own_host, own_port) = split_host_port(host, default_port)?;
    let (host, port) = split_host_port(authority, default_port)?;
    Some(host.eq_ignore_ascii_case(own_host) && port == own_port)
}

/// Splits `HOST` or `HOST:PORT`.
fn split_host_port(text: &str, default_port: u16) -> Option<(&str, u16)> {
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
    let is_host_byte = |b: u8| b.is_ascii_graphic() && !b"/?#@,\\".contains(&b);
    (!host.is_empty() && host.bytes().all(is_host_byte)).then_some((host, port))
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
        let result = check(method, &uri.parse().unwrap(), &headers);
        result.is_err_and(|response| response.status() == StatusCode::FORBIDDEN)
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
            // The scheme decides the default port.
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
            // The host in the URI takes precedence over the header.
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
    fn sec_fetch_site_takes_precedence_over_origin() {
        const SITE: &str = "sec-fetch-site";
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);
        let own = [("host", "a.test"), ("origin", "https://a.test")];
        let other = [("host", "a.test"), ("origin", "https://b.test")];
        let rows: [Row<'_>; 10] = [
            ("neither header", &[("host", "a.test")], false),
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
            ("typed in the address bar", &[(SITE, "none")], false),
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

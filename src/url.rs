//! Checks of URLs from a configuration.

use std::net::IpAddr;

use http::Uri;

use crate::error::ConfigError;

/// Parses an absolute URL of `https`, or of `http` on a loopback host. It has no user
/// and no fragment, and its scheme and host are in lower case, as clients write them.
///
/// `field` names the URL in an error. The error never quotes the URL: its query may
/// contain a secret.
pub(crate) fn parse_https_url(field: &str, url: &str) -> Result<Uri, ConfigError> {
    let error = |problem: &str, expected: &str| {
        let message = format!("{field}: {problem}; expected {expected}");
        Err(ConfigError::new(message))
    };
    let allowed = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
    let uri: Uri = match url.parse() {
        Ok(uri) if url.bytes().all(allowed) => uri,
        _ => return error("not a URL", "an absolute URL"),
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return error("not absolute", "\"https://\" and a host");
    };
    let host = authority.host();
    // `Uri` ignores the case of both, and drops a fragment.
    let start = format!("{scheme}://{}", authority.as_str().to_ascii_lowercase());
    if url.contains('#') {
        return error("has a fragment", "a URL without one");
    }
    if authority.as_str().contains('@') {
        return error("has a user", "a URL without one");
    }
    if !url.starts_with(&start) {
        return error("has upper case in the scheme or host", "lower case");
    }
    let port = authority.as_str().strip_prefix(host).unwrap_or_default();
    if host.is_empty() || (!port.is_empty() && authority.port_u16().is_none()) {
        return error("has no host or an impossible port", "a host");
    }
    match scheme {
        "https" => Ok(uri),
        "http" if is_loopback(host) => Ok(uri),
        _ => error("is not https", "https, or http on a loopback host"),
    }
}

/// Returns whether a host is this machine for every client.
fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match bare.unwrap_or(host).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_or_http_on_loopback() {
        for url in [
            "https://api.example.com",
            "https://api.example.com/",
            "https://api.example.com:8443/mcp?x=1",
            "https://[2001:db8::1]/mcp",
            "http://localhost:3000/mcp",
            "http://app.localhost",
            "http://127.0.0.1",
            "http://127.8.9.1:1",
            "http://[::1]:3000",
        ] {
            assert_eq!(parse_https_url("f", url).map(|_| ()), Ok(()), "{url}");
        }
    }

    #[test]
    fn any_other_url_is_refused_with_a_reason() {
        let rows = [
            ("", "f: not a URL; expected an absolute URL"),
            ("https://", "f: not a URL; expected an absolute URL"),
            ("https://a b", "f: not a URL; expected an absolute URL"),
            ("https://a/\"", "f: not a URL; expected an absolute URL"),
            ("https://a/\\", "f: not a URL; expected an absolute URL"),
            ("https://é", "f: not a URL; expected an absolute URL"),
            (
                "https:a",
                "f: not absolute; expected \"https://\" and a host",
            ),
            (
                "a.example",
                "f: not absolute; expected \"https://\" and a host",
            ),
            ("/mcp", "f: not absolute; expected \"https://\" and a host"),
            (
                "https://a/#b",
                "f: has a fragment; expected a URL without one",
            ),
            (
                "https://a#",
                "f: has a fragment; expected a URL without one",
            ),
            (
                "https://u:p@a/",
                "f: has a user; expected a URL without one",
            ),
            (
                "https://A/",
                "f: has upper case in the scheme or host; expected lower case",
            ),
            (
                "HTTPS://a/",
                "f: has upper case in the scheme or host; expected lower case",
            ),
            (
                "https://a:/",
                "f: has no host or an impossible port; expected a host",
            ),
            (
                "https://:80/",
                "f: has no host or an impossible port; expected a host",
            ),
            (
                "https://a:99999/",
                "f: has no host or an impossible port; expected a host",
            ),
            (
                "http://a/",
                "f: is not https; expected https, or http on a loopback host",
            ),
            (
                "http://localhost.a/",
                "f: is not https; expected https, or http on a loopback host",
            ),
            (
                "http://10.0.0.1/",
                "f: is not https; expected https, or http on a loopback host",
            ),
            (
                "http://0.0.0.0/",
                "f: is not https; expected https, or http on a loopback host",
            ),
            (
                "ftp://localhost/",
                "f: is not https; expected https, or http on a loopback host",
            ),
        ];
        for (url, expected) in rows {
            let error = parse_https_url("f", url).unwrap_err().to_string();
            assert_eq!(error, expected, "{url}");
        }
    }
}

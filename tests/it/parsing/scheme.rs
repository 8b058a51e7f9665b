//! Scheme and token after it.

use http::HeaderValue;
use tower::Layer;
use tower_authn::{AuthnLayer, RejectionKind::Malformed, Sources};

use super::{ADMITTED, WRONG, assert_rows, authorized, outcome, unread};
use crate::support::{Spy, Strict, TOKEN, ask, get};

#[tokio::test]
async fn a01_schemes_are_read_in_any_case() {
    let rows = [
        ("Bearer {}", ADMITTED),
        ("bEaReR {}", ADMITTED),
        ("BEARER {}", ADMITTED),
        ("bAsIc {}", ADMITTED),
        ("BASIC {}", ADMITTED),
        ("Bearers {}", unread(Malformed)),
        ("Beare {}", unread(Malformed)),
        ("bAsIc wrong", WRONG),
    ];
    assert_rows(&Sources::default(), &rows).await;
}

#[tokio::test]
async fn a02_one_or_more_spaces_may_follow_the_scheme() {
    let rows = [
        ("Bearer {}", ADMITTED),
        ("Bearer  {}", ADMITTED),
        ("Basic      {}", ADMITTED),
        ("Bearer{}", unread(Malformed)),
        ("Bearer  wrong", WRONG),
        ("Bearer  {} x", unread(Malformed)),
    ];
    assert_rows(&Sources::default(), &rows).await;
}

#[tokio::test]
async fn a03_only_spaces_may_follow_the_scheme() {
    let rows = [
        ("Bearer {}", ADMITTED),
        ("Bearer\t{}", unread(Malformed)),
        ("Bearer \t{}", unread(Malformed)),
        ("Bearer\t {}", unread(Malformed)),
        ("Basic\u{a0}{}", unread(Malformed)),
        ("Basic \u{a0}{}", unread(Malformed)),
    ];
    assert_rows(&Sources::default(), &rows).await;
    let latin1_nbsp = [b"Basic\xa0".as_slice(), TOKEN.as_bytes()].concat();
    let seen = outcome(&Sources::default(), authorized([&latin1_nbsp])).await;
    assert_eq!(seen, unread(Malformed));
}

#[tokio::test]
async fn a05_an_empty_token_is_refused() {
    let rows = [
        ("Basic {}", ADMITTED),
        ("", unread(Malformed)),
        (" ", unread(Malformed)),
        ("Bearer", unread(Malformed)),
        ("Bearer ", unread(Malformed)),
        ("Basic", unread(Malformed)),
        ("Basic   ", unread(Malformed)),
        ("Bearer =", unread(Malformed)),
        ("Basic ====", unread(Malformed)),
    ];
    assert_rows(&Sources::default(), &rows).await;

    let key = Sources::new().header("x-api-key").unwrap();
    for (value, expected) in [
        (TOKEN, ADMITTED),
        ("", unread(Malformed)),
        (" ", unread(Malformed)),
    ] {
        let seen = outcome(&key, get("/", &[("x-api-key", value)])).await;
        assert_eq!(seen, expected, "{value:?}");
    }
}

#[tokio::test]
async fn a09_a_comma_list_is_refused() {
    let rows = [
        ("Bearer {}", ADMITTED),
        ("Basic dTpw, Bearer {}", unread(Malformed)),
        ("Bearer {}, Bearer {}", unread(Malformed)),
        ("Bearer {},", unread(Malformed)),
        ("Bearer ,{}", unread(Malformed)),
        (", Bearer {}", unread(Malformed)),
        ("Bearer {},{}", unread(Malformed)),
    ];
    assert_rows(&Sources::default(), &rows).await;
}

#[tokio::test]
async fn a13_bytes_above_ascii_are_refused() {
    let sources = Sources::default();
    let good = [b"Bearer ".as_slice(), TOKEN.as_bytes()].concat();
    assert_eq!(outcome(&sources, authorized([&good])).await, ADMITTED);
    let rows: [&[u8]; 5] = [
        b"Bearer \x80",
        b"\xff",
        b"\x80 abc",
        b"Basic dTpw\xe9",
        &[good.as_slice(), b"\xc3\xa9"].concat(),
    ];
    for row in rows {
        let seen = outcome(&sources, authorized([row])).await;
        assert_eq!(seen, unread(Malformed), "{row:?}");
    }
    let key = Sources::new().header("x-api-key").unwrap();
    let mut request = get("/", &[]);
    let value = HeaderValue::from_bytes(b"abc\x80").unwrap();
    request.headers_mut().insert("x-api-key", value);
    assert_eq!(outcome(&key, request).await, unread(Malformed));
}

#[tokio::test]
async fn a15_an_oversized_header_is_refused_before_it_is_read() {
    let sources = Sources::default();
    let of_len = |len: usize| format!("Bearer {}", "a".repeat(len - "Bearer ".len()));
    for (len, expected) in [
        (8 * 1024, WRONG),
        (8 * 1024 + 1, unread(Malformed)),
        (64 * 1024, unread(Malformed)),
    ] {
        let seen = outcome(&sources, authorized([of_len(len).as_bytes()])).await;
        assert_eq!(seen, expected, "{len}");
    }
    // A valid token after as many spaces as the limit allows bytes.
    let spaces = format!("{}Bearer {TOKEN}", " ".repeat(8 * 1024));
    let seen = outcome(&sources, authorized([spaces.as_bytes()])).await;
    assert_eq!(seen, unread(Malformed));

    let value = format!("Bearer {TOKEN}");
    for (max_len, expected) in [
        (value.len(), ADMITTED),
        (value.len() - 1, unread(Malformed)),
    ] {
        let sources = Sources::default().max_len(max_len);
        let seen = outcome(&sources, authorized([value.as_bytes()])).await;
        assert_eq!(seen, expected, "{max_len}");
    }
}

#[tokio::test]
async fn a21_parameters_in_place_of_a_token_are_refused() {
    let rows = [
        ("Basic {}", ADMITTED),
        ("Basic realm=\"x\"", unread(Malformed)),
        ("Bearer token={}", unread(Malformed)),
        ("Bearer token=\"{}\"", unread(Malformed)),
        ("Bearer {} realm=x", unread(Malformed)),
        ("Basic user:password", unread(Malformed)),
    ];
    assert_rows(&Sources::default(), &rows).await;
}

#[tokio::test]
async fn a22_another_scheme_is_refused_and_never_anonymous() {
    let default = [
        ("Bearer {}", ADMITTED),
        ("Digest username=\"x\"", unread(Malformed)),
        ("Digest {}", unread(Malformed)),
        ("Negotiate {}", unread(Malformed)),
        ("{}", unread(Malformed)),
    ];
    assert_rows(&Sources::default(), &default).await;
    let basic = [("Basic {}", ADMITTED), ("Bearer {}", unread(Malformed))];
    assert_rows(&Sources::new().basic(), &basic).await;
    let bearer = [("Bearer {}", ADMITTED), ("Basic {}", unread(Malformed))];
    assert_rows(&Sources::new().bearer(), &bearer).await;

    let layer = AuthnLayer::new(Spy::default()).sources(Sources::new().basic());
    let request = authorized([b"Digest username=\"x\""]);
    let response = ask(&layer.layer(Strict::default()), request).await;
    let challenge = &response.headers()["www-authenticate"];
    assert_eq!(challenge, r#"Basic realm="api", charset="UTF-8""#);
}

//! Credential parsing: rows A.

use std::{convert::Infallible, ops::Range, sync::Arc};

use axum::{Router, body::Body, extract::Request as AxumRequest, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tower::{Layer, service_fn};
use tower_authn::{
    Access, AuthnLayer, Credential, Principal, Rejection,
    RejectionKind::{self, Ambiguous, Invalid, Malformed, Missing},
    Sources, Verifier,
    layer::Admission,
    protect,
    verifier::{FixedTokens, FixedUsers},
    verify_fn,
};

use crate::support::{Calls, Spy, Strict, TOKEN, ask, get, send, serve};

/// How far a request came: what refused it, and how often verifier and inner
/// service were called.
#[derive(Debug, PartialEq)]
struct Outcome {
    refused: Option<(u16, RejectionKind)>,
    verified: usize,
    called: usize,
}

const ADMITTED: Outcome = Outcome {
    refused: None,
    verified: 1,
    called: 1,
};

/// Refused before the verifier was asked.
const fn unread(kind: RejectionKind) -> Outcome {
    let status = if matches!(kind, Ambiguous) { 400 } else { 401 };
    Outcome {
        refused: Some((status, kind)),
        verified: 0,
        called: 0,
    }
}

/// Refused by the verifier.
const WRONG: Outcome = Outcome {
    refused: Some((401, Invalid)),
    verified: 1,
    called: 0,
};

/// Asks a service that reads `sources`, where a credential is required and
/// where it is optional: the two differ in nothing but what is missing. Where
/// it is required without a policy, it is read in another way.
async fn outcome(sources: &Sources, request: Request<String>) -> Outcome {
    let layer = |spy: &Spy| AuthnLayer::new(spy.clone()).sources(sources.clone());
    let without = |spy: &Spy| layer(spy);
    let with = |access| move |spy: &Spy| layer(spy).access(access);
    let required = outcome_of(with(Access::Authenticated), request.clone()).await;
    let bare = outcome_of(without, request.clone()).await;
    assert_eq!(bare, required, "a policy makes a difference");
    let optional = outcome_of(with(Access::Optional), request).await;
    if required == unread(Missing) {
        let anonymous = Outcome {
            refused: None,
            verified: 0,
            called: 1,
        };
        assert_eq!(optional, anonymous);
    } else {
        assert_eq!(optional, required, "optional differs from required");
    }
    required
}

async fn outcome_of<A: Admission<Principal>>(
    layer: impl FnOnce(&Spy) -> AuthnLayer<Spy, A>,
    request: Request<String>,
) -> Outcome {
    let (spy, inner) = (Spy::default(), Strict::default());
    let layer = layer(&spy).expose_rejection();
    let response = ask(&layer.layer(inner.clone()), request).await;
    assert_eq!(inner.readied.count(), inner.called.count());
    let kind = response.extensions().get().map(Rejection::kind);
    Outcome {
        refused: kind.map(|kind| (response.status().as_u16(), kind)),
        verified: spy.calls.count(),
        called: inner.called.count(),
    }
}

/// A GET with one `Authorization` field for each value.
fn authorized<const N: usize>(values: [&[u8]; N]) -> Request<String> {
    let mut request = get("/", &[]);
    for value in values {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append("authorization", value);
    }
    request
}

/// Asks with one field for each row, `{}` standing for the token.
async fn assert_rows(sources: &Sources, rows: &[(&str, Outcome)]) {
    for (value, expected) in rows {
        let value = value.replace("{}", TOKEN);
        let seen = outcome(sources, authorized([value.as_bytes()])).await;
        assert_eq!(seen, *expected, "{value:?}");
    }
}

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
async fn a02_one_or_more_blanks_may_follow_the_scheme() {
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
async fn a03_nothing_but_blanks_may_follow_the_scheme() {
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
async fn a04_blanks_around_the_value_decide_nothing_on_http1_and_http2() {
    let spy = Spy::default();
    let inner = Calls::default();
    let app = protect(counted_router(inner.clone()), AuthnLayer::new(spy.clone()));
    let addr = serve(app).await;
    let rows = [
        (format!("Bearer {TOKEN}"), 200),
        (format!("Bearer {TOKEN} "), 200),
        (format!(" \t Basic  {TOKEN} \t"), 200),
        ("Bearer wrong ".to_owned(), 401),
        (" Bearer ".to_owned(), 401),
        (format!("Bearer {TOKEN} x "), 401),
    ];
    for (value, expected) in rows {
        let before = (spy.calls.count(), inner.count());
        let mut deltas = Vec::new();
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let mut request = Request::new(Full::<Bytes>::default());
            let header = HeaderValue::from_str(&value).unwrap();
            request.headers_mut().insert("authorization", header);
            let answer = send(addr, version, request).await;
            assert_eq!(answer.head.status, expected, "{value:?} {version:?}");
            deltas.push((spy.calls.count(), inner.count()));
        }
        let (first, second) = (deltas[0], deltas[1]);
        let on_http1 = (first.0 - before.0, first.1 - before.1);
        let on_http2 = (second.0 - first.0, second.1 - first.1);
        assert_eq!(on_http1, on_http2, "{value:?}");
        assert_eq!(on_http1.1 == 1, expected == 200, "{value:?}");
    }
}

#[tokio::test]
async fn a04_http2_brings_the_blanks_that_http1_trims() {
    let seen = Router::new().fallback(|headers: HeaderMap| async move {
        let value = headers["authorization"].as_bytes();
        Bytes::copy_from_slice(value)
    });
    let addr = serve(protect(seen, AuthnLayer::new(Spy::default()))).await;
    let kept = format!("Bearer {TOKEN} ");
    for (version, expected) in [(Version::HTTP_11, kept.trim()), (Version::HTTP_2, &kept)] {
        let mut request = Request::new(Full::<Bytes>::default());
        let header = HeaderValue::from_str(&kept).unwrap();
        request.headers_mut().insert("authorization", header);
        let answer = send(addr, version, request).await;
        assert_eq!(answer.body, expected, "{version:?}");
    }
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
async fn a06_an_empty_or_blank_secret_cannot_be_configured() {
    for blank in ["", " ", "\t", "                        "] {
        let tokens = || FixedTokens::builder().insecure_short();
        assert!(FixedTokens::new([(blank, ())]).is_err(), "{blank:?}");
        assert!(tokens().token(blank, ()).build().is_err(), "{blank:?}");
        let users = || FixedUsers::builder().insecure_short();
        assert!(FixedUsers::new([("u", blank, ())]).is_err(), "{blank:?}");
        assert!(users().user("u", blank, ()).build().is_err(), "{blank:?}");
    }
    let good = FixedTokens::builder().insecure_short().token("a", ());
    assert_eq!(admitted_by(good.build().unwrap(), "Bearer a").await, 200);

    // An empty secret that slips into a closure matches nothing either.
    let empty = |c: &Credential<'_>| match c.matches("") {
        true => Ok(()),
        false => Err(Rejection::invalid()),
    };
    assert_eq!(admitted_by(verify_fn(empty), "Bearer =").await, 401);
    assert_eq!(admitted_by(verify_fn(empty), "Bearer a").await, 401);
}

#[tokio::test]
async fn a07_an_empty_list_cannot_be_built_unless_asked_for_and_lets_nobody_in() {
    assert!(FixedTokens::<()>::new::<&str>([]).is_err());
    assert!(FixedUsers::<()>::new::<&str, &str>([]).is_err());
    assert!(FixedTokens::parse("# none yet\n\n").is_err());
    let login = format!("Basic {}", STANDARD.encode("u:p"));
    let token = format!("Bearer {TOKEN}");
    for value in [token.as_str(), &login, "Bearer a", "Basic Og=="] {
        let tokens = FixedTokens::<()>::builder().allow_empty().build().unwrap();
        assert_eq!(admitted_by(tokens, value).await, 401, "{value}");
        let users = FixedUsers::<()>::builder().allow_empty().build().unwrap();
        assert_eq!(admitted_by(users, value).await, 401, "{value}");
    }
    let one = FixedTokens::new([(TOKEN, ())]).unwrap();
    assert_eq!(admitted_by(one, &token).await, 200);
}

#[tokio::test]
async fn a08_duplicate_lines_are_refused() {
    let good = format!("Bearer {TOKEN}");
    let good = good.as_bytes();
    let sources = Sources::default();
    assert_eq!(outcome(&sources, authorized([good])).await, ADMITTED);
    let rows: [[&[u8]; 2]; 5] = [
        [good, good],
        [good, b""],
        [b"", good],
        [good, b"Basic dTpw"],
        [b"\x80", good],
    ];
    for row in rows {
        let seen = outcome(&sources, authorized(row)).await;
        assert_eq!(seen, unread(Ambiguous), "{row:?}");
    }
    let thrice = outcome(&sources, authorized([good, good, good])).await;
    assert_eq!(thrice, unread(Ambiguous));
}

#[tokio::test]
async fn a08_credentials_in_two_sources_are_refused() {
    let sources = Sources::default().header("x-api-key").unwrap();
    let value = format!("Bearer {TOKEN}");
    let authorization = ("authorization", value.as_str());
    for one in [authorization, ("x-api-key", TOKEN)] {
        assert_eq!(outcome(&sources, get("/", &[one])).await, ADMITTED);
    }
    for other in [
        ("x-api-key", TOKEN),
        ("x-api-key", ""),
        ("x-api-key", "other"),
    ] {
        let seen = outcome(&sources, get("/", &[authorization, other])).await;
        assert_eq!(seen, unread(Ambiguous), "{other:?}");
    }
    let keys = get("/", &[("x-api-key", TOKEN), ("x-api-key", TOKEN)]);
    assert_eq!(outcome(&sources, keys).await, unread(Ambiguous));
}

#[tokio::test]
async fn fields_that_hold_no_credential_may_be_repeated() {
    let sources = Sources::default().header("x-api-key").unwrap();
    let value = format!("Bearer {TOKEN}");
    let cookies = [("cookie", "a=b"), ("cookie", "c=d")];
    let good = ("authorization", value.as_str());
    for sources in [sources, Sources::default()] {
        let one = get("/", &[&cookies[..], &[good]].concat());
        assert_eq!(outcome(&sources, one).await, ADMITTED);
        let none = get("/", &cookies);
        assert_eq!(outcome(&sources, none).await, unread(Missing));
        let two = get("/", &[&[good], &cookies[..], &[good]].concat());
        assert_eq!(outcome(&sources, two).await, unread(Ambiguous));
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
async fn a10_control_characters_in_user_or_password_are_refused() {
    let layer = AuthnLayer::new(any_login());
    for (login, expected) in [
        ("user:pass", 200),
        ("usér:pàss", 200),
        ("user\0:pass", 401),
        ("user:pass\0", 401),
        ("john:\u{1}doe", 401),
        ("john:d\noe", 401),
        ("\tjohn:doe", 401),
        ("john:doe\u{7f}", 401),
    ] {
        let value = format!("Basic {}", STANDARD.encode(login));
        let seen = status(&layer, &value).await;
        assert_eq!(seen, expected, "{login:?}");
    }
}

#[tokio::test]
async fn a11_each_user_and_password_has_one_encoding() {
    let users = FixedUsers::new([("alice", "pass>>?word", "alice")]).unwrap();
    let (fixed, any) = (
        AuthnLayer::new(Arc::new(users)),
        AuthnLayer::new(any_login()),
    );
    let canonical = STANDARD.encode("alice:pass>>?word");
    assert_eq!(canonical, "YWxpY2U6cGFzcz4+P3dvcmQ=");
    let rows = [
        ("YWxpY2U6cGFzcz4+P3dvcmQ=", 200),
        ("YWxpY2U6cGFzcz4+P3dvcmQ", 401),
        ("YWxpY2U6cGFzcz4+P3dvcmQ==", 401),
        ("YWxpY2U6cGFzcz4+P3dvcmR=", 401),
        ("YWxpY2U6cGFzcz4-P3dvcmQ=", 401),
        ("YWxpY2U6cGFzcz4+P3dvcm Q=", 401),
    ];
    for (token, expected) in rows {
        let value = format!("Basic {token}");
        assert_eq!(status(&fixed, &value).await, expected, "{token}");
        assert_eq!(status(&any, &value).await, expected, "{token}");
    }
}

#[tokio::test]
async fn a12_the_verifier_decides_what_stands_after_basic() {
    // `dTpw…` is a token of its own, and base64 of a user and a password too.
    let login = STANDARD.encode("user:password");
    let basic = format!("Basic {login}");
    let tokens = FixedTokens::new([(login.as_str(), Principal::new("token"))]).unwrap();
    let users = FixedUsers::new([("user", "password", Principal::new("user"))]).unwrap();
    assert_eq!(subject(tokens, &basic).await.as_deref(), Some("token"));
    assert_eq!(subject(users, &basic).await.as_deref(), Some("user"));

    // The same text after `Bearer` is a token and nothing else.
    assert_eq!(admitted_by(any_login(), &basic).await, 200);
    let bearer = format!("Bearer {login}");
    assert_eq!(admitted_by(any_login(), &bearer).await, 401);
}

#[tokio::test]
async fn a12_both_orders_of_or_serve_the_same_callers() {
    let tokens = || FixedTokens::new([(TOKEN, Principal::new("token"))]).unwrap();
    let users = || FixedUsers::new([("user", "password", Principal::new("user"))]).unwrap();
    let login = STANDARD.encode("user:password");
    let wrong = STANDARD.encode("user:passwort");
    let rows = [
        (format!("Basic {TOKEN}"), Some("token")),
        (format!("Bearer {TOKEN}"), Some("token")),
        (format!("Basic {login}"), Some("user")),
        (format!("Bearer {login}"), None),
        (format!("Basic {wrong}"), None),
        (format!("Bearer {TOKEN}0"), None),
        (format!("Basic {TOKEN}0"), None),
    ];
    for (value, expected) in rows {
        let one = subject(tokens().or(users()), &value).await;
        let other = subject(users().or(tokens()), &value).await;
        assert_eq!(one.as_deref(), expected, "tokens, then users: {value}");
        assert_eq!(other.as_deref(), expected, "users, then tokens: {value}");
    }
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
    // The good token stands behind the limit's worth of blanks.
    let blanks = format!("{}Bearer {TOKEN}", " ".repeat(8 * 1024));
    let seen = outcome(&sources, authorized([blanks.as_bytes()])).await;
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
async fn a18_a_token_in_the_query_or_a_form_is_not_read() {
    let sources = Sources::default();
    let query = format!("/?access_token={TOKEN}&token={TOKEN}&authorization=Bearer%20{TOKEN}");
    let mut form = get(
        "/",
        &[("content-type", "application/x-www-form-urlencoded")],
    );
    *form.method_mut() = http::Method::POST;
    *form.body_mut() = format!("access_token={TOKEN}");
    let mut request = get(&query, &[]);
    for request in [request.clone(), form] {
        assert_eq!(outcome(&sources, request).await, unread(Missing));
    }
    let value = HeaderValue::try_from(format!("Bearer {TOKEN}")).unwrap();
    request.headers_mut().insert("authorization", value);
    assert_eq!(outcome(&sources, request).await, ADMITTED);
}

#[tokio::test]
async fn a19_headers_that_look_alike_are_not_read() {
    let sources = Sources::default();
    let value = format!("Bearer {TOKEN}");
    let cookie = format!("authorization={TOKEN}; token={TOKEN}");
    let rows = [
        ("authorization", value.as_str(), ADMITTED),
        ("authorization-bin", &value, unread(Missing)),
        ("x-authorization", &value, unread(Missing)),
        ("proxy-authorization", &value, unread(Missing)),
        ("x-forwarded-authorization", &value, unread(Missing)),
        ("authorisation", &value, unread(Missing)),
        ("x-api-key", TOKEN, unread(Missing)),
        ("cookie", &cookie, unread(Missing)),
    ];
    for (name, value, expected) in rows {
        let seen = outcome(&sources, get("/", &[(name, value)])).await;
        assert_eq!(seen, expected, "{name}");
    }
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "host",
    ] {
        assert!(Sources::new().header(name).is_err(), "{name}");
    }
    assert!(Sources::new().header("x api key").is_err());
    assert!(Sources::new().header("X-API-Key").is_ok());
}

#[tokio::test]
async fn a20_a_trailer_is_no_credential() {
    let (spy, inner) = (Spy::default(), Calls::default());
    let app = protect(counted_router(inner.clone()), AuthnLayer::new(spy.clone()));
    let addr = serve(app).await;
    let value = HeaderValue::try_from(format!("Bearer {TOKEN}")).unwrap();
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let with_trailer = || {
            let mut trailers = HeaderMap::new();
            trailers.insert("authorization", value.clone());
            let frames = [
                Frame::data(Bytes::from("body")),
                Frame::trailers(trailers.clone()),
            ];
            let frames = futures::stream::iter(frames.map(Ok::<_, Infallible>));
            Request::post("/")
                .header("trailer", "authorization")
                .body(StreamBody::new(frames))
                .unwrap()
        };
        let before = (spy.calls.count(), inner.count());
        let refused = send(addr, version, with_trailer()).await;
        assert_eq!(refused.head.status, 401, "{version:?}");
        let challenge = &refused.head.headers["www-authenticate"];
        assert_eq!(challenge, "Bearer realm=\"api\"", "missing, {version:?}");
        assert_eq!((spy.calls.count(), inner.count()), before, "{version:?}");

        let mut twin = with_trailer();
        twin.headers_mut().insert("authorization", value.clone());
        let admitted = send(addr, version, twin).await;
        assert_eq!(admitted.head.status, 200, "{version:?}");
        let expected = (before.0 + 1, before.1 + 1);
        assert_eq!((spy.calls.count(), inner.count()), expected, "{version:?}");
        if version == Version::HTTP_2 {
            assert_eq!(admitted.body, "1 trailer", "the trailer did arrive");
        }
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
    assert_eq!(challenge, "Basic realm=\"api\"");
}

#[tokio::test]
async fn a_named_header_is_the_token_and_nothing_else() {
    let sources = Sources::new().header("x-api-key").unwrap();
    let rows = [
        (TOKEN.to_owned(), ADMITTED),
        (format!("  {TOKEN}\t"), ADMITTED),
        (format!("Bearer {TOKEN}"), unread(Malformed)),
        (format!("{TOKEN}, {TOKEN}"), unread(Malformed)),
        (format!("{TOKEN},"), WRONG),
    ];
    for (value, expected) in rows {
        let seen = outcome(&sources, get("/", &[("x-api-key", &value)])).await;
        assert_eq!(seen, expected, "{value:?}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let seen = outcome(&sources, get("/", &[("authorization", &bearer)])).await;
    assert_eq!(seen, unread(Missing));
}

/// Answers whether the token lies inside the bytes of the header's value, and
/// where those are.
struct Pointers {
    header: HeaderName,
    waits: bool,
}

impl Verifier for Pointers {
    type Principal = Range<usize>;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Range<usize>, Rejection> {
        if self.waits {
            tokio::task::yield_now().await;
        }
        let addresses = |bytes: &[u8]| {
            let range = bytes.as_ptr_range();
            range.start as usize..range.end as usize
        };
        let value = addresses(credential.head().headers()[&self.header].as_bytes());
        let token = addresses(credential.token().as_bytes());
        match value.start <= token.start && token.end <= value.end && !token.is_empty() {
            true => Ok(value),
            false => Err(Rejection::invalid()),
        }
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<Range<usize>, Rejection>> {
        use futures::FutureExt;
        match self.waits {
            true => None,
            false => self.verify(credential).now_or_never(),
        }
    }
}

#[tokio::test]
async fn the_token_is_borrowed_from_the_header_of_the_request() {
    let sources = Sources::default().header("x-api-key").unwrap();
    for waits in [false, true] {
        for (header, value) in [
            ("authorization", format!(" Bearer   {TOKEN} ")),
            ("x-api-key", TOKEN.to_owned()),
        ] {
            let header = HeaderName::from_static(header);
            let request = get("/", &[(header.as_str(), &value)]);
            let sent = request.headers()[&header].as_bytes().as_ptr() as usize;
            let pointers = Pointers {
                header: header.clone(),
                waits,
            };
            let inner = Strict::default();
            let layer = AuthnLayer::new(pointers).sources(sources.clone());
            let response = ask(&layer.layer(inner.clone()), request).await;
            assert_eq!(response.status(), 200, "{header} waits: {waits}");
            let last = inner.last();
            let seen = last.extensions.get::<Range<usize>>().unwrap();
            assert_eq!(seen.start, sent, "the bytes that were sent");
        }
    }
}

/// Counts its calls, reads the body to its end, and says what came behind it.
fn counted_router(calls: Calls) -> Router {
    Router::new().fallback_service(service_fn(move |request: AxumRequest| {
        let calls = calls.clone();
        async move {
            calls.add();
            let body = request.into_body().collect().await.unwrap();
            let trailers = body.trailers().map_or(0, HeaderMap::len);
            Ok::<_, Infallible>(Response::new(Body::from(format!("{trailers} trailer"))))
        }
    }))
}

/// A verifier that takes every user and password.
fn any_login() -> impl Verifier<Principal = ()> {
    verify_fn(|credential: &Credential<'_>| credential.user_password().map(|_| ()))
}

async fn status<V: Verifier>(layer: &AuthnLayer<V>, value: &str) -> u16 {
    let inner = Strict::default();
    let request = get("/", &[("authorization", value)]);
    let response = ask(&layer.layer(inner.clone()), request).await;
    let status = response.status().as_u16();
    assert_eq!(inner.called.count(), usize::from(status == 200), "{value}");
    status
}

async fn admitted_by(verifier: impl Verifier, value: &str) -> u16 {
    status(&AuthnLayer::new(verifier), value).await
}

/// Whom the verifier takes the caller for.
async fn subject<V: Verifier<Principal = Principal>>(verifier: V, value: &str) -> Option<String> {
    let inner = Strict::default();
    let service = AuthnLayer::new(verifier).layer(inner.clone());
    let response = ask(&service, get("/", &[("authorization", value)])).await;
    if response.status() != 200 {
        assert_eq!(inner.called.count(), 0, "{value}");
        return None;
    }
    let last = inner.last();
    last.extensions
        .get()
        .map(|p: &Principal| p.subject().to_owned())
}

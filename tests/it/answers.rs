//! Every row of the table of answers, on every protocol.

use std::{error::Error, time::Duration};

use axum::{Json, Router, body::Body, response::IntoResponse, routing::any};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use serde_json::json;
use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Challenge, Credential, Principal, Rejection, RejectionKind, ScopeRule,
    Sources, Verifier, layer::Refusal, protect, verify_fn,
};

use crate::support::{Answered, Calls, Strict, TOKEN, ask, get, send, serve, values};

/// Answers with the rejection that the token names, and counts.
#[derive(Clone, Debug, Default)]
struct Oracle(Calls);

impl Verifier for Oracle {
    type Principal = Principal;

    const IMMEDIATE: bool = true;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        self.0.add();
        Err(match credential.token() {
            TOKEN => return Ok(Principal::new("ci")),
            // What is said besides must not tell it apart from the others.
            "expired" => Rejection::expired().with_retry_after(Duration::from_secs(7)),
            "revoked" => Rejection::revoked(),
            "forbidden" => Rejection::forbidden(),
            "scopes" => Rejection::insufficient_scope(ScopeRule::all_of(["a", "b:c"]).unwrap()),
            "limited" => Rejection::rate_limited(Duration::from_millis(1_500)),
            "outage" => Rejection::unavailable(format!("{TOKEN}: connection refused")),
            _ => Rejection::invalid(),
        })
    }
}

const UNAUTHENTICATED: (&str, &str) = ("16", "the credential is not valid");

/// A row: what is sent, and what comes back over HTTP and over gRPC.
struct Row {
    name: &'static str,
    fields: &'static [&'static str],
    status: u16,
    /// All headers but `date` and `content-length`.
    headers: &'static [(&'static str, &'static str)],
    grpc: (&'static str, &'static str),
}

const INVALID: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer realm="api", error="invalid_token""#,
)];

const ROWS: [Row; 11] = [
    Row {
        name: "missing",
        fields: &[],
        status: 401,
        headers: &[("www-authenticate", r#"Bearer realm="api""#)],
        grpc: ("16", "a credential is required"),
    },
    Row {
        name: "malformed",
        fields: &["Bearer a b"],
        status: 401,
        headers: INVALID,
        grpc: UNAUTHENTICATED,
    },
    Row {
        name: "another scheme",
        fields: &["Digest x"],
        status: 401,
        headers: INVALID,
        grpc: UNAUTHENTICATED,
    },
    Row {
        name: "invalid",
        fields: &["Bearer nobodys"],
        status: 401,
        headers: INVALID,
        grpc: UNAUTHENTICATED,
    },
    Row {
        name: "expired",
        fields: &["Bearer expired"],
        status: 401,
        headers: INVALID,
        grpc: UNAUTHENTICATED,
    },
    Row {
        name: "revoked",
        fields: &["Bearer revoked"],
        status: 401,
        headers: INVALID,
        grpc: UNAUTHENTICATED,
    },
    Row {
        name: "ambiguous",
        fields: &["Bearer a", "Bearer a"],
        status: 400,
        headers: &[(
            "www-authenticate",
            r#"Bearer realm="api", error="invalid_request""#,
        )],
        grpc: ("16", "more than one credential was sent"),
    },
    Row {
        name: "forbidden",
        fields: &["Bearer forbidden"],
        status: 403,
        headers: &[(
            "www-authenticate",
            r#"Bearer realm="api", error="insufficient_scope""#,
        )],
        grpc: ("7", "the credential does not suffice"),
    },
    Row {
        name: "scopes are lacking",
        fields: &["Bearer scopes"],
        status: 403,
        headers: &[(
            "www-authenticate",
            r#"Bearer realm="api", error="insufficient_scope", scope="a b:c""#,
        )],
        grpc: ("7", "the credential does not suffice"),
    },
    Row {
        name: "rate limited",
        fields: &["Bearer limited"],
        status: 429,
        headers: &[("retry-after", "2")],
        grpc: ("8", "too many attempts"),
    },
    Row {
        name: "outage",
        fields: &["Bearer outage"],
        status: 503,
        headers: &[("retry-after", "1")],
        grpc: ("14", "the credential could not be verified"),
    },
];

/// The content types that speak gRPC, and the one that is answered.
const GRPC: [(&str, &str); 9] = [
    ("application/grpc", "application/grpc"),
    ("application/grpc+proto", "application/grpc"),
    ("application/grpc+json", "application/grpc"),
    ("application/grpc;x=y", "application/grpc"),
    ("application/grpc-web", "application/grpc-web+proto"),
    ("application/grpc-web+proto", "application/grpc-web+proto"),
    ("application/grpc-web;x", "application/grpc-web+proto"),
    (
        "application/grpc-web-text",
        "application/grpc-web-text+proto",
    ),
    (
        "application/grpc-web-text+proto",
        "application/grpc-web-text+proto",
    ),
];

fn request(method: &str, content_type: Option<&str>, fields: &[&str]) -> Request<String> {
    let request = Request::builder().method(method).uri("/x.Y/Z");
    let request = fields
        .iter()
        .fold(request, |r, field| r.header("authorization", *field));
    let request = content_type
        .into_iter()
        .fold(request, |r, value| r.header("content-type", value));
    request.body(String::new()).unwrap()
}

/// All headers but those that the server adds, sorted.
fn ours(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let added = ["date", "content-length"];
    let all = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let mut ours: Vec<_> = all.filter(|(name, _)| !added.contains(name)).collect();
    ours.sort_unstable();
    ours
}

fn with_no_store<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = headers.to_vec();
    all.push(("cache-control", "no-store"));
    all.sort_unstable();
    all
}

fn app() -> Router {
    Router::new().fallback(any(|| async { "inner" }))
}

#[tokio::test]
async fn every_row_over_http1_and_http2() {
    let addr = serve(protect(app(), AuthnLayer::new(Oracle::default()))).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for row in &ROWS {
            let answer = send(addr, version, request("POST", None, row.fields)).await;
            let name = format!("{} over {version:?}", row.name);
            assert_eq!(answer.head.status.as_u16(), row.status, "{name}");
            assert_eq!(
                ours(&answer.head.headers),
                with_no_store(row.headers),
                "{name}"
            );
            assert!(answer.body.is_empty(), "{name}");
        }
        let good = format!("Bearer {TOKEN}");
        let answer = send(addr, version, request("POST", None, &[&good])).await;
        assert_eq!(
            (answer.head.status, &*answer.body),
            (StatusCode::OK, &b"inner"[..])
        );
    }
}

#[tokio::test]
async fn every_row_over_grpc_and_grpc_web() {
    let addr = serve(protect(app(), AuthnLayer::new(Oracle::default()))).await;
    for (content_type, answered) in GRPC {
        for row in &ROWS {
            let request = request("POST", Some(content_type), row.fields);
            let Answered {
                head,
                body,
                trailers,
                ended_with_head,
            } = send(addr, Version::HTTP_2, request).await;
            let name = format!("{} over {content_type}", row.name);
            let (status, message) = row.grpc;
            let expected = [
                ("content-type", answered),
                ("grpc-message", message),
                ("grpc-status", status),
            ];
            assert_eq!(head.status, StatusCode::OK, "{name}");
            assert_eq!(ours(&head.headers), with_no_store(&expected), "{name}");
            assert!(
                body.is_empty() && trailers.is_none() && ended_with_head,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn only_a_post_of_exactly_that_content_type_speaks_grpc() {
    let service = AuthnLayer::new(Oracle::default()).layer(Strict::default());
    let plain = [
        "application/grpcx",
        "application/grpc-webx",
        "application/grpc-web-textx",
        "application/grpc-",
        "application/grpc proto",
        "Application/grpc",
        "application/GRPC",
        " application/grpc",
        "application/json",
        "text/plain, application/grpc",
        "",
    ];
    for content_type in plain {
        let response = ask(&service, request("POST", Some(content_type), &[])).await;
        assert_eq!(
            response.status(),
            StatusCode::UNAUTHORIZED,
            "{content_type:?}"
        );
    }
    for method in ["GET", "PUT", "OPTIONS", "post", "HEAD"] {
        let response = ask(&service, request(method, Some("application/grpc"), &[])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method}");
    }
    let mut twice = request("POST", Some("application/grpc"), &[]);
    twice
        .headers_mut()
        .append("content-type", "application/grpc".parse().unwrap());
    assert_eq!(
        ask(&service, twice).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn b07_what_must_look_alike_is_the_same_bytes_with_a_body_too() {
    let layer = AuthnLayer::new(Oracle::default()).respond(|refusal: &Refusal| {
        let body = json!({ "message": refusal.message(), "debug": format!("{refusal:?}") });
        Json(body).into_response()
    });
    let router = protect(app(), layer);
    let mut seen = Vec::new();
    for field in [
        "Bearer a b",
        "Bearer nobodys",
        "Bearer expired",
        "Bearer revoked",
    ] {
        let request = request("GET", None, &[field]).map(Body::from);
        let response = ask(&router, request).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        seen.push((head.status, format!("{:?}", head.headers), body));
    }
    assert!(seen.iter().all(|answer| answer == &seen[0]), "{seen:?}");
    let request = request("GET", None, &["Bearer forbidden"]).map(Body::from);
    assert_ne!(
        ask(&router, request).await.status(),
        seen[0].0,
        "others do differ"
    );
}

#[tokio::test]
async fn a_responder_changes_neither_status_nor_challenge_nor_the_grpc_forms() {
    let layer = AuthnLayer::new(Oracle::default()).respond(|_: &Refusal| {
        Response::builder()
            .status(200)
            .header("www-authenticate", "Custom x")
            .header("cache-control", "public")
            .header("retry-after", "9")
            .header("x-own", "kept")
            .body("body".to_owned())
            .unwrap()
    });
    let service = layer.layer(Strict::default());
    let response = ask(&service, get("/", &[])).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        values(response.headers(), "www-authenticate"),
        [r#"Bearer realm="api""#]
    );
    assert_eq!(values(response.headers(), "cache-control"), ["no-store"]);
    assert!(response.headers().get("retry-after").is_none());
    assert_eq!(values(response.headers(), "x-own"), ["kept"]);
    assert_eq!(response.body(), "body");

    let response = ask(&service, request("POST", Some("application/grpc"), &[])).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(values(response.headers(), "grpc-status"), ["16"]);
    assert!(response.headers().get("x-own").is_none() && response.body().is_empty());
}

#[tokio::test]
async fn e01_a_realm_breaks_no_line() {
    for realm in ["a\r\nSet-Cookie: x", "\0", "é", "测试领域", "\u{7f}"] {
        assert!(Sources::default().realm(realm).is_err(), "{realm:?}");
        assert!(Challenge::basic(realm).is_err(), "{realm:?}");
    }
    let realm = r#"Realm with "quotes" and \backslashes"#;
    let sources = Sources::default().realm(realm).unwrap();
    let service = AuthnLayer::new(Oracle::default())
        .sources(sources)
        .layer(Strict::default());
    let response = ask(&service, get("/", &[])).await;
    let line = values(response.headers(), "www-authenticate")[0];
    assert_eq!(
        line,
        r#"Bearer realm="Realm with \"quotes\" and \\backslashes""#
    );
    assert_eq!(params(line), [("realm".to_owned(), realm.to_owned())]);
}

/// The parameters of a challenge, by a parser that is not ours.
fn params(line: &str) -> Vec<(String, String)> {
    let parsed = http_auth::parse_challenges(line).unwrap();
    assert_eq!(parsed.len(), 1, "{line}");
    let params = parsed[0].params.iter();
    params
        .map(|(name, value)| (name.to_string(), value.to_unescaped()))
        .collect()
}

#[tokio::test]
async fn e02_an_error_description_holds_what_rfc_6750_allows() {
    for text in ["\"", "\\", "é", "\n", "\t"] {
        assert!(
            Challenge::bearer().error_description(text).is_err(),
            "{text:?}"
        );
    }
    let challenge = Challenge::bearer()
        .error_description("ask the admin!")
        .unwrap();
    let sources = Sources::default().challenge(challenge);
    let service = AuthnLayer::new(Oracle::default())
        .sources(sources)
        .layer(Strict::default());
    let response = ask(&service, get("/", &[("authorization", "Bearer x")])).await;
    let line = values(response.headers(), "www-authenticate")[0];
    let expected = [
        ("error", "invalid_token"),
        ("error_description", "ask the admin!"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(params(line), expected);
}

#[tokio::test]
async fn e03_no_error_is_named_where_no_credential_came() {
    let service = AuthnLayer::new(Oracle::default()).layer(Strict::default());
    let missing = ask(&service, get("/", &[])).await;
    assert_eq!(
        params(values(missing.headers(), "www-authenticate")[0]).len(),
        1
    );
    let wrong = ask(&service, get("/", &[("authorization", "Bearer x")])).await;
    assert_eq!(
        params(values(wrong.headers(), "www-authenticate")[0])[1].0,
        "error"
    );
}

#[tokio::test]
async fn e04_every_401_has_each_challenge_on_a_line_of_its_own() {
    let basic = Challenge::basic("r").unwrap().charset_utf8();
    let sources = Sources::default()
        .challenge(basic)
        .challenge(Challenge::bearer().realm("r").unwrap());
    let service = AuthnLayer::new(Oracle::default())
        .sources(sources)
        .layer(Strict::default());
    let lines = async |field: Option<&str>| {
        let fields: Vec<_> = field.into_iter().map(|f| ("authorization", f)).collect();
        let response = ask(&service, get("/", &fields)).await;
        let lines = values(response.headers(), "www-authenticate");
        lines.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let basic = r#"Basic realm="r", charset="UTF-8""#;
    assert_eq!(lines(None).await, [basic, r#"Bearer realm="r""#]);
    let invalid = [basic, r#"Bearer realm="r", error="invalid_token""#];
    assert_eq!(lines(Some("Bearer x")).await, invalid);
    // A 403 names what is wrong, and does not ask for a password.
    let scopes = [r#"Bearer realm="r", error="insufficient_scope", scope="a b:c""#];
    assert_eq!(lines(Some("Bearer scopes")).await, scopes);
    assert!(lines(Some("Bearer outage")).await.is_empty());
}

#[tokio::test]
async fn the_one_challenge_names_a_scheme_that_is_taken() {
    let rows = [
        (Sources::default(), r#"Bearer realm="api""#),
        (Sources::new().bearer(), r#"Bearer realm="api""#),
        (Sources::new().basic(), r#"Basic realm="api""#),
    ];
    for (sources, expected) in rows {
        let service = AuthnLayer::new(Oracle::default())
            .sources(sources)
            .layer(Strict::default());
        let response = ask(&service, get("/", &[])).await;
        assert_eq!(values(response.headers(), "www-authenticate"), [expected]);
    }
}

#[tokio::test]
async fn e05_no_refusal_is_stored() {
    let service = AuthnLayer::new(Oracle::default()).layer(Strict::default());
    for row in &ROWS {
        for content_type in [None, Some("application/grpc")] {
            let response = ask(&service, request("POST", content_type, row.fields)).await;
            assert_eq!(
                values(response.headers(), "cache-control"),
                ["no-store"],
                "{}",
                row.name
            );
        }
    }
    let good = format!("Bearer {TOKEN}");
    let response = ask(&service, request("POST", None, &[&good])).await;
    assert!(
        response.headers().get("cache-control").is_none(),
        "an admitted answer is the app's"
    );
}

#[tokio::test]
async fn e06_nothing_that_a_caller_sent_is_echoed() {
    let layer = AuthnLayer::new(Oracle::default())
        .respond(|refusal: &Refusal| Response::new(format!("{} {refusal:?}", refusal.message())));
    let service = layer.layer(Strict::default());
    let canary = "canary-of-the-caller";
    for field in [
        format!("Bearer {canary}"),
        format!("{canary} x"),
        format!("Basic {canary} x"),
    ] {
        for content_type in [
            None,
            Some("application/grpc"),
            Some("application/grpc-web+canary"),
        ] {
            let request = request("POST", content_type, &[&field]);
            let response = ask(&service, request).await;
            let told = format!("{:?} {:?}", response.headers(), response.body());
            assert!(!told.contains("canary"), "{told}");
        }
    }
}

#[tokio::test]
async fn e07_an_outage_is_503_and_says_nothing_of_its_cause() {
    let oracle = Oracle::default();
    let inner = Strict::default();
    let service = AuthnLayer::new(oracle.clone())
        .expose_rejection()
        .layer(inner.clone());
    for access in [None, Some(Access::Optional)] {
        let response = match access {
            None => ask(&service, get("/", &[("authorization", "Bearer outage")])).await,
            Some(access) => {
                let optional = AuthnLayer::new(oracle.clone())
                    .expose_rejection()
                    .access(access);
                let service = optional.layer(inner.clone());
                ask(&service, get("/", &[("authorization", "Bearer outage")])).await
            }
        };
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!format!("{:?}{}", response.headers(), response.body()).contains("refused"));
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert!(
            rejection
                .source()
                .unwrap()
                .to_string()
                .contains("connection refused")
        );
    }
    assert_eq!((inner.called.count(), oracle.0.count()), (0, 2));
}

#[tokio::test]
async fn the_rejection_is_exposed_only_where_that_is_asked_for() {
    let service = AuthnLayer::new(Oracle::default()).layer(Strict::default());
    let response = ask(&service, get("/", &[])).await;
    assert!(response.extensions().get::<Rejection>().is_none());
}

#[tokio::test]
async fn retry_after_is_rounded_up_and_never_overflows() {
    for (after, expected) in [
        (Duration::ZERO, "1"),
        (Duration::from_millis(1), "1"),
        (Duration::from_secs(1), "1"),
        (Duration::from_millis(1_001), "2"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        let limited = move |_: &Credential<'_>| Err::<(), _>(Rejection::rate_limited(after));
        let service = AuthnLayer::new(verify_fn(limited)).layer(Strict::default());
        let response = ask(&service, get("/", &[("authorization", "Bearer a")])).await;
        assert_eq!(
            values(response.headers(), "retry-after"),
            [expected],
            "{after:?}"
        );
    }
}

#[tokio::test]
async fn e08_a_refused_head_request_has_no_body() {
    let layer = AuthnLayer::new(Oracle::default())
        .respond(|refusal: &Refusal| Response::new(refusal.message().to_owned()));
    let service = layer.layer(Strict::default());
    let head = ask(&service, request("HEAD", None, &[])).await;
    assert_eq!(
        (head.status(), head.body().as_str()),
        (StatusCode::UNAUTHORIZED, "")
    );
    let get = ask(&service, request("GET", None, &[])).await;
    assert_eq!(get.body(), "a credential is required");
}

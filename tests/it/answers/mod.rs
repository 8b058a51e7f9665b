//! Every row of the table of answers, on every protocol.

mod bodies;
mod challenges;

use std::time::Duration;

use axum::{Router, routing::any};
use http::{HeaderMap, Request, StatusCode, Version};
use tower_authn::{
    AuthnLayer, Credential, Principal, Rejection, RejectionKind, ScopeRule, Verifier, protect,
};

use crate::support::{Answered, Calls, TOKEN, send, serve};

/// Returns the rejection that the token names, and counts its calls.
#[derive(Clone, Debug, Default)]
struct Oracle(Calls);

impl Verifier for Oracle {
    type Principal = Principal;

    const IMMEDIATE: bool = true;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        self.0.add();
        Err(match credential.token() {
            TOKEN => return Ok(Principal::new("ci")),
            // The extra header must not distinguish it from the others.
            "expired" => Rejection::expired().with_retry_after(Duration::from_secs(7)),
            "revoked" => Rejection::revoked(),
            "denied" => RejectionKind::Denied.into(),
            "forbidden" => Rejection::forbidden(),
            "scopes" => Rejection::insufficient_scope(ScopeRule::all_of(["a", "b:c"]).unwrap()),
            "limited" => Rejection::rate_limited(Duration::from_millis(1_500)),
            "outage" => Rejection::unavailable(format!("{TOKEN}: connection refused")),
            _ => Rejection::invalid(),
        })
    }
}

const UNAUTHENTICATED: (&str, &str) = ("16", "the credential is not valid");

/// A row: the `Authorization` fields of a request, and the responses over HTTP and
/// over gRPC.
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

impl Row {
    /// A credential that does not authenticate, for whatever reason.
    const fn invalid(name: &'static str, fields: &'static [&'static str]) -> Self {
        Self {
            name,
            fields,
            status: 401,
            headers: INVALID,
            grpc: UNAUTHENTICATED,
        }
    }
}

const ROWS: [Row; 12] = [
    Row {
        name: "missing",
        fields: &[],
        status: 401,
        headers: &[("www-authenticate", r#"Bearer realm="api""#)],
        grpc: ("16", "a credential is required"),
    },
    Row::invalid("malformed", &["Bearer a b"]),
    Row::invalid("another scheme", &["Digest x"]),
    Row::invalid("invalid", &["Bearer unknown"]),
    Row::invalid("expired", &["Bearer expired"]),
    Row::invalid("revoked", &["Bearer revoked"]),
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
        name: "denied",
        fields: &["Bearer denied"],
        status: 403,
        headers: &[],
        grpc: ("7", "access is denied"),
    },
    Row {
        name: "forbidden",
        fields: &["Bearer forbidden"],
        status: 403,
        headers: &[(
            "www-authenticate",
            r#"Bearer realm="api", error="insufficient_scope""#,
        )],
        grpc: ("7", "insufficient permissions"),
    },
    Row {
        name: "scopes are lacking",
        fields: &["Bearer scopes"],
        status: 403,
        headers: &[(
            "www-authenticate",
            r#"Bearer realm="api", error="insufficient_scope", scope="a b:c""#,
        )],
        grpc: ("7", "insufficient permissions"),
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

//! What no entry of a table names.

use http::{HeaderMap, Method, Request, StatusCode};
use tower::Layer;
use tower_authn::{Access, AccessTable, AuthnLayer, RejectionKind};

use super::{Waits, bearer};
use crate::support::{Spy, Strict, ask, get, grpc};

fn table() -> AccessTable {
    AccessTable::builder()
        .route(Method::GET, "/own", Access::scope("deployment"))
        .route(Method::GET, "/denied", Access::Denied)
        .route(Method::GET, "/scoped", Access::scope("resources"))
        .grpc("a.S", "Own", Access::scope("deployment"))
        .grpc("a.S", "Denied", Access::Denied)
        .grpc("a.S", "Scoped", Access::scope("resources"))
        .build()
        .unwrap()
}

/// The status, or the one of gRPC, with all headers and the body.
async fn asked(request: Request<String>) -> (String, HeaderMap, String) {
    let inner = Strict::default();
    let now = AuthnLayer::new(Spy::default()).access(table());
    let waits = AuthnLayer::new(Waits(Spy::default())).access(table());
    let answers = [
        ask(&now.layer(inner.clone()), request.clone()).await,
        ask(&waits.layer(inner.clone()), request).await,
    ];
    let [first, second] = answers.map(|answer| {
        let (head, body) = answer.into_parts();
        let grpc = head.headers.get("grpc-status");
        let status = match grpc.map(|code| code.to_str().unwrap().to_owned()) {
            Some(code) => format!("grpc {code}"),
            None => head.status.as_u16().to_string(),
        };
        (status, head.headers, body)
    });
    assert_eq!(first, second, "however the verifier answers");
    let let_in = first.0 == "200";
    assert_eq!(inner.called.count(), if let_in { 2 } else { 0 });
    first
}

/// Each request, and what a good token with the scope `deployment` comes to.
fn rows() -> Vec<(Request<String>, &'static str)> {
    let mut post = get("/own", &[]);
    *post.method_mut() = Method::POST;
    vec![
        (get("/own", &[]), "200"),
        (get("/own/", &[]), "404"),
        (get("/own/more", &[]), "404"),
        (get("/misspelt", &[]), "404"),
        (get("//own", &[]), "404"),
        (post, "404"),
        (get("/denied", &[]), "403"),
        (get("/scoped", &[]), "403"),
        (grpc("/a.S/Denied", &[]), "grpc 7"),
        (grpc("/a.S/Misspelt", &[]), "grpc 12"),
        (grpc("/b.S/Own", &[]), "grpc 12"),
        (grpc("/own", &[]), "grpc 12"),
    ]
}

#[tokio::test]
async fn s23_what_no_entry_names_is_not_found_with_a_good_credential() {
    for (mut request, expected) in rows() {
        let shown = format!("{} {}", request.method(), request.uri());
        let authorization = bearer().parse().unwrap();
        request.headers_mut().insert("authorization", authorization);
        let (status, headers, body) = asked(request).await;
        assert_eq!(status, expected, "{shown}");
        if let "404" | "grpc 12" = expected {
            assert!(!headers.contains_key("www-authenticate"), "{shown}");
            assert_eq!(headers["cache-control"], "no-store", "{shown}");
            assert!(body.is_empty(), "{shown}");
        }
    }
}

#[tokio::test]
async fn s23_strangers_cant_tell_what_is_named_from_what_is_not() {
    for authorization in [None, Some("Bearer made-up"), Some("Bearer a b")] {
        let mut seen: [Vec<_>; 2] = Default::default();
        for (mut request, _) in rows() {
            let is_grpc = request.headers().contains_key("content-type");
            if let Some(value) = authorization {
                let value = value.parse().unwrap();
                request.headers_mut().insert("authorization", value);
            }
            seen[usize::from(is_grpc)].push(asked(request).await);
        }
        for (answers, status) in seen.iter().zip(["401", "grpc 16"]) {
            assert_eq!(answers[0].0, status);
            assert!(answers.iter().all(|answer| *answer == answers[0]));
        }
    }
}

#[test]
fn s23_the_kind_is_one_of_its_own() {
    let kind = RejectionKind::NotFound;
    assert_eq!(kind.status(), StatusCode::NOT_FOUND);
    assert_eq!((kind.grpc_code(), kind.error_code()), (12, None));
    assert_ne!(kind.message(), RejectionKind::Forbidden.message());
}

#[tokio::test]
async fn a_denied_request_is_403_without_a_challenge_since_no_scope_helps() {
    for (path, challenged) in [("/denied", false), ("/scoped", true)] {
        let (status, headers, body) = asked(get(path, &[("authorization", &bearer())])).await;
        assert_eq!((status.as_str(), body.as_str()), ("403", ""), "{path}");
        assert_eq!(
            headers.contains_key("www-authenticate"),
            challenged,
            "{path}"
        );
        assert_eq!(headers["cache-control"], "no-store");
    }
    let [denied, scoped] =
        ["/a.S/Denied", "/a.S/Scoped"].map(|path| grpc(path, &[("authorization", &bearer())]));
    let (denied, scoped) = (asked(denied).await, asked(scoped).await);
    assert_eq!((denied.0.as_str(), scoped.0.as_str()), ("grpc 7", "grpc 7"));
    assert_eq!(denied.1["grpc-message"], RejectionKind::Denied.message());
    assert_eq!(scoped.1["grpc-message"], RejectionKind::Forbidden.message());
    assert_eq!(RejectionKind::Denied.error_code(), None);
}

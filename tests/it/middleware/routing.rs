//! Rows C of the list of attacks, as far as they are about what a request says.

use http::{Method, StatusCode};
use tower_authn::{Access, AccessTable, AuthnLayer, RejectionKind, Sources, verify_fn};

use super::{Waits, assert_refused_without_and_admitted_with_token, bearer, counted};
use crate::support::{Spy, TOKEN, get, grpc, values};

/// `/public` and everything below it is public, the rest needs a credential.
fn table() -> AccessTable {
    AccessTable::builder()
        .any("/health", Access::Public)
        .any("/public", Access::Public)
        .any("/public/{*rest}", Access::Public)
        .fallback(Access::Authenticated)
        .build()
        .unwrap()
}

#[tokio::test]
async fn c05_no_spelling_of_a_path_makes_it_public() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone()).access(table());
    for path in [
        "/admin",
        "/admin/",
        "/ADMIN",
        "/%61dmin",
        "/public/%61",
        "/Public",
        "/publicity",
        "/",
    ] {
        assert_refused_without_and_admitted_with_token(&layer, &spy, path, &[]).await;
    }
    // Closed to everyone: what it reaches is not sure.
    for path in [
        "//admin",
        "/admin;x=1",
        "/public/../admin",
        "/public/./../admin",
        "/public/%2e%2e/admin",
        "/public/..%2Fadmin",
        "/public/%5c..%5cadmin",
        "/public\\..\\admin",
        "/public;/../admin",
        "/public//../admin",
        "/public%2f..%2fadmin",
        "/health/..",
    ] {
        // `Uri` refuses some spellings; hyper then does so too.
        if path.parse::<http::Uri>().is_ok() {
            let answer = counted(&layer, get(path, &[])).await;
            assert_eq!(answer, (StatusCode::UNAUTHORIZED, 0, 0), "{path}");
            let answer = counted(&layer, get(path, &[("authorization", &bearer())])).await;
            assert_eq!(answer, (StatusCode::NOT_FOUND, 0, 0), "{path}");
        }
    }
    for path in ["/public", "/public/a", "/public/a/b", "/health"] {
        let answer = counted(&layer, get(path, &[])).await;
        assert_eq!(answer, (StatusCode::OK, 1, 1), "{path}");
    }
}

#[tokio::test]
async fn c06_the_query_and_the_fragment_take_no_part() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone()).access(table());
    for path in ["/admin?/public", "/admin?x=/public/a", "/admin#/public"] {
        assert_refused_without_and_admitted_with_token(&layer, &spy, path, &[]).await;
    }
    let answer = counted(&layer, get("/public?x=/admin", &[])).await;
    assert_eq!(answer, (StatusCode::OK, 1, 1));
}

#[tokio::test]
async fn c07_a_path_in_a_header_is_not_read() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone()).access(table());
    for header in [
        ("x-forwarded-uri", "/public"),
        ("x-forwarded-prefix", "/public"),
        ("x-original-uri", "/public"),
        ("x-original-url", "/public"),
        ("x-rewrite-url", "/public"),
        ("forwarded", "for=127.0.0.1;host=public;proto=https"),
        ("referer", "http://localhost/public"),
    ] {
        assert_refused_without_and_admitted_with_token(&layer, &spy, "/admin", &[header]).await;
    }
}

#[tokio::test]
async fn c08_no_user_agent_is_exempt() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone()).access(table());
    for agent in ["kube-probe/1.30", "ELB-HealthChecker/2.0", "GoogleHC/1.0"] {
        let headers = [("user-agent", agent)];
        assert_refused_without_and_admitted_with_token(&layer, &spy, "/admin", &headers).await;
    }
}

#[tokio::test]
async fn c09_options_is_exempt_neither_as_a_preflight_nor_otherwise() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone()).access(table());
    let origin = ("origin", "https://a.example");
    let method = ("access-control-request-method", "POST");
    let names = ("access-control-request-headers", "authorization");
    let rows: [&[_]; 5] = [
        &[],
        &[origin],
        &[method],
        &[origin, method],
        &[origin, method, names],
    ];
    let authorization = bearer();
    for headers in rows {
        let with = [headers, &[("authorization", authorization.as_str())]].concat();
        for (headers, expected) in [
            (headers, (StatusCode::UNAUTHORIZED, 0, 0)),
            (&with, (StatusCode::OK, 1, 1)),
        ] {
            let mut request = get("/admin", headers);
            *request.method_mut() = Method::OPTIONS;
            assert_eq!(counted(&layer, request).await, expected, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn c10_every_method_is_guarded() {
    let layer = AuthnLayer::new(Spy::default()).access(table());
    let overriding = ("x-http-method-override", "OPTIONS");
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get",
        "PURGE",
    ] {
        let authorization = bearer();
        let credential = ("authorization", authorization.as_str());
        let rows = [
            (&[overriding] as &[_], (StatusCode::UNAUTHORIZED, 0, 0)),
            (&[overriding, credential], (StatusCode::OK, 1, 1)),
        ];
        for (headers, expected) in rows {
            let mut request = get("/admin", headers);
            *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(counted(&layer, request).await, expected, "{method}");
        }
    }
}

const KINDS: [(RejectionKind, u16); 11] = [
    (RejectionKind::Ambiguous, 400),
    (RejectionKind::Denied, 403),
    (RejectionKind::Expired, 401),
    (RejectionKind::Forbidden, 403),
    (RejectionKind::Invalid, 401),
    (RejectionKind::Malformed, 401),
    (RejectionKind::Missing, 401),
    (RejectionKind::NotFound, 404),
    (RejectionKind::RateLimited, 429),
    (RejectionKind::Revoked, 401),
    (RejectionKind::Unavailable, 503),
];

#[tokio::test]
async fn c14_the_inner_service_is_neither_readied_nor_called_on_any_refusal() {
    let authorization = bearer();
    let credential = [("authorization", authorization.as_str())];
    for (kind, status) in KINDS {
        let refuses = || verify_fn(move |_| Err::<tower_authn::Principal, _>(kind.into()));
        let now = AuthnLayer::new(refuses());
        let waits = AuthnLayer::new(Waits(refuses()));
        let expected = (StatusCode::from_u16(status).unwrap(), 0, 0);
        assert_eq!(
            counted(&now, get("/", &credential)).await,
            expected,
            "{kind:?}"
        );
        assert_eq!(
            counted(&waits, get("/", &credential)).await,
            expected,
            "{kind:?}"
        );
        let expected = (StatusCode::OK, 0, 0);
        assert_eq!(
            counted(&now, grpc("/s/m", &credential)).await,
            expected,
            "{kind:?}"
        );
        assert_eq!(
            counted(&waits, grpc("/s/m", &credential)).await,
            expected,
            "{kind:?}"
        );
    }
    let now = AuthnLayer::new(Spy::default());
    let waits = AuthnLayer::new(Waits(Spy::default()));
    let admitted = (StatusCode::OK, 1, 1);
    assert_eq!(counted(&now, get("/", &credential)).await, admitted);
    assert_eq!(counted(&waits, get("/", &credential)).await, admitted);
}

#[tokio::test]
async fn c19_optional_access_refuses_a_bad_credential() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone()).access(Access::Optional);
    let good = bearer();
    let rows: [(&[&str], u16, usize); 9] = [
        (&[], 200, 0),
        (&[&good], 200, 1),
        (&["Bearer wrong"], 401, 1),
        (&["Bearer"], 401, 0),
        (&[""], 401, 0),
        (&["Digest x=1"], 401, 0),
        (&["Bearer a b"], 401, 0),
        (&["Basic x, Bearer y"], 401, 0),
        (&[&good, &good], 400, 0),
    ];
    for (fields, status, verified) in rows {
        let asked = spy.calls.count();
        let headers: Vec<_> = fields.iter().map(|v| ("authorization", *v)).collect();
        let answer = counted(&layer, get("/", &headers)).await;
        let called = usize::from(status == 200);
        let expected = (StatusCode::from_u16(status).unwrap(), called, called);
        assert_eq!(answer, expected, "{fields:?}");
        assert_eq!(spy.calls.count() - asked, verified, "{fields:?}");
    }
}

#[tokio::test]
async fn c20_a_token_has_the_same_scopes_whichever_way_it_comes() {
    let sources = Sources::default().header("x-api-key").unwrap();
    let layer = |scope| {
        AuthnLayer::new(Spy::default())
            .sources(sources.clone())
            .access(Access::scope(scope).unwrap())
    };
    for (name, value) in [
        ("authorization", format!("Bearer {TOKEN}")),
        ("authorization", format!("Basic {TOKEN}")),
        ("x-api-key", TOKEN.to_owned()),
    ] {
        let headers = [(name, value.as_str())];
        let has = counted(&layer("deployment:call"), get("/", &headers)).await;
        assert_eq!(has, (StatusCode::OK, 1, 1), "{value}");
        let lacks = counted(&layer("resources"), get("/", &headers)).await;
        assert_eq!(lacks, (StatusCode::FORBIDDEN, 0, 0), "{value}");
    }
}

#[tokio::test]
async fn c21_what_no_entry_names_is_refused() {
    let table = AccessTable::builder()
        .route(Method::GET, "/old", Access::Authenticated)
        .grpc("a.S", "Old", Access::Authenticated)
        .build()
        .unwrap();
    let layer = AuthnLayer::new(Spy::default()).access(table);
    let authorization = bearer();
    let credential: &[_] = &[("authorization", authorization.as_str())];
    let rows = [
        (get("/old", credential), 200, None),
        (get("/new", &[]), 401, None),
        (get("/new", credential), 404, None),
        (grpc("/a.S/Old", credential), 200, None),
        (grpc("/a.S/New", &[]), 200, Some("16")),
        (grpc("/a.S/New", credential), 200, Some("12")),
        (grpc("/old", credential), 200, Some("12")),
    ];
    for (request, status, grpc_status) in rows {
        let asked = format!("{} {}", request.method(), request.uri());
        let inner = crate::support::Strict::default();
        let service = tower::Layer::layer(&layer, inner.clone());
        let response = crate::support::ask(&service, request).await;
        assert_eq!(response.status(), status, "{asked}");
        let found = values(response.headers(), "grpc-status");
        assert_eq!(found, Vec::from_iter(grpc_status), "{asked}");
        let admitted = status == 200 && grpc_status.is_none();
        assert_eq!(inner.called.count(), usize::from(admitted), "{asked}");
    }
}

#[tokio::test]
async fn c24_neither_host_nor_authority_decides() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone()).access(table());
    for host in ["public", "localhost", "127.0.0.1", "health.example"] {
        for path in ["/admin", "http://public/admin"] {
            assert_refused_without_and_admitted_with_token(&layer, &spy, path, &[("host", host)])
                .await;
        }
    }
    let public = get("http://admin/public", &[("host", "admin")]);
    assert_eq!(counted(&layer, public).await, (StatusCode::OK, 1, 1));
}

#[tokio::test]
async fn c26_no_header_bypasses_the_layer() {
    let spy = Spy::default();
    let layer = AuthnLayer::new(spy.clone());
    for name in [
        "x-middleware-subrequest",
        "x-forwarded-user",
        "x-auth-request-user",
        "x-envoy-internal",
        "x-internal-request",
        "x-real-ip",
        "x-forwarded-for",
    ] {
        let headers = [(name, "127.0.0.1")];
        assert_refused_without_and_admitted_with_token(&layer, &spy, "/", &headers).await;
    }
}

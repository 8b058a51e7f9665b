//! `RequireLayer` and the extractor, inside the layer.

use http::{Request, Response, StatusCode};
use tower::{Layer, Service};
use tower_authn::{Access, AuthnLayer, RequireLayer, ScopeRule};

use super::bearer;
use crate::support::{Spy, Strict, ask, get, grpc, values};

/// The status, the gRPC status where there is one, and the calls of the inner service.
async fn answer<S>(service: &S, inner: &Strict, request: Request<String>) -> (u16, String, usize)
where
    S: Service<Request<String>, Response = Response<String>> + Clone,
    S::Error: std::fmt::Debug,
{
    let before = inner.called.count();
    let response = ask(service, request).await;
    let grpc = values(response.headers(), "grpc-status").concat();
    (
        response.status().as_u16(),
        grpc,
        inner.called.count() - before,
    )
}

#[tokio::test]
async fn a_guard_tells_lacking_scopes_from_anonymous_from_a_missing_layer() {
    let authorization = bearer();
    let good: &[_] = &[("authorization", authorization.as_str())];
    let inner = Strict::default();
    let optional = AuthnLayer::new(Spy::default()).access(Access::Optional);
    let guard = |scope| RequireLayer::scope(scope).unwrap().layer(inner.clone());
    let guarded_by = |scope| optional.layer(guard(scope));
    let row = |status, grpc: &str, calls| (status, grpc.to_owned(), calls);

    let cases = [
        (
            "has it",
            answer(&guarded_by("deployment"), &inner, get("/", good)).await,
            row(200, "", 1),
        ),
        (
            "has it, gRPC",
            answer(&guarded_by("deployment"), &inner, grpc("/s/m", good)).await,
            row(200, "", 1),
        ),
        (
            "lacks it",
            answer(&guarded_by("resources"), &inner, get("/", good)).await,
            row(403, "", 0),
        ),
        (
            "lacks it, gRPC",
            answer(&guarded_by("resources"), &inner, grpc("/s/m", good)).await,
            row(200, "7", 0),
        ),
        (
            "anonymous",
            answer(&guarded_by("deployment"), &inner, get("/", &[])).await,
            row(401, "", 0),
        ),
        (
            "anonymous, gRPC",
            answer(&guarded_by("deployment"), &inner, grpc("/s/m", &[])).await,
            row(200, "16", 0),
        ),
        (
            "no layer",
            answer(&guard("deployment"), &inner, get("/", good)).await,
            row(500, "", 0),
        ),
        (
            "no layer, gRPC",
            answer(&guard("deployment"), &inner, grpc("/s/m", good)).await,
            row(200, "13", 0),
        ),
    ];
    for (name, answer, expected) in cases {
        assert_eq!(answer, expected, "{name}");
    }
}

#[tokio::test]
async fn a_guard_answers_with_the_headers_of_the_layer() {
    let layer = AuthnLayer::new(Spy::default()).access(Access::Optional);
    let rule = ScopeRule::all_of(["resources", "deployment"]).unwrap();
    let service = layer.layer(RequireLayer::scopes(rule).layer(Strict::default()));

    let anonymous = ask(&service, get("/", &[])).await;
    let plain = ask(
        &AuthnLayer::new(Spy::default()).layer(Strict::default()),
        get("/", &[]),
    )
    .await;
    assert_eq!(anonymous.headers(), plain.headers());

    let lacking = ask(&service, get("/", &[("authorization", &bearer())])).await;
    assert_eq!(
        values(lacking.headers(), "www-authenticate"),
        [r#"Bearer realm="api", error="insufficient_scope", scope="resources deployment""#]
    );
    assert_eq!(values(lacking.headers(), "cache-control"), ["no-store"]);
}

#[tokio::test]
async fn a_guard_may_ask_anything_of_a_principal() {
    let inner = Strict::default();
    let service = |subject: &'static str| {
        let guard = RequireLayer::new(move |caller| caller.subject() == subject);
        AuthnLayer::new(Spy::default()).layer(guard.layer(inner.clone()))
    };
    let good = || get("/", &[("authorization", &bearer())]);
    assert_eq!(answer(&service("ci"), &inner, good()).await.0, 200);
    assert_eq!(answer(&service("other"), &inner, good()).await.0, 403);
    assert_eq!(inner.called.count(), 1);
}

#[tokio::test]
async fn a_guard_for_another_type_of_principal_says_that_its_layer_is_missing() {
    let inner = Strict::default();
    let guard = RequireLayer::for_principal(|_: &u64| true);
    let service = AuthnLayer::new(Spy::default()).layer(guard.layer(inner.clone()));
    let response = ask(&service, get("/", &[("authorization", &bearer())])).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(inner.called.count(), 0);
}

#[cfg(feature = "axum")]
mod extractor {
    use axum::{Router, body::Body, routing};
    use http_body_util::BodyExt;
    use tower_authn::Authenticated;

    use super::*;

    async fn whoami(Authenticated(caller): Authenticated) -> String {
        caller.subject().to_owned()
    }

    async fn greet(caller: Option<Authenticated>) -> String {
        caller.map_or_else(|| "stranger".to_owned(), |c| c.0.subject().to_owned())
    }

    async fn answer(app: &Router, path: &str, token: Option<&str>) -> (u16, String) {
        let request = Request::get(path);
        let request = token
            .into_iter()
            .fold(request, |r, t| r.header("authorization", t));
        let response = ask(app, request.body(Body::empty()).unwrap()).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn routes() -> Router {
        Router::new()
            .route("/whoami", routing::get(whoami))
            .route("/greet", routing::get(greet))
    }

    #[tokio::test]
    async fn the_extractor_distinguishes_a_principal_none_and_a_missing_layer() {
        let optional = AuthnLayer::new(Spy::default()).access(Access::Optional);
        let guarded = routes().layer(optional);
        let skipping = routes().layer(AuthnLayer::new(Spy::default()).without_principal());
        let good = bearer();
        let good = Some(good.as_str());
        let loud = "Missing request extension: no AuthnLayer with the principal \
                    `tower_authn::principal::Principal` is in front of this handler. \
                    Perhaps you forgot to add it?";
        let rows = [
            ("somebody", &guarded, "/whoami", good, 200, "ci"),
            ("no principal", &guarded, "/whoami", None, 401, ""),
            ("maybe somebody", &guarded, "/greet", good, 200, "ci"),
            (
                "optional principal",
                &guarded,
                "/greet",
                None,
                200,
                "stranger",
            ),
            (
                "maybe, but bad",
                &guarded,
                "/greet",
                Some("Bearer bad"),
                401,
                "",
            ),
            ("no layer", &routes(), "/whoami", good, 500, loud),
            ("no layer, maybe", &routes(), "/greet", None, 500, loud),
            ("skipped", &skipping, "/whoami", good, 500, loud),
        ];
        for (name, app, path, token, status, body) in rows {
            assert_eq!(
                answer(app, path, token).await,
                (status, body.to_owned()),
                "{name}"
            );
        }
    }

    #[tokio::test]
    async fn an_anonymous_caller_is_answered_by_the_extractor_as_by_the_layer() {
        let layer = || AuthnLayer::new(Spy::default());
        let guarded = routes().layer(layer().access(Access::Optional));
        let request = || Request::get("/whoami").body(Body::empty()).unwrap();
        let extracted = ask(&guarded, request()).await;
        let refused = ask(&routes().layer(layer()), request()).await;
        assert_eq!(extracted.status(), refused.status());
        let lines = values(refused.headers(), "www-authenticate");
        assert_eq!(values(extracted.headers(), "www-authenticate"), lines);
        assert_eq!(values(extracted.headers(), "cache-control"), ["no-store"]);
        assert_eq!(lines.len(), 1);
    }
}

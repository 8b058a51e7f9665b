//! The principal of a request: rows C17 and C18.

use http::{HeaderMap, Request};
use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Principal, Rejection, RejectionKind, Sources, layer::Admission,
};

use super::{Waits, bearer};
use crate::support::{Spy, Strict, TOKEN, ask, get};

/// What the inner service sees of a request that says it is the admin's.
async fn seen<V, A>(layer: AuthnLayer<V, A>, headers: &[(&str, &str)]) -> http::request::Parts
where
    V: tower_authn::Verifier<Principal = Principal>,
    A: Admission<Principal>,
{
    let inner = Strict::default();
    let mut request: Request<String> = get("/", headers);
    request.extensions_mut().insert(Principal::new("admin"));
    ask(&layer.layer(inner.clone()), request).await;
    inner.last()
}

#[tokio::test]
async fn c17_who_calls_is_said_in_the_extensions_and_in_no_header() {
    let authorization = bearer();
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-auth-user", "admin"),
        ("x_auth_user", "admin"),
        ("x-forwarded-user", "admin"),
        ("x-remote-user", "admin"),
    ];
    let sent: HeaderMap = get("/", &headers).headers().clone();
    let seen = seen(AuthnLayer::new(Spy::default()), &headers).await;
    assert_eq!(seen.headers, sent, "no header is added, none is trusted");
    let principal: &Principal = seen.extensions.get().unwrap();
    assert_eq!(principal.subject(), "ci");
}

#[tokio::test]
async fn c18_a_principal_put_there_by_someone_else_never_gets_through() {
    let layer = || AuthnLayer::new(Spy::default());
    let waits = || AuthnLayer::new(Waits(Spy::default()));
    let authorization = bearer();
    let good: &[_] = &[("authorization", authorization.as_str())];
    let audit = |_: tower_authn::Head<'_>, _: &Rejection| {};
    let api_key = Sources::new().header("x-api-key").unwrap();
    let rows = [
        ("admitted", seen(layer(), good).await, Some("ci")),
        ("admitted later", seen(waits(), good).await, Some("ci")),
        (
            "by a named header",
            seen(layer().sources(api_key), &[("x-api-key", TOKEN)]).await,
            Some("ci"),
        ),
        (
            "optional, admitted",
            seen(layer().access(Access::Optional), good).await,
            Some("ci"),
        ),
        (
            "optional, anonymous",
            seen(layer().access(Access::Optional), &[]).await,
            None,
        ),
        (
            "optional, anonymous, waiting",
            seen(waits().access(Access::Optional), &[]).await,
            None,
        ),
        (
            "public, with a credential",
            seen(layer().access(Access::Public), good).await,
            None,
        ),
        (
            "public, without",
            seen(layer().access(Access::Public), &[]).await,
            None,
        ),
        (
            "skipped",
            seen(layer().without_principal(), good).await,
            None,
        ),
        (
            "skipped, waiting",
            seen(waits().without_principal(), good).await,
            None,
        ),
        (
            "audited, anonymous",
            seen(layer().insecure_audit(audit), &[]).await,
            None,
        ),
        (
            "audited, forbidden",
            seen(layer().access(Access::Denied).insecure_audit(audit), good).await,
            Some("ci"),
        ),
    ];
    for (name, seen, expected) in rows {
        let principal = seen.extensions.get::<Principal>();
        assert_eq!(principal.map(Principal::subject), expected, "{name}");
    }
}

#[tokio::test]
async fn an_inner_layer_without_a_principal_removes_that_of_an_outer_one() {
    let inner = Strict::default();
    let key = Sources::new().header("x-api-key").unwrap();
    let optional = AuthnLayer::new(Spy::default())
        .sources(key)
        .access(Access::Optional);
    let stack = AuthnLayer::new(Spy::default()).layer(optional.layer(inner.clone()));
    ask(&stack, get("/", &[("authorization", &bearer())])).await;
    assert_eq!(inner.called.count(), 1);
    assert!(inner.last().extensions.get::<Principal>().is_none());
}

#[tokio::test]
async fn what_is_not_of_the_layers_type_is_left_alone() {
    let inner = Strict::default();
    let mut request = get("/", &[("authorization", &bearer())]);
    request.extensions_mut().insert("somebody else's");
    ask(
        &AuthnLayer::new(Spy::default()).layer(inner.clone()),
        request,
    )
    .await;
    let kept = inner.last().extensions.get::<&str>().copied();
    assert_eq!(kept, Some("somebody else's"));
}

#[tokio::test]
async fn an_async_closure_reads_the_head_that_a_verifier_reads() {
    let verifier = tower_authn::verify_async_fn(|credential| async move {
        let head = credential.head().unwrap();
        let zone: Option<&u32> = head.extensions().get();
        let seen = (head.method().as_str(), head.path(), zone);
        let sensitive = head.headers()["authorization"].is_sensitive();
        match seen == ("GET", "/models", Some(&7)) && head.headers().len() == 2 && sensitive {
            true => Ok(Principal::new("ci")),
            false => Err(Rejection::invalid()),
        }
    });
    let inner = Strict::default();
    let service = AuthnLayer::new(verifier).layer(inner.clone());
    let authorization = bearer();
    let fields = [("authorization", authorization.as_str()), ("accept", "*/*")];
    for (path, called) in [("/models", 1), ("/other", 1)] {
        let mut request = get(path, &fields);
        request.extensions_mut().insert(7_u32);
        ask(&service, request).await;
        assert_eq!(inner.called.count(), called, "{path}");
    }
}

/// Each policy that refuses a good credential, and how.
fn refusing_policies() -> [(Access, RejectionKind); 3] {
    [
        (Access::Denied, RejectionKind::Denied),
        (Access::NotFound, RejectionKind::NotFound),
        (
            Access::scope("resources").unwrap(),
            RejectionKind::Forbidden,
        ),
    ]
}

fn subject(rejection: &Rejection) -> Option<String> {
    let principal: &Principal = rejection.principal()?;
    Some(principal.subject().to_owned())
}

#[tokio::test]
async fn an_exposed_rejection_names_the_principal_that_the_policy_refuses() {
    async fn exposed<V>(layer: AuthnLayer<V, Access>, token: &str) -> Option<Rejection>
    where
        V: tower_authn::Verifier<Principal = Principal>,
    {
        let service = layer.layer(Strict::default());
        let request = get("/", &[("authorization", &format!("Bearer {token}"))]);
        let response = ask(&service, request).await;
        assert_ne!(response.status(), 200);
        response.extensions().get().cloned()
    }
    for (access, kind) in refusing_policies() {
        let now = || AuthnLayer::new(Spy::default()).access(access.clone());
        let waits = AuthnLayer::new(Waits(Spy::default())).access(access.clone());
        for rejection in [
            exposed(now().expose_rejection(), TOKEN).await,
            exposed(waits.expose_rejection(), TOKEN).await,
        ] {
            let rejection = rejection.unwrap();
            let seen = (rejection.kind(), subject(&rejection));
            assert_eq!(seen, (kind, Some("ci".to_owned())));
        }
        let rejection = exposed(now().expose_rejection(), "unknown").await.unwrap();
        let seen = (rejection.kind(), subject(&rejection));
        assert_eq!(seen, (RejectionKind::Invalid, None));
        assert!(exposed(now(), TOKEN).await.is_none(), "{access:?}");
    }
}

#[tokio::test]
async fn an_audit_is_given_the_principal_that_the_policy_refuses() {
    use std::sync::{Arc, Mutex};

    for (access, kind) in refusing_policies() {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&reports);
        let layer = AuthnLayer::new(Spy::default())
            .access(access)
            .insecure_audit(move |_, rejection| {
                let report = (rejection.kind(), subject(rejection));
                kept.lock().unwrap().push(report);
            });
        let service = layer.layer(Strict::default());
        let response = ask(&service, get("/", &[("authorization", &bearer())])).await;
        assert_eq!(response.status(), 200);
        ask(&service, get("/", &[])).await;
        let expected = [
            (kind, Some("ci".to_owned())),
            (RejectionKind::Missing, None),
        ];
        assert_eq!(*reports.lock().unwrap(), expected);
    }
}

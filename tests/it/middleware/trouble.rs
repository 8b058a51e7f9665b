//! Verifiers that panic or lie, and the audit mode.

use std::sync::{Arc, Mutex};

use http::{Request, StatusCode};
use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Credential, Head, Principal, Rejection, RejectionKind, Verifier,
    access::policy_fn, verify_async_fn, verify_fn,
};

use super::{Waits, bearer, counted};
use crate::support::{Spy, Strict, TOKEN, ask, get};

fn boom(credential: &str) -> Result<Principal, Rejection> {
    match credential {
        TOKEN => Ok(Principal::new("ci")),
        "boom" => panic!("the verifier broke"),
        _ => Err(Rejection::invalid()),
    }
}

async fn is_503_and_goes_on<V: Verifier<Principal = Principal>>(name: &str, verifier: V) {
    let layer = AuthnLayer::new(verifier);
    for _ in 0..2 {
        let panicking = get("/", &[("authorization", "Bearer boom")]);
        let answer = counted(&layer, panicking).await;
        assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, 0, 0), "{name}");
        let good = get("/", &[("authorization", &bearer())]);
        assert_eq!(
            counted(&layer, good).await,
            (StatusCode::OK, 1, 1),
            "{name}"
        );
        let bad = get("/", &[("authorization", "Bearer wrong")]);
        assert_eq!(counted(&layer, bad).await.0, 401, "{name}");
    }
}

/// Panics where `verify_now` is asked, before there is a future at all.
struct PanicsAtOnce;

impl Verifier for PanicsAtOnce {
    type Principal = Principal;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        boom(credential.token())
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<Principal, Rejection>> {
        Some(boom(credential.token()))
    }
}

#[tokio::test]
async fn a_verifier_that_panics_is_unavailable_and_the_next_call_works() {
    let immediate = || verify_fn(|credential: &Credential<'_>| boom(credential.token()));
    is_503_and_goes_on("immediate", immediate()).await;
    is_503_and_goes_on("verify_now", PanicsAtOnce).await;
    is_503_and_goes_on("after waiting", Waits(immediate())).await;
    is_503_and_goes_on("any", immediate().boxed()).await;
    is_503_and_goes_on("any, after waiting", Waits(immediate()).boxed()).await;
    let none = verify_fn(|_: &Credential<'_>| Err(Rejection::invalid()));
    is_503_and_goes_on("in or", none.or(immediate())).await;
    let before_the_first_await = verify_async_fn(|credential| {
        let verdict = boom(credential.token());
        async { verdict }
    });
    is_503_and_goes_on("before there is a future", before_the_first_await).await;
    let at_the_first_poll = verify_async_fn(|c| async move { boom(c.token()) });
    is_503_and_goes_on("at the first poll", at_the_first_poll).await;
}

/// Declares that it reads no head, and asks for it.
struct Peeps;

impl Verifier for Peeps {
    type Principal = Principal;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        match credential.head() {
            Some(head) => Ok(Principal::new(head.path())),
            None => Err(Rejection::unavailable("no head")),
        }
    }
}

#[tokio::test]
async fn a_verifier_that_declares_to_read_no_head_gets_it_only_for_a_policy() {
    let request = || get("/", &[("authorization", "Bearer a")]);
    let layer = AuthnLayer::new(Peeps);
    let refused = (StatusCode::SERVICE_UNAVAILABLE, 0, 0);
    assert_eq!(counted(&layer, request()).await, refused);
    let layer = layer.access(Access::Authenticated);
    assert_eq!(counted(&layer, request()).await, (StatusCode::OK, 1, 1));
}

/// Says that it never waits, and waits.
struct Liar;

impl Verifier for Liar {
    type Principal = Principal;

    const IMMEDIATE: bool = true;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        if credential.token() == "slow" {
            tokio::task::yield_now().await;
        }
        Ok(Principal::new("ci"))
    }
}

#[tokio::test]
async fn a_verifier_that_claims_to_be_immediate_and_waits_is_unavailable() {
    let layer = AuthnLayer::new(Liar);
    let slow = get("/", &[("authorization", "Bearer slow")]);
    assert_eq!(
        counted(&layer, slow).await,
        (StatusCode::SERVICE_UNAVAILABLE, 0, 0)
    );
    let quick = get("/", &[("authorization", "Bearer quick")]);
    assert_eq!(counted(&layer, quick).await, (StatusCode::OK, 1, 1));
}

#[tokio::test]
async fn a_verifier_is_asked_once_for_a_verdict() {
    let spy = Spy::default();
    let layers = [
        counted(
            &AuthnLayer::new(spy.clone()),
            get("/", &[("authorization", &bearer())]),
        )
        .await,
        counted(
            &AuthnLayer::new(Waits(spy.clone())),
            get("/", &[("authorization", &bearer())]),
        )
        .await,
        counted(
            &AuthnLayer::new(spy.clone().boxed()),
            get("/", &[("authorization", &bearer())]),
        )
        .await,
    ];
    assert_eq!(layers, [(StatusCode::OK, 1, 1); 3]);
    assert_eq!(spy.calls.count(), 3);
}

type Reports = Arc<Mutex<Vec<(String, RejectionKind)>>>;

fn audited<V: Verifier<Principal = Principal>>(
    verifier: V,
    access: Access,
    reports: &Reports,
) -> AuthnLayer<V, Access> {
    let reports = Arc::clone(reports);
    AuthnLayer::new(verifier).access(access).insecure_audit(
        move |head: Head<'_>, rejection: &Rejection| {
            let report = (head.path().to_owned(), rejection.kind());
            reports.lock().unwrap().push(report);
        },
    )
}

#[tokio::test]
async fn an_audit_lets_through_what_the_policy_refuses_and_reports_it_once() {
    let authorization = bearer();
    let good: &[_] = &[("authorization", authorization.as_str())];
    let scoped = || Access::scope("resources").unwrap();
    let granted = || Access::scope("deployment").unwrap();
    use RejectionKind::{Denied, Forbidden, Missing, NotFound};
    let rows = [
        (
            "/missing",
            Access::Authenticated,
            &[] as &[_],
            Some(Missing),
        ),
        ("/missing/scope", scoped(), &[], Some(Missing)),
        ("/missing/denied", Access::Denied, &[], Some(Missing)),
        ("/missing/nothing", Access::NotFound, &[], Some(Missing)),
        ("/scope", scoped(), good, Some(Forbidden)),
        ("/denied", Access::Denied, good, Some(Denied)),
        ("/nothing", Access::NotFound, good, Some(NotFound)),
        ("/granted", granted(), good, None),
        ("/good", Access::Authenticated, good, None),
        ("/optional", Access::Optional, &[], None),
        ("/public", Access::Public, &[], None),
    ];
    for (path, access, headers, expected) in rows {
        let expected: Vec<_> = expected
            .map(|kind| (path.to_owned(), kind))
            .into_iter()
            .collect();
        let reports = Reports::default();
        let layer = audited(Spy::default(), access.clone(), &reports);
        assert_eq!(counted(&layer, get(path, headers)).await.0, 200, "{path}");
        assert_eq!(*reports.lock().unwrap(), expected, "{path}");

        let reports = Reports::default();
        let layer = audited(Waits(Spy::default()), access, &reports);
        assert_eq!(counted(&layer, get(path, headers)).await.0, 200, "{path}");
        assert_eq!(*reports.lock().unwrap(), expected, "waiting, {path}");
    }
}

#[tokio::test]
async fn an_audit_without_a_policy_lets_through_who_sends_no_credential() {
    let reports = Reports::default();
    let kept = Arc::clone(&reports);
    let layer = AuthnLayer::new(Spy::default()).insecure_audit(move |head, rejection| {
        let report = (head.path().to_owned(), rejection.kind());
        kept.lock().unwrap().push(report);
    });
    let anonymous = counted(&layer, get("/models", &[])).await;
    assert_eq!(anonymous, (StatusCode::OK, 1, 1));
    let expected = ("/models".to_owned(), RejectionKind::Missing);
    assert_eq!(*reports.lock().unwrap(), [expected]);
    let good = get("/models", &[("authorization", &bearer())]);
    assert_eq!(counted(&layer, good).await, (StatusCode::OK, 1, 1));
    let wrong = get("/models", &[("authorization", "Bearer wrong")]);
    assert_eq!(counted(&layer, wrong).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(reports.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_policy_that_cannot_decide_is_an_outage_for_every_caller() {
    let tells = |head: &Head<'_>| match head.path() {
        "/known" => Access::Public,
        _ => Access::Unavailable,
    };
    let spy = Spy::default();
    let reports = Reports::default();
    let layer = audited(spy.clone(), Access::Unavailable, &reports);
    let enforced = AuthnLayer::new(spy.clone()).access(policy_fn(tells));
    let authorization = bearer();
    let callers: [&[&str]; 4] = [&[], &[&authorization], &["Bearer wrong"], &["a", "b"]];
    for fields in callers {
        let headers: Vec<_> = fields.iter().map(|v| ("authorization", *v)).collect();
        let refused = (StatusCode::SERVICE_UNAVAILABLE, 0, 0);
        assert_eq!(counted(&enforced, get("/", &headers)).await, refused);
        assert_eq!(counted(&layer, get("/", &headers)).await, refused);
        let known = counted(&enforced, get("/known", &headers)).await;
        assert_eq!(known, (StatusCode::OK, 1, 1));
    }
    assert_eq!(spy.calls.count(), 0, "no credential is verified in vain");
    assert!(reports.lock().unwrap().is_empty());

    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let call = Request::post("/")
            .header("content-type", kind)
            .body(String::new());
        let response = ask(&enforced.layer(Strict::default()), call.unwrap()).await;
        assert_eq!(response.status(), 200, "{kind}");
        assert_eq!(response.headers()["grpc-status"], "14", "{kind}");
    }
}

#[tokio::test]
async fn an_audit_still_refuses_bad_credentials() {
    let rows: [(&[&str], u16); 4] = [
        (&["Bearer wrong"], 401),
        (&["Bearer"], 401),
        (&["Bearer a", "Bearer b"], 400),
        (&["Digest x"], 401),
    ];
    let reports = Reports::default();
    let layer = audited(Spy::default(), Access::Authenticated, &reports);
    for (fields, status) in rows {
        let headers: Vec<_> = fields.iter().map(|v| ("authorization", *v)).collect();
        let answer = counted(&layer, get("/", &headers)).await;
        assert_eq!(
            answer,
            (StatusCode::from_u16(status).unwrap(), 0, 0),
            "{fields:?}"
        );
    }
    assert!(
        reports.lock().unwrap().is_empty(),
        "only the policy is audited"
    );
}

#[tokio::test]
async fn stripping_and_skipping_remove_every_trace_and_still_admit() {
    let inner = Strict::default();
    let layer = AuthnLayer::new(Spy::default())
        .strip_credential()
        .without_principal();
    let request = get("/", &[("authorization", &bearer()), ("x", "y")]);
    ask(&layer.layer(inner.clone()), request).await;
    assert_eq!(inner.called.count(), 1);
    let last = inner.last();
    assert!(!last.headers.contains_key("authorization"));
    assert_eq!(last.headers["x"], "y", "what is not a credential stays");
    assert!(last.extensions.get::<Principal>().is_none());
}

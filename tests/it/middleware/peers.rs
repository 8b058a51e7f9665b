//! The defects of published crates and servers, each a test: here, or where
//! this table says. What belongs to token stores, caches, key sets, password
//! files and throttles is tested with them.
//!
//! | defect | test |
//! |---|---|
//! | calls a clone that was never polled ready | `readiness::c15_…`, `readiness::an_inner_service_slow_…` |
//! | calls the inner service before the verdict | `routing::c14_…` |
//! | an outage cached as a refusal | here: `an_outage_is_neither_…` |
//! | an invalid credential turned into an anonymous caller | `routing::c19_…` |
//! | `Debug` prints the secret | `hygiene::h01_…` |
//! | a plain 401 in front of a gRPC service | `grpc::d06_…`, here: `a_grpc_caller_…` |
//! | `NamedService` not forwarded | `grpc::the_name_of_a_service_is_passed_through` |
//! | an empty list of scopes that means everything | here: `no_scopes_are_no_rights` |

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Challenge, Principal, Rejection, ScopeRule, Sources, verify_fn,
};

use super::{Waits, bearer, counted};
use crate::support::{Spy, Strict, TOKEN, ask, get, grpc, values};

/// The status and the challenges of an answer.
async fn challenged<A>(layer: &AuthnLayer<Spy, A>, fields: &[&str]) -> (u16, Vec<String>)
where
    A: tower_authn::layer::Admission<Principal>,
{
    let headers: Vec<_> = fields
        .iter()
        .map(|value| ("authorization", *value))
        .collect();
    let response = ask(&layer.layer(Strict::default()), get("/", &headers)).await;
    let lines = values(response.headers(), "www-authenticate");
    let lines = lines.into_iter().map(str::to_owned).collect();
    (response.status().as_u16(), lines)
}

#[tokio::test]
async fn challenges_have_commas_a_realm_and_proper_quotes() {
    let basic = Challenge::basic(r#"the "models" \o/"#).unwrap();
    let sources = Sources::default()
        .challenge(basic.charset_utf8())
        .challenge(Challenge::bearer().realm("e").unwrap());
    let layer = AuthnLayer::new(Spy::default()).sources(sources);
    let (_, lines) = challenged(&layer, &["Bearer wrong"]).await;
    assert_eq!(
        lines,
        [
            r#"Basic realm="the \"models\" \\o/", charset="UTF-8""#,
            r#"Bearer realm="e", error="invalid_token""#,
        ]
    );
}

#[tokio::test]
async fn missing_invalid_and_insufficient_are_three_answers() {
    let layer = AuthnLayer::new(Spy::default()).access(Access::scope("resources").unwrap());
    let (good, realm) = (bearer(), r#"Bearer realm="api""#);
    let rows: [(&str, &[&str], u16, String); 3] = [
        (
            "missing is 401, not 400 or 403, and no error",
            &[],
            401,
            realm.to_owned(),
        ),
        (
            "invalid is 401, not 403",
            &["Bearer wrong"],
            401,
            format!(r#"{realm}, error="invalid_token""#),
        ),
        (
            "insufficient is 403, not 401",
            &[&good],
            403,
            format!(r#"{realm}, error="insufficient_scope", scope="resources""#),
        ),
    ];
    for (name, fields, status, line) in rows {
        assert_eq!(
            challenged(&layer, fields).await,
            (status, vec![line]),
            "{name}"
        );
    }
    let admits = AuthnLayer::new(Spy::default()).access(Access::scope("deployment").unwrap());
    assert_eq!(challenged(&admits, &[&good]).await, (200, vec![]));
}

#[tokio::test]
async fn a_grpc_caller_is_told_unauthenticated_for_a_token_and_permission_denied_for_a_scope() {
    let layer = AuthnLayer::new(Spy::default()).access(Access::scope("resources").unwrap());
    let good = bearer();
    for (name, token, expected) in [
        ("a wrong token", "Bearer wrong", "16"),
        ("a missing scope", good.as_str(), "7"),
    ] {
        let request = grpc("/s/m", &[("authorization", token)]);
        let response = ask(&layer.layer(Strict::default()), request).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert_eq!(
            values(response.headers(), "grpc-status"),
            [expected],
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_outage_is_neither_a_refusal_nor_remembered() {
    static DOWN: AtomicBool = AtomicBool::new(false);
    let verifier = || {
        verify_fn(|credential| match DOWN.load(Ordering::Relaxed) {
            true => Err(Rejection::unavailable("no route to the store")),
            false if credential.matches(TOKEN) => Ok(Principal::new("ci")),
            false => Err(Rejection::invalid()),
        })
    };
    let good = || get("/", &[("authorization", &bearer())]);
    let now = AuthnLayer::new(verifier()).access(Access::Optional);
    let waits = AuthnLayer::new(Waits(verifier())).access(Access::Optional);
    for (down, status, calls) in [(false, 200, 1), (true, 503, 0), (false, 200, 1)] {
        DOWN.store(down, Ordering::Relaxed);
        let expected = (StatusCode::from_u16(status).unwrap(), calls, calls);
        assert_eq!(counted(&now, good()).await, expected);
        assert_eq!(counted(&waits, good()).await, expected);
    }
}

#[tokio::test]
async fn an_outage_is_not_hidden_by_the_next_verifier() {
    use tower_authn::Verifier;
    let down = || verify_fn(|_: &tower_authn::Credential<'_>| Err(Rejection::unavailable("down")));
    let spy = Spy::default();
    let good = || get("/", &[("authorization", &bearer())]);
    let first = AuthnLayer::new(down().or(spy.clone()));
    assert_eq!(counted(&first, good()).await.0, 503);
    assert_eq!(spy.calls.count(), 0);
    let second = AuthnLayer::new(spy.clone().or(down()));
    assert_eq!(counted(&second, good()).await, (StatusCode::OK, 1, 1));
}

#[tokio::test]
async fn what_has_ended_for_one_verifier_is_not_asked_of_the_next() {
    use tower_authn::Verifier;
    let good = || get("/", &[("authorization", &bearer())]);
    for ended in [Rejection::expired, Rejection::revoked] {
        let first = || verify_fn(move |_: &tower_authn::Credential<'_>| Err(ended()));
        let spy = Spy::default();
        let now = AuthnLayer::new(first().or(spy.clone()));
        let waits = AuthnLayer::new(Waits(first()).or(spy.clone()));
        let refused = (StatusCode::UNAUTHORIZED, 0, 0);
        assert_eq!(counted(&now, good()).await, refused, "{:?}", ended());
        assert_eq!(counted(&waits, good()).await, refused, "{:?}", ended());
        assert_eq!(spy.calls.count(), 0, "{:?}", ended());
    }
}

#[tokio::test]
async fn the_grammar_is_neither_laxer_nor_stricter_than_the_rfc() {
    let layer = AuthnLayer::new(Spy::default());
    let spaced = format!("Bearer   {TOKEN}");
    let lower = format!("bearer {TOKEN}");
    let upper = format!("BASIC {TOKEN}");
    let two = format!("Bearer {TOKEN} {TOKEN}");
    let good = bearer();
    let rows: [(&str, &[&str], u16); 8] = [
        ("lower case", &[&lower], 200),
        ("upper case", &[&upper], 200),
        ("several spaces", &[&spaced], 200),
        ("two tokens", &[&two], 401),
        ("an empty token", &["Bearer "], 401),
        (
            "the first of two fields is good",
            &[&good, "Bearer wrong"],
            400,
        ),
        (
            "the second of two fields is good",
            &["Bearer wrong", &good],
            400,
        ),
        ("the same field twice", &[&good, &good], 400),
    ];
    for (name, fields, status) in rows {
        assert_eq!(challenged(&layer, fields).await.0, status, "{name}");
    }
}

#[tokio::test]
async fn the_credential_for_a_proxy_is_not_the_origins() {
    let layer = AuthnLayer::new(Spy::default());
    let proxied = get("/", &[("proxy-authorization", &bearer())]);
    assert_eq!(
        counted(&layer, proxied).await,
        (StatusCode::UNAUTHORIZED, 0, 0)
    );
    let both = get(
        "/",
        &[
            ("proxy-authorization", "Bearer x"),
            ("authorization", &bearer()),
        ],
    );
    assert_eq!(counted(&layer, both).await, (StatusCode::OK, 1, 1));
    assert!(Sources::new().header("proxy-authorization").is_err());
    assert!(Sources::new().header("x-api-key").is_ok());
}

#[tokio::test]
async fn a_guard_checks_the_secret_and_not_its_format_alone() {
    let layer = AuthnLayer::new(Spy::default());
    for place in 0..TOKEN.len() {
        let mut other = TOKEN.to_owned().into_bytes();
        other[place] = if other[place] == b'x' { b'y' } else { b'x' };
        let other = format!("Bearer {}", String::from_utf8(other).unwrap());
        let answer = counted(&layer, get("/", &[("authorization", &other)])).await;
        assert_eq!(answer, (StatusCode::UNAUTHORIZED, 0, 0), "{other}");
    }
    let good = get("/", &[("authorization", &bearer())]);
    assert_eq!(counted(&layer, good).await, (StatusCode::OK, 1, 1));
}

#[tokio::test]
async fn a_layer_without_a_source_admits_no_caller() {
    let layer = AuthnLayer::new(Spy::default()).sources(Sources::new());
    let good = get("/", &[("authorization", &bearer())]);
    assert_eq!(
        counted(&layer, good).await,
        (StatusCode::UNAUTHORIZED, 0, 0)
    );
}

#[test]
fn no_scopes_are_no_rights() {
    let none: [&str; 0] = [];
    let rule = ScopeRule::any_of(["deployment"]).unwrap();
    assert!(!rule.allows(&Principal::new("ci")));
    assert!(!rule.allows(&Principal::new("ci").with_scopes(none).unwrap()));
    assert!(rule.allows(&Principal::new("ci").with_scopes(["deployment"]).unwrap()));
    assert!(
        ScopeRule::all_of(none).is_err(),
        "a rule that requires nothing"
    );
    assert!(
        ScopeRule::any_of(none).is_err(),
        "a rule that requires nothing"
    );
}

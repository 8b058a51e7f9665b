//! Challenges that name the scopes of the row that refused.

use http::{Method, Request, Response};
use tower::{Layer, Service};
use tower_authn::{
    Access, AccessTable, AuthnLayer, Challenge, Credential, Head, Policy, Principal, Rejection,
    RequireLayer, ScopeRule, Sources, Verifier, access::policy_fn,
};

use crate::support::{Calls, Strict, ask, get, grpc, values};

const CALLER: &str = "Bearer ci";

/// Accepts `ci`, who has no scope. Whether it waits does not change a response.
#[derive(Clone, Default)]
struct Names<const WAITS: bool>(Calls);

impl<const WAITS: bool> Verifier for Names<WAITS> {
    type Principal = Principal;

    const IMMEDIATE: bool = !WAITS;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        self.0.add();
        if WAITS {
            tokio::task::yield_now().await;
        }
        Err(match credential.token() {
            "ci" => return Ok(Principal::new("ci")),
            "expired" => Rejection::expired(),
            "revoked" => Rejection::revoked(),
            "outage" => Rejection::unavailable("down"),
            _ => Rejection::invalid(),
        })
    }
}

fn table() -> AccessTable {
    let all = |scopes: &[&str]| ScopeRule::all_of(scopes);
    let any = |scopes: &[&str]| ScopeRule::any_of(scopes);
    AccessTable::builder()
        .route(Method::GET, "/one", all(&["a"]))
        .route(Method::POST, "/one", all(&["b"]))
        .route(Method::GET, "/all", all(&["a", "b:c", "offline_access"]))
        .route(Method::GET, "/any", any(&["offline_access", "x", "y"]))
        .route(Method::GET, "/offline", all(&["offline_access"]))
        .route(Method::GET, "/authenticated", Access::Authenticated)
        .route(Method::GET, "/denied", Access::Denied)
        .route(Method::GET, "/optional", Access::Optional)
        .grpc("a.B", "C", all(&["a", "b"]))
        .build()
        .unwrap()
}

/// Returns the status and the challenges of a response.
async fn challenged<S>(service: &S, request: Request<String>) -> (u16, Vec<String>)
where
    S: Service<Request<String>, Response = Response<String>> + Clone,
    S::Error: std::fmt::Debug,
{
    let response = ask(service, request).await;
    let lines = values(response.headers(), "www-authenticate");
    let lines = lines.into_iter().map(str::to_owned).collect();
    (response.status().as_u16(), lines)
}

fn bearer(rest: &str) -> String {
    format!(r#"Bearer realm="api"{rest}"#)
}

async fn assert_rows<const WAITS: bool>() {
    let names = Names::<WAITS>::default();
    let layer = AuthnLayer::new(names.clone()).access(table());
    let quiet = layer.clone().layer(Strict::default());
    let strict = Strict::default();
    let service = layer.challenge_scopes().layer(strict.clone());
    // The row, and the scopes that its challenges name.
    let rows = [
        (Method::GET, "/one", r#", scope="a""#, 403),
        (Method::HEAD, "/one", r#", scope="a""#, 403),
        (Method::POST, "/one", r#", scope="b""#, 403),
        (Method::GET, "/all", r#", scope="a b:c""#, 403),
        (Method::GET, "/any", r#", scope="x""#, 403),
        (Method::GET, "/offline", "", 403),
        (Method::GET, "/authenticated", "", 200),
        (Method::GET, "/denied", "", 403),
        (Method::GET, "/unnamed", "", 404),
        (Method::PUT, "/one", "", 404),
    ];
    for (method, path, scope, status) in rows {
        let request = |authorization: &str| {
            let headers = [("authorization", authorization)];
            let mut request = match authorization {
                "" => get(path, &[]),
                _ => get(path, &headers),
            };
            *request.method_mut() = method.clone();
            request
        };
        let invalid = bearer(r#", error="invalid_token""#);
        for (authorization, line) in [
            ("", bearer("")),
            ("Bearer made-up", invalid.clone()),
            ("Bearer expired", invalid.clone()),
            ("Bearer revoked", invalid.clone()),
            ("Bearer  a b", invalid),
        ] {
            let name = format!("{method} {path} {authorization}");
            let expected = (401, vec![format!("{line}{scope}")]);
            let seen = challenged(&service, request(authorization)).await;
            assert_eq!(seen, expected, "{name}");
            // Without the option, a stranger learns nothing of the row.
            let seen = challenged(&quiet, request(authorization)).await;
            assert_eq!(seen, (401, vec![line]), "{name}");
        }
        let expected = match (status, path) {
            (403, "/denied") | (200 | 404, _) => vec![],
            _ => vec![bearer(&format!(r#", error="insufficient_scope"{scope}"#))],
        };
        for service in [&service, &quiet] {
            let seen = challenged(service, request(CALLER)).await;
            assert_eq!(seen, (status, expected.clone()), "{method} {path}");
        }
        let outage = challenged(&service, request("Bearer outage")).await;
        assert_eq!(outage, (503, vec![]), "{method} {path}");
        let mut twice = request(CALLER);
        let value = "Bearer x".parse().unwrap();
        twice.headers_mut().append("authorization", value);
        let line = bearer(r#", error="invalid_request""#);
        assert_eq!(challenged(&service, twice).await, (400, vec![line]));
    }
    assert_eq!(strict.called.count(), 1, "the one that is authenticated");
}

#[tokio::test]
async fn j06_each_challenge_names_the_scopes_of_its_row_on_request() {
    assert_rows::<false>().await;
    assert_rows::<true>().await;
}

#[tokio::test]
async fn j06_over_grpc_the_challenges_are_metadata_on_request() {
    let layer = AuthnLayer::new(Names::<false>::default()).access(table());
    let quiet = layer.clone().layer(Strict::default());
    let service = layer.challenge_scopes().layer(Strict::default());
    let rows = [
        ("", "16", vec![bearer(r#", scope="a b""#)]),
        (
            "Bearer made-up",
            "16",
            vec![bearer(r#", error="invalid_token", scope="a b""#)],
        ),
        (
            CALLER,
            "7",
            vec![bearer(r#", error="insufficient_scope", scope="a b""#)],
        ),
        ("Bearer outage", "14", vec![]),
    ];
    for (authorization, code, lines) in rows {
        let headers = [("authorization", authorization)];
        let headers = if authorization.is_empty() {
            &[][..]
        } else {
            &headers
        };
        let request = || grpc("/a.B/C", headers);
        let response = ask(&service, request()).await;
        assert_eq!(values(response.headers(), "grpc-status"), [code]);
        assert_eq!(values(response.headers(), "www-authenticate"), lines);
        let response = ask(&quiet, request()).await;
        assert_eq!(values(response.headers(), "grpc-status"), [code]);
        assert!(values(response.headers(), "www-authenticate").is_empty());
    }
}

#[cfg(feature = "tonic")]
#[test]
fn j06_an_interceptor_challenges_in_metadata_on_request() {
    use tonic::service::Interceptor;
    use tower_authn::AuthnInterceptor;

    let rule = ScopeRule::all_of(["a", "b"]).unwrap();
    let layer = AuthnLayer::new(Names::<false>::default()).access(Access::Scopes(rule));
    let mut quiet = AuthnInterceptor::from(layer.clone());
    let mut interceptor = AuthnInterceptor::from(layer.challenge_scopes());
    for (authorization, rest) in [
        (None, r#", scope="a b""#),
        (
            Some("Bearer made-up"),
            r#", error="invalid_token", scope="a b""#,
        ),
        (Some(CALLER), r#", error="insufficient_scope", scope="a b""#),
    ] {
        let request = || {
            let mut request = tonic::Request::new(());
            if let Some(value) = authorization {
                let value = value.parse().unwrap();
                request.metadata_mut().insert("authorization", value);
            }
            request
        };
        let status = interceptor.call(request()).unwrap_err();
        let lines: Vec<_> = status
            .metadata()
            .get_all("www-authenticate")
            .iter()
            .collect();
        assert_eq!(lines, [bearer(rest).as_str()]);
        let status = quiet.call(request()).unwrap_err();
        assert!(status.metadata().get("www-authenticate").is_none());
    }
}

#[tokio::test]
async fn j06_a_guard_names_its_scopes_to_anonymous_requests_on_request() {
    let guard = RequireLayer::scope("deployment").unwrap();
    let other = RequireLayer::new(|_| false);
    let layer = AuthnLayer::new(Names::<false>::default()).access(Access::Optional);
    let quiet = layer.clone().layer(guard.layer(Strict::default()));
    let unscoped = layer.clone().challenge_scopes();
    let unscoped = unscoped.layer(other.layer(Strict::default()));
    let service = layer
        .challenge_scopes()
        .layer(guard.layer(Strict::default()));
    let seen = challenged(&service, get("/", &[])).await;
    assert_eq!(seen, (401, vec![bearer(r#", scope="deployment""#)]));
    for service in [
        challenged(&quiet, get("/", &[])).await,
        challenged(&unscoped, get("/", &[])).await,
    ] {
        assert_eq!(service, (401, vec![bearer("")]));
    }
}

#[tokio::test]
async fn j06_every_bearer_challenge_names_them_and_no_other() {
    let sources = Sources::default()
        .challenge(Challenge::basic("r").unwrap())
        .challenge(Challenge::bearer().scope(ScopeRule::all_of(["own"]).unwrap()));
    let service = AuthnLayer::new(Names::<false>::default())
        .access(table())
        .sources(sources)
        .challenge_scopes()
        .layer(Strict::default());
    let basic = r#"Basic realm="r""#.to_owned();
    let seen = challenged(&service, get("/one", &[])).await;
    let expected = vec![basic.clone(), r#"Bearer scope="a""#.to_owned()];
    assert_eq!(seen, (401, expected));
    let seen = challenged(&service, get("/authenticated", &[])).await;
    assert_eq!(seen, (401, vec![basic, r#"Bearer scope="own""#.to_owned()]));
}

#[tokio::test]
async fn j06_a_policy_that_names_no_rules_is_answered_alike() {
    let rule = ScopeRule::all_of(["a", "b"]).unwrap();
    let named = Access::Scopes(rule.clone());
    assert_eq!(named.scope_rules(), std::slice::from_ref(&rule));
    let asked = Calls::default();
    let (counted, access) = (asked.clone(), named.clone());
    let policy = policy_fn(move |_: &Head<'_>| {
        counted.add();
        access.clone()
    });
    assert!(policy.scope_rules().is_empty());
    let layer = |quiet: bool| {
        let layer = AuthnLayer::new(Names::<false>::default()).access(policy.clone());
        if quiet {
            layer
        } else {
            layer.challenge_scopes()
        }
    };
    let prepared = AuthnLayer::new(Names::<false>::default()).access(named);
    let prepared = prepared.challenge_scopes().layer(Strict::default());
    let service = layer(false).layer(Strict::default());
    for authorization in ["Bearer x", CALLER] {
        for request in [get, grpc] {
            let request = || request("/", &[("authorization", authorization)]);
            let expected = ask(&prepared, request()).await;
            let seen = ask(&service, request()).await;
            assert_eq!(seen.headers(), expected.headers(), "{authorization}");
        }
    }
    // Only a 401 of a layer with the option asks the policy again.
    let before = asked.count();
    ask(&layer(true).layer(Strict::default()), get("/", &[])).await;
    assert_eq!(asked.count() - before, 1);
    let before = asked.count();
    ask(&service, get("/", &[])).await;
    assert_eq!(asked.count() - before, 2);
}

#[test]
fn j06_a_table_names_the_rules_of_its_rows_and_its_fallback() {
    let table = AccessTable::builder()
        .any("/a", Access::scope("a"))
        .any("/b", Access::Public)
        .grpc_service("c.D", Access::scope("c"))
        .fallback(Access::scope("d"))
        .build()
        .unwrap();
    let names = |rules: Vec<ScopeRule>| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(table.scope_rules()), ["a", "c", "d"]);
    assert_eq!(
        names(std::sync::Arc::new(table).scope_rules()),
        ["a", "c", "d"]
    );
}

//! The layer: what it serves, and what it leaves to the layer that guards.

use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Challenge, Sources, Verifier,
    resource::ResourceServer,
    verifier::{FixedTokens, FixedUsers},
};

use super::{builder, metadata};
use crate::support::{Spy, Strict, TOKEN, ask, get, values};

/// A body that can be made of bytes, as axum's.
#[derive(Debug, Default, PartialEq)]
struct Text(String);

impl From<bytes::Bytes> for Text {
    fn from(bytes: bytes::Bytes) -> Self {
        Self(String::from_utf8(bytes.to_vec()).unwrap())
    }
}

type Inner = tower::util::MapResponse<Strict, fn(http::Response<String>) -> http::Response<Text>>;

fn with_text(inner: Strict) -> Inner {
    tower::util::MapResponse::new(inner, |response| response.map(Text))
}

#[tokio::test]
async fn j05_the_metadata_are_public_whatever_the_policy_refuses() {
    for access in [
        Access::Authenticated,
        Access::Denied,
        Access::NotFound,
        Access::Unavailable,
        Access::scope("deployment").unwrap(),
    ] {
        let (spy, strict) = (Spy::default(), Strict::default());
        let authn = AuthnLayer::new(spy.clone()).access(access.clone());
        let server = ResourceServer::new(metadata(), authn).unwrap();
        let service = server.layer(with_text(strict.clone()));
        for path in [
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource/mcp?x=1",
        ] {
            // Neither the host nor a credential changes the response.
            for headers in [
                &[][..],
                &[
                    ("host", "evil.example"),
                    ("x-forwarded-host", "evil.example"),
                ],
                &[("authorization", "Bearer made-up")],
                &[("authorization", TOKEN), ("authorization", TOKEN)],
            ] {
                let response = ask(&service, get(path, headers)).await;
                assert_eq!(response.status(), 200, "{access:?} {path}");
                assert_eq!(response.body().0, metadata().json());
            }
        }
        assert_eq!((spy.calls.count(), strict.called.count()), (0, 0));
        for path in [
            "/mcp",
            "/.well-known/oauth-protected-resource/",
            "/.well-known/oauth-protected-resource/other",
            "/.well-known/oauth-protected-resource%2fmcp",
            "/x/.well-known/oauth-protected-resource",
        ] {
            let response = ask(&service, get(path, &[])).await;
            let expected = if access == Access::Unavailable {
                503
            } else {
                401
            };
            assert_eq!(response.status(), expected, "{access:?} {path}");
            assert_eq!(response.body(), &Text::default());
        }
        assert_eq!(strict.called.count(), 0);
    }
}

#[tokio::test]
async fn j05_a_request_for_anything_else_reaches_the_guarded_service() {
    let (spy, strict) = (Spy::default(), Strict::default());
    let server = ResourceServer::new(metadata(), AuthnLayer::new(spy.clone())).unwrap();
    let service = server.layer(with_text(strict.clone()));
    let bearer = format!("Bearer {TOKEN}");
    for path in ["/mcp", "/.well-known/oauth-protected-resource/other"] {
        let response = ask(&service, get(path, &[("authorization", &bearer)])).await;
        assert_eq!(response.body().0, "inner", "{path}");
    }
    assert_eq!((spy.calls.count(), strict.called.count()), (2, 2));
}

#[tokio::test]
async fn j05_each_bearer_challenge_links_the_metadata() {
    let link = format!(r#"resource_metadata="{}""#, metadata().url());
    let bearer = format!(r#"Bearer realm="api", {link}"#);
    let basic = r#"Basic realm="api", charset="UTF-8""#.to_owned();
    let own = Challenge::bearer().realm("r").unwrap();
    let own_sources = Sources::default()
        .challenge(Challenge::basic("r").unwrap())
        .challenge(own);
    let rows = [
        (Sources::default(), vec![bearer.clone(), basic]),
        (Sources::new().bearer(), vec![bearer]),
        (
            own_sources,
            vec![
                r#"Basic realm="r""#.to_owned(),
                format!(r#"Bearer realm="r", {link}"#),
            ],
        ),
    ];
    for (sources, expected) in rows {
        let users = FixedUsers::new([("alice", "correct horse", "alice")]).unwrap();
        let tokens = FixedTokens::new([(TOKEN, "ci")]).unwrap();
        let authn = AuthnLayer::new(tokens.or(users)).sources(sources);
        let server = ResourceServer::new(metadata(), authn).unwrap();
        let response = ask(&server.layer(with_text(Strict::default())), get("/", &[])).await;
        assert_eq!(values(response.headers(), "www-authenticate"), expected);
    }
}

#[test]
fn j05_a_server_that_reads_no_bearer_tokens_is_refused() {
    let expected = "sources: no Bearer tokens; expected `Sources::bearer` and a verifier of tokens";
    let sources = [
        Sources::new(),
        Sources::new().basic(),
        Sources::new().header("x-api-key").unwrap(),
        Sources::default().challenge(Challenge::basic("r").unwrap()),
    ];
    for sources in sources {
        let authn = AuthnLayer::new(Spy::default()).sources(sources);
        let error = ResourceServer::new(metadata(), authn).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let users = FixedUsers::new([("alice", "correct horse", "alice")]).unwrap();
    let error = ResourceServer::new(builder().build().unwrap(), AuthnLayer::new(users));
    assert_eq!(error.unwrap_err().to_string(), expected);
}

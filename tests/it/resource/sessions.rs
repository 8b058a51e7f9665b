//! A session is good for the principal that opened it, and for no other.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::{Request, Response};
use tower::{Layer, Service};
use tower_authn::{
    Access, AuthnLayer, Principal,
    resource::{BoundSessions, BoundSessionsService},
    token::MasterKey,
    verifier::FixedTokens,
};

use super::callers::{ALICE, BOB, tokens};
use crate::support::{Calls, ask, get, values};

/// An inner service that opens the session `s1` for a request without one, and keeps
/// the ids that it receives.
#[derive(Clone, Default)]
struct Sessions {
    called: Calls,
    seen: Arc<Mutex<Vec<String>>>,
}

impl<B> Service<Request<B>> for Sessions {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.called.add();
        let name = match request.uri().path() {
            "/other" => "x-session",
            _ => "mcp-session-id",
        };
        let ids = values(request.headers(), name);
        self.seen
            .lock()
            .unwrap()
            .extend(ids.iter().map(|id| (*id).to_owned()));
        let mut response = Response::new("inner".to_owned());
        let id = ids.first().copied().unwrap_or("s1").parse().unwrap();
        response.headers_mut().insert(name, id);
        ready(Ok(response))
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Opens a session, and returns its id as the client sees it.
async fn open<S>(service: &S, token: &str) -> String
where
    S: Service<Request<String>, Response = Response<String>> + Clone,
    S::Error: std::fmt::Debug,
{
    let response = ask(service, get("/", &[("authorization", &bearer(token))])).await;
    assert_eq!(response.status(), 200);
    values(response.headers(), "mcp-session-id")[0].to_owned()
}

async fn status<S>(service: &S, token: &str, ids: &[&str]) -> u16
where
    S: Service<Request<String>, Response = Response<String>> + Clone,
    S::Error: std::fmt::Debug,
{
    let bearer = bearer(token);
    let ids = ids.iter().map(|id| ("mcp-session-id", *id));
    let headers: Vec<_> = [("authorization", bearer.as_str())]
        .into_iter()
        .chain(ids)
        .collect();
    ask(service, get("/", &headers)).await.status().as_u16()
}

#[tokio::test]
async fn j07_a_session_is_its_owners_and_404_for_everyone_else() {
    let inner = Sessions::default();
    let sessions = BoundSessions::new().unwrap();
    let service = AuthnLayer::new(tokens()).layer(sessions.layer(inner.clone()));
    let (alices, bobs) = (open(&service, ALICE).await, open(&service, BOB).await);
    assert_ne!(alices, bobs, "the inner service gave both the id s1");
    assert_eq!(status(&service, ALICE, &[&alices]).await, 200);
    assert_eq!(status(&service, BOB, &[&bobs]).await, 200);
    assert_eq!(*inner.seen.lock().unwrap(), ["s1", "s1"]);

    let called = inner.called.count();
    let mut changed = alices.clone().into_bytes();
    changed[0] ^= 1;
    let changed = String::from_utf8(changed).unwrap();
    let cut = &alices[..alices.len() - 1];
    let other = alices.replacen("s1", "s2", 1);
    for ids in [
        &[bobs.as_str()][..],
        &["s1"],
        &[""],
        &["s1AAAAAAAAAAAAAAAAAAAAAA"],
        &[&changed],
        &[cut],
        &[&other],
        &[&alices, &alices],
        &[&alices, "s1"],
        &["\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"],
    ] {
        assert_eq!(status(&service, ALICE, ids).await, 404, "{ids:?}");
    }
    assert_eq!(status(&service, BOB, &[&alices]).await, 404);
    assert_eq!(
        inner.called.count(),
        called,
        "a refused session was passed on"
    );
    let refused = get(
        "/",
        &[("authorization", &bearer(BOB)), ("mcp-session-id", &alices)],
    );
    let refused = ask(&service, refused).await;
    assert_eq!(values(refused.headers(), "cache-control"), ["no-store"]);
    assert!(values(refused.headers(), "mcp-session-id").is_empty());
}

#[tokio::test]
async fn j07_the_issuer_and_the_organization_are_part_of_the_owner() {
    let alice = || Principal::new("alice");
    let principals = [
        alice(),
        alice().with_issuer("https://a.example"),
        alice().with_issuer("https://b.example"),
        alice().with_organization("https://a.example"),
        alice()
            .with_issuer("https://a.example")
            .with_organization("acme"),
        Principal::new("alice-17:https://a.example"),
    ];
    let sessions = BoundSessions::new().unwrap();
    let service = sessions.layer(Sessions::default());
    let send = async |principal: &Principal, id: Option<&str>| {
        let mut request = get("/", &[]);
        request.extensions_mut().insert(principal.clone());
        if let Some(id) = id {
            request
                .headers_mut()
                .insert("mcp-session-id", id.parse().unwrap());
        }
        let response = ask(&service, request).await;
        let id = values(response.headers(), "mcp-session-id")
            .first()
            .map(|id| (*id).to_owned());
        (response.status().as_u16(), id)
    };
    for (index, owner) in principals.iter().enumerate() {
        let (_, id) = send(owner, None).await;
        for (other, principal) in principals.iter().enumerate() {
            let expected = if index == other { 200 } else { 404 };
            assert_eq!(
                send(principal, id.as_deref()).await.0,
                expected,
                "{index} {other}"
            );
        }
        // A new token of the same principal keeps the session.
        let refreshed = owner.clone().with_token_id("t2").with_scope_list("other");
        assert_eq!(send(&refreshed, id.as_deref()).await.0, 200);
    }
}

#[tokio::test]
async fn j07_a_request_without_a_principal_opens_no_session() {
    let inner = Sessions::default();
    let sessions = BoundSessions::new().unwrap();
    let bare: BoundSessionsService<Sessions> = sessions.layer(inner.clone());
    assert_eq!(ask(&bare, get("/", &[])).await.status(), 500);
    let optional = AuthnLayer::new(tokens()).access(Access::Optional);
    let optional = optional.layer(sessions.layer(inner.clone()));
    let anonymous = ask(&optional, get("/", &[])).await;
    assert_eq!(anonymous.status(), 401);
    assert_eq!(values(anonymous.headers(), "www-authenticate").len(), 1);
    assert_eq!(inner.called.count(), 0);
    open(&optional, ALICE).await;
    assert_eq!(inner.called.count(), 1);
}

#[tokio::test]
async fn j07_instances_with_one_master_key_share_sessions() {
    let key = |digit: &str| MasterKey::from_hex(&digit.repeat(64)).unwrap();
    let with = |sessions: BoundSessions| {
        AuthnLayer::new(tokens()).layer(sessions.layer(Sessions::default()))
    };
    let sessions = || BoundSessions::new().unwrap();
    let first = with(sessions().master_key(&key("a")));
    let id = open(&first, ALICE).await;
    let second = with(sessions().master_key(&key("a")));
    assert_eq!(status(&second, ALICE, &[&id]).await, 200);
    assert_eq!(status(&second, BOB, &[&id]).await, 404);
    for other in [sessions().master_key(&key("b")), sessions()] {
        assert_eq!(status(&with(other), ALICE, &[&id]).await, 404);
    }
}

#[tokio::test]
async fn j07_the_header_and_the_identity_can_be_of_your_own() {
    let users = FixedTokens::new([(ALICE, 1_u64), (BOB, 2)]).unwrap();
    let sessions = BoundSessions::for_principal(|user: &u64| user.to_string()).unwrap();
    assert!(sessions.clone().header("a b").is_err());
    let sessions = sessions.header("X-Session").unwrap();
    let service = AuthnLayer::new(users).layer(sessions.layer(Sessions::default()));
    let send = async |token: &str, id: Option<&str>| {
        let bearer = bearer(token);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(id.map(|id| ("x-session", id)));
        ask(&service, get("/other", &headers)).await
    };
    let opened = send(ALICE, None).await;
    let id = values(opened.headers(), "x-session")[0];
    assert_eq!(send(ALICE, Some(id)).await.status(), 200);
    assert_eq!(send(BOB, Some(id)).await.status(), 404);
}

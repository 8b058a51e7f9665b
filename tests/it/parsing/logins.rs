//! User and password.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use tower::Layer;
use tower_authn::{
    AuthnLayer, Credential, Principal, Verifier,
    verifier::{FixedTokens, FixedUsers},
    verify_fn,
};

use super::{admitted_by, status};
use crate::support::{Strict, TOKEN, ask, get};

#[tokio::test]
async fn a10_control_characters_in_user_or_password_are_refused() {
    let layer = AuthnLayer::new(any_login());
    for (login, expected) in [
        ("user:pass", 200),
        ("usér:pàss", 200),
        ("user\0:pass", 401),
        ("user:pass\0", 401),
        ("john:\u{1}doe", 401),
        ("john:d\noe", 401),
        ("\tjohn:doe", 401),
        ("john:doe\u{7f}", 401),
    ] {
        let value = format!("Basic {}", STANDARD.encode(login));
        let seen = status(&layer, &value).await;
        assert_eq!(seen, expected, "{login:?}");
    }
}

#[tokio::test]
async fn a11_each_user_and_password_has_one_encoding() {
    let users = FixedUsers::new([("alice", "pass>>?word", "alice")]).unwrap();
    let (fixed, any) = (
        AuthnLayer::new(Arc::new(users)),
        AuthnLayer::new(any_login()),
    );
    let canonical = STANDARD.encode("alice:pass>>?word");
    assert_eq!(canonical, "YWxpY2U6cGFzcz4+P3dvcmQ=");
    let rows = [
        ("YWxpY2U6cGFzcz4+P3dvcmQ=", 200),
        ("YWxpY2U6cGFzcz4+P3dvcmQ", 401),
        ("YWxpY2U6cGFzcz4+P3dvcmQ==", 401),
        ("YWxpY2U6cGFzcz4+P3dvcmR=", 401),
        ("YWxpY2U6cGFzcz4-P3dvcmQ=", 401),
        ("YWxpY2U6cGFzcz4+P3dvcm Q=", 401),
    ];
    for (token, expected) in rows {
        let value = format!("Basic {token}");
        assert_eq!(status(&fixed, &value).await, expected, "{token}");
        assert_eq!(status(&any, &value).await, expected, "{token}");
    }
}

#[tokio::test]
async fn a12_the_verifier_decides_what_stands_after_basic() {
    // `dTpw…` is a token of its own, and base64 of a user and a password too.
    let login = STANDARD.encode("user:password");
    let basic = format!("Basic {login}");
    let tokens = FixedTokens::new([(login.as_str(), Principal::new("token"))]).unwrap();
    let users = FixedUsers::new([("user", "password", Principal::new("user"))]).unwrap();
    assert_eq!(subject(tokens, &basic).await.as_deref(), Some("token"));
    assert_eq!(subject(users, &basic).await.as_deref(), Some("user"));

    // The same text after `Bearer` is a token and nothing else.
    assert_eq!(admitted_by(any_login(), &basic).await, 200);
    let bearer = format!("Bearer {login}");
    assert_eq!(admitted_by(any_login(), &bearer).await, 401);
}

#[tokio::test]
async fn a12_both_orders_of_or_serve_the_same_callers() {
    let tokens = || FixedTokens::new([(TOKEN, Principal::new("token"))]).unwrap();
    let users = || FixedUsers::new([("user", "password", Principal::new("user"))]).unwrap();
    let login = STANDARD.encode("user:password");
    let wrong = STANDARD.encode("user:passwort");
    let rows = [
        (format!("Basic {TOKEN}"), Some("token")),
        (format!("Bearer {TOKEN}"), Some("token")),
        (format!("Basic {login}"), Some("user")),
        (format!("Bearer {login}"), None),
        (format!("Basic {wrong}"), None),
        (format!("Bearer {TOKEN}0"), None),
        (format!("Basic {TOKEN}0"), None),
    ];
    for (value, expected) in rows {
        let one = subject(tokens().or(users()), &value).await;
        let other = subject(users().or(tokens()), &value).await;
        assert_eq!(one.as_deref(), expected, "tokens, then users: {value}");
        assert_eq!(other.as_deref(), expected, "users, then tokens: {value}");
    }
}

/// A verifier that takes every user and password.
fn any_login() -> impl Verifier<Principal = ()> {
    verify_fn(|credential: &Credential<'_>| credential.user_password().map(|_| ()))
}

/// Whom the verifier takes the caller for.
async fn subject<V: Verifier<Principal = Principal>>(verifier: V, value: &str) -> Option<String> {
    let inner = Strict::default();
    let service = AuthnLayer::new(verifier).layer(inner.clone());
    let response = ask(&service, get("/", &[("authorization", value)])).await;
    if response.status() != 200 {
        assert_eq!(inner.called.count(), 0, "{value}");
        return None;
    }
    let last = inner.last();
    last.extensions
        .get()
        .map(|p: &Principal| p.subject().to_owned())
}

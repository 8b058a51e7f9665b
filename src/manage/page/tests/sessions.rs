//! The life of a session.

use std::time::Duration;

use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, Request, StatusCode, header::AUTHORIZATION};
use tower::{Layer, ServiceExt};

use super::{BEGIN, ORIGIN, Page};
use crate::{
    layer::AuthnLayer,
    principal::Principal,
    store::Query,
    token::Timestamp,
    tokens::{NewToken, TokenErrorKind, TokenSelector, TokenUpdate},
    verifier::FixedUsers,
};

#[tokio::test]
async fn any_metadata_of_the_sessions_token_are_shown_unchanged() {
    let page = Page::new(|admin| admin).await;
    for metadata in [
        r#"{"a": {"b": [1]}}"#,
        // Names that have a meaning in serde_json.
        r#"{"$serde_json::private::RawValue": 5}"#,
        r#"{"$serde_json::private::RawValue": "{}"}"#,
        r#"{"$serde_json::private::Number": "x"}"#,
    ] {
        let token = NewToken::new("alice").scopes(["resources"]);
        let created = page.tokens.create(token.metadata(metadata)).await.unwrap();
        let cookie = page.signed_in(&created).await;
        let answer = page.ask("GET", "/session", &[("cookie", &*cookie)]).await;
        // A `Value` would give these names that meaning here too.
        assert_eq!(answer.status, StatusCode::OK, "{metadata}");
        let shown = format!(r#""metadata":{metadata}"#);
        assert!(answer.text.contains(&shown), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let page = Page::new(|admin| admin).await;
    let (created, other) = (page.token().await, page.token().await);
    let id = created.record.id;
    let (cookie, kept) = (page.signed_in(&created).await, page.signed_in(&other).await);
    page.tokens.suspend(id).await.unwrap();
    assert_eq!(page.caller(&cookie).await, None);
    page.tokens.resume(id).await.unwrap();
    assert!(page.caller(&cookie).await.is_some());
    page.tokens
        .revoke(TokenSelector::Id(id), "test", "")
        .await
        .unwrap();
    assert_eq!(page.caller(&cookie).await, None);
    assert!(page.caller(&kept).await.is_some());

    let id = other.record.id;
    let soon = TokenUpdate::default().expires_at(Timestamp::from_secs(BEGIN + 60));
    page.tokens.update(id, soon).await.unwrap();
    page.at(59);
    assert!(page.caller(&kept).await.is_some());
    page.at(60);
    assert_eq!(page.caller(&kept).await, None);
}

#[tokio::test]
async fn a_session_ends_when_its_token_loses_the_managers_scope() {
    let page = Page::new(|admin| admin).await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let less = TokenUpdate::default().scopes(["resources:models"]);
    page.tokens.update(created.record.id, less).await.unwrap();
    assert_eq!(page.caller(&cookie).await, None);
}

#[tokio::test]
async fn a_session_ends_at_its_maximum_age() {
    let hour = Duration::from_secs(60 * 60);
    let alice = || Principal::new("alice").with_scopes(["resources"]).unwrap();
    let users = || FixedUsers::new([("alice", "correct-horse", alice())]).unwrap();
    let page = Page::new(|admin| admin.session_max_age(hour).users(users())).await;
    let login = format!("Basic {}", BASE64_STANDARD.encode("alice:correct-horse"));
    let answer = page.sign_in(&login, &[]).await;
    assert_eq!(answer.caller(), Some("alice"));
    assert!(answer.set_cookies[0].contains("; Max-Age=3600; "));
    let user = answer.cookie();
    let token = page.signed_in(&page.token().await).await;
    let short = NewToken::new("bob").scopes(["resources"]);
    let short = short.expires_in(Duration::from_secs(60));
    let short = page.tokens.create(short).await.unwrap();
    let credential = format!("Bearer {}", short.secret.expose());
    let answer = page.sign_in(&credential, &[]).await;
    assert!(answer.set_cookies[0].contains("; Max-Age=60; "));

    page.at(60 * 60 - 1);
    assert!(page.caller(&user).await.is_some());
    assert!(page.caller(&token).await.is_some());
    page.at(60 * 60);
    assert_eq!(page.caller(&user).await, None);
    assert_eq!(page.caller(&token).await, None);
}

#[tokio::test]
async fn another_sign_in_ends_the_previous_session_and_a_sign_out_ends_one() {
    let page = Page::new(|admin| admin).await;
    let created = page.token().await;
    let credential = format!("Bearer {}", created.secret.expose());
    let elsewhere = page.signed_in(&created).await;
    let first = page.signed_in(&created).await;
    let headers = [("origin", ORIGIN), ("cookie", &*first)];
    let second = page.sign_in(&credential, &headers).await.cookie();
    assert_ne!(first, second);
    assert_eq!(page.caller(&first).await, None);
    assert!(page.caller(&second).await.is_some());

    // A failed sign-in leaves the session unchanged.
    let headers = [("cookie", &*second)];
    let answer = page.sign_in("Bearer wrong", &headers).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.set_cookies.is_empty());
    assert!(page.caller(&second).await.is_some());

    let answer = page.ask("DELETE", "/session", &headers).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let unset = "tower-authn=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(answer.set_cookies, [unset]);
    assert_eq!(page.caller(&second).await, None);
    assert!(page.caller(&elsewhere).await.is_some());
    let answer = page.ask("DELETE", "/session", &headers).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.set_cookies.is_empty());
}

#[tokio::test]
async fn s16_sign_ins_of_one_holder_end_their_oldest_session_and_no_others() {
    let alice = || Principal::new("alice").with_scopes(["resources"]).unwrap();
    let bob = || Principal::new("bob").with_scopes(["resources"]).unwrap();
    let users = || {
        FixedUsers::new([
            ("alice", "correct-horse", alice()),
            ("bob", "battery-staple", bob()),
        ])
        .unwrap()
    };
    let page = Page::new(|admin| admin.users(users())).await;
    let basic = |login: &str| format!("Basic {}", BASE64_STANDARD.encode(login));
    let (one, other) = (page.token().await, page.token().await);
    let one = format!("Bearer {}", one.secret.expose());
    let kept = [
        page.signed_in(&other).await,
        page.sign_in(&basic("bob:battery-staple"), &[])
            .await
            .cookie(),
    ];
    for login in [one, basic("alice:correct-horse")] {
        let mut cookies = Vec::new();
        for second in 1..=40 {
            page.at(second);
            cookies.push(page.sign_in(&login, &[("origin", ORIGIN)]).await.cookie());
        }
        let (ended, open) = cookies.split_at(40 - 16);
        for cookie in ended {
            assert_eq!(page.caller(cookie).await, None);
        }
        for cookie in open.iter().chain(&kept) {
            assert!(page.caller(cookie).await.is_some());
        }
        // A closed session is replaced before an open one.
        let headers = [("cookie", &*cookies[30])];
        page.ask("DELETE", "/session", &headers).await;
        page.sign_in(&login, &[("origin", ORIGIN)]).await;
        assert!(page.caller(&cookies[24]).await.is_some());
    }
    let listed = page.tokens.list(Query::default()).await.unwrap();
    assert_eq!(listed.tokens.len(), 2, "sessions are not listed");
}

#[tokio::test]
async fn s16_a_session_is_not_a_token() {
    let page = Page::new(|admin| admin).await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let secret = cookie.split_once('=').unwrap().1;
    let id = secret.split('_').nth(1).unwrap().parse().unwrap();
    let tokens = &page.tokens;
    // With the prefix of tokens, and unchanged.
    for text in [secret.to_owned(), secret.replace("Loopback", "acme")] {
        let bearer =
            HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {text}").parse().unwrap())]);
        let layer = AuthnLayer::new(tokens.verifier());
        let service = layer.layer(tower::service_fn(async |_: Request<Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
        }));
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = bearer;
        let answer = service.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(tokens.find(&text).await.unwrap().is_none());
        assert_eq!(
            tokens
                .revoke(TokenSelector::Presented(&text), "", "")
                .await
                .unwrap(),
            0
        );
    }
    // A session can't be reached by its id.
    let missing = |kind| assert_eq!(kind, TokenErrorKind::NotFound);
    missing(tokens.get(id).await.unwrap_err().kind());
    missing(tokens.suspend(id).await.unwrap_err().kind());
    missing(
        tokens
            .update(id, TokenUpdate::default())
            .await
            .unwrap_err()
            .kind(),
    );
    missing(tokens.rotate(id, Duration::ZERO).await.unwrap_err().kind());
    missing(
        tokens
            .revoke(TokenSelector::Id(id), "", "")
            .await
            .unwrap_err()
            .kind(),
    );
    // A session is not one of its holder's tokens.
    assert!(page.caller(&cookie).await.is_some());
    assert_eq!(
        tokens
            .revoke(TokenSelector::Subject("alice"), "", "")
            .await
            .unwrap(),
        1
    );
    assert_eq!(page.caller(&cookie).await, None);
}

#[tokio::test]
async fn while_the_store_is_unavailable_a_session_neither_counts_nor_ends() {
    let page = Page::new(|admin| admin).await;
    let cookie = page.signed_in(&page.token().await).await;
    // The tokens no longer follow the store.
    page.tokens.shutdown().await.unwrap();
    for path in ["/session", "/api/tokens"] {
        let answer = page.ask("GET", path, &[("cookie", &*cookie)]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.set_cookies.is_empty());
    }
}

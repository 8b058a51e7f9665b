//! The cookies of sessions.

use std::sync::Arc;

use http::StatusCode;

use super::{ORIGIN, Page};
use crate::{manage::TokenAdmin, tokens::CreatedToken};

#[tokio::test]
async fn a_session_is_valid_only_in_the_kind_of_cookie_it_was_opened_with() {
    let page = Page::new(|admin| admin).await;
    let created = page.token().await;
    let credential = format!("Bearer {}", created.secret.expose());
    let rows = [
        (
            "https://example.com",
            "__Host-tower-authn",
            "tower-authn",
            70,
        ),
        (ORIGIN, "tower-authn", "__Host-tower-authn", 72),
    ];
    for (origin, name, other, length) in rows {
        let headers = [("origin", origin), ("sec-fetch-site", "same-origin")];
        let cookie = page.sign_in(&credential, &headers).await.cookie();
        let (found, secret) = cookie.split_once('=').unwrap();
        assert_eq!((found, secret.len()), (name, length));
        assert_eq!(page.caller(&cookie).await.as_deref(), Some("alice"));
        assert_eq!(page.caller(&format!("{other}={secret}")).await, None);
        assert_eq!(page.caller(&format!("{cookie}; {cookie}")).await, None);
        assert_eq!(page.caller(&format!("{cookie}x")).await, None);
    }
    // The page's routes read no other credential.
    let header = [("authorization", &*credential)];
    let answer = page.ask("GET", "/api/tokens", &header).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn s16_a_cookie_is_named_after_its_store_or_by_the_app() {
    let set = async |admin: &TokenAdmin, created: &CreatedToken| {
        let elapsed = Arc::default();
        let (tokens, routes) = (admin.tokens.clone(), admin.page());
        let page = Page {
            tokens,
            elapsed,
            routes,
        };
        page.signed_in(created).await
    };
    let name = |cookie: &str| cookie.split_once('=').unwrap().0.to_owned();
    let (one, other) = (
        Page::new(|admin| admin).await,
        Page::new(|admin| admin).await,
    );
    let (in_one, in_other) = (one.token().await, other.token().await);
    let first = name(&set(&TokenAdmin::new(one.tokens.clone()), &in_one).await);
    let digits = first.strip_prefix("tower-authn-").unwrap();
    assert!(digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(
        name(&set(&TokenAdmin::new(one.tokens.clone()), &in_one).await),
        first
    );
    assert_ne!(
        name(&set(&TokenAdmin::new(other.tokens.clone()), &in_other).await),
        first
    );
    one.tokens.add_key().await.unwrap();
    assert_eq!(
        name(&set(&TokenAdmin::new(one.tokens.clone()), &in_one).await),
        first
    );

    // A page with another cookie name does not accept these sessions.
    let own = TokenAdmin::new(one.tokens.clone())
        .cookie_name("reports")
        .unwrap();
    let cookie = set(&own, &in_one).await;
    assert_eq!(name(&cookie), "reports");
    let renamed = cookie.replace("reports=", "tower-authn=");
    assert_eq!(one.caller(&renamed).await, None);
    for wrong in ["", "a=b", "a;b", "a b", "ä", &"a".repeat(65)] {
        assert!(
            TokenAdmin::new(one.tokens.clone())
                .cookie_name(wrong)
                .is_err(),
            "{wrong}"
        );
    }
}

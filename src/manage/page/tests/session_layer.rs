//! The layer for the app's own pages.

use axum::{Router, routing::get};
use http::StatusCode;

use super::Page;
use crate::{axum::Authenticated, manage::TokenAdmin, tokens::TokenSelector};

/// An app with a page of its own that responds with the session's subject.
async fn app() -> Page {
    let mut page = Page::new(|admin| admin).await;
    let admin = TokenAdmin::new(page.tokens.clone());
    let admin = admin.cookie_name("tower-authn").unwrap();
    let (routes, signed_in) = (admin.page(), admin.session_layer());
    let own = async |caller: Option<Authenticated>| match caller {
        Some(Authenticated(caller)) => caller.subject().to_owned(),
        None => "anonymous".to_owned(),
    };
    let strict = async |Authenticated(caller): Authenticated| caller.subject().to_owned();
    page.routes = Router::new()
        .route("/own", get(own).post(own))
        .route("/strict", get(strict))
        .layer(signed_in)
        .merge(routes);
    page
}

#[tokio::test]
async fn pages_of_the_app_see_the_session() {
    let page = app().await;
    let created = page.token().await;
    let cookie = page.signed_in(&created).await;
    let signed_in = [("cookie", &*cookie)];
    for path in ["/own", "/strict"] {
        let answer = page.ask("GET", path, &signed_in).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "alice"));
    }
    let answer = page.ask("GET", "/own", &[]).await;
    assert_eq!(
        (answer.status, &*answer.text),
        (StatusCode::OK, "anonymous")
    );
    let answer = page.ask("GET", "/strict", &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // A token is not a session.
    let bearer = format!("Bearer {}", created.secret.expose());
    let answer = page.ask("GET", "/own", &[("authorization", &bearer)]).await;
    assert_eq!(answer.text, "anonymous");

    page.tokens
        .revoke(TokenSelector::Id(created.record.id), "test", "")
        .await
        .unwrap();
    assert_eq!(page.ask("GET", "/own", &signed_in).await.text, "anonymous");
    page.tokens.shutdown().await.unwrap();
}

#[tokio::test]
async fn pages_of_the_app_refuse_changes_from_other_sites() {
    let page = app().await;
    let cookie = page.signed_in(&page.token().await).await;
    let rows = [
        (("sec-fetch-site", "cross-site"), StatusCode::FORBIDDEN),
        (("sec-fetch-site", "same-site"), StatusCode::FORBIDDEN),
        (("origin", "http://localhost:4000"), StatusCode::FORBIDDEN),
        (("origin", "HTTP://LOCALHOST:3000"), StatusCode::OK),
        (("sec-fetch-site", "same-origin"), StatusCode::OK),
    ];
    for (header, expected) in rows {
        let headers = [header, ("cookie", &*cookie)];
        let answer = page.ask("POST", "/own", &headers).await;
        assert_eq!(answer.status, expected, "{header:?}");
        let answer = page.ask("GET", "/own", &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{header:?}");
    }
}

#[tokio::test]
async fn while_the_session_cant_be_read_pages_of_the_app_answer_503() {
    let page = app().await;
    let cookie = page.signed_in(&page.token().await).await;
    page.tokens.shutdown().await.unwrap();
    let answer = page.ask("GET", "/own", &[("cookie", &*cookie)]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.ask("GET", "/own", &[]).await.text, "anonymous");
}

//! The callers that each route accepts.

use std::time::Duration;

use serde_json::json;
use tower_authn::{
    axum::assert_protected,
    manage::TokenAdmin,
    tokens::{NewToken, Tokens, TokensOptions},
};

use super::{Answer, App, FORM, JSON, request};
use crate::following::Net;

/// A route, and its statuses for a request without a token, with a revoked token, with
/// a token that is not a manager's, for a manager, for a manager of another
/// organization, and for a manager while the store is unavailable.
struct Row(&'static str, &'static str, &'static str, [u16; 6]);

const MANAGER: [u16; 6] = [401, 401, 403, 200, 404, 503];
const MANAGER_ANYWHERE: [u16; 6] = [401, 401, 403, 200, 200, 503];
const CREATED: [u16; 6] = [401, 401, 403, 201, 201, 503];

const ROWS: [Row; 12] = [
    Row("GET", "/tokens", "", MANAGER_ANYWHERE),
    Row("POST", "/tokens", "{}", CREATED),
    Row("GET", "/tokens/{id}", "", MANAGER),
    Row("PATCH", "/tokens/{id}", r#"{"name":"n"}"#, MANAGER),
    Row("POST", "/tokens/{id}/suspend", "", MANAGER),
    Row("POST", "/tokens/{id}/resume", "", MANAGER),
    Row("POST", "/tokens/{id}/rotate", "{}", MANAGER),
    Row("POST", "/tokens/{id}/revoke", "{}", MANAGER),
    Row("POST", "/introspect", "token={token}", MANAGER_ANYWHERE),
    // The remaining routes need no manager, and some need no store.
    Row(
        "POST",
        "/revoke",
        "token={token}",
        [200, 200, 200, 200, 200, 503],
    ),
    Row("GET", "/whoami", "", [401, 401, 200, 200, 200, 200]),
    Row("GET", "/openapi.json", "", [200; 6]),
];

/// Returns whether a route creates a secret.
fn shows_secret(method: &str, path: &str) -> bool {
    (method, path) == ("POST", "/tokens") || path.ends_with("/rotate")
}

#[tokio::test]
async fn m03_every_route_answers_each_caller_as_the_table_says() {
    let net = Net::default();
    let app = App::over(net.clone()).await;
    let manager = app.manager("north").await;
    let other = app.manager("south").await;
    let plain = NewToken::new("paul").scopes(["deployment", "resources:models"]);
    let plain = app.make(plain.organization("north")).await;
    let gone = app.make(NewToken::new("gus").scopes(["resources"])).await;
    let id = tower_authn::tokens::TokenSelector::Id(gone.record.id);
    app.tokens.revoke(id, "", "").await.unwrap();
    let callers = [
        ("anonymous", None, false),
        ("bad", Some(&gone), false),
        ("plain", Some(&plain), false),
        ("manager", Some(&manager), false),
        ("other", Some(&other), false),
        ("outage", Some(&manager), true),
    ];
    for Row(method, path, body, expected) in ROWS {
        for ((name, caller, down), expected) in callers.into_iter().zip(expected) {
            let case = format!("{method} {path} by {name}");
            let made = app.make(NewToken::new("anna").organization("north")).await;
            let token = caller.map_or("", |caller| caller.secret.expose());
            let path = path.replace("{id}", made.record.id.as_str());
            let body = body.replace("{token}", made.secret.expose());
            let kind = if body.starts_with("token") {
                FORM
            } else {
                JSON
            };
            net.set_down(down);
            let answer = app.send(request(method, &path, token, kind, &body)).await;
            net.set_down(false);
            assert_eq!(answer.status, expected, "{case}: {answer:?}");

            for known in [&made, &manager, &other, &plain, &gone] {
                let known = known.secret.expose();
                assert!(!answer.text.contains(known), "{case} shows a secret");
            }
            let secret = expected < 300 && shows_secret(method, &path);
            assert_eq!(answer.text.contains("acme_"), secret, "{case}: {answer:?}");

            let done = (200..300).contains(&expected) && name != "other";
            let state = app.tokens.get(made.record.id).await.unwrap().record;
            let ends = path.ends_with("/revoke") || path.ends_with("/rotate");
            let public = path == "/revoke" && expected == 200;
            let revoked = (done && ends) || public;
            assert_eq!(state.revoked_at.is_some(), revoked, "{case}");
        }
    }
}

#[tokio::test]
async fn m08_every_path_but_the_public_ones_needs_a_credential_for_any_method() {
    let app = App::new().await;
    let paths = [
        "/manage/nothing",
        "/manage/tokens",
        "/manage/tokens/",
        "/manage/tokens/000000000000",
        "/manage/tokens/000000000000/rotate",
        "/manage/introspect",
        "/manage/introspect/",
        "/manage/whoami",
        "/manage/whoami/",
        "/manage//revoke",
        "/manage/revoke/",
        "/manage/%72evoke",
        "/manage/openapi%2ejson",
        "/manage/tokens/../revoke",
        "/manage/whoami;/../openapi.json",
    ];
    assert_protected(app.routes, &paths).await;
}

#[tokio::test]
async fn an_unknown_method_is_405_and_allow_lists_the_known_ones() {
    let app = App::new().await;
    let manager = app.manager("north").await;
    let id = manager.record.id.as_str();
    let rows = [
        ("DELETE", "/tokens".to_owned(), "GET,HEAD,POST"),
        ("OPTIONS", "/tokens".to_owned(), "GET,HEAD,POST"),
        ("PUT", format!("/tokens/{id}"), "GET,HEAD,PATCH"),
        ("GET", format!("/tokens/{id}/rotate"), "POST"),
        ("TRACE", "/introspect".to_owned(), "POST"),
        ("GET", "/revoke".to_owned(), "POST"),
        ("POST", "/whoami".to_owned(), "GET,HEAD"),
        ("PATCH", "/openapi.json".to_owned(), "GET,HEAD"),
    ];
    for (method, path, allowed) in rows {
        let asked = request(method, &path, manager.secret.expose(), JSON, "{}");
        let answer = app.send(asked).await;
        assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
        assert_eq!(answer.headers["allow"], allowed, "{method} {path}");
    }
    let nowhere = app.get("/nothing", manager.secret.expose()).await;
    assert_eq!(nowhere.status, 404);
    let head = request("HEAD", "/tokens", manager.secret.expose(), "", "");
    let head = app.send(head).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn m05_a_browsers_user_and_password_are_not_a_credential() {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let app = App::new().await;
    let manager = app.manager("north").await;
    let token = manager.secret.expose();
    // Browsers send these by themselves, even in requests that another site causes.
    for login in [
        format!(":{token}"),
        format!("{token}:"),
        format!("mary:{token}"),
    ] {
        let mut asked = request("GET", "/whoami", "", "", "");
        let login = format!("Basic {}", STANDARD.encode(login));
        let headers = asked.headers_mut();
        headers.insert("authorization", login.parse().unwrap());
        assert_eq!(app.send(asked).await.status, 401);
    }
    let mut asked = request("GET", "/whoami", "", "", "");
    let raw = format!("Basic {token}").parse().unwrap();
    asked.headers_mut().insert("authorization", raw);
    assert_eq!(app.send(asked).await.ok()["subject"], "mary");
}

#[tokio::test]
async fn m07_a_long_outage_is_503_for_valid_tokens_and_401_for_others() {
    let net = Net::default();
    let options = TokensOptions::new("acme").unwrap();
    let options = options.max_stale(Duration::from_millis(300));
    let tokens = Tokens::open(net.clone(), options).await.unwrap();
    let manager = NewToken::new("mary").scopes(["resources:access"]);
    let manager = tokens.create(manager).await.unwrap();
    let gone = tokens.create(NewToken::new("gus")).await.unwrap();
    let id = tower_authn::tokens::TokenSelector::Id(gone.record.id);
    tokens.revoke(id, "", "").await.unwrap();
    let app = App {
        routes: axum::Router::new().nest("/manage", TokenAdmin::new(tokens.clone()).routes()),
        hands: crate::tokens::ManualClock::at(0),
        tokens,
    };
    net.set_down(true);
    let asked = async || app.get("/whoami", manager.secret.expose()).await;
    let mut answer = asked().await;
    assert_eq!(
        answer.status, 200,
        "cached tokens are valid during a short outage"
    );
    while answer.status == 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = asked().await;
    }
    assert_eq!(answer.status, 503);
    for path in ["/tokens", "/tokens/000000000000"] {
        assert_eq!(app.get(path, manager.secret.expose()).await.status, 503);
        assert_eq!(app.get(path, gone.secret.expose()).await.status, 401);
    }
    net.set_down(false);
    let recovered = async {
        while asked().await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), recovered).await;
    assert!(waited.is_ok(), "it does not recover");
}

#[tokio::test]
async fn the_scope_of_managers_can_be_set() {
    let app = App::new().await;
    let rule = tower_authn::ScopeRule::any_of(["deployment:admin"]).unwrap();
    let manage = TokenAdmin::new(app.tokens.clone()).scope(rule);
    let routes = axum::Router::new().nest("/manage", manage.routes());
    let app = App { routes, ..app };
    let usual = app.manager("north").await;
    let narrow = app.make(NewToken::new("paul").scopes(["resources"])).await;
    let own = app
        .make(NewToken::new("anna").scopes(["deployment:admin"]))
        .await;
    let asked = async |token: &str| -> Answer { app.get("/tokens", token).await };
    assert_eq!(asked(usual.secret.expose()).await.status, 200);
    assert_eq!(asked(narrow.secret.expose()).await.status, 403);
    assert_eq!(
        asked(own.secret.expose()).await.ok()["next_cursor"],
        json!(null)
    );
}

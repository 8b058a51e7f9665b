//! Who gets in where.

use std::time::Duration;

use serde_json::json;
use tower_authn::{
    axum::assert_protected,
    manage::TokenAdmin,
    tokens::{NewToken, Tokens, TokensOptions},
};

use super::{Answer, App, FORM, JSON, request};
use crate::following::Net;

/// A route, and the statuses of its answers to nobody, a bad token, a token
/// that manages nothing, a manager, one of another organization, and to a
/// manager while the store can't be reached.
struct Row(&'static str, &'static str, &'static str, [u16; 6]);

const ROWS: [Row; 12] = [
    Row("GET", "/tokens", "", [401, 401, 403, 200, 200, 503]),
    Row("POST", "/tokens", "{}", [401, 401, 403, 201, 201, 503]),
    Row("GET", "/tokens/{id}", "", [401, 401, 403, 200, 404, 503]),
    Row(
        "PATCH",
        "/tokens/{id}",
        r#"{"name":"n"}"#,
        [401, 401, 403, 200, 404, 503],
    ),
    Row(
        "POST",
        "/tokens/{id}/suspend",
        "",
        [401, 401, 403, 200, 404, 503],
    ),
    Row(
        "POST",
        "/tokens/{id}/resume",
        "",
        [401, 401, 403, 200, 404, 503],
    ),
    Row(
        "POST",
        "/tokens/{id}/rotate",
        "{}",
        [401, 401, 403, 200, 404, 503],
    ),
    Row(
        "POST",
        "/tokens/{id}/revoke",
        "{}",
        [401, 401, 403, 200, 404, 503],
    ),
    Row(
        "POST",
        "/introspect",
        "token={token}",
        [401, 401, 403, 200, 200, 503],
    ),
    // From here on no right to manage is asked for, and in part no store.
    Row(
        "POST",
        "/revoke",
        "token={token}",
        [200, 200, 200, 200, 200, 503],
    ),
    Row("GET", "/whoami", "", [401, 401, 200, 200, 200, 200]),
    Row("GET", "/openapi.json", "", [200, 200, 200, 200, 200, 200]),
];

/// The routes that show a new secret.
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
        ("nobody", None, false),
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
async fn m08_what_is_not_public_is_closed_to_nobody_whatever_the_method() {
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
async fn a_method_that_a_path_has_not_is_405_and_says_which_it_has() {
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
async fn m05_a_browsers_user_and_password_are_no_credential_here() {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let app = App::new().await;
    let manager = app.manager("north").await;
    let token = manager.secret.expose();
    // What a browser would add by itself to what another site makes it send.
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
async fn m07_past_its_bound_an_outage_is_503_for_good_tokens_and_bad_ones_stay_bad() {
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
    assert_eq!(answer.status, 200, "it is bridged");
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
    assert!(waited.is_ok(), "it never recovers");
}

#[tokio::test]
async fn a_managers_scope_can_be_another_one() {
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

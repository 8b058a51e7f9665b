//! Introspection (RFC 7662) and revocation by possession (RFC 7009).

use serde_json::{Value, json};
use tower_authn::{
    token::Timestamp,
    tokens::{CreatedToken, NewToken, TokenSelector},
};

use super::{App, JSON, NOW, request};
use crate::tokens::answer;

async fn manager(app: &App) -> CreatedToken {
    let manager = NewToken::new("root").scopes(["resources:access"]);
    app.make(manager.never_expires()).await
}

#[tokio::test]
async fn introspection_describes_a_valid_token() {
    let app = App::new().await;
    let manager = manager(&app).await;
    let token = NewToken::new("anna")
        .organization("north")
        .scopes(["deployment", "resources:models"])
        .targets(["demo"])
        .not_before(Timestamp::from_secs(NOW - 5))
        .expires_at(Timestamp::from_secs(NOW + 60));
    let token = app.make(token).await;
    let body = format!(
        "token={}&token_type_hint=refresh_token&x=1",
        token.secret.expose()
    );
    let response = app
        .form("/introspect", manager.secret.expose(), &body)
        .await;
    let expected = json!({
        "active": true,
        "exp": NOW + 60,
        "iat": NOW,
        "jti": token.record.id.as_str(),
        "nbf": NOW - 5,
        "organization": "north",
        "scope": "deployment resources:models",
        "sub": "anna",
        "targets": ["demo"],
        "token_type": "Bearer",
    });
    assert_eq!(response.ok(), expected);
    // Only the manager's own token is counted as used.
    let uses = async |made: &CreatedToken| app.tokens.get(made.record.id).await.unwrap().usage.uses;
    while uses(&manager).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(uses(&token).await, 0);
}

#[tokio::test]
async fn an_invalid_token_is_inactive_without_details() {
    let app = App::new().await;
    let manager = manager(&app).await;
    let at = |seconds| Timestamp::from_secs(NOW + seconds);
    let plain = || NewToken::new("anna");
    let expired = app.make(plain().expires_at(at(10))).await;
    let not_yet = app.make(plain().not_before(at(100))).await;
    let suspended = app.make(plain()).await;
    app.tokens.suspend(suspended.record.id).await.unwrap();
    let revoked = app.make(plain()).await;
    app.tokens
        .revoke(TokenSelector::Id(revoked.record.id), "", "")
        .await
        .unwrap();
    let rotated = app.make(plain()).await;
    let grace = std::time::Duration::from_secs(10);
    app.tokens.rotate(rotated.record.id, grace).await.unwrap();
    let good = app.make(plain()).await;
    app.hands.set(NOW + 10);
    let ask = async |token: &str| -> Value {
        let body = format!("token={token}");
        app.form("/introspect", manager.secret.expose(), &body)
            .await
            .ok()
    };
    assert_eq!(ask(good.secret.expose()).await["active"], true);
    let changed = good
        .secret
        .expose()
        .replace(good.record.id.as_str(), "000000000000");
    let bad = [&expired, &not_yet, &suspended, &revoked, &rotated];
    let bad = bad.map(|made| made.secret.expose().to_owned());
    for token in bad
        .into_iter()
        .chain([changed, String::new(), "é".repeat(99)])
    {
        assert_eq!(ask(&token).await, json!({ "active": false }), "{token}");
    }

    let imported = "0123456789abcdefghij-imported";
    let ivan = NewToken::new("ivan").scopes(["resources"]);
    app.tokens.import(imported, ivan).await.unwrap();
    app.tokens
        .retire_key(good.record.kid.unwrap(), "", "")
        .await
        .unwrap();
    let body = format!("token={}", good.secret.expose());
    let response = app.form("/introspect", imported, &body).await;
    assert_eq!(
        response.ok(),
        json!({ "active": false }),
        "its key is retired"
    );
}

#[tokio::test]
async fn within_its_grace_a_rotated_token_is_active_and_ends_with_it() {
    let app = App::new().await;
    let manager = manager(&app).await;
    let rotated = app.make(NewToken::new("anna")).await;
    let grace = std::time::Duration::from_secs(10);
    app.tokens.rotate(rotated.record.id, grace).await.unwrap();
    let body = format!("token={}", rotated.secret.expose());
    let response = app
        .form("/introspect", manager.secret.expose(), &body)
        .await
        .ok();
    assert_eq!(
        (&response["active"], &response["exp"]),
        (&json!(true), &json!(NOW + 10))
    );
}

#[tokio::test]
async fn m06_the_holder_of_a_token_can_revoke_it_and_learns_nothing() {
    let app = App::new().await;
    let token = app.make(NewToken::new("anna")).await;
    let other = app.make(NewToken::new("anna")).await;
    let secret = token.secret.expose();
    let made_up = secret.replace(token.record.id.as_str(), "000000000000");
    let only_id = token.record.id.to_string();
    for presented in [&made_up, &only_id, "", "nothing", &"x".repeat(4_096)] {
        let response = app.form("/revoke", "", &format!("token={presented}")).await;
        assert_eq!((response.status, response.text.as_str()), (200, ""));
    }
    assert!(answer(&app.tokens, secret).await.is_ok());
    let body = format!("token_type_hint=x&token={secret}");
    let done = app.form("/revoke", "", &body).await;
    assert_eq!((done.status, done.text.as_str()), (200, ""));
    assert!(answer(&app.tokens, secret).await.is_err());
    assert!(answer(&app.tokens, other.secret.expose()).await.is_ok());
    let record = app.tokens.get(token.record.id).await.unwrap().record;
    assert_eq!(record.revoked_by.as_deref(), Some("holder"));
    assert_eq!(app.form("/revoke", "", &body).await.status, 200, "again");
}

#[tokio::test]
async fn an_invalid_form_is_an_oauth_error() {
    let app = App::new().await;
    let manager = manager(&app).await;
    let token = app.make(NewToken::new("anna")).await;
    let token = token.secret.expose();
    for path in ["/revoke", "/introspect"] {
        for body in ["", "tokens=x", &format!("token={token}&token={token}")] {
            let refused = app.form(path, manager.secret.expose(), body).await;
            assert_eq!(refused.fault(), (400, "token".to_owned()), "{path} {body}");
            assert_eq!(refused.json()["error"], "invalid_request");
        }
        let json = json!({ "token": token }).to_string();
        let asked = request("POST", path, manager.secret.expose(), JSON, &json);
        assert_eq!(app.send(asked).await.status, 415);
        let long = format!("token={}", "x".repeat(20_000));
        let refused = app.form(path, manager.secret.expose(), &long).await;
        assert_eq!(refused.status, 413);
        // A token in a query would appear in logs.
        let query = format!("{path}?token={token}");
        let refused = app.form(&query, manager.secret.expose(), "").await;
        assert_eq!(refused.status, 400);
    }
    assert!(answer(&app.tokens, token).await.is_ok());
}

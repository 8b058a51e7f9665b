//! The operations that suspend, rotate and revoke tokens.

use serde_json::{Value, json};
use tower_authn::tokens::NewToken;

use super::{Answer, App, NOW};
use crate::tokens::answer;

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn a_suspended_token_is_refused_until_it_is_resumed() {
    let app = App::new().await;
    let root = app.root().await;
    let token = app.make(NewToken::new("anna")).await;
    let id = token.record.id;
    let post = async |what: &str| -> Value {
        let path = format!("/tokens/{id}/{what}");
        app.post(&path, root.secret.expose(), json!({})).await.ok()
    };
    let good = async || answer(&app.tokens, token.secret.expose()).await.is_ok();
    assert!(good().await);
    let suspended = post("suspend").await;
    assert_eq!(suspended["state"], "suspended");
    assert_eq!(suspended["suspended_at"], "2027-01-15T08:00:00Z");
    assert!(!good().await);
    app.hands.set(NOW + 60);
    assert_eq!(post("suspend").await, suspended, "again changes nothing");
    assert_eq!(post("resume").await["state"], "active");
    assert!(good().await);

    let revoked = post("revoke").await;
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(post("resume").await["state"], "revoked", "for good");
    assert!(!good().await);
}

#[tokio::test]
async fn a_rotated_token_stays_valid_until_its_grace_period_ends() {
    let app = App::new().await;
    let root = app.root().await;
    let token = NewToken::new("anna").name("laptop").scopes(["deployment"]);
    let old = app.make(token.targets(["demo"]).created_by("ops")).await;
    let path = format!("/tokens/{}/rotate", old.record.id);
    let rotate = async |asked: Value| app.post(&path, root.secret.expose(), asked).await;
    let fresh = rotate(json!({ "grace_seconds": 60 })).await.ok();
    let secret = fresh["secret"].as_str().unwrap();
    let shown = async |id: &str| {
        app.get(&format!("/tokens/{id}"), root.secret.expose())
            .await
            .ok()
    };

    assert_eq!(fresh["name"], "laptop");
    assert_eq!(fresh["targets"], json!(["demo"]));
    assert_eq!(
        fresh["expires_at"],
        shown(old.record.id.as_str()).await["expires_at"]
    );
    assert_eq!(fresh["rotated_from"], old.record.id.as_str());
    assert_eq!(fresh["created_by"], "root", "who asked for it");
    let good = async |token: &str| answer(&app.tokens, token).await.is_ok();
    assert!(good(secret).await && good(old.secret.expose()).await);
    let was = shown(old.record.id.as_str()).await;
    assert_eq!(was["rotated_to"], fresh["id"]);
    assert_eq!(was["grace_until"], "2027-01-15T08:01:00Z");
    assert_eq!(was["state"], "active");
    assert_eq!(
        rotate(json!({})).await.fault(),
        (422, "id".to_owned()),
        "twice"
    );

    app.hands.set(NOW + 60);
    assert!(good(secret).await && !good(old.secret.expose()).await);
    assert_eq!(shown(old.record.id.as_str()).await["state"], "revoked");
}

#[tokio::test]
async fn without_a_grace_period_the_old_token_is_revoked_by_the_caller() {
    let app = App::new().await;
    let root = app.root().await;
    let old = app.make(NewToken::new("anna")).await;
    let path = format!("/tokens/{}", old.record.id);
    let rotate = format!("{path}/rotate");
    app.post(&rotate, root.secret.expose(), json!({}))
        .await
        .ok();
    assert!(answer(&app.tokens, old.secret.expose()).await.is_err());
    let was = app.get(&path, root.secret.expose()).await.ok();
    assert_eq!(
        (&was["revoked_by"], &was["revoked_reason"]),
        (&json!("root"), &json!("rotated"))
    );
}

#[tokio::test]
async fn a_revoked_token_records_when_by_whom_and_why() {
    let app = App::new().await;
    let root = app.root().await;
    let token = app.make(NewToken::new("anna")).await;
    let path = format!("/tokens/{}/revoke", token.record.id);
    let revoke =
        async |asked: Value| -> Answer { app.post(&path, root.secret.expose(), asked).await };
    let revoked = revoke(json!({ "reason": "lost on a train" })).await.ok();
    assert!(answer(&app.tokens, token.secret.expose()).await.is_err());
    assert_eq!(revoked["revoked_at"], "2027-01-15T08:00:00Z");
    assert_eq!(revoked["revoked_by"], "root");
    assert_eq!(revoked["revoked_reason"], "lost on a train");
    app.hands.set(NOW + DAY);
    let again = revoke(json!({ "reason": "another" })).await.ok();
    assert_eq!(again, revoked, "the first time counts");
}

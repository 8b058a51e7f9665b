//! What each operation does.

use serde_json::{Value, json};
use tower_authn::tokens::{CreatedToken, NewToken, TokenSelector};

use super::{Answer, App, NOW};
use crate::{tokens::answer, watched::Watched};

const DAY: u64 = 24 * 60 * 60;

async fn root(app: &App) -> CreatedToken {
    let root = NewToken::new("root").scopes(["resources", "deployment"]);
    app.make(root.never_expires()).await
}

#[tokio::test]
async fn a_token_is_made_as_asked_and_shown_once() {
    let app = App::new().await;
    let root = root(&app).await;
    let root = root.secret.expose();
    let asked = json!({
        "name": "laptop",
        "description": "Anna's\nsecond one",
        "organization": "north",
        "subject": "anna",
        "subject_kind": "service",
        "scopes": ["deployment", "resources:models"],
        "targets": ["demo", "test-*"],
        "metadata": { "team": "red" },
        "not_before": "2027-01-15T08:00:00.250Z",
        "expires_at": "2027-02-14T09:00:00+01:00",
    });
    let made = app.post("/tokens", root, asked).await;
    assert_eq!(made.status, 201);
    let mut shown = made.ok();
    let secret = shown["secret"].take();
    let expected = json!({
        "id": shown["id"],
        "name": "laptop",
        "description": "Anna's\nsecond one",
        "organization": "north",
        "subject": "anna",
        "subject_kind": "service",
        "scopes": ["deployment", "resources:models"],
        "targets": ["demo", "test-*"],
        "metadata": { "team": "red" },
        "created_at": "2027-01-15T08:00:00Z",
        "created_by": "root",
        "not_before": "2027-01-15T08:00:00.25Z",
        "expires_at": "2027-02-14T08:00:00Z",
        "last_used_at": null,
        "uses": 0,
        "state": "not_yet",
        "suspended_at": null,
        "revoked_at": null,
        "revoked_by": null,
        "revoked_reason": null,
        "rotated_from": null,
        "rotated_to": null,
        "grace_until": null,
        "secret": null,
    });
    assert_eq!(shown, expected);
    app.hands.set(NOW + 1);
    let caller = answer(&app.tokens, secret.as_str().unwrap()).await.unwrap();
    assert_eq!(caller.subject(), "anna");

    let location = made.headers["location"].to_str().unwrap();
    let again = app
        .get(location.strip_prefix("/manage").unwrap(), root)
        .await;
    let mut expected = expected;
    expected.as_object_mut().unwrap().remove("secret");
    expected["state"] = "active".into();
    expected["last_used_at"] = "2027-01-15T08:00:01Z".into();
    expected["uses"] = 1.into();
    assert_eq!(again.ok(), expected);
}

#[tokio::test]
async fn a_token_ends_after_90_days_unless_never_is_said() {
    let app = App::new().await;
    let root = root(&app).await;
    let make = async |asked: Value| app.post("/tokens", root.secret.expose(), asked).await.ok();
    let made = make(json!({})).await;
    assert_eq!(made["expires_at"], "2027-04-15T08:00:00Z");
    assert_eq!(made["subject"], "root", "the caller's own");
    assert_eq!(made["scopes"], json!([]), "no rights");
    let made = make(json!({ "expires_at": null })).await;
    assert_eq!(made["expires_at"], json!(null));
    // As one reads it from a token that is shown.
    let nulls = json!({ "organization": null, "targets": null, "not_before": null });
    let made = make(nulls).await;
    assert_eq!(made["targets"], json!(null));
}

#[tokio::test]
async fn metadata_come_back_as_they_were_written() {
    let app = App::new().await;
    let root = root(&app).await;
    let root = root.secret.expose();
    let metadata = r#"{"z": 12345678901234567890123, "a" : [1.10, 1e2, "\u00e9é"], "m":{}}"#;
    let body = format!(r#"{{"scopes": ["resources:access"], "metadata": {metadata} }}"#);
    let asked = super::request("POST", "/tokens", root, super::JSON, &body);
    let made = app.send(asked).await;
    assert!(made.text.contains(metadata), "{made:?}");
    let token = made.ok();
    let token = token["secret"].as_str().unwrap();
    let id = made.ok()["id"].as_str().unwrap().to_owned();
    let shown = app.get(&format!("/tokens/{id}"), root).await;
    assert!(shown.text.contains(metadata), "{shown:?}");
    let listed = app.get("/tokens", root).await;
    assert!(listed.text.contains(metadata), "{listed:?}");
    let whoami = app.get("/whoami", token).await;
    assert!(whoami.text.contains(metadata), "{whoami:?}");
}

#[tokio::test]
async fn m01_a_token_is_named_anew_and_narrowed_and_never_widened() {
    let app = App::new().await;
    let root = root(&app).await;
    let token = NewToken::new("anna")
        .scopes(["resources:models", "deployment"])
        .targets(["test-*", "demo"]);
    let token = app.make(token).await;
    let path = format!("/tokens/{}", token.record.id);
    let patch = async |asked: Value| app.patch(&path, root.secret.expose(), asked).await;

    let wider = [
        (json!({ "scopes": ["resources"] }), "scopes"),
        (
            json!({ "scopes": ["deployment", "resources:access"] }),
            "scopes",
        ),
        (json!({ "targets": ["test*"] }), "targets"),
        (json!({ "targets": ["demo", "other"] }), "targets"),
        (
            json!({ "expires_at": "2027-04-15T08:00:00.001Z" }),
            "expires_at",
        ),
    ];
    for (asked, field) in wider {
        let refused = patch(asked.clone()).await;
        assert_eq!(refused.fault(), (403, field.to_owned()), "{asked}");
    }
    for field in [
        "name",
        "description",
        "scopes",
        "targets",
        "metadata",
        "expires_at",
    ] {
        let refused = patch(json!({ field: null })).await;
        assert_eq!(
            refused.fault(),
            (422, field.to_owned()),
            "null takes nothing away"
        );
    }
    let before = app.tokens.get(token.record.id).await.unwrap().record;
    assert_eq!(before, token.record, "a refusal changes nothing");

    let narrower = json!({
        "name": "old laptop",
        "description": "",
        "scopes": ["resources:models:pull"],
        "targets": ["test-1", "test-2*"],
        "metadata": { "a": 1 },
        "expires_at": "2027-01-16T08:00:00Z",
    });
    let changed = patch(narrower.clone()).await.ok();
    for (field, value) in narrower.as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field}");
    }
    let caller = answer(&app.tokens, token.secret.expose()).await.unwrap();
    assert!(!caller.has_target("demo") && caller.has_target("test-1"));
    let same = patch(json!({})).await.ok();
    let mut expected = changed;
    expected["last_used_at"] = same["last_used_at"].clone();
    expected["uses"] = 1.into();
    assert_eq!(same, expected);
}

#[tokio::test]
async fn a_suspended_token_is_refused_until_it_is_resumed() {
    let app = App::new().await;
    let root = root(&app).await;
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
async fn a_rotated_token_is_good_beside_the_new_one_until_its_grace_is_over() {
    let app = App::new().await;
    let root = root(&app).await;
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
async fn without_grace_the_old_token_ends_and_it_is_known_by_whom() {
    let app = App::new().await;
    let root = root(&app).await;
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
async fn a_revoked_token_says_since_when_by_whom_and_why() {
    let app = App::new().await;
    let root = root(&app).await;
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

#[tokio::test]
async fn uses_are_shown() {
    let app = App::new().await;
    let root = root(&app).await;
    let token = app.make(NewToken::new("anna")).await;
    let path = format!("/tokens/{}", token.record.id);
    let shown = async || app.get(&path, root.secret.expose()).await.ok();
    assert_eq!(shown().await["last_used_at"], json!(null));
    app.get("/whoami", token.secret.expose()).await.ok();
    // They are written behind the request.
    let written = async {
        while shown().await["uses"] != 1 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), written).await;
    assert!(waited.is_ok(), "no use is shown");
    assert_eq!(shown().await["last_used_at"], "2027-01-15T08:00:00Z");
}

#[tokio::test]
async fn whoami_tells_a_caller_what_they_are() {
    let app = App::new().await;
    let token = NewToken::new("anna")
        .organization("north")
        .scopes(["deployment"])
        .targets(["demo"])
        .metadata(r#"{"team":"red"}"#);
    let token = app.make(token).await;
    let expected = json!({
        "subject": "anna",
        "organization": "north",
        "scopes": ["deployment"],
        "targets": ["demo"],
        "token_id": token.record.id.as_str(),
        "metadata": { "team": "red" },
        "expires_at": "2027-04-15T08:00:00Z",
    });
    assert_eq!(
        app.get("/whoami", token.secret.expose()).await.ok(),
        expected
    );
    app.tokens
        .revoke(TokenSelector::Id(token.record.id), "", "")
        .await
        .unwrap();
    assert_eq!(app.get("/whoami", token.secret.expose()).await.status, 401);
}

#[tokio::test]
async fn a_change_over_http_reads_the_store_once() {
    let store = Watched::default();
    let app = App::over(store.clone()).await;
    let manager = app.manager("acme").await;
    let token = manager.secret.expose();
    let other = NewToken::new("eve").organization("other");
    let other = app.make(other).await.record.id;
    let own = NewToken::new("bob").organization("acme");
    let own = app.make(own).await.record.id;
    for (path, body) in [
        ("suspend", json!({})),
        ("resume", json!({})),
        ("revoke", json!({ "reason": "lost" })),
    ] {
        for (id, status) in [(own, 200), (other, 404)] {
            let before = store.gets();
            let path = format!("/tokens/{id}/{path}");
            let answer = app.post(&path, token, body.clone()).await;
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(store.gets() - before, 1, "{path}");
        }
    }
    let record = app.tokens.get(own).await.unwrap().record;
    assert_eq!(record.revoked_reason.as_deref(), Some("lost"));
    let record = app.tokens.get(other).await.unwrap().record;
    assert_eq!((record.suspended_at, record.revoked_at), (None, None));
}

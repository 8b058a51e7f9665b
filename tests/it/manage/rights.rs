//! Nobody gets beyond their own rights.

use serde_json::{Value, json};
use tower_authn::store::NewToken;

use super::App;

/// A manager who is narrow in every way.
fn narrow() -> NewToken {
    NewToken::new("mary")
        .organization("north")
        .scopes(["resources:access", "deployment"])
        .targets(["demo*"])
}

/// What is beyond such a manager, and the field that says so.
fn beyond() -> [(NewToken, &'static str); 4] {
    let within = || {
        NewToken::new("anna")
            .organization("north")
            .scopes(["deployment"])
            .targets(["demo-1"])
    };
    [
        (within().scopes(["deployment", "resources"]), "scopes"),
        (within().targets(["demo-1", "test"]), "targets"),
        (NewToken::new("anna").organization("north"), "targets"),
        (within().never_expires(), "expires_at"),
    ]
}

#[tokio::test]
async fn m01_a_manager_makes_no_token_beyond_their_own_rights() {
    let app = App::new().await;
    let mary = app.make(narrow()).await;
    let make = async |asked: Value| app.post("/tokens", mary.secret.expose(), asked).await;
    let rows = [
        (
            json!({ "scopes": ["resources"], "targets": ["demo"] }),
            "scopes",
        ),
        (
            json!({ "scopes": ["resources:models"], "targets": ["demo"] }),
            "scopes",
        ),
        (json!({ "scopes": ["deployment"] }), "targets"),
        (json!({ "targets": null }), "targets"),
        (json!({ "targets": ["dem*"] }), "targets"),
        (
            json!({ "targets": ["demo"], "organization": "south" }),
            "organization",
        ),
        (
            json!({ "targets": ["demo"], "expires_at": null }),
            "expires_at",
        ),
        (
            json!({ "targets": ["demo"], "expires_at": "2027-04-15T08:00:01Z" }),
            "expires_at",
        ),
    ];
    for (asked, field) in rows {
        let refused = make(asked.clone()).await;
        assert_eq!(refused.fault(), (403, field.to_owned()), "{asked}");
    }
    let made = make(json!({
        "scopes": ["deployment", "resources:access"],
        "targets": ["demo*"],
        "organization": "north",
        "expires_at": "2027-04-15T08:00:00Z",
    }));
    assert_eq!(made.await.status, 201, "all that they have");
    let made = make(json!({ "targets": ["demo"], "organization": null }))
        .await
        .ok();
    assert_eq!(made["organization"], "north");
}

#[tokio::test]
async fn m01_a_manager_rotates_and_resumes_only_what_they_could_make() {
    let app = App::new().await;
    let mary = app.make(narrow()).await;
    let post = async |id: &str, what: &str| {
        let path = format!("/tokens/{id}/{what}");
        app.post(&path, mary.secret.expose(), json!({})).await
    };
    for (token, field) in beyond() {
        let made = app.make(token).await;
        let id = made.record.id.as_str();
        app.tokens.suspend(made.record.id).await.unwrap();
        let refused = post(id, "resume").await;
        assert_eq!(refused.fault(), (403, field.to_owned()));
        assert!(
            app.tokens
                .get(made.record.id)
                .await
                .unwrap()
                .record
                .suspended_at
                .is_some()
        );
        app.tokens.resume(made.record.id).await.unwrap();
        let refused = post(id, "rotate").await;
        assert_eq!(refused.fault(), (403, field.to_owned()));
        assert!(!refused.text.contains("acme_"));
    }
    // Their own, and one that is as wide.
    let equal = app.make(narrow()).await;
    let id = equal.record.id.as_str();
    assert_eq!(post(id, "suspend").await.ok()["state"], "suspended");
    assert_eq!(post(id, "resume").await.ok()["state"], "active");
    assert_eq!(post(id, "rotate").await.status, 200);
    assert_eq!(post(mary.record.id.as_str(), "rotate").await.status, 200);
}

#[tokio::test]
async fn a_manager_may_take_away_what_they_could_not_give() {
    let app = App::new().await;
    let mary = app.make(narrow()).await;
    for (token, _) in beyond() {
        let made = app.make(token).await;
        let path = format!("/tokens/{}", made.record.id);
        let asked = json!({ "scopes": [] });
        let changed = app.patch(&path, mary.secret.expose(), asked).await;
        assert_eq!(changed.ok()["scopes"], json!([]));
        for (what, state) in [("suspend", "suspended"), ("revoke", "revoked")] {
            let path = format!("{path}/{what}");
            let done = app.post(&path, mary.secret.expose(), json!({})).await;
            assert_eq!(done.ok()["state"], state);
        }
    }
}

#[tokio::test]
async fn a_token_of_a_manager_whose_end_is_near_ends_with_theirs() {
    let app = App::new().await;
    let mary = narrow().expires_in(std::time::Duration::from_secs(60));
    let mary = app.make(mary).await;
    let asked = json!({ "targets": ["demo"] });
    let made = app.post("/tokens", mary.secret.expose(), asked).await.ok();
    assert_eq!(made["expires_at"], "2027-01-15T08:01:00Z");
}

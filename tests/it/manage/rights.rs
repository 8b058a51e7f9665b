//! No manager grants rights beyond their own.

use serde_json::{Value, json};
use tower_authn::tokens::NewToken;

use super::App;

/// A manager with limited scopes, targets, organization and expiry.
fn narrow() -> NewToken {
    NewToken::new("mary")
        .organization("north")
        .scopes(["resources:access", "deployment"])
        .targets(["demo*"])
}

/// Tokens beyond the rights of that manager, with the field at fault.
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
async fn m01_a_manager_creates_no_token_beyond_their_own_rights() {
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
    assert_eq!(made.await.status, 201, "all of their rights");
    let made = make(json!({ "targets": ["demo"], "organization": null }))
        .await
        .ok();
    assert_eq!(made["organization"], "north");
}

#[tokio::test]
async fn m01_a_manager_rotates_and_resumes_only_tokens_they_could_create() {
    let app = App::new().await;
    let mary = app.make(narrow()).await;
    let post = async |id: &str, what: &str| {
        let path = format!("/tokens/{id}/{what}");
        app.post(&path, mary.secret.expose(), json!({})).await
    };
    for (token, field) in beyond() {
        let made = app.make(token).await;
        let id = made.record.id.as_str();
        // Tokens with other targets are hidden from Mary.
        let expected = match field {
            "targets" => (404, String::new()),
            field => (403, field.to_owned()),
        };
        app.tokens.suspend(made.record.id).await.unwrap();
        let refused = post(id, "resume").await;
        assert_eq!(refused.fault(), expected);
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
        assert_eq!(refused.fault(), expected);
        assert!(!refused.text.contains("acme_"));
    }
    // Mary's own token, and one with equal rights.
    let equal = app.make(narrow()).await;
    let id = equal.record.id.as_str();
    assert_eq!(post(id, "suspend").await.ok()["state"], "suspended");
    assert_eq!(post(id, "resume").await.ok()["state"], "active");
    assert_eq!(post(id, "rotate").await.status, 200);
    assert_eq!(post(mary.record.id.as_str(), "rotate").await.status, 200);
}

#[tokio::test]
async fn a_manager_may_remove_rights_that_they_could_not_grant() {
    let app = App::new().await;
    let mary = app.make(narrow()).await;
    let within_targets = beyond()
        .into_iter()
        .filter(|(_, field)| *field != "targets");
    for (token, _) in within_targets {
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
async fn a_token_expires_with_its_managers_token_by_default() {
    let app = App::new().await;
    let mary = narrow().expires_in(std::time::Duration::from_secs(60));
    let mary = app.make(mary).await;
    let asked = json!({ "targets": ["demo"] });
    let made = app.post("/tokens", mary.secret.expose(), asked).await.ok();
    assert_eq!(made["expires_at"], "2027-01-15T08:01:00Z");
}

#[tokio::test]
async fn s22_a_manager_with_targets_sees_only_tokens_limited_to_them() {
    let app = App::new().await;
    let mary = app.make(narrow()).await;
    let secret = mary.secret.expose();
    let token = |name: &str| NewToken::new("anna").organization("north").name(name);
    let rows = [
        (token("one of them").targets(["demo-1"]), true),
        (token("all of them").targets(["demo*"]), true),
        (token("two").targets(["demo", "demo-*"]), true),
        (token("another").targets(["test"]), false),
        (token("more").targets(["demo", "test"]), false),
        (token("wider").targets(["dem*"]), false),
        (token("everything"), false),
    ];
    let mut shown = vec!["".to_owned()];
    for (token, is_known) in rows {
        let made = app.make(token).await;
        let name = made.record.name.clone();
        let path = format!("/tokens/{}", made.record.id);
        let posted = async |what: &str| {
            let path = format!("{path}/{what}");
            app.post(&path, secret, json!({})).await.status
        };
        let form = format!("token={}", made.secret.expose());
        let introspected = app.form("/introspect", secret, &form).await.ok();
        assert_eq!(introspected["active"], is_known, "{name}");
        let changed = app
            .patch(&path, secret, json!({ "description": "x" }))
            .await;
        let mut came_to = vec![app.get(&path, secret).await.status, changed.status];
        for what in ["suspend", "resume", "revoke"] {
            came_to.push(posted(what).await);
        }
        let expected = if is_known { 200 } else { 404 };
        assert_eq!(came_to, [expected; 5], "{name}");
        let state = app.tokens.get(made.record.id).await.unwrap().record;
        assert_eq!(state.revoked_at.is_some(), is_known, "{name}");
        shown.extend(is_known.then_some(name));
    }
    // Pages of the list are full ones, whatever lies between.
    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!("/tokens?limit=1{cursor}"), secret)
            .await
            .ok();
        let names = page["items"].as_array().unwrap().iter();
        listed.extend(names.map(|token| token["name"].as_str().unwrap_or_default().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // All were created at the same time, so their ids decide the order.
    listed.sort();
    shown.sort();
    assert_eq!(listed, shown, "Mary's own has no name");
    // A manager without targets sees all.
    let all = app.manager("north").await;
    let page = app.get("/tokens", all.secret.expose()).await.ok();
    assert_eq!(page["items"].as_array().unwrap().len(), 9);
}

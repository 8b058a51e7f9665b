//! Texts that people see.

use std::{fs, path::Path};

use serde_json::json;
use tower_authn::tokens::NewToken;

use super::App;

#[tokio::test]
async fn s13_the_routes_refuse_deceptive_texts() {
    let app = App::new().await;
    let root = NewToken::new("root").scopes(["resources"]);
    let root = app.make(root.never_expires()).await;
    let root = root.secret.expose();
    let token = app.make(NewToken::new("anna")).await;
    let path = format!("/tokens/{}", token.record.id);
    let bad = "a\u{202E}b";
    let most = "\u{1F469}".repeat(128);
    for field in [
        "name",
        "description",
        "organization",
        "subject",
        "subject_kind",
    ] {
        let refused = app.post("/tokens", root, json!({ field: bad })).await;
        assert_eq!(refused.fault(), (422, field.to_owned()));
        let detail = refused.json()["detail"].clone();
        assert_eq!(
            detail,
            format!("{field}: contains U+202E, a bidirectional control")
        );
        let made = app.post("/tokens", root, json!({ field: most })).await;
        assert_eq!(made.ok()[field], json!(most));
    }
    for field in ["name", "description"] {
        let refused = app.patch(&path, root, json!({ field: "\u{200B}" })).await;
        assert_eq!(refused.fault(), (422, field.to_owned()));
        let changed = app.patch(&path, root, json!({ field: most })).await;
        assert_eq!(changed.ok()[field], json!(most));
    }
    let revoke = format!("{path}/revoke");
    let refused = app.post(&revoke, root, json!({ "reason": bad })).await;
    assert_eq!(refused.fault(), (422, "reason".to_owned()));
    let revoked = app.post(&revoke, root, json!({ "reason": most })).await;
    assert_eq!(revoked.ok()["revoked_reason"], json!(most));
}

/// The browser would count UTF-16 units.
#[test]
fn s13_the_form_does_not_count_lengths() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manage/page/assets");
    let page = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains(r#"<input id="name""#));
    assert!(!page.contains("maxlength"));
}

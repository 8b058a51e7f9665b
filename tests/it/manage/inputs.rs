//! Invalid requests, and their errors.

use serde_json::json;
use tower_authn::tokens::NewToken;

use super::{Answer, App, JSON, request};

#[tokio::test]
async fn a_field_at_fault_is_named() {
    let app = App::new().await;
    let root = app.root().await;
    let many: Vec<_> = (0..65)
        .map(|number| format!("deployment:s{number}"))
        .collect();
    let rows = [
        (json!({ "name": "x".repeat(129) }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "name": 1 }), "name"),
        (json!({ "description": "x".repeat(1_025) }), "description"),
        (json!({ "description": ["a"] }), "description"),
        (json!({ "organization": "x".repeat(129) }), "organization"),
        (json!({ "organization": {} }), "organization"),
        (json!({ "subject": "" }), "subject"),
        (json!({ "subject": "a\u{7}" }), "subject"),
        (json!({ "subject_kind": "x".repeat(129) }), "subject_kind"),
        (json!({ "scopes": "deployment" }), "scopes"),
        (json!({ "scopes": ["deployment", "Resources:*"] }), "scopes"),
        (json!({ "scopes": ["unknown"] }), "scopes"),
        (json!({ "scopes": [null] }), "scopes"),
        (json!({ "scopes": many }), "scopes"),
        (json!({ "targets": [] }), "targets"),
        (json!({ "targets": ["*"] }), "targets"),
        (json!({ "targets": ["a*b"] }), "targets"),
        (json!({ "targets": [["a"]] }), "targets"),
        (json!({ "metadata": [] }), "metadata"),
        (json!({ "metadata": "{}" }), "metadata"),
        (
            json!({ "metadata": { "a": "x".repeat(4_096) } }),
            "metadata",
        ),
        (json!({ "not_before": "tomorrow" }), "not_before"),
        (json!({ "not_before": 1 }), "not_before"),
        (
            json!({ "not_before": "2099-01-01T00:00:00Z" }),
            "not_before",
        ),
        (
            json!({ "expires_at": "2027-01-15T08:00:00Z" }),
            "expires_at",
        ),
        (
            json!({ "expires_at": "1969-12-31T23:59:59Z" }),
            "expires_at",
        ),
        (
            json!({ "expires_at": "2027-02-30T00:00:00Z" }),
            "expires_at",
        ),
        (json!({ "expires_at": false }), "expires_at"),
        (json!({ "nam": "laptop" }), ""),
        (json!({ "id": "000000000000" }), ""),
        (json!([]), ""),
        (json!("name"), ""),
    ];
    for (asked, field) in rows {
        let refused = app
            .post("/tokens", root.secret.expose(), asked.clone())
            .await;
        assert_eq!(refused.fault(), (422, field.to_owned()), "{asked}");
    }
    let listed = app.get("/tokens", root.secret.expose()).await.ok();
    assert_eq!(
        listed["items"].as_array().unwrap().len(),
        1,
        "nothing was made"
    );
    let most = json!({
        "name": "x".repeat(128),
        "description": "x".repeat(1_024),
        "scopes": &many[..64],
        "metadata": { "a": "x".repeat(4_088) },
    });
    assert_eq!(
        app.post("/tokens", root.secret.expose(), most).await.status,
        201
    );
}

#[tokio::test]
async fn the_bodies_of_operations_are_validated() {
    let app = App::new().await;
    let root = app.root().await;
    let token = app.make(NewToken::new("anna")).await;
    let path = format!("/tokens/{}", token.record.id);
    let rows = [
        ("rotate", json!({ "grace_seconds": -1 }), "grace_seconds"),
        ("rotate", json!({ "grace_seconds": 1.5 }), "grace_seconds"),
        ("rotate", json!({ "grace_seconds": "1" }), "grace_seconds"),
        (
            "rotate",
            json!({ "grace_seconds": 31_536_001 }),
            "grace_seconds",
        ),
        ("rotate", json!({ "grace": 1 }), ""),
        ("revoke", json!({ "reason": null }), "reason"),
        ("revoke", json!({ "reason": "x".repeat(1_025) }), "reason"),
        ("revoke", json!({ "reason": "a\u{0}b" }), "reason"),
        ("revoke", json!({ "why": "lost" }), ""),
    ];
    for (what, asked, field) in rows {
        let path = format!("{path}/{what}");
        let refused = app.post(&path, root.secret.expose(), asked.clone()).await;
        assert_eq!(refused.fault(), (422, field.to_owned()), "{what} {asked}");
    }
    let refused = app
        .patch(&path, root.secret.expose(), json!({ "subject": "bert" }))
        .await;
    assert_eq!(
        refused.fault(),
        (422, String::new()),
        "not a field to change"
    );
    let record = app.tokens.get(token.record.id).await.unwrap().record;
    assert_eq!(record, token.record, "nothing was changed");
    let longest = json!({ "grace_seconds": 31_536_000 });
    let rotated = app
        .post(&format!("{path}/rotate"), root.secret.expose(), longest)
        .await;
    assert_eq!(rotated.status, 200);
}

#[tokio::test]
async fn a_body_that_is_not_json_or_too_long_is_refused() {
    let app = App::new().await;
    let root = app.root().await;
    let send = async |kind: &str, body: &str| -> Answer {
        app.send(request("POST", "/tokens", root.secret.expose(), kind, body))
            .await
    };
    for body in [
        "",
        "{",
        "{}{}",
        "{} x",
        "{'name': 1}",
        r#"{"name": "a"#,
        "NaN",
        "\u{feff}{}",
    ] {
        assert_eq!(
            send(JSON, body).await.fault(),
            (400, String::new()),
            "{body}"
        );
    }
    let rows = [
        (r#"{"name": "a", "name": "b"}"#, "name"),
        (r#"{"name": "a", "name": "a"}"#, "name"),
        (r#"{"targets": null, "targets": ["a"]}"#, "targets"),
        (r#"{"expires_at": null, "expires_at": null}"#, "expires_at"),
        (r#"{"name": "\ud800"}"#, "name"),
        (r#"{"metadata": {"a": 1e999}}"#, "metadata"),
        (r#"{"metadata": {"a": "\ud800"}}"#, "metadata"),
    ];
    for (body, field) in rows {
        assert_eq!(
            send(JSON, body).await.fault(),
            (422, field.to_owned()),
            "{body}"
        );
    }
    let deep = format!(
        r#"{{"metadata": {{"a": {}{} }} }}"#,
        "[".repeat(999),
        "]".repeat(999)
    );
    assert_eq!(
        send(JSON, &deep).await.fault(),
        (422, "metadata".to_owned())
    );

    for kind in [
        "",
        "text/plain",
        super::FORM,
        "application/jsonp",
        "multipart/form-data",
    ] {
        assert_eq!(send(kind, "{}").await.status, 415, "{kind}");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(send(kind, "{}").await.status, 201, "{kind}");
    }
    let spaces = " ".repeat(65 * 1_024);
    assert_eq!(send(JSON, &format!("{{}}{spaces}")).await.status, 413);
    let mut bytes = request("POST", "/tokens", root.secret.expose(), JSON, "");
    *bytes.body_mut() = axum::body::Body::from(&b"{\"name\": \"\xff\"}"[..]);
    assert_eq!(app.send(bytes).await.status, 400);
}

#[tokio::test]
async fn m04_no_error_repeats_the_request() {
    const CANARY: &str = "canary_9cLqJTbYzVvZyXHn";
    let app = App::new().await;
    let root = app.root().await;
    let token = root.secret.expose();
    let get = async |path: &str| app.get(path, token).await;
    let posts = [
        json!({ CANARY: 1 }),
        json!({ "scopes": [CANARY] }),
        json!({ "targets": [format!("{CANARY}/")] }),
        json!({ "expires_at": CANARY }),
        json!({ "metadata": CANARY }),
        json!({ "name": [CANARY] }),
        json!({ "name": CANARY.repeat(9) }),
        json!(CANARY),
    ];
    let mut refused = Vec::new();
    for asked in posts {
        refused.push(app.post("/tokens", token, asked).await);
    }
    for path in [
        format!("/{CANARY}"),
        format!("/tokens/{CANARY}"),
        format!("/tokens/{CANARY}/rotate"),
        format!("/tokens?{CANARY}=1"),
        format!("/tokens?cursor={CANARY}"),
        format!("/tokens?state={CANARY}"),
        format!("/tokens?limit={CANARY}"),
    ] {
        refused.push(get(&path).await);
    }
    let asked = request("POST", "/tokens", token, CANARY, "{}");
    refused.push(app.send(asked).await);
    let asked = request("POST", "/tokens", token, JSON, CANARY);
    refused.push(app.send(asked).await);
    let asked = request("POST", "/introspect", token, super::FORM, CANARY);
    refused.push(app.send(asked).await);
    refused.push(get(&format!("/tokens/%ff{CANARY}")).await);
    for answer in refused {
        assert!((400..500).contains(&answer.status), "{answer:?}");
        let all = format!("{answer:?}");
        assert!(!all.contains(CANARY), "{all}");
    }
}

#[tokio::test]
async fn without_a_key_creating_a_token_is_503() {
    let app = App::new().await;
    let root = app.root().await;
    let imported = "0123456789abcdefghij-imported";
    let manager = NewToken::new("ivan").scopes(["resources"]);
    let ivan = app.tokens.import(imported, manager).await.unwrap();
    let key = root.record.kid.unwrap();
    app.tokens.retire_key(key, "", "").await.unwrap();
    let refused = app.post("/tokens", imported, json!({})).await;
    assert_eq!(refused.fault(), (503, String::new()));
    let path = format!("/tokens/{}/rotate", ivan.id);
    assert_eq!(app.post(&path, imported, json!({})).await.status, 503);
}

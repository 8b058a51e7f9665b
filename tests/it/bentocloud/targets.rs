//! Tokens with targets on the control plane.

use serde_json::{Value, json};

use super::{ADMIN, Call, Cloud, TOKENS, table::served};

async fn held(cloud: &Cloud, targets: Value) -> (String, String) {
    let scopes = ["resources", "deployment"];
    let draft = json!({ "scopes": scopes, "targets": targets, "expires_at": null });
    cloud.create(draft).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s22_a_token_with_targets_gets_nothing_of_what_belongs_to_the_organization() {
    let cloud = Cloud::start();
    let (_, token) = held(&cloud, json!(["hello"])).await;
    let put = Call::new("PUT", "/api/v1/models/m").token(ADMIN);
    let put = put.body("application/octet-stream", "weights");
    assert_eq!(put.status(cloud.address).await, 200);
    let mut refused = 0;
    for (method, path, _, held) in served::ROUTES {
        if *held != served::Held::Nothing {
            continue;
        }
        refused += 1;
        let path = path.replace("{name}", "m");
        let call = Call::new(method, &path).json(&json!({ "replicas": 9 }));
        let status = call.clone().token(&token).status(cloud.address).await;
        assert_eq!(status, 403, "{method} {path}");
        // A token without targets is admitted.
        let status = call.token(ADMIN).status(cloud.address).await;
        assert!([200, 404].contains(&status), "{method} {path}: {status}");
    }
    assert_eq!(refused, 11, "members, the cluster, models and bentos");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s22_a_token_with_targets_manages_its_own_deployments_and_no_others() {
    let cloud = Cloud::start();
    let (_, token) = held(&cloud, json!(["hello", "my-*"])).await;
    let come_to = async |method: &str, path: &str, body: Value| {
        let call = Call::new(method, path).token(&token).json(&body);
        call.status(cloud.address).await
    };
    for (name, expected) in [("my-own", 200), ("other", 403), ("my", 403)] {
        let path = format!("/api/v1/deployments/{name}");
        let made = come_to("POST", "/api/v1/deployments", json!({ "name": name })).await;
        assert_eq!(made, expected, "{name}");
        for (method, body) in [
            ("GET", json!({})),
            ("PATCH", json!({ "access": "public" })),
            ("DELETE", json!({})),
        ] {
            assert_eq!(come_to(method, &path, body).await, expected, "{name}");
        }
    }
    let list = Call::new("GET", "/api/v1/deployments").token(&token);
    let listed: Value = serde_json::from_slice(&list.send(cloud.address).await.body).unwrap();
    let names = listed["items"].as_array().unwrap().iter();
    assert_eq!(
        names.map(|item| &item["name"]).collect::<Vec<_>>(),
        ["hello"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s22_a_token_with_targets_knows_and_revokes_no_tokens_beyond_them() {
    let cloud = Cloud::start();
    let (own, token) = held(&cloud, json!(["hello"])).await;
    for (targets, is_known) in [
        (json!(["hello"]), true),
        (json!(["demo"]), false),
        (json!(["hello", "demo"]), false),
        (json!(["hell*"]), false),
        (json!(null), false),
    ] {
        let (id, secret) = held(&cloud, targets.clone()).await;
        let list = Call::new("GET", "/api/v1/api_tokens").token(&token);
        let list: Value = serde_json::from_slice(&list.send(cloud.address).await.body).unwrap();
        let uids: Vec<_> = list["items"].as_array().unwrap().iter().collect();
        let is_listed = uids.iter().any(|item| item["uid"] == id);
        assert_eq!(is_listed, is_known, "{targets}");
        assert_eq!(list["total"], uids.len(), "{targets}");
        assert!(uids.iter().any(|item| item["uid"] == own));
        let expected = if is_known { 200 } else { 404 };
        for (method, path) in [
            ("GET", format!("/api/v1/api_tokens/{id}")),
            ("GET", format!("{TOKENS}/{id}")),
            ("POST", format!("{TOKENS}/{id}/suspend")),
            ("POST", format!("{TOKENS}/{id}/resume")),
            ("DELETE", format!("/api/v1/api_tokens/{id}")),
        ] {
            let call = Call::new(method, &path).token(&token);
            assert_eq!(
                call.status(cloud.address).await,
                expected,
                "{targets} {path}"
            );
        }
        let whoami = Call::new("GET", "/manage/whoami").token(&secret);
        let still_good = whoami.status(cloud.address).await == 200;
        assert_ne!(still_good, is_known, "{targets}");
    }
}

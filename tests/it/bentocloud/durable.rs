//! A restart, and two processes on one store.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{ADMIN, Call, Cloud, TOKENS};
use crate::stores::{Directory, server};

/// The longest delay until another process sees a change.
const BOUND: Duration = Duration::from_millis(1_500);

/// Calls an app with a token, and returns the status.
pub async fn app_status(cloud: &Cloud, token: &str) -> u16 {
    let call = Call::new("GET", "/apps/demo/readyz").token(token);
    call.status(cloud.address).await
}

async fn push(cloud: &Cloud, name: &str, content: &str) {
    let put = Call::new("PUT", &format!("/api/v1/models/{name}")).token(ADMIN);
    let put = put.body("application/octet-stream", content);
    assert_eq!(put.status(cloud.address).await, 200);
}

pub async fn pull(address: SocketAddr, name: &str) -> String {
    let get = Call::new("GET", &format!("/api/v1/models/{name}")).token(ADMIN);
    let answer = get.send(address).await;
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// Returns all lists, without the fields that change by reading.
async fn everything(cloud: &Cloud) -> Vec<Value> {
    let mut lists = Vec::new();
    for path in [
        "/api/v1/api_tokens",
        "/api/v1/bentos",
        "/api/v1/cluster",
        "/api/v1/current_org",
        "/api/v1/deployments",
        "/api/v1/members",
        "/api/v1/models",
        TOKENS,
    ] {
        let mut list = cloud.admin("GET", path, json!({})).await;
        for item in list["items"].as_array_mut().into_iter().flatten() {
            let item = item.as_object_mut().unwrap();
            // The port changes at each start.
            for changing in ["last_used_at", "uses", "url"] {
                item.remove(changing);
            }
        }
        lists.push(list);
    }
    lists
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_everything() {
    let directory = Directory::new();
    let flags = ["--store", &format!("sqlite:{}", directory.file().display())];
    let cloud = Cloud::with(&flags);
    let scopes = ["deployment"];
    let kept = cloud.token(&scopes).await;
    let (id, revoked) = cloud.create(json!({ "scopes": scopes })).await;
    cloud.revoke(&id).await;
    let (id, suspended) = cloud
        .create(json!({ "scopes": scopes, "name": "resting" }))
        .await;
    cloud
        .admin("POST", &format!("{TOKENS}/{id}/suspend"), json!({}))
        .await;
    push(&cloud, "llama", "weights").await;
    let bento = Call::new("PUT", "/api/v1/bentos/b")
        .token(ADMIN)
        .body("text/plain", "archive");
    assert_eq!(bento.status(cloud.address).await, 200);
    cloud
        .admin("PUT", "/api/v1/cluster", json!({ "replicas": 3 }))
        .await;
    cloud
        .admin("POST", "/api/v1/deployments", json!({ "name": "mine" }))
        .await;
    cloud.switch("mine", "public").await;
    cloud
        .admin("DELETE", "/api/v1/deployments/hello", json!({}))
        .await;
    let before = everything(&cloud).await;
    let (status, _) = cloud.app.end("TERM");
    assert_eq!(status.code(), Some(0));

    let cloud = Cloud::with(&flags);
    assert_eq!(everything(&cloud).await, before);
    assert_eq!(pull(cloud.address, "llama").await, "weights");
    for (token, expected) in [(kept, 200), (revoked, 401), (suspended, 401)] {
        assert_eq!(app_status(&cloud, &token).await, expected);
    }
    for (path, expected) in [("/apps/mine/readyz", 200), ("/apps/hello/readyz", 401)] {
        assert_eq!(
            Call::new("GET", path).status(cloud.address).await,
            expected,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_database_agree() {
    let Some(server) = server::shared() else {
        return;
    };
    let database = server.database();
    let one = Cloud::with(&["--store", &database]);
    let two = Cloud::with(&["--store", &database]);

    let (id, token) = one.create(json!({ "scopes": ["deployment"] })).await;
    assert_eq!(app_status(&two, &token).await, 200, "at once");
    let (_, kept) = two.create(json!({ "scopes": ["deployment"] })).await;
    assert_eq!(app_status(&one, &kept).await, 200, "at once");

    one.revoke(&id).await;
    let since = Instant::now();
    assert_eq!(app_status(&one, &token).await, 401, "at once");
    while app_status(&two, &token).await != 401 {
        assert!(since.elapsed() < BOUND, "still good on the other one");
    }
    assert_eq!(app_status(&two, &kept).await, 200);

    push(&one, "llama", "weights").await;
    assert_eq!(pull(two.address, "llama").await, "weights");
    for (writer, reader) in [(&one, &two), (&two, &one)] {
        for (access, expected) in [("public", 200), ("protected", 401)] {
            writer.switch("demo", access).await;
            assert_eq!(app_status(reader, "").await, expected, "{access}, at once");
        }
    }
    assert_eq!(everything(&one).await, everything(&two).await);
}

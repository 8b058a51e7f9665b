//! What takes effect at once: a switch, and a revocation under a stream.

use std::time::{Duration, Instant};

use http::Version;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use super::{Call, Cloud};

/// Calls a deployment in each way, without a token.
async fn strangers(cloud: &Cloud, name: &str) -> Vec<String> {
    let mut came_to = Vec::new();
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let host = format!("{name}.mybentocloud.localhost");
        let by_host = Call::new("GET", "/readyz").header("host", &host);
        let by_path = Call::new("GET", &format!("/apps/{name}/readyz"));
        for call in [by_host, by_path] {
            came_to.push(
                call.version(version)
                    .status(cloud.address)
                    .await
                    .to_string(),
            );
        }
    }
    let grpc = Call::grpc("Generate", "a").header("x-deployment", name);
    let answer = grpc.send(cloud.address).await;
    let code = answer.trailers.as_ref().unwrap_or(&answer.head.headers)["grpc-status"].clone();
    came_to.push(code.to_str().unwrap().to_owned());
    came_to
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_request_is_judged_by_a_switch() {
    let cloud = Cloud::start();
    let (open, closed) = (
        ["200", "200", "200", "200", "0"],
        ["401", "401", "401", "401", "16"],
    );
    cloud
        .admin("POST", "/api/v1/deployments", json!({ "name": "mine" }))
        .await;
    assert_eq!(
        strangers(&cloud, "mine").await,
        closed,
        "protected unless said"
    );
    for _ in 0..5 {
        for (access, expected) in [("public", open), ("protected", closed)] {
            let path = "/api/v1/deployments/mine";
            cloud
                .admin("PATCH", path, json!({ "access": access }))
                .await;
            assert_eq!(strangers(&cloud, "mine").await, expected, "{access}");
        }
    }
    cloud
        .admin(
            "PATCH",
            "/api/v1/deployments/mine",
            json!({ "access": "public" }),
        )
        .await;
    cloud
        .admin("DELETE", "/api/v1/deployments/mine", json!({}))
        .await;
    assert_eq!(
        strangers(&cloud, "mine").await,
        closed,
        "as a protected one"
    );
}

/// A stream of hundreds of words, at a word in 50 ms.
async fn stream(cloud: &Cloud, token: &str) -> Incoming {
    let call = Call::grpc("GenerateStream", &"a ".repeat(50)).token(token);
    let answer = call.open(cloud.address).await;
    assert!(!answer.headers().contains_key("grpc-status"), "refused");
    answer.into_body()
}

/// Reads a stream to its end, and gives its status and its message.
async fn ended(mut body: Incoming) -> (String, String) {
    while let Some(frame) = body.frame().await {
        if let Ok(trailers) = frame.unwrap().into_trailers() {
            let text = |name| {
                trailers
                    .get(name)
                    .map_or("", |v| v.to_str().unwrap())
                    .to_owned()
            };
            return (text("grpc-status"), text("grpc-message"));
        }
    }
    panic!("no trailers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_token_is_revoked_or_expires() {
    let cloud = Cloud::start();
    let scopes = ["deployment"];
    let kept = cloud.token(&scopes).await;
    let (id, revoked) = cloud.make(json!({ "scopes": scopes })).await;
    let soon = jiff::Timestamp::now() + Duration::from_millis(1_200);
    let draft = json!({ "scopes": scopes, "expires_at": soon });
    let (_, expiring) = cloud.make(draft).await;

    let mut streams = Vec::new();
    for token in [&kept, &revoked, &expiring] {
        let mut body = stream(&cloud, token).await;
        assert!(
            body.frame().await.unwrap().unwrap().is_data(),
            "the first word"
        );
        streams.push(tokio::spawn(ended(body)));
    }
    let [kept, revoked, expiring] = streams.try_into().unwrap();
    let since = Instant::now();
    cloud.revoke(&id).await;
    let refused = ("16".to_owned(), "the credential is not valid".to_owned());
    assert_eq!(revoked.await.unwrap(), refused);
    assert!(
        since.elapsed() < Duration::from_secs(1),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(expiring.await.unwrap(), refused);
    assert!(!kept.is_finished(), "the others end before this one does");
    assert_eq!(kept.await.unwrap(), ("0".to_owned(), String::new()));
}

//! A switch and a revocation take effect at once.

use std::time::Duration;

use http::Version;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use super::{Call, Cloud};

/// Calls a deployment in each way without a token, and returns the statuses.
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
    let grpc = Call::grpc(GRPC, "Generate", "a").header("x-deployment", name);
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
            cloud.switch("mine", access).await;
            assert_eq!(strangers(&cloud, "mine").await, expected, "{access}");
        }
    }
    cloud.switch("mine", "public").await;
    cloud
        .admin("DELETE", "/api/v1/deployments/mine", json!({}))
        .await;
    assert_eq!(
        strangers(&cloud, "mine").await,
        closed,
        "as a protected one"
    );
}

const GRPC: &str = "application/grpc";
const WEB: &str = "application/grpc-web+proto";

/// Opens a stream of about fifty words, one in 50 ms, and reads the first word.
async fn stream(cloud: &Cloud, kind: &str, token: &str) -> Incoming {
    let call = Call::grpc(kind, "GenerateStream", &"a ".repeat(50)).token(token);
    let answer = call.open(cloud.address).await;
    assert!(!answer.headers().contains_key("grpc-status"), "refused");
    let mut body = answer.into_body();
    assert!(body.frame().await.unwrap().unwrap().is_data());
    body
}

/// Reads a stream to its end, and returns its trailers as gRPC-Web writes them.
async fn ended(mut body: Incoming) -> String {
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            // The frame of the trailers begins with its flag and its length.
            Ok(data) if data.first() == Some(&0x80) => {
                return String::from_utf8(data[5..].to_vec()).unwrap();
            }
            Ok(_) => {}
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap();
                let lines = trailers.iter();
                return lines
                    .map(|(name, value)| format!("{name}:{}\r\n", value.to_str().unwrap()))
                    .collect();
            }
        }
    }
    panic!("no trailers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_token_is_revoked_or_expires() {
    let cloud = Cloud::start();
    let scopes = ["deployment"];
    for kind in [GRPC, WEB] {
        let kept = cloud.token(&scopes).await;
        let (id, revoked) = cloud.create(json!({ "scopes": scopes })).await;
        let soon = jiff::Timestamp::now() + Duration::from_secs(2);
        let draft = json!({ "scopes": scopes, "expires_at": soon });
        let (_, expiring) = cloud.create(draft).await;

        let mut streams = Vec::new();
        for token in [&kept, &revoked, &expiring] {
            streams.push(tokio::spawn(ended(stream(&cloud, kind, token).await)));
        }
        let [kept, revoked, expiring] = streams.try_into().unwrap();
        cloud.revoke(&id).await;
        let revoked = revoked.await.unwrap();
        assert!(!expiring.is_finished(), "the revoked one ends at once");
        for trailers in [revoked, expiring.await.unwrap()] {
            assert!(trailers.contains("grpc-status:16\r\n"), "{trailers}");
            assert!(
                trailers.contains("the credential is not valid"),
                "{trailers}"
            );
        }
        assert!(!kept.is_finished(), "this one goes on");
        let trailers = kept.await.unwrap();
        assert!(trailers.contains("grpc-status:0\r\n"), "{trailers}");
    }
}

//! A deployment's endpoint, `NAME.mybentocloud.localhost`, over gRPC and by curl without a
//! path.

use http::Version;
use serde_json::json;

use super::{ADMIN, Call, Cloud};
use crate::tools::{curl, text};

const GRPC: &str = "application/grpc";
const KINDS: [&str; 3] = [
    GRPC,
    "application/grpc-web+proto",
    "application/grpc-web-text",
];

fn host(cloud: &Cloud, name: &str) -> String {
    format!("{name}.mybentocloud.localhost:{}", cloud.address.port())
}

/// Creates a call of `Generate` at a deployment's host, in `:authority` or `Host`.
fn generate(cloud: &Cloud, kind: &str, name: &str) -> Call {
    Call::grpc(kind, "Generate", "hi").host(&host(cloud, name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s18_the_host_of_a_grpc_call_selects_the_deployment_as_x_deployment_does() {
    let cloud = Cloud::start();
    let caller = cloud.token(&["deployment"]).await;
    let other = cloud.token(&["resources"]).await;
    let held = json!({ "scopes": ["deployment"], "targets": ["hello"], "expires_at": null });
    let held = cloud.create(held).await.1;
    for kind in KINDS {
        for (name, token, expected) in [
            ("hello", "", 0),
            ("hello", &other, 0),
            ("HELLO", "", 0),
            ("demo", "", 16),
            ("demo", "made-up", 16),
            ("demo", &other, 7),
            ("demo", &held, 7),
            ("demo", &caller, 0),
            ("demo", ADMIN, 0),
            ("nowhere", "", 16),
            ("nowhere", &held, 7),
            ("nowhere", &caller, 5),
            // Not a label, so no deployment has this name.
            ("a.hello", "", 16),
            ("a.hello", &caller, 5),
        ] {
            let by_host = generate(&cloud, kind, name).token(token);
            assert_eq!(
                by_host.grpc_code(cloud.address).await,
                expected,
                "{kind} {name}"
            );
            if name == name.to_lowercase() {
                let by_metadata = Call::grpc(kind, "Generate", "hi").header("x-deployment", name);
                let came_to = by_metadata.token(token).grpc_code(cloud.address).await;
                assert_eq!(came_to, expected, "{kind} {name} by x-deployment");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s18_a_grpc_call_that_names_two_deployments_is_an_invalid_argument() {
    let cloud = Cloud::start();
    let caller = cloud.token(&["deployment"]).await;
    for kind in KINDS {
        for (name, metadata, expected) in [
            ("hello", &["hello"][..], 0),
            ("demo", &["demo"], 0),
            ("demo", &["hello"], 3),
            ("hello", &["demo"], 3),
            ("hello", &["HELLO"], 3),
            ("hello", &[""], 3),
            ("hello", &["hello", "hello"], 3),
            ("hello", &["hello", "demo"], 3),
        ] {
            let call = || {
                let call = generate(&cloud, kind, name);
                let metadata = metadata.iter();
                metadata.fold(call, |call, value| call.header("x-deployment", value))
            };
            let shown = format!("{kind} {name} {metadata:?}");
            let came_to = call().token(&caller).grpc_code(cloud.address).await;
            assert_eq!(came_to, expected, "{shown}");
            // Only a public deployment that is named once admits strangers.
            let stranger = call().grpc_code(cloud.address).await;
            let is_public = expected == 0 && name == "hello";
            assert_eq!(stranger, if is_public { 0 } else { 16 }, "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s18_health_and_reflection_answer_at_a_deployments_host() {
    let cloud = Cloud::start();
    for path in [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        for name in ["hello", "demo"] {
            let call = Call::new("POST", path).version(Version::HTTP_2);
            // Of reflection it asks for the services, of health for the server.
            let question: &[u8] = match path.contains("health") {
                true => b"\0\0\0\0\0",
                false => b"\0\0\0\0\x02\x3a\0",
            };
            let call = call
                .header("accept", GRPC)
                .body(GRPC, question)
                .host(&host(&cloud, name));
            assert_eq!(call.grpc_code(cloud.address).await, 0, "{name} {path}");
        }
    }
    // The host serves nothing else.
    let models = Call::new("GET", "/api/v1/models").token(ADMIN);
    let models = models.host(&host(&cloud, "demo"));
    assert_eq!(models.status(cloud.address).await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s19_a_post_without_a_path_is_answered_by_the_apps_main_endpoint() {
    let cloud = Cloud::start();
    let caller = cloud.token(&["deployment"]).await;
    let other = cloud.token(&["resources"]).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for path in ["/", "/?a=b", "/generate"] {
            for (name, token, expected) in [
                ("hello", "", 200),
                ("demo", "", 401),
                ("demo", "made-up", 401),
                ("demo", &other, 403),
                ("demo", &caller, 200),
                ("nowhere", "", 401),
                ("nowhere", &caller, 404),
            ] {
                let call = Call::new("POST", path).version(version).token(token);
                let call = call.json(&json!({ "prompt": "hi" }));
                let answer = call.host(&host(&cloud, name)).send(cloud.address).await;
                assert_eq!(answer.head.status, expected, "{name} {path} {token}");
                if expected == 200 {
                    assert_eq!(answer.body, r#"{"text":"You asked: hi"}"#);
                }
            }
        }
        // An app has no GET without a path, and neither has the control plane.
        let call = Call::new("GET", "/").version(version).token(&caller);
        let call = call.host(&host(&cloud, "demo"));
        assert_eq!(call.status(cloud.address).await, 404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s19_the_curl_of_the_seed_works_as_it_is_written() {
    let Some(curl) = curl() else { return };
    let cloud = Cloud::start();
    let caller = cloud.token(&["deployment"]).await;
    for slash in ["", "/"] {
        for protocol in ["--http1.1", "--http2-prior-knowledge"] {
            let mut command = curl(protocol);
            command.args(["-X", "POST"]);
            command.arg(format!("http://{}{slash}", host(&cloud, "demo")));
            command.args(["-H", "Content-Type: application/json"]);
            command.args(["-H", &format!("Authorization: Basic {caller}")]);
            command.args(["--data", r#"{"prompt": "hi", "max_length": 100}"#]);
            let printed = text(&command.output().unwrap());
            assert_eq!(printed, r#"{"text":"You asked: hi"}"#, "{protocol}");
        }
    }
}

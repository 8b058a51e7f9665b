//! curl, grpcio and gRPC-Web, with the calls of README.

use super::{ADMIN, Cloud};
use crate::{
    stores::Directory,
    tools::{client, curl, python, script, text},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_calls_an_app_by_its_host_with_the_raw_token_after_basic() {
    let Some(curl) = curl() else { return };
    let cloud = Cloud::start();
    let caller = cloud.token(&["deployment"]).await;
    let other = cloud.token(&["resources"]).await;
    let ok = r#"{"text":"You asked: What state is Los Angeles in?"} 200"#;
    let required = r#"{"message":"a credential is required"} 401"#;
    let not_valid = r#"{"message":"the credential is not valid"} 401"#;
    let insufficient = r#"{"message":"insufficient permissions"} 403"#;
    let absent = r#"{"message":"there is none of this name"} 404"#;
    let rows = [
        ("demo", caller.as_str(), ok),
        ("demo", ADMIN, ok),
        ("demo", "", required),
        ("demo", "made-up-by-somebody", not_valid),
        ("demo", &other, insufficient),
        ("hello", "", ok),
        ("nowhere", "", required),
        ("nowhere", &other, insufficient),
        ("nowhere", &caller, absent),
    ];
    // Over HTTP/2 a refusal can overtake the body.
    for protocol in ["--http1.1", "--http2-prior-knowledge"] {
        for (app, token, expected) in rows {
            let port = cloud.address.port();
            let mut command = curl(protocol);
            command.arg(format!(
                "http://{app}.mybentocloud.localhost:{port}/generate"
            ));
            command.args([
                "-w",
                " %{http_code}",
                "-H",
                "Content-Type: application/json",
            ]);
            if !token.is_empty() {
                command.args(["-H", &format!("Authorization: Basic {token}")]);
            }
            let prompt = r#"{"prompt": "What state is Los Angeles in?", "max_length": 100}"#;
            let output = command.args(["--data", prompt]).output().unwrap();
            assert_eq!(text(&output), expected, "{protocol} {app} {token}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcio_calls_with_composite_credentials_over_tls() {
    let Some(python) = python() else { return };
    let directory = Directory::new();
    let file = directory.file();
    let store = format!("sqlite:{}", file.display());
    let tls = directory.path().join("tls");
    // The tokens are created before the server uses TLS.
    let cloud = Cloud::with(&["--store", &store]);
    let caller = cloud.token(&["deployment"]).await;
    let other = cloud.token(&["resources"]).await;
    cloud.app.end("TERM");
    let cloud = Cloud::with(&["--store", &store, "--tls", tls.to_str().unwrap()]);
    let calls = |token: &str| {
        let mut calls = script(&python, "grpc_calls.py");
        calls.arg(cloud.address.to_string()).arg(tls.join("ca.pem"));
        text(&calls.arg(token).output().unwrap())
    };

    let unary = "OK: You asked: a b";
    let required = "UNAUTHENTICATED: a credential is required";
    let not_valid = "UNAUTHENTICATED: the credential is not valid";
    let insufficient = "PERMISSION_DENIED: insufficient permissions";
    let ambiguous = "UNAUTHENTICATED: more than one credential was sent";
    let rows = [
        ("unary", unary, insufficient),
        ("stream", "OK: You |asked: |a |b", insufficient),
        ("metadata", unary, insufficient),
        ("raw basic", unary, insufficient),
        ("wrong", not_valid, not_valid),
        ("wrong stream", not_valid, not_valid),
        ("none", required, required),
        ("empty", not_valid, not_valid),
        ("both", ambiguous, ambiguous),
        ("binary", required, required),
    ];
    let printed = (calls(&caller), calls(&other));
    let good = rows.map(|(name, good, _)| format!("{name}: {good}"));
    assert_eq!(printed.0.lines().collect::<Vec<_>>(), good);
    let refused = rows.map(|(name, _, refused)| format!("{name}: {refused}"));
    assert_eq!(printed.1.lines().collect::<Vec<_>>(), refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_grpc_web_client_reads_answers_and_refusals() {
    let Some(packages) = client("node_modules") else {
        return;
    };
    let cloud = Cloud::start();
    let caller = cloud.token(&["deployment"]).await;
    let other = cloud.token(&["resources"]).await;
    let mut calls = script("node".as_ref(), "grpc_web_calls.js");
    calls
        .args([&cloud.app.url, &caller, &other])
        .env("NODE_PATH", packages);
    let printed = text(&calls.output().unwrap());
    let printed: Vec<_> = printed.lines().collect();

    let forms = [
        ("binary unary", "You asked: a b"),
        ("text unary", "You asked: a b"),
        ("text stream", "You |asked: |a |b"),
    ];
    let mut expected = Vec::new();
    for (form, answer) in forms {
        let answer = format!("OK: {answer}");
        expected.extend([
            format!("{form}, good: {answer}"),
            format!("{form}, raw basic: {answer}"),
            format!("{form}, public: {answer}"),
            format!("{form}, none: UNAUTHENTICATED: a credential is required"),
            format!("{form}, wrong: UNAUTHENTICATED: the credential is not valid"),
            format!("{form}, other scope: PERMISSION_DENIED: insufficient permissions"),
            format!("{form}, unknown: NOT_FOUND: there is none of this name"),
        ]);
    }
    assert_eq!(printed, expected);
}

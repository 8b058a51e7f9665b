//! Every row of the table, asked by every caller.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Version;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::time::sleep;

use super::{
    Call, Cloud,
    table::{ROWS, Row},
};

/// The tokens of the callers, in the order of [`Expected`](super::table::Expected);
/// the last ones are good no longer.
pub struct Callers(Vec<(&'static str, String)>);

impl Callers {
    async fn new(cloud: &Cloud) -> Self {
        let both = ["resources", "deployment"];
        let held =
            |target: &str| json!({ "scopes": both, "targets": [target], "expires_at": null });
        let soon = jiff::Timestamp::now() + Duration::from_millis(1_200);
        let (_, expired) = cloud
            .make(json!({ "scopes": both, "expires_at": soon }))
            .await;
        let (revoked_id, revoked) = cloud.make(json!({ "scopes": both })).await;
        let (suspended_id, suspended) = cloud.make(json!({ "scopes": both })).await;
        let callers = vec![
            ("nobody", String::new()),
            ("resources", cloud.token(&["resources"]).await),
            ("deployment", cloud.token(&["deployment"]).await),
            ("both", cloud.token(&both).await),
            ("held to demo", cloud.make(held("demo")).await.1),
            ("held to else*", cloud.make(held("else*")).await.1),
            ("expired", expired),
            ("revoked", revoked.clone()),
            ("suspended", suspended),
            ("made up", format!("{}0", &revoked[..revoked.len() - 1])),
        ];
        for (name, token) in callers
            .iter()
            .filter(|(name, _)| *name != "nobody" && *name != "made up")
        {
            let whoami = Call::new("GET", "/manage/whoami").token(token);
            assert_eq!(whoami.status(cloud.address).await, 200, "{name}");
        }
        cloud.revoke(&revoked_id).await;
        let suspend = format!("{}/{suspended_id}/suspend", super::TOKENS);
        cloud.admin("POST", &suspend, json!({})).await;
        sleep(Duration::from_millis(1_300)).await;
        Self(callers)
    }
}

/// Brings back what a row may have taken away, and gives the row's path.
async fn prepare(cloud: &Cloud, row: &Row) -> String {
    if row.method == "DELETE" || row.body.contains("elsewhere") {
        for kind in ["models", "bentos"] {
            let path = format!("/api/v1/{kind}/m");
            let put = Call::new("PUT", &path).token(super::ADMIN);
            let put = put.body("application/octet-stream", "content");
            assert_eq!(put.status(cloud.address).await, 200);
        }
        let gone = Call::new("DELETE", "/api/v1/deployments/elsewhere");
        gone.token(super::ADMIN).status(cloud.address).await;
        let demo = Call::new("POST", "/api/v1/deployments").token(super::ADMIN);
        let demo = demo.json(&json!({ "name": "demo", "access": "protected" }));
        demo.status(cloud.address).await;
    }
    let filled = match row.of {
        "ID" => {
            let draft = json!({ "scopes": ["resources:access"], "targets": ["demo"] });
            cloud.make(draft).await.0
        }
        of => of.to_owned(),
    };
    match row.path.split_once('{') {
        Some((before, rest)) => {
            let (_, after) = rest.split_once('}').unwrap();
            format!("{before}{filled}{after}")
        }
        None => row.path.to_owned(),
    }
}

/// The status of a row's request: 200 for any that succeeds.
async fn status(cloud: &Cloud, row: &Row, method: &str, version: Version, token: &str) -> u16 {
    let path = prepare(cloud, row).await;
    let call = Call::new(method, &path).version(version).token(token);
    let call = match row.body {
        "" => call,
        body if body.starts_with('{') => call.body("application/json", body),
        body if body.starts_with("token=") => call.body("application/x-www-form-urlencoded", body),
        body => call.body("application/octet-stream", body),
    };
    let status = call.send(cloud.address).await.head.status;
    if status.is_success() {
        200
    } else {
        status.as_u16()
    }
}

/// What a gRPC call came to, as the status that HTTP has for it.
async fn grpc_status(cloud: &Cloud, row: &Row, kind: &str, token: &str) -> u16 {
    let web = kind.starts_with("application/grpc-web");
    let text = kind.contains("-text");
    let version = if web {
        Version::HTTP_11
    } else {
        Version::HTTP_2
    };
    // One message: an empty prompt or service, and to reflection a question.
    let mut body = b"\0\0\0\0\x02\x3a\0".to_vec();
    if text {
        body = STANDARD.encode(body).into_bytes();
    }
    let mut call = Call::new("POST", row.path)
        .version(version)
        .token(token)
        .header("accept", kind)
        .body(kind, body);
    if !row.of.is_empty() {
        call = call.header("x-deployment", row.of);
    }
    let (head, mut body) = call.open(cloud.address).await.into_parts();
    assert_eq!(head.status, 200, "{} is gRPC", row.path);
    let mut code = head
        .headers
        .get("grpc-status")
        .map(|code| code.to_str().unwrap().to_owned());
    // A message says that the call was let through; some streams go on after it.
    while code.is_none() {
        let frame = body.frame().await.unwrap().unwrap();
        code = match frame.into_data() {
            Ok(data) if data.is_empty() => None,
            Ok(data) if text => web_code(&STANDARD.decode(data).unwrap().into()),
            Ok(data) => web_code(&data),
            Err(frame) => Some(
                frame.trailers_ref().unwrap()["grpc-status"]
                    .to_str()
                    .unwrap()
                    .to_owned(),
            ),
        };
    }
    match code.unwrap().as_str() {
        "0" => 200,
        "5" => 404,
        "7" => 403,
        "16" => 401,
        other => panic!("{} came to {other}", row.path),
    }
}

/// A frame with the highest bit set holds the trailers of gRPC-Web.
fn web_code(frame: &Bytes) -> Option<String> {
    if frame[0] & 0x80 == 0 {
        return Some("0".to_owned());
    }
    let trailers = String::from_utf8_lossy(&frame[5..]).into_owned();
    let mut lines = trailers.lines();
    let code = lines.find_map(|line| line.strip_prefix("grpc-status:"));
    Some(code.unwrap().trim().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_caller_is_answered_as_the_table_says() {
    let cloud = Cloud::start();
    let callers = Callers::new(&cloud).await;
    let mut wrong = Vec::new();
    for row in ROWS {
        for (column, (name, token)) in callers.0.iter().enumerate() {
            let expected = row.expected[column.min(row.expected.len() - 1)];
            let mut check = |how: &str, status: u16| {
                if status != expected {
                    let Row {
                        method, path, of, ..
                    } = row;
                    wrong.push(format!(
                        "{method} {path} {of:?}, {how}, {name}: {status}, not {expected}"
                    ));
                }
            };
            if row.method == "GRPC" {
                for kind in [
                    "application/grpc",
                    "application/grpc-web+proto",
                    "application/grpc-web-text",
                ] {
                    check(kind, grpc_status(&cloud, row, kind, token).await);
                }
                continue;
            }
            for version in [Version::HTTP_11, Version::HTTP_2] {
                let status = status(&cloud, row, row.method, version, token).await;
                check(&format!("{version:?}"), status);
            }
            if row.method == "GET" {
                check(
                    "HEAD",
                    status(&cloud, row, "HEAD", Version::HTTP_11, token).await,
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrow_scope_opens_what_it_names_and_nothing_else() {
    let cloud = Cloud::start();
    let mut scopes: Vec<_> = ROWS.iter().map(|row| row.scope).collect();
    scopes.retain(|scope| !scope.is_empty() && !scope.ends_with('*'));
    scopes.sort_unstable();
    scopes.dedup();
    assert_eq!(scopes.len(), 13, "{scopes:?}");
    let mut wrong = Vec::new();
    for scope in scopes {
        let token = cloud.token(&[scope]).await;
        // Where no scope is asked for, the table has what any good token comes to.
        for row in ROWS
            .iter()
            .filter(|row| !row.scope.is_empty() && row.of != "nowhere")
        {
            let status = match row.method {
                "GRPC" => grpc_status(&cloud, row, "application/grpc", &token).await,
                method => status(&cloud, row, method, Version::HTTP_11, &token).await,
            };
            let opens = match row.scope.strip_suffix('*') {
                Some(below) => scope.starts_with(below),
                None => scope == row.scope,
            };
            let expected = if opens { 200 } else { 403 };
            if status != expected {
                wrong.push(format!("{} {}, {scope}: {status}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

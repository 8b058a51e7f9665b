//! Every row of the table, called by every caller.

use http::Version;
use serde_json::json;

use super::{Cloud, table::ROWS};

/// gRPC, and both forms of gRPC-Web.
const KINDS: [&str; 3] = [
    "application/grpc",
    "application/grpc-web+proto",
    "application/grpc-web-text",
];

/// The callers and their tokens, in the order of
/// [`Expected`](super::table::Expected); its last status is for several.
async fn callers(cloud: &Cloud) -> Vec<(&'static str, String)> {
    let both = ["resources", "deployment"];
    let held = async |target: &str| {
        let draft = json!({ "scopes": both, "targets": [target], "expires_at": null });
        cloud.create(draft).await.1
    };
    let mut callers = vec![
        ("a stranger", String::new()),
        ("resources", cloud.token(&["resources"]).await),
        ("deployment", cloud.token(&["deployment"]).await),
        ("both", cloud.token(&both).await),
        ("held to demo", held("demo").await),
        ("held to else*", held("else*").await),
    ];
    callers.extend(cloud.invalid_tokens(&both).await);
    callers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_caller_is_answered_as_the_table_says() {
    let cloud = Cloud::start();
    let callers = callers(&cloud).await;
    let mut wrong = Vec::new();
    for row in ROWS {
        for (column, (name, token)) in callers.iter().enumerate() {
            let expected = row.expected[column.min(row.expected.len() - 1)];
            let mut came_to = Vec::new();
            if row.method == "GRPC" {
                for kind in KINDS {
                    came_to.push((kind, row.grpc_status(&cloud, kind, token).await));
                }
            } else {
                let (one, two) = (Version::HTTP_11, Version::HTTP_2);
                came_to.push(("HTTP/1.1", row.status(&cloud, row.method, one, token).await));
                came_to.push(("HTTP/2", row.status(&cloud, row.method, two, token).await));
            }
            if row.method == "GET" {
                let head = row.status(&cloud, "HEAD", Version::HTTP_11, token);
                came_to.push(("HEAD", head.await));
            }
            came_to.retain(|(_, status)| *status != expected);
            if !came_to.is_empty() {
                let (method, path, of) = (row.method, row.path, row.of);
                wrong.push(format!(
                    "{method} {path} {of:?}, {name}: {expected}, not {came_to:?}"
                ));
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
        for row in ROWS {
            let opens = match row.scope.strip_suffix('*') {
                Some(below) => scope.starts_with(below),
                None => scope == row.scope,
            };
            // The other test covers rows without a scope and unknown names.
            let expected = match (row.scope, row.of, opens) {
                ("", _, _) | (_, "nowhere", _) => continue,
                (_, _, true) => 200,
                (_, _, false) => 403,
            };
            let status = match row.method {
                "GRPC" => row.grpc_status(&cloud, KINDS[0], &token).await,
                method => row.status(&cloud, method, Version::HTTP_11, &token).await,
            };
            if status != expected {
                wrong.push(format!("{} {}, {scope}: {status}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

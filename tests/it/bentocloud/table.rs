//! The expected rights, written by hand from the requirements and compared with the
//! server's list.

#[path = "../../../examples/bentocloud/rights.rs"]
#[expect(dead_code, reason = "the server reads more of it than the tests")]
pub mod served;

use std::collections::BTreeSet;

/// The status for each caller: no token; a token for `resources`, for `deployment`, for
/// both; for both with the target `demo`, or with `else*`; and an invalid token (expired,
/// revoked, suspended, made up).
pub type Expected = [u16; 7];

/// Credentials are ignored.
const PUBLIC: Expected = [200, 200, 200, 200, 200, 200, 200];
/// The control plane.
const RESOURCES: Expected = [401, 200, 403, 200, 200, 200, 401];
/// Managing the deployment `demo`, or a token with this target.
const TO_DEMO: Expected = [401, 200, 403, 200, 200, 403, 401];
/// The same for `elsewhere`.
const TO_ELSEWHERE: Expected = [401, 200, 403, 200, 403, 200, 401];
/// Creating a token without targets.
const TO_ALL: Expected = [401, 200, 403, 200, 403, 403, 401];
/// Calling the protected deployment `demo`.
const CALL: Expected = [401, 403, 200, 200, 200, 403, 401];
/// Calling an unknown deployment. A token that could call it learns that.
const CALL_NOWHERE: Expected = [401, 403, 404, 404, 403, 403, 401];
/// Things of the whole organization, which are closed to tokens with targets.
const WHOLE: Expected = [401, 200, 403, 200, 403, 403, 401];
/// A token with the target `demo`, which is not found with other targets.
const TOKEN: Expected = [401, 200, 403, 200, 200, 404, 401];
/// A token without targets.
const TOKEN_FOR_ALL: Expected = [401, 200, 403, 200, 404, 404, 401];
/// Any valid token.
const ANY: Expected = [401, 200, 200, 200, 200, 200, 401];
/// A redirect to a page with a sign-in.
const REDIRECT: Expected = [303; 7];
/// Routes that read the page's cookie, and no token.
const COOKIE: Expected = [401, 401, 401, 401, 401, 401, 401];

pub struct Row {
    /// `GRPC` if the path is a gRPC method.
    pub method: &'static str,
    pub path: &'static str,
    /// The value for the path's braces, or the deployment of a gRPC call. `ID` is the id of
    /// a token for `resources` with the target `demo`, and `ID of all` that of one without
    /// targets.
    pub of: &'static str,
    pub body: &'static str,
    /// The narrowest scope, if it is below `resources`.
    pub scope: &'static str,
    pub expected: Expected,
}

const fn row(
    method: &'static str,
    path: &'static str,
    of: &'static str,
    body: &'static str,
    scope: &'static str,
    expected: Expected,
) -> Row {
    Row {
        method,
        path,
        of,
        body,
        scope,
        expected,
    }
}

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("GET", "/api/v1/auth/current", "", "", "resources:*", RESOURCES),
    row("GET", "/api/v1/current_org", "", "", "resources:*", RESOURCES),
    row("GET", "/api/v1/api_tokens", "", "", "resources:access", RESOURCES),
    row("POST", "/api/v1/api_tokens", "", r#"{"name":"t","scopes":["resources:access"]}"#, "resources:access", TO_ALL),
    row("GET", "/api/v1/api_tokens/{uid}", "ID", "", "resources:access", TOKEN),
    row("GET", "/api/v1/api_tokens/{uid}", "ID of all", "", "resources:access", TOKEN_FOR_ALL),
    row("DELETE", "/api/v1/api_tokens/{uid}", "ID", "", "resources:access", TOKEN),
    row("DELETE", "/api/v1/api_tokens/{uid}", "ID of all", "", "resources:access", TOKEN_FOR_ALL),
    row("GET", "/api/v1/members", "", "", "resources:access", WHOLE),
    row("GET", "/api/v1/cluster", "", "", "resources:cluster", WHOLE),
    row("PUT", "/api/v1/cluster", "", r#"{"replicas":2}"#, "resources:cluster", WHOLE),
    row("GET", "/api/v1/models", "", "", "resources:models:pull", WHOLE),
    row("GET", "/api/v1/models/{name}", "m", "", "resources:models:pull", WHOLE),
    row("PUT", "/api/v1/models/{name}", "m", "weights", "resources:models:push", WHOLE),
    row("DELETE", "/api/v1/models/{name}", "m", "", "resources:models:delete", WHOLE),
    row("GET", "/api/v1/bentos", "", "", "resources:bentos:pull", WHOLE),
    row("GET", "/api/v1/bentos/{name}", "m", "", "resources:bentos:pull", WHOLE),
    row("PUT", "/api/v1/bentos/{name}", "m", "archive", "resources:bentos:push", WHOLE),
    row("DELETE", "/api/v1/bentos/{name}", "m", "", "resources:bentos:delete", WHOLE),
    row("GET", "/api/v1/deployments", "", "", "resources:deployments:read", RESOURCES),
    row("POST", "/api/v1/deployments", "", r#"{"name":"elsewhere"}"#, "resources:deployments:create", TO_ELSEWHERE),
    row("GET", "/api/v1/deployments/{deployment}", "demo", "", "resources:deployments:read", TO_DEMO),
    row("PATCH", "/api/v1/deployments/{deployment}", "demo", r#"{"access":"protected"}"#, "resources:deployments:update", TO_DEMO),
    row("DELETE", "/api/v1/deployments/{deployment}", "demo", "", "resources:deployments:terminate", TO_DEMO),

    row("POST", "/apps/{deployment}", "demo", r#"{"prompt":"hi"}"#, "deployment", CALL),
    row("POST", "/apps/{deployment}/", "demo", r#"{"prompt":"hi"}"#, "deployment", CALL),
    row("POST", "/apps/{deployment}/generate", "demo", r#"{"prompt":"hi"}"#, "deployment", CALL),
    row("GET", "/apps/{deployment}/readyz", "demo", "", "deployment", CALL),
    row("GET", "/apps/{deployment}/schema.json", "demo", "", "deployment", CALL),
    row("POST", "/apps/{deployment}", "nowhere", r#"{"prompt":"hi"}"#, "deployment", CALL_NOWHERE),
    row("POST", "/apps/{deployment}/", "nowhere", r#"{"prompt":"hi"}"#, "deployment", CALL_NOWHERE),
    row("POST", "/apps/{deployment}/generate", "nowhere", r#"{"prompt":"hi"}"#, "deployment", CALL_NOWHERE),
    row("GET", "/apps/{deployment}/readyz", "nowhere", "", "deployment", CALL_NOWHERE),
    row("GET", "/apps/{deployment}/schema.json", "nowhere", "", "deployment", CALL_NOWHERE),
    row("POST", "/apps/{deployment}", "hello", r#"{"prompt":"hi"}"#, "", PUBLIC),
    row("POST", "/apps/{deployment}/", "hello", r#"{"prompt":"hi"}"#, "", PUBLIC),
    row("POST", "/apps/{deployment}/generate", "hello", r#"{"prompt":"hi"}"#, "", PUBLIC),
    row("GET", "/apps/{deployment}/readyz", "hello", "", "", PUBLIC),
    row("GET", "/apps/{deployment}/schema.json", "hello", "", "", PUBLIC),

    row("GRPC", "/inference.v1.Inference/Generate", "", "", "deployment", CALL),
    row("GRPC", "/inference.v1.Inference/Generate", "demo", "", "deployment", CALL),
    row("GRPC", "/inference.v1.Inference/Generate", "nowhere", "", "deployment", CALL_NOWHERE),
    row("GRPC", "/inference.v1.Inference/Generate", "hello", "", "", PUBLIC),
    row("GRPC", "/inference.v1.Inference/GenerateStream", "", "", "deployment", CALL),
    row("GRPC", "/inference.v1.Inference/GenerateStream", "demo", "", "deployment", CALL),
    row("GRPC", "/inference.v1.Inference/GenerateStream", "nowhere", "", "deployment", CALL_NOWHERE),
    row("GRPC", "/inference.v1.Inference/GenerateStream", "hello", "", "", PUBLIC),
    row("GRPC", "/grpc.health.v1.Health/Check", "", "", "", PUBLIC),
    row("GRPC", "/grpc.health.v1.Health/Watch", "", "", "", PUBLIC),
    row("GRPC", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "", "", "", PUBLIC),
    row("GRPC", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "", "", "", PUBLIC),

    row("GET", "/manage/tokens", "", "", "resources:access", RESOURCES),
    row("POST", "/manage/tokens", "", r#"{"scopes":["resources:access"],"targets":["demo"]}"#, "resources:access", TO_DEMO),
    row("GET", "/manage/tokens/{id}", "ID", "", "resources:access", TOKEN),
    row("GET", "/manage/tokens/{id}", "ID of all", "", "resources:access", TOKEN_FOR_ALL),
    row("PATCH", "/manage/tokens/{id}", "ID", r#"{"name":"other"}"#, "resources:access", TOKEN),
    row("PATCH", "/manage/tokens/{id}", "ID of all", r#"{"name":"other"}"#, "resources:access", TOKEN_FOR_ALL),
    row("POST", "/manage/tokens/{id}/suspend", "ID", "", "resources:access", TOKEN),
    row("POST", "/manage/tokens/{id}/suspend", "ID of all", "", "resources:access", TOKEN_FOR_ALL),
    row("POST", "/manage/tokens/{id}/resume", "ID", "", "resources:access", TOKEN),
    row("POST", "/manage/tokens/{id}/resume", "ID of all", "", "resources:access", TOKEN_FOR_ALL),
    row("POST", "/manage/tokens/{id}/rotate", "ID", "{}", "resources:access", TOKEN),
    row("POST", "/manage/tokens/{id}/rotate", "ID of all", "{}", "resources:access", TOKEN_FOR_ALL),
    row("POST", "/manage/tokens/{id}/revoke", "ID", "{}", "resources:access", TOKEN),
    row("POST", "/manage/tokens/{id}/revoke", "ID of all", "{}", "resources:access", TOKEN_FOR_ALL),
    row("POST", "/manage/introspect", "", "token=x", "resources:access", RESOURCES),
    row("POST", "/manage/revoke", "", "token=x", "", PUBLIC),
    row("GET", "/manage/whoami", "", "", "", ANY),
    row("GET", "/manage/openapi.json", "", "", "", PUBLIC),

    row("GET", "/api_tokens", "", "", "", PUBLIC),
    row("GET", "/", "", "", "", REDIRECT),
    row("GET", "/deployments", "", "", "", PUBLIC),
    row("GET", "/deployments/", "", "", "", REDIRECT),
    row("GET", "/deployments/{name}", "demo", "", "", PUBLIC),
    row("GET", "/deployments/{name}", "nowhere", "", "", PUBLIC),
    row("POST", "/deployments/{name}", "demo", "access=public", "", REDIRECT),
    row("GET", "/deployments/{name}/", "demo", "", "", REDIRECT),
    row("GET", "/deployments/{name}/api_tokens", "demo", "", "", PUBLIC),
    row("GET", "/deployments/{name}/api_tokens/", "demo", "", "", REDIRECT),
    row("GET", "/deployments.css", "", "", "", PUBLIC),
    row("GET", "/api_tokens/page.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/client.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/details.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/form.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/list.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/secret.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/session.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/view.js", "", "", "", PUBLIC),
    row("GET", "/api_tokens/page.css", "", "", "", PUBLIC),
    row("POST", "/api_tokens/session", "", "", "resources:access", RESOURCES),
    row("GET", "/api_tokens/session", "", "", "", PUBLIC),
    row("DELETE", "/api_tokens/session", "", "", "", PUBLIC),
    row("GET", "/api_tokens/api/tokens", "", "", "", COOKIE),
    row("POST", "/api_tokens/api/tokens", "", "{}", "", COOKIE),
    row("GET", "/api_tokens/api/tokens/{id}", "ID", "", "", COOKIE),
    row("PATCH", "/api_tokens/api/tokens/{id}", "ID", "{}", "", COOKIE),
    row("GET", "/api_tokens/api/tokens/{id}/snippets", "ID", "", "", COOKIE),
    row("POST", "/api_tokens/api/tokens/{id}/suspend", "ID", "", "", COOKIE),
    row("POST", "/api_tokens/api/tokens/{id}/resume", "ID", "", "", COOKIE),
    row("POST", "/api_tokens/api/tokens/{id}/rotate", "ID", "{}", "", COOKIE),
    row("POST", "/api_tokens/api/tokens/{id}/revoke", "ID", "{}", "", COOKIE),
];

type Places = BTreeSet<(String, String)>;

fn rows() -> Places {
    let places = ROWS
        .iter()
        .map(|row| (row.method.to_owned(), row.path.to_owned()));
    places.collect()
}

/// Returns the routes in the server's list and in the OpenAPI document, which the page's
/// routes repeat.
fn served() -> Places {
    let mut places = Places::new();
    for (method, path, ..) in served::ROUTES {
        places.insert(((*method).to_owned(), (*path).to_owned()));
    }
    for (service, method, _) in served::METHODS {
        places.insert(("GRPC".to_owned(), format!("/{service}/{method}")));
    }
    let document = include_str!("../../../src/manage/openapi/openapi.json");
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let methods = operations.as_object().unwrap().keys();
        for method in methods.filter(|key| *key != "parameters") {
            let method = method.to_uppercase();
            if path.starts_with("/tokens") {
                places.insert((method.clone(), format!("/api_tokens/api{path}")));
            }
            places.insert((method, format!("/manage{path}")));
        }
    }
    places
}

#[test]
fn every_route_and_method_that_is_served_has_its_row() {
    let (rows, served) = (rows(), served());
    let missing: Vec<_> = served.difference(&rows).collect();
    assert!(missing.is_empty(), "no row says who may do {missing:?}");
    let mut gone: Vec<_> = rows.difference(&served).collect();
    gone.retain(|(_, path)| {
        !path.starts_with("/api_tokens") && !path.starts_with("/deployments") && path != "/"
    });
    assert!(gone.is_empty(), "nothing serves {gone:?}");
}

/// The page's own routes are in no list, so the test reads its source.
#[test]
fn every_route_of_the_page_has_its_row() {
    let rows = rows();
    let sources = [
        include_str!("../../../src/manage/page/mod.rs"),
        include_str!("../../../src/manage/page/session.rs"),
    ];
    let lines = sources.iter().flat_map(|source| source.lines());
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    let paths: BTreeSet<_> = code
        .filter_map(|line| line.split_once("\"/")?.1.split_once('"'))
        .map(|(path, _)| format!("/api_tokens/{path}"))
        .collect();
    assert!(
        paths.len() >= 5,
        "the page's routes are written otherwise: {paths:?}"
    );
    for path in paths {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        let mut known = rows.iter();
        let is_known = known.any(|(_, row)| row == path || row.starts_with(&below));
        assert!(is_known, "no row says who may ask {path}");
    }
}

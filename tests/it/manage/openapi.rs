//! The OpenAPI document describes the routes.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use axum::Router;
use serde_json::{Value, json};
use tower_authn::{Sources, manage::TokenAdmin, tokens::NewToken};

use super::{App, request};
use crate::{
    examples::Example,
    tools::{client, text},
};

fn checked_in() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manage/openapi/openapi.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The paths of the routes in the source code.
fn routed() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manage");
    let files = [
        "api/operations.rs",
        "api/whoami.rs",
        "oauth.rs",
        "routes.rs",
    ];
    let texts = files.map(|file| fs::read_to_string(folder.join(file)).unwrap());
    let code = texts.iter().flat_map(|text| text.lines());
    let code = code.filter(|line| !line.trim_start().starts_with("//"));
    let routes = code.filter_map(|line| line.split_once(".route(\"")?.1.split_once('"'));
    routes.map(|(path, _)| path.to_owned()).collect()
}

#[tokio::test]
async fn every_route_and_method_is_in_the_document_and_nothing_else() {
    let app = App::new().await;
    let manager = app.manager("north").await;
    let document = app.get("/openapi.json", "").await.ok();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<String> = paths.keys().cloned().collect();
    assert!(routed().len() >= 10, "too few routes were found");
    assert_eq!(described, routed());
    for (path, item) in paths {
        let methods = [
            "get", "put", "post", "delete", "options", "head", "patch", "trace",
        ];
        let described = methods
            .into_iter()
            .filter(|method| item.get(method).is_some());
        let described: BTreeSet<String> = described.map(str::to_uppercase).collect();
        // The response to an unknown method lists the known ones.
        let at = path.replace("{id}", manager.record.id.as_str());
        let asked = request("PROPFIND", &at, manager.secret.expose(), "", "");
        let answer = app.send(asked).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.headers["allow"].to_str().unwrap().split(',');
        let allowed = allowed
            .filter(|method| *method != "HEAD")
            .map(str::to_owned);
        assert_eq!(described, allowed.collect(), "{path}");
    }
}

#[tokio::test]
async fn the_served_document_is_the_one_that_is_checked_in() {
    let app = App::new().await;
    let mut served = app.get("/openapi.json", "").await.ok();
    assert_eq!(served["servers"], json!([{ "url": "/manage" }]));
    served["servers"] = json!([{ "url": "/" }]);
    assert_eq!(served, checked_in());

    let routes = TokenAdmin::new(app.tokens.clone()).routes();
    let asked = http::Request::get("/openapi.json").body(axum::body::Body::empty());
    let app = App { routes, ..app };
    assert_eq!(app.send(asked.unwrap()).await.ok(), checked_in());
}

#[tokio::test]
async fn its_security_schemes_are_the_sources_of_the_credential() {
    let app = App::new().await;
    let sources = Sources::new().bearer().header("X-Api-Key").unwrap();
    let manage = TokenAdmin::new(app.tokens.clone()).sources(sources);
    let routes = Router::new().nest("/manage", manage.routes());
    let app = App { routes, ..app };
    let document = app.get("/openapi.json", "").await.ok();
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    assert_eq!(schemes.len(), 2);
    let bearer = &schemes["bearer"];
    assert_eq!(
        (&bearer["type"], &bearer["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    let key = &schemes["x-api-key"];
    let said = (&key["type"], &key["in"], &key["name"]);
    assert_eq!(
        said,
        (&json!("apiKey"), &json!("header"), &json!("x-api-key"))
    );
    assert_eq!(
        document["security"],
        json!([{ "bearer": [] }, { "x-api-key": [] }])
    );

    // The routes accept exactly these sources.
    let manager = app.make(NewToken::new("root").scopes(["resources"])).await;
    let token = manager.secret.expose();
    let rows = [
        ("x-api-key", token.to_owned(), 200),
        ("authorization", format!("Bearer {token}"), 200),
        ("authorization", format!("Basic {token}"), 401),
    ];
    for (name, value, expected) in rows {
        let mut asked = request("GET", "/tokens", "", "", "");
        asked.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(app.send(asked).await.status, expected, "{name}");
    }
}

#[test]
fn only_public_operations_are_described_without_a_credential() {
    let document = checked_in();
    let mut open = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let operations = item.as_object().unwrap().iter();
        for (method, operation) in operations.filter(|(name, _)| *name != "parameters") {
            match operation.get("security") {
                Some(security) => {
                    assert_eq!(security, &json!([]));
                    open.push(format!("{method} {path}"));
                }
                None => assert!(operation["responses"].get("401").is_some(), "{path}"),
            }
        }
    }
    assert_eq!(open, ["get /openapi.json", "post /revoke"]);
}

/// Other tools find the document valid, and generate thousands of valid and invalid
/// requests from it: every response is described.
#[test]
fn the_running_example_conforms_to_its_document() {
    let Some(python) = client("openapi/bin/python3") else {
        return;
    };
    let mut app = Example::start("manage", &[]);
    let url = format!("{}/manage", app.url);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/check.py");
    let mut check = Command::new(python);
    let output = check.arg(script).args([url, app.token()]).output().unwrap();
    assert_eq!(text(&output), "12 operations conform");
}

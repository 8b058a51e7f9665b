//! The ids in paths.

use axum::Router;
use http::Request;
use serde_json::Value;
use tower_authn::manage::TokenAdmin;

use super::{App, JSON, request};

#[tokio::test]
async fn an_invalid_id_is_404() {
    let app = App::new().await;
    let root = app.root().await;
    let id = root.record.id.to_string();
    let encoded = format!("%{:02x}{}", id.as_bytes()[0], &id[1..]);
    let shown = app
        .get(&format!("/tokens/{encoded}"), root.secret.expose())
        .await;
    assert_eq!(shown.ok()["id"], Value::from(id.clone()));
    for other in [
        "%ff",
        "%00",
        "0",
        &format!("{id}0"),
        &id.to_lowercase(),
        root.secret.expose(),
    ] {
        let answer = app
            .get(&format!("/tokens/{other}"), root.secret.expose())
            .await;
        // The id may contain no capitals.
        assert_eq!(
            answer.status,
            if other == id { 200 } else { 404 },
            "{other}"
        );
    }
}

#[tokio::test]
async fn the_routes_may_be_nested_below_a_path_with_parameters() {
    let app = App::new().await;
    let root = app.root().await;
    let routes = TokenAdmin::new(app.tokens.clone()).routes();
    let app = App {
        routes: Router::new().nest("/manage/{id}/{region}", routes),
        ..app
    };
    let id = root.record.id;
    let shown = app
        .get(&format!("/eu/1/tokens/{id}"), root.secret.expose())
        .await;
    assert_eq!(shown.ok()["id"], id.as_str());
    let asked = request("POST", "/eu/1/tokens", root.secret.expose(), JSON, "{}");
    let made = app.send(asked).await;
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let asked =
        Request::get(&location).header("authorization", format!("Bearer {}", root.secret.expose()));
    let shown = app
        .send(asked.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(shown.ok()["id"], made.ok()["id"]);
}

//! Bodies that the routes leave unread.

use axum::{Router, body::Body, routing::post};
use http::{Request, Version};
use tower::ServiceExt;
use tower_authn::{layer::Drain, manage::TokenAdmin, tokens::NewToken};

use super::{App, FORM, JSON};
use crate::bodies::Upload;

/// More than any route accepts.
const FRAMES: [usize; 300] = [10_000; 300];
const BYTES: usize = 3_000_000;

#[tokio::test]
async fn s05_the_unread_body_of_every_route_is_drained() {
    let app = App::new().await;
    let manager = NewToken::new("root").scopes(["resources"]);
    let manager = app.make(manager.never_expires()).await;
    let bearer = format!("Bearer {}", manager.secret.expose());
    let rows = [
        ("POST", "/manage/tokens", JSON, "", 401),
        ("POST", "/manage/tokens", JSON, "Bearer wrong", 401),
        ("POST", "/manage/tokens", JSON, &bearer, 413),
        ("POST", "/manage/tokens", FORM, &bearer, 415),
        ("PUT", "/manage/tokens", JSON, &bearer, 405),
        ("POST", "/manage/nothing", JSON, &bearer, 404),
        ("POST", "/manage/introspect", FORM, &bearer, 413),
        ("POST", "/manage/revoke", FORM, "", 413),
        ("POST", "/manage/revoke", JSON, "", 415),
        ("GET", "/manage/openapi.json", JSON, "", 200),
        ("POST", "/page/session", JSON, "", 401),
        ("POST", "/page/api/tokens", JSON, "", 401),
        ("POST", "/page/nothing", JSON, "", 404),
    ];
    let routes = routes(&TokenAdmin::new(app.tokens.clone()));
    let off = self::routes(&TokenAdmin::new(app.tokens.clone()).drain(Drain::off()));
    for (method, path, kind, authorization, status) in rows {
        let request = || {
            let upload = Upload::of(&FRAMES);
            let fate = upload.fate.clone();
            let request = Request::builder().method(method).uri(path);
            let request = request.header("content-type", kind);
            let request = request.header("sec-fetch-site", "same-origin");
            let request = match authorization {
                "" => request,
                value => request.header("authorization", value),
            };
            (request.body(Body::new(upload)).unwrap(), fate)
        };
        let row = (method, path, kind, status);
        let (whole, fate) = request();
        let response = routes.clone().oneshot(whole).await.unwrap();
        assert_eq!(response.status(), status, "{row:?}");
        assert_eq!(response.headers().get("connection"), None, "{row:?}");
        assert_eq!(fate.read().await, BYTES, "{row:?}");

        let (whole, fate) = request();
        let response = off.clone().oneshot(whole).await.unwrap();
        assert_eq!(response.status(), status, "{row:?}");
        assert!(fate.read().await < BYTES, "{row:?}");
    }
}

#[tokio::test]
async fn s05_a_route_that_does_not_drain_announces_the_close() {
    let app = App::new().await;
    let full = TokenAdmin::new(app.tokens.clone()).drain(Drain::new().max_concurrent(0));
    let routes = routes(&full);
    let upload = |version, expect: bool, frames: &[usize]| {
        let request = Request::post("/manage/revoke").version(version);
        let request = request.header("content-type", FORM);
        let request = match expect {
            true => request.header("expect", "100-continue"),
            false => request,
        };
        request.body(Body::new(Upload::of(frames))).unwrap()
    };
    // The form is too long, with and without `100 Continue`.
    let rows = [
        (Version::HTTP_11, false, &FRAMES[..], 413, Some("close")),
        (Version::HTTP_11, true, &FRAMES, 413, Some("close")),
        (Version::HTTP_2, false, &FRAMES, 413, None),
        (Version::HTTP_11, false, &[6], 400, None),
    ];
    for (version, expect, frames, status, announced) in rows {
        let request = upload(version, expect, frames);
        let response = routes.clone().oneshot(request).await.unwrap();
        let row = (version, expect, frames.len());
        assert_eq!(response.status(), status, "{row:?}");
        let connection = response.headers().get("connection");
        assert_eq!(
            connection.map(|v| v.to_str().unwrap()),
            announced,
            "{row:?}"
        );
    }
}

fn routes(manage: &TokenAdmin) -> Router {
    Router::new()
        .nest("/manage", manage.routes())
        .nest("/page", manage.page())
}

#[tokio::test]
async fn s05_the_session_layer_refuses_other_sites_and_drains_the_body() {
    let app = App::new().await;
    let manage = TokenAdmin::new(app.tokens.clone());
    let own = Router::new().route("/own", post(async || "done"));
    let own = own.layer(manage.session_layer());
    for (site, status, read) in [("cross-site", 403, BYTES), ("same-origin", 200, 0)] {
        let upload = Upload::of(&FRAMES);
        let fate = upload.fate.clone();
        let request = Request::post("/own").header("sec-fetch-site", site);
        let request = request.body(Body::new(upload)).unwrap();
        let response = own.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{site}");
        assert_eq!(fate.read().await, read, "{site}");
    }
}

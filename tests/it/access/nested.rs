//! A table in a layer inside axum's `nest`, where the request's path lacks the prefix.

use axum::{Router, extract::OriginalUri, routing::get as route};
use http::{Method, StatusCode};
use tower_authn::{
    Access, AccessTable, AuthnLayer, access::AccessTableBuilder, axum::assert_rows_reach_routes,
};

use crate::support::{Spy, TOKEN, ask, get};

fn rows() -> AccessTableBuilder {
    AccessTable::builder()
        .route(Method::GET, "/health", Access::Public)
        .route(Method::GET, "/api/users/{id}", Access::Authenticated)
        .route(Method::GET, "/api/health", Access::scope("resources"))
}

/// `/health` and, below `/api`, `/users/{id}` and `/health`.
fn routes(api: Router) -> Router {
    Router::new()
        .route("/health", route(|| async { "health" }))
        .nest("/api", api)
}

fn api() -> Router {
    Router::new()
        .route("/users/{id}", route(|| async { "user" }))
        .route("/health", route(|| async { "details" }))
}

fn nested(table: AccessTableBuilder) -> Router {
    let layer = AuthnLayer::new(Spy::default()).access(table.build().unwrap());
    routes(api().layer(layer))
}

async fn statuses(app: &Router, headers: &[(&str, &str)]) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (status, path) in statuses.iter_mut().zip(PATHS) {
        let request = get(path, headers).map(axum::body::Body::from);
        *status = ask(app, request).await.status().as_u16();
    }
    statuses
}

const PATHS: [&str; 4] = [
    "/api/users/1",
    "/api/health",
    "/api/health?x=1",
    "/api/none",
];

#[tokio::test]
async fn a_nested_table_with_the_original_uri_decides_by_the_complete_path() {
    let bearer = format!("Bearer {TOKEN}");
    let app =
        nested(rows().original_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri)));
    assert_eq!(statuses(&app, &[]).await, [401; 3]);
    let valid = [("authorization", bearer.as_str())];
    // The token has the scope `deployment` alone.
    assert_eq!(statuses(&app, &valid).await, [200, 403, 403]);
    // The function finds nothing outside `nest`, where the path is complete.
    let table = rows().original_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri));
    let layer = AuthnLayer::new(Spy::default()).access(table.build().unwrap());
    let outside = tower_authn::protect(routes(api()), layer);
    for (path, expected) in [
        ("/health", 200),
        ("/api/users/1", 401),
        ("/api/health", 401),
    ] {
        let request = get(path, &[]).map(axum::body::Body::from);
        assert_eq!(ask(&outside, request).await.status(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_nested_table_without_the_original_uri_does_not_find_its_complete_paths() {
    let bearer = format!("Bearer {TOKEN}");
    let valid = [("authorization", bearer.as_str())];
    let app = nested(AccessTable::builder().route(Method::GET, "/api/users/{id}", Access::Public));
    assert_eq!(statuses(&app, &[]).await, [401; 3]);
    assert_eq!(statuses(&app, &valid).await, [404; 3]);
    // The documented danger: the row of `/health` decides for `/api/health`.
    let app = nested(rows());
    assert_eq!(statuses(&app, &[]).await, [401, 200, 200]);
}

#[tokio::test]
async fn rows_that_reach_routes_pass() {
    let table = rows()
        .any("/files/{*path}", Access::Authenticated)
        .websocket("/socket", Access::Authenticated)
        .grpc_health()
        .build()
        .unwrap();
    let router = routes(api())
        // A handler may answer 404 itself, in other words than the fallback.
        .route(
            "/files/{*path}",
            axum::routing::post(|| async { (StatusCode::NOT_FOUND, "no file") }),
        )
        .route("/socket", route(|| async { StatusCode::UPGRADE_REQUIRED }));
    assert_rows_reach_routes(router.clone(), &table).await;
    // An answer that never ends does not keep the check waiting.
    let endless = || async {
        axum::body::Body::from_stream(tokio_stream::pending::<Result<String, std::io::Error>>())
    };
    let table = AccessTable::builder()
        .any("/events", Access::Public)
        .build()
        .unwrap();
    assert_rows_reach_routes(router.route("/events", route(endless)), &table).await;
}

#[tokio::test]
async fn rows_that_reach_no_route_are_named() {
    let expected = "rows that reach no route: DELETE /api/users/{id}, any /user/{id}, \
                    GET /socket, CONNECT /socket";
    for router in [
        routes(api()),
        routes(api()).fallback(|| async { "anything" }),
    ] {
        let check = tokio::spawn(async move {
            let table = rows()
                .route(Method::DELETE, "/api/users/{id}", Access::Authenticated)
                .any("/user/{id}", Access::Authenticated)
                .websocket("/socket", Access::Authenticated);
            assert_rows_reach_routes(router, &table.build().unwrap()).await;
        });
        let panic = check.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), expected);
    }
}

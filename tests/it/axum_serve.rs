//! A guarded router under `axum::serve`, with the layers that apps put around it.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, ServiceExt, extract::ConnectInfo, routing::get};
use http::{StatusCode, Version};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_authn::{Authenticated, AuthnLayer, protect};
use tower_http::{
    compression::CompressionLayer, cors::CorsLayer, timeout::TimeoutLayer, trace::TraceLayer,
};

use crate::support::{Answered, Spy, TOKEN, get as request, send};

fn router() -> Router {
    let whoami = async |Authenticated(caller): Authenticated| caller.subject().to_owned();
    Router::new().route("/whoami", get(whoami))
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn ask(addr: SocketAddr, path: &str, fields: &[(&'static str, &str)]) -> Answered {
    send(addr, Version::HTTP_11, request(path, fields)).await
}

#[tokio::test]
async fn a_router_is_served_with_layers_around_it_that_change_its_body() {
    let layers = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            Duration::from_secs(10),
        ))
        .layer(CorsLayer::permissive())
        .layer(AuthnLayer::new(Spy::default()));
    let app = protect(router(), layers);
    let (listener, addr) = listener().await;
    tokio::spawn(async move { axum::serve(listener, app.into_make_service()).await });

    let bearer = format!("Bearer {TOKEN}");
    let fields = [("authorization", bearer.as_str()), ("origin", "http://a")];
    let good = ask(addr, "/whoami", &fields).await;
    assert_eq!(
        (good.head.status, &*good.body),
        (StatusCode::OK, &b"ci"[..])
    );
    let refused = ask(addr, "/whoami", &fields[1..]).await;
    assert_eq!(refused.head.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.head.headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn a_handler_inside_the_layer_reads_the_address_of_the_connection() {
    let address = async |ConnectInfo(addr): ConnectInfo<SocketAddr>| addr.ip().to_string();
    let router: Router = Router::new().route("/", get(address));
    let app = protect(router, AuthnLayer::new(Spy::default())).with_axum_body();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let (listener, addr) = listener().await;
    tokio::spawn(async move { axum::serve(listener, app).await });

    let bearer = format!("Bearer {TOKEN}");
    let good = ask(addr, "/", &[("authorization", &bearer)]).await;
    assert_eq!(&*good.body, b"127.0.0.1");
}

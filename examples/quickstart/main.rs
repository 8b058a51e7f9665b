//! One layer for axum and tonic, on one port.
//!
//! ```text
//! cargo run --example quickstart --all-features
//! ```
//!
//! It prints a curl line and a Python line to try. `--user NAME:PASSWORD` accepts a
//! user too, as `curl -u` sends one. `--tls DIR` serves TLS with the certificates of a
//! directory, and makes them if they are missing.

#[path = "../common/bind.rs"]
mod bind;
mod credentials;
#[path = "../common/flags.rs"]
mod flags;
#[path = "../inference/mod.rs"]
mod inference;
#[path = "../common/serve.rs"]
mod serve;
#[path = "../common/snippets.rs"]
mod snippets;
mod try_it;

use std::{error::Error, path::Path, process::exit};

use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::Layer;
use tower_authn::{
    Access, AccessTable, Authenticated, AuthnLayer, ConfigError, layer::PublicRejection, protect,
};

use self::{
    flags::Flags,
    inference::{
        Model,
        v1::{FILE_DESCRIPTOR_SET, inference_server},
    },
};

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("quickstart: {error}");
        exit(2);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let known = ["--token TOKEN", "--user NAME:PASSWORD", "--tls DIR"];
    let flags = Flags::read("quickstart", &known);
    let token = credentials::token(flags.get("--token"))?;
    let verifier = credentials::verifier(&token, flags.get("--user"))?;
    let layer = AuthnLayer::new(verifier)
        .access(access()?)
        .respond(json_refusal);
    let app = protect(routes().await?, layer);

    let listener = bind::bind(&flags).await?;
    let address = listener.local_addr()?;
    let tls = flags.get("--tls").map(Path::new);
    let server = serve::serve(listener, tls, &[], app)?;
    println!("{}", try_it::lines(address, &token, tls));
    Ok(server.await?)
}

/// Returns the scope that each route and each gRPC method requires. All others are
/// denied.
fn access() -> Result<AccessTable, ConfigError> {
    let table = AccessTable::builder()
        .route(Method::GET, "/healthz", Access::Public)
        .route(Method::GET, "/whoami", Access::Authenticated)
        .route(Method::POST, "/generate", Access::scope("deployment"))
        .route(Method::POST, "/admin", Access::scope("resources"))
        .grpc_service(inference_server::SERVICE_NAME, Access::scope("deployment"))
        .grpc_health()
        .grpc_reflection()
        .build()?;
    table.check_services(&[inference_server::SERVICE_NAME])?;
    Ok(table)
}

fn json_refusal(refusal: &PublicRejection) -> Response {
    Json(json!({ "message": refusal.message() })).into_response()
}

/// Returns one router with the HTTP routes and the gRPC services.
async fn routes() -> Result<Router, Box<dyn Error>> {
    let http = Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/whoami", get(whoami))
        .route("/generate", post(generate))
        .route("/admin", post(async || Json(json!({ "message": "done" }))));

    let inference = inference_server::InferenceServer::new(Model);
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter
        .set_serving::<inference_server::InferenceServer<Model>>()
        .await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // GrpcWebLayer belongs around the gRPC services alone, since it refuses every other
    // request over HTTP/1.1. It also belongs inside AuthnLayer, which answers gRPC-Web
    // clients in their own form.
    let web = GrpcWebLayer::new();
    let routes = Routes::from(http)
        .add_service(web.layer(inference))
        .add_service(web.layer(health))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(routes.into_axum_router())
}

async fn whoami(Authenticated(caller): Authenticated) -> Json<Value> {
    let scopes: Vec<&str> = caller.scopes().iter().map(|s| s.as_str()).collect();
    Json(json!({ "subject": caller.subject(), "scopes": scopes }))
}

#[derive(Deserialize)]
struct Generate {
    prompt: String,
    #[serde(default = "default_max_length")]
    max_length: u32,
}

fn default_max_length() -> u32 {
    inference::MAX_LENGTH
}

async fn generate(Json(request): Json<Generate>) -> Json<Value> {
    let text = inference::generate(&request.prompt, request.max_length);
    Json(json!({ "text": text }))
}

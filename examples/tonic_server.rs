//! A tonic server with two services, guarded by one layer with a scope for each method.
//! With `--interceptor`, an interceptor guards one service.
//!
//! ```text
//! cargo run --example tonic_server --all-features
//! grpcurl -plaintext 127.0.0.1:3000 list
//! grpcurl -plaintext -H "authorization: Bearer 9cLqJTbYzVvZyXHn" \
//!     -d '{"prompt": "hi"}' 127.0.0.1:3000 inference.v1.Inference/Generate
//! grpcurl -plaintext -H "authorization: Bearer kV0rXyRzNnMm3f7q" \
//!     -d '{"model": "llama"}' 127.0.0.1:3000 admin.v1.Admin/Load
//! ```
//!
//! The first token lacks the scopes of `GenerateStream` and `Admin`.

mod admin;
mod common;
mod inference;

use tonic::transport::{Server, server::TcpIncoming};
use tower_authn::{Access, AccessTable, AuthnInterceptor, AuthnLayer, verifier::FixedTokens};

use self::{
    admin::{Operator, v1::admin_server::AdminServer},
    inference::{Model, v1::inference_server::InferenceServer},
};

const INFERENCE: &str = inference::v1::inference_server::SERVICE_NAME;
const ADMIN: &str = admin::v1::admin_server::SERVICE_NAME;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("tonic_server", &["--interceptor"]);
    let tokens = FixedTokens::parse(
        "9cLqJTbYzVvZyXHn  ci       deployment:unary
         kV0rXyRzNnMm3f7q  gateway  deployment resources",
    )?;

    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<InferenceServer<Model>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(inference::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(admin::v1::FILE_DESCRIPTOR_SET)
        .build_v1()?;

    let incoming = TcpIncoming::from(common::listen(&flags).await?);
    if flags.get("--interceptor").is_some() {
        // An interceptor does not see the method, so one rule covers the service.
        let guard = AuthnInterceptor::new(tokens);
        let server = Server::builder()
            .add_service(InferenceServer::with_interceptor(Model, guard))
            .add_service(health)
            .add_service(reflection);
        return Ok(server
            .serve_with_incoming_shutdown(incoming, common::stop())
            .await?);
    }
    let access = AccessTable::builder()
        .grpc(INFERENCE, "Generate", Access::scope("deployment:unary"))
        .grpc(
            INFERENCE,
            "GenerateStream",
            Access::scope("deployment:stream"),
        )
        .grpc_service(ADMIN, Access::scope("resources"))
        .grpc_health()
        .grpc_reflection()
        .build()?;
    access.check_services(&[INFERENCE, ADMIN])?;
    let server = Server::builder()
        .layer(AuthnLayer::new(tokens).access(access))
        .add_service(InferenceServer::new(Model))
        .add_service(AdminServer::new(Operator))
        .add_service(health)
        .add_service(reflection);
    Ok(server
        .serve_with_incoming_shutdown(incoming, common::stop())
        .await?)
}

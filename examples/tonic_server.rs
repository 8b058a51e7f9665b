//! A tonic server, guarded by a layer with rights for each method; and, with
//! `--interceptor`, by an interceptor on one service.
//!
//! ```text
//! cargo run --example tonic_server --all-features
//! grpcurl -plaintext 127.0.0.1:3000 list
//! grpcurl -plaintext -H "authorization: Bearer 9cLqJTbYzVvZyXHn" \
//!     -d '{"prompt": "hi"}' 127.0.0.1:3000 inference.v1.Inference/Generate
//! ```
//!
//! `GenerateStream` needs a scope that this token lacks; `kV0rXyRzNnMm3f7q` has it.

mod common;
mod inference;

use tonic::transport::{Server, server::TcpIncoming};
use tower_authn::{Access, AccessTable, AuthnInterceptor, AuthnLayer, verifier::FixedTokens};

use self::inference::{
    Model,
    v1::{FILE_DESCRIPTOR_SET, inference_server::InferenceServer, inference_server::SERVICE_NAME},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("tonic_server", &["--interceptor"]);
    let tokens = FixedTokens::parse(
        "9cLqJTbYzVvZyXHn  ci       deployment:unary
         kV0rXyRzNnMm3f7q  gateway  deployment",
    )?;

    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<InferenceServer<Model>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()?;

    let incoming = TcpIncoming::from(common::listen(&flags).await?);
    if flags.get("--interceptor").is_some() {
        // Guards one service, and sees no method: one rule for all of them.
        let interceptor = AuthnInterceptor::new(tokens);
        let inference = InferenceServer::with_interceptor(Model, interceptor);
        let server = Server::builder().add_service(inference);
        let server = server.add_service(health).add_service(reflection);
        server
            .serve_with_incoming_shutdown(incoming, common::stop())
            .await?;
    } else {
        // Guards whatever the server serves, by method.
        let access = AccessTable::builder()
            .grpc(SERVICE_NAME, "Generate", Access::scope("deployment:unary"))
            .grpc(
                SERVICE_NAME,
                "GenerateStream",
                Access::scope("deployment:stream"),
            )
            .grpc_health()
            .grpc_reflection()
            .build()?;
        access.check_services(&[SERVICE_NAME])?;
        let mut server = Server::builder().layer(AuthnLayer::new(tokens).access(access));
        let server = server.add_service(InferenceServer::new(Model));
        let server = server.add_service(health).add_service(reflection);
        server
            .serve_with_incoming_shutdown(incoming, common::stop())
            .await?;
    }
    Ok(())
}

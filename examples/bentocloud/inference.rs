//! The apps over gRPC and gRPC-Web, with health and reflection.

use std::{error::Error, pin::Pin, time::Duration};

use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, service::Routes};
use tonic_web::GrpcWebLayer;
use tower::Layer;
use tower_authn::{Principal, layer::ValidityLayer};

use crate::{
    model::{
        Model,
        v1::{
            FILE_DESCRIPTOR_SET, GenerateRequest, GenerateResponse,
            inference_server::{Inference, InferenceServer, SERVICE_NAME},
        },
    },
    resolve::{Closed, Requested},
};

/// The service with a deployment in its metadata.
pub(crate) const SERVICE: &str = SERVICE_NAME;

/// The names of all services.
pub(crate) const SERVICES: &[&str] = &[
    SERVICE,
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// The time of the model for a word.
const PAUSE: Duration = Duration::from_millis(50);

/// Adds the services to the routes.
pub(crate) async fn add_to(routes: Routes) -> Result<Routes, Box<dyn Error>> {
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<InferenceServer<Apps>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let web = GrpcWebLayer::new();
    let inference = ValidityLayer::new().layer(InferenceServer::new(Apps));
    Ok(routes
        .add_service(web.layer(inference))
        .add_service(web.layer(health))
        .add_service(web.layer(reflection().build_v1()?))
        .add_service(web.layer(reflection().build_v1alpha()?)))
}

/// The service of all deployments, which share one model.
struct Apps;

impl Apps {
    /// Returns an error if the caller may not use the requested deployment.
    fn check(request: &Request<GenerateRequest>) -> Result<(), Closed> {
        let extensions = request.extensions();
        let requested = extensions.get::<Requested>().ok_or(Closed::NotFound)?;
        requested.open_to(extensions.get::<Principal>()).map(drop)
    }
}

#[tonic::async_trait]
impl Inference for Apps {
    type GenerateStreamStream =
        Pin<Box<dyn Stream<Item = Result<GenerateResponse, Status>> + Send>>;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<GenerateResponse>, Status> {
        Self::check(&request)?;
        Model.generate(request).await
    }

    async fn generate_stream(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStreamStream>, Status> {
        Self::check(&request)?;
        let words = Model.generate_stream(request).await?;
        Ok(words.map(|words| Box::pin(words.throttle(PAUSE)) as Self::GenerateStreamStream))
    }
}

impl From<Closed> for Status {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Ambiguous => Self::invalid_argument("the call names more than one deployment"),
            Closed::Forbidden => Self::permission_denied("insufficient permissions"),
            Closed::NotFound => Self::not_found("there is none of this name"),
            Closed::Unavailable => Self::unavailable("the store can't be reached"),
        }
    }
}

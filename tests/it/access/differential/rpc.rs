//! A gRPC service that reports the id of the method that was called.

use axum::Router;
use tokio_stream::{Iter, iter};
use tonic::{Request, Response, Status, service::Routes};

use self::v1::{
    GenerateRequest, GenerateResponse,
    inference_server::{Inference, InferenceServer},
};

#[expect(unused_qualifications, reason = "generated")]
mod v1 {
    include!("../../../../examples/inference/inference.v1.rs");
}

pub const SERVICE: &str = v1::inference_server::SERVICE_NAME;
pub const METHODS: [&str; 2] = ["Generate", "GenerateStream"];

/// Its methods' places in the list of routes.
struct Reports([usize; 2]);

fn marked<T>(message: T, id: usize) -> Response<T> {
    let mut response = Response::new(message);
    let id = id.to_string().parse().unwrap();
    response.metadata_mut().insert("x-route", id);
    response
}

#[tonic::async_trait]
impl Inference for Reports {
    type GenerateStreamStream = Iter<std::vec::IntoIter<Result<GenerateResponse, Status>>>;

    async fn generate(
        &self,
        _: Request<GenerateRequest>,
    ) -> Result<Response<GenerateResponse>, Status> {
        Ok(marked(GenerateResponse::default(), self.0[0]))
    }

    async fn generate_stream(
        &self,
        _: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStreamStream>, Status> {
        Ok(marked(iter(Vec::new()), self.0[1]))
    }
}

/// Adds the service to a router as tonic's own server does.
pub fn add(router: Router, ids: [usize; 2]) -> Router {
    let service = InferenceServer::new(Reports(ids));
    Routes::from(router).add_service(service).into_axum_router()
}

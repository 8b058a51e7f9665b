//! The second service of `tonic_server`.

use tonic::{Request, Response, Status};
use tower_authn::{Principal, grpc::RequestExt};

use self::v1::{LoadRequest, LoadResponse, admin_server::Admin};

/// Generated from `admin.proto`, which a test compares.
#[expect(unreachable_pub, unused_qualifications, reason = "generated")]
pub(crate) mod v1 {
    include!("admin.v1.rs");

    /// The descriptors for reflection.
    pub(crate) const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("admin.v1.bin");
}

pub(crate) struct Operator;

#[tonic::async_trait]
impl Admin for Operator {
    async fn load(&self, request: Request<LoadRequest>) -> Result<Response<LoadResponse>, Status> {
        let caller: &Principal = request.principal()?;
        let loaded_by = caller.subject().to_owned();
        Ok(Response::new(LoadResponse { loaded_by }))
    }
}

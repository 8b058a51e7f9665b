//! The service that the examples guard: a model with the same text for the same prompt.

use tokio_stream::{Iter, iter};
use tonic::{Request, Response, Status};

use self::v1::{GenerateRequest, GenerateResponse, inference_server::Inference};

/// Generated from `inference.proto`, which a test compares.
#[expect(unreachable_pub, unused_qualifications, reason = "generated")]
pub(crate) mod v1 {
    include!("inference.v1.rs");

    /// The descriptors for reflection.
    pub(crate) const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("inference.v1.bin");
}

/// The default length of a text, in characters.
pub(crate) const MAX_LENGTH: u32 = 100;

/// Returns an answer to a prompt, in at most `max_length` characters.
pub(crate) fn generate(prompt: &str, max_length: u32) -> String {
    let text = format!("You asked: {prompt}");
    text.chars().take(max_length as usize).collect()
}

pub(crate) struct Model;

impl Model {
    fn answer(request: Request<GenerateRequest>) -> String {
        let GenerateRequest { prompt, max_length } = request.into_inner();
        match max_length {
            0 => generate(&prompt, MAX_LENGTH),
            max_length => generate(&prompt, max_length),
        }
    }
}

#[tonic::async_trait]
impl Inference for Model {
    type GenerateStreamStream = Iter<std::vec::IntoIter<Result<GenerateResponse, Status>>>;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<GenerateResponse>, Status> {
        let text = Self::answer(request);
        Ok(Response::new(GenerateResponse { text }))
    }

    async fn generate_stream(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStreamStream>, Status> {
        let words: Vec<_> = Self::answer(request)
            .split_inclusive(' ')
            .map(|word| {
                Ok(GenerateResponse {
                    text: word.to_owned(),
                })
            })
            .collect();
        Ok(Response::new(iter(words)))
    }
}

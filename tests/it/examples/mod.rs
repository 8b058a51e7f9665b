//! Every example, started as a process and called by a client.

#![cfg(feature = "full")]

mod flags;
mod grpc;
mod mcp;
mod newcomers;
mod rules;
mod servers;
mod small;

use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio_stream::StreamExt;
use tonic::{Code, Status, transport::Channel};

use v1::{GenerateRequest, inference_client::InferenceClient};

#[expect(unused_qualifications, reason = "generated")]
mod v1 {
    include!("../../../examples/inference/inference.v1.rs");
}

/// Two tokens of the examples, the second with more rights.
const TOKEN: &str = "9cLqJTbYzVvZyXHn";
const STRONGER: &str = "kV0rXyRzNnMm3f7q";

/// A running example. It is killed when it is dropped.
pub struct Example {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub url: String,
}

impl Example {
    /// Starts an example on a free port, and waits until it listens.
    pub fn start(name: &str, flags: &[&str]) -> Self {
        Self::start_with(name, flags, |_| {})
    }

    /// Starts an example, as [`start`](Self::start) does, with a changed command.
    fn start_with(name: &str, flags: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(name);
        command.args(["--listen", "127.0.0.1:0"]).args(flags);
        change(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url = first.trim().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("{name} began with {first:?}"));
        Self {
            url: url.to_owned(),
            child,
            stdout,
        }
    }

    /// Reads the next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads the next line, and returns the token in it.
    pub fn token(&mut self) -> String {
        let line = self.line();
        let token = line.strip_prefix("token ");
        token
            .unwrap_or_else(|| panic!("no token in {line:?}"))
            .to_owned()
    }

    /// Stops it with a signal, and returns its exit status and the rest of its output.
    pub fn end(mut self, signal: &str) -> (ExitStatus, String) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        let since = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => sleep(Duration::from_millis(10)),
            }
            assert!(since.elapsed() < Duration::from_secs(30), "it did not end");
        };
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (status, rest)
    }

    fn ends_clean(self, signal: &str) {
        let (status, _) = self.end(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
    }

    /// Sends a request, and returns the status and the body of the response.
    async fn ask(&self, method: &str, path: &str, authorization: &str) -> (u16, String) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let body = Full::new(Bytes::from_static(br#"{"prompt": "hi"}"#));
        let response = client.request(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn address(&self) -> SocketAddr {
        let (_, address) = self.url.split_once("://").unwrap();
        address.parse().unwrap()
    }

    async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(self.url.clone()).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn generate(&self, token: &str) -> Result<String, Status> {
        let mut client = InferenceClient::new(self.channel().await);
        let response = client.generate(prompt(token)).await?;
        Ok(response.into_inner().text)
    }

    async fn generate_stream(&self, token: &str) -> Result<Vec<String>, Status> {
        let mut client = InferenceClient::new(self.channel().await);
        let stream = client.generate_stream(prompt(token)).await?.into_inner();
        stream.map(|part| Ok(part?.text)).collect().await
    }

    /// Asserts that the health service answers without a credential.
    async fn assert_healthy(&self) {
        use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

        let service = "inference.v1.Inference".to_owned();
        let check = HealthCheckRequest { service };
        let mut client = HealthClient::new(self.channel().await);
        let status = client.check(check).await.unwrap().into_inner().status;
        assert_eq!(status, 1, "SERVING");
    }

    /// Asserts that reflection lists the service without a credential.
    async fn assert_reflection(&self) {
        use tonic_reflection::pb::v1::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest,
        };

        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(self.channel().await);
        let requests = tokio_stream::once(request);
        let answers = client.server_reflection_info(requests).await.unwrap();
        let answer = answers.into_inner().next().await.unwrap().unwrap();
        let names = format!("{answer:?}");
        assert!(names.contains("inference.v1.Inference"), "{names}");
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a command that runs an example. Cargo puts its program next to the test's.
fn command(name: &str) -> Command {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{name} is not built; `cargo test --test it` builds no examples: `cargo build --examples --all-features` does"
    );
    Command::new(program)
}

fn prompt(token: &str) -> tonic::Request<GenerateRequest> {
    let prompt = "a b".to_owned();
    let max_length = 0;
    authorize(
        tonic::Request::new(GenerateRequest { prompt, max_length }),
        token,
    )
}

/// Adds a token to a call, unless it is empty.
fn authorize<T>(mut request: tonic::Request<T>, token: &str) -> tonic::Request<T> {
    if !token.is_empty() {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// Returns the code and the message of a refused call.
fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

fn missing() -> (Code, String) {
    let message = "a credential is required".to_owned();
    (Code::Unauthenticated, message)
}

fn invalid() -> (Code, String) {
    let message = "the credential is not valid".to_owned();
    (Code::Unauthenticated, message)
}

//! The `bentocloud` example, called by clients.

#![cfg(feature = "full")]

mod api_tokens;
mod asking;
mod cli;
mod clients;
mod crash;
mod durable;
mod endpoint;
mod hosts;
mod left_out;
mod lines;
mod newcomer;
mod page;
mod pages;
mod paths;
mod rights;
mod switching;
mod table;
mod targets;

use std::{net::SocketAddr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    examples::Example,
    support::{Answered, open, send},
};

/// The first administrator's token, which has both scopes and does not expire.
pub const ADMIN: &str = "admin-9cLqJTbYzVvZyXHn.0123456789";

/// The path of the management API.
pub const TOKENS: &str = "/manage/tokens";

/// A running server.
pub struct Cloud {
    pub app: Example,
    pub address: SocketAddr,
}

impl Cloud {
    /// Starts a server with a store in memory.
    pub fn start() -> Self {
        Self::with(&["--store", "memory:"])
    }

    pub fn with(flags: &[&str]) -> Self {
        let flags = [&["--admin-token", ADMIN], flags].concat();
        let app = Example::start("bentocloud", &flags);
        let (_, address) = app.url.split_once("://").unwrap();
        let address = address.parse().unwrap();
        Self { app, address }
    }

    /// Sends a call of the administrator, and returns the answer. The call must succeed.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let call = Call::new(method, path).token(ADMIN).json(&body);
        let answer = call.send(self.address).await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(answer.head.status.is_success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Makes a deployment `public` or `protected`.
    pub async fn switch(&self, deployment: &str, access: &str) {
        let path = format!("/api/v1/deployments/{deployment}");
        let change = json!({ "access": access });
        self.admin("PATCH", &path, change).await;
    }

    /// Creates a token, and returns its id and its secret.
    pub async fn create(&self, draft: Value) -> (String, String) {
        let made = self.admin("POST", TOKENS, draft).await;
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Creates a token with scopes that does not expire, and returns its secret.
    pub async fn token(&self, scopes: &[&str]) -> String {
        self.create(json!({ "scopes": scopes, "expires_at": null }))
            .await
            .1
    }

    pub async fn revoke(&self, id: &str) {
        let path = format!("{TOKENS}/{id}/revoke");
        self.admin("POST", &path, json!({})).await;
    }

    /// Returns tokens with these scopes that are no longer valid, and one that never was,
    /// each with the reason.
    pub async fn invalid_tokens(&self, scopes: &[&str]) -> [(&'static str, String); 4] {
        let soon = Timestamp::now() + Duration::from_secs(2);
        let expiring = json!({ "scopes": scopes, "expires_at": soon });
        let (_, expired) = self.create(expiring).await;
        let (revoked_id, revoked) = self.create(json!({ "scopes": scopes })).await;
        let (suspended_id, suspended) = self.create(json!({ "scopes": scopes })).await;
        for token in [&expired, &revoked, &suspended] {
            let whoami = Call::new("GET", "/manage/whoami").token(token);
            assert_eq!(whoami.status(self.address).await, 200, "good so far");
        }
        self.revoke(&revoked_id).await;
        let suspend = format!("{TOKENS}/{suspended_id}/suspend");
        self.admin("POST", &suspend, json!({})).await;
        sleep(Duration::from_millis(2_100)).await;
        let made_up = format!("{}0", &revoked[..revoked.len() - 1]);
        [
            ("expired", expired),
            ("revoked", revoked),
            ("suspended", suspended),
            ("made up", made_up),
        ]
    }
}

/// A request under construction.
#[derive(Clone)]
pub struct Call {
    version: Version,
    head: http::request::Parts,
    body: Vec<u8>,
}

impl Call {
    pub fn new(method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path);
        let (head, ()) = request.body(()).unwrap().into_parts();
        Self {
            version: Version::HTTP_11,
            head,
            body: Vec::new(),
        }
    }

    /// Creates a call with a prompt, over gRPC or gRPC-Web.
    pub fn grpc(kind: &str, method: &str, prompt: &str) -> Self {
        let length = u8::try_from(prompt.len()).unwrap();
        assert!(length < 122, "one byte is enough for each length");
        let mut body = vec![0, 0, 0, 0, length + 4, 0x0a, length];
        body.extend(prompt.bytes());
        // `max_length`: 127 characters.
        body.extend([0x10, 0x7f]);
        if kind.contains("-text") {
            body = STANDARD.encode(body).into_bytes();
        }
        let version = match kind.contains("web") {
            true => Version::HTTP_11,
            false => Version::HTTP_2,
        };
        let path = format!("/inference.v1.Inference/{method}");
        let call = Self::new("POST", &path).version(version);
        call.header("accept", kind).body(kind, body)
    }

    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.head.headers.append(name, value.parse().unwrap());
        self
    }

    /// Sets the host: `:authority` over HTTP/2, and `Host` over HTTP/1.1.
    pub fn host(self, host: &str) -> Self {
        self.header("host", host)
    }

    /// Adds a token, unless it is empty.
    pub fn token(self, token: &str) -> Self {
        match token {
            "" => self,
            token => self.header("authorization", &format!("Bearer {token}")),
        }
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub async fn send(self, address: SocketAddr) -> Answered {
        send(address, self.version, self.request()).await
    }

    /// Sends the request, and returns the answer before its body is read.
    pub async fn open(self, address: SocketAddr) -> Response<Incoming> {
        open(address, self.version, self.request()).await
    }

    pub async fn status(self, address: SocketAddr) -> u16 {
        self.send(address).await.head.status.as_u16()
    }

    fn request(self) -> Request<Full<Bytes>> {
        Request::from_parts(self.head, Full::new(self.body.into()))
    }
}

/// Returns the status without a token, and with the administrator's.
pub async fn ask(cloud: &Cloud, call: Call) -> (u16, u16) {
    let stranger = call.clone().status(cloud.address).await;
    (stranger, call.token(ADMIN).status(cloud.address).await)
}

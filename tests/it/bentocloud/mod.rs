//! The reference system, called from outside.

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

/// The first administrator's token: both scopes, no end.
pub const ADMIN: &str = "admin-9cLqJTbYzVvZyXHn.0123456789";

/// Where the tokens are managed.
pub const TOKENS: &str = "/manage/tokens";

/// A cloud of its own for each test.
pub struct Cloud {
    pub app: Example,
    pub address: SocketAddr,
}

impl Cloud {
    /// One that keeps nothing.
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

    /// What the administrator is answered, who is never refused.
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

    /// Makes a token, and gives its id and its secret.
    pub async fn make(&self, draft: Value) -> (String, String) {
        let made = self.admin("POST", TOKENS, draft).await;
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Makes a token with these scopes and no end, and gives its secret.
    pub async fn token(&self, scopes: &[&str]) -> String {
        self.make(json!({ "scopes": scopes, "expires_at": null }))
            .await
            .1
    }

    pub async fn revoke(&self, id: &str) {
        let path = format!("{TOKENS}/{id}/revoke");
        self.admin("POST", &path, json!({})).await;
    }

    /// Tokens with these scopes that were good and are so no longer, and one
    /// that never was, each with why.
    pub async fn dead(&self, scopes: &[&str]) -> [(&'static str, String); 4] {
        let soon = Timestamp::now() + Duration::from_secs(2);
        let expiring = json!({ "scopes": scopes, "expires_at": soon });
        let (_, expired) = self.make(expiring).await;
        let (revoked_id, revoked) = self.make(json!({ "scopes": scopes })).await;
        let (suspended_id, suspended) = self.make(json!({ "scopes": scopes })).await;
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

/// A request that is being written.
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

    /// A call with a prompt, over gRPC or gRPC-Web.
    pub fn grpc(kind: &str, method: &str, prompt: &str) -> Self {
        let length = u8::try_from(prompt.len()).unwrap();
        assert!(length < 122, "one byte is enough for each length");
        let mut body = vec![0, 0, 0, 0, length + 4, 0x0a, length];
        body.extend(prompt.bytes());
        // The answer has at most 127 characters.
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

    /// Sends it to this host: `:authority` over HTTP/2, `Host` over HTTP/1.1.
    pub fn at(self, host: &str) -> Self {
        self.header("host", host)
    }

    /// No header at all for an empty one.
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

    /// The answer, with a body that is still to be read.
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

/// The status for nobody, and for a token that may do everything.
pub async fn ask(cloud: &Cloud, call: Call) -> (u16, u16) {
    let nobody = call.clone().status(cloud.address).await;
    (nobody, call.token(ADMIN).status(cloud.address).await)
}

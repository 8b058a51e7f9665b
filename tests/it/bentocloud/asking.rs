//! Sends the request of a row of the table.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Version;
use http_body_util::BodyExt;
use serde_json::json;

use super::{ADMIN, Call, Cloud, table::Row};

impl Row {
    /// Restores what an earlier request deleted, and returns the path.
    async fn prepare(&self, cloud: &Cloud) -> String {
        if self.method == "DELETE" || self.body.contains("elsewhere") {
            for path in ["/api/v1/models/m", "/api/v1/bentos/m"] {
                let put = Call::new("PUT", path)
                    .token(ADMIN)
                    .body("text/plain", "content");
                assert_eq!(put.status(cloud.address).await, 200);
            }
            let gone = Call::new("DELETE", "/api/v1/deployments/elsewhere");
            gone.token(ADMIN).status(cloud.address).await;
            let demo = Call::new("POST", "/api/v1/deployments").token(ADMIN);
            let demo = demo.json(&json!({ "name": "demo" }));
            demo.status(cloud.address).await;
        }
        let filled = match self.of {
            "ID" => {
                let draft = json!({ "scopes": ["resources:access"], "targets": ["demo"] });
                cloud.create(draft).await.0
            }
            "ID of all" => {
                cloud
                    .create(json!({ "scopes": ["resources:access"] }))
                    .await
                    .0
            }
            of => of.to_owned(),
        };
        match (self.path.find('{'), self.path.find('}')) {
            (Some(open), Some(close)) => {
                let (before, after) = (&self.path[..open], &self.path[close + 1..]);
                format!("{before}{filled}{after}")
            }
            _ => self.path.to_owned(),
        }
    }

    /// Sends the request, and returns its status, which is 200 for every success.
    pub async fn status(&self, cloud: &Cloud, method: &str, version: Version, token: &str) -> u16 {
        let path = self.prepare(cloud).await;
        let call = Call::new(method, &path).version(version).token(token);
        let call = match (self.body, self.body.as_bytes().first()) {
            ("", _) => call,
            (json, Some(b'{')) => call.body("application/json", json),
            (form, _) if form.contains('=') => call.body("application/x-www-form-urlencoded", form),
            (file, _) => call.body("application/octet-stream", file),
        };
        let status = call.send(cloud.address).await.head.status;
        match status.is_success() {
            true => 200,
            false => status.as_u16(),
        }
    }

    /// Sends the gRPC call, and returns the HTTP status for its code.
    pub async fn grpc_status(&self, cloud: &Cloud, kind: &str, token: &str) -> u16 {
        // One message: an empty prompt or service, or a question to reflection.
        let mut body = b"\0\0\0\0\x02\x3a\0".to_vec();
        if kind.contains("-text") {
            body = STANDARD.encode(body).into_bytes();
        }
        let mut call = Call::new("POST", self.path).token(token).body(kind, body);
        if !kind.contains("web") {
            call = call.version(Version::HTTP_2);
        }
        if !self.of.is_empty() {
            call = call.header("x-deployment", self.of);
        }
        match call.header("accept", kind).grpc_code(cloud.address).await {
            0 => 200,
            5 => 404,
            7 => 403,
            16 => 401,
            other => panic!("{} came to {other}", self.path),
        }
    }
}

impl Call {
    /// Sends a gRPC or gRPC-Web call, and returns its code. A message means success, since
    /// some streams continue after it.
    pub async fn grpc_code(self, address: SocketAddr) -> u16 {
        let text = self.head.headers["accept"]
            .to_str()
            .unwrap()
            .contains("-text");
        let answer = self.open(address).await;
        assert_eq!(answer.status(), 200, "not a gRPC answer");
        let (head, mut body) = answer.into_parts();
        let mut code = head.headers.get("grpc-status").map(as_text);
        while code.is_none() {
            code = match body.frame().await.unwrap().unwrap().into_data() {
                Ok(data) if data.is_empty() => None,
                Ok(data) if text => Some(web_code(&STANDARD.decode(data).unwrap().into())),
                Ok(data) => Some(web_code(&data)),
                Err(frame) => frame
                    .trailers_ref()
                    .unwrap()
                    .get("grpc-status")
                    .map(as_text),
            };
        }
        code.unwrap().parse().unwrap()
    }
}

fn as_text(code: &http::HeaderValue) -> String {
    code.to_str().unwrap().to_owned()
}

/// A frame with the highest bit set holds the trailers of gRPC-Web.
fn web_code(frame: &Bytes) -> String {
    if frame[0] & 0x80 == 0 {
        return "0".to_owned();
    }
    let trailers = String::from_utf8_lossy(&frame[5..]).into_owned();
    let mut lines = trailers.lines();
    let code = lines.find_map(|line| line.strip_prefix("grpc-status:"));
    code.unwrap().trim().to_owned()
}

//! The admin API, called as a program calls it.

#![cfg(feature = "full")]

mod guards;
mod inputs;
mod lifecycle;
mod oauth;
mod openapi;
mod operations;
mod organizations;
mod pages;
mod paths;
mod rights;
mod sessions;
mod texts;
mod unread;

use std::time::Duration;

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use tower_authn::{
    manage::TokenAdmin,
    store::{MemoryStore, TokenStore},
    tokens::{CreatedToken, NewToken, Tokens},
};

use crate::tokens::ManualClock;

/// The time at which the tests begin, in seconds.
pub const NOW: u64 = 1_800_000_000;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The nested routes, over tokens with a clock that the test sets.
struct App {
    tokens: Tokens,
    routes: Router,
    hands: ManualClock,
}

impl App {
    async fn new() -> Self {
        Self::over(MemoryStore::new()).await
    }

    async fn over(store: impl TokenStore) -> Self {
        let hands = ManualClock::at(NOW);
        let options = hands.options();
        let options = options.known_scopes(["resources", "deployment"]).unwrap();
        let options = options.flush_every(Duration::from_millis(100));
        let tokens = Tokens::open(store, options).await.unwrap();
        let manage = TokenAdmin::new(tokens.clone());
        let routes = Router::new().nest("/manage", manage.routes());
        Self {
            tokens,
            routes,
            hands,
        }
    }

    async fn make(&self, token: NewToken) -> CreatedToken {
        self.tokens.create(token).await.unwrap()
    }

    /// Creates a manager without an organization, with all scopes.
    async fn root(&self) -> CreatedToken {
        let root = NewToken::new("root").scopes(["resources", "deployment"]);
        self.make(root.never_expires()).await
    }

    /// Creates a manager of an organization with all scopes.
    async fn manager(&self, organization: &str) -> CreatedToken {
        let manager = NewToken::new("mary").scopes(["resources", "deployment"]);
        self.make(manager.organization(organization)).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let head = request.method() == Method::HEAD;
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let answer = Answer::of(response).await;
        if answer.status >= 400 && !head {
            answer.check_problem();
        }
        answer
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(request("GET", path, token, "", "")).await
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        let body = body.to_string();
        self.send(request("POST", path, token, JSON, &body)).await
    }

    async fn patch(&self, path: &str, token: &str, body: Value) -> Answer {
        let body = body.to_string();
        self.send(request("PATCH", path, token, JSON, &body)).await
    }

    async fn form(&self, path: &str, token: &str, body: &str) -> Answer {
        self.send(request("POST", path, token, FORM, body)).await
    }
}

/// Builds a request; an empty token or media type is left out.
fn request(method: &str, path: &str, token: &str, kind: &str, body: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/manage{path}"));
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// A response, with the checks that hold for all.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: http::Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let answer = Self {
            status: head.status.as_u16(),
            headers: head.headers,
            text,
        };
        assert_eq!(answer.headers["cache-control"], "no-store", "{answer:?}");
        answer
    }

    /// Checks RFC 9457 §3.1, and the headers that belong to a status.
    fn check_problem(&self) {
        let status = StatusCode::from_u16(self.status).unwrap();
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["title"], status.canonical_reason().unwrap());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        let has = |name| self.headers.contains_key(name);
        assert_eq!(
            has("www-authenticate"),
            status == 401 || has_challenge(self)
        );
        assert_eq!(has("retry-after"), status == 503, "{self:?}");
        assert_eq!(has("allow"), status == 405, "{self:?}");
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The status, and the field at fault.
    fn fault(&self) -> (u16, String) {
        let field = self.json()["field"].as_str().unwrap_or_default().to_owned();
        (self.status, field)
    }

    /// The body of a successful response.
    fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }
}

/// Returns whether a 403 comes from the layer, which names the missing scope; one of
/// an operation names a field.
fn has_challenge(answer: &Answer) -> bool {
    answer.status == 403 && answer.json()["field"].is_null()
}

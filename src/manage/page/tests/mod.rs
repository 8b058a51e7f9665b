//! The page's routes, called as a browser calls them.

mod cookies;
mod responses;
mod session_layer;
mod sessions;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode, header::SET_COOKIE};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::{
    manage::TokenAdmin,
    store::MemoryStore,
    token::Timestamp,
    tokens::{CreatedToken, NewToken, Tokens, TokensOptions},
};

const ORIGIN: &str = "http://localhost:3000";

/// The time at which the tests begin, in seconds.
const BEGIN: u64 = 1_800_000_000;

struct Page {
    tokens: Tokens,
    /// The seconds since `BEGIN`.
    elapsed: Arc<AtomicU64>,
    routes: Router,
}

struct Answer {
    status: StatusCode,
    set_cookies: Vec<String>,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Answer {
    /// The cookie of the response, as a browser sends it.
    fn cookie(&self) -> String {
        let [set] = &self.set_cookies[..] else {
            panic!("{:?}", self.set_cookies)
        };
        set.split(';').next().unwrap().to_owned()
    }

    fn caller(&self) -> Option<&str> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body["caller"]["subject"].as_str()
    }
}

impl Page {
    async fn new(configure: impl Fn(TokenAdmin) -> TokenAdmin) -> Self {
        let elapsed = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&elapsed);
        let clock = move || Timestamp::from_secs(BEGIN + seconds.load(Ordering::Relaxed));
        let options = TokensOptions::new("acme").unwrap().clock(clock);
        let tokens = Tokens::open(MemoryStore::new(), options).await.unwrap();
        let admin = TokenAdmin::new(tokens.clone())
            .cookie_name("tower-authn")
            .unwrap();
        let routes = configure(admin).page();
        Self {
            tokens,
            elapsed,
            routes,
        }
    }

    fn at(&self, seconds: u64) {
        self.elapsed.store(seconds, Ordering::Relaxed);
    }

    async fn token(&self) -> CreatedToken {
        let token = NewToken::new("alice").scopes(["resources"]);
        self.tokens.create(token.never_expires()).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("host", "localhost:3000");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let request = request.body(Body::empty()).unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let set_cookies = head.headers.get_all(SET_COOKIE).iter();
        Answer {
            status: head.status,
            set_cookies: set_cookies
                .map(|value| value.to_str().unwrap().to_owned())
                .collect(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
            headers: head.headers,
        }
    }

    /// Signs in with further headers of a browser.
    async fn sign_in(&self, credential: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("authorization", credential)];
        all.extend(headers);
        self.ask("POST", "/session", &all).await
    }

    async fn signed_in(&self, created: &CreatedToken) -> String {
        let credential = format!("Bearer {}", created.secret.expose());
        self.sign_in(&credential, &[("origin", ORIGIN)])
            .await
            .cookie()
    }

    async fn caller(&self, cookie: &str) -> Option<String> {
        let answer = self.ask("GET", "/session", &[("cookie", cookie)]).await;
        let list = self.ask("GET", "/api/tokens", &[("cookie", cookie)]).await;
        let caller = answer.caller().map(str::to_owned);
        assert_eq!(list.status == StatusCode::OK, caller.is_some());
        assert_eq!(list.status == StatusCode::UNAUTHORIZED, caller.is_none());
        caller
    }
}

//! The contenders: this crate's layer and its peers, in front of the same service,
//! with the same requests.

mod ours;
mod peers;
mod stored;

use std::{
    convert::Infallible,
    fmt,
    future::{Future, Ready, ready},
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT},
};
use tower::{Layer, Service};

/// The good token, 48 bytes.
pub const TOKEN: &str = "bench_0123456789abcdefghijklmnopqrstuvwxyz-ABCDE";
pub const USER: &str = "alice";
pub const PASSWORD: &str = "correct horse battery staple";

/// One way to guard a service.
pub struct Contender {
    pub name: &'static str,
    requests: &'static Requests,
    uri: Uri,
    send: Box<dyn FnMut(Request<Body>) -> StatusCode>,
}

impl Contender {
    /// Puts a layer around the service that all contenders guard.
    fn guard<L, ResBody>(name: &'static str, client: Client, layer: L) -> Self
    where
        L: Layer<Bare>,
        L::Service: Service<Request<Body>, Response = Response<ResBody>> + 'static,
        <L::Service as Service<Request<Body>>>::Error: fmt::Debug,
    {
        Self::new(name, client, layer.layer(Bare))
    }

    fn new<S, ResBody>(name: &'static str, client: Client, mut service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<ResBody>> + 'static,
        S::Error: fmt::Debug,
    {
        let send = move |request| {
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else {
                panic!("{name} is not ready");
            };
            match pin!(service.call(request)).poll(&mut cx) {
                Poll::Ready(Ok(response)) => response.status(),
                Poll::Ready(Err(error)) => panic!("{name} fails: {error:?}"),
                Poll::Pending => panic!("{name} waits"),
            }
        };
        Self {
            name,
            requests: client.requests(),
            uri: Uri::from_static("/"),
            send: Box::new(send),
        }
    }

    /// Sets the path of the requests.
    fn path(mut self, path: &'static str) -> Self {
        self.uri = Uri::from_static(path);
        self
    }

    /// Sends one request as a server does (`poll_ready`, `call` and one poll), and
    /// drops the response. This function is what callgrind counts.
    #[inline(never)]
    pub fn send(&mut self, case: Case) -> StatusCode {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.requests.headers(case).clone();
        (self.send)(request)
    }

    /// Checks the contender.
    ///
    /// # Panics
    ///
    /// Panics if it does not accept exactly the request with the good credential.
    pub fn check(&mut self) {
        for case in Case::ALL {
            let accepted = self.send(case) == StatusCode::ACCEPTED;
            let expected = case == Case::Good || self.name == BARE;
            assert_eq!(accepted, expected, "{}: {case:?}", self.name);
        }
    }
}

/// The credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// The good credential.
    Good,
    /// A credential that differs from the good one in its last byte.
    Wrong,
    /// No credential.
    Missing,
}

impl Case {
    pub const ALL: [Self; 3] = [Self::Good, Self::Wrong, Self::Missing];
}

/// The kind of requests that a contender gets.
#[derive(Clone, Copy)]
enum Client {
    Basic,
    Bearer,
    Grpc,
    /// Bearer, with a token of the store.
    StoredToken,
}

impl Client {
    fn requests(self) -> &'static Requests {
        static BASIC: LazyLock<Requests> = LazyLock::new(|| {
            let login = |last| STANDARD.encode(format!("{USER}:{PASSWORD}{last}"));
            Requests::new(
                "application/json",
                format!("Basic {}", login("")),
                format!("Basic {}", login("!")),
            )
        });
        static BEARER: LazyLock<Requests> = LazyLock::new(|| bearer("application/json", TOKEN));
        static GRPC: LazyLock<Requests> = LazyLock::new(|| bearer("application/grpc", TOKEN));
        static STORED: LazyLock<Requests> =
            LazyLock::new(|| bearer("application/json", stored::token()));
        match self {
            Self::Basic => &BASIC,
            Self::Bearer => &BEARER,
            Self::Grpc => &GRPC,
            Self::StoredToken => &STORED,
        }
    }
}

fn bearer(content_type: &'static str, token: &str) -> Requests {
    let (others, last) = token.split_at(token.len() - 1);
    let wrong = format!("{others}{}", if last == "X" { "Y" } else { "X" });
    Requests::new(
        content_type,
        format!("Bearer {token}"),
        format!("Bearer {wrong}"),
    )
}

/// The headers of each case, six fields each.
struct Requests {
    good: HeaderMap,
    wrong: HeaderMap,
    missing: HeaderMap,
}

impl Requests {
    fn new(content_type: &'static str, good: String, wrong: String) -> Self {
        let with = |name: &'static str, value: String| {
            let value = HeaderValue::try_from(value).expect("visible ASCII");
            let mut headers = HeaderMap::new();
            for (name, value) in [
                (HOST, "models.example.com"),
                (USER_AGENT, "bench/1.0"),
                (ACCEPT, "*/*"),
                (ACCEPT_ENCODING, "gzip"),
                (CONTENT_TYPE, content_type),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            headers.insert(name, value);
            headers
        };
        Self {
            good: with("authorization", good),
            wrong: with("authorization", wrong),
            missing: with("x-request-id", "0123456789abcdef".to_owned()),
        }
    }

    fn headers(&self, case: Case) -> &HeaderMap {
        match case {
            Case::Good => &self.good,
            Case::Wrong => &self.wrong,
            Case::Missing => &self.missing,
        }
    }
}

/// The guarded service. Its status is not that of a refusal, and it allocates
/// nothing.
#[derive(Clone, Copy)]
struct Bare;

impl Service<Request<Body>> for Bare {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::ACCEPTED;
        ready(Ok(response))
    }
}

pub const BARE: &str = "no layer";

/// Returns the service alone, followed by every contender.
pub fn all() -> Vec<Contender> {
    let mut all = vec![Contender::new(BARE, Client::Bearer, Bare)];
    all.extend(ours::all());
    all.extend(peers::all());
    all
}

//! `ValidityLayer`: responses that end when their token does.

#![cfg(feature = "full")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::timeout};
use tonic::{
    Code,
    transport::{Channel, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower_authn::{
    Access, AuthnLayer,
    layer::ValidityLayer,
    protect,
    store::MemoryStore,
    token::Clock,
    tokens::{CreatedToken, NewToken, TokenSelector, TokenUpdate, TokenVerifier, Tokens},
};

use crate::tokens::ManualClock;

const SOON: Duration = Duration::from_secs(5);
const BEGIN: u64 = 1_000;

/// Something that happens to a token, most of which ends its validity.
#[derive(Clone, Copy, Debug)]
enum Event {
    Expired,
    KeyRetired,
    Renamed,
    Revoked,
    Rotated,
    Suspended,
    Untouched,
}

const ENDINGS: [Event; 5] = [
    Event::Expired,
    Event::KeyRetired,
    Event::Revoked,
    Event::Rotated,
    Event::Suspended,
];

struct Cloud {
    tokens: Tokens,
    hands: ManualClock,
    address: SocketAddr,
}

impl Cloud {
    /// Starts a server with a route that streams, one that never answers, and one that
    /// answers at once.
    async fn http() -> Self {
        let (tokens, hands, authn, validity) = guards().await;
        let router: Router = Router::new()
            .route("/stream", get(async || Body::from_stream(ticks())))
            .route("/never", post(futures::future::pending::<&'static str>))
            .route("/short", get(async || "whole"))
            .layer(validity);
        let app = protect(router, authn);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app.into_make_service()).await });
        Self {
            tokens,
            hands,
            address,
        }
    }

    /// Starts a tonic server. Its health service has an endless stream.
    async fn grpc() -> Self {
        let (tokens, hands, authn, validity) = guards().await;
        let (_, health) = tonic_health::server::health_reporter();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .layer(authn)
            .layer(validity)
            .add_service(health)
            .serve_with_incoming(TcpIncoming::from(socket));
        tokio::spawn(server);
        Self {
            tokens,
            hands,
            address,
        }
    }

    async fn token(&self) -> CreatedToken {
        let token = NewToken::new("alice").expires_in(Duration::from_secs(1));
        self.tokens.create(token).await.unwrap()
    }

    /// Sends a request with a token, or without one.
    async fn ask(
        &self,
        version: Version,
        path: &str,
        token: Option<&CreatedToken>,
    ) -> Response<Incoming> {
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new())
            .http2_only(version == Version::HTTP_2)
            .build_http();
        let method = if path == "/never" { "POST" } else { "GET" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        if let Some(token) = token {
            let value = format!("Bearer {}", token.secret.expose());
            request = request.header("authorization", value);
        }
        let response = client.request(request.body(Empty::new()).unwrap());
        timeout(SOON, response).await.unwrap().unwrap()
    }

    async fn apply(&self, created: &CreatedToken, event: Event) {
        let id = created.record.id;
        match event {
            Event::Expired => self.hands.set(BEGIN + 1),
            Event::KeyRetired => {
                let key = created.record.kid.unwrap();
                let retired = self.tokens.retire_key(key, "admin", "leaked").await;
                retired.unwrap();
            }
            Event::Renamed => {
                let change = TokenUpdate::default().name("renamed");
                self.tokens.update(id, change).await.unwrap();
            }
            Event::Revoked => {
                self.tokens
                    .revoke(TokenSelector::Id(id), "admin", "lost")
                    .await
                    .unwrap();
            }
            Event::Rotated => {
                self.tokens.rotate(id, Duration::ZERO).await.unwrap();
            }
            Event::Suspended => {
                self.tokens.suspend(id).await.unwrap();
            }
            Event::Untouched => {}
        }
    }
}

type TokenLayer = AuthnLayer<TokenVerifier, Access>;

async fn guards() -> (Tokens, ManualClock, TokenLayer, ValidityLayer) {
    let hands = ManualClock::at(BEGIN);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let authn = AuthnLayer::new(tokens.verifier()).access(Access::Optional);
    let clock = hands.clock();
    let now = move || UNIX_EPOCH + Duration::from_millis(clock.now().as_millis());
    let validity = ValidityLayer::new().clock(now);
    (tokens, hands, authn, validity)
}

/// An endless stream of small chunks.
fn ticks() -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok(Bytes::from_static(b"tick ")), ()))
    })
}

/// Reads a body until it ends or fails.
async fn read_to_end(body: Incoming) -> Result<(), hyper::Error> {
    let mut body = body.into_data_stream();
    while let Some(chunk) = body.next().await {
        chunk?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_fails_when_its_token_ends() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for event in ENDINGS {
            let cloud = Cloud::http().await;
            let created = cloud.token().await;
            let streams = [
                cloud.ask(version, "/stream", Some(&created)).await,
                cloud.ask(version, "/stream", Some(&created)).await,
            ];
            cloud.apply(&created, event).await;
            for stream in streams {
                assert_eq!(stream.status(), StatusCode::OK);
                let end = timeout(SOON * 3, read_to_end(stream.into_body())).await;
                let end =
                    end.unwrap_or_else(|_| panic!("{event:?}, {version:?}: the stream goes on"));
                assert!(end.is_err(), "{event:?}: the stream looks complete");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_while_its_token_is_valid_or_if_there_is_no_token() {
    let cloud = Cloud::http().await;
    let (created, other) = (cloud.token().await, cloud.token().await);
    for event in [Event::Untouched, Event::Renamed] {
        for token in [Some(&created), None] {
            let stream = cloud.ask(Version::HTTP_11, "/stream", token).await;
            cloud.apply(&created, event).await;
            cloud.apply(&other, Event::Revoked).await;
            let wait = Duration::from_millis(300);
            let end = timeout(wait, read_to_end(stream.into_body())).await;
            assert!(end.is_err(), "{event:?}: the stream ended");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_response_yet_is_refused_when_its_token_ends() {
    for event in ENDINGS {
        let cloud = Cloud::http().await;
        let created = cloud.token().await;
        let ask = cloud.ask(Version::HTTP_11, "/never", Some(&created));
        let end = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cloud.apply(&created, event).await;
        };
        let (answer, ()) = futures::future::join(ask, end).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{event:?}");
        let challenge = &answer.headers()["www-authenticate"];
        assert_eq!(challenge, r#"Bearer realm="api", error="invalid_token""#);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_response_stays_complete() {
    let cloud = Cloud::http().await;
    let created = cloud.token().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let answer = cloud.ask(version, "/short", Some(&created)).await;
        assert_eq!(answer.headers()["content-length"], "5");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_stream_ends_with_its_token_and_a_status() {
    for event in ENDINGS.into_iter().chain([Event::Untouched]) {
        let cloud = Cloud::grpc().await;
        let created = cloud.token().await;
        let url = format!("http://{}", cloud.address);
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        let mut client = HealthClient::new(channel);
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        let value = format!("Bearer {}", created.secret.expose());
        request
            .metadata_mut()
            .insert("authorization", value.parse().unwrap());
        let mut watch = client.watch(request).await.unwrap().into_inner();
        assert!(watch.message().await.unwrap().is_some());
        cloud.apply(&created, event).await;
        let next = timeout(SOON * 3, watch.message());
        if let Event::Untouched = event {
            let wait = timeout(Duration::from_millis(300), next);
            assert!(wait.await.is_err(), "{event:?}: the stream ended");
            continue;
        }
        let status = next.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{event:?}");
        assert_eq!(status.message(), "the credential is not valid");
    }
}

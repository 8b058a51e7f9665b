//! Responses that end with their token.

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

use crate::tokens::Hands;

const SOON: Duration = Duration::from_secs(5);
const BEGIN: u64 = 1_000;

/// What ends a token, and what does not.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Expired,
    KeyRetired,
    Renamed,
    Revoked,
    Rotated,
    Suspended,
    Untouched,
}

const ENDS: [Fate; 5] = [
    Fate::Expired,
    Fate::KeyRetired,
    Fate::Revoked,
    Fate::Rotated,
    Fate::Suspended,
];

struct Cloud {
    tokens: Tokens,
    hands: Hands,
    address: SocketAddr,
}

impl Cloud {
    /// A server that streams, that never answers, and that answers at once.
    async fn http() -> Self {
        let (tokens, hands, authn, lifetime) = guarded().await;
        let router: Router = Router::new()
            .route("/stream", get(async || Body::from_stream(ticks())))
            .route("/never", post(futures::future::pending::<&'static str>))
            .route("/short", get(async || "whole"))
            .layer(lifetime);
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

    /// A tonic server, whose health service has a stream without an end.
    async fn grpc() -> Self {
        let (tokens, hands, authn, lifetime) = guarded().await;
        let (_, health) = tonic_health::server::health_reporter();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .layer(authn)
            .layer(lifetime)
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

    /// Asks with a token, or with none.
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
        let answer = client.request(request.body(Empty::new()).unwrap());
        timeout(SOON, answer).await.unwrap().unwrap()
    }

    async fn befall(&self, made: &CreatedToken, fate: Fate) {
        let id = made.record.id;
        match fate {
            Fate::Expired => self.hands.set(BEGIN + 1),
            Fate::KeyRetired => {
                let key = made.record.kid.unwrap();
                let retired = self.tokens.retire_key(key, "admin", "leaked").await;
                retired.unwrap();
            }
            Fate::Renamed => {
                let change = TokenUpdate::default().name("renamed");
                self.tokens.update(id, change).await.unwrap();
            }
            Fate::Revoked => {
                self.tokens
                    .revoke(TokenSelector::Id(id), "admin", "lost")
                    .await
                    .unwrap();
            }
            Fate::Rotated => {
                self.tokens.rotate(id, Duration::ZERO).await.unwrap();
            }
            Fate::Suspended => {
                self.tokens.suspend(id).await.unwrap();
            }
            Fate::Untouched => {}
        }
    }
}

type Guard = AuthnLayer<TokenVerifier, Access>;

async fn guarded() -> (Tokens, Hands, Guard, ValidityLayer) {
    let hands = Hands::at(BEGIN);
    let tokens = Tokens::open(MemoryStore::new(), hands.options())
        .await
        .unwrap();
    let authn = AuthnLayer::new(tokens.verifier()).access(Access::Optional);
    let clock = hands.clock();
    let now = move || UNIX_EPOCH + Duration::from_millis(clock.now().as_millis());
    let lifetime = ValidityLayer::new().clock(now);
    (tokens, hands, authn, lifetime)
}

/// A stream that goes on for ever, but not for long at a time.
fn ticks() -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok(Bytes::from_static(b"tick ")), ()))
    })
}

/// Reads until the stream ends, and says whether it ended well.
async fn read_to_end(body: Incoming) -> Result<(), hyper::Error> {
    let mut body = body.into_data_stream();
    while let Some(chunk) = body.next().await {
        chunk?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_breaks_off_when_its_token_ends() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for fate in ENDS {
            let cloud = Cloud::http().await;
            let made = cloud.token().await;
            let streams = [
                cloud.ask(version, "/stream", Some(&made)).await,
                cloud.ask(version, "/stream", Some(&made)).await,
            ];
            cloud.befall(&made, fate).await;
            for stream in streams {
                assert_eq!(stream.status(), StatusCode::OK);
                let end = timeout(SOON * 3, read_to_end(stream.into_body())).await;
                let end = end.unwrap_or_else(|_| panic!("{fate:?}: it goes on, {version:?}"));
                assert!(end.is_err(), "{fate:?}: a part looks like the whole");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_while_its_token_is_good_or_where_there_is_none() {
    let cloud = Cloud::http().await;
    let (made, other) = (cloud.token().await, cloud.token().await);
    for fate in [Fate::Untouched, Fate::Renamed] {
        for token in [Some(&made), None] {
            let stream = cloud.ask(Version::HTTP_11, "/stream", token).await;
            cloud.befall(&made, fate).await;
            cloud.befall(&other, Fate::Revoked).await;
            let wait = Duration::from_millis(300);
            let end = timeout(wait, read_to_end(stream.into_body())).await;
            assert!(end.is_err(), "{fate:?}: it ended");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_still_waits_for_an_answer_is_refused_when_the_token_ends() {
    for fate in ENDS {
        let cloud = Cloud::http().await;
        let made = cloud.token().await;
        let ask = cloud.ask(Version::HTTP_11, "/never", Some(&made));
        let end = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cloud.befall(&made, fate).await;
        };
        let (answer, ()) = futures::future::join(ask, end).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{fate:?}");
        let challenge = &answer.headers()["www-authenticate"];
        assert_eq!(challenge, r#"Bearer realm="api", error="invalid_token""#);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_whole_stays_whole() {
    let cloud = Cloud::http().await;
    let made = cloud.token().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let answer = cloud.ask(version, "/short", Some(&made)).await;
        assert_eq!(answer.headers()["content-length"], "5");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_stream_ends_with_its_token_and_says_why() {
    for fate in ENDS.into_iter().chain([Fate::Untouched]) {
        let cloud = Cloud::grpc().await;
        let made = cloud.token().await;
        let url = format!("http://{}", cloud.address);
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        let mut client = HealthClient::new(channel);
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        let value = format!("Bearer {}", made.secret.expose());
        request
            .metadata_mut()
            .insert("authorization", value.parse().unwrap());
        let mut watch = client.watch(request).await.unwrap().into_inner();
        assert!(watch.message().await.unwrap().is_some());
        cloud.befall(&made, fate).await;
        let next = timeout(SOON * 3, watch.message());
        if let Fate::Untouched = fate {
            let brief = timeout(Duration::from_millis(300), next);
            assert!(brief.await.is_err(), "nothing ends it");
            continue;
        }
        let status = next.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{fate:?}");
        assert_eq!(status.message(), "the credential is not valid");
    }
}

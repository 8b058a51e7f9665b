//! The body of a request that is refused by its head.

use std::time::Duration;

use futures::FutureExt;
use http::{Request, Version};
use tokio::{
    task::yield_now,
    time::{Instant, advance},
};
use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Principal, Rejection, RejectionKind, RequireLayer, Verifier,
    access::policy_fn, layer::Drain, verify_fn,
};

use super::{Waits, bearer};
use crate::{
    bodies::{Fate, Upload},
    support::{Spy, Strict, ask},
};

/// A request over HTTP/1.1 with these headers.
fn post(upload: Upload, headers: &[(&str, &str)]) -> (Request<Upload>, Fate) {
    let fate = upload.fate.clone();
    let request = headers.iter().fold(Request::post("/"), |r, (name, value)| {
        r.header(*name, *value)
    });
    (request.body(upload).unwrap(), fate)
}

/// The value of `Connection` in the answer to a request that is refused.
async fn connection<V: Verifier>(
    layer: &AuthnLayer<V>,
    request: Request<Upload>,
) -> Option<String> {
    let inner = Strict::default();
    let response = ask(&layer.layer(inner.clone()), request).await;
    assert_eq!((response.status().as_u16(), inner.called.count()), (401, 0));
    let value = response.headers().get("connection");
    value.map(|value| value.to_str().unwrap().to_owned())
}

fn layer(drain: Drain) -> AuthnLayer<Spy> {
    AuthnLayer::new(Spy::default()).drain(drain)
}

const CLOSE: Option<&str> = Some("close");

#[tokio::test]
async fn s05_every_early_answer_has_the_rest_of_the_body_read() {
    let rejecting = |kind: RejectionKind| {
        let verifier = verify_fn(move |_| Err::<Principal, _>(Rejection::new(kind)));
        verifier.boxed()
    };
    let authorization = bearer();
    let authorization = ("authorization", authorization.as_str());
    let wrong = ("authorization", "Bearer wrong");
    let grpc = ("content-type", "application/grpc");
    let grpc_web = ("content-type", "application/grpc-web+proto");
    let known = || Spy::default().boxed();
    let waiting = Waits(Spy::default()).boxed();
    let limited = rejecting(RejectionKind::RateLimited);
    let outage = rejecting(RejectionKind::Unavailable);
    let rows = [
        ("ambiguous", known(), vec![authorization, wrong], 400),
        ("none", known(), vec![], 401),
        ("wrong", known(), vec![wrong], 401),
        ("wrong, decided later", waiting, vec![wrong], 401),
        ("too often", limited, vec![authorization], 429),
        ("outage", outage, vec![authorization], 503),
        ("over gRPC", known(), vec![grpc], 200),
        ("over gRPC-Web", known(), vec![grpc_web, wrong], 200),
    ];
    for (name, verifier, headers, status) in rows {
        let service = AuthnLayer::new(verifier).layer(Strict::default());
        let (request, fate) = post(Upload::of(&[10_000; 100]), &headers);
        let response = ask(&service, request).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(response.headers().get("connection"), None, "{name}");
        assert_eq!(fate.read().await, 1_000_000, "{name}");
        assert_eq!(service_calls(&response), 0, "{name}");
    }

    // An admitted request's body is the inner service's, which reads nothing.
    let (request, fate) = post(Upload::of(&[10_000; 100]), &[authorization]);
    let response = ask(&layer(Drain::new()).layer(Strict::default()), request).await;
    assert_eq!(
        (response.status().as_u16(), service_calls(&response)),
        (200, 1)
    );
    assert_eq!(fate.read().await, 0);
}

/// The strict service answers with a body, and refusals have none.
fn service_calls(response: &http::Response<String>) -> usize {
    usize::from(!response.body().is_empty())
}

#[tokio::test]
async fn s05_policies_and_guards_have_the_rest_of_the_body_read_too() {
    let authorization = bearer();
    let authorization = ("authorization", authorization.as_str());
    let layer = |access: fn() -> Access| {
        let layer = AuthnLayer::new(Spy::default());
        layer.access(policy_fn(move |_: &tower_authn::Head<'_>| access()))
    };
    let admins = || RequireLayer::scope("admin").unwrap();
    let strict = Strict::default;
    let rows = [
        (
            layer(|| Access::scope("admin").unwrap()).layer(admins().layer(strict())),
            403,
        ),
        (
            layer(|| Access::Unavailable).layer(admins().layer(strict())),
            503,
        ),
        // Here the guard refuses, who the layer lets through.
        (
            layer(|| Access::Authenticated).layer(admins().layer(strict())),
            403,
        ),
    ];
    for (number, (service, status)) in rows.into_iter().enumerate() {
        let (request, fate) = post(Upload::of(&[10_000; 100]), &[authorization]);
        assert_eq!(ask(&service, request).await.status(), status, "{number}");
        assert_eq!(fate.read().await, 1_000_000, "{number}");
    }

    let public = layer(|| Access::Public).layer(admins().layer(strict()));
    let (request, fate) = post(Upload::of(&[10_000; 100]), &[]);
    assert_eq!(ask(&public, request).await.status(), 401);
    assert_eq!(fate.read().await, 1_000_000);

    let (request, fate) = post(Upload::of(&[10_000; 100]), &[]);
    let without_layer = admins().layer(strict());
    assert_eq!(ask(&without_layer, request).await.status(), 500);
    assert_eq!(fate.read().await, 1_000_000);

    let off = admins().drain(Drain::off()).layer(strict());
    let (request, fate) = post(Upload::of(&[10_000; 100]), &[]);
    assert_eq!(ask(&off, request).await.status(), 500);
    assert_eq!(fate.read().await, 0);
}

#[tokio::test]
async fn s05_no_more_bytes_are_read_than_allowed() {
    let layer = layer(Drain::new().max_bytes(100));
    let rows = [
        // Its frames, the length it declares, what is read, the announcement.
        (vec![50, 50], None, 100, None),
        (vec![50, 50], Some(100), 100, None),
        (vec![50, 51, 50], None, 101, None),
        (vec![50, 51, 50], Some(151), 101, CLOSE),
        (vec![0; 100], None, 0, None),
    ];
    for (frames, declared, expected, announced) in rows {
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            let upload = Upload::of(&frames);
            let upload = match declared {
                Some(length) => upload.declared(length),
                None => upload,
            };
            let (mut request, fate) = post(upload, &[]);
            *request.version_mut() = version;
            let row = (&frames, declared, version);
            let announced = announced.filter(|_| version != Version::HTTP_2);
            assert_eq!(
                connection(&layer, request).await.as_deref(),
                announced,
                "{row:?}"
            );
            assert_eq!(fate.read().await, expected, "{row:?}");
        }
    }
}

/// Frames without data cost a place and time too.
#[tokio::test]
async fn s05_an_endless_row_of_empty_frames_is_not_read_for_long() {
    let layer = layer(Drain::new().max_bytes(100));
    let mut upload = Upload::stalled(&[0; 101]);
    upload.frames.push_back(1);
    let (request, fate) = post(upload, &[]);
    assert_eq!(connection(&layer, request).await, None);
    assert_eq!(fate.read().await, 0);
}

#[tokio::test(start_paused = true)]
async fn s05_no_body_is_read_for_longer_than_allowed() {
    let layer = layer(Drain::new().max_time(Duration::from_secs(3)));
    let (request, fate) = post(Upload::stalled(&[10, 10]), &[]);
    let start = Instant::now();
    assert_eq!(connection(&layer, request).await, None);
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "the answer waits for nothing"
    );
    settle().await;
    advance(Duration::from_millis(2_990)).await;
    settle().await;
    assert_eq!((fate.read_so_far(), fate.is_dropped()), (20, false));
    advance(Duration::from_millis(20)).await;
    settle().await;
    assert!(fate.is_dropped());
}

/// Lets the tasks of this runtime run.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s05_no_more_bodies_are_read_at_once_than_allowed() {
    let layer = layer(Drain::new().max_concurrent(2));
    let stalled = || post(Upload::stalled(&[10]), &[]);
    let ((first, one), (second, two)) = (stalled(), stalled());
    assert_eq!(connection(&layer, first).await, None);
    assert_eq!(connection(&layer.clone(), second).await, None);
    settle().await;
    assert!(!one.is_dropped() && !two.is_dropped());

    let (third, three) = stalled();
    assert_eq!(connection(&layer, third).await.as_deref(), CLOSE);
    assert!(three.is_dropped(), "there was no room for it");
    let (mut fourth, four) = stalled();
    *fourth.version_mut() = Version::HTTP_2;
    assert_eq!(connection(&layer, fourth).await, None);
    assert!(four.is_dropped(), "there was no room for it");
    assert_eq!(three.read_so_far() + four.read_so_far(), 0);

    // Past their time the first two give their places back.
    advance(Duration::from_secs(11)).await;
    settle().await;
    assert!(one.is_dropped() && two.is_dropped());
    let (fifth, five) = post(Upload::of(&[10; 10]), &[]);
    assert_eq!(connection(&layer, fifth).await, None);
    assert_eq!(five.read().await, 100);
}

#[tokio::test]
async fn s05_layers_that_share_a_drain_share_its_bound() {
    let drain = Drain::new().max_concurrent(1);
    let [one, other] = [layer(drain.clone()), layer(drain)];
    let (request, _) = post(Upload::stalled(&[10]), &[]);
    assert_eq!(connection(&one, request).await, None);
    let (request, _) = post(Upload::stalled(&[10]), &[]);
    assert_eq!(connection(&other, request).await.as_deref(), CLOSE);
    let (request, _) = post(Upload::stalled(&[10]), &[]);
    assert_eq!(connection(&layer(Drain::new()), request).await, None);
}

/// hyper sends `100 Continue` when somebody reads the body.
#[tokio::test]
async fn s05_no_client_is_asked_for_a_body_that_is_thrown_away() {
    let layer = layer(Drain::new());
    let rows = [
        (Version::HTTP_11, "100-continue", CLOSE, 0),
        (Version::HTTP_11, "100-Continue", CLOSE, 0),
        (Version::HTTP_11, "something-else", None, 20),
        (Version::HTTP_2, "100-continue", None, 20),
    ];
    for (version, expect, announced, read) in rows {
        let (mut request, fate) = post(Upload::of(&[10, 10]), &[("expect", expect)]);
        *request.version_mut() = version;
        let row = (version, expect);
        assert_eq!(
            connection(&layer, request).await.as_deref(),
            announced,
            "{row:?}"
        );
        assert_eq!(fate.read().await, read, "{row:?}");
    }
}

#[tokio::test]
async fn a_drain_that_is_off_neither_reads_nor_announces() {
    let (request, fate) = post(Upload::of(&[10, 10]).declared(20), &[]);
    assert_eq!(connection(&layer(Drain::off()), request).await, None);
    assert!(fate.is_dropped());
    assert_eq!(fate.read_so_far(), 0);
}

#[test]
fn s05_outside_of_a_runtime_the_close_is_announced() {
    let (request, fate) = post(Upload::of(&[10, 10]), &[]);
    let announced = connection(&layer(Drain::new()), request).now_or_never();
    assert_eq!(announced.unwrap().as_deref(), CLOSE);
    assert!(fate.is_dropped());

    let (request, _) = post(Upload::of(&[]), &[]);
    let announced = connection(&layer(Drain::new()), request).now_or_never();
    assert_eq!(announced, Some(None));
}

#[tokio::test]
async fn a_request_that_is_given_up_has_no_body_read() {
    let (request, fate) = post(Upload::of(&[10, 10]), &[("authorization", "Bearer wrong")]);
    let service = AuthnLayer::new(Waits(Spy::default())).layer(Strict::default());
    let answer = ask(&service, request).now_or_never();
    assert!(answer.is_none(), "the verifier waits");
    settle().await;
    assert_eq!((fate.read_so_far(), fate.is_dropped()), (0, true));
}

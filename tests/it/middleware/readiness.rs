//! Readiness: which instance holds a permit, and which one is called.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, limit::ConcurrencyLimit, load_shed::error::Overloaded,
};
use tower_authn::{AuthnLayer, Verifier};

use super::{Waits, bearer};
use crate::support::{Calls, Spy, Strict, ask, get};

fn good() -> Request<String> {
    get("/", &[("authorization", &bearer())])
}

fn bad() -> Request<String> {
    get("/", &[("authorization", "Bearer wrong")])
}

/// Fails after ten seconds, so that a broken test does not hang.
async fn soon<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, future)
        .await
        .expect("no deadlock")
}

#[tokio::test]
async fn c15_ten_thousand_calls_through_every_stack() {
    let inner = Strict::default();
    let layer = || AuthnLayer::new(Spy::default());
    let waits = || AuthnLayer::new(Waits(Spy::default()));
    let stack = || ServiceBuilder::new();

    through(stack().buffer(8).layer(layer()).service(inner.clone())).await;
    through(stack().layer(layer()).buffer(8).service(inner.clone())).await;
    through(
        stack()
            .concurrency_limit(2)
            .layer(layer())
            .service(inner.clone()),
    )
    .await;
    through(
        stack()
            .layer(layer())
            .concurrency_limit(2)
            .service(inner.clone()),
    )
    .await;
    through(stack().load_shed().layer(layer()).service(inner.clone())).await;
    through(stack().layer(layer()).load_shed().service(inner.clone())).await;
    assert_eq!(inner.called.count(), 6 * 5_000, "half of them are admitted");

    through(stack().buffer(8).layer(waits()).service(inner.clone())).await;
    through(stack().layer(waits()).buffer(8).service(inner.clone())).await;
    through(
        stack()
            .concurrency_limit(2)
            .layer(waits())
            .service(inner.clone()),
    )
    .await;
    through(
        stack()
            .layer(waits())
            .concurrency_limit(2)
            .service(inner.clone()),
    )
    .await;
    through(stack().load_shed().layer(waits()).service(inner.clone())).await;
    through(stack().layer(waits()).load_shed().service(inner.clone())).await;
    assert_eq!(inner.called.count(), 12 * 5_000);
    assert_eq!(inner.readied.count(), 12 * 5_000);
}

/// 10,000 calls from four tasks, every second one refused.
async fn through<S>(service: S)
where
    S: Service<Request<String>, Response = Response<String>> + Clone + Send + Sync + 'static,
    S::Error: std::fmt::Debug,
    S::Future: Send,
{
    let task = |service: S| async move {
        for turn in 0..1_250 {
            let response = ask(&service, good()).await;
            assert_eq!(
                (response.status(), response.body().as_str()),
                (StatusCode::OK, "inner"),
                "{turn}"
            );
            let response = ask(&service, bad()).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{turn}");
        }
    };
    let tasks: Vec<_> = (0..4)
        .map(|_| tokio::spawn(task(service.clone())))
        .collect();
    for task in tasks {
        soon(task).await.unwrap();
    }
}

#[tokio::test]
async fn c16_neither_a_refused_nor_an_idle_peer_holds_a_permit() {
    permits_stay_free(AuthnLayer::new(Spy::default())).await;
    permits_stay_free(AuthnLayer::new(Waits(Spy::default()))).await;
}

async fn permits_stay_free<V: Verifier>(layer: AuthnLayer<V>) {
    let service = layer.layer(ConcurrencyLimit::new(Strict::default(), 1));

    let mut idle = service.clone();
    poll_fn(|cx| Service::<Request<String>>::poll_ready(&mut idle, cx))
        .await
        .unwrap();

    let mut refused = service.clone();
    soon(poll_fn(|cx| {
        Service::<Request<String>>::poll_ready(&mut refused, cx)
    }))
    .await
    .unwrap();
    let unread = refused.call(bad());
    let answer = refused.call(bad()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);

    let served = soon(ask(&service, good())).await;
    assert_eq!(served.status(), StatusCode::OK);
    drop((idle, refused, unread, answer));
}

/// The counterpart of the test above: the limit applies, and a request that waits is
/// served as soon as it is free.
#[tokio::test]
async fn the_admitted_wait_for_a_permit_and_get_it() {
    for_each_kind_of_verdict(async |layer| {
        let inner = Strict::default();
        let mut held = ConcurrencyLimit::new(inner.clone(), 1);
        let service = layer(held.clone());
        poll_fn(|cx| Service::<Request<String>>::poll_ready(&mut held, cx))
            .await
            .unwrap();

        let mut waiting = pin!(ask(&service, good()));
        let brief = tokio::time::timeout(Duration::from_millis(20), &mut waiting);
        assert!(brief.await.is_err(), "the permit is held");
        assert_eq!(inner.called.count(), 0);
        drop(held);
        assert_eq!(soon(waiting).await.status(), StatusCode::OK);
    })
    .await;
}

/// Runs a test with a verdict that comes at once, and with one that waits.
async fn for_each_kind_of_verdict(
    test: impl AsyncFn(
        &dyn Fn(
            ConcurrencyLimit<Strict>,
        )
            -> tower::util::BoxCloneService<Request<String>, Response<String>, Infallible>,
    ),
) {
    let now = AuthnLayer::new(Spy::default());
    let waits = AuthnLayer::new(Waits(Spy::default()));
    test(&|inner| tower::util::BoxCloneService::new(now.layer(inner))).await;
    test(&|inner| tower::util::BoxCloneService::new(waits.layer(inner))).await;
}

/// Strict, and each instance is ready only at its fourth poll.
#[derive(Debug, Default)]
struct Sluggish {
    polls: usize,
    called: Calls,
}

impl Clone for Sluggish {
    fn clone(&self) -> Self {
        let called = self.called.clone();
        Self { polls: 0, called }
    }
}

impl Service<Request<String>> for Sluggish {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.polls += 1;
        if self.polls < 4 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        assert_eq!(
            self.polls, 4,
            "called on another instance, or polled after ready"
        );
        self.polls = 0;
        self.called.add();
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn an_inner_service_slow_to_be_ready_is_waited_for_on_the_instance_that_was_polled() {
    let inner = Sluggish::default();
    let now = AuthnLayer::new(Spy::default()).layer(inner.clone());
    let waits = AuthnLayer::new(Waits(Spy::default())).layer(inner.clone());
    for turn in 0..3 {
        assert_eq!(soon(ask(&now, good())).await.status(), 200, "{turn}");
        assert_eq!(soon(ask(&waits, good())).await.status(), 200, "{turn}");
    }
    assert_eq!(inner.called.count(), 6);

    // One and the same service, called again and again, as a connection does.
    let mut one = now;
    for _ in 0..3 {
        soon(poll_fn(|cx| one.poll_ready(cx))).await.unwrap();
        let (first, second) = (one.call(good()), one.call(good()));
        assert_eq!(soon(first).await.unwrap().status(), 200);
        assert_eq!(soon(second).await.unwrap().status(), 200);
    }
    assert_eq!(inner.called.count(), 12);
}

/// A service that is never ready because it is broken.
#[derive(Clone, Debug)]
struct Broken;

impl Service<Request<String>> for Broken {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("the inner service is broken"))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        unreachable!("called though it was not ready")
    }
}

#[tokio::test]
async fn an_error_of_the_inner_service_reaches_only_admitted_callers() {
    let mut now = AuthnLayer::new(Spy::default()).layer(Broken);
    let mut waits = AuthnLayer::new(Waits(Spy::default())).layer(Broken);
    let broken = "the inner service is broken";
    assert_eq!(now.call(good()).await.unwrap_err(), broken);
    assert_eq!(waits.call(good()).await.unwrap_err(), broken);
    assert_eq!(now.call(bad()).await.unwrap().status(), 401);
    assert_eq!(waits.call(bad()).await.unwrap().status(), 401);
}

#[tokio::test]
async fn load_shed_inside_sheds_the_admitted_and_refuses_the_rest() {
    let mut held = ConcurrencyLimit::new(Strict::default(), 1);
    let shed = ServiceBuilder::new().load_shed().service(held.clone());
    let mut service = AuthnLayer::new(Spy::default()).layer(shed);
    poll_fn(|cx| Service::<Request<String>>::poll_ready(&mut held, cx))
        .await
        .unwrap();

    let error: BoxError = service.call(good()).await.unwrap_err();
    assert!(error.is::<Overloaded>(), "{error}");
    assert_eq!(service.call(bad()).await.unwrap().status(), 401);
    drop(held);
    assert_eq!(service.call(good()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_response_given_up_while_verifying_or_waiting_leaves_everything_usable() {
    let inner = Strict::default();
    let limit = ConcurrencyLimit::new(inner.clone(), 1);
    let mut waits = AuthnLayer::new(Waits(Spy::default())).layer(limit.clone());
    let mut now = AuthnLayer::new(Spy::default()).layer(limit.clone());
    let poll_once = |future: &mut std::pin::Pin<&mut _>| -> bool {
        fn is_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
            let cx = &mut Context::from_waker(Waker::noop());
            future.as_mut().poll(cx).is_pending()
        }
        is_pending::<tower_authn::layer::ResponseFuture<_, _, _>>(future)
    };
    for _ in 0..100 {
        let mut given_up = pin!(waits.call(good()));
        assert!(poll_once(&mut given_up), "still verifying");
    }
    assert_eq!(inner.called.count(), 0);

    let mut held = limit.clone();
    poll_fn(|cx| Service::<Request<String>>::poll_ready(&mut held, cx))
        .await
        .unwrap();
    for _ in 0..100 {
        let mut given_up = pin!(now.call(good()));
        assert!(poll_once(&mut given_up), "waiting for the permit");
    }
    drop(held);
    assert_eq!(soon(ask(&waits, good())).await.status(), 200);
    assert_eq!(soon(ask(&now, good())).await.status(), 200);
    assert_eq!(inner.called.count(), 2);
}

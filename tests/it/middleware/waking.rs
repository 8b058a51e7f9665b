//! A request that waits for the inner service is woken and answered once.

use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use http::{Request, Response};
use tower::{Layer, Service};
use tower_authn::{AuthnLayer, Verifier};

use super::{Waits, bearer};
use crate::support::{Calls, Spy, get};

/// A service that becomes ready, or fails, on command.
#[derive(Clone, Debug, Default)]
struct Commanded {
    readiness: Arc<Mutex<Option<Result<(), &'static str>>>>,
    waker: Arc<Mutex<Option<Waker>>>,
    called: Calls,
}

impl Commanded {
    fn set(&self, readiness: Result<(), &'static str>) {
        *self.readiness.lock().unwrap() = Some(readiness);
        self.waker.lock().unwrap().take().unwrap().wake();
    }
}

impl Service<Request<String>> for Commanded {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        *self.waker.lock().unwrap() = Some(cx.waker().clone());
        let readiness = *self.readiness.lock().unwrap();
        readiness.map_or(Poll::Pending, Poll::Ready)
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        self.called.add();
        ready(Ok(Response::default()))
    }
}

/// A waker that counts.
#[derive(Default)]
struct CountingWaker(Calls);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// Waits for a service that becomes ready on command, and then polls once too often.
async fn wait_for<V: Verifier>(layer: AuthnLayer<V>, then: Result<(), &'static str>) {
    let inner = Commanded::default();
    let mut service = layer.layer(inner.clone());
    let mut response = Box::pin(service.call(get("/", &[("authorization", &bearer())])));
    let wakers = [
        Arc::<CountingWaker>::default(),
        Arc::<CountingWaker>::default(),
    ];
    // The second task polls last, so only it must be woken.
    for counter in &wakers {
        for _ in 0..3 {
            let waker = Waker::from(Arc::clone(counter));
            let polled = response.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
    }
    let counts = wakers.each_ref().map(|counter| counter.0.count());
    assert_eq!(inner.called.count(), 0);
    inner.set(then);
    let woken = wakers.each_ref().map(|counter| counter.0.count());
    assert_eq!(woken, [counts[0], counts[1] + 1]);
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(response_now) = response.as_mut().poll(&mut cx) else {
        panic!("the service is ready");
    };
    assert_eq!(response_now.map(drop), then);
    let called = usize::from(then.is_ok());
    assert_eq!(inner.called.count(), called);
    let again = catch_unwind(AssertUnwindSafe(|| {
        response.as_mut().poll(&mut cx).is_ready()
    }));
    assert!(again.is_err(), "polled after it was ready");
    assert_eq!(inner.called.count(), called, "called once");
}

#[tokio::test]
async fn a_waiting_request_is_woken_answered_once_and_learns_of_a_failure() {
    for then in [Ok(()), Err("failed while waiting")] {
        wait_for(AuthnLayer::new(Spy::default()), then).await;
        wait_for(AuthnLayer::new(Waits(Spy::default())), then).await;
        wait_for(AuthnLayer::new(Waits(Spy::default()).boxed()), then).await;
    }
}
